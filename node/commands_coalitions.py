"""What the command line asks of a node about coalitions: part of the table in node/commands.py."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

from node.actions import branches, neighborhoods, rosters
from node.actions.members import Session, coordinator
from node.actions.names import neighborhood_name
from node.app import Node
from node.commands import by_id, command, onlooker, signed_in
from node.plain import plain
from protocol.errors import OurFault


def _called(node: Node, wanted: str) -> neighborhoods.Coalition:
    """The coalition of a name, or whose id begins so; "" for the only one. Raises OurFault("not_found")."""
    joined = neighborhoods.neighborhoods(node, onlooker()).coalitions
    wanted = " ".join(wanted.split()).casefold()
    named = [one for one in joined if one.name.casefold() == wanted]
    found = named or [one for one in joined if one.id.hex().startswith(wanted)]
    if len(found) != 1:
        names = ", ".join(f"“{one.name}” ({one.id.hex()[:8]})" for one in joined)
        said = f"Say which coalition: {names}." if joined else "This neighborhood is in no coalition yet."
        raise OurFault("not_found", said)
    return found[0]


@asynccontextmanager
async def _acting(
    node: Node, who: str, passphrase: str, coalition: str
) -> AsyncIterator[tuple[Session, neighborhoods.Coalition]]:
    """Somebody signed in, and the coalition that they mean; see `_called`."""
    async with signed_in(node, who, passphrase) as session:
        yield session, _called(node, coalition)


@command
def coalition_list(node: Node) -> dict[str, Any]:
    """The coalitions that this neighborhood is in, and those it is asked to join."""
    page = neighborhoods.neighborhoods(node, onlooker())
    return {"coalitions": plain(page.coalitions), "offers": plain(page.offers)}


@command
async def coalition_found(
    node: Node, *, who: str, passphrase: str, name: str, agreement: str, partners: list[str], former: str = ""
) -> dict[str, Any]:
    """Found a coalition with linked neighborhoods, given by their names. `former`: one that it carries on."""
    async with signed_in(node, who, passphrase) as session:
        linked = [link for link in neighborhoods.neighborhoods(node, session).links if link.linked]
        homes = [_linked(linked, partner) for partner in partners]
        earlier = _called(node, former).id if former else b""
        made = neighborhoods.found_coalition(
            node, session, name=name, agreement=agreement, members=homes, former=earlier
        )
        return {"id": made.hex(), "name": " ".join(name.split()), "asked": partners}


def _linked(linked: list[neighborhoods.LinkedNeighborhood], name: str) -> bytes:
    wanted = " ".join(name.split()).casefold()
    found = [link for link in linked if link.name.casefold() == wanted or link.home.hex() == wanted]
    if len(found) == 1:
        return found[0].home
    if found:
        raise OurFault("bad_input", f"Several neighborhoods are called “{name}”. Give the id instead.")
    names = ", ".join(f"“{link.name}”" for link in linked) or "none so far"
    raise OurFault("not_linked", f"No linked neighborhood is called “{name}”. Linked are: {names}.")


@command
async def coalition_invite(node: Node, *, who: str, passphrase: str, coalition: str) -> dict[str, Any]:
    """A code for one more neighborhood. `coalition`: a name, how an id begins, or "" for the only one."""
    async with _acting(node, who, passphrase, coalition) as (session, found):
        made = neighborhoods.invite_neighborhood(node, session, found.id)
        return {"code": made.code, "expires": made.expires, "coalition": found.name}


@command
async def coalition_join(node: Node, *, who: str, passphrase: str, code: str) -> dict[str, Any]:
    """Use an invitation code that another neighborhood made. Needs a running node, which calls the other."""
    async with signed_in(node, who, passphrase) as session:
        done = await neighborhoods.enter_code(node, session, code)
        return {"joined": done.name, "waiting": done.waiting}


# who belongs to one


def _shown(node: Node, coalition_id: bytes) -> dict[str, Any]:
    page = rosters.coalition_page(node, onlooker(), coalition_id)
    found: dict[str, Any] = plain(page)
    del found["can_propose"]
    for proposal in found["proposals"]:
        del proposal["can_assent"]
    for newcomer in found["newcomers"]:
        del newcomer["can_vouch"]
    return found


@command
def coalition_show(node: Node, *, coalition: str) -> dict[str, Any]:
    """Who belongs to a coalition, what is proposed, and whose key was replaced since it was agreed."""
    return _shown(node, _called(node, coalition).id)


@command
async def coalition_propose(
    node: Node,
    *,
    who: str,
    passphrase: str,
    coalition: str,
    voters: list[str],
    guests: list[str],
    out: list[str],
    sure: bool,
) -> dict[str, Any]:
    """Propose other roles for members, named or by the beginning of their ids; who is not named keeps theirs.

    Unless `sure`, only say what the roster would be.
    """
    async with _acting(node, who, passphrase, coalition) as (session, found):
        page = rosters.coalition_page(node, session, found.id)
        roles = _roles(page.members, voters, guests, out)
        epoch = rosters.proposal(node, session, found.id, roles)
        if sure:
            rosters.propose(node, session, found.id, roles)
            return _shown(node, found.id)
        named = {
            part: sorted(neighborhood_name(node, home) for home in homes)
            for part, homes in (("voters", epoch.voters), ("guests", epoch.guests), ("out", epoch.out))
        }
        voting = [member.home for member in page.members if member.role == "voter"]
        return {"coalition": found.name, **named, "at_once": voting == [node.home]}


def _roles(
    members: list[rosters.Member], voters: list[str], guests: list[str], out: list[str]
) -> dict[bytes, rosters.Role]:
    """Everybody's role, as it is or as it is wanted. Raises OurFault."""
    wanted: dict[bytes, rosters.Role] = {}
    asked: tuple[tuple[rosters.Role, list[str]], ...] = (("voter", voters), ("guest", guests), ("out", out))
    for role, names in asked:
        for name in names:
            home = _member(members, name)
            if wanted.setdefault(home, role) != role:
                raise OurFault("bad_input", f"“{name}” can have one role only.")
    return {member.home: wanted.get(member.home, member.role) for member in members}


def _member(members: list[rosters.Member], name: str) -> bytes:
    wanted = " ".join(name.split()).casefold()
    named = [one.home for one in members if one.name.casefold() == wanted]
    found = named or [one.home for one in members if wanted and one.home.hex().startswith(wanted)]
    if len(found) == 1:
        return found[0]
    listed = ", ".join(f"“{one.name}” ({one.home.hex()[:8]})" for one in members)
    if found:
        raise OurFault("bad_input", f"“{name}” fits several neighborhoods. Members are: {listed}.")
    raise OurFault("not_found", f"No member is called “{name}”. Members are: {listed}.")


@command
async def coalition_leave(
    node: Node, *, who: str, passphrase: str, coalition: str, sure: bool
) -> dict[str, Any]:
    """Leave a coalition. Unless `sure`, only say which it would be."""
    async with _acting(node, who, passphrase, coalition) as (session, found):
        members = rosters.coalition_page(node, session, found.id).members
        coordinator(session)
        if sure:
            rosters.leave(node, session, found.id)
        others = [member.name for member in members if not member.is_us]
        return {"id": found.id.hex(), "coalition": found.name, "others": others, "left": sure}


@command
async def coalition_renew(node: Node, *, who: str, passphrase: str, coalition: str) -> dict[str, Any]:
    """Propose the roster as it is, with the keys of today."""
    async with _acting(node, who, passphrase, coalition) as (session, found):
        rosters.renew_keys(node, session, found.id)
        return _shown(node, found.id)


@command
async def coalition_vouch(
    node: Node, *, who: str, passphrase: str, coalition: str, newcomer: str
) -> dict[str, Any]:
    """Vouch for the newcomer whose id begins with `newcomer`."""
    async with _acting(node, who, passphrase, coalition) as (session, found):
        waiting = rosters.coalition_page(node, session, found.id).newcomers
        rosters.vouch(node, session, found.id, by_id("newcomers", newcomer, [one.home for one in waiting]))
        return _shown(node, found.id)


@command
async def coalition_agree(
    node: Node, *, who: str, passphrase: str, coalition: str, proposal: str
) -> dict[str, Any]:
    """Agree to the proposal whose id begins with `proposal`."""
    async with _acting(node, who, passphrase, coalition) as (session, found):
        waiting = rosters.coalition_page(node, session, found.id).proposals
        rosters.assent(node, session, found.id, by_id("proposals", proposal, [one.id for one in waiting]))
        return _shown(node, found.id)


@command
def coalition_branches(node: Node, *, coalition: str) -> list[dict[str, Any]]:
    """Where the roster of a coalition splits, with the branches there."""
    found: list[dict[str, Any]] = plain(branches.forks(node, _called(node, coalition).id))
    return found


@command
async def coalition_follow(
    node: Node, *, who: str, passphrase: str, coalition: str, branch: str, sure: bool
) -> dict[str, Any]:
    """Follow the branch whose id begins with `branch`. Unless `sure`, only say which it would be."""
    async with _acting(node, who, passphrase, coalition) as (session, found):
        ids = {
            one.id: one
            for fork in branches.forks(node, found.id)
            for one in fork.branches
            if not one.followed
        }
        whole = by_id("other rosters", branch, list(ids))
        if sure:
            branches.follow(node, session, found.id, whole)
        return {**plain(ids[whole]), "chosen": sure}
