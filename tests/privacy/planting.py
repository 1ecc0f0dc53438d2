"""Leaks, planted in a region that runs: each by the way that a mistake in the program would take."""

from __future__ import annotations

import asyncio
import base64
import logging
from collections.abc import Awaitable, Callable
from dataclasses import replace

from node.store import settings
from protocol.invite import read_invite
from sync.frames import ASK, write_frame
from tests.privacy.listening import carried
from tests.privacy.story import HARBOR_HILL, OAK_STREET, RIVERBEND, Story
from tests.privacy.words import Word

Plant = Callable[[Story, str], Awaitable[None]]


async def wire(story: Story, word: str) -> None:
    """A link that forgot to seal: WebSocket, masked as clients do, with the word as plain UTF-16."""
    gate = story.place(RIVERBEND).gate
    reader, writer = await asyncio.open_connection("127.0.0.1", gate.port)
    writer.write(
        b"GET /link HTTP/1.1\r\nHost: 127.0.0.1\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
        b"Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\n\r\n"
    )
    await reader.readuntil(b"\r\n\r\n")
    said, mask = word.encode("utf-16-le"), b"\x5a\xc3\x11\x9e"
    writer.write(bytes([0x82, 0x80 | len(said)]) + mask + bytes(s ^ mask[i % 4] for i, s in enumerate(said)))
    async with asyncio.timeout(10):
        await reader.read()
    writer.close()


async def frames(story: Story, word: str) -> None:
    """A private word in a frame to a neighbor, in hexadecimal."""
    place, heard = story.place(RIVERBEND), story.place(OAK_STREET).frames
    before = len(heard)
    links = place.server.links
    assert links is not None
    for link in links.runner._links.values():
        link.put(write_frame(ASK, "Riverbend", word.encode().hex()))
    await _until(lambda: len(heard) > before)


async def parcels(story: Story, word: str) -> None:
    """A parcel whose contents were never sealed."""
    node = story.place(RIVERBEND).server.node
    row = node.connection.execute("SELECT id, message FROM records WHERE kind = 'parcel' LIMIT 1").fetchone()
    at = len(row[1]) // 2  # somewhere within the sealed part
    spoiled = row[1][:at] + word.encode() + row[1][at + len(word.encode()) :]
    node.connection.execute("UPDATE records SET message = ? WHERE id = ?", (spoiled, row[0]))


async def stick(story: Story, word: str) -> None:
    """A carried file in which a page was never sealed."""
    (file, *_) = carried(story.place(RIVERBEND))
    at = len(file) - 1_000
    story.region.sticks.append(file[:at] + word.encode() + file[at + len(word.encode()) :])


async def bundles(story: Story, word: str) -> None:
    """A record of local scope that was taken for one of the coalition's."""
    connection = story.place(RIVERBEND).server.node.connection
    connection.execute(
        "UPDATE records SET scope = (SELECT scope FROM records WHERE kind = 'node' LIMIT 1)"
        " WHERE instr(message, ?) > 0",
        (word.encode(),),
    )
    assert connection.execute("SELECT changes()").fetchone()[0] > 0


async def mdns(story: Story, word: str) -> None:
    """A node that announces itself by a private word."""
    discovery = story.place(RIVERBEND).server.links.discovery  # type: ignore[union-attr]
    assert discovery is not None
    await discovery.rename(word)
    await _until(lambda: word.encode() in story.region.air.heard)


async def signed_out(story: Story, word: str) -> None:
    """A page before signing in that names somebody."""
    node = story.place(HARBOR_HILL).server.node
    node.set_setting("neighborhood", word)


async def page(story: Story, word: str) -> None:
    """Somebody's phone number in what every member sees, in capitals."""
    await story.person(RIVERBEND, "Walter").open("/profile")
    await story.person(RIVERBEND, "Walter").press("Save", about=word.upper())


async def log(story: Story, word: str) -> None:
    """A line of the log that quotes a form."""
    logging.getLogger("barnraise").info("saved %r", {"contact": word})


async def code(story: Story, word: str) -> None:
    """An invitation that says more than it must."""
    invite = read_invite(story.region.codes[0])
    story.region.codes.append(replace(invite, addresses=(f"{word}:1",)).code())


async def files(story: Story, word: str) -> None:
    """A private word in the database of another neighborhood, in base64 within more."""
    other = story.place(HARBOR_HILL).server.node
    settings.put(other.connection, "floor_planted", base64.b64encode(f"x{word}y".encode()).decode())


PLANTS: dict[str, Plant] = {
    "wire": wire,
    "frames": frames,
    "parcels": parcels,
    "stick": stick,
    "bundles": bundles,
    "mdns": mdns,
    "signed out": signed_out,
    "page": page,
    "log": log,
    "code": code,
    "files": files,
}


def private_words(words: list[Word]) -> list[Word]:
    """Words that only coordinators of Riverbend and who wrote them may read."""
    return [word for word in words if word.readers == "coordinators" and word.home == RIVERBEND]


async def _until(happened: Callable[[], bool]) -> None:
    async with asyncio.timeout(15):
        while not happened():  # noqa: ASYNC110 - sockets tell nobody of news
            await asyncio.sleep(0.02)
