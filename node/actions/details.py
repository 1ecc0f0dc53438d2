"""What only a post's own neighborhood may know of it: contact, address, household, notes. Always local."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from node.actions.acting import say, say_again
from node.actions.members import Session
from protocol.errors import OurFault
from protocol.kinds.posts import Details as DetailsBody
from protocol.record import Record
from protocol.scopes import LOCAL_SCOPE
from protocol.signing import public_key

if TYPE_CHECKING:
    from node.actions.drafts import PostDraft
    from node.app import Node


@dataclass(frozen=True, slots=True)
class Details:
    """What only the poster and the coordinators may read."""

    contact: str
    address: str
    household: str
    notes: str
    name: str = ""


def write(node: Node, session: Session, post: Record, draft: PostDraft) -> None:
    """Keep the private part of a draft beside its post. Raises OurFault("bad_input")."""
    fields = {"contact": 500, "address": 500, "household": 500, "notes": 2000}
    values = {name: getattr(draft, name).strip() for name in fields}
    for name, size in fields.items():
        if len(values[name]) > size:
            raise OurFault("bad_input", f"What you write under “{name}” can have up to {size:,} characters.")
    held = record_of(node, post.thing)
    if held is None and not any(values.values()) and not draft.private_name:
        return
    body = DetailsBody(post=post.thing, **values, name=draft.private_name[:80], at=node.stamp()).body()
    if held is not None and held.author == public_key(session.seed):
        say_again(node, session.seed, held, body)
    else:
        say(node, session.seed, "details", LOCAL_SCOPE, body, expires=post.expires)


def record_of(node: Node, thing: bytes) -> Record | None:
    """The private details of a post, where they are held."""
    found = [record for record in node.records.about(thing, "details") if record.home == node.home]
    depth = node.records.accounts.depth
    return min(found, key=lambda record: (-depth(record.home, record.author), record.thing), default=None)


def read(node: Node, thing: bytes) -> Details | None:
    """The private details of a post. Who may see them is the caller's to decide."""
    record = record_of(node, thing)
    body = DetailsBody.read(record) if record is not None else None
    if body is None:
        return None
    return Details(body.contact, body.address, body.household, body.notes, body.name)
