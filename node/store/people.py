"""SQL over members, invitations and names. Nothing here decides anything."""

from __future__ import annotations

import sqlite3
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class MemberRow:
    """A member as they stand in the database: their seed is sealed. `key` is the first key, the account's."""

    key: bytes
    name: str
    role: str
    language: str
    salt: bytes
    sealed_seed: bytes


def add_member(connection: sqlite3.Connection, member: MemberRow, folded: str, joined: int) -> None:
    """Write a member down."""
    connection.execute(
        "INSERT INTO members"
        " (key, signing_key, name, name_folded, role, language, salt, sealed_seed, joined)"
        " VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)",
        (
            member.key,
            member.key,
            member.name,
            folded,
            member.role,
            member.language,
            member.salt,
            member.sealed_seed,
            joined,
        ),
    )


def member_named(connection: sqlite3.Connection, folded: str) -> MemberRow | None:
    """The member of this case-folded name."""
    row = connection.execute(
        "SELECT key, name, role, language, salt, sealed_seed FROM members WHERE name_folded = ?", (folded,)
    ).fetchone()
    return MemberRow(*row) if row else None


def member_of(connection: sqlite3.Connection, key: bytes) -> MemberRow:
    """The member whose account this is. Raises LookupError."""
    row = connection.execute(
        "SELECT key, name, role, language, salt, sealed_seed FROM members WHERE key = ?", (key,)
    ).fetchone()
    if row is None:
        raise LookupError
    return MemberRow(*row)


def member_with(connection: sqlite3.Connection, key: bytes, *, former: bool) -> MemberRow | None:
    """The member who signs with this key, or with `former` who signed with it before; None for any other."""
    row = connection.execute(
        "SELECT key, name, role, language, salt, sealed_seed FROM members WHERE "
        + ("key = (SELECT account FROM former_keys WHERE key = ?)" if former else "signing_key = ?"),
        (key,),
    ).fetchone()
    return MemberRow(*row) if row else None


def set_role(connection: sqlite3.Connection, key: bytes, role: str) -> bool:
    """Give a member a role; False where there is no such member."""
    changed = connection.execute("UPDATE members SET role = ? WHERE key = ?", (role, key))
    return changed.rowcount == 1


def count_role(connection: sqlite3.Connection, role: str) -> int:
    """How many members have a role."""
    return int(connection.execute("SELECT count(*) FROM members WHERE role = ?", (role,)).fetchone()[0])


def set_language(connection: sqlite3.Connection, key: bytes, language: str) -> None:
    """The language in which a member sees the pages."""
    connection.execute("UPDATE members SET language = ? WHERE key = ?", (language, key))


def with_profiles(connection: sqlite3.Connection) -> list[tuple[bytes, str, str, str, str, str, str]]:
    """(key, name, role, area, languages, about, contact) of every member, by name."""
    return connection.execute(
        "SELECT m.key, m.name, m.role, coalesce(p.area, ''), coalesce(p.languages, ''),"
        " coalesce(p.about, ''), coalesce(p.contact, '')"
        " FROM members m LEFT JOIN view_profiles p ON p.author = m.key ORDER BY m.name_folded"
    ).fetchall()


def profile_of(connection: sqlite3.Connection, key: bytes) -> tuple[str, str, str, str] | None:
    """(area, languages, about, contact) of one member."""
    row: tuple[str, str, str, str] | None = connection.execute(
        "SELECT area, languages, about, contact FROM view_profiles WHERE author = ?", (key,)
    ).fetchone()
    return row


def add_invite(connection: sqlite3.Connection, code_hash: bytes, made: int, expires: int) -> None:
    """Write an invitation down by the hash of its code."""
    connection.execute(
        "INSERT INTO member_invites (code_hash, made, expires) VALUES (?, ?, ?)", (code_hash, made, expires)
    )


def open_invites(connection: sqlite3.Connection, now: int) -> list[tuple[int, int, int]]:
    """(id, made, expires) of the invitations that can still be used, newest first."""
    return connection.execute(
        "SELECT id, made, expires FROM member_invites WHERE used IS NULL AND expires > ? ORDER BY id DESC",
        (now,),
    ).fetchall()


def invite_is_open(connection: sqlite3.Connection, code_hash: bytes, now: int) -> bool:
    """Whether an invitation can still be used."""
    row = connection.execute(
        "SELECT 1 FROM member_invites WHERE code_hash = ? AND used IS NULL AND expires > ?", (code_hash, now)
    ).fetchone()
    return row is not None


def use_invite(connection: sqlite3.Connection, code_hash: bytes, now: int) -> bool:
    """Use an invitation up; False where it no longer can be."""
    used = connection.execute(
        "UPDATE member_invites SET used = ? WHERE code_hash = ? AND used IS NULL AND expires > ?",
        (now, code_hash, now),
    )
    return used.rowcount == 1


def drop_invite(connection: sqlite3.Connection, invite_id: int) -> None:
    """Delete an unused invitation."""
    connection.execute("DELETE FROM member_invites WHERE id = ? AND used IS NULL", (invite_id,))


def member_name(connection: sqlite3.Connection, key: bytes) -> str:
    """The name of one of our members, "" for others."""
    row = connection.execute("SELECT name FROM members WHERE key = ?", (key,)).fetchone()
    return row[0] if row else ""


def name_shown_by(connection: sqlite3.Connection, home: bytes, key: bytes) -> str:
    """The name that somebody showed in a promise or a post, "" where they showed none."""
    row = connection.execute(
        "SELECT name FROM ("
        "SELECT name, created FROM view_promises WHERE home = ? AND author = ? AND name != ''"
        " UNION ALL SELECT poster_name, created FROM view_promises WHERE post_home = ? AND post_author = ?"
        " AND poster_name != '' UNION ALL SELECT name, created FROM view_posts WHERE home = ? AND author = ?"
        " AND name != '') ORDER BY created DESC LIMIT 1",
        (home, key, home, key, home, key),
    ).fetchone()
    return row[0] if row else ""


def neighborhood_name(connection: sqlite3.Connection, home: bytes) -> str:
    """The name on a neighborhood's card, else the one it asked with."""
    for table in ("view_cards", "neighbors"):
        row = connection.execute(f"SELECT name FROM {table} WHERE home = ?", (home,)).fetchone()
        if row and row[0]:
            return str(row[0])
    return ""


def knows_key(connection: sqlite3.Connection, key: bytes) -> bool:
    """Whether a member has, or had, this key."""
    row = connection.execute(
        "SELECT 1 FROM members WHERE ? IN (key, signing_key)"
        " UNION ALL SELECT 1 FROM former_keys WHERE key = ? LIMIT 1",
        (key, key),
    ).fetchone()
    return row is not None


def remove_member(connection: sqlite3.Connection, key: bytes) -> None:
    """Delete a member's row with the sealed seed, and what else is kept here under their key.

    What is kept of their earlier keys goes by `reissues.forget`, before.
    """
    connection.execute("DELETE FROM members WHERE key = ?", (key,))
    connection.execute("DELETE FROM lost_edits WHERE author = ?", (key,))
    connection.execute("UPDATE erasures SET done_by = NULL WHERE done_by = ?", (key,))


def member_names(connection: sqlite3.Connection) -> list[tuple[bytes, str]]:
    """(key, name) of every member, by name."""
    return connection.execute("SELECT key, name FROM members ORDER BY name_folded").fetchall()


def move_account(connection: sqlite3.Connection, key: bytes, first: bytes) -> None:
    """Know a member by an earlier key than before. Raises sqlite3.IntegrityError where somebody else is."""
    connection.execute("UPDATE members SET key = ? WHERE key = ?", (first, key))
    for table in ("former_keys", "reissues"):
        connection.execute(f"UPDATE {table} SET account = ? WHERE account = ?", (first, key))
