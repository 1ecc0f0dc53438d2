"""SQL over passphrases issued anew: their one-time codes, and the keys that they replaced."""

from __future__ import annotations

import sqlite3
from dataclasses import dataclass
from itertools import pairwise

from node.store import settings
from node.store.quota import ACCOUNT_SLOTS


@dataclass(frozen=True, slots=True)
class FormerKey:
    """A key that a member signed with before. It lies sealed, for its owner to contest what replaced it."""

    key: bytes
    salt: bytes
    sealed_seed: bytes


def add_code(
    connection: sqlite3.Connection, code_hash: bytes, account: bytes, made: int, expires: int
) -> None:
    """Write a code down by its hash. An unused one for the same account is replaced."""
    connection.execute("DELETE FROM reissues WHERE account = ? AND used IS NULL", (account,))
    connection.execute(
        "INSERT INTO reissues (code_hash, account, made, expires) VALUES (?, ?, ?, ?)",
        (code_hash, account, made, expires),
    )


def account_of_code(connection: sqlite3.Connection, code_hash: bytes, now: int) -> bytes | None:
    """For whom an open code is."""
    row = connection.execute(
        "SELECT account FROM reissues WHERE code_hash = ? AND used IS NULL AND expires > ?", (code_hash, now)
    ).fetchone()
    return row[0] if row else None


def use_code(connection: sqlite3.Connection, code_hash: bytes, now: int) -> bytes | None:
    """Use a code up: for whom it was, or None where it no longer can be used."""
    account = account_of_code(connection, code_hash, now)
    connection.execute("UPDATE reissues SET used = ? WHERE code_hash = ?", (now, code_hash))
    return account


def signing_key(connection: sqlite3.Connection, account: bytes) -> bytes | None:
    """The key with which a member signs now."""
    row = connection.execute("SELECT signing_key FROM members WHERE key = ?", (account,)).fetchone()
    return row[0] if row else None


def replace_key(
    connection: sqlite3.Connection, account: bytes, fresh: bytes, salt: bytes, sealed_seed: bytes, now: int
) -> None:
    """Let a member sign with `fresh` from now on; the key before it is kept, sealed as it was."""
    connection.execute(
        "INSERT INTO former_keys (key, account, salt, sealed_seed, replaced)"
        " SELECT signing_key, key, salt, sealed_seed, ? FROM members WHERE key = ?",
        (now, account),
    )
    connection.execute(
        "UPDATE members SET signing_key = ?, salt = ?, sealed_seed = ? WHERE key = ?",
        (fresh, salt, sealed_seed, account),
    )


def account_of_step(connection: sqlite3.Connection, old: bytes, new: bytes) -> bytes | None:
    """The account of the member who signs with `new` now, and with `old` before."""
    row = connection.execute(
        "SELECT account FROM former_keys f JOIN members m ON m.key = f.account"
        " WHERE f.key = ? AND m.signing_key = ?",
        (old, new),
    ).fetchone()
    return row[0] if row else None


def is_signing_key(connection: sqlite3.Connection, key: bytes) -> bool:
    """Whether a member signs with this key now."""
    return connection.execute("SELECT 1 FROM members WHERE signing_key = ?", (key,)).fetchone() is not None


def take_back(connection: sqlite3.Connection, account: bytes, old: bytes) -> None:
    """Let a member sign with a key of before again, as it was sealed then; the present one is forgotten."""
    connection.execute(
        "UPDATE members SET (signing_key, salt, sealed_seed) ="
        " (SELECT key, salt, sealed_seed FROM former_keys WHERE key = ?1 AND account = ?2) WHERE key = ?2",
        (old, account),
    )
    connection.execute("DELETE FROM former_keys WHERE key = ? AND account = ?", (old, account))


def former_keys(connection: sqlite3.Connection, account: bytes, most: int) -> list[FormerKey]:
    """The keys that a member signed with before, the latest first."""
    rows = connection.execute(
        "SELECT key, salt, sealed_seed FROM former_keys WHERE account = ? ORDER BY replaced DESC LIMIT ?",
        (account, most),
    )
    return [FormerKey(*row) for row in rows]


def keys_of(connection: sqlite3.Connection, account: bytes) -> list[bytes]:
    """Every key that this node issued to a member, in that order. The last one is in use."""
    rows = connection.execute(
        "SELECT key FROM former_keys WHERE account = ? ORDER BY replaced, rowid", (account,)
    ).fetchall()
    now = signing_key(connection, account)
    return [key for (key,) in rows] + ([now] if now is not None else [])


def issue_from(connection: sqlite3.Connection, old: bytes, new: bytes) -> None:
    """Remember that `new` carries on `old`, though another key was issued in between."""
    settings.put(connection, _from(new), old.hex())


def _from(new: bytes) -> str:
    return f"issued {new.hex()} from"


def own_steps(connection: sqlite3.Connection) -> set[tuple[bytes, bytes]]:
    """(old, new) of every key that this node itself issued in the place of another, for members of now."""
    accounts = connection.execute(
        "SELECT DISTINCT account FROM former_keys JOIN members ON members.key = account ORDER BY account"
    ).fetchall()
    found: set[tuple[bytes, bytes]] = set()
    for (account,) in accounts:
        for before, new in pairwise(keys_of(connection, account)):
            passed_over = settings.get(connection, _from(new))
            found.add((bytes.fromhex(passed_over) if passed_over else before, new))
    return found


def contest_to_beat(connection: sqlite3.Connection, scope: bytes, home: bytes, before: int) -> bytes | None:
    """The thing of the highest contest in a full quota; None where there is room. `before` as in quota.py."""
    row = connection.execute(
        "SELECT DISTINCT thing FROM records WHERE +scope = ? AND home = ? AND kind = 'contest'"
        " AND +status = 0 AND created < ? ORDER BY thing LIMIT 1 OFFSET ?",
        (scope, home, before, ACCOUNT_SLOTS - 1),
    ).fetchone()
    return row[0] if row else None


def forget(connection: sqlite3.Connection, account: bytes) -> None:
    """Delete what is kept here of a member's keys."""
    for key in keys_of(connection, account):
        settings.put(connection, _from(key), "")
    connection.execute("DELETE FROM former_keys WHERE account = ?", (account,))
    connection.execute("DELETE FROM reissues WHERE account = ?", (account,))
