"""Quota slots: of each neighborhood the lowest things by hash are in, so every node keeps the same ones."""

from __future__ import annotations

import sqlite3

from protocol.kinds.erasure import erased_thing
from protocol.kinds.posts import standing_nonce
from protocol.kinds.roster import Roster
from protocol.kinds.table import KINDS, refers_to
from protocol.record import Record
from protocol.scopes import DAY_S, coalition, scope_bytes

ROSTER_SLOTS = 1_000
ACCOUNT_SLOTS = 1_000

MEMBER, HOME, ROSTER, SUCCESSION, CONTEST = b"m", b"h", b"r", b"s", b"c"


def slot_of(record: Record) -> bytes:
    """The slot that a record counts in: a letter for its class, and a hash.

    A standing or an erasure counts in the slot of the thing that it speaks of; so a slot holds the one
    standing of its post, and what only looks like one counts for itself.
    """
    kind = KINDS.get(record.kind)
    if kind is not None and kind.group == "accounts":
        return (SUCCESSION if record.kind == "succession" else CONTEST) + record.thing
    if kind is not None and kind.group != "things":
        return ROSTER + record.thing
    if record.kind == "standing":
        post = refers_to(record)
        own = post is not None and record.nonce == standing_nonce(post)
        return MEMBER + post if post is not None and own else HOME + record.thing
    if record.kind == "erasure":
        author = record.body["seven"][2]
        return (HOME if author == record.home else MEMBER) + (erased_thing(record) or record.thing)
    return (HOME if record.by_home else MEMBER) + record.thing


# The records of a slot, found by what they are or speak of: ?1 the scope, ?2 the home, ?3 the slot. (A plus
# keeps SQLite from looking through all of a scope.)
IN_SLOT = (
    "(thing = substr(?3, 2) OR refers = substr(?3, 2) OR erases = substr(?3, 2))"
    " AND +scope = ?1 AND +home = ?2 AND slot = ?3 AND +status = 0"
)

# What is over but not deleted yet, and what came in on a clock that ran ahead, is not the same on all nodes:
# it takes nobody's place.
_TAKEN = (
    "SELECT DISTINCT slot FROM records WHERE +scope = ? AND home = ? AND +status = 0"
    " AND (substr(slot, 1, 1) = x'72' OR (created < ? AND (expires IS NULL OR expires > ?)))"
)


def _quota(roster: Roster, letter: bytes) -> int:
    if letter == MEMBER:
        return roster.charter.member_things
    if letter == HOME:
        return roster.charter.home_things
    return ROSTER_SLOTS if letter == ROSTER else ACCOUNT_SLOTS


class Slots:
    """The slots taken today, by scope and neighborhood; read from SQLite when first asked for."""

    def __init__(self, connection: sqlite3.Connection) -> None:
        self._connection = connection
        self._taken: dict[tuple[bytes, bytes], set[bytes]] = {}
        self._day = -1

    def clear(self) -> None:
        """Forget what was read."""
        self._taken.clear()

    def _read(self, scope: bytes, home: bytes, today: int) -> set[bytes]:
        if today != self._day:
            self._day = today
            self._taken.clear()
        taken = self._taken.get((scope, home))
        if taken is None:
            rows = self._connection.execute(_TAKEN, (scope, home, (today + 2) * DAY_S, today))
            taken = self._taken[(scope, home)] = {row[0] for row in rows}
        return taken

    def over(self, roster: Roster, today: int) -> list[tuple[bytes, bytes, bytes]]:
        """(scope, home, slot) of what is over the quota today: things made ahead of time, whose day came."""
        scope = scope_bytes(coalition(roster.coalition))
        letters = (MEMBER, HOME, ROSTER, SUCCESSION, CONTEST)
        fewest = min(_quota(roster, letter) for letter in letters)
        many = self._connection.execute(
            "SELECT home FROM records GROUP BY home HAVING count(*) > ?", (fewest,)
        ).fetchall()
        found = []
        for (home,) in many:  # of any scope and class: then look closely
            taken = sorted(self._read(scope, home, today))
            for letter in letters:
                same = [slot for slot in taken if slot[:1] == letter]
                found += [(scope, home, slot) for slot in same[_quota(roster, letter) :]]
        return found

    def claim(self, record: Record, roster: Roster, today: int) -> bytes | None:
        """Take the slot of `record`.

        Gives b"" where it fits, the slot that must leave for it, or None where it is over the quota itself.
        """
        slot = slot_of(record)
        quota = _quota(roster, slot[:1])
        taken = self._read(scope_bytes(record.scope), record.home, today)
        if slot in taken:
            return b""
        leaving = b""
        if len(taken) >= quota:
            same = [other for other in taken if other[:1] == slot[:1]]
            if len(same) >= quota:
                leaving = max(same)
                if slot > leaving:
                    return None
                taken.discard(leaving)
        taken.add(slot)
        return leaving
