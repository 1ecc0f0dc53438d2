"""What holds after a restore, so that nothing forks, is lost or counts twice.

A restored node does not know what it said after the backup was made; its neighbors do.

- The first version that it makes of a thing adds 1,000 to the edit number, so that it stands above what the
  backup had forgotten. That holds for each thing once, whichever version is held by then: neighbors may
  have given back an early one only. What has one thing by its nature (a standing, an answer) begins there.
- A forgotten version that meets one made since means that a change of its author's lost: they are told.
- It assents to no epoch of a coalition until its roster was equal to a peer's. So does a node that came back
  from its peers without a backup (node/actions/lost.py): it has forgotten even more. Only a coalition that it
  has founded since is its own knowledge.
- It may have forgotten that its node key was replaced, and would make a rival rotation: before it makes one,
  its key records must have been equal to a peer's, or a person says that no neighbor can be reached.
- What it had signed with an earlier key is in no set: it asks its neighbors for it. Until one has given all
  that it keeps aside of a set, what can be erased is not signed anew there (node/actions/recovery.py).
- Invitations are void: used ones would work a second time.
"""

from __future__ import annotations

import json
import sqlite3
from dataclasses import asdict, dataclass, replace
from typing import TYPE_CHECKING

from node.store import restored as store
from node.store import settings
from protocol.errors import OurFault
from protocol.record import EDIT_MAX, Record
from protocol.scopes import COALITION, LOCAL, Scope, partner
from sync.sets import SetKey

if TYPE_CHECKING:
    from node.actions.members import Session
    from node.app import Node

EDITS_ADDED = 1_000
_RESTORED, _PROVEN = "restored", "rosters_proven"
_ROTATED = "rotated"
# How the settings begin that say of a set who has given, and that all is here.
_GIVEN, _WHOLE = "aside ", "whole "


@dataclass(frozen=True, slots=True)
class Restored:
    """The last restore: of what, made when, taken up when (Unix seconds), and whether a person read of it.

    `keys_proven`: our key records have been compared with a peer's since.
    """

    source: str
    made: int
    at: int
    noted: bool = False
    keys_proven: bool = False


@dataclass(frozen=True, slots=True)
class LostEdit:
    """A change of one's own that lost to another version."""

    thing: bytes
    kind: str
    title: str


def mark(connection: sqlite3.Connection, *, source: str, made: int, at: int) -> None:
    """Begin the time after a restore, in a database that was just taken up. `source`: file or copy."""
    store.begin(connection)
    for beginning in (_GIVEN, _WHOLE):
        settings.remove_all(connection, beginning)
    settings.put(connection, _RESTORED, json.dumps(asdict(Restored(source, made, at))))
    settings.put(connection, _PROVEN, "")


def last(node: Node) -> Restored | None:
    """The last restore, None where there was none."""
    told = node.setting(_RESTORED)
    return Restored(**json.loads(told)) if told else None


def note(node: Node) -> None:
    """A coordinator has read that the node was restored."""
    if found := last(node):
        node.set_setting(_RESTORED, json.dumps(asdict(replace(found, noted=True))))


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


# rosters and keys


def forgetful(node: Node) -> bool:
    """Whether this node was restored, or came back from its peers: they may know more of it than it does."""
    return bool(node.setting(_RESTORED) or node.setting("came_back"))


def roster_proven(node: Node, coalition: bytes) -> None:
    """Our roster of this coalition was equal to a peer's, or we have founded it since."""
    if not forgetful(node):
        return
    proven = json.loads(node.setting(_PROVEN) or "[]")
    if coalition.hex() not in proven:
        node.set_setting(_PROVEN, json.dumps([*proven, coalition.hex()]))


def check_may_assent(node: Node, coalition: bytes) -> None:
    """Raises OurFault("restored_roster") until our roster was equal to a peer's."""
    if forgetful(node) and coalition.hex() not in json.loads(node.setting(_PROVEN) or "[]"):
        raise OurFault("restored_roster")


def keys_proven(node: Node) -> None:
    """Our own key records were compared with those that a peer holds."""
    found = last(node)
    if found and not found.keys_proven:
        node.set_setting(_RESTORED, json.dumps(asdict(replace(found, keys_proven=True))))


def keys_unproven(node: Node) -> bool:
    """Whether a key change may have been forgotten: restored, and no peer was asked since."""
    found = last(node)
    return found is not None and not found.keys_proven


# what neighbors keep aside of ours


def _name_of_given(key: SetKey, home: str = "") -> str:
    return f"aside {key[0]} {key[1].hex()} {home}"


def _name_of_whole(key: SetKey) -> str:
    return f"whole {key[0]} {key[1].hex()}"


def wants_aside(node: Node, key: SetKey, home: bytes) -> bool:
    """Whether to ask `home` for what it keeps aside of ours in this set."""
    return (forgetful(node) or bool(node.setting(_ROTATED))) and not has_given(node, key, home)


def has_given(node: Node, key: SetKey, home: bytes) -> bool:
    """Whether `home` has given that, since the restore and our last change of keys."""
    return bool(node.setting(_name_of_given(key, home.hex())))


def given(node: Node, key: SetKey, home: bytes) -> None:
    """`home` has given all that it kept aside of ours in this set."""
    node.set_setting(_name_of_given(key, home.hex()), "1")


def ask_again(node: Node) -> None:
    """Our key was replaced: what is in others' sets, and not in ours yet, they keep aside from now on."""
    settings.remove_all(node.connection, _GIVEN)
    node.set_setting(_ROTATED, "1")  # the folder may be a copy of yesterday, and nothing shows that


def set_equal(node: Node, key: SetKey, home: bytes) -> None:
    """A set was equal on both sides. Where `home` has given what was in none, nothing is forgotten there."""
    if forgetful(node) and has_given(node, key, home) and not node.setting(_name_of_whole(key)):
        node.set_setting(_name_of_whole(key), "1")


def may_be_forgotten(node: Node, scope: Scope) -> bool:
    """Whether others may know of an erasure in this scope that we have forgotten: none was heard yet."""
    if not forgetful(node) or scope[0] == LOCAL:
        return False
    roster = node.records.known.rosters.get(scope[-1])
    if roster is not None and roster.members <= {node.home}:
        return False
    key = _set_of(node, scope)
    return not (node.setting(_name_of_whole(key)) or settings.names(node.connection, _name_of_given(key)))


def nobody_will_be_heard(node: Node, scope: Scope) -> None:
    """A coordinator says so: nothing in this scope waits for a neighbor any more."""
    node.set_setting(_name_of_whole(_set_of(node, scope)), "1")


def _set_of(node: Node, scope: Scope) -> SetKey:
    return ("coalition", scope[1]) if scope[0] == COALITION else ("pair", partner(scope, node.home))
