"""What the command line asks where a node was lost without a backup. See node/commands.py."""

from __future__ import annotations

from typing import Any

from node import finding, keys
from node.actions import lost, recovery
from node.actions.lost import NewBeginning
from node.app import Node
from node.commands import by_id, command, member_called, signed_in
from node.plain import plain
from protocol.errors import OurFault


@command
async def recover_find(node: Node, *, address: str, sheet: str) -> dict[str, Any]:
    """Which neighborhood a sheet belongs to, by what the node at an address knows."""
    if node.is_set_up:
        raise OurFault("already_set_up", lost.HAS_ONE)
    peer, _, chain = await finding.find(node, address, lost.named([sheet]))
    found: dict[str, Any] = plain(lost.found(peer, chain))
    return found


@command
async def recover_peers(
    node: Node,
    *,
    address: str,
    sheets: list[str],
    home: str,
    neighborhood: str,
    area: str,
    who: str,
    passphrase: str,
    language: str,
) -> dict[str, Any]:
    """Be the neighborhood `home` again, by its sheets and the node at an address."""
    if node.is_set_up:
        raise OurFault("already_set_up", lost.HAS_ONE)
    peer, messages, chain = await finding.find(node, address, lost.named(sheets))
    lost.check_named(chain, bytes.fromhex(home))
    beginning = NewBeginning(neighborhood, area, who, language)
    session = await lost.come_back(node, sheets, messages, peer, beginning, passphrase)
    del node.sessions[session.token]
    return {"home": home, "words": keys.six_words(chain.home), "peer": peer.name}


@command
async def recover_person(node: Node, *, who: str, passphrase: str, author: str, name: str) -> dict[str, Any]:
    """Say which member it was that signed as `author` (how its id begins) before all was lost."""
    async with signed_in(node, who, passphrase) as session:
        account = member_called(node, session, name).key
        waiting = [one.author for one in recovery.rest(node)]
        whole = by_id("authors that wait", author, list(dict.fromkeys(waiting)))
        return {
            "signed": await lost.person(node, session, whole, account),
            "rest": plain(recovery.rest(node)),
        }
