"""Sketches: items, their cells, whole differences, and cells that say nothing or too much."""
# fmt: off

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator

from sync.sketch import Sketch, cells_of, item_of, seed_and_check, sketch_key
from tests.vectors.making.scene import Case, Vector

SECRET = b"\x01" * 32
Item = tuple[int, bytes]


def item(number: int) -> Item:
    return number * 60, hashlib.sha256(b"item %d" % number).digest()


def some(*numbers: int) -> list[Item]:
    return [item(number) for number in numbers]


def sketch_of(items: Iterable[Item]) -> Sketch:
    made = Sketch(sketch_key(SECRET))
    for timestamp, item_id in items:
        made.insert(timestamp, item_id)
    return made


def short(one: Item) -> str:
    return (one[0] % 2**32).to_bytes(4, "big").hex() + one[1][:4].hex()


def case(about: str, ours: list[Item], theirs: list[Item], cells: int, *, even: bool = True, sent: bytes | None = None) -> Vector:
    """What each side lacks is worked out from the items, not from the cells."""
    vector: Vector = {
        "about": about, "stage": "sketch", "secret": SECRET.hex(), "key": sketch_key(SECRET).hex(),
        "ours": [[timestamp, item_id.hex()] for timestamp, item_id in sorted(ours)],
        "cells": (sketch_of(theirs).written(0, cells) if sent is None else sent).hex(),
    }
    if sent is None:
        vector["theirs"] = [[timestamp, item_id.hex()] for timestamp, item_id in sorted(theirs)]
    mine, yours = {short(one) for one in ours}, {short(one) for one in theirs}
    vector["have"] = sorted(mine - yours) if even else None
    vector["need"] = sorted(yours - mine) if even else None
    return vector


def cases() -> Iterator[Case]:
    yield "sketch/one-item", case("One item against nothing: the cells show which it goes into.", [], some(1), 100)
    yield "sketch/equal", case("Equal sets: all cells cancel out.", some(*range(40)), some(*range(40)), 32)
    yield "sketch/few-differences", case("300 items each, three of them different on either side.", some(*range(300)), some(*(n for n in range(303) if n not in (7, 150, 299))), 32)
    yield "sketch/all-ours", case("The other side has nothing.", some(1, 2, 3), [], 32)
    yield "sketch/too-few-cells", case("60 differences do not come out even in 32 cells.", some(*range(30)), some(*range(30, 60)), 32, even=False)
    yield "sketch/more-cells", case("The same come out even in 140.", some(*range(30)), some(*range(30, 60)), 140)
    late = (2**32 + 60, item(1)[1])
    yield "sketch/after-2156", case("Of a timestamp over 32 bits the lower ones stand in the item.", [], [late], 8)
    same_start = [(60, b"same" + bytes(27) + bytes([n])) for n in (1, 2)]
    yield "sketch/two-of-one-item", case("Both of two records with one item are theirs: no cell holds one alone.", [], same_start, 32, even=False)
    yield "sketch/one-item-on-each-side", case("Of two records with one item each side has one: they cancel out, and the sketch shows nothing.", same_start[:1], same_start[1:], 32)
    lone = sketch_of(some(1)).written(0, 1)
    yield "sketch/wrong-check", case("A cell of number 1 whose check is not that of its item.", [], [], 1, even=False, sent=lone[:11] + bytes([lone[11] ^ 1]) + lone[12:])
    second = cells_of(seed_and_check(sketch_key(SECRET), item_of(*item(1)))[0], 100)[1]
    twice = sketch_of(some(1)).written(0, second) + sketch_of(some(1, 1)).written(second, second + 1)
    yield "sketch/the-same-item-twice", case("Cells that show an item again once it was taken out.", [], [], second + 1, even=False, sent=twice)
    for name, about, cells in (("no-cells", "No cells.", b""), ("cell-cut-off", "The last cell is of 13 bytes.", bytes(14 * 3 - 1)), ("3073-cells", "A cell more than there are.", bytes(14 * 3073))):
        yield f"sketch/{name}", {"about": about, "stage": "sketch", "code": "bad_reconciliation", "secret": SECRET.hex(), "ours": [], "cells": cells.hex()}
