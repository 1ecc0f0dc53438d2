"""Riverbend's first evening in a real browser: a phone, no scripts, from the setup link to the hours."""

from __future__ import annotations

import re
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path

import pytest
from aiohttp.test_utils import TestServer
from playwright.async_api import Browser

from node.actions import setup
from node.app import Node
from tests.web.conftest import PASSPHRASE
from tests.web.phones import Phone

pytestmark = [pytest.mark.browser, pytest.mark.timeout(300)]

Picture = Callable[[str], Path | None]


NewPhone = Callable[[], Awaitable[Phone]]


@pytest.fixture
async def phone(browser: Browser, server: TestServer) -> AsyncIterator[NewPhone]:
    made: list[Phone] = []

    async def make() -> Phone:
        context = await browser.new_context(
            viewport={"width": 390, "height": 844}, java_script_enabled=False, locale="en-GB"
        )
        made.append(Phone(await context.new_page(), str(server.make_url("")).rstrip("/")))
        return made[-1]

    yield make
    for one in made:
        # a form that needs another look is answered with 400, which the browser mentions
        assert [said for said in one.complaints if "status of 400" not in said] == []


async def test_the_first_evening_on_a_phone_without_scripts(
    node: Node, phone: NewPhone, picture: Picture
) -> None:
    ines = await phone()

    # She opens the setup link, names the neighborhood, and writes down the recovery sheet.
    await ines.open("/setup/" + setup.new_setup_link(node))
    await ines.fill(neighborhood="Riverbend", area="By the mill", name="Ines")
    await ines.fill(passphrase=PASSPHRASE, passphrase_again=PASSPHRASE)
    await ines.press("Set up")
    words = await ines.page.locator("ol.recovery-words li").all_inner_texts()
    assert len(words) == 24 and len(set(words)) > 15
    await ines.press("I have it")
    assert "/setup/" in ines.page.url, "not without the tick"
    await ines.page.get_by_label("I have all 24 words on paper").check()
    await ines.press("I have it")
    await ines.reads("Your neighborhood is ready.", "Three next steps")
    categories = await ines.page.locator("#category option").count()
    assert categories > 30, "the list of categories is there"
    await ines.save(picture("board-empty-phone"))

    # She invites a neighbor, who picks a name and a passphrase, and is in.
    await ines.follow("Invite your neighbors")
    await ines.press("Make an invitation")
    assert await ines.page.locator("svg.qr").is_visible()
    link = await ines.page.locator(".link a").first.get_attribute("href")
    assert link
    tomas = await phone()
    await tomas.open(re.sub(r"https?://[^/]+", "", link))
    await tomas.fill(name="Tomás", passphrase="short", passphrase_again="short")
    await tomas.press("Join")
    await tomas.reads("This needs another look", "at least 8 characters")
    assert await tomas.page.locator("[name=name]").input_value() == "Tomás"
    await tomas.fill(passphrase=PASSPHRASE, passphrase_again=PASSPHRASE)
    await tomas.press("Join")
    await tomas.reads("Welcome. You are in.", "The board is still empty")

    # He posts a need, with private details; she finds it and can help.
    await tomas.follow("Post a need")
    await tomas.fill(
        what="help", title="Ride to the eye clinic", category="rides", text="I can be ready from eight."
    )
    await tomas.fill(when="Thursday, 8 to 12", area="Mill Lane", urgency="urgent", where="here")
    await tomas.fill(contact="0171 555 0134", address="Mill Lane 12")
    await tomas.reads("Only this neighborhood's coordinators and you can read this")
    await tomas.press("Put the need on the board")
    await tomas.reads("Your need is on the board.", "Ride to the eye clinic", "Only members of Riverbend")

    await ines.open("/board")
    await ines.fill(q="clinic", category="rides")
    await ines.press("Search")
    await ines.save(picture("board-phone"))
    await ines.follow("Ride to the eye clinic")
    await ines.reads("Urgent", "Thursday, 8 to 12", "Mill Lane 12")
    await ines.follow("I can help")
    await ines.fill(note="I have a car.")
    await ines.press("Send")
    await ines.reads("Thank you.", "Waiting for an answer")

    # He says yes; she must let go after all, and the post is open again; she offers once more.
    await tomas.follow("Inbox")
    await tomas.reads("Ines from Riverbend answered you.", "I have a car.")
    await tomas.press("Yes, please")
    await tomas.reads("Arranged. You are both told here.")
    await tomas.save(picture("inbox-phone"))
    await ines.follow("Inbox")
    await ines.follow("Release")
    await ines.reads("nobody holds it against you")
    await ines.press("Release")
    await ines.follow("Board")
    await ines.follow("Ride to the eye clinic")
    await ines.reads("Open")
    await ines.follow("I can help")
    await ines.press("Send")
    await tomas.follow("Inbox")
    await tomas.press("Yes, please")

    # The ride is over: she records the hours, he confirms, both see their balance.
    await ines.follow("Inbox")
    await ines.press("It is done")
    await ines.follow("Record the hours")
    await ines.reads("You helped Tomás.")
    await ines.fill(hours="1", minutes="30")
    await ines.press("Record")
    await ines.reads("It counts once the other side confirms.", "Given 0 h")
    await tomas.follow("Inbox")
    await tomas.press("Confirm")
    await tomas.follow("Hours")
    await tomas.reads("Received 1 h 30 min", "Balance \N{MINUS SIGN}1 h 30 min", "That is fine")
    await ines.follow("Hours")
    await ines.reads("Given 1 h 30 min", "Balance 1 h 30 min")
    await ines.save(picture("hours-phone"))

    # An offer, then out; nobody who passes by sees anything.
    await ines.open("/posts/new?type=offer")
    await ines.fill(what="lend", title="Long ladder", category="tools")
    await ines.press("Put the offer on the board")
    await ines.press("Sign out")
    await ines.open("/board")
    await ines.reads("Good to see you")
    assert "ladder" not in await ines.page.content()
