"""SQL of bundles: the records of a set, some at a time, in the order of reconciliation."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from typing import Any

from node.store import known
from node.store.records import Records
from sync.sets import SetKey

AT_ONCE = 200
_MARKS = ", ".join("?" * len(known.ROSTER_KINDS))


def messages(records: Records, key: SetKey, today: int) -> Iterator[list[tuple[bytes, bytes]]]:
    """(id, bytes) of what a set holds and is not over, at most AT_ONCE each time.

    What comes in or leaves meanwhile may or may not be among them.
    """
    if key[0] == "roster":
        yield from _roster(records.connection, key[1])
        return
    for rows in _pages(records, key, today, "created, id, message"):
        if rows:
            yield [(row[1], row[2]) for row in rows]


def _pages(records: Records, key: SetKey, today: int, columns: str) -> Iterator[list[tuple[Any, ...]]]:
    """Rows of a coalition or pair set in its order; `columns` begin with created and id."""
    place: tuple[int, bytes] = 0, b""
    while True:
        rows = records.connection.execute(
            f"SELECT {columns} FROM records WHERE scope = ? AND status = 0"
            f" AND (created, id) > (?, ?) AND kind NOT IN ({_MARKS}) AND (expires IS NULL OR expires > ?)"
            f" ORDER BY created, id LIMIT {AT_ONCE}",
            (records.indexes.scope(key), *place, *known.ROSTER_KINDS, today),
        ).fetchall()
        yield rows
        if len(rows) < AT_ONCE:
            return
        place = rows[-1][:2]


def _roster(connection: sqlite3.Connection, coalition: bytes) -> Iterator[list[tuple[bytes, bytes]]]:
    items = sorted(known.roster_set(connection, coalition))
    for at in range(0, len(items), AT_ONCE):
        some = []
        for _, record_id in items[at : at + AT_ONCE]:
            row = connection.execute(
                "SELECT message FROM records WHERE id = ? AND status = 0", (record_id,)
            ).fetchone()
            if row is not None:
                some.append((record_id, row[0]))
        yield some


def ids(records: Records, key: SetKey, today: int) -> Iterator[list[bytes]]:
    """The ids of the same, without reading the records."""
    if key[0] == "roster":
        yield [record_id for _, record_id in known.roster_set(records.connection, key[1])]
        return
    for rows in _pages(records, key, today, "created, id"):
        yield [row[1] for row in rows]
