"""The table of kinds: who signs each, in which scopes it may stand, how long it may live.

This is the registry. Whoever adds a kind adds its file and one line here. What the table says is part of
the envelope and decides membership of sets; kinds that are not in it pass through, stored and unread.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal, TypeAlias

from protocol.errors import TheirFault
from protocol.kinds import accounts, hours, keys, nodes, posts, promises, roster
from protocol.kinds.erasure import erased_thing
from protocol.kinds.shapes import Shape
from protocol.scopes import COALITION, KEYS_SCOPE, LOCAL, PAIR, day_of

if TYPE_CHECKING:
    from protocol.record import Record

# "member": the member and their home; "key": a member's key alone; "home": the home; "recovery": its sheets
Signer: TypeAlias = Literal["member", "key", "home", "recovery"]
Group: TypeAlias = Literal["keys", "roster", "accounts", "things"]

NEVER = 0
LIFE_OTHER_DAYS_MAX = 366


@dataclass(frozen=True, slots=True)
class Kind:
    """One line of the table. `life_days_max` 0 means: never expires, and must not."""

    name: str
    signer: Signer
    scopes: frozenset[int]
    life_days_max: int
    edits: bool
    shape: type[Shape] | None
    group: Group = "things"
    refers: str = ""  # the body field that names the record or thing this one speaks of


def _line(
    name: str,
    signer: Signer,
    scopes: tuple[int, ...],
    life_days_max: int,
    edits: bool,
    shape: type[Shape] | None,
    group: Group = "things",
    refers: str = "",
) -> Kind:
    return Kind(name, signer, frozenset(scopes), life_days_max, edits, shape, group, refers)


KINDS: dict[str, Kind] = {
    kind.name: kind
    for kind in (
        _line("inception", "home", (COALITION,), NEVER, False, keys.Inception, "keys"),
        _line("rotation", "recovery", (COALITION,), NEVER, False, keys.Rotation, "keys"),
        _line("charter", "home", (COALITION,), NEVER, False, roster.Charter, "roster"),
        _line("epoch", "home", (COALITION,), NEVER, False, roster.Epoch, "roster"),
        _line("assent", "home", (COALITION,), NEVER, False, roster.Assent, "roster"),
        _line("sponsor", "home", (COALITION,), NEVER, False, roster.Sponsor, "roster"),
        _line("leave", "home", (COALITION,), NEVER, False, roster.Leave, "roster"),
        _line("succession", "home", (LOCAL, PAIR, COALITION), NEVER, False, accounts.Succession, "accounts"),
        _line("contest", "key", (LOCAL, PAIR, COALITION), NEVER, False, accounts.Contest, "accounts"),
        _line("node", "home", (COALITION,), LIFE_OTHER_DAYS_MAX, True, nodes.NodeCard),
        _line("profile", "member", (LOCAL,), LIFE_OTHER_DAYS_MAX, True, nodes.Profile),
        _line("post", "member", (LOCAL, COALITION), 90, True, posts.Post, refers="renews"),
        _line("details", "member", (LOCAL,), 90, True, posts.Details, refers="post"),
        _line("standing", "home", (COALITION,), 90, True, posts.Standing, refers="post"),
        _line("commitment", "member", (LOCAL, PAIR), 120, True, promises.Commitment, refers="post"),
        _line("answer", "member", (LOCAL, PAIR), 120, True, promises.Answer, refers="commitment"),
        _line("hours", "member", (LOCAL, PAIR), NEVER, False, hours.Hours, refers="session"),
        _line("confirm", "member", (LOCAL, PAIR), NEVER, False, hours.Confirm, refers="claim"),
        _line("dispute", "member", (LOCAL, PAIR), NEVER, False, hours.Dispute, refers="claim"),
        _line("parcel", "home", (COALITION,), 30, False, None),
        _line("erasure", "home", (LOCAL, PAIR, COALITION), LIFE_OTHER_DAYS_MAX, False, None),
    )
}


def check_envelope(record: Record) -> None:
    """What the bytes alone decide beyond their shape. Raises TheirFault with the code of the first fault."""
    kind = KINDS.get(record.kind)
    signatures = len(record.signatures)
    if record.scope == KEYS_SCOPE and record.kind not in ("inception", "rotation", "charter"):
        raise TheirFault("bad_scope")
    if record.scope[0] == PAIR and record.home not in record.scope[1:]:
        raise TheirFault("bad_scope")
    if kind is None:
        if signatures != (1 if record.by_home else 2):
            raise TheirFault("wrong_signatures")
        if record.on_behalf_of is not None and record.by_home:
            raise TheirFault("wrong_signer")
        # it may be a ledger or roster kind of a later version, and those never expire
        _check_life(record, NEVER if record.expires is None else LIFE_OTHER_DAYS_MAX)
        _check_erased(record)
        return
    if record.scope[0] not in kind.scopes or (
        (record.scope == KEYS_SCOPE) != (kind.group == "keys" or kind.name == "charter")
    ):
        raise TheirFault("bad_scope")
    if record.by_home != (kind.signer not in ("member", "key")):
        raise TheirFault("wrong_signer")
    several = kind.signer == "recovery" or kind.name == "leave"  # counted by the judge, who reads the signers
    if not several and signatures != (2 if kind.signer == "member" else 1):
        raise TheirFault("wrong_signatures")
    if not kind.edits and (record.edit or record.erased):
        raise TheirFault("bad_edit")
    if record.on_behalf_of is not None and kind.signer != "member":
        raise TheirFault("wrong_signer")
    _check_life(record, kind.life_days_max)
    _check_erased(record)


def _check_life(record: Record, days_max: int) -> None:
    if days_max == NEVER:
        if record.expires is not None:
            raise TheirFault("bad_lifetime")
    elif record.expires is None or not 1 <= record.expires - day_of(record.created) <= days_max + 1:
        raise TheirFault("bad_lifetime")


def _check_erased(record: Record) -> None:
    # What never ends may be a ledger of a later version, and nothing erases a ledger.
    if record.erased and (record.body or record.expires is None):
        raise TheirFault("bad_edit")
    erased_thing(record)


def refers_to(record: Record) -> bytes | None:
    """The id or thing that `record` speaks of, where its kind names one and the body can be read."""
    if record.kind == "erasure":
        return erased_thing(record)
    kind = KINDS.get(record.kind)
    if kind is None or not kind.refers:
        return None
    value = record.body.get(kind.refers)
    return value if type(value) is bytes and len(value) == 32 else None
