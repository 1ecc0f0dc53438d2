"""Reading records: what is in its set, by id, thing, subject, author or order of arrival."""

from __future__ import annotations

import sqlite3
from collections.abc import Collection
from dataclasses import dataclass

from protocol.encoding import decode
from protocol.record import Record, parse
from protocol.scopes import EPOCH_2020_S, Scope, read_scope


@dataclass(frozen=True, slots=True)
class Outline:
    """As much of a record as says which sets it is in."""

    id: bytes
    kind: str
    scope: Scope
    created: int


class Reading:
    """The records of one node, to be read. What is kept aside is not seen here."""

    def __init__(self, connection: sqlite3.Connection) -> None:
        self.connection = connection

    def get(self, record_id: bytes) -> Record | None:
        """The record of this id if it is in its set."""
        row = self.connection.execute(
            "SELECT message, home_key FROM records WHERE id = ? AND status = 0", (record_id,)
        ).fetchone()
        return parse(row[0]).with_home_key(row[1]) if row else None

    def message(self, record_id: bytes) -> bytes | None:
        """The exact bytes of a record that is in its set."""
        row = self.connection.execute(
            "SELECT message FROM records WHERE id = ? AND status = 0", (record_id,)
        ).fetchone()
        return row[0] if row else None

    def holds(self, record_id: bytes) -> bool:
        """Whether the record is in its set here."""
        found = self.connection.execute("SELECT 1 FROM records WHERE id = ? AND status = 0", (record_id,))
        return found.fetchone() is not None

    def outlines(self, record_ids: Collection[bytes]) -> list[Outline]:
        """Those of these records that are in their sets: one question, and nothing is parsed."""
        marks = ", ".join("?" * len(record_ids))
        rows = self.connection.execute(
            f"SELECT id, kind, scope, created FROM records WHERE id IN ({marks}) AND status = 0",
            tuple(record_ids),
        )
        scopes: dict[bytes, Scope] = {}
        found = []
        for record_id, kind, scope, created in rows:
            if scope not in scopes:
                scopes[scope] = read_scope(decode(scope, len(scope)))
            found.append(Outline(record_id, kind, scopes[scope], created))
        return found

    def version(self, thing: bytes) -> Record | None:
        """The version held of a thing."""
        row = self.connection.execute(
            "SELECT message, home_key FROM records WHERE thing = ? AND status = 0", (thing,)
        ).fetchone()
        return parse(row[0]).with_home_key(row[1]) if row else None

    def about(self, subject: bytes, *kinds: str) -> list[Record]:
        """Records of these kinds that speak of `subject`."""
        marks = ", ".join("?" * len(kinds))
        rows = self.connection.execute(
            f"SELECT message, home_key FROM records WHERE refers = ? AND kind IN ({marks}) AND status = 0"
            " ORDER BY thing, id",
            (subject, *kinds),
        )
        return [parse(message).with_home_key(home_key) for message, home_key in rows]

    def of_home(self, home: bytes, kind: str) -> list[Record]:
        """The records of one kind by one neighborhood."""
        rows = self.connection.execute(
            "SELECT message, home_key FROM records WHERE home = ? AND kind = ? AND status = 0", (home, kind)
        )
        return [parse(message).with_home_key(home_key) for message, home_key in rows]

    def by_author(self, home: bytes, author: bytes, kind: str = "") -> list[Record]:
        """What one key of a neighborhood has said, as far as it is in its set; of all kinds or of one."""
        rows = self.connection.execute(
            "SELECT message, home_key FROM records WHERE home = ? AND author = ? AND status = 0"
            " AND ? IN ('', kind) ORDER BY seq",
            (home, author, kind),
        )
        return [parse(message).with_home_key(home_key) for message, home_key in rows]

    def newest_created(self) -> int:
        """The latest `created` of any record held, of 2020 where there is none."""
        row = self.connection.execute("SELECT max(created) FROM records WHERE status = 0").fetchone()
        return row[0] or EPOCH_2020_S

    def messages_since(self, scope: bytes, seq: int) -> list[bytes]:
        """The records of a scope that came in after number `seq`, oldest first; at most 500."""
        rows = self.connection.execute(
            "SELECT message FROM records WHERE scope = ? AND seq > ? AND status = 0 ORDER BY seq LIMIT 500",
            (scope, seq),
        )
        return [row[0] for row in rows]
