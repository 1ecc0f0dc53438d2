"""What leaves its set, without being lost, when keys or rosters change; and what may come back."""

from __future__ import annotations

import sqlite3

from protocol.encoding import encode
from protocol.judge import Known
from protocol.scopes import COALITION

ASIDE_MAX = 3_000  # records kept aside of one neighborhood in one scope; further ones are not taken in

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
    for coalition_id, roster in known.rosters.items():
        scope = encode([COALITION, coalition_id])
        homes = connection.execute(
            f"SELECT DISTINCT home FROM records WHERE scope = ? AND status = 0 AND {_LEAVING}", (scope,)
        ).fetchall()
        for (home,) in homes:
            if home not in roster.members:
                connection.execute(
                    f"UPDATE records SET status = 1 WHERE scope = ? AND home = ? AND {_LEAVING}",
                    (scope, home),
                )
    return connection.total_changes != before


def returning(connection: sqlite3.Connection, known: Known) -> list[bytes]:
    """The messages kept aside that the judge may let in again: the door decides, one by one."""
    found: list[bytes] = []
    rows = connection.execute(
        "SELECT DISTINCT home, home_key, scope FROM records WHERE status = 1"
    ).fetchall()
    members = {encode([COALITION, c]): roster.members for c, roster in known.rosters.items()}
    for home, home_key, scope in rows:
        chain = known.chains.get(home)
        if chain is not None and home_key == chain.current and home in members.get(scope, (home,)):
            found += [
                row[0]
                for row in connection.execute(
                    "SELECT message FROM records WHERE status = 1 AND home = ? AND home_key = ?"
                    " AND scope = ?",
                    (home, home_key, scope),
                )
            ]
    return found


def room_aside(connection: sqlite3.Connection, scope: bytes, home: bytes) -> bool:
    """Whether one more record of `home` in `scope` may be kept aside."""
    sql = "SELECT count(*) FROM records WHERE scope = ? AND home = ? AND status = 1"
    return bool(connection.execute(sql, (scope, home)).fetchone()[0] < ASIDE_MAX)


def of_members(connection: sqlite3.Connection, home: bytes, key: bytes, count: int) -> list[bytes]:
    """Messages of ours kept aside under another key than `key` that a present member signed, oldest first."""
    rows = connection.execute(
        "SELECT message FROM records WHERE status = 1 AND home = ? AND home_key != ?"
        " AND author IN (SELECT key FROM members) ORDER BY seq LIMIT ?",
        (home, key, count),
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


def count_own(connection: sqlite3.Connection, home: bytes, key: bytes) -> int:
    """How many records of ours are kept aside under another key than `key`."""
    found = connection.execute(
        "SELECT count(*) FROM records WHERE status = 1 AND home = ? AND home_key != ?", (home, key)
    )
    return int(found.fetchone()[0])
