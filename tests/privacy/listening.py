"""What was heard, by whom, and whether more was heard than docs/security.md says."""

from __future__ import annotations

import base64
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field

from node.actions import carry
from node.demo.search import found_in
from protocol.kinds.parcel import try_open
from protocol.record import parse
from tests.privacy.region import Place, Region
from tests.privacy.words import Listener, Word, may_find, must_find
from tests.protocol.bundles import opened_by
from tests.web.reader import Person

AT_START = ("/", "/board", "/api/posts?limit=100", "/no-such-page", "/api/no-such-list")


@dataclass
class Heard:
    """Bytes by listener, and how each kind of ear is called in the summary."""

    heard: dict[Listener, bytearray] = field(default_factory=dict)

    def add(self, who: Listener, data: bytes) -> None:
        self.heard.setdefault(who, bytearray()).extend(data)

    def sizes(self) -> dict[str, int]:
        """How many bytes each kind of listener heard."""
        found: dict[str, int] = {}
        for who, data in self.heard.items():
            found[who.hears] = found.get(who.hears, 0) + len(data)
        return found

    def faults(self, words: Iterable[Word]) -> list[str]:
        """Every word found where it may not be, and every one not found where it must be."""
        words = list(words)
        wrong = []
        for who, data in self.heard.items():
            found = found_in({word.text for word in words}, bytes(data))
            for word in words:
                if word.text in found and not may_find(word, who):
                    wrong.append(f"leak: {word.field} of {word.home} {word.person} heard by {who}")
                elif word.text not in found and must_find(word, who):
                    wrong.append(f"not heard: {word.field} of {word.home} {word.person} by {who}")
        return wrong


async def listen(region: Region) -> Heard:
    """Collect all that there is to hear, pages last but for the log, which tells of them too."""
    heard = Heard()
    for name, place in region.places.items():
        if place.gate.lets_links_in:
            heard.add(Listener("wire", name), place.gate.wire())
        heard.add(Listener("frames", name), bytes(place.frames))
        await _walk(heard, Listener("signed out", name), place, Person(place.url), close=True)
        for person, browser in place.people.items():
            who = Listener("page", name, person, coordinator=person == place.coordinator)
            await _walk(heard, who, place, browser)
    for place in region.places.values():
        heard.add(Listener("files", place.name), place.files())
        heard.add(Listener("parcels", place.name), opened_parcels(place))
    for place in region.places.values():
        for file in carried(place):
            heard.add(Listener("stick", place.name), file)
            for other in region.places.values():
                if other is not place:
                    connection = other.server.node.connection
                    prekeys = connection.execute("SELECT public, private FROM prekeys").fetchall()
                    heard.add(Listener("bundles", other.name), opened_by(file, prekeys))
    for file in region.sticks:
        heard.add(Listener("stick"), file)
    for code in region.codes:
        letters = code.removeprefix("BR1")
        heard.add(Listener("code"), code.encode() + base64.b32decode(letters + "=" * (-len(letters) % 8)))
    heard.add(Listener("mdns"), bytes(region.air.heard))
    heard.add(Listener("log"), region.log.getvalue().encode())
    return heard


def carried(place: Place) -> Iterator[bytes]:
    """What the node writes to be carried to everybody: all that they may hold, and what is held here."""
    node = place.server.node
    for held in (False, True):
        to = carry.recipients(node, None)
        yield b"".join(carry.Writing(node, to, records=not held, held=held).pieces())


def opened_parcels(place: Place) -> bytes:
    """Every parcel that a node holds: sealed, and what its keys make of it, where they do."""
    node = place.server.node
    keys = [(row[0], row[1]) for row in node.connection.execute("SELECT public, private FROM prekeys")]
    found = []
    for (message,) in node.connection.execute("SELECT message FROM records WHERE kind = 'parcel'"):
        sealed = parse(message).body["sealed"]
        assert isinstance(sealed, bytes)
        parcel = try_open(sealed, keys)
        found += [sealed, *(parcel.records if parcel is not None else ())]
    return b"\n".join(found)


async def _walk(heard: Heard, who: Listener, place: Place, browser: Person, close: bool = False) -> None:
    """Every address that the node answers, with every id it knows; then every link that the pages show."""
    waiting = [*AT_START, *addresses(place)]
    seen = set()
    while waiting:
        path = waiting.pop()
        if path in seen or not path.startswith("/") or path.startswith("/static/"):
            continue
        seen.add(path)
        async with browser.client.get(path, headers=browser.headers) as answer:
            body = await answer.read()
            heads = "\n".join(f"{name}: {value}" for name, value in answer.headers.items())
            heard.add(who, heads.encode() + b"\n\n" + body)
            if answer.content_type == "text/html":
                links = re.findall(r'href="([^"#]+)', body.decode())
                waiting += [link.replace("&amp;", "&") for link in links]
    if close:
        await browser.client.close()


def addresses(place: Place) -> Iterator[str]:
    """Every GET address of the application: its routes, with the ids of what the node holds."""
    app = place.server._runner.app  # type: ignore[union-attr]
    connection = place.server.node.connection
    ids: dict[str, list[str]] = {}
    for prefix, table in (
        ("/posts/", "SELECT thing FROM view_posts"),
        ("/promises/", "SELECT thing FROM view_promises"),
        ("/hours/", "SELECT id FROM view_claims"),
        ("/people/", "SELECT key FROM members"),
        ("/neighborhoods/", "SELECT home FROM neighbors"),
        ("/coalitions/", "SELECT id FROM coalitions"),
    ):
        ids[prefix] = [row[0].hex() for row in connection.execute(table)]
    for resource in app.router.resources():
        if not any(route.method == "GET" for route in resource):
            continue
        path = resource.canonical
        if path == "/link":
            continue
        if "{" not in path:
            yield path
            continue
        fitting = next((found for prefix, found in ids.items() if path.startswith(prefix)), [])
        for one in [*fitting, "1"]:
            yield re.sub(r"\{[^}]+\}", one, path)
