"""The board's order: by when a post was made, whatever came in when; also in what a search finds."""

from __future__ import annotations

import sqlite3
from pathlib import Path

import pytest
from sqlite_utils import Database

from node.store import database
from node.store.database import DATABASE_NAME, open_database
from node.store.schema import NAMES, migrations
from node.views.posts import Filter, board
from tests.protocol.helpers import NOON, Neighborhood
from tests.store.helpers import House

BEFORE_NUMBERS = NAMES.index("newest_first")


def titles(connection: sqlite3.Connection, home: bytes, today: int, **wanted: object) -> list[str]:
    return [row.title for row in board(connection, home, Filter(**wanted), today)]  # type: ignore[arg-type]


def test_what_was_made_last_comes_first_whatever_came_in_last() -> None:
    oak = Neighborhood("Oak")
    ana = oak.member("Ana")
    here = House(oak).settle_in()
    times = {"a ladder": 40, "ladder, new": 90, "old ladder": 10, "a saw": 60}
    here.hear(*(ana.post(title=title, created=NOON + after) for title, after in times.items()))
    today = here.records.today()
    newest_first = ["ladder, new", "a saw", "a ladder", "old ladder"]
    assert titles(here.connection, oak.id, today) == newest_first
    assert titles(here.connection, oak.id, today, words="ladder", limit=2) == ["ladder, new", "a ladder"]
    last = board(here.connection, oak.id, Filter(words="ladder", limit=2), today)[-1]
    older = titles(here.connection, oak.id, today, words="ladder", before=(last.created, last.thing))
    assert older == ["old ladder"]


def test_of_one_second_the_one_that_came_last_is_first_and_pages_leave_none_out() -> None:
    oak = Neighborhood("Oak")
    ana = oak.member("Ana")
    here = House(oak).settle_in()
    here.hear(*(ana.post(title=f"number {number}", created=NOON) for number in range(7)))
    today, seen, before = here.records.today(), [], None
    while rows := board(here.connection, oak.id, Filter(limit=3, before=before), today):
        seen += [row.title for row in rows]
        before = rows[-1].created, rows[-1].thing
    assert seen == [f"number {number}" for number in reversed(range(7))]


def test_an_edit_keeps_its_place() -> None:
    oak = Neighborhood("Oak")
    ana = oak.member("Ana")
    here = House(oak).settle_in()
    first, second = ana.post(title="first", created=NOON), ana.post(title="second", created=NOON)
    here.hear(first, second, ana.again(first, first.body | {"title": "first, edited"}))
    assert titles(here.connection, oak.id, here.records.today()) == ["second", "first, edited"]
    assert titles(here.connection, oak.id, here.records.today(), words="edited") == ["first, edited"]


def test_a_board_of_the_version_before_is_in_order_and_can_be_searched(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / DATABASE_NAME
    earlier = type(migrations)("barnraise")
    earlier._migrations = migrations._migrations[:BEFORE_NUMBERS]
    monkeypatch.setattr(database, "migrations", earlier)
    monkeypatch.setattr(database, "NAMES", NAMES[:BEFORE_NUMBERS])
    old: Database = open_database(path)
    for number, (title, after) in enumerate([("ladder", 5), ("saw", 9), ("ladder too", 5), ("oldest", 1)]):
        old.execute(
            "INSERT INTO view_posts (thing, record_id, home, author, type, what, category, title, text, area,"
            " time_words, urgency, slots, slots_open, language, name, state, created, expires)"
            " VALUES (?, ?, x'01', x'02', 'need', 'help', 'rides', ?, '', '', '', 'normal', 1, 1, 'en', '',"
            " 'open', ?, 60000)",
            (bytes([number]), bytes([number]), title, NOON + after),
        )
    old.conn.close()
    monkeypatch.undo()
    connection = open_database(path).conn
    assert titles(connection, b"\x01", 0) == ["saw", "ladder too", "ladder", "oldest"]
    assert titles(connection, b"\x01", 0, words="ladder") == ["ladder too", "ladder"]
    connection.execute("UPDATE view_posts SET title = 'rake' WHERE title = 'saw'")
    assert titles(connection, b"\x01", 0, words="saw") == []
    assert titles(connection, b"\x01", 0, words="rake") == ["rake"]
    connection.execute("INSERT INTO view_posts_fts (view_posts_fts) VALUES ('integrity-check')")
