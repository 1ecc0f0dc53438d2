"""What a peer can do wrong, and what it costs: its own link and nothing else."""

from __future__ import annotations

import asyncio
import socket
from typing import Any

import aiohttp
import pytest
from aiohttp import web

from protocol.errors import TheirFault, WorldFault
from sync import greetings, transport
from sync.addresses import client_session, link_url
from sync.channel import MESSAGE_SIZE_BYTES_MAX, Handshake
from sync.transport import Link, dial, serve
from tests.sync.wire import PATIENCE_S, Node, frames, linked, listening, two_nodes


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
        assert (message.data, message.extra) == (4000, "link_timeout HANDSHAKE_TIMEOUT_S 0.1")
        assert await ben.faults.get() == "link_timeout"
        assert len(ben.end.greetings) == 0


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
        ben.end.greetings.most = 0
        with pytest.raises(WorldFault) as caught:
            await dial(session, ben.address, ana.end)
        assert caught.value.code == "unreachable"
        ben.end.greetings.most = greetings.HANDSHAKES_MAX
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
        assert len(ben.end.greetings) == 0


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
