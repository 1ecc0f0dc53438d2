"""Nodes that look for each other by mDNS, and ears on the network, for the tests of discovery.

Loopback is shared by all programs of a machine, so each run has homes of its own and looks past others.
"""

from __future__ import annotations

import asyncio
import ipaddress
import os
import socket
import struct
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

from zeroconf.asyncio import AsyncServiceInfo

from sync.addresses import Interface, up_interfaces
from sync.discovery import Discovery
from sync.sightings import SERVICE_TYPE, Sighting, instance_label

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


def answer(home: bytes, addresses: list[str], **changes: Any) -> AsyncServiceInfo:
    options: dict[str, Any] = {
        "port": 8420,
        "properties": {"v": "1", "id": home.hex()},
        "server": f"barnraise-{home.hex()[:4]}.local.",
        "parsed_addresses": addresses,
    }
    name = f"{instance_label('Hillside', home)}.{SERVICE_TYPE}"
    return AsyncServiceInfo(SERVICE_TYPE, name, **(options | changes))


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
