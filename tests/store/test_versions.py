"""Of each thing one version; of each erased thing one mark; and the order in which they come is no matter."""

from __future__ import annotations

from itertools import permutations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from protocol.record import Record
from tests.protocol.helpers import TODAY, Coalition, Neighborhood
from tests.store.helpers import House

riverbend, oak = Neighborhood("Riverbend"), Neighborhood("Oak Street")
region = Coalition("The valley", riverbend, oak)
region.agreed(region.charter, [riverbend, oak])
ana, ben = riverbend.member("Ana"), oak.member("Ben")


def house() -> House:
    return House(riverbend, oak, coalitions=[region]).settle_in()


def post_with(title: str, of: Record | None = None, edit: int = 1) -> Record:
    if of is None:
        return ben.post(region.scope, title=title)
    return ben.again(of, of.body | {"title": title}, edit)


def titles(of: House) -> list[str]:
    return [row[0] for row in of.connection.execute("SELECT title FROM view_posts")]


FIRST = post_with("first")
VERSIONS = [
    FIRST,
    post_with("second", FIRST),
    post_with("also second", FIRST),
    post_with("restored", FIRST, 1001),
]
BY_AUTHOR = ben.erase(FIRST)
BY_HOME = oak.erasure(FIRST)
BY_HOMES = [BY_HOME, *(oak.erasure(FIRST) for _ in range(5))]  # some above, some below the author's own mark


@settings(max_examples=60)
@given(st.permutations(VERSIONS * 2), st.integers(1, 8))
def test_the_highest_edit_then_id_is_the_version(order: list[Record], count: int) -> None:
    here = house()
    given_ = order[:count]
    here.hear(*given_)
    best = max(given_, key=lambda record: (record.edit, record.id))
    assert here.records.version(FIRST.thing) == best
    assert [
        row[0] for row in here.connection.execute("SELECT id FROM records WHERE thing = ?", (FIRST.thing,))
    ] == [best.id], "the words of the others are gone"
    assert titles(here) == [best.body["title"]]
    here.check()


def test_a_lower_edit_is_told_so() -> None:
    here = house()
    assert here.hear(VERSIONS[1], FIRST, VERSIONS[1]) == ["new", "superseded", "held"]


@settings(max_examples=60)
@given(st.permutations([*VERSIONS, BY_AUTHOR, *BY_HOMES, BY_AUTHOR]), st.booleans())
def test_erasing_is_final_in_any_order(order: list[Record], author_erased: bool) -> None:
    """The author's mark stays before the home's, whichever is lower; of the home's the lowest."""
    here = house()
    here.hear(*(record for record in order if author_erased or record is not BY_AUTHOR))
    mark = BY_AUTHOR if author_erased else min(BY_HOMES, key=lambda record: record.id)
    assert FIRST.id not in here.held() and {BY_AUTHOR.id, *(m.id for m in BY_HOMES)} & here.held() == {
        mark.id
    }
    assert titles(here) == []
    here.check()


@pytest.mark.parametrize("mark", [BY_AUTHOR, BY_HOME, ben.erase(FIRST, edit=0)])
def test_no_edit_stands_above_a_mark(mark: Record) -> None:
    for order in permutations([mark, VERSIONS[3]]):
        here = house()
        here.hear(*order)
        assert here.records.version(FIRST.thing) in (None, mark)
        assert here.hear(FIRST, VERSIONS[3]) == ["erased", "erased"] and mark.id in here.held()
        here.check()


def test_nobody_erases_for_others() -> None:
    here = house()
    here.hear(FIRST)
    foreign = riverbend.say("post", FIRST.scope, {}, member=ana, nonce=FIRST.nonce, erased=True)
    assert foreign.thing != FIRST.thing
    here.hear(foreign)
    assert here.records.holds(FIRST.id)


def test_an_erased_word_is_out_of_the_file_and_of_every_view() -> None:
    here = house()
    secret_post = ben.post(region.scope, title="Zanzibarzipan")
    here.hear(secret_post)
    assert titles(here) == ["Zanzibarzipan"]
    here.hear(ben.erase(secret_post))
    dump = "\n".join(here.connection.iterdump())
    assert "Zanzibarzipan" not in dump and b"Zanzibarzipan".hex().upper() not in dump.upper()


# ---- what an erased, edited or expired word was said about follows


def promised() -> tuple[House, dict[str, Record]]:
    here = house()
    post = ana.post(region.scope, slots=2)
    promise = ben.commit(post)
    said = {"post": post, "promise": promise, "answer": ana.answer(promise, "agreed")}
    here.hear(*said.values())
    assert state_of(here) == ("partly_arranged", 1)
    return here, said


def state_of(of: House) -> tuple[str, int] | None:
    row = of.connection.execute("SELECT state, slots_open FROM view_posts").fetchone()
    return tuple(row) if row else None


def test_the_board_follows_when_a_word_is_erased() -> None:
    here, said = promised()
    here.hear(ana.erase(said["answer"]))
    assert state_of(here) == ("open", 2)
    here.check()
    here, said = promised()
    here.hear(ben.erase(said["promise"]))
    assert state_of(here) == ("open", 2)
    here.check()
    here, said = promised()
    here.hear(oak.erasure(said["promise"]))
    assert state_of(here) == ("open", 2)
    here.check()
    here, said = promised()
    here.hear(ana.erase(said["post"]))
    assert state_of(here) is None
    row = here.connection.execute("SELECT state, post_home FROM view_promises").fetchone()
    assert row == ("unknown", None)
    here.check()


def test_the_board_follows_when_a_word_moves_to_another_post() -> None:
    here, said = promised()
    other = ana.post(region.scope, title="another")
    here.hear(other, ben.again(said["promise"], said["promise"].body | {"post": other.thing}))
    states = dict(here.connection.execute("SELECT title, state FROM view_posts"))
    assert states == {"Ride to the clinic": "open", "another": "arranged"}
    here.check()


def test_a_post_that_comes_after_its_promises_is_arranged_at_once() -> None:
    for order in permutations(promised()[1].values()):
        here = house()
        here.hear(*order)
        assert state_of(here) == ("partly_arranged", 1)
        here.check()


def test_a_standing_says_it_for_those_who_cannot_see() -> None:
    post = ben.post(region.scope)
    first = oak.standing(post, "arranged", 0)
    later = oak.again(first, first.body | {"state": "open", "slots_open": 1})
    forged = riverbend.standing(post, "fulfilled", 0)
    for order in permutations([post, first, later, forged]):
        here = house()
        here.hear(*order)
        assert state_of(here) == ("open", 1)
        here.check()
    here.hear(oak.again(first, {}, 5, erased=True))
    assert state_of(here) == ("open", 1)
    here.check()


def test_a_post_has_one_standing_whatever_is_sent() -> None:
    post = ben.post(region.scope)
    several = [oak.standing(post, "open", 1, created=post.created + number) for number in range(4)]
    stray = oak.standing(post, "open", 1, nonce=b"n" * 16)
    lowest = min(several, key=lambda record: record.thing)
    for order in permutations(several):
        here = house()
        here.hear(post, *order, stray)
        assert here.held() & {record.id for record in several} == {lowest.id}
        assert here.records.holds(stray.id), "it only looks like one, and counts for itself"
        here.check()


# ---- lifetimes


def test_what_is_over_goes_two_days_later() -> None:
    here, _ = promised()
    short = ana.post(title="short", days=3)
    mark = ana.erase(ana.post(title="erased", days=3))
    here.hear(short, mark, ana.claim(ana, ben))
    assert short.expires == TODAY + 4
    here.day = TODAY + 5
    assert here.records.expire() == 0 and here.records.holds(short.id), "kept, so that nobody brings it back"
    assert here.hear(short) == ["held"] and here.hear(ana.post(days=3)) == ["not_now"]
    here.day = TODAY + 6
    assert here.records.expire() == 2 and not {short.id, mark.id} & here.held()
    assert here.hear(short) == ["not_now"]
    here.check()
    here.day = TODAY + 400
    here.records.expire()
    kinds = {row[0] for row in here.connection.execute("SELECT kind FROM records")}
    assert kinds == {"inception", "charter", "epoch", "assent", "hours"}, "keys, roster and ledger stay"
    assert here.views()["view_posts"] == [] == here.views()["view_promises"]
    here.check()


def test_a_promise_outlives_its_post() -> None:
    here = house()
    post = ben.post(region.scope, days=3)
    here.hear(post, ana.commit(post, days=60))
    here.day = TODAY + 6
    here.records.expire()
    assert here.connection.execute("SELECT state FROM view_promises").fetchall() == [("unknown",)]
    here.check()
