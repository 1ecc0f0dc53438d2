"""SQL over what two neighborhoods hold between them."""

from __future__ import annotations

import sqlite3

from protocol.kinds.erasure import erased_thing
from protocol.record import Record


def size_bytes(connection: sqlite3.Connection, scope: bytes, home: bytes) -> int:
    """The bytes of all records of a scope that `home` signed, in the set or kept aside."""
    row = connection.execute(
        "SELECT coalesce(sum(length(message)), 0) FROM records WHERE scope = ? AND home = ?", (scope, home)
    ).fetchone()
    return int(row[0])


def erases_what_is_held(connection: sqlite3.Connection, record: Record) -> bool:
    """Whether taking `record` in makes words go that are here."""
    thing = erased_thing(record)
    if thing is None:
        return False
    found = connection.execute("SELECT 1 FROM records WHERE thing = ? AND erases IS NULL", (thing,))
    return found.fetchone() is not None
