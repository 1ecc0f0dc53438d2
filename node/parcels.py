"""Sending and opening parcels: pair records for neighborhoods with which there is no direct link."""

from __future__ import annotations

import logging
from collections.abc import Callable
from typing import TYPE_CHECKING

from node.actions.acting import say
from node.store import neighbors
from protocol.encoding import encode
from protocol.errors import Fault, TheirFault
from protocol.kinds.parcel import PADDED_SIZES_BYTES, RECORDS_MAX, Parcel, content_size_bytes, seal, try_open
from protocol.record import Record
from protocol.scopes import PAIR, coalition, pair, partner
from sync.index import RangeIndex
from sync.parcels import Schedule, differing, equal, ranges_of

if TYPE_CHECKING:
    from node.app import Node

log = logging.getLogger("barnraise.parcels")

LIFE_DAYS = 29
PARCELS_AT_ONCE_MAX = 4


class Parcels:
    """The parcels of one node. `chance` gives a float in [0, 1) for jitter."""

    def __init__(self, node: Node, chance: Callable[[], float]) -> None:
        self.node = node
        self.chance = chance
        self.schedule = Schedule()

    def start(self, now: float) -> None:
        """After a start: whatever is not known to have arrived goes out again."""
        for scope, newest in neighbors.pair_partners(self.node.connection, self.node.home):
            home = self._partner(scope)
            if neighbors.awaiting(self.node.connection, self.node.home, home, newest):
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
        for home in self.schedule.ready(now):
            if home not in self.node.connected:
                self._send(home)
            self.schedule.sent(home, now, self.chance())

    def _send(self, home: bytes) -> None:
        node = self.node
        shared = [
            c for c, roster in node.records.known.rosters.items() if {home, node.home} <= roster.members
        ]
        prekey = neighbors.card_prekey(node.connection, home)
        if not shared or prekey is None:
            return  # sent again later; until then the page says that it waits for delivery
        entry = self.schedule.due[home]
        ranges = ranges_of(self._index(home))
        for batch in self._batches(home, entry.lacking, entry.acknowledge_only, len(ranges)):
            parcel = Parcel(node.home, home, node.random(16), tuple(batch), tuple(ranges))
            try:
                body = {"sealed": seal(parcel, prekey, node.random(32))}
                say(node, None, "parcel", coalition(min(shared)), body, life_days=LIFE_DAYS)
            except (
                Fault,
                ValueError,
            ) as error:  # ValueError: nothing can be sealed to the prekey on their card
                log.warning("a parcel for %s could not be sent: %s", home.hex()[:8], error)
                return

    def _batches(
        self, home: bytes, lacking: tuple[bytes, ...], only_acknowledge: bool, ranges: int
    ) -> list[list[bytes]]:
        node = self.node
        if only_acknowledge:
            return [[]]
        if lacking:
            found = [node.records.message(record_id) for record_id in lacking]
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
        return batches[:PARCELS_AT_ONCE_MAX]

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
            outcomes = [node.records.add(message).outcome for message in parcel.records]
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
