"""Files that are carried: written and read in small steps while the node goes on, with progress to look at.

One at a time. Reading and writing of the file itself happen in a thread, because a stick may be slow; what
touches records happens on the event loop, a step at a time. A file is written under another name, flushed to
the medium, read back and compared, and only then given its name.

What the page writes or is given lies in `carry/` of the data folder, sealed as it is, for a day at most.
"""

from __future__ import annotations

import asyncio
import contextlib
import hashlib
import logging
import os
import shutil
from collections.abc import AsyncIterator, Callable, Coroutine, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, BinaryIO, Literal

from node.actions import carry
from node.actions.carry import Asked, Writing
from node.actions.carry_in import Outcome, Reading
from node.actions.members import Session, coordinator
from node.actions.names import neighborhood_name
from node.faults import FULL, refused_by_system
from protocol.bundle import PAGE_SIZE_BYTES, SIZE_BYTES_MAX, START_SIZE_BYTES, SUFFIX, header_size_bytes
from protocol.errors import Fault, OurFault, WorldFault

if TYPE_CHECKING:
    from node.app import Node

FOLDER_NAME = "carry"
FILE_AGE_MAX_S = 86_400
ROOM_LEFT_BYTES = 64 * 2**20  # on the node's own card, for the records themselves
_FLUSH_BYTES = 1 << 20

log = logging.getLogger("barnraise.carrying")


@dataclass(slots=True)
class Work:
    """One file being written or read. `total_bytes` is 0 where nobody can know it beforehand."""

    what: Literal["out", "digest", "in", "answer"]
    id: str
    state: Literal["running", "done", "refused", "stopped"] = "running"
    done_bytes: int = 0
    total_bytes: int = 0
    records: int = 0
    size_bytes: int = 0
    path: Path | None = None
    outcome: Outcome | None = None
    asked: Asked | None = None
    fault: Fault | None = None
    names: list[str] = field(default_factory=list)  # of the recipients
    task: asyncio.Task[Any] | None = None

    @property
    def percent(self) -> int:
        """How much of a file has been read."""
        return 100 * self.done_bytes // self.total_bytes if self.total_bytes else 0


watchers: list[Callable[[Work], None]] = []  # of whoever does this in its own process: the command line


def begin(node: Node, what: Literal["out", "digest", "in", "answer"]) -> Work:
    """Take the one place. Raises WorldFault("carrying_already") while another file is under way."""
    if node.carrying is not None and node.carrying.state == "running":
        raise WorldFault("carrying_already")
    work = node.carrying = Work(what, node.random(8).hex())
    for watcher in watchers:
        watcher(work)
    return work


async def run(work: Work, doing: Any) -> None:
    """Do the work; however it ends, it says so, and what was refused is raised."""
    try:
        await doing
        work.state = "done"
    except Fault as fault:
        work.state, work.fault = "refused", fault
        raise
    except OSError as error:
        work.state, work.fault = "refused", refused_by_system(error)
        raise work.fault from error
    except asyncio.CancelledError:
        work.state = "stopped"
        raise
    except BaseException:
        work.state, work.fault = "refused", WorldFault("internal")
        raise


async def stop(node: Node) -> None:
    """End what is under way: the node stops, or somebody asked."""
    work = node.carrying
    if work is not None and work.task is not None and not work.task.done():
        work.task.cancel()
        await asyncio.wait([work.task])


def state(work: Work) -> dict[str, Any]:
    """How far it is."""
    return {
        "what": work.what,
        "state": work.state,
        "done_bytes": work.done_bytes,
        "total_bytes": work.total_bytes,
        "records": work.records,
    }


# reading


async def read(node: Node, work: Work, path: Path) -> Outcome:
    """Read a file in. Raises Fault, OSError; what was whole before a fault has been taken in."""
    reading = Reading(node)
    work.outcome = reading.outcome
    with await asyncio.to_thread(_opened, path) as file:
        work.total_bytes = os.fstat(file.fileno()).st_size
        if work.total_bytes > SIZE_BYTES_MAX:
            raise OurFault("file_too_large")
        start = await asyncio.to_thread(file.read, START_SIZE_BYTES)
        header = start + await asyncio.to_thread(file.read, header_size_bytes(start) - len(start))
        for _ in reading.begin(header):
            await asyncio.sleep(0)
        while True:
            sealed = await asyncio.to_thread(file.read, PAGE_SIZE_BYTES)
            if len(sealed) < PAGE_SIZE_BYTES:
                break
            for _ in reading.take(sealed):
                await asyncio.sleep(0)
            work.done_bytes += PAGE_SIZE_BYTES
            await asyncio.sleep(0)
    work.outcome = reading.finish()
    work.asked = reading.asked()
    return work.outcome


def _opened(path: Path) -> BinaryIO:
    if path.exists() and not path.is_file():  # what is no file might never end
        raise OurFault("not_a_bundle")
    return path.open("rb")


# writing


async def write(node: Node, work: Work, writing: Writing, target: Path, *, force: bool = False) -> None:
    """Write a file to `target`, and check it there.

    Raises OurFault: file_exists, too_much_to_carry; WorldFault: disk_full, damaged_bundle; OSError.
    """
    part = target.with_name(target.name + ".part")
    try:
        out = await asyncio.to_thread(_new, part, 0o644)  # sealed, and somebody else may have to read it
        with out:
            total, waiting = hashlib.sha256(), bytearray()
            for piece in writing.pieces():
                waiting += piece
                if len(waiting) >= _FLUSH_BYTES:
                    await _flush(out, waiting, total, work)
                work.records = writing.records
                await asyncio.sleep(0)
            await _flush(out, waiting, total, work)
            await asyncio.to_thread(_settle, out)
        if await asyncio.to_thread(_sha256, part) != total.digest():
            raise WorldFault(
                "damaged_bundle", "The file cannot be read as it was written. Is the stick well?"
            )
        work.size_bytes = await asyncio.to_thread(_name, part, target, force)
    except OSError as error:
        if error.errno in FULL:
            raise WorldFault("disk_full") from error
        if error.filename == str(part):
            error.filename = str(target)  # nobody has typed the other name
        raise
    finally:
        _drop(part)
    work.path = target


async def _flush(out: BinaryIO, waiting: bytearray, total: Any, work: Work) -> None:
    data = bytes(waiting)
    waiting.clear()
    total.update(data)
    await asyncio.to_thread(out.write, data)
    work.done_bytes += len(data)


def _new(path: Path, mode: int) -> BinaryIO:
    path.unlink(missing_ok=True)
    return os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, mode), "wb")


def _settle(out: BinaryIO) -> None:
    """Onto the medium, and out of memory, so that reading it back reads the medium."""
    out.flush()
    os.fsync(out.fileno())
    with contextlib.suppress(OSError):
        os.posix_fadvise(out.fileno(), 0, 0, os.POSIX_FADV_DONTNEED)


def _sha256(path: Path) -> bytes:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").digest()


def _name(part: Path, target: Path, force: bool) -> int:
    """Give the file its name; gives its size. Raises OurFault("file_exists")."""
    if not force and target.exists():
        raise OurFault("file_exists")
    part.replace(target)
    _sync_folder(target.parent)
    return target.stat().st_size


def _sync_folder(folder: Path) -> None:
    handle = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        with contextlib.suppress(OSError):  # some sticks cannot
            os.fsync(handle)
    finally:
        os.close(handle)


# what the page asks for: the file lies here until somebody has fetched it


def start_out(node: Node, session: Session, homes: Sequence[bytes] | None, *, digest: bool) -> Work:
    """Write a file for these neighborhoods (None: all whose key is known). Raises Fault."""
    coordinator(session)
    chosen = carry.recipients(node, homes)
    work = begin(node, "digest" if digest else "out")
    work.names = [neighborhood_name(node, recipient.home) for recipient in chosen]
    _start(work, _write_here(node, work, carry.Writing(node, chosen, records=not digest, held=digest)))
    return work


def start_answer(node: Node, session: Session) -> Work:
    """Write what the neighborhood lacks whose file was read last. Raises Fault."""
    coordinator(session)
    asked: Asked | None = node.carrying.asked if node.carrying is not None else None
    writing = carry.answer(node, asked)
    assert asked is not None
    work = begin(node, "answer")
    work.names = [neighborhood_name(node, asked.letter.sender)]
    _start(work, _write_here(node, work, writing))
    return work


async def start_in(node: Node, session: Session, chunks: AsyncIterator[bytes]) -> Work:
    """Take a file from a browser, then read it beside everything else. Raises Fault."""
    coordinator(session)
    work = begin(node, "in")
    work.task = asyncio.current_task()  # `stop` ends the coming of a file, too
    path = _waiting_file(node, work)
    try:
        drop_files(node.settings.data)
        await _receive(chunks, path, room_bytes(node))
    except BaseException as error:
        work.state = "stopped" if isinstance(error, asyncio.CancelledError) else "refused"
        _drop(path)
        if isinstance(error, OSError) and error.errno in FULL:
            raise WorldFault("disk_full") from error
        raise
    _start(work, _read_here(node, work, path))
    return work


async def _receive(chunks: AsyncIterator[bytes], path: Path, room: int) -> None:
    with await asyncio.to_thread(_new, path, 0o600) as out:
        size_bytes = 0
        async for chunk in chunks:
            size_bytes += len(chunk)
            if size_bytes > room:
                raise OurFault("file_too_large")
            await asyncio.to_thread(out.write, chunk)


async def _read_here(node: Node, work: Work, path: Path) -> None:
    try:
        await read(node, work, path)
    finally:
        _drop(path)


def _drop(path: Path) -> None:
    with contextlib.suppress(OSError):
        path.unlink(missing_ok=True)


async def _write_here(node: Node, work: Work, writing: Writing) -> None:
    drop_files(node.settings.data)
    await write(node, work, writing, _waiting_file(node, work))


def _start(work: Work, doing: Coroutine[Any, Any, Any]) -> None:
    """Do the work beside everything else; the page looks at `work`."""

    async def alone() -> None:
        try:
            await run(work, doing)
        except Fault as fault:
            log.info("a carried file was refused: %s", fault.code)
        except Exception:
            log.exception("carrying failed")

    work.task = asyncio.create_task(alone())


def folder_of(data: Path) -> Path:
    """The folder of files that wait, made where it is missing."""
    folder = data / FOLDER_NAME
    folder.mkdir(exist_ok=True, mode=0o700)
    return folder


def _waiting_file(node: Node, work: Work) -> Path:
    """Where the page's file lies meanwhile."""
    return folder_of(node.settings.data) / f"{work.what}-{work.id}{SUFFIX}"


def drop_files(data: Path, older_than_s: float = float("inf")) -> None:
    """Delete what waited: at a start all of it, later what was written before `older_than_s`."""
    for path in folder_of(data).iterdir():
        with contextlib.suppress(OSError):
            if path.stat().st_mtime < older_than_s:
                path.unlink()


def room_bytes(node: Node) -> int:
    """How large a file may be that is given to the page now."""
    free = shutil.disk_usage(node.settings.data).free - ROOM_LEFT_BYTES
    return max(0, min(SIZE_BYTES_MAX, free))


def file_name(node: Node) -> str:
    """A name that tells nothing of whom or what."""
    return f"carry-{node.random(3).hex()}{SUFFIX}"
