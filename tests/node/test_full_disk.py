"""A node whose disk is full takes nothing in, says so, and goes on by itself when there is room."""

from __future__ import annotations

import asyncio
import errno
import sqlite3
from pathlib import Path

import pytest

from node import network
from node.actions import posts
from node.store import keeping
from node.store.database import open_database
from node.store.keeping import DISK_FAILS, DISK_FULL, Keeper
from node.store.records import Records
from protocol.errors import TheirFault, WorldFault
from sync import turns
from tests.node.serving import Place, found, link, places, until


def post(place: Place, number: int, where: str = "region") -> None:
    draft = posts.PostDraft(
        type="need", what="help", category="food.meal", where=where, title=f"Soup {number}", text="x" * 1900
    )
    posts.publish(place.node, place.session, draft)


def count(place: Place) -> int:
    return int(
        place.node.connection.execute("SELECT count(*) FROM records WHERE kind = 'post'").fetchone()[0]
    )


async def test_a_full_disk_is_told_and_what_waited_comes_when_there_is_room(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(turns, "PAUSE_MAX_S", 0.5)
    async with places(tmp_path, "Riverbend", "Oak Street") as (riverbend, oak):
        await link(riverbend, oak)
        await found(riverbend, oak)
        pages = oak.node.connection.execute("PRAGMA page_count").fetchone()[0]
        oak.node.connection.execute(f"PRAGMA max_page_count = {pages}")
        for number in range(30):
            post(riverbend, number)
        await until("oak says why", lambda: oak.node.disk_note == DISK_FULL)
        assert oak.page.disk_note == DISK_FULL
        told = [one for one in await network.examine(oak.node, oak.server.links) if one.topic == "disk"]
        assert told and DISK_FULL in told[0].texts()["said"] and "Make room" in told[0].texts()["advice"]
        assert oak.hears(riverbend), "the link is not ended for that"
        assert count(oak) < 30
        oak.node.connection.execute("PRAGMA max_page_count = 1000000")
        await until("all has come", lambda: count(oak) == 30)
        await until("and all is well", lambda: not oak.node.disk_note)


async def test_a_failed_write_is_not_believed_the_second_time(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """After fsync has failed, the next may succeed although pages were lost: the log is emptied instead."""
    async with places(tmp_path, "Riverbend") as (riverbend,):
        keeper = Keeper(riverbend.node.records, riverbend.settings.data / "barnraise.db")
        post(riverbend, 1, where="here")
        log = riverbend.settings.data / "barnraise.db-wal"
        await asyncio.to_thread(keeper.keep)
        assert log.stat().st_size > 0

        def fail(handle: int) -> None:
            raise OSError(errno.EIO, "Input/output error")

        with monkeypatch.context() as patched:
            patched.setattr(keeping.os, "fsync", fail)
            with pytest.raises(OSError):
                keeper.keep()
        keeper.keep()
        assert log.stat().st_size == 0


@pytest.mark.parametrize(
    ("error", "note"),
    [
        (WorldFault("disk_full"), DISK_FULL),
        (OSError(errno.ENOSPC, "No space left on device"), DISK_FULL),
        (OSError(errno.EIO, "Input/output error"), DISK_FAILS),
        (TheirFault("bad_frame"), None),
        (KeyError("thing"), None),
    ],
)
def test_whose_fault_it_is(error: Exception, note: str | None) -> None:
    keeper = Keeper(Records(open_database(None).conn, lambda: 0), None)
    assert keeper.failed(error) is (note is not None)
    assert keeper.note == (note or "")
    keeper.worked()
    assert keeper.note == ""


def test_a_wrong_statement_is_not_the_disks_fault_and_a_locked_file_is(tmp_path: Path) -> None:
    keeper = Keeper(Records(open_database(None).conn, lambda: 0), None)
    one, other = (sqlite3.connect(tmp_path / "a.db", isolation_level=None, timeout=0) for _ in range(2))
    with pytest.raises(sqlite3.OperationalError) as wrong:
        one.execute("SELECT nothing FROM nowhere")
    assert not keeper.failed(wrong.value)
    one.execute("BEGIN EXCLUSIVE")
    with pytest.raises(sqlite3.OperationalError) as locked:
        other.execute("BEGIN IMMEDIATE")
    assert keeper.failed(locked.value) and keeper.note == DISK_FAILS
    one.close(), other.close()
