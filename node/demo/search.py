"""Looking for words in bytes, however they may be written there: for the demo and the test of privacy.

A word that leaks need not leak as it was typed. So it is looked for in UTF-8, Latin-1 and UTF-16, as
hexadecimal digits, percent-encoded, escaped as in JSON and HTML, in base64 at each of its three positions,
and all of these also in capitals, in lower case and without accents (as a full-text index keeps it).
"""

from __future__ import annotations

import base64
import html
import json
import re
import unicodedata
from collections.abc import Iterable
from functools import cache
from urllib.parse import quote, quote_plus

_PARTED = re.compile(rb"\n|\x00{16,}")


def plain(word: str) -> str:
    """Without accents: "Thimblerüt" -> "Thimblerut"."""
    parts = unicodedata.normalize("NFKD", word)
    return "".join(sign for sign in parts if not unicodedata.combining(sign))


def in_base64(data: bytes) -> set[bytes]:
    """What base64 makes of `data` wherever in a longer text: without the signs that its neighbors share."""
    found = set()
    for before in range(3):
        written = base64.b64encode(bytes(before) + data)
        first = (8 * before + 5) // 6  # signs that hold bits of what stands before
        last = (8 * (before + len(data))) // 6
        found.add(written[first:last])
        found.add(written[first:last].replace(b"+", b"-").replace(b"/", b"_"))
    return found


@cache
def spellings(word: str) -> tuple[frozenset[bytes], frozenset[bytes]]:
    """(spellings in which the case of ASCII letters says nothing, all in lower case; exact ones)."""
    loose: set[bytes] = set()
    exact: set[bytes] = set()
    for one in {word, word.upper(), word.lower(), word.casefold(), plain(word)}:
        utf8 = one.encode()
        loose |= {utf8, utf8.hex().encode(), one.encode("utf-16-le"), one.encode("utf-16-be")}
        loose |= {one.encode("latin-1", "ignore"), json.dumps(one)[1:-1].encode(), html.escape(one).encode()}
        loose |= {quote(one).encode(), quote_plus(one).encode(), one.encode("ascii", "xmlcharrefreplace")}
        exact |= in_base64(utf8) | in_base64(one.encode("utf-16-le"))
    return frozenset(one.lower() for one in loose), frozenset(exact)


@cache
def spellings_of_bytes(secret: bytes) -> tuple[frozenset[bytes], frozenset[bytes]]:
    """The same for bytes, a key for example: in hexadecimal, in base64."""
    return frozenset({secret.hex().encode()}), frozenset(in_base64(secret))


def distinct(text: bytes) -> bytes:
    """`text` without lines that it has already had, and without long runs of zeros: what is left to search.

    No spelling of a word holds a line break or sixteen zeros, so none is lost.
    """
    return b"\n".join(set(_PARTED.split(text)))


def found_in(words: Iterable[str | bytes], text: bytes) -> set[str | bytes]:
    """Which of the words occur in `text`."""
    once = distinct(text)
    lower = once.lower()
    found = set()
    for word in words:
        loose, exact = spellings(word) if isinstance(word, str) else spellings_of_bytes(word)
        as_it_is = isinstance(word, bytes) and word in text  # a key may hold a line break
        if as_it_is or any(one in lower for one in loose) or any(one in once for one in exact):
            found.add(word)
    return found


def search(words: list[str], texts: list[bytes]) -> tuple[int, int]:
    """(how many of the words occur, how many bytes were searched)."""
    found: set[str | bytes] = set()
    for text in texts:
        found |= found_in(words, text)
    return len(found), sum(map(len, texts))
