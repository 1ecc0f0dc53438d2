"""Negentropy protocol v1: two nodes find out which items each has that the other lacks.

The theory, in three lines. Split the ordered set into ranges and send a fingerprint of each; where it
equals the other side's, that range is done; where not, the other side splits it further, and a range of
fewer than 32 items is sent as a list of ids. The initiator reads off the differences, the other side only
answers. Nothing is remembered from message to message: a message names its ranges by their bounds, so the
index may change in between.

    message  = 0x61 range*             ranges lie end to end, from the first possible item on
    range    = bound mode payload      what comes after the last range is skipped
    bound    = time+1 length prefix    exclusive; time as difference from the bound before; 0 is infinity
    payload  = nothing                                          mode 0, skip
             | 16 bytes                                         mode 1, fingerprint
             | count, count * 32 bytes                          mode 2, all ids of the range

Spec: github.com/hoytech/negentropy, docs/negentropy-protocol-v1.md. Byte for byte what the reference
sends, but for one case in which the reference loses a difference (see `_fingerprint_rest`). Stricter in
what is accepted: bounds that go backwards, times beyond infinity, and numbers over 64 bits or with leading
zeros are refused, since no implementation sends them.

Pure: no I/O, clock or randomness. The work for one message is at most linear in its length plus the length
of the answer; the answer is at most `frame_size_max`, or without one, all ids of the index. The caller
bounds the length of messages and the number of rounds.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from protocol.errors import TheirFault
from sync.index import (
    FINGERPRINT_BYTES,
    ID_BYTES,
    TIMESTAMP_END,
    RangeIndex,
    fingerprint,
    varint,
)

VERSION: Final = 0x61
FRAME_SIZE_MIN: Final = 4096
FRAME_RESERVE_BYTES: Final = 200  # room for the range that closes a message which has reached its limit

SKIP: Final = 0
FINGERPRINT: Final = 1
ID_LIST: Final = 2

BUCKETS: Final = 16  # ranges of 32 items and more are split into so many
INFINITY: Final = TIMESTAMP_END
VARINT_BYTES_MAX: Final = 10
RANGES_MAX: Final = (
    4_096  # of a message; more than 3,448 fingerprints, and lists that answer them, do not fit
)

_EMPTY: Final = fingerprint(0, 0)


@dataclass(frozen=True, slots=True)
class Step:
    """What the initiator learned from a message, and what to send next (None: done)."""

    reply: bytes | None
    have: list[bytes]  # ids held here that the other side lacks
    need: list[bytes]  # ids the other side holds that we lack


def _bad(limit: str = "") -> TheirFault:
    return TheirFault("bad_reconciliation", limit=limit)


class _Reader:
    """Takes a message apart. Raises TheirFault("bad_reconciliation"), nothing else."""

    __slots__ = ("_at", "_message", "_prefix", "_timestamp")

    def __init__(self, message: bytes) -> None:
        self._message = message
        self._at = 1
        self._timestamp = 0
        self._prefix = b""

    def more(self) -> bool:
        return self._at < len(self._message)

    def number(self) -> int:
        message, at, value = self._message, self._at, 0
        if at < len(message) and message[at] < 0x80:
            self._at = at + 1
            return message[at]
        last = min(at + VARINT_BYTES_MAX, len(message))
        while at < last:
            byte = message[at]
            if byte == 0x80 and not value:
                raise _bad()  # a leading zero
            at += 1
            value = value << 7 | byte & 0x7F
            if byte < 0x80:
                self._at = at
                if value > TIMESTAMP_END:
                    raise _bad()
                return value
        over = at == self._at + VARINT_BYTES_MAX
        raise _bad(f"VARINT_BYTES_MAX {VARINT_BYTES_MAX}" if over else "")

    def take(self, size: int) -> bytes:
        at = self._at
        self._at = end = at + size
        if end > len(self._message):
            raise _bad()
        return self._message[at:end]

    def bound(self) -> tuple[int, bytes]:
        """The next bound as (timestamp, prefix). Never below the one before."""
        offset, size = self.number(), self.number()
        if size > ID_BYTES:
            raise _bad()
        prefix = self.take(size) if size else b""
        if not offset:
            timestamp = INFINITY  # a prefix says nothing here, but @nostr-dev-kit/sync sends one
        else:
            timestamp = self._timestamp + offset - 1
            if timestamp >= INFINITY:
                raise _bad()
            if offset == 1 and prefix.ljust(ID_BYTES, b"\0") < self._prefix.ljust(ID_BYTES, b"\0"):
                raise _bad()
        self._timestamp, self._prefix = timestamp, prefix
        return timestamp, prefix

    def ids(self) -> list[bytes]:
        count = self.number()
        if count > (len(self._message) - self._at) // ID_BYTES:
            raise _bad()
        packed = self.take(count * ID_BYTES)
        return [packed[at : at + ID_BYTES] for at in range(0, len(packed), ID_BYTES)]


def has_fingerprints(message: bytes) -> bool:
    """Whether a message begins with a fingerprint: its sender holds more than fits into a list of ids."""
    reader = _Reader(message)
    try:
        reader.bound()
        return message[0] == VERSION and reader.number() == FINGERPRINT
    except TheirFault:  # who answers it says so
        return False


class _Writer:
    """Puts a message together. `skipping` is a stretch that needs no answer: written only if more follows."""

    __slots__ = ("_parts", "_skip_to", "_timestamp", "size")

    def __init__(self) -> None:
        self._parts = [bytes((VERSION,))]
        self.size = 1
        self._timestamp = 0
        self._skip_to: tuple[int, bytes] | None = None

    def skip(self, timestamp: int, prefix: bytes) -> None:
        self._skip_to = timestamp, prefix

    def add(self, timestamp: int, prefix: bytes, mode: int, payload: bytes) -> None:
        if self._skip_to is not None:
            skip_timestamp, skip_prefix = self._skip_to
            self._skip_to = None
            self.add(skip_timestamp, skip_prefix, SKIP, b"")
        offset = 0 if timestamp == INFINITY else timestamp - self._timestamp + 1
        self._timestamp = timestamp
        part = b"%b%c%b%c%b" % (varint(offset), len(prefix), prefix, mode, payload)
        self._parts.append(part)
        self.size += len(part)

    def cut_back(self, size: int) -> None:
        """Take back what was written beyond `size`. Only a range up to infinity may follow."""
        while self.size > size:
            self.size -= len(self._parts.pop())

    def message(self) -> bytes:
        return b"".join(self._parts)


class Reconciler:
    """One side of a reconciliation over `index`. Keeps no state: both roles, any number of times.

    Items are (timestamp, id). Reference implementations break at timestamps of 2**31, so our callers give
    seconds since 2020-01-01, not since 1970. `frame_size_max` bounds the messages made here, in bytes:
    0 for no bound, or 4096 and more.
    """

    __slots__ = ("_index", "_size_max")

    def __init__(self, index: RangeIndex, frame_size_max: int = 0) -> None:
        if frame_size_max and frame_size_max < FRAME_SIZE_MIN:
            raise ValueError(f"frame_size_max is 0 or at least {FRAME_SIZE_MIN}")
        self._index = index
        self._size_max = frame_size_max - FRAME_RESERVE_BYTES if frame_size_max else 0

    def initiate(self) -> bytes:
        """The first message, sent by the side that will learn the differences. At most 1 kB or so."""
        out = _Writer()
        index = self._index
        self._split(out, index.before_rank(0), index.before_rank(len(index)), INFINITY, b"")
        return out.message()

    def respond(self, message: bytes) -> bytes:
        """The answer of the other side. A message of another version gets our version byte alone."""
        if not message or not 0x60 <= message[0] <= 0x6F:
            raise _bad()
        if message[0] != VERSION:
            return bytes((VERSION,))
        return self._answer(message, None)

    def reconcile(self, message: bytes) -> Step:
        """What the initiator learns from an answer, and its next message.

        With a frame limit on either side the same id may be named again in a later step.
        """
        if not message or message[0] != VERSION:
            raise _bad()
        have: list[bytes] = []
        need: list[bytes] = []
        reply = self._answer(message, (have, need))
        return Step(reply if len(reply) > 1 else None, have, need)

    def _answer(self, message: bytes, learned: tuple[list[bytes], list[bytes]] | None) -> bytes:
        """Go through the ranges of a message. `learned` is (have, need) to add to: the initiator's alone."""
        index, reader, out = self._index, _Reader(message), _Writer()
        lower = (0, 0)  # (count, sum of ids) before the range, as everywhere below
        skipped: tuple[int, bytes] | None = None  # a bound to look up only if a range follows that is no skip
        bound = (0, b"")
        for _ in range(RANGES_MAX):
            if not reader.more():
                break
            before, bound = bound, reader.bound()
            timestamp, prefix = bound
            mode = reader.number()
            if mode == SKIP:
                skipped = timestamp, prefix
                out.skip(timestamp, prefix)
                continue
            if skipped is not None:
                lower, skipped = index.before(*skipped), None
            upper = lower if bound == before else index.before(timestamp, prefix)
            start = out.size
            theirs = b""
            if mode == FINGERPRINT:
                theirs = reader.take(FINGERPRINT_BYTES)
                if theirs == fingerprint(upper[0] - lower[0], upper[1] - lower[1]):
                    out.skip(timestamp, prefix)
                else:
                    self._split(out, lower, upper, timestamp, prefix)
            elif mode == ID_LIST and learned is not None:
                _compare(index, lower[0], upper[0], reader.ids(), *learned)
                out.skip(timestamp, prefix)
            elif mode == ID_LIST:
                reader.ids()  # only the initiator reads them
                upper = self._list(out, lower, upper, timestamp, prefix)
                start = out.size
            else:
                raise _bad()
            if self._size_max and out.size > self._size_max:
                out.cut_back(start)
                self._fingerprint_rest(out, lower if theirs == _EMPTY else upper)
                return out.message()
            lower = upper
        else:
            if reader.more():
                raise _bad(f"RANGES_MAX {RANGES_MAX}")
        return out.message()

    def _split(
        self, out: _Writer, lower: tuple[int, int], upper: tuple[int, int], timestamp: int, prefix: bytes
    ) -> None:
        """Send a range, which ends at (timestamp, prefix), as ids if it is small, else as fingerprints."""
        index = self._index
        count = upper[0] - lower[0]
        if count < 2 * BUCKETS:
            ids = b"".join(index.ids(lower[0], upper[0]))
            out.add(timestamp, prefix, ID_LIST, varint(count) + ids)
            return
        size, larger = divmod(count, BUCKETS)
        rank = lower[0]
        for bucket in range(BUCKETS - 1):
            rank += size + (bucket < larger)  # the first ones hold one item more than the others
            following, below, key = index.cut(rank)
            part = fingerprint(following[0] - lower[0], following[1] - lower[1])
            out.add(*_bound_between(below, key), FINGERPRINT, part)
            lower = following
        out.add(timestamp, prefix, FINGERPRINT, fingerprint(upper[0] - lower[0], upper[1] - lower[1]))

    def _list(
        self, out: _Writer, lower: tuple[int, int], upper: tuple[int, int], timestamp: int, prefix: bytes
    ) -> tuple[int, int]:
        """Send our ids of a range, as many as the frame holds, and say where the list ends."""
        index = self._index
        if self._size_max:
            fitting = (self._size_max - out.size) // ID_BYTES + 1
            if upper[0] - lower[0] > fitting:
                upper = index.before_rank(lower[0] + fitting)
                timestamp, prefix = index.item(upper[0])
        ids = b"".join(index.ids(lower[0], upper[0]))
        out.add(timestamp, prefix, ID_LIST, varint(upper[0] - lower[0]) + ids)
        return upper

    def _fingerprint_rest(self, out: _Writer, lower: tuple[int, int]) -> None:
        """Close a message at its limit: one fingerprint for all that it has not come to.

        The range begins where the message was cut, yet the fingerprint (here as in the reference) begins
        after the range whose answer did not fit: a fingerprint too small, which the other side finds
        unequal and splits. Only if that range is empty on the other side could the two be equal, and what
        we hold in it would never be found. Then, other than the reference, ours begins at the cut.
        """
        end = self._index.before_rank(len(self._index))
        out.add(INFINITY, b"", FINGERPRINT, fingerprint(end[0] - lower[0], end[1] - lower[1]))


def _compare(
    index: RangeIndex, lower: int, upper: int, theirs: list[bytes], have: list[bytes], need: list[bytes]
) -> None:
    """Add to `have` and `need` how ranks [lower, upper) differ from the ids that the other side lists."""
    missing = dict.fromkeys(theirs)
    if lower == upper:
        need.extend(missing)
        return
    for item_id in index.ids(lower, upper):
        if item_id in missing:
            del missing[item_id]
        else:
            have.append(item_id)
    need.extend(missing)


def _bound_between(before: bytes, key: bytes) -> tuple[int, bytes]:
    """The shortest bound that parts two neighboring keys."""
    timestamp = int.from_bytes(key[:8], "big")
    if before[:8] != key[:8]:
        return timestamp, b""
    end = 8
    while before[end] == key[end]:
        end += 1
    return timestamp, key[8 : end + 1]
