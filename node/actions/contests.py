"""Contesting a key that was issued anew: who may, where it is said, and how it finds its place.

A contest is the word of one key alone, so anybody in a coalition can bring contests by keys made up for the
purpose. They void nothing, but they can fill the quota of the neighborhood whose account it is. The lowest
things are in, and the nonce is free: so one contest finds its place by trying nonces until its thing is low
enough, for a thousandth of what filling the quota has cost (docs/protocol.md, Quota).
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, TypeAlias

from node import keys
from node.actions.acting import put
from node.store import reissues
from protocol.errors import OurFault
from protocol.kinds.accounts import Contest, StepState
from protocol.record import Draft, Record, lower_thing
from protocol.scopes import COALITION, DAY_S, PAIR, Scope, day_of, scope_bytes
from protocol.signing import public_key

if TYPE_CHECKING:
    from node.actions.members import Session
    from node.app import Node

TRIES_MAX = 2_000_000  # nonces: seconds, on a small machine half a minute; trying again goes on
TRIES_AT_ONCE = 5_000  # in between, others have their turn
NO_PLACE = (
    "Contests by strangers fill the place for those of this neighborhood, so that not everybody hears yours"
    " yet. Try again: each time looks further."
)
SENTENCES = (NO_PLACE,)

Said: TypeAlias = dict[tuple[bytes, bytes, bytes], list[Record]]


def said(node: Node, homes: Sequence[bytes]) -> Said:
    """The contests about the accounts of these homes, by the step that they contest: home, old, new."""
    found: Said = {}
    for home in dict.fromkeys(homes):
        for record in node.records.of_home(home, "contest"):
            word = Contest.read(record)
            if word is not None:
                found.setdefault((home, word.old, word.new), []).append(record)
    return found


def with_a_say(node: Node, step: StepState, contests: Sequence[Record]) -> list[Record]:
    """Those by keys of the step's account; the others are anybody's, and change nothing."""
    accounts = node.records.accounts
    keys_of_both = (accounts.keys(accounts.account(step.home, key)) for key in (step.old, step.new))
    having = {step.old, step.new}.union(*keys_of_both)
    return [contest for contest in contests if contest.author in having]


def can_contest(node: Node, key: bytes, step: StepState, contests: Sequence[Record]) -> bool:
    """Whether this key of our own may still say anything about a step that nobody has contested for it."""
    other = {step.old, step.new} - {key}
    voided = any(contest.author in other and contest.id in step.open_contests for contest in contests)
    named = step.home == node.home and key in (step.old, step.new)
    return named and not voided and bool(_left(node, key, step, contests))


def is_heard(node: Node, record: Record) -> bool:
    """Whether others take it today: not what was made on a clock that ran ahead. That is to be said again."""
    return day_of(record.created) <= node.today() + 1


def _left(node: Node, author: bytes, step: StepState, contests: Sequence[Record]) -> list[Scope]:
    """The scopes in which the step was said, that we share, and in which this key does not contest it yet."""
    heard = {contest.scope for contest in contests if contest.author == author and is_heard(node, contest)}
    successions = [node.records.get(record_id) for record_id in step.successions]
    scopes = dict.fromkeys(record.scope for record in successions if record is not None)
    shared = [scope for scope in scopes if scope[0] != PAIR or step.home in scope[1:]]
    return [scope for scope in shared if scope not in heard]


def step_of(node: Node, home: bytes, old: bytes, new: bytes) -> StepState:
    """One step that is held. Raises OurFault("not_found")."""
    for step in node.records.accounts.steps:
        if (step.home, step.old, step.new) == (home, old, new):
            return step
    raise OurFault("not_found")


async def contest(node: Node, session: Session, home: bytes, old: bytes, new: bytes) -> None:
    """Say that a re-issue is wrong, with the key of this session. Raises OurFault: not_yours, over_quota."""
    step = step_of(node, home, old, new)
    if not can_contest(node, session.key, step, said(node, [home]).get((home, old, new), [])):
        raise OurFault("not_yours")
    await _contest_with(node, session.seed, step)


async def contest_on_paper(node: Node, words: list[str], home: bytes, old: bytes, new: bytes) -> None:
    """The same with a key brought on paper, of a member of this or of any other neighborhood.

    Raises OurFault: bad_code for the words, not_yours where the key is not of that account, over_quota.
    """
    seed = keys.recovery_seed(words)
    step = step_of(node, home, old, new)
    accounts = node.records.accounts
    if public_key(seed) not in {old, new, *accounts.keys(accounts.account(home, old))}:
        raise OurFault("not_yours", "The key on this paper has nothing to do with that account.")
    await _contest_with(node, seed, step)


async def _contest_with(node: Node, seed: bytes, step: StepState) -> None:
    """Sign a contest in every scope that is left. What finds its place is said, whatever else does not.

    Raises OurFault("over_quota") once it is said where there was a place, if there was none somewhere.
    """
    held = said(node, [step.home]).get((step.home, step.old, step.new), [])
    body = Contest(old=step.old, new=step.new).body()
    made, author = node.stamp(), public_key(seed)
    scopes = _left(node, author, step, held)
    drafts = [
        Draft("contest", scope, author, step.home, node.random(16), made, None, body) for scope in scopes
    ]
    placed = [found for draft in drafts if (found := await _placed(node, draft)) is not None]
    with node.records.transaction():
        for draft in placed:
            put(node, draft.sign([seed]))
    if len(placed) < len(drafts):
        raise OurFault("over_quota", NO_PLACE)


async def _placed(node: Node, draft: Draft) -> Draft | None:
    """The draft with a nonce that gives it a place in the quota; None where none was found in time."""
    if draft.scope[0] != COALITION:
        return draft
    before = (node.today() + 2) * DAY_S
    bar = reissues.contest_to_beat(node.connection, scope_bytes(draft.scope), draft.home, before)
    if bar is None:
        return draft
    for _ in range(TRIES_MAX // TRIES_AT_ONCE):
        found = lower_thing(draft, bar, TRIES_AT_ONCE)
        if found is not None:
            return found
        draft = replace(draft, nonce=node.random(16))
        await asyncio.sleep(0)
    return None
