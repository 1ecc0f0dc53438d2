"""Every queue and memory of a node that others can fill, with the bound that its file promises.

One line each, so that a test can overfill every single one and see that it is noticed.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sized
from dataclasses import dataclass
from typing import Any

from node import links
from node.store import records as door
from sync import (
    credits,
    days,
    exchange,
    frames,
    gossip,
    intake,
    parcels,
    passing,
    peers,
    places,
    session,
    sketching,
    transport,
)
from tests.sim.world import Place


@dataclass(frozen=True, slots=True)
class Bound:
    """What `of` gives of a place holds no more than `most`."""

    name: str
    most: int
    of: Callable[[Any], Iterable[Sized]]


def _sessions(place: Any) -> list[session.Session]:
    return list(place.engine.sessions.values())


def _each(of: Callable[[Any], Sized]) -> Callable[[Any], Iterable[Sized]]:
    """Something of each link."""
    return lambda place: map(of, _sessions(place))


def _branches(of: Callable[[gossip.Branch], Any]) -> Callable[[Any], Iterable[Sized]]:
    return lambda place: map(of, place.engine.gossip.branches.values())


def _waiting(place: Any) -> Iterable[Sized]:
    """The queue of each link's way out, as transport.py has it."""
    for wire in place.runner.network.wires:
        if place.runner in wire.parties:
            yield wire.waiting[1 - wire.side(place.runner)]


OF_NODES = [
    Bound("records that may become acceptable", door.PENDING_MAX, lambda p: [p.node.records._pending]),
    Bound("records refused", door.REFUSED_MAX, lambda p: [p.node.records._refused]),
    Bound("introductions", links.INTRODUCED_MAX, lambda p: [p.node.introduced]),
    Bound("partners waited for", parcels.PARTNERS_MAX, lambda p: [p.links.parcels.schedule.due]),
    Bound("days of others", days.PEERS_MAX, lambda p: [p.links.port.days.differences]),
]
OF_ENGINES = [
    Bound("links", places.LINKS_MAX, lambda p: [p.engine.sessions]),
    Bound("events of the engine", 0, lambda p: [p.engine._events]),
    Bound("effects of the engine", 0, lambda p: [p.engine._effects]),
    Bound("neighborhoods to call", peers.WANTED_MAX, lambda p: [p.engine.peers.peers]),
    Bound("neighborhoods nearby", peers.NEARBY_MAX, lambda p: [p.engine.peers.nearby]),
    Bound("sketches that failed", sketching.FAILED_MAX, lambda p: [p.engine._sketches_failed]),
    Bound("peers of the intake", intake.PEERS_MAX, lambda p: [p.engine.intake.peers]),
    Bound("links of the intake", places.LINKS_MAX, lambda p: [p.engine.intake.links]),
    Bound(
        "rates of a peer",
        intake.RATES_MAX,
        lambda p: [peer._buckets for peer in p.engine.intake.peers.values()],
    ),
    Bound(
        "batches of a link that wait for the door",
        credits.BATCHES_IN_FLIGHT_MAX,
        lambda p: [link.batches for link in p.engine.intake.links.values()],
    ),
    Bound("news seen", gossip.SEEN_MAX, lambda p: [p.engine.gossip.seen]),
    Bound("news that did not come", gossip.MISSING_MAX, lambda p: [p.engine.gossip.missing]),
    Bound("links in whose share news is missed", gossip.MISSING_MAX, lambda p: [p.engine.gossip.shares]),
    Bound("branches", places.LINKS_MAX, lambda p: [p.engine.gossip.branches]),
    Bound("news known of a link", gossip.KNOWN_MAX, _branches(lambda branch: branch.known)),
    Bound("news asked of a link", gossip.KNOWN_MAX, _branches(lambda branch: branch.asked)),
    Bound("news grafted", gossip.KNOWN_MAX, _branches(lambda branch: branch.grafted)),
    Bound("news to be named", gossip.WAITING_MAX, _branches(lambda branch: branch.waiting)),
    Bound("news to be grafted", gossip.MISSING_MAX, _branches(lambda branch: branch.to_graft)),
    Bound("questions for several sets", exchange.ASKED_MAX, _each(lambda s: s.exchange.asked)),
    Bound("the outbox", passing.OUTBOX_MAX, _each(lambda s: s.exchange.passing.outbox)),
    Bound("the urgent outbox", passing.OUTBOX_MAX, _each(lambda s: s.exchange.passing.urgent)),
    Bound(
        "batches on their way", credits.BATCHES_IN_FLIGHT_MAX, _each(lambda s: s.exchange.passing.in_flight)
    ),
    Bound("differences tried", passing.TRIED_MAX, _each(lambda s: s.exchange.passing.tried)),
    Bound(
        "batches of streams, until all before them are taken",
        2 * credits.BATCHES_IN_FLIGHT_MAX,
        _each(lambda s: s.exchange.passing.streaming.coming),
    ),
    Bound("frames that wait for a line", transport.FRAMES_WAITING_MAX, _waiting),
]


def bounds_hold(place: Place) -> None:
    """Every queue and memory is within what its file promises."""
    if place.running:
        _within(place, OF_NODES)
        engine_bounds_hold(place)


def _within(place: Any, bounds: list[Bound]) -> None:
    for bound in bounds:
        for held in bound.of(place):
            assert len(held) <= bound.most, f"{place}: {bound.name}: {len(held)} are over {bound.most}"


def engine_bounds_hold(place: Any) -> None:
    """Those of the links of one node, also where its store is lighter than a real one (large/crowd.py)."""
    _within(place, OF_ENGINES)
    waiting = place.engine.intake
    held_bytes = sum(link.size_bytes for link in waiting.links.values())
    assert held_bytes == waiting.size_bytes <= intake.WAITING_MAX_BYTES, (
        f"{place}: bytes that wait for the door"
    )
    for link in waiting.links.values():
        size_bytes = sum(batch.size_bytes for batch in link.batches.values())
        most_bytes = credits.BYTES_IN_FLIGHT_MAX + frames.FRAME_SIZE_MAX_BYTES  # the last goes beyond
        assert size_bytes == link.size_bytes <= most_bytes, f"{place}: bytes of a link that wait for the door"
    for one in _sessions(place):
        assert one.exchange.passing.never <= passing.NEVER_MAX, f"{place}: records that can never be right"
        assert one.unknown_frames <= session.UNKNOWN_FRAMES_MAX, f"{place}: frames that nobody knows"
        assert one.keys_wanted <= session.KEYS_WANTED_MAX, f"{place}: questions for keys"
