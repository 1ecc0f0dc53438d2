"""How much room a neighborhood has here for what it shares with us alone.

Pair records are in no quota: hours stand for good, and which of them are in must not hang on how many there
are. So one neighborhood could fill the disk. What another signs in our pair therefore finds BYTES_MAX here,
and, once it has taken up half of that, BYTES_PER_DAY more each day. What is beyond is not refused: it is not
taken in now, stays with the neighborhood that made it, and comes by the next comparison, parcel or stick when
there is room. Our own words, and other neighborhoods', are not touched by it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from node.store import pairs
from node.store.records import Added
from protocol.errors import TheirFault
from protocol.record import Record, parse
from protocol.scopes import PAIR, scope_bytes

if TYPE_CHECKING:
    from node.app import Node

BYTES_MAX = 64 * 2**20  # some 100,000 records of the usual size
BYTES_PER_DAY = 2**20  # some 1,600


class PairRoom:
    """The room of each neighborhood. `waiting`: records that found none since this node started."""

    def __init__(self, node: Node) -> None:
        self.node = node
        self.waiting: dict[bytes, int] = {}
        self._used: dict[bytes, int] = {}  # bytes held, by home; counted anew each day
        self._day = -1

    def limit_bytes(self, home: bytes) -> int:
        """What `home` may have here today."""
        since = self.node.setting(_filling_since(home))
        days = max(0, self.node.today() - int(since)) if since else 0
        return BYTES_MAX + days * BYTES_PER_DAY

    def claim(self, record: Record) -> bool:
        """Whether there is room for a record that knocks; takes it up, until `release`."""
        home = record.home
        if record.scope[0] != PAIR or home == self.node.home:
            return True
        used, size = self._used_by(record), len(record.message)
        if used + size > self.limit_bytes(home) and not pairs.erases_what_is_held(
            self.node.connection, record
        ):
            self.waiting[home] = self.waiting.get(home, 0) + 1
            return False
        self._used[home] = used + size
        if used < BYTES_MAX // 2 <= used + size and not self.node.setting(_filling_since(home)):
            with self.node.records.transaction():
                self.node.set_setting(_filling_since(home), str(self.node.today()))
        return True

    def release(self, record: Record) -> None:
        """A record that claimed room was not new."""
        if record.scope[0] == PAIR and record.home in self._used:
            self._used[record.home] -= len(record.message)

    def add(self, message: bytes) -> Added:
        """`Records.add` for bytes that another brought."""
        try:
            record = parse(message)
        except TheirFault:
            return self.node.records.add(message)
        if not self.claim(record):
            return Added("not_now", "over_quota", record)
        added = self.node.records.add(message, record)
        if added.outcome != "new":
            self.release(record)
        return added

    def _used_by(self, record: Record) -> int:
        if self._day != self.node.today():
            self._day = self.node.today()
            self._used.clear()
        if record.home not in self._used:
            scope = scope_bytes(record.scope)
            self._used[record.home] = pairs.size_bytes(self.node.connection, scope, record.home)
        return self._used[record.home]


def _filling_since(home: bytes) -> str:
    return f"pair_filling_since {home.hex()}"
