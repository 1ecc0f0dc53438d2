"""A terminal window: a command in a shell of its own, at a real terminal, as a person would have it."""

from __future__ import annotations

import contextlib
import os
import pty
import re
import signal
import subprocess
import termios
import threading
from collections.abc import Callable
from pathlib import Path

KEPT_BYTES_MAX = 1_000_000
KILLED_WITHIN_S = 10.0
ROWS, COLUMNS = 40, 120
ERASED = "\x1b[2K"
LINE_ABOVE_ERASED = re.compile(r"[^\n]*\n(?:\x1b\[[0-9;?]*[hlm])*\x1b\[1A\x1b\[2K")
CONTROLS = re.compile(r"\x1b\[[0-9;?]*[A-Za-z]")


class Window:
    """One command. What it writes is read all the time, so that it never waits for somebody to look."""

    def __init__(self, command: str, folder: Path, environment: dict[str, str]) -> None:
        self._ours, self._theirs = pty.openpty()
        termios.tcsetwinsize(self._theirs, (ROWS, COLUMNS))
        name = os.ttyname(self._theirs)
        # A new session's leader that opens a terminal has it as its own: passphrases are asked for there.
        self._process = subprocess.Popen(
            ["sh", "-c", f"exec <{name} >{name} 2>&1\n{command}"],
            cwd=folder,
            env=environment,
            start_new_session=True,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        self._news = threading.Condition()
        self._said = b""
        self._status: int | None = None  # known once all that was written has been read, too
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()
        threading.Thread(target=self._close_when_done, daemon=True).start()

    def _close_when_done(self) -> None:
        self._process.wait()
        os.close(self._theirs)

    def _read(self) -> None:
        with contextlib.suppress(OSError):  # EIO: nobody holds the other end any more
            while len(self._said) < KEPT_BYTES_MAX and (some := os.read(self._ours, 65_536)):
                with self._news:
                    self._said += some
                    self._news.notify_all()
        with self._news:
            self._status = self._process.wait()
            self._news.notify_all()
        os.close(self._ours)

    @property
    def said(self) -> str:
        """All that stands in the window so far, without its colors."""
        text = self._said.decode(errors="replace").replace("\r", "")
        text = LINE_ABOVE_ERASED.sub("", text)  # a progress bar does not stay
        left = (line.rpartition(ERASED)[2] for line in text.split("\n"))
        return CONTROLS.sub("", "\n".join(left))

    @property
    def has_ended(self) -> bool:
        return self._status is not None

    def wait_for(self, shows: Callable[[str], bool], within_s: float) -> None:
        """Wait until the window shows something, or its command has ended. Raises AssertionError."""
        with self._news:
            done = self._news.wait_for(lambda: self.has_ended or shows(self.said), within_s)
        assert done, f"after {within_s:.0f} seconds there is still only: {self.said}"

    def type(self, text: str) -> None:
        os.write(self._ours, text.encode())

    def end(self, within_s: float) -> int:
        """Wait until the command is through; gives its exit status. Raises AssertionError."""
        self.wait_for(lambda said: False, within_s)
        assert self._status is not None
        return self._status

    def kill(self) -> None:
        """As a power cut does it: everything in this window, at once. Safe to call twice."""
        if not self.has_ended:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(self._process.pid, signal.SIGKILL)
            self.end(KILLED_WITHIN_S)
