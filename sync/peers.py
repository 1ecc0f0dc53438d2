"""Whom to call, where, and when to try again. Pure: time and chance are arguments."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from sync.limits import Backoff

DIAL_BASE_S = 1.0
DIAL_MAX_S = 300.0
DIALS_AT_ONCE_MAX = 8
ADDRESSES_MAX = 12  # per neighborhood; those seen nearby come first
WANTED_MAX = 200
NEARBY_MAX = 256


def _backoff() -> Backoff:
    return Backoff(DIAL_BASE_S, DIAL_MAX_S)


@dataclass(slots=True)
class Peer:
    """A neighborhood that we want a link with."""

    addresses: list[str] = field(default_factory=list)
    nearby: list[str] = field(default_factory=list)
    turn: int = 0
    dialing: bool = False
    next_at: float = 0.0
    backoff: Backoff = field(default_factory=_backoff)

    def places(self) -> list[str]:
        return list(dict.fromkeys([*self.nearby, *self.addresses]))[:ADDRESSES_MAX]


@dataclass(slots=True)
class Peers:
    """Everybody we want a link with."""

    peers: dict[bytes, Peer] = field(default_factory=dict)
    nearby: dict[bytes, list[str]] = field(default_factory=dict)

    def want(self, wanted: Mapping[bytes, Sequence[str]]) -> None:
        """Want links with exactly these homes, known at these addresses."""
        for home in [home for home in self.peers if home not in wanted]:
            del self.peers[home]
        for home, addresses in list(wanted.items())[:WANTED_MAX]:
            peer = self.peers.setdefault(home, Peer(nearby=self.nearby.get(home, [])))
            peer.addresses = list(addresses)

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

    def due(self, linked: set[bytes], now: float) -> list[tuple[bytes, str]]:
        """Whom to call now, and where; they count as being dialed until `failed` or `answered`."""
        calls: list[tuple[bytes, str]] = []
        busy = sum(peer.dialing for peer in self.peers.values())
        for home, peer in self.peers.items():
            places = peer.places()
            if home in linked or peer.dialing or not places or now < peer.next_at:
                continue
            if busy + len(calls) >= DIALS_AT_ONCE_MAX:
                break
            peer.dialing = True
            calls.append((home, places[peer.turn % len(places)]))
            peer.turn += 1
        return calls

    def failed(self, home: bytes, now: float, jitter: float) -> None:
        """A call did not succeed, or a link ended."""
        peer = self.peers.get(home)
        if peer is not None:
            peer.dialing = False
            peer.next_at = peer.backoff.failed(now, jitter)

    def answered(self, home: bytes) -> None:
        """A call succeeded. Whether it is of use shows when the other side says hello: it may be full."""
        peer = self.peers.get(home)
        if peer is not None:
            peer.dialing = False

    def linked(self, home: bytes) -> None:
        """There is a link, and the other side said hello."""
        peer = self.peers.get(home)
        if peer is not None:
            peer.backoff.succeeded()

    def next_due(self, linked: set[bytes]) -> float:
        """When somebody is to be called next, but for those who are linked."""
        times = [
            peer.next_at
            for home, peer in self.peers.items()
            if home not in linked and not peer.dialing and peer.places()
        ]
        return min(times, default=float("inf"))

    def hurry_all(self, now: float) -> None:
        """This machine's network changed: what failed before may work now."""
        for home in self.peers:
            self.hurry(home, now)

    def hurry(self, home: bytes, now: float) -> None:
        """Try this one at once."""
        peer = self.peers.get(home)
        if peer is not None:
            peer.backoff.succeeded()
            peer.next_at = now
