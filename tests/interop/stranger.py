"""The peer in JavaScript as a process of its own: installed outside the tree, told what to do, heard."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
import threading
from collections.abc import Callable
from pathlib import Path
from types import TracebackType
from typing import Any

SOURCE = Path(__file__).resolve().parent / "javascript"
NODE_VERSION_MIN = 20
INSTALL_TIMEOUT_S = 240
PATIENCE_S = 90.0  # over the longest wait of the peer itself, which then says what it waited for

Told = dict[str, Any]


def why_not() -> str:
    """Why the peer cannot run here; empty if it can."""
    if not shutil.which("node") or not shutil.which("npm"):
        return "node and npm are not installed"
    said = subprocess.run(["node", "--version"], capture_output=True, text=True, check=False).stdout
    version = re.match(r"v(\d+)\.", said)
    if version is None or int(version[1]) < NODE_VERSION_MIN:
        return f"node is {said.strip() or 'of no version'}, and the peer wants {NODE_VERSION_MIN} or newer"
    return ""


def install(folder: Path) -> str:
    """Copy the peer into `folder` and fetch what its lock names; gives why that failed, or nothing."""
    shutil.copytree(SOURCE, folder, ignore=shutil.ignore_patterns("node_modules"))
    command = ["npm", "ci", "--no-audit", "--no-fund", "--ignore-scripts"]
    done = subprocess.run(
        command, cwd=folder, capture_output=True, text=True, timeout=INSTALL_TIMEOUT_S, check=False
    )
    return f"npm could not install the packages: {done.stderr.strip()[-300:]}" if done.returncode else ""


class Stranger:
    """`node main.mjs --invite CODE OPTIONS`. Leaving the block ends it."""

    def __init__(self, peer: Path, code: str, *options: str) -> None:
        self._process = subprocess.Popen(
            ["node", "main.mjs", "--invite", code, *options],
            cwd=peer, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
        )  # fmt: skip
        self.heard: list[Told] = []

    def hears(self, event: str, fits: Callable[[Told], bool] = lambda told: True) -> Told:
        """Read on until it says that `event` has happened, in a way that fits."""
        assert self._process.stdout is not None and self._process.stderr is not None
        overdue = threading.Timer(PATIENCE_S, self._process.kill)
        overdue.start()
        try:
            for line in self._process.stdout:
                told: Told = json.loads(line)
                self.heard.append(told)
                assert told["event"] != "failed", self.heard
                if told["event"] == event and fits(told):
                    return told
        finally:
            overdue.cancel()
        raise AssertionError(f"never {event}: {self.heard[-3:]}, {self._process.stderr.read()}")

    def goes_on(self) -> None:
        """It waits after each thing that it has done until it is told to."""
        assert self._process.stdin is not None
        self._process.stdin.write("\n")
        self._process.stdin.flush()

    def told(self, event: str) -> list[Told]:
        """All that it has said of this kind so far."""
        return [told for told in self.heard if told["event"] == event]

    def ends(self) -> int:
        """Its exit status, once it is done."""
        self.hears("done")
        return self._process.wait(PATIENCE_S)

    def __enter__(self) -> Stranger:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._process.kill()
        self._process.communicate()
