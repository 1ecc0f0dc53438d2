"""What the neighborhood is called, and where it says that it is. Its id and its six words never change."""

from __future__ import annotations

from typing import TYPE_CHECKING

from node.actions.members import Session, coordinator
from node.actions.setup import AREA_LENGTH_MAX, Neighborhood, checked_name, neighborhood
from node.actions.standings import keep_cards
from protocol.errors import OurFault

if TYPE_CHECKING:
    from node.app import Node


def rename(node: Node, session: Session, *, name: str, area: str) -> Neighborhood:
    """Another name or area: on this page at once, by mDNS, and with the node card for the coalitions."""
    coordinator(session)
    title, where = checked_name(name), " ".join(area.split())
    if len(where) > AREA_LENGTH_MAX:
        raise OurFault("bad_input", "Please describe the area in at most 80 characters.")
    with node.records.transaction():
        node.set_setting("neighborhood", title)
        node.set_setting("area", where)
        keep_cards(node)
    node.poke("renamed", {"name": title})
    return neighborhood(node)
