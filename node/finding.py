"""Asking one address which neighborhood a recovery sheet belongs to, before this node is anybody.

The call is made under an identity that is made for it and thrown away: the other side learns the hash of
one recovery key, which it holds already if it can answer, and nothing else.
"""

from __future__ import annotations

import asyncio
import secrets
from typing import TYPE_CHECKING

from node import VERSION
from node.actions import lost
from node.actions.lost import Peer
from node.keys import new_node_keys, new_recovery_words, recovery_seed
from node.links import INTRODUCTION_DAYS, current_key
from protocol import introduction
from protocol.errors import TheirFault, WorldFault
from protocol.kinds.keys import Inception, KeyChain, RecoveryPolicy, recovery_hash
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


async def find(node: Node, address: str, sheet: bytes) -> tuple[Peer, list[bytes], KeyChain]:
    """Who answers at `address`, the key records it knows for this sheet, and the chain that they make.

    Raises OurFault("not_found") where it knows none, TheirFault, WorldFault.
    """
    async with client_session(node.settings.allow_loopback) as session:
        link = await dial(session, address, _nobody(node))
        try:
            async with asyncio.timeout(ANSWER_TIMEOUT_S):
                name, messages = await _ask(node, link, sheet)
        except TimeoutError:
            raise WorldFault("unreachable", "The other node does not answer this question.") from None
        finally:
            link.close("")
            await link.wait_closed()
    return Peer(link.peer.home, name, address), messages, lost.read_chain(messages, sheet)


async def _ask(node: Node, link: Link, sheet: bytes) -> tuple[str, list[bytes]]:
    hello = {
        1: frames.VERSIONS,
        2: [],
        3: node.today(),
        4: 0,
        5: "",
        6: f"barnraise {VERSION}",
        7: credits.offered(),
    }
    link.put(frames.write_frame(frames.HELLO, hello))
    link.put(frames.write_frame(frames.KEYS_WANTED, sheet))
    name = ""
    async for data in link:
        kind, fields = frames.read_frame(data)
        if kind == frames.HELLO:
            name = fields[0][5]
        elif kind == frames.KEYS_GIVEN:
            return name, fields[0]
    raise TheirFault(link.code) if link.code in ("too_fast", "too_many_links") else WorldFault("unreachable")


def _nobody(node: Node) -> LocalEnd:
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
