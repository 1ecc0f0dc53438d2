"""Who belongs to a coalition: proposed by one voter, decided by more than half of them.

An invitation makes a guest: at once while at most two vote, else as soon as a second neighborhood that votes
vouches for the newcomer. Voters, and removals, need an epoch: somebody proposes it, which is
their own assent, and the others assent. Leaving is one's own act.

An epoch lists the key of each home. One that only lists newer keys is worth proposing too: until an epoch
lists a rotation, whoever finds an old recovery sheet can make a rival of it that may win.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Literal

from node.actions import restored
from node.actions.acting import say
from node.actions.members import Session, coordinator
from node.actions.names import neighborhood_name
from node.actions.neighborhoods import former_name, joined
from node.keys import six_words
from protocol.errors import OurFault
from protocol.kinds.roster import Assent, Epoch, Leave, Roster, Sponsor
from protocol.scopes import coalition

if TYPE_CHECKING:
    from node.app import Node

Role = Literal["voter", "guest", "out"]


@dataclass(frozen=True, slots=True)
class Member:
    """A neighborhood of a coalition."""

    home: bytes
    name: str
    role: Role
    is_us: bool


@dataclass(frozen=True, slots=True)
class ProposalItem:
    """A proposed roster that has not enough assents yet."""

    id: bytes
    voters: list[str]
    guests: list[str]
    out: list[str]
    assents: list[str]
    needed: int
    can_assent: bool
    same: bool = False  # nobody's role changes: it only lists newer keys


@dataclass(frozen=True, slots=True)
class Newcomer:
    """A neighborhood that was invited, and waits until a second one that votes vouches for it."""

    home: bytes
    name: str
    words: str
    vouched_by: list[str]
    can_vouch: bool


@dataclass(frozen=True, slots=True)
class CoalitionPage:
    """A coalition with its members and what is proposed."""

    id: bytes
    name: str
    agreement: str
    members: list[Member]
    proposals: list[ProposalItem]
    we_vote: bool
    forked: bool
    renewed: list[str] = field(default_factory=list)  # whose key was replaced since an epoch listed it
    can_propose: bool = False
    newcomers: list[Newcomer] = field(default_factory=list)
    carries_on: str = ""


def _roster(node: Node, coalition_id: bytes) -> Roster:
    roster = joined(node).get(coalition_id)
    if roster is None:
        raise OurFault("not_found")
    return roster


def coalition_page(node: Node, session: Session, coalition_id: bytes) -> CoalitionPage:
    """One coalition. Raises OurFault("not_found")."""
    roster = _roster(node, coalition_id)
    members = [
        Member(
            home,
            neighborhood_name(node, home),
            "voter" if home in roster.voters else "guest",
            home == node.home,
        )
        for home in roster.members
    ]
    we_vote = node.home in roster.voters

    def names(homes: list[bytes] | frozenset[bytes]) -> list[str]:
        return sorted(neighborhood_name(node, home) for home in homes)

    return CoalitionPage(
        id=coalition_id,
        name=roster.charter.name,
        agreement=roster.charter.agreement,
        members=sorted(members, key=lambda member: (member.role != "voter", member.name, member.home)),
        proposals=[
            ProposalItem(
                id=proposal.id,
                voters=names(proposal.epoch.voters),
                guests=names(proposal.epoch.guests),
                out=names(proposal.epoch.out),
                assents=names(proposal.assents),
                needed=len(roster.voters) // 2 + 1,
                can_assent=we_vote and session.role == "coordinator" and not _assented(node, roster),
                same=frozenset(proposal.epoch.voters) == roster.voters and not proposal.epoch.out,
            )
            for proposal in roster.proposals
        ],
        we_vote=we_vote,
        forked=bool(roster.forks),
        renewed=names(_renewed(node, roster)),
        can_propose=we_vote and session.role == "coordinator" and not _assented(node, roster),
        newcomers=[
            Newcomer(
                home=home,
                name=neighborhood_name(node, home),
                words=six_words(home),
                vouched_by=names(makers),
                can_vouch=we_vote and session.role == "coordinator" and node.home not in makers,
            )
            for home, makers in roster.vouched.items()
            if home != node.home
        ],
        carries_on=former_name(node, roster.charter),
    )


def _renewed(node: Node, roster: Roster) -> list[bytes]:
    """The members whose present key no epoch of this coalition lists, and that had another before."""
    chains = node.records.known.chains
    heads = {home: chains[home].head for home in roster.members if home in chains}
    return [home for home, head in heads.items() if head != home and head not in roster.listed_keys]


def _assented(node: Node, roster: Roster) -> bool:
    """Whether we have assented to a successor of the epoch in force: a home assents to one only."""
    ours = {record.body.get("epoch") for record in node.records.of_home(node.home, "assent")}
    return any(proposal.id in ours for proposal in roster.proposals)


def proposal(node: Node, session: Session, coalition_id: bytes, roles: Mapping[bytes, Role]) -> Epoch:
    """What `propose` would propose. Raises OurFault where we may not, or nothing would change."""
    coordinator(session)
    roster = _roster(node, coalition_id)
    if node.home not in roster.voters:
        raise OurFault("not_allowed", "Only a neighborhood that votes can propose who votes.")
    restored.check_may_assent(node, coalition_id)
    if _assented(node, roster):
        raise OurFault("no_longer_possible", "You have assented to a proposal. It must be decided first.")
    known = node.records.known.chains
    wanted = {home: roles.get(home, "guest") for home in roster.members if home in known}
    by_role: dict[Role, list[bytes]] = {"voter": [], "guest": [], "out": []}
    for home in sorted(wanted):
        by_role[wanted[home]].append(home)
    if not by_role["voter"]:
        raise OurFault("bad_input", "At least one neighborhood must vote.")
    if set(by_role["voter"]) == roster.voters and not by_role["out"] and not _renewed(node, roster):
        raise OurFault("bad_input", "That is the roster as it is.")
    staying = sorted([*by_role["voter"], *by_role["guest"]])
    return Epoch(
        previous=roster.in_force,
        voters=by_role["voter"],
        guests=by_role["guest"],
        out=by_role["out"],
        keys=[[home, known[home].head] for home in staying],
    )


def propose(node: Node, session: Session, coalition_id: bytes, roles: Mapping[bytes, Role]) -> bytes:
    """Propose who votes, who is a guest and who is out; it is our assent as well. Gives the epoch's id."""
    epoch = proposal(node, session, coalition_id, roles)
    with node.records.transaction():
        proposed = say(node, None, "epoch", coalition(coalition_id), epoch.body())
        say(node, None, "assent", coalition(coalition_id), Assent(epoch=proposed.id).body())
    return proposed.id


def renew_keys(node: Node, session: Session, coalition_id: bytes) -> bytes:
    """Propose the roster as it is, with the keys of today. Raises OurFault; see `propose`."""
    voters = _roster(node, coalition_id).voters
    return propose(node, session, coalition_id, dict.fromkeys(voters, "voter"))


def assent(node: Node, session: Session, coalition_id: bytes, epoch_id: bytes) -> None:
    """Say yes to a proposal."""
    coordinator(session)
    roster = _roster(node, coalition_id)
    restored.check_may_assent(node, coalition_id)
    if node.home not in roster.voters or _assented(node, roster):
        raise OurFault("no_longer_possible")
    if epoch_id not in {proposal.id for proposal in roster.proposals}:
        raise OurFault("no_longer_possible", "This proposal has been decided.")
    say(node, None, "assent", coalition(coalition_id), Assent(epoch=epoch_id).body())


def vouch(node: Node, session: Session, coalition_id: bytes, home: bytes) -> None:
    """Vouch for a neighborhood that another voter has invited: with two who do, it is in."""
    coordinator(session)
    roster = _roster(node, coalition_id)
    if home in roster.members:
        raise OurFault("no_longer_possible", "This neighborhood is in already.")
    if node.home not in roster.voters:
        raise OurFault("not_allowed", "Only a neighborhood that votes in a coalition can vouch for another.")
    if home not in roster.vouched:
        raise OurFault("not_found")
    if node.home in roster.vouched[home]:
        raise OurFault("no_longer_possible", "You have vouched for it. A second neighborhood is needed.")
    body = Sponsor(guest=home, epoch=roster.in_force).body()
    say(node, None, "sponsor", coalition(coalition_id), body)


def leave(node: Node, session: Session, coalition_id: bytes) -> None:
    """Leave a coalition: the others see it, and nothing more of it is exchanged. Hours stand."""
    coordinator(session)
    roster = _roster(node, coalition_id)
    if node.home not in roster.members and node.home not in roster.vouched:
        raise OurFault("no_longer_possible", "This neighborhood is not in that coalition.")
    say(node, None, "leave", coalition(coalition_id), Leave(epoch=roster.in_force).body())
