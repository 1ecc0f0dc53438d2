"""Honest neighborhoods of a random history: each a real node over a real SQLite database in memory.

Nothing is replaced but the links (tests/histories/meetings.py) and the chance: store, judge, views, days and
the rules of who is shown what (`StorePort`) are the node's own. A home's people sign only what they mean;
what they meant is written down in the history's `Truth`, with which the properties compare.
"""

from __future__ import annotations

import random
import sqlite3
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any
from unittest.mock import patch

from sqlite_utils import Database

from node.actions import acting, recovery, restored
from node.app import Node
from node.keys import NodeKeys
from node.links import Links
from node.port import StorePort
from node.settings import Settings
from node.store import aside, neighbors, people
from node.store.database import open_database
from protocol.errors import OurFault
from protocol.kinds.roster import Roster
from protocol.record import Record
from protocol.scopes import DAY_S, coalition
from tests.protocol.helpers import Coalition, Neighborhood

if TYPE_CHECKING:
    from tests.histories.history import History

NAMES = ("Riverbend", "Oak Street", "Harbor Hill", "Mill Lane", "Fern Court")
PEOPLE = ("Ana", "Ben")
FIRST_DAY = 20_900  # after the program was built, so that clocks may be taken for set
START_S = FIRST_DAY * DAY_S + DAY_S // 2
SETTINGS = Settings(Path("nowhere"), discovery="off")


@dataclass(frozen=True)
class Founding:
    """The coalition as it stands before the first step: the same for all histories of one shape."""

    honest: int
    member_things: int
    home_things: int
    villain_votes: bool


@dataclass
class Founded:
    """Each home's store after the founding, as bytes, and the coalition's id."""

    coalition: bytes
    stores: dict[bytes, bytes] = field(default_factory=dict)


def neighborhoods(honest: int) -> list[Neighborhood]:
    """The honest ones and, last, the malicious one. Fresh objects with the same keys each time."""
    return [Neighborhood(name) for name in (*NAMES[:honest], "Mallory")]


@cache
def founded(shape: Founding) -> Founded:
    """The stores in which a history of this shape begins. Everything follows from names."""
    hoods = neighborhoods(shape.honest)
    region = Coalition(
        "The valley",
        *hoods,
        member_things=shape.member_things,
        home_things=shape.home_things,
    )
    first = region.agreed(region.charter, hoods[: shape.honest])
    tail = (hoods, ()) if shape.villain_votes else (hoods[:-1], hoods[-1:])
    region.agreed(first, tail[0], guests=tail[1], by=hoods[: shape.honest])
    result = Founded(region.id)
    for hood in hoods[:-1]:
        node = open_node(None, lambda: START_S, random.Random(0).randbytes)
        node.set_setting("home", hood.id.hex())
        node.set_setting("neighborhood", hood.name)
        node.records.own_home = hood.id
        for name in PEOPLE:
            row = people.MemberRow(hood.member(name).key, name, "coordinator", "en", b"", b"")
            people.add_member(node.connection, row, name.casefold(), START_S)
        for other in hoods:
            if other is not hood:
                neighbors.set_neighbor(node.connection, other.id, "linked", name=other.name)
        neighbors.set_coalition(node.connection, region.id, "joined", name="The valley", agreement="")
        node.records.known_changed()
        for record in [*(r for h in hoods for r in h.key_records), *region.records]:
            node.records.add(record.message)
        result.stores[hood.id] = node.connection.serialize()
    return result


def open_node(store: bytes | None, clock: Callable[[], float], chance: Callable[[int], bytes]) -> Node:
    """A node on a copy of `store` (None: an empty one), as after a start."""

    def copied(path: Path | None) -> Database:
        assert path is None and store is not None
        connection = sqlite3.connect(":memory:", isolation_level=None)
        connection.deserialize(store)
        return Database(connection)

    with patch("node.app.open_database", open_database if store is None else copied):
        return Node(SETTINGS, clock=clock, chance=chance, memory=True)


@dataclass(frozen=True)
class Backup:
    """What a home can go back to: the whole store, and the node key of that time."""

    store: bytes
    seed: bytes
    people: tuple[Any, ...]


class Home:
    """One honest neighborhood: its node and its people."""

    running = True

    def __init__(self, history: History, number: int, hood: Neighborhood, store: bytes) -> None:
        self.history = history
        self.number = number
        self.hood = hood
        self.home = hood.id
        self.people = [hood.member(name) for name in PEOPLE]
        self.clock_shift_s = 0
        self.chance = random.Random(f"{history.seed} {hood.name}")
        self.backups: list[Backup] = []
        self.restores = 0
        self.start(store)

    def __repr__(self) -> str:
        return self.hood.name

    def start(self, store: bytes) -> None:
        """The process starts on this store."""
        self.node = open_node(store, self.clock, self.chance.randbytes)
        self.node.keys = NodeKeys(self.hood.seed, bytes(32))
        self.port = StorePort(self.node)

    def clock(self) -> float:
        """What the clock on this machine says."""
        return float(max(0, self.history.now + self.clock_shift_s))

    @property
    def records(self) -> Any:
        return self.node.records

    @property
    def scope(self) -> Any:
        return coalition(self.history.coalition)

    def roster(self) -> Roster:
        return self.node.records.known.rosters[self.history.coalition]

    def rows(self, sql: str, *arguments: object) -> list[tuple[Any, ...]]:
        found: list[tuple[Any, ...]] = self.node.connection.execute(sql, arguments).fetchall()
        return found

    def held(self) -> set[bytes]:
        """The ids of all records here, kept aside or in their sets."""
        return {row[0] for row in self.rows("SELECT id FROM records")}

    # saying

    def say(self, person: Any, kind: str, scope: Any, body: dict[str, Any], **more: Any) -> Record:
        """Sign and store; what was stored was meant. Raises OurFault where the door does not let it in."""
        seed = person.seed if person is not None else None
        record = acting.say(self.node, seed, kind, scope, body, **more)
        self.history.truth.meant(self, record)
        return record

    def edit(self, person: Any, version: Record, body: dict[str, Any], erased: bool = False) -> Record:
        """The next version of a thing, or its author's mark."""
        if self.restores:
            self.history.truth.edited_in.setdefault(version.thing, set()).add(self.restores)
        number = restored.next_edit(self.node, version.thing, version.edit)
        message = self.hood.say(
            version.kind,
            version.scope,
            body,
            created=version.created,
            expires=version.expires,
            nonce=version.nonce,
            edit=number,
            erased=erased,
            member=person,
            seed=self.node.node_keys.seed,
        )
        with self.node.records.transaction():
            restored.remember(self.node, message, version.edit)
            record = acting.put(self.node, message)
        self.history.truth.meant(self, record)
        return record

    def put(self, record: Record) -> Record:
        """A record signed elsewhere, through the door; it was meant."""
        acting.put(self.node, record)
        self.history.truth.meant(self, record)
        return record

    def may_assent(self) -> bool:
        """Whether it has not just been restored: then its roster must have been equal to a peer's first."""
        try:
            restored.check_may_assent(self.node, self.history.coalition)
        except OurFault:
            return False
        return True

    # keys

    def locked_out(self) -> bool:
        """Whether the neighborhood has a newer node key than this machine holds."""
        chain = self.node.records.known.chains[self.home]
        return chain.current != self.node.node_keys.public

    def rotate(self) -> Record:
        """The people take their sheet and make a new node key, from the last one known here."""
        chain = self.node.records.known.chains[self.home]
        seed = self.chance.randbytes(32)
        record = self.hood.rotation(previous=chain.head, seed=seed)
        self.hood.seed = seed
        self.node.keys = NodeKeys(seed, bytes(32))
        self.history.truth.rotated(self, record)
        acting.put(self.node, record)
        restored.ask_again(self.node)
        self.sign_anew()
        return record

    def sign_anew(self) -> int:
        """Sign with the present key what the program does by itself, then what a coordinator finds waiting.

        They know what their node has said, and drop the rest. Gives how many came back.
        """
        if self.locked_out():
            return 0
        count = recovery.sign_all_anew(self.node)
        own, decided = self.node.node_keys.public, 0
        for line in recovery.rest(self.node):
            for record_id, message in aside.of_author(
                self.node.connection, self.home, own, line.author, line.kind
            ):
                decided += 1
                if self.history.truth.was_meant(record_id):
                    count += recovery._sign(self.node, [message])
                else:
                    aside.settle(self.node.connection, record_id, None, b"")
        return count + (recovery.sign_all_anew(self.node) if decided else 0)

    # days and machines

    def housekeep(self) -> None:
        """What a node does by itself each hour."""
        Links._housekeep(self)  # type: ignore[arg-type]  # it looks at node and port only

    def _keep_word(self) -> None:
        if not self.locked_out():
            Links._keep_word(self)  # type: ignore[arg-type]

    def back_up(self) -> None:
        """Keep a copy of store and key."""
        copy = self.node.connection.serialize()
        self.backups.append(Backup(copy, self.node.node_keys.seed, tuple(self.people)))

    def restore(self, backup: Backup) -> None:
        """Go back to a copy: what came since is forgotten here."""
        before = self.held()
        elsewhere = {i for home in self.history.homes if home is not self for i in home.held()}
        self.hood.seed = backup.seed
        self.people = list(backup.people)
        self.node.connection.close()
        self.start(backup.store)
        self.history.truth.went_back(before, self.held(), elsewhere)
        restored.mark(self.node.connection, source="backup", made=0, at=self.history.now)
        self.restores += 1
        self.history.finals.pop(self.number, None)  # it knows of no later one now

    def close(self) -> None:
        self.node.close()
