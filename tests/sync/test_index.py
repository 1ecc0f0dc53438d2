"""The index beside a naive model: a sorted list that adds up everything anew for each question."""

from __future__ import annotations

import random
from collections.abc import Iterator
from contextlib import contextmanager
from hashlib import sha256
from unittest.mock import patch

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sync import index as index_module
from sync.index import KEY_BYTES, RangeIndex, fingerprint, varint

Item = tuple[int, bytes]


@contextmanager
def small_shelves() -> Iterator[None]:
    """Blocks of 4 and shelves of 5, so that some dozen items already split and join on every level."""
    with patch.multiple(
        index_module,
        _BLOCK_BYTES_MAX=4 * KEY_BYTES,
        SHELF_BLOCKS_MAX=5,
        BULK_KEYS=3,
        BULK_BLOCKS=4,
        BULK_BATCH=16,
        BULK_MIN=4,
    ):
        yield


def make_id(number: int) -> bytes:
    return sha256(b"%d" % number).digest()


def naive_fingerprint(items: list[Item]) -> bytes:
    total = sum(int.from_bytes(item_id, "little") for _, item_id in items) % 2**256
    assert len(items) < 128  # a one-digit varint
    return sha256(total.to_bytes(32, "little") + bytes([len(items)])).digest()[:16]


def check_inside(index: RangeIndex) -> None:
    """What must hold of blocks and shelves whatever was done: order, bounds, counts, sums."""
    firsts = []
    for shelf in index._shelves:
        assert 0 < len(shelf.blocks) <= index_module.SHELF_BLOCKS_MAX
        assert shelf.firsts == [block[:KEY_BYTES] for block in shelf.blocks]
        assert all(0 < len(block) <= index_module._BLOCK_BYTES_MAX for block in shelf.blocks)
        assert shelf.count == sum(len(block) for block in shelf.blocks) // KEY_BYTES
        assert shelf.sums == [index_module._sum_keys(block) for block in shelf.blocks]
        assert shelf.total == sum(shelf.sums)
        firsts.append(shelf.firsts[0])
    assert index._firsts == firsts
    keys = [index.key(rank) for rank in range(len(index))]
    assert keys == sorted(set(keys))


def assert_like(index: RangeIndex, model: set[Item]) -> None:
    """`index` answers every question as the sorted `model` does."""
    ordered = sorted(model)
    assert list(index) == ordered
    assert len(index) == len(ordered)
    check_inside(index)
    for rank, item in enumerate(ordered):
        assert index.item(rank) == item
        assert index.rank(*item) == rank
        assert item in index
        if rank:
            wanted = index.before_rank(rank), index.key(rank - 1), index.key(rank)
            assert index.cut(rank) == wanted
    with pytest.raises(IndexError):
        index.item(len(ordered))
    assert index.rank(2**64 - 1) == len(ordered)
    step = max(1, len(ordered) // 5)
    for lower in range(0, len(ordered) + 1, step):
        for upper in range(lower, len(ordered) + 1, step):
            assert index.fingerprint(lower, upper) == naive_fingerprint(ordered[lower:upper])
            assert list(index.items(lower, upper)) == ordered[lower:upper]
            assert list(index.ids(lower, upper)) == [item_id for _, item_id in ordered[lower:upper]]


# Few timestamps and ids of long common prefixes, so that order is often decided by the last byte alone.
items = st.tuples(
    st.integers(0, 3) | st.just(2**40),
    st.integers(0, 30).map(make_id) | st.integers(0, 9).map(lambda n: n.to_bytes(32, "big")),
)
changes = st.lists(
    st.tuples(st.sampled_from(["insert", "insert", "remove"]), items)
    | st.tuples(st.just("bulk"), st.lists(items, max_size=40)),
    max_size=60,
)


@given(changes)
def test_any_inserts_and_removes_leave_the_index_equal_to_the_model(
    changes: list[tuple[str, Item | list[Item]]],
) -> None:
    with small_shelves():
        index, model = RangeIndex(), set[Item]()
        for what, given_ in changes:
            if isinstance(given_, list):
                assert index.bulk(given_) == len(set(given_) - model)
                model |= set(given_)
            elif what == "insert":
                assert index.insert(*given_) is (given_ not in model)
                model.add(given_)
            else:
                assert index.remove(*given_) is (given_ in model)
                model.discard(given_)
            assert len(index) == len(model)
        assert_like(index, model)


@given(st.sets(items, max_size=60), items, st.integers(0, 32))
def test_a_bound_counts_what_lies_before_it_as_if_filled_up_with_zeros(
    held: set[Item], bound: Item, length: int
) -> None:
    with small_shelves():
        index = RangeIndex()
        index.bulk(held)
        timestamp, prefix = bound[0], bound[1][:length]
        before = [item for item in held if item < (timestamp, prefix.ljust(32, b"\0"))]
        assert index.rank(timestamp, prefix) == len(before)
        total = sum(int.from_bytes(item_id, "little") for _, item_id in before)
        assert index.before(timestamp, prefix) == (len(before), total)
        alike = sorted(item for item in held if item[0] == timestamp and item[1].startswith(prefix))
        assert index.starting(timestamp, prefix) == [item_id for _, item_id in alike]


@given(st.sets(items, max_size=60), st.randoms(use_true_random=False))
def test_filled_and_emptied_in_any_order_nothing_is_left(held: set[Item], chance: random.Random) -> None:
    with small_shelves():
        index = RangeIndex()
        for item in chance.sample(sorted(held), len(held)):
            assert index.insert(*item)
        for count, item in enumerate(chance.sample(sorted(held), len(held)), start=1):
            assert index.remove(*item)
            check_inside(index)
            assert len(index) == len(held) - count
        assert index._shelves == []
        assert index.fingerprint(0, 0) == naive_fingerprint([])


def test_filtered_keeps_what_it_is_told_and_leaves_the_first_alone() -> None:
    index = RangeIndex()
    index.bulk((number, make_id(number)) for number in range(1000))
    even = index.filtered(lambda timestamp, _: timestamp % 2 == 0)
    assert list(even) == [(number, make_id(number)) for number in range(0, 1000, 2)]
    even.insert(1, make_id(1))
    assert len(index) == 1000


@settings(deadline=None, max_examples=3)
@given(st.integers(0, 2**32))
def test_twenty_thousand_records_in_three_orders_give_one_fingerprint(seed: int) -> None:
    chance = random.Random(seed)
    everything = [(chance.randrange(5000), chance.randbytes(32)) for _ in range(20_000)]
    loaded, sorted_first, one_by_one = RangeIndex(), RangeIndex(), RangeIndex()
    loaded.bulk(everything)
    sorted_first.bulk(sorted(everything))
    for item in everything:
        one_by_one.insert(*item)
    for index in (loaded, sorted_first, one_by_one):
        check_inside(index)
        assert index.fingerprint(0, 20_000) == loaded.fingerprint(0, 20_000)
        assert index.fingerprint(777, 12_345) == loaded.fingerprint(777, 12_345)


def test_items_that_come_in_order_fill_their_blocks() -> None:
    index = RangeIndex()
    for number in range(20_000):
        index.insert(number, make_id(number))
    assert sum(len(shelf.blocks) for shelf in index._shelves) == 20_000 // index_module.BLOCK_KEYS_MAX


def test_a_few_late_items_in_bulk_get_no_shelf_of_their_own() -> None:
    index = RangeIndex()
    for number in range(300):
        index.bulk([(number, make_id(number))])
    assert len(index._shelves) == 1


def test_what_no_item_can_be_is_refused() -> None:
    index = RangeIndex()
    for timestamp, item_id in [(-1, make_id(1)), (2**64 - 1, make_id(1)), (0, b"short"), (0, bytes(33))]:
        with pytest.raises(ValueError):
            index.insert(timestamp, item_id)
    assert len(index) == 0
    assert (0, make_id(1)) not in index
    assert not index.remove(0, make_id(1))


def test_varints_are_base_128_most_significant_first() -> None:
    assert [varint(number).hex() for number in (0, 1, 127, 128, 300, 16384, 2**64 - 1)] == [
        "00",
        "01",
        "7f",
        "8100",
        "822c",
        "818000",
        "81ffffffffffffffff7f",
    ]


def test_the_sum_in_a_fingerprint_wraps_at_256_bits() -> None:
    highest = b"\xff" * 32
    index = RangeIndex()
    index.insert(1, highest)
    index.insert(2, b"\x01" + bytes(31))
    assert index.fingerprint(0, 2) == fingerprint(2, 0) == sha256(bytes(32) + b"\x02").digest()[:16]
