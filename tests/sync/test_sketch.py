"""Sketches: any two sets, any difference; cells kept up by hand or made anew; cells by a liar."""

from __future__ import annotations

from random import Random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from protocol.errors import TheirFault
from sync import sketch as sketches
from sync.index import RangeIndex
from sync.sketch import (
    CELL_BYTES,
    CELLS,
    FIRST_CELLS,
    Difference,
    Sketch,
    cells_of,
    ids_of,
    item_of,
    read_items,
    sketch_key,
    write_items,
)

KEY = sketch_key(b"\x01" * 32)
Item = tuple[int, bytes]


def items(count: int, seed: object) -> list[Item]:
    chance = Random(f"{seed}")
    return [(chance.randrange(2**28), chance.randbytes(32)) for _ in range(count)]


def sketch_of(held: list[Item], key: bytes = KEY) -> Sketch:
    made = Sketch(key)
    for item in held:
        made.insert(*item)
    return made


def shorts(held: list[Item]) -> list[int]:
    return sorted(item_of(*item) for item in held)


def asked_until_even(ours: Sketch, theirs: Sketch) -> tuple[sketches.Found | None, int]:
    """As two sides do it; also how often the second one asked."""
    difference = Difference(ours.copy())
    difference.take(theirs.written(0, FIRST_CELLS))
    asked = 1
    while (found := difference.read()) is None:
        more = difference.wanted()
        if not more:
            return None, asked
        difference.take(theirs.written(len(difference), len(difference) + more))
        asked += 1
    return found, asked


@given(st.integers(0, 60), st.integers(0, 25), st.integers(0, 25), st.integers())
@settings(max_examples=60)
def test_any_difference_of_any_sets_is_found(both: int, ours: int, theirs: int, seed: int) -> None:
    held = items(both + ours + theirs, seed)
    common, mine, yours = held[:both], held[both : both + ours], held[both + ours :]
    found, _ = asked_until_even(sketch_of(common + mine), sketch_of(common + yours))
    assert found is not None
    assert (sorted(found.ours), sorted(found.theirs)) == (shorts(mine), shorts(yours))


@pytest.mark.parametrize("count", [1, 10, 100, 1_000, 1_800])
@pytest.mark.parametrize("side", ["ours", "theirs", "both"])
def test_many_differences_are_asked_for_once_or_twice(count: int, side: str) -> None:
    held = items(count, side)
    at = {"ours": count, "theirs": 0, "both": count // 2}[side]
    found, asked = asked_until_even(sketch_of(held[:at]), sketch_of(held[at:]))
    assert found is not None and asked <= 2
    assert (sorted(found.ours), sorted(found.theirs)) == (shorts(held[:at]), shorts(held[at:]))


def test_far_too_many_differences_are_left_to_another_way_at_once() -> None:
    found, asked = asked_until_even(Sketch(KEY), sketch_of(items(30_000, "too many")))
    assert (found, asked) == (None, 1)


@given(st.lists(st.tuples(st.booleans(), st.integers(0, 30)), max_size=60), st.integers())
@settings(max_examples=40)
def test_cells_kept_up_are_those_made_anew(changes: list[tuple[bool, int]], seed: int) -> None:
    pool = items(31, seed)
    kept, held = Sketch(KEY), set[int]()
    for put, number in changes:
        if put and number not in held:
            held.add(number)
            kept.insert(*pool[number])
        elif not put and number in held:
            held.remove(number)
            kept.remove(*pool[number])
    assert kept == sketch_of([pool[number] for number in sorted(held)])


def test_a_copy_is_a_moment() -> None:
    made = sketch_of(items(5, "moment"))
    copy = made.copy()
    made.insert(1, bytes(32))
    assert copy != made and copy == sketch_of(items(5, "moment"))


def test_items_are_spread_over_the_cells_as_they_should() -> None:
    """Cell i has 1 / (1 + i/2) of them."""
    count = 4_000
    filled = [0] * 400
    chance = Random(3)
    for _ in range(count):
        chosen = cells_of(chance.getrandbits(64), 400)
        assert chosen[0] == 0 and chosen == sorted(set(chosen)) and chosen[-1] < 400
        for at in chosen:
            filled[at] += 1
    for start, end in ((1, 2), (2, 4), (4, 10), (10, 40), (40, 400)):
        wanted = sum(count / (1 + at / 2) for at in range(start, end))
        assert abs(sum(filled[start:end]) - wanted) < 5 * wanted**0.5


@given(st.integers(50, 2_000), st.floats(0, 1), st.integers())
@settings(max_examples=25)
def test_the_estimate_is_near(count: int, share: float, seed: int) -> None:
    held = items(count, seed)
    at = round(count * share)
    difference = Difference(sketch_of(held[:at]))
    difference.take(sketch_of(held[at:]).written(0, FIRST_CELLS))
    assert count / 4 < difference.estimate() < count * 4


def test_the_key_of_another_coalition_shows_nothing() -> None:
    """Whoever does not hold the charter can neither read cells nor aim at them."""
    held = items(5, "key")
    difference = Difference(Sketch(KEY))
    difference.take(sketch_of(held, sketch_key(b"\x02" * 32)).written(0, 100))
    assert difference.read() is None


# ---- what a member could make


def test_records_made_to_share_an_item() -> None:
    """Both on one side: no cell holds one alone. One on each side: they cancel out, and nothing is seen."""
    twins = [(60, b"same" + bytes(28)), (60, b"same" + b"\1" * 28)]
    assert item_of(*twins[0]) == item_of(*twins[1])
    difference = Difference(sketch_of(items(9, "twins")))
    difference.take(sketch_of(items(9, "twins") + twins).written(0, 200))
    assert difference.read() is None
    difference = Difference(sketch_of(twins[:1]))
    difference.take(sketch_of(twins[1:]).written(0, 200))
    assert difference.read() == sketches.Found([], [])
    index = RangeIndex()
    index.bulk(sorted([*items(9, "twins"), *twins]))
    assert ids_of(index, item_of(*twins[0])) == [twin[1] for twin in twins]


def test_looking_up_an_item() -> None:
    index = RangeIndex()
    around = [(60, b"\xff" * 4 + bytes(28)), (60, b"\0" * 32), (61, b"\0" * 32), (59, b"\xff" * 32)]
    index.bulk(sorted(around))
    for item in around:
        assert ids_of(index, item_of(*item)) == [item[1]]
    assert ids_of(index, item_of(60, b"\x01" * 32)) == ids_of(RangeIndex(), 7) == []


@given(
    st.lists(st.binary(min_size=CELL_BYTES, max_size=CELL_BYTES), min_size=1, max_size=60), st.integers(0, 4)
)
@settings(max_examples=100)
def test_cells_by_a_liar_end_soon(cells: list[bytes], kind: int) -> None:
    """Whatever they say: no fault but ours, no more found than there are cells, and bounded tries."""
    counts = (b"\0\1", b"\xff\xff", b"\0\0", b"\0\2")
    if kind < 4:
        cells = [cell[:12] + counts[kind] for cell in cells]
    difference = Difference(sketch_of(items(20, "honest")))
    difference.take(b"".join(cells))
    tried = 0
    before = sketches.seed_and_check

    def counted(key: bytes, item: int) -> tuple[int, int]:
        nonlocal tried
        tried += 1
        return before(key, item)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(sketches, "seed_and_check", counted)
        found = difference.read()
    assert tried <= sketches.TRIES_PER_CELL * len(cells)
    assert found is None or len(found.ours) + len(found.theirs) <= len(cells)
    assert 0 <= difference.wanted() <= CELLS - len(cells)


def test_honest_cells_stay_well_below_the_bound_of_tries(monkeypatch: pytest.MonkeyPatch) -> None:
    """So the bound never ends what could be read."""
    tried = 0
    before = sketches.seed_and_check

    def counted(key: bytes, item: int) -> tuple[int, int]:
        nonlocal tried
        tried += 1
        return before(key, item)

    for count in (3, 12, 60, 300, 1_500):
        theirs = sketch_of(items(count, count))
        size = count * 2 + 20
        difference = Difference(Sketch(KEY))
        difference.take(theirs.written(0, size))
        tried = 0
        monkeypatch.setattr(sketches, "seed_and_check", counted)
        assert difference.read() is not None
        monkeypatch.setattr(sketches, "seed_and_check", before)
        assert tried <= size


@pytest.mark.parametrize("cells", [b"", bytes(CELL_BYTES - 1), bytes(CELL_BYTES * (CELLS + 1))])
def test_what_are_no_cells(cells: bytes) -> None:
    with pytest.raises(TheirFault, match="bad_reconciliation"):
        Difference(Sketch(KEY)).take(cells)


def test_cells_beyond_the_last() -> None:
    difference = Difference(Sketch(KEY))
    difference.take(bytes(CELL_BYTES * CELLS))
    with pytest.raises(TheirFault, match="bad_reconciliation"):
        difference.take(bytes(CELL_BYTES))


def test_items_as_they_travel() -> None:
    said = [0, 1, 2**64 - 1]
    assert read_items(write_items(said)) == said and read_items(b"") == []
    with pytest.raises(TheirFault, match="bad_reconciliation"):
        read_items(bytes(9))
