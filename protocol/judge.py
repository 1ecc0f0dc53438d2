"""The one judge: whether a record belongs to a set, from its envelope and the key chains and rosters held.

The verdict is `in`, `never` or `not_now`. `never` is only what the bytes alone decide (the parser's
refusals, a member's bad signature, a key record that contradicts itself) and may be remembered by the
hash of the message. Everything that depends on key chain, roster or day gives `not_now`: it is kept
bounded, not remembered as a refusal, and tried again. A record made here, pulled from a peer or read
from a stick goes through this same function.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Set
from dataclasses import dataclass, field
from typing import Literal, TypeAlias

from protocol.errors import TheirFault
from protocol.kinds.keys import Inception, KeyChain, RecoveryPolicy, Rotation, meets, sound_policy
from protocol.kinds.roster import Leave, Roster
from protocol.kinds.table import KINDS
from protocol.record import Record, signed_by, to_be_signed
from protocol.scopes import LOCAL, PAIR, day_of
from protocol.signing import verify

Verdict = Literal["in", "never", "not_now"]

# (record id, signature, key) of signatures that were found right ahead of time
Checked: TypeAlias = Set[tuple[bytes, bytes, bytes]]


@dataclass(frozen=True, slots=True)
class Judgement:
    """A verdict with its code ("" when in) and the neighborhood's key that signed."""

    verdict: Verdict
    code: str = ""
    home_key: bytes = b""


@dataclass(frozen=True, slots=True)
class Known:
    """What the judge may look at besides the record.

    `today` is the day by which records are over: while nobody can tell whose clock is right, the earlier
    one, and ours is `ahead_days` later. `wanted` are the homes whose keys we need, `followed` the coalitions
    that we are in or were offered; `policies` holds the recovery policy that each key record held sets, by
    (home, record id).
    """

    own_home: bytes
    today: int
    chains: Mapping[bytes, KeyChain] = field(default_factory=dict)
    rosters: Mapping[bytes, Roster] = field(default_factory=dict)
    wanted: frozenset[bytes] = frozenset()
    policies: Mapping[tuple[bytes, bytes], RecoveryPolicy] = field(default_factory=dict)
    followed: frozenset[bytes] = frozenset()
    ahead_days: int = 0


def check_ahead(records: Iterable[Record], known: Known) -> Checked:
    """The signatures on `records` that are right, as far as the judge will surely ask for them.

    Nearly all of the judge's time goes into these, and they hang on nothing that changes; so they may be
    worked out beside the thread that judges.
    """
    right = set()
    for record in records:
        signed = to_be_signed(record.payload)
        chain = known.chains.get(record.home)
        pairs = [] if record.by_home else [(record.signatures[0], record.author)]
        if chain is not None:
            pairs.append((record.signatures[-1], chain.current))
        for signature, key in pairs:
            if not verify(key, signature, signed):
                break
            right.add((record.id, signature, key))
    return right


def judge(record: Record, known: Known, checked: Checked = frozenset()) -> Judgement:
    """The verdict on `record`. Total: raises nothing."""
    if record.kind in ("inception", "rotation"):
        return _judge_key_record(record, known)
    if not record.by_home and not _signed_by(record, 0, record.author, checked):
        return Judgement("never", "bad_signature")
    if record.kind == "contest":  # said against the home, if need be: its keys have no part in it
        code = _scope_code(record, known) or _day_code(record, known)
        return Judgement("not_now", code) if code else Judgement("in")
    chain = known.chains.get(record.home)
    if chain is None:
        return Judgement("not_now", "unknown_home")
    if record.kind == "leave" and (signers := _signers(record)):
        if not _signed_by_all(record, signers):
            return Judgement("never", "bad_signature")
        keys = [step.node_key for step in chain.every if meets(step.recovery, signers)]
    elif record.kind == "leave" and len(record.signatures) != 1:
        return Judgement("never", "wrong_signatures")
    elif _signed_by(record, -1, chain.current, checked):
        keys = [chain.current]
    else:
        keys = [step.node_key for step in chain.every if signed_by(record, -1, step.node_key)]
    if not keys:
        return Judgement("not_now", "unknown_key")
    code = _scope_code(record, known) or _day_code(record, known)
    if not code and keys[-1] != chain.current and not outlives_its_key(record):
        code = "old_key"
    return Judgement("not_now", code, keys[-1]) if code else Judgement("in", "", keys[-1])


def hinges_on(record: Record, known: Known) -> tuple[object, ...]:
    """All of `known` but the day that may move the verdict on `record`: while this is equal, so is that."""
    if record.kind in ("inception", "rotation"):
        previous = record.body.get("previous")
        policy = known.policies.get((record.home, previous)) if isinstance(previous, bytes) else None
        return record.home in known.wanted, policy
    chain = known.chains.get(record.home)
    keys = (chain.current, len(chain.every)) if chain is not None else None  # keys are never taken away
    roster = known.rosters.get(record.scope[1]) if len(record.scope) == 2 else None
    belongs = roster is not None and (record.home in roster.members, record.home in roster.ever)
    return keys, belongs, known.own_home, record.id in known.followed


def _signed_by(record: Record, index: int, key: bytes, checked: Checked) -> bool:
    return (record.id, record.signatures[index], key) in checked or signed_by(record, index, key)


def outlives_its_key(record: Record) -> bool:
    """Whether a record stays in its set when its neighborhood changes keys.

    So do roster acts, and what a member erased: their own signature says so. A home's own erasure does not,
    because a stolen node could make any number of them.
    """
    kind = KINDS.get(record.kind)
    return (kind is not None and kind.group == "roster") or (record.erased and not record.by_home)


def _signers(record: Record) -> list[bytes]:
    leave = Leave.read(record)
    return (leave.signers or []) if leave is not None else []


def _signed_by_all(record: Record, signers: list[bytes]) -> bool:
    """Whether different `signers`, in order, made the signatures, one each."""
    if len(record.signatures) != len(signers) or signers != sorted(set(signers)):
        return False
    return all(signed_by(record, index, key) for index, key in enumerate(signers))


def key_record(record: Record) -> Judgement:
    """Whether a key record's bytes are sound: readable, and signed by the keys that it names itself."""
    if record.kind == "inception":
        inception = Inception.read(record)
        if inception is None or not sound_policy(inception.recovery):
            return Judgement("never", "bad_key_record")
        if not signed_by(record, 0, inception.node_key):
            return Judgement("never", "bad_signature")
        return Judgement("in", "", inception.node_key)
    rotation = Rotation.read(record)
    if rotation is None or not sound_policy(rotation.recovery):
        return Judgement("never", "bad_key_record")
    if len(record.signatures) != len(rotation.signers) or rotation.signers != sorted(set(rotation.signers)):
        return Judgement("never", "wrong_signatures")
    if not all(signed_by(record, index, key) for index, key in enumerate(rotation.signers)):
        return Judgement("never", "bad_signature")
    return Judgement("in", "", rotation.node_key)


def _judge_key_record(record: Record, known: Known) -> Judgement:
    judgement = key_record(record)
    if judgement.verdict == "in":
        if record.home not in known.wanted:
            return Judgement("not_now", "unknown_home", judgement.home_key)
        rotation = Rotation.read(record) if record.kind == "rotation" else None
        if rotation is not None:
            policy = known.policies.get((record.home, rotation.previous))
            if policy is None:
                return Judgement("not_now", "unknown_key", judgement.home_key)
            if not meets(policy, rotation.signers):  # forever: what is cited by its hash cannot change
                return Judgement("never", "wrong_signer")
    return judgement


def _scope_code(record: Record, known: Known) -> str:
    scope = record.scope
    if scope[0] == LOCAL:
        return "" if record.home == known.own_home else "not_for_us"
    if scope[0] == PAIR:
        return "" if known.own_home in scope[1:] else "not_for_us"
    if record.kind == "charter":
        return "" if record.id in known.followed or record.home == known.own_home else "not_for_us"
    roster = known.rosters.get(scope[1])
    if roster is None:
        return "not_for_us"
    kind = KINDS.get(record.kind)
    lasting = kind is not None and kind.group in ("roster", "accounts")  # they hold for hours, which stand
    allowed = roster.ever if lasting else roster.members
    return "" if record.home in allowed else "not_a_member"


def _day_code(record: Record, known: Known) -> str:
    """Whether a record's days have come and are not over. Keys and rosters hang on nobody's clock:

    their sets are compared whole, so what one wrong clock lets in must be let in by all.
    """
    kind = KINDS.get(record.kind)
    if kind is not None and kind.group in ("keys", "roster"):
        return ""
    if day_of(record.created) > known.today + known.ahead_days + 1:
        return "not_yet"
    if record.expires is not None and record.expires <= known.today:
        return "expired"
    return ""


def read_checked(message: bytes) -> Record:
    """A key record from foreign bytes, sound by its own bytes. Raises TheirFault."""
    from protocol.record import parse

    record = parse(message)
    if record.kind not in ("inception", "rotation"):
        raise TheirFault("bad_key_record")
    judgement = key_record(record)
    if judgement.verdict != "in":
        raise TheirFault(judgement.code)
    return record.with_home_key(judgement.home_key)
