"""Who holds places in the greeting and says nothing keeps them from himself, and from nobody else."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import aiohttp
import pytest
from hypothesis import given
from hypothesis import strategies as st

from protocol.errors import WorldFault
from sync import greetings
from sync.addresses import link_url
from sync.greetings import HANDSHAKE_PATIENCE_S, HANDSHAKES_MAX, Greeting, Greetings, network_of
from sync.transport import dial
from tests.sync.wire import Node, two_nodes

Socket = aiohttp.ClientWebSocketResponse
GAVE_WAY = (4000, "link_timeout HANDSHAKES_MAX 32")


@asynccontextmanager
async def idle(ben: Node, machine: str) -> AsyncIterator[list[Socket]]:
    """As many sockets as there are places, from one machine's address, and not a word on any."""
    connector = aiohttp.TCPConnector(limit=0, local_addr=(machine, 0))
    async with aiohttp.ClientSession(connector=connector) as session:
        sockets = [await session.ws_connect(link_url(ben.address)) for _ in range(HANDSHAKES_MAX)]
        yield sockets
        await asyncio.gather(*(each.close() for each in sockets))


async def test_idle_sockets_of_one_machine_do_not_shut_the_door() -> None:
    async with two_nodes() as (ana, ben, session), idle(ben, "127.0.0.2") as sockets:
        to_ben = await dial(session, ben.address, ana.end)
        to_ana = await ben.links.get()
        assert to_ana.peer.home == ana.home
        message = await sockets[0].receive()
        assert (message.data, message.extra) == GAVE_WAY, "who waits longest is told why"
        assert await ben.faults.get() == "link_timeout"
        await dial(session, ben.address, Node("ceres").end)
        assert ben.faults.empty(), "there is room by now"
        to_ben.close("")
        to_ana.close("")


async def test_among_the_callers_of_one_address_each_has_its_time(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(greetings, "HANDSHAKE_PATIENCE_S", 3600)
    async with two_nodes() as (ana, ben, session), idle(ben, "127.0.0.1") as sockets:
        with pytest.raises(WorldFault):
            await dial(session, ben.address, ana.end)
        monkeypatch.setattr(greetings, "HANDSHAKE_PATIENCE_S", 0)
        (await dial(session, ben.address, ana.end)).close("")
        message = await sockets[0].receive()
        assert (message.data, message.extra) == GAVE_WAY


@pytest.mark.parametrize(
    ("one", "other", "same"),
    [
        ("192.0.2.7", "192.0.2.7", True),
        ("192.0.2.7", "192.0.2.8", False),
        ("::ffff:192.0.2.7", "192.0.2.7", True),
        ("2001:db8::1", "2001:db8::ffff:1", True),
        ("2001:db8:0:1::1", "2001:db8:0:2::1", False),
        ("fe80::1%eth0", "fe80::2", True),
        ("", "unix", False),
    ],
)
def test_a_machine_has_one_ipv4_address_or_a_whole_network_of_ipv6(one: str, other: str, same: bool) -> None:
    assert (network_of(one) == network_of(other)) is same


def test_a_machine_that_makes_up_addresses_in_a_lan_makes_room_first() -> None:
    """In one /64 the one address that has most of the places, and then, in time, each."""
    places = Greetings()
    bad = [places.enter("fe80::bad", 0.0) for _ in range(HANDSHAKES_MAX)]
    assert places.enter("fe80::1", 0.0) is not None
    assert bad[0] is not None and bad[0].gave_way
    many = Greetings()
    for number in range(HANDSHAKES_MAX):
        many.enter(f"fe80::{number:x}", 0.0)
    assert many.enter("fe80::cafe", HANDSHAKE_PATIENCE_S - 0.1) is None
    assert many.enter("fe80::cafe", HANDSHAKE_PATIENCE_S) is not None


CALLERS = st.sampled_from([f"192.0.2.{n}" for n in range(5)] + [f"2001:db8::{n}" for n in range(5)])


@given(st.lists(st.tuples(CALLERS, st.floats(0, 1), st.booleans()), max_size=200))
def test_whoever_has_less_than_a_share_always_gets_in_and_keeps_the_place(
    calls: list[tuple[str, float, bool]],
) -> None:
    """Callers come and go in any order; `seen` finds out who had to give way."""
    places, now = Greetings(most=8), 0.0
    inside: list[Greeting] = []
    for address, wait_s, leaves in calls:
        now += wait_s
        network = network_of(address)
        before = Counter(each.network for each in inside)
        made = places.enter(address, now)
        gone = [each for each in inside if each.gave_way]
        inside = [each for each in inside if not each.gave_way]
        assert len(gone) <= 1 and len(places) <= 8
        if before[network] < 8 // (len(before | Counter([network]))):
            assert made is not None
        for each in gone:
            assert before[each.network] == max(before.values()), "nobody else's"
        if made is not None:
            inside.append(made)
        if leaves and inside:
            places.leave(inside.pop(0))
        assert places.inside == inside
