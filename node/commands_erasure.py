"""What the command line asks of a node about erasing: part of the table in node/commands.py."""

from __future__ import annotations

import re
from typing import Any

from node.actions import applied, erasure, leaving, posts
from node.actions.members import coordinator
from node.app import Node
from node.commands import by_id, command, member_called, signed_in
from node.plain import plain
from protocol.errors import OurFault


@command
async def erase(
    node: Node, *, who: str, passphrase: str, post: str, for_all: bool, sure: bool
) -> dict[str, Any]:
    """Erase a post for good. `for_all`: as a coordinator. Unless `sure`, only say what it would be."""
    async with signed_in(node, who, passphrase) as session:
        found = posts.board(node, session, posts.BoardQuery(mine=True, limit=100)).items
        if for_all:
            found += posts.board(node, session, posts.BoardQuery(where="here", limit=100)).items
        typed = post.strip().lower()
        whole = [bytes.fromhex(typed)] if re.fullmatch("[0-9a-f]{64}", typed) else []
        thing = by_id("posts of yours", typed, whole or list({item.id: None for item in found}))
        item = posts.post(node, session, thing).item
        if not item.mine and not for_all:
            raise OurFault("not_yours")
        if sure:
            erasure.erase_post(node, session, thing)
        return {"id": thing.hex(), "title": item.title, "mine": item.mine, "erased": sure}


@command
async def erasures(node: Node, *, who: str, passphrase: str) -> list[dict[str, Any]]:
    """What this person erased (a coordinator: all that was erased here), and which neighborhoods have too."""
    async with signed_in(node, who, passphrase) as session:
        found = applied.listed(node, session)
        return [plain(item) | {"applied": item.applied, "of": len(item.places)} for item in found]


@command
async def member_leave(node: Node, *, who: str, passphrase: str, sure: bool) -> dict[str, Any]:
    """Leave, and erase everything that is one's own. Unless `sure`, only say what that is."""
    async with signed_in(node, who, passphrase) as session:
        mine: dict[str, Any] = plain(leaving.belongings(node, session.account_key))
        if sure:
            await leaving.leave(node, session, passphrase)
        return {"name": session.name, "gone": sure, **mine}


@command
async def member_remove(node: Node, *, who: str, passphrase: str, name: str, sure: bool) -> dict[str, Any]:
    """Erase everything of a member, in the neighborhood's name. Unless `sure`, only say what that is."""
    async with signed_in(node, who, passphrase) as session:
        coordinator(session)
        person = member_called(node, session, name)
        theirs: dict[str, Any] = plain(leaving.belongings(node, person.key))
        if sure:
            leaving.remove(node, session, person.key)
        return {"name": person.name, "gone": sure, **theirs}
