"""More members than a node keeps links with: whom it calls, whom it visits, and who comes first."""

from __future__ import annotations

from sync.peers import (
    DIAL_FULL_S,
    DIALS_AT_ONCE_MAX,
    FAR_LINKS,
    MESH_MAX,
    NEARBY_LINKS,
    VISIT_EVERY_S,
    WANTED_MAX,
    Peers,
)

OWN = b"riverbend".ljust(32)
HOMES = [number.to_bytes(32, "big") for number in range(1000)]
MANY = {home: [f"{home[-2:].hex()}:1"] for home in HOMES}


def settle(peers: Peers, linked: set[bytes], now: float = 0.0) -> set[bytes]:
    """Every call succeeds, until nobody is to be called; gives whom the node dialed."""
    dialed: set[bytes] = set()
    while calls := peers.due(linked | dialed, now):
        for home, _ in calls:
            peers.answered(home)
            peers.linked(home)
            dialed.add(home)
    return dialed


def test_few_are_all_called_and_of_many_some() -> None:
    peers = Peers(OWN)
    peers.want(dict(list(MANY.items())[:MESH_MAX]))
    assert len(settle(peers, set())) == MESH_MAX
    peers = Peers(OWN)
    peers.want(MANY)
    assert len(settle(peers, set())) == FAR_LINKS and len(peers.peers) == WANTED_MAX


def test_each_node_draws_others_and_the_same_ones_again() -> None:
    chosen = []
    for own in (OWN, OWN, b"oak".ljust(32)):
        peers = Peers(own)
        peers.want(MANY)
        chosen.append(settle(peers, set()))
    assert chosen[0] == chosen[1] != chosen[2]


def test_a_thousand_nodes_make_one_graph() -> None:
    """Whoever calls whom by these draws: everybody reaches everybody, by ten links at most."""
    links: dict[bytes, set[bytes]] = {home: set() for home in HOMES}
    for home in HOMES:
        peers = Peers(home)
        peers.want({other: places for other, places in MANY.items() if other != home})
        for other in settle(peers, links[home]):
            links[home].add(other)
            links[other].add(home)
    reached, edge, steps = {HOMES[0]}, {HOMES[0]}, 0
    while edge:
        edge = {other for home in edge for other in links[home]} - reached
        reached |= edge
        steps += bool(edge)
    assert len(reached) == len(HOMES) and steps <= 10
    assert 2 * FAR_LINKS - 1 <= sum(map(len, links.values())) / len(links) <= 2 * FAR_LINKS
    assert max(map(len, links.values())) <= 40, "far below the places that a node has"


def test_links_that_others_dialed_take_nobodys_place() -> None:
    """They may be by nodes that nobody can call."""
    peers = Peers(OWN)
    peers.want(MANY)
    callers = set(list(peers.peers)[:30])
    assert len(settle(peers, callers)) == FAR_LINKS


def test_those_nearby_come_first_and_on_top() -> None:
    peers = Peers(OWN)
    for home in HOMES[500:520]:
        peers.seen(home, ["192.168.1.9:1"], 0)
    peers.want(MANY)
    first = [home for home, _ in peers.due(set(), 0)]
    assert len(first) == DIALS_AT_ONCE_MAX == NEARBY_LINKS and set(first) <= set(HOMES[500:520])
    for home in first:
        peers.answered(home)
        peers.linked(home)
    later = settle(peers, set(first))
    assert len(later) == FAR_LINKS and not later & set(HOMES[500:520])


def test_a_link_that_ends_is_followed_by_another() -> None:
    peers = Peers(OWN)
    peers.want(MANY)
    dialed = settle(peers, set())
    lost = min(dialed)
    peers.failed(lost, 100, 0.5)
    (again,) = settle(peers, dialed - {lost}, 100)
    assert again not in dialed


def test_those_that_cannot_be_called_do_not_stop_the_search() -> None:
    """Only one in 200 answers, and it is found."""
    peers = Peers(OWN)
    peers.want(MANY)
    (able,) = list(peers.peers)[150:151]
    now = 0.0
    while able not in dict(calls := peers.due(set(), now)):
        for home, _ in calls:
            peers.failed(home, now, 0.5)
        assert now < 60
        now += 1.0


def test_whom_somebody_waits_for_is_called_beyond_the_number() -> None:
    peers = Peers(OWN)
    peers.want(MANY)
    dialed = settle(peers, set())
    waited_for = next(home for home in HOMES if home not in peers.peers)
    peers.first = frozenset([waited_for])
    peers.want(MANY)
    assert waited_for in peers.peers, "also one that was not drawn"
    assert peers.next_due(dialed) <= 0
    assert [home for home, _ in peers.due(dialed, 0)] == [waited_for]


def test_a_visit_in_each_period_to_somebody_else() -> None:
    peers = Peers(OWN)
    peers.want(MANY)
    dialed = settle(peers, set())
    assert peers.visit(dialed, 0, 0.5) is None, "the first after a part of the period"
    visited = set()
    for period in range(1, 21):
        visit = peers.visit(dialed, period * VISIT_EVERY_S, (period * 0.37) % 1)
        assert visit is not None and visit[0] not in dialed
        assert peers.visit(dialed, period * VISIT_EVERY_S + 1, 0.1) is None
        peers.answered(visit[0])
        assert peers.is_visit(visit[0])
        assert peers.due(dialed | {visit[0]}, period * VISIT_EVERY_S) == [], "it takes no place"
        peers.failed(visit[0], period * VISIT_EVERY_S + 2, 0.5)
        assert not peers.is_visit(visit[0])
        visited.add(visit[0])
    assert len(visited) > 15


def test_in_a_full_mesh_nobody_is_visited() -> None:
    peers = Peers(OWN)
    peers.want(dict(list(MANY.items())[:MESH_MAX]))
    assert peers.visit(set(), 10_000, 0.5) is None


def test_on_another_network_all_are_tried_at_once() -> None:
    peers = Peers(OWN)
    peers.want({HOMES[0]: ["a:1"], HOMES[1]: ["b:1"]})
    now = 0.0
    for _ in range(10):
        for home, _ in peers.due(set(), now):
            peers.failed(home, now, 0.99)
        now = peers.next_due(set())
    assert peers.due(set(), now - 100) == []
    peers.moved(now - 100)
    assert len(peers.due(set(), now - 100)) == 2


def test_one_that_is_full_is_left_alone_for_a_while() -> None:
    peers = Peers(OWN)
    peers.want({HOMES[0]: ["a:1"]})
    peers.due(set(), 0)
    peers.answered(HOMES[0])
    peers.linked(HOMES[0])
    peers.failed(HOMES[0], 100, 0.0, full=True)
    assert peers.next_due(set()) == 100 + DIAL_FULL_S / 2
