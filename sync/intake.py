"""The intake: records from all links wait here for the door, and go through it in fair turns.

A turn is of one link, and the links take turns; within it so do the neighborhoods whose records they are, and
their authors. Key and roster records go before the others of their link. Above a rate, a neighborhood's or
an author's records, or those of a link that brings much of no use, are not refused: they stay where they are
until the rate allows for them, and everybody else's go first. The batch that brought them is not said to be
`taken` until then, so the sender's credits bound what waits.

A batch beyond those credits is left out whole and unanswered: it comes again by comparison.
"""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass, field

from protocol.errors import TheirFault
from protocol.kinds.table import KINDS
from protocol.record import Record, parse
from sync.credits import BATCHES_IN_FLIGHT_MAX, BYTES_IN_FLIGHT_MAX
from sync.limits import TokenBucket

AT_ONCE_MAX = 64  # records through the door in one turn: one transaction, and what holds up the page
AMONG_OTHERS_MAX = 8  # the same while other links bring records, too: so nobody waits long for a turn
AMONG_OTHERS_PER_S = 150.0  # and what one of them gets then, after as many at once
OTHERS_S = 1.0  # how long a link that brought something counts among the others
IN_A_ROW_MAX = 10  # of one author, before it is the next one's turn
WAITING_MAX_BYTES = 8_388_608  # over all links
HOME_PER_S = 100.0
HOME_AT_ONCE_MAX = 4_000
AUTHOR_PER_S = 50.0
AUTHOR_AT_ONCE_MAX = 2_000
USELESS_PER_S = 100.0  # records of one link that were not new
USELESS_AT_ONCE_MAX = 4_000
RATES_MAX = 1_000  # neighborhoods and authors per peer whose rates are remembered; the longest quiet leave
PEERS_MAX = 200  # the same for peers


@dataclass(slots=True, eq=False)
class Batch:
    """Records that came in one frame. `left`: how many still wait."""

    link: int
    number: int
    size_bytes: int
    left: int = 0
    unreadable: int = 0


@dataclass(frozen=True, slots=True)
class Turn:
    """What goes through the door next: records of one link, each with the batch that brought it."""

    link: int
    records: list[Record]
    batches: list[Batch]


@dataclass(slots=True)
class _Home:
    authors: dict[bytes, deque[tuple[Record, Batch]]] = field(default_factory=dict)
    not_before: float = 0.0


class Peer:
    """What came from one peer: how fast lately, and what became of it since this node started."""

    def __init__(self) -> None:
        self.received = 0  # records that were new
        self.skipped = 0  # records that can never be right
        self.left_out = 0  # batches beyond what it may have waiting
        self.useless = TokenBucket(USELESS_PER_S, USELESS_AT_ONCE_MAX)
        self.among_others = TokenBucket(AMONG_OTHERS_PER_S, AMONG_OTHERS_PER_S)
        self._buckets: dict[bytes, TokenBucket] = {}

    def allowed(self, home: bytes, author: bytes, wanted: int, now: float) -> tuple[int, float]:
        """How many records may go, up to `wanted`, or 0 and the seconds until one may."""
        for count in dict.fromkeys((wanted, 1)):
            wait = 0.0
            if author != home:
                wait = self._bucket(author, AUTHOR_PER_S, AUTHOR_AT_ONCE_MAX).take(count, now)
            if wait <= 0:
                wait = self._bucket(home, HOME_PER_S, HOME_AT_ONCE_MAX).take(count, now)
            if wait <= 0:
                return count, 0.0
        return 0, wait

    def _bucket(self, key: bytes, per_s: float, at_once: float) -> TokenBucket:
        bucket = self._buckets.pop(key, None) or TokenBucket(per_s, at_once)
        self._buckets[key] = bucket  # the last in the row
        if len(self._buckets) > RATES_MAX:
            del self._buckets[next(iter(self._buckets))]
        return bucket


@dataclass(slots=True)
class _Link:
    peer: Peer
    batches: dict[int, Batch] = field(default_factory=dict)
    lanes: tuple[dict[bytes, _Home], dict[bytes, _Home]] = field(default_factory=lambda: ({}, {}))
    size_bytes: int = 0
    not_before: float = 0.0
    came_at: float = 0.0


@dataclass(slots=True)
class Intake:
    """Everything that waits for the door, by link, lane, neighborhood and author."""

    links: dict[int, _Link] = field(default_factory=dict)
    size_bytes: int = 0
    peers: dict[bytes, Peer] = field(default_factory=dict)

    def put(self, link: int, peer: bytes, number: int, messages: list[bytes], now: float) -> Batch | None:
        """Take up a batch. None where it goes beyond what its link may have waiting: it is left out."""
        here = self.links.get(link)
        if here is None:
            here = self.links[link] = _Link(self.peer(peer))
        here.came_at = now
        size = sum(map(len, messages))
        over = len(here.batches) >= BATCHES_IN_FLIGHT_MAX or here.size_bytes >= BYTES_IN_FLIGHT_MAX
        if over or self.size_bytes + size > WAITING_MAX_BYTES or number in here.batches:
            here.peer.left_out += 1
            return None
        batch = Batch(link, number, size)
        for message in messages:
            try:
                record = parse(message)
            except TheirFault:
                batch.unreadable += 1
                continue
            kind = KINDS.get(record.kind)
            lane = here.lanes[0 if kind is not None and kind.group in ("keys", "roster") else 1]
            home = lane.get(record.home)
            if home is None:
                home = lane[record.home] = _Home()
            home.authors.setdefault(record.author, deque()).append((record, batch))
            batch.left += 1
        if batch.left:
            here.batches[number] = batch
            here.size_bytes += size
            self.size_bytes += size
        return batch

    def peer(self, home: bytes) -> Peer:
        """What is remembered of a peer."""
        found = self.peers.pop(home, None) or Peer()
        self.peers[home] = found
        if len(self.peers) > PEERS_MAX:
            del self.peers[next(iter(self.peers))]
        return found

    def turn(self, now: float, at_once: int = AT_ONCE_MAX) -> Turn | None:
        """The next records for the door, `at_once` at most, or None where nothing may go now."""
        for number, link in list(self.links.items()):
            if link.not_before > now or not link.batches:
                continue
            del self.links[number]  # to the end of the row
            self.links[number] = link
            others = any(other.came_at > now - OTHERS_S for other in self.links.values() if other is not link)
            if others and (wait := link.peer.among_others.take(AMONG_OTHERS_MAX, now)) > 0:
                link.not_before = now + wait
                continue
            most = min(at_once, AMONG_OTHERS_MAX) if others else at_once
            for lane in link.lanes:
                found = self._from_lane(lane, link.peer, most, now)
                if found:
                    return Turn(number, [record for record, _ in found], [batch for _, batch in found])
        return None

    def _from_lane(
        self, lane: dict[bytes, _Home], peer: Peer, most: int, now: float
    ) -> list[tuple[Record, Batch]]:
        found: list[tuple[Record, Batch]] = []
        going = True
        while going and len(found) < most:
            going = False
            for home_id in list(lane):
                home = lane[home_id]
                if home.not_before > now:
                    continue
                del lane[home_id]
                taken = self._from_home(home, home_id, peer, most - len(found), now)
                if home.authors:
                    lane[home_id] = home
                found += taken
                going = going or bool(taken)
                if len(found) >= most:
                    break
        return found

    def _from_home(
        self, home: _Home, home_id: bytes, peer: Peer, room: int, now: float
    ) -> list[tuple[Record, Batch]]:
        """Some records of the first author of whom any may go."""
        soonest = float("inf")
        for author in list(home.authors):
            queue = home.authors.pop(author)
            count, wait = peer.allowed(home_id, author, min(len(queue), room, IN_A_ROW_MAX), now)
            taken = [queue.popleft() for _ in range(count)]
            if queue:
                home.authors[author] = queue
            if taken:
                return taken
            soonest = min(soonest, wait)
        home.not_before = now + soonest
        return []

    def done(self, turn: Turn, useless: int, now: float) -> list[int]:
        """A turn is over; gives the numbers of the batches of its link of which nothing waits any more."""
        over = []
        link = self.links.get(turn.link)
        for batch in turn.batches:
            batch.left -= 1
            if not batch.left and link is not None and link.batches.pop(batch.number, None) is not None:
                over.append(batch.number)
                link.size_bytes -= batch.size_bytes
                self.size_bytes -= batch.size_bytes
        if link is not None and useless:
            wait = link.peer.useless.take(useless, now)
            if wait > 0:
                link.not_before = now + wait
        return over

    def waiting(self, link: int) -> int:
        """How many records of a link wait."""
        here = self.links.get(link)
        return sum(batch.left for batch in here.batches.values()) if here is not None else 0

    def drop(self, link: int) -> None:
        """A link is over: what waits of it is forgotten, and comes again by comparison."""
        here = self.links.pop(link, None)
        if here is not None:
            self.size_bytes -= here.size_bytes

    def next_due(self) -> float:
        """When `turn` may have something; 0 for at once."""
        times = [
            max(link.not_before, home.not_before)
            for link in self.links.values()
            for lane in link.lanes
            for home in lane.values()
        ]
        return min(times, default=float("inf"))
