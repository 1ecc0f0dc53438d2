"""Ana promises, Ben answers: the whole table of their two words."""

from __future__ import annotations

from typing import get_args

import pytest

from protocol.kinds.posts import Post, post_state
from protocol.kinds.promises import (
    Answer,
    Commitment,
    HelperWord,
    PosterWord,
    Promise,
    PromiseState,
    answer_nonce,
    promise_state,
)
from tests.protocol.helpers import TODAY, Neighborhood

# Ben's word: what comes of it with Ana's "offered", "withdrawn", "done"
TABLE: dict[PosterWord | None, tuple[PromiseState, PromiseState, PromiseState]] = {
    None: ("proposed", "withdrawn", "proposed"),
    "agreed": ("agreed", "released", "done"),
    "declined": ("declined", "declined", "declined"),
    "released": ("released", "released", "released"),
    "done": ("done", "done", "done"),
    "no_show": ("no_show", "no_show", "no_show"),
}
LATER = TODAY + 30


def state(
    helper: HelperWord, poster: PosterWord | None, *, known: bool = True, expires: int = LATER
) -> Promise:
    answer = Answer(commitment=b"c" * 32, word=poster) if poster is not None else None
    promise = Commitment(post=b"p" * 32, word=helper, slots=2)
    return promise_state(promise, answer, post_known=known, expires=expires, today=TODAY)


def test_the_table_is_whole() -> None:
    assert set(TABLE) == {None, *get_args(PosterWord)}
    assert get_args(HelperWord) == ("offered", "withdrawn", "done")


@pytest.mark.parametrize("poster", TABLE)
@pytest.mark.parametrize("helper", get_args(HelperWord))
def test_two_words_give_one_state(helper: HelperWord, poster: PosterWord | None) -> None:
    wanted = TABLE[poster][get_args(HelperWord).index(helper)]
    assert state(helper, poster) == Promise(wanted, 2)
    unsettled = wanted in ("proposed", "agreed")
    assert state(helper, poster, expires=TODAY).state == ("lapsed" if unsettled else wanted)
    assert state(helper, poster, known=False).state == ("unknown" if unsettled else wanted)


def test_a_commitment_that_is_not_held() -> None:
    answer = Answer(commitment=b"c" * 32, word="agreed")
    assert promise_state(None, answer, post_known=True, expires=None, today=TODAY) == Promise("unknown", 0)


@pytest.mark.parametrize("poster", TABLE)
@pytest.mark.parametrize("helper", get_args(HelperWord))
def test_only_agreed_and_done_take_a_slot(helper: HelperWord, poster: PosterWord | None) -> None:
    post = Post(type="need", what="help", category="rides", title="Ride", slots=2)
    promise = state(helper, poster)
    free = post_state(post, None, [promise], TODAY)[1]
    assert free == (0 if promise.state in ("agreed", "done") else 2)


def test_a_commitment_has_one_answer() -> None:
    riverbend, oak = Neighborhood("Riverbend"), Neighborhood("Oak Street")
    ana, ben = riverbend.member("Ana"), oak.member("Ben")
    promise = ana.commit(ben.post())
    yes, no = ben.answer(promise, "agreed"), ben.answer(promise, "released", edit=1)
    assert yes.thing == no.thing and yes.nonce == answer_nonce(promise.thing)
    assert promise.scope == yes.scope and set(yes.scope[1:]) == {riverbend.id, oak.id}
    assert ben.answer(ana.commit(ben.post()), "agreed").thing != yes.thing
    assert riverbend.member("Cem").answer(promise, "agreed").thing != yes.thing, "nobody answers for Ben"


def test_bodies() -> None:
    promise = Commitment(post=b"p" * 32, note="Tuesdays", name="Ana")
    assert Commitment.of(promise.body()) == promise
    for bad in ({"word": "agreed"}, {"post": b"p"}, {"slots": 0}, {"note": "n" * 501}):
        assert Commitment.of(promise.body() | bad) is None, bad
    answer = Answer(commitment=b"c" * 32, word="no_show")
    assert Answer.of(answer.body()) == answer
    assert Answer.of(answer.body() | {"word": "offered"}) is None
    assert Answer.of({"commitment": b"c" * 32}) is None, "an answer says something"


def test_a_helper_cannot_raise_what_was_agreed_to() -> None:
    raised = Commitment(post=bytes(32), slots=9)
    agreed = Answer(commitment=bytes(32), word="agreed", slots=2)
    seen = promise_state(raised, agreed, post_known=True, expires=None, today=1)
    assert (seen.state, seen.slots) == ("agreed", 2)
