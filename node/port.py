"""The node as the links see it: sync's port over the store."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Collection, Iterable, Sequence
from typing import TYPE_CHECKING

from node import VERSION
from node.actions import recovery, restored
from node.actions.neighborhoods import sponsor
from node.actions.reach import addresses_by_home
from node.store import aside, neighbors
from node.store.known import DISPUTED_DAY
from node.store.records import Outcome
from node.store.sets import set_of
from node.views import posts
from protocol.errors import Fault, TheirFault
from protocol.judge import Checked
from protocol.kinds.roster import Charter
from protocol.kinds.table import KINDS
from protocol.record import Record, parse
from protocol.scopes import EPOCH_2020_S
from sync.days import Days
from sync.frames import RECORDS_MAX, RECORDS_SIZE_MAX_BYTES
from sync.index import RangeIndex
from sync.port import Point, Taken
from sync.sets import SetKey
from sync.sketch import Sketch

if TYPE_CHECKING:
    from node.app import Node

NAME_MAX = 60
CLOCK_SET_S = 3600.0  # a clock that is this much further than the time that has passed was set


def coalition_secret(charter: Record) -> bytes:
    """What only holders of the charter know: the key of the blinds."""
    return hashlib.sha256(b"barnraise/1 coalition\x00" + charter.payload).digest()


class StorePort:
    """See sync.port.Port."""

    def __init__(self, node: Node) -> None:
        self.node = node
        self.days = Days()
        self.partners: Callable[[], Iterable[bytes]] = tuple  # whose pair sets are not known to be equal
        self._secrets: dict[bytes, bytes] = {}
        self._clock_ahead_s: float | None = None  # of a clock that is never set

    @property
    def home(self) -> bytes:
        return self.node.records.own_home

    @property
    def name(self) -> str:
        return self.node.setting("neighborhood")[:NAME_MAX]

    @property
    def software(self) -> str:
        return f"barnraise {VERSION}"

    def today(self) -> int:
        return self.node.today()

    def floor(self) -> int:
        """The last day deleted through. One that lies ahead was reached on a clock that has been set right:

        then what was deleted is not over, and may come back.
        """
        return min(int(self.node.setting("floor") or 0), self.today())

    # coalitions

    def coalitions(self) -> dict[bytes, bytes]:
        found = {}
        for row in neighbors.coalitions(self.node.connection, "joined"):
            if row.id not in self._secrets:
                held = self.node.records.message(row.id)
                charter = held or bytes.fromhex(self.node.setting(_charter_shown(row.id)))
                if not charter:
                    continue
                self._secrets[row.id] = coalition_secret(parse(charter))
            found[row.id] = self._secrets[row.id]
        return found

    def members(self, coalition: bytes) -> frozenset[bytes]:
        roster = self.node.records.known.rosters.get(coalition)
        return roster.members if roster is not None else frozenset()

    def charter(self, coalition: bytes) -> tuple[bytes, bytes] | None:
        message = self.node.records.message(coalition)
        roster = self.node.records.known.rosters.get(coalition)
        return (message, roster.in_force) if message is not None and roster is not None else None

    def may_pair(self, home: bytes) -> bool:
        if home == self.home:
            return False
        if self.neighbor_state(home) == "linked":
            return True
        return any({home, self.home} <= self.members(coalition) for coalition in self.coalitions())

    # sets and records

    def index(self, key: SetKey, created_before: int, expires_after: int) -> RangeIndex:
        return self.node.records.indexes.within(key, created_before, expires_after)

    def sketch(self, key: SetKey, created_before: int, expires_after: int) -> Sketch | None:
        secret = self.coalitions().get(key[1]) if key[0] == "coalition" else None
        if secret is None:
            return None
        return self.node.records.indexes.sketch(key, secret, created_before, expires_after)

    def sets_of(self, record: Record) -> list[SetKey]:
        kind = KINDS.get(record.kind)
        if kind is not None and kind.group == "keys":
            # only where the roster names this home: a coalition is not told whom else we are linked with
            item = (record.created - EPOCH_2020_S, record.id)
            rosters: list[SetKey] = [("roster", coalition) for coalition in self.coalitions()]
            return [key for key in rosters if item in self.node.records.index(key)]
        key = set_of(record, self.home)
        return [key] if key is not None else []

    def sets_of_id(self, record_id: bytes) -> list[SetKey]:
        record = self.node.records.get(record_id)
        return self.sets_of(record) if record is not None else []

    def message(self, record_id: bytes) -> bytes | None:
        return self.node.records.message(record_id)

    def holds(self, record_id: bytes) -> bool:
        return self.node.records.holds(record_id)

    def urgent(self, ids: Collection[bytes]) -> list[bytes]:
        return posts.urgent(self.node.connection, ids)

    def add(self, messages: Sequence[bytes], home: bytes) -> Taken:
        with self.node.records.transaction():
            added = [self.node.pair_room.add(message) for message in messages]
        return _taken([one.outcome for one in added], [one.record for one in added])

    def take(self, records: Sequence[Record], home: bytes, checked: Checked) -> Taken:
        room = self.node.pair_room
        fits = [room.claim(record) for record in records]
        taken = iter(
            self.node.records.take([r for r, fit in zip(records, fits, strict=True) if fit], checked)
        )
        outcomes = [next(taken) if fit else "not_now" for fit in fits]
        for record, fit, outcome in zip(records, fits, outcomes, strict=True):
            if fit and outcome != "new":
                room.release(record)
        return _taken(outcomes, records)

    def stream_point(self, key: SetKey) -> Point | None:
        time, _, record_id = self.node.setting(_streamed(key)).partition(" ")
        return (int(time), bytes.fromhex(record_id)) if record_id else None

    def keep_stream_point(self, key: SetKey, point: Point | None) -> None:
        with self.node.records.transaction(durable=False):  # it may not reach the disk before the records do
            self.node.set_setting(_streamed(key), f"{point[0]} {point[1].hex()}" if point else "")

    # what was signed with an earlier key

    def wants_aside(self, key: SetKey, home: bytes) -> bool:
        return restored.wants_aside(self.node, key, home)

    def aside(self, key: SetKey, home: bytes, after: int) -> tuple[list[bytes], int]:
        scope = self.node.records.indexes.scope(key)
        rows = aside.of_scope(self.node.connection, scope, home, after, RECORDS_MAX + 1)
        messages: list[bytes] = []
        size = number = 0
        for seq, message in rows:
            size += len(message) + 3
            if len(messages) == RECORDS_MAX or (messages and size > RECORDS_SIZE_MAX_BYTES):
                return messages, number
            messages.append(message)
            number = seq
        return messages, 0

    def aside_came(self, key: SetKey, home: bytes) -> None:
        recovery.all_given(self.node, key, home)

    def keys_of_sheet(self, named: bytes) -> list[bytes]:
        for chain in self.node.records.known.chains.values():
            if named in chain.steps[-1].recovery.hashes:
                held = [self.node.records.message(step.record_id) for step in chain.steps]
                return [message for message in held if message is not None]
        return []

    def in_step(self, key: SetKey, home: bytes) -> None:
        if self.node.setting(_streamed(key)):  # by whatever way the rest came
            self.keep_stream_point(key, None)
        if key[0] != "roster":
            restored.set_equal(self.node, key, home)
        if key[0] == "pair":
            self.node.pair_in_step(home)
        elif key[0] == "roster":
            restored.roster_proven(self.node, key[1])
            restored.keys_proven(self.node)  # they are part of that set

    # people's decisions about neighbors

    def heard(self, home: bytes, name: str) -> None:
        row = neighbors.neighbor(self.node.connection, home)
        if row is None and not self.may_pair(home):
            return
        with self.node.records.transaction():
            if row is None:
                neighbors.set_neighbor(self.node.connection, home, "")
            neighbors.heard(self.node.connection, home, name[:NAME_MAX], self.node.now())
            self._take_keys(home)

    def introduced(self, home: bytes) -> None:
        """`home` greeted us. A new key of a home that we have to do with counts from here on, not from its
        first frame: until then whoever stole the earlier one could greet us in its place."""
        if home in self.node.records.known.wanted:
            with self.node.records.transaction():
                self._take_keys(home)

    def current_key(self, home: bytes) -> bytes | None:
        chain = self.node.records.known.chains.get(home)
        return chain.current if chain is not None else None

    def _take_keys(self, home: bytes) -> None:
        """Put the key records that `home` showed in its handshake through the door."""
        for message in self.node.introduced.get(home, ()):
            self.node.records.add(message)

    def knows(self, home: bytes) -> bool:
        return self.neighbor_state(home) in ("asked", "asks", "linked") or self.may_pair(home)

    def neighbor_state(self, home: bytes) -> str:
        row = neighbors.neighbor(self.node.connection, home)
        return row.state if row is not None else ""

    def asked(self, home: bytes, name: str, message: str) -> str:
        state = self.neighbor_state(home)
        if state in ("linked", "declined"):
            return state
        if state != "asked":
            waiting = [r for r in neighbors.neighbors(self.node.connection) if r.state == "asks"]
            if len(waiting) >= neighbors.NEIGHBORS_ASKING_MAX:
                return state
        new = "linked" if state == "asked" else "asks"
        with self.node.records.transaction():
            neighbors.set_neighbor(
                self.node.connection, home, new, name=name[:NAME_MAX], message=message[:500]
            )
            self.node.records.known_changed()
            self._take_keys(home)
        return new

    def ask_message(self, home: bytes) -> str:
        row = neighbors.neighbor(self.node.connection, home)
        return row.message if row is not None and row.state == "asked" else ""

    def offered(self, home: bytes, charter: bytes, epoch: bytes) -> None:
        try:
            record = parse(charter)
        except TheirFault:
            return
        said = Charter.read(record) if record.kind == "charter" else None
        if said is None or neighbors.coalition(self.node.connection, record.id) is not None:
            return
        if len(neighbors.coalitions(self.node.connection, "offered")) >= neighbors.NEIGHBORS_ASKING_MAX:
            return
        with self.node.records.transaction():
            neighbors.set_coalition(
                self.node.connection,
                record.id,
                "offered",
                name=said.name,
                agreement=said.agreement,
                anchor=epoch,
                from_home=home,
            )
            self._await_founder(record)
            self.node.records.known_changed()
            self.node.records.add(charter)

    def _await_founder(self, charter: Record) -> None:
        """A charter enters when its founder's keys are known. Whoever showed it need not be the founder.

        Until then take in the founder's key records when they come, and keep the charter for its secret:
        without that nobody would share the roster set with us, in which those key records come.
        """
        if charter.home not in self.node.records.known.chains:
            self.node.set_setting(_charter_shown(charter.id), charter.message.hex())
            if neighbors.neighbor(self.node.connection, charter.home) is None:
                neighbors.set_neighbor(self.node.connection, charter.home, "")

    # joining by invitation

    def invited(self, invite_id: bytes, home: bytes) -> bytes | None:
        with self.node.records.transaction():
            coalition = neighbors.use_invite(self.node.connection, invite_id, home, self.node.now())
            if coalition is None:
                return None
            neighbors.set_neighbor(self.node.connection, home, "linked")
            self.node.records.known_changed()
            self._take_keys(home)
            try:
                sponsor(self.node, home, coalition)
            except Fault:
                return None
        return coalition

    def welcomed(self, home: bytes, charter: bytes, epoch: bytes) -> bytes | None:
        try:
            record = parse(charter)
        except TheirFault:
            return None
        said = Charter.read(record) if record.kind == "charter" else None
        invite = self.node.invites_entered.get(home)
        if said is None or invite is None or record.id != invite.coalition:
            return None
        with self.node.records.transaction():
            neighbors.set_neighbor(self.node.connection, home, "linked", address=invite.addresses[0])
            neighbors.set_coalition(
                self.node.connection,
                record.id,
                "joined",
                name=said.name,
                agreement=said.agreement,
                anchor=invite.epoch,
                from_home=home,
            )
            self._await_founder(record)
            self.node.records.known_changed()
            self._take_keys(home)
            self.node.records.add(charter)
        return record.id

    # whom to call, and what day it is

    def wanted(self) -> dict[bytes, list[str]]:
        return addresses_by_home(self.node)

    def awaited(self) -> frozenset[bytes]:
        """Whom a coordinator asked for a link, and with whom promises or hours wait to be shared."""
        asked = [row.home for row in neighbors.neighbors(self.node.connection) if row.state == "asked"]
        return frozenset([*asked, *self.partners()])

    def day_of_peer(self, home: bytes, day: int) -> None:
        if not self.knows(home):
            return  # anybody can make a few neighborhoods and say that it is another year
        self.days.note(home, day, self.node.own_clock_day())
        self._agree_on_day()

    def _agree_on_day(self) -> None:
        before_build = self.node.clock_before_build()
        self.node.day_offset = self.days.offset(clock_set=not before_build)
        self.node.clock_unset = before_build or self.days.clock_unset()
        disputed_by = 0 if before_build else self.days.disputed_by()
        self._heed_dispute(self.node.own_clock_day() - disputed_by if disputed_by else None)

    def _heed_dispute(self, day: int | None) -> None:
        """While nobody can tell whose clock is right, nothing is over that is not over by the earlier one.

        What the two compare is all that neither holds to be over; and without the cards of others, a node
        whose own clock is ahead would never find a third that could tell.
        """
        said = "" if day is None else str(day)
        if said != self.node.setting(DISPUTED_DAY):
            with self.node.records.transaction():
                self.node.set_setting(DISPUTED_DAY, said)
                self.node.records.known_changed()

    def watch_clock(self, steady_s: float) -> None:
        """Notice that our own clock was set while we run, against one that never is.

        What others' days differed by counted from the old time: it is forgotten until they say theirs again.
        """
        ahead_s = self.node.now() - steady_s
        before_s, self._clock_ahead_s = self._clock_ahead_s, ahead_s
        if before_s is not None and abs(ahead_s - before_s) > CLOCK_SET_S:
            self.days.differences.clear()
            if not self.node.clock_before_build():
                self._agree_on_day()


def _taken(outcomes: Sequence[Outcome], records: Sequence[Record | None]) -> Taken:
    others = [
        record.id
        for outcome, record in zip(outcomes, records, strict=True)
        if outcome not in ("new", "never") and record is not None
    ]
    return Taken(outcomes.count("new"), outcomes.count("never"), tuple(others))


def _streamed(key: SetKey) -> str:
    return f"streamed {key[0]} {key[1].hex()}"


def _charter_shown(coalition: bytes) -> str:
    return f"charter {coalition.hex()}"
