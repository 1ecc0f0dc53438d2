"""Key chains and rosters, worked out from the key and roster records held, for the judge to look at."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable, Mapping
from functools import lru_cache

from node.store import settings
from protocol.encoding import encode
from protocol.judge import Known
from protocol.kinds.accounts import Accounts, build_accounts
from protocol.kinds.keys import KeyChain, build_chain, policy_of
from protocol.kinds.roster import Roster, build_roster, homes_named
from protocol.record import Record, parse
from protocol.scopes import KEYS_SCOPE, coalition

# Setting: the day that a neighbor says, before ours, while nobody can tell whose is right.
DISPUTED_DAY = "disputed_day"
ROSTER_KINDS = ("charter", "epoch", "assent", "sponsor", "leave")
KEY_KINDS = ("inception", "rotation")
# Records of keys, rosters and accounts that stay taken apart, some 10 MB: each change reads all.
PARSED_MAX = 4_000


def load(connection: sqlite3.Connection, own_home: bytes, today: int) -> Known:
    """Everything the judge may look at, from the records held. Keeps each coalition's anchor."""
    ahead_days = max(0, today - int(settings.get(connection, DISPUTED_DAY) or today))
    followed = dict(connection.execute("SELECT id, anchor FROM coalitions WHERE state != 'declined'"))
    partners = {row[0] for row in connection.execute("SELECT home FROM neighbors WHERE state != 'declined'")}
    roster_records = {c: roster_set_acts(connection, c) for c in followed}
    wanted = {own_home} | partners
    for records in roster_records.values():
        wanted |= homes_named(records)
    by_home: dict[bytes, list[Record]] = {}
    for record in _read(connection, "kind IN ('inception', 'rotation')", ()):
        by_home.setdefault(record.home, []).append(record)

    def chains_with(listed: frozenset[bytes]) -> dict[bytes, KeyChain]:
        built = {home: build_chain(home, records, listed) for home, records in by_home.items()}
        return {home: chain for home, chain in built.items() if chain is not None}

    # Roster acts count on any branch of a chain, so rosters come first; a rotation that an accepted epoch
    # lists then wins over its rivals.
    chains = chains_with(frozenset())
    built = {c: build_roster(c, roster_records[c], chains, anchor) for c, anchor in followed.items()}
    rosters = {c: roster for c, roster in built.items() if roster is not None}
    chains = chains_with(frozenset(key for roster in rosters.values() for key in roster.listed_keys))
    for c, roster in rosters.items():
        steps, anchor = roster.chain, followed[c]
        # An anchor only moves forward: an invitation may name the epoch in force, which has no successor yet.
        if anchor is None or (anchor in steps and steps.index(anchor) < steps.index(roster.final)):
            connection.execute("UPDATE coalitions SET anchor = ? WHERE id = ?", (roster.final, c))
    policies = {
        (r.home, r.id): policy for records in by_home.values() for r in records if (policy := policy_of(r))
    }
    return Known(
        own_home,
        today - ahead_days,
        chains,
        rosters,
        frozenset(wanted),
        policies,
        frozenset(followed),
        ahead_days,
    )


def load_accounts(connection: sqlite3.Connection, rosters: Mapping[bytes, Roster]) -> Accounts:
    """Which keys speak for whom, from the successions, contests and assents held."""
    if connection.execute("SELECT 1 FROM records WHERE kind = 'succession' LIMIT 1").fetchone() is None:
        return Accounts()
    said = _read(connection, "kind IN ('succession', 'contest', 'assent')", ())
    return build_accounts(said, {c: roster.voted for c, roster in rosters.items()})


def roster_set_acts(connection: sqlite3.Connection, coalition_id: bytes) -> list[Record]:
    """The charter and the roster acts of a coalition, without key records."""
    marks = ", ".join("?" * len(ROSTER_KINDS))
    acts = _read(
        connection,
        f"scope = ? AND kind IN ({marks})",
        (encode(list(coalition(coalition_id))), *ROSTER_KINDS),
    )
    return acts + _read(connection, "id = ? AND kind = 'charter'", (coalition_id,))


def roster_set(connection: sqlite3.Connection, coalition_id: bytes) -> list[tuple[int, bytes]]:
    """(created, id) of everything in a coalition's roster set: its acts and the key records they need."""
    acts = roster_set_acts(connection, coalition_id)
    items = [(record.created, record.id) for record in acts]
    for home in sorted(homes_named(acts)):
        items += connection.execute(
            "SELECT created, id FROM records"
            " WHERE home = ? AND kind IN ('inception', 'rotation') AND scope = ?",
            (home, encode(list(KEYS_SCOPE))),
        ).fetchall()
    return items


def _read(connection: sqlite3.Connection, where: str, arguments: Iterable[object]) -> list[Record]:
    rows = connection.execute(
        f"SELECT message, home_key FROM records WHERE status = 0 AND {where} ORDER BY seq", tuple(arguments)
    )
    return [_parsed(message, home_key) for message, home_key in rows]


@lru_cache(maxsize=PARSED_MAX)
def _parsed(message: bytes, home_key: bytes) -> Record:
    return parse(message).with_home_key(home_key)
