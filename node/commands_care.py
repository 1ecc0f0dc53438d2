"""What the command line asks of a node for its safekeeping: backups and recovery. See node/commands.py."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from node import finding
from node.actions import backup as backups
from node.actions import recovery, restored, setup, waiting
from node.actions.reach import reachable
from node.app import Node
from node.commands import by_id, command, signed_in
from node.plain import plain
from node.sheets import code_text


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
    found |= {"rest": plain(recovery.rest(node)), "key_is_current": node.key_is_current}
    return found | {"keys_unproven": restored.keys_unproven(node), "held_back": recovery.held_back(node)}


@command
async def recover_key(node: Node, *, sheets: list[str], peer: str, without_neighbors: bool) -> dict[str, Any]:
    """A new node key, by the words of enough sheets. `peer`: where to ask for newer keys first."""
    if not without_neighbors:
        await finding.newest_keys(node, sheets, peer)
    signed = await recovery.replace_key(node, sheets, without_neighbors=without_neighbors)
    return {"signed": signed, "rest": plain(recovery.rest(node))}


@command
async def recover_sheets(
    node: Node, *, sheets: list[str], kind: str, number: int, peer: str, without_neighbors: bool
) -> dict[str, Any]:
    """New sheets: all of a `kind`, or, with kind "", a new one for sheet `number`; and what else to print."""
    if not without_neighbors:
        await finding.newest_keys(node, sheets, peer)
    if kind in ("one", "three_of_five"):
        made = recovery.replace_sheets(node, sheets, kind, without_neighbors=without_neighbors)  # type: ignore[arg-type]
    else:
        made = [recovery.replace_one_sheet(node, sheets, number, without_neighbors=without_neighbors)]
    own = setup.neighborhood(node)
    places = [f"{one.name}: {address}" for one in reachable(node) for address in one.addresses]
    codes = [code_text(one.words, one.number, one.count, f"{own.name} ({own.words})", places) for one in made]
    return {"sheets": plain(made), "six_words": own.words, "neighbors": places, "codes": codes}


@command
async def recover_unheard(node: Node, *, who: str, passphrase: str) -> dict[str, Any]:
    """Sign anew what waits, after a restore, for a neighbor's node: a person says that none will be heard."""
    async with signed_in(node, who, passphrase) as session:
        return {"signed": recovery.sign_held_back(node, session)}


@command
def recover_show(node: Node, *, author: str, kind: str) -> list[dict[str, Any]]:
    """The records that wait of one author (how its id begins) and kind; at most `waiting.SHOWN_MAX`."""
    lines = [one.author for one in recovery.rest(node) if one.kind == kind]
    whole = by_id("records that wait", author, list(dict.fromkeys(lines)))
    found: list[dict[str, Any]] = plain(waiting.waiting(node, whole, kind))
    return found


@command
async def recover_decide(
    node: Node, *, who: str, passphrase: str, author: str, kind: str, keep: bool
) -> dict[str, Any]:
    """Sign anew, or drop, what waits of one author (how its id begins) and kind."""
    async with signed_in(node, who, passphrase) as session:
        waiting = [one.author for one in recovery.rest(node) if one.kind == kind]
        whole = by_id("records that wait", author, list(dict.fromkeys(waiting)))
        return {"count": recovery.decide(node, session, whole, kind, keep)}
