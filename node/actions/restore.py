"""Coming back from a backup: an encrypted file, or the node's own last good copy.

What is taken up is prepared in a folder of its own, with the mark of a restore (node/actions/restored.py)
already in it, and then moved into place: a node never starts on a restored database without the mark. What
was there before is kept beside it, under a name that says when.
"""

from __future__ import annotations

import contextlib
import os
import shutil
import sqlite3
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

from node import keys
from node.actions import restored
from node.actions.backup import FOLDER_NAME, folder_of, local_copies
from node.backup_file import Contents, Header, Opened
from node.store import backups as store
from node.store import settings
from node.store.database import DATABASE_NAME, LOCK_NAME, open_database, transaction
from protocol.errors import WorldFault

_PREPARED = ".restoring"
_STAYS = (LOCK_NAME, _PREPARED)


@dataclass(frozen=True, slots=True)
class TakenUp:
    """What was restored, and the folder into which the earlier data was moved ("" where there was none)."""

    contents: Contents
    aside: str


def earlier_data(data: Path) -> bool:
    """Whether the folder holds anything that a restore would move aside."""
    return data.is_dir() and any(path.name not in _STAYS for path in data.iterdir())


def restore(
    data: Path, file: Path, header: Header, key: bytes, progress: Callable[[int], None] = lambda done: None
) -> TakenUp:
    """Take up a backup in `data`, whose lock the caller holds.

    Raises OurFault("wrong_backup_passphrase"); WorldFault: damaged_backup, newer_data, disk_full; OSError.
    """
    prepared = data / _PREPARED
    shutil.rmtree(prepared, ignore_errors=True)
    prepared.mkdir(mode=0o700)
    try:
        contents = _prepare(prepared, file, header, key, progress)
        aside = _move_aside(data)
        for name in (keys.KEY_FILE_NAME, DATABASE_NAME):  # the database last: without it, there is no node
            (prepared / name).replace(data / name)
        _sync(data)
        return TakenUp(contents, aside)
    finally:
        shutil.rmtree(prepared, ignore_errors=True)


def _prepare(
    prepared: Path, file: Path, header: Header, key: bytes, progress: Callable[[int], None]
) -> Contents:
    with file.open("rb") as sealed:
        opened = Opened(sealed, header, key)
        contents = opened.contents
        _write(prepared / keys.KEY_FILE_NAME, lambda out: out.write(opened.key_file()))
        _write(prepared / DATABASE_NAME, lambda out: opened.database(out, progress))
    if (
        keys.read_node_keys(prepared) is None
        or store.count_records(prepared / DATABASE_NAME) != contents.records
    ):
        raise WorldFault("damaged_backup")
    place = file.name
    size_bytes = file.stat().st_size

    def note(connection: sqlite3.Connection) -> None:
        held = [row.sha256 for row in store.made(connection)]
        if header.sha256 not in held:
            store.add(connection, contents.made, size_bytes, header.sha256, place)

    _mark(prepared / DATABASE_NAME, "file", contents.made, note)
    return contents


def _mark(
    path: Path, source: str, made: int, also: Callable[[sqlite3.Connection], None] = lambda connection: None
) -> None:
    """Open the database that is to be taken up (which migrates it) and mark it as restored."""
    with contextlib.closing(open_database(path).conn) as connection:
        if not settings.get(connection, "home"):
            raise WorldFault("damaged_backup")
        with transaction(connection):
            restored.mark(connection, source=source, made=made, at=int(time.time()))
            also(connection)
        connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    for name in ("-wal", "-shm"):
        Path(f"{path}{name}").unlink(missing_ok=True)


def _write(path: Path, fill: Callable[[BinaryIO], object]) -> None:
    handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(handle, "wb") as out:
        fill(out)
        out.flush()
        os.fsync(out.fileno())


def _stamp() -> str:
    return time.strftime("%Y-%m-%d-%H%M%S", time.gmtime())


def _move_aside(data: Path) -> str:
    if not earlier_data(data):
        return ""
    name = f"before-restore-{_stamp()}"
    while (data / name).exists():
        name += "-again"
    (data / name).mkdir(mode=0o700)
    for path in list(data.iterdir()):
        if path.name not in (*_STAYS, name) and not path.name.startswith("before-restore-"):
            path.replace(data / name / path.name)
    return name


def _sync(folder: Path) -> None:
    handle = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def take_up_last_good(data: Path, why: str) -> str:
    """The database is damaged: set it aside and take up the newest copy that is sound.

    Gives what happened, in words. Raises WorldFault("damaged_data") that says what to do where there is none.
    """
    for copy in local_copies(data):
        with contextlib.suppress(WorldFault):
            store.count_records(copy)
            break
    else:
        raise WorldFault(
            "damaged_data",
            f"{why} There is no sound copy of it in {data / FOLDER_NAME}. "
            "With a backup, run: barnraise restore FILE. Without one, “barnraise restore” says what is left.",
        )
    made = int(copy.stat().st_mtime)
    prepared = data / _PREPARED
    shutil.rmtree(prepared, ignore_errors=True)
    prepared.mkdir(mode=0o700)
    try:
        fresh = prepared / DATABASE_NAME
        shutil.copyfile(copy, fresh)
        _mark(fresh, "copy", made)
        kept = folder_of(data) / f"damaged-{_stamp()}.db"
        for ending in ("-wal", "-shm"):
            beside = data / f"{DATABASE_NAME}{ending}"
            if beside.exists():
                beside.replace(f"{kept}{ending}")
        os.link(data / DATABASE_NAME, kept)  # so that there is a database under its name at every moment
        fresh.replace(data / DATABASE_NAME)
        _sync(data)
    finally:
        shutil.rmtree(prepared, ignore_errors=True)
    when = time.strftime("%Y-%m-%d %H:%M", time.gmtime(made))
    return (
        f"{why} The node took up its last good copy, of {when} UTC. "
        f"The damaged file is kept as {FOLDER_NAME}/{kept.name}."
    )
