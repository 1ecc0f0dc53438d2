"""What day it is, when machines disagree.

A node keeps others' days as differences from its own clock, one per home, and its day is the median with
its own. So one wrong clock moves nobody, and a node whose own clock is wrong follows its peers.
"""

from __future__ import annotations

from dataclasses import dataclass, field

PEERS_MAX = 200  # homes whose day is remembered; the oldest leave first
DIFFERENCE_MAX_DAYS = 40_000
PROVEN_BY = 2  # homes that say a day before it counts at the next start, too


@dataclass(slots=True)
class Days:
    """Differences in days by home: theirs minus ours."""

    differences: dict[bytes, int] = field(default_factory=dict)

    def note(self, home: bytes, their_day: int, own_clock_day: int) -> None:
        """A peer said what day it is."""
        difference = max(-DIFFERENCE_MAX_DAYS, min(DIFFERENCE_MAX_DAYS, their_day - own_clock_day))
        self.differences.pop(home, None)
        self.differences[home] = difference
        while len(self.differences) > PEERS_MAX:
            del self.differences[next(iter(self.differences))]

    def offset(self, clock_set: bool = True) -> int:
        """By how many days to correct our own clock: the median with our own, the one nearer to it of two.

        A clock that is surely not set has no say; without peers it cannot be corrected.
        """
        ordered = sorted([0] * clock_set + list(self.differences.values())) or [0]
        middle = len(ordered) // 2
        if len(ordered) % 2:
            return ordered[middle]
        return min(ordered[middle - 1], ordered[middle], key=abs)

    def prove(self, known: int, clock_set: bool = True) -> bool:
        """Whether the day is certain enough to be held against others later, even after a start.

        Two of the homes that we have to do with must say it, or the only one: then it agrees with our own
        clock, so nobody can choose it. Not by the word of one where our clock has no say.
        """
        day = self.offset(clock_set)
        saying = sum(abs(difference - day) <= 1 for difference in self.differences.values())
        return saying >= (min(PROVEN_BY, max(known, 1)) if clock_set else PROVEN_BY)

    def disputed(self) -> bool:
        """Whether as many say another day as say ours: with one peer nobody can tell who is wrong."""
        return self._dispute() is not None

    def disputed_by(self) -> int:
        """In a dispute, by how many days the earlier of the two lies before ours; else 0."""
        return max(0, -(self._dispute() or 0))

    def _dispute(self) -> int | None:
        ordered = sorted([0, *self.differences.values()])
        middle = len(ordered) // 2
        apart = len(ordered) % 2 == 0 and ordered[middle] - ordered[middle - 1] > 1
        return ordered[middle - 1] if apart else None

    def theirs(self) -> int:
        """By how many days the median of the peers lies after our clock: of two middle ones the nearer."""
        ordered = sorted(self.differences.values())
        return min(ordered[(len(ordered) - 1) // 2 : len(ordered) // 2 + 1], key=abs, default=0)

    def clock_unset(self) -> bool:
        """Whether our clock is more than a day off the median of at least two peers."""
        return len(self.differences) >= 2 and abs(self.theirs()) > 1
