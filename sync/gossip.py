"""How news spreads over many links with few copies: Plumtree, by Leitão, Pereira and Rodrigues.

"Epidemic Broadcast Trees", SRDS 2007. What is new in a set goes whole over eager links, and over lazy ones
only its id, a little later and many at once. Links begin eager. Who gets a record a second time says `prune`,
and both ends make that link lazy for that set; so the eager links of a set come to be a tree. Who has heard
of a record by its id and does not get it in time says `graft` to one that has it: it is sent, and the link
is eager again. So the tree grows together where it broke.

`Gossip` is a node's, `Branch` one link's. A pair set has one link and stays eager, and so does everything on
a link with a node that does not name the feature. No part of this decides what is stored: whatever is lost
here, the next comparison finds. The paper's optimisation by distance is left out (decision 0028).
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Sequence
from dataclasses import dataclass, field

from protocol.record import Record
from sync.limits import BoundedSet
from sync.sets import SetKey

SEEN_MAX = 20_000  # ids of what came lately, by which a second copy is known
KNOWN_MAX = 2_000  # ids that one other side is known to have, or that were asked of it
MISSING_MAX = 10_000  # ids heard of whose records have not come; beyond it comparisons find them
WAITING_MAX = 10_000  # ids to be named on one lazy link
LAZY_AFTER_S = 0.5  # until an id is named on a lazy link, together with those that follow
GRAFT_AFTER_S = 1.5  # from the first word of a record until it is asked for: the tree may be slower
GRAFT_AGAIN_S = 1.0  # until it is asked of the next one


@dataclass(slots=True)
class Missing:
    """A record that was named to us: who can be asked for it, in the order of their word, and when."""

    named_by: dict[int, None]
    due: float
    counts_for: int  # the link in whose share of the room it is


@dataclass(slots=True)
class Gossip:
    """What one node knows about news on all its links."""

    seen: BoundedSet = field(default_factory=lambda: BoundedSet(SEEN_MAX))
    branches: dict[int, Branch] = field(default_factory=dict)
    missing: dict[bytes, Missing] = field(default_factory=dict)
    shares: dict[int, dict[bytes, None]] = field(default_factory=dict)  # of `missing`, by link
    _turn_at: float = float("inf")  # nothing in `missing` is due before

    def branch(self, link: int, sets: Collection[SetKey]) -> Branch:
        """The part of a new link."""
        made = self.branches[link] = Branch(self, link, sets)
        return made

    def down(self, link: int) -> None:
        """A link is over. What only it could have given is forgotten; the next comparison finds it."""
        self.branches.pop(link, None)

    def sets_shared(self) -> int:
        """On how many links how many sets are kept equal, counted together."""
        return sum(len(branch.sets) for branch in self.branches.values())

    def news(self, record: Record, link: int | None, sets_of: Callable[[Record], Iterable[SetKey]]) -> None:
        """A record is new here. Where `graft` brought it, that link is part of the tree now."""
        self.seen.add(record.id)
        self.came(record.id)
        branch = self.branches.get(link) if link is not None else None
        if branch is None:
            return
        branch.known.add(record.id)
        branch.asked.discard(record.id)
        if record.id in branch.grafted:
            branch.grafted.discard(record.id)
            branch.lazy.difference_update(sets_of(record))

    def take_turns(self, now: float) -> None:
        """Give each record that did not come in time to the next link that can be asked for it."""
        if now < self._turn_at:
            return
        self._turn_at = float("inf")
        for record_id, missing in list(self.missing.items()):
            if missing.due <= now:
                able = next((link for link in missing.named_by if link in self.branches), None)
                if able is None:
                    self.came(record_id)
                    continue
                missing.named_by = {link: None for link in missing.named_by if link != able}
                missing.due = now + GRAFT_AGAIN_S
                self.branches[able].to_graft[record_id] = None
            self._turn_at = min(self._turn_at, missing.due)

    def named(self, record_id: bytes, link: int, now: float) -> None:
        """The other side of a link has a record that is not here.

        Where the room is full, who has no more than an equal share of it gets in at the cost of who has most.
        """
        missing = self.missing.get(record_id)
        if missing is None:
            if len(self.missing) >= MISSING_MAX and not self._make_room(link):
                return
            missing = self.missing[record_id] = Missing({}, now + GRAFT_AFTER_S, link)
            self.shares.setdefault(link, {})[record_id] = None
            self._turn_at = min(self._turn_at, missing.due)
        elif len(self.shares.get(link, ())) < len(self.shares[missing.counts_for]) - 1:
            self._leave_share(record_id, missing)  # who names much does not keep what others name as well
            missing.counts_for = link
            self.shares.setdefault(link, {})[record_id] = None
        missing.named_by[link] = None

    def came(self, record_id: bytes) -> None:
        """A record is not missed any more, or nobody is left who can be asked for it."""
        missing = self.missing.pop(record_id, None)
        if missing is not None:
            self._leave_share(record_id, missing)

    def _leave_share(self, record_id: bytes, missing: Missing) -> None:
        share = self.shares[missing.counts_for]
        del share[record_id]
        if not share:
            del self.shares[missing.counts_for]

    def _make_room(self, link: int) -> bool:
        own = len(self.shares.get(link, ()))
        if own >= MISSING_MAX // len(self.shares.keys() | {link}):
            return False
        most = max(self.shares.values(), key=len)  # longer than ours by two at least
        given_up = next(reversed(most))
        self.came(given_up)
        for branch in self.branches.values():
            branch.to_graft.pop(given_up, None)
        return True

    def next_turn(self) -> float:
        """When `take_turns` has something to do."""
        return self._turn_at


@dataclass(slots=True)
class Branch:
    """One link's part. It acts only where both sides named the feature (`grows`)."""

    gossip: Gossip
    link: int
    sets: Collection[SetKey]  # those that are shared over the link, kept by the exchange
    grows: bool = False
    lazy: set[SetKey] = field(default_factory=set)
    known: BoundedSet = field(default_factory=lambda: BoundedSet(KNOWN_MAX))  # what the other side has
    asked: BoundedSet = field(default_factory=lambda: BoundedSet(KNOWN_MAX))  # a second copy is our own doing
    grafted: BoundedSet = field(default_factory=lambda: BoundedSet(KNOWN_MAX))
    waiting: dict[bytes, None] = field(default_factory=dict)  # to be named
    to_graft: dict[bytes, None] = field(default_factory=dict)
    name_at: float = float("inf")

    # what goes out

    def goes_whole(self, record_id: bytes, keys: Sequence[SetKey], urgent: bool, now: float) -> bool:
        """Whether to send news whole. If not, it is named later, unless the other side named it first."""
        if record_id in self.known:
            return False
        if any(self.is_eager(key) for key in keys):
            return True
        if len(self.waiting) < WAITING_MAX:
            self.waiting[record_id] = None
            self.name_at = min(self.name_at, now if urgent else now + LAZY_AFTER_S)
        return False

    def due(self, now: float) -> tuple[list[bytes], list[bytes]]:
        """Ids to name, and ids to graft, that are due."""
        self.gossip.take_turns(now)
        named: list[bytes] = []
        if now >= self.name_at:
            named = [record_id for record_id in self.waiting if record_id not in self.known]
            self.waiting.clear()
            self.name_at = float("inf")
        grafted = [record_id for record_id in self.to_graft if record_id in self.gossip.missing]
        self.to_graft.clear()
        for record_id in grafted:
            self.asked.add(record_id)
            self.grafted.add(record_id)
        return named, grafted

    def next_due(self) -> float:
        """When `due` has something to give."""
        if self.to_graft:
            return 0.0
        return min(self.name_at, self.gossip.next_turn())

    # what comes in

    def hear(self, ids: Iterable[bytes], holds: Callable[[bytes], bool], now: float) -> None:
        """The other side names records that it has."""
        for record_id in ids:
            self.known.add(record_id)
            self.waiting.pop(record_id, None)
            if record_id not in self.gossip.seen and not holds(record_id):
                self.gossip.named(record_id, self.link, now)

    def repeated(self, record_id: bytes, keys: Iterable[SetKey]) -> list[SetKey]:
        """A record came that was here, or had been refused, already: gives the sets to prune.

        None where this link brought or named it before, or where we asked for it: then a comparison sent it.
        And none where no other link is eager, or a set's only way would be the slow one.
        """
        unasked = record_id not in self.asked and record_id not in self.known
        self.known.add(record_id)
        self.asked.discard(record_id)
        self.waiting.pop(record_id, None)
        self.gossip.came(record_id)
        first = self.gossip.seen.add(record_id)
        if first or not unasked:
            return []
        return self.withdraw(key for key in keys if self._is_spare(key))

    def withdraw(self, keys: Iterable[SetKey]) -> list[SetKey]:
        """Make the link lazy for these sets; gives those for which it was not."""
        pruned = [key for key in keys if self.grows and key[0] != "pair" and self.is_eager(key)]
        self.lazy.update(pruned)
        return pruned

    def is_eager(self, key: SetKey) -> bool:
        """Whether what is new in a set goes out whole here."""
        return key in self.sets and key not in self.lazy

    def _is_spare(self, key: SetKey) -> bool:
        others = self.gossip.branches.values()
        return any(branch is not self and branch.is_eager(key) for branch in others)

    def prune(self, key: SetKey) -> None:
        """The other side gets this set's news elsewhere."""
        if key[0] != "pair" and key in self.sets:
            self.lazy.add(key)

    def graft(self, keys: Iterable[SetKey]) -> None:
        """The other side wants what is new in these sets whole."""
        self.lazy.difference_update(keys)
