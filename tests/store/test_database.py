"""The file itself: durable, private, never of a newer version, and one process at a time."""

from __future__ import annotations

import contextlib
import sqlite3
import stat
from pathlib import Path

import pytest
from sqlite_utils import Database, Migrations

from node.store import database
from node.store.database import DATABASE_NAME, lock_folder, open_database, transaction
from node.store.schema import NAMES, migrations
from protocol.errors import WorldFault
from tests.protocol.helpers import Neighborhood
from tests.store.helpers import House


def refused(path: Path) -> WorldFault:
    with pytest.raises(WorldFault) as caught:
        open_database(path)
    return caught.value


def filled(path: Path) -> Neighborhood:
    riverbend = Neighborhood("Riverbend")
    house = House(riverbend, path=path).settle_in()
    house.hear(
        *(riverbend.member("Ana").post(title=f"post {number}", text="words " * 90) for number in range(40))
    )
    house.connection.close()
    return riverbend


def ids(path: Path) -> list[tuple[bytes]]:
    with contextlib.closing(sqlite3.connect(path)) as connection:
        return connection.execute("SELECT id FROM records ORDER BY id").fetchall()


def tables(path: Path) -> set[str]:
    with contextlib.closing(sqlite3.connect(path)) as connection:
        return {row[0] for row in connection.execute("SELECT name FROM sqlite_master WHERE type = 'table'")}


@pytest.mark.parametrize("in_memory", [True, False])
def test_how_it_is_opened(tmp_path: Path, in_memory: bool) -> None:
    path = tmp_path / DATABASE_NAME
    connection = open_database(None if in_memory else path).conn

    def pragma(name: str) -> object:
        return connection.execute(f"PRAGMA {name}").fetchone()[0]

    assert pragma("synchronous") == 2, "FULL: NORMAL may lose acknowledged commits when the power goes"
    assert pragma("secure_delete") == 1 and pragma("foreign_keys") == 1
    assert pragma("journal_mode") == ("memory" if in_memory else "wal")
    if not in_memory:
        assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert [
        row[0] for row in connection.execute("SELECT name FROM _sqlite_migrations ORDER BY rowid")
    ] == NAMES


def test_a_newer_version_is_refused_and_nothing_changed(tmp_path: Path) -> None:
    path = tmp_path / DATABASE_NAME
    filled(path)
    with sqlite3.connect(path) as later:
        later.execute(
            "INSERT INTO _sqlite_migrations (migration_set, name, applied_at)"
            " VALUES ('barnraise', 'later', '')"
        )
    later.close()
    before = path.read_bytes()
    fault = refused(path)
    assert fault.code == "newer_data" and "newer" in fault.sentence
    assert path.read_bytes() == before
    assert [p.name for p in tmp_path.iterdir()] == [DATABASE_NAME]


def test_an_older_version_is_kept_before_it_is_changed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / DATABASE_NAME
    filled(path)
    before = ids(path)

    def second(db: Database) -> None:
        db.execute("CREATE TABLE of_the_second (name TEXT)")

    changed = Migrations("barnraise")
    changed._migrations = [*migrations._migrations, Migrations._Migration("second", second)]
    monkeypatch.setattr(database, "migrations", changed)
    monkeypatch.setattr(database, "NAMES", [*NAMES, "second"])
    open_database(path).conn.close()
    assert ids(path) == before and "of_the_second" in tables(path)
    backup = tmp_path / "backups" / "before-second.db"
    assert ids(backup) == before and "of_the_second" not in tables(backup)
    monkeypatch.undo()
    assert refused(path).code == "newer_data", "to the first version that is a newer one"


@pytest.mark.parametrize("content", [b"not a database, but long enough " * 20, b"SQLite format 3\0"])
def test_a_file_of_something_else_says_so(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / DATABASE_NAME
    path.write_bytes(content)
    fault = refused(path)
    assert fault.code == "damaged_data" and str(path) in fault.sentence
    assert path.read_bytes() == content


def test_a_damaged_file_says_so(tmp_path: Path) -> None:
    path = tmp_path / DATABASE_NAME
    filled(path)
    content = bytearray(path.read_bytes())
    for page in range(2, len(content) // 4096, 2):
        content[page * 4096 : page * 4096 + 200] = bytes(range(200))
    path.write_bytes(bytes(content))
    fault = refused(path)
    assert fault.code == "damaged_data" and "damaged" in fault.sentence
    assert path.read_bytes() == content


def test_deleted_words_are_gone_from_the_file(tmp_path: Path) -> None:
    path = tmp_path / DATABASE_NAME
    riverbend = Neighborhood("Riverbend")
    ana = riverbend.member("Ana")
    house = House(riverbend, path=path).settle_in()
    post = ana.post(title="Zanzibarzipan", text="Zanzibarzipan " * 60)
    house.hear(post)
    house.connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    assert b"Zanzibarzipan" in path.read_bytes()
    house.hear(ana.erase(post))
    house.connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    assert b"zanzibarzipan" not in path.read_bytes().lower()
    house.connection.close()


def test_one_process_at_a_time(tmp_path: Path) -> None:
    held = lock_folder(tmp_path / "data")
    assert stat.S_IMODE((tmp_path / "data").stat().st_mode) == 0o700
    with pytest.raises(WorldFault) as caught:
        lock_folder(tmp_path / "data")
    assert caught.value.code == "data_in_use"
    held.close()
    lock_folder(tmp_path / "data").close()


def test_a_transaction_is_all_or_nothing() -> None:
    connection = open_database(None).conn

    def settings() -> list[tuple[str]]:
        return connection.execute("SELECT name FROM settings").fetchall()

    def put(name: str) -> None:
        connection.execute("INSERT INTO settings (name, value) VALUES (?, '')", (name,))

    with pytest.raises(RuntimeError), transaction(connection):
        put("a")
        with transaction(connection):
            put("b")
        raise RuntimeError
    assert settings() == [] and not connection.in_transaction
    with transaction(connection), transaction(connection):
        put("a")
    assert settings() == [("a",)]
    with pytest.raises(sqlite3.IntegrityError), transaction(connection):
        put("c")
        put("a")
    assert settings() == [("a",)]
