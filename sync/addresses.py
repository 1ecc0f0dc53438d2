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
import socket
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any, TypeAlias

import aiohttp
import ifaddr
from aiohttp.abc import AbstractResolver
from yarl import URL

from protocol.errors import OurFault, WorldFault

PORT_DEFAULT = 8420
ADDRESS_LENGTH_MAX = 300

NO_NODE = "There is no Barnraise node at this address."

Address: TypeAlias = ipaddress.IPv4Interface | ipaddress.IPv6Interface

_IFF_UP, _IFF_LOOPBACK, _IFF_MULTICAST = 0x1, 0x8, 0x1000
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
        if url.port == 0:
            raise ValueError
        if not given_scheme and url.explicit_port is None:
            url = url.with_port(PORT_DEFAULT)
    except (ValueError, KeyError):
        raise OurFault("bad_input", _NOT_AN_ADDRESS) from None
    path = url.path.rstrip("/")
    return url if path.endswith("/link") else url.with_path(f"{path}/link")


def may_call(address: str, allow_loopback: bool) -> bool:
    """Whether a node may call this IP address: one on a LAN or further away; loopback only if allowed."""
    ip = ipaddress.ip_address(address)
    if isinstance(ip, ipaddress.IPv6Address) and ip.ipv4_mapped is not None:
        ip = ip.ipv4_mapped
    if ip.is_loopback:
        return allow_loopback
    broadcast_or_reserved = ip.version == 4 and ip.is_reserved
    return not (ip.is_link_local or ip.is_multicast or ip.is_unspecified or broadcast_or_reserved)


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
    if not may_call(str(target[0]), allow_loopback):
        raise NotCalledError(f"{target[0]} is not called")
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
    """The interfaces that are up and can do multicast, and loopback. Reads files: not on the event loop."""
    found = []
    for adapter in ifaddr.get_adapters():
        try:
            flags = int(Path("/sys/class/net", adapter.name, "flags").read_text(), 16)
        except (OSError, ValueError):
            flags = _IFF_UP | _IFF_MULTICAST  # no Linux: let zeroconf find out
        if flags & _IFF_UP and flags & (_IFF_MULTICAST | _IFF_LOOPBACK):
            texts = [
                (ip.ip if isinstance(ip.ip, str) else ip.ip[0].split("%")[0], ip.network_prefix)
                for ip in adapter.ips
            ]
            addresses = tuple(
                sorted((ipaddress.ip_interface(f"{ip}/{bits}") for ip, bits in texts), key=rank)
            )
            found.append(Interface(adapter.name, socket.if_nametoindex(adapter.name), addresses))
    return found


def rank(address: Any) -> tuple[bool, int, int]:
    """Link-local last, then IPv4 first, then by number: the same order everywhere."""
    return address.is_link_local, address.version, int(address)
