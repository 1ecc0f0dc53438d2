"""What SQLite would make everybody wait for, done in threads: reaching the disk, and emptying the log.

Records from peers are committed with synchronous=NORMAL: a power cut may lose the last of them, no more.
`keep` then waits for the disk beside the event loop, and only after that the sender hears that they were
taken. A person's own act is committed with synchronous=FULL, which takes along all that was written before.
"""

from __future__ import annotations

import contextlib
import errno
import os
import sqlite3
from collections.abc import Callable
from pathlib import Path

from node.store.records import Records
from protocol.errors import WorldFault
from protocol.judge import Checked, check_ahead
from protocol.record import Record

DISK_FULL = (
    "The disk of this machine is full: nothing that neighbors send is taken in until there is room on it."
)
DISK_FAILS = (
    "The disk of this machine does not take what is written: nothing that neighbors send is taken in. "
    "The log of the node says more."
)
SENTENCES = (DISK_FULL, DISK_FAILS)

_FULL = (errno.ENOSPC, errno.EDQUOT)
_DISK = (  # what SQLite says where the statement was right and the file would not have it
    sqlite3.SQLITE_PERM,
    sqlite3.SQLITE_BUSY,
    sqlite3.SQLITE_LOCKED,
    sqlite3.SQLITE_READONLY,
    sqlite3.SQLITE_IOERR,
    sqlite3.SQLITE_CORRUPT,
    sqlite3.SQLITE_FULL,
    sqlite3.SQLITE_CANTOPEN,
    sqlite3.SQLITE_PROTOCOL,
    sqlite3.SQLITE_NOTADB,
)

LOG_SIZE_MAX_BYTES = 64 * 1024 * 1024  # of the write-ahead log, before it is emptied; the longer, the less is
# written twice: a record touches several pages, and the next ones touch many of them again
PAGES_MAX = 32_768  # the same when nobody empties it in time: then a commit does


class Keeper:
    """See sync.turns.Keeper. `path` is the database's, None in memory.

    `note` says to people why nothing is taken in, "" while all is well.
    """

    def __init__(self, records: Records, path: Path | None) -> None:
        self._records = records
        self._path = path
        self._in_doubt = False  # once reaching the disk has failed, the next try may claim what is not so
        self.note = ""
        if path is not None:
            records.connection.execute(f"PRAGMA wal_autocheckpoint={PAGES_MAX}")

    def check(self) -> Callable[[list[Record]], Checked]:
        known = self._records.known
        return lambda records: check_ahead(records, known)

    def keep(self) -> None:
        if self._path is None:
            return
        if self._in_doubt:
            self.empty()  # then it is in the database itself
            self._in_doubt = False
        try:
            with contextlib.suppress(FileNotFoundError):  # nothing was written since the log was emptied
                log = os.open(f"{self._path}-wal", os.O_RDONLY)
                try:
                    os.fsync(log)
                finally:
                    os.close(log)
        except OSError:
            self._in_doubt = True
            raise

    def is_full(self) -> bool:
        if self._path is None:
            return False
        try:
            return os.stat(f"{self._path}-wal").st_size > LOG_SIZE_MAX_BYTES
        except FileNotFoundError:
            return False

    def drain(self) -> None:
        self._checkpoint("PASSIVE")  # takes long, and blocks nobody

    def empty(self) -> None:
        self._checkpoint("PASSIVE", "TRUNCATE")

    def _checkpoint(self, *modes: str) -> None:
        if self._path is None:
            return
        with contextlib.closing(sqlite3.connect(self._path, isolation_level=None, timeout=0)) as connection:
            for mode in modes:
                connection.execute(f"PRAGMA wal_checkpoint({mode})").fetchall()

    def failed(self, error: Exception) -> bool:
        """Whether the disk is to blame, by the class of what it raised; see `note`."""
        code = getattr(error, "sqlite_errorcode", None)
        primary = code & 0xFF if code is not None else None
        full = isinstance(error, WorldFault) and error.code == "disk_full"
        if full or primary == sqlite3.SQLITE_FULL or getattr(error, "errno", None) in _FULL:
            self.note = DISK_FULL
        elif isinstance(error, OSError) or primary in _DISK:
            self.note = DISK_FAILS
        else:
            return False
        return True

    def worked(self) -> None:
        self.note = ""
