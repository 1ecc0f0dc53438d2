"""Where the nodes of neighbors can be called, as far as we know: typed, seen or on their cards."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING

from node.actions.names import neighborhood_name
from node.actions.neighborhoods import joined
from node.store import neighbors

if TYPE_CHECKING:
    from node.app import Node

PLACES_MAX = 5  # neighborhoods named on a sheet, or asked at once
ADDRESSES_EACH_MAX = 2


@dataclass(frozen=True, slots=True)
class Reachable:
    """A neighborhood and where its node was reached, best first."""

    home: bytes
    name: str
    addresses: list[str]


def addresses_by_home(node: Node) -> dict[bytes, list[str]]:
    """Every neighborhood with which we want a link, and all its addresses, maybe none."""
    found: dict[bytes, list[str]] = {}
    for row in neighbors.neighbors(node.connection):
        if row.state in ("asked", "linked"):
            found[row.home] = [row.address] if row.address else []
    for roster in joined(node).values():
        for home in sorted(roster.members):
            found.setdefault(home, [])
    found.pop(node.home, None)
    for home, addresses in found.items():
        addresses += json.loads(neighbors.card_addresses(node.connection, home))
    return found


def reachable(node: Node) -> list[Reachable]:
    """A few neighborhoods that know us, with their addresses; those heard last come first."""
    known = {home: list(dict.fromkeys(places)) for home, places in addresses_by_home(node).items() if places}
    order = sorted(known, key=lambda home: (-neighbors.last_sign(node.connection, home), home))
    return [
        Reachable(home, neighborhood_name(node, home), known[home][:ADDRESSES_EACH_MAX])
        for home in order[:PLACES_MAX]
    ]
