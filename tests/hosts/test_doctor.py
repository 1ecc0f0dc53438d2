"""`barnraise doctor` on machines with something wrong, each made wrong for real."""

from __future__ import annotations

import asyncio
import json
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from tests.hosts.lan import Lan, avahi, within
from tests.hosts.network import REPOSITORY, Machine, Network, _ip
from tests.hosts.test_moving import connected, not_, two_linked
from tests.hosts.test_three_hosts import until

pytestmark = [pytest.mark.root, pytest.mark.timeout(180)]


def doctor(machine: Machine, *words: str) -> dict[str, Any]:
    """What somebody at that machine is told."""
    program = [sys.executable, "-m", "node.cli.main", "doctor", "--data", str(machine.data), "--json"]
    done = subprocess.run(
        ["ip", "netns", "exec", machine.namespace, *program, *words],
        capture_output=True,
        text=True,
        cwd=REPOSITORY,
        timeout=60,
    )
    assert not done.stderr, done.stderr
    told: dict[str, Any] = json.loads(done.stdout)
    return told


def found(machine: Machine) -> dict[str, dict[str, Any]]:
    return {one["name"]: one for one in doctor(machine)["checks"]}


def steps(machine: Machine, address: str) -> dict[str, tuple[bool, str]]:
    return {one["name"]: (one["ok"], one["said"]) for one in doctor(machine, "--peer", address)["steps"]}


async def test_two_nodes_that_are_well_and_then_one_that_is_gone(network: Network) -> None:
    async with two_linked(network, "10.1.0.1/24", "10.1.0.2/24") as (ana, ben):
        well = await asyncio.to_thread(found, ana.machine)
        wrong = {name: one for name, one in well.items() if not one["ok"] and name != "Backup"}
        assert not wrong, wrong
        assert "10.1.0.1 (lan0)" in well["Multicast"]["said"] and "1 heard" in well["Clock"]["said"]
        assert well["Link with Riverbend"]["said"] == "Connected now"
        assert well["Own page"]["said"] == "The page answers at 10.1.0.1:8420"

        call = await asyncio.to_thread(steps, ana.machine, "10.1.0.2")
        assert list(call) == ["name", "connection", "answer", "greeting", "day", "whose", "coalitions"]
        assert all(ok for ok, _ in call.values()), call
        assert call["greeting"][1].startswith("Riverbend, six words: ")
        assert call["whose"][1] == "linked with this neighborhood"
        assert await connected(ana) and await connected(ben), "the call disturbed no link"
        itself = await asyncio.to_thread(steps, ana.machine, "10.1.0.1")
        assert itself["whose"] == (False, "That is this very node.")

        ben.machine.stop()
        await until("Ana has no link", not_(lambda: connected(ana)), 10)
        gone = (await asyncio.to_thread(found, ana.machine))["Link with Riverbend"]
        assert not gone["ok"] and "last heard" in gone["said"] and "10.1.0.2:8420" in gone["said"]
        call = await asyncio.to_thread(steps, ana.machine, "10.1.0.2")
        assert call["connection"][0] is False and "nothing listens on port 8420" in call["connection"][1]
        _ip("-n", ben.machine.namespace, "link", "set", "lan0", "down")
        call = await asyncio.to_thread(steps, ana.machine, "10.1.0.2")
        assert call["connection"][0] is False and call["connection"][1].startswith("Nobody answers.")
        await asyncio.to_thread(ben.machine.run)


@pytest.mark.skipif(shutil.which("nft") is None, reason="apt install nftables")
def test_a_firewall_that_drops_what_nodes_say_to_all(network: Network) -> None:
    lan = Lan(network)
    alone = network.add()
    lan.plug(alone, "lan0", "10.1.0.1/24")
    assert found(alone)["Finding others"]["ok"]
    within(alone, "nft", "add table inet t; add chain inet t in { type filter hook input priority 0; }")
    within(alone, "nft", "add rule inet t in udp dport 5353 drop")
    told = found(alone)["Finding others"]
    assert not told["ok"] and "was not heard at 10.1.0.1 (lan0)" in told["said"], told
    assert "allow 5353/udp" in told["advice"]
    _ip("-n", alone.namespace, "link", "set", "lan0", "down")
    assert found(alone)["Finding others"]["said"] == "no network is connected"


@pytest.mark.skipif(shutil.which("avahi-daemon") is None, reason="apt install avahi-daemon")
def test_who_keeps_the_port_for_itself(network: Network, tmp_path: Path) -> None:
    lan = Lan(network)
    alone = network.add()
    lan.plug(alone, "lan0", "10.1.0.1/24")
    with avahi(alone, tmp_path, "pi", disallow_other_stacks="yes"):
        told = found(alone)["Finding others"]
    assert not told["ok"], told
    with avahi(alone, tmp_path, "pi"):
        assert found(alone)["Finding others"]["ok"], "one that shares it is no trouble"
