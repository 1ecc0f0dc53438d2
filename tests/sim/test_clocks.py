"""Machines whose clocks are wrong: nothing is lost or over too early, and records go both ways."""

from __future__ import annotations

import pytest

from protocol.scopes import DAY_S, day_of
from tests.sim.invariants import always, rows, settled
from tests.sim.test_stories import arrange, share_hours
from tests.sim.world import START_S, Place, World

YEAR_S = 365 * DAY_S
TODAY = day_of(START_S)


def region_with(offset_s: float, others: int = 3) -> tuple[World, Place, list[Place]]:
    """A coalition of some with right clocks and one whose clock is off by `offset_s`."""
    world = World(f"clock {offset_s} {others}")
    good = world.places(*[f"good {number}" for number in range(others)])
    coalition = world.coalition(good[0])
    wrong = world.place("wrong")
    for place in (*good[1:], wrong):
        world.join(good[0], place, coalition)
    world.run(5)
    set_clock(wrong, offset_s)
    return world, wrong, good


def set_clock(place: Place, offset_s: float) -> None:
    """The power went, and the machine came back with another time."""
    place.stop()
    place.clock_offset_s = offset_s
    place.restart()


OFFSETS = [
    pytest.param(-START_S, id="1970"),
    pytest.param(-YEAR_S, id="a year back"),
    pytest.param(3600, id="an hour ahead"),
    pytest.param(YEAR_S, id="a year ahead"),
    pytest.param(10 * YEAR_S, id="ten years ahead"),
]


@pytest.mark.parametrize("offset_s", OFFSETS)
def test_one_wrong_clock_among_four(offset_s: float) -> None:
    world, wrong, good = region_with(offset_s)
    good[0].post("Short", days=1)
    soup = good[1].post("Soup")
    world.until(lambda: {"Short", "Soup"} <= set(wrong.board()), 30, "the wrong one has them")
    world.until(lambda: len(wrong.node.connected) == 3, 60, "it knows all")
    assert wrong.node.today() == TODAY
    wrong.post("From the wrong clock")
    world.until(lambda: all(len(place.board()) == 3 for place in good), 60, "the others have its need")
    promise = arrange(world, wrong, good[1], soup)
    share_hours(world, wrong, good[1], promise)
    world.run(1300)  # twice the housekeeping
    assert all(len(place.board()) == 3 for place in world.all), "nothing is over"
    assert all(place.node.today() == TODAY for place in world.all), "one wrong clock moves nobody"
    assert bool(wrong.node.clock_note) == (abs(offset_s) > DAY_S)
    assert not any(place.node.clock_note for place in good)
    settled(world)


@pytest.mark.parametrize("offset_s", [-START_S, -40 * YEAR_S])
def test_a_clock_that_is_surely_unset_follows_its_only_neighbor(offset_s: float) -> None:
    world, wrong, (good,) = region_with(offset_s, others=1)
    good.post("Soup")
    world.until(lambda: "Soup" in wrong.board(), 10, "it takes what the other says")
    wrong.post("Bread")
    world.until(lambda: "Bread" in good.board(), 10, "and is heard")
    assert wrong.node.clock_note
    world.run(1300)
    assert len(good.board()) == len(wrong.board()) == 2
    settled(world)


def test_a_neighborhood_founded_with_an_unset_clock() -> None:
    """As on a machine without a clock of its own, out of reach of any time server."""
    world = World("founded")
    riverbend, oak = world.places("riverbend", "oak")
    coalition = world.coalition(riverbend, oak)
    hill = world.place("hill", clock_offset_s=-START_S)
    hill.post("Before anybody knew us", where="here", days=90)
    world.join(riverbend, hill, coalition)
    soup = hill.post("Soup")
    world.until(lambda: "Soup" in oak.board(), 10, "oak has it")
    arrange(world, oak, hill, soup)
    world.run(1300)
    assert hill.node.today() == TODAY and len(hill.board()) == 2
    settled(world)


def test_a_clock_that_jumps_a_year_ahead_deletes_nothing() -> None:
    """With one peer nobody can tell who is wrong, so nobody deletes."""
    world = World("jump")
    riverbend, oak = world.places("riverbend", "oak")
    world.coalition(riverbend, oak)
    riverbend.post("Soup")
    world.until(lambda: "Soup" in oak.board(), 5, "oak has it")
    held = rows(oak, "SELECT count(*) FROM records")
    set_clock(oak, YEAR_S)
    world.until(lambda: oak.connected(riverbend), 30, "linked again")
    world.run(1300)
    assert rows(oak, "SELECT count(*) FROM records WHERE kind = 'post'") == [(1,)]
    assert rows(oak, "SELECT count(*) FROM records") >= held
    set_clock(oak, 0)
    world.until(lambda: "Soup" in oak.board(), 5, "the clock is set right, and all is there")
    settled(world)


def test_a_node_that_nobody_can_call_finds_out_that_its_clock_is_years_ahead() -> None:
    """It knows one neighbor's address; of two nobody can tell. It takes in the third's card all the same."""
    world = World("behind a home router")
    riverbend, oak = world.places("riverbend", "oak")
    coalition = world.coalition(riverbend, oak)
    hill = world.place("hill", nat=True)
    world.join(riverbend, hill, coalition)
    set_clock(hill, 10 * YEAR_S)
    world.until(lambda: hill.connected(oak), 120, "the card of the third is no card of ten years ago")
    assert hill.node.today() == TODAY and hill.node.clock_note
    assert not riverbend.node.clock_note and not oak.node.clock_note
    riverbend.post("Soup")
    world.until(lambda: "Soup" in hill.board(), 30, "it lives in the same days as the others")
    set_clock(hill, 0)
    world.run(700)
    assert not hill.node.clock_note and not hill.node.setting("disputed_day")
    settled(world)


def test_two_who_cannot_agree_on_the_year_are_quiet_and_hold_the_same() -> None:
    world = World("two years")
    riverbend, oak = world.places("riverbend", "oak")
    world.coalition(riverbend, oak)
    set_clock(oak, YEAR_S)
    riverbend.post("Soup")
    key = "SELECT count(*) FROM records WHERE kind = 'post'"
    world.until(lambda: rows(oak, key) == [(1,)], 60, "what is over by one clock alone is kept")
    settled(world)


def test_two_unset_clocks_do_not_follow_each_other_round_and_round() -> None:
    world = World("both")
    one = world.place("one", clock_offset_s=-START_S)
    two = world.place("two", clock_offset_s=-START_S - 30 * DAY_S)
    world.coalition(one, two)
    one.post("Soup")
    world.until(lambda: "Soup" in two.board(), 70, "it arrives")
    settled(world)


def test_a_clock_set_right_while_the_link_is_up() -> None:
    """As when the machine reaches a time server an hour after the start."""
    world, wrong, good = region_with(-START_S)
    world.run(60)
    wrong.clock_offset_s = 0
    world.run(1300)
    assert not wrong.node.clock_note and wrong.node.today() == TODAY
    wrong.post("Right at last")
    world.until(lambda: all("Right at last" in place.board() for place in good), 5, "all have it")
    always(world)
    settled(world)


def test_what_was_made_ahead_does_not_hold_up_the_upkeep() -> None:
    """The card was made ten years ahead. With the clock right it cannot be renewed; all the rest goes on."""
    world = World("ahead")
    founder = world.place("riverbend", clock_offset_s=10 * YEAR_S)
    coalition = world.coalition(founder)
    founder.post("Soup", where="region")
    world.run(5)
    set_clock(founder, 0)
    oak = world.place("oak")
    world.join(founder, oak, coalition)
    founder.post("Bread", where="region")
    founder.links._housekeep()
    world.until(lambda: "Bread" in oak.board(), 10, "what is said today arrives")
    cards = "SELECT count(*) FROM records WHERE kind = 'node' AND home = ?"
    world.until(lambda: rows(oak, cards, founder.home) == [(1,)], 1, "there is a card of today")
