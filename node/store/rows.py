"""The rows of the records, written and deleted together with the range index of their set.

Nothing here judges: the door (node/store/records.py) decides what comes in and what leaves.
"""

from __future__ import annotations

import sqlite3

from node.store.quota import IN_SLOT, slot_of
from node.store.reading import Reading
from node.store.sets import Indexes, set_of
from node.store.words import Lingering
from protocol.kinds.erasure import erased_thing
from protocol.kinds.table import refers_to
from protocol.record import Record, parse
from protocol.scopes import scope_bytes


class Rows(Reading):
    """The table of records, with what follows from it. Status 0 is in its set, 1 kept aside."""

    def __init__(self, connection: sqlite3.Connection) -> None:
        super().__init__(connection)
        self.indexes = Indexes(connection)
        self.lingering = Lingering()

    def _is_alone(self, record: Record) -> bool:
        """Whether nothing is held of a record's thing, nor anything that speaks of it. So it is with most."""
        found = self.connection.execute(
            "SELECT 1 FROM records WHERE thing = ?1 UNION ALL SELECT 1 FROM records WHERE refers = ?1"
            " UNION ALL SELECT 1 FROM records WHERE erases = ?1 LIMIT 1",
            (record.thing,),
        )
        return found.fetchone() is None

    def _status(self, record_id: bytes) -> int | None:
        """0 where the record is in its set, 1 where it is kept aside, None where it is not held."""
        found = self.connection.execute("SELECT status FROM records WHERE id = ?", (record_id,)).fetchone()
        return found[0] if found is not None else None

    def _marks(self, record: Record) -> list[tuple[bool, bytes]]:
        """The marks held that erase this record's thing: whether the home made it, and the id."""
        thing = erased_thing(record) or record.thing
        rows = self.connection.execute(
            "SELECT author = home, id FROM records WHERE erases = ? AND status = 0", (thing,)
        )
        return [(bool(by_home), record_id) for by_home, record_id in rows]

    def _has_better(self, record: Record) -> bool:
        """Whether a version of its thing is held that stands above it."""
        found = self.connection.execute(
            "SELECT 1 FROM records WHERE thing = ? AND status = 0 AND (edit, id) > (?, ?)",
            (record.thing, record.edit, record.id),
        )
        return found.fetchone() is not None

    def _other_standing(self, record: Record, which: str) -> list[bytes]:
        """Ids of standings of the same post under another thing. A post has one: the lowest thing."""
        place = (scope_bytes(record.scope), record.home, slot_of(record), record.thing)
        rows = self.connection.execute(
            f"SELECT id FROM records WHERE {IN_SLOT} AND kind = 'standing' AND erases IS NULL AND {which}",
            place,
        )
        return [row[0] for row in rows]

    def _insert(self, record: Record, status: int) -> None:
        erases = erased_thing(record)
        expires = record.expires
        self.connection.execute(
            "INSERT INTO records"
            " (id, thing, kind, scope, author, home, created, expires, edit, erases, refers,"
            " slot, home_key, status, message) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
            (
                record.id,
                record.thing,
                record.kind,
                scope_bytes(record.scope),
                record.author,
                record.home,
                record.created,
                expires,
                record.edit,
                erases,
                refers_to(record),
                slot_of(record),
                record.home_key,
                status,
                record.message,
            ),
        )
        if status == 0:
            self.indexes.insert(set_of(record, self.indexes.own_home), record)

    def _delete(self, where: str, arguments: tuple[object, ...]) -> list[Record]:
        """Delete records; gives those that were in their sets: their views are to be refreshed."""
        rows = self.connection.execute(
            f"SELECT status, home_key, message FROM records WHERE {where}", arguments
        ).fetchall()
        gone = []
        for status, home_key, message in rows:
            record = parse(message).with_home_key(home_key)
            if status == 0:
                gone.append(record)
                self.indexes.remove(set_of(record, self.indexes.own_home), record)
            self.connection.execute("DELETE FROM records WHERE id = ?", (record.id,))
        self.lingering.rows += len(rows)
        return gone
