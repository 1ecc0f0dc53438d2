"""The three processes of the demo, and what can be overheard of them."""

from __future__ import annotations

import asyncio
import contextlib
import json
import socket
import struct
import sys
from dataclasses import dataclass, field
from pathlib import Path

START_TIMEOUT_S = 20.0
MDNS_GROUP, MDNS_PORT = "224.0.0.251", 5353
OVERHEARD_MAX_BYTES = 64 * 1024 * 1024


class DemoError(Exception):
    """A step of the story did not come out as it must."""


@dataclass(slots=True)
class Host:
    """One neighborhood's process."""

    key: str
    folder: Path
    port: int
    url: str = ""
    setup: str = ""
    process: asyncio.subprocess.Process | None = None

    @property
    def capture(self) -> Path:
        return self.folder / "links.bin"

    @property
    def log(self) -> Path:
        return self.folder / "log.txt"

    async def start(self) -> None:
        """Start the process and wait until it answers. Raises DemoError."""
        self.folder.mkdir(parents=True, exist_ok=True)
        command = [sys.executable, "-m", "node.demo.host", "--data", str(self.folder / "data")]
        command += ["--port", str(self.port), "--capture", str(self.capture)]
        with self.log.open("ab") as log:
            self.process = await asyncio.create_subprocess_exec(
                *command, stdin=asyncio.subprocess.DEVNULL, stdout=asyncio.subprocess.PIPE, stderr=log
            )
        assert self.process.stdout is not None
        try:
            async with asyncio.timeout(START_TIMEOUT_S):
                line = await self.process.stdout.readline()
            said = json.loads(line)
        except (TimeoutError, ValueError):
            raise DemoError(f"{self.key} did not start; its log is {self.log}") from None
        self.url, self.setup = said["url"], said["setup"]

    async def kill(self) -> None:
        """SIGKILL: the power goes."""
        if self.process is not None and self.process.returncode is None:
            self.process.kill()
            await self.process.wait()

    async def stop(self) -> None:
        """SIGTERM, and SIGKILL for one that does not go."""
        if self.process is None or self.process.returncode is not None:
            return
        self.process.terminate()
        try:
            async with asyncio.timeout(5):
                await self.process.wait()
        except TimeoutError:
            await self.kill()


@dataclass(slots=True)
class Eavesdropper:
    """Hears the multicast DNS of this machine's loopback, as a neighbor's laptop would on a LAN."""

    heard: bytearray = field(default_factory=bytearray)
    _socket: socket.socket | None = None

    def start(self) -> None:
        """Join the group. Hearing nothing at all shows in the count of bytes."""
        listening = socket.socket(socket.AF_INET, socket.SOCK_DGRAM, socket.IPPROTO_UDP)
        listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
        listening.setblocking(False)
        listening.bind((MDNS_GROUP, MDNS_PORT))
        member = struct.pack("4s4s", socket.inet_aton(MDNS_GROUP), socket.inet_aton("127.0.0.1"))
        listening.setsockopt(socket.IPPROTO_IP, socket.IP_ADD_MEMBERSHIP, member)
        self._socket = listening
        asyncio.get_running_loop().add_reader(listening.fileno(), self._hear)

    def _hear(self) -> None:
        assert self._socket is not None
        with contextlib.suppress(BlockingIOError):
            while len(self.heard) < OVERHEARD_MAX_BYTES:
                self.heard += self._socket.recv(9000)

    def stop(self) -> None:
        """Leave the group."""
        if self._socket is not None:
            asyncio.get_running_loop().remove_reader(self._socket.fileno())
            self._socket.close()


def free_ports(count: int) -> list[int]:
    """Ports of loopback that nobody uses now."""
    sockets = [socket.socket() for _ in range(count)]
    try:
        for one in sockets:
            one.bind(("127.0.0.1", 0))
        return [int(one.getsockname()[1]) for one in sockets]
    finally:
        for one in sockets:
            one.close()
