"""What discovery does where the network, the port or a name is not as it should be."""

from __future__ import annotations

import asyncio
import errno
import ipaddress
import socket
import struct
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from zeroconf import Zeroconf

from sync.addresses import Interface, up_interfaces
from sync.sightings import clean, instance_label
from tests.sync.mdns import (
    LOOPBACK,
    MDNS,
    Neighbor,
    asker,
    ear,
    heard,
    home_of,
    lan_interface,
    started,
)

HOME = home_of("Hillside")


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
