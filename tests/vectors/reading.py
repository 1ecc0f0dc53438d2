"""Reading vectors, and a real store for the reader that one names."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from types import SimpleNamespace
from typing import Any

from node.parcels import Parcels
from node.store import neighbors
from node.store.database import open_database
from node.store.records import Added, Records
from protocol.encoding import decode
from protocol.record import assemble, to_be_signed
from protocol.scopes import PAIR
from protocol.signing import sign

FOLDER = Path(__file__).resolve().parent
LANDED = FOLDER / "landed.sha256"


def landed() -> dict[str, str]:
    """{name: SHA-256} of every vector that has landed."""
    if not LANDED.exists():
        return {}
    lines = (line.split("  ") for line in LANDED.read_text().splitlines())
    return {name.removesuffix(".json"): digest for digest, name in lines}


def vectors(*stages: str) -> dict[str, dict[str, Any]]:
    """Every vector of these stages, by name."""
    found = {}
    for path in sorted(FOLDER.glob("*/*.json")):
        vector = json.loads(path.read_text())
        if vector["stage"] in stages:
            found[f"{path.parent.name}/{path.stem}"] = vector
    return found


def unhex(texts: list[str]) -> list[bytes]:
    return [bytes.fromhex(text) for text in texts]


def many_of(stated: dict[str, Any]) -> list[bytes]:
    """The records that a vector says how to make: one payload, numbered, signed by these seeds in turn."""
    payload, at = bytes.fromhex(stated["payload"]), stated["at"]
    seeds = unhex(stated["seeds"])
    made = []
    for number in range(stated["count"]):
        numbered = payload[:at] + number.to_bytes(4, "big") + payload[at + 4 :]
        made.append(assemble(numbered, [sign(seed, to_be_signed(numbered)) for seed in seeds]))
    return made


class Reader:
    """The store of the home that a vector names as its reader, with nothing in it yet."""

    def __init__(self, reader: dict[str, Any], prekeys: Sequence[Sequence[str]] = ()) -> None:
        self.day: int = reader["day"]
        self.home = bytes.fromhex(reader["home"])
        self.connection = open_database(None).conn
        self.records = Records(self.connection, lambda: self.day)
        self.records.own_home = self.home
        for home in unhex(reader["neighbors"]):
            neighbors.set_neighbor(self.connection, home, "linked")
        for c in reader["coalitions"]:
            anchor = bytes.fromhex(c["anchor"]) if c["anchor"] else None
            neighbors.set_coalition(
                self.connection, bytes.fromhex(c["id"]), "joined", name="", agreement="", anchor=anchor
            )
        self.coalitions = [bytes.fromhex(c["id"]) for c in reader["coalitions"]]
        self.records.known_changed()
        if prekeys:
            self._open_parcels(prekeys)

    def _open_parcels(self, prekeys: Sequence[Sequence[str]]) -> None:
        """Let the node's own code open every parcel that enters the store."""
        for public, private in prekeys:
            neighbors.add_prekey(self.connection, bytes.fromhex(public), bytes.fromhex(private), 0)
        node: Any = SimpleNamespace(
            records=self.records, connection=self.connection, home=self.home, today=lambda: self.day
        )
        node.pair_room = self.records  # a vector is about the record, not about how much room there is
        parcels = Parcels(node, lambda: 0.5)
        self.records.on_new = lambda records: parcels.news(records, 0.0)

    def hear(self, texts: list[str]) -> list[Added]:
        """What became of each record at the door."""
        return [self.records.add(message) for message in unhex(texts)]

    def sets_with_something(self) -> list[list[Any]]:
        """The sets in which the reader holds anything, as vectors name them."""
        found = []
        for coalition in self.coalitions:
            for number, name in enumerate(("roster", "coalition")):
                if len(self.records.index((name, coalition))):  # type: ignore[arg-type]
                    found.append([number, coalition.hex()])
        rows = self.connection.execute("SELECT DISTINCT scope FROM records WHERE status = 0").fetchall()
        for (encoded,) in rows:
            scope = decode(encoded, 100)
            if scope[0] == PAIR:
                found.append([2, next(home for home in scope[1:] if home != self.home).hex()])
        return found

    def ids(self, status: int) -> list[str]:
        """The ids of the records in their sets (0) or kept aside (1)."""
        rows = self.connection.execute("SELECT id FROM records WHERE status = ?", (status,))
        return sorted(row[0].hex() for row in rows)
