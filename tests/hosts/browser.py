"""Somebody with a browser on one of the machines: the pages' own forms, over that machine's network."""

from __future__ import annotations

from typing import Any

import aiohttp

from tests.hosts.network import PORT, Machine
from tests.web.reader import Page, Person

PASSPHRASE = "seven tall sunflowers"


class Neighbor(Person):
    """A person at a machine, with that machine's node."""

    def __init__(self, name: str, neighborhood: str, machine: Machine) -> None:
        self.name = name
        self.neighborhood = neighborhood
        self.machine = machine
        self.base = f"http://127.0.0.1:{PORT}"
        self.client = aiohttp.ClientSession(
            self.base,
            connector=aiohttp.TCPConnector(socket_factory=machine.socket),
            cookie_jar=aiohttp.CookieJar(unsafe=True),
            timeout=aiohttp.ClientTimeout(total=15),
        )
        self.headers = {"Accept-Language": "en"}
        self.page = Page("", 0, {}, "<html lang=''></html>")

    async def list(self, what: str) -> Any:
        """A list as JSON, such as "posts?where=region"."""
        async with self.client.request("GET", f"/api/{what}") as answer:
            assert answer.status == 200, await answer.text()
            return await answer.json()

    async def set_up(self, token: str) -> None:
        """Found the neighborhood, as its first coordinator."""
        await self.open(f"/setup/{token}")
        await self.press(
            "Set up and show the recovery sheet",
            neighborhood=self.neighborhood,
            area=f"around {self.neighborhood}",
            name=self.name,
            passphrase=PASSPHRASE,
            passphrase_again=PASSPHRASE,
        )
        await self.press("I have it", have_it="yes")
        assert self.page.path.startswith("/board"), self.page.text

    async def nearby(self) -> list[str]:
        """The names under "Neighborhoods nearby"."""
        return sorted(one["name"] for one in (await self.list("neighborhoods"))["nearby"])

    async def ask_to_link(self, neighborhood: str) -> None:
        """Ask a neighborhood that was found nearby."""
        found = (await self.list("neighborhoods"))["nearby"]
        (home,) = [one["home"] for one in found if one["name"] == neighborhood]
        await self.open(f"/neighborhoods/{home}/ask")
        await self.press("Ask to link", message=f"{self.name} from {self.neighborhood}")
        assert self.page.path == "/neighborhoods?said=asked", self.page.text

    async def post_need(self, title: str, category: str) -> str:
        """Share a need with the region; gives its id."""
        await self.open("/posts/new?type=need")
        await self.press("Put the need on the board", title=title, category=category, where="region")
        assert self.page.path.endswith("?said=need_posted"), self.page.text
        return self.page.path.partition("?")[0].removeprefix("/posts/")

    async def offer_help(self, post: str) -> None:
        """ "I can help"."""
        await self.open(f"/posts/{post}/help")
        await self.press("Send", note="Tomorrow at nine?")
        assert self.page.path == f"/posts/{post}?said=help_offered", self.page.text

    async def record_hours(self, hours: int, minutes: int) -> None:
        """Record the hours of the one thing that is arranged."""
        await self.open("/inbox")
        (link,) = {link for link in self.page.links if link.startswith("/hours/new?promise=")}
        await self.open(link)
        await self.press("Record", hours=str(hours), minutes=str(minutes))
        assert self.page.path == "/hours?said=recorded", self.page.text

    async def close(self) -> None:
        await self.client.close()
