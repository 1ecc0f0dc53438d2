"""Credits: how much one side may have on its way to the other before that says `taken`.

Each side says in hello what it takes at once: records in a batch, batches, and bytes together. So a peer that
is slow, or that lets the records of one neighborhood wait, holds up nobody but itself, and what waits for it
is bounded at both ends.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from sync.frames import RECORDS_MAX, RECORDS_SIZE_MAX_BYTES
from sync.sets import PATIENCE_S

BATCHES_IN_FLIGHT_MAX = 8
BYTES_IN_FLIGHT_MAX = 393_216  # of records, in all batches together


def offered() -> list[int]:
    """The limits that we say in hello. Who knows only the first two keeps to those."""
    return [RECORDS_MAX, BATCHES_IN_FLIGHT_MAX, BYTES_IN_FLIGHT_MAX]


@dataclass(slots=True)
class Credits:
    """What is on its way to the other side."""

    records_max: int = RECORDS_MAX
    batches_max: int = BATCHES_IN_FLIGHT_MAX
    bytes_max: int = BYTES_IN_FLIGHT_MAX
    sent: dict[int, float] = field(default_factory=dict)  # when, by number
    sizes: dict[int, int] = field(default_factory=dict)
    size_bytes: int = 0
    last: int = 0  # the number of the newest batch

    def negotiate(self, *said: int) -> None:
        """What the other side takes: records, batches, bytes. Ours hold where they are lower or unsaid."""
        records, batches, size = (*said, *offered()[len(said) :])[:3]
        self.records_max = min(records, RECORDS_MAX)
        self.batches_max = min(batches, BATCHES_IN_FLIGHT_MAX)
        self.bytes_max = min(size, BYTES_IN_FLIGHT_MAX)

    def room_bytes(self) -> int:
        """How many bytes the next batch may have, 0 where it must wait. One record may always go alone."""
        if not self.sent:
            return RECORDS_SIZE_MAX_BYTES
        if len(self.sent) >= self.batches_max:
            return 0
        return max(0, min(RECORDS_SIZE_MAX_BYTES, self.bytes_max - self.size_bytes))

    def spend(self, size_bytes: int, now: float) -> int:
        """A batch leaves; gives its number."""
        self.last += 1
        self.sent[self.last] = now
        self.sizes[self.last] = size_bytes
        self.size_bytes += size_bytes
        return self.last

    def regain(self, number: int) -> bool:
        """A batch was taken. False where none of this number is on its way."""
        if self.sent.pop(number, None) is None:
            return False
        self.size_bytes -= self.sizes.pop(number)
        return True

    def expire(self, now: float) -> None:
        """Batches whose answer never came no longer count."""
        for number, sent in list(self.sent.items()):
            if now - sent > PATIENCE_S:
                self.regain(number)

    def next_due(self) -> float:
        """When `expire` has something to do."""
        return min((sent + PATIENCE_S for sent in self.sent.values()), default=float("inf"))
