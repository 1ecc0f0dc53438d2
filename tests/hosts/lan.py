"""LANs of any number of machines: a bridge in a namespace of its own, and cables from it to the machines."""

from __future__ import annotations

import contextlib
import json
import os
import queue
import secrets
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from tests.hosts.network import REPOSITORY, Machine, Network, _ip

PATIENCE_S = 30.0


class Lan:
    """One switch. `plug` puts a machine into it."""

    def __init__(self, network: Network) -> None:
        self.switch = network.add()
        _ip("-n", self.switch.namespace, "link", "add", "br0", "type", "bridge", "mcast_snooping", "0")
        _ip("-n", self.switch.namespace, "link", "set", "br0", "up")

    def plug(self, machine: Machine, name: str, *addresses: str) -> None:
        """A cable from `name` on the machine to the switch. Without an IPv6 address there is none."""
        port = f"p{secrets.token_hex(4)}"
        there = self.switch.namespace
        _ip(
            "link",
            "add",
            port,
            "netns",
            there,
            "type",
            "veth",
            "peer",
            "name",
            name,
            "netns",
            machine.namespace,
        )
        within(machine, "sh", "-c", f"echo 0 > /proc/sys/net/ipv6/conf/{name}/accept_dad")
        if not any(":" in address for address in addresses):
            within(machine, "sh", "-c", f"echo 1 > /proc/sys/net/ipv6/conf/{name}/disable_ipv6")
        _ip("-n", there, "link", "set", port, "master", "br0", "up")
        for address in addresses:
            if address != "::":
                _ip("-n", machine.namespace, "address", "add", address, "dev", name)
        _ip("-n", machine.namespace, "link", "set", name, "up")


def within(machine: Machine, *command: str) -> str:
    """Run a command on a machine, and give what it printed."""
    done = subprocess.run(
        ["ip", "netns", "exec", machine.namespace, *command],
        check=True,
        capture_output=True,
        text=True,
        timeout=30,
    )
    return done.stdout


class Looker:
    """`tests/hosts/looker.py` on a machine."""

    def __init__(self, machine: Machine, name: str, home: bytes, port: int = 8420) -> None:
        self.home = home
        self.lines: queue.Queue[dict[str, Any]] = queue.Queue()
        program = [sys.executable, "-m", "tests.hosts.looker"]
        self.process = subprocess.Popen(
            ["ip", "netns", "exec", machine.namespace, *program, home.hex(), name, str(port)],
            stdout=subprocess.PIPE,
            text=True,
            cwd=REPOSITORY,
        )
        threading.Thread(target=self._read, daemon=True).start()

    def _read(self) -> None:
        assert self.process.stdout is not None
        for line in self.process.stdout:
            self.lines.put(json.loads(line))

    def until(self, fits: Callable[[dict[str, Any]], object], what: str) -> dict[str, Any]:
        """The first line that fits; those before it are read and gone."""
        end, read = time.monotonic() + PATIENCE_S, []
        while True:
            try:
                line = self.lines.get(timeout=max(0.01, end - time.monotonic()))
            except queue.Empty:
                raise AssertionError(f"{what}: not within {PATIENCE_S} s; read {read}") from None
            read.append(line)
            if fits(line):
                return line

    def sees(
        self, other: Looker, fits: Callable[[dict[str, Any]], object] = lambda line: True
    ) -> dict[str, Any]:
        return self.until(
            lambda line: line.get("home") == other.home.hex() and fits(line), f"{other.home!r} is seen"
        )

    def sees_all(self, *others: Looker) -> dict[str, dict[str, Any]]:
        """{name: line} of all these, in whatever order they are seen."""
        wanted, found = {other.home.hex() for other in others}, {}
        while {line["home"] for line in found.values()} != wanted:
            line = self.until(lambda line: line.get("home") in wanted, "all are seen")
            found[line["seen"]] = line
        return found

    def stop(self) -> None:
        self.process.kill()
        self.process.wait()


@contextlib.contextmanager
def looking(*lookers: Looker) -> Iterator[None]:
    try:
        yield
    finally:
        for looker in lookers:
            looker.stop()


def home(name: str, begins: str = "") -> bytes:
    """An id for a looker; `begins`: its first hex digits."""
    return (bytes.fromhex(begins) + name.encode() + os.urandom(8)).ljust(32, b".")[:32]


@contextlib.contextmanager
def avahi(machine: Machine, folder: Path, host_name: str, **server: str) -> Iterator[None]:
    """avahi-daemon on a machine, with nothing but the network: no D-Bus, and a run folder of its own."""
    settings = {"host-name": host_name, "enable-dbus": "no", "use-ipv6": "no"} | {
        name.replace("_", "-"): value for name, value in server.items()
    }
    config = folder / f"avahi-{host_name}.conf"
    config.write_text("[server]\n" + "".join(f"{name}={value}\n" for name, value in settings.items()))
    command = (
        "mkdir -p /run/avahi-daemon && mount -t tmpfs avahi /run/avahi-daemon && "
        f"exec avahi-daemon --no-drop-root --no-chroot --no-rlimits --no-proc-title -f {config}"
    )
    log = folder / f"avahi-{host_name}.log"
    with log.open("w") as out:
        process = subprocess.Popen(
            ["ip", "netns", "exec", machine.namespace, "sh", "-c", command], stdout=out, stderr=out
        )
    try:
        end = time.monotonic() + PATIENCE_S
        while "Server startup complete" not in log.read_text():
            assert process.poll() is None and time.monotonic() < end, log.read_text()
            time.sleep(0.05)
        yield
    finally:
        process.terminate()
        process.wait()
