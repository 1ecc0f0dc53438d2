"""Looking around on networks as they are: two at once, without IPv4, with avahi, with changing addresses."""

from __future__ import annotations

import ipaddress
import shutil
import struct
import sys
import time
from pathlib import Path

import pytest

from tests.hosts.lan import Lan, Looker, avahi, home, looking, within
from tests.hosts.network import Machine, Network, _ip

pytestmark = [pytest.mark.root, pytest.mark.timeout(120)]


def test_a_machine_on_two_lans_is_found_on_both_by_the_address_of_each(network: Network) -> None:
    """And what is of no use to others is not announced: the inner networks of containers."""
    cable, wifi = Lan(network), Lan(network)
    left, middle, right = network.add(), network.add(), network.add()
    cable.plug(left, "eth0", "10.1.0.2/24")
    cable.plug(middle, "eth0", "10.1.0.1/24")
    wifi.plug(middle, "wlan0", "192.168.9.1/24")
    wifi.plug(right, "wlan0", "192.168.9.2/24")
    for machine in (left, middle):
        _ip("-n", machine.namespace, "link", "add", "docker0", "type", "bridge")
        _ip("-n", machine.namespace, "address", "add", "172.17.0.1/16", "dev", "docker0")
        _ip("-n", machine.namespace, "link", "set", "docker0", "up")
    lookers = [Looker(m, n, home(n)) for m, n in ((left, "Left"), (middle, "Middle"), (right, "Right"))]
    with looking(*lookers):
        at_left, at_middle, at_right = lookers
        here, there = at_left.sees(at_middle), at_right.sees(at_middle)
        assert here["addresses"] == ["10.1.0.1", "192.168.9.1"] and here["interface"] == "eth0"
        assert there["addresses"] == ["192.168.9.1", "10.1.0.1"] and there["interface"] == "wlan0"
        found = at_middle.sees_all(at_left, at_right)
        assert {name: (line["addresses"][0], line["interface"]) for name, line in found.items()} == {
            "Left": ("10.1.0.2", "eth0"),
            "Right": ("192.168.9.2", "wlan0"),
        }
        heard = [line.get("home") for line in list(at_left.lines.queue)]
        assert at_right.home.hex() not in heard, "the two LANs do not hear each other"


@pytest.mark.parametrize("kind", ["link-local", "unique local"])
def test_a_network_without_ipv4(network: Network, kind: str) -> None:
    lan = Lan(network)
    one, other = network.add(), network.add()
    for machine, address in ((one, "fd12:3456:789a::1/64"), (other, "fd12:3456:789a::2/64")):
        lan.plug(machine, "eth0", "::" if kind == "link-local" else address)
    lookers = Looker(one, "One", home("One")), Looker(other, "Other", home("Other"))
    with looking(*lookers):
        (address,) = lookers[0].sees(lookers[1])["addresses"]
        if kind == "link-local":
            assert address.startswith("fe80::") and "%" in address, "with the interface that leads there"
        else:
            assert address == "fd12:3456:789a::2"
        lookers[1].sees(lookers[0])


def test_an_address_that_changes_is_announced_at_once(network: Network) -> None:
    """A lease ends; then the cable is out for a while. The kernel says so: nobody waits for half a minute."""
    lan = Lan(network)
    one, other = network.add(), network.add()
    lan.plug(one, "eth0", "10.1.0.1/24")
    lan.plug(other, "eth0", "10.1.0.2/24")
    lookers = Looker(one, "One", home("One")), Looker(other, "Other", home("Other"))
    with looking(*lookers):
        assert lookers[0].sees(lookers[1])["addresses"] == ["10.1.0.2"]
        began = time.monotonic()
        _ip("-n", other.namespace, "address", "delete", "10.1.0.2/24", "dev", "eth0")
        _ip("-n", other.namespace, "address", "add", "10.1.0.77/24", "dev", "eth0")
        lookers[0].sees(lookers[1], lambda line: line["addresses"] == ["10.1.0.77"])
        print(f"a new address was heard of after {time.monotonic() - began:.1f} s")
        _ip("-n", other.namespace, "link", "set", "eth0", "down")
        lookers[1].until(lambda line: line.get("note", "").startswith("No network"), "it says why")
        began = time.monotonic()
        _ip("-n", other.namespace, "link", "set", "eth0", "up")
        lookers[1].until(lambda line: line.get("note") == "", "it works again")
        lookers[1].sees(lookers[0])
        print(f"found again {time.monotonic() - began:.1f} s after the cable was back")


def test_two_nodes_on_one_machine(network: Network) -> None:
    lan = Lan(network)
    both, other = network.add(), network.add()
    lan.plug(both, "eth0", "10.1.0.1/24")
    lan.plug(other, "eth0", "10.1.0.2/24")
    lookers = [
        Looker(both, "First", home("First"), 8420),
        Looker(both, "Second", home("Second"), 8421),
        Looker(other, "Other", home("Other")),
    ]
    with looking(*lookers):
        first, second, third = lookers
        for looker, others in ((third, (first, second)), (first, (second, third)), (second, (first, third))):
            found = looker.sees_all(*others)
            places = {"First": ("10.1.0.1", 8420), "Second": ("10.1.0.1", 8421), "Other": ("10.1.0.2", 8420)}
            for name, line in found.items():
                assert (line["addresses"][0], line["port"]) == places[name]


# ---- names


def test_two_neighborhoods_whose_ids_begin_alike_take_two_names(network: Network) -> None:
    lan = Lan(network)
    one, other = network.add(), network.add()
    lan.plug(one, "eth0", "10.1.0.1/24")
    lan.plug(other, "eth0", "10.1.0.2/24")
    lower, higher = home("a", "abcd00"), home("b", "abcdff")
    lookers = Looker(one, "One", higher), Looker(other, "Other", lower)  # both at once: neither was first
    with looking(*lookers):
        there = lookers[1].sees(lookers[0], lambda line: line["host"] == "barnraise-abcd-2.local")
        assert there["addresses"] == ["10.1.0.1"], "and not the other's as well"
        lookers[0].until(lambda line: line.get("own") == "barnraise-abcd-2.local", "its own page knows")
        third = Looker(one, "Third", home("c", "abcd80"), 8421)  # a latecomer asks before it announces
        with looking(third):
            assert third.until(lambda line: line.get("own"), "a name")["own"] in (
                "barnraise-abcd-2.local",
                "barnraise-abcd-3.local",
            )


@pytest.mark.skipif(shutil.which("avahi-daemon") is None, reason="apt install avahi-daemon")
def test_avahi_beside_it_and_on_another_machine(network: Network, tmp_path: Path) -> None:
    """Both answer, each for its own names; and a machine that has our name already keeps it."""
    lan = Lan(network)
    one, other = network.add(), network.add()
    lan.plug(one, "eth0", "10.1.0.1/24")
    lan.plug(other, "eth0", "10.1.0.2/24")
    with avahi(one, tmp_path, "pi"), avahi(other, tmp_path, "barnraise-abcd"):
        lookers = Looker(one, "One", home("a", "abcd00")), Looker(other, "Other", home("b", "bbbb"))
        with looking(*lookers):
            named = lookers[0].until(lambda line: line.get("own") == "barnraise-abcd-2.local", "another name")
            assert named["note"] == ""
            assert lookers[1].sees(lookers[0])["host"] == "barnraise-abcd-2.local"
            lookers[0].sees(lookers[1])
            assert ask(other, "pi.local", "10.1.0.2") == "10.1.0.1"
            assert ask(other, "barnraise-abcd-2.local", "10.1.0.2") == "10.1.0.1"
            assert ask(one, "barnraise-abcd.local", "10.1.0.1") == "10.1.0.2"
            assert ask(one, "barnraise-bbbb.local", "10.1.0.1") == "10.1.0.2"


@pytest.mark.skipif(shutil.which("avahi-daemon") is None, reason="apt install avahi-daemon")
def test_an_avahi_that_wants_the_port_for_itself(network: Network, tmp_path: Path) -> None:
    lan = Lan(network)
    one = network.add()
    lan.plug(one, "eth0", "10.1.0.1/24")
    with avahi(one, tmp_path, "pi", disallow_other_stacks="yes"):
        alone = Looker(one, "One", home("One"))
        with looking(alone):
            note = alone.until(lambda line: line.get("note"), "it says why")["note"]
            assert note.startswith("Another program keeps mDNS (port 5353) to itself")


QUESTION = """
import socket, struct, sys
name, address = sys.argv[1:]
labels = b"".join(bytes([len(p)]) + p.encode() for p in name.split(".")) + b"\\0"
asking = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
asking.bind((address, 0))
asking.setsockopt(socket.IPPROTO_IP, socket.IP_MULTICAST_IF, socket.inet_aton(address))
for _ in range(5):
    asking.settimeout(1)
    question = struct.pack(">6H", 7, 0, 1, 0, 0, 0) + labels + struct.pack(">2H", 1, 1)
    asking.sendto(question, ("224.0.0.251", 5353))
    try:
        data = asking.recv(9000)
    except TimeoutError:
        continue
    print(data.hex())
    break
"""


def ask(machine: Machine, name: str, own: str) -> str:
    """The IPv4 address of a name, as any program on that machine would ask for it by mDNS."""
    answer = bytes.fromhex(within(machine, sys.executable, "-c", QUESTION, name, own).strip())
    assert answer, f"nobody answers for {name}"
    at = answer.rindex(struct.pack(">H", 4)) + 2  # the length of an IPv4 address, and the address
    return str(ipaddress.IPv4Address(answer[at : at + 4]))
