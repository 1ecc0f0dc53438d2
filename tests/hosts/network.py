"""Machines without hardware: network namespaces joined by veth pairs, a node's process in each.

Nothing here touches the machine's own network. Names are unique to the run, and `Network.close` takes
down processes and namespaces in any state, also of a network that was only half built.
"""

from __future__ import annotations

import contextlib
import ctypes
import os
import secrets
import shutil
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

REPOSITORY = Path(__file__).resolve().parents[2]
PORT = 8420
READY_TIMEOUT_S = 20.0
STOP_TIMEOUT_S = 5.0
_CLONE_NEWNET = 0x4000_0000


def missing() -> str:
    """Why there can be no namespaces here, or ""."""
    if os.geteuid() != 0:
        return "network namespaces need root"
    if shutil.which("ip") is None:
        return "there is no ip command here; apt install iproute2"
    name = f"barn-{secrets.token_hex(3)}"
    tried = subprocess.run(["ip", "netns", "add", name], capture_output=True, text=True, check=False)
    if tried.returncode:
        return f"network namespaces cannot be made here: {tried.stderr.strip()}"
    subprocess.run(["ip", "netns", "delete", name], check=True)
    return ""


def _ip(*words: str) -> None:
    subprocess.run(["ip", *words], check=True, capture_output=True, text=True, timeout=10)


def _enter(namespace: int) -> None:
    libc = ctypes.CDLL(None, use_errno=True)
    if libc.setns(namespace, _CLONE_NEWNET):
        raise OSError(ctypes.get_errno(), "setns")


@contextlib.contextmanager
def _within(name: str) -> Iterator[None]:
    """This thread stands in a namespace for as long as the block lasts; sockets made there stay there."""
    back = os.open("/proc/thread-self/ns/net", os.O_RDONLY)
    there = os.open(f"/run/netns/{name}", os.O_RDONLY)
    try:
        _enter(there)
        try:
            yield
        finally:
            _enter(back)
    finally:
        os.close(there)
        os.close(back)


@dataclass
class Machine:
    """One namespace, and the node that runs in it."""

    namespace: str
    data: Path
    process: subprocess.Popen[str] | None = None

    def socket(self, info: tuple[Any, ...]) -> socket.socket:
        """A socket in this machine's network: aiohttp's `socket_factory`."""
        family, kind, proto, *_ = info
        with _within(self.namespace):
            return socket.socket(family, kind, proto)

    def can_send_to(self, address: str) -> bool:
        """Whether this machine has a way to an IP address; nothing is sent."""
        with self.socket((socket.AF_INET, socket.SOCK_DGRAM, 0)) as asking:
            try:
                asking.connect((address, PORT))
            except OSError:
                return False
            return True

    def run(self) -> None:
        """Start the node as a person does, and wait until it says that it is ready."""
        command = [sys.executable, "-m", "node.cli.main", "run"]
        log = open(f"{self.data}.log", "ab")  # noqa: SIM115  # the process holds it
        self.process = subprocess.Popen(
            ["ip", "netns", "exec", self.namespace, *command, "--data", str(self.data), "--port", str(PORT)],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=log,
            text=True,
            cwd=REPOSITORY,
            env={name: value for name, value in os.environ.items() if not name.startswith("BARNRAISE_")},
        )
        log.close()
        assert self.process.stdout is not None
        for line in self.process.stdout:  # it ends when the process does; pytest's timeout bounds the rest
            if line.startswith("ready "):
                return
        raise AssertionError(f"the node did not start: {Path(f'{self.data}.log').read_text()[-2000:]}")

    def stop(self) -> int:
        """SIGTERM; gives the exit code."""
        assert self.process is not None
        self.process.send_signal(signal.SIGTERM)
        return self.process.wait(STOP_TIMEOUT_S)


@dataclass
class Network:
    """Machines in a row."""

    folder: Path
    machines: list[Machine] = field(default_factory=list)

    def add(self, *addresses: str) -> Machine:
        """One more machine, with a cable to the last one.

        `addresses`: of the last machine's end and of ours, with the length of the prefix; none for the first.
        """
        name = f"barn-{secrets.token_hex(3)}"
        machine = Machine(name, self.folder / f"node-{len(self.machines)}")
        _ip("netns", "add", name)
        self.machines.append(machine)
        _ip("-n", name, "link", "set", "lo", "up")
        for setting in ("ipv4/ip_forward", "ipv6/conf/all/forwarding"):
            subprocess.run(
                ["ip", "netns", "exec", name, "sh", "-c", f"echo 0 > /proc/sys/net/{setting}"], check=True
            )
        if addresses:
            self._join(self.machines[-2].namespace, name, addresses)
        return machine

    def _join(self, one: str, other: str, addresses: tuple[str, ...]) -> None:
        ends = [f"v{secrets.token_hex(4)}", f"v{secrets.token_hex(4)}"]
        _ip("link", "add", ends[0], "netns", one, "type", "veth", "peer", "name", ends[1], "netns", other)
        for namespace, end, address in zip((one, other), ends, addresses, strict=True):
            _ip("-n", namespace, "address", "add", address, "dev", end)
            _ip("-n", namespace, "link", "set", end, "up")

    def close(self) -> None:
        """Take everything down, whatever state it is in."""
        for machine in self.machines:
            if machine.process is not None:
                if machine.process.poll() is None:
                    machine.process.kill()
                    machine.process.wait()
                if machine.process.stdout is not None:
                    machine.process.stdout.close()
        for machine in self.machines:
            subprocess.run(["ip", "netns", "delete", machine.namespace], check=False, capture_output=True)
        self.machines.clear()
