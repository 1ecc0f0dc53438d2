"""Whom to call, where, and when again, told as timetables."""

from __future__ import annotations

from sync.peers import (
    ADDRESSES_MAX,
    DIAL_BASE_S,
    DIAL_MAX_S,
    DIALS_AT_ONCE_MAX,
    NEARBY_MAX,
    WANTED_MAX,
    Peers,
)

OAK, MILL = b"oak".ljust(32), b"mill".ljust(32)
HALF = 0.0  # chance that draws half of a wait
NEARLY_ALL = 0.999999


def calls(peers: Peers, now: float, *linked: bytes) -> list[tuple[bytes, str]]:
    return peers.due(set(linked), now)


def test_a_wanted_neighbor_is_called_once_until_something_happens() -> None:
    peers = Peers()
    peers.want({OAK: ["oak:1"]})
    assert calls(peers, 0) == [(OAK, "oak:1")]
    assert calls(peers, 1000) == [], "the call is under way"
    peers.failed(OAK, 1000, HALF)
    assert calls(peers, 1000) == []
    assert calls(peers, 1000 + DIAL_BASE_S / 2) == [(OAK, "oak:1")]


def test_waits_double_up_to_five_minutes_and_chance_halves_them_at_most() -> None:
    peers = Peers()
    peers.want({OAK: ["oak:1"]})
    now, waits = 0.0, []
    for _ in range(12):
        assert calls(peers, now)
        peers.failed(OAK, now, NEARLY_ALL)
        due = peers.next_due(set())
        waits.append(round(due - now))
        assert not calls(peers, due - 0.1)
        now = due
    assert waits == [1, 2, 4, 8, 16, 32, 64, 128, 256, 300, 300, 300]
    peers.failed(OAK, now, HALF)
    assert peers.next_due(set()) - now == DIAL_MAX_S / 2


def test_addresses_take_turns_and_those_seen_nearby_come_first() -> None:
    peers = Peers()
    peers.want({OAK: ["far:1", "farther:2"]})
    peers.seen(OAK, ["near:3"], 0)
    tried = []
    for second in range(0, 4000, 1000):
        tried += [address for _, address in calls(peers, second)]
        peers.failed(OAK, second, HALF)
    assert tried == ["near:3", "far:1", "farther:2", "near:3"]


def test_one_who_is_linked_is_not_called() -> None:
    peers = Peers()
    peers.want({OAK: ["oak:1"], MILL: ["mill:1"]})
    assert calls(peers, 0, OAK) == [(MILL, "mill:1")]
    assert peers.next_due({OAK}) == float("inf"), "the one linked, the other being called"


def test_one_without_an_address_waits_until_it_has_one() -> None:
    peers = Peers()
    peers.want({OAK: []})
    assert calls(peers, 0) == [] and peers.next_due(set()) == float("inf")
    peers.seen(OAK, ["near:3"], 5)
    assert calls(peers, 5) == [(OAK, "near:3")]


def test_who_is_seen_before_it_is_wanted_is_remembered() -> None:
    peers = Peers()
    peers.seen(OAK, ["near:3"], 0)
    assert calls(peers, 0) == [], "seeing is only a hint: nobody is called whom nobody wants"
    peers.want({OAK: []})
    assert calls(peers, 0) == [(OAK, "near:3")]


def test_a_sighting_at_a_new_place_ends_the_waiting_and_at_the_old_one_does_not() -> None:
    peers = Peers()
    peers.want({OAK: ["oak:1"]})
    peers.seen(OAK, ["near:3"], 0)
    now = 0.0
    for _ in range(9):
        calls(peers, now)
        peers.failed(OAK, now, NEARLY_ALL)
        now = peers.next_due(set())
    calls(peers, now)
    peers.failed(OAK, now, NEARLY_ALL)
    peers.seen(OAK, ["near:3"], now + 1)
    assert calls(peers, now + 1) == [], "repeating the same announcement does not make us call faster"
    peers.seen(OAK, ["near:4"], now + 2)
    assert calls(peers, now + 2)


def test_an_answered_call_counts_only_when_hello_was_said() -> None:
    """A node that is full takes the call and closes at once: it is called less and less often."""
    peers = Peers()
    peers.want({OAK: ["oak:1"]})
    now = 0.0
    for _ in range(8):
        calls(peers, now)
        peers.answered(OAK)
        peers.failed(OAK, now, NEARLY_ALL)
        now = peers.next_due(set())
    assert now > 200
    calls(peers, now)
    peers.answered(OAK)
    peers.linked(OAK)
    peers.failed(OAK, now, NEARLY_ALL)
    assert peers.next_due(set()) - now <= DIAL_BASE_S


def test_hurry_calls_at_once() -> None:
    peers = Peers()
    peers.want({OAK: ["oak:1"]})
    calls(peers, 0)
    peers.failed(OAK, 0, NEARLY_ALL)
    peers.hurry(OAK, 0.1)
    assert calls(peers, 0.1)


def test_one_no_longer_wanted_is_forgotten() -> None:
    peers = Peers()
    peers.want({OAK: ["oak:1"]})
    peers.want({MILL: ["mill:1"]})
    assert calls(peers, 0) == [(MILL, "mill:1")]
    for nothing in (peers.failed(OAK, 0, HALF), peers.linked(OAK), peers.hurry(OAK, 0)):
        assert nothing is None


def test_bounds() -> None:
    peers = Peers()
    homes = [number.to_bytes(32, "big") for number in range(NEARBY_MAX + 50)]
    for home in homes:
        peers.seen(home, [f"place {number}" for number in range(40)], 0)
    assert len(peers.nearby) == NEARBY_MAX and homes[0] not in peers.nearby
    peers.want({home: ["a:1"] for home in homes})
    assert len(peers.peers) == WANTED_MAX
    assert len(calls(peers, 0)) == DIALS_AT_ONCE_MAX
    assert calls(peers, 0) == []
    assert all(len(peer.places()) <= ADDRESSES_MAX for peer in peers.peers.values())
