"""When to send a parcel and what goes into it. Pure: time and chance are arguments.

A parcel goes out where a pair set has something that the other side is not known to hold and there is no
direct link. It is sent again with back-off until a fingerprint of the other side shows that it arrived.
What comes in meanwhile goes soon and alone: a neighbor who is away must not cost more with each promise.
Each parcel carries the fingerprints of the sender's whole pair set in a few ranges; the receiver answers
with a parcel of its own, once, if there were records in it. A parcel without records is a pure
acknowledgement, and is never acknowledged.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from sync.index import RangeIndex
from sync.limits import Backoff

RANGES = 8
SOON_S = 2.0
AGAIN_BASE_S = 60.0
AGAIN_MAX_S = 86_400.0
PARTNERS_MAX = 200
FRESH_MAX = 256  # new records for one partner that go by themselves; with more, everything goes


def ranges_of(index: RangeIndex, count: int = RANGES) -> list[tuple[int | None, bytes]]:
    """The set as at most `count` (until, fingerprint), each up to but not including the time `until`."""
    size = len(index)
    result: list[tuple[int | None, bytes]] = []
    lower = 0
    for step in range(1, count):
        rank = size * step // count
        if rank <= lower or rank >= size:
            continue
        until = index.item(rank)[0]
        upper = index.rank(until)
        if upper > lower:
            result.append((until, index.fingerprint(lower, upper)))
            lower = upper
    result.append((None, index.fingerprint(lower, size)))
    return result


def differing(index: RangeIndex, ranges: Sequence[tuple[int | None, bytes]]) -> list[bytes]:
    """The ids that we hold in ranges whose fingerprint is not ours."""
    ids: list[bytes] = []
    lower = 0
    for until, fingerprint in ranges:
        upper = len(index) if until is None else max(lower, index.rank(max(0, until)))
        if index.fingerprint(lower, upper) != fingerprint:
            ids += index.ids(lower, upper)
        lower = upper
    return ids


def equal(index: RangeIndex, ranges: Sequence[tuple[int | None, bytes]]) -> bool:
    """Whether the ranges cover everything and every fingerprint is ours."""
    lower = 0
    for until, fingerprint in ranges:
        upper = len(index) if until is None else max(lower, index.rank(max(0, until)))
        if index.fingerprint(lower, upper) != fingerprint:
            return False
        lower = upper
    return bool(ranges) and ranges[-1][0] is None


@dataclass(slots=True)
class Due:
    """A parcel that is to go out, at `next_at`; at `again_at` everything goes, sent before or not.

    `lacking`: ids that the partner showed not to hold; none: all since the two were last known to be equal.
    `fresh`: ids that came in since everything was sent; before `again_at` only these go.
    `turn`: how often everything was sent.
    """

    next_at: float
    again_at: float = 0.0
    backoff: Backoff = field(default_factory=lambda: Backoff(AGAIN_BASE_S, AGAIN_MAX_S))
    lacking: tuple[bytes, ...] = ()
    fresh: tuple[bytes, ...] = ()
    turn: int = 0
    acknowledge_only: bool = False

    def carries_fresh(self, now: float) -> bool:
        """Whether what goes now is only what is new."""
        return bool(self.fresh) and now < self.again_at

    def hurry(self, soon: float, whole: bool) -> None:
        """Go at `soon` at the latest; `whole`: with everything."""
        self.next_at = min(self.next_at, soon)
        if whole:
            self.again_at = min(self.again_at, soon)


@dataclass(slots=True)
class Schedule:
    """What is to be sent to whom, and when. `crowded`: somebody found no place or lost it."""

    due: dict[bytes, Due] = field(default_factory=dict)
    crowded: bool = False

    def changed(self, partner: bytes, now: float, jitter: float, new: bytes | None = None) -> None:
        """There is something new for a partner: the record `new`, or after a start, anything."""
        if not self._has_place(partner):
            return
        entry = self.due.get(partner)
        if entry is None or entry.acknowledge_only:
            self.due[partner] = Due(now + SOON_S * jitter)
            return
        if entry.lacking and new is not None:
            entry.lacking = (*entry.lacking, new)
        if entry.turn and new is not None and len(entry.fresh) < FRESH_MAX:
            entry.fresh = (*entry.fresh, new)
            entry.hurry(now + SOON_S * jitter, whole=False)
        else:
            entry.hurry(now + SOON_S * jitter, whole=True)

    def _has_place(self, partner: bytes) -> bool:
        """Whether this partner is waited for, or can be: who was sent to most often gives way."""
        if partner in self.due or len(self.due) < PARTNERS_MAX:
            return True
        self.crowded = True
        longest = max(self.due, key=lambda home: self.due[home].backoff.failures)
        if not self.due[longest].backoff.failures:
            return False
        del self.due[longest]
        return True

    def reachable(self, partner: bytes, now: float, jitter: float) -> None:
        """The partner showed a card: perhaps its first, without which nothing could be sealed for it."""
        entry = self.due.get(partner)
        if entry is not None:
            entry.hurry(now + SOON_S * jitter, whole=True)

    def received(
        self,
        partner: bytes,
        had_records: bool,
        lacking: Sequence[bytes],
        now: float,
        jitter: float,
        brought_new: bool = True,
    ) -> None:
        """A parcel came from `partner`; `lacking` is what its fingerprints show it not to hold.

        `brought_new`: some of its records had not been held here.
        """
        if not self._has_place(partner):
            return
        entry = self.due.get(partner)
        if not lacking:
            self.due.pop(partner, None)
            if had_records:
                self.due[partner] = Due(now + SOON_S * jitter, acknowledge_only=True)
        elif entry is None or entry.acknowledge_only:
            self.due[partner] = Due(now + SOON_S * jitter, lacking=tuple(lacking))
        else:
            # Soon only where the two came nearer: what one side cannot take must not go back and forth.
            nearer = len(lacking) < len(entry.lacking) or (had_records and brought_new)
            if nearer or not entry.lacking:
                entry.hurry(now + SOON_S * jitter, whole=True)
                entry.fresh = ()  # it is among what the partner lacks
            if nearer:
                entry.backoff.succeeded()
            entry.lacking = tuple(lacking)

    def ask(self, partner: bytes, now: float, jitter: float) -> None:
        """Say once what we hold, so that the partner sends what we lack: after a restore."""
        if partner not in self.due and len(self.due) < PARTNERS_MAX:
            self.due[partner] = Due(now + SOON_S * jitter, acknowledge_only=True)

    def sent(self, partner: bytes, now: float, jitter: float) -> None:
        """A parcel went out: an acknowledgement is done with, anything else is sent again later."""
        entry = self.due.get(partner)
        if entry is None:
            return
        if entry.acknowledge_only:
            del self.due[partner]
        elif entry.carries_fresh(now):
            entry.next_at = entry.again_at
        else:
            entry.next_at = entry.again_at = entry.backoff.failed(now, jitter)
            entry.turn += 1
        entry.fresh = ()

    def held_up(self, partner: bytes, now: float, jitter: float) -> None:
        """Nothing could go out, by no fault of the partner: try later, and no more rarely than before."""
        entry = self.due.get(partner)
        if entry is not None:
            entry.next_at = now + AGAIN_BASE_S * (1 + jitter) / 2

    def in_step(self, partner: bytes) -> None:
        """The two sides are known to be equal, or nothing can be sent to this partner."""
        self.due.pop(partner, None)

    def has_room(self) -> bool:
        """Whether those who found no place may be looked for again. Says so once."""
        room = self.crowded and len(self.due) < PARTNERS_MAX
        self.crowded = self.crowded and not room
        return room

    def ready(self, now: float) -> list[bytes]:
        """Partners whose parcel is due."""
        return [partner for partner, entry in self.due.items() if entry.next_at <= now]
