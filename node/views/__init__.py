"""Tables worked out from records, kept up to date in the transaction that adds the record.

`refresh` knows which rows a record touches; each view module has `write`, which works one row out anew
from the records held, whatever was in it before. So a view rebuilt from nothing comes out equal.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

from node.views import hours, nodes, posts, promises
from protocol.record import Record, parse

if TYPE_CHECKING:
    from node.store.records import Records

TABLES = ("view_posts", "view_promises", "view_claims", "view_cards", "view_profiles")


def refresh(records: Records, record: Record) -> None:
    """Bring the rows that `record` touches up to date, whether it has just entered its set or left it."""
    kind = record.kind
    if kind == "post":
        for commitment in records.about(record.thing, "commitment"):
            promises.write(records, commitment.thing)
        posts.write(records, record.thing)  # last: its open slots follow from the promises
    elif kind == "standing":
        posts.write(records, posts.subject(record))
    elif kind == "commitment":
        promises.write(records, record.thing)
        posts.write(records, promises.post_of(record))
    elif kind == "answer":
        answered = promises.write(records, promises.commitment_of(record))
        if answered is not None:
            posts.write(records, promises.post_of(answered))
    elif kind in ("hours", "confirm", "dispute"):
        hours.write(records, record)
    elif kind == "node":
        nodes.write_card(records, record.home)
    elif kind == "profile":
        nodes.write_profile(records, record.author)


def forget_words(records: Records, gone: Iterable[Record]) -> None:
    """After an erasure or an expiry: no view keeps a word of `gone`, in any corner of the file."""
    if any(record.kind == "post" for record in gone):
        posts.forget_words(records)


def rebuild(records: Records) -> None:
    """Work every view out anew from the records held."""
    for table in TABLES:
        records.connection.execute(f"DELETE FROM {table}")
    order = "('post', 'standing', 'commitment', 'answer', 'hours', 'confirm', 'dispute', 'node', 'profile')"
    rows = records.connection.execute(
        f"SELECT message, home_key FROM records WHERE status = 0 AND kind IN {order} ORDER BY seq"
    ).fetchall()
    for message, home_key in rows:
        refresh(records, parse(message).with_home_key(home_key))
