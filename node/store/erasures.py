"""SQL over marks of erasure: what is erased, since when that is known here, and who has applied it.

The marks themselves are records. `erasures` says when a mark first came in and who of ours made it;
`erasures_applied` remembers neighborhoods whose card once showed the erasure. Neither travels.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable
from dataclasses import dataclass

from protocol.kinds.erasure import BUCKETS
from protocol.record import Record, parse

LISTED_MAX = 500
_MARK = "erases IS NOT NULL AND status = 0"


@dataclass(frozen=True, slots=True)
class MarkRow:
    """A mark that is held. `at`: Unix seconds; `done_by`: the coordinator of ours who made it."""

    record: Record
    seq: int
    thing: bytes
    at: int
    done_by: bytes | None


_SELECT = (
    "SELECT r.message, r.seq, r.erases, coalesce(e.at, 0), e.done_by"
    " FROM records r LEFT JOIN erasures e ON e.thing = r.erases WHERE r.erases IS NOT NULL AND r.status = 0"
)


def _rows(found: Iterable[tuple[bytes, int, bytes, int, bytes | None]]) -> list[MarkRow]:
    return [MarkRow(parse(message), seq, thing, at, by) for message, seq, thing, at, by in found]


def heard(connection: sqlite3.Connection, thing: bytes, now: int) -> None:
    """A mark came in. What is known of an earlier one of the same thing stays."""
    connection.execute("INSERT OR IGNORE INTO erasures (thing, at) VALUES (?, ?)", (thing, now))


def newest_at(connection: sqlite3.Connection) -> int:
    """When the newest erasure was heard of, 0 where there is none."""
    return int(connection.execute("SELECT coalesce(max(at), 0) FROM erasures").fetchone()[0])


def set_done_by(connection: sqlite3.Connection, thing: bytes, key: bytes) -> None:
    """A coordinator of ours erased it."""
    connection.execute("UPDATE erasures SET done_by = ? WHERE thing = ?", (key, thing))


def is_erased(connection: sqlite3.Connection, thing: bytes) -> bool:
    """Whether a mark of this thing is held."""
    row = connection.execute(f"SELECT 1 FROM records WHERE erases = ? AND {_MARK}", (thing,)).fetchone()
    return row is not None


def mark_of(connection: sqlite3.Connection, thing: bytes) -> MarkRow | None:
    """The mark of one thing."""
    return next(iter(_rows(connection.execute(f"{_SELECT} AND r.erases = ?", (thing,)))), None)


def marks_of_home(connection: sqlite3.Connection, home: bytes) -> list[MarkRow]:
    """The marks of what a neighborhood and its members had said, newest first."""
    sql = f"{_SELECT} AND r.home = ? ORDER BY coalesce(e.at, 0) DESC, r.seq DESC"
    return _rows(connection.execute(sql, (home,)))


def own_in(connection: sqlite3.Connection, scope: bytes, home: bytes) -> list[tuple[bytes, int]]:
    """(erased thing, last day) of one neighborhood in one scope."""
    return connection.execute(
        f"SELECT erases, expires FROM records WHERE scope = ? AND home = ? AND {_MARK}", (scope, home)
    ).fetchall()


def things_in(
    connection: sqlite3.Connection, scope: bytes, day: int, bucket: int | None = None
) -> list[bytes]:
    """The erased things of a scope that are not over on a day; of one bucket, or all."""
    where, arguments = "", [scope, day]
    if bucket is not None:
        width = 256 // BUCKETS
        where, arguments = " AND erases >= ?", [*arguments, bytes([bucket * width])]
        if bucket < BUCKETS - 1:
            where, arguments = where + " AND erases < ?", [*arguments, bytes([(bucket + 1) * width])]
    rows = connection.execute(
        f"SELECT erases FROM records WHERE scope = ? AND expires > ? AND {_MARK}{where}", arguments
    )
    return [row[0] for row in rows]


def applied(connection: sqlite3.Connection, scope: bytes, home: bytes) -> set[tuple[bytes, bytes]]:
    """(thing, neighborhood) of what `home` erased in a scope and others are known to have applied."""
    rows = connection.execute(
        "SELECT a.thing, a.home FROM erasures_applied a JOIN records r ON r.erases = a.thing"
        " WHERE r.scope = ? AND r.home = ? AND r.erases IS NOT NULL AND r.status = 0",
        (scope, home),
    )
    return {(thing, other) for thing, other in rows}


def add_applied(connection: sqlite3.Connection, found: Iterable[tuple[bytes, bytes]]) -> None:
    """Remember that neighborhoods have applied erasures."""
    connection.executemany("INSERT OR IGNORE INTO erasures_applied (thing, home) VALUES (?, ?)", found)


def last_card(connection: sqlite3.Connection, home: bytes) -> bytes | None:
    """The newest card of a neighborhood, also where it is kept aside."""
    row = connection.execute(
        "SELECT message FROM records WHERE home = ? AND kind = 'node' AND erases IS NULL ORDER BY seq DESC",
        (home,),
    ).fetchone()
    return row[0] if row else None


def tidy(connection: sqlite3.Connection) -> None:
    """Forget what is known of erasures whose mark is no longer held."""
    for table in ("erasures", "erasures_applied"):
        connection.execute(
            f"DELETE FROM {table} WHERE thing NOT IN (SELECT erases FROM records WHERE {_MARK})"
        )


# everything that one person said


def said_by(
    connection: sqlite3.Connection, home: bytes, authors: Iterable[bytes], kinds: tuple[str, ...]
) -> list[Record]:
    """The newest version of every thing by these keys that is not erased, also of what is kept aside."""
    marks = ", ".join("?" * len(kinds))
    newest: dict[bytes, Record] = {}
    for author in authors:
        rows = connection.execute(
            f"SELECT message FROM records WHERE home = ? AND author = ? AND erases IS NULL"
            f" AND kind IN ({marks}) ORDER BY edit, id",
            (home, author, *kinds),
        )
        newest |= {record.thing: record for record in (parse(row[0]) for row in rows)}
    return sorted(newest.values(), key=lambda record: (kinds.index(record.kind), record.thing))
