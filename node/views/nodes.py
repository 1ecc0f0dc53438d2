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


def write_profile(records: Records, author: bytes) -> None:
    """The profile of one of our members: of several things the one of lowest hash."""
    rows = records.connection.execute(
        "SELECT message FROM records WHERE author = ? AND kind = 'profile' AND status = 0 ORDER BY thing",
        (author,),
    )
    records.connection.execute("DELETE FROM view_profiles WHERE author = ?", (author,))
    for row in rows:
        profile = Profile.read(parse(row[0]))
        if profile is not None:
            records.connection.execute(
                "INSERT INTO view_profiles (author, name, area, languages, about, contact)"
                " VALUES (?, ?, ?, ?, ?, ?)",
                (
                    author,
                    profile.name,
                    profile.area,
                    profile.languages,
                    profile.about,
                    profile.contact,
                ),
            )
            return
