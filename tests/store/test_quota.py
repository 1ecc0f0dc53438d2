"""Oak Street shares more than the coalition allows: every node keeps the same of it."""

from __future__ import annotations

from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from protocol.record import Record
from tests.protocol.helpers import Coalition, Neighborhood
from tests.store.helpers import House

riverbend, oak = Neighborhood("Riverbend"), Neighborhood("Oak Street")
region = Coalition("The valley", riverbend, oak, member_things=4, home_things=2)
region.agreed(region.charter, [riverbend, oak])
ana, ben = riverbend.member("Ana"), oak.member("Ben")
POSTS = [ben.post(region.scope, title=f"post {number}") for number in range(9)]
NOTICES = [oak.say("notice", region.scope, {"n": number}) for number in range(5)]


def house() -> House:
    return House(riverbend, oak, coalitions=[region]).settle_in()


def lowest(records: list[Record], count: int) -> set[bytes]:
    return {record.id for record in sorted(records, key=lambda record: record.thing)[:count]}


def things_in(of: House) -> set[bytes]:
    return set(of.sets()[("coalition", region.id)])


@settings(max_examples=50)
@given(st.permutations(POSTS + NOTICES + POSTS[:3]))
def test_the_lowest_by_hash_are_in_whatever_came_first(order: list[Record]) -> None:
    here = house()
    here.hear(*order)
    assert things_in(here) == lowest(POSTS, 4) | lowest(NOTICES, 2)
    assert len(here.views()["view_posts"]) == 4
    here.check()


def test_over_quota_is_no_refusal_for_good() -> None:
    here = house()
    ordered = sorted(POSTS, key=lambda record: record.thing)
    assert here.hear(*ordered[:5]) == ["new"] * 4 + ["not_now"]
    assert here.records.add(ordered[4].message).code == "over_quota"
    here.day += 40
    here.records.expire()
    later = ben.post(region.scope, created=POSTS[0].created + 40 * 86_400)
    assert here.hear(later) == ["new"], "there is room again"


def test_one_neighborhood_takes_no_room_from_another() -> None:
    here = house()
    mine = [ana.post(region.scope) for _ in range(4)]
    assert here.hear(*sorted(POSTS, key=lambda r: r.thing)[:4], *mine) == ["new"] * 8
    assert here.hear(*(ben.commit(ana.post()) for _ in range(9))) == ["new"] * 9, "pairs have no such bound"
    assert here.hear(*(ana.post() for _ in range(9))) == ["new"] * 9


def test_edits_marks_and_standings_count_with_their_thing() -> None:
    here = house()
    kept = sorted(POSTS, key=lambda record: record.thing)[:4]
    here.hear(*kept)
    edits = [ben.again(post, post.body | {"title": "edited"}) for post in kept]
    assert here.hear(*edits) == ["new"] * 4
    assert here.hear(*(oak.standing(post, "arranged", 0) for post in kept)) == ["new"] * 4
    assert here.hear(ben.erase(kept[0], 2), oak.erasure(kept[1])) == ["new"] * 2
    assert len(things_in(here)) == 8
    over = sorted(POSTS, key=lambda record: record.thing)[5]
    assert (
        here.hear(over, oak.standing(over, "open", 1), ben.erase(over), oak.erasure(over)) == ["not_now"] * 4
    )
    here.check()


def test_who_leaves_takes_along_what_counts_with_it() -> None:
    here = house()
    ordered = sorted(POSTS, key=lambda record: record.thing)
    last = ordered[4]
    here.hear(*ordered[1:5], oak.standing(last, "arranged", 0))
    assert here.hear(ordered[0]) == ["new"]
    assert things_in(here) == {record.id for record in ordered[:4]}
    here.check()


def test_a_slot_that_is_given_up_is_free() -> None:
    here = house()
    ordered = sorted(POSTS, key=lambda record: record.thing)
    standing = oak.standing(ordered[3], "paused", 0)
    assert here.hear(*ordered[:3], standing, ordered[4]) == ["new"] * 4 + ["not_now"]
    assert here.hear(oak.again(standing, {}, erased=True), ordered[4]) == ["new"] * 2
    here.check()


def a_history(draw: Any) -> list[Record]:
    records: list[Record] = []
    for _ in range(draw(st.integers(1, 14))):
        post = draw(st.sampled_from(POSTS))
        what = draw(st.sampled_from(["post", "post", "edit", "erase", "erasure", "standing", "notice"]))
        if what == "post":
            records.append(post)
        elif what == "edit":
            records.append(ben.again(post, post.body | {"title": "x"}, draw(st.integers(1, 2))))
        elif what == "erase":
            records.append(ben.erase(post, draw(st.integers(0, 1))))
        elif what == "erasure":
            records.append(oak.erasure(post, nonce=b"e" * 16))
        elif what == "standing":
            records.append(oak.standing(post, "paused", 0, edit=draw(st.integers(0, 1))))
        else:
            records.append(draw(st.sampled_from(NOTICES)))
    return records


@settings(max_examples=80)
@given(st.data())
def test_any_order_keeps_the_same(data: st.DataObject) -> None:
    records = a_history(data.draw)
    one, other = house(), house()
    one.hear(*records)
    other.hear(*data.draw(st.permutations(records + records[:4])))
    assert one.sets() == other.sets() and one.views() == other.views()
    one.check()
    other.check()
