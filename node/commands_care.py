"""What the command line asks of a node for its safekeeping: backups and recovery. See node/commands.py."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from node.actions import backup as backups
from node.actions import recovery
from node.app import Node
from node.commands import by_id, command, signed_in
from node.plain import plain


@command
async def backup(node: Node, *, path: str, backup_passphrase: str, force: bool) -> dict[str, Any]:
    """An encrypted backup at `path`, made and checked: see node/actions/backup.py."""
    made = await backups.make(node, Path(path), backup_passphrase, force=force)
    backups.record_made(node, made, made.path.name)
    return {**plain(made), "path": str(made.path)}


# recovery: the words are the authority, not a member's passphrase


@command
def recover_status(node: Node) -> dict[str, Any]:
    """Which sheets there are, and what of ours waits under an earlier key."""
    found: dict[str, Any] = plain(recovery.policy(node))
    return found | {"rest": plain(recovery.rest(node)), "key_is_current": node.key_is_current}


@command
async def recover_key(node: Node, *, sheets: list[str]) -> dict[str, Any]:
    """A new node key, by the words of enough sheets."""
    signed = await recovery.replace_key(node, sheets)
    return {"signed": signed, "rest": plain(recovery.rest(node))}


@command
def recover_sheets(node: Node, *, sheets: list[str], kind: str, number: int) -> list[dict[str, Any]]:
    """New sheets: all of a `kind`, or, with kind "", a new one for sheet `number`."""
    if kind in ("one", "three_of_five"):
        found: list[dict[str, Any]] = plain(recovery.replace_sheets(node, sheets, kind))  # type: ignore[arg-type]
        return found
    return [plain(recovery.replace_one_sheet(node, sheets, number))]


@command
async def recover_decide(
    node: Node, *, who: str, passphrase: str, author: str, kind: str, keep: bool
) -> dict[str, Any]:
    """Sign anew, or drop, what waits of one author (how its id begins) and kind."""
    async with signed_in(node, who, passphrase) as session:
        waiting = [one.author for one in recovery.rest(node) if one.kind == kind]
        whole = by_id("records that wait", author, list(dict.fromkeys(waiting)))
        return {"count": recovery.decide(node, session, whole, kind, keep)}
