"""Other neighborhoods: found nearby, linked by an approval on both sides, joined in coalitions."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from node import keys
from node.actions import restored
from node.actions.acting import say
from node.actions.members import Session, coordinator
from node.actions.names import neighborhood_name
from node.actions.setup import Neighborhood
from node.actions.setup import neighborhood as own_neighborhood
from node.store import neighbors
from protocol.errors import OurFault
from protocol.invite import ADDRESSES_MAX, SECRET_SIZE_BYTES, Invite, read_invite
from protocol.kinds.roster import Assent, Charter, Epoch, Roster, Sponsor
from protocol.scopes import KEYS_SCOPE, coalition
from sync.addresses import link_url

if TYPE_CHECKING:
    from node.app import Node

INVITE_LIFE_S = 7 * 86_400
CODE_WAIT_S = 20.0


@dataclass(frozen=True, slots=True)
class Nearby:
    """A node that announces itself on this network. Only a hint: the key decides."""

    home: bytes
    name: str
    words: str
    address: str
    state: str


@dataclass(frozen=True, slots=True)
class LinkedNeighborhood:
    home: bytes
    name: str
    area: str
    words: str
    state_text: str
    linked: bool
    connected: bool
    last_heard: int
    coalitions: list[str]


@dataclass(frozen=True, slots=True)
class Ask:
    home: bytes
    name: str
    words: str
    message: str


@dataclass(frozen=True, slots=True)
class Coalition:
    id: bytes
    name: str
    role: str
    members: list[str]
    agreement: str
    we_vote: bool
    newcomers: int  # who wait until a second neighborhood that votes vouches for them
    carries_on: str = ""  # the coalition that it was founded in the place of


@dataclass(frozen=True, slots=True)
class CoalitionOffer:
    id: bytes
    name: str
    agreement: str
    from_name: str
    carries_on: str = ""


@dataclass(frozen=True, slots=True)
class NeighborhoodInvite:
    code: str
    expires: int


@dataclass(frozen=True, slots=True)
class NeighborhoodsPage:
    """Everything about other neighborhoods on one page."""

    own: Neighborhood
    own_addresses: list[str]
    nearby: list[Nearby]
    links: list[LinkedNeighborhood]
    asks: list[Ask]
    coalitions: list[Coalition]
    offers: list[CoalitionOffer]
    discovery_note: str
    clock_note: str
    disk_note: str = ""


def neighborhoods(node: Node, session: Session) -> NeighborhoodsPage:
    """The page of neighborhoods."""
    rows = {row.home: row for row in neighbors.neighbors(node.connection)}
    rosters = joined(node)
    others = {home for roster in rosters.values() for home in roster.members} - {node.home}
    others |= {row.home for row in rows.values() if row.state in ("linked", "asked")}
    links = []
    for home in others:
        row = rows.get(home)
        linked = row is not None and row.state == "linked"
        shared = sorted(r.charter.name for r in rosters.values() if home in r.members)
        state = (
            "linked" if linked else ("waiting for their approval" if not shared else "in the same coalition")
        )
        links.append(
            LinkedNeighborhood(
                home=home,
                name=neighborhood_name(node, home),
                area=neighbors.card_area(node.connection, home),
                words=keys.six_words(home),
                state_text=state,
                linked=linked,
                connected=home in node.connected,
                last_heard=row.last_heard if row is not None else 0,
                coalitions=shared,
            )
        )
    return NeighborhoodsPage(
        own=own_neighborhood(node),
        own_addresses=node.addresses,
        nearby=_nearby(node, rows),
        links=sorted(links, key=lambda link: (link.name, link.home)),
        asks=[
            Ask(row.home, row.name, keys.six_words(row.home), row.message)
            for row in rows.values()
            if row.state == "asks"
        ],
        coalitions=[
            Coalition(
                id=coalition_id,
                name=roster.charter.name,
                role=_role(node, roster),
                members=sorted(neighborhood_name(node, home) for home in roster.members),
                agreement=roster.charter.agreement,
                we_vote=node.home in roster.voters,
                newcomers=len(roster.vouched) if node.home in roster.voters else 0,
                carries_on=former_name(node, roster.charter),
            )
            for coalition_id, roster in rosters.items()
        ],
        offers=[
            CoalitionOffer(
                offer.id,
                offer.name,
                offer.agreement,
                neighborhood_name(node, offer.from_home) if offer.from_home else "",
                _offered_former(node, offer.id),
            )
            for offer in neighbors.coalitions(node.connection, "offered")
        ],
        discovery_note=node.discovery_note,
        clock_note=node.clock_note,
        disk_note=node.disk_note,
    )


def _nearby(node: Node, rows: dict[bytes, neighbors.NeighborRow]) -> list[Nearby]:
    names = {"asked": "asked", "asks": "asks_us", "linked": "linked"}
    found = []
    for home, sighting in node.nearby.items():
        state = names.get(rows[home].state, "") if home in rows else ""
        address = next(iter(sighting.places()), "")
        found.append(Nearby(home, sighting.name, keys.six_words(home), address, state))
    return sorted(found, key=lambda item: (item.name, item.home))


def joined(node: Node) -> dict[bytes, Roster]:
    """The rosters of the coalitions that this neighborhood is in."""
    ids = {row.id for row in neighbors.coalitions(node.connection, "joined")}
    return {c: roster for c, roster in node.records.known.rosters.items() if c in ids}


def former_name(node: Node, charter: Charter) -> str:
    """The coalition that this one says it carries on, by the name under which this node knows it; or ""."""
    row = neighbors.coalition(node.connection, charter.former) if charter.former else None
    return row.name if row is not None else ""


def _offered_former(node: Node, coalition_id: bytes) -> str:
    record = node.records.get(coalition_id)
    charter = Charter.read(record) if record is not None else None
    return former_name(node, charter) if charter is not None else ""


def _role(node: Node, roster: Roster) -> str:
    if node.home not in roster.members:
        waits = node.home in roster.vouched or node.home not in roster.ever
        return "waiting" if waits else "left"
    if roster.founder == node.home:
        return "founder"
    return "voter" if node.home in roster.voters else "guest"


def ask_to_link(node: Node, session: Session, *, home: bytes | None, address: str, message: str) -> None:
    """Ask a neighborhood, seen nearby or at a typed address, to link. This is our side's approval."""
    coordinator(session)
    place = address.strip()
    if home is not None and home in node.nearby and not place:
        place = next(iter(node.nearby[home].places()), "")
    if not place or len(place) > 200 or any(letter.isspace() for letter in place):
        raise OurFault("bad_input", "Please type the other node's address, such as 192.168.1.20:8420.")
    link_url(place)
    if home == node.home:
        raise OurFault("bad_input", "That is this neighborhood itself.")
    if home is not None:
        row = neighbors.neighbor(node.connection, home)
        with node.records.transaction():
            state = "linked" if row is not None and row.state in ("asks", "linked") else "asked"
            name = node.nearby[home].name if home in node.nearby else None
            neighbors.set_neighbor(
                node.connection, home, state, name=name, address=place, message=message.strip()[:500]
            )
            node.records.known_changed()
    node.poke("ask", {"home": home, "address": place, "message": message.strip()[:500]})


def approve(node: Node, session: Session, home: bytes) -> None:
    """Say yes to a neighborhood that asks."""
    coordinator(session)
    row = neighbors.neighbor(node.connection, home)
    if row is None or row.state != "asks":
        raise OurFault("no_longer_possible")
    with node.records.transaction():
        neighbors.set_neighbor(node.connection, home, "linked")
        node.records.known_changed()
    node.poke("approved", {"home": home})


def decline(node: Node, session: Session, home: bytes) -> None:
    """Say no; they may ask again, and it is not shown."""
    coordinator(session)
    row = neighbors.neighbor(node.connection, home)
    if row is None or row.state != "asks":
        raise OurFault("no_longer_possible")
    with node.records.transaction():
        neighbors.set_neighbor(node.connection, home, "declined")
        node.records.known_changed()


def unlink(node: Node, session: Session, home: bytes) -> None:
    """Take our approval back. A coalition that both are in is not touched."""
    coordinator(session)
    with node.records.transaction():
        neighbors.forget_neighbor(node.connection, home)
        node.records.known_changed()
    node.poke("unlinked", {"home": home})


def found_coalition(
    node: Node, session: Session, *, name: str, agreement: str, members: list[bytes], former: bytes = b""
) -> bytes:
    """Found a coalition with linked neighborhoods; each of them is asked and says yes itself.

    `former` is one that it carries on, which has no way on of its own: it goes on existing. Raises OurFault.
    """
    coordinator(session)
    if former and former not in joined(node):
        raise OurFault("not_found")
    title = " ".join(name.split())
    if not 1 <= len(title) <= 60:
        raise OurFault("bad_input", "Please give the coalition a name of 1 to 60 characters.")
    if len(agreement) > 2000:
        raise OurFault("bad_input", "The agreement has at most 2,000 characters.")
    for home in members:
        row = neighbors.neighbor(node.connection, home)
        if row is None or row.state != "linked" or home not in node.records.known.chains:
            raise OurFault("not_linked")
    chains = node.records.known.chains
    charter = Charter(
        name=title,
        agreement=agreement.strip(),
        keys=[[node.home, chains[node.home].head]],
        former=former or None,
    ).body()
    with node.records.transaction():
        founded = say(node, None, "charter", KEYS_SCOPE, charter)
        neighbors.set_coalition(
            node.connection, founded.id, "joined", name=title, agreement=agreement.strip()
        )
        restored.roster_proven(node, founded.id)
        node.records.known_changed()
        if members:
            voters = sorted({node.home, *members})
            epoch = Epoch(
                previous=founded.id, voters=voters, keys=[[home, chains[home].head] for home in voters]
            ).body()
            proposed = say(node, None, "epoch", coalition(founded.id), epoch)
            say(node, None, "assent", coalition(founded.id), Assent(epoch=proposed.id).body())
    node.poke("coalition", {"coalition": founded.id})
    return founded.id


def accept_coalition(node: Node, session: Session, coalition_id: bytes) -> None:
    """Join a coalition that a linked neighborhood lists us in."""
    coordinator(session)
    _answer_offer(node, coalition_id, "joined")
    node.poke("coalition", {"coalition": coalition_id})


def decline_coalition(node: Node, session: Session, coalition_id: bytes) -> None:
    """Stay out of it."""
    coordinator(session)
    _answer_offer(node, coalition_id, "declined")


@dataclass(frozen=True, slots=True)
class Joined:
    """The coalition that a code led to. `waiting`: a second neighborhood has to vouch for us first."""

    name: str
    waiting: bool


def _answer_offer(node: Node, coalition_id: bytes, state: str) -> None:
    row = neighbors.coalition(node.connection, coalition_id)
    if row is None or row.state != "offered":
        raise OurFault("no_longer_possible")
    with node.records.transaction():
        neighbors.set_coalition(node.connection, coalition_id, state, name=row.name, agreement=row.agreement)
        node.records.known_changed()


def invite_neighborhood(node: Node, session: Session, coalition_id: bytes) -> NeighborhoodInvite:
    """A code that lets one other neighborhood in as a guest, sponsored by us. Shown once."""
    coordinator(session)
    roster = joined(node).get(coalition_id)
    if roster is None or node.home not in roster.voters:
        raise OurFault("not_allowed", "Only a neighborhood that votes in a coalition can invite another.")
    if not node.addresses:
        raise OurFault("bad_input", "This node does not know an address at which others could call it.")
    secret, invite_id = node.random(SECRET_SIZE_BYTES), node.random(16)
    invite = Invite(
        tuple(node.addresses[:ADDRESSES_MAX]), node.home, coalition_id, roster.in_force, invite_id, secret
    )
    now = node.now()
    with node.records.transaction():
        neighbors.add_invite(node.connection, invite_id, coalition_id, invite.psk, now, now + INVITE_LIFE_S)
    return NeighborhoodInvite(invite.code(), now + INVITE_LIFE_S)


def sponsor(node: Node, home: bytes, coalition_id: bytes) -> None:
    """Admit the neighborhood that used our coordinator's invitation."""
    roster = joined(node).get(coalition_id)
    if roster is not None and home not in roster.members:
        body = Sponsor(guest=home, epoch=roster.in_force).body()
        say(node, None, "sponsor", coalition(coalition_id), body)


async def enter_code(node: Node, session: Session, code: str) -> Joined:
    """Use an invitation code; waits until the other node has answered."""
    coordinator(session)
    invite = read_invite(code)
    if invite.home == node.home:
        raise OurFault("bad_code", "This code was made here. Give it to the other neighborhood.")
    name: str = await node.join_by_code(invite)
    return Joined(name, node.home not in joined(node)[invite.coalition].members)


def overview(node: Node, session: Session | None) -> dict[str, Any]:
    """The state of the node for a script; without a session only what a stranger may know."""
    from node import VERSION

    found: dict[str, Any] = {"version": VERSION, "set_up": node.is_set_up}
    if node.is_set_up:
        found["neighborhood"] = node.setting("neighborhood")
    if session is not None:
        found |= {
            "id": node.home.hex(),
            "connected": len(node.connected),
            "nearby": len(node.nearby),
            "coalitions": len(joined(node)),
            "discovery": node.discovery_note or "working",
        }
    return found
