"""A promise: the helper's word and the poster's word, and what the two say together.

`commitment` is signed by the helper (offered, withdrawn, done), `answer` by the poster (agreed,
declined, released, done, no_show). Everybody edits only their own word; the state is a table over the
two. The answer to a commitment is exactly one thing per key of the poster: nonce, `created` and
`expires` follow from the commitment. Where helper and poster live in different neighborhoods both are
pair records, else local ones.

Somebody whose key was re-issued speaks on with the new one: the helper by a commitment that `continues`
the first, the poster by an answer. The word of the latest key of an account is theirs.

    poster \\ helper   offered     withdrawn   done
    (nothing)          proposed    withdrawn   proposed
    agreed             agreed      released    done
    declined           declined    declined    declined
    released           released    released    released
    done               done        done        done
    no_show            no_show     no_show     no_show

A promise that was proposed or agreed and whose lifetime is over is `lapsed`; one whose post is not held
is `unknown` to whoever lacks it. Only agreed and done take a slot, so release and no-show reopen it.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from protocol.kinds.accounts import Account, Accounts
from protocol.kinds.shapes import Bytes32, Count, NameShown, Note, Shape, Time

if TYPE_CHECKING:
    from protocol.record import Record

HelperWord = Literal["offered", "withdrawn", "done"]
PosterWord = Literal["agreed", "declined", "released", "done", "no_show"]
PromiseState = Literal[
    "proposed", "agreed", "done", "declined", "released", "no_show", "withdrawn", "lapsed", "unknown"
]


class Commitment(Shape, frozen=True, kw_only=True):
    """The helper's word about one post.

    `continues` names the first commitment of a promise that a later key of the helper's account carries on.
    """

    post: Bytes32
    word: HelperWord = "offered"
    slots: Count = 1
    note: Note = ""
    name: NameShown = ""
    continues: Bytes32 | None = None
    at: Time | None = None


class Answer(Shape, frozen=True, kw_only=True):
    """The poster's word about one commitment; `slots` is how many were agreed to, whatever it says later."""

    commitment: Bytes32
    word: PosterWord
    slots: Count | None = None
    note: Note = ""
    name: NameShown = ""
    at: Time | None = None


@dataclass(frozen=True, slots=True)
class Promise:
    """What a commitment and its answer say together."""

    state: PromiseState
    slots: int


_TABLE: dict[PosterWord | None, dict[HelperWord, PromiseState]] = {
    None: {"offered": "proposed", "withdrawn": "withdrawn", "done": "proposed"},
    "agreed": {"offered": "agreed", "withdrawn": "released", "done": "done"},
    "declined": {"offered": "declined", "withdrawn": "declined", "done": "declined"},
    "released": {"offered": "released", "withdrawn": "released", "done": "released"},
    "done": {"offered": "done", "withdrawn": "done", "done": "done"},
    "no_show": {"offered": "no_show", "withdrawn": "no_show", "done": "no_show"},
}


def answer_nonce(commitment_thing: bytes) -> bytes:
    """The nonce of the one answer that a commitment has from its poster."""
    return hashlib.sha256(b"barnraise/1 answer\x00" + commitment_thing).digest()[:16]


def continues(later: Record, first: Record, accounts: Accounts) -> bool:
    """Whether a commitment carries `first` on: of the same account, scope and post."""
    one, other = Commitment.read(later), Commitment.read(first)
    return (
        one is not None
        and other is not None
        and (one.continues, one.post, other.continues) == (first.thing, other.post, None)
        and later.scope == first.scope
        and accounts.account(later.home, later.author) == accounts.account(first.home, first.author)
    )


def last_word(said: Iterable[Record], account: Account, accounts: Accounts) -> Record | None:
    """Of what keys of `account` have said, the word of the latest key; of several the lowest thing."""
    own = [record for record in said if accounts.account(record.home, record.author) == account]
    return min(own, key=lambda r: (-accounts.depth(r.home, r.author), r.thing), default=None)


def promise_state(
    commitment: Commitment | None,
    answer: Answer | None,
    *,
    post_known: bool,
    expires: int | None,
    today: int,
) -> Promise:
    """State and slots of one promise. Pure and total."""
    if commitment is None:
        return Promise("unknown", 0)
    state = _TABLE[answer.word if answer is not None else None][commitment.word]
    if state in ("proposed", "agreed"):
        if expires is not None and expires <= today:
            state = "lapsed"
        elif not post_known:
            state = "unknown"
    agreed_to = answer.slots if answer is not None and answer.slots is not None else commitment.slots
    return Promise(state, min(commitment.slots, agreed_to))
