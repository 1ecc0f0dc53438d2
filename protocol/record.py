"""A record: what it says, in which bytes, and who signed them.

A record is a COSE_Sign message (RFC 9052, section 4.1, tag 98) whose headers are fixed byte strings, so
nothing outside the payload and the signatures can vary:

    98([ h'', {}, payload, [ [h'a10127', {}, signature], ... ] ])

Each signature is over ["Signature", h'', h'a10127', 'barnraise/1', payload] (RFC 9052, section 4.4).
The payload is a map with the small integer keys of `Field`.

`id` is SHA-256 of the payload bytes: this version. `thing` is SHA-256 over a domain string and the seven
fields that never change: what all versions of one post share. It is computed and never stated, so nobody
can write a version of somebody else's thing.

`parse` looks at the bytes alone: encoding, sizes, fields, and that the number of signatures fits the
author. It verifies no signature; that is `judge`'s work, because the neighborhood's key needs the roster.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from enum import IntEnum
from typing import Any

from protocol.encoding import Value, decode, encode, head
from protocol.errors import TheirFault
from protocol.kinds.erasure import KIND_LENGTH_MAX
from protocol.kinds.table import check_envelope
from protocol.scopes import (
    COALITION,
    CREATED_MAX_S,
    DAY_MAX,
    EPOCH_2020_S,
    Scope,
    read_scope,
    scope_bytes,
)
from protocol.signing import SIGNATURE_SIZE_BYTES, sign, verify

RECORD_SIZE_MAX_BYTES = 8192
SIGNATURES_MAX = 8
VERSION = 1
AAD = b"barnraise/1"
EDIT_MAX = 65_535


class Field(IntEnum):
    """Keys of the payload map."""

    version = 1
    kind = 2
    scope = 3
    author = 4
    home = 5
    nonce = 6
    created = 7
    expires = 8
    edit = 9
    erased = 10
    on_behalf_of = 11
    body = 12


_PREFIX = bytes.fromhex("d8628440a0")
_SIGNATURE_PREFIX = bytes.fromhex("8343a10127a05840")
_SIGNED_PREFIX = b"\x85\x69Signature\x40\x43\xa1\x01\x27" + encode(AAD)
_THING_DOMAIN = b"barnraise/1 thing\x00"
_SEVEN = _THING_DOMAIN + head(4, 7)  # how a list of seven begins
_ALWAYS = frozenset({1, 2, 3, 4, 5, 6, 7, 8, 9, 12})


@dataclass(frozen=True, slots=True)
class Record:
    """One version of one thing, with the exact bytes it came in. `home_key` is filled by the judge."""

    message: bytes = field(repr=False)
    payload: bytes = field(repr=False)
    signatures: tuple[bytes, ...] = field(repr=False)
    id: bytes
    thing: bytes
    kind: str
    scope: Scope
    author: bytes
    home: bytes
    nonce: bytes
    created: int
    expires: int | None
    edit: int
    erased: bool
    on_behalf_of: tuple[bytes, bytes] | None
    body: dict[Any, Value]
    home_key: bytes = b""

    @property
    def by_home(self) -> bool:
        """Whether this is the neighborhood's own act, not a member's word."""
        return self.author == self.home

    def with_home_key(self, key: bytes) -> Record:
        """The same record, with the key of its neighborhood filled in."""
        return Record(
            self.message,
            self.payload,
            self.signatures,
            self.id,
            self.thing,
            self.kind,
            self.scope,
            self.author,
            self.home,
            self.nonce,
            self.created,
            self.expires,
            self.edit,
            self.erased,
            self.on_behalf_of,
            self.body,
            key,
        )


@dataclass(frozen=True, slots=True)
class Draft:
    """What is to be said, before anybody has signed it."""

    kind: str
    scope: Scope
    author: bytes
    home: bytes
    nonce: bytes
    created: int
    expires: int | None
    body: dict[Any, Value]
    edit: int = 0
    erased: bool = False
    on_behalf_of: tuple[bytes, bytes] | None = None

    def payload(self) -> bytes:
        """The payload bytes."""
        fields: dict[int, Value] = {
            Field.version: VERSION,
            Field.kind: self.kind,
            Field.scope: list(self.scope),
            Field.author: self.author,
            Field.home: self.home,
            Field.nonce: self.nonce,
            Field.created: self.created,
            Field.expires: self.expires,
            Field.edit: self.edit,
            Field.body: self.body,
        }
        if self.erased:
            fields[Field.erased] = True
        if self.on_behalf_of is not None:
            fields[Field.on_behalf_of] = list(self.on_behalf_of)
        return encode({int(key): value for key, value in fields.items()})

    def sign(self, seeds: Sequence[bytes]) -> Record:
        """The record signed by `seeds` in order: the member, then the neighborhood."""
        payload = self.payload()
        return parse(assemble(payload, [sign(seed, to_be_signed(payload)) for seed in seeds]))


def to_be_signed(payload: bytes) -> bytes:
    """The Sig_structure (RFC 9052, section 4.4) of a record's payload."""
    return _SIGNED_PREFIX + head(2, len(payload)) + payload


def assemble(payload: bytes, signatures: Sequence[bytes]) -> bytes:
    """The message made of a payload and its signatures."""
    signed = b"".join([_SIGNATURE_PREFIX + signature for signature in signatures])
    return _PREFIX + head(2, len(payload)) + payload + head(4, len(signatures)) + signed


def thing_of(
    kind: str,
    scope: Scope,
    author: bytes,
    home: bytes,
    nonce: bytes,
    created: int,
    expires: int | None,
) -> bytes:
    """SHA-256 over the seven fields that no edit changes."""
    seven = _SEVEN + encode(kind) + scope_bytes(scope)
    seven += b"".join([encode(value) for value in (author, home, nonce, created, expires)])
    return hashlib.sha256(seven).digest()


def lower_thing(draft: Draft, bar: bytes, tries: int) -> Draft | None:
    """`draft` with the first nonce, counted on from its own, whose thing is lower than `bar`; None if no
    one of so many `tries` is. For a place in a quota, where the lowest things are in."""
    known = _SEVEN + encode(draft.kind) + scope_bytes(draft.scope) + encode(draft.author) + encode(draft.home)
    before = hashlib.sha256(known + head(2, 16))
    after = encode(draft.created) + encode(draft.expires)
    first = int.from_bytes(draft.nonce, "big")
    for number in range(first, first + tries):
        nonce = (number % (1 << 128)).to_bytes(16, "big")
        tried = before.copy()
        tried.update(nonce + after)
        if tried.digest() < bar:
            return replace(draft, nonce=nonce)
    return None


def signed_by(record: Record, index: int, key: bytes) -> bool:
    """Whether signature number `index` is by `key`."""
    return verify(key, record.signatures[index], to_be_signed(record.payload))


def _split(message: bytes) -> tuple[bytes, tuple[bytes, ...]]:
    """Payload and signatures of a message whose every other byte is fixed."""
    if len(message) > RECORD_SIZE_MAX_BYTES:
        raise TheirFault("too_long")
    if not message.startswith(_PREFIX):
        raise TheirFault("not_a_record")
    at = len(_PREFIX)
    lead = message[at : at + 3]
    if len(lead) < 3:
        raise TheirFault("truncated")
    if lead[0] == 0x59:
        size, at = int.from_bytes(lead[1:3], "big"), at + 3
    elif lead[0] == 0x58:
        size, at = lead[1], at + 2
    else:
        raise TheirFault("not_a_record")
    if size < (0x100 if lead[0] == 0x59 else 24):
        raise TheirFault("not_deterministic")
    payload = message[at : at + size]
    at += size
    if at >= len(message):
        raise TheirFault("truncated")
    count = message[at] - 0x80
    at += 1
    if not 1 <= count <= SIGNATURES_MAX:
        raise TheirFault("wrong_signatures")
    step = len(_SIGNATURE_PREFIX) + SIGNATURE_SIZE_BYTES
    signatures = []
    for _ in range(count):
        before = message[at : at + len(_SIGNATURE_PREFIX)]
        if not _SIGNATURE_PREFIX.startswith(before):
            raise TheirFault("not_a_record")
        if len(message) < at + step:
            raise TheirFault("truncated")
        signatures.append(message[at + len(_SIGNATURE_PREFIX) : at + step])
        at += step
    if at != len(message):
        raise TheirFault("trailing_bytes")
    return payload, tuple(signatures)


def _bytes32(value: Value) -> bool:
    return type(value) is bytes and len(value) == 32


def parse(message: bytes) -> Record:
    """The record in `message`, judged by its bytes alone. Raises TheirFault; no signature is verified."""
    payload, signatures = _split(message)
    fields = decode(payload, RECORD_SIZE_MAX_BYTES)
    if type(fields) is not dict or type(fields.get(1)) is not int:
        raise TheirFault("bad_field")
    if fields[1] != VERSION:  # before the other fields, which a later version may have changed
        raise TheirFault("unknown_version")
    if not fields.keys() >= _ALWAYS or not fields.keys() <= _ALWAYS | {10, 11}:
        raise TheirFault("bad_field")
    kind, nonce, created, expires, edit, body = (fields[key] for key in (2, 6, 7, 8, 9, 12))
    author, home = fields[4], fields[5]
    founding = kind == "inception"
    if (
        type(kind) is not str
        or not 0 < len(kind) <= KIND_LENGTH_MAX
        or type(nonce) is not bytes
        or len(nonce) != 16
        or type(created) is not int
        or not EPOCH_2020_S <= created <= CREATED_MAX_S
        or (expires is not None and (type(expires) is not int or not 0 <= expires <= DAY_MAX))
        or type(edit) is not int
        or not 0 <= edit <= EDIT_MAX
        or type(body) is not dict
        or (10 in fields and fields[10] is not True)
        or not (author == home == b"" if founding else _bytes32(author) and _bytes32(home))
    ):
        raise TheirFault("bad_field")
    scope = read_scope(fields[3])
    behalf = fields.get(11)
    if behalf is not None or 11 in fields:
        if type(behalf) is not list or len(behalf) != 2 or not all(_bytes32(item) for item in behalf):
            raise TheirFault("bad_field")
        if scope[0] == COALITION:
            raise TheirFault("bad_scope")
    record_id = hashlib.sha256(payload).digest()
    record = Record(
        message=message,
        payload=payload,
        signatures=signatures,
        id=record_id,
        thing=thing_of(kind, scope, author, home, nonce, created, expires),
        kind=kind,
        scope=scope,
        author=author or record_id,
        home=home or record_id,
        nonce=nonce,
        created=created,
        expires=expires,
        edit=edit,
        erased=10 in fields,
        on_behalf_of=(behalf[0], behalf[1]) if behalf else None,
        body=body,
    )
    check_envelope(record)
    return record
