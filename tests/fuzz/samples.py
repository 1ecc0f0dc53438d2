"""Valid foreign bytes to begin from: everything true of Riverbend, Hillside and the River coalition.

A sample is what a peer may alter, and a way to wrap it: the payload of a record is altered and then signed
again, the content of a parcel altered and then sealed, so that the alteration gets past signature and box.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache

from nacl.bindings import crypto_box_seal

from protocol import introduction
from protocol.bundle import CONTENT_SIZE_BYTES_MAX, letter_key, seal_page, write_header
from protocol.encoding import encode
from protocol.kinds.nodes import NodeCard, Profile
from protocol.kinds.parcel import PADDED_SIZES_BYTES, Parcel, prekey_public
from protocol.kinds.posts import Details
from protocol.letter import HeldPage, Section
from protocol.record import Record, assemble, to_be_signed
from protocol.scopes import LOCAL_SCOPE
from protocol.signing import public_key, sign
from sync import frames
from sync.channel import Handshake
from sync.channel import public_key as noise_public_key
from sync.index import RangeIndex
from sync.reconcile import Reconciler
from sync.sketch import Sketch
from tests.protocol.bundles import letter_to, records_page
from tests.protocol.helpers import TODAY, Coalition, Neighborhood, secret

INVITE_ID, PSK = b"invitation no. 7", b"\x73" * 32
OUR_NOISE, THEIR_NOISE = b"\x03" * 32, b"\x02" * 32
OUR_EPHEMERAL, THEIR_EPHEMERAL = b"\x06" * 32, b"\x05" * 32
PREKEY = secret("Hillside", "prekey")
HASH = bytes(range(32))
HELLO = {1: [1], 2: ["sketch"], 3: TODAY, 4: TODAY - 10, 5: "Riverbend", 6: "barnraise 0.1.0", 7: [200, 8]}


@dataclass(frozen=True, slots=True)
class Sample:
    """Bytes to alter, and how they are wrapped to be sent."""

    inner: bytes
    wrap: Callable[[bytes], bytes] = bytes


def plain(*messages: bytes) -> list[Sample]:
    return [Sample(message) for message in messages]


@dataclass(frozen=True, slots=True)
class World:
    """Two neighborhoods, their coalition, and one record of every kind."""

    riverbend: Neighborhood
    hillside: Neighborhood
    river: Coalition
    records: list[tuple[Record, list[bytes]]]  # with the seeds that signed


@cache
def world() -> World:
    riverbend, hillside = Neighborhood("Riverbend", ["a", "b", "c"], 2), Neighborhood("Hillside")
    first = list(riverbend.key_records)
    rotation = riverbend.rotation(sheets=["Riverbend a", "Riverbend b"])
    riverbend.key_records.append(rotation)
    river = Coalition("River", hillside, riverbend)
    ana, bo = riverbend.member("Ana"), hillside.member("Bo")
    riverbend.key_records = first  # what follows is signed with the first key
    epoch = river.epoch(hillside, river.charter, [hillside, riverbend])
    post = bo.post(river.scope, text="Tuesday, please.", slots=3)
    offer = ana.commit(post)
    claim = ana.claim(ana, bo)
    home, member = [riverbend.seed], [ana.seed, riverbend.seed]
    theirs, theirs_member = [hillside.seed], [bo.seed, hillside.seed]
    card = NodeCard(name="Riverbend", addresses=["192.168.1.20:8420"], prekey=HASH, at=TODAY * 86_400)
    sheets = sorted((secret("sheet", f"Riverbend {name}") for name in "ab"), key=public_key)
    records = [
        (riverbend.inception, home),
        (rotation, sheets),
        (river.charter, theirs),
        (epoch, theirs),
        (river.assent(hillside, epoch), theirs),
        (river.sponsor(hillside, riverbend, river.charter), theirs),
        (river.leave(hillside, epoch), theirs),
        (hillside.say("node", river.scope, card.body()), theirs),
        (bo.say("profile", LOCAL_SCOPE, Profile(name="Bo").body()), theirs_member),
        (post, theirs_member),
        (bo.again(post, {**post.body, "status": "paused"}), theirs_member),
        (bo.erase(post), theirs_member),
        (bo.say("details", LOCAL_SCOPE, Details(post=post.thing, contact="555 0100").body()), theirs_member),
        (hillside.standing(post, "open", 3), theirs),
        (hillside.erasure(post), theirs),
        (offer, member),
        (bo.answer(offer, "agreed"), theirs_member),
        (claim, member),
        (bo.confirm(claim), theirs_member),
        (bo.dispute(claim), theirs_member),
        (hillside.succession(bo, hillside.member("Bo again"), river.scope), theirs),
        (bo.contest(bo, hillside.member("Bo again"), river.scope), [bo.seed]),
        (hillside.say("parcel", river.scope, {"sealed": b"x" * 560}), theirs),
        (bo.say("of the future", river.scope, {"a": [1, {"b": None}]}), theirs_member),
    ]
    river.records = [record for record in river.records if record.kind != "leave"]  # else nothing else is in
    return World(riverbend, hillside, river, records)


def _signed_by(seeds: list[bytes]) -> Callable[[bytes], bytes]:
    def wrap(payload: bytes) -> bytes:
        return assemble(payload, [sign(seed, to_be_signed(payload)) for seed in seeds])

    return wrap


def records() -> list[Sample]:
    """Payloads that are signed again after the alteration, and whole messages that are not."""
    said = world().records
    return [
        *(Sample(record.payload, _signed_by(seeds)) for record, seeds in said),
        *plain(*(record.message for record, _ in said)),
    ]


def values() -> list[Sample]:
    """CBOR of every shape that is used: payloads, frames, introductions."""
    return plain(
        *(record.payload for record, _ in world().records), *(sample.inner for sample in all_frames())
    )


def all_frames() -> list[Sample]:
    message = world().records[9][0].message
    said: list[tuple[int, list[object]]] = [
        (frames.HELLO, [HELLO]),
        (frames.COALITIONS, [[HASH, HASH[::-1]]]),
        (frames.COMPARE, [[2], HASH[:16]]),
        (frames.SAME, [[0, HASH]]),
        (frames.DIFFERS, [[1, HASH]]),
        (frames.RECONCILE, [[2], index().initiate()]),
        (frames.RECONCILED, [[2], b"\x61"]),
        (frames.RECORDS, [7, [message, message]]),
        (frames.TAKEN, [7]),
        (frames.HAVE, [[HASH] * 3]),
        (frames.WANT, [[HASH]]),
        (frames.ASK, ["Riverbend", "Ines here"]),
        (frames.OFFER, [message, HASH]),
        (frames.JOIN, []),
        (frames.WELCOME, [message, HASH]),
        (frames.NOT_SHARED, [[2], "not_for_us"]),
        (frames.SHARED, [[1, HASH]]),
        (frames.KEYS_WANTED, [HASH]),
        (frames.KEYS_GIVEN, [[record.message for record, _ in world().records[:2]]]),
        (frames.ASIDE_WANTED, [[1, HASH], 7]),
        (frames.ASIDE_GIVEN, [[1, HASH], [message], 7]),
        (frames.SKETCH_WANTED, [[1, HASH], 32, 64, HASH]),
        (frames.SKETCH, [[1, HASH], 0, cells()[0].inner]),
        (frames.PRUNE, [[1, HASH]]),
        (frames.GRAFT, [[HASH, HASH[::-1]]]),
        (frames.STREAM, [[1, HASH], [0, bytes(32)]]),
        (frames.STREAMED, [[1, HASH], 3, [world().records[0][0].message], [220_000_000, HASH]]),
        (frames.COMPARE_ALL, [7, [b"\1" + HASH[:20], b"\2" + HASH[:16]]]),
        (frames.COMPARED, [7, [0, 3]]),
        (99, ["of the future", {1: [None, True]}]),
    ]
    return plain(*(frames.write_frame(kind, *fields) for kind, fields in said))


def make_id(number: int) -> bytes:
    return hashlib.sha256(b"item %d" % number).digest()


@cache
def index(start: int = 0, count: int = 300) -> Reconciler:
    """A side that holds `count` items, four of one second each, from item `start` on."""
    items = RangeIndex()
    items.bulk((number // 4 * 10, make_id(number)) for number in range(start, start + count))
    return Reconciler(items, 8_192)


def messages() -> list[Sample]:
    """What two sides say that differ in 40 items of 300, both ways."""
    ours, theirs = index(), index(20)
    said = [ours.initiate()]
    message: bytes | None = said[0]
    while message is not None:
        said.append(theirs.respond(message))
        message = ours.reconcile(said[-1]).reply
        said += [message] if message is not None else []
    return plain(*said, b"\x61", b"\x60")


@cache
def sketch(start: int = 0, count: int = 300) -> Sketch:
    """The sketch of the items of `index`."""
    made = Sketch(HASH)
    for number in range(start, start + count):
        made.insert(number // 4 * 10, make_id(number))
    return made


def cells() -> list[Sample]:
    """Cells of a set that differs from ours in 40 items of 300, and in 4; too few of them and enough."""
    return plain(*(sketch(start).written(0, size) for start in (20, 2) for size in (32, 100)))


def introductions() -> list[Sample]:
    """Introductions of Hillside, signed again where the signature would no longer fit."""
    hillside = world().hillside
    noise = noise_public_key(THEIR_NOISE)

    def made(until: int, key_records: list[bytes]) -> bytes:
        return introduction.build(hillside.seed, hillside.id, hillside.key, noise, until, key_records)

    chain = [record.message for record in hillside.key_records]
    riverbend = [record.message for record, _ in world().records[:2]]
    return plain(made(TODAY + 30, chain), made(TODAY, []), made(TODAY + 60, [*chain, *riverbend]))


def greetings(step: int) -> list[Sample]:
    """Message 1 (step 0), 2 or 3 of a greeting, without and with an invitation."""
    found = []
    for invite in (None, (INVITE_ID, PSK)):
        said = introductions()[0].inner
        caller = Handshake(True, THEIR_NOISE, said, invite, ephemeral=THEIR_EPHEMERAL)
        called = Handshake(False, OUR_NOISE, b"ours", psk_of={INVITE_ID: PSK}.get, ephemeral=OUR_EPHEMERAL)
        first = caller.first()
        second = called.receive(first) or b""
        found.append((first, second, caller.receive(second) or b"")[step])
    return plain(*found)


def bundles() -> list[Sample]:
    """A letter, and pages of both sorts, sealed into a file after the alteration; and a file's header."""
    hillside, riverbend = world().hillside, world().riverbend
    section, pair = Section(HASH, secret("shared"), HASH), Section(None, secret("pair"), None)
    chain = [record.message for record in hillside.key_records]
    letter = letter_to(riverbend.id, hillside.id, [section, pair], tells_held=True, key_records=chain)
    first = letter.content(_header()[-32:], hillside.seed)
    claim = world().records[17][0].message
    shorts = b"".join(number.to_bytes(8, "big") for number in (0, 1, 2**32, 2**64 - 1))
    held = HeldPage(0, False, "coalition", shorts).content()
    return [
        Sample(first, _in_file),
        Sample(records_page(0, True, claim, claim), lambda inner: _in_file(first, (section.key, inner))),
        Sample(records_page(0, True), lambda inner: _in_file(first, (pair.key, inner))),
        Sample(held, lambda inner: _in_file(first, (section.key, inner), (section.key, inner))),
        Sample(_header()),
    ]


def _header() -> bytes:
    return write_header({world().riverbend.id: prekey_public(PREKEY)}, HASH)


def _in_file(letter: bytes, *pages: tuple[bytes, bytes]) -> bytes:
    """A file with this letter's content and these pages; what is too long for a page is cut off."""
    header = _header()
    contents = [(letter_key(HASH, world().riverbend.id), letter), *pages]
    sealed = [
        seal_page(key, header[-32:], place, content[:CONTENT_SIZE_BYTES_MAX])
        for place, (key, content) in enumerate(contents)
    ]
    return header + b"".join(sealed)


def _padded(content: bytes) -> bytes:
    padded = len(content).to_bytes(2, "big") + content
    size = next((size for size in PADDED_SIZES_BYTES if size >= len(padded)), len(padded))
    return padded.ljust(size, b"\0")


def _sealed(content: bytes) -> bytes:
    return crypto_box_seal(_padded(content), prekey_public(PREKEY))


def parcels() -> list[Sample]:
    """The content of parcels, sealed after the alteration; and what is inside the box with its padding."""
    hillside, riverbend = world().hillside.id, world().riverbend.id
    claim = world().records[17][0].message
    ranges: tuple[tuple[int | None, bytes], ...] = ((100, HASH[:16]), (None, HASH[16:]))
    said = [
        Parcel(hillside, riverbend, HASH[:16], (), ranges),
        Parcel(hillside, riverbend, HASH[:16], (claim, claim), ranges),
    ]
    contents = [
        encode(
            {
                1: one.sender,
                2: one.recipient,
                3: one.nonce,
                4: list(one.records),
                5: [list(r) for r in ranges],
            }
        )
        for one in said
    ]
    padded = [(len(c).to_bytes(2, "big") + c).ljust(4096 if len(c) > 600 else 512, b"\0") for c in contents]
    return [
        *(Sample(content, _sealed) for content in contents),
        *(Sample(whole, lambda inner: crypto_box_seal(inner, prekey_public(PREKEY))) for whole in padded),
    ]
