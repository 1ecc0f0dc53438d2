"""Promises: "I can help", the poster's answer, and how either takes it back."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

from node.actions import hours, restored
from node.actions.acting import say, say_again
from node.actions.members import Session
from node.actions.names import neighborhood_name, person_name
from node.store import erasures, neighbors
from node.views import hours as hour_view
from node.views import posts as post_view
from node.views import promises as view
from protocol.errors import OurFault
from protocol.kinds.posts import Post
from protocol.kinds.promises import Answer, Commitment, HelperWord, PosterWord, answer_nonce
from protocol.scopes import LOCAL_SCOPE, Scope, day_of, pair
from protocol.signing import public_key

if TYPE_CHECKING:
    from node.app import Node

LIFE_AFTER_POST_DAYS = 30  # time to say "done" after the post is over
LIFE_DAYS_MAX = 120


@dataclass(frozen=True, slots=True)
class Promise:
    """A promise as one person sees it, and what they may do with it."""

    id: bytes
    post: bytes
    post_title: str
    helper_name: str
    helper_neighborhood: str
    poster_name: str
    slots: int
    note: str
    answer_note: str
    state: str
    mine: bool
    to_me: bool
    can_agree: bool
    can_decline: bool
    can_release: bool
    can_done: bool
    can_no_show: bool
    can_record_hours: bool
    can_erase_note: bool
    created: int
    awaiting_delivery: bool


@dataclass(frozen=True, slots=True)
class Inbox:
    """What waits for this person, and what they have going."""

    to_answer: list[Promise]
    arranged: list[Promise]
    past: list[Promise]
    hours_to_confirm: list[hours.HoursEntry]
    waiting: int


def rows_of(node: Node, post: bytes) -> list[view.PromiseRow]:
    """Promises about one post that this node may see."""
    return view.of_post(node.connection, post)


def is_mine(node: Node, session: Session, row: view.PromiseRow) -> bool:
    """Whether this person is the helper."""
    return (row.home, row.author) == (node.home, session.account_key)


def promise_of(node: Node, session: Session, row: view.PromiseRow) -> Promise:
    """A row as this person sees it."""
    mine = is_mine(node, session, row)
    to_me = (row.post_home, row.post_author) == (node.home, session.account_key)
    over = row.expires is not None and row.expires <= node.today()
    state = row.state
    if state == "unknown" and erasures.is_erased(node.connection, row.post):
        state = "erased"
    elif over and state in ("proposed", "agreed", "unknown"):
        state = "lapsed"
    post = post_view.row_of(node.connection, row.post)
    room = post is not None and post.slots_open >= row.slots and post.state not in ("withdrawn", "fulfilled")
    poster = ""
    if row.post_home is not None and row.post_author is not None:
        shown = row.poster_name or (post.name if post is not None else "")
        poster = person_name(node, row.post_home, row.post_author, shown)
    partner = row.home if to_me else row.post_home
    return Promise(
        id=row.thing,
        post=row.post,
        post_title=post.title if post is not None else "",
        helper_name=person_name(node, row.home, row.author, row.name),
        helper_neighborhood=neighborhood_name(node, row.home),
        poster_name=poster,
        slots=row.slots,
        note=row.note,
        answer_note=row.answer_note,
        state=state,
        mine=mine,
        to_me=to_me,
        can_agree=to_me and state == "proposed" and room,
        can_decline=to_me and state == "proposed",
        can_release=(mine and state in ("proposed", "agreed")) or (to_me and state == "agreed"),
        can_done=(to_me or mine) and state == "agreed",
        can_no_show=to_me and state == "agreed",
        can_record_hours=(to_me or mine) and state in ("agreed", "done"),
        can_erase_note=not over
        and state not in ("proposed", "agreed")
        and bool((mine and row.note) or (to_me and row.answer_note)),
        created=row.created,
        awaiting_delivery=partner is not None
        and neighbors.awaiting(node.connection, node.home, partner, row.seq),
    )


def offer_help(node: Node, session: Session, post: bytes, *, slots: int, note: str, name_shown: str) -> bytes:
    """Say "I can help" with a post; gives the promise."""
    record = node.records.version(post)
    body = Post.read(record) if record is not None and record.kind == "post" else None
    row = post_view.row_of(node.connection, post)
    if record is None or body is None or row is None or record.expires is None:
        raise OurFault("not_found")
    if (row.home, row.author) == (node.home, session.account_key):
        raise OurFault("bad_input", "This is your own post.")
    if row.state not in ("open", "partly_arranged") or record.expires <= node.today():
        raise OurFault("no_longer_possible", "This needs nobody more at the moment.")
    if not 1 <= slots <= row.slots_open:
        raise OurFault("bad_input", f"Please give a number from 1 to {row.slots_open}.")
    if any(
        is_mine(node, session, other) and other.state in ("proposed", "agreed")
        for other in rows_of(node, post)
    ):
        raise OurFault("no_longer_possible", "You have offered to help with this already.")
    scope = LOCAL_SCOPE if record.home == node.home else pair(node.home, record.home)
    name = _name_for(session, scope, name_shown)
    offered = Commitment(post=post, slots=slots, note=_note(note), name=name).body()
    now = node.stamp()
    expires = min(record.expires + LIFE_AFTER_POST_DAYS, day_of(now) + LIFE_DAYS_MAX)
    return say(node, session.seed, "commitment", scope, offered, expires=expires, created=now).thing


def _note(note: str) -> str:
    tidy = note.strip().replace("\r\n", "\n")
    if len(tidy) > 500:
        raise OurFault("bad_input", "The note has at most 500 characters.")
    return tidy


def _name_for(session: Session, scope: Scope, shown: str) -> str:
    """What a promise calls somebody: what they chose to show. Only at home their own name fills a gap."""
    name = shown.strip() or (session.name if scope == LOCAL_SCOPE else "")
    tidy = " ".join(name.split())
    if len(tidy) > 40:
        raise OurFault("bad_input", "The name shown has at most 40 characters.")
    return tidy


def _row(
    node: Node, session: Session, promise: bytes, may: Callable[[Promise], bool]
) -> tuple[view.PromiseRow, Promise]:
    """The promise, if this person may take the step. Raises OurFault."""
    row = view.row_of(node.connection, promise)
    if row is None:
        raise OurFault("not_found")
    seen = promise_of(node, session, row)
    if not (seen.mine or seen.to_me):
        raise OurFault("not_yours")
    if not may(seen):
        raise OurFault("no_longer_possible")
    return row, seen


def _answer(
    node: Node, session: Session, row: view.PromiseRow, word: PosterWord, note: str | None = None
) -> None:
    """The poster's word: an edit of the one answer that a commitment has. A note stays."""
    commitment = node.records.version(row.thing)
    post = node.records.version(row.post)
    if commitment is None or post is None:
        raise OurFault("not_found")
    said = Post.read(post)
    body = Answer(
        commitment=row.thing,
        word=word,
        slots=row.slots,
        note=_note(row.answer_note if note is None else note),
        name=_name_for(session, commitment.scope, said.name if said is not None else ""),
        at=node.stamp(),
    ).body()
    held = view.answer_to(node.records, commitment, post)
    if held is not None and held.author == public_key(session.seed):
        say_again(node, session.seed, held, body)
    else:
        say(
            node,
            session.seed,
            "answer",
            commitment.scope,
            body,
            expires=commitment.expires,
            nonce=answer_nonce(row.thing),
            created=commitment.created,
        )


def _help(node: Node, session: Session, row: view.PromiseRow, word: HelperWord) -> None:
    """The helper's word: an edit of their commitment, or one with a later key that carries it on."""
    first = node.records.version(row.thing)
    held = view.word_of(node.records, first) if first is not None else None
    body = Commitment.read(held) if held is not None else None
    if first is None or held is None or body is None:
        raise OurFault("not_found")
    said = {**body.body(), "word": word, "at": node.stamp()}
    if held.author == public_key(session.seed):
        say_again(node, session.seed, held, said)
    else:
        said["continues"] = first.thing
        say(node, session.seed, "commitment", first.scope, said, expires=first.expires)


def agree(node: Node, session: Session, promise: bytes, note: str = "") -> None:
    """Take the help. `note` says to the other person alone how and where to meet.

    Raises OurFault("no_longer_possible") where the slots are taken meanwhile.
    """
    row, _ = _row(node, session, promise, lambda seen: seen.can_agree)
    _answer(node, session, row, "agreed", note)


def decline(node: Node, session: Session, promise: bytes) -> None:
    """Say no, thank you."""
    row, _ = _row(node, session, promise, lambda seen: seen.can_decline)
    _answer(node, session, row, "declined")


def release(node: Node, session: Session, promise: bytes) -> None:
    """Either side lets go; the post is open again, and nobody is shamed for it."""
    row, seen = _row(node, session, promise, lambda seen: seen.can_release)
    if seen.mine:
        _help(node, session, row, "withdrawn")
    else:
        _answer(node, session, row, "released")


def done(node: Node, session: Session, promise: bytes) -> None:
    """Either side says that it happened."""
    row, seen = _row(node, session, promise, lambda seen: seen.can_done)
    if seen.mine:
        _help(node, session, row, "done")
    else:
        _answer(node, session, row, "done")


def no_show(node: Node, session: Session, promise: bytes) -> None:
    """The help did not come; the post is open again."""
    row, _ = _row(node, session, promise, lambda seen: seen.can_no_show)
    _answer(node, session, row, "no_show")


def erase_note(node: Node, session: Session, promise: bytes) -> None:
    """Take one's own note out of a promise that is over. That it was made, and how it went, stays."""
    row, seen = _row(node, session, promise, lambda seen: seen.can_erase_note)
    if seen.to_me:
        commitment, post = node.records.version(row.thing), node.records.version(row.post)
        held = view.answer_to(node.records, commitment, post) if commitment is not None else None
    else:
        first = node.records.version(row.thing)
        held = view.word_of(node.records, first) if first is not None else None
    if held is None:
        raise OurFault("not_found")
    if held.author != public_key(session.seed):
        raise OurFault("no_longer_possible", "This was signed with a key that you have replaced since.")
    say_again(node, session.seed, held, {**held.body, "note": "", "at": node.stamp()})


def waiting(node: Node, session: Session) -> int:
    """How much in the inbox waits for this person. Cheap: every page shows it."""
    me = (node.home, session.account_key)
    return (
        view.count_to_answer(node.connection, *me, node.today())
        + hour_view.count_to_confirm(node.connection, *me)
        + restored.count_lost(node, session)
    )


def inbox(node: Node, session: Session) -> Inbox:
    """Everything that concerns this person, sorted by what it asks of them."""
    rows = view.of_person(node.connection, node.home, session.account_key)
    seen = [promise_of(node, session, row) for row in rows]
    to_answer = [promise for promise in seen if promise.to_me and promise.state == "proposed"]
    arranged = [
        promise
        for promise in seen
        if promise.state == "agreed" or (promise.mine and promise.state in ("proposed", "unknown"))
    ]
    going = {promise.id for promise in (*to_answer, *arranged)}
    to_confirm = [entry for entry in hours.hours(node, session).entries if entry.can_confirm]
    return Inbox(
        to_answer=to_answer,
        arranged=arranged,
        past=[promise for promise in seen if promise.id not in going],
        hours_to_confirm=to_confirm,
        waiting=waiting(node, session),
    )
