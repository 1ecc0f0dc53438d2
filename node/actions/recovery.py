"""A new node key, or new recovery sheets, by a rotation that the present sheets sign.

After a rotation everything signed with the earlier key has left its set and is kept aside, here as
everywhere. What known members of ours signed is then signed anew by itself: their word stands, and ids
stay. The neighborhood's own standings, cards and parcels are said again where they follow from the state.
The rest waits for a coordinator.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from typing import TYPE_CHECKING

from node import sheets
from node.actions import standings
from node.actions.acting import put
from node.keys import NodeKeys, new_node_keys
from node.sheets import Kind, Policy, Sheet
from node.store import aside
from protocol.errors import OurFault
from protocol.introduction import KEY_RECORDS_MAX
from protocol.kinds.keys import KeyChain, RecoveryPolicy, Rotation
from protocol.record import Draft, assemble, parse, to_be_signed
from protocol.scopes import KEYS_SCOPE
from protocol.signing import public_key, sign

if TYPE_CHECKING:
    from node.app import Node

SIGNED_AT_ONCE = 50  # records in one transaction, so that the page is not held up


def own_chain(node: Node) -> KeyChain:
    """Our key chain. Raises OurFault("not_set_up")."""
    chain = node.records.known.chains.get(node.home)
    if chain is None:
        raise OurFault("not_set_up")
    return chain


def policy(node: Node) -> Policy:
    """The recovery policy in force."""
    return sheets.read_policy(own_chain(node).steps[-1].recovery)


async def replace_key(node: Node, texts: Sequence[str]) -> int:
    """A new node key and link key, for a node that was stolen or may have been; gives how many were signed.

    `texts` are the words of enough sheets; the policy stays. Raises SheetFault.
    """
    chain = own_chain(node)
    seeds = sheets.enough(texts, chain)
    rotate(node, seeds, new_node_keys(node.random), chain.steps[-1].recovery)
    return await sign_anew(node)


def replace_sheets(node: Node, texts: Sequence[str], kind: Kind) -> list[Sheet]:
    """New sheets of this kind in the place of all present ones; the node key stays. Raises SheetFault."""
    seeds = sheets.enough(texts, own_chain(node))
    made, recovery = sheets.new_sheets(kind, node.random)
    rotate(node, seeds, node.node_keys, recovery)
    return made


def replace_one_sheet(node: Node, texts: Sequence[str], number: int) -> Sheet:
    """A new sheet in the place of a lost one, by enough of the others. Raises SheetFault."""
    chain = own_chain(node)
    seeds = sheets.enough(texts, chain)
    made, recovery = sheets.replaced_sheet(chain.steps[-1].recovery, number, node.random)
    rotate(node, seeds, node.node_keys, recovery)
    return made


def rotate(node: Node, seeds: Sequence[bytes], own: NodeKeys, recovery: RecoveryPolicy) -> None:
    """Say a rotation, and take its keys up. They are on the disk before it is stored.

    Raises OurFault("no_longer_possible") after as many rotations as an introduction can carry.
    """
    chain = own_chain(node)
    if len(chain.steps) >= KEY_RECORDS_MAX:
        raise OurFault(
            "no_longer_possible", f"Key and sheets can be replaced {KEY_RECORDS_MAX - 1} times in all."
        )
    signing = sorted(seeds, key=public_key)
    body = Rotation(
        previous=chain.head,
        node_key=own.public,
        recovery=recovery,
        signers=[public_key(seed) for seed in signing],
    ).body()
    draft = Draft("rotation", KEYS_SCOPE, node.home, node.home, node.random(16), node.stamp(), None, body)
    record = draft.sign(signing)
    replacing = own.public != node.node_keys.public
    if replacing:
        node.stage(own)
    try:
        with node.records.transaction():
            put(node, record)
            if replacing:
                standings.new_prekey(node)
    except BaseException:
        if replacing:
            node.drop_staged()
        raise
    if replacing:
        node.take_staged()
        standings.keep_cards(node)
        node.poke("keys_changed", {})


async def sign_anew(node: Node) -> int:
    """Sign anew whatever known members of ours signed; gives how many records are in their sets again."""
    count = 0
    while (found := sign_some_anew(node)) is not None:
        count += found
        await asyncio.sleep(0)
    standings.keep_all_standings(node)
    return count


def sign_some_anew(node: Node) -> int | None:
    """The same for the next few; None where nothing was left."""
    if not node.key_is_current:
        return None
    messages = aside.of_members(node.connection, node.home, node.node_keys.public, SIGNED_AT_ONCE)
    if not messages:
        return None
    seed, entered = node.node_keys.seed, 0
    with node.records.transaction():
        for message in messages:
            held = parse(message)
            own = sign(seed, to_be_signed(held.payload))
            fresh = assemble(held.payload, [*held.signatures[:-1], own])
            outcome = node.records.add(fresh).outcome
            entered += outcome == "new"
            if outcome != "new":  # it has been edited or erased since, or its set has no place for it now
                gone = outcome in ("superseded", "erased", "held")
                aside.settle(node.connection, held.id, None if gone else fresh, node.node_keys.public)
    return entered
