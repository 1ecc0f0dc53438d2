"""Bytes that are not the one deterministic encoding of what they say, and some that look so but are."""

from __future__ import annotations

from collections.abc import Iterator

from protocol.record import RECORD_SIZE_MAX_BYTES, Record, parse
from tests.vectors.making.scene import Case, Scene, Vector, altered, entries, rewritten, signed, spelled

DEEP_7 = b"\xa1\x61\x61" + b"\x81" * 6 + b"\x00"  # a map and six lists: with the payload eight levels
DEEP_8 = b"\xa1\x61\x61" + b"\x81" * 7 + b"\x00"

# name, code, what is wrong, the body in which it is wrong (signed as it stands)
BODIES = [
    ("duplicate-key-in-the-body", "duplicate_key", "The body names the key \"a\" twice.", "a2 616100 616101"),
    ("key-order-in-the-body", "key_order", "The body has \"b\" before \"a\".", "a2 616200 616100"),
    (
        "key-order-shorter-first",
        "key_order",
        "The body has \"a\" before 256: shorter first, as RFC 7049 had it. The order is that of the bytes.",
        "a2 616100 19010000",
    ),
    ("key-a-list", "forbidden_type", "A key of the body is a list.", "a1 80 00"),
    ("key-true", "forbidden_type", "A key of the body is true.", "a1 f5 00"),
    ("key-null", "forbidden_type", "A key of the body is null.", "a1 f6 00"),
    ("integer-in-two-bytes-that-fits-one", "not_deterministic", "23 is written 18 17.", "a1 6161 1817"),
    ("integer-in-three-bytes-that-fits-two", "not_deterministic", "255 is written 19 00ff.", "a1 6161 1900ff"),
    (
        "integer-in-five-bytes-that-fits-three",
        "not_deterministic",
        "65,535 is written 1a 0000ffff.",
        "a1 6161 1a0000ffff",
    ),
    (
        "integer-in-nine-bytes-that-fits-five",
        "not_deterministic",
        "2^32 - 1 is written 1b 00000000ffffffff.",
        "a1 6161 1b00000000ffffffff",
    ),
    ("negative-integer-not-shortest", "not_deterministic", "-1 is written 38 00.", "a1 6161 3800"),
    ("length-of-bytes-not-shortest", "not_deterministic", "The length of a byte string is written 58 01.", "a1 6161 5801 00"),
    ("length-of-text-not-shortest", "not_deterministic", "The length of a text is written 78 01.", "a1 6161 7801 62"),
    ("length-of-list-not-shortest", "not_deterministic", "The length of a list is written 98 00.", "a1 6161 9800"),
    ("length-of-map-not-shortest", "not_deterministic", "The length of the body is written b8 01.", "b801 6161 00"),
    ("length-of-key-not-shortest", "not_deterministic", "The length of a key is written 78 01.", "a1 7801 61 00"),
    ("indefinite-map", "indefinite_length", "The body is a map of open length.", "bf 6161 00 ff"),
    ("indefinite-list", "indefinite_length", "A list has an open length.", "a1 6161 9f 00 ff"),
    ("indefinite-bytes", "indefinite_length", "A byte string has an open length.", "a1 6161 5f 4100 ff"),
    ("indefinite-text", "indefinite_length", "A text has an open length.", "a1 6161 7f 6162 ff"),
    ("break-alone", "forbidden_type", "A break code (ff) stands where a value should.", "a1 6161 ff"),
    ("tag-of-a-time", "forbidden_type", "A value has tag 1.", "a1 6161 c1 00"),
    ("tag-of-a-bignum", "forbidden_type", "An integer is written as a bignum (tag 2).", "a1 6161 c2 4101"),
    ("tag-self-described", "forbidden_type", "The body has tag 55799.", "d9d9f7 a0"),
    ("float-of-two-bytes", "forbidden_type", "A value is the half-precision float 1.0.", "a1 6161 f93c00"),
    ("float-of-four-bytes", "forbidden_type", "A value is a single-precision float.", "a1 6161 fa3f800001"),
    ("float-of-eight-bytes", "forbidden_type", "A value is a double-precision float.", "a1 6161 fb3ff199999999999a"),
    ("undefined", "forbidden_type", "A value is undefined (f7).", "a1 6161 f7"),
    ("simple-value-0", "forbidden_type", "A value is the simple value 0 (e0).", "a1 6161 e0"),
    ("simple-value-32", "forbidden_type", "A value is the simple value 32 (f8 20).", "a1 6161 f820"),
    ("simple-true-in-two-bytes", "forbidden_type", "True is written f8 15.", "a1 6161 f815"),
    ("reserved-length", "forbidden_type", "An integer has the reserved additional information 28.", "a1 6161 1c"),
    ("integer-of-open-length", "forbidden_type", "An integer has the additional information 31.", "a1 6161 1f"),
    ("text-not-utf-8", "bad_text", "A text holds the byte ff.", "a1 6161 61ff"),
    ("text-overlong", "bad_text", "A text spells a zero in two bytes (c0 80).", "a1 6161 62c080"),
    ("text-with-half-a-pair", "bad_text", "A text holds the surrogate U+D800 (ed a0 80).", "a1 6161 63eda080"),
    ("text-cut-in-a-character", "bad_text", "A text ends within a character.", "a1 6161 61c3"),
    ("key-not-utf-8", "bad_text", "A key is no UTF-8.", "a1 61ff 00"),
    ("too-deep", "too_deep", "Nine maps and lists inside one another.", DEEP_8.hex()),
    ("list-longer-than-the-bytes", "truncated", "A list states 2^32 - 1 items.", "a1 6161 9affffffff"),
    ("map-longer-than-the-bytes", "truncated", "The body states 23 pairs and has one.", "b7 6161 00"),
    ("text-longer-than-the-bytes", "truncated", "A text states 2^63 bytes.", "a1 6161 7b8000000000000000"),
    ("ends-within-a-length", "truncated", "The payload ends within the length of a text.", "a1 6161 79 00"),
    ("ends-before-a-value", "truncated", "The payload ends where a value should begin.", "a1 6161"),
]  # fmt: skip

# name, what looks odd, a body that must be taken
SOUND_BODIES = [
    ("sound-key-order-of-bytes", "256 comes before \"a\": the order is that of the encoded keys.", "a2 19010000 616100"),
    ("sound-eight-levels", "Eight maps and lists inside one another, the payload counted.", DEEP_7.hex()),
    ("sound-largest-integer", "2^64 - 1.", "a1 6161 1bffffffffffffffff"),
    ("sound-smallest-integer", "-2^64.", "a1 6161 3bffffffffffffffff"),
    ("sound-keys-of-three-types", "Keys that are integers, byte strings and texts.", "a4 00f4 20f5 4100f6 616180"),
    ("sound-text-of-any-characters", "A zero, a combining accent and a character of four bytes.", "a1 6161 68 00 65cc81 f09f9a97"),
]  # fmt: skip


def a_post(scene: Scene) -> Record:
    """A post with no more in it than it needs, so that its payload's length is one byte."""
    body = {"type": "need", "what": "help", "category": "rides", "title": "Ride to the clinic"}
    return scene.ana.say("post", scene.scope, body)


def cases() -> Iterator[Case]:
    for name, code, about, body in BODIES:
        yield f"encoding/{name}", _of_body(code, about, bytes.fromhex(body))
    for name, about, body in SOUND_BODIES:
        scene = Scene()
        post = a_post(scene)
        odd = parse(rewritten(scene, post, f12=bytes.fromhex(body)))
        yield f"encoding/{name}", scene.taken(about + " The body is no post, and travels all the same.", odd)
    for name, code, about, made in MESSAGES:
        scene = Scene()
        post = a_post(scene)
        yield f"encoding/{name}", scene.refused("encoding", code, about, made(scene, post), sound=post)
    scene = Scene()
    longest = _of_size(scene, RECORD_SIZE_MAX_BYTES)
    yield "encoding/sound-8192-bytes", scene.taken("A record of 8,192 bytes.", parse(longest))
    scene = Scene()
    too_long = _of_size(scene, RECORD_SIZE_MAX_BYTES + 1)
    yield (
        "encoding/too-long",
        scene.refused("encoding", "too_long", "A record of 8,193 bytes, sound but for that.", too_long),
    )


def _of_body(code: str, about: str, body: bytes) -> Vector:
    scene = Scene()
    post = a_post(scene)
    return scene.refused("encoding", code, about, rewritten(scene, post, f12=body), sound=post)


def _of_size(scene: Scene, size: int) -> bytes:
    """A record of exactly this size, with a body of one long text."""
    post = a_post(scene)
    room = size - len(altered(scene, post, f12={"t": "x" * 1000})) + 1000
    return altered(scene, post, f12={"t": "x" * room})


def _again(scene: Scene, payload: bytes) -> bytes:
    return signed(payload, scene.ana.seed, scene.riverbend.seed)


def _duplicate(scene: Scene, post: Record) -> bytes:
    pairs = entries(post)
    return _again(scene, spelled([*pairs[:9], pairs[8], *pairs[9:]]))


def _order(scene: Scene, post: Record) -> bytes:
    pairs = entries(post)
    return _again(scene, spelled([*pairs[:6], pairs[7], pairs[6], *pairs[8:]]))


MESSAGES = [
    ("duplicate-key", "duplicate_key", "The payload has its key 9 twice, with the same value.", _duplicate),
    ("key-order", "key_order", "The payload has its key 8 before its key 7.", _order),
    (
        "trailing-byte-in-the-payload",
        "trailing_bytes",
        "Behind the payload's map, within its byte string, stands a zero.",
        lambda scene, post: _again(scene, post.payload + b"\x00"),
    ),
    (
        "trailing-byte-behind-the-record",
        "trailing_bytes",
        "Behind the last signature stands a zero.",
        lambda scene, post: post.message + b"\x00",
    ),
    (
        "edit-not-shortest",
        "not_deterministic",
        "Edit 0 is written 18 00.",
        lambda scene, post: rewritten(scene, post, f9=b"\x18\x00"),
    ),
    (
        "created-in-nine-bytes",
        "not_deterministic",
        "The time of creation is written in nine bytes.",
        lambda scene, post: rewritten(scene, post, f7=b"\x1b" + post.created.to_bytes(8, "big")),
    ),
    (
        "payload-map-of-open-length",
        "indefinite_length",
        "The payload is a map of open length.",
        lambda scene, post: _again(scene, b"\xbf" + spelled(entries(post))[1:] + b"\xff"),
    ),
    (
        "payload-cut-off",
        "truncated",
        "The payload's byte string ends within its map; it is signed so.",
        lambda scene, post: _again(scene, post.payload[:-1]),
    ),
    (
        "payload-longer-than-the-record",
        "truncated",
        "The length of the payload points beyond the end of the record.",
        lambda scene, post: post.message[:5] + b"\x59\xff\xff" + post.message[7:],
    ),
    (
        "last-signature-cut-off",
        "truncated",
        "The last byte of the last signature is missing.",
        lambda scene, post: post.message[:-1],
    ),
    (
        "nothing-behind-the-payload",
        "truncated",
        "The record ends with its payload.",
        lambda scene, post: post.message[: 5 + 2 + len(post.payload)],
    ),
    (
        "length-of-payload-not-shortest",
        "not_deterministic",
        "The length of the payload is written 59 00 xx though it is below 256.",
        lambda scene, post: post.message[:5] + b"\x59\x00" + post.message[6:],
    ),
]
