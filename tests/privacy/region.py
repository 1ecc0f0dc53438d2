"""Five neighborhoods on this machine, and ears everywhere.

The nodes are real ones with real sockets, files and mDNS on loopback. Between each node and the rest of the
world stands a gate that passes bytes on and writes them down: the node takes the gate's port for its own, so
pages and links all go through it. The gates of those behind routers let no link in, so two of them never
have a link with each other, and what is between them travels in parcels.
"""

from __future__ import annotations

import asyncio
import contextlib
import io
import logging
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path

from node.actions import setup
from node.demo.stage import Eavesdropper
from node.logs import log_to
from node.serve import Server
from tests.node.serving import settings_of
from tests.web.reader import Person


class Gate:
    """A port that hands everything on to another, and keeps what links say. Pages are searched elsewhere."""

    def __init__(self, lets_links_in: bool) -> None:
        self.lets_links_in = lets_links_in
        self.links: list[tuple[bytearray, bytearray]] = []  # of each link: from who called, from who answered
        self.links_refused = 0
        self.port = self._behind = 0
        self._server: asyncio.Server | None = None
        self._open: set[asyncio.Task[None]] = set()

    async def start(self, behind: int) -> None:
        self._behind = behind
        self._server = await asyncio.start_server(self._pass, "127.0.0.1", 0)
        self.port = self._server.sockets[0].getsockname()[1]

    async def stop(self) -> None:
        assert self._server is not None
        self._server.close()
        for task in self._open:
            task.cancel()
        await asyncio.gather(*self._open, return_exceptions=True)

    async def _pass(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._open.add(task)
        inner: asyncio.StreamWriter | None = None
        try:
            first = await reader.read(65_536)
            is_link = first.startswith(b"GET /link ")
            if is_link and not self.lets_links_in:
                self.links_refused += 1
                return
            answers, inner = await asyncio.open_connection("127.0.0.1", self._behind)
            said, answered = bytearray(first), bytearray()
            if is_link:
                self.links.append((said, answered))
            inner.write(first)
            there = asyncio.create_task(self._flow(reader, inner, said))
            back = asyncio.create_task(self._flow(answers, writer, answered))
            try:
                await asyncio.wait({there, back}, return_when=asyncio.FIRST_COMPLETED)
            finally:
                there.cancel()
                back.cancel()
        except (OSError, asyncio.CancelledError):
            pass  # one side is gone, or the region ends
        finally:
            self._open.discard(task)
            for one in (writer, inner):
                if one is not None:
                    one.close()

    async def _flow(
        self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, kept: bytearray
    ) -> None:
        with contextlib.suppress(OSError):
            while data := await reader.read(65_536):
                kept += data
                writer.write(data)
                await writer.drain()

    def wire(self) -> bytes:
        """All bytes of the links, and what they say without the masks that WebSocket clients put on."""
        return b"\n".join(bytes(one) + b"\n" + unmasked(bytes(one)) for link in self.links for one in link)


def unmasked(stream: bytes) -> bytes:
    """The payloads of the WebSocket frames in one direction (RFC 6455, section 5.2) that came whole."""
    at, found = stream.find(b"\r\n\r\n") + 4, []
    while at + 2 <= len(stream):
        masked, size = stream[at + 1] & 0x80, stream[at + 1] & 0x7F
        at += 2
        if size >= 126:
            width = 2 if size == 126 else 8
            size = int.from_bytes(stream[at : at + width], "big")
            at += width
        mask = stream[at : at + 4] if masked else bytes(4)
        at += 4 if masked else 0
        payload = stream[at : at + size]
        if len(payload) < size or len(mask) < 4:
            break
        found.append(bytes(sign ^ mask[place % 4] for place, sign in enumerate(payload)))
        at += size
    return b"\n".join(found)


@dataclass
class Place:
    """A neighborhood: its node behind its gate, the frames it reads and writes, and its people."""

    name: str
    folder: Path
    gate: Gate
    server: Server
    setup_token: str = ""
    frames: bytearray = field(default_factory=bytearray)
    people: dict[str, Person] = field(default_factory=dict)
    coordinator: str = ""

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.gate.port}"

    def files(self) -> bytes:
        """Everything in the database's files, as a thief of the card reads it."""
        self.server.node.connection.execute("PRAGMA wal_checkpoint(PASSIVE)")
        return b"".join(path.read_bytes() for path in sorted(self.folder.glob("barnraise.db*")))


@dataclass
class Region:
    """All of them, what is on the air, and what their nodes log."""

    places: dict[str, Place] = field(default_factory=dict)
    air: Eavesdropper = field(default_factory=Eavesdropper)
    log: io.StringIO = field(default_factory=io.StringIO)
    codes: list[str] = field(default_factory=list)
    sticks: list[bytes] = field(default_factory=list)  # files that lie about, besides those that are written

    def people(self) -> dict[str, Person]:
        return {name: one for place in self.places.values() for name, one in place.people.items()}


@asynccontextmanager
async def region(folder: Path, names: dict[str, bool]) -> AsyncIterator[Region]:
    """Nodes that are not set up yet; `names` says who lets links in. They log at debug level."""
    made = Region()
    root = logging.getLogger()
    before, level = list(root.handlers), root.level
    log_to(made.log, logging.DEBUG)
    made.air.start()
    try:
        for name, lets_links_in in names.items():
            where = folder / name.replace(" ", "-").lower()
            where.mkdir(mode=0o700)
            frames = bytearray()

            def tap(direction: str, frame: bytes, frames: bytearray = frames) -> None:
                frames.extend(frame)

            server = Server(settings_of(where, discovery="loopback"), tap=tap)
            place = made.places[name] = Place(name, where, Gate(lets_links_in), server, frames=frames)
            await server.start()
            await place.gate.start(server.node.settings.port)
            server.node.settings = replace(server.node.settings, port=place.gate.port)
            place.setup_token = setup.new_setup_link(server.node)
        yield made
    finally:
        for person in made.people().values():
            await person.client.close()
        for place in made.places.values():
            await place.server.stop()
            await place.gate.stop()
        made.air.stop()
        for handler in set(root.handlers) - set(before):
            root.removeHandler(handler)
        root.setLevel(level)
