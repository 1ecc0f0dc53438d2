"""Ana's node calls Ben's over real sockets on loopback. Both ends are driven; nothing waits on a clock."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Any

import aiohttp
import pytest
from aiohttp import web
from aiohttp.abc import AbstractResolver, ResolveResult
from aiohttp.test_utils import TestServer

from protocol import introduction, signing
from protocol.errors import OurFault, TheirFault, WorldFault
from sync import transport
from sync.addresses import client_session, link_url, may_call
from sync.channel import FRAME_SIZE_BYTES_MAX, MESSAGE_SIZE_BYTES_MAX, Handshake, public_key
from sync.transport import Link, LocalEnd, accept, dial, serve

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


async def test_two_nodes_greet_and_know_each_other() -> None:
    async with two_nodes() as (ana, ben, session):
        to_ben = await dial(session, ben.address, ana.end, expected=ben.home)
        to_ana = await ben.links.get()
        assert (to_ben.peer.home, to_ana.peer.home) == (ben.home, ana.home)
        assert to_ben.peer.node_key == signing.public_key(ben.seed)
        assert to_ben.handshake_hash == to_ana.handshake_hash
        assert (to_ben.initiator, to_ana.initiator) == (True, False)
        assert (to_ben.invite_id, to_ana.invite_id) == (None, None)
        assert (to_ben.address, to_ana.address) == (ben.address, "127.0.0.1")
        to_ben.close("")
        assert await frames(to_ana) == []
        assert ben.end.handshakes == 0


async def test_an_invitation_reaches_both_ends() -> None:
    async with linked(invite=INVITE) as (to_ben, to_ana):
        assert to_ben.invite_id == to_ana.invite_id == INVITE[0]


async def test_frames_travel_both_ways_in_order_up_to_the_limit() -> None:
    async with linked() as (to_ben, to_ana):
        sent = [b"hello", b"", bytes(FRAME_SIZE_BYTES_MAX), b"bye"]
        for frame in sent:
            await to_ben.send(frame)
            to_ana.put(frame)
        to_ben.close("duplicate_link")  # what waits is still sent
        assert await frames(to_ana) == sent
        assert (to_ana.code, to_ana.closed_by_us) == ("duplicate_link", False)
        assert (to_ben.code, to_ben.closed_by_us) == ("duplicate_link", True)


async def test_the_tap_sees_every_plaintext_frame_on_both_ends() -> None:
    async with two_nodes() as (ana, ben, session):
        to_ben = await dial(session, ben.address, ana.end)
        to_ben.put(b"a need")
        to_ana = await ben.links.get()
        async for frame in to_ana:
            assert frame == b"a need"
            to_ana.put(b"an offer")
            to_ana.close("")
        assert await frames(to_ben) == [b"an offer"]
        assert ana.tapped == [("out", b"a need"), ("in", b"an offer")]
        assert ben.tapped == [("in", b"a need"), ("out", b"an offer")]


async def test_no_plaintext_is_on_the_wire() -> None:
    """A proxy between the two, as an intermediary would be, sees the WebSocket but no word."""
    async with two_nodes() as (ana, ben, session):
        host, port = ben.address.split(":")
        seen = bytearray()

        async def carry(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            while data := await reader.read(65_536):
                seen.extend(data)
                writer.write(data)
            writer.close()

        async def between(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            to_reader, to_writer = await asyncio.open_connection(host, int(port))
            await asyncio.gather(carry(reader, to_writer), carry(to_reader, writer))

        proxy = await asyncio.start_server(between, "127.0.0.1", 0)
        to_ben = await dial(session, f"127.0.0.1:{proxy.sockets[0].getsockname()[1]}", ana.end)
        to_ana = await ben.links.get()
        to_ben.put(b"marked word")
        to_ana.put(b"marked word")
        to_ben.close("not_linked")
        assert await frames(to_ana) == [b"marked word"]
        await to_ben.wait_closed()
        assert b"Upgrade" in seen and b"not_linked" in bytes(seen) + unmasked(bytes(seen))
        for secret in (b"marked", ana.home[:8], ben.home[:8]):
            assert secret not in seen and secret not in unmasked(bytes(seen))
        proxy.close()


def unmasked(data: bytes) -> bytes:
    """Every client frame in `data`, unmasked, wherever a frame header may start."""
    found = b""
    for at in range(len(data) - 6):
        if data[at] in (0x82, 0x88) and data[at + 1] & 0x80:
            size, start = data[at + 1] & 0x7F, at + 2
            if size == 126:
                size, start = int.from_bytes(data[start : start + 2], "big"), start + 2
            mask, body = data[start : start + 4], data[start + 4 : start + 4 + size]
            found += bytes(byte ^ mask[i % 4] for i, byte in enumerate(body)) if len(mask) == 4 else b""
    return found


async def test_a_peer_that_takes_nothing_fills_the_queue_and_loses_the_link() -> None:
    async with linked() as (to_ben, to_ana):
        frame = bytes(FRAME_SIZE_BYTES_MAX)
        for _ in range(transport.BYTES_WAITING_MAX // len(frame)):
            to_ben.put(frame)
        assert to_ben.code == ""
        to_ben.put(frame)
        assert (to_ben.code, to_ben.closed_by_us) == ("queue_full", True)
        to_ben.put(b"more")  # on a link that has ended: nothing happens
        await frames(to_ana)
        assert to_ana.code == "queue_full"


async def test_many_small_frames_fill_the_queue_too() -> None:
    async with linked() as (to_ben, to_ana):
        for _ in range(transport.FRAMES_WAITING_MAX):
            to_ben.put(b"")
        assert to_ben.code == ""
        to_ben.put(b"")
        assert to_ben.code == "queue_full"
        await frames(to_ana)
        assert to_ana.code == "queue_full"


async def test_who_sends_faster_than_we_take_is_held_up_and_nothing_is_lost() -> None:
    async with linked() as (to_ben, to_ana):
        frame = bytes(FRAME_SIZE_BYTES_MAX)
        numbers = iter(range(100_000))
        taken, held_up, sent = 0, False, 0
        while not held_up:  # Ben takes nothing: sooner or later Ana's frames stay with her
            before = len(to_ben._waiting)
            to_ben.put(next(numbers).to_bytes(4, "big") + frame[4:])
            sent += 1
            for _ in range(200):
                await asyncio.sleep(0)
            held_up = before > 0 and len(to_ben._waiting) > before
        assert to_ben.code == ""
        async for frame in to_ana:
            assert int.from_bytes(frame[:4], "big") == taken
            taken += 1
            if taken == sent:
                to_ana.close("")
        assert taken == sent


async def test_a_peer_that_reads_nothing_cannot_keep_a_closed_link_open(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(transport, "FLUSH_TIMEOUT_S", 0.05)
    monkeypatch.setattr(transport, "CLOSE_TIMEOUT_S", 0.05)
    async with linked() as (to_ben, _):
        while to_ben.code != "queue_full":
            to_ben.put(bytes(FRAME_SIZE_BYTES_MAX))
            await asyncio.sleep(0)
        await to_ben.wait_closed()
        for _ in range(100):
            await asyncio.sleep(0)
        assert to_ben._tcp.fileno() == -1  # although much of what was sent was never taken


async def raw_link(session: aiohttp.ClientSession, ana: Node, ben: Node) -> tuple[Any, Handshake, Link]:
    """Ana greets properly and then sends what she likes, below the channel."""
    ws = await session.ws_connect(link_url(ben.address), max_msg_size=0)
    greeting = Handshake(True, ana.noise_private, ana.introduce())
    await ws.send_bytes(greeting.first())
    await ws.send_bytes(greeting.receive(await ws.receive_bytes()) or b"")
    return ws, greeting, await ben.links.get()


@pytest.mark.parametrize(
    ("garbage", "code"),
    [
        (b"garbage", "bad_frame"),
        (b"", "bad_frame"),
        (bytes(MESSAGE_SIZE_BYTES_MAX), "bad_frame"),
        (bytes(MESSAGE_SIZE_BYTES_MAX + 1), "frame_too_long"),
        ("a text", "bad_frame"),
    ],
    ids=["garbage", "nothing", "the longest", "too long", "text"],
)
async def test_a_peers_fault_ends_its_link_with_a_code_and_no_other(garbage: bytes | str, code: str) -> None:
    async with two_nodes() as (ana, ben, session):
        ceres = Node("ceres")
        other = await dial(session, ben.address, ceres.end)
        to_ceres = await ben.links.get()
        ws, _, to_ana = await raw_link(session, ana, ben)
        await (ws.send_str(garbage) if isinstance(garbage, str) else ws.send_bytes(garbage))
        assert await frames(to_ana) == []
        assert to_ana.code == code
        message = await ws.receive()
        assert message.type is aiohttp.WSMsgType.CLOSE
        if code == "bad_frame":
            assert (message.data, message.extra) == (4000, "bad_frame")
        other.put(b"still here")
        other.close("")
        assert await frames(to_ceres) == [b"still here"]


async def test_a_peers_odd_close_reason_is_not_believed() -> None:
    async with two_nodes() as (ana, ben, session):
        for code, reason in ((4000, b"<b>Bad</b>"), (1000, b"not_linked"), (4001, b"not_linked")):
            ws, _, to_ana = await raw_link(session, ana, ben)
            closing = asyncio.create_task(ws.close(code=code, message=reason))
            assert await frames(to_ana) == []
            await closing
            assert (to_ana.code, to_ana.closed_by_us) == ("", False)


async def test_a_cut_line_ends_the_link_without_a_code() -> None:
    async with linked() as (to_ben, to_ana):
        to_ben._tcp.shutdown(socket.SHUT_RDWR)
        assert await frames(to_ana) == []
        assert await frames(to_ben) == []
        assert to_ana.code == to_ben.code == ""


async def test_a_silent_peer_is_noticed_by_the_heartbeat(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(transport, "HEARTBEAT_S", 0.1)
    async with two_nodes() as (ana, ben, session):
        ws = await session.ws_connect(link_url(ben.address), autoping=False)
        greeting = Handshake(True, ana.noise_private, ana.introduce())
        await ws.send_bytes(greeting.first())
        await ws.send_bytes(greeting.receive(await ws.receive_bytes()) or b"")
        to_ana = await ben.links.get()
        assert await frames(to_ana) == []
        assert to_ana.code == "link_timeout"
        await ws.close()


async def test_a_caller_that_never_greets_is_let_go(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(transport, "HANDSHAKE_TIMEOUT_S", 0.1)
    async with two_nodes() as (_, ben, session):
        ws = await session.ws_connect(link_url(ben.address))
        message = await ws.receive()
        assert (message.data, message.extra) == (4000, "link_timeout")
        assert await ben.faults.get() == "link_timeout"
        assert ben.end.handshakes == 0


async def test_a_node_that_never_answers_is_unreachable(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(transport, "HANDSHAKE_TIMEOUT_S", 0.1)

    async def mute(request: web.Request) -> web.StreamResponse:
        ws = web.WebSocketResponse()
        await ws.prepare(request)
        async for _ in ws:
            pass
        return ws

    async with listening(mute) as address, client_session(allow_loopback=True) as session:
        with pytest.raises(WorldFault) as caught:
            await dial(session, address, Node("ana").end)
        assert caught.value.code == "unreachable"


async def test_too_many_greetings_at_once_are_refused_until_there_is_room() -> None:
    async with two_nodes() as (ana, ben, session):
        ben.end.handshakes = transport.HANDSHAKES_MAX
        with pytest.raises(WorldFault) as caught:
            await dial(session, ben.address, ana.end)
        assert caught.value.code == "unreachable"
        ben.end.handshakes = 0
        (await dial(session, ben.address, ana.end)).close("")
        (await ben.links.get()).close("")


async def test_a_different_neighborhood_at_the_address_learns_nothing_of_us() -> None:
    async with two_nodes() as (ana, ben, session):
        with pytest.raises(TheirFault) as caught:
            await dial(session, ben.address, ana.end, expected=b"c" * 32)
        assert caught.value.code == "wrong_peer"
        assert await ben.faults.get() == "wrong_peer"
        assert ben.links.empty()


async def test_our_own_node_at_the_address_is_no_peer() -> None:
    async with two_nodes() as (_, ben, session):
        with pytest.raises(TheirFault) as caught:
            await dial(session, ben.address, ben.end)
        assert caught.value.code == "wrong_peer"
        assert await ben.faults.get() == "wrong_peer"


async def test_an_unknown_invitation_is_told_to_who_uses_it() -> None:
    async with two_nodes() as (ana, ben, session):
        with pytest.raises(TheirFault) as caught:
            await dial(session, ben.address, ana.end, invite=(b"invitation no. 8", b"s" * 32))
        assert caught.value.code == "unknown_invite"
        assert await ben.faults.get() == "unknown_invite"


async def test_a_node_that_cannot_prove_itself_is_refused_on_either_side() -> None:
    async with two_nodes() as (ana, ben, session):
        ana.seed = b"stolen".ljust(32, b".")
        to_ben = await dial(session, ben.address, ana.end)
        assert await frames(to_ben) == []
        assert to_ben.code == "bad_handshake"
        assert await ben.faults.get() == "bad_handshake"
        ceres, ben.seed = Node("ceres"), b"stolen".ljust(32, b".")
        with pytest.raises(TheirFault) as caught:
            await dial(session, ben.address, ceres.end)
        assert caught.value.code == "bad_handshake"


async def test_garbage_instead_of_a_greeting() -> None:
    async with two_nodes() as (_, ben, session):
        for garbage in (b"", b"\x00", bytes(70_000)):
            ws = await session.ws_connect(link_url(ben.address))
            await ws.send_bytes(garbage)
            await ws.receive()
            assert await ben.faults.get() in ("bad_handshake", "frame_too_long")
        ws = await session.ws_connect(link_url(ben.address))
        await ws.send_str("hello?")
        message = await ws.receive()
        assert (message.data, message.extra) == (4000, "bad_frame")
        ws = await session.ws_connect(link_url(ben.address))
        await ws.close()
        assert [await ben.faults.get(), await ben.faults.get()] == ["bad_frame", "bad_handshake"]
        assert ben.end.handshakes == 0


async def test_a_browsers_page_and_a_plain_visit_get_no_link() -> None:
    async with two_nodes() as (_, ben, session):
        url = link_url(ben.address)
        with pytest.raises(aiohttp.WSServerHandshakeError) as caught:
            await session.ws_connect(url, origin="http://evil.example")
        assert caught.value.status == 403
        async with session.get(url.with_scheme("http")) as response:
            assert response.status == 400


async def test_serve_runs_a_link_to_its_end_and_survives_a_bad_one() -> None:
    ana, ben = Node("ana"), Node("ben")
    served: asyncio.Queue[list[bytes]] = asyncio.Queue()

    async def run(link: Link) -> None:
        served.put_nowait(await frames(link))

    async def handle(request: web.Request) -> web.StreamResponse:
        return await serve(request, ben.end, run)

    async with (
        listening(handle) as address,
        client_session(allow_loopback=True) as session,
        asyncio.timeout(PATIENCE_S),
    ):
        ws = await session.ws_connect(link_url(address))
        await ws.send_bytes(b"garbage")
        assert (await ws.receive()).extra == "bad_handshake"
        link = await dial(session, address, ana.end)
        link.put(b"hello")
        link.close("")
        await link.wait_closed()
        assert await served.get() == [b"hello"]


async def test_something_else_at_the_address() -> None:
    async def page(request: web.Request) -> web.StreamResponse:
        return web.Response(text="a printer")

    async with listening(page) as address, client_session(allow_loopback=True) as session:
        with pytest.raises(WorldFault) as caught:
            await dial(session, address, Node("ana").end)
        assert caught.value.sentence == "There is no Barnraise node at this address."
    with pytest.raises(WorldFault) as caught:
        async with client_session(allow_loopback=True) as session:
            await dial(session, address, Node("ana").end)
    assert caught.value.code == "unreachable"


async def test_a_peer_cannot_send_us_elsewhere() -> None:
    visits = 0

    async def target(request: web.Request) -> web.StreamResponse:
        nonlocal visits
        visits += 1
        return web.Response()

    async with listening(target) as inner:

        async def redirect(request: web.Request) -> web.StreamResponse:
            raise web.HTTPFound(f"http://{inner}/link")

        async with listening(redirect) as address, client_session(allow_loopback=True) as session:
            with pytest.raises(WorldFault) as caught:
                await dial(session, address, Node("ana").end)
    assert caught.value.code == "unreachable"
    assert visits == 0


class Names(AbstractResolver):
    """A name server that answers as told, each time with the next answer."""

    def __init__(self, *answers: list[str]) -> None:
        self.answers = list(answers)

    async def resolve(
        self, host: str, port: int = 0, family: socket.AddressFamily = socket.AF_INET
    ) -> list[ResolveResult]:
        return [
            ResolveResult(hostname=host, host=ip, port=port, family=socket.AF_INET, proto=0, flags=0)
            for ip in self.answers.pop(0)
        ]

    async def close(self) -> None:
        pass


async def test_a_name_that_turns_into_loopback_is_not_called() -> None:
    ana, ben = Node("ana"), Node("ben")
    async with listening(ben.handle) as address:
        port = address.split(":")[1]
        for target in (f"ben.example:{port}", address, f"http://{address}", f"[::ffff:127.0.0.1]:{port}"):
            async with client_session(resolver=Names(["127.0.0.1"])) as session:
                with pytest.raises(WorldFault) as caught:
                    await dial(session, target, ana.end)
                assert caught.value.sentence == "This node does not call addresses of that kind."
        assert ben.links.empty() and ben.faults.empty()


async def test_the_address_that_was_checked_is_the_one_that_is_called() -> None:
    """The name is looked up once: a second answer, made to slip past the check, is never asked for."""
    ana, ben = Node("ana"), Node("ben")
    names = Names(["127.0.0.1"], ["169.254.169.254"])
    async with (
        listening(ben.handle) as address,
        client_session(allow_loopback=True, resolver=names) as session,
    ):
        link = await dial(session, f"ben.example:{address.split(':')[1]}", ana.end)
        assert link.address == f"ben.example:{address.split(':')[1]}"
        assert names.answers == [["169.254.169.254"]]
        link.close("")
        (await ben.links.get()).close("")
        await link.wait_closed()


async def test_dial_takes_no_unguarded_session() -> None:
    async with aiohttp.ClientSession() as session:
        with pytest.raises(ValueError):
            await dial(session, "ben.example", Node("ana").end)


@pytest.mark.skipif(not socket.has_ipv6, reason="there is no IPv6 here")
async def test_ipv6_literals_work() -> None:
    ana, ben = Node("ana"), Node("ben")
    app = web.Application()
    app.router.add_get("/link", ben.handle)
    server = TestServer(app, host="::1")
    try:
        await server.start_server()
    except OSError:
        pytest.skip("there is no ::1 here")
    async with client_session(allow_loopback=True) as session, asyncio.timeout(PATIENCE_S):
        link = await dial(session, f"[::1]:{server.port}", ana.end)
        assert link.address == f"[::1]:{server.port}"
        link.close("")
        await frames(await ben.links.get())
    await server.close()


@pytest.mark.parametrize(
    ("typed", "called"),
    [
        ("192.168.1.20", "ws://192.168.1.20:8420/link"),
        (" 192.168.1.20:9000 ", "ws://192.168.1.20:9000/link"),
        ("fd00::2", "ws://[fd00::2]:8420/link"),
        ("[fd00::2]:9000", "ws://[fd00::2]:9000/link"),
        ("hill.local", "ws://hill.local:8420/link"),
        ("http://hill.example", "ws://hill.example/link"),
        ("https://hill.example/", "wss://hill.example/link"),
        ("https://example.org/hill", "wss://example.org/hill/link"),
        ("wss://example.org:444/link", "wss://example.org:444/link"),
        ("abc.onion:80", "ws://abc.onion/link"),
    ],
)
def test_what_people_type(typed: str, called: str) -> None:
    assert str(link_url(typed)) == called


@pytest.mark.parametrize(
    "typed",
    [
        "",
        "   ",
        "ftp://hill.example",
        "file:///etc/passwd",
        "http://",
        "http://user@hill.example",
        "hill.example:0",
        "hill.example:99999",
        "hill.example?x=1",
        "hill.example#x",
        "[fd00::2",
        "http://[::1",
        "a" * 301,
        ":8420",
    ],
)
def test_what_is_no_address(typed: str) -> None:
    with pytest.raises(OurFault) as caught:
        link_url(typed)
    assert caught.value.code == "bad_input"


def test_what_may_be_called() -> None:
    for lan in (
        "192.168.1.20",
        "10.0.0.7",
        "172.16.3.4",
        "fd00::2",
        "2001:db8::1",
        "203.0.113.9",
        "100.64.0.1",
    ):
        assert may_call(lan, False), lan
    for inner in ("127.0.0.1", "127.8.8.8", "::1", "::ffff:127.0.0.1"):
        assert not may_call(inner, False), inner
        assert may_call(inner, True), inner
    for never in (
        "0.0.0.0",
        "::",
        "169.254.169.254",
        "fe80::1",
        "fe80::1%2",
        "224.0.0.251",
        "ff02::fb",
        "255.255.255.255",
        "::ffff:169.254.169.254",
    ):
        assert not may_call(never, True), never
