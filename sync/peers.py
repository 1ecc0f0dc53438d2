"""Whom to call, where, and when to try again. Pure: time and chance are arguments.

With few wanted neighborhoods a node keeps a link with each. With more it keeps some that it dialed itself,
drawn at random but always the same (by hashes of both ids): first those seen nearby, then others. Links that
others dialed come on top, so nodes that nobody can call still have theirs, and do not use up the places of
those that can. Once in a while it visits a random one of the others and compares with it: so the parts of a
coalition that have lost each other find each other again, whoever's links have failed.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from sync.limits import Backoff

DIAL_BASE_S = 1.0
DIAL_MAX_S = 300.0
DIAL_FULL_S = 60.0  # before one that had no place for us is called again
DIALS_AT_ONCE_MAX = 8
ADDRESSES_MAX = 12  # per neighborhood; those seen nearby come first
WANTED_MAX = 200
NEARBY_MAX = 256
MESH_MAX = 24  # with as many wanted or fewer a link with each is kept
FAR_LINKS = 6  # else as many that we dialed
NEARBY_LINKS = 8  # and as many with those seen nearby
VISIT_EVERY_S = 60.0
VISIT_MAX_S = 300.0


def _backoff() -> Backoff:
    return Backoff(DIAL_BASE_S, DIAL_MAX_S)


@dataclass(slots=True)
class Peer:
    """A neighborhood that we may want a link with."""

    addresses: list[str] = field(default_factory=list)
    nearby: list[str] = field(default_factory=list)
    turn: int = 0
    dialing: bool = False
    dialed: bool = False  # the link with it is one that we dialed
    visited: bool = False  # and only to compare
    next_at: float = 0.0
    backoff: Backoff = field(default_factory=_backoff)

    def places(self) -> list[str]:
        return list(dict.fromkeys([*self.nearby, *self.addresses]))[:ADDRESSES_MAX]

    def next_place(self) -> str:
        """The addresses in turn."""
        places = self.places()
        self.turn += 1
        self.dialing = True
        return places[(self.turn - 1) % len(places)]


@dataclass(slots=True)
class Peers:
    """Everybody we want a link with. `own` is our home; `first` are called before all others."""

    own: bytes = b""
    peers: dict[bytes, Peer] = field(default_factory=dict)
    nearby: dict[bytes, list[str]] = field(default_factory=dict)
    first: frozenset[bytes] = frozenset()
    visit_at: float | None = None

    @property
    def partial(self) -> bool:
        """Whether there are too many for a link with each."""
        return len(self.peers) > MESH_MAX

    def want(self, wanted: Mapping[bytes, Sequence[str]]) -> None:
        """Want links with these homes, known at these addresses; of too many, with some of them."""
        chosen = list(wanted)
        if len(chosen) > MESH_MAX:
            chosen = sorted(chosen, key=self._rank)[:WANTED_MAX]
        before, self.peers = self.peers, {}
        for home in chosen:
            peer = before.get(home) or Peer(nearby=self.nearby.get(home, []))
            peer.addresses = list(wanted[home])
            self.peers[home] = peer

    def _rank(self, home: bytes) -> tuple[bool, bool, bytes]:
        """Called first, seen nearby, then by a draw that is another for each node and stays the same."""
        drawn = hashlib.sha256(b"barnraise/1 draw\x00" + self.own + home).digest()
        return home not in self.first, home not in self.nearby, drawn

    def can_be_called(self, home: bytes) -> bool:
        """Whether an address of this one is known."""
        return home in self.peers and bool(self.peers[home].places())

    def seen(self, home: bytes, addresses: Sequence[str], now: float) -> None:
        """A node that says it is `home` was seen nearby: try it soon, whatever failed before."""
        self.nearby.pop(home, None)
        self.nearby[home] = list(addresses)
        while len(self.nearby) > NEARBY_MAX:
            del self.nearby[next(iter(self.nearby))]
        peer = self.peers.get(home)
        if peer is not None and list(addresses) != peer.nearby:
            peer.nearby = list(addresses)
            peer.backoff.succeeded()
            peer.next_at = now

    def moved(self, now: float) -> None:
        """Our own network is another one: what failed before may succeed now."""
        for peer in self.peers.values():
            peer.backoff.succeeded()
            peer.next_at = now

    def _room(self, linked: set[bytes]) -> tuple[int, int]:
        """How many more are to be dialed: of those nearby, and of the others."""
        if not self.partial:
            return WANTED_MAX, WANTED_MAX
        near, far = NEARBY_LINKS, FAR_LINKS
        for home, peer in self.peers.items():
            if peer.dialing or (home in linked and peer.dialed and not peer.visited):
                near, far = (near - 1, far) if peer.nearby else (near, far - 1)
        return near, far

    def _callable(self, linked: set[bytes]) -> list[tuple[bytes, Peer]]:
        return [
            (home, peer)
            for home, peer in self.peers.items()
            if home not in linked and not peer.dialing and (peer.nearby or peer.addresses)
        ]

    def due(self, linked: set[bytes], now: float) -> list[tuple[bytes, str]]:
        """Whom to call now, and where; they count as being dialed until `failed` or `answered`."""
        calls: list[tuple[bytes, str]] = []
        busy = sum(peer.dialing for peer in self.peers.values())
        near, far = self._room(linked)
        able = self._callable(linked)
        if self.partial:  # those that never answer are not to keep us from those that were not tried yet
            able.sort(key=lambda entry: (entry[0] not in self.first, entry[1].backoff.failures))
        for home, peer in able:
            if now < peer.next_at:
                continue
            if busy + len(calls) >= DIALS_AT_ONCE_MAX:
                break
            if home not in self.first:
                if (near if peer.nearby else far) <= 0:
                    continue
                near, far = (near - 1, far) if peer.nearby else (near, far - 1)
            calls.append((home, peer.next_place()))
        return calls

    def visit(self, linked: set[bytes], now: float, draw: float) -> tuple[bytes, str] | None:
        """Whom to call only to compare, once in VISIT_EVERY_S; `draw`, from 0 to below 1, picks one."""
        if not self.partial:
            return None
        if self.visit_at is None:
            self.visit_at = now + VISIT_EVERY_S * draw
        if now < self.visit_at:
            return None
        self.visit_at = now + VISIT_EVERY_S
        able = self._callable(linked)
        if not able:
            return None
        home, peer = able[int(draw * len(able))]
        peer.visited = True
        return home, peer.next_place()

    def failed(self, home: bytes, now: float, jitter: float, full: bool = False) -> None:
        """A call did not succeed, or a link ended; `full` where the other side had no place for us."""
        peer = self.peers.get(home)
        if peer is not None:
            peer.dialing = peer.dialed = peer.visited = False
            peer.next_at = peer.backoff.failed(now, jitter)
            if full:
                peer.next_at = max(peer.next_at, now + DIAL_FULL_S * (1 + jitter) / 2)

    def answered(self, home: bytes) -> None:
        """A call succeeded. Whether it is of use shows when the other side says hello: it may be full."""
        peer = self.peers.get(home)
        if peer is not None:
            peer.dialing = False
            peer.dialed = True

    def linked(self, home: bytes) -> None:
        """There is a link, and the other side said hello."""
        peer = self.peers.get(home)
        if peer is not None:
            peer.backoff.succeeded()

    def is_visit(self, home: bytes) -> bool:
        """Whether the link with this one is there only to compare."""
        peer = self.peers.get(home)
        return peer is not None and peer.visited and peer.dialed

    def next_due(self, linked: set[bytes]) -> float:
        """When somebody is to be called next, but for those who are linked."""
        if sum(peer.dialing for peer in self.peers.values()) >= DIALS_AT_ONCE_MAX:
            return float("inf")  # one of these calls ends first
        near, far = self._room(linked)
        times = [
            peer.next_at
            for home, peer in self._callable(linked)
            if home in self.first or (near if peer.nearby else far) > 0
        ]
        if self.partial:
            times.append(self.visit_at or 0.0)
        return min(times, default=float("inf"))

    def hurry(self, home: bytes, now: float) -> None:
        """Try this one at once."""
        peer = self.peers.get(home)
        if peer is not None:
            peer.backoff.succeeded()
            peer.next_at = now
