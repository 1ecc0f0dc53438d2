"""What the command line asks of a node about keys for lost passphrases. See node/commands.py."""

from __future__ import annotations

from typing import Any

from node.actions import accounts, contests
from node.actions.accounts import Reissue
from node.app import Node
from node.commands import by_id, command, member_called, onlooker, signed_in, where
from node.plain import plain
from protocol.errors import OurFault


@command
async def member_reissue(node: Node, *, who: str, passphrase: str, name: str) -> dict[str, Any]:
    """A one-time code with which a member chooses a new passphrase, for the path `/join/CODE`."""
    async with signed_in(node, who, passphrase) as session:
        made = accounts.reissue(node, session, member_called(node, session, name).key)
        return {"code": made.code, "expires": made.expires, **where(node)}


@command
def member_reissues(node: Node) -> list[dict[str, Any]]:
    """Every re-issued key that this node knows of, its own members' and other neighborhoods'."""
    if not node.is_set_up:
        raise OurFault("not_set_up")
    found: list[dict[str, Any]] = plain(accounts.all_reissues(node, onlooker()))
    kept = ("home", "neighborhood", "name", "old", "new", "created", "state")
    return [{key: one[key] for key in kept} for one in found]


def _step(found: list[Reissue], beginning: str) -> Reissue:
    """The one re-issue whose new key begins so."""
    whole = by_id("re-issued keys", beginning, list(dict.fromkeys(one.new for one in found)))
    return next(one for one in found if one.new == whole)


@command
async def member_contest(node: Node, *, who: str, passphrase: str, new: str) -> dict[str, Any]:
    """Contest a new key, signed in with the passphrase that it replaced or another one of that account."""
    async with signed_in(node, who, passphrase, former_too=True) as session:
        one = _step(accounts.all_reissues(node, session), new)
        await contests.contest(node, session, one.home, one.old, one.new)
        return {"name": one.name, "state": _step(accounts.all_reissues(node, session), new).state}


@command
async def member_contest_on_paper(node: Node, *, words: list[str], new: str) -> dict[str, Any]:
    """Contest a new key by the words of a key that somebody wrote down; they are the authority."""
    one = _step(accounts.all_reissues(node, onlooker()), new)
    await contests.contest_on_paper(node, words, one.home, one.old, one.new)
    return {"name": one.name, "state": _step(accounts.all_reissues(node, onlooker()), new).state}


@command
async def member_settle(node: Node, *, who: str, passphrase: str, new: str) -> dict[str, Any]:
    """Stand by a contested new key of our own, or agree to another neighborhood's that stands by it."""
    async with signed_in(node, who, passphrase) as session:
        one = _step(accounts.all_reissues(node, session), new)
        if one.can_assent:
            accounts.assent(node, session, one.home, one.old, one.new)
        elif one.can_say_again:
            accounts.say_again(node, session, one.old, one.new)
        else:
            raise OurFault("no_longer_possible")
        return {"name": one.name, "state": _step(accounts.all_reissues(node, session), new).state}


@command
async def member_take_back(node: Node, *, who: str, passphrase: str, new: str, sure: bool) -> dict[str, Any]:
    """Give way to a contest of a key of our own. Unless `sure`, only say whose it is."""
    async with signed_in(node, who, passphrase) as session:
        one = _step(accounts.all_reissues(node, session), new)
        if not one.can_take_back:
            raise OurFault("no_longer_possible")
        if sure:
            accounts.take_back(node, session, one.old, one.new)
        return {"id": one.new.hex(), "name": one.name, "taken_back": sure}
