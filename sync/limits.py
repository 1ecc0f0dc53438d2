"""Bounds: how fast, how soon again, how much remembered, how much waiting.

The time is always an argument (seconds, any clock that the caller keeps to), chance too; so these run
the same in a test, in the simulator and on a node. A rate only ever delays. A clock set back neither
fills a bucket nor blocks it.
"""

from __future__ import annotations

from collections import deque
from typing import Generic, TypeVar

from protocol.errors import WorldFault

TIME_TOLERANCE_S = 1e-6  # so that waiting exactly as long as told is enough, in floating point too
BACKOFF_DOUBLINGS_MAX = 30

T = TypeVar("T")


class TokenBucket:
    """Lets `rate_per_s` through on average, and up to `burst` at once after a pause."""

    __slots__ = ("_burst", "_full_at", "_now", "_rate_per_s")

    def __init__(self, rate_per_s: float, burst: float) -> None:
        if rate_per_s <= 0 or burst <= 0:
            raise ValueError("rate and burst are above zero")
        self._rate_per_s = rate_per_s
        self._burst = burst
        self._now: float | None = None
        self._full_at = 0.0  # when the bucket will be full again; that alone says how full it is now

    def take(self, amount: float, now: float) -> float:
        """0.0 if `amount` was taken, else the seconds until it could be: nothing is taken then.

        An amount above the burst waits for a full bucket and is paid off afterwards, so that it too is
        only delayed.
        """
        if self._now is None:
            self._full_at = now
        elif now < self._now:
            self._full_at += now - self._now
        self._now = now
        enough_at = self._full_at - max(self._burst - amount, 0.0) / self._rate_per_s
        if enough_at > now + TIME_TOLERANCE_S:
            return enough_at - now
        self._full_at = max(self._full_at, now) + amount / self._rate_per_s
        return 0.0


class Backoff:
    """When to try again: after `base_s`, then twice as long each time, up to `max_s`."""

    __slots__ = ("_base_s", "_max_s", "failures")

    def __init__(self, base_s: float, max_s: float) -> None:
        if not 0 < base_s <= max_s:
            raise ValueError("base_s is above zero and at most max_s")
        self._base_s = base_s
        self._max_s = max_s
        self.failures = 0

    def failed(self, now: float, jitter: float) -> float:
        """The time of the next try. `jitter`, from 0 to below 1, draws it from the wait's second half.

        So nodes that lost each other at the same moment do not all come back at the same moment.
        """
        wait_s = min(self._base_s * 2.0 ** min(self.failures, BACKOFF_DOUBLINGS_MAX), self._max_s)
        self.failures += 1
        return now + wait_s * (1 + jitter) / 2

    def succeeded(self) -> None:
        """Begin again at `base_s`."""
        self.failures = 0


class BoundedSet:
    """The last `size_max` different values added, as a memory of what was seen. The oldest goes first."""

    __slots__ = ("_size_max", "_values")

    def __init__(self, size_max: int) -> None:
        if size_max < 1:
            raise ValueError("size_max is at least 1")
        self._size_max = size_max
        self._values: dict[bytes, None] = {}

    def __len__(self) -> int:
        return len(self._values)

    def __contains__(self, value: bytes) -> bool:
        return value in self._values

    def add(self, value: bytes) -> bool:
        """True if it was not known. Seen again, a value keeps its age: repeating does not keep it alive."""
        if value in self._values:
            return False
        if len(self._values) >= self._size_max:
            del self._values[next(iter(self._values))]
        self._values[value] = None
        return True

    def discard(self, value: bytes) -> None:
        """Forget a value, if it is known."""
        self._values.pop(value, None)


def _full(bound: str) -> WorldFault:
    return WorldFault("queue_full", f"More is waiting than this node can hold at once ({bound}).")


class BoundedQueue(Generic[T]):
    """First in, first out, bounded by the number of entries and by their sizes together."""

    __slots__ = ("_count_max", "_entries", "_size_bytes_max", "size_bytes")

    def __init__(self, count_max: int, size_bytes_max: int) -> None:
        if count_max < 1 or size_bytes_max < 1:
            raise ValueError("bounds are at least 1")
        self._count_max = count_max
        self._size_bytes_max = size_bytes_max
        self._entries: deque[tuple[T, int]] = deque()
        self.size_bytes = 0

    def __len__(self) -> int:
        return len(self._entries)

    def put(self, entry: T, size_bytes: int) -> None:
        """Add at the end. Raises WorldFault("queue_full"), naming the bound, and then adds nothing."""
        if size_bytes < 0:
            raise ValueError("size_bytes is not negative")
        if len(self._entries) >= self._count_max:
            raise _full(f"{self._count_max} entries")
        if self.size_bytes + size_bytes > self._size_bytes_max:
            raise _full(f"{self._size_bytes_max} bytes")
        self._entries.append((entry, size_bytes))
        self.size_bytes += size_bytes

    def clear(self) -> None:
        """Drop everything that waits."""
        self._entries.clear()
        self.size_bytes = 0

    def take(self) -> T:
        """The oldest entry. Raises IndexError when empty."""
        entry, size_bytes = self._entries.popleft()
        self.size_bytes -= size_bytes
        return entry
