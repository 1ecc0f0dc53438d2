"""What SQLite would make everybody wait for, done in threads: reaching the disk, and emptying the log.

Records from peers are committed with synchronous=NORMAL: a power cut may lose the last of them, no more.
`keep` then waits for the disk beside the event loop, and only after that the sender hears that they were
taken. A person's own act is committed with synchronous=FULL, which takes along all that was written before.
"""

from __future__ import annotations

import contextlib
import os
import sqlite3
from collections.abc import Callable
from pathlib import Path

from node.store.records import Records
from protocol.judge import Checked, check_ahead
from protocol.record import Record

LOG_SIZE_MAX_BYTES = 64 * 1024 * 1024  # of the write-ahead log, before it is emptied; the longer, the less is
# written twice: a record touches some six pages, and the next ones touch many of them again
PAGES_MAX = 32_768  # the same when nobody empties it in time: then a commit does


class Keeper:
    """See sync.turns.Keeper. `path` is the database's, None in memory."""

    def __init__(self, records: Records, path: Path | None) -> None:
        self._records = records
        self._path = path
        if path is not None:
            records.connection.execute(f"PRAGMA wal_autocheckpoint={PAGES_MAX}")

    def check(self) -> Callable[[list[Record]], Checked]:
        known = self._records.known
        return lambda records: check_ahead(records, known)

    def keep(self) -> None:
        if self._path is None:
            return
        with contextlib.suppress(FileNotFoundError):  # nothing was written since the log was emptied
            log = os.open(f"{self._path}-wal", os.O_RDONLY)
            try:
                os.fsync(log)
            finally:
                os.close(log)

    def is_full(self) -> bool:
        if self._path is None:
            return False
        try:
            return os.stat(f"{self._path}-wal").st_size > LOG_SIZE_MAX_BYTES
        except FileNotFoundError:
            return False

    def drain(self) -> None:
        self._checkpoint("PASSIVE")

    def empty(self) -> None:
        self._checkpoint("PASSIVE", "TRUNCATE")

    def _checkpoint(self, *modes: str) -> None:
        if self._path is None:
            return
        with contextlib.closing(sqlite3.connect(self._path, isolation_level=None, timeout=0)) as connection:
            for mode in modes:
                connection.execute(f"PRAGMA wal_checkpoint({mode})").fetchall()
