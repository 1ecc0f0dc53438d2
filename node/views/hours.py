"""The table of hour claims and what they add up to."""

from __future__ import annotations

import sqlite3
from dataclasses import dataclass
from typing import TYPE_CHECKING

from protocol.encoding import encode
from protocol.kinds.hours import Confirm, Dispute, Hours, settle
from protocol.record import Record

if TYPE_CHECKING:
    from node.store.records import Records


def _session(records: Records, record: Record) -> bytes | None:
    if record.kind == "hours":
        body = Hours.read(record)
        return body.session if body is not None else None
    word = Confirm.read(record) or Dispute.read(record)
    claim = records.get(word.claim) if word is not None else None
    return _session(records, claim) if claim is not None and claim.kind == "hours" else None


def write(records: Records, record: Record) -> None:
    """Work out every claim of the session that `record` speaks of. Scopes know nothing of one another."""
    session = _session(records, record)
    if session is None:
        return
    claims = {r.id: r for r in records.about(session, "hours")}
    words = [word for claim_id in claims for word in records.about(claim_id, "confirm", "dispute")]
    words = [word for word in words if word.scope == record.scope]
    here = [claim for claim in claims.values() if claim.scope == record.scope]
    settled = settle(here + words, records.accounts.account)
    connection = records.connection
    connection.execute(
        "DELETE FROM view_claims WHERE session = ? AND scope = ?", (session, encode(list(record.scope)))
    )
    for claim in settled.values():
        ids = [claim.id, *(word.id for word in words if word.body.get("claim") == claim.id)]
        marks = ", ".join("?" * len(ids))
        seq = connection.execute(
            f"SELECT coalesce(max(seq), 0) FROM records WHERE home = ? AND id IN ({marks})",
            (records.own_home, *ids),
        ).fetchone()[0]
        connection.execute(
            "INSERT INTO view_claims"
            " (id, seq, scope, session, author_home, author_key, giver_home, giver_key,"
            " receiver_home, receiver_key, minutes, date, category, state, corrects, commitment)"
            " VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
            (
                claim.id,
                seq,
                encode(list(record.scope)),
                session,
                *claim.author,
                *claim.giver,
                *claim.receiver,
                claim.hours.minutes,
                claim.hours.date,
                claim.hours.category,
                claim.state,
                claim.hours.corrects,
                claim.hours.commitment,
            ),
        )


@dataclass(frozen=True, slots=True)
class ClaimRow:
    """One row of the table."""

    id: bytes
    seq: int
    scope: bytes
    session: bytes
    author_home: bytes
    author_key: bytes
    giver_home: bytes
    giver_key: bytes
    receiver_home: bytes
    receiver_key: bytes
    minutes: int
    date: int
    category: str
    state: str
    corrects: bytes | None
    commitment: bytes | None


_COLUMNS = (
    "id, seq, scope, session, author_home, author_key, giver_home, giver_key, receiver_home, receiver_key,"
    " minutes, date, category, state, corrects, commitment"
)


def row_of(connection: sqlite3.Connection, claim_id: bytes) -> ClaimRow | None:
    """The row of one claim."""
    row = connection.execute(f"SELECT {_COLUMNS} FROM view_claims WHERE id = ?", (claim_id,)).fetchone()
    return ClaimRow(*row) if row else None


def naming(connection: sqlite3.Connection, home: bytes, key: bytes) -> list[bytes]:
    """Ids of the claims in which this account gave, received or spoke."""
    sql = (
        "SELECT id FROM view_claims WHERE (giver_home = ? AND giver_key = ?)"
        " OR (receiver_home = ? AND receiver_key = ?) OR (author_home = ? AND author_key = ?)"
    )
    return [row[0] for row in connection.execute(sql, (home, key, home, key, home, key))]


def of_account(connection: sqlite3.Connection, home: bytes, key: bytes) -> list[ClaimRow]:
    """Claims in which the account gave or received, newest first."""
    sql = (
        f"SELECT {_COLUMNS} FROM view_claims WHERE (giver_home = ? AND giver_key = ?)"
        " OR (receiver_home = ? AND receiver_key = ?) ORDER BY date DESC, seq DESC LIMIT 500"
    )
    return [ClaimRow(*row) for row in connection.execute(sql, (home, key, home, key))]


def balance(connection: sqlite3.Connection, home: bytes, key: bytes) -> tuple[int, int]:
    """Confirmed (given, received) minutes of an account."""
    row = connection.execute(
        "SELECT coalesce(sum(CASE WHEN giver_home = ? AND giver_key = ? THEN minutes END), 0),"
        " coalesce(sum(CASE WHEN receiver_home = ? AND receiver_key = ? THEN minutes END), 0)"
        " FROM view_claims WHERE state = 'confirmed'",
        (home, key, home, key),
    ).fetchone()
    return int(row[0]), int(row[1])


def count_to_confirm(connection: sqlite3.Connection, home: bytes, key: bytes) -> int:
    """How many claims by others wait for the word of this account."""
    row = connection.execute(
        "SELECT count(*) FROM view_claims WHERE state IN ('awaiting', 'disputed')"
        " AND ((giver_home = ? AND giver_key = ?) OR (receiver_home = ? AND receiver_key = ?))"
        " AND NOT (author_home = ? AND author_key = ?)",
        (home, key, home, key, home, key),
    ).fetchone()
    return int(row[0])
