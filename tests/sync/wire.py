"""Two nodes on loopback, their servers and the links between them, for the tests of links."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Any

import aiohttp
from aiohttp import web
from aiohttp.test_utils import TestServer

from protocol import introduction, signing
from protocol.errors import TheirFault
from sync.addresses import client_session
from sync.channel import public_key
from sync.transport import Link, LocalEnd, accept, dial

TODAY = 20_500
INVITE = (b"invitation no. 7", b"s" * 32)
PATIENCE_S = 10


class Node:
    """A neighborhood's node with a name, a server, and the links that others made to it."""

    def __init__(self, name: str) -> None:
        self.home = name.encode().ljust(32, b".")
        self.seed = self.home[::-1]
        self.noise_private = name.upper().encode().ljust(32, b".")
        self.tapped: list[tuple[str, bytes]] = []
        self.links: asyncio.Queue[Link] = asyncio.Queue()
        self.faults: asyncio.Queue[str] = asyncio.Queue()
        self.address = ""
        self.end = LocalEnd(
            noise_private=self.noise_private,
            introduce=self.introduce,
            today=lambda: TODAY,
            current_key=lambda home, records: signing.public_key(home[::-1]),
            psk_of=dict([INVITE]).get,
            tap=lambda direction, frame: self.tapped.append((direction, frame)),
        )

    def introduce(self) -> bytes:
        return introduction.build(
            self.seed,
            self.home,
            signing.public_key(self.seed),
            public_key(self.noise_private),
            TODAY + 30,
            [],
        )

    async def handle(self, request: web.Request) -> web.StreamResponse:
        try:
            link = await accept(request, self.end)
        except TheirFault as fault:
            self.faults.put_nowait(fault.code)
            return web.Response()
        self.links.put_nowait(link)
        await ended(link)
        return link.response  # type: ignore[return-value]


async def ended(link: Link) -> None:
    """Waits until somebody closed the link, without taking frames from it."""
    while link._finisher is None:
        await asyncio.wait_for(asyncio.shield(link._writer), None)
    await link.wait_closed()


@asynccontextmanager
async def listening(handler: Callable[[web.Request], Awaitable[web.StreamResponse]]) -> AsyncIterator[str]:
    app = web.Application()
    app.router.add_get("/link", handler)
    server = TestServer(app)
    await server.start_server()
    try:
        yield f"127.0.0.1:{server.port}"
    finally:
        await server.close()


@asynccontextmanager
async def two_nodes() -> AsyncIterator[tuple[Node, Node, aiohttp.ClientSession]]:
    ana, ben = Node("ana"), Node("ben")
    async with (
        listening(ben.handle) as ben.address,
        client_session(allow_loopback=True) as session,
        asyncio.timeout(PATIENCE_S),
    ):
        yield ana, ben, session


@asynccontextmanager
async def linked(**options: Any) -> AsyncIterator[tuple[Link, Link]]:
    async with two_nodes() as (ana, ben, session):
        to_ben = await dial(session, ben.address, ana.end, **options)
        to_ana = await ben.links.get()
        try:
            yield to_ben, to_ana
        finally:
            for link in (to_ben, to_ana):
                link.close("")
            for link in (to_ben, to_ana):
                await link.wait_closed()


async def frames(link: Link) -> list[bytes]:
    return [frame async for frame in link]
