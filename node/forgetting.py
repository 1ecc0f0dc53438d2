"""What follows an erasure, a little later and off the hot path. Timers are data: `now` is an argument.

The search index is merged, the log emptied and the copies of the database deleted, so that erased words
are in no corner of the files, on every node that has the mark. And what neighborhoods' cards say of erasures
is remembered.
"""

from __future__ import annotations

import logging
import sqlite3
from typing import TYPE_CHECKING

from node.actions import applied, backup
from node.store import words
from protocol.errors import Fault
from protocol.kinds.erasure import erased_thing
from protocol.record import Record

if TYPE_CHECKING:
    from node.app import Node

log = logging.getLogger("barnraise")

WORDS_WAIT_S = 20.0  # several erasures in a row are one piece of work
APPLIED_WAIT_S = 5.0
AGAIN_S = 30.0  # where a reader, or a full disk, was in the way


class Forgetting:
    """The timers of one running node."""

    def __init__(self, node: Node) -> None:
        self.node = node
        left = node.records.lingering  # whatever an earlier run left undone
        left.rows += 1
        left.indexed += 1
        left.marks += words.linger(node.connection)
        self.words_due: float | None = None
        self.applied_due: float | None = None
        self._merging: int | None = None

    def news(self, records: list[Record], now: float) -> None:
        """Records that entered the store."""
        if self.applied_due is None and any(
            record.kind == "node" or erased_thing(record) is not None for record in records
        ):
            self.applied_due = now + APPLIED_WAIT_S

    def tick(self, now: float) -> None:
        """Do a piece of what is due."""
        if self.applied_due is not None and now >= self.applied_due:
            self.applied_due = None
            applied.remember_applied(self.node)
        if self.words_due is None and self.node.records.lingering.rows:
            self.words_due = now + WORDS_WAIT_S
        if self.words_due is not None and now >= self.words_due:
            try:
                self.words_due = self._forget(now)
            except (sqlite3.OperationalError, OSError, Fault):
                log.exception("erased words could not be cleared away yet")
                self._merging, self.words_due = None, now + AGAIN_S

    def _forget(self, now: float) -> float | None:
        """One step; gives when the next is due, None when all is done."""
        left, connection = self.node.records.lingering, self.node.connection
        if left.indexed:
            begin = self._merging is None
            if self._merging is None:
                self._merging = left.indexed
            if words.merge_step(connection, begin=begin):
                left.indexed = max(0, left.indexed - self._merging)
                self._merging = None
            return now
        rows, marks = left.rows, left.marks
        if not words.empty_log(connection):
            return now + AGAIN_S
        if marks:
            backup.forget_local_copies(self.node)
        left.rows -= rows
        left.marks -= marks
        if not left.marks:
            words.note_cleared(connection)
        return None


def forget_now(node: Node) -> None:
    """All at once: before a store is closed."""
    left = node.records.lingering
    if left.indexed:
        words.merge_whole(node.connection)
    if left.rows:
        words.empty_log(node.connection)
    if left.marks:
        backup.forget_local_copies(node)
        words.note_cleared(node.connection)
    left.rows = left.indexed = left.marks = 0
