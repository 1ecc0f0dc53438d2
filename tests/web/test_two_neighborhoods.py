"""Two real nodes and two coordinators, each on their own page: from a typed address to confirmed hours."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from node.actions import setup
from node.serve import Server
from node.settings import Settings
from tests.web.conftest import PASSPHRASE, post
from tests.web.reader import Person

WITHIN_S = 30.0

pytestmark = pytest.mark.timeout(180)


class Place:
    """A neighborhood with a node that runs, and its coordinator."""

    def __init__(self, server: Server, coordinator: Person) -> None:
        self.server, self.coordinator = server, coordinator
        self.address = f"127.0.0.1:{server.node.settings.port}"


@pytest.fixture
async def places(tmp_path: Path) -> AsyncIterator[dict[str, Place]]:
    """Riverbend with Ines and Hillside with Sam, on loopback, deaf to mDNS."""
    made = {}
    for name, coordinator in (("Riverbend", "Ines"), ("Hillside", "Sam")):
        (tmp_path / name).mkdir(mode=0o700)
        where = Settings(
            data=tmp_path / name, port=0, listen="127.0.0.1", discovery="loopback", allow_loopback=True
        )
        server = Server(where)
        await server.start()
        place = made[name] = Place(server, Person(f"http://127.0.0.1:{server.node.settings.port}"))
        one = place.coordinator
        await one.open("/setup/" + setup.new_setup_link(server.node))
        passphrases = {"passphrase": PASSPHRASE, "passphrase_again": PASSPHRASE}
        await one.press(
            "Set up and show the recovery sheet", neighborhood=name, name=coordinator, **passphrases
        )
        await one.press("I have it", have_it="yes")
    yield made
    for place in made.values():
        await place.coordinator.client.close()
        await place.server.stop()


async def until(who: Person, path: str, shown: str) -> None:
    """Open a page again and again until it shows something; what is under way elsewhere takes its time."""
    try:
        async with asyncio.timeout(WITHIN_S):
            while shown not in (await who.open(path)).text:  # noqa: ASYNC110 - a page tells nobody of news
                await asyncio.sleep(0.1)
    except TimeoutError:
        raise AssertionError(f"{path} never showed {shown!r}: {who.page.text}") from None


async def test_linked_by_address_and_hours_across_the_river(places: dict[str, Place]) -> None:
    ines, sam = places["Riverbend"].coordinator, places["Hillside"].coordinator

    await ines.open("/neighborhoods/address")
    await ines.press("Ask to link", address=places["Hillside"].address, message="Ines from across the river")
    assert "is being called" in ines.page.text
    await until(sam, "/neighborhoods", "Riverbend asks to link with you")
    assert "Ines from across the river" in sam.page.text
    for word in setup.neighborhood(places["Riverbend"].server.node).words.split():
        assert word in sam.page.text, "the six words of the one who asks"
    await sam.press("The words match: link")
    await until(sam, "/neighborhoods", "Connected")
    await until(ines, "/neighborhoods", "Connected")

    await ines.open("/coalitions/new")
    await ines.press("Found the coalition", name="North Bank", agreement="Be kind.")
    await until(sam, "/neighborhoods", "Riverbend invites you into the coalition North Bank")
    await sam.press("Join")

    private = {"contact": "0171 5550134", "address": "Mill Lane 12"}
    await post(ines, "need", "Kept at home", **private)
    path = await post(ines, "need", "Four hands for a sofa", where="region", **private)
    assert "The neighborhoods of the coalition" in ines.page.text
    await until(sam, "/board?where=region", "Four hands for a sofa")
    assert "Kept at home" not in sam.page.text
    await sam.open(path)
    assert "0171" not in sam.page.html and "Mill Lane" not in sam.page.html and "Ines" in sam.page.text

    await sam.open(f"{path}/help")
    assert "Riverbend is theirs" in sam.page.text
    await sam.press("Send", note="I bring straps.")
    await until(ines, "/inbox", "Sam from Hillside answered you.")
    await ines.press("Yes, please")
    await until(sam, "/inbox", "It is done")
    (record,) = [link for link in sam.page.links if "/hours/new?" in link]
    await sam.open(record)
    await sam.press("Record", hours="2")
    await until(ines, "/inbox", "Hours to confirm")
    await ines.press("Confirm")
    await until(sam, "/hours", "Given 2\N{NO-BREAK SPACE}h".replace("\N{NO-BREAK SPACE}", " "))
    assert "Received 2 h" in (await ines.open("/hours")).text


async def test_an_answer_across_carries_the_name_shown_and_no_other(places: dict[str, Place]) -> None:
    ines, sam = places["Riverbend"].coordinator, places["Hillside"].coordinator
    await ines.open("/neighborhoods/address")
    await ines.press("Ask to link", address=places["Hillside"].address)
    await until(sam, "/neighborhoods", "Riverbend asks to link with you")
    await sam.press("The words match: link")
    await until(ines, "/neighborhoods", "Connected")
    await ines.open("/coalitions/new")
    await ines.press("Found the coalition", name="North Bank")
    await until(sam, "/neighborhoods", "Riverbend invites you")
    await sam.press("Join")
    path = await post(ines, "need", "Four hands for a sofa", where="region", name_shown="The blue door")
    await until(sam, "/board?where=region", "Four hands for a sofa")
    await sam.open(f"{path}/help")
    await sam.press("Send", name_shown="")
    await until(ines, "/inbox", "A neighbor from Hillside answered you.")
    assert "Sam" not in ines.page.text
    await ines.press("Yes, please")
    await until(sam, "/inbox", "It is done")
    assert "You answered The blue door" in sam.page.text and "Ines" not in sam.page.html
