"""A node as the links see it, held in memory and told what to say: for driving two ends back to back."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass, field

from protocol.errors import TheirFault
from protocol.judge import Checked
from protocol.kinds.table import KINDS
from protocol.record import Record, parse
from protocol.scopes import COALITION, DAY_S, EPOCH_2020_S, LOCAL, partner
from sync.index import RangeIndex
from sync.port import Point, Taken
from sync.sets import SetKey
from sync.sketch import Sketch, sketch_key
from tests.protocol.helpers import TODAY, Neighborhood


@dataclass
class MemoryPort:
    """`home` decides nothing here; what a test puts into the fields is what the port answers."""

    who: Neighborhood
    day: int = TODAY
    floor_day: int = 0
    secrets: dict[bytes, bytes] = field(default_factory=dict)
    rosters: dict[bytes, set[bytes]] = field(default_factory=dict)
    pairs: set[bytes] = field(default_factory=set)
    states: dict[bytes, str] = field(default_factory=dict)
    invitations: dict[bytes, bytes] = field(default_factory=dict)
    records: dict[bytes, Record] = field(default_factory=dict)
    refused: set[bytes] = field(default_factory=set)  # ids that are not acceptable now
    added: list[bytes] = field(default_factory=list)  # every message that knocked
    current_keys: dict[bytes, bytes] = field(default_factory=dict)
    came_back: bool = False
    points: dict[SetKey, Point] = field(default_factory=dict)
    kept_aside: dict[SetKey, list[bytes]] = field(default_factory=dict)  # of the one on the other side
    by_sheet: dict[bytes, list[bytes]] = field(default_factory=dict)
    equal: list[SetKey] = field(default_factory=list)
    told: list[tuple[object, ...]] = field(default_factory=list)  # whatever else the sessions said

    @property
    def home(self) -> bytes:
        return self.who.id

    @property
    def name(self) -> str:
        return self.who.name

    software = "tests"

    def today(self) -> int:
        return self.day

    def floor(self) -> int:
        return self.floor_day

    def coalitions(self) -> dict[bytes, bytes]:
        return dict(self.secrets)

    def members(self, coalition: bytes) -> frozenset[bytes]:
        return frozenset(self.rosters.get(coalition, ()))

    def may_pair(self, home: bytes) -> bool:
        return home in self.pairs

    def hold(self, *records: Record) -> None:
        for record in records:
            self.records[record.id] = record

    def index(self, key: SetKey, created_before: int, expires_after: int) -> RangeIndex:
        index = RangeIndex()
        for record in self.records.values():
            lives = record.expires is None or record.expires > expires_after
            if key in self.sets_of(record) and record.created < created_before and lives:
                index.insert(record.created - EPOCH_2020_S, record.id)
        return index

    def sketch(self, key: SetKey, created_before: int, expires_after: int) -> Sketch | None:
        if key[0] != "coalition" or key[1] not in self.secrets:
            return None
        sketch = Sketch(sketch_key(self.secrets[key[1]]))
        for timestamp, item_id in self.index(key, created_before, expires_after):
            sketch.insert(timestamp, item_id)
        return sketch

    def sets_of(self, record: Record) -> list[SetKey]:
        kind = KINDS.get(record.kind)
        group = kind.group if kind is not None else "things"
        if group == "keys":
            return [("roster", coalition) for coalition in sorted(self.secrets)]
        if record.scope[0] == LOCAL:
            return []
        if record.scope[0] == COALITION:
            return [("roster" if group == "roster" else "coalition", record.scope[1])]
        return [("pair", partner(record.scope, self.home))]

    def sets_of_id(self, record_id: bytes) -> list[SetKey]:
        record = self.records.get(record_id)
        return self.sets_of(record) if record is not None else []

    def message(self, record_id: bytes) -> bytes | None:
        record = self.records.get(record_id)
        return record.message if record is not None else None

    def holds(self, record_id: bytes) -> bool:
        return record_id in self.records

    def urgent(self, ids: Collection[bytes]) -> list[bytes]:
        held = [self.records[record_id] for record_id in ids if record_id in self.records]
        return [record.id for record in held if record.body.get("urgency") == "urgent"]

    def add(self, messages: Sequence[bytes], home: bytes) -> Taken:
        new = never = 0
        others = []
        for message in messages:
            self.added.append(message)
            try:
                record = parse(message)
            except TheirFault:
                never += 1
                continue
            if record.id not in self.refused and record.id not in self.records:
                over = record.expires is not None and record.expires <= self.day
                if not over and record.created < (self.day + 2) * DAY_S:
                    self.records[record.id] = record
                    new += 1
                    continue
            others.append(record.id)
        return Taken(new, never, tuple(others))

    def take(self, records: Sequence[Record], home: bytes, checked: Checked) -> Taken:
        return self.add([record.message for record in records], home)

    def stream_point(self, key: SetKey) -> Point | None:
        return self.points.get(key)

    def keep_stream_point(self, key: SetKey, point: Point | None) -> None:
        self.points.pop(key, None)
        if point is not None:
            self.points[key] = point

    def wants_aside(self, key: SetKey, home: bytes) -> bool:
        return self.came_back and ("aside", key, home) not in self.told

    def aside(self, key: SetKey, home: bytes, after: int) -> tuple[list[bytes], int]:
        """Two at a time."""
        kept = self.kept_aside.get(key, [])
        return kept[after : after + 2], after + 2 if len(kept) > after + 2 else 0

    def aside_came(self, key: SetKey, home: bytes) -> None:
        self.told.append(("aside", key, home))

    def keys_of_sheet(self, named: bytes) -> list[bytes]:
        return self.by_sheet.get(named, [])

    def in_step(self, key: SetKey, home: bytes) -> None:
        self.equal.append(key)

    def heard(self, home: bytes, name: str) -> None:
        self.told.append(("heard", home, name))

    def current_key(self, home: bytes) -> bytes | None:
        return self.current_keys.get(home)

    def knows(self, home: bytes) -> bool:
        return self.neighbor_state(home) in ("asked", "asks", "linked") or self.may_pair(home)

    def neighbor_state(self, home: bytes) -> str:
        return self.states.get(home, "")

    def asked(self, home: bytes, name: str, message: str) -> str:
        self.told.append(("asked", home, name, message))
        if self.neighbor_state(home) not in ("linked", "declined"):
            self.states[home] = "linked" if self.neighbor_state(home) == "asked" else "asks"
        if self.states[home] == "linked":
            self.pairs.add(home)
        return self.states[home]

    def ask_message(self, home: bytes) -> str:
        return "Hello!"

    def charter(self, coalition: bytes) -> tuple[bytes, bytes] | None:
        return (b"charter of " + coalition, coalition) if coalition in self.secrets else None

    def offered(self, home: bytes, charter: bytes, epoch: bytes) -> None:
        self.told.append(("offered", home, charter, epoch))

    def invited(self, invite_id: bytes, home: bytes) -> bytes | None:
        coalition = self.invitations.pop(invite_id, None)
        if coalition is not None:
            self.rosters[coalition].add(home)
        return coalition

    def welcomed(self, home: bytes, charter: bytes, epoch: bytes) -> bytes | None:
        if epoch not in self.invitations:
            return None
        self.secrets[epoch] = self.invitations[epoch]
        self.rosters[epoch] = {home, self.home}
        return epoch

    def wanted(self) -> dict[bytes, list[str]]:
        return {}

    def awaited(self) -> frozenset[bytes]:
        return frozenset(home for home, state in self.states.items() if state == "asked")

    def day_of_peer(self, home: bytes, day: int) -> None:
        self.told.append(("day", home, day))
