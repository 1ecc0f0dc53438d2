"""What an announcement by mDNS says, read with distrust: anybody on the network can announce anything. Pure.

A sighting is a hint that somebody at these addresses claims to be a neighborhood. The key decides when it
is called.
"""

from __future__ import annotations

import ipaddress
import re
import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Protocol, TypeAlias

SERVICE_TYPE = "_barnraise._tcp.local."
ADDRESSES_MAX = 8  # of one sighting; those of our own networks first
NAME_LENGTH_MAX = 80
LABEL_SIZE_BYTES_MAX = 63

_HOME = re.compile(r"[0-9a-f]{64}")

Ip: TypeAlias = ipaddress.IPv4Address | ipaddress.IPv6Address
IpInterface: TypeAlias = ipaddress.IPv4Interface | ipaddress.IPv6Interface


class Interface(Protocol):
    """An interface of this machine: sync/addresses.py."""

    @property
    def name(self) -> str: ...
    @property
    def index(self) -> int: ...
    @property
    def addresses(self) -> tuple[IpInterface, ...]: ...


@dataclass(frozen=True)
class Sighting:
    """Somebody who claims to be `home`. `addresses`, those of our own networks first, are IP literals;
    `interface` is the one of ours whose network the first is in, or ""."""

    home: bytes
    name: str
    host: str
    addresses: tuple[str, ...]
    port: int
    interface: str

    def places(self) -> tuple[str, ...]:
        """The addresses with the port, as one types them."""
        return tuple(
            f"[{each}]:{self.port}" if ":" in each else f"{each}:{self.port}" for each in self.addresses
        )


def read(info: Any, own_home: bytes, interfaces: Sequence[Interface], loopback: bool) -> Sighting | None:
    """What zeroconf's service `info` says, or None if it is ours, of another kind, or nonsense."""
    try:
        home = (info.properties.get(b"id") or b"").decode("ascii")
    except UnicodeDecodeError:
        return None
    if info.properties.get(b"v") != b"1" or not _HOME.fullmatch(home) or home == own_home.hex():
        return None
    seen = _addresses(info.parsed_scoped_addresses(), interfaces, loopback)
    if not seen or not info.port:
        return None
    label = info.name.removesuffix(f".{SERVICE_TYPE}")
    first = next(iter(seen))
    return Sighting(
        bytes.fromhex(home),
        clean(re.sub(rf" {home[:4]}(-\d+)?$", "", label)),
        clean((info.server or "").removesuffix(".")),
        tuple(seen),
        info.port,
        seen[first],
    )


def _addresses(texts: Sequence[str], interfaces: Sequence[Interface], loopback: bool) -> dict[str, str]:
    """{address: our interface in the same network, or ""}, the best first."""
    ours = {own.ip for each in interfaces for own in each.addresses}
    seen: dict[str, str] = {}
    for text in texts:
        address = ipaddress.ip_address(text)
        unscoped = address.version == 6 and address.is_link_local and not address.scope_id
        if address.is_loopback == loopback and not unscoped:
            seen[text] = interface_of(address, interfaces)
    # Link-local ones only where there are no others that we share a network with: they come and go with
    # the way that the answer took
    lasting = {each: name for each, name in seen.items() if not ipaddress.ip_address(each).is_link_local}
    if any(lasting.values()) or not any(seen.values()):
        seen = lasting or seen

    def order(text: str) -> tuple[bool, bool, tuple[bool, int, int]]:
        # Two machines may each have the same inner network, of containers say: an address of ours comes
        # last, and first only where the other node is on this very machine
        address = ipaddress.ip_address(text)
        return address in ours, seen[text] == "", rank(address)

    return {each: seen[each] for each in sorted(seen, key=order)[:ADDRESSES_MAX]}


def interface_of(address: Ip, interfaces: Sequence[Interface]) -> str:
    """The interface of ours whose network `address` is in, "" for none."""
    scope = getattr(address, "scope_id", None)
    for each in interfaces:
        if scope is not None and scope not in (each.name, str(each.index)):
            continue
        if any(address in own.network for own in each.addresses if own.version == address.version):
            return each.name
    return ""


def rank(address: Any) -> tuple[bool, int, int]:
    """Link-local last, then IPv4 first, then by number: the same order everywhere."""
    return address.is_link_local, address.version, int(address)


def instance_label(name: str, home: bytes) -> str:
    """The name under which `home` is announced: one DNS label of at most 63 bytes, without dots."""
    room = LABEL_SIZE_BYTES_MAX - len(" XXXX") - len("-99")  # zeroconf counts up if the name is taken
    cut = clean(name.replace(".", " ")).encode()[:room].decode(errors="ignore").strip()
    return f"{cut or 'Barnraise'} {home.hex()[:4]}"


def host_label(home: bytes, number: int) -> str:
    """The host name under which `home` is announced, without `.local`; `number` above 1 where it is taken."""
    return f"barnraise-{home.hex()[:4]}" + (f"-{number}" if number > 1 else "")


def clean(text: str) -> str:
    """`text` without control and direction characters, single-spaced, of at most 80 characters."""
    kept = "".join(char if unicodedata.category(char)[0] != "C" else " " for char in text)
    return " ".join(kept.split())[:NAME_LENGTH_MAX].strip()
