"""A neighborhood's store on a real SQLite database, and ways to compare two of them."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from node.store import neighbors
from node.store.database import open_database
from node.store.known import ROSTER_KINDS
from node.store.records import Records
from node.views import TABLES, rebuild
from protocol.kinds.roster import homes_named
from protocol.record import Record, parse
from protocol.scopes import EPOCH_2020_S
from sync.sets import SetKey
from tests.protocol.helpers import TODAY, Coalition, Neighborhood

# Views hold the number under which a record came in; it differs from node to node and says nothing. So does
# the number of a post, as far as posts made in one second go.
OWN_COLUMNS = ("seq", "number")


class House:
    """The store of `own`. It is linked with `others`, follows `coalitions` and has heard nothing yet."""

    def __init__(
        self,
        own: Neighborhood,
        *others: Neighborhood,
        coalitions: Iterable[Coalition] = (),
        path: Path | None = None,
    ) -> None:
        self.own = own
        self.day = TODAY
        self.db = open_database(path)
        self.connection = self.db.conn
        self.records = Records(self.connection, lambda: self.day)
        self.records.own_home = own.id
        for other in others:
            neighbors.set_neighbor(self.connection, other.id, "linked", name=other.name)
        for coalition in coalitions:
            neighbors.set_coalition(self.connection, coalition.id, "joined", name="", agreement="")
        self.coalitions = list(coalitions)
        self.others = list(others)
        self.records.known_changed()

    def hear(self, *records: Record) -> list[str]:
        """What became of each record at the door, by outcome."""
        return [self.records.add(record.message).outcome for record in records]

    def settle_in(self) -> House:
        """Hear the key and roster records of everybody this house knows of."""
        for coalition in self.coalitions:
            for home in coalition.homes.values():
                self.hear(*home.key_records)
            self.hear(*coalition.records)
        for home in (self.own, *self.others):
            self.hear(*home.key_records)
        return self

    def set_keys(self) -> list[SetKey]:
        """Every set that this house keeps equal with others."""
        found: list[SetKey] = []
        for coalition in self.coalitions:
            found += [("roster", coalition.id), ("coalition", coalition.id)]
            found += [("pair", home) for home in coalition.homes if home != self.own.id]
        found += [("pair", home.id) for home in self.others]
        return list(dict.fromkeys(found))

    def sets(self) -> dict[SetKey, list[bytes]]:
        """The ids in every set, from the range indexes."""
        return {key: [item for _, item in self.records.index(key)] for key in self.set_keys()}

    def held(self) -> set[bytes]:
        """The ids of all records in their sets."""
        return {row[0] for row in self.connection.execute("SELECT id FROM records WHERE status = 0")}

    def aside(self) -> set[bytes]:
        return {row[0] for row in self.connection.execute("SELECT id FROM records WHERE status = 1")}

    def messages(self) -> list[bytes]:
        """The bytes of all records, those kept aside too."""
        return [row[0] for row in self.connection.execute("SELECT message FROM records")]

    def views(self) -> dict[str, list[tuple[Any, ...]]]:
        """Every row of every view."""
        return {table: view_rows(self.connection, table) for table in TABLES}

    def check(self) -> None:
        """What holds at any moment: indexes as SQL says, views as rebuilt, one version, zero sum."""
        check_indexes(self)
        check_versions(self)
        before = self.views()
        self.connection.execute("BEGIN")
        rebuild(self.records)
        rebuilt = self.views()
        self.connection.execute("ROLLBACK")
        assert rebuilt == before


def view_rows(connection: sqlite3.Connection, table: str) -> list[tuple[Any, ...]]:
    """The rows of a view, in an order of their own."""
    columns = [row[1] for row in connection.execute(f"PRAGMA table_info({table})")]
    shown = ", ".join(column for column in columns if column not in OWN_COLUMNS)
    return sorted(connection.execute(f"SELECT {shown} FROM {table}").fetchall(), key=repr)


def check_indexes(house: House) -> None:
    """Every range index holds what SQL finds by the simplest query."""
    rows = house.connection.execute(
        "SELECT message, created - ?, id FROM records WHERE status = 0", (EPOCH_2020_S,)
    ).fetchall()
    held = [(parse(message), created, record_id) for message, created, record_id in rows]
    for key in house.set_keys():
        name, owner = key
        if name == "pair":
            wanted = [
                (c, i) for r, c, i in held if r.scope[0] == 1 and {owner, house.own.id} == set(r.scope[1:])
            ]
        elif name == "coalition":
            wanted = [(c, i) for r, c, i in held if r.scope == (2, owner) and r.kind not in ROSTER_KINDS]
        else:
            acts = [
                (r, c, i)
                for r, c, i in held
                if (r.scope == (2, owner) and r.kind in ROSTER_KINDS) or i == owner
            ]
            homes = homes_named([r for r, _, _ in acts])
            keys = [(c, i) for r, c, i in held if r.kind in ("inception", "rotation") and r.home in homes]
            wanted = [*((c, i) for _, c, i in acts), *keys]
        assert list(house.records.index(key)) == sorted(wanted), name


def check_versions(house: House) -> None:
    """One version of each thing, one mark of each erased thing, and never both."""
    sql = "SELECT thing, erases FROM records WHERE status = 0"
    things = [erases or thing for thing, erases in house.connection.execute(sql)]
    assert len(things) == len(set(things))
