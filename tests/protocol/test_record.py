"""The bytes of a record: one worked example, every refusal, every flipped bit, and the COSE beneath."""

from __future__ import annotations

import hashlib
from dataclasses import replace
from typing import Any

import cbor2
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from nacl.signing import VerifyKey

from protocol.encoding import encode
from protocol.errors import TheirFault
from protocol.judge import judge
from protocol.kinds.keys import Inception, RecoveryPolicy, recovery_hash
from protocol.kinds.posts import Post
from protocol.record import (
    RECORD_SIZE_MAX_BYTES,
    Draft,
    Record,
    assemble,
    lower_thing,
    parse,
    thing_of,
    to_be_signed,
)
from protocol.scopes import EPOCH_2020_S, KEYS_SCOPE, LOCAL_SCOPE, coalition, day_of, pair
from protocol.signing import public_key, sign, verify
from tests.protocol.helpers import NOON, TODAY, Coalition, Neighborhood, known

NODE_SEED, MEMBER_SEED, SHEET_SEED = b"\x01" * 32, b"\x02" * 32, b"\x03" * 32
CREATED = 1_798_718_400  # 2026-12-31 12:00 UTC


def worked_example() -> tuple[Record, Record]:
    """The inception and the post of docs/protocol.md."""
    policy = RecoveryPolicy(threshold=1, hashes=[recovery_hash(public_key(SHEET_SEED))])
    body = Inception(node_key=public_key(NODE_SEED), recovery=policy).body()
    inception = Draft("inception", KEYS_SCOPE, b"", b"", b"\x10" * 16, CREATED, None, body).sign([NODE_SEED])
    post = Draft(
        kind="post",
        scope=coalition(b"\xcc" * 32),
        author=public_key(MEMBER_SEED),
        home=inception.id,
        nonce=b"\x11" * 16,
        created=CREATED,
        expires=day_of(CREATED) + 31,
        body={"type": "need", "what": "help", "category": "rides", "title": "Ride to the clinic"},
    ).sign([MEMBER_SEED, NODE_SEED])
    return inception, post


def test_the_worked_example_keeps_its_bytes() -> None:
    inception, post = worked_example()
    assert inception.home == inception.author == inception.id
    assert inception.id.hex() == "7f0f8ae6e26a79306c5c0436db95ca1dbedad57edc9035255f058f9354811d44"
    assert post.id.hex() == "e7fc4e3a7e01d48e99333c35fdebf62f94da589d8a19e5ac77e9d02c3381ddcb"
    assert post.thing.hex() == "b1ddc2b42f42b1b7b3ef9f4f609c02f2a268985766f8f198eff1e8789b7c0835"
    assert (
        hashlib.sha256(post.message).hexdigest()
        == "c9a76b3f681c5137943566b450bce1fe211d2bcca576b2d185e15fe6543108df"
    )
    assert post.id == hashlib.sha256(post.payload).digest()
    assert parse(post.message) == post
    assert Post.read(post) == Post(type="need", what="help", category="rides", title="Ride to the clinic")


riverbend, oak = Neighborhood("Riverbend"), Neighborhood("Oak Street")
ana = riverbend.member("Ana")
region = Coalition("The valley", riverbend)
shared = ana.post(region.scope)
HOUSE = known(riverbend, oak, coalitions=[region])


def test_any_cose_library_can_check_a_record() -> None:
    message = cbor2.loads(shared.message)
    assert message.tag == 98
    protected, unprotected, payload, signatures = message.value
    assert (protected, unprotected) == (b"", {}) and len(signatures) == 2
    for key, (header, unsigned, signature) in zip((ana.key, riverbend.key), signatures, strict=True):
        assert cbor2.loads(header) == {1: -8} and unsigned == {}
        stated = cbor2.dumps(["Signature", protected, header, b"barnraise/1", payload])
        VerifyKey(key).verify(stated, signature)
    assert cbor2.loads(payload)[2] == "post"


def test_an_envelope_fits_in_310_bytes() -> None:
    envelope = len(shared.message) - len(encode(shared.body))
    assert envelope <= 310, envelope
    latest = ana.post(region.scope, created=EPOCH_2020_S + 2**31 - 86_400 * 40, edit=65_535)
    assert len(latest.message) - len(encode(latest.body)) <= 310


# ---- refusals


def altered(drop: tuple[int, ...] = (), **changes: Any) -> bytes:
    """The payload of Ana's local post with fields replaced (f1=..., f12=...) or dropped."""
    fields: dict[int, Any] = {
        1: 1, 2: "post", 3: [0], 4: ana.key, 5: riverbend.id, 6: b"n" * 16,
        7: NOON, 8: TODAY + 31, 9: 0, 12: {},
    }  # fmt: skip
    fields |= {int(name[1:]): value for name, value in changes.items()}
    return encode({key: value for key, value in fields.items() if key not in drop})


def signed(payload: bytes, count: int = 2) -> bytes:
    return assemble(payload, [sign(ana.seed, to_be_signed(payload))] * count)


HOME_ACT = {"f2": "node", "f3": [2, b"c" * 32], "f4": riverbend.id, "f8": TODAY + 5}
SEVEN = ["post", [0], b"a" * 32, riverbend.id, b"n" * 16, NOON, TODAY + 31]
ERASURE = {"f2": "erasure", "f4": riverbend.id, "f12": {"seven": SEVEN}}
FIELDS: dict[str, tuple[bytes, int, str]] = {
    "no map": (encode([1] * 30), 2, "bad_field"),
    "a text as version": (altered(f1="1"), 2, "bad_field"),
    "true as version": (altered(f1=True), 2, "bad_field"),
    "a later version": (altered(f1=2), 2, "unknown_version"),
    "a later version with other fields": (altered(f1=2, f13=0, drop=(12,)), 2, "unknown_version"),
    "a missing field": (altered(drop=(9,)), 2, "bad_field"),
    "a field too many": (altered(f13=0), 2, "bad_field"),
    "no kind": (altered(f2=""), 2, "bad_field"),
    "a long kind": (altered(f2="k" * 33), 2, "bad_field"),
    "a number as kind": (altered(f2=1), 2, "bad_field"),
    "a short author": (altered(f4=b"a" * 31), 2, "bad_field"),
    "an empty home": (altered(f5=b""), 2, "bad_field"),
    "a text as home": (altered(f5="h" * 32), 2, "bad_field"),
    "a short nonce": (altered(f6=b"n" * 15), 2, "bad_field"),
    "created before 2020": (altered(f7=EPOCH_2020_S - 1), 2, "bad_field"),
    "created after 2088": (altered(f7=EPOCH_2020_S + 2**31), 2, "bad_field"),
    "a text as created": (altered(f7="now"), 2, "bad_field"),
    "true as expires": (altered(f8=True), 2, "bad_field"),
    "expires beyond all days": (altered(f8=60_001), 2, "bad_field"),
    "a negative edit": (altered(f9=-1), 2, "bad_field"),
    "an edit too many": (altered(f9=65_536), 2, "bad_field"),
    "erased false": (altered(f10=False), 2, "bad_field"),
    "erased one": (altered(f10=1), 2, "bad_field"),
    "a list as body": (altered(f12=[]), 2, "bad_field"),
    "on behalf of nobody": (altered(f11=None), 2, "bad_field"),
    "on behalf of one": (altered(f11=[b"p" * 32]), 2, "bad_field"),
    "on behalf in a coalition": (altered(f3=[2, b"c" * 32], f11=[b"p" * 32, b"q" * 32]), 2, "bad_scope"),
    "a reserved scope": (altered(f3=[3]), 2, "bad_scope"),
    "no scope": (altered(f3=[]), 2, "bad_scope"),
    "a number as scope": (altered(f3=0), 2, "bad_scope"),
    "true as scope": (altered(f3=[False]), 2, "bad_scope"),
    "a local scope with an id": (altered(f3=[0, b"c" * 32]), 2, "bad_scope"),
    "a short coalition": (altered(f3=[2, b"c" * 31]), 2, "bad_scope"),
    "two coalitions": (altered(f3=[2, b"c" * 32, b"d" * 32]), 2, "bad_scope"),
    "a pair of one": (altered(f2="hours", f3=[1, riverbend.id]), 2, "bad_scope"),
    "a pair in the wrong order": (altered(f3=[1, b"\xff" * 32, b"\x00" * 32]), 2, "bad_scope"),
    "a pair with itself": (altered(f3=[1, riverbend.id, riverbend.id]), 2, "bad_scope"),
    "a pair of others": (altered(f2="commitment", f3=[1, b"\x00" * 32, b"\x01" * 32]), 2, "bad_scope"),
    "a post in a pair": (altered(f3=list(pair(riverbend.id, oak.id))), 2, "bad_scope"),
    "details in a coalition": (altered(f2="details", f3=[2, b"c" * 32]), 2, "bad_scope"),
    "hours in a coalition": (altered(f2="hours", f3=[2, b"c" * 32], f8=None), 2, "bad_scope"),
    "a post in the keys scope": (altered(f3=[2]), 2, "bad_scope"),
    "an unknown kind in the keys scope": (altered(f2="later", f3=[2]), 2, "bad_scope"),
    "a rotation in a coalition": (
        altered(f2="rotation", f3=[2, b"c" * 32], f4=riverbend.id, f8=None), 1, "bad_scope"
    ),
    "a post by the neighborhood": (altered(f4=riverbend.id), 1, "wrong_signer"),
    "a node card by a member": (altered(f2="node", f3=[2, b"c" * 32]), 2, "wrong_signer"),
    "a neighborhood on behalf of somebody": (
        altered(**ERASURE, f11=[b"p" * 32, b"q" * 32]), 1, "wrong_signer"
    ),
    "a member without their neighborhood": (altered(), 1, "wrong_signatures"),
    "three signatures": (altered(), 3, "wrong_signatures"),
    "a neighborhood twice": (altered(**HOME_ACT), 2, "wrong_signatures"),
    "an unknown kind with three": (altered(f2="later"), 3, "wrong_signatures"),
    "a post for ever": (altered(f8=None), 2, "bad_lifetime"),
    "a post that ends before it begins": (altered(f8=TODAY), 2, "bad_lifetime"),
    "a post of 92 days": (altered(f8=TODAY + 92), 2, "bad_lifetime"),
    "hours that end": (altered(f2="hours"), 2, "bad_lifetime"),
    "a parcel of 32 days": (altered(**(HOME_ACT | {"f2": "parcel", "f8": TODAY + 32})), 1, "bad_lifetime"),
    "an unknown kind of 368 days": (altered(f2="later", f8=TODAY + 368), 2, "bad_lifetime"),
    "edited hours": (altered(f2="hours", f8=None, f9=1), 2, "bad_edit"),
    "an erased confirmation": (altered(f2="confirm", f8=None, f10=True), 2, "bad_edit"),
    "an edited parcel": (altered(**(HOME_ACT | {"f2": "parcel", "f9": 1})), 1, "bad_edit"),
    "erased with words left": (altered(f10=True, f12={"title": "x"}), 2, "bad_edit"),
    "an unknown kind erased with words": (altered(f2="later", f10=True, f12={"a": 1}), 2, "bad_edit"),
    "an erasure of nothing": (altered(**(ERASURE | {"f12": {}})), 1, "bad_edit"),
    "an erasure of six fields": (altered(**(ERASURE | {"f12": {"seven": SEVEN[:6]}})), 1, "bad_edit"),
    "an erasure of another home's": (
        altered(**(ERASURE | {"f12": {"seven": [*SEVEN[:3], oak.id, *SEVEN[4:]]}})), 1, "bad_edit"
    ),
    "an erasure in another scope": (
        altered(**(ERASURE | {"f12": {"seven": ["post", [2, b"c" * 32], *SEVEN[2:]]}})), 1, "bad_edit"
    ),
    "an erasure with another end": (altered(**(ERASURE | {"f8": TODAY + 30})), 1, "bad_edit"),
    "an erasure with another beginning": (altered(**(ERASURE | {"f7": NOON + 1})), 1, "bad_edit"),
    "an erasure of an erasure": (
        altered(**(ERASURE | {"f12": {"seven": ["erasure", *SEVEN[1:]]}})), 1, "bad_edit"
    ),
    "an erasure of a ledger record": (
        altered(**(ERASURE | {"f8": None, "f12": {"seven": ["hours", *SEVEN[1:6], None]}})), 1, "bad_lifetime"
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", FIELDS)
def test_each_refusal_has_its_name(name: str) -> None:
    payload, signatures, code = FIELDS[name]
    with pytest.raises(TheirFault) as caught:
        parse(signed(payload, signatures))
    assert caught.value.code == code


def test_what_the_refused_ones_were_made_from_is_sound() -> None:
    assert parse(signed(altered())).kind == "post"
    assert parse(signed(altered(f8=TODAY + 91))).kind == "post"
    assert parse(signed(altered(f2="later", f8=None))).kind == "later", "it may be a ledger kind"
    assert parse(signed(altered(**HOME_ACT), 1)).by_home
    assert parse(signed(altered(**ERASURE), 1)).kind == "erasure"
    assert parse(signed(altered(f11=[b"p" * 32, b"q" * 32]))).on_behalf_of == (b"p" * 32, b"q" * 32)


BYTES: dict[str, tuple[Any, str]] = {
    "nothing": (lambda good: b"", "not_a_record"),
    "another tag": (lambda good: b"\xd8\x12" + good[2:], "not_a_record"),
    "no tag": (lambda good: good[2:], "not_a_record"),
    "a protected header": (lambda good: good[:3] + b"\x41\x00" + good[4:], "not_a_record"),
    "nothing behind the headers": (lambda good: good[:5], "truncated"),
    "a payload that is no bytes": (lambda good: good[:5] + b"\x78" + good[6:], "not_a_record"),
    "a length in three bytes that fits in two": (
        lambda good: good[:5] + b"\x59\x00" + good[6:], "not_deterministic"
    ),
    "a payload cut off": (lambda good: good[:100], "truncated"),
    "a signature cut off": (lambda good: good[:-1], "truncated"),
    "a byte behind": (lambda good: good + b"\x00", "trailing_bytes"),
    "no signatures": (lambda good: good[: good.rindex(b"\x82\x83")] + b"\x80", "wrong_signatures"),
    "nine signatures": (lambda good: signed(altered(), 9), "wrong_signatures"),
    "another algorithm": (lambda good: good.replace(b"\xa1\x01\x27", b"\xa1\x01\x26"), "not_a_record"),
    "too long": (lambda good: good + bytes(RECORD_SIZE_MAX_BYTES), "too_long"),
    "a payload out of order": (
        lambda good: signed(altered()[:1] + b"\x02\x64post\x01\x01" + altered()[9:]), "key_order"
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", BYTES)
def test_each_broken_message_has_its_name(name: str) -> None:
    damage, code = BYTES[name]
    good = signed(altered())
    assert len(altered()) < 256
    with pytest.raises(TheirFault) as caught:
        parse(damage(good))
    assert caught.value.code == code


def test_the_longest_record() -> None:
    room = RECORD_SIZE_MAX_BYTES - len(signed(altered(f12={"t": "x" * 1000}))) + 1000
    assert len(parse(signed(altered(f12={"t": "x" * room}))).message) == RECORD_SIZE_MAX_BYTES
    with pytest.raises(TheirFault):
        parse(signed(altered(f12={"t": "x" * (room + 1)})))


@settings(max_examples=200)
@given(st.binary(max_size=80), st.integers(0, 400))
def test_any_bytes_are_a_record_or_their_fault(noise: bytes, at: int) -> None:
    good = shared.message
    for candidate in (noise, good[:at] + noise, good[:at] + noise + good[at + len(noise) :]):
        try:
            record = parse(candidate)
        except TheirFault:
            continue
        assert record.message == candidate


@pytest.mark.parametrize("record", [shared, riverbend.inception, region.charter, ana.erase(shared)])
def test_no_flipped_bit_is_accepted(record: Record) -> None:
    assert judge(record, HOUSE).verdict == "in"
    for at in range(len(record.message)):
        for bit in range(8):
            flipped = bytearray(record.message)
            flipped[at] ^= 1 << bit
            try:
                other = parse(bytes(flipped))
            except TheirFault:
                continue
            assert judge(other, HOUSE).verdict != "in", (at, bit)


def test_a_thing_is_what_its_versions_share_and_nothing_else() -> None:
    edited = ana.again(shared, shared.body | {"title": "Ride home"})
    assert edited.thing == shared.thing and edited.id != shared.id
    seven = (
        shared.kind,
        shared.scope,
        shared.author,
        shared.home,
        shared.nonce,
        shared.created,
        shared.expires,
    )
    assert thing_of(*seven) == shared.thing
    others = ("details", LOCAL_SCOPE, oak.key, oak.id, b"o" * 16, shared.created + 1, None)
    things = {thing_of(*seven[:i], others[i], *seven[i + 1 :]) for i in range(7)}  # type: ignore[arg-type]
    assert len(things | {shared.thing}) == 8


# ---- the one verifier


def test_keys_and_signatures_of_a_wrong_size_are_refused() -> None:
    signature = sign(ana.seed, b"words")
    assert verify(ana.key, signature, b"words") and not verify(oak.key, signature, b"words")
    for key, stated in (
        (ana.key[:31], signature),
        (b"", signature),
        (ana.key, signature[:63]),
        (ana.key, b""),
    ):
        assert not verify(key, stated, b"words")


@given(st.binary(min_size=16, max_size=16), st.binary(min_size=32, max_size=32))
def test_a_lower_thing_is_that_of_the_very_draft(nonce: bytes, bar: bytes) -> None:
    draft = Draft("contest", LOCAL_SCOPE, b"\1" * 32, b"\2" * 32, nonce, 1_798_718_400, None, {})
    found = lower_thing(draft, bar, 50)
    tries = [
        replace(draft, nonce=((int.from_bytes(nonce, "big") + n) % 2**128).to_bytes(16, "big"))
        for n in range(50)
    ]
    things = [thing_of(d.kind, d.scope, d.author, d.home, d.nonce, d.created, d.expires) for d in tries]
    assert found == next((d for d, thing in zip(tries, things, strict=True) if thing < bar), None)
