"""Parcels: what opens, what does not, and what comes of it."""
# fmt: off

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Sequence
from typing import Any

from nacl.bindings import crypto_box, crypto_box_seed_keypair

from protocol.encoding import decode, encode
from protocol.kinds.parcel import prekey_public
from protocol.record import Record
from tests.protocol.helpers import Neighborhood, secret
from tests.vectors.making.scene import Case, Scene, Vector

PRIVATE = secret("Riverbend's prekey")
PREKEY = prekey_public(PRIVATE)
PREKEYS = [[PREKEY.hex(), PRIVATE.hex()]]
EMPTY = hashlib.sha256(bytes(32) + b"\0").digest()[:16]


def sealed(padded: bytes, prekey: bytes = PREKEY, seed: str = "ephemeral") -> bytes:
    """An anonymous box, as crypto_box_seal makes it, with an ephemeral key that follows from `seed`."""
    public, private = crypto_box_seed_keypair(secret(seed))
    nonce = hashlib.blake2b(public + prekey, digest_size=24).digest()
    return public + crypto_box(padded, nonce, prekey, private)


def padded(content: bytes, size: int | None = None) -> bytes:
    size = size or next(size for size in (512, 1024, 2048, 4096, 7168) if size >= len(content) + 2)
    return len(content).to_bytes(2, "big") + content + bytes(size - 2 - len(content))


def content(sender: bytes, recipient: bytes, records: Sequence[bytes] = (), ranges: Sequence[Any] = ((None, EMPTY),), **more: Any) -> bytes:
    fields: dict[int, Any] = {1: sender, 2: recipient, 3: b"n" * 16, 4: list(records), 5: [list(r) for r in ranges]}
    return encode(fields | {int(key[1:]): value for key, value in more.items()})


class Post(Scene):
    """Riverbend, Oak Street and Harbor Hill share a coalition; Riverbend holds the prekey."""

    def __init__(self) -> None:
        super().__init__()
        self.region.agreed(self.tip, [self.riverbend, self.oak, self.harbor], by=[self.riverbend, self.oak])
        self.promise = self.ben.commit(self.ana.post())

    def parcel(self, by: Neighborhood, inside: bytes, **more: Any) -> Record:
        return by.say("parcel", self.scope, {"sealed": sealed(padded(inside), **more)}, days=29)

    def inside(self, *records: Record | bytes, sender: Neighborhood | None = None, recipient: Neighborhood | None = None) -> bytes:
        messages = [record if isinstance(record, bytes) else record.message for record in records]
        return content((sender or self.oak).id, (recipient or self.riverbend).id, messages)

    def come_to(self, about: str, given: Sequence[Record], opened: Sequence[Record]) -> Vector:
        return self.state(about, given, [*given, *opened]) | {"prekeys": PREKEYS}


def states() -> Iterator[Case]:
    s = Post()
    yield "parcel/opened", s.come_to("A promise of Oak Street, in a parcel to Riverbend.", [s.parcel(s.oak, s.inside(s.promise))], [s.promise])
    s = Post()
    first = s.parcel(s.oak, s.inside(s.promise))
    stolen = s.harbor.say("parcel", s.scope, {"sealed": first.body["sealed"]}, days=29)
    yield "parcel/foreign-outer-author", s.come_to("Harbor Hill sends Oak Street's sealed bytes as its own: the parcel stays unopened.", [stolen], [])
    s = Post()
    yield "parcel/foreign-sender-inside", s.come_to("Oak Street writes Harbor Hill as the sender inside.", [s.parcel(s.oak, s.inside(s.promise, sender=s.harbor))], [])
    s = Post()
    yield "parcel/another-recipient-inside", s.come_to("Sealed to Riverbend's prekey, but it names Harbor Hill as recipient.", [s.parcel(s.oak, s.inside(s.promise, recipient=s.harbor))], [])
    s = Post()
    other = prekey_public(secret("another prekey"))
    yield "parcel/for-another", s.come_to("Sealed to a prekey that the reader does not have: carried unread.", [s.parcel(s.oak, s.inside(s.promise), prekey=other)], [])
    s = Post()
    first = s.parcel(s.oak, s.inside(s.promise))
    replay = s.oak.say("parcel", s.scope, {"sealed": first.body["sealed"]}, days=29)
    yield "parcel/replayed", s.come_to("The same sealed bytes in two parcels of Oak Street: what they carry is there once.", [first, replay], [s.promise])
    s = Post()
    late = s.ben.again(s.promise, s.promise.body | {"word": "withdrawn"})
    parcels = [s.parcel(s.oak, s.inside(late), seed="one"), s.parcel(s.oak, s.inside(s.promise), seed="two")]
    yield "parcel/replayed-after-an-edit", s.come_to("A parcel with an earlier version brings nothing back.", parcels, [late])
    s = Post()
    inner = s.parcel(s.oak, s.inside(s.promise), seed="inner")
    outer = s.parcel(s.oak, s.inside(inner), seed="outer")
    yield "parcel/wrapped-twice", s.come_to("A parcel inside a parcel goes through the same door, and is opened.", [outer], [inner, s.promise])
    s = Post()
    inner = s.parcel(s.oak, s.inside(s.promise), seed="inner")
    outer = s.parcel(s.harbor, s.inside(inner, sender=s.harbor), seed="outer")
    yield "parcel/wrapped-twice-by-another", s.come_to("Harbor Hill wraps Oak Street's parcel in its own: each is opened by its own outer author.", [outer], [inner, s.promise])
    s = Post()
    broken = s.promise.message[:-1] + bytes([s.promise.message[-1] ^ 1])
    foreign = s.hana.commit(s.ben.post())
    claim = s.ben.claim(s.ana, s.ben)
    yield "parcel/one-bad-record-holds-up-nobody", s.come_to("Of four records one has a broken signature, one is of another pair, one is no record: the fourth is taken.", [s.parcel(s.oak, s.inside(broken, foreign, b"x", claim))], [claim])
    s = Post()
    post = s.hana.post(s.scope)
    yield "parcel/with-a-coalition-record", s.come_to("A record of the coalition by another home, in a parcel: it is judged like any other.", [s.parcel(s.oak, s.inside(post))], [post])
    s = Post()
    local = s.cem.post()
    yield "parcel/with-our-own-local-record", s.come_to("A local record of the reader's own home comes back: it is the home's own, signed by both.", [s.parcel(s.oak, s.inside(local))], [local])


def opened(inside: bytes) -> dict[str, Any]:
    fields = decode(inside, 8000)
    return {
        "sender": fields[1].hex(),
        "recipient": fields[2].hex(),
        "nonce": fields[3].hex(),
        "records": [record.hex() for record in fields[4]],
        "ranges": [[until, fingerprint.hex()] for until, fingerprint in fields[5]],
    }


def boxes() -> Iterator[Case]:
    def vector(about: str, box: bytes, found: dict[str, Any] | None = None, code: str | None = None) -> Vector:
        made: Vector = {"about": about, "stage": "parcel", "prekeys": PREKEYS, "sealed": box.hex()}
        return made | ({"code": code} if code else {"opened": found})

    s = Post()
    mine, theirs = s.riverbend.id, s.oak.id
    plain = s.inside(s.promise)
    yield "parcel/box", vector("One record and one open range.", sealed(padded(plain)), opened(plain))
    empty = content(theirs, mine)
    yield "parcel/box-of-nothing", vector("No records: it only says what its sender holds.", sealed(padded(empty)), opened(empty))
    several = content(theirs, mine, [], [(1000, EMPTY), (2**31 - 1, EMPTY), (None, EMPTY)])
    yield "parcel/box-with-three-ranges", vector("Three ranges, the last one open.", sealed(padded(several)), opened(several))
    largest = content(theirs, mine, [b"r" * (7166 - len(content(theirs, mine, [b"r" * 6000])) + 6000)])
    yield "parcel/box-of-the-largest-size", vector("The largest: 7,166 bytes of content. What is no record inside is refused at the door.", sealed(padded(largest)), opened(largest))
    cut = sealed(padded(plain))[:-1]
    yield "parcel/box-cut-off", vector("The last byte is missing: no prekey opens it.", cut)
    yield "parcel/box-of-46-bytes", vector("Too short to be a box.", cut[:46])
    bad = "bad_field"
    short = len(plain).to_bytes(2, "big") + plain
    fills = short + bytes(1024 - len(short)) if len(short) <= 1024 else short
    yield "parcel/padding-of-ones", vector("The padding is not of zeros.", sealed(fills[:-1] + b"\x01"), code=bad)
    yield "parcel/padded-to-600", vector("Padded to 600 bytes, which is none of the sizes.", sealed(padded(empty, 600)), code=bad)
    yield "parcel/length-beyond-the-end", vector("The length inside points beyond the end.", sealed(b"\xff\xff" + padded(empty)[2:]), code=bad)
    wrong: list[tuple[str, str, bytes]] = [
        ("not-deterministic", "The content is not deterministic: a map of open length.", b"\xbf" + empty[1:] + b"\xff"),
        ("a-list", "The content is a list.", encode([1, 2])),
        ("a-field-too-many", "The content has a field 6.", content(theirs, mine, f6=0)),
        ("a-field-missing", "The content has no ranges.", encode({1: theirs, 2: mine, 3: b"n" * 16, 4: []})),
        ("sender-of-31-bytes", "The sender has 31 bytes.", content(theirs[:31], mine)),
        ("nonce-of-15-bytes", "The nonce has 15 bytes.", content(theirs, mine, f3=b"n" * 15)),
        ("65-records", "65 records; 64 are the most.", content(theirs, mine, [b""] * 65)),
        ("17-ranges", "17 ranges; 16 are the most.", content(theirs, mine, [], [(n, EMPTY) for n in range(16)] + [(None, EMPTY)])),
        ("a-text-as-record", "A record is a text.", content(theirs, mine, f4=["record"])),
        ("a-range-of-three", "A range has three parts.", content(theirs, mine, f5=[[None, EMPTY, 0]])),
        ("a-fingerprint-of-15-bytes", "A fingerprint has 15 bytes.", content(theirs, mine, [], [(None, EMPTY[:15])])),
    ]
    for name, about, inside in wrong:
        yield f"parcel/{name}", vector(about, sealed(padded(inside)), code=bad)


def cases() -> Iterator[Case]:
    yield from states()
    yield from boxes()
