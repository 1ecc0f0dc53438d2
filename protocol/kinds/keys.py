"""Key records: who a neighborhood is, and how its node key is replaced.

A neighborhood's id is the id of its `inception`: first node key and recovery policy (hashes of recovery
keys that are kept off the machine, and how many of them must sign). A `rotation` names its predecessor,
a new node key and a new policy, and is signed by the recovery keys of the predecessor's policy, never by
the node key: a stolen node is replaced, not obeyed. Where two rotations name the same predecessor, the
one that an accepted epoch lists counts, else the lower id.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Set
from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated

import msgspec

from protocol.kinds.shapes import Bytes32, Shape

if TYPE_CHECKING:
    from protocol.record import Record

RECOVERY_KEYS_MAX = 7
CHAIN_LENGTH_MAX = 100


class RecoveryPolicy(Shape, frozen=True, kw_only=True):
    """`threshold` of the recovery keys with these SHA-256 hashes must sign a rotation."""

    threshold: Annotated[int, msgspec.Meta(ge=1, le=RECOVERY_KEYS_MAX)]
    hashes: Annotated[list[Bytes32], msgspec.Meta(min_length=1, max_length=RECOVERY_KEYS_MAX)]


class Inception(Shape, frozen=True, kw_only=True):
    """The first word of a neighborhood, signed by the node key that it names."""

    node_key: Bytes32
    recovery: RecoveryPolicy


class Rotation(Shape, frozen=True, kw_only=True):
    """A new node key. `signers` are the recovery keys, in the order of the signatures."""

    previous: Bytes32
    node_key: Bytes32
    recovery: RecoveryPolicy
    signers: Annotated[list[Bytes32], msgspec.Meta(min_length=1, max_length=RECOVERY_KEYS_MAX)]


@dataclass(frozen=True, slots=True)
class Step:
    """One link of a key chain: the record that sets the key, and the policy for the next."""

    record_id: bytes
    node_key: bytes
    recovery: RecoveryPolicy


@dataclass(frozen=True, slots=True)
class KeyChain:
    """The node keys that a neighborhood has had, oldest first."""

    home: bytes
    steps: tuple[Step, ...]

    @property
    def current(self) -> bytes:
        return self.steps[-1].node_key

    @property
    def head(self) -> bytes:
        """The id of the record that set the current key."""
        return self.steps[-1].record_id

    def keys_since(self, record_id: bytes) -> tuple[bytes, ...]:
        """The keys from the step set by `record_id` onward; none where that step is unknown."""
        for index, step in enumerate(self.steps):
            if step.record_id == record_id:
                return tuple(later.node_key for later in self.steps[index:])
        return ()


def recovery_hash(key: bytes) -> bytes:
    """What a policy names of a recovery key."""
    return hashlib.sha256(b"barnraise/1 recovery\x00" + key).digest()


def sound_policy(policy: RecoveryPolicy) -> bool:
    """Whether a policy can be met: distinct hashes, no more demanded than there are."""
    return policy.threshold <= len(policy.hashes) == len(set(policy.hashes))


def policy_of(record: Record) -> RecoveryPolicy | None:
    """The recovery policy that a key record sets, None where it cannot be read."""
    body = Inception.read(record) if record.kind == "inception" else Rotation.read(record)
    return body.recovery if body is not None else None


def build_chain(home: bytes, records: Iterable[Record], listed: Set[bytes] = frozenset()) -> KeyChain | None:
    """The key chain of `home` from its key records in any order; None without a sound inception.

    `records` have passed the judge's own checks (`protocol.judge.key_record`). `listed` are the key
    records that accepted epochs list: they win over others with the same predecessor.
    """
    inception: Inception | None = None
    rotations: dict[bytes, list[tuple[bool, bytes, Rotation]]] = {}
    for record in records:
        if record.home != home:
            continue
        if record.kind == "inception" and record.id == home:
            inception = Inception.read(record)
        elif record.kind == "rotation" and (rotation := Rotation.read(record)) is not None:
            entry = (record.id not in listed, record.id, rotation)
            rotations.setdefault(rotation.previous, []).append(entry)
    if inception is None:
        return None
    steps = [Step(home, inception.node_key, inception.recovery)]
    while len(steps) < CHAIN_LENGTH_MAX:
        for _, record_id, rotation in sorted(
            rotations.get(steps[-1].record_id, ()), key=lambda entry: entry[:2]
        ):
            if meets(steps[-1].recovery, rotation.signers):
                steps.append(Step(record_id, rotation.node_key, rotation.recovery))
                break
        else:
            break
    return KeyChain(home, tuple(steps))


def meets(policy: RecoveryPolicy, signers: Iterable[bytes]) -> bool:
    """Whether enough different recovery keys of `policy` are among `signers`."""
    named = {recovery_hash(key) for key in signers}
    return len(named & set(policy.hashes)) >= policy.threshold
