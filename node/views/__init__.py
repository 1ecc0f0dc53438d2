"""Tables worked out from records, kept up to date in the transaction that adds the record.

`refresh` knows which rows a record touches; each view module has `write`, which works one row out anew
from the records held, whatever was in it before. So a view rebuilt from nothing comes out equal.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

from node.views import hours, nodes, posts, promises
from protocol.kinds.accounts import Account, Accounts
from protocol.record import Record, parse

if TYPE_CHECKING:
    from node.store.records import Records

TABLES = ("view_posts", "view_promises", "view_claims", "view_cards", "view_profiles")


def refresh(records: Records, record: Record, *, entered: bool = False, alone: bool = False) -> None:
    """Bring the rows that `record` touches up to date, whether it has just entered its set or left it.

    `entered`: it surely entered, so it need not be looked for; `alone`: nothing that is held speaks of it.
    """
    kind = record.kind
    if kind == "post":
        said = [] if alone else records.about(record.thing, "commitment", "standing")
        for other in said:
            if other.kind == "commitment":
                promises.write(records, other.thing)
        # last: its open slots follow from the promises
        posts.write(records, record.thing, record if entered else None, said)
    elif kind == "standing":
        posts.write(records, posts.subject(record))
    elif kind == "commitment":
        promises.write_with_kin(records, record)
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
        nodes.write_profile(records, record.home, record.author)


def refresh_accounts(records: Records, before: Accounts) -> None:
    """Bring up to date what was said by or with keys that now belong to another account than `before`."""
    now = records.accounts
    named = sorted({*now.before, *before.before})
    moved: dict[Account, None] = {}
    for account in named:
        if (before.account(*account), before.depth(*account)) != (now.account(*account), now.depth(*account)):
            for accounts, root in ((before, before.account(*account)), (now, now.account(*account))):
                moved |= {(root[0], key): None for key in accounts.keys(root)}
    for home, key in moved:
        nodes.write_profile(records, home, key)  # also of a key that said nothing: another's may stand there
        for record in records.by_author(home, key):
            refresh(records, record)
        for claim_id in hours.naming(records.connection, home, key):
            claim = records.get(claim_id)
            if claim is not None:
                refresh(records, claim)


def in_search_index(gone: Iterable[Record]) -> int:
    """How many of these records had words in the search index, which only notes that they are gone."""
    return sum(record.kind == "post" for record in gone)


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
