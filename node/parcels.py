"""Sending and opening parcels: pair records for neighborhoods with which there is no direct link."""

from __future__ import annotations

import logging
from collections.abc import Callable
from typing import TYPE_CHECKING

from node.actions import restored
from node.actions.acting import say
from node.store import neighbors
from protocol.encoding import encode
from protocol.errors import Fault, TheirFault
from protocol.kinds.parcel import PADDED_SIZES_BYTES, RECORDS_MAX, Parcel, content_size_bytes, seal, try_open
from protocol.kinds.roster import Roster
from protocol.record import Record
from protocol.scopes import PAIR, coalition, pair, partner
from sync.index import RangeIndex
from sync.parcels import Due, Schedule, differing, equal, ranges_of

if TYPE_CHECKING:
    from node.app import Node

log = logging.getLogger("barnraise.parcels")

LIFE_DAYS = 29
PARCELS_AT_ONCE_MAX = 4
ASK_AFTER_S = 120.0  # of being linked: by then we have the others' cards of today
_ASKED = "asked_after_restore"


class Parcels:
    """The parcels of one node. `chance` gives a float in [0, 1) for jitter."""

    def __init__(self, node: Node, chance: Callable[[], float]) -> None:
        self.node = node
        self.chance = chance
        self.schedule = Schedule()
        self._ask_at: float | None = None
        self._newest: dict[bytes, int] = {}  # when the newest parcel of a partner was made

    def start(self, now: float) -> None:
        """After a start, or where there may be a way again: what is not known to have arrived goes out."""
        for scope, newest in neighbors.pair_partners(self.node.connection, self.node.home):
            home = self._partner(scope)
            waits = home not in self.schedule.due and self._rosters(home)
            if waits and neighbors.awaiting(self.node.connection, self.node.home, home, newest):
                self.schedule.changed(home, now, self.chance())

    def _partner(self, scope: bytes) -> bytes:
        one, other = scope[4:36], scope[38:70]  # 83 01 5820 <32> 5820 <32>
        return other if one == self.node.home else one

    def news(self, records: list[Record], now: float) -> None:
        """Records that entered the store: pair records to be sent on, parcels to be opened."""
        for record in records:
            if record.scope[0] == PAIR:
                self.schedule.changed(partner(record.scope, self.node.home), now, self.chance(), record.id)
            elif record.kind == "node":
                self.schedule.reachable(record.home, now, self.chance())
            elif record.kind == "parcel" and record.home != self.node.home:
                self._open(record, now)

    def in_step(self, home: bytes) -> None:
        """Both sides of a pair set hold the same."""
        scope = encode(list(pair(self.node.home, home)))
        seq = neighbors.last_seq(self.node.connection, scope)
        with self.node.records.transaction():
            neighbors.set_in_step(self.node.connection, home, seq)
        self.schedule.in_step(home)

    def tick(self, now: float) -> None:
        """Send what is due, except to neighbors on a direct link, where the pair set goes by itself."""
        self._ask_after_restore(now)
        for home in self.schedule.ready(now):
            if home in self.node.connected:
                self.schedule.held_up(home, now, self.chance())
            elif not (rosters := self._rosters(home)):
                self.schedule.in_step(home)  # no way, until a roster changes: `start` comes back to it
            elif self._send(home, self.schedule.due[home], rosters, now):
                self.schedule.sent(home, now, self.chance())
            else:
                self.schedule.held_up(home, now, self.chance())
        if self.schedule.has_room():
            self.start(now)

    def _ask_after_restore(self, now: float) -> None:
        """Once: partners believe that we hold what a backup does not know, and would not send it again."""
        told = restored.last(self.node)
        if told is None or not self.node.connected or self.node.setting(_ASKED) == str(told.at):
            self._ask_at = None
            return
        self._ask_at = self._ask_at or now + ASK_AFTER_S
        if now >= self._ask_at:
            members = (roster.members for roster in self.node.records.known.rosters.values())
            for home in sorted(frozenset[bytes]().union(*members) - {self.node.home}):
                self.schedule.ask(home, now, self.chance())
            self.node.set_setting(_ASKED, str(told.at))

    def _rosters(self, home: bytes) -> list[Roster]:
        """Those of the coalitions that both are in, first where somebody is linked who could carry it on."""
        both = {home, self.node.home}
        shared = [roster for roster in self.node.records.known.rosters.values() if both <= roster.members]
        return sorted(shared, key=lambda r: (self.node.connected.isdisjoint(r.members), r.coalition))

    def _send(self, home: bytes, entry: Due, rosters: list[Roster], now: float) -> bool:
        """Make the parcels of one partner. False where there is no room for them, or no card to seal to."""
        node = self.node
        prekey = neighbors.card_prekey(node.connection, home)
        if prekey is None:
            return False  # until then the page says that it waits for delivery
        roster = rosters[entry.turn % len(rosters)]  # where it does not arrive, it tries another coalition
        if not self._has_room(roster, entry):
            return False
        ranges = ranges_of(self._index(home))
        for batch in self._batches(home, entry, len(ranges), now):
            parcel = Parcel(node.home, home, node.random(16), tuple(batch), tuple(ranges))
            try:
                body = {"sealed": seal(parcel, prekey, node.random(32))}
                say(node, None, "parcel", coalition(roster.coalition), body, life_days=LIFE_DAYS)
            except (
                Fault,
                ValueError,
            ) as error:  # ValueError: nothing can be sealed to the prekey on their card
                log.warning("a parcel for %s could not be sent: %s", home.hex()[:8], error)
                break
        return True

    def _has_room(self, roster: Roster, entry: Due) -> bool:
        """Parcels leave room in the neighborhood's quota for its card and all else that it says.

        Up to half of it may be parcels that are sent again, up to three quarters such as bring something new.
        """
        scope = encode(list(coalition(roster.coalition)))
        living = neighbors.own_parcels(self.node.connection, self.node.home, scope, self.node.today())
        quarters = 3 if entry.fresh or not entry.turn or entry.acknowledge_only else 2
        return living < roster.charter.home_things * quarters // 4

    def _batches(self, home: bytes, entry: Due, ranges: int, now: float) -> list[list[bytes]]:
        """What goes into each parcel; of more than four, the next ones at the next time."""
        node = self.node
        if entry.acknowledge_only:
            return [[]]
        chosen = entry.fresh if entry.carries_fresh(now) else entry.lacking
        if chosen:
            found = [node.records.message(record_id) for record_id in chosen]
            messages = [message for message in found if message is not None]
        else:
            row = neighbors.neighbor(node.connection, home)
            since = row.in_step_seq if row is not None else 0
            scope = encode(list(pair(node.home, home)))
            messages = node.records.messages_since(scope, since)
        room = PADDED_SIZES_BYTES[-1] - 2
        batches: list[list[bytes]] = [[]]
        for message in messages:
            if content_size_bytes([message], ranges) > room:
                continue  # only on a direct link
            full = len(batches[-1]) >= RECORDS_MAX
            if full or content_size_bytes([*batches[-1], message], ranges) > room:
                batches.append([])
            batches[-1].append(message)
        first = entry.turn * PARCELS_AT_ONCE_MAX % len(batches) if chosen is not entry.fresh else 0
        return (batches[first:] + batches[:first])[:PARCELS_AT_ONCE_MAX]

    def _open(self, record: Record, now: float) -> None:
        node = self.node
        sealed = record.body.get("sealed")
        if type(sealed) is not bytes:
            return
        keys = [(public, private) for public, private, _ in neighbors.prekeys(node.connection)]
        try:
            parcel = try_open(sealed, keys)
        except TheirFault as fault:
            log.info("a parcel from %s opened to nonsense: %s", record.home.hex()[:8], fault.code)
            return
        if parcel is None:
            return
        if parcel.sender != record.home or parcel.recipient != node.home:
            log.info("a parcel from %s was wrapped by another", record.home.hex()[:8])
            return
        with node.records.transaction():
            outcomes = [node.pair_room.add(message).outcome for message in parcel.records]
        if record.created < self._newest.get(parcel.sender, 0):
            return  # by now the sender holds more: its fingerprints of then say nothing
        self._newest[parcel.sender] = record.created
        index = self._index(parcel.sender)
        if equal(index, parcel.ranges):
            self.in_step(parcel.sender)
            lacking: list[bytes] = []
        else:
            lacking = differing(index, parcel.ranges)
        self.schedule.received(
            parcel.sender, bool(parcel.records), lacking, now, self.chance(), brought_new="new" in outcomes
        )

    def _index(self, home: bytes) -> RangeIndex:
        """What the two should hold alike: without what is over, which either may have deleted already."""
        return self.node.records.indexes.within(("pair", home), 2**40, self.node.today())
