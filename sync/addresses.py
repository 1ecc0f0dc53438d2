"""Addresses: whom this node may call, how a typed address is read, and which are this machine's own.

A member types an address, a node card states one, a name resolves to one: none of them may make this
node call itself or the router's inner side. So every address is checked where the socket is made,
after names are resolved: the address that was checked is the one that is called, whatever the name
server says a moment later. Private ranges are allowed, for that is where neighbors are. Redirects are
not followed.

This machine's own interfaces change while the node runs: cables, Wi-Fi, a new lease. Of use for
discovery are those that can do multicast, and loopback, which can although it says it cannot.
"""

from __future__ import annotations

import contextlib
import ipaddress
import re
import socket
from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any, TypeAlias

import aiohttp
import ifaddr
from aiohttp.abc import AbstractResolver
from yarl import URL

from protocol.errors import OurFault, WorldFault
from sync.sightings import interface_of, rank

PORT_DEFAULT = 8420
ADDRESS_LENGTH_MAX = 300

NO_NODE = "There is no Barnraise node at this address."

Address: TypeAlias = ipaddress.IPv4Interface | ipaddress.IPv6Interface

# Of linux/if_addr.h: temporary, duplicate, deprecated, tentative
_NOT_LASTING = 0x01 | 0x08 | 0x20 | 0x40
_OF_CONTAINERS = re.compile(r"docker\d*|br-[0-9a-f]{12}|virbr\d+(-nic)?|lxcbr\d+|cni\d+")
_IFF_UP, _IFF_LOOPBACK, _IFF_MULTICAST = 0x1, 0x8, 0x1000
_HOST = re.compile(r"(?=.{1,253}$)[a-zA-Z0-9_][a-zA-Z0-9_-]{0,62}(\.[a-zA-Z0-9_][a-zA-Z0-9_-]{0,62})*\.?")
_NOT_AN_ADDRESS = "That is not the address of a node. Write it like 192.168.1.20:8420."


def link_url(address: str) -> URL:
    """The WebSocket URL meant by a host or IP address, with or without port, or by a URL. Raises OurFault."""
    text = address.strip()
    if len(text) > ADDRESS_LENGTH_MAX:  # before anything reads it: names in other scripts take long
        raise OurFault("bad_input", _NOT_AN_ADDRESS)
    with contextlib.suppress(ValueError):
        text = f"[{ipaddress.IPv6Address(text)}]"
    given_scheme = "://" in text
    try:
        url = URL(text if given_scheme else f"ws://{text}")
        scheme = {"http": "ws", "ws": "ws", "https": "wss", "wss": "wss"}[url.scheme]
        url = url.with_scheme(scheme)
        if not url.host or url.user or url.password or url.query_string or url.fragment:
            raise ValueError
        if url.port == 0 or not (":" in url.host or _HOST.fullmatch(str(url.raw_host))):
            raise ValueError
        if str(url.raw_host).rpartition(".")[2].isdecimal():
            ipaddress.IPv4Address(url.raw_host)
        if not given_scheme and url.explicit_port is None:
            url = url.with_port(PORT_DEFAULT)
    except (ValueError, KeyError):
        raise OurFault("bad_input", _NOT_AN_ADDRESS) from None
    path = url.path.rstrip("/")
    return url if path.endswith("/link") else url.with_path(f"{path}/link")


def may_call(address: str, allow_loopback: bool, interfaces: Sequence[Interface] = ()) -> bool:
    """Whether a node may call this IP address: one on a LAN or further away; loopback only if allowed.

    A link-local one only on a network that one of `interfaces` is in: two machines and a cable.
    """
    ip = ipaddress.ip_address(address)
    if isinstance(ip, ipaddress.IPv6Address) and ip.ipv4_mapped is not None:
        ip = ip.ipv4_mapped
    if ip.is_loopback:
        return allow_loopback
    broadcast_or_reserved = ip.version == 4 and ip.is_reserved
    if ip.is_link_local:
        scoped = ip.version == 4 or ip.scope_id is not None
        return scoped and interface_of(ip, interfaces) != ""
    return not (ip.is_multicast or ip.is_unspecified or broadcast_or_reserved)


def client_session(
    allow_loopback: bool = False, resolver: AbstractResolver | None = None
) -> aiohttp.ClientSession:
    """A session that calls only where a node may call; `dial` takes no other."""
    trace = aiohttp.TraceConfig()
    trace.on_request_redirect.append(_refuse_redirect)
    return aiohttp.ClientSession(
        connector=GuardedConnector(
            socket_factory=partial(_guarded_socket, allow_loopback), resolver=resolver, use_dns_cache=False
        ),
        cookie_jar=aiohttp.DummyCookieJar(),
        trace_configs=[trace],
    )


class NotCalledError(OSError):
    """A socket was about to be made to an address that a node may not call."""


class GuardedConnector(aiohttp.TCPConnector):
    """Marks the sessions that `client_session` made."""


def _guarded_socket(allow_loopback: bool, info: tuple[Any, ...]) -> socket.socket:
    family, kind, proto, _, target = info
    address = str(target[0])
    if len(target) == 4 and target[3] and "%" not in address:
        address = f"{address}%{target[3]}"
    link_local = ipaddress.ip_address(address).is_link_local
    if not may_call(address, allow_loopback, up_interfaces() if link_local else ()):
        raise NotCalledError(f"{address} is not called")
    return socket.socket(family, kind, proto)


async def _refuse_redirect(
    session: aiohttp.ClientSession, context: Any, params: aiohttp.TraceRequestRedirectParams
) -> None:
    params.response.close()
    raise WorldFault("unreachable", NO_NODE)


@dataclass(frozen=True)
class Interface:
    """A network interface of this machine that is up."""

    name: str
    index: int
    addresses: tuple[Address, ...]


def up_interfaces() -> list[Interface]:
    """The interfaces that are up and can do multicast, and loopback. Reads files: not on the event loop.

    Without those of containers, which lead nowhere, and without IPv6 addresses that will not stay.
    """
    found = []
    fleeting = _fleeting()
    for adapter in ifaddr.get_adapters():
        folder = Path("/sys/class/net", adapter.name)
        if _OF_CONTAINERS.fullmatch(adapter.name) or (folder / "brport").exists():
            continue
        try:
            flags = int((folder / "flags").read_text(), 16)
        except (OSError, ValueError):
            flags = _IFF_UP | _IFF_MULTICAST  # no Linux: let zeroconf find out
        if flags & _IFF_UP and flags & (_IFF_MULTICAST | _IFF_LOOPBACK):
            texts = [
                (ip.ip if isinstance(ip.ip, str) else ip.ip[0].split("%")[0], ip.network_prefix)
                for ip in adapter.ips
            ]
            addresses = tuple(
                sorted(
                    (ipaddress.ip_interface(f"{ip}/{bits}") for ip, bits in texts if ip not in fleeting),
                    key=rank,
                )
            )
            found.append(Interface(adapter.name, socket.if_nametoindex(adapter.name), addresses))
    return found


def reachable(interfaces: Sequence[Interface]) -> list[str]:
    """Our addresses for others, as one writes them in a URL: IPv4, and IPv6 where there is no other.

    Link-local ones are none: they mean something only together with the reader's own interface.
    """
    ips = [address.ip for interface in interfaces for address in interface.addresses]
    ips = [ip for ip in ips if not ip.is_loopback and (ip.version == 4 or not ip.is_link_local)]
    return [str(ip) for ip in ips if ip.version == 4] or [f"[{ip}]" for ip in ips]


def own_networks() -> tuple[Any, ...]:
    """The networks that this machine is in."""
    return tuple(address.network for interface in up_interfaces() for address in interface.addresses)


def _fleeting() -> set[str]:
    """IPv6 addresses made for a day, for privacy, or not proven to be free, or about to go."""
    try:
        lines = Path("/proc/net/if_inet6").read_text().splitlines()
    except OSError:
        return set()  # no Linux, or no IPv6
    rows = [line.split() for line in lines]
    return {str(ipaddress.IPv6Address(int(row[0], 16))) for row in rows if int(row[4], 16) & _NOT_LASTING}
