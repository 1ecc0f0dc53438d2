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
RIVALS_MAX = 100  # every record under a key that fits none is tried against all of them


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
    previous: bytes = b""


@dataclass(frozen=True, slots=True)
class KeyChain:
    """The node keys that a neighborhood has had, oldest first; `rivals` are rotations that lost."""

    home: bytes
    steps: tuple[Step, ...]
    rivals: tuple[Step, ...] = ()

    @property
    def current(self) -> bytes:
        return self.steps[-1].node_key

    @property
    def head(self) -> bytes:
        """The id of the record that set the current key."""
        return self.steps[-1].record_id

    def keys_since(self, record_id: bytes) -> tuple[bytes, ...]:
        """The keys from the step set by `record_id` onward; none where that step is not on the chain."""
        for index, step in enumerate(self.steps):
            if step.record_id == record_id:
                return tuple(later.node_key for later in self.steps[index:])
        return ()

    @property
    def every(self) -> tuple[Step, ...]:
        """All steps that the recovery policies ever allowed, on whatever branch."""
        return self.steps + self.rivals

    def since(self, record_id: bytes) -> tuple[Step, ...]:
        """The step set by `record_id` and all that follow it, on any branch; none where it is unknown.

        On any branch, so that nobody can take back what was said under a key by bringing up a rival of it.
        """
        found = {record_id}
        later = []
        for step in self.every:
            if step.record_id in found or step.previous in found:
                found.add(step.record_id)
                later.append(step)
        return tuple(later)


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
    records that accepted epochs list: they and what leads to them win over others with the same predecessor.
    """
    inception: Inception | None = None
    found: dict[bytes, Rotation] = {}
    for record in records:
        if record.home != home:
            continue
        if record.kind == "inception" and record.id == home:
            inception = Inception.read(record)
        elif record.kind == "rotation" and (rotation := Rotation.read(record)) is not None:
            found[record.id] = rotation
    if inception is None:
        return None
    preferred: set[bytes] = set()  # a rival that branches off before a listed one counts for nothing
    for record_id in listed:
        while record_id in found and record_id not in preferred:
            preferred.add(record_id)
            record_id = found[record_id].previous
    rotations: dict[bytes, list[tuple[bool, bytes, Rotation]]] = {}
    for record_id, rotation in found.items():
        entry = (record_id not in preferred, record_id, rotation)
        rotations.setdefault(rotation.previous, []).append(entry)
    steps = [Step(home, inception.node_key, inception.recovery)]
    while len(steps) < CHAIN_LENGTH_MAX:
        for _, record_id, rotation in sorted(
            rotations.get(steps[-1].record_id, ()), key=lambda entry: entry[:2]
        ):
            if meets(steps[-1].recovery, rotation.signers):
                steps.append(Step(record_id, rotation.node_key, rotation.recovery, rotation.previous))
                break
        else:
            break
    return KeyChain(home, tuple(steps), tuple(_rivals(steps, rotations)))


def _rivals(steps: list[Step], rotations: dict[bytes, list[tuple[bool, bytes, Rotation]]]) -> list[Step]:
    """The other steps that the policies allow, each after the one that it follows; at most RIVALS_MAX."""
    seen = {step.record_id for step in steps}
    found: list[Step] = []
    for step in (queue := list(steps)):
        for _, record_id, rotation in sorted(rotations.get(step.record_id, ()), key=lambda entry: entry[1]):
            if record_id in seen or not meets(step.recovery, rotation.signers):
                continue
            if len(found) == RIVALS_MAX:
                return found
            rival = Step(record_id, rotation.node_key, rotation.recovery, rotation.previous)
            seen.add(record_id)
            found.append(rival)
            queue.append(rival)
    return found


def meets(policy: RecoveryPolicy, signers: Iterable[bytes]) -> bool:
    """Whether enough different recovery keys of `policy` are among `signers`."""
    named = {recovery_hash(key) for key in signers}
    return len(named & set(policy.hashes)) >= policy.threshold
