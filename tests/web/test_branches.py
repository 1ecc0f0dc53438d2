"""Two final rosters, and keys that were replaced, on a coordinator's page."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable

import pytest
from pytest_aiohttp import AiohttpServer

from node.actions import rosters
from node.web.app import build_app
from node.web.languages import LANGUAGES
from tests.sim.invariants import settled
from tests.sim.test_recovery import replace_key
from tests.sim.test_rosters import two_rosters
from tests.sim.world import Place, World
from tests.web.reader import Person
from tests.web.test_every_page import check

Coordinator = Callable[[Place], Awaitable[Person]]


@pytest.fixture
async def coordinator_of(aiohttp_server: AiohttpServer) -> AsyncIterator[Coordinator]:
    """Somebody who is signed in at a place of a simulated world."""
    made: list[Person] = []

    async def of(place: Place) -> Person:
        server = await aiohttp_server(build_app(place.node))
        one = Person(str(server.make_url("")).rstrip("/"))
        one.client.cookie_jar.update_cookies(
            {f"barnraise_{place.port}": place.coordinator.token}, server.make_url("/")
        )
        made.append(one)
        return one

    yield of
    for one in made:
        await one.client.close()


async def test_a_coordinator_sees_both_rosters_and_chooses_one(coordinator_of: Coordinator) -> None:
    _, (riverbend, oak, _), valley = two_rosters()
    path = f"/coalitions/{valley.hex()}"
    ola = await coordinator_of(oak)
    here, there = (place.node.records.known.rosters[valley].in_force for place in (oak, riverbend))
    assert f"{path}/branches" in (await ola.open(path)).links
    page = await ola.open(f"{path}/branches")
    assert "Oak signed both" in page.text and page.text.count("followed here") == 1
    for language in ("de", "es", "en"):
        check(await ola.press(LANGUAGES[language]), language)

    (choose,) = [link for link in ola.page.links if link.startswith(f"{path}/branches/")]
    page = await ola.open(choose)
    assert "In it are: Oak, Riverbend." in page.text and "Not in it: Harbor." in page.text
    check(page, "en")
    assert oak.node.records.known.rosters[valley].in_force == here, "asked before"
    page = await ola.press("Follow this roster")
    assert page.path == f"{path}?said=branch_chosen" and "follows that roster" in page.text
    assert oak.node.records.known.rosters[valley].in_force == there
    assert (await ola.open(choose)).status == 200, "the one that is followed can be looked at"
    assert (await ola.press("Follow this roster")).status == 404
    assert (await ola.open(f"{path}/branches/{'0' * 64}")).status == 404

    ines = await coordinator_of(riverbend)
    (other,) = [link for link in (await ines.open(f"{path}/branches")).links if link.startswith(f"{path}/b")]
    assert "you would leave the coalition" in (await ines.open(other)).text


async def test_a_coordinator_proposes_the_keys_of_today(coordinator_of: Coordinator) -> None:
    world = World("renewed on the page")
    riverbend, oak = world.places("riverbend", "oak")
    valley = world.coalition(riverbend, oak)
    ola = await coordinator_of(oak)
    path = f"/coalitions/{valley.hex()}"
    assert "A key was replaced" not in (await ola.open(path)).text
    replace_key(riverbend, *riverbend.sheets)
    settled(world)
    page = await ola.open(path)
    assert "the node of Riverbend has got a new key" in page.text
    check(page, "en")
    page = await ola.press("Propose the new keys")
    assert page.path == f"{path}?said=proposed" and "Nobody's role. It lists keys" in page.text
    assert "You have agreed to a proposal" in page.text
    (proposal,) = rosters.coalition_page(oak.node, oak.coordinator, valley).proposals
    world.until(
        lambda: rosters.coalition_page(riverbend.node, riverbend.coordinator, valley).proposals, 10, "asked"
    )
    ines = await coordinator_of(riverbend)
    await ines.open(path)
    await ines.press("Agree to it")
    settled(world)
    assert oak.node.records.known.rosters[valley].in_force == proposal.id
    assert "A key was replaced" not in (await ola.open(path)).text
