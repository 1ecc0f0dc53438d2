"""What people are called on the page: members by their names, others by what they chose to show."""

from __future__ import annotations

from typing import TYPE_CHECKING

from node.store import people

LEFT = "A neighbor who left"  # the page says it in the reader's language

if TYPE_CHECKING:
    from node.app import Node


def neighborhood_name(node: Node, home: bytes) -> str:
    """The display name of a neighborhood: our own, a card's, or what is known from asking."""
    if node.is_set_up and home == node.home:
        return node.setting("neighborhood")
    return people.neighborhood_name(node.connection, home) or f"Neighborhood {home.hex()[:4]}"


def person_name(node: Node, home: bytes, key: bytes, shown: str = "") -> str:
    """The name of an account: what they showed, what we know of our own, or "" for just a neighbor.

    Of somebody who was a member here and has left, nothing is known but that.
    """
    if shown:
        return shown
    ours = node.is_set_up and home == node.home
    name = people.member_name(node.connection, key) if ours else ""
    name = name or people.name_shown_by(node.connection, home, key)
    return LEFT if ours and not name and not people.knows_key(node.connection, key) else name


def speaks_for(node: Node, key: bytes) -> bytes:
    """The account of a key of ours: a lost passphrase gives somebody another key."""
    return node.records.accounts.account(node.home, key)[1]
