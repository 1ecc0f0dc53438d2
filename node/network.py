"""Looking at a node's network: really sending, hearing, calling and comparing. Answers are in examining.py.

Everything here is tried on the machine itself and told to the person who looks after it. What leaves it is
one question by mDNS for a name that nobody has.
"""

from __future__ import annotations

import asyncio
import contextlib
import datetime
import errno
import ipaddress
import os
import secrets
import socket
import struct
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import aiohttp

from node.app import BUILT_S
from node.examining import Finding
from node.ports import holder
from node.store import neighbors
from protocol.scopes import DAY_S, day_of
from sync.addresses import Interface, reachable, up_interfaces
from sync.days import Days
from sync.sightings import host_label, interface_of

if TYPE_CHECKING:
    from node.app import Node
    from node.links import Links

MDNS_PORT = 5353
MDNS_GROUPS = {4: "224.0.0.251", 6: "ff02::fb"}
HEARD_WITHIN_S = 2.0
ANSWER_WITHIN_S = 4.0
CLOCK_BEHIND_MAX_S = 2 * DAY_S
ALONE_DAYS = 60  # that a node may have been off before its clock is asked about
ADDRESSES_SHOWN_MAX = NAMES_SHOWN_MAX = 6


async def examine(node: Node, links: Links | None) -> list[Finding]:
    """Look at everything there is to see from a running node."""
    interfaces = await asyncio.to_thread(up_interfaces)
    found = [*container(), await multicast(interfaces, elsewhere(node, interfaces))]
    if node.is_set_up:
        found += announcing(node, links)
    found.append(await own_page(node, interfaces))
    found += await hosts(node, interfaces)
    if node.disk_note:
        found.append(Finding("disk", "disk", "disk", {"note": node.disk_note}))
    found.append(clock(node, links))
    if node.is_set_up:
        found += every_link(node, links, interfaces)
        found += rooms(node)
    return found


def container() -> Iterator[Finding]:
    """Docker and its like have a network of their own, where multicast goes nowhere."""
    marks = (Path("/.dockerenv"), Path("/run/.containerenv"))
    inside = any(mark.exists() for mark in marks)
    if inside and _is_half_of_a_cable(Path("/sys/class/net/eth0")):
        yield Finding("container", "container", "container")


def _is_half_of_a_cable(interface: Path) -> bool:
    """Whether an interface leads into another network namespace, as a container's own does."""
    try:
        return (interface / "iflink").read_text() != (interface / "ifindex").read_text()
    except OSError:
        return False  # with the machine's own network there mostly is none of that name


# multicast


def elsewhere(node: Node, interfaces: list[Interface]) -> list[str]:
    """The names of nodes on other machines whose announcements came: only they prove what a router does."""
    own = {str(address.ip) for interface in interfaces for address in interface.addresses}
    return sorted(
        {each.name for each in node.nearby.values() if each.addresses and not own & set(each.addresses)}
    )


async def multicast(interfaces: list[Interface], others: Sequence[str] = ()) -> Finding:
    """Whether a question to all on the network is heard: by a second socket of our own, at each interface.

    That it is shows that nothing on this machine is in the way. `others` are heard from other machines.
    """
    places: dict[str, str] = {}
    for interface in interfaces:
        own = [a.ip for a in interface.addresses if not a.ip.is_loopback]
        if own:
            first = min(own, key=lambda ip: (ip.version, ip.is_link_local))
            places[f"{first} ({interface.name})"] = await asyncio.to_thread(_hears_itself, interface, first)
    if not places:
        return Finding("multicast", "no_network", "no_network")
    failed = {place: why for place, why in places.items() if why}
    if not failed:
        values = {"places": ", ".join(places), "others": ", ".join(others[:NAMES_SHOWN_MAX])}
        return Finding("multicast", "heard_others" if others else "heard", values=values)
    program = await asyncio.to_thread(holder, MDNS_PORT, "udp")
    if any(why == _TAKEN for why in failed.values()):
        return Finding("multicast", "mdns_taken", "mdns_taken", {"program": program or "another program"})
    silent = all(why == _SILENT for why in failed.values())
    values = {"places": ", ".join(failed), "why": "; ".join(dict.fromkeys(failed.values()))}
    return Finding("multicast", "not_heard_at_all" if silent else "not_heard", "not_heard", values)


_TAKEN, _SILENT = "taken", "silence"


def _hears_itself(interface: Interface, own: ipaddress.IPv4Address | ipaddress.IPv6Address) -> str:
    """Ask the network for a name that nobody has, and listen for the question. "" or why it was not heard."""
    label = f"barnraise-doctor-{secrets.token_hex(6)}".encode()
    question = struct.pack(">6H", 0, 0, 1, 0, 0, 0) + bytes([len(label)]) + label + b"\x05local\x00"
    question += struct.pack(">2H", 1, 1)
    family = socket.AF_INET if own.version == 4 else socket.AF_INET6
    group = MDNS_GROUPS[own.version]
    with socket.socket(family, socket.SOCK_DGRAM) as ear, socket.socket(family, socket.SOCK_DGRAM) as mouth:
        try:
            ear.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            ear.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
            ear.bind(("", MDNS_PORT))
        except OSError as error:
            taken = error.errno in (errno.EADDRINUSE, errno.EACCES)
            return _TAKEN if taken else error.strerror or str(error)
        try:
            index = struct.pack("@i", interface.index)
            if own.version == 4:
                membership = socket.inet_aton(group) + own.packed + index
                ear.setsockopt(socket.IPPROTO_IP, socket.IP_ADD_MEMBERSHIP, membership)
                mouth.setsockopt(socket.IPPROTO_IP, socket.IP_MULTICAST_IF, bytes(4) + own.packed + index)
            else:
                membership = socket.inet_pton(family, group) + index
                ear.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_JOIN_GROUP, membership)
                mouth.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_MULTICAST_IF, index)
            mouth.sendto(question, (group, MDNS_PORT))
            ear.settimeout(HEARD_WITHIN_S)
            for _ in range(200):  # others speak too
                if ear.recv(9_000) == question:
                    return ""
        except TimeoutError:
            return _SILENT
        except OSError as error:
            return error.strerror or str(error)
    return _SILENT


def announcing(node: Node, links: Links | None) -> Iterator[Finding]:
    """What our own node says about finding and being found."""
    if node.settings.discovery == "off":
        yield Finding("discovery", "finding_off")
        return
    if node.discovery_note:
        yield Finding("discovery", "note", "note", {"note": node.discovery_note})
        return
    if node.settings.discovery == "loopback":
        yield Finding("discovery", "finding_here")
        return
    host = node.mdns_host or f"{host_label(node.home, 1)}.local"
    yield Finding("discovery", "finding", values={"host": host, "count": str(len(node.nearby))})
    wanted = f"{host_label(node.home, 1)}.local"
    if host != wanted:
        yield Finding("name", "renamed", "renamed", {"taken": wanted, "host": host})


# the page


async def own_page(node: Node, interfaces: list[Interface]) -> Finding:
    """Fetch our own page as a phone would, at each of our addresses."""
    port, listen = node.settings.port, node.settings.listen
    everywhere = listen in ("0.0.0.0", "::", "")
    hosts = reachable(interfaces) if everywhere else [f"[{listen}]" if ":" in listen else listen]
    if not hosts:
        return Finding("page", "no_network", "no_network")
    answers = {f"{host}:{port}": await _fetch(f"http://{host}:{port}/healthz") for host in hosts}
    failed = {place: why for place, why in answers.items() if why}
    if failed:
        values = {"places": ", ".join(failed), "why": "; ".join(dict.fromkeys(failed.values()))}
        return Finding("page", "page_fails", "page_fails", values | {"port": str(port)})
    more: tuple[tuple[str, dict[str, str]], ...] = ()
    if all(host.startswith("[") for host in hosts):
        more = (("no_ipv4", {}),)
    return Finding("page", "page", values={"places": ", ".join(answers)}, more=more)


async def _fetch(url: str) -> str:
    timeout = aiohttp.ClientTimeout(total=ANSWER_WITHIN_S)
    try:
        async with aiohttp.ClientSession(timeout=timeout) as session, session.get(url) as answer:
            return "" if answer.status == 200 else f"HTTP {answer.status}"
    except TimeoutError:
        return "no answer"
    except (aiohttp.ClientError, OSError) as error:
        number = getattr(error, "errno", None) or getattr(getattr(error, "os_error", None), "errno", None)
        return os.strerror(number) if number else type(error).__name__


async def hosts(node: Node, interfaces: list[Interface]) -> list[Finding]:
    """The names that the page answers to, and whether those that were given lead here."""
    own = {str(address.ip) for interface in interfaces for address in interface.addresses}
    found = []
    given = [
        name.rpartition(":")[0] or name if name.count(":") == 1 else name for name in node.settings.hosts
    ]
    host = node.mdns_host or (f"{host_label(node.home, 1)}.local" if node.is_set_up else "")
    names = [name for name in ("localhost", socket.gethostname().lower(), host, *given) if name]
    found.append(Finding("hosts", "names", values={"names": ", ".join(dict.fromkeys(names))}))
    loop = asyncio.get_running_loop()
    for name in given:
        places: list[str] = []
        with contextlib.suppress(OSError, UnicodeError, TimeoutError):
            async with asyncio.timeout(ANSWER_WITHIN_S):
                answer = await loop.getaddrinfo(name, None, type=socket.SOCK_STREAM)
                places = list(dict.fromkeys(str(each[4][0]) for each in answer))
        if not places:
            found.append(Finding("hosts", "name_nowhere", "name_nowhere", {"name": name}))
        elif not own & set(places):
            values = {"name": name, "places": ", ".join(places[:3])}
            found.append(Finding("hosts", "name_elsewhere", "name_elsewhere", values))
    return found


# the clock


def clock(node: Node, links: Links | None) -> Finding:
    """Our clock against the days of peers, the newest record held, and the day this program was made."""
    now = node.now()
    days = links.port.days if links is not None else Days()
    values = {"day": _day(now), "count": str(len(days.differences))}
    if now < BUILT_S:
        return Finding("clock", "clock_unset", "clock_off", values)
    if days.differences:  # they know better than what is held here, some of which may be dated ahead
        off = days.theirs()
        told = values | {"told": _day(now + off * DAY_S)}
        return Finding("clock", "clock_off", "clock_off", told) if abs(off) > 1 else _well("clock", values)
    if (alone := clock_alone(now, node.proven_day(), node.records.newest_created())) is not None:
        return Finding("clock", alone[0], alone[1], values | {"told": alone[2]})
    return _well("clock_alone", values)


def _well(fact: str, values: dict[str, str]) -> Finding:
    return Finding("clock", fact, values=values)


def clock_alone(now: int, proven_day: int, newest: int = 0) -> tuple[str, str, str] | None:
    """What speaks against a clock while nobody can be asked: fact, advice and a day; None if nothing does.

    `proven_day` is the last day on which others agreed with us, 0 for none.
    """
    if proven_day and day_of(now) < proven_day - 1:
        return "clock_before", "clock_off", _day(proven_day * DAY_S)
    if proven_day and day_of(now) > proven_day + ALONE_DAYS:
        return "clock_ahead", "clock_ahead", _day(proven_day * DAY_S)
    if newest > now + CLOCK_BEHIND_MAX_S:
        return "clock_behind", "clock_off", _day(newest)
    return None


def _day(seconds: int) -> str:
    return datetime.datetime.fromtimestamp(seconds, datetime.UTC).strftime("%Y-%m-%d")


# room


def rooms(node: Node) -> Iterator[Finding]:
    """Neighborhoods whose pair set has filled its room here."""
    from node.actions.names import neighborhood_name

    for home, count in sorted(node.pair_room.waiting.items()):
        values = {
            "neighborhood": neighborhood_name(node, home),
            "size": str(node.pair_room.limit_bytes(home) // 2**20),
            "count": str(count),
        }
        yield Finding("room", "no_room", "no_room", values)


# links


def every_link(node: Node, links: Links | None, interfaces: list[Interface]) -> Iterator[Finding]:
    """Each neighborhood that we want a link with: heard when, called where, and what came of it."""
    from node.actions.names import neighborhood_name

    if links is None:
        return
    for home, peer in sorted(links.runner.engine.peers.peers.items()):
        name = neighborhood_name(node, home)
        values = {"neighborhood": name, "name": name}
        if home in node.connected:
            yield Finding("link", "linked", values=values)
        else:
            row = neighbors.neighbor(node.connection, home)
            heard = row.last_heard if row is not None else 0
            if heard:
                values["heard"] = _day(heard)
            more = tuple(_call(links, address) for address in peer.places()[:ADDRESSES_SHOWN_MAX])
            fact = "not_linked" if heard else "never_linked"
            yield Finding("link", fact, "not_linked", values, more or (("no_address", {}),))
        yield from _silent_neighbor(node, home, peer.addresses, interfaces, values)


def _call(links: Links, address: str) -> tuple[str, dict[str, str]]:
    why = links.called.get(address)
    if why is None:
        return "not_called", {"address": address}
    return ("call_failed" if why else "call_answered"), {"address": address, "why": why}


def _silent_neighbor(
    node: Node, home: bytes, addresses: list[str], interfaces: list[Interface], values: dict[str, str]
) -> Iterator[Finding]:
    """A neighbor on our own network whose announcement is not heard: the router keeps the two apart."""
    if home in node.nearby or home not in node.connected or node.settings.discovery != "all":
        return
    for address in addresses:
        with contextlib.suppress(ValueError):
            ip = ipaddress.ip_address(address.rpartition(":")[0].strip("[]"))
            if not ip.is_loopback and interface_of(ip, interfaces):
                more = values | {"address": address}
                yield Finding("multicast", "nearby_not_heard", "nearby_not_heard", more)
                return
