"""A new node key, or new recovery sheets, by a rotation that the present sheets sign.

After a rotation everything signed with the earlier key has left its set and is kept aside, here as
everywhere. What known members of ours signed is then signed anew by itself: their word stands, and ids
stay. So are successions that this node itself made for its members, or they would lose their accounts until
somebody looks. The neighborhood's own standings, cards and parcels are said again where they follow from
the state. The rest waits for a coordinator.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from node import sheets
from node.actions import restored, standings
from node.actions.acting import put
from node.actions.members import Session, coordinator
from node.keys import NodeKeys, new_node_keys
from node.sheets import Kind, Policy, Sheet
from node.store import aside, people, reissues, settings
from protocol.encoding import decode
from protocol.errors import OurFault
from protocol.kinds.accounts import Succession
from protocol.kinds.keys import CHAIN_LENGTH_MAX, KeyChain, RecoveryPolicy, Rotation
from protocol.record import Draft, assemble, parse, to_be_signed
from protocol.scopes import KEYS_SCOPE, Scope, read_scope, scope_bytes
from protocol.signing import public_key, sign
from sync.sets import SetKey

if TYPE_CHECKING:
    from node.app import Node

SIGNED_AT_ONCE = 50  # records in one transaction, so that the page is not held up
NAMES_TRIED_MAX = 20  # records of an author and kind, the newest, in which a name is looked for
FORMER_KEYS_MAX = 10_000  # fit into one question to SQLite


def own_chain(node: Node) -> KeyChain:
    """Our key chain. Raises OurFault("not_set_up")."""
    chain = node.records.known.chains.get(node.home)
    if chain is None:
        raise OurFault("not_set_up")
    return chain


def newest_key_records(node: Node, count_max: int, size_max_bytes: int) -> list[bytes]:
    """The key records that led to our present key, the latest ones that fit, in their order."""
    found: list[bytes] = []
    for step in reversed(own_chain(node).steps[-count_max:]):
        message = node.records.message(step.record_id)
        if message is None or sum(map(len, found)) + len(message) > size_max_bytes:
            break
        found.insert(0, message)
    return found


def policy(node: Node) -> Policy:
    """The recovery policy in force."""
    return sheets.read_policy(own_chain(node).steps[-1].recovery)


def check_may_rotate(node: Node, without_neighbors: bool) -> None:
    """Raises OurFault("restored_keys") where a rotation may have been forgotten, and nobody was asked.

    A second rotation of the same step would be a rival, and the newer key, or this one, would be void. Asking
    is `node.finding.newest_keys`; `without_neighbors`: a person says that none of them can be reached.
    """
    if restored.keys_unproven(node) and not without_neighbors:
        raise OurFault("restored_keys")


def learn_keys(node: Node, messages: Sequence[bytes]) -> None:
    """A neighbor's node has given the key records that it holds of us: the newest count here too."""
    with node.records.transaction():
        for message in messages:
            node.records.add(message)
        restored.keys_proven(node)


async def replace_key(node: Node, texts: Sequence[str], *, without_neighbors: bool = False) -> int:
    """A new node key and link key, for a node that was stolen or may have been; gives how many were signed.

    `texts` are the words of enough sheets; the policy stays. Raises SheetFault, OurFault("restored_keys").
    """
    check_may_rotate(node, without_neighbors)
    chain = own_chain(node)
    seeds = sheets.enough(texts, chain)
    rotate(node, seeds, new_node_keys(node.random), chain.steps[-1].recovery)
    return await sign_anew(node)


def replace_sheets(
    node: Node, texts: Sequence[str], kind: Kind, *, without_neighbors: bool = False
) -> list[Sheet]:
    """New sheets of this kind in the place of all present ones; the key stays. Raises as `replace_key`."""
    check_may_rotate(node, without_neighbors)
    seeds = sheets.enough(texts, own_chain(node))
    made, recovery = sheets.new_sheets(kind, node.random)
    rotate(node, seeds, node.node_keys, recovery)
    return made


def replace_one_sheet(
    node: Node, texts: Sequence[str], number: int, *, without_neighbors: bool = False
) -> Sheet:
    """A new sheet in the place of a lost one, by enough of the others. Raises as `replace_key`."""
    check_may_rotate(node, without_neighbors)
    chain = own_chain(node)
    seeds = sheets.enough(texts, chain)
    made, recovery = sheets.replaced_sheet(chain.steps[-1].recovery, number, node.random)
    rotate(node, seeds, node.node_keys, recovery)
    return made


def rotate(node: Node, seeds: Sequence[bytes], own: NodeKeys, recovery: RecoveryPolicy) -> None:
    """Say a rotation, and take its keys up. They are on the disk before it is stored.

    Raises OurFault("no_longer_possible") after as many rotations as anybody follows.
    """
    chain = own_chain(node)
    if len(chain.steps) >= CHAIN_LENGTH_MAX:
        raise OurFault(
            "no_longer_possible", f"Key and sheets can be replaced {CHAIN_LENGTH_MAX - 1} times in all."
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
                restored.ask_again(node)
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


def sign_all_anew(node: Node) -> int:
    """The same at once: for where few are expected."""
    count = 0
    while (found := sign_some_anew(node)) is not None:
        count += found
    standings.keep_all_standings(node)
    return count


def sign_some_anew(node: Node) -> int | None:
    """The same for the next few; None where nothing was left."""
    if not node.key_is_current:
        return None
    own = node.node_keys.public
    held = [scope_bytes(scope) for scope in _held_scopes(node)]
    messages = aside.of_members(node.connection, node.home, own, _former_keys(node), SIGNED_AT_ONCE, held)
    messages = messages or _own_successions(node)  # these may make more keys those of members: the next step
    return _sign(node, messages) if messages else None


def _held_scopes(node: Node) -> list[Scope]:
    """Where we may have forgotten an erasure, and nobody who would know of it was heard since the restore.

    What can be erased is not signed anew there: others would take the words up again. Hours cannot.
    """
    if not restored.forgetful(node):
        return []
    scopes = aside.scopes_of_ours(node.connection, node.home, node.node_keys.public)
    found = [read_scope(decode(scope, len(scope))) for scope in scopes]
    return [scope for scope in found if restored.may_be_forgotten(node, scope)]


def held_back(node: Node) -> int:
    """How many records of members wait, after a restore, until a neighbor's node was heard."""
    if not node.key_is_current:
        return 0
    held = [scope_bytes(scope) for scope in _held_scopes(node)]
    own = node.node_keys.public
    return aside.count_held(node.connection, node.home, own, _former_keys(node), held)


def sign_held_back(node: Node, session: Session) -> int:
    """A coordinator says that no neighbor will be heard: sign these anew too; gives how many.

    What had been erased after the backup may come back so. Raises OurFault: not_allowed, key_replaced.
    """
    coordinator(session)
    if not node.key_is_current:
        raise OurFault("key_replaced")
    with node.records.transaction():
        for scope in _held_scopes(node):
            restored.nobody_will_be_heard(node, scope)
        return sign_all_anew(node)


def named_again(node: Node, old: bytes, new: bytes) -> None:
    """A coordinator has said that the member with the key `new` is who signed as `old`: our own step."""
    node.set_setting(_name_of_step(old, new), "1")


def _name_of_step(old: bytes, new: bytes) -> str:
    return f"named {old.hex()} {new.hex()}"


def _own_steps(node: Node) -> set[tuple[bytes, bytes]]:
    """(old, new) of the steps from key to key that people made on this node: new passphrases, who is who."""
    named = [name.split() for name in settings.names(node.connection, "named ")]
    return reissues.own_steps(node.connection) | {
        (bytes.fromhex(old), bytes.fromhex(new)) for _, old, new in named
    }


def _own_successions(node: Node) -> list[bytes]:
    """Successions kept aside whose step stands in our own tables. A thief's stand in the thief's only."""
    steps = _own_steps(node)
    if not steps:
        return []
    held = aside.of_author(node.connection, node.home, node.node_keys.public, node.home, "succession")
    said = ((message, Succession.read(parse(message))) for _, message in held)
    found = [message for message, one in said if one is not None and (one.old, one.new) in steps]
    return found[:SIGNED_AT_ONCE]


def follow_accounts(node: Node) -> None:
    """Know each member by the first key of their account: a succession that came back may go further back."""
    for key, _ in people.member_names(node.connection):  # not by the key in use: that one may be contested
        first = node.records.accounts.account(node.home, key)[1]
        if first != key:
            people.move_account(node.connection, key, first)
            for session in node.sessions.values():
                if session.account_key == key:
                    session.account_key = first


def _former_keys(node: Node) -> list[bytes]:
    """The earlier keys of members' accounts, as far as their successions are in force."""
    accounts = node.records.accounts
    found: dict[bytes, None] = {}
    for key, _ in people.member_names(node.connection) if accounts.before else ():
        found |= dict.fromkeys(accounts.keys(accounts.account(node.home, key)))
    return list(found)[:FORMER_KEYS_MAX]


def _sign(node: Node, messages: Sequence[bytes]) -> int:
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


@dataclass(frozen=True, slots=True)
class Rest:
    """Records under an earlier key that wait for a coordinator. `author` is our own id for our own acts."""

    author: bytes
    name: str
    kind: str
    count: int


def rest(node: Node) -> list[Rest]:
    """What nobody has signed anew: our own acts, and words of people who are not members here (any more)."""
    lines = _lines(node)
    names: dict[bytes, str] = {node.home: ""}  # whatever an author showed last, on whichever kind
    for author, kind, _ in lines:
        if author != node.home:
            names[author] = names.get(author) or _name_shown(node, author, kind)
    return [Rest(author, names[author], kind, count) for author, kind, count in lines]


def _lines(node: Node) -> list[tuple[bytes, str, int]]:
    return aside.rest(node.connection, node.home, node.node_keys.public, _former_keys(node))


def _name_shown(node: Node, author: bytes, kind: str) -> str:
    own = node.node_keys.public
    newest = aside.newest_of_author(node.connection, node.home, own, author, kind, NAMES_TRIED_MAX)
    names = [parse(message).body.get("name") for message in newest]
    return next((name[:40] for name in names if isinstance(name, str) and name), "")


def _name_of_dropped(author: bytes, kind: str) -> str:
    return f"dropped {author.hex()} {kind}"


def all_given(node: Node, key: SetKey, home: bytes) -> None:
    """`home` has given what it kept aside of ours in this set. What was dropped before is dropped again."""
    restored.given(node, key, home)
    with node.records.transaction():
        for author, kind, _ in _lines(node):
            if node.setting(_name_of_dropped(author, kind)):
                for record_id, _ in aside.of_author(
                    node.connection, node.home, node.node_keys.public, author, kind
                ):
                    aside.settle(node.connection, record_id, None, b"")
    sign_all_anew(node)


def decide(node: Node, session: Session, author: bytes, kind: str, keep: bool) -> int:
    """A coordinator's decision on one line of `rest`: sign all anew, or drop them. Gives how many.

    Raises OurFault: not_allowed, not_found, key_replaced.
    """
    coordinator(session)
    if not node.key_is_current:
        raise OurFault("key_replaced")
    held = aside.of_author(node.connection, node.home, node.node_keys.public, author, kind)
    if not held:
        raise OurFault("not_found")
    with node.records.transaction():
        if keep:
            node.set_setting(_name_of_dropped(author, kind), "")
            _sign(node, [message for _, message in held])
            follow_accounts(node)
            while sign_some_anew(node) is not None:
                pass  # a succession may have made more keys those of a member
        else:
            for record_id, _ in held:
                aside.settle(node.connection, record_id, None, b"")
            if author != node.home:  # of our own acts more may come that nobody has looked at
                node.set_setting(_name_of_dropped(author, kind), "1")
            while kind == "erasure" and sign_some_anew(node) is not None:
                pass  # what a thief had erased stands again, as far as it came back
    return len(held)
