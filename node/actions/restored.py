"""What holds after a restore, so that nothing forks, is lost or counts twice.

A restored node does not know what it said after the backup was made; its neighbors do.

- The first version that it makes of a thing adds 1,000 to the edit number, so that it stands above what the
  backup had forgotten. That holds for each thing once, whichever version is held by then: neighbors may
  have given back an early one only. What has one thing by its nature (a standing, an answer) begins there.
- A forgotten version that meets one made since means that a change of its author's lost: they are told.
- It assents to no epoch of a coalition until its roster was equal to a peer's.
- Invitations are void: used ones would work a second time.
"""

from __future__ import annotations

import json
import sqlite3
from dataclasses import dataclass
from typing import TYPE_CHECKING

from node.store import restored as store
from node.store import settings
from protocol.errors import OurFault
from protocol.record import EDIT_MAX, Record

if TYPE_CHECKING:
    from node.actions.members import Session
    from node.app import Node

EDITS_ADDED = 1_000
_RESTORED, _UNPROVEN = "restored", "rosters_unproven"


@dataclass(frozen=True, slots=True)
class Restored:
    """The last restore: of what, made when, taken up when (Unix seconds), and whether a person read of it."""

    source: str
    made: int
    at: int
    noted: bool = False


@dataclass(frozen=True, slots=True)
class LostEdit:
    """A change of one's own that lost to another version."""

    thing: bytes
    kind: str
    title: str


def mark(connection: sqlite3.Connection, *, source: str, made: int, at: int) -> None:
    """Begin the time after a restore, in a database that was just taken up. `source`: file or copy."""
    store.begin(connection)
    told = {"source": source, "made": made, "at": at, "noted": False}
    settings.put(connection, _RESTORED, json.dumps(told))
    unproven = [coalition.hex() for coalition in store.coalitions(connection)]
    settings.put(connection, _UNPROVEN, json.dumps(unproven) if unproven else "")


def last(node: Node) -> Restored | None:
    """The last restore, None where there was none."""
    told = node.setting(_RESTORED)
    return Restored(**json.loads(told)) if told else None


def note(node: Node) -> None:
    """A coordinator has read that the node was restored."""
    if found := last(node):
        told = {"source": found.source, "made": found.made, "at": found.at, "noted": True}
        node.set_setting(_RESTORED, json.dumps(told))


# edits


def next_edit(node: Node, thing: bytes, held: int) -> int:
    """The number of the next version of a thing; `held` is the one held, -1 for none.

    Raises OurFault("no_longer_possible") where the numbers are used up.
    """
    first = bool(node.setting(_RESTORED)) and store.forgot_above(node.connection, thing) is None
    if held >= EDIT_MAX:
        raise OurFault("no_longer_possible", "This has been changed as often as can be. Make a new one.")
    return min(max(held, 0) + EDITS_ADDED, EDIT_MAX) if first else held + 1


def remember(node: Node, record: Record, held: int) -> None:
    """Note a version that is being made here; `held` as above. Within the transaction that stores it."""
    if node.setting(_RESTORED):
        before = store.forgot_above(node.connection, record.thing)
        store.said(node.connection, record.id, record.thing, held if before is None else before)


def met(node: Node, record: Record) -> None:
    """A version by our own home came in or was refused as the lower one: was it one that we had forgotten?"""
    if record.author == record.home or not node.setting(_RESTORED):
        return
    above = store.forgot_above(node.connection, record.thing)
    if above is None or record.edit <= above or store.was_said(node.connection, record.id):
        return
    account = node.records.accounts.account(record.home, record.author)[1]
    store.add_lost(node.connection, record.id, record.thing, account, record.kind, node.stamp())


def lost_edits(node: Node, session: Session) -> list[LostEdit]:
    """What this member is to be told."""
    found = []
    for row in store.lost(node.connection, session.account_key):
        version = node.records.version(row.thing)
        title = version.body.get("title", "") if version is not None else ""
        found.append(LostEdit(row.thing, row.kind, title if isinstance(title, str) else ""))
    return found


def count_lost(node: Node, session: Session) -> int:
    """How much that is. Cheap: every page shows it."""
    return store.count_lost(node.connection, session.account_key)


def forget_lost_edits(node: Node, session: Session) -> None:
    """They have read it."""
    with node.records.transaction():
        store.forget_lost(node.connection, session.account_key)


# rosters


def roster_proven(node: Node, coalition: bytes) -> None:
    """Our roster of this coalition was equal to a peer's."""
    told = node.setting(_UNPROVEN)
    if told and coalition.hex() in (unproven := json.loads(told)):
        unproven.remove(coalition.hex())
        node.set_setting(_UNPROVEN, json.dumps(unproven) if unproven else "")


def check_may_assent(node: Node, coalition: bytes) -> None:
    """Raises OurFault("restored_roster") until our roster was equal to a peer's."""
    told = node.setting(_UNPROVEN)
    if told and coalition.hex() in json.loads(told):
        raise OurFault("restored_roster")
