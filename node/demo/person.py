"""A person in the demo: a browser without scripts, with one member's cookie."""

from __future__ import annotations

import asyncio
import html
import re
import time
from collections.abc import Callable
from typing import Any

import aiohttp

from node.demo.stage import DemoError, Host

WAIT_S = 15.0
POLL_S = 0.03
_TOKEN = re.compile(r'name="csrf" value="([^"]+)"')
_ERROR = re.compile(r'<div[^>]*role="alert".*?</div>', re.S)


class Person:
    """One member at their node's page. `acts` counts what the node has acknowledged."""

    def __init__(self, host: Host, name: str, passphrase: str) -> None:
        self.host = host
        self.name = name
        self.passphrase = passphrase
        self.acts = 0
        self._browser = aiohttp.ClientSession(cookie_jar=aiohttp.CookieJar(unsafe=True))
        self._token = ""

    async def close(self) -> None:
        await self._browser.close()

    async def page(self, path: str) -> tuple[int, str]:
        """Status and text of a page."""
        async with self._browser.get(self.host.url + path) as response:
            return response.status, await response.text()

    async def json(self, path: str) -> Any:
        """A list from the page's JSON. Raises DemoError."""
        async with self._browser.get(self.host.url + path) as response:
            if response.status != 200:
                raise DemoError(f"{self.name}: {path} answered {response.status}")
            return await response.json()

    async def send(self, path: str, form: dict[str, Any] | None = None, *, token_from: str = "/board") -> str:
        """Fill in a form and send it: gives where the node sends us on, or the page it answers with.

        Raises DemoError with what the page says where it is refused.
        """
        if not self._token:
            _, text = await self.page(token_from)
            found = _TOKEN.search(text)
            if found is None:
                raise DemoError(f"{self.name}: no form at {token_from}")
            self._token = html.unescape(found.group(1))
        fields = aiohttp.FormData()
        fields.add_field("csrf", self._token)
        for key, value in (form or {}).items():
            for item in value if isinstance(value, list) else [value]:
                fields.add_field(key, str(item))
        async with self._browser.post(self.host.url + path, data=fields, allow_redirects=False) as response:
            text = await response.text()
            if response.status == 303:
                self.acts += 1
                return response.headers["Location"]
            if response.status == 200:
                self.acts += 1
                return text
        said = " / ".join(re.sub(r"<[^>]+>", " ", part).strip() for part in _ERROR.findall(text))
        raise DemoError(f"{self.name}: {path} answered {response.status}: {html.unescape(said)[:300]}")

    async def set_up(self, neighborhood: str, area: str, language: str) -> None:
        """The coordinator's first page, and the recovery sheet after it."""
        text = await self.send(
            f"/setup/{self.host.setup}",
            {
                "neighborhood": neighborhood,
                "area": area,
                "name": self.name,
                "passphrase": self.passphrase,
                "passphrase_again": self.passphrase,
                "language": language,
            },
            token_from=f"/setup/{self.host.setup}",
        )
        self._token = ""
        words = re.search(r'name="words" value="([^"]+)"', text)
        await self.send("/recovery-sheet", {"have_it": "yes", "words": words.group(1) if words else ""})

    async def invitation(self) -> str:
        """A code for one new neighbor."""
        text = await self.send("/people/invite")
        found = re.search(r"/join/([0-9a-z-]{15,})", text)
        if found is None:
            raise DemoError(f"{self.name}: no code on the invitation's page")
        return found.group(1)

    async def join(self, code: str, language: str) -> None:
        """A new neighbor opens the link."""
        await self.send(
            f"/join/{code}",
            {
                "name": self.name,
                "passphrase": self.passphrase,
                "passphrase_again": self.passphrase,
                "language": language,
            },
            token_from=f"/join/{code}",
        )
        self._token = ""

    async def sign_in(self) -> None:
        """Again, after the node was away."""
        self._browser.cookie_jar.clear()
        self._token = ""
        await self.send("/sign-in", {"name": self.name, "passphrase": self.passphrase}, token_from="/sign-in")
        self._token = ""

    async def until(self, path: str, found: Callable[[Any], Any], what: str) -> Any:
        """Look at a list until it shows something. Raises DemoError after WAIT_S."""
        deadline = time.monotonic() + WAIT_S
        while True:
            seen = found(await self.json(path))
            if seen:
                return seen
            if time.monotonic() > deadline:
                raise DemoError(f"{self.name} did not see {what} within {WAIT_S:.0f} seconds")
            await asyncio.sleep(POLL_S)

    async def until_page(self, path: str, what: str) -> str:
        """Look at a page until it can be opened. Raises DemoError after WAIT_S."""
        deadline = time.monotonic() + WAIT_S
        while True:
            status, text = await self.page(path)
            if status == 200:
                return text
            if time.monotonic() > deadline:
                raise DemoError(f"{self.name} could not open {what}: {status}")
            await asyncio.sleep(POLL_S)
