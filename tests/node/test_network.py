"""What is found of a node's network: really asked, heard, fetched and compared."""

from __future__ import annotations

import ipaddress
import os
import pwd
import re
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from node import network, ports
from node.app import BUILT_S, Node
from node.cli import doctor
from node.settings import Settings
from protocol.scopes import DAY_S
from sync.addresses import Interface, up_interfaces
from sync.days import Days
from sync.sightings import Sighting
from tests.sim.world import World

NOW_S = BUILT_S + 100 * DAY_S
LAN = Interface("eth0", 2, (ipaddress.ip_interface("192.168.1.5/24"),))


@pytest.fixture
def node() -> Iterator[Node]:
    opened = Node(Settings(Path("nowhere")), clock=lambda: NOW_S, memory=True)
    yield opened
    opened.close()


def free_port() -> int:
    with socket.socket() as trial:
        trial.bind(("127.0.0.1", 0))
        return int(trial.getsockname()[1])


async def test_a_question_to_the_network_is_heard_here() -> None:
    usual = [each for each in up_interfaces() if not each.addresses[:1][0].ip.is_loopback]
    if not usual:
        pytest.skip("no network is connected here")
    found = await network.multicast(usual)
    said = found.texts()
    assert found.ok and usual[0].name in said["said"]
    assert not said["proven"] and "Whether the router lets them through" in said["said"]
    with_others = (await network.multicast(usual, ["Mill", "Oak"])).texts()
    assert with_others["proven"] and with_others["said"].endswith("and other nodes: Mill, Oak.")


def test_only_a_node_on_another_machine_shows_what_the_router_does() -> None:
    (oak,) = World("elsewhere").places("oak")
    here = Sighting(b"h" * 32, "Here", "here.local", ("192.168.1.5",), 8421, "eth0")
    there = Sighting(b"t" * 32, "There", "there.local", ("192.168.1.9",), 8420, "eth0")
    unknown = Sighting(b"u" * 32, "Unknown", "unknown.local", (), 8420, "")
    oak.node.nearby = {each.home: each for each in (here, unknown)}
    assert network.elsewhere(oak.node, [LAN]) == []
    oak.node.nearby[there.home] = there
    assert network.elsewhere(oak.node, [LAN]) == ["There"]


async def test_an_interface_that_cannot_send_is_named_with_the_reason() -> None:
    found = await network.multicast([Interface("ghost0", 99, (ipaddress.ip_interface("192.0.2.254/32"),))])
    assert found.fact == "not_heard" and "192.0.2.254 (ghost0)" in found.texts()["said"]
    assert (await network.multicast([])).fact == "no_network"


async def test_who_keeps_the_port_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    port = free_port()
    monkeypatch.setattr(network, "MDNS_PORT", port)
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as selfish:
        selfish.bind(("0.0.0.0", port))
        found = await network.multicast([each for each in up_interfaces() if each.name != "lo"] or [LAN])
    assert found.fact == "mdns_taken" and "another program" in found.texts()["said"]


HOLD = """
import socket, sys
held = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
held.bind(("0.0.0.0", 0))
print(held.getsockname()[1], flush=True)
sys.stdin.read()
"""


def test_a_stopped_doctor_blames_the_program_and_not_the_network(monkeypatch: pytest.MonkeyPatch) -> None:
    if not doctor._network_addresses():
        pytest.skip("no network is connected here")
    with subprocess.Popen(
        [sys.executable, "-c", HOLD], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as selfish:
        assert selfish.stdout is not None and selfish.stdin is not None
        monkeypatch.setattr(network, "MDNS_PORT", int(selfish.stdout.readline()))
        found = doctor.check_multicast(None)
        selfish.stdin.close()
    assert not found.ok and "this network" not in found.said
    assert re.search(rf"is kept by .+ \({selfish.pid}\) alone", found.said), found.said


def test_the_program_behind_a_port(monkeypatch: pytest.MonkeyPatch) -> None:
    with socket.socket() as listening:
        listening.bind(("127.0.0.1", 0))
        listening.listen()
        port = listening.getsockname()[1]
        assert ports.holder(port) == "", "not ourselves"
        assert ports._inodes(port, "tcp")
        us = os.getuid()
        monkeypatch.setattr(os, "getuid", lambda: us + 1)
        name = pwd.getpwuid(us).pw_name
        assert ports.holder(port) == f"a program of the user {name}", "what is told of others' programs"
    assert ports.holder(port) == "" and not ports._inodes(port, "tcp")


async def test_a_page_that_nobody_answers(node: Node) -> None:
    object.__setattr__(node.settings, "port", free_port())
    object.__setattr__(node.settings, "listen", "127.0.0.1")
    found = await network.own_page(node, [LAN])
    assert found.fact == "page_fails"
    assert (
        "Connection refused" in found.texts()["said"] and str(node.settings.port) in found.texts()["advice"]
    )


async def test_given_names_that_lead_elsewhere_or_nowhere(node: Node) -> None:
    object.__setattr__(node.settings, "hosts", ("127.0.0.1", "localhost:8420", "no such name.invalid"))
    found = await network.hosts(node, [LAN])
    assert [each.fact for each in found] == ["names", "name_elsewhere", "name_elsewhere", "name_nowhere"]
    here = Interface("lo", 1, (ipaddress.ip_interface("127.0.0.1/8"), ipaddress.ip_interface("::1/128")))
    assert [each.fact for each in await network.hosts(node, [here])] == ["names", "name_nowhere"]


def links_that_heard(*differences: int) -> Any:
    days = Days(dict(enumerate(differences)))  # type: ignore[arg-type]
    return SimpleNamespace(port=SimpleNamespace(days=days))


@pytest.mark.parametrize(
    ("clock_s", "heard", "fact"),
    [
        (NOW_S, (), "clock_alone"),
        (NOW_S, (0, 0, 1), "clock"),
        (NOW_S, (30, 31, 30), "clock_off"),
        (NOW_S, (-3650,), "clock_off"),
        (NOW_S, (-3650, 0), "clock"),  # of two the one nearer to us, as where the day is worked out
        (86_400, (), "clock_unset"),
    ],
)
def test_the_clock(clock_s: int, heard: tuple[int, ...], fact: str) -> None:
    node = Node(Settings(Path("nowhere")), clock=lambda: clock_s, memory=True)
    found = network.clock(node, links_that_heard(*heard))
    assert (found.fact, found.ok) == (fact, fact in ("clock", "clock_alone"))
    node.close()


def test_a_clock_that_is_behind_what_is_held_here() -> None:
    world = World("behind")
    (oak,) = world.places("oak")
    oak.post("Soup", where="here")
    oak.clock_offset_s = -20 * DAY_S
    found = network.clock(oak.node, None)
    assert found.fact == "clock_behind" and found.advice == "clock_off"


def test_a_right_clock_is_not_blamed_for_what_was_made_ahead_here() -> None:
    """After an excursion into the next year the newest record is of that year; the neighbors know better."""
    world = World("excursion")
    oak, mill, hill = world.places("oak", "mill", "hill")
    world.coalition(oak, mill, hill)
    oak.stop()
    oak.clock_offset_s = 400 * DAY_S
    oak.start()
    oak.post("Soup", where="here")
    oak.stop()
    oak.clock_offset_s = 0
    oak.start()
    world.until(lambda: len(oak.links.port.days.differences) == 2, 60, "it hears both")
    assert oak.node.records.newest_created() > oak.node.now() + 300 * DAY_S
    found = network.clock(oak.node, oak.links)
    assert found.fact == "clock" and found.ok


def test_a_clock_with_nobody_to_ask_is_held_against_the_last_day_that_others_agreed_on() -> None:
    day = NOW_S // DAY_S
    assert network.clock_alone(NOW_S, 0) is None and network.clock_alone(NOW_S, day - 60) is None
    assert network.clock_alone(NOW_S, day + 1) is None
    later = network._day(NOW_S + 2 * DAY_S)
    assert network.clock_alone(NOW_S, day + 2) == ("clock_before", "clock_off", later)
    ahead_s = NOW_S + 3_650 * DAY_S
    assert network.clock_alone(ahead_s, day) == ("clock_ahead", "clock_ahead", network._day(NOW_S))


def test_a_name_that_another_machine_has() -> None:
    (oak,) = World("name").places("oak")
    object.__setattr__(oak.node.settings, "discovery", "all")
    oak.node.discovery_note = ""
    name = f"barnraise-{oak.home.hex()[:4]}"
    assert [each.fact for each in network.announcing(oak.node, None)] == ["finding"]
    oak.node.mdns_host = f"{name}-2.local"
    _, renamed = network.announcing(oak.node, None)
    assert renamed.texts()["said"] == (
        f"Another machine on this network is called {name}.local, so this node is {name}-2.local."
    )
    oak.node.discovery_note = "No network."
    assert [each.fact for each in network.announcing(oak.node, None)] == ["note"]


def test_each_neighborhood_with_what_came_of_calling_it() -> None:
    world = World("links")
    riverbend, oak, mill = world.places("riverbend", "oak", "mill")
    world.coalition(riverbend, oak, mill)
    mill.stop()
    world.run(120)
    found = {
        each.values["neighborhood"]: each for each in network.every_link(riverbend.node, riverbend.links, [])
    }
    assert found["Oak"].fact == "linked" and found["Oak"].ok
    gone = found["Mill"].texts()
    assert not gone["ok"] and gone["name"] == "Link with Mill" and "last heard 2027-01-15" in gone["said"]
    assert gone["more"] == [
        f"{mill.address}: The other node cannot be reached. Check the address, and that the node is running."
    ]


def test_a_neighbor_on_our_own_network_who_is_not_heard() -> None:
    (oak,) = World("silent").places("oak")
    object.__setattr__(oak.node.settings, "discovery", "all")
    oak.node.connected = {b"m"}
    values = {"name": "Mill"}
    for address, expected in (("192.168.1.9:8420", 1), ("10.9.9.9:8420", 0), ("mill.example:8420", 0)):
        found = list(network._silent_neighbor(oak.node, b"m", [address], [LAN], values))
        assert len(found) == expected, address
    oak.node.nearby[b"m"] = object()
    assert not list(network._silent_neighbor(oak.node, b"m", ["192.168.1.9:8420"], [LAN], values))


def test_a_containers_own_network_is_told_from_the_machines(tmp_path: Path) -> None:
    for name, ifindex, iflink in (("container", 2, 41), ("machine", 2, 2)):
        folder = tmp_path / name
        folder.mkdir()
        (folder / "ifindex").write_text(f"{ifindex}\n")
        (folder / "iflink").write_text(f"{iflink}\n")
    assert network._is_half_of_a_cable(tmp_path / "container")
    assert not network._is_half_of_a_cable(tmp_path / "machine")
    assert not network._is_half_of_a_cable(tmp_path / "nothing")
