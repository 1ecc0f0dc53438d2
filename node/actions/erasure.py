"""Erasing what was said, for good.

A member erases their own words by a mark that they sign. A coordinator erases a member's words in the
neighborhood's name. Either way the words go wherever the mark comes.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from node.actions.acting import put, say
from node.actions.members import Session
from node.actions.names import speaks_for
from node.store import erasures
from node.views import promises as promise_view
from protocol.errors import OurFault
from protocol.kinds.erasure import erasure_body
from protocol.kinds.posts import Post
from protocol.record import EDIT_MAX, Draft, Record
from protocol.signing import public_key

if TYPE_CHECKING:
    from node.app import Node

RUNS_MAX = 50  # earlier runs of a renewed post that go with it


def erase_record(node: Node, seed: bytes | None, record: Record) -> None:
    """Put a mark in the place of a record of ours: its author's where the seed is theirs, else the home's."""
    if record.expires is not None and record.expires <= node.today():
        node.records.drop_expired(record)
        return
    if seed is None or public_key(seed) != record.author:
        say(
            node,
            None,
            "erasure",
            record.scope,
            erasure_body(record),
            expires=record.expires,
            created=record.created,
        )
        return
    mark = Draft(
        kind=record.kind,
        scope=record.scope,
        author=record.author,
        home=record.home,
        nonce=record.nonce,
        created=record.created,
        expires=record.expires,
        body={},
        edit=min(record.edit + 1, EDIT_MAX),
        erased=True,
    )
    put(node, mark.sign([seed, node.node_keys.seed]))


def erasable(node: Node, session: Session, thing: bytes) -> Record:
    """The post, where this person may erase it. Raises OurFault: not_found, not_yours."""
    record = node.records.version(thing)
    if record is None or record.kind != "post" or record.erased:
        raise OurFault("not_found")
    own = speaks_for(node, record.author) == session.account_key
    if record.home != node.home or not (own or session.role == "coordinator"):
        raise OurFault("not_yours")
    return record


def erase_post(node: Node, session: Session, thing: bytes) -> None:
    """Erase a post for good, with its private details, its earlier runs, and what its author replied there.

    What others said stays theirs: they may erase it themselves. A coordinator does it in the neighborhood's
    name, and the author is told who did. Raises OurFault: not_found, not_yours.
    """
    record = erasable(node, session, thing)
    own = speaks_for(node, record.author) == session.account_key
    with node.records.transaction():
        for run in [record, *_earlier_runs(node, record)]:
            for part in [*_said_with(node, run), run]:
                erase_record(node, session.seed if own else None, part)
                erasures.set_done_by(node.connection, part.thing, session.account_key)


def _earlier_runs(node: Node, record: Record) -> Iterator[Record]:
    """The posts that this one renewed or carried into the region: the same words, still held."""
    body = Post.read(record)
    for _ in range(RUNS_MAX):
        if body is None or body.renews is None:
            return
        earlier = node.records.version(body.renews)
        wanted = ("post", record.home, speaks_for(node, record.author))
        if earlier is None or (earlier.kind, earlier.home, speaks_for(node, earlier.author)) != wanted:
            return
        body = Post.read(earlier)
        if earlier.erased or body is None:
            return
        if body.status == "withdrawn":
            yield earlier


def _said_with(node: Node, post: Record) -> Iterator[Record]:
    """What the author of a post said about it elsewhere: its private details, and replies to who answered."""
    for details in node.records.about(post.thing, "details"):
        if details.home == node.home and not details.erased:
            yield details
    for commitment in node.records.about(post.thing, "commitment"):
        reply = promise_view.answer_to(node.records, commitment, post)
        if reply is not None and not reply.erased:
            yield reply
