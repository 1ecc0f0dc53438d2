"""Reads the bytes of a CSV file as a table: headers, and rows with the line on which each begins.

Made for what online forms and spreadsheets export: UTF-8 with or without a mark, UTF-16, or the old Windows
encoding; commas, semicolons or tabs; quoted cells with line breaks in them. A row that cannot be read is kept
with its `fault`, so that one bad row holds up no other; only what spoils the whole file raises
`OurFault("bad_csv")`, with a sentence that names the line.
"""

from __future__ import annotations

import csv
import re
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import islice

from protocol.errors import OurFault

FILE_BYTES_MAX = 5 * 1024 * 1024
ROWS_MAX = 5_000
COLUMNS_MAX = 100
CELL_CHARS_MAX = 10_000
RECORD_LINES_MAX = 1_000  # a quoted cell that goes on for longer was never closed
SAMPLE_ROWS = 20
BAD_QUOTE = "a quotation mark is not closed, or stands in the wrong place"
LONG_CELL = f"a cell is longer than {CELL_CHARS_MAX:,} characters"
DELIMITERS = ",;\t"
BAD_CHARACTER = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\ufffd\ud800-\udfff]")


@dataclass(frozen=True)
class Row:
    """One row: the line on which it begins (the file's first is 1), its cells, and a fault."""

    line: int
    cells: tuple[str, ...]
    fault: str = ""


@dataclass(frozen=True)
class Table:
    """Headers, each named and unlike the others, and the rows; a sound row has exactly as many cells."""

    headers: tuple[str, ...]
    rows: tuple[Row, ...]


def read_table(data: bytes) -> Table:
    """The table in a file's bytes. Raises `OurFault("bad_csv")`; blank rows are left out."""
    if len(data) > FILE_BYTES_MAX:
        raise _bad("The file is larger than 5 MiB.")
    lines = _decode(data).replace("\r\n", "\n").replace("\r", "\n").split("\n")
    start = next((at for at, line in enumerate(lines) if line.strip(" \t,;")), len(lines))
    stated = lines[start] if start < len(lines) else ""
    if stated[:4].casefold() == "sep=" and stated[4:5] in DELIMITERS and len(stated) == 5:
        records = _records(lines, start + 1, stated[4])
    else:
        records = _records(lines, start, _delimiter(lines, start))
    first = next(records, None)
    if first is None:
        raise _bad("The file is empty.")
    headers = _headers(first)
    rows: list[Row] = []
    for record in records:
        if len(rows) == ROWS_MAX:
            raise _bad(f"Line {record.line}: the file has more than {ROWS_MAX:,} rows.")
        rows.append(_checked(record, len(headers)))
    return Table(headers, tuple(rows))


def _bad(sentence: str) -> OurFault:
    return OurFault("bad_csv", sentence)


def _decode(data: bytes) -> str:
    if data.startswith(b"PK\x03\x04"):
        raise _bad("This is a spreadsheet workbook. Open it and save it as CSV first.")
    if data.startswith((b"\xff\xfe", b"\xfe\xff")):
        return data.decode("utf-16", errors="replace")
    if data.startswith(b"\xef\xbb\xbf"):
        return data[3:].decode("utf-8", errors="replace")
    # Without a mark, UTF-16 still shows: every other byte of Western text is zero.
    for encoding, every_other in (("utf-16-le", data[1:200:2]), ("utf-16-be", data[0:200:2])):
        if every_other.count(0) * 4 > len(every_other) * 3:
            return data.decode(encoding, errors="replace")
    try:
        return data.decode("utf-8")
    except UnicodeDecodeError:
        pass
    # A few broken bytes do not make a UTF-8 file an old Windows one: that would garble every other accent.
    text = data.decode("utf-8", errors="replace")
    telling = [line for line in text.split("\n") if not line.isascii()]
    broken = sum("\ufffd" in line for line in telling)
    return text if len(telling) - broken > broken else data.decode("cp1252", errors="replace")


def _delimiter(lines: list[str], start: int) -> str:
    """The sign that cuts the first rows most evenly into the most columns."""

    def evenness(delimiter: str) -> tuple[bool, int, int]:
        sample = list(islice(_records(lines, start, delimiter), SAMPLE_ROWS))
        width = len(sample[0].cells) if sample else 0
        return width > 1, sum(len(record.cells) == width for record in sample), width

    return max(DELIMITERS, key=evenness)


def _records(lines: list[str], start: int, delimiter: str) -> Iterator[Row]:
    """The rows from line index `start` on. After one with broken quoting, goes on at the next line.

    RECORD_LINES_MAX bounds how far a quote may reach, and so what may be read twice.
    """
    at = start
    while at < len(lines):
        if not lines[at].strip(" \t,;"):
            at += 1
            continue
        if '"' not in lines[at]:  # then the row ends with its line, and nothing in it needs the csv module
            yield Row(at + 1, tuple(lines[at].split(delimiter)))
            at += 1
            continue
        taken = range(at, min(at + RECORD_LINES_MAX, len(lines)))
        reader = csv.reader((lines[number] + "\n" for number in taken), delimiter=delimiter, strict=True)
        try:
            yield Row(at + 1, tuple(next(reader)))
            at += reader.line_num
        except csv.Error as error:
            # The csv module has a bound of its own for a cell, over ours.
            yield Row(at + 1, (), LONG_CELL if "field limit" in str(error) else BAD_QUOTE)
            at += 1


def _headers(first: Row) -> tuple[str, ...]:
    """The headers of the first row: blank ones get a number, and repeated ones too."""
    if first.fault:
        raise _bad(f"Line {first.line}: {first.fault}.")
    cells = list(first.cells)
    while cells and not cells[-1].strip():
        cells.pop()
    if len(cells) > COLUMNS_MAX:
        raise _bad(f"Line {first.line}: there are more than {COLUMNS_MAX} columns.")
    headers: list[str] = []
    for number, cell in enumerate(cells, 1):
        if len(cell) > CELL_CHARS_MAX:
            raise _bad(f"Line {first.line}: {LONG_CELL}.")
        if has_bad_characters(cell):
            raise _bad(f"Line {first.line}: the headers hold signs that are not text.")
        header = base = " ".join(cell.split()) or f"Column {number}"
        again = 2
        while header in headers:
            header, again = f"{base} ({again})", again + 1
        headers.append(header)
    if not headers:
        raise _bad(f"Line {first.line}: there are no headers.")
    return tuple(headers)


def _checked(row: Row, width: int) -> Row:
    """`row` with exactly `width` cells, or with what is wrong with it."""
    if row.fault:
        return row
    cells = tuple(cell.strip() for cell in row.cells)
    fault = ""
    if any(cells[width:]):
        fault = f"it has {len(cells)} cells, and there are {width} headers"
    elif any(len(cell) > CELL_CHARS_MAX for cell in cells):
        fault = LONG_CELL
    elif any(map(has_bad_characters, cells)):
        fault = "it holds signs that cannot be read as text"
    padded = (*cells, *[""] * width)[:width]
    return Row(row.line, () if fault else padded, fault)


def has_bad_characters(text: str) -> bool:
    """Whether `text` holds control signs, halves of a sign, or the mark for bytes that could not be read."""
    return BAD_CHARACTER.search(text) is not None
