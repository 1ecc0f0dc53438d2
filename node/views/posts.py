"""The board's table: one row per need or offer."""

from __future__ import annotations

import sqlite3
from collections.abc import Collection
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from protocol.kinds.posts import Post, Standing, post_state, seen_state
from protocol.kinds.promises import Promise
from protocol.record import Record
from protocol.scopes import COALITION, EPOCH_2020_S

if TYPE_CHECKING:
    from node.store.records import Records

DAY_ZERO = 0  # rows hold the state apart from expiry, which depends on the day of reading


def first_number(created: int) -> int:
    """The lowest number of a post made at this time. Of one second they count on as they come in."""
    return (created - EPOCH_2020_S) << 20


def subject(standing: Record) -> bytes:
    """The post that a standing speaks of."""
    body = Standing.read(standing)
    return body.post if body is not None else b""


def write(
    records: Records, thing: bytes, held: Record | None = None, said: list[Record] | None = None
) -> None:
    """Work out the row of the post `thing`; remove it where the post is not held or cannot be read.

    `held` is its version and `said` what speaks of it, where the caller has read them already.
    """
    connection = records.connection
    record = held or records.version(thing)
    post = Post.read(record) if record is not None and record.kind == "post" and not record.erased else None
    if record is None or post is None or record.expires is None:
        connection.execute("DELETE FROM view_posts WHERE thing = ?", (thing,))
        return
    if record.home == records.own_home:
        rows = connection.execute("SELECT state, slots FROM view_promises WHERE post = ?", (thing,))
        state, slots_open = post_state(post, None, [Promise(*row) for row in rows], DAY_ZERO)
    else:
        state, slots_open = seen_state(post, None, standing_of(records, record, said), DAY_ZERO)
    connection.execute(
        "INSERT INTO view_posts"
        " (number, thing, record_id, coalition, home, author, type, what, category, title, text,"
        " area, time_words, urgency, slots, slots_open, language, name, state, created, expires, renews)"
        " VALUES ((SELECT coalesce(max(number) + 1, ?1) FROM view_posts WHERE number >= ?1 AND number < ?2),"
        " ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)"
        " ON CONFLICT (thing) DO UPDATE SET record_id = excluded.record_id, author = excluded.author,"
        " type = excluded.type,"
        " what = excluded.what, category = excluded.category, title = excluded.title, text = excluded.text,"
        " area = excluded.area, time_words = excluded.time_words, urgency = excluded.urgency,"
        " slots = excluded.slots, slots_open = excluded.slots_open, language = excluded.language,"
        " name = excluded.name, state = excluded.state",
        (
            first_number(record.created),
            first_number(record.created + 1),
            thing,
            record.id,
            record.scope[1] if record.scope[0] == COALITION else None,
            record.home,
            records.accounts.account(record.home, record.author)[1],
            post.type,
            post.what,
            post.category,
            post.title,
            post.text,
            post.area,
            post.when,
            post.urgency,
            post.slots,
            slots_open,
            post.language,
            post.name,
            state,
            record.created,
            record.expires,
            post.renews,
        ),
    )


def standing_of(records: Records, post: Record, said: list[Record] | None = None) -> Standing | None:
    """What the poster's own neighborhood says of the post; anybody else's word does not count."""
    for record in records.about(post.thing, "standing") if said is None else said:
        if record.kind == "standing" and record.home == post.home and record.scope == post.scope:
            return Standing.read(record)
    return None


URGENT_EACH_MAX = 20  # as many are looked up one by one; more are looked for among all that are urgent

COLUMNS = (
    "p.thing, p.coalition, p.home, p.author, p.type, p.what, p.category, p.title, p.text, p.area,"
    " p.time_words, p.urgency, p.slots, p.slots_open, p.language, p.name, p.state, p.created, p.expires"
)


@dataclass(frozen=True, slots=True)
class PostRow:
    """One row of the board."""

    thing: bytes
    coalition: bytes | None
    home: bytes
    author: bytes
    type: str
    what: str
    category: str
    title: str
    text: str
    area: str
    time_words: str
    urgency: str
    slots: int
    slots_open: int
    language: str
    name: str
    state: str
    created: int
    expires: int


@dataclass(frozen=True, slots=True)
class Filter:
    """What to look for. `where`: "" all, "here" this neighborhood's own, "region" what is shared."""

    type: str = ""
    categories: tuple[str, ...] = ()
    words: str = ""
    where: str = ""
    author: bytes | None = None
    before: tuple[int, bytes] | None = None
    over: bool = False  # include what is expired, withdrawn or fulfilled
    limit: int = 30


def urgent(connection: sqlite3.Connection, record_ids: Collection[bytes]) -> list[bytes]:
    """Which of these records are urgent posts."""
    if len(record_ids) > URGENT_EACH_MAX:
        every = connection.execute("SELECT record_id FROM view_posts WHERE urgency = 'urgent'")
        return list({row[0] for row in every}.intersection(record_ids))
    sql = "SELECT 1 FROM view_posts WHERE record_id = ? AND urgency = 'urgent'"
    return [record_id for record_id in record_ids if connection.execute(sql, (record_id,)).fetchone()]


def row_of(connection: sqlite3.Connection, thing: bytes) -> PostRow | None:
    """The row of one post."""
    row = connection.execute(f"SELECT {COLUMNS} FROM view_posts p WHERE p.thing = ?", (thing,)).fetchone()
    return PostRow(*row) if row else None


def board(connection: sqlite3.Connection, own_home: bytes, wanted: Filter, today: int) -> list[PostRow]:
    """Rows that fit, newest first."""
    where: list[str] = ["1"]
    arguments: list[Any] = []
    source, number = "view_posts p", "p.number"
    match = _match_words(wanted.words)
    if match:
        # the search index gives its matches in this order by itself, and nothing is sorted
        source, number = "view_posts_fts f JOIN view_posts p ON p.number = f.rowid", "f.rowid"
        where.append("view_posts_fts MATCH ?")
        arguments.append(match)
    if wanted.type:
        where.append("p.type = ?")
        arguments.append(wanted.type)
    if wanted.where == "here":
        where.append("p.home = ?")
        arguments.append(own_home)
    elif wanted.where == "region":
        where.append("p.coalition IS NOT NULL")
    if wanted.author is not None:
        where.append("p.author = ?")
        arguments.append(wanted.author)
    if not wanted.over:
        where.append("p.expires > ? AND p.state NOT IN ('withdrawn', 'fulfilled')")
        arguments.append(today)
    if wanted.before is not None:
        created, thing = wanted.before
        where.append(f"{number} < coalesce((SELECT number FROM view_posts WHERE thing = ?), ?)")
        arguments.extend((thing, first_number(created)))
    fits = f"FROM {source} WHERE {' AND '.join(where)}"
    order = f"ORDER BY {number} DESC LIMIT ?"
    if wanted.categories:  # the newest of each along its index: SQLite would sort all that are in any of them
        newest = f"SELECT * FROM (SELECT p.number {fits} AND p.category = ? {order})"
        of_all = " UNION ALL ".join([newest] * len(wanted.categories))
        fits, order = f"FROM view_posts p WHERE p.number IN ({of_all})", "ORDER BY p.number DESC LIMIT ?"
        arguments = [part for each in wanted.categories for part in (*arguments, each, wanted.limit)]
    rows = connection.execute(f"SELECT {COLUMNS} {fits} {order}", (*arguments, wanted.limit))
    return [PostRow(*row) for row in rows]


def _match_words(words: str) -> str:
    """An FTS5 query: every word quoted, so that nothing typed is an operator; the last may go on."""
    found = [word.replace('"', "") for word in words.split()][:12]
    quoted = [f'"{word}"' for word in found if word]
    return " ".join(quoted) + "*" if quoted else ""


def count_open(connection: sqlite3.Connection, author: bytes, today: int) -> int:
    """How many posts of one member are still running."""
    row = connection.execute(
        "SELECT count(*) FROM view_posts WHERE author = ? AND expires > ? AND state != 'withdrawn'",
        (author, today),
    ).fetchone()
    return int(row[0])


def shared_by(connection: sqlite3.Connection, home: bytes, today: int) -> list[bytes]:
    """The running posts that a neighborhood shares with a coalition."""
    rows = connection.execute(
        "SELECT thing FROM view_posts WHERE home = ? AND coalition IS NOT NULL AND expires > ?", (home, today)
    )
    return [row[0] for row in rows]
