"""Which set a record belongs to, and the range index of each set, built from SQLite when first asked for."""

from __future__ import annotations

import sqlite3

from node.store import known
from protocol.encoding import encode
from protocol.kinds.table import KINDS
from protocol.record import Record
from protocol.scopes import COALITION, EPOCH_2020_S, LOCAL, coalition, pair, partner
from sync.index import RangeIndex
from sync.sets import SetKey


def set_of(record: Record, own_home: bytes) -> SetKey | None:
    """The set that a record counts in; None for local records, and for key records, which many share."""
    if record.scope[0] == LOCAL:
        return None
    if record.scope[0] == COALITION:
        if record.kind == "charter":
            return ("roster", record.id)
        if len(record.scope) < 2:
            return None
        kind = KINDS.get(record.kind)
        roster = kind is not None and kind.group == "roster"
        return ("roster" if roster else "coalition", record.scope[1])
    return ("pair", partner(record.scope, own_home))


class Indexes:
    """The range indexes, by set. Items are (created - 2020-01-01 in seconds, id)."""

    def __init__(self, connection: sqlite3.Connection) -> None:
        self._connection = connection
        self._built: dict[SetKey, RangeIndex] = {}
        self.own_home = b""

    def of(self, key: SetKey) -> RangeIndex:
        """The index of one set."""
        index = self._built.get(key)
        if index is None:
            index = self._built[key] = self._build(key)
        return index

    def _build(self, key: SetKey) -> RangeIndex:
        name, owner = key
        index = RangeIndex()
        if name == "roster":
            items = known.roster_set(self._connection, owner)
        else:
            marks = ", ".join("?" * len(known.ROSTER_KINDS))
            items = self._connection.execute(
                f"SELECT created, id FROM records WHERE scope = ? AND status = 0 AND kind NOT IN ({marks})"
                " ORDER BY created, id",
                (self.scope(key), *known.ROSTER_KINDS),
            ).fetchall()
        index.bulk((created - EPOCH_2020_S, record_id) for created, record_id in items)
        return index

    def within(self, key: SetKey, created_before: int, expires_after: int) -> RangeIndex:
        """The items of a set with `created` below a time and `expires` above a day.

        Nearly always that is all of them, and then it is the index itself.
        """
        if key[0] == "roster":
            return self.of(key)
        scope = self.scope(key)
        outside = self._connection.execute(  # two parts, so that SQLite has an index for each
            "SELECT id FROM records WHERE scope = ? AND status = 0 AND created >= ?"
            " UNION ALL SELECT id FROM records WHERE expires <= ? AND +scope = ? AND status = 0",
            (scope, created_before, expires_after, scope),
        ).fetchall()
        if not outside:
            return self.of(key)
        left_out = {row[0] for row in outside}
        return self.of(key).filtered(lambda _, record_id: record_id not in left_out)

    def scope(self, key: SetKey) -> bytes:
        """The encoded scope of the records of a coalition or pair set."""
        name, owner = key
        return encode(list(coalition(owner) if name == "coalition" else pair(self.own_home, owner)))

    def insert(self, key: SetKey | None, created: int, record_id: bytes) -> None:
        """Keep up with a record that entered its set."""
        if key is not None and key in self._built:
            self._built[key].insert(created - EPOCH_2020_S, record_id)

    def remove(self, key: SetKey | None, created: int, record_id: bytes) -> None:
        """Keep up with a record that left its set."""
        if key is not None and key in self._built:
            self._built[key].remove(created - EPOCH_2020_S, record_id)

    def clear(self) -> None:
        """Forget all indexes."""
        self._built.clear()

    def clear_rosters(self) -> None:
        """Forget the roster sets: the key records in them depend on whom a roster names."""
        for key in [key for key in self._built if key[0] == "roster"]:
            del self._built[key]
