"""What leaves its set, without being lost, when keys or rosters change; and what may come back."""

from __future__ import annotations

import sqlite3
from collections.abc import Sequence

from node.store.quota import IN_SLOT
from protocol.encoding import encode
from protocol.judge import Known
from protocol.kinds.keys import RIVALS_MAX
from protocol.record import Record, parse
from protocol.scopes import COALITION

ASIDE_MAX = 3_000  # records kept aside of one neighborhood in one scope; further ones are not taken in
ASIDE_OWN_MAX = 50_000  # the same for our own, which come back from peers

_THINGS = "kind NOT IN ('inception', 'rotation', 'charter', 'epoch', 'assent', 'sponsor', 'leave')"
# A member's own erasure stays under any key its home ever had (protocol.judge.outlives_its_key).
# A contest carries no signature of its home.
_MORTAL = f"{_THINGS} AND kind != 'contest' AND (erases IS NULL OR author = home)"
# Who has left a coalition takes its accounts along: hours with it stand.
_LEAVING = f"{_THINGS} AND kind NOT IN ('succession', 'contest')"


def set_aside(connection: sqlite3.Connection, known: Known) -> bool:
    """Move records out of their sets as keys and rosters say. True where any moved."""
    before = connection.total_changes
    for home, chain in known.chains.items():
        if len(chain.steps) > 1:
            connection.execute(
                "UPDATE records SET status = 1 WHERE home = ? AND home_key != ? AND status = 0"
                f" AND {_MORTAL}",
                (home, chain.current),
            )
        if (
            len(chain.rivals) == RIVALS_MAX
        ):  # then even what outlives a key may be under one no longer followed
            keys = [step.node_key for step in chain.every]
            connection.execute(
                "UPDATE records SET status = 1 WHERE home = ? AND status = 0 AND kind NOT IN"
                " ('inception', 'rotation', 'contest', 'charter')"
                f" AND home_key NOT IN ({', '.join('?' * len(keys))})",
                (home, *keys),
            )
    for coalition_id, roster in known.rosters.items():
        scope = encode([COALITION, coalition_id])
        for (home,) in connection.execute("SELECT DISTINCT home FROM records").fetchall():
            if home not in roster.members:
                connection.execute(
                    "UPDATE records SET status = 1 WHERE +scope = ? AND home = ? AND status = 0"
                    f" AND {_LEAVING}",
                    (scope, home),
                )
    return connection.total_changes != before


def returning(connection: sqlite3.Connection, known: Known) -> list[bytes]:
    """The messages kept aside that the judge may let in again: the door decides, one by one."""
    found: list[bytes] = []
    rows = connection.execute(
        "SELECT DISTINCT home, home_key, scope, erases IS NOT NULL AND author != home FROM records"
        " WHERE status = 1"
    ).fetchall()
    members = {encode([COALITION, c]): roster.members for c, roster in known.rosters.items()}
    for home, home_key, scope, authors_mark in rows:
        chain = known.chains.get(home)
        if chain is None or home not in members.get(scope, (home,)):
            continue
        if home_key == chain.current or authors_mark:
            found += [
                row[0]
                for row in connection.execute(
                    "SELECT message FROM records WHERE status = 1 AND home = ? AND home_key = ?"
                    " AND scope = ? AND (erases IS NOT NULL AND author != home) = ?",
                    (home, home_key, scope, authors_mark),
                )
            ]
    return found


def room_aside(connection: sqlite3.Connection, scope: bytes, home: bytes, own_home: bytes) -> bool:
    """Whether one more record of `home` in `scope` may be kept aside."""
    sql = "SELECT count(*) FROM records WHERE scope = ? AND home = ? AND status = 1"
    most = ASIDE_OWN_MAX if home == own_home else ASIDE_MAX
    return bool(connection.execute(sql, (scope, home)).fetchone()[0] < most)


def of_scope(
    connection: sqlite3.Connection, scope: bytes, home: bytes, after: int, count: int
) -> list[tuple[int, bytes]]:
    """(number, message) of what is kept aside of `home` in `scope`, numbered above `after`."""
    return connection.execute(
        "SELECT seq, message FROM records WHERE status = 1 AND scope = ? AND home = ? AND seq > ?"
        " ORDER BY seq LIMIT ?",
        (scope, home, after, count),
    ).fetchall()


# Said again by the node itself, from what follows: their last versions may be a thief's.
_SAID_AGAIN = "author = home AND kind IN ('node', 'standing', 'parcel')"


# Of members, by any of their keys; what our neighborhood had erased waits for a decision on that erasure.
_MEMBERS = (
    "status = 1 AND home = ? AND home_key != ?"
    " AND (author IN (SELECT key FROM members) OR author IN ({marks}))"
    " AND NOT EXISTS (SELECT 1 FROM records m WHERE m.erases = records.thing)"
)


def scopes_of_ours(connection: sqlite3.Connection, home: bytes, key: bytes) -> list[bytes]:
    """The scopes in which anything of ours under another key than `key` is kept aside that can be erased."""
    sql = "SELECT DISTINCT scope FROM records WHERE status = 1 AND home = ? AND home_key != ?"
    return [row[0] for row in connection.execute(f"{sql} AND expires IS NOT NULL", (home, key))]


def of_members(
    connection: sqlite3.Connection,
    home: bytes,
    key: bytes,
    former: list[bytes],
    count: int,
    held: Sequence[bytes] = (),
) -> list[bytes]:
    """Messages of ours kept aside under another key than `key` that a present member signed, oldest first.

    `former` are the earlier keys of members' accounts. What our neighborhood had erased waits until a
    coordinator has decided on that erasure; what can be erased waits in the scopes `held`.
    """
    where = _MEMBERS.format(marks=", ".join("?" * len(former)))
    waits = f"expires IS NOT NULL AND scope IN ({', '.join('?' * len(held))})"
    rows = connection.execute(
        f"SELECT message FROM records WHERE {where} AND NOT ({waits}) ORDER BY seq LIMIT ?",
        (home, key, *former, *held, count),
    )
    return [row[0] for row in rows]


def count_held(
    connection: sqlite3.Connection, home: bytes, key: bytes, former: list[bytes], held: list[bytes]
) -> int:
    """How many of these wait in the scopes `held`."""
    where = _MEMBERS.format(marks=", ".join("?" * len(former)))
    waits = f"expires IS NOT NULL AND scope IN ({', '.join('?' * len(held))})"
    sql = f"SELECT count(*) FROM records WHERE {where} AND {waits}"
    return int(connection.execute(sql, (home, key, *former, *held)).fetchone()[0])


def rest(
    connection: sqlite3.Connection, home: bytes, key: bytes, former: Sequence[bytes] = ()
) -> list[tuple[bytes, str, int]]:
    """(author, kind, count) of what is kept aside of ours and waits for a coordinator.

    What a present member signed does not, with whichever key of their account (`former`).
    """
    return connection.execute(
        "SELECT author, kind, count(*) FROM records WHERE status = 1 AND home = ? AND home_key != ?"
        f" AND author NOT IN (SELECT key FROM members) AND author NOT IN ({', '.join('?' * len(former))})"
        f" AND NOT ({_SAID_AGAIN}) GROUP BY author, kind ORDER BY author, kind",
        (home, key, *former),
    ).fetchall()


def of_author(
    connection: sqlite3.Connection, home: bytes, key: bytes, author: bytes, kind: str
) -> list[tuple[bytes, bytes]]:
    """(id, message) of one line of `rest`, as they came."""
    return connection.execute(
        "SELECT id, message FROM records WHERE status = 1 AND home = ? AND home_key != ?"
        " AND author = ? AND kind = ? ORDER BY seq",
        (home, key, author, kind),
    ).fetchall()


def newest_of_author(
    connection: sqlite3.Connection, home: bytes, key: bytes, author: bytes, kind: str, count: int
) -> list[bytes]:
    """Messages of one line of `rest`, those made last first."""
    rows = connection.execute(
        "SELECT message FROM records WHERE status = 1 AND home = ? AND home_key != ?"
        " AND author = ? AND kind = ? ORDER BY created DESC, id LIMIT ?",
        (home, key, author, kind, count),
    )
    return [row[0] for row in rows]


def settle(connection: sqlite3.Connection, record_id: bytes, message: bytes | None, home_key: bytes) -> None:
    """Of a record kept aside: keep it under its new signature, or (None) drop it."""
    if message is None:
        connection.execute("DELETE FROM records WHERE id = ? AND status = 1", (record_id,))
    else:
        connection.execute(
            "UPDATE records SET message = ?, home_key = ? WHERE id = ? AND status = 1",
            (message, home_key, record_id),
        )


def in_slot(
    connection: sqlite3.Connection, scope: bytes, home: bytes, slot: bytes, *, marks_only: bool
) -> list[tuple[bytes, bytes]]:
    """(message, key of the home) of the records that count in a slot, or of its marks of erasure only."""
    sql = f"SELECT message, home_key FROM records WHERE {IN_SLOT}"
    return connection.execute(sql + " AND erases IS NOT NULL" * marks_only, (scope, home, slot)).fetchall()


def mark_lasts(connection: sqlite3.Connection, thing: bytes, current: bytes) -> bool:
    """Whether a mark of a thing waits that only the quota keeps out: its author's, or one by the present key.

    One by a key that its home has replaced may be a thief's, and waits for a person.
    """
    row = connection.execute(
        "SELECT 1 FROM records WHERE erases = ? AND status = 1 AND (author != home OR home_key = ?)",
        (thing, current),
    ).fetchone()
    return row is not None


def standing_above(connection: sqlite3.Connection, record: Record) -> list[bytes]:
    """What is kept aside and stands above a record: the marks that erase its thing, and later versions."""
    rows = connection.execute(
        "SELECT message FROM records WHERE status = 1"
        " AND (erases = ?1 OR thing = ?1 AND (edit, id) > (?2, ?3))"
        " ORDER BY erases IS NULL, edit DESC, id DESC",
        (record.thing, record.edit, record.id),
    )
    return [row[0] for row in rows]


def about(connection: sqlite3.Connection, subject: bytes, kind: str, home: bytes, key: bytes) -> list[Record]:
    """Records of `home`, by its key `key`, that speak of `subject` and are kept aside, the latest first."""
    rows = connection.execute(
        "SELECT message, home_key FROM records WHERE refers = ? AND kind = ? AND status = 1 AND home = ?"
        " AND home_key = ? ORDER BY edit DESC, id DESC",
        (subject, kind, home, key),
    )
    return [parse(message).with_home_key(home_key) for message, home_key in rows]
