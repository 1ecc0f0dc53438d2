"""`barnraise doctor`: what could keep the node from working, each with what to do about it."""

from __future__ import annotations

import asyncio
import errno
import os
import shutil
import socket
import sys
import time
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import click
from rich.text import Text

from node import control, network, ports
from node.app import BUILT_S
from node.cli import show
from node.cli.common import call, data_option, data_text, json_option, print_json
from node.examining import ADVICE, FACTS
from node.keys import KEY_FILE_NAME
from node.settings import Settings
from node.store.database import DATABASE_NAME
from protocol.errors import Fault
from sync.addresses import up_interfaces

FREE_BYTES_MIN = 500 * 1000 * 1000


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing looked at. `stops`: with this the node cannot run. `advice` is "" where all is well."""

    name: str
    said: str
    advice: str = ""
    stops: bool = False

    @property
    def ok(self) -> bool:
        return not self.advice


@click.command()
@data_option
@click.option(
    "--port", type=click.IntRange(0, 65_535), help="The port that the node is to use. [default: 8420]"
)
@click.option("--peer", metavar="ADDRESS", help="Call another node, and say how far that comes.")
@json_option
def doctor(port: int | None, peer: str | None, as_json: bool) -> None:
    """Check this machine, this node and its network, or the way to another node.

    Each line says ok, or what needs attention and what to do. Exit status 1 if the node cannot run like this,
    or the other cannot be reached.
    """
    if peer is not None:
        _call(peer, as_json)
        return
    settings = Settings.from_outside(data=data_text(), port=port)
    findings = list(examine(settings))
    stopped = any(finding.stops for finding in findings)
    if as_json:
        print_json(
            {
                "ok": all(one.ok for one in findings),
                "checks": [asdict(one) | {"ok": one.ok} for one in findings],
            }
        )
    else:
        for finding in findings:
            _show(finding)
    if stopped:
        click.get_current_context().exit(1)


STEPS = {
    "name": "Name",
    "address": "Address",
    "connection": "Connection",
    "answer": "Node",
    "greeting": "Greeting",
    "whose": "Link",
    "day": "Clock",
    "coalitions": "Coalitions",
}
STOPPED = "The call stopped here."
SET_CLOCK = "Set the clock of whichever of the two machines is wrong."


def _call(address: str, as_json: bool) -> None:
    steps = call("peer", address=address)
    reached = all(step["ok"] for step in steps if step["name"] != "day")
    if as_json:
        print_json({"ok": reached, "steps": steps})
    else:
        for step in steps:
            clock = step["name"] == "day"
            advice = "" if step["ok"] else SET_CLOCK if clock else STOPPED
            said = show.clean(step["said"])
            _show(Finding(STEPS[step["name"]], said, advice, not (step["ok"] or clock)))
    if not reached:
        click.get_current_context().exit(1)


def _show(finding: Finding) -> None:
    word, style = ("ok", "green") if finding.ok else ("attention", "bold red" if finding.stops else "yellow")
    line = Text(f"{word:<11}", style=style).append(
        f"{finding.name}: {finding.said}", style="default not bold"
    )
    show.console().print(line, soft_wrap=True)
    if finding.advice:
        show.say(f"{'':<11}{finding.advice}")


def examine(settings: Settings) -> Iterator[Finding]:
    """Look at everything, the most basic first."""
    yield check_python(sys.version_info[:3], sys.maxsize)
    yield check_folder(settings.data)
    node, finding = check_database(settings.data)
    yield finding
    if (settings.data / KEY_FILE_NAME).exists():
        yield check_keys(settings.data / KEY_FILE_NAME)
    if node is not None and node["set_up"]:
        yield check_backup(node["last_backup"])
    yield check_disk(settings.data)
    running = node if node is not None and node["running"] else None
    yield check_port(settings, running)
    if running is None:
        yield check_clock(time.time(), node["proven_day"] if node is not None else 0)
    yield check_multicast(running)
    yield check_addresses()
    if running is not None and running["set_up"]:
        yield from check_network(settings.data)


def check_network(folder: Path) -> Iterator[Finding]:
    """What a running node has just tried itself."""
    for one in control.call(folder, "network"):
        said = " ".join([one["said"], *one["more"]])
        yield Finding(one["name"], show.clean(said).rstrip("."), show.clean(one["advice"]))


def check_python(version: tuple[int, ...], largest: int) -> Finding:
    """Python 3.11 or newer, in 64 bits: a 64-bit system may run a 32-bit Python."""
    said = f"{'.'.join(map(str, version))}, {64 if largest > 2**32 else 32} bits"
    if largest <= 2**32:
        return Finding(
            "Python", said, "Install the 64-bit system: there are no parts of this program for 32.", True
        )
    if version < (3, 11):
        return Finding("Python", said, "Barnraise needs Python 3.11 or newer.", True)
    return Finding("Python", said)


def check_folder(folder: Path) -> Finding:
    """Whether the data folder can be written, or made."""
    name = "Data folder"
    there = folder
    while not there.exists() and there != there.parent:
        there = there.parent
    if folder.exists() and not folder.is_dir():
        return Finding(name, f"{folder} is not a folder", "Choose another with --data.", True)
    if not os.access(there, os.W_OK | os.X_OK):
        advice = "Run this as the user who runs the node, or choose another folder with --data."
        return Finding(name, f"{folder} cannot be written", advice, True)
    return Finding(name, str(folder) if folder.exists() else f"{folder} (will be made by “barnraise run”)")


def check_database(folder: Path) -> tuple[dict[str, Any] | None, Finding]:
    """Whether the database is sound; also gives the node's status, None where there is none to be had."""
    name = "Database"
    if not (folder / DATABASE_NAME).exists():
        return None, Finding(name, "none yet; “barnraise run” makes it")
    try:
        answer = control.ask(folder, "check_database")
        status = control.call(folder, "status") | {"running": answer.running}
    except Fault as fault:
        advice = {
            "newer_data": "Update Barnraise on this machine.",
            "data_in_use": "Stop the other program, or wait until it is done.",
            "damaged_data": "Start it with “barnraise run”: it takes up its last good copy and says so.",
        }.get(fault.code, "Start the node again and look at its log.")
        return None, Finding(name, fault.sentence, advice, True)
    if answer.result != "ok":
        advice = "Stop the node and start it again: it takes up its last good copy and says so."
        return status, Finding(name, f"damaged: {answer.result}", advice, True)
    who = "not set up yet" if not status["set_up"] else show.clean(status["neighborhood"]["name"])
    return status, Finding(
        name, f"sound, {'in use by the running node' if answer.running else 'not in use'}, {who}"
    )


def check_keys(path: Path) -> Finding:
    """The node's secret keys are for its own user only."""
    mode = path.stat().st_mode & 0o777
    if mode & 0o077:
        return Finding("Key file", f"others can read {path}", f"Run: chmod 600 {path}")
    return Finding("Key file", "only you can read it")


def check_backup(last: dict[str, Any]) -> Finding:
    """What is on this machine only is gone with it."""
    said = f"the last on {show.moment(last['made']).date().isoformat()}" if last["made"] else "none yet"
    advice = "Make one and keep it elsewhere: barnraise backup FILE" if last["due"] else ""
    return Finding("Backup", said, advice)


def check_disk(folder: Path) -> Finding:
    """Room for the days to come."""
    there = folder
    while not there.exists():
        there = there.parent
    free = shutil.disk_usage(there).free
    advice = "Make room soon: a full disk stops the node." if free < FREE_BYTES_MIN else ""
    return Finding("Disk", f"{show.size(free)} free", advice)


def check_port(settings: Settings, running: dict[str, Any] | None) -> Finding:
    """The port is free, or our own node has it."""
    if running is not None:
        return Finding("Port", f"{running['port']}, used by this node")
    family = socket.AF_INET6 if ":" in settings.listen else socket.AF_INET
    with socket.socket(family, socket.SOCK_STREAM) as trial:
        trial.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            trial.bind((settings.listen, settings.port))
        except OSError as error:
            program = ports.holder(settings.port) or "another program"
            taken = error.errno == errno.EADDRINUSE
            said = (
                f"{settings.port} is in use by {program}" if taken else f"{settings.port}: {error.strerror}"
            )
            return Finding("Port", said, "Stop that program, or start the node with another --port.", True)
    return Finding("Port", f"{settings.port} is free")


def check_clock(now_s: float, proven_day: int = 0) -> Finding:
    """Pis before the 5 have no clock that survives a power cut.

    `proven_day` is the last day on which other nodes agreed with this one, 0 for none.
    """
    said = show.moment(int(now_s)).strftime("%Y-%m-%d %H:%M UTC")
    if now_s < BUILT_S:
        advice = "Connect to the internet for a minute, or set it: sudo date -s '2030-01-31 12:00'"
        return Finding("Clock", f"{said}, which is before this program was made", advice)
    if (doubt := network.clock_alone(int(now_s), proven_day)) is not None:
        values = {"day": said, "told": doubt[2]}
        return Finding("Clock", (FACTS[doubt[0]] % values).rstrip("."), ADVICE[doubt[1]])
    return Finding("Clock", said)


def check_multicast(running: dict[str, Any] | None) -> Finding:
    """Whether nodes on this network can find each other by themselves."""
    name = "Finding others"
    if running is not None and running["set_up"]:
        if running["discovery_note"]:
            advice = "Until that is mended, type the other node's address on the page."
            return Finding(name, running["discovery_note"].rstrip("."), advice)
        if not running["nearby"]:
            return Finding(name, "announced; no other node heard so far")
        return Finding(name, f"works; {show.counted(len(running['nearby']), 'other node')} nearby")
    places = _network_addresses()
    if not places:
        return Finding(
            name, "no network is connected", "Connect a cable or Wi-Fi, or type addresses on the page."
        )
    failed = [(place, why) for place in places if (why := _join_group(place))]
    if len(failed) == len(places):
        advice = "Type the other node's address on the page instead."
        return Finding(name, f"this network does not allow it ({failed[0][1]})", advice)
    tried = [*network.container(), asyncio.run(network.multicast(up_interfaces()))]
    said = tried[0].texts()
    return Finding(name, said["said"].rstrip("."), said["advice"])


def _join_group(address: str) -> str:
    """Why mDNS cannot be heard at this address of ours, or ""."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as trial:
        try:
            trial.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            trial.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
            trial.bind(("", network.MDNS_PORT))
        except OSError:
            return ""  # not the network's doing: network.multicast says whose
        try:
            group = socket.inet_aton(network.MDNS_GROUPS[4]) + socket.inet_aton(address)
            trial.setsockopt(socket.IPPROTO_IP, socket.IP_ADD_MEMBERSHIP, group)
        except OSError as error:
            return error.strerror or str(error)
    return ""


def _network_addresses() -> list[str]:
    found = [address.ip for interface in up_interfaces() for address in interface.addresses]
    return [str(ip) for ip in found if ip.version == 4 and not ip.is_loopback]


def check_addresses() -> Finding:
    """Where others reach this machine."""
    found = _network_addresses()
    if not found:
        return Finding(
            "Addresses", "only this machine itself", "Connect a cable or Wi-Fi, so that phones reach it."
        )
    return Finding("Addresses", ", ".join(found))
