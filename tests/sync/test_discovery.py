"""Nodes find each other by mDNS: real sockets, on loopback only, so that nothing of a test leaves here."""

from __future__ import annotations

import asyncio
import ipaddress
from typing import Any

import pytest
from zeroconf import IPVersion
from zeroconf.asyncio import AsyncServiceInfo, AsyncZeroconf

from sync import discovery
from sync.addresses import Interface
from sync.sightings import SERVICE_TYPE, Sighting
from tests.sync.mdns import (
    LOOPBACK,
    MDNS,
    Neighbor,
    announced,
    answer,
    asker,
    ear,
    heard,
    heard_by,
    home_of,
    lan_interface,
    question,
    started,
)


@pytest.fixture(autouse=True)
def no_avahi_here(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nobody on loopback keeps silent for a second after it has said a name: no need to wait for that."""
    monkeypatch.setattr(discovery, "HOST_PROBE_MS", 500)


async def test_three_nodes_on_loopback_find_each_other_and_miss_who_leaves() -> None:
    riverbend, hillside, harbor = (
        Neighbor("Riverbend", 8001),
        Neighbor("St. Hill", 8002),
        Neighbor("Harbor", 8003),
    )
    async with started(riverbend, hillside, harbor):
        await hillside.sees(riverbend.home, harbor.home)
        await harbor.sees(riverbend.home, hillside.home)
        seen = await riverbend.sees(hillside.home, harbor.home)
        assert seen[hillside.home] == Sighting(
            home=hillside.home,
            name="St Hill",
            host=f"barnraise-{hillside.home.hex()[:4]}.local",
            addresses=("127.0.0.1",),
            port=8002,
            interface="lo",
        )
        assert [each.discovery.note for each in (riverbend, hillside, harbor)] == ["", "", ""]
        await harbor.discovery.stop()
        await riverbend.misses(harbor.home)
        await hillside.misses(harbor.home)
        assert riverbend.knows(hillside.home) and hillside.knows(riverbend.home)
        assert not riverbend.knows(riverbend.home)


async def test_a_new_name_is_heard() -> None:
    riverbend, hillside = Neighbor("Riverbend"), Neighbor("Hillside")
    async with started(riverbend, hillside):
        await riverbend.sees(hillside.home)
        await hillside.discovery.rename("Hillside and Mill Lane")
        sighting = (await riverbend.sees(hillside.home))[hillside.home]
        assert sighting.name == "Hillside and Mill Lane"


async def test_a_killed_node_that_comes_back_elsewhere_is_seen_there() -> None:
    riverbend, hillside = Neighbor("Riverbend"), Neighbor("Hillside", 8001)
    async with started(riverbend, hillside):
        assert (await riverbend.sees(hillside.home))[hillside.home].port == 8001
        opened = hillside.discovery._zeroconf
        assert opened is not None
        registry = opened.zeroconf.registry
        registry.async_remove(registry.async_get_service_infos())  # as if killed: it says no goodbye
        await hillside.discovery.stop()
        assert riverbend.knows(hillside.home)
        again = Neighbor("Hillside", 8002)
        async with started(again):
            while (await riverbend.sees(hillside.home))[hillside.home].port != 8002:
                pass


async def test_on_loopback_nothing_is_said_to_the_lan() -> None:
    lan = lan_interface()
    if lan is None:
        pytest.skip("no interface here leads out of this machine")
    outer = next(str(a.ip) for a in lan.addresses if a.version == 4)
    loop = asyncio.get_running_loop()
    on_lan, on_lo = ear(outer), ear("127.0.0.1")
    ask_lan, ask_lo = asker(outer), asker("127.0.0.1")
    riverbend, hillside = Neighbor("Riverbend"), Neighbor("Hillside")
    try:
        async with started(riverbend, hillside):
            await riverbend.sees(hillside.home)
            await hillside.sees(riverbend.home)
            for target in (MDNS, (outer, 5353)):
                await loop.sock_sendto(ask_lan, question(), target)
            # asked after the others, on loopback, and answered: so the others would have been, too
            await loop.sock_sendto(ask_lo, question(), MDNS)
            answer = await loop.sock_recv(ask_lo, 65_536)
            assert b"_barnraise" in answer
            with pytest.raises(BlockingIOError):
                ask_lan.recv(65_536)
        on_lan_bytes = heard(on_lan)
        assert hillside.home.hex().encode() in heard(on_lo)  # it was said, on loopback
        assert question() in on_lan_bytes  # the ear was open
        for home in (riverbend.home, hillside.home):
            assert home.hex().encode() not in on_lan_bytes
            assert f"barnraise-{home.hex()[:4]}".encode() not in on_lan_bytes
    finally:
        for each in (on_lan, on_lo, ask_lan, ask_lo):
            each.close()


async def test_what_the_lan_announces_is_not_believed_on_loopback_nor_the_reverse() -> None:
    near = Neighbor("Riverbend")
    far = Neighbor("Riverbend", interfaces="all")
    far.discovery._found = [Interface("eth0", 2, (ipaddress.ip_interface("192.168.1.5/24"),))]
    near.discovery._found = [LOOPBACK]
    lan = answer(home_of("Hillside"), ["192.168.1.9", "fe80::1"])
    lo = answer(home_of("Hillside"), ["127.0.0.1"])
    assert near.discovery._read(lan) is None and far.discovery._read(lo) is None
    assert near.discovery._read(lo) is not None and far.discovery._read(lan) is not None


async def test_addresses_of_our_own_networks_come_first() -> None:
    riverbend = Neighbor("Riverbend", interfaces="all").discovery
    riverbend._found = [
        Interface("eth0", 2, (ipaddress.ip_interface("10.0.0.5/24"),)),
        Interface(
            "wlan0", 3, (ipaddress.ip_interface("192.168.1.5/24"), ipaddress.ip_interface("fe80::5/64"))
        ),
    ]
    home = home_of("Hillside")
    seen = riverbend._read(answer(home, ["172.17.0.1", "fd00::9", "fe80::9", "192.168.1.9"]))
    assert seen is not None
    assert seen.addresses == ("192.168.1.9", "172.17.0.1", "fd00::9")
    assert seen.interface == "wlan0"
    elsewhere = riverbend._read(answer(home, ["172.17.0.1"]))
    assert elsewhere is not None and elsewhere.interface == ""
    shared = riverbend._read(answer(home, ["10.0.0.5", "10.0.0.9"] + [f"172.18.0.{n}" for n in range(9)]))
    assert shared is not None and len(shared.addresses) == 8
    assert shared.addresses[0] == "10.0.0.9", "10.0.0.5 is ours: of this machine, or of another just like it"
    by_cable = riverbend._read(answer(home, ["169.254.7.7"]))  # two nodes and a cable, no router
    assert by_cable is not None and by_cable.addresses == ("169.254.7.7",)
    assert riverbend._read(answer(home, ["fe80::9"])) is None  # on which link?


HOME = home_of("Hillside")


@pytest.mark.parametrize(
    "changes",
    [
        {"properties": {"v": "2", "id": HOME.hex()}},
        {"properties": {"id": HOME.hex()}},
        {"properties": {"v": "1"}},
        {"properties": {"v": "1", "id": ""}},
        {"properties": {"v": "1", "id": HOME.hex()[:-1]}},
        {"properties": {"v": "1", "id": HOME.hex().upper()}},
        {"properties": {"v": "1", "id": HOME.hex() + "\n"}},
        {"properties": {"v": "1", "id": b"\xff" * 64}},
        {"properties": {"v": "1", "id": home_of("Riverbend").hex()}},
        {"port": 0},
        {"parsed_addresses": []},
    ],
    ids=[
        "another version",
        "no version",
        "no id",
        "an empty id",
        "a short id",
        "an upper-case id",
        "a line end",
        "no text",
        "our own id",
        "no port",
        "no address",
    ],
)
async def test_nonsense_is_not_reported(changes: dict[str, Any]) -> None:
    riverbend = Neighbor("Riverbend").discovery
    assert riverbend._read(answer(HOME, ["127.0.0.1"])) is not None
    assert riverbend._read(answer(HOME, changes.pop("parsed_addresses", ["127.0.0.1"]), **changes)) is None


async def test_the_number_of_sightings_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    riverbend, hillside = Neighbor("Riverbend"), Neighbor("Hillside")
    monkeypatch.setattr(discovery, "SIGHTINGS_MAX", 0)
    async with started(riverbend, hillside):
        await announced(hillside)
        await heard_by(riverbend, hillside)
        assert riverbend.seen.empty() and not riverbend.discovery._known
        monkeypatch.setattr(discovery, "SIGHTINGS_MAX", 256)
        await hillside.discovery.rename("Hillside East")
        await riverbend.sees(hillside.home)


async def test_a_home_is_gone_only_when_all_who_claim_it_are() -> None:
    riverbend = Neighbor("Riverbend")
    crowd = AsyncZeroconf(interfaces=["127.0.0.1"], ip_version=IPVersion.V4Only)
    async with started(riverbend):
        try:
            one, two = answer(HOME, ["127.0.0.1"], port=1), answer(HOME, ["127.0.0.1"], port=2)
            two.name = f"An impostor {HOME.hex()[:12]}.{SERVICE_TYPE}"
            for info in (one, two):
                await (await crowd.async_register_service(info))
            assert {(await riverbend.sees(HOME))[HOME].port for _ in range(2)} == {1, 2}
            await (await crowd.async_unregister_service(two))
            while two.name in riverbend.discovery._known:
                await crowd.zeroconf.async_wait(100)
            assert riverbend.knows(HOME) and HOME not in riverbend.gone._queue  # type: ignore[attr-defined]
            await (await crowd.async_unregister_service(one))
            await riverbend.misses(HOME)
            assert not riverbend.knows(HOME)
        finally:
            await crowd.async_close()


async def test_what_is_no_node_and_takes_our_name_later_is_noticed(monkeypatch: pytest.MonkeyPatch) -> None:
    """A printer, say, that does not ask before it announces. (RFC 6762, 9; who asks first is told.)"""
    monkeypatch.setattr(discovery, "RESOLVE_TIMEOUT_MS", 500)
    riverbend = Neighbor("Printer's neighbor")
    taken = f"barnraise-{riverbend.home.hex()[:4]}"
    printer = AsyncServiceInfo(
        "_ipp._tcp.local.", "Printer._ipp._tcp.local.", port=631, server=f"{taken}.local.",
        parsed_addresses=["127.0.0.9"],
    )  # fmt: skip
    machine = AsyncZeroconf(interfaces=["127.0.0.1"], ip_version=IPVersion.V4Only)
    async with started(riverbend):
        try:
            await announced(riverbend)
            assert riverbend.discovery.host == f"{taken}.local"
            await (await machine.async_register_service(printer))
            while riverbend.discovery.host != f"{taken}-2.local":
                await machine.zeroconf.async_wait(100)
            await announced(riverbend)
            assert riverbend.discovery._suspecting is not None
            await riverbend.discovery._suspecting
            assert riverbend.discovery.host == f"{taken}-2.local", "and stays there"
        finally:
            await machine.async_close()
