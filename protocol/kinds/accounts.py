"""Accounts: which keys speak for the same member, when a passphrase was lost and a new key was issued.

An account is (home, the member's first key). A `succession` is the home's word that `new` carries on what
`old` was; it never expires and is made in every scope in which somebody has to follow it, so what counts
is the step (home, old, new), not the record. A `contest` is the word of a member's key alone, without the
neighborhood's, that a step is wrong; so it can be said at any node of the coalition. It voids the step
until a new succession of the same step cites it and another home that has voted in the coalition says
`assent` to that succession.

How steps become accounts, for each home by itself (`build_accounts`), in this order:

1. A step is void where `old` or `new` itself contests it.
2. A key has one predecessor: of the steps left that lead to it, the lowest by `step_hash`. Steps that form
   a cycle count for nothing. What is left is a forest.
3. A step is void where any other key of the same tree contests it. All these are voided at once.
4. The trees that are left are the accounts; the first key of each names it.

So nobody can join somebody's account to another against the word of either key, a key that was contested
away has no say over the rest, and no order of arrival matters. Several steps from one key may stand; then
`current`, the key to write to, is the leaf whose step is lowest.
"""

from __future__ import annotations

import hashlib
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Annotated, TypeAlias

import msgspec

from protocol.encoding import encode
from protocol.kinds.roster import Assent
from protocol.kinds.shapes import Bytes32, Shape
from protocol.scopes import COALITION

if TYPE_CHECKING:
    from protocol.record import Record

Account: TypeAlias = tuple[bytes, bytes]
Step: TypeAlias = tuple[bytes, bytes]

CITED_MAX = 32


class Succession(Shape, frozen=True, kw_only=True):
    """The home's word that `new` carries on the account of `old`, in spite of the `contests` it cites."""

    old: Bytes32
    new: Bytes32
    contests: Annotated[list[Bytes32], msgspec.Meta(max_length=CITED_MAX)] | None = None


class Contest(Shape, frozen=True, kw_only=True):
    """A member's word that the step from `old` to `new` is wrong."""

    old: Bytes32
    new: Bytes32


@dataclass(frozen=True, slots=True)
class StepState:
    """One step of a home, and what is said of it. `open_contests` are those that nothing has answered."""

    home: bytes
    old: bytes
    new: bytes
    created: int
    successions: tuple[bytes, ...]
    open_contests: tuple[bytes, ...]
    counts: bool


@dataclass(frozen=True, slots=True)
class Accounts:
    """Which account every key belongs to. A key that no step names is an account by itself."""

    before: Mapping[Account, bytes] = field(default_factory=dict)
    steps: tuple[StepState, ...] = ()

    def account(self, home: bytes, key: bytes) -> Account:
        """The account for which `key` of `home` speaks."""
        while (earlier := self.before.get((home, key))) is not None:
            key = earlier
        return home, key

    def depth(self, home: bytes, key: bytes) -> int:
        """How many steps lie between the account's first key and this one."""
        count = 0
        while (earlier := self.before.get((home, key))) is not None:
            key, count = earlier, count + 1
        return count

    def keys(self, account: Account) -> list[bytes]:
        """Every key that speaks for an account, the first one first."""
        home, first = account
        found = {first: None}
        for key in (queue := [first]):
            later = sorted(new for (at, new), old in self.before.items() if (at, old) == (home, key))
            queue += [new for new in later if new not in found]
            found |= dict.fromkeys(later)
        return list(found)

    def current(self, account: Account) -> bytes:
        """The key with which the account speaks now."""
        home, first = account
        keys = self.keys(account)
        led_from = {self.before.get((home, key)) for key in keys}
        leaves = [key for key in keys if key not in led_from]
        return min(leaves, key=lambda key: step_hash(home, self.before.get((home, key), first), key))

    def last_of(self, account: Account, keys: Iterable[bytes]) -> bytes:
        """Of `keys` in the order in which they were issued, the last that speaks for the account.

        From it a next key has to be issued: what hangs on a key that was contested away counts for nothing.
        The account's own key where none of them speaks for it.
        """
        home, first = self.account(*account)
        return next(
            (key for key in reversed([*keys]) if self.account(home, key) == (home, first)), account[1]
        )


def step_hash(home: bytes, old: bytes, new: bytes) -> bytes:
    """What ranks the steps of a home."""
    return hashlib.sha256(b"barnraise/1 step\x00" + encode([home, old, new])).digest()


def succession_nonce(old: bytes, new: bytes, contests: Collection[bytes]) -> bytes:
    """The nonce of a step's succession: so saying it again in a scope makes the same record."""
    stated = encode([old, new, sorted(contests)])
    return hashlib.sha256(b"barnraise/1 succession\x00" + stated).digest()[:16]


def build_accounts(records: Iterable[Record], voters: Mapping[bytes, Collection[bytes]]) -> Accounts:
    """The accounts that successions, contests and assents say together. Pure, total, in any order.

    `voters` gives, for each coalition, the homes that have ever voted in it. Other kinds are ignored.
    """
    successions: dict[bytes, dict[Step, list[tuple[Record, Succession]]]] = {}
    contests: dict[bytes, dict[Step, list[Record]]] = {}
    assents: dict[bytes, set[bytes]] = {}
    for record in {record.id: record for record in records}.values():
        if record.kind == "succession" and (said := Succession.read(record)) is not None:
            if said.old != said.new:
                of_home = successions.setdefault(record.home, {})
                of_home.setdefault((said.old, said.new), []).append((record, said))
        elif record.kind == "contest" and (word := Contest.read(record)) is not None:
            contests.setdefault(record.home, {}).setdefault((word.old, word.new), []).append(record)
        elif record.kind == "assent" and record.home in voters.get(record.scope[-1], ()):
            yes = Assent.read(record)
            if yes is not None:
                assents.setdefault(yes.epoch, set()).add(record.home)
    before: dict[Account, bytes] = {}
    steps: list[StepState] = []
    for home in sorted(successions):
        own = successions[home]
        unanswered = {
            step: _open_contests(own[step], contests.get(home, {}).get(step, []), assents) for step in own
        }
        counting = _count(home, unanswered)
        before |= {(home, new): old for old, new in counting}
        for step in sorted(own):
            steps.append(
                StepState(
                    home,
                    *step,
                    created=min(record.created for record, _ in own[step]),
                    successions=tuple(sorted(record.id for record, _ in own[step])),
                    open_contests=tuple(sorted(record.id for record in unanswered[step])),
                    counts=step in counting,
                )
            )
    return Accounts(before, tuple(steps))


def _open_contests(
    said: list[tuple[Record, Succession]], contests: list[Record], assents: Mapping[bytes, set[bytes]]
) -> list[Record]:
    """The contests of a step without an answer. What answers one contest answers all by that key."""
    cited: set[bytes] = set()
    for record, succession in said:
        if record.scope[0] == COALITION and assents.get(record.id, set()) - {record.home}:
            cited.update(succession.contests or ())
    answered = {contest.author for contest in contests if contest.id in cited}
    return [contest for contest in contests if contest.author not in answered]


def _count(home: bytes, unanswered: Mapping[Step, list[Record]]) -> set[Step]:
    """The steps of one home that count."""
    into: dict[bytes, list[Step]] = {}
    for step, contests in unanswered.items():
        if not any(contest.author in step for contest in contests):
            into.setdefault(step[1], []).append(step)
    old_of = {new: min(steps, key=lambda step: step_hash(home, *step))[0] for new, steps in into.items()}
    first_of: dict[bytes, bytes | None] = {}
    for key in sorted({*old_of, *old_of.values()}):
        path: list[bytes] = []
        on_path: set[bytes] = set()
        at = key
        while at in old_of and at not in first_of and at not in on_path:
            path.append(at)
            on_path.add(at)
            at = old_of[at]
        if at in on_path:  # from `at` on it is a cycle; what hangs on it begins an account of its own
            ring = path[path.index(at) :]
            first_of |= dict.fromkeys(ring, None)
            path = path[: path.index(at)]
        first = first_of.get(at, at)
        for step_key in reversed(path):
            first_of[step_key] = at if first is None else first
    ring_keys = {key for key, first in first_of.items() if first is None}
    forest = {(old, new) for new, old in old_of.items() if new not in ring_keys}

    def tree(key: bytes) -> bytes:
        return first_of.get(key) or key

    return {
        step for step in forest if not any(tree(word.author) == tree(step[1]) for word in unanswered[step])
    }
