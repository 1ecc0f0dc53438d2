"""What the vectors of records have in common: three neighborhoods, a coalition, and how a case is written.

Riverbend reads. Oak Street is its neighbor and a voter of the coalition "The valley", as is Riverbend. Harbor
Hill is nobody to it. Every case makes a scene of its own, so that a new case changes no other one's bytes.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any, TypeAlias

from protocol.encoding import decode, encode, head
from protocol.kinds.roster import homes_named
from protocol.record import Record, assemble, to_be_signed
from protocol.scopes import EPOCH_2020_S
from protocol.signing import sign
from sync.index import fingerprint
from tests.protocol.helpers import TODAY, Coalition, Neighborhood

Vector: TypeAlias = dict[str, Any]
Case: TypeAlias = tuple[str, Vector]

_ROSTER = ("charter", "epoch", "assent", "sponsor", "leave")


class Scene:
    """Everybody, freshly made. `charter` is what the coalition's charter says besides its name."""

    def __init__(self, **charter: Any) -> None:
        self.riverbend, self.oak = Neighborhood("Riverbend"), Neighborhood("Oak Street")
        self.harbor = Neighborhood("Harbor Hill")
        self.region = Coalition("The valley", self.riverbend, self.oak, **charter)
        self.tip = self.region.agreed(self.region.charter, [self.riverbend, self.oak])
        self.ana, self.cem = self.riverbend.member("Ana"), self.riverbend.member("Cem")
        self.ben, self.bea = self.oak.member("Ben"), self.oak.member("Bea")
        self.hana = self.harbor.member("Hana")
        self.scope = self.region.scope
        self.neighbors = [self.oak]
        self.coalitions = [self.region]
        self.anchor: Record | None = None

    def reader(self, day: int = TODAY) -> dict[str, Any]:
        anchor = self.anchor.id.hex() if self.anchor is not None else None
        return {
            "home": self.riverbend.id.hex(),
            "day": day,
            "neighbors": [home.id.hex() for home in self.neighbors],
            "coalitions": [{"id": c.id.hex(), "anchor": anchor} for c in self.coalitions],
        }

    def held(self) -> list[Record]:
        """The key and roster records that the reader holds before."""
        homes = {home.id: home for home in (self.riverbend, *self.neighbors)}
        for coalition in self.coalitions:
            homes |= coalition.homes
        keys = [record for home in homes.values() for record in home.key_records]
        return [*keys, *(record for coalition in self.coalitions for record in coalition.records)]

    def unheard(self, *records: Record) -> list[Record]:
        """Take roster records back that the coalition has kept: the reader is yet to hear them."""
        taken = {record.id for record in records}
        self.region.records = [record for record in self.region.records if record.id not in taken]
        named = homes_named(self.region.records)
        self.region.homes = {home_id: home for home_id, home in self.region.homes.items() if home_id in named}
        return list(records)

    def refused(
        self,
        stage: str,
        code: str,
        about: str,
        message: bytes | Record,
        *,
        sound: Record | None = None,
        held: Iterable[Record] = (),
        day: int = TODAY,
        known: Sequence[Record] | None = None,
    ) -> Vector:
        """A record that must not get in. `sound` is the same without the fault."""
        vector: Vector = {"about": about, "stage": stage, "code": code, "reader": self.reader(day)}
        vector["held"] = hexed([*(self.held() if known is None else known), *held])
        vector["record"] = _bytes(message).hex()
        if sound is not None:
            vector["sound"] = sound.message.hex()
        return vector

    def taken(
        self, about: str, record: Record, *, held: Iterable[Record] = (), day: int = TODAY, **more: Any
    ) -> Vector:
        """A record that must get in, odd as it may look."""
        vector: Vector = {"about": about, "stage": "in", "reader": self.reader(day)}
        vector["held"] = hexed([*self.held(), *held])
        vector["record"] = record.message.hex()
        vector["id"], vector["thing"] = record.id.hex(), record.thing.hex()
        return vector | more

    def state(
        self,
        about: str,
        given: Sequence[Record],
        kept: Iterable[Record],
        *,
        aside: Iterable[Record] = (),
        held: Iterable[Record] = (),
        known: Sequence[Record] | None = None,
        day: int = TODAY,
        later: int | None = None,
        **state: Any,
    ) -> Vector:
        """`kept` of `given` (and of what is held before) are in their sets in the end, and `aside` are aside."""
        before = [*(self.held() if known is None else known), *held]
        outside = {record.id for record in aside}
        inside = {record.id: record for record in [*before, *kept] if record.id not in outside}
        gone = {record.id for record in state.pop("gone", ())}
        inside = {record_id: record for record_id, record in inside.items() if record_id not in gone}
        vector: Vector = {"about": about, "stage": "state", "reader": self.reader(day)}
        vector["held"], vector["given"] = hexed(before), hexed(given)
        if later is not None:
            vector["later"] = later
        sets = sets_of(inside.values(), self)
        vector["state"] = {"in": sorted(i.hex() for i in inside), "aside": sorted(i.hex() for i in outside)}
        return vector | {"state": vector["state"] | {"sets": sets} | state}


def sets_of(records: Iterable[Record], scene: Scene) -> list[dict[str, Any]]:
    """The sets that these records form for Riverbend, each with its items in order and its fingerprint."""
    held = list(records)
    sets: dict[str, tuple[list[Any], list[Record]]] = {}

    def put(place: list[Any], record: Record) -> None:
        sets.setdefault(str(place), (place, []))[1].append(record)

    for record in held:
        scope = record.scope
        if record.kind in _ROSTER:
            put([0, (record.id if record.kind == "charter" else scope[1]).hex()], record)
        elif len(scope) == 2:
            put([1, scope[1].hex()], record)
        elif scope[0] == 1:
            put([2, (scope[2] if scope[1] == scene.riverbend.id else scope[1]).hex()], record)
    for place, roster in sets.values():
        if place[0] == 0:
            named = homes_named(roster)
            roster += [r for r in held if r.kind in ("inception", "rotation") and r.home in named]
    result = []
    for place, found in sorted(sets.values(), key=lambda item: str(item[0])):
        items = sorted((record.created - EPOCH_2020_S, record.id) for record in found)
        total = sum(int.from_bytes(record_id, "little") for _, record_id in items)
        result.append(
            {
                "set": place,
                "ids": [record_id.hex() for _, record_id in items],
                "fingerprint": fingerprint(len(items), total % 2**256).hex(),
            }
        )
    return result


def hexed(records: Iterable[Record]) -> list[str]:
    return list(dict.fromkeys(record.message.hex() for record in records))


def _bytes(message: bytes | Record) -> bytes:
    return message if isinstance(message, bytes) else message.message


def signed(payload: bytes, *seeds: bytes) -> bytes:
    """A message of any payload bytes, properly signed."""
    return assemble(payload, [sign(seed, to_be_signed(payload)) for seed in seeds])


def seeds_of(scene: Scene, record: Record) -> list[bytes]:
    """The seeds that sign `record`: its member's, then its home's."""
    people = (scene.ana, scene.cem, scene.ben, scene.bea, scene.hana)
    homes = (scene.riverbend, scene.oak, scene.harbor)
    members = [person.seed for person in people if person.key == record.author]
    return [*members, *(home.seed for home in homes if home.id == record.home)]


def altered(scene: Scene, record: Record, drop: tuple[int, ...] = (), **changes: Any) -> bytes:
    """`record` with payload fields replaced (f1=..., f12=...) or dropped, and signed again by the same keys."""
    fields = decode(record.payload, 8192) | {int(name[1:]): value for name, value in changes.items()}
    payload = encode({key: value for key, value in fields.items() if key not in drop})
    return signed(payload, *seeds_of(scene, record))


def spelled(pairs: Sequence[tuple[bytes, bytes]]) -> bytes:
    """A map of already encoded keys and values, in the order given."""
    return head(5, len(pairs)) + b"".join(key + value for key, value in pairs)


def entries(record: Record, **raw: bytes) -> list[tuple[bytes, bytes]]:
    """The encoded keys and values of a payload, some replaced by raw bytes (f7=..., f12=...)."""
    fields = decode(record.payload, 8192)
    values = {int(name[1:]): value for name, value in raw.items()}
    return [(encode(key), values[key] if key in values else encode(value)) for key, value in fields.items()]


def rewritten(scene: Scene, record: Record, **raw: bytes) -> bytes:
    """`record` with some values given as raw bytes, and signed again by the same keys."""
    return signed(spelled(entries(record, **raw)), *seeds_of(scene, record))
