"""Marks by author and by home, in any order, through a change of keys: the same set, no word comes back."""

from __future__ import annotations

import itertools

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from node.store import aside, erasures
from protocol.kinds.erasure import BUCKETS, bucket_digest, bucket_of, digest, in_digest, whose
from protocol.record import Record, assemble, parse, to_be_signed
from protocol.signing import sign
from tests.protocol.helpers import Coalition, Neighborhood
from tests.store.helpers import House


class Story:
    """A post of Ben's with its versions and marks, said before Oak Street's key was replaced, or after."""

    def __init__(self) -> None:
        self.riverbend, self.oak = Neighborhood("Riverbend"), Neighborhood("Oak Street")
        self.region = Coalition("The valley", self.riverbend, self.oak)
        self.region.agreed(self.region.charter, [self.riverbend, self.oak])
        ben = self.oak.member("Ben")
        first = ben.post(self.region.scope, title="Zanzibarzipan")
        self.post = first
        self.versions = [first, *(ben.again(first, first.body | {"slots": n}, n) for n in (2, 3, 1001))]
        self.by_author = [ben.erase(first, edit) for edit in (1, 5)]
        self.by_home = [self.oak.erasure(first) for _ in range(3)]

    def house(self, own: Neighborhood | None = None) -> House:
        own = own or self.riverbend
        other = self.oak if own is self.riverbend else self.riverbend
        return House(own, other, coalitions=[self.region]).settle_in()

    def signed_anew(self, record: Record) -> Record:
        signatures = [*record.signatures[:-1], sign(self.oak.seed, to_be_signed(record.payload))]
        return parse(assemble(record.payload, signatures)).with_home_key(self.oak.key)


@settings(max_examples=30)
@given(st.data())
def test_any_order_of_versions_and_marks_gives_the_same_set(data: st.DataObject) -> None:
    story = Story()
    count = data.draw(st.integers(0, 5))
    marks = data.draw(st.permutations([*story.by_author, *story.by_home]))[:count]
    said = [*story.versions, *marks]
    houses = [story.house() for _ in range(3)]
    for house in houses:
        house.hear(*data.draw(st.permutations(said + said[:3])))
        house.check()
    for house in houses:
        assert house.sets() == houses[0].sets() and house.views() == houses[0].views()
        rows = erasures.marks_of_home(house.connection, story.oak.id)
        best = min(marks, key=lambda mark: (mark.by_home, mark.id), default=None)
        assert [row.record.id for row in rows] == ([best.id] if best is not None else [])
        assert all(whose(row.record) == ("post", story.post.author) for row in rows)
        assert erasures.is_erased(house.connection, story.post.thing) == bool(marks)


def titles(houses: list[House]) -> list[str]:
    rows = [house.connection.execute("SELECT title FROM view_posts").fetchall() for house in houses]
    return [title for found in rows for (title,) in found]


@settings(max_examples=30)
@given(st.data())
def test_through_a_change_of_keys_all_agree_once_they_have_compared(data: st.DataObject) -> None:
    story = Story()
    rotation = story.oak.rotate()
    late = [story.oak.erasure(story.post), *(story.signed_anew(version) for version in story.versions[:2])]
    marks = data.draw(st.lists(st.sampled_from([*story.by_author, *story.by_home, late[0]]), max_size=4))
    said = [rotation, *story.versions, *late[1:], *marks]
    houses = [story.house() for _ in range(3)]
    for house in houses:
        house.hear(*data.draw(st.permutations(said)))
        house.check()
    for _ in range(2):  # each gives the others what it has in its sets: that is what comparing does
        held = [house.records.message(id_) for house in houses for id_ in sorted(house.held())]
        for house in houses:
            house.hear(*(parse(message) for message in held if message is not None))
    assert len({frozenset(house.held()) for house in houses}) == 1
    if any(mark in marks for mark in (*story.by_author, late[0])):
        assert titles(houses) == [], "an author's mark, and one by the present key, hold for good"
        kept = [message for house in houses for message in house.messages()]
        assert not any(b"Zanzibarzipan" in message for message in kept), "nor on the side"
    else:
        assert titles(houses) == ["Zanzibarzipan"] * 3, "an erasure by the key before has left with it"


def test_what_the_home_had_erased_is_not_signed_anew_by_itself() -> None:
    """The home's own mark goes with its stolen key; words that a neighbor gives back wait for a person."""
    story = Story()
    here = story.house(story.oak)
    here.connection.execute(
        "INSERT INTO members (key, signing_key, name, name_folded, role, language, salt, sealed_seed, joined)"
        " VALUES (?, ?, 'Ben', 'ben', 'member', 'en', x'', x'', 0)",
        (story.post.author, story.post.author),
    )
    other = story.oak.member("Ben").post(story.region.scope, title="Still wanted")
    mark = story.by_home[0]
    here.hear(story.post, other, mark)
    here.hear(story.oak.rotate(), story.post)  # a neighbor gives it back
    assert {mark.id, story.post.id, other.id} <= here.aside()
    waiting = aside.of_members(here.connection, story.oak.id, story.oak.key, [], 50)
    assert [parse(message).id for message in waiting] == [other.id]
    assert (story.oak.id, "erasure", 1) in aside.rest(here.connection, story.oak.id, story.oak.key)
    aside.settle(here.connection, mark.id, None, b"")  # the coordinator drops the erasure: it was a thief's
    waiting = aside.of_members(here.connection, story.oak.id, story.oak.key, [], 50)
    assert {parse(message).id for message in waiting} == {other.id, story.post.id}


@pytest.mark.parametrize("by_author", [True, False])
@pytest.mark.parametrize("own", [True, False])
def test_a_mark_that_waits_over_the_quota_takes_the_words_along(by_author: bool, own: bool) -> None:
    """At home what is over the quota waits aside; what is erased does not, in whatever order it comes."""
    riverbend, oak = Neighborhood("Riverbend"), Neighborhood("Oak Street")
    region = Coalition("The valley", riverbend, oak, member_things=1)
    region.agreed(region.charter, [riverbend, oak])
    ben = oak.member("Ben")
    low, high = sorted(
        (ben.post(region.scope, title=title, days=days) for title, days in (("one", 3), ("two", 60))),
        key=lambda post: post.thing,
    )
    mark = ben.erase(high) if by_author else oak.erasure(high)
    for order in itertools.permutations((low, high, mark)):
        house = House(oak if own else riverbend, riverbend if own else oak, coalitions=[region]).settle_in()
        house.hear(*order, high)
        assert house.held() & {low.id, high.id, mark.id} == {low.id}
        assert house.aside() == {mark.id}, "the mark waits, the words are gone"
        house.check()
    rotation = oak.rotate()
    house.hear(rotation, high)
    if by_author:  # there is room for it now, and it outlives the key
        assert mark.id in house.held() and house.aside() == {low.id}
    else:
        assert house.aside() == {low.id, mark.id, high.id}, "a thief may have made it: a person decides"


# ---- the digest


@settings(max_examples=200)
@given(st.lists(st.binary(min_size=32, max_size=32), max_size=40), st.randoms())
def test_a_digest_is_of_a_set(things: list[bytes], chance: object) -> None:
    shuffled = sorted(things + things[:3], key=lambda thing: thing[::-1])
    whole = digest(things)
    assert digest(shuffled) == whole and len(whole) == 256
    for bucket in range(BUCKETS):
        inside = [thing for thing in things if bucket_of(thing) == bucket]
        assert in_digest(whole, bucket) == bucket_digest(inside)


def test_a_digest_names_only_what_is_in_it() -> None:
    one, two = b"\x07" + bytes(31), b"\x07" + b"\x01" * 31
    assert bucket_of(one) == bucket_of(two) == 0 and bucket_of(b"\xff" * 32) == BUCKETS - 1
    both, first = digest([one, two]), digest([one])
    assert in_digest(both, 0) != in_digest(first, 0)
    assert all(in_digest(both, bucket) == in_digest(digest([]), bucket) for bucket in range(1, BUCKETS))
    # as docs/protocol.md says it, for whoever writes a peer of their own
    assert digest([])[:8].hex() == "0e8843619d46ee31" and in_digest(first, 0).hex() == "aa259ff0bcab2e89"


def test_buckets_from_the_store_are_those_of_the_digest() -> None:
    story = Story()
    here = story.house()
    ben = story.oak.member("Ben")
    posts = [ben.post(story.region.scope, title=f"{n}", days=5 if n % 2 else 30) for n in range(60)]
    here.hear(*posts, *(ben.erase(post) for post in posts))
    scope = here.connection.execute("SELECT DISTINCT scope FROM records WHERE erases IS NOT NULL").fetchone()[
        0
    ]
    for day in (here.day, here.day + 10):
        lasting = [post.thing for post in posts if (post.expires or 0) > day]
        assert sorted(erasures.things_in(here.connection, scope, day)) == sorted(lasting)
        whole = digest(lasting)
        for bucket in range(BUCKETS):
            found = erasures.things_in(here.connection, scope, day, bucket)
            assert bucket_digest(found) == in_digest(whole, bucket)
