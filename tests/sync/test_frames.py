"""Frames: what is written is read again, and nothing that breaks a bound is."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from protocol.encoding import encode
from protocol.errors import TheirFault
from protocol.introduction import KEY_RECORDS_MAX
from sync import frames
from sync.frames import (
    COALITIONS_MAX,
    FRAME_SIZE_MAX_BYTES,
    IDS_MAX,
    RECORDS_MAX,
    TEXT_MAX,
    read_frame,
    read_set,
    set_on_wire,
    write_frame,
)

HASH = bytes(range(32))
HELLO: dict[int, Any] = {1: [1], 2: ["sketch"], 3: 20_500, 4: 0, 5: "Oak", 6: "barnraise 0.1"}

SOUND: list[tuple[int, list[Any]]] = [
    (frames.HELLO, [HELLO]),
    (frames.HELLO, [HELLO | {7: [200, 8], 70: "something new"}]),
    (frames.COALITIONS, [[]]),
    (frames.COALITIONS, [[HASH] * COALITIONS_MAX]),
    (frames.COMPARE, [[1, HASH], bytes(16)]),
    (frames.SAME, [[2]]),
    (frames.DIFFERS, [[0, HASH]]),
    (frames.RECONCILE, [[2], b""]),
    (frames.RECONCILED, [[2], b"\x61"]),
    (frames.RECORDS, [1, [b"any bytes"] * RECORDS_MAX]),
    (frames.TAKEN, [2**63 - 1]),
    (frames.HAVE, [[HASH] * IDS_MAX]),
    (frames.WANT, [[]]),
    (frames.ASK, ["Oak", "x" * TEXT_MAX]),
    (frames.OFFER, [b"charter", HASH]),
    (frames.JOIN, []),
    (frames.WELCOME, [b"charter", HASH]),
    (frames.NOT_SHARED, [[2], "not_for_us"]),
    (frames.SHARED, [[2]]),
    (frames.KEYS_WANTED, [HASH]),
    (frames.KEYS_GIVEN, [[]]),
    (frames.KEYS_GIVEN, [[bytes(2048)] * KEY_RECORDS_MAX]),
    (frames.ASIDE_WANTED, [[1, HASH], 0]),
    (frames.ASIDE_GIVEN, [[2], [b"any bytes"] * RECORDS_MAX, 2**63 - 1]),
    (99, ["a type of the future", {1: 2}]),
]


@pytest.mark.parametrize(("kind", "fields"), SOUND)
def test_what_is_written_is_read(kind: int, fields: list[Any]) -> None:
    assert read_frame(write_frame(kind, *fields)) == (kind, fields)


def test_every_type_has_a_sound_example() -> None:
    assert {kind for kind, _ in SOUND} >= set(range(frames.ASIDE_GIVEN + 1))


REFUSED: list[tuple[str, int, list[Any]]] = [
    ("too few fields", frames.COMPARE, [[2]]),
    ("too many fields", frames.JOIN, [1]),
    ("no hello", frames.HELLO, []),
    ("a hello that is a list", frames.HELLO, [[1]]),
    ("a hello without a day", frames.HELLO, [{key: HELLO[key] for key in (1, 2, 4, 5, 6)}]),
    ("text keys in hello", frames.HELLO, [HELLO | {"x": 1}]),
    ("versions that are texts", frames.HELLO, [HELLO | {1: ["1"]}]),
    ("versions that are true", frames.HELLO, [HELLO | {1: [True]}]),
    ("a negative day", frames.HELLO, [HELLO | {3: -1}]),
    ("a day beyond any clock", frames.HELLO, [HELLO | {3: 2**63}]),
    ("a floor that is true", frames.HELLO, [HELLO | {4: True}]),
    ("a name too long", frames.HELLO, [HELLO | {5: "x" * (TEXT_MAX + 1)}]),
    ("a blind too short", frames.COALITIONS, [[bytes(31)]]),
    ("too many coalitions", frames.COALITIONS, [[HASH] * (COALITIONS_MAX + 1)]),
    ("a fingerprint too long", frames.COMPARE, [[2], bytes(17)]),
    ("a set that is a number", frames.SAME, [2]),
    ("a set of nothing", frames.SAME, [[]]),
    ("a set of three", frames.SAME, [[1, HASH, HASH]]),
    ("a reconciliation in text", frames.RECONCILE, [[2], "61"]),
    ("too many records", frames.RECORDS, [1, [b""] * (RECORDS_MAX + 1)]),
    ("a record in text", frames.RECORDS, [1, ["record"]]),
    ("a negative number", frames.TAKEN, [-1]),
    ("a number that is true", frames.TAKEN, [True]),
    ("too many ids", frames.WANT, [[HASH] * (IDS_MAX + 1)]),
    ("an id too long", frames.HAVE, [[bytes(33)]]),
    ("ids in a map", frames.HAVE, [{1: HASH}]),
    ("a message too long", frames.ASK, ["Oak", "x" * (TEXT_MAX + 1)]),
    ("an epoch too short", frames.OFFER, [b"charter", bytes(31)]),
    ("a recovery key too short", frames.KEYS_WANTED, [bytes(31)]),
    ("too many key records", frames.KEYS_GIVEN, [[b""] * (KEY_RECORDS_MAX + 1)]),
    ("key records too long together", frames.KEYS_GIVEN, [[bytes(2049)] * KEY_RECORDS_MAX]),
    ("to go on before the beginning", frames.ASIDE_WANTED, [[2], -1]),
    ("too many records kept aside", frames.ASIDE_GIVEN, [[2], [b""] * (RECORDS_MAX + 1), 0]),
    ("a charter in text", frames.WELCOME, ["charter", HASH]),
]


@pytest.mark.parametrize(
    ("kind", "fields"), [case[1:] for case in REFUSED], ids=[case[0] for case in REFUSED]
)
def test_what_breaks_a_bound_is_refused(kind: int, fields: list[Any]) -> None:
    with pytest.raises(TheirFault, match="bad_frame"):
        read_frame(write_frame(kind, *fields))


@pytest.mark.parametrize("value", [[], {}, "hello", 0, None, ["hello"], [-1], [True], [None, 1], [2**63]])
def test_what_is_no_frame_is_refused(value: Any) -> None:
    with pytest.raises(TheirFault, match="bad_frame"):
        read_frame(encode(value))


def test_the_size_is_checked_before_anything_is_read() -> None:
    assert read_frame(write_frame(99, bytes(FRAME_SIZE_MAX_BYTES - 6)))[0] == 99
    with pytest.raises(TheirFault, match="frame_too_long"):
        read_frame(b"\xff" * (FRAME_SIZE_MAX_BYTES + 1))


@given(
    st.one_of(st.binary(max_size=200), st.sampled_from(SOUND).map(lambda s: write_frame(s[0], *s[1])[:-1]))
)
def test_any_bytes_are_a_frame_or_their_fault(data: bytes) -> None:
    try:
        kind, fields = read_frame(data)
    except TheirFault:
        return
    assert kind >= 0 and type(fields) is list


@pytest.mark.parametrize("key", [("roster", HASH), ("coalition", HASH), ("pair", HASH)])
def test_sets_on_the_wire(key: Any) -> None:
    assert read_set(set_on_wire(key), HASH) == key


def test_a_pair_set_is_always_that_with_the_other_side() -> None:
    assert set_on_wire(("pair", HASH)) == [2], "no third neighborhood can be named"
    for value in (
        [2, HASH],
        [3, HASH],
        [0],
        [1],
        [1, b"short"],
        ["pair", HASH],
        [True, HASH],
        [-1, HASH],
        None,
    ):
        with pytest.raises(TheirFault, match="bad_frame"):
            read_set(value, HASH)
