"""Words that are gone from the tables may still lie in the search index and in the write-ahead log.

`secure_delete` overwrites what is deleted in the database itself. The search index (FTS5) only notes that a
word is gone, until its parts are merged; the log keeps old pages until it is emptied. Both are done here,
in steps that hold nobody up.
"""

from __future__ import annotations

import sqlite3
from dataclasses import dataclass

from node.store import database, settings

SMALL_BLOCKS = 32  # of at most 4 KB
_LINGER = "words_linger"
MERGE_PAGES = 64  # of about 4 KB, written in one step


@dataclass(slots=True)
class Lingering:
    """What has not been cleared away yet: counts, since more may come while it is being done."""

    rows: int = 0  # deleted, and perhaps in the log
    indexed: int = 0  # deletions that the search index only notes
    marks: int = 0  # erasures of which the copies of the database do not know


def merge_step(connection: sqlite3.Connection, *, begin: bool) -> bool:
    """Merge some of the search index. True when it is one whole, and holds no word that is gone."""
    with database.transaction(connection):
        before = connection.total_changes
        connection.execute(
            "INSERT INTO view_posts_fts (view_posts_fts, rank) VALUES ('merge', ?)",
            (-MERGE_PAGES if begin else MERGE_PAGES,),
        )
        return connection.total_changes - before < 2  # by SQLite's manual: nothing was left to do


def merge_if_small(connection: sqlite3.Connection) -> bool:
    """Merge the whole search index at once, in the transaction that is open, where that takes no time."""
    blocks = connection.execute(
        "SELECT count(*) FROM (SELECT 1 FROM view_posts_fts_data LIMIT ?)", (SMALL_BLOCKS + 1,)
    ).fetchone()[0]
    if blocks > SMALL_BLOCKS:
        return False
    # not 'optimize': SQLite 3.40 spoils the index with it where parts of it were being merged
    connection.execute("INSERT INTO view_posts_fts (view_posts_fts) VALUES ('rebuild')")
    return True


def merge_whole(connection: sqlite3.Connection) -> None:
    """The same, all at once."""
    with database.transaction(connection):
        connection.execute("INSERT INTO view_posts_fts (view_posts_fts) VALUES ('rebuild')")


def empty_log(connection: sqlite3.Connection) -> bool:
    """Write the log into the database and cut it off. False while somebody is still reading from it."""
    patience_ms = connection.execute("PRAGMA busy_timeout").fetchone()[0]
    connection.execute("PRAGMA busy_timeout = 0")
    try:
        busy = connection.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone()[0]
    finally:
        connection.execute(f"PRAGMA busy_timeout = {patience_ms:d}")
    return not busy


# across a restart: whether copies of the database may hold what was erased, however young they are


def note_lingering(connection: sqlite3.Connection) -> None:
    """Something was erased; in the transaction that does it."""
    settings.put(connection, _LINGER, "1")


def note_cleared(connection: sqlite3.Connection) -> None:
    """The words are in no file any more: index and log are clean, and the copies made before are deleted."""
    with database.transaction(connection):
        settings.put(connection, _LINGER, "")


def linger(connection: sqlite3.Connection) -> bool:
    """Whether a run that was killed has left that undone."""
    return bool(settings.get(connection, _LINGER))
