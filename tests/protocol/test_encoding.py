"""One encoding of every value, and nothing else gets in. The second opinion is cbor2."""

from __future__ import annotations

import math
from typing import Any

import cbor2
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from protocol.encoding import DEPTH_MAX, INT_MAX, INT_MIN, decode, encode
from protocol.errors import TheirFault

SIZE_MAX = 100_000

keys = st.integers(INT_MIN, INT_MAX) | st.binary(max_size=40) | st.text(max_size=40)
scalars = keys | st.booleans() | st.none()
values = st.recursive(
    scalars,
    lambda inner: st.lists(inner, max_size=6) | st.dictionaries(keys, inner, max_size=6),
    max_leaves=20,
)


def depth(value: Any) -> int:
    if isinstance(value, dict):
        return 1 + max(map(depth, value.values()), default=0)
    return 1 + max(map(depth, value), default=0) if isinstance(value, list) else 0


def same(one: Any, other: Any) -> bool:
    """Equal in value and type: True is not 1 here."""
    if type(one) is not type(other):
        return False
    if isinstance(one, list):
        return len(one) == len(other) and all(map(same, one, other))
    if isinstance(one, dict):
        pairs = list(zip(sorted(one.items(), key=repr), sorted(other.items(), key=repr), strict=False))
        return len(one) == len(other) and all(same(a, c) and same(b, d) for (a, b), (c, d) in pairs)
    return bool(one == other)


@settings(max_examples=150)
@given(values.filter(lambda value: depth(value) <= DEPTH_MAX))
def test_what_is_encoded_is_read_back_and_cbor2_agrees(value: Any) -> None:
    data = encode(value)
    assert same(decode(data, SIZE_MAX), value)
    assert same(cbor2.loads(data), value)
    # cbor2's canonical form sorts by length first (RFC 7049), ours by bytes (RFC 8949): compare without maps
    if "{" not in repr(value):
        assert cbor2.dumps(value, canonical=True) == data


@settings(max_examples=300)
@given(st.binary(max_size=60) | values.map(cbor2.dumps))
def test_any_bytes_are_read_or_refused_and_what_is_read_has_one_spelling(data: bytes) -> None:
    try:
        value = decode(data, SIZE_MAX)
    except TheirFault:
        return
    assert encode(value) == data


@settings(max_examples=100)
@given(values.filter(lambda value: depth(value) <= DEPTH_MAX), st.data())
def test_a_changed_byte_is_refused_or_says_something_else(value: Any, data: st.DataObject) -> None:
    good = encode(value)
    at = data.draw(st.integers(0, len(good) - 1))
    changed = good[:at] + bytes([good[at] ^ data.draw(st.integers(1, 255))]) + good[at + 1 :]
    try:
        assert not same(decode(changed, SIZE_MAX), value)
    except TheirFault:
        pass


REFUSED = {
    "a tag": ("c100", "forbidden_type"),
    "a tag of two bytes": ("d86200", "forbidden_type"),
    "a regular expression, which cbor2 would build": ("d8236161", "forbidden_type"),
    "half a float": ("f93c00", "forbidden_type"),
    "a float": ("fa3f800000", "forbidden_type"),
    "a double": ("fb3ff0000000000000", "forbidden_type"),
    "not a number": ("f97e00", "forbidden_type"),
    "undefined": ("f7", "forbidden_type"),
    "a simple value": ("e0", "forbidden_type"),
    "a simple value in two bytes": ("f8ff", "forbidden_type"),
    "true spelled in two bytes": ("f815", "forbidden_type"),
    "a break alone": ("ff", "forbidden_type"),
    "a reserved length": ("1c", "forbidden_type"),
    "a list as a key": ("a18000", "forbidden_type"),
    "true as a key": ("a1f500", "forbidden_type"),
    "open bytes": ("5f4100ff", "indefinite_length"),
    "an open text": ("7f6161ff", "indefinite_length"),
    "an open list": ("9f00ff", "indefinite_length"),
    "an open map": ("bf0000ff", "indefinite_length"),
    "23 in two bytes": ("1817", "not_deterministic"),
    "255 in three bytes": ("1900ff", "not_deterministic"),
    "65535 in five bytes": ("1a0000ffff", "not_deterministic"),
    "2**32 - 1 in nine bytes": ("1b00000000ffffffff", "not_deterministic"),
    "-1 in two bytes": ("3800", "not_deterministic"),
    "a length in two bytes": ("580100", "not_deterministic"),
    "a list's length in two bytes": ("980100", "not_deterministic"),
    "the same key twice": ("a201000100", "duplicate_key"),
    "keys the wrong way round": ("a202000100", "key_order"),
    "a text key before a number": ("a26161000100", "key_order"),
    "a longer key first": ("a218180017ff", "key_order"),
    "one byte too many": ("0000", "trailing_bytes"),
    "two items": ("f6f6", "trailing_bytes"),
    "nothing": ("", "truncated"),
    "a number cut off": ("19ff", "truncated"),
    "bytes cut off": ("4201", "truncated"),
    "a text cut off": ("6261", "truncated"),
    "a list cut off": ("820", "truncated"),
    "a list longer than memory": ("9bffffffffffffffff", "truncated"),
    "bytes longer than memory": ("5bffffffffffffffff", "truncated"),
    "a map longer than memory": ("bbffffffffffffffff", "truncated"),
    "a map without its last value": ("a100", "truncated"),
    "bad UTF-8": ("62c328", "bad_text"),
    "a surrogate in UTF-8": ("63eda080", "bad_text"),
    "an overlong letter": ("62c081", "bad_text"),
    "nine lists": ("81" * 8 + "80", "too_deep"),
    "nine maps": ("a100" * 8 + "a0", "too_deep"),
    "a thousand lists": ("81" * 1000, "too_deep"),
}


@pytest.mark.parametrize("name", REFUSED)
def test_each_refusal_has_its_name(name: str) -> None:
    data, code = REFUSED[name]
    with pytest.raises(TheirFault) as caught:
        decode(bytes.fromhex(data + "0" * (len(data) % 2)), SIZE_MAX)
    assert caught.value.code == code


def test_the_size_is_checked_before_anything_else() -> None:
    assert decode(encode(b"x" * 10), 11) == b"x" * 10
    with pytest.raises(TheirFault) as caught:
        decode(b"\xff" * 12, 11)
    assert caught.value.code == "too_long"


def test_the_deepest_value_allowed() -> None:
    value: Any = 7
    for _ in range(DEPTH_MAX):
        value = [value]
    assert decode(encode(value), SIZE_MAX) == value
    for deeper in ([value], [[value]], {"a": value}):
        with pytest.raises(ValueError):
            encode(deeper)
    empty: Any = []
    for _ in range(DEPTH_MAX):
        empty = [empty]
    with pytest.raises(ValueError):  # what encodes must decode, so nine lists around nothing are too many
        encode(empty)


@pytest.mark.parametrize(
    "value", [1.5, math.nan, object(), {1.0: 1}, {True: 1}, {None: 1}, {(): 1}, [{1, 2}], bytearray(b"x")]
)
def test_what_has_no_encoding_is_the_callers_mistake(value: Any) -> None:
    with pytest.raises(TypeError):
        encode(value)


@pytest.mark.parametrize("value", [INT_MAX + 1, INT_MIN - 1, "\ud800"])
def test_values_outside_the_range_are_the_callers_mistake(value: Any) -> None:
    with pytest.raises(ValueError):
        encode(value)


@pytest.mark.parametrize(
    ("value", "data"),
    # RFC 8949, appendix A
    [
        (0, "00"), (23, "17"), (24, "1818"), (1000, "1903e8"), (1000000, "1a000f4240"),
        (18446744073709551615, "1bffffffffffffffff"), (-1, "20"),
        (-18446744073709551616, "3bffffffffffffffff"),
        (False, "f4"), (True, "f5"), (None, "f6"), (b"", "40"), (bytes.fromhex("01020304"), "4401020304"),
        ("IETF", "6449455446"), ("\u6c34", "63e6b0b4"), ("\U00010151", "64f0908591"), ([], "80"),
        ([1, [2, 3], [4, 5]], "8301820203820405"), ({}, "a0"), ({1: 2, 3: 4}, "a201020304"),
        ({"a": 1, "b": [2, 3]}, "a26161016162820203"),
    ],
)  # fmt: skip
def test_examples_of_the_rfc(value: Any, data: str) -> None:
    assert encode(value).hex() == data
    assert same(decode(bytes.fromhex(data), SIZE_MAX), value)
