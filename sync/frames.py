"""What two nodes say to each other on a link: every frame, its fields and its bounds.

A frame is a list in deterministic CBOR, its type first. docs/sync.md has the same table in prose.
Reading a frame checks the shape of every field, so that a session never meets a surprise.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from protocol.encoding import decode, encode
from protocol.errors import TheirFault
from protocol.introduction import KEY_RECORD_SIZE_BYTES_MAX, KEY_RECORDS_MAX, KEY_RECORDS_SIZE_BYTES_MAX
from sync.sets import SetKey

FRAME_SIZE_MAX_BYTES = 65_519
VERSIONS = [1]
FEATURES = ("sketch", "together", "plumtree", "stream")  # what our hello names
IDS_MAX = 1_000  # ids in one have or want
RECORDS_MAX = 200  # records in one batch
RECORDS_SIZE_MAX_BYTES = 48 * 1024
COALITIONS_MAX = 64
TEXT_MAX = 500

(
    HELLO,
    COALITIONS,
    COMPARE,
    SAME,
    DIFFERS,
    RECONCILE,
    RECONCILED,
    RECORDS,
    TAKEN,
    HAVE,
    WANT,
    ASK,
    OFFER,
    JOIN,
    WELCOME,
    NOT_SHARED,
    SHARED,
    KEYS_WANTED,
    KEYS_GIVEN,
    ASIDE_WANTED,
    ASIDE_GIVEN,
) = range(21)
SKETCH_WANTED, SKETCH = 21, 22  # for who names the feature "sketch"
PRUNE, GRAFT = 23, 24  # for who names the feature "plumtree"
STREAM, STREAMED = 25, 26  # for who names the feature "stream"
COMPARE_ALL, COMPARED = 27, 28  # for who names the feature "together"

SET_NAME_BYTES = 4  # of a coalition, in COMPARE_ALL
SETS_MAX = 2 * COALITIONS_MAX + 1  # in one COMPARE_ALL

_SET_NAMES = ("roster", "coalition", "pair")


def set_on_wire(key: SetKey) -> list[Any]:
    """A set as a frame names it: [0, coalition], [1, coalition], or [2] for the pair of the two."""
    name, owner = key
    return [2] if name == "pair" else [_SET_NAMES.index(name), owner]


def read_set(value: Any, peer: bytes) -> SetKey:
    """The set that a frame from `peer` names. Raises TheirFault("bad_frame")."""
    if type(value) is list and value == [2]:
        return ("pair", peer)
    if type(value) is list and len(value) == 2 and _number(value[0]) and value[0] < 2 and _hash(value[1]):
        return ("roster" if value[0] == 0 else "coalition", value[1])
    raise TheirFault("bad_frame")


def set_in_short(key: SetKey) -> bytes:
    """A set as COMPARE_ALL names it: a byte for its kind, and the start of the coalition's id."""
    name, owner = key
    return b"\x02" if name == "pair" else bytes([_SET_NAMES.index(name)]) + owner[:SET_NAME_BYTES]


def _hash(value: Any) -> bool:
    return type(value) is bytes and len(value) == 32


def _within(name: str, most: int, count: int) -> bool:
    """True. Raises TheirFault, naming the limit, where there are more: the other side can then keep to it."""
    if count > most:
        raise TheirFault("bad_frame", limit=f"{name} {most}")
    return True


def _hashes(name: str, most: int) -> Callable[[Any], bool]:
    return lambda value: (
        type(value) is list and _within(name, most, len(value)) and all(_hash(item) for item in value)
    )


def _bytes(value: Any) -> bool:
    return type(value) is bytes


def _number(value: Any) -> bool:
    return type(value) is int and 0 <= value < 2**63


def _text(value: Any) -> bool:
    return type(value) is str and _within("TEXT_MAX", TEXT_MAX, len(value))


def _set(value: Any) -> bool:
    return type(value) is list and len(value) in (1, 2)


def _fingerprint(value: Any) -> bool:
    return type(value) is bytes and len(value) == 16


def _point(value: Any) -> bool:
    return type(value) is list and len(value) == 2 and _number(value[0]) and _hash(value[1])


def _point_or_end(value: Any) -> bool:
    return value == [] or _point(value)


def _asked_sets(value: Any) -> bool:
    return (
        type(value) is list
        and _within("SETS_MAX", SETS_MAX, len(value))
        and all(type(item) is bytes and len(item) in (17, 17 + SET_NAME_BYTES) for item in value)
    )


def _answers(value: Any) -> bool:
    return (
        type(value) is list
        and _within("SETS_MAX", SETS_MAX, len(value))
        and all(_number(item) for item in value)
    )


def _messages(value: Any) -> bool:
    return (
        type(value) is list
        and _within("RECORDS_MAX", RECORDS_MAX, len(value))
        and all(type(item) is bytes for item in value)
    )


def fitting_key_records(records: list[bytes]) -> list[bytes]:
    """The first of these that one frame holds."""
    given: list[bytes] = []
    for record in records[:KEY_RECORDS_MAX]:
        if sum(map(len, given)) + len(record) > KEY_RECORDS_SIZE_BYTES_MAX:
            break
        given.append(record)
    return given


def may_be_more(given: list[bytes]) -> bool:
    """Whether an answer is so full that the next key record may not have fitted."""
    room = KEY_RECORDS_SIZE_BYTES_MAX - sum(map(len, given))
    return len(given) == KEY_RECORDS_MAX or room < KEY_RECORD_SIZE_BYTES_MAX


def _key_records(value: Any) -> bool:
    return (
        _messages(value)
        and _within("KEY_RECORDS_MAX", KEY_RECORDS_MAX, len(value))
        and _within("KEY_RECORDS_SIZE_BYTES_MAX", KEY_RECORDS_SIZE_BYTES_MAX, sum(map(len, value)))
    )


def _hello(value: Any) -> bool:
    return (
        type(value) is dict
        and all(type(key) is int for key in value)
        and {1, 2, 3, 4, 5, 6} <= set(value)
        and type(value[1]) is list
        and all(type(item) is int for item in value[1])
        and type(value[2]) is list
        and all(_text(item) for item in value[2])
        and _number(value[3])
        and _number(value[4])
        and _text(value[5])
        and _text(value[6])
        and _limits(value.get(7, [1, 1]))
    )


def _limits(value: Any) -> bool:
    return type(value) is list and len(value) >= 2 and all(_number(item) and item > 0 for item in value)


_SHAPES: dict[int, tuple[Callable[[Any], bool], ...]] = {
    HELLO: (_hello,),
    COALITIONS: (_hashes("COALITIONS_MAX", COALITIONS_MAX),),
    COMPARE: (_set, _fingerprint),
    SAME: (_set,),
    DIFFERS: (_set,),
    RECONCILE: (_set, _bytes),
    RECONCILED: (_set, _bytes),
    RECORDS: (_number, _messages),
    TAKEN: (_number,),
    HAVE: (_hashes("IDS_MAX", IDS_MAX),),
    WANT: (_hashes("IDS_MAX", IDS_MAX),),
    ASK: (_text, _text),
    OFFER: (_bytes, _hash),
    JOIN: (),
    WELCOME: (_bytes, _hash),
    NOT_SHARED: (_set, _text),
    SHARED: (_set,),
    KEYS_WANTED: (_hash,),
    KEYS_GIVEN: (_key_records,),
    ASIDE_WANTED: (_set, _number),
    ASIDE_GIVEN: (_set, _messages, _number),
    SKETCH_WANTED: (_set, _number, _number, _bytes),
    SKETCH: (_set, _number, _bytes),
    PRUNE: (_set,),
    GRAFT: (_hashes("IDS_MAX", IDS_MAX),),
    STREAM: (_set, _point),
    STREAMED: (_set, _number, _messages, _point_or_end),
    COMPARE_ALL: (_number, _asked_sets),
    COMPARED: (_number, _answers),
}


def write_frame(kind: int, *fields: Any) -> bytes:
    """The bytes of a frame."""
    return encode([kind, *fields])


def read_frame(data: bytes) -> tuple[int, list[Any]]:
    """Type and fields of a frame. An unknown type is skipped by the session, so newer nodes may add some.

    Raises TheirFault: the decoder's codes, "bad_frame", "frame_too_long", with the limit that was passed.
    """
    if len(data) > FRAME_SIZE_MAX_BYTES:
        raise TheirFault("frame_too_long", limit=f"FRAME_SIZE_MAX_BYTES {FRAME_SIZE_MAX_BYTES}")
    frame = decode(data, FRAME_SIZE_MAX_BYTES)
    if type(frame) is not list or not frame or not _number(frame[0]):
        raise TheirFault("bad_frame")
    kind, fields = frame[0], frame[1:]
    shapes = _SHAPES.get(kind)
    if shapes is not None and (
        len(fields) != len(shapes) or not all(fits(value) for fits, value in zip(shapes, fields, strict=True))
    ):
        raise TheirFault("bad_frame")
    return kind, fields
