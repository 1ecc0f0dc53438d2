"""Erasing: final at any edit number, whoever of author and home did it.

An author erases by an edit marked `erased` with an empty body. The home erases by a record of its own,
an `erasure`, that has the created and expires of what it erases and carries its seven unchanging fields,
so that anyone can compute the thing and see whose it is. Of several marks the lowest id stays.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from protocol.errors import TheirFault
from protocol.scopes import read_scope

if TYPE_CHECKING:
    from protocol.record import Record


def erased_thing(record: Record) -> bytes | None:
    """The thing that this record is an erasure mark for, or None where it is none.

    Raises TheirFault("bad_edit") for an `erasure` that does not say, or may not say, what it erases.
    """
    if record.erased:
        return record.thing
    if record.kind != "erasure":
        return None
    from protocol.record import thing_of

    seven: Any = record.body.get("seven")
    if type(seven) is not list or len(seven) != 7:
        raise TheirFault("bad_edit")
    kind, scope_stated, author, home, nonce, created, expires = seven
    scope = read_scope(scope_stated)
    if (
        type(kind) is not str
        or type(author) is not bytes
        or type(nonce) is not bytes
        or home != record.home
        or scope != record.scope
        or created != record.created
        or expires != record.expires
        or kind == "erasure"
    ):
        raise TheirFault("bad_edit")
    return thing_of(kind, scope, author, home, nonce, created, expires)


def erasure_body(record: Record) -> dict[str, Any]:
    """The body of a home's erasure of `record`'s thing."""
    return {
        "seven": [
            record.kind,
            list(record.scope),
            record.author,
            record.home,
            record.nonce,
            record.created,
            record.expires,
        ]
    }
