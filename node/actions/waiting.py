"""What waits under an earlier key, one record at a time, so that a coordinator knows what they decide about.

Shown is what each is, of whom, of which day, and what everybody in the neighborhood may read of it anyway.
The notes of promises, and who gave how many hours to whom, stay between the two: of those only the
neighborhood on the other side is named.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from node.actions.names import neighborhood_name, person_name
from node.store import aside
from protocol.kinds.accounts import Succession
from protocol.kinds.erasure import whose
from protocol.kinds.posts import Details
from protocol.record import Record, parse
from protocol.scopes import COALITION, PAIR, partner

if TYPE_CHECKING:
    from node.app import Node

SHOWN_MAX = 200  # of one author and kind; the page says how many there are besides


@dataclass(frozen=True, slots=True)
class Waiting:
    """One record. `created`: Unix seconds; of an erasure those of what it erases, whose kind is `erases`."""

    id: bytes
    created: int
    where: str  # here, pair or region
    title: str  # of a post
    name: str  # whom it is about: shown on it, or a member's
    other: str  # the neighborhood on the other side
    erases: str
    erased: bool  # its author has erased it: only the mark waits


def waiting(node: Node, author: bytes, kind: str) -> list[Waiting]:
    """The records of one line of `recovery.rest`, those made last first; at most SHOWN_MAX."""
    own = node.node_keys.public
    held = aside.newest_of_author(node.connection, node.home, own, author, kind, SHOWN_MAX)
    return [_shown(node, parse(message)) for message in held]


def _shown(node: Node, record: Record) -> Waiting:
    where = {COALITION: "region", PAIR: "pair"}.get(record.scope[0], "here")
    erases, about = whose(record) if record.kind == "erasure" else ("", b"")
    if record.kind == "succession" and (step := Succession.read(record)) is not None:
        about = step.new
    return Waiting(
        id=record.id,
        created=record.created,
        where=where,
        title=_title(node, record),
        name=person_name(node, node.home, about) if about else _text(record, "name"),
        other=neighborhood_name(node, partner(record.scope, node.home)) if where == "pair" else "",
        erases=erases,
        erased=record.erased,
    )


def _title(node: Node, record: Record) -> str:
    if record.kind == "details" and (details := Details.read(record)) is not None:
        about = node.records.version(details.post)
        return _text(about, "title") if about is not None else ""
    return _text(record, "title") if record.kind == "post" else ""


def _text(record: Record, field: str) -> str:
    said = record.body.get(field) if record.kind in ("post", "profile") else ""
    return said if isinstance(said, str) else ""
