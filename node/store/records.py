"""The one door: every record, made here, pulled from a peer or read from a stick, comes in by `add`.

`add` judges a record and, if it is in, writes it and the views that follow from it in one transaction.
It keeps one version of each thing, the highest (edit, id); an erasure mark outranks every version; of
the things over a neighborhood's quota the lowest by hash stay.

What is derived in memory (range indexes, quota slots, key chains, rosters) is thrown away when a
transaction fails and worked out again when next asked for.
"""

from __future__ import annotations

import hashlib
import sqlite3
from collections import OrderedDict
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Literal

from node.store import aside, database, erasures, known
from node.store.aside import returning, set_aside
from node.store.quota import IN_SLOT, Slots, slot_of
from node.store.rows import Rows
from node.store.words import merge_if_small, note_lingering
from node.views import in_search_index, rebuild, refresh, refresh_accounts
from protocol.errors import TheirFault
from protocol.judge import Checked, Known, hinges_on, judge
from protocol.kinds.accounts import Accounts
from protocol.kinds.erasure import erased_thing
from protocol.kinds.table import KINDS
from protocol.record import Record, parse
from protocol.scopes import COALITION, DAY_S, scope_bytes
from sync.index import RangeIndex
from sync.sets import SetKey

PENDING_MAX = 1_000  # records kept in memory that may become acceptable; the oldest leave first
REFUSED_MAX = 10_000  # hashes of messages that can never be accepted; the oldest leave first
HIDDEN_DAYS = 2  # expired bytes stay this much longer, so that no neighbor brings them back

Outcome = Literal["new", "held", "never", "not_now", "superseded", "erased"]


@dataclass(frozen=True, slots=True)
class Added:
    """What became of a record that knocked."""

    outcome: Outcome
    code: str = ""
    record: Record | None = None


class Records(Rows):
    """The records of one node and the sets they form."""

    def __init__(self, connection: sqlite3.Connection, today: Callable[[], int]) -> None:
        super().__init__(connection)
        self.today = today
        self.now: Callable[[], int] = lambda: today() * DAY_S
        self.on_new: Callable[[list[Record]], None] = lambda records: None
        self.on_known: Callable[[], None] = lambda: None
        self.on_own_version: Callable[[Record], None] = lambda record: None  # within the transaction
        self._known: Known | None = None
        self._known_day = self._quota_day = -1
        self._refused: OrderedDict[bytes, str] = OrderedDict()
        self._pending: OrderedDict[bytes, tuple[Record, object]] = OrderedDict()  # and what that hangs on
        self._slots = Slots(connection)
        self._new: list[Record] = []
        self._accounts: Accounts | None = None
        self._accounts_before: list[Accounts] = []  # before, and at times within, this transaction
        self._known_changed = False
        self._unfollowed = False  # chains or rosters changed, and the sets do not show it yet

    # reading

    @property
    def own_home(self) -> bytes:
        """The id of this neighborhood, b"" before set-up."""
        return self.indexes.own_home

    @own_home.setter
    def own_home(self, home: bytes) -> None:
        self.indexes.own_home = home
        self.forget()

    @property
    def known(self) -> Known:
        """Chains and rosters as the records held say; kept until one of those changes or the day does."""
        if self._known is None or self._known_day != self.today():
            self._known_day = self.today()
            self._known = known.load(self.connection, self.own_home, self._known_day)
        return self._known

    @property
    def accounts(self) -> Accounts:
        """Which keys speak for whom, as the records held say; kept until one of those changes."""
        if self._accounts is None:
            self._accounts = known.load_accounts(self.connection, self.known.rosters)
        return self._accounts

    def index(self, key: SetKey) -> RangeIndex:
        """The range index of one set."""
        return self.indexes.of(key)

    # writing

    @contextmanager
    def transaction(self, *, durable: bool = True) -> Iterator[None]:
        """One durable act: all of it is written, with its views, or none of it. May be nested."""
        if self.connection.in_transaction:
            yield
            return
        try:
            with database.transaction(self.connection, durable=durable):
                yield
                self._follow_known()
                self._follow_accounts()
                if self.lingering.indexed and merge_if_small(self.connection):
                    self.lingering.indexed = 0
        except BaseException:
            self.forget()
            raise
        new, self._new = self._new, []
        changed, self._known_changed = self._known_changed, False
        if new:
            self.on_new(new)
        if changed:
            self.on_known()

    def forget(self) -> None:
        """Drop everything derived in memory; it is worked out again when next asked for."""
        self._known = None
        self._accounts, self._accounts_before = None, []
        self._new = []
        self._known_changed = self._unfollowed = False
        self._slots.clear()
        self.indexes.clear()

    def add(self, message: bytes, parsed: Record | None = None) -> Added:
        """Judge `message` and, if it is in, store it with its views. Total: raises only WorldFault.

        `parsed` is the record in it, where the caller has read it.
        """
        digest = hashlib.sha256(message).digest()
        if digest in self._refused:
            return Added("never", self._refused[digest])
        try:
            record = parsed or parse(message)
        except TheirFault as fault:
            return self._refuse(digest, fault.code)
        return self._add(record, digest, frozenset())

    def take(self, records: Iterable[Record], checked: Checked) -> list[Outcome]:
        """The same for parsed records from a peer, in one transaction; gives what became of each.

        `checked` are signatures on them that were found right ahead of time. Reaching the disk is not waited
        for here (keeping.py).
        """
        outcomes: list[Outcome] = []
        with self.transaction(durable=False):
            for record in records:
                digest = hashlib.sha256(record.message).digest()
                refused = digest in self._refused
                outcomes.append("never" if refused else self._add(record, digest, checked).outcome)
        return outcomes

    def _add(self, record: Record, digest: bytes, checked: Checked) -> Added:
        alone = self._is_alone(record)
        status = None if alone else self._status(record.id)
        if status == 0:
            return Added("held", "", record)
        judgement = judge(record, self.known, checked)
        record = record.with_home_key(judgement.home_key)
        if judgement.verdict == "never":
            return self._refuse(digest, judgement.code)
        if judgement.verdict == "not_now":
            if judgement.code == "old_key" and status is None:
                # Words that a mark has erased are not kept on the side either.
                if not self._marks(record):
                    with self.transaction():
                        self._wait_aside(record)
            elif status is None and judgement.code in (
                "unknown_home",
                "unknown_key",
                "not_a_member",
                "not_for_us",
            ):
                self._pending[digest] = (record, hinges_on(record, self.known))
                while len(self._pending) > PENDING_MAX:
                    self._pending.popitem(last=False)
            return Added("not_now", judgement.code, record)
        if self.connection.in_transaction:
            return self._enter(record, alone)
        with self.transaction():
            return self._enter(record, alone)

    def _refuse(self, digest: bytes, code: str) -> Added:
        self._refused[digest] = code
        while len(self._refused) > REFUSED_MAX:
            self._refused.popitem(last=False)
        return Added("never", code)

    def _enter(self, record: Record, alone: bool) -> Added:
        kind = KINDS.get(record.kind)
        speaks_of_accounts = kind is not None and kind.group in ("accounts", "roster")
        if speaks_of_accounts and (self._accounts is not None or not self._accounts_before):
            self._accounts_before.append(self.accounts)  # rows may have been written by it
        erases = erased_thing(record)
        thing = erases if erases is not None else record.thing
        alone = alone and erases is None
        marks = [] if alone else self._marks(record)
        if erases is None and not (alone or marks):  # one that was over the quota comes first, if it fits now
            for message in aside.standing_above(self.connection, record):
                self.add(message)
            marks = self._marks(record)
        if erases is None and marks:
            return Added("erased", "erased", record)
        # The author's own mark comes first: it stays when the home changes keys, a home's does not.
        if erases is not None and any(mark < (record.by_home, record.id) for mark in marks):
            return Added("superseded", "superseded", record)
        if erases is None:
            better = not alone and self._has_better(record)
            if record.home == self.own_home:
                self.on_own_version(record)
            if better:
                return Added("superseded", "superseded", record)
        if record.kind == "standing" and self._other_standing(record, "thing < ?"):
            return Added("superseded", "superseded", record)
        if not self._within_quota(record):
            if erases is not None or record.home == self.own_home:
                self._wait_aside(record)
            return Added("not_now", "over_quota", record)
        gone: list[Record] = []
        if not alone:
            gone += self._delete("id = ?", (record.id,))  # its copy kept aside, signed with another key
        if erases is not None:
            gone += self._delete("thing = ? OR erases = ?", (thing, thing))
        elif not alone:
            gone += self._delete("thing = ? AND (edit, id) < (?, ?)", (thing, record.edit, record.id))
        if record.kind == "standing":
            for other in self._other_standing(record, "thing > ?"):
                gone += self._delete("id = ?", (other,))
        self._insert(record, 0)
        if any(slot_of(left) != slot_of(record) for left in gone):
            self._slots.clear()
        for left in gone:
            refresh(self, left)
        refresh(self, record, entered=True, alone=alone)
        if erases is not None:
            erasures.heard(self.connection, thing, self.now())
            self.lingering.marks += 1
            note_lingering(self.connection)
            self.lingering.indexed += in_search_index(gone)
        self._new.append(record)
        if speaks_of_accounts:
            self._accounts = None
        if kind is not None and kind.group in ("keys", "roster"):
            self.known_changed()
        return Added("new", "", record)

    def _within_quota(self, record: Record) -> bool:
        """Make room by the coalition's quota; False where the record itself is over it."""
        if record.scope[0] != COALITION or len(record.scope) < 2:
            return True
        roster = self.known.rosters.get(record.scope[1])
        leaving = self._slots.claim(record, roster, self.known.today) if roster is not None else b""
        if leaving:
            self._drop_slot(scope_bytes(record.scope), record.home, leaving)
        return leaving is not None

    def _drop_slot(self, scope: bytes, home: bytes, slot: bytes) -> int:
        """Delete what is over the quota; gives how many left.

        Marks wait aside, lest words come back, and so does what is our own: a thief's flood may be why.
        """
        waiting = aside.in_slot(self.connection, scope, home, slot, marks_only=home != self.own_home)
        count = self._drop(IN_SLOT, (scope, home, slot))
        for message, home_key in waiting:
            self._wait_aside(parse(message).with_home_key(home_key))
        return count

    def _wait_aside(self, record: Record) -> None:
        """Keep a record on the side, if there is room; but no words that a mark erases which waits, too."""
        found = self.connection.execute("SELECT 1 FROM records WHERE id = ?", (record.id,)).fetchone()
        scope = scope_bytes(record.scope)
        thing, chain = erased_thing(record), self.known.chains.get(record.home)
        current = chain.current if chain is not None else b""
        if thing is None and aside.mark_lasts(self.connection, record.thing, current):
            return
        if found is None and aside.room_aside(self.connection, scope, record.home, self.own_home):
            self._insert(record, 1)
        if thing is not None and aside.mark_lasts(self.connection, thing, current):
            self._delete("thing = ? AND erases IS NULL AND status = 1", (thing,))

    def _drop(self, where: str, arguments: tuple[object, ...]) -> int:
        """Delete records and bring the views of their things up to date; gives how many left."""
        gone = self._delete(where, arguments)
        for record in gone:
            refresh(self, record)
        self.lingering.indexed += in_search_index(gone)
        return len(gone)

    # what changes around records

    def known_changed(self) -> None:
        """Keys, rosters or partners changed: judge again, in this transaction, what that may move."""
        with self.transaction():
            self._known = None
            self._known_changed = self._unfollowed = True
            self.indexes.clear_rosters()

    def _follow_accounts(self) -> None:
        """Where a key has changed accounts, its records read differently: work their views out anew."""
        earlier, self._accounts_before = self._accounts_before, []
        for before in earlier:
            if before.before != self.accounts.before:
                refresh_accounts(self, before)

    def _follow_known(self) -> None:
        while self._unfollowed:
            self._unfollowed = False
            if set_aside(self.connection, self.known):
                erasures.tidy(self.connection)
                self._slots.clear()
                self.indexes.clear()
                self._accounts, self._accounts_before = None, []
                rebuild(self)
            for message in returning(self.connection, self.known):
                self.add(message)
            for digest, (record, hinge) in list(self._pending.items()):
                if hinges_on(record, self.known) != hinge:
                    self._pending.pop(digest, None)  # one that still has to wait puts itself back
                    self.add(record.message)

    def expire(self) -> int:
        """Delete what has been over for two days; gives how many records left."""
        with self.transaction():
            count = self._drop("expires IS NOT NULL AND expires <= ?", (self.today() - HIDDEN_DAYS,))
            self._slots.clear()
            over = self.known.rosters.values() if self._quota_day != self.known.today else ()
            self._quota_day = self.known.today  # only a new day lets things in whose time had not come
            for roster in over:
                for place in self._slots.over(roster, self.known.today):
                    count += self._drop_slot(*place)
            self._slots.clear()
            self.let_in()
            erasures.tidy(self.connection)
        self._slots.clear()
        return count

    def let_in(self) -> None:
        """Try again what is kept aside and may be in by now, as its day has come or there is room."""
        with self.transaction():
            for message in returning(self.connection, self.known):
                self.add(message)

    def drop_expired(self, record: Record) -> None:
        """Delete at once what is over and only hidden: nobody can bring it back, and no mark fits it."""
        with self.transaction():
            self._drop("thing = ? AND expires <= ?", (record.thing, self.today()))
        self._slots.clear()
