"""Backups: an encrypted file to keep elsewhere, and the copies that the node keeps for itself.

The encrypted file (node/backup_file.py) holds the database and the key file. It is written under another
name, read back whole, opened, its database looked at, and only then given its name.

The copies lie in `backups/` beside the database, unencrypted as it is: the last good ones, for the day on
which a worn-out card has spoilt the database. The words in them must go when something is erased:
`forget_local_copies`.
"""

from __future__ import annotations

import asyncio
import contextlib
import errno
import hashlib
import io
import os
import re
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO

from node import VERSION, backup_file, keys
from node.backup_file import SUFFIX, Contents, Opened, Part
from node.store import backups as store
from node.store.database import DATABASE_NAME
from protocol.errors import OurFault, WorldFault
from protocol.scopes import DAY_S

if TYPE_CHECKING:
    from node.app import Node

FOLDER_NAME = "backups"
COPIES_MAX = 3
COPY_AGE_MAX_S = DAY_S
REMIND_AFTER_S = 30 * DAY_S
_COPY = re.compile(r"copy-(\d{6,})\.db")
_WORKING = ".working-"  # what a run that was killed may leave; deleted at the next start

Progress = Callable[[str, int, int], None]  # which step, bytes done, bytes in all


def _nobody(step: str, done_bytes: int, total_bytes: int) -> None:
    """Progress that nobody watches."""


@dataclass(frozen=True, slots=True)
class Made:
    """A backup that was made and checked."""

    path: Path
    made: int
    size_bytes: int
    sha256: bytes
    records: int


@dataclass(frozen=True, slots=True)
class State:
    """The last backup that left this machine (0: none), and whether it is time for another."""

    made: int
    size_bytes: int
    due: bool


def state(node: Node) -> State:
    """How it stands with backups."""
    row = store.last(node.connection)
    if row is None:
        return State(0, 0, due=True)
    return State(row.made, row.size_bytes, due=row.made < node.now() - REMIND_AFTER_S)


def folder_of(data: Path) -> Path:
    """The folder of copies, made where it is missing."""
    folder = data / FOLDER_NAME
    folder.mkdir(exist_ok=True, mode=0o700)
    return folder


# the encrypted file


async def make(
    node: Node, target: Path, passphrase: str, *, force: bool = False, progress: Progress = _nobody
) -> Made:
    """Write an encrypted backup to `target`, and check it. Write it down with `record_made`.

    Raises OurFault: not_set_up, weak_passphrase, backup_exists; WorldFault: disk_full, damaged_data,
    queue_full; OSError where the place cannot be written.
    """
    home, own_keys = node.home, node.settings.data / keys.KEY_FILE_NAME
    keys.check_passphrase(passphrase)
    if not target.name.endswith(SUFFIX):
        target = target.with_name(target.name + SUFFIX)
    if target.exists() and not force:
        raise OurFault("backup_exists", f"{target} is there already. Choose another name, or say --force.")
    if node.backing_up:
        raise WorldFault("queue_full", "A backup is being made already. Try again in a moment.")
    node.backing_up = True
    try:
        salt = node.random(backup_file.SALT_SIZE_BYTES)
        key = await keys.derive(passphrase, salt)
        about = (node.now(), home, node.setting("neighborhood"))
        return await asyncio.to_thread(
            _make, node.settings.data, own_keys.read_bytes(), about, target, key, salt, force, progress
        )
    finally:
        node.backing_up = False


class Download:
    """A finished backup without a name: as a context its bytes, which are gone with the end of the block."""

    def __init__(self, made: Made) -> None:
        self.made = made
        self._file = made.path.open("rb")
        made.path.unlink()

    def __enter__(self) -> BinaryIO:
        return self._file

    def __exit__(self, *error: object) -> None:
        self._file.close()


async def make_download(node: Node, passphrase: str) -> Download:
    """As `make`, for a page to hand out. Raises the same, and WorldFault("disk_full") for this machine."""
    target = folder_of(node.settings.data) / f"{_WORKING}download{SUFFIX}"
    return Download(await make(node, target, passphrase, force=True))


def record_made(node: Node, made: Made, place: str) -> None:
    """Write down that a backup was made. `place`: its file's name, or "page"."""
    with node.records.transaction():
        store.add(node.connection, made.made, made.size_bytes, made.sha256, place)


def _make(
    data: Path,
    key_file: bytes,
    about: tuple[int, bytes, str],
    target: Path,
    key: bytes,
    salt: bytes,
    force: bool,
    progress: Progress,
) -> Made:
    copy = folder_of(data) / f"{_WORKING}backup.db"
    part = target.with_name(target.name + ".part")
    total = (data / DATABASE_NAME).stat().st_size
    try:
        store.copy_database(data / DATABASE_NAME, copy, _step(progress, "Copying the database", total))
        records = store.count_records(copy)
        size_bytes, sha256 = copy.stat().st_size, _sha256(copy)
        made, home, neighborhood = about
        contents = Contents(
            made=made,
            home=home,
            neighborhood=neighborhood,
            program=f"barnraise {VERSION}",
            records=records,
            key_file=Part(len(key_file), hashlib.sha256(key_file).digest()),
            database=Part(size_bytes, sha256),
        )
        with _private(part) as out, copy.open("rb") as database:
            seal = _step(progress, "Sealing", size_bytes)
            whole = backup_file.write(out, key, salt, contents, key_file, database, seal)
            out.flush()
            os.fsync(out.fileno())
        copy.unlink()  # room for the check
        header = check(
            part, key, copy, contents, _step(progress, "Checking", part.stat().st_size + size_bytes)
        )
        if header.sha256 != whole:
            raise WorldFault(
                "damaged_backup", "The backup cannot be read as it was written. Is the disk well?"
            )
        if target.exists() and not force:
            raise OurFault("backup_exists")
        part.replace(target)
        _sync_folder(target.parent)
        return Made(target, made, target.stat().st_size, whole, records)
    except OSError as error:
        if error.errno in (errno.ENOSPC, errno.EDQUOT, errno.EFBIG):
            raise WorldFault(
                "disk_full", f"There is no room for the backup at {target.parent}. Nothing was left there."
            ) from error
        raise
    finally:
        for left in (copy, part):
            with contextlib.suppress(OSError):
                left.unlink(missing_ok=True)


def _step(progress: Progress, step: str, total_bytes: int) -> Callable[[int], None]:
    done = 0

    def told(more_bytes: int) -> None:
        nonlocal done
        done += more_bytes
        progress(step, min(done, total_bytes), total_bytes)

    return told


def _private(path: Path) -> io.BufferedWriter:
    path.unlink(missing_ok=True)
    return os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb")


def _sha256(path: Path) -> bytes:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").digest()


def _sync_folder(folder: Path) -> None:
    handle = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        with contextlib.suppress(OSError):  # some sticks cannot
            os.fsync(handle)
    finally:
        os.close(handle)


def check(
    path: Path, key: bytes, scratch: Path, wanted: Contents | None, progress: Callable[[int], None]
) -> backup_file.Header:
    """Read a backup back whole, open it, and look at the database in it.

    `scratch` is where that database lies meanwhile. Raises WorldFault("damaged_backup").
    """
    try:
        with path.open("rb") as file:
            header = backup_file.read_header(file, progress)
            opened = Opened(file, header, key)
            opened.key_file()
            with _private(scratch) as out:
                opened.database(out, progress)
        if wanted not in (None, opened.contents) or store.count_records(scratch) != opened.contents.records:
            raise WorldFault("damaged_backup")
        return header
    finally:
        scratch.unlink(missing_ok=True)


# the copies on this machine


def local_copies(data: Path) -> list[Path]:
    """The node's own copies of its database, the newest first. Numbered: a clock may be wrong."""
    found = [
        (int(match[1]), path) for path in folder_of(data).iterdir() if (match := _COPY.fullmatch(path.name))
    ]
    return [path for _, path in sorted(found, reverse=True)]


def copy_is_due(data: Path, now_s: float) -> bool:
    """Whether the newest copy is older than a day. A clock that was set back does not stop them."""
    copies = local_copies(data)
    return not copies or not 0 <= now_s - copies[0].stat().st_mtime < COPY_AGE_MAX_S


def make_local_copy(data: Path, still_wanted: Callable[[], bool] = lambda: True) -> None:
    """One more copy, looked at before it counts; at most COPIES_MAX stay. For a thread.

    It is dropped where `still_wanted` says no in the end: something was erased meanwhile. Raises WorldFault.
    """
    folder = folder_of(data)
    working = folder / f"{_WORKING}copy.db"
    try:
        store.copy_database(data / DATABASE_NAME, working, lambda done_bytes: None)
        store.count_records(working)
        copies = local_copies(data)
        number = int(_COPY.fullmatch(copies[0].name)[1]) + 1 if copies else 1  # type: ignore[index]
        if still_wanted():
            working.replace(folder / f"copy-{number:06}.db")
            _sync_folder(folder)
            for old in local_copies(data)[COPIES_MAX:]:
                old.unlink(missing_ok=True)
    finally:
        working.unlink(missing_ok=True)


def drop_leftovers(data: Path) -> None:
    """Delete what a run that was killed left half done."""
    for path in folder_of(data).iterdir():
        if path.name.startswith(_WORKING):
            path.unlink(missing_ok=True)


def forget_local_copies(node: Node) -> list[str]:
    """Delete every copy of the database on this machine: something was erased. A new one is made soon.

    Call it after the erasing has been written. Gives the names of files that were set aside as damaged or
    replaced by a restore: they are not touched, and may still hold the words.
    """
    if node.memory:
        return []
    data = node.settings.data
    for path in folder_of(data).iterdir():
        if path.suffix == ".db" and not path.name.startswith("damaged-"):
            path.unlink(missing_ok=True)
    node.copies_forgotten += 1
    node.copy_wanted()
    return [path.name for path in files_aside(node)]


def files_aside(node: Node) -> list[Path]:
    """What was set aside as damaged, or replaced by a restore: nothing here touches it."""
    if node.memory:
        return []
    data = node.settings.data
    aside = [path for path in data.iterdir() if path.name.startswith("before-restore-")]
    return sorted([*aside, *folder_of(data).glob("damaged-*")], key=lambda path: path.name)
