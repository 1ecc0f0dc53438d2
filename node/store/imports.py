"""SQL of the table `imported`: which answers of which person were made into posts already.

A `row_key` could be found by guessing names and numbers, so it stays in this table and never travels.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable

_AT_ONCE = 500  # SQLite takes at least 999 values in a statement


def known(connection: sqlite3.Connection, row_keys: Iterable[bytes]) -> set[bytes]:
    """Those of `row_keys` that were imported before."""
    wanted = list(row_keys)
    found: set[bytes] = set()
    for start in range(0, len(wanted), _AT_ONCE):
        some = wanted[start : start + _AT_ONCE]
        marks = ", ".join("?" * len(some))
        rows = connection.execute(f"SELECT row_key FROM imported WHERE row_key IN ({marks})", some)
        found.update(row[0] for row in rows)
    return found


def add(connection: sqlite3.Connection, row_key: bytes, thing: bytes) -> None:
    """Remember that this answer became the post `thing`."""
    connection.execute("INSERT INTO imported (row_key, thing) VALUES (?, ?)", (row_key, thing))


def count_running(connection: sqlite3.Connection, author: bytes, today: int) -> int:
    """How many running posts of one member came from an import."""
    row = connection.execute(
        "SELECT count(*) FROM view_posts WHERE author = ? AND expires > ? AND state != 'withdrawn'"
        " AND thing IN (SELECT thing FROM imported)",
        (author, today),
    ).fetchone()
    return int(row[0])


def forget(connection: sqlite3.Connection, things: Iterable[bytes]) -> None:
    """Forget which answers these posts came from: the answers may be imported anew then."""
    connection.executemany("DELETE FROM imported WHERE thing = ?", [(thing,) for thing in things])
