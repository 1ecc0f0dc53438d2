"""A need and how far it is taken, for those who see its promises and for those who see its standing only."""

from __future__ import annotations

import pytest

from protocol.kinds.posts import (
    Details,
    Post,
    PostState,
    Standing,
    post_state,
    seen_state,
    slots_open,
    standing_nonce,
)
from protocol.kinds.promises import Promise, PromiseState
from tests.protocol.helpers import TODAY, Coalition, Neighborhood

EXPIRES = TODAY + 31


def need(slots: int = 1, status: str = "open") -> Post:
    return Post(type="need", what="help", category="rides", title="Ride", slots=slots, status=status)  # type: ignore[arg-type]


def promises(*states: PromiseState) -> list[Promise]:
    return [Promise(state, 1) for state in states]


TABLE: list[tuple[int, str, tuple[PromiseState, ...], PostState, int]] = [
    (1, "open", (), "open", 1),
    (1, "open", ("proposed",), "open", 1),
    (1, "open", ("agreed",), "arranged", 0),
    (1, "open", ("done",), "fulfilled", 0),
    (2, "open", ("agreed",), "partly_arranged", 1),
    (2, "open", ("agreed", "agreed"), "arranged", 0),
    (2, "open", ("agreed", "agreed", "agreed"), "arranged", 0),
    (2, "open", ("done",), "partly_arranged", 1),
    (2, "open", ("done", "agreed"), "arranged", 0),
    (2, "open", ("done", "done"), "fulfilled", 0),
    (1, "open", ("released",), "open", 1),
    (1, "open", ("no_show",), "open", 1),
    (1, "open", ("declined", "withdrawn", "lapsed", "unknown"), "open", 1),
    (1, "open", ("no_show", "agreed"), "arranged", 0),
    (1, "paused", (), "paused", 1),
    (1, "paused", ("agreed",), "paused", 0),
    (1, "withdrawn", (), "withdrawn", 1),
    (1, "withdrawn", ("agreed",), "withdrawn", 0),
    (1, "withdrawn", ("done",), "fulfilled", 0),
]


@pytest.mark.parametrize(("slots", "status", "held", "state", "free"), TABLE)
def test_the_state_of_a_post(
    slots: int, status: str, held: tuple[PromiseState, ...], state: PostState, free: int
) -> None:
    post = need(slots, status)
    assert post_state(post, EXPIRES, promises(*held), TODAY) == (state, free)
    assert post_state(post, EXPIRES, promises(*held[::-1]), TODAY) == (state, free)
    over = state if state in ("fulfilled", "withdrawn") else "expired"
    assert post_state(post, TODAY, promises(*held), TODAY) == (over, free)


def test_a_post_that_is_not_held() -> None:
    assert post_state(None, None, promises("agreed"), TODAY) == ("unknown", 0)
    assert seen_state(None, None, None, TODAY) == ("unknown", 0)


def test_a_release_reopens_the_slot() -> None:
    post = need(slots=2)
    assert slots_open(post, [Promise("agreed", 2)]) == 0
    assert slots_open(post, [Promise("released", 2)]) == 2
    assert slots_open(post, [Promise("no_show", 2), Promise("agreed", 1)]) == 1
    assert slots_open(post, [Promise("agreed", 100)]) == 0


def test_others_see_what_the_standing_says() -> None:
    post = need(slots=2)

    def standing(state: str, free: int) -> Standing:
        return Standing(post=b"p" * 32, state=state, slots_open=free)  # type: ignore[arg-type]

    assert seen_state(post, EXPIRES, None, TODAY) == ("open", 2)
    assert seen_state(need(status="withdrawn"), EXPIRES, None, TODAY) == ("withdrawn", 1)
    assert seen_state(post, EXPIRES, standing("partly_arranged", 1), TODAY) == ("partly_arranged", 1)
    assert seen_state(post, EXPIRES, standing("open", 99), TODAY) == ("open", 2), (
        "never more than the post has"
    )
    assert seen_state(post, TODAY, standing("arranged", 0), TODAY) == ("expired", 0)
    assert seen_state(post, TODAY, standing("fulfilled", 0), TODAY) == ("fulfilled", 0)


def test_a_post_has_one_standing() -> None:
    riverbend = Neighborhood("Riverbend")
    region = Coalition("The valley", riverbend)
    post = riverbend.member("Ana").post(region.scope)
    first = riverbend.standing(post, "open", 1)
    later = riverbend.standing(post, "arranged", 0, edit=1)
    assert first.thing == later.thing and first.nonce == standing_nonce(post.thing)
    assert first.scope == post.scope == region.scope
    other = riverbend.member("Ana").post(region.scope)
    assert riverbend.standing(other, "open", 1).thing != first.thing


def test_bodies_are_read_strictly_and_grow_freely() -> None:
    body = need().body()
    assert Post.of(body) == need() and "renews" not in body and "at" not in body
    assert Post.of(body | {"a later field": [1, None]}) == need()
    for bad in (
        {"type": "wish"},
        {"title": ""},
        {"title": "t" * 121},
        {"text": "t" * 2001},
        {"slots": 0},
        {"slots": 101},
        {"slots": "1"},
        {"slots": True},
        {"title": b"bytes"},
        {"renews": b"short"},
        {"urgency": None},
    ):
        assert Post.of(body | bad) is None, bad
    assert Post.of({key: body[key] for key in body if key != "title"}) is None
    assert Post.of({}) is None and Post.of({1: 2}) is None
    details = Details(post=b"p" * 32, contact="0170 123", household="two adults, one cat")
    assert Details.of(details.body()) == details
