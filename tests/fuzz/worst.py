"""Bytes that are made to cost a parser as much as possible for their size.

A construction gives the bytes of about a given size for one parser. What a parser costs must grow no faster
than the bytes do (tests/fuzz/test_linear.py), and 64 KiB must not hold a node up (`python -m tests.bench`).
"""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Callable
from functools import cache

from nacl.bindings import crypto_box_seal

from node.form_table import read_table
from protocol import introduction
from protocol.encoding import decode, encode, head
from protocol.errors import Fault
from protocol.invite import read_invite
from protocol.judge import judge
from protocol.kinds.parcel import prekey_public, try_open
from protocol.letter import SHORTS_MAX, Held, HeldPage, read_letter, read_page
from protocol.record import Draft, assemble, parse, to_be_signed
from protocol.scopes import LOCAL_SCOPE
from protocol.signing import sign
from sync.addresses import link_url
from sync.channel import public_key as noise_public_key
from sync.frames import read_frame
from sync.index import RangeIndex, varint
from sync.reconcile import Reconciler
from sync.sketch import CELL_BYTES, CELLS, Difference, Sketch, read_items
from tests.fuzz import samples, targets
from tests.protocol.helpers import NOON, TODAY

SIZE_BYTES = 64 * 1024
HELD = 10_000  # items that the side holds to which messages of reconciliation are sent

Parser = Callable[[bytes], None]
Construction = Callable[[int], bytes]


def _quiet(parser: Callable[[bytes], object]) -> Parser:
    def run(data: bytes) -> None:
        try:
            parser(data)
        except Fault:
            pass

    return run


@cache
def _held() -> Reconciler:
    items = RangeIndex()
    items.bulk((number * 10, samples.make_id(number)) for number in range(HELD))
    return Reconciler(items, 60_000)


def _record(data: bytes) -> None:
    judge(parse(data), targets._known())


def _introduction(data: bytes) -> None:
    noise = noise_public_key(samples.THEIR_NOISE)
    introduction.check(data, noise, TODAY, targets._current_key)


def _page(data: bytes) -> None:
    page = read_page(data)
    if isinstance(page, HeldPage):
        Held().take(None, page)


def _sketch(data: bytes) -> None:
    difference = Difference(Sketch(samples.HASH))
    difference.take(data)
    difference.read()
    difference.wanted()
    read_items(data[: len(data) // 8 * 8])


PARSERS: dict[str, Parser] = {
    "encoding": _quiet(lambda data: decode(data, SIZE_BYTES)),
    "frame": _quiet(read_frame),
    "record": _quiet(_record),
    "introduction": _quiet(_introduction),
    "reconciliation, answering": _quiet(lambda data: _held().respond(data)),
    "reconciliation, asking": _quiet(lambda data: _held().reconcile(data)),
    "sketch": _quiet(_sketch),
    "parcel": _quiet(lambda data: try_open(data, [(prekey_public(samples.PREKEY), samples.PREKEY)])),
    "letter": _quiet(read_letter),
    "page": _quiet(_page),
    "invite": _quiet(lambda data: read_invite(data.decode())),
    "table": _quiet(read_table),
    "address": _quiet(lambda data: link_url(data.decode())),
}


def _list(item: bytes) -> Construction:
    """A list of a number (so that it may be a frame) and then this item, again and again."""
    return lambda size: (
        head(4, 1 + max(size - 16, 0) // len(item)) + b"\x18\x63" + item * (max(size - 16, 0) // len(item))
    )


def _map(size: int) -> bytes:
    return encode({number: number for number in range(size // 6)})


def _same_low_bits(size: int) -> bytes:
    """Numbers whose hashes agree in their low bits."""
    return encode({number << 40: 0 for number in range(size // 10)})


VALUES: dict[str, Construction] = {
    "numbers": _list(b"\0"),
    "empty lists": _list(b"\x80"),
    "empty maps": _list(b"\xa0"),
    "maps of one": _list(b"\xa1\0\0"),
    "lists to the last depth": _list(b"\x81" * 6 + b"\x80"),
    "maps to the last depth": _list(b"\xa1\0" * 6 + b"\xa0"),
    "small texts": _list(b"\x63\xe4\xb8\xad"),
    "small byte strings": _list(b"\x42ab"),
    "fourteen bytes each": _list(b"\x8d" + b"\x80" * 13),
    "long texts of four-byte signs": lambda size: head(3, size // 4 * 4) + "🌻".encode() * (size // 4),
    "a text that breaks at its end": lambda size: head(3, size + 1) + b"x" * size + b"\xff",
    "one byte string": lambda size: head(2, size) + bytes(size),
    "a big map": _map,
    "a big map of alike numbers": _same_low_bits,
    "long keys that part at their end": lambda size: encode(
        {b"k" * 500 + number.to_bytes(2, "big"): 0 for number in range(size // 510)}
    ),
    "a huge stated list": lambda size: b"\x9b" + b"\xff" * 8 + b"\0" * size,
    "huge stated lists, nested": lambda size: (b"\x9a" + size.to_bytes(4, "big")) * 8 + b"\0" * size,
    "lists that state the rest": lambda size: (
        b"".join(head(4, (size - at) // 2) for at in range(8)) + b"\0" * size
    ),
}


def _records(value: Construction) -> Construction:
    """A signed record of a kind of the future with this in its body."""
    said = samples.world()
    ana = said.riverbend.member("Ana")

    def made(size: int) -> bytes:
        whole = value(min(size, 8_192) - 400)
        draft = Draft(
            "of the future", LOCAL_SCOPE, ana.key, said.riverbend.id, bytes(16), NOON, TODAY + 9, {}
        )
        payload = draft.payload()[:-1] + b"\xa1\x61a" + whole  # the empty map at the end is its body
        return assemble(
            payload, [sign(seed, to_be_signed(payload)) for seed in (ana.seed, said.riverbend.seed)]
        )

    return made


def _introductions(size: int) -> bytes:
    """As many rotations as fit, each signed by several sheets, with a true signature over it all."""
    hillside, rotation = samples.world().hillside, samples.world().records[1][0].message
    count = min(16, size // len(rotation))
    noise = noise_public_key(samples.THEIR_NOISE)
    return introduction.build(hillside.seed, hillside.id, hillside.key, noise, TODAY, [rotation] * count)


def _ranges(part: bytes) -> Construction:
    return lambda size: b"\x61" + part * ((size - 1) // len(part))


def _ids(size: int) -> bytes:
    count = (size - 8) // 32
    return b"\x61\0\0\2" + varint(count) + b"".join(samples.make_id(-number) for number in range(count))


MESSAGES: dict[str, Construction] = {
    "skips in one place": _ranges(b"\1\0\0"),
    "skips": _ranges(b"\2\0\0"),
    "skips with a prefix": _ranges(b"\2\1\0\0"),
    "skips to the end": _ranges(b"\0\0\0"),
    "empty lists": _ranges(b"\2\0\2\0"),
    "empty lists far apart": _ranges(b"\x14\0\2\0"),
    "skips and empty lists": _ranges(b"\2\0\0\2\0\2\0"),
    "fingerprints": _ranges(b"\x14\0\1" + bytes(16)),
    "fingerprints in one place": _ranges(b"\1\0\1" + bytes(16)),
    "long prefixes": _ranges(b"\1\x20" + b"\xff" * 32 + b"\0"),
    "unknown ids": _ids,
}


def _cells(per_cell: float, spoil: Callable[[Sketch], None] = lambda sketch: None) -> Construction:
    """The cells of a sketch with so many items for each of them."""

    def made(size: int) -> bytes:
        count = min(size // CELL_BYTES, CELLS)
        sketch = Sketch(samples.HASH)
        for number in range(int(count * per_cell)):
            sketch.insert(number, samples.make_id(number))
        spoil(sketch)
        return sketch.written(0, count)

    return made


def _one_check_less(sketch: Sketch) -> None:
    """Numbers that stay at 1 and -1 in turn, with checks that never fit."""
    cells = sketch.written(0, CELLS)
    sketch._cells = [
        int.from_bytes(cells[at : at + 8], "big") | 7 << 96 | 1 << 160
        for at in range(0, len(cells), CELL_BYTES)
    ]


def _both_signs(sketch: Sketch) -> None:
    """As many items less as there are more: every cell passes 1 and -1 again and again."""
    for number in range(CELLS // 3):
        sketch.remove(number, samples.make_id(-number - 1))


SKETCHES: dict[str, Construction] = {
    "all that can be read": _cells(0.70),
    "a little too much": _cells(1.0),
    "far too much": _cells(3.0),
    "numbers of one": _cells(1.0, _one_check_less),
    "both signs": _cells(0.33, _both_signs),
}


def _code(size: int) -> bytes:
    content = encode([["x"] * size])
    return b"BR1" + base64.b32encode(content + hashlib.sha256(content).digest()[:4]).rstrip(b"=")


def _rows(row: bytes, first: bytes = b"needs,name\n") -> Construction:
    return lambda size: first + row * ((size - len(first)) // len(row))


TABLES: dict[str, Construction] = {
    "short rows": _rows(b"a\n"),
    "rows": _rows(b"food,someone\n"),
    "rows over several lines": _rows(b'"a\nb\nc\nd",e\n'),
    "quotes that never close": _rows(b'"\n'),
    "quotes in the wrong place": _rows(b'x,"a"b\n'),
    "quotes that close far away": lambda size: b"a,b\n" + (b'"' + b"x\n" * 900 + b'"y\n') * (size // 1_805),
    "one row of many cells": _rows(b","),
    "one cell": _rows(b"x", b'needs,name\n"'),
    "the same header": lambda size: b"x," * 99 + b"x\n" + b"," * (size - 200),
    "broken accents": _rows(b"\xe4\n", b"needs\n"),
    "every other byte zero": lambda size: ("needs\n" + "a\n" * (size // 4)).encode("utf-16-le"),
}
TEXTS: dict[str, Construction] = {
    "one label": lambda size: "ü".encode() * (size // 2),
    "many labels": lambda size: "ü.".encode() * (size // 3),
    "a path that goes up": lambda size: b"h/" + b"../" * (size // 3),
    "escapes": lambda size: b"h/" + b"%41" * (size // 3),
    "brackets": lambda size: b"[" * size,
}
SEALED: dict[str, Construction] = {
    name: lambda size, value=value: crypto_box_seal(  # type: ignore[misc]
        samples._padded(b"\xa1\0" + value(min(size, 7_000))), prekey_public(samples.PREKEY)
    )
    for name, value in VALUES.items()
}


def _short_ids(size: int) -> bytes:
    """A page of a digest, as full as may be."""
    numbers = range(min(size, SHORTS_MAX * 8) // 8)
    return HeldPage(0, True, "pair", b"".join(number.to_bytes(8, "big") for number in numbers)).content()


CONSTRUCTIONS: dict[tuple[str, str], Construction] = {
    **{("encoding", name): made for name, made in VALUES.items()},
    **{("frame", name): made for name, made in VALUES.items()},
    **{("record", name): _records(made) for name, made in VALUES.items()},
    ("introduction", "rotations"): _introductions,
    **{("reconciliation, answering", name): made for name, made in MESSAGES.items()},
    **{("reconciliation, asking", name): made for name, made in MESSAGES.items()},
    **{("sketch", name): made for name, made in SKETCHES.items()},
    **{("parcel", name): made for name, made in SEALED.items()},
    **{("letter", name): made for name, made in VALUES.items()},
    **{("page", name): made for name, made in VALUES.items()},
    ("page", "short ids"): _short_ids,
    ("invite", "addresses"): _code,
    ("invite", "spaces"): lambda size: b"BR1" + b"A " * (size // 2),
    **{("table", name): made for name, made in TABLES.items()},
    **{("address", name): made for name, made in TEXTS.items()},
}
