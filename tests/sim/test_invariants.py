"""The invariants themselves: each is shown a world in which it is broken, and says so."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from sync.days import PEERS_MAX
from tests.sim import invariants
from tests.sim.test_stories import arrange, share_hours
from tests.sim.world import Place, World


@pytest.fixture
def world() -> World:
    world = World("invariants")
    riverbend, oak = world.places("riverbend", "oak")
    world.coalition(riverbend, oak)
    soup = riverbend.post("Soup")
    world.until(lambda: "Soup" in oak.board(), 5, "oak has it")
    share_hours(world, oak, riverbend, arrange(world, oak, riverbend, soup))
    invariants.settled(world)
    return world


def change(sql: str) -> Callable[[Place], None]:
    return lambda place: place.node.connection.execute(sql) and None


BROKEN = [
    (
        "a bent signature",
        change("UPDATE records SET message = bend(message) WHERE kind = 'post'"),
        "unknown_key",
    ),
    ("a view gone astray", change("UPDATE view_posts SET title = 'Stew'"), "view_posts"),
    ("a row too many", change("DELETE FROM view_promises"), "view_promises"),
    ("an unbalanced minute", change("UPDATE view_claims SET minutes = 76"), "view_claims"),
    (
        "an index gone astray",
        change("DELETE FROM records WHERE kind = 'parcel' OR kind = 'node'"),
        "view_cards",
    ),
]


@pytest.mark.parametrize(("plant", "words"), [case[1:] for case in BROKEN], ids=[case[0] for case in BROKEN])
def test_what_is_broken_at_one_node_is_found(
    world: World, plant: Callable[[Place], None], words: str
) -> None:
    oak = world.all[1]

    def bend(message):
        return message[:-1] + bytes([message[-1] ^ 1])

    oak.node.connection.create_function("bend", 1, bend)
    invariants.always(world)
    plant(oak)
    with pytest.raises(AssertionError, match=words):
        invariants.always(world)


def test_a_minute_lost_from_the_view_alone_is_found(world: World) -> None:
    oak = world.all[1]
    invariants.books_are_balanced(oak)
    oak.node.connection.execute("UPDATE view_claims SET minutes = 76")
    with pytest.raises(AssertionError):
        invariants.books_are_balanced(oak)


def test_a_queue_over_its_bound_is_found(world: World) -> None:
    riverbend = world.all[0]
    for number in range(PEERS_MAX + 1):
        riverbend.links.port.days.differences[number.to_bytes(32, "big")] = 0
    with pytest.raises(AssertionError):
        invariants.bounds_hold(riverbend)


def test_nodes_that_differ_are_found(world: World) -> None:
    riverbend, oak = world.all
    assert invariants.differences(world) == []
    oak.runner.running = False  # it hears nothing any more, but counts as connected
    riverbend.post("Bread")
    assert len(invariants.differences(world)) == 2  # the set and the board
    with pytest.raises(AssertionError, match="not settled"):
        invariants.settled(world, within_s=3)


def test_chatter_is_found(world: World) -> None:
    riverbend = world.all[0]
    world.at(world.now + 50, lambda: riverbend.post("Out of nothing") and None)
    with pytest.raises(AssertionError, match="out of nothing"):
        invariants.settled(world)
