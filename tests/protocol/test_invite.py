"""Riverbend writes an invitation for Oak Street on a slip of paper."""

from __future__ import annotations

import base64
import hashlib
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from protocol.encoding import encode
from protocol.errors import OurFault
from protocol.invite import ADDRESS_LENGTH_MAX, ADDRESSES_MAX, CODE_LENGTH_MAX, Invite, psk_of, read_invite

ids = st.binary(min_size=32, max_size=32)
short = st.binary(min_size=16, max_size=16)
addresses = st.lists(st.text(min_size=1, max_size=40), min_size=1, max_size=ADDRESSES_MAX).map(tuple)
INVITE = Invite(("192.168.1.20:8420",), b"h" * 32, b"c" * 32, b"e" * 32, b"i" * 16, b"s" * 16)


def code_of(content: bytes, check: bytes | None = None) -> str:
    tail = hashlib.sha256(content).digest()[:4] if check is None else check
    return "BR1" + base64.b32encode(content + tail).decode().rstrip("=")


def refused(code: str) -> bool:
    with pytest.raises(OurFault) as caught:
        read_invite(code)
    return caught.value.code == "bad_code"


@settings(max_examples=80)
@given(st.builds(Invite, addresses, ids, ids, ids, short, short))
def test_a_code_is_read_back(invite: Invite) -> None:
    code = invite.code()
    assert read_invite(code) == invite and code.isalnum() and code == code.upper()


@settings(max_examples=40)
@given(st.data())
def test_a_code_may_be_typed_with_spaces_and_small_letters(data: st.DataObject) -> None:
    code = INVITE.code()
    at = data.draw(st.integers(0, len(code)))
    assert read_invite(f"  {code[:at].lower()} \n{code[at:]}\t") == INVITE


@settings(max_examples=200)
@given(st.text(max_size=60) | st.text(max_size=60).map("BR1".__add__) | st.binary(max_size=60).map(code_of))
def test_any_text_is_an_invitation_or_our_fault(text: str) -> None:
    try:
        assert read_invite(read_invite(text).code())
    except OurFault as fault:
        assert fault.code == "bad_code"


def test_a_mistyped_letter_is_found() -> None:
    code = INVITE.code()
    for at in range(len(code) - 1):  # the last one carries bits that nothing uses
        other = "A" if code[at] != "A" else "B"
        assert refused(code[:at] + other + code[at + 1 :]), at
    assert refused(code[:-8]) and refused(code[3:]) and refused("")


FIELDS: list[Any] = [["a:1"], b"h" * 32, b"c" * 32, b"e" * 32, b"i" * 16, b"s" * 16]


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"\xff",
        encode(7),
        encode(FIELDS[:5]),
        encode([*FIELDS, 0]),
        encode([[], *FIELDS[1:]]),
        encode([["a"] * (ADDRESSES_MAX + 1), *FIELDS[1:]]),
        encode([[""], *FIELDS[1:]]),
        encode([["a" * (ADDRESS_LENGTH_MAX + 1)], *FIELDS[1:]]),
        encode([[b"a"], *FIELDS[1:]]),
        encode(["a", *FIELDS[1:]]),
        *(encode([*FIELDS[:i], FIELDS[i][1:], *FIELDS[i + 1 :]]) for i in range(1, 6)),
        *(encode([*FIELDS[:i], "x" * 32, *FIELDS[i + 1 :]]) for i in range(1, 6)),
    ],
)
def test_a_sound_check_over_an_unsound_content_is_refused(content: bytes) -> None:
    assert read_invite(code_of(encode(FIELDS))).home == b"h" * 32
    assert refused(code_of(content))


def test_the_longest_code() -> None:
    longest = Invite(("a" * ADDRESS_LENGTH_MAX,) * ADDRESSES_MAX, *FIELDS[1:])
    assert read_invite(longest.code()) == longest
    assert refused("BR1" + "A" * CODE_LENGTH_MAX)


def test_the_handshake_key_is_not_the_secret() -> None:
    assert INVITE.psk == psk_of(INVITE.secret) and len(INVITE.psk) == 32
    assert INVITE.secret not in INVITE.psk and psk_of(b"t" * 16) != INVITE.psk
