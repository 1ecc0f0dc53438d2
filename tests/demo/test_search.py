"""A marked word is found however it is written, and nothing else is."""

from __future__ import annotations

import base64
import html
import json
import urllib.parse

import pytest

from node.demo.search import distinct, found_in, search

WORD = "Thimblerüt17x"
WRITTEN = {
    "as it is": WORD.encode(),
    "capitals": WORD.upper().encode(),
    "lower case": WORD.lower().encode(),
    "without accents": b"thimblerut17x",
    "Latin-1": WORD.encode("latin-1"),
    "UTF-16": WORD.encode("utf-16"),
    "UTF-16, the other way": WORD.encode("utf-16-be"),
    "hexadecimal": WORD.encode().hex().encode(),
    "hexadecimal in capitals": WORD.encode().hex().upper().encode(),
    "percent-encoded": urllib.parse.quote(f"a {WORD}").encode(),
    "as a form sends it": urllib.parse.urlencode({"name": WORD}).encode(),
    "JSON": json.dumps({"name": WORD}).encode(),
    "HTML": html.escape(f"<{WORD}>").encode(),
    "HTML by number": WORD.encode("ascii", "xmlcharrefreplace"),
    "repr": repr(WORD).encode(),
}


@pytest.mark.parametrize("how", WRITTEN)
def test_a_word_is_found_however_it_is_written(how: str) -> None:
    text = b"before\n" + WRITTEN[how] + b" after" + bytes(40)
    assert found_in({WORD, "Copperfinch18x"}, text) == {WORD}


@pytest.mark.parametrize("before", range(4))
@pytest.mark.parametrize("encode", [base64.b64encode, base64.urlsafe_b64encode])
def test_a_word_within_base64_is_found(before: int, encode: object) -> None:
    for inside in (WORD.encode(), WORD.encode("utf-16-le"), b"Thimblerut17x"):
        written = encode(b"x" * before + inside + b"yz")  # type: ignore[operator]
        assert found_in({WORD}, written) == {WORD}


@pytest.mark.parametrize("before", range(4))
def test_a_key_is_found_as_bytes_hexadecimal_and_base64(before: int) -> None:
    key = bytes(range(7, 39))
    for written in (
        key,
        key.hex().encode(),
        key.hex().upper().encode(),
        base64.b64encode(b"z" * before + key),
    ):
        assert found_in({key, bytes(32)[1:] + b"x"}, written + b" after") == {key}


def test_what_is_not_there_is_not_found() -> None:
    assert found_in({WORD}, b"Thimbler\xc3\xbct18x thimblerut1 7x") == set()
    assert search([WORD, "Copperfinch18x"], [b"no", b"copperFINCH18X"]) == (1, 16)


def test_repeated_lines_are_searched_once_and_none_is_lost() -> None:
    text = b"one\ntwo\none\n" + bytes(50) + b"three" + bytes(3) + b"four\ntwo"
    assert sorted(distinct(text).split(b"\n")) == [b"", b"one", b"three\x00\x00\x00four", b"two"]
