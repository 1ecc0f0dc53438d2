"""Needs and offers, what is private about them, and how far they are taken.

`post` is a Proposal with one Intent (ValueFlows): a need or an offer of help, a thing to give, a thing
to lend, or a space. `details` holds what only the own node may read: contact, address, household, notes;
it is always local. `standing` is the poster's neighborhood saying, for those who cannot see the
promises, in which state a shared post is; there is exactly one standing per post, because its nonce,
`created` and `expires` follow from the post.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from typing import TYPE_CHECKING, Annotated, Literal

import msgspec

from protocol.kinds.shapes import (
    Bytes32,
    CategoryId,
    Count,
    Label,
    Language,
    Line,
    NameShown,
    Note,
    Shape,
    Text,
    Time,
    Title,
)

if TYPE_CHECKING:
    from protocol.kinds.promises import Promise

PostState = Literal[
    "open", "partly_arranged", "arranged", "fulfilled", "paused", "withdrawn", "expired", "unknown"
]


class Post(Shape, frozen=True, kw_only=True):
    """One need or offer. `at` is the time of this edit."""

    type: Literal["need", "offer"]
    what: Literal["help", "give", "lend", "space"]
    category: CategoryId
    title: Title
    text: Text = ""
    area: Label = ""
    when: Line = ""
    urgency: Literal["low", "normal", "urgent"] = "normal"
    slots: Count = 1
    language: Language = "en"
    name: NameShown = ""
    status: Literal["open", "paused", "withdrawn"] = "open"
    renews: Bytes32 | None = None
    at: Time | None = None


class Details(Shape, frozen=True, kw_only=True):
    """What the neighborhood alone may know about a post."""

    post: Bytes32
    contact: Note = ""
    address: Note = ""
    household: Note = ""
    notes: Text = ""
    name: Label = ""
    at: Time | None = None


class Standing(Shape, frozen=True, kw_only=True):
    """The home's word on a post whose promises others cannot see."""

    post: Bytes32
    state: Literal["open", "partly_arranged", "arranged", "fulfilled", "paused", "withdrawn"]
    slots_open: Annotated[int, msgspec.Meta(ge=0, le=100)]
    at: Time | None = None


def standing_nonce(post_thing: bytes) -> bytes:
    """The nonce of the one standing that a post has."""
    return hashlib.sha256(b"barnraise/1 standing\x00" + post_thing).digest()[:16]


def slots_open(post: Post, promises: Iterable[Promise]) -> int:
    """Slots that no agreed or done promise takes."""
    taken = sum(promise.slots for promise in promises if promise.state in ("agreed", "done"))
    return max(0, post.slots - taken)


def post_state(
    post: Post | None, expires: int | None, promises: Iterable[Promise], today: int
) -> tuple[PostState, int]:
    """State and open slots of a post for whoever sees its promises. Pure and total."""
    if post is None:
        return "unknown", 0
    known = list(promises)
    free = slots_open(post, known)
    done = sum(promise.slots for promise in known if promise.state == "done")
    if done >= post.slots:
        return "fulfilled", 0
    if post.status == "withdrawn":
        return "withdrawn", free
    if expires is not None and expires <= today:
        return "expired", free
    if post.status == "paused":
        return "paused", free
    if free == 0:
        return "arranged", 0
    return ("partly_arranged" if free < post.slots else "open"), free


def seen_state(
    post: Post | None, expires: int | None, standing: Standing | None, today: int
) -> tuple[PostState, int]:
    """State and open slots for a neighborhood that sees only the post and its standing."""
    if post is None:
        return "unknown", 0
    if standing is None:
        return post_state(post, expires, (), today)
    if expires is not None and expires <= today and standing.state != "fulfilled":
        return "expired", standing.slots_open
    return standing.state, min(standing.slots_open, post.slots)
