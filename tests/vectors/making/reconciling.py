"""Negentropy: whole talks between two sets of items, and messages that no side may send."""
# fmt: off

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator

from sync.index import RangeIndex, fingerprint
from sync.reconcile import Reconciler
from tests.vectors.making.scene import Case, Vector

Item = tuple[int, bytes]


def item(number: int) -> Item:
    """Item `number`: some share a timestamp."""
    return number // 3 * 60, hashlib.sha256(b"item %d" % number).digest()


def index_of(items: Iterable[Item]) -> RangeIndex:
    index = RangeIndex()
    index.bulk(sorted(items))
    return index


def talk(about: str, ours: list[Item], theirs: list[Item], size_max: int = 0) -> Vector:
    """The whole talk. What each side lacks is worked out from the items, not from the talk."""
    asking, answering = (Reconciler(index_of(items), size_max) for items in (ours, theirs))
    messages = [asking.initiate()]
    while True:
        messages.append(answering.respond(messages[-1]))
        step = asking.reconcile(messages[-1])
        if step.reply is None:
            break
        messages.append(step.reply)
    mine, yours = {item_id for _, item_id in ours}, {item_id for _, item_id in theirs}
    return {
        "about": about, "stage": "reconciliation", "size_max": size_max,
        "ours": _listed(ours), "theirs": _listed(theirs),
        "messages": [message.hex() for message in messages],
        "have": sorted(item_id.hex() for item_id in mine - yours),
        "need": sorted(item_id.hex() for item_id in yours - mine),
    }


def _listed(items: list[Item]) -> list[list[int | str]]:
    return [[timestamp, item_id.hex()] for timestamp, item_id in sorted(items)]


def talks() -> Iterator[Case]:
    def some(*numbers: int) -> list[Item]:
        return [item(number) for number in numbers]

    yield "reconcile/both-empty", talk("Two empty sets.", [], [])
    yield "reconcile/we-are-empty", talk("The initiator has nothing, the other side three items.", [], some(1, 2, 3))
    yield "reconcile/they-are-empty", talk("The initiator has three items, the other side nothing.", some(1, 2, 3), [])
    yield "reconcile/equal", talk("Both have the same 40 items.", some(*range(40)), some(*range(40)))
    yield "reconcile/31-items", talk("31 items are sent as a list of ids.", some(*range(31)), some(*range(1, 32)))
    yield "reconcile/32-items", talk("32 items are split into 16 ranges.", some(*range(32)), some(*range(1, 33)))
    yield "reconcile/few-differences", talk("300 items each, three of them different on either side.", some(*range(300)), some(*(n for n in range(303) if n not in (7, 150, 299))))
    yield "reconcile/all-different", talk("50 items each, none the same.", some(*range(50)), some(*range(100, 150)))
    one_time = [(60, hashlib.sha256(b"same time %d" % n).digest()) for n in range(60)]
    yield "reconcile/one-timestamp", talk("60 items of one second: bounds part them by their ids.", one_time[:50], one_time[10:])
    close = [(60, bytes([1] * 31 + [n])) for n in range(40)]
    yield "reconcile/bounds-of-32-bytes", talk("40 items whose ids differ in the last byte only.", close[:35], close[5:])
    yield "reconcile/under-a-limit", talk("300 items against none, with messages of at most 4,096 bytes.", [], some(*range(300)), 4096)


    yield "reconcile/nothing-is-lost-at-a-limit", differs_from_the_reference()


def differs_from_the_reference() -> Vector:
    """The one case in which the reference loses differences: see docs/sync.md, section 4, Frame limits."""
    held = [(number, hashlib.sha256(b"item %d" % number).digest()) for number in range(150)]
    nobodys = bytes((1 + 30, 0, 1)) + bytes(16)  # a range of thirty seconds with a fingerprint that nobody has
    nothing = fingerprint(0, 0)
    message = b"\x61" + nobodys * 4 + b"\x00\x00\x01" + nothing
    rest = fingerprint(30, sum(int.from_bytes(item_id, "little") for _, item_id in held[120:]) % 2**256)
    lists = b"".join(b"%c\x00\x02\x1e" % (1 + 30) + b"".join(i for _, i in held[at : at + 30]) for at in range(0, 120, 30))
    return {
        "about": "Four ranges that differ, and then the rest, in which the asking side holds nothing. The answer to that does not fit and is dropped; the closing range covers it, or its 30 items would be lost.",
        "stage": "reconciliation", "size_max": 4096, "ours": _listed(held), "message": message.hex(), "read_by": "responder",
        "reply": (b"\x61" + lists + b"\x00\x00\x01" + rest).hex(),
    }


MESSAGES: list[tuple[str, str, str, str]] = [
    ("no-version", "An empty message has no version byte.", "", "responder"),
    ("version-of-another-protocol", "The first byte is no version.", "50", "responder"),
    ("answer-of-another-version", "An answer of version 2: the initiator refuses every version but its own.", "62", "initiator"),
    ("bound-cut-off", "The message ends within a bound.", "61 01", "responder"),
    ("fingerprint-cut-off", "The message ends within a fingerprint.", "61 00 00 01" + "00" * 15, "responder"),
    ("mode-missing", "The message ends before the mode.", "61 00 00", "responder"),
    ("mode-3", "An unknown mode.", "61 00 00 03", "responder"),
    ("prefix-of-33-bytes", "A prefix of 33 bytes.", "61 01 21" + "00" * 33 + "00", "responder"),
    ("more-ids-than-bytes", "A list that states more ids than there are bytes.", "61 00 00 02 02" + "00" * 32, "responder"),
    ("varint-with-a-leading-zero", "A varint with a leading zero.", "61 8001 00 00", "responder"),
    ("varint-over-64-bits", "A varint over 64 bits.", "61 83ffffffffffffffffff7f 00 00", "responder"),
    ("time-beyond-infinity", "A time of 2^64 - 1 that is not written as 0.", "61 81ffffffffffffffff7f 00 00 81ffffffffffffffff7f 00 00", "responder"),
    ("bound-below-the-one-before", "A bound below the one before, at the same time.", "61 05 01 ff 00 01 01 01 00", "responder"),
]


def cases() -> Iterator[Case]:
    yield from talks()
    for name, about, message, reader in MESSAGES:
        yield f"reconcile/{name}", {"about": about, "stage": "reconciliation", "code": "bad_reconciliation", "message": message.replace(" ", ""), "read_by": reader}
    skips = "61" + "010000" * 4096
    yield "reconcile/4096-ranges", {"about": "4,096 ranges, which is the most: all are skips, and so the answer has none.", "stage": "reconciliation", "message": skips, "read_by": "responder", "reply": "61"}
    yield "reconcile/4097-ranges", {"about": "4,097 ranges.", "stage": "reconciliation", "code": "bad_reconciliation", "message": skips + "010000", "read_by": "responder"}
    yield "reconcile/version-2", {"about": "A message of version 2 is answered by our version byte alone.", "stage": "reconciliation", "message": "62ffff", "read_by": "responder", "reply": "61"}
    yield "reconcile/prefix-on-infinity", {"about": "A prefix on infinity says nothing, and comes back as it was.", "stage": "reconciliation", "message": "61 00 01 ff 02 00".replace(" ", ""), "read_by": "responder", "reply": "61 00 01 ff 02 00".replace(" ", "")}
