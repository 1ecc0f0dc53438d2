"""The reconciliation index: an ordered set of (timestamp, id) that can sum up any range of itself.

Reconciliation asks three questions, thousands of times: how many items lie before this point, which
item stands at this rank, and what is the sum of the ids in this range. A sum of ids can be taken apart
again by subtraction, so it is enough to answer "the sum of everything before rank r".

An item is one 40-byte key, timestamp and id, both big-endian, so that comparing keys compares items.
Keys lie packed in blocks (bytes of up to 32 keys), blocks on shelves (up to 256 blocks), shelves in the
index. Each level keeps the count and sum of what it holds; the running totals over the blocks of one
shelf, and over all shelves, are made when first asked for and forgotten when something below changes. So
a change or a question touches one block, one shelf and the list of shelves: about the cube root of the
size three times, never all of it. A million items take some 50 MB.

Pure: no I/O, clock or randomness. The index holds one scope; there is no bound on its size here, because
what may enter a set is bounded by quota before it gets here.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Callable, Iterable, Iterator
from hashlib import sha256
from itertools import accumulate, islice

ID_BYTES = 32
KEY_BYTES = 40
TIMESTAMP_END = 2**64 - 1  # exclusive; the protocol uses this value for "after everything"
FINGERPRINT_BYTES = 16

BLOCK_KEYS_MAX = 32  # a partial sum adds up half a block at most, about 1 microsecond
SHELF_BLOCKS_MAX = 256
BULK_KEYS = 24  # blocks and shelves made in bulk leave room, so that the next inserts do not split them
BULK_BLOCKS = 192
BULK_MIN = 512
BULK_BATCH = 1 << 14

_SUM_MASK = 2**256 - 1
_ONE_DIGIT = tuple(bytes((number,)) for number in range(0x80))
_BLOCK_BYTES_MAX = BLOCK_KEYS_MAX * KEY_BYTES


def varint(number: int) -> bytes:
    """`number` in base 128, most significant digit first, the high bit set on all bytes but the last."""
    if number < 0x80:
        return _ONE_DIGIT[number]
    digits = [number & 0x7F]
    while number := number >> 7:
        digits.append(number & 0x7F | 0x80)
    digits.reverse()
    return bytes(digits)


def fingerprint(count: int, total: int) -> bytes:
    """16 bytes that stand for `count` items whose ids, read as little-endian numbers, add up to `total`."""
    summed = (total & _SUM_MASK).to_bytes(ID_BYTES, "little")
    return sha256(summed + varint(count)).digest()[:FINGERPRINT_BYTES]


def key_of(timestamp: int, item_id: bytes) -> bytes:
    """The 40-byte key of an item. Raises ValueError for what no item can be: a caller's mistake."""
    if len(item_id) != ID_BYTES or not 0 <= timestamp < TIMESTAMP_END:
        raise ValueError("an item is a timestamp from 0 to 2**64 - 2 and an id of 32 bytes")
    return timestamp.to_bytes(8, "big") + item_id


def _sum_keys(keys: bytes) -> int:
    number, total = int.from_bytes, 0
    for start in range(KEY_BYTES - ID_BYTES, len(keys), KEY_BYTES):
        total += number(keys[start : start + ID_BYTES], "little")
    return total


def _offset_in(block: bytes, key: bytes) -> int:
    """Byte offset of the first key in `block` that is not below `key` (which may be a mere prefix)."""
    low, high = 0, len(block)
    while low < high:
        at = (low + high) // (2 * KEY_BYTES) * KEY_BYTES
        if block[at : at + KEY_BYTES] < key:
            low = at + KEY_BYTES
        else:
            high = at
    return low


class _Shelf:
    """A run of blocks. `counts` (in bytes) and `totals` run up to each block, or are empty when stale."""

    __slots__ = ("blocks", "count", "counts", "firsts", "sums", "total", "totals")

    def __init__(self, blocks: list[bytes], sums: list[int]) -> None:
        self.blocks = blocks
        self.sums = sums
        self.firsts = [block[:KEY_BYTES] for block in blocks]
        self.count = sum(map(len, blocks)) // KEY_BYTES
        self.total = sum(sums)
        self.counts: list[int] = []
        self.totals: list[int] = []

    def run(self) -> None:
        self.counts = list(accumulate(map(len, self.blocks), initial=0))
        self.totals = list(accumulate(self.sums, initial=0))

    def put(self, at: int, *blocks: bytes) -> None:
        """Let `blocks` (none, one or two) take the place of block `at`."""
        self.blocks[at : at + 1] = blocks
        self.firsts[at : at + 1] = [block[:KEY_BYTES] for block in blocks]
        self.sums[at : at + 1] = [_sum_keys(block) for block in blocks]

    def changed(self, count: int, total: int) -> None:
        self.count += count
        self.total += total
        self.counts = []
        self.totals = []


class RangeIndex:
    """An ordered set of (timestamp, id). Ranks count from 0; ranges are half open, [lower, upper)."""

    __slots__ = ("_counts", "_firsts", "_shelves", "_size", "_totals")

    def __init__(self) -> None:
        self._shelves: list[_Shelf] = []
        self._firsts: list[bytes] = []  # first key of each shelf
        self._size = 0
        self._counts: list[int] = []  # running values before each shelf, empty when stale
        self._totals: list[int] = []

    def __len__(self) -> int:
        return self._size

    def __iter__(self) -> Iterator[tuple[int, bytes]]:
        """The items in order. The index must not be changed meanwhile."""
        return self.items(0, self._size)

    def __contains__(self, item: tuple[int, bytes]) -> bool:
        if not self._size:
            return False
        key = key_of(*item)
        which, at = self._find(key)
        shelf = self._shelves[which]
        block = shelf.blocks[at]
        offset = _offset_in(block, key)
        return block[offset : offset + KEY_BYTES] == key

    # changes

    def insert(self, timestamp: int, item_id: bytes) -> bool:
        """Add an item. False if it was there."""
        key = key_of(timestamp, item_id)
        if not self._size:
            self._append([key])
            return True
        which, at = self._find(key)
        shelf = self._shelves[which]
        block = shelf.blocks[at]
        offset = _offset_in(block, key)
        if block[offset : offset + KEY_BYTES] == key:
            return False
        block = block[:offset] + key + block[offset:]
        number = int.from_bytes(item_id, "little")
        if len(block) > _BLOCK_BYTES_MAX:
            # Items mostly come in order: what grows at its end leaves a full block behind, not a half one.
            middle = offset if offset == _BLOCK_BYTES_MAX else len(block) // (2 * KEY_BYTES) * KEY_BYTES
            shelf.put(at, block[:middle], block[middle:])
        else:
            shelf.blocks[at] = block
            shelf.sums[at] += number
            shelf.firsts[at] = block[:KEY_BYTES]
        self._changed(which, 1, number)
        return True

    def remove(self, timestamp: int, item_id: bytes) -> bool:
        """Take an item out. False if it was not there."""
        key = key_of(timestamp, item_id)
        if not self._size:
            return False
        which, at = self._find(key)
        shelf = self._shelves[which]
        block = shelf.blocks[at]
        offset = _offset_in(block, key)
        if block[offset : offset + KEY_BYTES] != key:
            return False
        block = block[:offset] + block[offset + KEY_BYTES :]
        beside = shelf.blocks[at + 1] if at + 1 < len(shelf.blocks) else b""
        if not block:
            shelf.put(at)
        elif beside and len(block) + len(beside) <= _BLOCK_BYTES_MAX // 2:
            shelf.put(at)  # thinned out: two blocks become one
            shelf.put(at, block + beside)
        else:
            shelf.put(at, block)
        self._changed(which, -1, -int.from_bytes(item_id, "little"))
        return True

    def bulk(self, items: Iterable[tuple[int, bytes]]) -> int:
        """Add many items and say how many were new. Fast when they come in order, as from a sorted query.

        Only a batch is held beside the index. An item below what is already held is inserted singly.
        """
        before = self._size
        source = iter(items)
        while batch := list(islice(source, BULK_BATCH)):
            keys = sorted({key_of(timestamp, item_id) for timestamp, item_id in batch})
            above = bisect_right(keys, self._last_key()) if self._size else 0
            if len(keys) - above < BULK_MIN:
                above = len(keys)  # a few keys do not deserve a shelf of their own
            for key in keys[:above]:
                self.insert(int.from_bytes(key[:8], "big"), key[8:])
            self._append(keys[above:])
        return self._size - before

    def filtered(self, keep: Callable[[int, bytes], bool]) -> RangeIndex:
        """A new index of those items for which `keep(timestamp, id)` is true."""
        kept = RangeIndex()
        kept.bulk(item for item in self if keep(*item))
        return kept

    # questions

    def rank(self, timestamp: int, prefix: bytes = b"") -> int:
        """How many items lie before (timestamp, prefix filled up with zero bytes)."""
        return self.before(timestamp, prefix)[0]

    def before(self, timestamp: int, prefix: bytes = b"") -> tuple[int, int]:
        """(count, sum of ids) of the items before (timestamp, prefix filled up with zero bytes)."""
        if not self._size:
            return 0, 0
        if timestamp >= TIMESTAMP_END:
            return self.before_rank(self._size)
        # A prefix compares as if it were filled up with zeros: no key lies between the two.
        key = timestamp.to_bytes(8, "big") + prefix
        which, at = self._find(key)
        return self._count_to(which, at, _offset_in(self._shelves[which].blocks[at], key))

    def before_rank(self, rank: int) -> tuple[int, int]:
        """(rank, sum of the ids of the first `rank` items)."""
        if not self._size:
            return 0, 0
        which, at, offset = self._locate(rank)
        return self._count_to(which, at, offset)

    def cut(self, rank: int) -> tuple[tuple[int, int], bytes, bytes]:
        """What `before_rank` says, and the keys below and at `rank`, which has an item on either side."""
        which, at, offset = self._locate(rank)
        blocks = self._shelves[which].blocks
        key = blocks[at][offset : offset + KEY_BYTES]
        if offset:
            below = blocks[at][offset - KEY_BYTES : offset]
        else:
            below = (blocks[at - 1] if at else self._shelves[which - 1].blocks[-1])[-KEY_BYTES:]
        return self._count_to(which, at, offset), below, key

    def fingerprint(self, lower: int, upper: int) -> bytes:
        """The fingerprint of ranks [lower, upper)."""
        return fingerprint(upper - lower, self.before_rank(upper)[1] - self.before_rank(lower)[1])

    def item(self, rank: int) -> tuple[int, bytes]:
        """The item at `rank`. Raises IndexError beyond the end."""
        key = self.key(rank)
        return int.from_bytes(key[:8], "big"), key[8:]

    def key(self, rank: int) -> bytes:
        """The 40-byte key (timestamp, id) at `rank`. Raises IndexError beyond the end."""
        if not 0 <= rank < self._size:
            raise IndexError(rank)
        which, at, offset = self._locate(rank)
        return self._shelves[which].blocks[at][offset : offset + KEY_BYTES]

    def starting(self, timestamp: int, prefix: bytes) -> list[bytes]:
        """The ids of this timestamp that begin like that, in order."""
        key, found = timestamp.to_bytes(8, "big") + prefix, list[bytes]()
        if not self._size:
            return found
        which, at = self._find(key)
        offset = _offset_in(self._shelves[which].blocks[at], key)
        for shelf in islice(self._shelves, which, None):
            for block in islice(shelf.blocks, at, None):
                for start in range(offset, len(block), KEY_BYTES):
                    if not block.startswith(key, start):
                        return found
                    found.append(block[start + KEY_BYTES - ID_BYTES : start + KEY_BYTES])
                offset = 0
            at = 0
        return found

    def ids(self, lower: int, upper: int) -> Iterator[bytes]:
        """The ids of ranks [lower, upper) in order."""
        return (key[8:] for key in self._keys(lower, upper))

    def items(self, lower: int, upper: int) -> Iterator[tuple[int, bytes]]:
        """The items of ranks [lower, upper) in order."""
        return ((int.from_bytes(key[:8], "big"), key[8:]) for key in self._keys(lower, upper))

    # inside

    def _keys(self, lower: int, upper: int) -> Iterator[bytes]:
        left = min(upper, self._size) - lower
        if left <= 0:
            return
        which, at, offset = self._locate(lower)
        for shelf in islice(self._shelves, which, None):
            for block in islice(shelf.blocks, at, None):
                end = min(len(block), offset + left * KEY_BYTES)
                for start in range(offset, end, KEY_BYTES):
                    yield block[start : start + KEY_BYTES]
                left -= (end - offset) // KEY_BYTES
                if not left:
                    return
                offset = 0
            at = 0

    def _find(self, key: bytes) -> tuple[int, int]:
        """The shelf and block where `key` is or would be. The index is not empty."""
        which = (bisect_right(self._firsts, key) or 1) - 1
        return which, (bisect_right(self._shelves[which].firsts, key) or 1) - 1

    def _locate(self, rank: int) -> tuple[int, int, int]:
        """Shelf, block and byte offset of `rank`; the end is the place behind the last key."""
        if not self._counts:
            self._run()
        which = bisect_right(self._counts, rank, 0, len(self._shelves)) - 1
        shelf = self._shelves[which]
        if not shelf.counts:
            shelf.run()
        rest = (rank - self._counts[which]) * KEY_BYTES
        at = bisect_right(shelf.counts, rest, 0, len(shelf.blocks)) - 1
        return which, at, rest - shelf.counts[at]

    def _count_to(self, which: int, at: int, offset: int) -> tuple[int, int]:
        if not self._counts:
            self._run()
        shelf = self._shelves[which]
        if not shelf.counts:
            shelf.run()
        block = shelf.blocks[at]
        if offset * 2 <= len(block):
            total = shelf.totals[at] + _sum_keys(block[:offset])
        else:  # the shorter way: from the other end
            total = shelf.totals[at + 1] - _sum_keys(block[offset:])
        count = self._counts[which] + (shelf.counts[at] + offset) // KEY_BYTES
        return count, self._totals[which] + total

    def _run(self) -> None:
        self._counts = list(accumulate((shelf.count for shelf in self._shelves), initial=0))
        self._totals = list(accumulate((shelf.total for shelf in self._shelves), initial=0))

    def _last_key(self) -> bytes:
        return self._shelves[-1].blocks[-1][-KEY_BYTES:]

    def _append(self, keys: list[bytes]) -> None:
        """Add sorted keys, all of them above what is held."""
        blocks = [b"".join(keys[at : at + BULK_KEYS]) for at in range(0, len(keys), BULK_KEYS)]
        for at in range(0, len(blocks), BULK_BLOCKS):
            part = blocks[at : at + BULK_BLOCKS]
            shelf = _Shelf(part, [_sum_keys(block) for block in part])
            self._shelves.append(shelf)
            self._firsts.append(shelf.firsts[0])
        self._size += len(keys)
        self._counts = []
        self._totals = []

    def _changed(self, which: int, count: int, total: int) -> None:
        """Bring the upper level up to date: a shelf has changed, and may be empty, thin or too full now."""
        shelf = self._shelves[which]
        shelf.changed(count, total)
        self._size += count
        self._counts = []
        self._totals = []
        if not shelf.blocks:
            del self._shelves[which], self._firsts[which]
            return
        following = self._shelves[which + 1] if which + 1 < len(self._shelves) else None
        if len(shelf.blocks) > SHELF_BLOCKS_MAX:
            middle = len(shelf.blocks) // 2
            halves = [
                _Shelf(shelf.blocks[:middle], shelf.sums[:middle]),
                _Shelf(shelf.blocks[middle:], shelf.sums[middle:]),
            ]
            self._shelves[which : which + 1] = halves
            self._firsts[which : which + 1] = [half.firsts[0] for half in halves]
        elif count < 0 and following and len(shelf.blocks) + len(following.blocks) <= SHELF_BLOCKS_MAX // 2:
            joined = _Shelf(shelf.blocks + following.blocks, shelf.sums + following.sums)
            self._shelves[which : which + 2] = [joined]
            self._firsts[which : which + 2] = [joined.firsts[0]]
        else:
            self._firsts[which] = shelf.firsts[0]
