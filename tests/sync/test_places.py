"""Who gets a place where all are taken."""

from __future__ import annotations

import random
from dataclasses import dataclass

from sync.peers import DIAL_FULL_S
from sync.places import LINKS_MAX, STRANGERS_MAX, TURN_S, Decision, Newcomer, decide
from sync.session import Session
from tests.protocol.helpers import Neighborhood
from tests.sync.memory_port import MemoryPort

HUB = Neighborhood("Hub")
HOMES = [bytes([1]) + number.to_bytes(31, "big") for number in range(300)]
STRANGERS = [bytes([2]) + number.to_bytes(31, "big") for number in range(100)]


@dataclass
class Hub:
    """A node whose links are set up by a test. Members are all of HOMES."""

    def __post_init__(self) -> None:
        self.port = MemoryPort(HUB, pairs=set(HOMES))
        self.sessions: dict[int, Session] = {}
        self.number = 0
        self.reachable: set[bytes] = set()

    def come(self, home: bytes, now: float, initiator: bool = False, invited: bool = False) -> Decision:
        new = Newcomer(home, initiator, invited)
        decision = decide(new, self.sessions, self.port, lambda who: who in self.reachable, now)
        for link, _ in decision.ended:
            del self.sessions[link]
        if not decision.refused:
            self.number += 1
            self.sessions[self.number] = Session(self.port, home, initiator, bytes(32), None, now)
        return decision

    def here(self) -> set[bytes]:
        return {session.peer for session in self.sessions.values()}


def test_two_hundred_members_take_turns_and_nobody_is_shut_out() -> None:
    """Whoever is sent away comes back after a while; all are served within some minutes, again and again."""
    hub = Hub()
    members, served = HOMES[:200], dict.fromkeys(HOMES[:200], 0)
    chance = random.Random(7)
    comes = {home: 0.01 * number for number, home in enumerate(members)}
    now = 0.0
    longest = dict.fromkeys(members, 0.0)
    last = dict.fromkeys(members, 0.0)
    while now < 1200:
        now += 0.5
        for home in [home for home, when in comes.items() if when <= now]:
            before = hub.here()
            decision = hub.come(home, now)
            if decision.refused:
                comes[home] = now + chance.uniform(DIAL_FULL_S / 2, DIAL_FULL_S)
                continue
            del comes[home]
            served[home] += 1
            longest[home] = max(longest[home], now - last[home])
            for gone in before - hub.here():
                last[gone] = now
                comes[gone] = now + chance.uniform(DIAL_FULL_S / 2, DIAL_FULL_S)
        assert len(hub.sessions) <= LINKS_MAX
    assert min(served.values()) >= 3, "each had several turns"
    assert max(longest.values()) < 400


def test_a_turn_lasts_a_while() -> None:
    hub = Hub()
    for home in HOMES[:LINKS_MAX]:
        hub.come(home, 0)
    assert hub.come(HOMES[100], TURN_S - 1) == Decision("too_many_links", limit="LINKS_MAX 64")
    assert hub.come(HOMES[100], TURN_S).ended == ((1, "too_many_links"),)


def test_strangers_go_first_then_those_that_can_be_called() -> None:
    hub = Hub()
    hub.reachable = set(HOMES[10:12])
    for home in HOMES[: LINKS_MAX - 1]:
        hub.come(home, 0)
    hub.come(STRANGERS[0], 5)
    hub.come(HOMES[200], 60)
    assert STRANGERS[0] not in hub.here()
    hub.come(HOMES[201], 61)
    hub.come(HOMES[202], 62)
    assert not hub.reachable & hub.here() and HOMES[0] in hub.here()
    hub.come(HOMES[203], 63)
    assert HOMES[0] not in hub.here()


def test_a_stranger_makes_nobody_leave() -> None:
    hub = Hub()
    for home in HOMES[:LINKS_MAX]:
        hub.come(home, 0)
    assert hub.come(STRANGERS[0], 1000) == Decision("too_many_links", limit="LINKS_MAX 64")


def test_strangers_have_few_places_and_an_invited_one_is_none() -> None:
    hub = Hub()
    for stranger in STRANGERS[:STRANGERS_MAX]:
        assert not hub.come(stranger, 0).refused
    assert hub.come(STRANGERS[50], 0).refused == "too_many_links"
    assert not hub.come(STRANGERS[50], 0, invited=True).refused


def test_a_second_link_replaces_the_first_also_where_all_places_are_taken() -> None:
    hub = Hub()
    for home in HOMES[:LINKS_MAX]:
        hub.come(home, 0)
    assert hub.come(HOMES[5], 1).ended == ((6, "duplicate_link"),)
    assert len(hub.sessions) == LINKS_MAX
