"""The page that says who can read what: for everybody, and true."""

from __future__ import annotations

import re
from collections.abc import AsyncIterator, Callable
from pathlib import Path

import pytest
from aiohttp.test_utils import TestServer
from playwright.async_api import async_playwright

from node.web import render
from node.web.languages import LANGUAGES
from tests.privacy.table import reach
from tests.web.conftest import post
from tests.web.reader import Neighbor, Page, Person
from tests.web.test_every_page import check

# What each line of the page is about: fields of docs/security.md, and who reads them there.
LINES = {
    "Your passphrase": ("join/join.html passphrase", "nobody"),
    "Contact, exact address, household and notes of a post": (
        "details.contact local, details.address local, details.household local, details.notes local",
        "coordinators",
    ),
    "How to reach you, on your page": ("profile.contact local", "coordinators"),
    "Your name, and what else you say about yourself": (
        "profile.name local, profile.area local, profile.languages local, profile.about local",
        "members",
    ),
    "A post that you keep in the neighborhood": (
        "post.title local, post.text local, post.name local",
        "members",
    ),
    "A post that you share with the region": (
        "post.what coalition, post.category coalition, post.title coalition, post.text coalition,"
        " post.when coalition, post.area coalition, post.urgency coalition, post.slots coalition,"
        " post.language coalition, post.name coalition",
        "coalition",
    ),
    "“I can help”, a note with it, and the answer": (
        "commitment.note local, commitment.note pair, answer.note local, answer.note pair",
        "two people",
    ),
    "Hours": ("hours.minutes local, hours.minutes pair, hours.giver pair", "two people"),
    "A line to another neighborhood when you ask to link": ("neighbors.message", "asked"),
    "What you search for": ("board/board.html q", "nobody"),
}
SAID = {
    "nobody": "Nobody",
    "coordinators": "You, and the coordinators of your neighborhood.",
    "members": "Members of your neighborhood",
    "coalition": "Members of every neighborhood of the coalition",
    "two people": "The two of you.",
    "asked": "The members of that neighborhood.",
}


def lines(page: Page) -> dict[str, str]:
    """The table of the page: what, and who reads it."""
    found = re.findall(r'<th scope="row">(.*?)</th><td>(.*?)</td>', page.html)
    return dict(found)


def readers(field: str) -> str:
    """What docs/security.md says of "kind.field scope", of a column, or of a field of a form."""
    left, _, right = field.rpartition(" ")
    if left.endswith(".html"):
        return reach().forms[left, right]
    return reach().of(left, right) if left else reach().of(right)


async def test_every_line_of_it_is_what_the_document_says(ines: Person) -> None:
    shown = lines(await ines.open("/privacy"))
    assert shown.keys() == LINES.keys()
    for what, (fields, who) in LINES.items():
        assert shown[what].startswith(SAID[who]), what
        assert {readers(field) for field in fields.split(", ")} == {who}, what


@pytest.mark.parametrize("language", LANGUAGES)
async def test_it_is_there_before_signing_in_and_names_nobody(
    ines: Person, neighbor: Neighbor, person: Callable[..., Person], language: str
) -> None:
    await neighbor("Tomás")
    await post(ines, "offer", "A long ladder", "tools", contact="0171 5550134")
    guest = person(language)
    page = await guest.open("/privacy")
    assert page.status == 200
    check(page, language)
    assert len(lines(page)) == len(LINES) and "http://" in page.text and "https://" in page.text
    for word in ("Ines", "Tomás", "ladder", "0171"):
        assert word not in page.html
    assert [form.action for form in page.forms] == ["/language"], "it asks for nothing"
    assert len(page.html.encode()) + len(render.STYLE) + len(render.ICON) < 50_000
    check(await ines.open("/privacy"), "en")


async def test_it_is_there_before_the_node_is_set_up(person: Callable[..., Person]) -> None:
    page = await person().open("/privacy")
    assert page.status == 200 and page.heading == "Who can read what"


async def test_it_can_be_reached_from_where_people_write(
    ines: Person, person: Callable[..., Person], neighbor: Neighbor
) -> None:
    await ines.open("/people/invite")
    await ines.press("Make an invitation")
    join = next(link[link.index("/join/") :] for link in ines.page.links if "/join/" in link)
    guest, tomas = person(), await neighbor("Tomás")
    need = await post(ines, "need", "A ride")
    for who, path in (
        *((guest, path) for path in ("/sign-in", join)),
        *((tomas, path) for path in ("/posts/new", "/profile", f"{need}/help")),
    ):
        page = await who.open(path)
        assert page.links.count("/privacy") == 2, f"{path}: at the form, and in the footer"
    assert "/privacy" in (await ines.open("/hours")).links


@pytest.fixture
async def screens(chromium: str, server: TestServer) -> AsyncIterator[Callable[..., object]]:
    """Open a path at a width, without scripts: `await screens("/privacy", 390)`."""
    async with async_playwright() as playwright:
        browser = await playwright.chromium.launch(
            executable_path=chromium, args=["--no-sandbox", "--disable-gpu"]
        )

        async def show(path: str, width: int, language: str = "en", media: str = "screen") -> object:
            context = await browser.new_context(
                viewport={"width": width, "height": 844}, java_script_enabled=False, locale=language
            )
            page = await context.new_page()
            await page.emulate_media(media=media)  # type: ignore[arg-type]
            await page.goto(str(server.make_url(path)))
            return page

        yield show
        await browser.close()


@pytest.mark.browser
async def test_it_fits_a_phone_and_a_sheet_of_paper(
    ines: Person, screens: Callable[..., object], picture: Callable[[str], Path | None]
) -> None:
    for language in LANGUAGES:
        phone = await screens("/privacy", 320, language)  # type: ignore[misc]
        assert await phone.evaluate("document.documentElement.scrollWidth") <= 320
    phone = await screens("/privacy", 390)  # type: ignore[misc]
    if saved := picture("privacy-phone"):
        await phone.screenshot(path=saved, full_page=True)
    paper = await screens("/privacy", 794, media="print")  # type: ignore[misc]
    assert await paper.locator("footer").is_hidden() and await paper.locator("table").is_visible()
    if saved := picture("privacy-print"):
        await paper.screenshot(path=saved, full_page=True)
