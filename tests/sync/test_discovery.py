"""Nodes find each other by mDNS: real sockets, on loopback only, so that nothing of a test leaves here.

Loopback is shared by all programs of a machine, so each run has homes of its own and looks past others.
"""

from __future__ import annotations

import asyncio
import errno
import ipaddress
import os
import socket
import struct
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from zeroconf import IPVersion, Zeroconf
from zeroconf.asyncio import AsyncServiceInfo, AsyncZeroconf

from sync import discovery
from sync.addresses import Interface, up_interfaces
from sync.discovery import SERVICE_TYPE, Discovery, Sighting, clean, instance_label

PATIENCE_S = 15
MDNS = ("224.0.0.251", 5353)
OURS = os.urandom(8)
LOOPBACK = Interface("lo", 1, (ipaddress.ip_interface("127.0.0.1/8"),))


def home_of(name: str) -> bytes:
    return (name[:2].encode() + OURS + name.encode()).ljust(32, b".")


class Neighbor:
    """A node's discovery and what it reports, in order."""

    def __init__(self, name: str, port: int = 8420, **options: Any) -> None:
        self.home = home_of(name)
        self.seen: asyncio.Queue[Sighting] = asyncio.Queue()
        self.gone: asyncio.Queue[bytes] = asyncio.Queue()
        options.setdefault("interfaces", "loopback")
        self.discovery = Discovery(
            self.home,
            name,
            port,
            on_seen=self.seen.put_nowait,
            on_gone=self.gone.put_nowait,
            **options,
        )

    async def sees(self, *homes: bytes) -> dict[bytes, Sighting]:
        """Waits until all of `homes` were seen."""
        found: dict[bytes, Sighting] = {}
        while set(found) != set(homes):
            sighting = await self.seen.get()
            if sighting.home in homes:
                found[sighting.home] = sighting
        return found

    async def misses(self, home: bytes) -> None:
        """Waits until `home` is gone."""
        while await self.gone.get() != home:
            pass

    def knows(self, home: bytes) -> bool:
        return any(each is not None and each.home == home for each in self.discovery._known.values())


@asynccontextmanager
async def started(*neighbors: Neighbor) -> AsyncIterator[None]:
    async with asyncio.timeout(PATIENCE_S):
        for neighbor in neighbors:
            await neighbor.discovery.start()
        try:
            yield
        finally:
            await asyncio.gather(*(neighbor.discovery.stop() for neighbor in neighbors))


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


def lan_interface() -> Interface | None:
    """One that leads out of this machine, where there is one."""
    for interface in up_interfaces():
        if any(a.version == 4 and not a.is_loopback and not a.is_link_local for a in interface.addresses):
            return interface
    return None


def ear(address: str) -> socket.socket:
    """A socket that hears the mDNS of one interface and of no other."""
    ear = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    ear.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    ear.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
    ear.setsockopt(socket.IPPROTO_IP, 49, 0)  # IP_MULTICAST_ALL: not what others subscribed to
    ear.bind(MDNS)
    ear.setsockopt(
        socket.IPPROTO_IP, socket.IP_ADD_MEMBERSHIP, socket.inet_aton(MDNS[0]) + socket.inet_aton(address)
    )
    ear.setblocking(False)
    return ear


def heard(ear: socket.socket) -> bytes:
    everything = b""
    while True:
        try:
            everything += ear.recv(65_536)
        except BlockingIOError:
            return everything


def asker(address: str) -> socket.socket:
    """Somebody on the interface of `address` who asks for an answer to himself alone."""
    asker = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    asker.bind((address, 0))
    asker.setsockopt(socket.IPPROTO_IP, socket.IP_MULTICAST_IF, socket.inet_aton(address))
    asker.setblocking(False)
    return asker


def question() -> bytes:
    """Who offers this service? PTR, class IN, with the bit that asks for an answer to the asker alone."""
    labels = b"".join(bytes([len(label)]) + label.encode() for label in SERVICE_TYPE.split("."))
    return struct.pack(">6H", 0, 0, 1, 0, 0, 0) + labels + struct.pack(">2H", 12, 0x8001)


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


def answer(home: bytes, addresses: list[str], **changes: Any) -> AsyncServiceInfo:
    options: dict[str, Any] = {
        "port": 8420,
        "properties": {"v": "1", "id": home.hex()},
        "server": f"barnraise-{home.hex()[:4]}.local.",
        "parsed_addresses": addresses,
    }
    name = f"{instance_label('Hillside', home)}.{SERVICE_TYPE}"
    return AsyncServiceInfo(SERVICE_TYPE, name, **(options | changes))


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


async def announced(neighbor: Neighbor) -> None:
    task = neighbor.discovery._announcing
    assert task is not None
    await task


async def heard_by(listener: Neighbor, speaker: Neighbor) -> None:
    """Waits until the announcement has reached the listener's zeroconf."""
    opened, info = listener.discovery._zeroconf, speaker.discovery._info
    assert opened is not None and info is not None
    while not opened.zeroconf.cache.async_entries_with_name(info.name):
        await opened.zeroconf.async_wait(100)


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


async def test_without_a_network_it_says_so_and_begins_when_one_comes() -> None:
    """The interfaces are looked at every thirty seconds; here the test says when those are over."""
    present: list[Interface] = []
    asked_to_wait: asyncio.Queue[float] = asyncio.Queue()
    over: asyncio.Queue[None] = asyncio.Queue()

    async def wait(delay_s: float) -> None:
        asked_to_wait.put_nowait(delay_s)
        await over.get()

    riverbend = Neighbor("Riverbend", list_interfaces=lambda: list(present), wait=wait)
    hillside = Neighbor("Hillside")
    async with started(riverbend, hillside):
        assert await asked_to_wait.get() == 30
        assert riverbend.discovery.note.startswith("No network is connected")
        present.append(LOOPBACK)
        over.put_nowait(None)
        await asked_to_wait.get()
        assert riverbend.discovery.note == ""
        await riverbend.sees(hillside.home)
        await hillside.sees(riverbend.home)
        before = riverbend.discovery._zeroconf
        over.put_nowait(None)  # nothing changed: nothing is opened anew
        await asked_to_wait.get()
        assert riverbend.discovery._zeroconf is before
        present.clear()
        over.put_nowait(None)
        await riverbend.misses(hillside.home)
        await hillside.misses(riverbend.home)
        await asked_to_wait.get()
        assert riverbend.discovery.note.startswith("No network is connected")


async def test_a_port_that_is_not_shared_is_said_and_taken_when_free() -> None:
    selfish = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    try:
        selfish.bind(("0.0.0.0", 5353))
    except OSError:
        selfish.close()
        pytest.skip("another program here uses mDNS")
    riverbend = Neighbor("Riverbend")
    async with started(riverbend):
        assert riverbend.discovery.note.startswith("Another program keeps mDNS (port 5353) to itself")
        await riverbend.discovery.rename("Riverbend East")
        selfish.close()
        await riverbend.discovery.recheck()
        assert riverbend.discovery.note == ""


@pytest.mark.parametrize(
    ("error", "note"),
    [
        (OSError(errno.EADDRINUSE, "in use"), "Another program keeps mDNS"),
        (OSError(errno.EPERM, "not permitted"), "This network does not let nodes find each other"),
        (RuntimeError("no interfaces"), "This network does not let nodes find each other"),
    ],
)
async def test_no_socket_is_no_disaster(error: Exception, note: str, monkeypatch: pytest.MonkeyPatch) -> None:
    riverbend = Neighbor("Riverbend")

    def fails() -> Zeroconf:
        raise error

    monkeypatch.setattr(riverbend.discovery, "_sockets", fails)
    async with started(riverbend):
        assert riverbend.discovery.note.startswith(note)
        monkeypatch.undo()
        await riverbend.discovery.recheck()
        assert riverbend.discovery.note == ""


async def test_an_interface_that_cannot_do_multicast_is_said() -> None:
    """An address that this machine does not have stands for it."""
    ghost = Interface("ghost0", 99, (ipaddress.ip_interface("192.0.2.254/32"),))
    riverbend = Neighbor("Riverbend", interfaces="all", list_interfaces=lambda: [ghost])
    async with started(riverbend):
        assert riverbend.discovery.note.startswith("This network does not let nodes find each other")


def test_which_interfaces_are_used() -> None:
    eth = Interface("eth0", 2, (ipaddress.ip_interface("192.168.1.5/24"),))
    wlan = Interface("wlan0", 3, (ipaddress.ip_interface("10.0.0.5/8"), ipaddress.ip_interface("fe80::5/64")))
    bare = Interface("eth1", 4, ())
    everything = [wlan, bare, LOOPBACK, eth]

    def chosen(choice: Any) -> list[str]:
        return [each.name for each in Neighbor("R", interfaces=choice).discovery._choose(everything)]

    assert chosen("all") == ["eth0", "wlan0"]
    assert chosen("loopback") == ["lo"]
    assert chosen(["wlan0"]) == ["wlan0"]
    assert chosen(["192.168.1.5"]) == ["eth0"]
    assert chosen(["lo", "127.0.0.1", "eth1", "nonesuch"]) == []


def test_this_machine_has_a_loopback_interface() -> None:
    loopback = [each for each in up_interfaces() if any(a.is_loopback for a in each.addresses)]
    assert [each.name for each in loopback] == ["lo"]
    assert ipaddress.ip_interface("127.0.0.1/8") in loopback[0].addresses


def test_names_are_cleaned() -> None:
    assert clean("River\x00bend\n\u202eevil\u200b") == "River bend evil"
    assert clean("x" * 100) == "x" * 80
    assert clean("  Müllers  Hof ") == "Müllers Hof"


def test_a_name_is_cut_between_characters() -> None:
    assert instance_label("ü" * 60, HOME) == "ü" * 27 + f" {HOME.hex()[:4]}"
    assert instance_label(" .. ", HOME) == f"Barnraise {HOME.hex()[:4]}"


@given(st.text(max_size=120))
def test_any_name_makes_one_dns_label(name: str) -> None:
    label = instance_label(name, HOME)
    assert "." not in label and len(label.encode()) <= 60 and label == clean(label)


def test_the_ear_is_as_sharp_as_it_must_be() -> None:
    """What is said on loopback is heard there and only there: else the LAN test above proves nothing."""
    lan = lan_interface()
    if lan is None:
        pytest.skip("no interface here leads out of this machine")
    outer = next(str(a.ip) for a in lan.addresses if a.version == 4)
    for speaks, silent in ((outer, "127.0.0.1"), ("127.0.0.1", outer)):
        hears, hears_not, mouth = ear(speaks), ear(silent), asker(speaks)
        hears.setblocking(True)
        hears.setsockopt(socket.SOL_SOCKET, socket.SO_RCVTIMEO, struct.pack("ll", 5, 0))
        mouth.sendto(b"hark", MDNS)
        assert b"hark" in hears.recv(100)
        assert b"hark" not in heard(hears_not)
        for each in (hears, hears_not, mouth):
            each.close()
