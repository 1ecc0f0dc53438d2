"""A node as a process of its own, started as a person starts it."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path
from types import TracebackType
from typing import Any

from node import control

REPOSITORY = Path(__file__).resolve().parents[2]
STOP_TIMEOUT_S = 5.0  # the promise: a node that is told to stop has stopped by then
START_TIMEOUT_S = 30.0


class Process:
    """`barnraise run` on loopback. Leaving the block kills what still runs."""

    def __init__(self, data: Path, port: int = 0, *options: str) -> None:
        self.data = data
        self.log = Path(f"{data}.log")
        where = ("--data", str(data), "--port", str(port), "--listen", "127.0.0.1", "--discovery", "off")
        with self.log.open("ab") as log:
            self._process = subprocess.Popen(
                [sys.executable, "-m", "node.cli.main", "run", *where, *options],
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=log,
                text=True,
                cwd=REPOSITORY,
                env={name: value for name, value in os.environ.items() if not name.startswith("BARNRAISE_")}
                | {"BARNRAISE_ALLOW_LOOPBACK": "1"},
            )
        self.url = self._wait_until_ready()

    def _wait_until_ready(self) -> str:
        assert self._process.stdout is not None
        overdue = threading.Timer(START_TIMEOUT_S, self._process.kill)
        overdue.start()
        try:
            for line in self._process.stdout:
                if line.startswith("ready "):
                    return line.split()[1]
        finally:
            overdue.cancel()
        raise AssertionError(f"the node did not start (exit code {self._process.wait()}): {self.said()}")

    @property
    def address(self) -> str:
        return self.url.removeprefix("http://")

    def said(self) -> str:
        """The log so far."""
        return self.log.read_text()

    def command(self, name: str, **parameters: Any) -> Any:
        """A command over its socket, as the command line gives it."""
        answer = control.ask(self.data, name, **parameters)
        assert answer.running, "somebody else opened the store"
        return answer.result

    def setup_path(self) -> str:
        return f"/setup/{self.command('setup_link')['token']}"

    def terminate(self) -> tuple[int, float]:
        """SIGTERM; gives the exit code and the seconds until it had ended."""
        began = time.monotonic()
        self._process.send_signal(signal.SIGTERM)
        return self._process.wait(3 * STOP_TIMEOUT_S), time.monotonic() - began

    def kill(self) -> None:
        """SIGKILL: no time for anything. Safe to call twice."""
        self._process.kill()
        self._process.wait()

    def __enter__(self) -> Process:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.kill()
        assert self._process.stdout is not None
        self._process.stdout.close()
