"""Two rosters of one coalition: a fork behind a final epoch, shown to people, who choose which one to follow.

Where voters have signed two successors of one epoch, and a cut connection let each become final somewhere,
no rule decides between them: whoever holds one stays with it until a person says so (design section 4). The
choice is this neighborhood's own and is kept as the anchor of the coalition. It can be taken back.

Between tips the lowest id decides everywhere alike, so there is nothing to choose there.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from node.actions.members import Session, coordinator
from node.actions.names import neighborhood_name
from node.actions.neighborhoods import joined
from node.store import known, neighbors
from protocol.errors import OurFault
from protocol.kinds.roster import Epoch, Roster, build_roster
from protocol.record import Record

if TYPE_CHECKING:
    from node.app import Node


@dataclass(frozen=True, slots=True)
class Branch:
    """One of two or more rosters that begin at the same epoch. Lists hold names, sorted."""

    id: bytes  # of its first epoch
    proposed_by: str
    created: int
    signed: list[str]
    voters: list[str]
    guests: list[str]
    out: list[str]  # whom its epochs since the fork have put out
    epochs: int  # how many it has since the fork
    with_us: bool
    followed: bool


@dataclass(frozen=True, slots=True)
class Fork:
    """Where a roster splits: the branches, the followed one first, and who has signed more than one."""

    branches: list[Branch]
    signed_twice: list[str]
    can_choose: bool


def forks(node: Node, coalition_id: bytes) -> list[Fork]:
    """Where the roster of a coalition splits, the earliest first. Raises OurFault("not_found")."""
    roster = joined(node).get(coalition_id)
    if roster is None:
        raise OurFault("not_found")
    if not roster.forks:
        return []
    acts = known.roster_set_acts(node.connection, coalition_id)
    epochs = {record.id: record for record in acts if record.kind == "epoch"}
    began: dict[bytes, list[bytes]] = {}
    for fork in roster.forks:
        if fork in epochs:
            began.setdefault(epochs[fork].body["previous"], []).append(fork)
    return [
        _fork(node, roster, acts, previous, began[previous]) for previous in roster.chain if previous in began
    ]


def _fork(node: Node, roster: Roster, acts: list[Record], previous: bytes, others: list[bytes]) -> Fork:
    place = roster.chain.index(previous) + 1
    ids = [roster.chain[place], *others]
    rosters = {ids[0]: roster}
    for other in others:
        built = build_roster(roster.coalition, acts, node.records.known.chains, other)
        if built is not None and other in built.chain:
            rosters[other] = built
    signed = {
        epoch: {act.home for act in acts if act.kind == "assent" and act.body.get("epoch") == epoch}
        for epoch in ids
    }
    twice = {
        home
        for epoch in ids
        for home in signed[epoch]
        for other in ids
        if other != epoch and home in signed[other]
    }
    epochs = {record.id: record for record in acts if record.kind == "epoch"}

    def names(homes: set[bytes] | frozenset[bytes]) -> list[str]:
        return sorted(neighborhood_name(node, home) for home in homes)

    branches = []
    for epoch, built in rosters.items():
        since = built.chain[place:]
        read = [Epoch.read(epochs[one]) for one in since]
        out = {home for one in read if one is not None for home in one.out} - built.members
        branches.append(
            Branch(
                id=epoch,
                proposed_by=neighborhood_name(node, epochs[epoch].home),
                created=epochs[epoch].created,
                signed=names(signed[epoch]),
                voters=names(built.voters),
                guests=names(built.guests),
                out=names(out),
                epochs=len(since),
                with_us=node.home in built.members,
                followed=epoch == ids[0],
            )
        )
    settled_alike = ids[0] == min(ids) and all(branch.epochs == 1 for branch in branches)
    return Fork(branches, names(twice), not settled_alike)


def follow(node: Node, session: Session, coalition_id: bytes, branch: bytes) -> None:
    """Follow another branch from now on. Raises OurFault: not_allowed, not_found, no_longer_possible.

    Records of neighborhoods that are not on it are kept aside, and come back where the choice is taken back.
    """
    coordinator(session)
    for fork in forks(node, coalition_id):
        if branch in {one.id for one in fork.branches if not one.followed}:
            if not fork.can_choose:
                raise OurFault(
                    "no_longer_possible", "This is not decided yet, and every node will decide it alike."
                )
            with node.records.transaction():
                neighbors.follow_branch(node.connection, coalition_id, branch)
                node.records.known_changed()
            node.poke("coalition", {"coalition": coalition_id})
            return
    raise OurFault("not_found")
