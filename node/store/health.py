"""SQL for the person who looks after the node: how much there is, and whether the database is sound."""

from __future__ import annotations

import sqlite3
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Counts:
    """How much a node holds. `posts` are those on the board today, `posts_here` those made here."""

    members: int
    coordinators: int
    posts: int
    posts_here: int
    records: int
    database_bytes: int


def counts(connection: sqlite3.Connection, home: bytes, today: int) -> Counts:
    """Count what is held. `home` is b"" before set-up."""
    members, coordinators = connection.execute(
        "SELECT count(*), coalesce(sum(role = 'coordinator'), 0) FROM members"
    ).fetchone()
    posts, posts_here = connection.execute(
        "SELECT count(*), coalesce(sum(home = ?), 0) FROM view_posts"
        " WHERE expires > ? AND state NOT IN ('withdrawn', 'fulfilled')",
        (home, today),
    ).fetchone()
    records = connection.execute("SELECT count(*) FROM records").fetchone()[0]
    pages = connection.execute("PRAGMA page_count").fetchone()[0]
    page_bytes = connection.execute("PRAGMA page_size").fetchone()[0]
    return Counts(members, coordinators, posts, posts_here, records, pages * page_bytes)


def check(connection: sqlite3.Connection) -> str:
    """ "ok", or what SQLite finds wrong with the file."""
    return str(connection.execute("PRAGMA quick_check(1)").fetchone()[0])
