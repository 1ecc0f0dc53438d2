"""Asking an address for the key records that belong to a recovery sheet.

Before this node is anybody: which neighborhood is it? After a restore: has our key been replaced meanwhile?
The call is made under an identity that is made for it and thrown away: the other side learns the hash of
one recovery key, which it holds already if it can answer, and nothing else.
"""

from __future__ import annotations

import asyncio
import hashlib
import secrets
from collections.abc import Sequence
from typing import TYPE_CHECKING

from node import VERSION
from node.actions import lost, recovery, restored
from node.actions.lost import Peer
from node.actions.reach import reachable
from node.keys import new_node_keys, new_recovery_words, recovery_seed
from node.links import INTRODUCTION_DAYS, current_key
from protocol import introduction
from protocol.errors import Fault, OurFault, TheirFault, WorldFault
from protocol.kinds.keys import CHAIN_LENGTH_MAX, Inception, KeyChain, RecoveryPolicy, recovery_hash
from protocol.record import Draft, Record
from protocol.scopes import KEYS_SCOPE
from protocol.signing import public_key
from sync import credits, frames
from sync.addresses import client_session
from sync.channel import public_key as noise_public_key
from sync.transport import Link, LocalEnd, dial

if TYPE_CHECKING:
    from node.app import Node

ANSWER_TIMEOUT_S = 15.0
NOBODY_REACHED = (
    "This node was restored, so its key may have been replaced since. No neighbor's node could be reached "
    "to ask. Give the address of one; only if there is none, go on without."
)
NOBODY_KNOWS = (
    "This node was restored, so its key may have been replaced since. The node that answered does not know "
    "this neighborhood. Give the address of another."
)
OTHER_SHEETS = (
    "A neighbor's node knows other sheets of this neighborhood than this one. "
    "If new sheets were made after the backup, use those."
)
SENTENCES = (NOBODY_REACHED, NOBODY_KNOWS, OTHER_SHEETS)


async def find(node: Node, address: str, sheet: bytes) -> tuple[Peer, list[bytes], KeyChain]:
    """Who answers at `address`, the key records it knows for this sheet, and the chain that they make.

    Raises OurFault("not_found") where it knows none, TheirFault, WorldFault.
    """
    peer, messages = await ask(node, address, sheet)
    return peer, messages, lost.read_chain(messages, sheet)


async def newest_keys(node: Node, texts: Sequence[str], address: str = "") -> None:
    """Before a rotation on a restored node: take up the newest key records that neighbors hold of us.

    Asks at `address`, or, without one, at all places where neighbors were reached. `texts` are the words of
    the sheets: the first is what they are asked by. Does nothing on a node that has not been restored, or
    has heard them since, unless an address is given. Raises SheetFault; what `ask` raises, of an address
    that was given; OurFault("restored_keys") that says why it is not known what counts.
    """
    if not (address or restored.keys_unproven(node)):
        return
    sheet = lost.named(texts)
    places = [address] if address else [at for one in reachable(node) for at in one.addresses]
    told = await asyncio.gather(*(ask(node, place, sheet) for place in places), return_exceptions=True)
    for heard in told:
        if isinstance(heard, BaseException) and (address or not isinstance(heard, Fault)):
            raise heard
    answers = [heard for heard in told if not isinstance(heard, BaseException)]
    known = [messages for _, messages in answers if messages and _is_ours(node, messages, sheet)]
    for messages in known:
        recovery.learn_keys(node, messages)
    if known:
        return
    if any(not messages and peer.home in node.records.known.chains for peer, messages in answers):
        raise OurFault("restored_keys", OTHER_SHEETS)
    raise OurFault("restored_keys", NOBODY_KNOWS if answers else NOBODY_REACHED)


def _is_ours(node: Node, messages: Sequence[bytes], sheet: bytes) -> bool:
    try:
        return lost.read_chain(messages, sheet).home == node.home
    except Fault:
        return False  # made up


async def ask(node: Node, address: str, sheet: bytes) -> tuple[Peer, list[bytes]]:
    """Who answers at `address`, and the key records that it knows. Raises TheirFault, WorldFault."""
    async with client_session(node.settings.allow_loopback) as session:
        link = await dial(session, address, nobody(node))
        try:
            async with asyncio.timeout(ANSWER_TIMEOUT_S):
                name, messages = await _ask(node, link, sheet)
        except TimeoutError:
            raise WorldFault("unreachable", "The other node does not answer this question.") from None
        finally:
            link.close("")
            await link.wait_closed()
    return Peer(link.peer.home, name, address), messages


def stranger_hello(node: Node) -> bytes:
    """A first frame that says nothing of who we are."""
    hello = {
        1: frames.VERSIONS,
        2: [],
        3: node.today(),
        4: 0,
        5: "",
        6: f"barnraise {VERSION}",
        7: credits.offered(),
    }
    return frames.write_frame(frames.HELLO, hello)


def after(record: bytes) -> bytes:
    """What names the key records that follow this one, to who has just given it."""
    return hashlib.sha256(record).digest()


async def _ask(node: Node, link: Link, sheet: bytes) -> tuple[str, list[bytes]]:
    link.put(stranger_hello(node))
    link.put(frames.write_frame(frames.KEYS_WANTED, sheet))
    name, records = "", []
    async for data in link:
        kind, fields = frames.read_frame(data)
        if kind == frames.HELLO:
            name = fields[0][5]
        elif kind == frames.KEYS_GIVEN:
            records += fields[0]
            if not frames.may_be_more(fields[0]) or len(records) >= CHAIN_LENGTH_MAX:
                return name, records[:CHAIN_LENGTH_MAX]
            link.put(frames.write_frame(frames.KEYS_WANTED, after(fields[0][-1])))
    raise TheirFault(link.code) if link.code in ("too_fast", "too_many_links") else WorldFault("unreachable")


def nobody(node: Node) -> LocalEnd:
    """An end of a link whose neighborhood nobody will ever hear of again."""
    own = new_node_keys(secrets.token_bytes)
    inception = _inception(node, own.seed)

    def introduce() -> bytes:
        return introduction.build(
            own.seed,
            inception.id,
            own.public,
            noise_public_key(own.noise_private),
            node.today() + INTRODUCTION_DAYS,
            [inception.message],
        )

    return LocalEnd(
        noise_private=own.noise_private,
        introduce=introduce,
        today=lambda: None if node.clock_before_build() else node.today(),
        current_key=lambda home, records: current_key(node, home, records),
    )


def _inception(node: Node, seed: bytes) -> Record:
    hashed = recovery_hash(public_key(recovery_seed(new_recovery_words())))
    policy = RecoveryPolicy(threshold=1, hashes=[hashed])
    body = Inception(node_key=public_key(seed), recovery=policy).body()
    nonce = secrets.token_bytes(16)
    return Draft("inception", KEYS_SCOPE, b"", b"", nonce, node.stamp(), None, body).sign([seed])
