"""Somebody at a real terminal: `barnraise` at a pseudo-terminal, read and typed at as a person does."""

from __future__ import annotations

import os
import pty
import re
import select
import sys
import time
from pathlib import Path
from types import TracebackType
from typing import Self

PATIENCE_S = 60.0
# What steers the terminal (colours, the bar of a progress), and is not read.
_STEERING = re.compile(r"\x1b\[[0-9;?]*[A-Za-z]|\r")


class Terminal:
    """`barnraise WORDS`. Leaving the block ends it."""

    def __init__(self, *words: str, data: Path, **environment: str) -> None:
        self.shown = ""  # everything so far, as a person reads it
        self._read = 0  # up to here `sees` has come
        self._raw = b""
        child, self._terminal = pty.fork()
        if child == 0:
            outside = {
                **os.environ,
                "BARNRAISE_DATA": str(data),
                "COLUMNS": "100",
                "TERM": "xterm",
                **environment,
            }
            os.execve(sys.executable, [sys.executable, "-m", "node.cli.main", *words], outside)
        self._child = child
        self.exit: int | None = None

    def sees(self, text: str) -> None:
        """Read on until `text` is there, behind what was seen before."""
        overdue = time.monotonic() + PATIENCE_S
        while (at := self.shown.find(text, self._read)) < 0:
            assert time.monotonic() < overdue, f"waited for {text!r}, saw: {self.shown}"
            assert self._hear(), f"it ended before {text!r}: {self.shown}"
        self._read = at + len(text)

    def types(self, line: str) -> None:
        """Type a line and press Enter."""
        os.write(self._terminal, line.encode() + b"\n")

    def ends(self) -> int:
        """Read to the end; gives the exit code."""
        overdue = time.monotonic() + PATIENCE_S
        while self._hear():
            assert time.monotonic() < overdue, f"it did not end: {self.shown}"
        if self.exit is None:
            self.exit = os.waitstatus_to_exitcode(os.waitpid(self._child, 0)[1])
        return self.exit

    def _hear(self) -> bool:
        if not select.select([self._terminal], [], [], 1.0)[0]:
            return True
        try:
            heard = os.read(self._terminal, 65_536)
        except OSError:  # Linux says so where the other end is closed
            return False
        self._raw += heard
        self.shown = _STEERING.sub("", self._raw.decode(errors="replace"))
        return bool(heard)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self.exit is None:
            os.kill(self._child, 9)
            os.waitpid(self._child, 0)
        os.close(self._terminal)
