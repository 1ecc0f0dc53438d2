"""SQL over neighboring nodes, coalitions, invitations between neighborhoods, and prekeys."""

from __future__ import annotations

import sqlite3
from dataclasses import dataclass

NEIGHBORS_ASKING_MAX = 50  # asks that wait for an answer; further ones are not taken in


@dataclass(frozen=True, slots=True)
class NeighborRow:
    """A neighborhood we have to do with. State: asked, asks, linked, declined."""

    home: bytes
    state: str
    name: str
    address: str
    message: str
    last_heard: int
    in_step_seq: int


_COLUMNS = "home, state, name, address, message, last_heard, in_step_seq"


def neighbor(connection: sqlite3.Connection, home: bytes) -> NeighborRow | None:
    """One neighbor's row."""
    row = connection.execute(f"SELECT {_COLUMNS} FROM neighbors WHERE home = ?", (home,)).fetchone()
    return NeighborRow(*row) if row else None


def neighbors(connection: sqlite3.Connection) -> list[NeighborRow]:
    """Every neighbor's row, by name."""
    rows = connection.execute(f"SELECT {_COLUMNS} FROM neighbors ORDER BY name, home")
    return [NeighborRow(*row) for row in rows]


def set_neighbor(
    connection: sqlite3.Connection,
    home: bytes,
    state: str,
    *,
    name: str | None = None,
    address: str | None = None,
    message: str | None = None,
) -> None:
    """Write a neighbor's state; what is None stays as it was."""
    connection.execute(
        "INSERT INTO neighbors (home, state, name, address, message, last_heard, in_step_seq)"
        " VALUES (?, ?, ?, ?, ?, 0, 0) ON CONFLICT (home) DO UPDATE SET state = excluded.state",
        (home, state, name or "", address or "", message or ""),
    )
    for column, value in (("name", name), ("address", address), ("message", message)):
        if value is not None:
            connection.execute(f"UPDATE neighbors SET {column} = ? WHERE home = ?", (value, home))


def heard(connection: sqlite3.Connection, home: bytes, name: str, now: int) -> None:
    """A neighbor was linked just now."""
    connection.execute(
        "UPDATE neighbors SET last_heard = ?, name = CASE WHEN ? = '' THEN name ELSE ? END WHERE home = ?",
        (now, name, name, home),
    )


def forget_neighbor(connection: sqlite3.Connection, home: bytes) -> None:
    """Drop a neighbor's row."""
    connection.execute("DELETE FROM neighbors WHERE home = ?", (home,))


def set_in_step(connection: sqlite3.Connection, home: bytes, seq: int) -> None:
    """All pair records up to this number are held on both sides."""
    connection.execute(
        "INSERT INTO neighbors (home, state, name, address, message, last_heard, in_step_seq)"
        " VALUES (?, '', '', '', '', 0, ?) ON CONFLICT (home) DO UPDATE SET"
        " in_step_seq = max(in_step_seq, excluded.in_step_seq)",
        (home, seq),
    )


def awaiting(connection: sqlite3.Connection, own_home: bytes, partner: bytes, seq: int) -> bool:
    """Whether the record with this number has not been seen to arrive at the partner's node."""
    if partner == own_home:
        return False
    row = connection.execute("SELECT in_step_seq FROM neighbors WHERE home = ?", (partner,)).fetchone()
    return row is None or row[0] < seq


def last_seq(connection: sqlite3.Connection, scope: bytes) -> int:
    """The number of the newest record in a scope."""
    row = connection.execute(
        "SELECT max(seq) FROM records WHERE scope = ? AND status = 0", (scope,)
    ).fetchone()
    return row[0] or 0


@dataclass(frozen=True, slots=True)
class CoalitionRow:
    """A coalition we follow. State: joined, offered, declined, left."""

    id: bytes
    state: str
    anchor: bytes | None
    name: str
    agreement: str
    from_home: bytes | None


def coalitions(connection: sqlite3.Connection, state: str) -> list[CoalitionRow]:
    """The coalitions in a state."""
    rows = connection.execute(
        "SELECT id, state, anchor, name, agreement, from_home FROM coalitions"
        " WHERE state = ? ORDER BY name, id",
        (state,),
    )
    return [CoalitionRow(*row) for row in rows]


def coalition(connection: sqlite3.Connection, coalition_id: bytes) -> CoalitionRow | None:
    """One coalition's row."""
    row = connection.execute(
        "SELECT id, state, anchor, name, agreement, from_home FROM coalitions WHERE id = ?", (coalition_id,)
    ).fetchone()
    return CoalitionRow(*row) if row else None


def set_coalition(
    connection: sqlite3.Connection,
    coalition_id: bytes,
    state: str,
    *,
    name: str,
    agreement: str,
    anchor: bytes | None = None,
    from_home: bytes | None = None,
) -> None:
    """Write a coalition down; an anchor once set is moved by the roster only."""
    connection.execute(
        "INSERT INTO coalitions (id, state, anchor, name, agreement, from_home) VALUES (?, ?, ?, ?, ?, ?)"
        " ON CONFLICT (id) DO UPDATE SET state = excluded.state, anchor = coalesce(anchor, excluded.anchor)",
        (coalition_id, state, anchor, name, agreement, from_home),
    )


def follow_branch(connection: sqlite3.Connection, coalition_id: bytes, epoch: bytes) -> None:
    """Follow the branch of a coalition's roster on which an epoch lies: a person has decided so."""
    connection.execute("UPDATE coalitions SET anchor = ? WHERE id = ?", (epoch, coalition_id))


def add_invite(
    connection: sqlite3.Connection, invite_id: bytes, coalition_id: bytes, psk: bytes, now: int, expires: int
) -> None:
    """Write an invitation down: its public id and the handshake key, never the code."""
    connection.execute(
        "INSERT INTO neighborhood_invites (id, coalition, psk, made, expires) VALUES (?, ?, ?, ?, ?)",
        (invite_id, coalition_id, psk, now, expires),
    )


def invite_psk(connection: sqlite3.Connection, invite_id: bytes, now: int) -> bytes | None:
    """The handshake key of an invitation that is not over. A used one still serves whoever used it."""
    row = connection.execute(
        "SELECT psk FROM neighborhood_invites WHERE id = ? AND expires > ?", (invite_id, now)
    ).fetchone()
    return row[0] if row else None


def use_invite(connection: sqlite3.Connection, invite_id: bytes, home: bytes, now: int) -> bytes | None:
    """Use an invitation up for `home`; gives the coalition, or None where it is used by another or over."""
    row = connection.execute(
        "SELECT coalition, used_by FROM neighborhood_invites WHERE id = ? AND expires > ?", (invite_id, now)
    ).fetchone()
    if row is None or row[1] not in (None, home):
        return None
    connection.execute("UPDATE neighborhood_invites SET used_by = ? WHERE id = ?", (home, invite_id))
    return bytes(row[0])


def add_prekey(connection: sqlite3.Connection, public: bytes, private: bytes, now: int) -> None:
    """Keep a fresh prekey."""
    connection.execute("INSERT INTO prekeys (public, private, made) VALUES (?, ?, ?)", (public, private, now))


def prekeys(connection: sqlite3.Connection) -> list[tuple[bytes, bytes, int]]:
    """(public, private, made) of every prekey, newest first."""
    return connection.execute(
        "SELECT public, private, made FROM prekeys ORDER BY made DESC, rowid DESC"
    ).fetchall()


def date_prekeys_back(connection: sqlite3.Connection, now: int) -> None:
    """Prekeys made on a clock that ran ahead count as made now."""
    connection.execute("UPDATE prekeys SET made = ? WHERE made > ?", (now, now))


def drop_prekeys(connection: sqlite3.Connection, replaced_before: int) -> None:
    """Delete prekeys that had a successor before this time: what was sealed to them can never be opened."""
    connection.execute(
        "DELETE FROM prekeys WHERE made < (SELECT max(made) FROM prekeys WHERE made < ?)", (replaced_before,)
    )


def own_parcels(connection: sqlite3.Connection, home: bytes, scope: bytes, today: int) -> int:
    """How many parcels of ours there are in a coalition that are not over."""
    (count,) = connection.execute(
        "SELECT count(*) FROM records WHERE scope = ? AND home = ? AND kind = 'parcel' AND status = 0"
        " AND expires > ?",
        (scope, home, today),
    ).fetchone()
    return int(count)


def card_prekey(connection: sqlite3.Connection, home: bytes) -> bytes | None:
    """The prekey on a neighborhood's card."""
    row = connection.execute("SELECT prekey FROM view_cards WHERE home = ?", (home,)).fetchone()
    return row[0] if row else None


def card_addresses(connection: sqlite3.Connection, home: bytes) -> str:
    """The addresses on a neighborhood's card, as JSON."""
    row = connection.execute("SELECT addresses FROM view_cards WHERE home = ?", (home,)).fetchone()
    return row[0] if row else "[]"


def pair_partners(connection: sqlite3.Connection, own_home: bytes) -> list[tuple[bytes, int]]:
    """(scope bytes, newest number) of every pair scope in which records are held."""
    return connection.execute(
        "SELECT scope, max(seq) FROM records"
        " WHERE status = 0 AND scope >= x'8301' AND scope < x'8302' GROUP BY scope"
    ).fetchall()


def card_area(connection: sqlite3.Connection, home: bytes) -> str:
    """The area label on a neighborhood's card."""
    row = connection.execute("SELECT area FROM view_cards WHERE home = ?", (home,)).fetchone()
    return row[0] if row else ""


def last_sign(connection: sqlite3.Connection, home: bytes) -> int:
    """When a neighborhood was last heard from: on a link, or by a card that others passed on. 0: never."""
    row = connection.execute(
        "SELECT max((SELECT coalesce(max(last_heard), 0) FROM neighbors WHERE home = ?),"
        " (SELECT coalesce(max(at), 0) FROM view_cards WHERE home = ?))",
        (home, home),
    ).fetchone()
    return int(row[0])
