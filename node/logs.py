"""The log, without the words of members.

An exception often carries the value that upset it: a field of a form, a line of a request with its cookie,
the words of a search. So of an exception the log gets where it happened, its class and a code or number if it
has one, and never its text. asyncio tells what a forgotten task held; of that the first line is kept.
"""

from __future__ import annotations

import copy
import logging
import traceback
from types import TracebackType
from typing import TextIO

from protocol.errors import Fault

FORMAT = "%(asctime)s %(levelname)s %(name)s: %(message)s"
CHAIN_MAX = 5  # exceptions of one chain that are told


class DiscreetFormatter(logging.Formatter):
    """Formats as usual, but leaves out what exceptions say."""

    def format(self, record: logging.LogRecord) -> str:
        told = copy.copy(record)
        told.exc_text = None  # another handler may have written the whole text there
        if told.name == "asyncio":
            told.msg, told.args = record.getMessage().partition("\n")[0], None
        return super().format(told)

    def formatException(
        self,
        ei: tuple[type[BaseException], BaseException, TracebackType | None] | tuple[None, None, None],
    ) -> str:
        error: BaseException | None = ei[1]
        parts: list[str] = []
        while error is not None and len(parts) < CHAIN_MAX:
            where = "".join(traceback.format_tb(error.__traceback__))
            parts.insert(0, f"{where}{named(error)}")
            error = error.__cause__ or (None if error.__suppress_context__ else error.__context__)
        return "\nthen\n".join(parts)


def named(error: BaseException) -> str:
    """The class of an exception, with the code of a fault or the number of an operating system's error."""
    kind = f"{type(error).__module__}.{type(error).__qualname__}".removeprefix("builtins.")
    if isinstance(error, Fault):
        return f"{kind} ({error.code})"
    if isinstance(error, OSError) and error.errno is not None:
        return f"{kind} ({error.errno})"
    return kind


def log_to(stream: TextIO, level: int) -> None:
    """Send the whole program's log to `stream`."""
    handler = logging.StreamHandler(stream)
    handler.setFormatter(DiscreetFormatter(FORMAT))
    root = logging.getLogger()
    root.addHandler(handler)
    root.setLevel(level)
