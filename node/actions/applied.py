"""What was erased, and which neighborhoods are known to have applied it.

Each neighborhood's card carries a digest of what is erased there (protocol/kinds/erasure.py). What it shows
when it comes is remembered. In a pair, the other side's equal fingerprint says the same.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Literal

from node.actions import backup
from node.actions.members import Session
from node.actions.names import neighborhood_name, person_name, speaks_for
from node.actions.neighborhoods import joined
from node.store import backups, erasures, neighbors
from protocol.encoding import encode
from protocol.errors import OurFault
from protocol.kinds.erasure import bucket_digest, bucket_of, in_digest, whose
from protocol.kinds.nodes import NodeCard
from protocol.kinds.roster import Epoch, Roster
from protocol.record import parse
from protocol.scopes import COALITION, DAY_S, LOCAL, Scope, coalition, day_of, partner

if TYPE_CHECKING:
    from node.app import Node

PlaceState = Literal["applied", "waiting", "silent"]


@dataclass(frozen=True, slots=True)
class Place:
    """A neighborhood that should apply an erasure. `since`: when it was last heard from, 0 for never.

    "silent" is one whose program is too old to say.
    """

    home: bytes
    name: str
    state: PlaceState
    since: int = 0


@dataclass(frozen=True, slots=True)
class Erased:
    """Something that was erased, and how far that has come. Nothing of the words is left to show."""

    id: bytes
    kind: str
    where: Literal["here", "pair", "region"]
    by_home: bool
    done_by: str
    mine: bool
    at: int
    known_until: int
    ours: bool
    places: list[Place] = field(default_factory=list)
    former: list[str] = field(default_factory=list)
    backups: list[int] = field(default_factory=list)

    @property
    def applied(self) -> int:
        """How many neighborhoods have applied it."""
        return sum(place.state == "applied" for place in self.places)

    @property
    def waiting(self) -> list[Place]:
        """Those that are not known to have."""
        return [place for place in self.places if place.state != "applied"]


class Cards:
    """What the members of a coalition say of erasures on their cards, compared with what is held here."""

    def __init__(self, node: Node, coalition_id: bytes, roster: Roster) -> None:
        self.node = node
        self.scope = encode(list(coalition(coalition_id)))
        self.roster = roster
        self.cards: dict[bytes, NodeCard] = {}
        for home in roster.members - {node.home}:
            for record in node.records.of_home(home, "node"):
                card = NodeCard.read(record) if record.scope == coalition(coalition_id) else None
                if card is not None and (home not in self.cards or self.cards[home].at < card.at):
                    self.cards[home] = card
        self._equal: dict[tuple[bytes, int], bool] = {}
        self._ours: dict[tuple[int, int], bytes] = {}

    def shows(self, home: bytes, thing: bytes, expires: int | None) -> bool:
        """Whether the card of `home` shows that it has applied the erasure of `thing`, held here too."""
        card, bucket = self.cards.get(home), bucket_of(thing)
        if card is None or card.erasures is None or expires is None or expires <= day_of(card.at):
            return False
        if (home, bucket) not in self._equal:
            said = in_digest(card.erasures, bucket)
            self._equal[home, bucket] = said == self._digest(day_of(card.at), bucket)
        return self._equal[home, bucket]

    def _digest(self, day: int, bucket: int) -> bytes:
        if (day, bucket) not in self._ours:
            things = erasures.things_in(self.node.connection, self.scope, day, bucket)
            self._ours[day, bucket] = bucket_digest(things)
        return self._ours[day, bucket]


def remember_applied(node: Node) -> None:
    """Remember what the cards show now: the next erasure in the same bucket would hide it later."""
    for coalition_id, roster in joined(node).items():
        if node.home not in roster.members:
            continue
        cards = Cards(node, coalition_id, roster)
        own = erasures.own_in(node.connection, cards.scope, node.home)
        known = erasures.applied(node.connection, cards.scope, node.home) if own else set()
        fresh = [
            (thing, home)
            for thing, expires in own
            for home in cards.cards
            if (thing, home) not in known and cards.shows(home, thing, expires)
        ]
        if fresh:
            with node.records.transaction():
                erasures.add_applied(node.connection, fresh)


def _gone_at(node: Node, roster: Roster, home: bytes) -> float:
    """When a neighborhood that is in the coalition no more last went out of it."""
    acts = [record for record in node.records.of_home(home, "leave") if record.scope[1] == roster.coalition]
    for epoch_id in roster.chain:
        record = node.records.get(epoch_id)
        epoch = Epoch.read(record) if record is not None and record.kind == "epoch" else None
        if record is not None and epoch is not None and home in epoch.out:
            acts.append(record)
    return max((record.created for record in acts), default=float("inf"))


def _former_name(node: Node, home: bytes) -> str:
    """The name on the last card of who is out: it is kept aside, so no page shows it otherwise."""
    message = erasures.last_card(node.connection, home)
    card = NodeCard.read(parse(message)) if message is not None else None
    return card.name if card is not None else neighborhood_name(node, home)


class Spread:
    """How far erasures have come: what one page needs is looked up once."""

    def __init__(self, node: Node, session: Session) -> None:
        self.node = node
        self.session = session
        self._cards: dict[bytes, tuple[Cards, set[tuple[bytes, bytes]]] | None] = {}
        self._made = [row.made for row in backups.made(node.connection)]

    def of(self, row: erasures.MarkRow) -> Erased:
        """One erasure as this person may see it."""
        node, mark = self.node, row.record
        ours = mark.home == node.home
        kind, key = whose(mark)
        author = speaks_for(node, key)
        mine = ours and author == self.session.account_key
        known = ours and (mine or self.session.role == "coordinator")
        places, former = self._places(row) if ours else ([], [])
        return Erased(
            id=row.thing,
            kind=kind,
            where="here" if mark.scope[0] == LOCAL else "region" if mark.scope[0] == COALITION else "pair",
            by_home=not mark.erased and row.done_by != author,  # of an earlier key one's own is the home's
            done_by=person_name(node, node.home, row.done_by) if known and row.done_by else "",
            mine=mine,
            at=row.at,
            known_until=(mark.expires or 0) * DAY_S,
            ours=ours,
            places=places,
            former=former,
            backups=[made for made in self._made if mark.created <= made < row.at] if known else [],
        )

    def _places(self, row: erasures.MarkRow) -> tuple[list[Place], list[str]]:
        node, mark = self.node, row.record
        here = Place(node.home, neighborhood_name(node, node.home), "applied")
        if mark.scope[0] == LOCAL:
            return [here], []
        if mark.scope[0] != COALITION:
            other = partner(mark.scope, node.home)
            waits = neighbors.awaiting(node.connection, node.home, other, row.seq)
            return [here, self._place(other, "waiting" if waits else "applied")], []
        found = self._coalition(mark.scope)
        if found is None:
            return [here], []
        cards, known = found
        places = [here]
        for home in cards.roster.members - {node.home}:
            card = cards.cards.get(home)
            if (row.thing, home) in known or cards.shows(home, row.thing, mark.expires):
                places.append(self._place(home, "applied"))
            else:
                silent = card is not None and card.erasures is None
                places.append(self._place(home, "silent" if silent else "waiting"))
        former = [
            _former_name(node, home)
            for home in cards.roster.ever - cards.roster.members - {node.home}
            if (row.thing, home) not in known and _gone_at(node, cards.roster, home) >= mark.created
        ]
        return sorted(places, key=lambda place: (place.home != node.home, place.name, place.home)), sorted(
            former
        )

    def _place(self, home: bytes, state: PlaceState) -> Place:
        since = neighbors.last_sign(self.node.connection, home)
        if home in self.node.connected:
            since = self.node.now()
        return Place(home, neighborhood_name(self.node, home), state, since)

    def _coalition(self, scope: Scope) -> tuple[Cards, set[tuple[bytes, bytes]]] | None:
        coalition_id = scope[1]
        if coalition_id not in self._cards:
            roster = joined(self.node).get(coalition_id)
            if roster is None or self.node.home not in roster.members:
                self._cards[coalition_id] = None
            else:
                cards = Cards(self.node, coalition_id, roster)
                known = erasures.applied(self.node.connection, cards.scope, self.node.home)
                self._cards[coalition_id] = (cards, known)
        return self._cards[coalition_id]


def erased(node: Node, session: Session, thing: bytes) -> Erased:
    """How far the erasure of one thing has come. Raises OurFault("not_found")."""
    row = erasures.mark_of(node.connection, thing)
    if row is None or (row.record.home != node.home and row.record.scope[0] != COALITION):
        raise OurFault("not_found")
    return Spread(node, session).of(row)


def has_mark(node: Node, thing: bytes) -> bool:
    """Whether there is an erasure to tell of."""
    return erasures.is_erased(node.connection, thing)


def files_with_words(node: Node, session: Session) -> list[str]:
    """Files on this machine, set aside before something was erased, that may hold its words."""
    newest = erasures.newest_at(node.connection)
    if session.role != "coordinator":
        return []
    return [path.name for path in backup.files_aside(node) if path.stat().st_mtime < newest]


def listed(node: Node, session: Session) -> list[Erased]:
    """One's own erasures; for coordinators everything that was erased in the neighborhood. Newest first."""
    spread = Spread(node, session)
    found = []
    for row in erasures.marks_of_home(node.connection, node.home):
        mark = row.record
        kind, key = whose(mark)
        author = speaks_for(node, key)
        if kind == "details" or (author != session.account_key and session.role != "coordinator"):
            continue  # details go with their post
        found.append(row)
    return [spread.of(row) for row in found[: erasures.LISTED_MAX]]
