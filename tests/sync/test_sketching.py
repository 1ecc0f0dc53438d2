"""Two exchanges that speak of sketches and of several sets at once, or do not; and what a liar can do."""

from __future__ import annotations

from collections.abc import Iterable
from itertools import product
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from protocol.errors import TheirFault
from protocol.record import Record
from sync import exchange as limits
from sync import frames, sketching
from sync.exchange import Exchange
from sync.frames import read_frame
from sync.sets import SetKey
from sync.sketch import CELL_BYTES, CELLS, FIRST_CELLS, Sketch, item_of, sketch_key, write_items
from tests.protocol.helpers import NOON, TODAY, Neighborhood
from tests.sync.memory_port import MemoryPort
from tests.sync.test_exchange import (
    ANA,
    COALITION,
    COMMITMENT,
    KEY,
    OAK,
    POSTS,
    RIVERBEND,
    SCOPE,
    Talk,
    port_of,
)
from tests.sync.test_exchange import talk as plain_talk

SECRET = bytes(31) + b"s"
ROSTER: SetKey = ("roster", COALITION)
WIRE = frames.set_on_wire(KEY)
NEGENTROPY = {frames.RECONCILE, frames.RECONCILED, frames.WANT}
MANY = [ANA.post(SCOPE, title=f"Of many {number}", created=NOON - 7 * number) for number in range(400)]


def talk(
    ours: list[Record],
    theirs: list[Record],
    keys: Iterable[SetKey] = (KEY,),
    *,
    start: bool = True,
    features: Iterable[str] = (),
) -> Talk:
    """Two ends of a link that know these features and the coalition."""
    link = plain_talk(ours, theirs, start=False)
    for side in (link.one, link.other):
        side.take_features(features)
        port_of(side).secrets[COALITION] = SECRET
        if start:
            link.send(side, side.share(keys, 0))
    return link


def hold_the_same(link: Talk) -> None:
    held = link.held()
    assert held[0] == held[1]


@given(st.sets(st.integers(0, 89)), st.sets(st.integers(0, 89)), st.sets(st.sampled_from(frames.FEATURES)))
@settings(max_examples=30)
def test_any_two_sets_become_one_whatever_both_know(
    ours: set[int], theirs: set[int], features: set[str]
) -> None:
    link = talk([POSTS[n] for n in ours], [POSTS[n] for n in theirs], features=features)
    passed = link.run(8)
    everything = {POSTS[number].id for number in ours | theirs}
    assert link.held() == (everything, everything)
    assert not (NEGENTROPY if "sketch" in features else {frames.SKETCH, frames.SKETCH_WANTED}) & set(passed)
    assert (frames.COMPARE_ALL in passed) == ("together" in features)


@pytest.mark.parametrize("together", [True, False])
def test_a_few_differences_take_one_round_trip_and_one_for_the_records(together: bool) -> None:
    features = ["sketch", "together"] if together else ["sketch"]
    link = talk(POSTS[5:], POSTS[:85], features=features)
    asked = [frames.COMPARE_ALL, frames.COMPARED] if together else [frames.COMPARE]
    assert sorted(link.run()) == sorted(
        [frames.SHARED, *asked, frames.SKETCH, frames.SKETCH_WANTED, *[frames.RECORDS, frames.TAKEN] * 2]
    )
    hold_the_same(link)
    again = [frames.COMPARE_ALL, frames.COMPARED] if together else [frames.COMPARE, frames.SAME]
    assert link.run(3) == again, "and then they are found equal"
    assert port_of(link.one).equal == port_of(link.other).equal == [KEY]


@pytest.mark.parametrize("who", ["one", "other"])
def test_hundreds_of_differences_are_asked_for_once_more(who: str) -> None:
    link = talk(*((MANY, []) if who == "one" else ([], MANY)), features=["sketch"])
    passed = link.run(5)
    hold_the_same(link)
    assert not NEGENTROPY & set(passed) and passed.count(frames.SKETCH) == 2


def test_more_than_a_frame_of_records_are_asked_for_by_parts(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(frames, "IDS_MAX", 150)
    link = talk([], MANY, features=["sketch"])
    assert link.run(5).count(frames.SKETCH_WANTED) == 1 + 3
    hold_the_same(link)


def test_what_comes_in_while_they_talk_changes_no_cell() -> None:
    """Cells are those of one moment, on either side; what came later the next comparison finds."""
    for moment, who in product(range(5), ("one", "other")):
        link = talk([], MANY[:90], features=["sketch"])
        for _ in range(min(moment, len(link.waiting))):
            link.step()
        port_of(getattr(link, who)).hold(*POSTS[:30])
        assert not NEGENTROPY & set(link.run(8)), f"{moment} {who}"
        hold_the_same(link)


def test_a_side_whose_sketch_is_not_made_yet_goes_by_negentropy(monkeypatch: pytest.MonkeyPatch) -> None:
    for who in ("one", "other"):
        link = talk(POSTS, POSTS[3:], features=["sketch"], start=False)
        monkeypatch.setattr(port_of(getattr(link, who)), "secrets", {})
        for side in (link.one, link.other):
            link.send(side, side.share([KEY], 0))
        passed = link.run(5)
        assert frames.RECONCILE in passed and frames.SKETCH_WANTED not in passed
        hold_the_same(link)


def test_rosters_and_pairs_have_no_sketch() -> None:
    link = talk([COMMITMENT], [], [("pair", OAK.id)], start=False, features=["sketch", "together"])
    link.send(link.other, link.other.share([("pair", RIVERBEND.id), ROSTER], 0))
    link.send(link.one, link.one.share([("pair", OAK.id), ROSTER], 0))
    passed = link.run(5)
    assert frames.SKETCH not in passed and frames.RECONCILE in passed
    hold_the_same(link)


def test_records_that_share_an_item_are_found_by_negentropy() -> None:
    """Somebody made two records with one item, and each side has one: the sketch shows nothing."""
    link = talk([POSTS[0]], [POSTS[1]], features=["sketch"], start=False)
    twins = Sketch(sketch_key(SECRET))
    for side in (link.one, link.other):
        port_of(side).sketch = lambda *asked: twins  # type: ignore[method-assign]
        link.send(side, side.share([KEY], 0))
    assert frames.RECONCILE in link.run(5)
    hold_the_same(link)
    assert link.one.failed == {}


# ---- liars


class Liar(Sketch):
    """Cells that say nothing differs in number, and nothing that fits otherwise."""

    def written(self, start: int, end: int) -> bytes:
        true = super().written(start, end)
        return b"".join(bytes(12) + true[at + 12 : at + CELL_BYTES] for at in range(0, len(true), CELL_BYTES))

    def copy(self) -> Liar:
        return Liar(self.key, super().copy()._cells)


def lying(ours: list[Record], theirs: list[Record]) -> Talk:
    link = talk(ours, theirs, features=["sketch"], start=False)
    port = port_of(link.other)
    honest = port.sketch

    def sketch(*asked: Any) -> Sketch:
        made = honest(*asked)
        assert made is not None
        return Liar(made.key, made.copy()._cells)

    port.sketch = sketch  # type: ignore[method-assign]
    for side in (link.one, link.other):
        link.send(side, side.share([KEY], 0))
    return link


def test_sketches_that_never_come_out_even_are_not_read_for_a_day() -> None:
    link = lying(POSTS, POSTS[1:])
    passed = link.run(4)
    assert 3 <= passed.count(frames.SKETCH) <= 9, "doubling up to the cap, and no further"
    assert frames.RECONCILE in passed
    hold_the_same(link)
    assert link.one.failed == {OAK.id: sketching.SKIPPED_S}
    port_of(link.one).hold(MANY[0])
    passed = link.run(limits.COMPARE_AGAIN_S + 5)
    assert frames.SKETCH_WANTED not in passed and frames.RECONCILE in passed
    hold_the_same(link)
    port_of(link.one).hold(MANY[1])
    link.now += sketching.SKIPPED_S
    assert frames.SKETCH_WANTED in link.run(limits.COMPARE_AGAIN_S + 5)
    hold_the_same(link)


def test_those_that_failed_are_remembered_by_the_node_and_bounded() -> None:
    failed = {bytes([number]) * 32: 1.0 for number in range(sketching.FAILED_MAX)}
    link = lying(POSTS, POSTS[1:])
    link.one.failed.update(failed)
    link.run(4)
    assert len(link.one.failed) == sketching.FAILED_MAX and OAK.id in link.one.failed
    assert bytes(32) not in link.one.failed


def asking(theirs: list[Record]) -> tuple[Talk, list[Any]]:
    """A side that has just got the first cells of another one, which were too few; what it asked for then."""
    link = talk(MANY, theirs, features=["sketch"])
    while not link.waiting or read_frame(link.waiting[0][1])[0] != frames.SKETCH_WANTED:
        link.step()
    return link, read_frame(link.waiting.pop(0)[1])[1]


def test_cells_that_were_not_asked_for() -> None:
    link, (_, start, count, _) = asking([])
    cells = port_of(link.other).sketch(KEY, 2**40, 0)
    assert start == FIRST_CELLS and cells is not None
    for at in (start - 1, start + 1, CELLS):
        assert link.one.on_compare(frames.SKETCH, [WIRE, at, bytes(CELL_BYTES)], 0) == [], "another talk's"
    for wrong in (b"", bytes(CELL_BYTES), cells.written(start, start + count) + b"\0"):
        with pytest.raises(TheirFault, match="bad_reconciliation"):
            link.one.on_compare(frames.SKETCH, [WIRE, start, wrong], 0)
    link.send(
        link.one, link.one.on_compare(frames.SKETCH, [WIRE, start, cells.written(start, start + count)], 0)
    )
    link.run(5)
    hold_the_same(link)


def test_cells_that_nobody_waits_for_are_ignored() -> None:
    link = talk(POSTS, POSTS, features=["sketch"])
    link.run(1)
    for side in (link.one, link.other):
        assert side.on_compare(frames.SKETCH, [WIRE, 0, bytes(CELL_BYTES * FIRST_CELLS)], 1) == []
        assert side.on_compare(frames.SKETCH, [[0, COALITION], 0, b""], 1) == []
    plain = talk(POSTS, [])
    plain.one.sets[KEY].busy_since = 0.0
    assert plain.one.on_compare(frames.SKETCH, [WIRE, 0, b""], 0) == [], "we never said that we know it"


def test_wanting_cells_and_records() -> None:
    link = talk([], POSTS[:3], features=["sketch"])
    link.run(5)
    other, port = link.other, port_of(link.other)
    for said in ([WIRE, 0, CELLS + 1, b""], [WIRE, 2**62, 1, b""], [WIRE, 0, 0, bytes(7)]):
        with pytest.raises(TheirFault, match="bad_reconciliation"):
            other.on_compare(frames.SKETCH_WANTED, said, 9)
    with pytest.raises(TheirFault, match="bad_reconciliation"):
        other.on_compare(frames.SKETCH_WANTED, [WIRE, 0, 0, bytes(8 * (frames.IDS_MAX + 1))], 9)
    assert other.on_compare(frames.SKETCH_WANTED, [WIRE, 0, 32, b""], 9) == [], "no comparison is on"
    local = ANA.post(title="Local")
    port.hold(local, COMMITMENT)
    said = [item_of(record.created - 1_577_836_800, record.id) for record in (local, COMMITMENT, POSTS[0])]
    (sent,) = other.on_compare(frames.SKETCH_WANTED, [WIRE, 0, 0, write_items(said)], 9)
    assert read_frame(sent)[1][1] == [POSTS[0].message], "what is shared, and no more"
    assert other.on_compare(frames.SKETCH_WANTED, [[0, COALITION], 0, 1, b""], 9) == [], "not shared"


# ---- several sets at once


def test_all_sets_that_are_due_are_asked_about_in_one_frame() -> None:
    keys: list[SetKey] = [ROSTER, KEY, ("pair", OAK.id)]
    link = talk(POSTS[:4], POSTS[:4], start=False, features=frames.FEATURES)
    link.other.share([ROSTER, KEY, ("pair", RIVERBEND.id)], 0)
    link.send(link.one, link.one.share(keys, 0))
    assert link.run() == [frames.COMPARE_ALL, frames.COMPARED]
    assert port_of(link.one).equal == keys and len(port_of(link.other).equal) == 3
    assert link.run(limits.COMPARE_AGAIN_S - 1) == []
    assert link.run(2) == [frames.COMPARE_ALL, frames.COMPARED]
    assert link.one.asked == {}


def test_a_set_that_the_other_does_not_share_yet_is_asked_for_in_full() -> None:
    link = talk(POSTS[:3], [], start=False, features=frames.FEATURES)
    link.send(link.one, link.one.share([KEY, ROSTER], 0))
    link.other.share([ROSTER], 0)
    assert link.run() == [frames.COMPARE_ALL, frames.COMPARED]
    assert not link.one.sets[KEY].live and link.one.sets[ROSTER].live
    assert link.run(limits.NOT_SHARED_RETRY_S + 1) == [frames.COMPARE, frames.NOT_SHARED]
    link.send(link.other, link.other.share([ROSTER, KEY], link.now))
    link.run(1)
    hold_the_same(link)


def test_a_short_name_that_fits_two_coalitions() -> None:
    """Whoever makes a coalition whose id begins like that of another holds nothing up."""
    alike: SetKey = ("coalition", COALITION[:20] + bytes(12))
    link = talk(POSTS, POSTS[1:], [KEY, alike], features=frames.FEATURES)
    link.run(limits.NOT_SHARED_RETRY_S + 4)
    hold_the_same(link)
    assert {KEY, alike} <= set(port_of(link.one).equal)


def test_answers_about_other_sets_than_asked() -> None:
    link = talk(POSTS, POSTS, start=False, features=frames.FEATURES)
    (said,) = link.one.share([KEY], 0)
    number = read_frame(said)[1][0]
    assert link.one.on_compared(number + 7, [0, 1, 2, 3], 0) == [], "to no question of ours"
    with pytest.raises(TheirFault, match="bad_frame"):
        link.one.on_compared(number, [0, 0], 0)
    (said,) = [*link.one.tick(30), *link.one.tick(51)][:1]
    number = read_frame(said)[1][0]
    link.one.share([], 52)
    assert link.one.on_compared(number, [1], 53) == [], "no longer shared"


def test_a_set_that_is_named_twice_is_looked_at_once() -> None:
    link = talk(POSTS, POSTS[1:], features=frames.FEATURES)
    said = frames.set_in_short(KEY) + bytes(16)
    compared, *rest = link.other.on_compare_all(7, [said] * frames.SETS_MAX)
    answers = [limits.SKETCH_FOLLOWS] + [limits.NOT_SHARED] * (frames.SETS_MAX - 1)
    assert read_frame(compared) == (frames.COMPARED, [7, answers]) and len(rest) == 1


def test_questions_without_answers_are_bounded() -> None:
    one = Exchange(MemoryPort(RIVERBEND), OAK.id, comparer=True)
    one.take_features(frames.FEATURES)
    one.share([KEY], 0)
    for number in range(40):
        one.tick(number * 21.0)
    assert len(one.asked) <= limits.ASKED_MAX


def test_the_windows_of_both_sides_decide_what_is_in_a_sketch() -> None:
    ends = ANA.post(SCOPE, title="Ends", created=NOON - 3 * 86_400, days=2)
    link = talk([ends, *POSTS[:9]], POSTS[1:9], start=False, features=["sketch"])
    for side in (link.one, link.other):
        side.window = limits.Window.between(TODAY, 0, TODAY, TODAY)
        link.send(side, side.share([KEY], 0))
    assert not NEGENTROPY & set(link.run(5))
    assert ends.id not in link.held()[1] and POSTS[0].id in link.held()[1]


def test_who_compares_tells_a_member_of_another_neighborhood_the_same() -> None:
    """Keys come from the coalition alone: sketches of two nodes fit, whoever they are."""
    held = [MemoryPort(Neighborhood(name), secrets={COALITION: SECRET}) for name in ("One", "Two")]
    for port in held:
        port.hold(*POSTS[:20])
    assert held[0].sketch(KEY, 2**40, 0) == held[1].sketch(KEY, 2**40, 0) != Sketch(sketch_key(SECRET))
