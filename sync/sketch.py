"""Rateless sketches: the differences of two sets for some 50 bytes each, however large the sets are.

The theory (Yang, Gilad, Alizadeh, "Practical Rateless Set Reconciliation", SIGCOMM 2024), in four lines. A
set is summed up in a row of cells; an item is added to the cells that a hash of it chooses: to cell 0
always, to cell i with probability 1 / (1 + i/2). One side's cells less the other's are the cells of the
difference alone, since what both hold cancels out. A cell with a single item in it can be recognised and
read; taken out of its other cells, that lays bare the next. About 1.4 cells for each difference are enough,
whatever their number: whoever has too few asks for the cells that follow.

    item    = time and start of an id: 4 + 4 bytes, big-endian, so that it can be looked up in the index
    hash    = BLAKE2b of the item, keyed with a key of the coalition: 8 bytes seed, 4 bytes check
    cell    = sum of items mod 2**64, sum of checks mod 2**32, their number mod 2**16: 14 bytes

The seed chooses the cells: a linear congruential generator says how far to jump from one to the next. A check
of 4 bytes lets one impure cell in 2**32 pass for a single item, and then the rest does not come out even.

The key keeps strangers from aiming at cells. A member of the coalition knows it, and can make records whose
items or cells coincide; then a difference cannot be read, or cancels out. That is why nothing rests on a
sketch: what does not come out even, and what comes out empty, is found by Negentropy (docs/decisions/0027).

Pure: no I/O, clock or randomness. A sketch has CELLS cells, kept up on every insert and remove (each touches
some 15 of them). Reading takes at most CELLS cells and tries TRIES_PER_CELL * CELLS hashes.
"""

from __future__ import annotations

import hmac
import struct
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from hashlib import blake2b, sha256
from math import sqrt
from typing import Final

from protocol.errors import TheirFault
from sync.index import RangeIndex

CELLS: Final = 3_072  # kept for a set, and the most that one comparison takes: one frame
CELL_BYTES: Final = 14
ITEM_BYTES: Final = 8
FIRST_CELLS: Final = 32  # enough for some 15 differences
TRIES_PER_CELL: Final = 2  # those of an honest difference take less than one

_CELL: Final = struct.Struct(">QIH")
_MULTIPLIER, _INCREMENT = 6364136223846793005, 1442695040888963407
_MASK_64, _MASK_32, _MASK_16 = 2**64 - 1, 2**32 - 1, 2**16 - 1
_CHECK_AT, _COUNT_AT = 96, 160  # bit offsets in a cell held here: exact sums, with room for 2**32 items


def sketch_key(secret: bytes) -> bytes:
    """The key of a coalition's sketches, from its secret."""
    return hmac.new(secret, b"barnraise/1 sketch\x00", sha256).digest()


def item_of(timestamp: int, item_id: bytes) -> int:
    """The 8-byte item that stands for a record, as a number."""
    return (timestamp & _MASK_32) << 32 | int.from_bytes(item_id[:4], "big")


def seed_and_check(key: bytes, item: int) -> tuple[int, int]:
    """Which cells an item goes into, and what proves it alone in one."""
    digest = blake2b(item.to_bytes(ITEM_BYTES, "big"), key=key, digest_size=12).digest()
    return int.from_bytes(digest[:8], "big"), int.from_bytes(digest[8:], "big")


def cells_of(seed: int, end: int) -> list[int]:
    """The cells below `end` that a seed chooses, 0 first.

    After cell i comes i + 1 + floor((i + 1.5) * (65536 / sqrt(u + 1) - 1)), in double precision, u being the
    upper 32 bits of the generator's next state: so each cell has its probability, whatever came before.
    """
    found = []
    at = 0
    while at < end:
        found.append(at)
        seed = seed * _MULTIPLIER + _INCREMENT & _MASK_64
        at += int((at + 1.5) * (65536.0 / sqrt((seed >> 32) + 1) - 1.0)) + 1
    return found


class Sketch:
    """The cells of a set that changes. `key` is 32 bytes. The caller sees that nothing is in it twice."""

    __slots__ = ("_cells", "key")

    def __init__(self, key: bytes, cells: list[int] | None = None) -> None:
        self.key = key
        self._cells = [0] * CELLS if cells is None else cells

    def copy(self) -> Sketch:
        """The same cells, from now on kept apart: a moment of the set."""
        return Sketch(self.key, self._cells.copy())

    def insert(self, timestamp: int, item_id: bytes) -> None:
        """An item came into the set."""
        add([self], timestamp, item_id, 1)

    def remove(self, timestamp: int, item_id: bytes) -> None:
        """An item left the set."""
        add([self], timestamp, item_id, -1)

    def written(self, start: int, end: int) -> bytes:
        """Cells [start, end) as they travel."""
        return b"".join(
            _CELL.pack(cell & _MASK_64, cell >> _CHECK_AT & _MASK_32, cell >> _COUNT_AT & _MASK_16)
            for cell in self._cells[start:end]
        )

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Sketch) and (self.key, self._cells) == (other.key, other._cells)

    __hash__ = None  # type: ignore[assignment]


def add(sketches: Sequence[Sketch], timestamp: int, item_id: bytes, sign: int) -> None:
    """An item came into the sets of these sketches (1) or left them (-1). All have the same key.

    Which cells it goes into is worked out once for all of them: that is nearly all of the work.
    """
    if not sketches:
        return
    item = item_of(timestamp, item_id)
    seed, check = seed_and_check(sketches[0].key, item)
    packed = sign * (item | check << _CHECK_AT | 1 << _COUNT_AT)
    rows = [sketch._cells for sketch in sketches]
    at, end = 0, len(rows[0])
    while at < end:  # as cells_of, without the list: this runs for every record
        for cells in rows:
            cells[at] += packed
        seed = seed * _MULTIPLIER + _INCREMENT & _MASK_64
        at += int((at + 1.5) * (65536.0 / sqrt((seed >> 32) + 1) - 1.0)) + 1


@dataclass(frozen=True, slots=True)
class Found:
    """The items that only one side holds."""

    ours: list[int]
    theirs: list[int]


class Difference:
    """What the other side's cells say against one moment of our own set.

    `take` cells in their order; `read` gives the differences once there are enough, `wanted` says how many
    would be.
    """

    __slots__ = ("_checks", "_counts", "_items", "_key", "_own")

    def __init__(self, own: Sketch) -> None:
        """`own` must not change any more."""
        self._own = own._cells
        self._key = own.key
        self._items: list[int] = []
        self._checks: list[int] = []
        self._counts: list[int] = []

    def __len__(self) -> int:
        return len(self._items)

    def take(self, cells: bytes) -> None:
        """The other side's next cells. Raises TheirFault("bad_reconciliation") for none or too many."""
        if not cells or len(cells) % CELL_BYTES or len(self) + len(cells) // CELL_BYTES > len(self._own):
            raise TheirFault("bad_reconciliation")
        for item, check, count in _CELL.iter_unpack(cells):
            own = self._own[len(self._items)]
            self._items.append(item - own & _MASK_64)
            self._checks.append(check - (own >> _CHECK_AT) & _MASK_32)
            self._counts.append(count - (own >> _COUNT_AT) & _MASK_16)

    def read(self) -> Found | None:
        """The differences, or None while they do not come out even."""
        items, checks, counts = self._items.copy(), self._checks.copy(), self._counts.copy()
        size = len(items)
        single = [at for at in range(size) if counts[at] in (1, _MASK_16)]
        found: dict[int, bool] = {}  # whether it is theirs
        for _ in range(TRIES_PER_CELL * size):
            if not single:
                break
            at = single.pop()
            count = counts[at]
            if count == 1:
                item, check = items[at], checks[at]
            elif count == _MASK_16:
                item, check = -items[at] & _MASK_64, -checks[at] & _MASK_32
            else:
                continue
            seed, right = seed_and_check(self._key, item)
            if right != check:
                continue
            if item in found:
                return None  # no set holds anything twice
            found[item] = count == 1
            if count != 1:
                item, check = -item, -check
            less = 1 if count == 1 else -1
            for at in cells_of(seed, size):
                items[at] = items[at] - item & _MASK_64
                checks[at] = checks[at] - check & _MASK_32
                counts[at] = left = counts[at] - less & _MASK_16
                if left == 1 or left == _MASK_16:
                    single.append(at)
        if any(items) or any(checks) or any(counts):
            return None
        return Found(
            [item for item, theirs in found.items() if not theirs],
            [item for item, theirs in found.items() if theirs],
        )

    def estimate(self) -> int:
        """About how many differences there are, give or take half.

        Cell 0 has the number of theirs less ours. Cell i, of probability p, would have p times that number if
        chance were even; the square of what it is off grows by p * (1 - p) with each difference.
        """
        counts = [_signed(count) for count in self._counts]
        apart = counts[0]
        parts = [2.0 / (at + 2) for at in range(len(counts))]
        spread = [
            (count - part * apart) ** 2 / (part * (1 - part))
            for count, part in zip(counts[1:], parts[1:], strict=True)
        ]
        return max(abs(apart), round(sum(spread) / max(len(spread), 1)))

    def wanted(self) -> int:
        """How many more cells to ask for where those at hand do not do; 0 where another way is shorter."""
        estimate = self.estimate()
        if estimate > CELLS:
            return 0
        return min(max(2 * len(self), 3 * estimate), CELLS) - len(self)


def _signed(count: int) -> int:
    return count - 2**16 if count >= 2**15 else count


def ids_of(index: RangeIndex, item: int) -> list[bytes]:
    """The ids in an index that an item stands for: nearly always one or none."""
    return index.starting(item >> 32, (item & _MASK_32).to_bytes(4, "big"))


def write_items(items: Iterable[int]) -> bytes:
    """Items as they travel."""
    return b"".join(item.to_bytes(ITEM_BYTES, "big") for item in items)


def read_items(data: bytes) -> list[int]:
    """Items from the other side. Raises TheirFault("bad_reconciliation")."""
    if len(data) % ITEM_BYTES:
        raise TheirFault("bad_reconciliation")
    return [int.from_bytes(data[at : at + ITEM_BYTES], "big") for at in range(0, len(data), ITEM_BYTES)]
