"""Hours given and received: recorded by one, confirmed by the other."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from node import categories
from node.actions.acting import say
from node.actions.members import Session
from node.actions.names import neighborhood_name, person_name
from node.store import neighbors, people
from node.views import hours as view
from node.views import posts as post_view
from node.views import promises as promise_view
from protocol.errors import OurFault
from protocol.kinds.accounts import Account
from protocol.kinds.hours import ORDINAL_MAX, Confirm, Dispute, Hours, session_id
from protocol.scopes import LOCAL_SCOPE, Scope, pair

if TYPE_CHECKING:
    from node.app import Node

MINUTES_MAX = 1440
DAYS_BACK_MAX = 366


@dataclass(frozen=True, slots=True)
class HoursEntry:
    """One claim as one person sees it."""

    id: bytes
    i_gave: bool
    other_name: str
    other_neighborhood: str
    minutes: int
    date: int
    category_name: str
    state: str
    can_confirm: bool
    can_dispute: bool
    can_correct: bool
    mine_claim: bool
    awaiting_delivery: bool


@dataclass(frozen=True, slots=True)
class Partner:
    """Somebody with whom hours can be recorded."""

    home: bytes
    key: bytes
    name: str
    neighborhood: str


@dataclass(frozen=True, slots=True)
class HoursPage:
    """A person's account. An imbalance is natural and only shown."""

    balance_minutes: int
    given_minutes: int
    received_minutes: int
    entries: list[HoursEntry]
    partners: list[Partner]


def _scope(node: Node, other_home: bytes) -> Scope:
    return LOCAL_SCOPE if other_home == node.home else pair(node.home, other_home)


def _partners(node: Node, session: Session) -> list[Partner]:
    me = (node.home, session.account_key)
    found: dict[Account, str] = {}
    for row in promise_view.of_person(node.connection, *me):
        if row.post_home is None or row.post_author is None or row.state not in ("agreed", "done"):
            continue
        helper, poster = (row.home, row.author), (row.post_home, row.post_author)
        other, shown = (poster, row.poster_name) if helper == me else (helper, row.name)
        gone = other[0] == node.home and not people.member_name(node.connection, other[1])
        if other != me and not gone:
            found.setdefault(other, person_name(node, *other, shown))
    for key, name in people.member_names(node.connection):
        if key != session.account_key:
            found.setdefault((node.home, key), name)
    return [Partner(home, key, name, neighborhood_name(node, home)) for (home, key), name in found.items()]


def record(
    node: Node,
    session: Session,
    *,
    partner: Account | None,
    promise: bytes | None,
    i_gave: bool,
    minutes: int,
    date: int,
    category: str,
    another: bool,
) -> bytes:
    """Claim hours with somebody; gives the claim's id. `another`: it was one more exchange on that day.

    With `promise` the partner, the direction and the category follow from it. Raises OurFault("bad_input").
    """
    me: Account = (node.home, session.account_key)
    commitment = None
    if promise is not None:
        row = promise_view.row_of(node.connection, promise)
        if row is None or row.post_home is None or row.post_author is None:
            raise OurFault("not_found")
        post = post_view.row_of(node.connection, row.post)
        helper, poster = (row.home, row.author), (row.post_home, row.post_author)
        if me not in (helper, poster):
            raise OurFault("not_yours")
        # whoever acts on a need gives; whoever takes up an offer receives
        giver = helper if post is None or post.type == "need" else poster
        i_gave, partner, commitment = giver == me, poster if me == helper else helper, promise
        category = post.category if post is not None else category
    if partner is None or partner == me:
        raise OurFault("bad_input", "Please choose the person with whom you shared the time.")
    if partner[0] == node.home and not people.member_name(node.connection, partner[1]):
        raise OurFault("not_found", "This person is not a member here.")
    if partner[0] != node.home and partner not in [(p.home, p.key) for p in _partners(node, session)]:
        raise OurFault(
            "not_found", "Hours with another neighborhood need a promise between the two of you first."
        )
    _check(node, minutes, date)
    if category not in categories.ids():
        raise OurFault("bad_input", "Please choose a category from the list.")
    scope = _scope(node, partner[0])
    ordinal = 0
    while another and ordinal < ORDINAL_MAX and _taken(node, session_id(scope, me, partner, date, ordinal)):
        ordinal += 1
    session_hash = session_id(scope, me, partner, date, ordinal)
    if not another and _claimed_by(node, session_hash, me):
        raise OurFault(
            "no_longer_possible",
            "You have recorded hours with this person on that day already. "
            "If there was another exchange, tick the box that says so.",
        )
    giver, receiver = (me, partner) if i_gave else (partner, me)
    body = Hours(
        session=session_hash,
        giver=list(giver),
        receiver=list(receiver),
        minutes=minutes,
        date=date,
        category=category,
        ordinal=ordinal,
        commitment=commitment,
    ).body()
    return say(node, session.seed, "hours", scope, body).id


def _check(node: Node, minutes: int, date: int, least: int = 1) -> None:
    if not least <= minutes <= MINUTES_MAX:
        raise OurFault("bad_input", "The time is from 1 minute to 24 hours.")
    if not node.today() - DAYS_BACK_MAX <= date <= node.today() + 1:
        raise OurFault("bad_input", "The day is at most a year back and not in the future.")


def _taken(node: Node, session_hash: bytes) -> bool:
    return bool(node.records.about(session_hash, "hours"))


def _claimed_by(node: Node, session_hash: bytes, account: Account) -> bool:
    claims = node.records.about(session_hash, "hours")
    return any(node.records.accounts.account(claim.home, claim.author) == account for claim in claims)


def _claim(node: Node, session: Session, claim: bytes) -> tuple[view.ClaimRow, HoursEntry]:
    row = view.row_of(node.connection, claim)
    if row is None:
        raise OurFault("not_found")
    me = (node.home, session.account_key)
    if me not in ((row.giver_home, row.giver_key), (row.receiver_home, row.receiver_key)):
        raise OurFault("not_yours")
    return row, _entry(node, session, row)


def _claim_scope(node: Node, row: view.ClaimRow) -> Scope:
    other = row.receiver_home if row.giver_home == node.home else row.giver_home
    return _scope(node, other)


def confirm(node: Node, session: Session, claim: bytes) -> None:
    """Sign that it was so. Final."""
    row, entry = _claim(node, session, claim)
    if not entry.can_confirm:
        raise OurFault("no_longer_possible")
    say(node, session.seed, "confirm", _claim_scope(node, row), Confirm(claim=claim).body())


def dispute(node: Node, session: Session, claim: bytes) -> None:
    """Sign that an unconfirmed claim was not so. It can still be confirmed later."""
    row, entry = _claim(node, session, claim)
    if not entry.can_dispute:
        raise OurFault("no_longer_possible")
    say(node, session.seed, "dispute", _claim_scope(node, row), Dispute(claim=claim).body())


def correct(node: Node, session: Session, claim: bytes, minutes: int) -> bytes:
    """Propose other minutes for a confirmed claim, 0 to take it back; counts once the other confirms."""
    row, entry = _claim(node, session, claim)
    if not entry.can_correct:
        raise OurFault("no_longer_possible")
    _check(node, minutes, node.today(), least=0)
    held = node.records.get(claim)
    body = Hours.read(held) if held is not None else None
    if body is None:
        raise OurFault("not_found")
    fresh = Hours(
        session=body.session,
        giver=body.giver,
        receiver=body.receiver,
        minutes=minutes,
        date=body.date,
        category=body.category,
        ordinal=body.ordinal,
        corrects=claim,
        commitment=body.commitment,
    ).body()
    return say(node, session.seed, "hours", _claim_scope(node, row), fresh).id


def _entry(node: Node, session: Session, row: view.ClaimRow) -> HoursEntry:
    me = (node.home, session.account_key)
    i_gave = (row.giver_home, row.giver_key) == me
    other = (row.receiver_home, row.receiver_key) if i_gave else (row.giver_home, row.giver_key)
    mine_claim = (row.author_home, row.author_key) == me
    open_claim = row.state in ("awaiting", "disputed")
    return HoursEntry(
        id=row.id,
        i_gave=i_gave,
        other_name=person_name(node, *other),
        other_neighborhood=neighborhood_name(node, other[0]),
        minutes=row.minutes,
        date=row.date,
        category_name=categories.name(row.category, session.language),
        state=row.state,
        can_confirm=open_claim and not mine_claim,
        can_dispute=row.state == "awaiting" and not mine_claim,
        can_correct=row.state == "confirmed",
        mine_claim=mine_claim,
        awaiting_delivery=neighbors.awaiting(node.connection, node.home, other[0], row.seq),
    )


def hours(node: Node, session: Session) -> HoursPage:
    """This person's hours: the balance, every claim, and with whom more can be recorded."""
    account = (node.home, session.account_key)
    given, received = view.balance(node.connection, *account)
    entries = [_entry(node, session, row) for row in view.of_account(node.connection, *account)]
    return HoursPage(given - received, given, received, entries, _partners(node, session))
