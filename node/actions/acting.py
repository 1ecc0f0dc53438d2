"""Signing a word and putting it through the one door."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

from node.actions import restored
from protocol.errors import TheirFault, WorldFault, ours
from protocol.kinds.table import KINDS
from protocol.record import Draft, Record, thing_of
from protocol.scopes import Scope, day_of
from protocol.signing import public_key

if TYPE_CHECKING:
    from node.app import Node


def say(
    node: Node,
    member_seed: bytes | None,
    kind: str,
    scope: Scope,
    body: dict[str, Any],
    *,
    life_days: int | None = None,
    expires: int | None = None,
    nonce: bytes | None = None,
    created: int | None = None,
    held: int = -1,
) -> Record:
    """Sign a record as a member (or, without a seed, as the neighborhood) and store it.

    `life_days` counts from today; `expires` is the day itself; neither means that it never expires.
    `held` is the edit number of the version held, for the next one. Raises OurFault with the door's code
    where the record is not in, or is too long to be one.
    """
    seeds = [node.node_keys.seed] if member_seed is None else [member_seed, node.node_keys.seed]
    made = node.stamp() if created is None else created
    draft = Draft(
        kind=kind,
        scope=scope,
        author=node.home if member_seed is None else public_key(member_seed),
        home=node.home,
        nonce=node.random(16) if nonce is None else nonce,
        created=made,
        expires=day_of(made) + life_days + 1 if life_days is not None else expires,
        body=body,
    )
    editable = KINDS[kind].edits
    if editable and (held >= 0 or nonce is not None):  # a random nonce is nothing that could be forgotten
        seven = (kind, scope, draft.author, draft.home, draft.nonce, draft.created, draft.expires)
        draft = replace(draft, edit=restored.next_edit(node, thing_of(*seven), held))
    try:
        record = draft.sign(seeds)
    except TheirFault as fault:  # the parser's word, which knows no other side: here we are the other side
        raise ours(fault.code) from fault
    with node.records.transaction():
        if editable:
            restored.remember(node, record, held)
        return put(node, record)


def say_again(node: Node, member_seed: bytes | None, version: Record, body: dict[str, Any]) -> Record:
    """Sign the next edit of a thing that we hold."""
    return say(
        node,
        member_seed,
        version.kind,
        version.scope,
        body,
        expires=version.expires,
        nonce=version.nonce,
        created=version.created,
        held=version.edit,
    )


def put(node: Node, record: Record) -> Record:
    """Through the door, or an OurFault that says why not."""
    added = node.records.add(record.message)
    if added.outcome not in ("new", "held") or added.record is None:
        raise ours(added.code) if added.code else WorldFault("internal")
    return added.record
