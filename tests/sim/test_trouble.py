"""Lines that break, nodes that restart, calls that cross: everything comes together again."""

from __future__ import annotations

import pytest

from node.actions import promises
from protocol.scopes import DAY_S
from sync import frames
from tests.sim.invariants import always, one_link_each, rows, settled
from tests.sim.test_stories import arrange, balance, chain, share_hours, undelivered
from tests.sim.world import Place, World


def region(seed: object, guests: int, **quality: float) -> tuple[World, list[Place], bytes]:
    """A founder and its guests, all in one coalition, over lines of the given quality."""
    world = World(seed)
    founder = world.place("place 0")
    coalition = world.coalition(founder)
    for number in range(1, guests + 1):
        world.join(founder, world.place(f"place {number}"), coalition)
    for name, value in quality.items():
        setattr(world.network, name, value)
    return world, world.all, coalition


def test_a_partition_heals() -> None:
    world, places, _ = region("partition", 3)
    one, two, three, four = places
    one.post("Before")
    world.until(lambda: all("Before" in place.board() for place in places), 5, "all have it")
    world.partition([one, two], [three, four])
    one.post("Here")
    three.post("There")
    world.run(60)
    always(world)
    assert one.connected(two) and three.connected(four) and not two.connected(three)
    assert "Here" in two.board() and "There" in four.board()
    assert "Here" not in four.board() and "There" not in two.board()
    world.heal()
    world.until(lambda: all(len(place.board()) == 3 for place in places), 320, "all have all again")
    settled(world)


@pytest.mark.slow
def test_twenty_five_nodes_through_loss_and_partition() -> None:
    world, places, coalition = region("region", 24, break_rate=0.01, dial_fail_rate=0.2, duplicate_rate=0.1)
    for number, place in enumerate(places):
        place.post(f"Need {number}")
        world.run(0.3)
    world.partition(places[:8], places[8:])
    for place in places[::3]:
        place.post(f"In the dark, {place.name}")
        world.run(1)
    always(world)
    world.heal()
    world.run(120)
    world.network.break_rate = world.network.dial_fail_rate = 0.0
    wanted = 25 + len(places[::3])
    world.until(lambda: all(len(place.board()) == wanted for place in places), 400, "all have all")
    settled(world)
    assert all(len(place.links.port.members(coalition)) == 25 for place in places)
    assert all(len(place.node.connected) == 24 for place in places)


def test_a_node_that_restarts_goes_on_where_it_was() -> None:
    world, riverbend, oak, harbor, _ = chain()
    soup = riverbend.post("Soup for two")
    world.until(lambda: "Soup for two" in harbor.board(), 5, "the need crosses oak")
    promise = harbor.offer_help(soup)  # and the power goes before the parcel went out
    harbor.restart()
    world.until(lambda: riverbend.inbox().to_answer, 10, "the promise goes out after the start")
    promises.agree(riverbend.node, riverbend.coordinator, promise)
    riverbend.restart()
    oak.restart()
    world.until(lambda: harbor.inbox().arranged[0].state == "agreed", 30, "the answer goes out too")
    share_hours(world, harbor, riverbend, promise, seconds=30)
    settled(world)
    assert undelivered(harbor) == undelivered(riverbend) == 0


def test_what_came_while_a_node_was_off() -> None:
    world, places, _ = region("off", 2)
    one, two, three = places
    world.run(5)
    three.stop()
    for number in range(300):
        (one, two)[number % 2].post(f"Need {number}")
    world.run(3600)
    three.start()
    world.until(lambda: rows(three, "SELECT count(*) FROM view_posts") == [(300,)], 320, "it catches up")
    settled(world)


@pytest.mark.parametrize("seed", range(4))
def test_links_that_break_in_the_middle_of_reconciling(seed: int) -> None:
    """Each try gets further, because what arrived stays; frames do not have to arrive all in one go."""
    world, places, _ = region(seed, 2)
    one, two, three = places
    three.stop()
    for number in range(360):
        (one, two)[number % 2].post(f"Need {number}", text="x" * 400)
    world.run(5)
    world.network.break_rate = 0.12
    three.start()
    world.run(300)
    broken = world.network.delivered[(one.name, three.name)].get(frames.HELLO, 0)
    assert broken > 3, "the lines did not break, so this shows nothing"
    always(world)
    world.network.break_rate = 0.0
    world.until(lambda: rows(three, "SELECT count(*) FROM view_posts") == [(360,)], 320, "all has arrived")
    settled(world)


@pytest.mark.parametrize("seed", range(8))
def test_calls_that_cross_leave_one_link(seed: int) -> None:
    world, places, _ = region(seed, 3)
    world.network.duplicate_rate = 0.7
    for place in places:
        place.restart()
    world.run(30)
    one_link_each(world)
    for place in places:
        assert len(place.node.connected) == 3
        assert len(place.engine.sessions) == 3
    before = world.network.count(frames.COALITIONS)
    world.run(600)
    assert world.network.count(frames.COALITIONS) == before, "links are not made anew again and again"
    settled(world)


def test_a_call_in_progress_when_the_other_calls() -> None:
    """Both see each other at the very same moment, as two machines switched on together do."""
    for seed in range(10):
        world, (one, two), _ = region(seed, 1)
        one.stop()
        two.stop()
        world.run(10)
        one.start()
        two.start()
        world.see(one, two)
        world.see(two, one)
        world.until(lambda: one.connected(two) and two.connected(one), 5, "linked")  # noqa: B023
        world.run(5)
        one_link_each(world)


def test_a_neighbor_that_was_away_for_five_days_gets_what_was_sealed_to_it() -> None:
    world, riverbend, oak, harbor, _ = chain()
    soup = riverbend.post("Soup for two", days=60)
    world.until(lambda: "Soup for two" in harbor.board(), 5, "the need crosses oak")
    riverbend.stop()
    promise = harbor.offer_help(soup)
    world.tick_max_s = 300
    world.run(5 * DAY_S)
    sent = rows(oak, "SELECT count(*) FROM records WHERE kind = 'parcel'")[0][0]
    assert 8 <= sent <= 20, f"{sent} parcels in 5 days: with back-off, but not given up"
    world.tick_max_s = 1.0
    riverbend.start()
    world.until(lambda: riverbend.inbox().to_answer, 320, "the promise was kept for it")
    promises.agree(riverbend.node, riverbend.coordinator, promise)
    world.until(lambda: harbor.inbox().arranged[0].state == "agreed", 30, "and the answer comes")
    settled(world)


@pytest.mark.slow
def test_a_neighbor_that_was_away_longer_than_a_parcel_lives() -> None:
    """Forty days: the first parcels are over, later ones are there."""
    world, riverbend, oak, harbor, _ = chain()
    soup = riverbend.post("Soup for two", days=90)
    world.until(lambda: "Soup for two" in harbor.board(), 5, "the need crosses oak")
    riverbend.stop()
    harbor.offer_help(soup)
    for _ in range(40):  # the others are switched on for half an hour a day
        world.run(1800)
        oak.stop()
        harbor.stop()
        world.pass_over(DAY_S - 1800)
        oak.start()
        harbor.start()
    riverbend.start()
    world.until(lambda: riverbend.inbox().to_answer, 2 * 320, "the promise was kept for it")
    settled(world)


def test_a_link_that_lives_for_days_keeps_comparing_what_is_new() -> None:
    """What the two compare follows the calendar, also on a link that is never made anew."""
    world, (one, two), _ = region("days", 1)
    world.run(5)
    world.tick_max_s = 300
    hellos = world.network.count(frames.HELLO)
    for day in range(3):
        one.post(f"Day {day}", days=1 + day % 3)
        world.run(DAY_S)
    world.tick_max_s = 1.0
    one.post("Today", days=1)
    world.until(lambda: "Today" in two.board(), 5, "still live")
    assert world.network.count(frames.HELLO) - hellos <= 2 * 3 + 2, "the link is not made anew"
    (session,) = one.engine.sessions.values()
    lacking = [record_id for _, record_id in _newest(one)]
    window = session.exchange._index(next(key for key in session.exchange.sets if key[0] == "coalition"))
    assert set(lacking) <= {item[1] for item in window}, "today's records are compared"
    settled(world, quiet_s=400)


def _newest(place: Place) -> list[tuple[int, bytes]]:
    return rows(place, "SELECT created, id FROM records WHERE kind = 'post' ORDER BY created DESC LIMIT 1")


def test_at_the_end_of_a_lifetime_nobody_sends_what_the_other_has_deleted() -> None:
    """One node clears up some minutes before the other; in between they do not push the dead back."""
    world, (one, two), _ = region("over", 1)
    for number in range(20):
        one.post(f"Need {number}", days=1)
    world.run(300)  # the housekeeping of the two falls on different minutes
    two.restart()
    world.tick_max_s = 60
    before = world.network.count(frames.RECORDS)
    world.run(4 * DAY_S)
    assert (
        rows(one, "SELECT count(*) FROM view_posts") == [(0,)] == rows(two, "SELECT count(*) FROM view_posts")
    )
    cards = 2 * 2 * 3  # renewed cards and what follows from them
    assert world.network.count(frames.RECORDS) - before <= cards
    world.tick_max_s = 1.0
    settled(world)


def test_parcels_agree_about_what_is_over() -> None:
    """One has deleted what the other still hides: to both it counts as gone, and nobody sends it."""
    world, riverbend, oak, harbor, _ = chain("gone")
    soup = riverbend.post("Soup for two", days=1)
    world.until(lambda: "Soup for two" in harbor.board(), 5, "the need crosses oak")
    arrange(world, harbor, riverbend, soup, seconds=10)
    world.until(lambda: undelivered(harbor) == 0, 20, "all has arrived")
    for place in (riverbend, oak, harbor):
        place.stop()
    world.pass_over(36 * DAY_S)  # post and promise are over, and no longer hidden
    oak.start()
    harbor.start()
    world.run(1300)
    assert rows(harbor, "SELECT count(*) FROM view_promises") == [(0,)]
    stew = harbor.post("Stew")
    riverbend.start()
    riverbend.links._next_housekeeping = world.now + 600  # it clears up later than harbor
    world.until(lambda: "Stew" in riverbend.board(), 320, "the need crosses oak")
    assert rows(riverbend, "SELECT count(*) FROM view_promises") == [(1,)], "the other still has it"
    before = rows(oak, "SELECT count(*) FROM records WHERE kind = 'parcel'")[0][0]
    arrange(world, riverbend, harbor, stew, seconds=10)
    world.until(lambda: undelivered(harbor) == undelivered(riverbend) == 0, 20, "all has arrived")
    assert rows(oak, "SELECT count(*) FROM records WHERE kind = 'parcel'")[0][0] - before <= 6
    world.run(700)
    settled(world)


def test_hours_survive_everything() -> None:
    world, riverbend, oak, harbor, _ = chain("hours")
    soup = riverbend.post("Soup for two")
    world.until(lambda: "Soup for two" in harbor.board(), 5, "the need crosses oak")
    promise = arrange(world, harbor, riverbend, soup, seconds=10)
    share_hours(world, harbor, riverbend, promise, seconds=10)
    for place in (riverbend, oak, harbor):
        place.stop()
    world.pass_over(200 * DAY_S)  # the post, the promise and every parcel are long over
    for place in (riverbend, oak, harbor):
        place.start()
    world.run(1300)  # twice the housekeeping
    assert balance(harbor) == 75 and balance(riverbend) == -75
    assert rows(harbor, "SELECT count(*) FROM view_posts") == [(0,)]
    settled(world)
