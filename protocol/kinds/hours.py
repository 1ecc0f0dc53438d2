"""Hours given and received: a claim by one side, confirmed by the other, with no ledger in between.

`hours` is a claim (an EconomicEvent): session, giver, receiver, minutes, date, category, no words. A
session is what happened between two accounts on one date; it is never random, but the hash of scope,
both accounts, date and an ordinal (0, unless they say that it was another exchange that day). So two
people who both write down the same afternoon speak of the same session, and **one claim counts per
session**: the deepest confirmed correction, then the lowest id.

`confirm` cites the exact id of a claim, comes from the other side and is final. Two claims that cross
within one session with the same terms confirm each other. `dispute` is for unconfirmed claims. A
confirmed claim changes only by a correction (to zero if need be) that the other side confirms too and
that keeps scope, session and accounts of what it corrects; otherwise it reads as unknown.

One hour is one hour: there is no rate anywhere. An account is (home, the member's first key); every key that
carries it on speaks for it (protocol/kinds/accounts.py). A claim names its session and both sides as they
were when it was made, and is read by the accounts that these belong to now.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated, Literal, TypeAlias

import msgspec

from protocol.encoding import encode
from protocol.kinds.accounts import Account
from protocol.kinds.shapes import Bytes32, CategoryId, Day, Minutes, Shape
from protocol.scopes import LOCAL, PAIR, Scope

if TYPE_CHECKING:
    from protocol.record import Record

AccountOf: TypeAlias = Callable[[bytes, bytes], Account]
ClaimState: TypeAlias = Literal["awaiting", "confirmed", "disputed", "corrected", "replaced", "unknown"]

ORDINAL_MAX = 20
CORRECTIONS_MAX = 50

_Account = Annotated[list[Bytes32], msgspec.Meta(min_length=2, max_length=2)]


class Hours(Shape, frozen=True, kw_only=True):
    """A claim of `minutes` given by `giver` to `receiver`, each [home, key], on the day `date`."""

    session: Bytes32
    giver: _Account
    receiver: _Account
    minutes: Minutes
    date: Day
    category: CategoryId
    ordinal: Annotated[int, msgspec.Meta(ge=0, le=ORDINAL_MAX)] = 0
    corrects: Bytes32 | None = None
    commitment: Bytes32 | None = None


class Confirm(Shape, frozen=True, kw_only=True):
    """The other side's word that the claim with this exact id is right."""

    claim: Bytes32


class Dispute(Shape, frozen=True, kw_only=True):
    """The other side's word that an unconfirmed claim is not right."""

    claim: Bytes32


@dataclass(frozen=True, slots=True)
class Claim:
    """A claim together with what follows from the records around it."""

    id: bytes
    author: Account
    giver: Account
    receiver: Account
    hours: Hours
    state: ClaimState

    @property
    def counts(self) -> bool:
        return self.state == "confirmed"


def same_account(home: bytes, key: bytes) -> Account:
    """The account of a member who has never changed keys."""
    return home, key


def session_id(scope: Scope, one: Account, other: Account, date: int, ordinal: int) -> bytes:
    """What two accounts did on one date, named the same by both."""
    first, second = sorted((one, other))
    stated = [list(scope), list(first), list(second), date, ordinal]
    return hashlib.sha256(b"barnraise/1 session\x00" + encode(stated)).digest()


def sound_claim(record: Record, hours: Hours, account_of: AccountOf = same_account) -> bool:
    """Whether a claim's session is its own, its author a side of it, and its scope that of the two homes."""
    stated = _stated(hours)
    giver, receiver = _sides(hours, account_of)
    if giver == receiver:
        return False
    homes = {giver[0], receiver[0]}
    if record.scope[0] == LOCAL:
        fits = homes == {record.home}
    else:
        fits = record.scope[0] == PAIR and homes == set(record.scope[1:])
    return (
        fits
        and account_of(record.home, record.author) in (giver, receiver)
        and hours.session == session_id(record.scope, *stated, hours.date, hours.ordinal)
    )


def settle(records: Iterable[Record], account_of: AccountOf = same_account) -> dict[bytes, Claim]:
    """Every claim of one session by id, with its state: pure, total, the same in any order of `records`.

    `records` are the hours, confirm and dispute records that speak of that session; others are ignored.
    """
    claims: dict[bytes, tuple[Record, Hours]] = {}
    words: list[tuple[str, Record, bytes]] = []
    for record in records:
        if record.kind == "hours":
            hours = Hours.read(record)
            if hours is not None and sound_claim(record, hours, account_of):
                claims[record.id] = (record, hours)
        elif record.kind == "confirm" and (confirm := Confirm.read(record)) is not None:
            words.append(("confirm", record, confirm.claim))
        elif record.kind == "dispute" and (dispute := Dispute.read(record)) is not None:
            words.append(("dispute", record, dispute.claim))
    author = {id_: account_of(record.home, record.author) for id_, (record, _) in claims.items()}
    agreed: set[bytes] = set()
    disputed: set[bytes] = set()
    for word, record, claim_id in words:
        if claim_id not in claims or record.scope != claims[claim_id][0].scope:
            continue  # a word in another scope is one that the other side may never see
        speaker = account_of(record.home, record.author)
        if speaker != author[claim_id] and speaker in _sides(claims[claim_id][1], account_of):
            (agreed if word == "confirm" else disputed).add(claim_id)
    crossing: dict[bytes, set[Account]] = {}
    for id_, (_, hours) in claims.items():
        crossing.setdefault(_terms(hours), set()).add(author[id_])
    agreed |= {id_ for id_, (_, hours) in claims.items() if len(crossing[_terms(hours)]) == 2}

    depth = _depths(claims, agreed)
    best: dict[bytes, tuple[int, bytes]] = {}
    for id_, level in depth.items():
        session = claims[id_][1].session
        best[session] = min(best.get(session, (0, b"\xff" * 33)), (-level, id_))
    corrected = {claims[id_][1].corrects for id_ in depth}
    result = {}
    for id_, (_, hours) in claims.items():
        state: ClaimState
        if id_ in agreed and id_ in depth:
            if best[hours.session][1] == id_:
                state = "confirmed"
            else:
                state = "corrected" if id_ in corrected else "replaced"
        elif id_ in agreed:
            state = "unknown"
        else:
            state = "disputed" if id_ in disputed else "awaiting"
        giver, receiver = _sides(hours, account_of)
        result[id_] = Claim(id_, author[id_], giver, receiver, hours, state)
    return result


def _stated(hours: Hours) -> tuple[Account, Account]:
    return (hours.giver[0], hours.giver[1]), (hours.receiver[0], hours.receiver[1])


def _sides(hours: Hours, account_of: AccountOf) -> tuple[Account, Account]:
    giver, receiver = _stated(hours)
    return account_of(*giver), account_of(*receiver)


def _terms(hours: Hours) -> bytes:
    """What two crossing claims must share: everything but who wrote it and which promise it was for."""
    return encode(
        [
            hours.session,
            hours.giver,
            hours.receiver,
            hours.minutes,
            hours.date,
            hours.category,
            hours.corrects,
        ]
    )


def _depths(claims: dict[bytes, tuple[Record, Hours]], agreed: set[bytes]) -> dict[bytes, int]:
    """How many confirmed corrections lie under each agreed claim; absent where the chain is unsound."""
    depth: dict[bytes, int] = {}
    waiting = sorted(agreed)
    for level in range(CORRECTIONS_MAX):
        rest = []
        for id_ in waiting:
            record, hours = claims[id_]
            if hours.corrects is None:
                found = level == 0
            else:
                base = claims.get(hours.corrects)
                found = depth.get(hours.corrects, -1) == level - 1 >= 0 and base is not None
                if found and base is not None:
                    found = (
                        record.scope == base[0].scope
                        and hours.session == base[1].session
                        and set(_stated(hours)) == set(_stated(base[1]))
                    )
            if found:
                depth[id_] = level
            else:
                rest.append(id_)
        if len(rest) == len(waiting):
            break
        waiting = rest
    return depth
