"""`barnraise doctor --peer ADDRESS`: a call to another node, step by step, and where it stops.

The call is made under an identity that is thrown away, so no link of ours is disturbed. The other side
names its coalitions by blinds to whoever greets it; we know the secrets of ours, so we see which are shared.
"""

from __future__ import annotations

import asyncio
import hmac
import socket
from dataclasses import dataclass
from typing import TYPE_CHECKING

import aiohttp

from node import keys
from node.actions.names import neighborhood_name
from node.finding import nobody, stranger_hello
from node.store import neighbors
from protocol.errors import Fault
from sync import frames
from sync.addresses import client_session, link_url, may_call, up_interfaces
from sync.session import blind
from sync.transport import Link, dial

if TYPE_CHECKING:
    from node.app import Node

STEP_TIMEOUT_S = 10.0
COALITIONS_WITHIN_S = 3.0


@dataclass(frozen=True, slots=True)
class Step:
    """One step of a call: whether it worked, and what was found or what to do."""

    name: str
    ok: bool
    said: str


async def check(node: Node, address: str) -> list[Step]:
    """Call another node. The last step is where it stopped, or the end. Raises OurFault for no address."""
    url = link_url(address)
    steps: list[Step] = []
    host, port = str(url.host), int(url.port or 80)
    try:
        async with asyncio.timeout(STEP_TIMEOUT_S):
            answer = await asyncio.get_running_loop().getaddrinfo(host, port, type=socket.SOCK_STREAM)
    except (OSError, UnicodeError, TimeoutError):
        said = (
            f"{host} leads nowhere. Is it spelled right? A name in .local is found on its own network only."
        )
        return [Step("name", False, said)]
    ips = list(dict.fromkeys(_written(each[4]) for each in answer))
    steps.append(Step("name", True, ", ".join(ips)))
    interfaces = await asyncio.to_thread(up_interfaces)
    callable_ = [ip for ip in ips if may_call(ip, node.settings.allow_loopback, interfaces)]
    if not callable_:
        said = "A node does not call such an address: this machine itself, or one that no neighbor can have."
        return [*steps, Step("address", False, said)]
    if (failed := await _connect(callable_, port)) is not None:
        return [*steps, failed]
    steps.append(Step("connection", True, f"port {port} is open"))
    return [*steps, *await _greet(node, address, str(url))]


def _written(place: tuple[object, ...]) -> str:
    scope = place[3] if len(place) == 4 else 0
    ip = str(place[0])
    return f"{ip}%{scope}" if scope and "%" not in ip else ip


async def _connect(ips: list[str], port: int) -> Step | None:
    refused = False
    for ip in ips:
        try:
            async with asyncio.timeout(STEP_TIMEOUT_S):
                _, writer = await asyncio.open_connection(ip, port)
        except ConnectionRefusedError:
            refused = True
        except (OSError, TimeoutError):
            continue
        else:
            writer.close()
            return None
    if refused:
        return Step(
            "connection",
            False,
            f"That machine is there, but nothing listens on port {port}. Is its node running?",
        )
    return Step(
        "connection",
        False,
        "Nobody answers. Is that machine on, on a network that leads here, and its port open on the way "
        "(its firewall, its router)?",
    )


async def _greet(node: Node, address: str, url: str) -> list[Step]:
    async with client_session(node.settings.allow_loopback) as session:
        try:
            async with (
                asyncio.timeout(STEP_TIMEOUT_S),
                session.get(url.replace("ws", "http", 1), ssl=False) as got,
            ):
                status = got.status
        except (aiohttp.ClientError, OSError, TimeoutError, Fault):
            return [Step("answer", False, "What listens there does not speak HTTP, or leads elsewhere.")]
        if status == 503:
            return [
                Step(
                    "answer", False, "A node is there, but it is not set up yet, or greets too many at once."
                )
            ]
        if status not in (400, 426):
            said = f"A web server is there, but no Barnraise node at that address (HTTP {status})."
            return [Step("answer", False, said)]
        steps = [Step("answer", True, "a node answers at /link")]
        try:
            link = await dial(session, address, nobody(node))
        except Fault as fault:
            return [*steps, Step("greeting", False, f"{fault.sentence} ({fault.reason})")]
        try:
            return [*steps, *await _talk(node, link)]
        finally:
            link.close("")
            await link.wait_closed()


async def _talk(node: Node, link: Link) -> list[Step]:
    home = link.peer.home
    known = neighborhood_name(node, home) if node.is_set_up else ""
    name, blinds = "", None
    link.put(stranger_hello(node))
    try:
        async with asyncio.timeout(COALITIONS_WITHIN_S):
            async for data in link:
                kind, fields = frames.read_frame(data)
                if kind == frames.HELLO:
                    name = fields[0][5]
                elif kind == frames.COALITIONS:
                    blinds = fields[0]
                    break
    except TimeoutError:
        pass
    except Fault as fault:
        return [Step("greeting", False, f"{fault.sentence} ({fault.reason})")]
    if not name and blinds is None:
        return [Step("greeting", False, f"It greets, but ends the link: {link.code or 'no reason given'}.")]
    said = f"{known or name or 'a neighborhood'}, six words: {keys.six_words(home)}"
    steps = [Step("greeting", True, said)]
    if node.is_set_up and home == node.home:
        return [*steps, Step("whose", False, "That is this very node.")]
    if node.is_set_up:
        steps.append(_standing(node, home))
        steps.append(_shared(node, link, blinds or []))
    return steps


def _standing(node: Node, home: bytes) -> Step:
    row = neighbors.neighbor(node.connection, home)
    words = {
        "linked": "linked with this neighborhood",
        "asked": "asked by us; their coordinator has not approved yet",
        "asks": "asks us; approve it on the page Neighborhoods",
        "declined": "declined here",
    }
    state = row.state if row is not None else ""
    return Step("whose", True, words.get(state, "not linked with this neighborhood"))


def _shared(node: Node, link: Link, blinds: list[bytes]) -> Step:
    from node.port import coalition_secret

    names = []
    for coalition_id, roster in node.records.known.rosters.items():
        charter = node.records.get(coalition_id)
        if charter is None:
            continue
        expected = blind(coalition_secret(charter), link.handshake_hash, initiator=False)
        if any(hmac.compare_digest(expected, each) for each in blinds):
            names.append(roster.charter.name)
    return Step("coalitions", True, ", ".join(sorted(names)) or "none in common")
