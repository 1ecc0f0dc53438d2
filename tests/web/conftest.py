"""A node in memory behind its page, and the people of Riverbend."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from pathlib import Path

import pytest
from aiohttp.test_utils import TestServer
from playwright.async_api import Browser, async_playwright
from pytest_aiohttp import AiohttpServer

from node.actions import setup
from node.app import Node
from node.settings import Settings
from node.store import neighbors
from node.web.app import build_app
from tests.protocol.helpers import Neighborhood
from tests.web.phones import ARGUMENTS
from tests.web.reader import Page, Person

PASSPHRASE = "seven tall sunflowers"
START_S = 2_000_000_000  # 18 May 2033: later than this program, or the node takes its clock for unset


class Clock:
    """A clock that stands still until it is set."""

    def __init__(self) -> None:
        self.now_s = START_S

    def __call__(self) -> float:
        return float(self.now_s)


@pytest.fixture
async def browser(chromium: str) -> AsyncIterator[Browser]:
    async with async_playwright() as playwright:
        browser = await playwright.chromium.launch(executable_path=chromium, args=ARGUMENTS)
        yield browser
        await browser.close()


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def node(tmp_path: Path, clock: Clock) -> Iterator[Node]:
    node = Node(Settings(data=tmp_path, hosts=("barn.example",)), clock=clock, memory=True)
    yield node
    node.close()


@pytest.fixture
async def server(node: Node, aiohttp_server: AiohttpServer) -> TestServer:
    return await aiohttp_server(build_app(node))


@pytest.fixture
async def person(server: TestServer) -> AsyncIterator[Callable[..., Person]]:
    """Make a person with a browser: `person()`, or `person("de")` for one who reads German."""
    made: list[Person] = []

    def make(language: str = "en") -> Person:
        made.append(Person(str(server.make_url("")).rstrip("/"), language))
        return made[-1]

    yield make
    for one in made:
        await one.client.close()


async def set_up(node: Node, ines: Person) -> Page:
    """Ines opens the setup link and founds Riverbend; gives the page with the recovery sheet."""
    await ines.open("/setup/" + setup.new_setup_link(node))
    return await ines.press(
        "Set up and show the recovery sheet",
        neighborhood="Riverbend",
        area="Between the mill and the railway",
        name="Ines",
        passphrase=PASSPHRASE,
        passphrase_again=PASSPHRASE,
    )


@pytest.fixture
async def ines(node: Node, person: Callable[..., Person]) -> Person:
    """The coordinator of a neighborhood that has just been set up, looking at her empty board."""
    ines = person()
    await set_up(node, ines)
    await ines.press("I have it", have_it="yes")
    return ines


def linked_with(node: Node, name: str) -> Neighborhood:
    """A neighborhood that this node is linked with and whose keys it has; its own node is never heard."""
    other = Neighborhood(name)
    with node.records.transaction():
        neighbors.set_neighbor(node.connection, other.id, "linked", name=name)
        node.records.known_changed()
        node.records.add(other.inception.message)
    return other


async def post(who: Person, type: str, title: str, category: str = "rides", **entered: str) -> str:
    """Put something on the board; gives its path. `category` is an id."""
    await who.open(f"/posts/new?type={type}")
    await who.press(f"Put the {type} on the board", title=title, category=category, **entered)
    assert who.page.path.endswith(f"?said={type}_posted"), who.page.text
    return who.page.path.partition("?")[0]


@pytest.fixture
def neighbor(ines: Person, person: Callable[..., Person]) -> Callable[[str], Awaitable[Person]]:
    """Invite a neighbor and let them join: `tomas = await neighbor("Tomás")`."""

    async def join(name: str) -> Person:
        await ines.open("/people/invite")
        invitation = await ines.press("Make an invitation")
        (link, *_) = [link for link in invitation.links if "/join/" in link]
        one = person()
        await one.open(link[link.index("/join/") :])
        await one.press("Join", name=name, passphrase=PASSPHRASE, passphrase_again=PASSPHRASE)
        assert one.page.path.startswith("/board"), one.page.text
        return one

    return join
