"""How things look in the terminal: plain text, tables, and the square codes for phones."""

from __future__ import annotations

import datetime
import sys
import unicodedata
from collections.abc import Iterable, Sequence

import segno
from rich.box import SIMPLE_HEAD
from rich.console import Console
from rich.table import Table
from rich.text import Text

from protocol.scopes import DAY_S

WIDTH_WITHOUT_TERMINAL = 120
ID_CHARS = 8  # of an id in a table; commands that take an id are content with its beginning
_GAP = 2  # two codes for the longest links just fit beside each other in 80 columns
_JOINERS = "\u200c\u200d"  # some scripts need them
_BLOCKS = {(True, True): "█", (True, False): "▀", (False, True): "▄", (False, False): " "}

TYPES = {"need": "Need", "offer": "Offer"}
WHATS = {"help": "help", "give": "to give", "lend": "to lend", "space": "a space"}
WHATS_WANTED = {"help": "help", "give": "to keep", "lend": "to borrow", "space": "a space"}
STATES = {
    "open": "Open",
    "partly_arranged": "Partly arranged",
    "arranged": "Arranged",
    "fulfilled": "Done",
    "paused": "Paused",
    "withdrawn": "Withdrawn",
    "expired": "Ended",
    "unknown": "Not known here",
    "awaiting": "Not confirmed yet",
    "confirmed": "Confirmed",
    "disputed": "Marked as wrong",
    "corrected": "Corrected",
    "replaced": "Replaced",
}


def clean(text: str) -> str:
    """`text` without what steers a terminal: other people wrote it."""
    kept = []
    for character in text:
        category = unicodedata.category(character)
        if category in ("Zl", "Zp") or character in "\n\r\t":
            kept.append(" ")
        elif category[0] != "C" or character in _JOINERS:
            kept.append(character)
    return "".join(kept)


def console(*, stderr: bool = False) -> Console:
    """The terminal as it is now."""
    file = sys.stderr if stderr else sys.stdout
    width = None if file.isatty() else WIDTH_WITHOUT_TERMINAL
    return Console(file=file, highlight=False, markup=False, emoji=False, width=width)


def say(text: str = "") -> None:
    """Lines of ordinary text, whole: a link must not be broken in two."""
    console().print(Text(text), soft_wrap=True)


def table(headers: Sequence[str], rows: Iterable[Sequence[str]]) -> None:
    """A table; cells are shown as they are, never read as markup."""
    drawn = Table(*headers, box=SIMPLE_HEAD, pad_edge=False, show_edge=False)
    for row in rows:
        drawn.add_row(*(Text(clean(cell)) for cell in row))
    console().print(drawn)


def facts(rows: Iterable[tuple[str, str]]) -> None:
    """Names and what there is to say of them, in two columns."""
    drawn = Table.grid(padding=(0, 2))
    for name, value in rows:
        drawn.add_row(Text(f"  {name}", style="dim"), Text(clean(value)))
    console().print(drawn)


def codes(texts: Sequence[str], captions: Sequence[str]) -> None:
    """Square codes for phones, beside each other where they fit."""
    screen = console()
    drawn = [
        _code(text, caption, dark_ink=bool(screen.color_system))
        for text, caption in zip(texts, captions, strict=True)
    ]
    if sum(len(lines[0]) + _GAP for lines in drawn) - _GAP <= screen.width:
        side_by_side = Table.grid(padding=(0, _GAP, 0, 0))
        side_by_side.add_row(*(_inked(lines) for lines in drawn))
        screen.print(side_by_side)
    else:
        for lines in drawn:
            screen.print(_inked(lines), soft_wrap=True)


def _inked(lines: list[str]) -> Text:
    text = Text()
    for line in lines[:-1]:
        text.append(line, style="black on bright_white")
        text.append("\n")
    return text.append(lines[-1])


def _code(text: str, caption: str, *, dark_ink: bool) -> list[str]:
    """The lines of one code, two rows of squares in each, and its caption below.

    Without colors the light squares are drawn, since most terminals are dark.
    """
    rows = [
        [bool(square) == dark_ink for square in row]
        for row in segno.make_qr(text, error="l").matrix_iter(border=2)
    ]
    if len(rows) % 2:
        rows.append([not dark_ink] * len(rows[0]))
    lines = [
        "".join(_BLOCKS[upper, lower] for upper, lower in zip(rows[at], rows[at + 1], strict=True))
        for at in range(0, len(rows), 2)
    ]
    return [*lines, caption.center(len(rows[0])).rstrip()]


def duration(minutes: int) -> str:
    """90 as "1:30 h"."""
    sign = "-" if minutes < 0 else ""
    return f"{sign}{abs(minutes) // 60}:{abs(minutes) % 60:02d} h"


def day(number: int) -> str:
    """A day as 2026-11-23."""
    return moment(number * DAY_S).date().isoformat()


def moment(time_s: int) -> datetime.datetime:
    """Unix seconds as a UTC time."""
    return datetime.datetime.fromtimestamp(time_s, datetime.UTC)


def size(count_bytes: int) -> str:
    """12,345,678 as "12.3 MB"."""
    amount = float(count_bytes)
    for unit in ("bytes", "kB", "MB", "GB"):
        if amount < 1000:
            return f"{amount:.0f} {unit}" if unit == "bytes" else f"{amount:.1f} {unit}"
        amount /= 1000
    return f"{amount:.1f} TB"


def counted(number: int, one: str, many: str = "") -> str:
    """ "1 post", "2 posts"."""
    return f"{number:,} {one if number == 1 else many or one + 's'}"
