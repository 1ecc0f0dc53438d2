"""The tables of neighborhoods' cards and of members' profiles."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from protocol.kinds.nodes import NodeCard, Profile
from protocol.record import parse

if TYPE_CHECKING:
    from node.store.records import Records


def write_card(records: Records, home: bytes) -> None:
    """The newest readable card of `home`, whichever coalition it came in."""
    rows = records.connection.execute(
        "SELECT message FROM records WHERE home = ? AND kind = 'node' AND status = 0", (home,)
    )
    cards = [(record, NodeCard.read(record)) for record in (parse(row[0]) for row in rows)]
    found = [(card.at, record.id, card) for record, card in cards if card is not None]
    records.connection.execute("DELETE FROM view_cards WHERE home = ?", (home,))
    if found:
        card = max(found, key=lambda entry: entry[:2])[2]
        records.connection.execute(
            "INSERT INTO view_cards (home, name, area, addresses, prekey, at) VALUES (?, ?, ?, ?, ?, ?)",
            (home, card.name, card.area, json.dumps(card.addresses), card.prekey, card.at),
        )


def write_profile(records: Records, home: bytes, key: bytes) -> None:
    """The profile of one of our members: what the latest key of the account says, of several the lowest."""
    account = records.accounts.account(home, key)
    said = [r for own in records.accounts.keys(account) for r in records.by_author(home, own, "profile")]
    said.sort(key=lambda record: (-records.accounts.depth(home, record.author), record.thing))
    records.connection.execute("DELETE FROM view_profiles WHERE author IN (?, ?)", (account[1], key))
    for record in said:
        profile = Profile.read(record)
        if profile is not None:
            records.connection.execute(
                "INSERT INTO view_profiles (author, name, area, languages, about, contact)"
                " VALUES (?, ?, ?, ?, ?, ?)",
                (
                    account[1],
                    profile.name,
                    profile.area,
                    profile.languages,
                    profile.about,
                    profile.contact,
                ),
            )
            return
