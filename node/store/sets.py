"""Which set a record belongs to, and what sums each set up, built from SQLite when first asked for."""

from __future__ import annotations

import sqlite3

from node.store import known
from node.store.reading import Outline
from protocol.encoding import encode
from protocol.kinds.table import KINDS
from protocol.record import Record
from protocol.scopes import COALITION, EPOCH_2020_S, LOCAL, coalition, pair, partner
from sync.index import RangeIndex
from sync.kept import KeptSet, Outside
from sync.sets import SetKey
from sync.sketch import Sketch, sketch_key


def set_of(record: Record | Outline, own_home: bytes) -> SetKey | None:
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
    """The range indexes and sketches, by set. Items are (created - 2020-01-01 in seconds, id)."""

    def __init__(self, connection: sqlite3.Connection) -> None:
        self._connection = connection
        self._kept: dict[SetKey, KeptSet] = {}
        self.own_home = b""

    def of(self, key: SetKey) -> RangeIndex:
        """The index of one set."""
        return self._of(key).index

    def _of(self, key: SetKey) -> KeptSet:
        kept = self._kept.get(key)
        if kept is None:
            kept = self._kept[key] = KeptSet(self._build(key))
        return kept

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
        """The items of a set with `created` below a time and `expires` above a day."""
        if key[0] == "roster":
            return self.of(key)
        outside = self._outside(key, created_before, expires_after)
        return self._of(key).within(created_before - EPOCH_2020_S, expires_after, outside)

    def sketch(self, key: SetKey, secret: bytes, created_before: int, expires_after: int) -> Sketch | None:
        """The sketch of the same items of a coalition set, or None while it is being made."""
        outside = self._outside(key, created_before, expires_after)
        start = created_before - EPOCH_2020_S
        return self._of(key).sketch(sketch_key(secret), start, expires_after, outside)

    def grow_sketches(self) -> None:
        """Go on making sketches that were asked for: called every second or so."""
        for kept in self._kept.values():
            if kept.grow():
                return  # one at a time

    def _outside(self, key: SetKey, created_before: int, expires_after: int) -> Outside:
        def outside() -> list[tuple[int, bytes]]:
            marks = ", ".join("?" * len(known.ROSTER_KINDS))
            scope = self.scope(key)
            rows = self._connection.execute(  # two parts, so that SQLite has an index for each
                "SELECT created, id FROM records WHERE scope = ? AND status = 0 AND created >= ?"
                f" AND kind NOT IN ({marks}) UNION SELECT created, id FROM records"
                f" WHERE expires <= ? AND +scope = ? AND status = 0 AND kind NOT IN ({marks})",
                (scope, created_before, *known.ROSTER_KINDS, expires_after, scope, *known.ROSTER_KINDS),
            )
            return [(created - EPOCH_2020_S, record_id) for created, record_id in rows]

        return outside

    def scope(self, key: SetKey) -> bytes:
        """The encoded scope of the records of a coalition or pair set."""
        name, owner = key
        return encode(list(coalition(owner) if name == "coalition" else pair(self.own_home, owner)))

    def insert(self, key: SetKey | None, record: Record) -> None:
        """Keep up with a record that entered its set."""
        if key is not None and key in self._kept:
            self._kept[key].insert(record.created - EPOCH_2020_S, record.id, record.expires)

    def remove(self, key: SetKey | None, record: Record) -> None:
        """Keep up with a record that left its set."""
        if key is not None and key in self._kept:
            self._kept[key].remove(record.created - EPOCH_2020_S, record.id)

    def clear(self) -> None:
        """Forget all indexes."""
        self._kept.clear()

    def clear_rosters(self) -> None:
        """Forget the roster sets: the key records in them depend on whom a roster names."""
        for key in [key for key in self._kept if key[0] == "roster"]:
            del self._kept[key]
