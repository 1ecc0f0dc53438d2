"""Backups of a node that runs: consistent under writes, whole or not there at all, and it comes back."""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import resource
import signal
import sqlite3
import subprocess
import sys
from pathlib import Path

import pytest

from node import control
from node.actions import backup, members, posts, restored
from node.app import Node
from node.store.database import DATABASE_NAME
from protocol.errors import WorldFault
from tests.cli.world import Person, copy_of, found_alder_street, running
from tests.node.process import REPOSITORY, Process
from tests.node.serving import PASSPHRASE, settings_of, until

WORDS = "forty quiet windmills"


@pytest.fixture(scope="module")
def template(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("alder") / "data"
    asyncio.run(found_alder_street(folder))
    return folder


@pytest.fixture
def alder(template: Path, tmp_path: Path) -> Person:
    return Person(copy_of(template, tmp_path / "data"))


def types(person: Person, *words: str, **more: str) -> tuple[int, str]:
    typed = person.types(*words, BARNRAISE_BACKUP_PASSPHRASE=more.pop("words", WORDS), **more)
    return typed.exit, typed.out + typed.err


def left_in(folder: Path) -> list[str]:
    return sorted(
        path.name for path in folder.rglob("*") if ".working" in path.name or path.suffix == ".part"
    )


def post(node: Node, session: members.Session, title: str) -> bytes:
    return posts.publish(
        node,
        session,
        posts.PostDraft(type="need", what="help", category="rides", title=title, notes="private"),
        limit=False,
    )


async def titles(data: Path) -> set[str]:
    """What somebody reads who signs in with the old passphrase."""
    node = Node(settings_of(data))
    try:
        session = await members.sign_in(node, name="Amara", passphrase=PASSPHRASE, address="")
        return {item.title for item in posts.board(node, session, posts.BoardQuery(limit=100)).items}
    finally:
        node.close()


def test_there_and_back(alder: Person, tmp_path: Path) -> None:
    draft = ("need", "A ride", "--category", "rides")
    assert alder.types(*draft, "--as", "Amara").exit == 0
    file = tmp_path / "stick" / "alder.barnraise-backup"
    file.parent.mkdir()
    status, said = types(alder, "backup", str(file))
    assert status == 0 and "made and checked" in said, said
    assert file.stat().st_mode & 0o777 == 0o600 and left_in(tmp_path) == []
    content = file.read_bytes()
    assert b"A ride" not in content and b"SQLite" not in content and b"node_seed" not in content

    assert "is there already" in types(alder, "backup", str(file))[1]
    assert file.read_bytes() == content
    assert types(alder, "backup", str(file), "--force")[0] == 0 and file.read_bytes() != content

    assert alder.types("need", "Gone for good", "--category", "rides", "--as", "Amara").exit == 0
    assert types(alder, "restore", str(file), words="forty quiet windmill")[1].startswith(
        "This is not the pass"
    )
    assert "say --yes" in types(alder, "restore", str(file))[1], "nothing is replaced unasked"
    other = Person(tmp_path / "another machine")
    status, said = types(other, "restore", str(file))
    assert status == 0 and "Alder Street is back" in said, said
    assert asyncio.run(titles(other.data)) == {"A ride"}
    status, said = types(alder, "restore", str(file), "--yes")
    assert status == 0 and "before-restore-" in said, said
    assert asyncio.run(titles(alder.data)) == {"A ride"}
    (aside,) = alder.data.glob("before-restore-*")
    assert asyncio.run(titles(aside)) == {"A ride", "Gone for good"}, "nothing was thrown away"

    node = Node(settings_of(other.data))
    try:
        came = restored.last(node)
        assert came is not None and came.source == "file" and not came.noted
        assert len(backup.store.made(node.connection)) == 2, "the one before, and the one that it came from"
        assert not backup.state(node).due
    finally:
        node.close()


def test_a_short_passphrase_and_a_missing_one(alder: Person, tmp_path: Path) -> None:
    assert "at least 8" in types(alder, "backup", str(tmp_path / "b"), words="short")[1]
    assert "passphrase is needed" in types(alder, "backup", str(tmp_path / "b"), words="")[1]
    (tmp_path / "words").write_text(f"{WORDS}\n")
    assert types(alder, "backup", str(tmp_path / "b"), "--passphrase-file", str(tmp_path / "words"))[0] == 0
    assert (tmp_path / "b.barnraise-backup").exists()


def test_a_damaged_file_is_told_before_any_passphrase(alder: Person, tmp_path: Path) -> None:
    file = tmp_path / "b.barnraise-backup"
    types(alder, "backup", str(file))
    content = bytearray(file.read_bytes())
    content[len(content) // 2] ^= 4
    for data, told in ((content, "damaged or was cut"), (content[:-100], "cut off"), (b"hello", "no backup")):
        file.write_bytes(bytes(data))
        status, said = types(alder, "restore", str(file), "--yes", words="")
        assert status == 1 and told in said and said.count("\n") == 1
    assert "No such file" in types(alder, "restore", str(tmp_path / "nothing"))[1]
    assert asyncio.run(titles(alder.data)) == set() and not list(alder.data.glob("before-*"))


def test_restore_without_a_file_says_what_is_gone_and_what_to_run(alder: Person) -> None:
    said = types(alder, "restore")[1]
    assert "gone for good" in said and "comes back" in said and "barnraise recover" in said


async def test_a_running_node_is_not_restored_over(alder: Person, tmp_path: Path) -> None:
    async with running(alder.data):
        file = str(tmp_path / "b.barnraise-backup")
        status, said = await asyncio.to_thread(types, alder, "backup", file)
        assert status == 0, said
        status, said = await asyncio.to_thread(types, alder, "restore", file, "--yes")
        assert status == 1 and "Stop it" in said


async def test_under_writes_it_is_of_one_moment(alder: Person, tmp_path: Path) -> None:
    """Each post is two records in one transaction: a backup holds both or neither."""
    async with running(alder.data) as server:
        node = server.node
        session = await members.sign_in(node, name="Ben", passphrase=PASSPHRASE, address="")
        for number in range(300):
            post(node, session, f"before {number}")
        making = asyncio.create_task(backup.make(node, tmp_path / "b", WORDS))
        written = 0
        while not making.done():
            post(node, session, f"meanwhile {written}")
            written += 1
            await asyncio.sleep(0)
        made = await making
        assert written > 0 and made.path.name == "b.barnraise-backup"
    other = tmp_path / "other"
    status, said = await asyncio.to_thread(types, Person(other), "restore", str(made.path))
    assert status == 0, said
    with contextlib.closing(sqlite3.connect(other / DATABASE_NAME)) as copy:
        counts = dict(copy.execute("SELECT kind, count(*) FROM records GROUP BY kind"))
        assert copy.execute("PRAGMA integrity_check").fetchone() == ("ok",)
    assert counts["post"] == counts["details"] >= 300
    assert sum(counts.values()) == made.records


async def test_two_at_once_and_the_loop_goes_on(alder: Person, tmp_path: Path) -> None:
    node = Node(settings_of(alder.data))
    try:
        first = asyncio.create_task(backup.make(node, tmp_path / "one", WORDS))
        await until("it has begun", lambda: node.backing_up)
        with pytest.raises(WorldFault, match="queue_full"):
            await backup.make(node, tmp_path / "two", WORDS)
        await first
        await backup.make(node, tmp_path / "two", WORDS)
    finally:
        node.close()


def test_a_full_disk_leaves_nothing(alder: Person, tmp_path: Path) -> None:
    """A limit on the size of files stands in for a full disk: at the copy already, and at the file."""
    size = (alder.data / DATABASE_NAME).stat().st_size
    for limit in (size // 2, size + 4_096):
        done = subprocess.run(
            [sys.executable, "-m", "node.cli.main", "backup", str(tmp_path / "b"), "--data", str(alder.data)],
            cwd=REPOSITORY,
            env=os.environ | {"BARNRAISE_BACKUP_PASSPHRASE": WORDS},
            preexec_fn=lambda limit=limit: _limit(limit),
            capture_output=True,
            text=True,
        )
        if limit < size:
            assert done.returncode == 1 and ("full" in done.stderr or "room" in done.stderr), done.stderr
            assert done.stderr.count("\n") == 1
        assert left_in(tmp_path) == [] and list(tmp_path.glob("b.*")) == (
            [] if done.returncode else [tmp_path / "b.barnraise-backup"]
        )


def _limit(size_bytes: int) -> None:
    signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size_bytes, size_bytes))


@pytest.mark.root
@pytest.mark.skipif(os.geteuid() != 0, reason="needs root, to mount a small disk")
def test_a_full_stick(alder: Person, tmp_path: Path) -> None:
    stick = tmp_path / "stick"
    stick.mkdir()
    mounted = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", "size=100k", "none", str(stick)], capture_output=True
    )
    if mounted.returncode:
        pytest.skip("no disk may be mounted here")
    try:
        status, said = types(alder, "backup", str(stick / "b"))
        assert status == 1 and f"no room for the backup at {stick}" in said and said.count("\n") == 1
        assert list(stick.iterdir()) == [] and left_in(alder.data) == []
    finally:
        subprocess.run(["umount", str(stick)], check=True)


def test_killed_in_the_middle(alder: Person, tmp_path: Path) -> None:
    """What stood under the name before stands there still; leftovers go at the next start."""
    file = tmp_path / "b.barnraise-backup"
    types(alder, "backup", str(file))
    before = file.read_bytes()
    with contextlib.closing(sqlite3.connect(alder.data / DATABASE_NAME)) as connection:
        connection.execute("CREATE TABLE ballast (words BLOB)")
        connection.execute("INSERT INTO ballast VALUES (zeroblob(200000000))")
        connection.commit()
    with Process(alder.data) as process:
        asking = subprocess.Popen(
            [
                sys.executable,
                "-m",
                "node.cli.main",
                "backup",
                str(file),
                "--force",
                "--data",
                str(alder.data),
            ],
            cwd=REPOSITORY,
            env=os.environ | {"BARNRAISE_BACKUP_PASSPHRASE": WORDS},
            stderr=subprocess.PIPE,
            text=True,
        )
        working = alder.data / "backups" / ".working-backup.db"
        asyncio.run(until("it is being made", working.exists))
        process.kill()
        assert "stopped before" in asking.communicate(timeout=30)[1]
    assert working.exists() and file.read_bytes() == before
    with Process(alder.data):
        asyncio.run(until("the leftover is gone", lambda: not working.exists()))


# the copies on the machine itself


def damage(path: Path) -> None:
    content = bytearray(path.read_bytes())
    for page in range(2, len(content) // 4096, 2):
        content[page * 4096 : page * 4096 + 200] = bytes(range(200))
    path.write_bytes(bytes(content))


def test_a_damaged_database_is_replaced_by_the_last_good_copy(alder: Person) -> None:
    assert alder.types("need", "A ride", "--category", "rides", "--as", "Amara").exit == 0
    backup.make_local_copy(alder.data)
    assert alder.types("need", "Later", "--category", "rides", "--as", "Amara").exit == 0
    backup.make_local_copy(alder.data)
    newest, older = backup.local_copies(alder.data)
    assert [newest.name, older.name] == ["copy-000002.db", "copy-000001.db"]
    assert {path.stat().st_mode & 0o777 for path in (newest, older)} == {0o600}
    damage(newest)
    damage(alder.data / DATABASE_NAME)
    assert "is damaged" in types(alder, "status")[1], "only a start takes up a copy"
    node = Node(settings_of(alder.data), rescue=True)
    try:
        assert "took up its last good copy" in node.rescue_note
        came = restored.last(node)
        assert came is not None and came.source == "copy"
    finally:
        node.close()
    assert asyncio.run(titles(alder.data)) == {"A ride"}
    (kept,) = (alder.data / "backups").glob("damaged-*.db")
    assert kept.name in node.rescue_note


def test_a_damaged_database_without_a_copy_says_what_to_do(alder: Person) -> None:
    damage(alder.data / DATABASE_NAME)
    before = (alder.data / DATABASE_NAME).read_bytes()
    with pytest.raises(WorldFault, match="barnraise restore FILE"):
        Node(settings_of(alder.data), rescue=True)
    assert (alder.data / DATABASE_NAME).read_bytes() == before


def test_a_database_that_is_only_out_of_reach_is_left_alone(alder: Person) -> None:
    backup.make_local_copy(alder.data)
    holder = sqlite3.connect(alder.data / DATABASE_NAME, isolation_level=None)
    holder.execute("PRAGMA locking_mode=EXCLUSIVE")
    holder.execute("BEGIN EXCLUSIVE")
    try:
        with pytest.raises(sqlite3.OperationalError, match="locked"):
            Node(settings_of(alder.data), rescue=True)
    finally:
        holder.close()
    assert not list((alder.data / "backups").glob("damaged-*"))


async def test_a_node_that_runs_keeps_copies_and_forgets_them(alder: Person) -> None:
    (alder.data / "backups").mkdir(exist_ok=True)
    (alder.data / "backups" / ".working-copy.db").write_bytes(b"half")
    async with running(alder.data) as server:
        await until("a copy is there", lambda: backup.local_copies(alder.data))
        assert left_in(alder.data) == []
        session = await members.sign_in(server.node, name="Ben", passphrase=PASSPHRASE, address="")
        post(server.node, session, "said later")
        first = backup.local_copies(alder.data)[0].stat().st_ino
        assert backup.forget_local_copies(server.node) == []
        assert backup.local_copies(alder.data) == []
        await until("a new one is made", lambda: backup.local_copies(alder.data))
        (copy,) = backup.local_copies(alder.data)
        assert copy.stat().st_ino != first or b"said later" in copy.read_bytes()


def test_at_most_three_copies_and_one_under_way_is_dropped(alder: Person) -> None:
    for _ in range(5):
        backup.make_local_copy(alder.data)
    assert [copy.name for copy in backup.local_copies(alder.data)] == [
        f"copy-00000{number}.db" for number in (5, 4, 3)
    ]
    backup.make_local_copy(alder.data, lambda: False)
    assert len(backup.local_copies(alder.data)) == 3 and left_in(alder.data) == []
    now = backup.local_copies(alder.data)[0].stat().st_mtime
    due = [backup.copy_is_due(alder.data, now + later) for later in (-5, 10, 86_000, 86_500)]
    assert due == [True, False, False, True]


def test_the_state_of_backups_is_shown(alder: Person, tmp_path: Path) -> None:
    assert "none yet" in alder.types("status").out
    found = {one["name"]: one for one in json.loads(alder.types("doctor", "--json").out)["checks"]}
    assert found["Backup"]["said"] == "none yet" and "barnraise backup" in found["Backup"]["advice"]
    types(alder, "backup", str(tmp_path / "b"))
    found = {one["name"]: one for one in json.loads(alder.types("doctor", "--json").out)["checks"]}
    assert found["Backup"]["ok"]
    node = Node(settings_of(alder.data), clock=lambda: 4_000_000_000)
    try:
        assert backup.state(node).due, "older than a month"
    finally:
        node.close()
    assert control.call(alder.data, "status")["last_backup"]["made"] > 0
