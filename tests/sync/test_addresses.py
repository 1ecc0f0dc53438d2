"""Whom a node calls: what people type, where names lead, and what may not be called."""

from __future__ import annotations

import asyncio
import ipaddress
import socket

import aiohttp
import pytest
from aiohttp import web
from aiohttp.abc import AbstractResolver, ResolveResult
from aiohttp.test_utils import TestServer

from protocol.errors import OurFault, WorldFault
from sync.addresses import Interface, client_session, link_url, may_call
from sync.transport import dial
from tests.sync.wire import PATIENCE_S, Node, frames, listening


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
        "not an address",
        "grr!!",
        "192.168.1.20,8420",
        "192.168.1.20;8420",
        "999.1.1.1",
        "1.2.3",
        "hill..example",
        "-",
        "a" * 64,
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
        if not never.endswith("%2"):
            assert not may_call(never, True, [CABLE]), never


CABLE = Interface("eth0", 2, (ipaddress.ip_interface("fe80::5/64"), ipaddress.ip_interface("192.168.1.5/24")))
DIRECT = Interface("eth1", 3, (ipaddress.ip_interface("169.254.3.3/16"),))


def test_link_local_addresses_are_called_on_our_own_networks_only() -> None:
    for near in ("fe80::1%2", "fe80::1%eth0"):
        assert may_call(near, False, [CABLE, DIRECT]), near
    for elsewhere in ("fe80::1", "fe80::1%3", "fe80::1%eth9", "169.254.169.254"):
        assert not may_call(elsewhere, False, [CABLE]), elsewhere
    assert may_call("169.254.7.7", False, [CABLE, DIRECT])
