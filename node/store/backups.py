"""SQL of backups: copying the database while it is in use, looking at a copy, and which were made."""

from __future__ import annotations

import contextlib
import os
import sqlite3
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from protocol.errors import WorldFault

BACKUPS_KEPT_MAX = 1_000  # rows; the oldest leave first
_PAGES_AT_ONCE = 1_024  # copied between two words about the progress
_FULL = (sqlite3.SQLITE_FULL, sqlite3.SQLITE_IOERR_WRITE)


@dataclass(frozen=True, slots=True)
class BackupRow:
    """A backup that was made. `place` is the name of its file, or "page" for one that was downloaded."""

    id: int
    made: int
    size_bytes: int
    sha256: bytes
    place: str


def add(connection: sqlite3.Connection, made: int, size_bytes: int, sha256: bytes, place: str) -> None:
    """Write a backup down."""
    connection.execute(
        "INSERT INTO backups (made, size_bytes, sha256, place) VALUES (?, ?, ?, ?)",
        (made, size_bytes, sha256, place[:200]),
    )
    connection.execute(
        "DELETE FROM backups WHERE id NOT IN (SELECT id FROM backups ORDER BY id DESC LIMIT ?)",
        (BACKUPS_KEPT_MAX,),
    )


def made(connection: sqlite3.Connection) -> list[BackupRow]:
    """The backups that were made, newest first."""
    rows = connection.execute("SELECT id, made, size_bytes, sha256, place FROM backups ORDER BY id DESC")
    return [BackupRow(*row) for row in rows]


def last(connection: sqlite3.Connection) -> BackupRow | None:
    """The newest backup."""
    row = connection.execute(
        "SELECT id, made, size_bytes, sha256, place FROM backups ORDER BY id DESC LIMIT 1"
    ).fetchone()
    return BackupRow(*row) if row else None


def copy_database(source: Path, target: Path, progress: Callable[[int], None]) -> None:
    """A consistent copy of a database, also while others write to it. Readable by its owner only.

    It is of one moment: the read transaction that is held meanwhile sees nothing newer, and holds up nobody.
    Raises WorldFault: disk_full, damaged_data. What was begun is deleted.
    """
    target.unlink(missing_ok=True)
    os.close(os.open(target, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600))
    try:
        with (
            contextlib.closing(sqlite3.connect(f"{source.absolute().as_uri()}?mode=ro", uri=True)) as old,
            contextlib.closing(sqlite3.connect(target)) as copy,
        ):
            old.execute("BEGIN")
            old.execute("SELECT count(*) FROM sqlite_master").fetchone()
            page_bytes = old.execute("PRAGMA page_size").fetchone()[0]
            left_before = 0

            def told(status: int, left: int, total: int) -> None:
                nonlocal left_before
                progress(max((left_before or total) - left, 0) * page_bytes)
                left_before = left

            old.backup(copy, pages=_PAGES_AT_ONCE, progress=told, sleep=0)
            copy.execute("PRAGMA journal_mode=DELETE")  # one file, without another beside it
        _sync(target)
    except sqlite3.Error as error:
        target.unlink(missing_ok=True)
        if getattr(error, "sqlite_errorcode", 0) in _FULL:
            raise WorldFault("disk_full") from error
        raise WorldFault("damaged_data", f"The database {source} cannot be copied: {error}.") from error
    except BaseException:
        target.unlink(missing_ok=True)
        raise


def _sync(path: Path) -> None:
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def count_records(path: Path) -> int:
    """How many records a copy holds. Raises WorldFault("damaged_data") where it is not sound.

    `immutable` leaves no file beside the copy.
    """
    try:
        with contextlib.closing(
            sqlite3.connect(f"{path.absolute().as_uri()}?mode=ro&immutable=1", uri=True)
        ) as copy:
            answer = copy.execute("PRAGMA quick_check(1)").fetchone()[0]
            if answer != "ok":
                raise WorldFault("damaged_data", f"The copy {path.name} is damaged: {answer}.")
            return int(copy.execute("SELECT count(*) FROM records").fetchone()[0])
    except sqlite3.Error as error:
        raise WorldFault("damaged_data", f"The copy {path.name} is damaged ({error}).") from None
