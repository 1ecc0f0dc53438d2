"""The table of promises: one row per commitment that this node may see."""

from __future__ import annotations

import sqlite3
from dataclasses import dataclass
from typing import TYPE_CHECKING

from protocol.encoding import encode
from protocol.kinds.promises import Answer, Commitment, continues, last_word, promise_state
from protocol.record import Record
from protocol.scopes import LOCAL, pair

if TYPE_CHECKING:
    from node.store.records import Records


def post_of(commitment: Record) -> bytes:
    """The post that a commitment is about."""
    body = Commitment.read(commitment)
    return body.post if body is not None else b""


def commitment_of(answer: Record) -> bytes:
    """The commitment that an answer is about."""
    body = Answer.read(answer)
    return body.commitment if body is not None else b""


def answer_to(records: Records, commitment: Record, post: Record | None) -> Record | None:
    """The poster's answer. Others' answers, and answers in another scope, do not count."""
    if post is None:
        return None
    said = [r for r in records.about(commitment.thing, "answer") if r.scope == commitment.scope]
    poster = records.accounts.account(post.home, post.author)
    return last_word(said, poster, records.accounts)


def word_of(records: Records, first: Record) -> Record:
    """The helper's word on a promise: the first commitment, or that with which a later key carries it on."""
    body = Commitment.read(first)
    others = records.about(body.post, "commitment") if body is not None else []
    said = [first, *(record for record in others if continues(record, first, records.accounts))]
    helper = records.accounts.account(first.home, first.author)
    return last_word(said, helper, records.accounts) or first


def _between(commitment: Record, post: Record) -> bool:
    """Whether the promise stands between helper's and poster's neighborhoods and nowhere else."""
    if commitment.scope[0] == LOCAL:
        return commitment.home == post.home
    return commitment.scope == pair(commitment.home, post.home)


def write(records: Records, thing: bytes) -> Record | None:
    """Work out the row of the commitment `thing`; gives its record, or None where it is not held."""
    connection = records.connection
    record = records.version(thing)
    body = Commitment.read(record) if record is not None and record.kind == "commitment" else None
    if record is None or body is None:
        connection.execute("DELETE FROM view_promises WHERE thing = ?", (thing,))
        return None
    if body.continues is not None:
        first = records.version(body.continues)
        if first is not None and first.kind == "commitment" and continues(record, first, records.accounts):
            connection.execute("DELETE FROM view_promises WHERE thing = ?", (thing,))
            return write(records, first.thing)
    word = word_of(records, record)
    body = Commitment.read(word) or body
    post = records.version(body.post)
    if post is not None and (post.kind != "post" or post.erased or not _between(record, post)):
        post = None
    answer_record = answer_to(records, record, post)
    answer = Answer.read(answer_record) if answer_record is not None else None
    state = promise_state(body, answer, post_known=post is not None, expires=None, today=0)
    seq = connection.execute(
        "SELECT coalesce(max(seq), 0) FROM records WHERE home = ? AND id IN (?, ?)",
        (records.own_home, word.id, answer_record.id if answer_record is not None else b""),
    ).fetchone()[0]
    connection.execute(
        "INSERT OR REPLACE INTO view_promises"
        " (thing, seq, scope, post, home, author, name, note, slots, state,"
        " post_home, post_author, poster_name, answer_note, created, expires)"
        " VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
        (
            thing,
            seq,
            encode(list(record.scope)),
            body.post,
            record.home,
            records.accounts.account(record.home, record.author)[1],
            body.name,
            body.note,
            state.slots,
            state.state,
            post.home if post is not None else None,
            records.accounts.account(post.home, post.author)[1] if post is not None else None,
            answer.name if answer is not None else "",
            answer.note if answer is not None else "",
            record.created,
            record.expires,
        ),
    )
    return record


def write_with_kin(records: Records, record: Record) -> None:
    """Work out the row of a commitment, and of those that it carries on or that carry it on."""
    write(records, record.thing)
    body = Commitment.read(record)
    if body is None:
        return
    for other in records.about(body.post, "commitment"):
        said = Commitment.read(other)
        if other.thing == body.continues or (said is not None and said.continues == record.thing):
            write(records, other.thing)


@dataclass(frozen=True, slots=True)
class PromiseRow:
    """One row of the table."""

    thing: bytes
    seq: int
    scope: bytes
    post: bytes
    home: bytes
    author: bytes
    name: str
    note: str
    slots: int
    state: str
    post_home: bytes | None
    post_author: bytes | None
    poster_name: str
    answer_note: str
    created: int
    expires: int | None


_COLUMNS = (
    "thing, seq, scope, post, home, author, name, note, slots, state, post_home, post_author, poster_name,"
    " answer_note, created, expires"
)


def rows_where(connection: sqlite3.Connection, where: str, *arguments: object) -> list[PromiseRow]:
    """Rows by a condition written in this package, newest first."""
    sql = f"SELECT {_COLUMNS} FROM view_promises WHERE {where} ORDER BY created DESC, thing LIMIT 500"
    return [PromiseRow(*row) for row in connection.execute(sql, arguments)]


def row_of(connection: sqlite3.Connection, thing: bytes) -> PromiseRow | None:
    """The row of one promise."""
    return next(iter(rows_where(connection, "thing = ?", thing)), None)


def of_post(connection: sqlite3.Connection, post: bytes) -> list[PromiseRow]:
    """Promises about one post."""
    return rows_where(connection, "post = ?", post)


def of_person(connection: sqlite3.Connection, home: bytes, key: bytes) -> list[PromiseRow]:
    """Promises that somebody made or was made."""
    return rows_where(
        connection,
        "(home = ? AND author = ?) OR (post_home = ? AND post_author = ?)",
        home,
        key,
        home,
        key,
    )


def count_to_answer(connection: sqlite3.Connection, home: bytes, key: bytes, today: int) -> int:
    """How many promises wait for this poster's answer."""
    row = connection.execute(
        "SELECT count(*) FROM view_promises WHERE post_home = ? AND post_author = ? AND state = 'proposed'"
        " AND (expires IS NULL OR expires > ?)",
        (home, key, today),
    ).fetchone()
    return int(row[0])
