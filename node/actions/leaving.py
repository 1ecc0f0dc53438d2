"""Leaving the neighborhood and erasing everything that is one's own.

Everything happens in one transaction, signed while the key is still there: promises that are going are let
go of first, so that the other side sees it; then words are erased; then the key. Hours stay, as numbers for
a key that nobody can name, or other people's books would no longer be right.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from node import keys
from node.actions.acting import say_again
from node.actions.erasure import erase_record
from node.actions.members import Session, coordinator
from node.store import erasures, imports, reissues
from node.store import people as store
from node.views import hours as hour_view
from node.views import promises as promise_view
from protocol.errors import OurFault
from protocol.kinds.promises import Commitment
from protocol.record import Record
from protocol.signing import public_key

if TYPE_CHECKING:
    from node.app import Node

KINDS = ("commitment", "answer", "details", "post", "profile")  # in the order in which they go


@dataclass(frozen=True, slots=True)
class Belongings:
    """What goes when somebody leaves, and what stays: counts."""

    posts: int
    shared: int
    promises: int
    going: int
    claims: int


def belongings(node: Node, key: bytes) -> Belongings:
    """What one member has said here that is still held."""
    said = _said(node, key)
    posts = [record for record in said if record.kind == "post"]
    rows = promise_view.of_person(node.connection, node.home, key)
    return Belongings(
        posts=len(posts),
        shared=sum(record.scope[0] != 0 for record in posts),
        promises=sum(record.kind in ("commitment", "answer") for record in said),
        going=sum(row.state in ("proposed", "agreed") for row in rows),
        claims=len(hour_view.of_account(node.connection, node.home, key)),
    )


def _said(node: Node, account: bytes) -> list[Record]:
    """Everything that all keys of an account said here."""
    keys_of_account = node.records.accounts.keys((node.home, account))
    return erasures.said_by(node.connection, node.home, keys_of_account, KINDS)


async def leave(node: Node, session: Session, passphrase: str) -> None:
    """Erase everything that this member said, and their key. Raises OurFault.

    wrong_passphrase, too_many_tries; not_yours where the key is contested; no_longer_possible for the last
    coordinator.
    """
    if session.contested:
        raise OurFault("not_yours")
    _somebody_else_coordinates(node, session.account_key)
    row = store.member_of(node.connection, session.account_key)
    tried = (f"name {session.name.casefold()}", "leaving")
    node.tries.check(tried[:1], node.now())
    try:
        seed = await keys.open_seed(keys.SealedSeed(row.salt, row.sealed_seed), passphrase)
    except OurFault:
        node.tries.failed(tried[:1], node.now())
        raise
    erase_everything(node, session.account_key, seed)


def remove(node: Node, session: Session, key: bytes) -> None:
    """Erase everything of a member whose key nobody can open any more, in the neighborhood's name.

    Raises OurFault: not_allowed, not_found, no_longer_possible for oneself and the last coordinator.
    """
    coordinator(session)
    if not store.member_name(node.connection, key):
        raise OurFault("not_found")
    if key == session.account_key:
        raise OurFault("no_longer_possible")
    erase_everything(node, key, None, done_by=session.account_key)


def _somebody_else_coordinates(node: Node, key: bytes) -> None:
    coordinates = store.member_of(node.connection, key).role == "coordinator"
    if coordinates and store.count_role(node.connection, "coordinator") == 1:
        raise OurFault("no_longer_possible", "There must be a coordinator. Make somebody else one first.")


def erase_everything(node: Node, key: bytes, seed: bytes | None, done_by: bytes | None = None) -> None:
    """All words of a member, by their own marks where their seed is open, and every trace of them here."""
    with node.records.transaction():
        _somebody_else_coordinates(node, key)
        said = _said(node, key)
        for record in said:
            if seed is None or not _let_go(node, seed, record):
                erase_record(node, seed, record)
                erasures.set_done_by(node.connection, record.thing, done_by or key)
        imports.forget(node.connection, [record.thing for record in said])
        reissues.forget(node.connection, key)
        store.remove_member(node.connection, key)
    for token in [token for token, session in node.sessions.items() if session.account_key == key]:
        del node.sessions[token]


def _let_go(node: Node, seed: bytes, record: Record) -> bool:
    """Let go of help that somebody counts on, or keep that it was given: without words either way.

    A mark would take the whole promise away from the other side: what was arranged would vanish without a
    word, and a need that was met would be open again.
    """
    own = record.kind == "commitment" and record.author == public_key(seed)
    row = promise_view.row_of(node.connection, record.thing) if own else None
    body = Commitment.read(record) if row is not None else None
    if row is None or body is None or row.state not in ("proposed", "agreed", "done"):
        return False
    if record.expires is not None and record.expires <= node.today():
        return False
    word = body.word if row.state == "done" else "withdrawn"
    wordless: dict[str, Any] = {**body.body(), "word": word, "note": "", "name": "", "at": node.stamp()}
    say_again(node, seed, record, wordless)
    return True
