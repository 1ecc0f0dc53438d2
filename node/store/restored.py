"""SQL of the rules that hold after a restore. See node/actions/restored.py for what they are."""

from __future__ import annotations

import sqlite3
from dataclasses import dataclass

LOST_MAX = 500  # notices kept for one author; the oldest leave first


@dataclass(frozen=True, slots=True)
class LostRow:
    """A change that lost to another version of the same thing."""

    id: bytes
    thing: bytes
    kind: str
    at: int


def begin(connection: sqlite3.Connection) -> None:
    """Forget what was said since an earlier restore, and one-time codes: used ones would work again."""
    for table in ("said_since_restore", "member_invites", "neighborhood_invites", "reissues"):
        connection.execute(f"DELETE FROM {table}")


def forgot_above(connection: sqlite3.Connection, thing: bytes) -> int | None:
    """The edit number up to which the backup knew a thing, -1 for none; None where nothing was said since."""
    row = connection.execute(
        "SELECT forgot_above FROM said_since_restore WHERE thing = ? LIMIT 1", (thing,)
    ).fetchone()
    return row[0] if row else None


def said(connection: sqlite3.Connection, record_id: bytes, thing: bytes, forgot_above: int) -> None:
    """Note a version that was made here since the restore."""
    connection.execute(
        "INSERT OR IGNORE INTO said_since_restore (id, thing, forgot_above) VALUES (?, ?, ?)",
        (record_id, thing, forgot_above),
    )


def was_said(connection: sqlite3.Connection, record_id: bytes) -> bool:
    """Whether this version was made here since the restore."""
    found = connection.execute("SELECT 1 FROM said_since_restore WHERE id = ?", (record_id,))
    return found.fetchone() is not None


def add_lost(
    connection: sqlite3.Connection, record_id: bytes, thing: bytes, author: bytes, kind: str, at: int
) -> None:
    """Write down for its author that a change lost."""
    connection.execute(
        "INSERT OR IGNORE INTO lost_edits (id, thing, author, kind, at) VALUES (?, ?, ?, ?, ?)",
        (record_id, thing, author, kind, at),
    )
    connection.execute(
        "DELETE FROM lost_edits WHERE author = ? AND id NOT IN"
        " (SELECT id FROM lost_edits WHERE author = ? ORDER BY at DESC LIMIT ?)",
        (author, author, LOST_MAX),
    )


def lost(connection: sqlite3.Connection, author: bytes) -> list[LostRow]:
    """What an author is still to be told, oldest first."""
    rows = connection.execute(
        "SELECT id, thing, kind, at FROM lost_edits WHERE author = ? ORDER BY at, id", (author,)
    )
    return [LostRow(*row) for row in rows]


def count_lost(connection: sqlite3.Connection, author: bytes) -> int:
    """How many of these there are."""
    row = connection.execute("SELECT count(*) FROM lost_edits WHERE author = ?", (author,)).fetchone()
    return int(row[0])


def forget_lost(connection: sqlite3.Connection, author: bytes) -> None:
    """The author has read them."""
    connection.execute("DELETE FROM lost_edits WHERE author = ?", (author,))
