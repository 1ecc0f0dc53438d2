"""Erasing: final at any edit number, whoever of author and home did it.

An author erases by an edit marked `erased` with an empty body. The home erases by a record of its own,
an `erasure`, that has the created and expires of what it erases and carries its seven unchanging fields,
so that anyone can compute the thing and see whose it is. Of several marks an author's comes before a home's,
then the lowest id; that one stays.

Which neighborhoods have applied an erasure is worked out from a digest in each node card: the erased things
of a coalition, sorted into 32 buckets. A bucket that equals ours names exactly what is erased there; one that
differs names nothing.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

from protocol.errors import TheirFault
from protocol.scopes import read_scope

if TYPE_CHECKING:
    from protocol.record import Record

BUCKETS = 32
BUCKET_SIZE_BYTES = 8
DIGEST_SIZE_BYTES = BUCKETS * BUCKET_SIZE_BYTES
KIND_LENGTH_MAX = 32
_DOMAIN = b"barnraise/1 erasures\x00"


def bucket_of(thing: bytes) -> int:
    """The bucket of an erased thing: its first five bits."""
    return thing[0] >> 3


def bucket_digest(things: Iterable[bytes]) -> bytes:
    """The digest of one bucket: the erased things in it, each once."""
    return hashlib.sha256(_DOMAIN + b"".join(sorted(set(things)))).digest()[:BUCKET_SIZE_BYTES]


def digest(things: Iterable[bytes]) -> bytes:
    """What a node card says of the erased things of a coalition that are not over on the card's day."""
    buckets: list[list[bytes]] = [[] for _ in range(BUCKETS)]
    for thing in things:
        buckets[bucket_of(thing)].append(thing)
    return b"".join(bucket_digest(bucket) for bucket in buckets)


def in_digest(whole: bytes, bucket: int) -> bytes:
    """What a digest says of one bucket."""
    return whole[bucket * BUCKET_SIZE_BYTES : (bucket + 1) * BUCKET_SIZE_BYTES]


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
        or not 0 < len(kind) <= KIND_LENGTH_MAX
        or type(author) is not bytes
        or len(author) != 32
        or type(nonce) is not bytes
        or len(nonce) != 16
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


def whose(mark: Record) -> tuple[str, bytes]:
    """(kind, author) of what a sound mark erases."""
    if mark.erased:
        return mark.kind, mark.author
    seven: Any = mark.body["seven"]
    return seven[0], seven[2]
