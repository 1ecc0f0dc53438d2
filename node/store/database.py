"""Opening the database: one writer, durable, never a newer schema, an older one after a backup.

WAL with synchronous=FULL: NORMAL may lose acknowledged commits on power loss. `secure_delete` overwrites
what is deleted, because erased words must be gone from the file.
"""

from __future__ import annotations

import contextlib
import fcntl
import os
import sqlite3
from collections.abc import Iterator
from pathlib import Path
from typing import IO

from sqlite_utils import Database

from node.store.backups import copy_database
from node.store.schema import NAMES, migrations
from protocol.errors import WorldFault

DATABASE_NAME = "barnraise.db"
LOCK_NAME = "lock"
_DAMAGE = (sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB)


def lock_folder(folder: Path) -> IO[bytes]:
    """Take the folder until the returned file is closed. Raises WorldFault("data_in_use")."""
    folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    handle = open(folder / LOCK_NAME, "ab")  # noqa: SIM115  # held for as long as the store is
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        handle.close()
        raise WorldFault("data_in_use") from None
    return handle


def open_database(path: Path | None) -> Database:
    """The database at `path` (None: in memory), migrated. Raises WorldFault: newer_data, damaged_data.

    damaged_data is only what SQLite finds wrong in the file itself, because it may be set aside for that; a
    disk that is full or does not answer stays an sqlite3.OperationalError.
    """
    fresh = path is None or not path.exists()
    connection = sqlite3.connect(":memory:" if path is None else path, isolation_level=None, timeout=5)
    try:
        return _prepare(connection, path, fresh)
    except sqlite3.DatabaseError as error:
        connection.close()
        if getattr(error, "sqlite_errorcode", sqlite3.SQLITE_CORRUPT) & 0xFF not in _DAMAGE:
            raise
        raise WorldFault("damaged_data", f"The database {path} is damaged ({error}).") from None
    except WorldFault:
        connection.close()
        raise


def _prepare(connection: sqlite3.Connection, path: Path | None, fresh: bool) -> Database:
    if path is not None:
        os.chmod(path, 0o600)
    for pragma in ("journal_mode=WAL", "synchronous=FULL", "secure_delete=ON", "foreign_keys=ON"):
        connection.execute(f"PRAGMA {pragma}")
    connection.execute("PRAGMA cache_size=-8000")
    db = Database(connection)
    if not fresh:
        answer = connection.execute("PRAGMA quick_check(1)").fetchone()[0]
        if answer != "ok":
            raise WorldFault("damaged_data", f"The database {path} is damaged: {answer}.")
    applied = {migration.name for migration in migrations.applied(db)}
    if applied - set(NAMES):
        raise WorldFault("newer_data")
    if applied and path is not None and migrations.pending(db):
        _backup_before_migration(path)
    migrations.apply(db)
    return db


def _backup_before_migration(path: Path) -> None:
    """The old database, beside the daily copies; as they are, it is deleted when something is erased."""
    folder = path.parent / "backups"
    folder.mkdir(exist_ok=True, mode=0o700)
    copy_database(path, folder / f"before-{NAMES[-1]}.db", lambda done_bytes: None)


@contextlib.contextmanager
def transaction(connection: sqlite3.Connection, *, durable: bool = True) -> Iterator[None]:
    """One transaction; joins the one that is open already. Raises WorldFault("disk_full").

    One that is not `durable` is whole or not there after a power cut, and may be not there; see keeping.py.
    """
    if connection.in_transaction:
        yield
        return
    if not durable:
        connection.execute("PRAGMA synchronous=NORMAL")
    try:
        connection.execute("BEGIN IMMEDIATE")
        yield
        connection.execute("COMMIT")
    except BaseException as error:
        with contextlib.suppress(
            sqlite3.OperationalError
        ):  # after some faults SQLite has rolled back by itself
            connection.execute("ROLLBACK")
        if isinstance(error, sqlite3.OperationalError) and error.sqlite_errorcode == sqlite3.SQLITE_FULL:
            raise WorldFault("disk_full") from error
        raise
    finally:
        if not durable:
            connection.execute("PRAGMA synchronous=FULL")
