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
