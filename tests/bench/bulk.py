"""Two whole nodes on this machine, one of which holds 100,000 records that the other lacks.

Prepared once for all figures about it: neighborhoods of a coalition that never run say 2,000 things each, one
node holds them, another is set up and empty. Each node is a process of its own, on loopback.
"""

from __future__ import annotations

import asyncio
import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass
from functools import cache
from itertools import islice
from pathlib import Path
from typing import Any

from node.actions import setup
from node.app import Node
from node.settings import Settings
from node.store import neighbors
from protocol.kinds.keys import KeyChain
from protocol.record import parse
from tests.bench.crowd import THINGS_EACH, Crowd

PASSPHRASE = "seven tall sunflowers"
COORDINATOR = "Ines"
BATCH = 500
START_WITHIN_S = 120.0
REPOSITORY = Path(__file__).resolve().parents[2]


@dataclass(frozen=True, slots=True)
class Real:
    """A node's neighborhood, as a coalition lists it."""

    id: bytes
    name: str
    _chain: KeyChain

    def chain(self) -> KeyChain:
        return self._chain


class Region:
    """Folders of the full and the empty node, in a temporary folder that goes with `close`."""

    def __init__(self, count: int) -> None:
        self.count = count
        self.folder = Path(tempfile.mkdtemp(prefix="barnraise-bench-"))
        try:
            self._make()
        except BaseException:
            self.close()
            raise

    def close(self) -> None:
        shutil.rmtree(self.folder, ignore_errors=True)

    def _make(self) -> None:
        self.full_port, self.empty_port = _free_port(), _free_port()
        nodes = [
            _set_up(self.folder / name, port)
            for name, port in (("full", self.full_port), ("empty", self.empty_port))
        ]
        full, empty = nodes
        real = [Real(node.home, "", node.records.known.chains[node.home]) for node in nodes]
        self.crowd = crowd = Crowd(max(1, -(-self.count // THINGS_EACH)), now_s=int(time.time()), more=real)
        keys = [record for node in nodes for record in node.records.of_home(node.home, "inception")]
        keys += [record for home in crowd.homes for record in home.key_records]
        for node in nodes:
            with node.records.transaction():
                neighbors.set_coalition(
                    node.connection, crowd.coalition.id, "joined", name="The long valley", agreement=""
                )
                neighbors.set_neighbor(
                    node.connection, crowd.homes[0].id, ""
                )  # the founder's keys are wanted
                node.records.known_changed()
            other = full if node is empty else empty
            port = self.full_port if node is empty else self.empty_port
            with node.records.transaction():
                neighbors.set_neighbor(
                    node.connection, other.home, "linked", name="", address=f"127.0.0.1:{port}"
                )
                node.records.known_changed()
                for record in (*keys, *crowd.coalition.records):
                    node.records.add(record.message)
            assert node.home in node.records.known.rosters[crowd.coalition.id].members
        messages = crowd.posts(self.count)
        full.connection.execute("PRAGMA synchronous=OFF")
        for _ in range(0, self.count, BATCH):
            records = [parse(message) for message in islice(messages, BATCH)]
            # who has just signed them need not check the signatures
            signed = {
                (record.id, signature, key)
                for record in records
                for signature, key in zip(
                    record.signatures, (record.author, crowd.keys[record.home]), strict=True
                )
            }
            assert set(full.records.take(records, signed)) == {"new"}
        for node in nodes:
            node.close()

    def copy_of_empty(self) -> Path:
        """The empty node, to be filled."""
        made = Path(tempfile.mkdtemp(dir=self.folder))
        shutil.copytree(self.folder / "empty", made, dirs_exist_ok=True)
        return made


@cache
def region(count: int) -> Region:
    """The region of so many records, made once."""
    import atexit

    made = Region(count)
    atexit.register(made.close)
    return made


def _set_up(folder: Path, port: int) -> Node:
    node = Node(Settings(folder, port=port, listen="127.0.0.1", discovery="off", allow_loopback=True))
    token = setup.new_setup_link(node)
    asyncio.run(
        setup.set_up(
            node,
            token,
            neighborhood=f"Number {port}",
            area="",
            name=COORDINATOR,
            passphrase=PASSPHRASE,
            language="en",
        )
    )
    return node


def _free_port() -> int:
    with socket.socket() as found:
        found.bind(("127.0.0.1", 0))
        return int(found.getsockname()[1])


class Running:
    """A node of `loading`, running. Leaving the block ends it."""

    def __init__(self, data: Path, port: int, count: int = 0, core: int | None = None) -> None:
        begun = time.monotonic()
        self._log = (data / "log").open("ab")
        self._process = subprocess.Popen(
            [sys.executable, "-m", "tests.bench.loading", str(data), str(port), str(count)],
            stdout=subprocess.PIPE,
            stderr=self._log,
            text=True,
            cwd=REPOSITORY,
        )
        if core is not None:
            os.sched_setaffinity(self._process.pid, {core})
        self.url = self._line().removeprefix("ready ").strip()
        self.start_s = time.monotonic() - begun

    def _line(self) -> str:
        assert self._process.stdout is not None
        line = self._process.stdout.readline()
        if not line:
            raise AssertionError(f"the node ended: {Path(self._log.name).read_text()}")
        return line

    def loaded(self) -> dict[str, Any]:
        """Waits until everything is there; gives how it went."""
        return dict(json.loads(self._line()))

    def __enter__(self) -> Running:
        return self

    def __exit__(self, *error: object) -> None:
        self._process.send_signal(signal.SIGTERM)
        try:
            self._process.wait(20)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        self._log.close()
