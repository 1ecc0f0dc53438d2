"""Half of the voters are gone for good: those who live found a coalition that carries the former one on."""

from __future__ import annotations

import pytest

from node.actions import neighborhoods, rosters
from protocol.errors import OurFault
from tests.sim.invariants import settled
from tests.sim.world import World


def test_the_living_go_on_and_everybody_asked_sees_what_it_carries_on() -> None:
    world = World("found anew")
    riverbend, oak, harbor, mill = world.places("riverbend", "oak", "harbor", "mill")
    former = world.coalition(riverbend, oak, harbor, mill)
    settled(world)
    harbor.stop()
    mill.stop()
    votes: dict[bytes, rosters.Role] = {
        riverbend.home: "voter", oak.home: "voter", harbor.home: "out", mill.home: "out",
    }  # fmt: skip
    proposed = rosters.propose(riverbend.node, riverbend.coordinator, former, votes)
    world.until(lambda: oak.node.records.holds(proposed), 10, "Oak hears of it")
    rosters.assent(oak.node, oak.coordinator, former, proposed)
    world.run(60)
    assert len(riverbend.node.records.known.rosters[former].voters) == 4, "two of four are not enough"

    with pytest.raises(OurFault):
        neighborhoods.found_coalition(
            riverbend.node, riverbend.coordinator, name="X", agreement="", members=[], former=bytes(32)
        )
    anew = neighborhoods.found_coalition(
        riverbend.node, riverbend.coordinator, name="River Valley", agreement="", members=[oak.home],
        former=former,
    )  # fmt: skip
    world.until(lambda: world._offered(oak, anew), 60, "Oak is asked")
    (offer,) = neighborhoods.neighborhoods(oak.node, oak.coordinator).offers
    assert offer.carries_on == "River Valley"
    neighborhoods.accept_coalition(oak.node, oak.coordinator, anew)
    world.until(lambda: oak.home in oak.links.port.members(anew), 60, "both are in")
    page = rosters.coalition_page(oak.node, oak.coordinator, anew)
    assert page.carries_on == "River Valley" and [one.role for one in page.members] == ["voter", "voter"]
    assert rosters.coalition_page(oak.node, oak.coordinator, former).carries_on == ""
    votes = {riverbend.home: "voter", oak.home: "guest"}
    proposed = rosters.propose(riverbend.node, riverbend.coordinator, anew, votes)
    world.until(lambda: oak.node.records.holds(proposed), 20, "Oak hears of it")
    rosters.assent(oak.node, oak.coordinator, anew, proposed)
    world.until(
        lambda: len(riverbend.node.records.known.rosters[anew].voters) == 1,
        60,
        "and things are decided again",
    )
    settled(world)
