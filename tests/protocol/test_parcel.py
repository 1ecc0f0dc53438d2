"""Riverbend seals a parcel for Oak Street; Harbor Hill carries it and learns nothing."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from nacl.public import PrivateKey, SealedBox

from protocol.encoding import encode
from protocol.errors import TheirFault
from protocol.kinds.parcel import (
    PADDED_SIZES_BYTES,
    RANGES_MAX,
    RECORDS_MAX,
    Parcel,
    content_size_bytes,
    prekey_public,
    seal,
    try_open,
)
from protocol.record import RECORD_SIZE_MAX_BYTES
from tests.protocol.helpers import Coalition, Neighborhood, secret

riverbend, oak = Neighborhood("Riverbend"), Neighborhood("Oak Street")
PRIVATE = secret("Oak Street", "prekey")
PUBLIC = prekey_public(PRIVATE)
OLD = secret("Oak Street", "prekey of last month")
HARBOR = secret("Harbor Hill", "prekey")
SEED = secret("chance")
OVERHEAD = 48


def parcel(*records: bytes, ranges: Any = ((100, b"f" * 16), (None, b"g" * 16))) -> Parcel:
    return Parcel(riverbend.id, oak.id, b"n" * 16, records, tuple(ranges))


def pairs(*private: bytes) -> list[tuple[bytes, bytes]]:
    return [(prekey_public(key), key) for key in private]


def test_only_the_recipient_opens_it() -> None:
    sent = parcel(riverbend.member("Ana").commit(oak.member("Ben").post()).message)
    sealed = seal(sent, PUBLIC, SEED)
    assert try_open(sealed, pairs(PRIVATE)) == sent
    assert try_open(sealed, pairs(OLD, HARBOR, PRIVATE)) == sent
    assert try_open(sealed, pairs(HARBOR)) is None and try_open(sealed, []) is None
    assert oak.id not in sealed and riverbend.id not in sealed and PUBLIC not in sealed


def test_the_last_prekey_still_opens() -> None:
    sealed = seal(parcel(), prekey_public(OLD), SEED)
    assert try_open(sealed, pairs(PRIVATE, OLD)) == parcel()
    assert try_open(sealed, pairs(PRIVATE)) is None, "once it is deleted, nobody can"


def test_it_is_libsodiums_sealed_box() -> None:
    opened = SealedBox(PrivateKey(PRIVATE)).decrypt(seal(parcel(), PUBLIC, SEED))
    assert len(opened) == 512 and opened[:2] == len(opened[2:].rstrip(b"\0")).to_bytes(2, "big")
    assert seal(parcel(), PUBLIC, SEED) == seal(parcel(), PUBLIC, SEED)
    assert seal(parcel(), PUBLIC, SEED)[:32] != seal(parcel(), PUBLIC, secret("other"))[:32]


@settings(max_examples=60)
@given(st.integers(0, 7600), st.integers(0, RANGES_MAX))
def test_sizes_say_little(size: int, ranges: int) -> None:
    sent = parcel(bytes(size), ranges=[(2**31, b"f" * 16)] * ranges)
    bound = content_size_bytes(sent.records, ranges)
    if bound > PADDED_SIZES_BYTES[-1] - 2:
        if bound > PADDED_SIZES_BYTES[-1] + 60:
            with pytest.raises(ValueError):
                seal(sent, PUBLIC, SEED)
        return
    sealed = seal(sent, PUBLIC, SEED)
    assert len(sealed) - OVERHEAD in PADDED_SIZES_BYTES
    assert try_open(sealed, pairs(PRIVATE)) == sent


def test_the_largest_parcel_fits_in_a_record() -> None:
    sealed = seal(parcel(bytes(7000), ranges=[]), PUBLIC, SEED)
    assert len(sealed) == 7168 + OVERHEAD
    region = Coalition("The valley", riverbend)
    record = riverbend.say("parcel", region.scope, {"sealed": sealed}, days=30)
    assert len(record.message) < RECORD_SIZE_MAX_BYTES


@settings(max_examples=60)
@given(st.integers(0, 511 + OVERHEAD), st.integers(1, 255))
def test_a_tampered_parcel_does_not_open(at: int, change: int) -> None:
    sealed = bytearray(seal(parcel(), PUBLIC, SEED))
    sealed[at] ^= change
    assert try_open(bytes(sealed), pairs(PRIVATE)) is None


@pytest.mark.parametrize("sealed", [b"", b"x", bytes(31), bytes(47), bytes(48), bytes(560)])
def test_noise_does_not_open(sealed: bytes) -> None:
    assert try_open(sealed, pairs(PRIVATE)) is None


@pytest.mark.parametrize("prekey", [bytes(32), b"\x01" + bytes(31)])
def test_a_prekey_that_is_no_key_is_the_callers_to_handle(prekey: bytes) -> None:
    with pytest.raises(ValueError):
        seal(parcel(), prekey, SEED)


CONTENT: dict[Any, Any] = {1: riverbend.id, 2: oak.id, 3: b"n" * 16, 4: [], 5: []}


def padded(content: bytes, size: int = 512) -> bytes:
    return (len(content).to_bytes(2, "big") + content).ljust(size, b"\0")


BAD = {
    "of no known size": padded(encode(CONTENT), 600),
    "a length beyond the end": b"\xff\xff" + bytes(510),
    "something in the padding": padded(encode(CONTENT))[:-1] + b"\x01",
    "no CBOR": padded(b"\xff"),
    "empty": bytes(512),
    "no map": padded(encode([1])),
    "a key too few": padded(encode({key: CONTENT[key] for key in (1, 2, 3, 4)})),
    "a key too many": padded(encode(CONTENT | {6: 0})),
    "a short sender": padded(encode(CONTENT | {1: b"s"})),
    "a text as recipient": padded(encode(CONTENT | {2: "o" * 32})),
    "a short nonce": padded(encode(CONTENT | {3: b"n"})),
    "records that are no list": padded(encode(CONTENT | {4: b""})),
    "records that are no bytes": padded(encode(CONTENT | {4: ["a"]})),
    "too many records": padded(encode(CONTENT | {4: [b""] * (RECORDS_MAX + 1)})),
    "ranges that are no list": padded(encode(CONTENT | {5: {}})),
    "too many ranges": padded(encode(CONTENT | {5: [[None, b"f" * 16]] * (RANGES_MAX + 1)}), 1024),
    "a range of three": padded(encode(CONTENT | {5: [[1, b"f" * 16, 0]]})),
    "a range until a text": padded(encode(CONTENT | {5: [["x", b"f" * 16]]})),
    "a short fingerprint": padded(encode(CONTENT | {5: [[1, b"f"]]})),
}


@pytest.mark.parametrize("name", BAD)
def test_what_opens_but_is_no_parcel_is_their_fault(name: str) -> None:
    sealed = SealedBox(PrivateKey(PRIVATE).public_key).encrypt(BAD[name])
    with pytest.raises(TheirFault) as caught:
        try_open(sealed, pairs(PRIVATE))
    assert caught.value.code == "bad_field"


def test_who_sent_it_is_for_the_caller_to_compare() -> None:
    """Inside stands who sealed it; that this is the outer record's author only its reader can see."""
    region = Coalition("The valley", riverbend)
    sealed = seal(parcel(), PUBLIC, SEED)
    stolen = oak.say("parcel", region.scope, {"sealed": sealed})
    opened = try_open(stolen.body["sealed"], pairs(PRIVATE))
    assert opened is not None and opened.sender == riverbend.id != stolen.author
