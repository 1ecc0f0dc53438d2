"""Which links a region keeps, behind home routers and after a move, and how few copies pass over them."""

from __future__ import annotations

from node.actions import promises
from sync import events, frames
from tests.sim.invariants import always, settled
from tests.sim.test_stories import arrange, balance, share_hours, undelivered
from tests.sim.world import World


def test_two_behind_home_routers_share_everything_through_the_one_that_can_be_called() -> None:
    world = World("home routers")
    hub = world.place("hub")
    coalition = world.coalition(hub)
    oak, harbor = world.place("oak", nat=True), world.place("harbor", nat=True)
    for newcomer in (oak, harbor):
        world.join(hub, newcomer, coalition)
    soup = oak.post("Soup for two")
    world.until(lambda: "Soup for two" in harbor.board(), 5, "a need crosses the hub")
    assert not oak.connected(harbor) and oak.connected(hub) and harbor.connected(hub)
    promise = arrange(world, harbor, oak, soup, seconds=15)
    share_hours(world, harbor, oak, promise, seconds=15)
    world.until(lambda: undelivered(oak) == undelivered(harbor) == 0, 120, "both know that all arrived")
    assert balance(harbor) == 75 and balance(oak) == -75
    hub.restart()
    harbor.post("Stew")
    world.until(lambda: "Stew" in oak.board(), 20, "they call the hub again")
    promises.done(harbor.node, harbor.coordinator, promise)
    world.until(lambda: oak.state(soup) == hub.state(soup) == "fulfilled", 30, "all see it is done")
    settled(world)


def test_a_node_at_another_address_calls_at_once_and_is_found() -> None:
    """The cable is pulled, Wi-Fi takes over: links over the old address are dead, and nobody has told."""
    world = World("moved")
    riverbend, oak = world.places("riverbend", "oak")
    world.coalition(riverbend, oak)
    world.run(5)
    before = riverbend.address
    world.network.addresses.pop(before)
    riverbend.address = "127.0.0.1:9001"
    world.network.addresses[riverbend.address] = riverbend.runner
    old = set(oak.engine.sessions)
    riverbend.links._next_address_check = 0.0
    world.until(lambda: oak.connected(riverbend) and not old & set(oak.engine.sessions), 3, "linked anew")
    world.until(lambda: riverbend.address in oak.links.port.wanted()[riverbend.home], 5, "the card says it")
    oak.restart()
    riverbend.post("Soup")
    world.until(lambda: "Soup" in oak.board(), 10, "and is called there")
    settled(world)


def test_another_address_beside_the_old_one_ends_no_link() -> None:
    world = World("moved")
    riverbend, oak = world.places("riverbend", "oak")
    world.coalition(riverbend, oak)
    world.run(5)
    links = set(oak.engine.sessions)
    riverbend.runner.event(events.Moved())
    world.run(3)
    assert set(oak.engine.sessions) == links


def test_news_comes_to_each_about_once_and_the_flood_brought_many() -> None:
    """The same region of eight twice: with the tree, and with nodes that do not know it."""
    copies = {}
    for tree in (True, False):
        world = World("gain")
        founder = world.place("place 0")
        coalition = world.coalition(founder)
        for number in range(1, 8):
            world.join(founder, world.place(f"place {number}"), coalition)
        if not tree:
            for place in world.all:
                place.restart()
                place.engine.features = ()
            for place in world.all:
                place.runner.event(events.Renewed())
            world.run(10)
        for warm_up in range(4):
            world.all[warm_up].post(f"First {warm_up}")
            world.run(5)
        before = world.network.count(frames.RECORDS)
        for number, place in enumerate(world.all):
            place.post(f"Need {number}")
            world.run(5)
        assert all(len(place.board()) == 12 for place in world.all)
        copies[tree] = (world.network.count(frames.RECORDS) - before) / (8 * 7)
        always(world)
    assert copies[True] <= 1.3 and copies[False] > 3 * copies[True], copies
