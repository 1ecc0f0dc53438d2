"""Altering valid bytes: far more of a parser is reached so than by bytes drawn at random.

An alteration is a number for what is done, one for where and one for what with, so that hypothesis can
shrink it and a coverage-guided fuzzer can steer it. Half of them know where the items of CBOR begin and end:
they put another item in the place of one, so that everything around it stays sound.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

from protocol.encoding import encode

Alteration = tuple[int, int, int]  # what is done, where, with what

HASH = bytes(range(32))
NUMBERS = (0, 1, 23, 24, 255, 256, 65_535, 65_536, 2**31, 2**32, 2**53, 2**63 - 1, 2**63, 2**64 - 1)
DEEP = encode([[[[[[[[]]]]]]]])
ITEMS: tuple[bytes, ...] = (
    *(encode(number) for number in NUMBERS),
    *(encode(-1 - number) for number in NUMBERS),
    *(encode(bytes(size)) for size in (0, 1, 15, 16, 17, 31, 33, 64, 300)),
    encode(HASH),
    *(
        encode(text)
        for text in ("", "a", "post", "inception", "x" * 33, "x" * 121, "\0", "\u202e", "\U0001f33b" * 60)
    ),
    *(encode(value) for value in (None, True, False, [], {}, [0], [2], [1, HASH, HASH], [2, HASH], {0: {}})),
    *(
        encode(value)
        for value in ([HASH] * 9, {"threshold": 1, "hashes": [HASH]}, [[None, HASH[:16]]], {"a": []})
    ),
    *(encode([number] * 20) for number in (0, -1)),
    DEEP,
    *map(
        bytes.fromhex,
        ("81" * 9, "1817", "190001", "1b0000000000000001", "5800", "9f00ff", "bf0000ff", "5fff"),
    ),
    *map(
        bytes.fromhex,
        ("f97e00", "fb7ff8000000000000", "c000", "d81c00", "f7", "f0", "f820", "ff", "1c", "3fff"),
    ),
    *map(bytes.fromhex, ("9bffffffffffffffff", "bbffffffffffffffff", "5bffffffffffffffff", "7affffffff")),
    *map(
        bytes.fromhex,
        ("62c328", "63eda080", "64f4908080", "a200010001", "a201000000", "a18000", "a1f500", "a1f600"),
    ),
)
SIGNS: tuple[bytes, ...] = (
    *(
        b"\0",
        b"\xff",
        b"\x80",
        b"\x7f",
        b"\n",
        b"\r",
        b'"',
        b'""',
        b",",
        b";",
        b"\t",
        b"=",
        b" ",
        b":",
        b"://",
        b"[",
    ),
    *(
        b"]",
        b"%",
        b"@",
        b"#",
        b"?",
        b"/",
        b".",
        b"..",
        b"\xef\xbb\xbf",
        b"\xff\xfe",
        b"\xc3\xa4",
        b"\xf0\x9f\x8c\xbb",
    ),
    *(
        b"\xed\xa0\x80",
        b"BR1",
        b"AAAAAAAA",
        b"xn--",
        b"::1",
        b"http",
        b"https://",
        b"65536",
        b"99999999999",
        b"-1",
    ),
    *(
        "ß".encode(),
        "\u0130".encode(),
        "\u2028".encode(),
        "\u212a".encode(),
        "\uff10".encode(),
        b"sep=;\n",
        b"\r\n" * 9,
    ),
)


def spans(data: bytes) -> list[tuple[int, int]]:
    """Begin and end of every item of sound CBOR, outer before inner; as far as it is sound."""
    found: list[tuple[int, int]] = []

    def item(at: int) -> int:
        start, lead = at, data[at]
        at, argument, major = at + 1, lead & 31, lead >> 5
        if 24 <= argument < 28:
            width = 1 << (argument - 24)
            argument, at = int.from_bytes(data[at : at + width], "big"), at + width
        place = len(found)
        found.append((start, at))
        if major in (2, 3):
            at += argument
        elif major in (4, 5):
            for _ in range(argument * (major - 3)):
                at = item(at)
        elif major == 6:
            at = item(at)
        found[place] = (start, at)
        return at

    try:
        item(0)
    except (IndexError, RecursionError):
        pass
    return [(start, end) for start, end in found if end <= len(data)]


def _replace_item(data: bytes, where: int, what: int) -> bytes:
    places = spans(data)
    if not places:
        return data
    start, end = places[where % len(places)]
    return data[:start] + ITEMS[what % len(ITEMS)] + data[end:]


def _swap_items(data: bytes, where: int, what: int) -> bytes:
    """One item in the place of another."""
    places = spans(data)
    if not places:
        return data
    (start, end), (other, other_end) = places[where % len(places)], places[what % len(places)]
    return data[:start] + data[other:other_end] + data[end:]


def _set_byte(data: bytes, where: int, what: int) -> bytes:
    at = where % (len(data) + 1)
    return data[:at] + bytes((what & 0xFF,)) + data[at + 1 :]


def _flip_bit(data: bytes, where: int, what: int) -> bytes:
    at = where % (len(data) + 1)
    return data[:at] + bytes(byte ^ (1 << (what & 7)) for byte in data[at : at + 1]) + data[at + 1 :]


def _insert(data: bytes, where: int, what: int) -> bytes:
    at = where % (len(data) + 1)
    return data[:at] + SIGNS[what % len(SIGNS)] + data[at:]


def _cut_out(data: bytes, where: int, what: int) -> bytes:
    at = where % (len(data) + 1)
    return data[:at] + data[at + 1 + what % 40 :]


def _cut_off(data: bytes, where: int, what: int) -> bytes:
    return data[: where % (len(data) + 1)]


def _repeat(data: bytes, where: int, what: int) -> bytes:
    at = where % (len(data) + 1)
    return data[:at] + data[at : at + 1 + what % 40] * 2 + data[at + 1 + what % 40 :]


def _number(data: bytes, where: int, what: int) -> bytes:
    """A big number over eight bytes, as a length or a count might stand there."""
    at = where % (len(data) + 1)
    return data[:at] + NUMBERS[what % len(NUMBERS)].to_bytes(8, "big") + data[at + 8 :]


DONE: tuple[Callable[[bytes, int, int], bytes], ...] = (
    _replace_item,
    _flip_bit,
    _swap_items,
    _set_byte,
    _insert,
    _replace_item,
    _cut_out,
    _cut_off,
    _repeat,
    _number,
)


def alter(data: bytes, alterations: Sequence[Alteration]) -> bytes:
    """`data` after all alterations, one after the other."""
    for done, where, what in alterations:
        data = DONE[done % len(DONE)](data, where, what)
    return data
