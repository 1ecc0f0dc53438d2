"""Deterministic CBOR (RFC 8949, section 4.2.1), as much of it as records and frames use.

Every value has exactly one encoding, and `decode` accepts nothing else. So whoever signs, hashes or
compares bytes knows that no second spelling of the same content exists. Allowed are: integers of 64
bits, byte strings, texts, lists, maps, true, false, null. Everything else is refused by name: tags,
floats, indefinite lengths, non-minimal integers, keys out of order or twice, depth over 8, over 8,192 items.

The decoder is our own (docs/decisions/0002): a general one first builds what a tag asks for and only
then could be told that the tag was not wanted. It runs in one pass; a stated length is compared with
the bytes that are left before anything is allocated, so its work is linear in the input. A record cannot hold
more items than are allowed; a frame of empty lists could, and would keep a node busy for nothing.
"""

from __future__ import annotations

from typing import Any, TypeAlias

from protocol.errors import TheirFault

Value: TypeAlias = Any  # int | bytes | str | list[Value] | dict[int | str | bytes, Value] | bool | None

DEPTH_MAX = 8
ITEMS_MAX = 8_192  # in all lists and maps together; a key and its value are two
INT_MAX = 2**64 - 1
INT_MIN = -(2**64)


def head(major: int, argument: int) -> bytes:
    """The first bytes of an item: its major type and its shortest argument."""
    lead = major << 5
    if argument < 24:
        return bytes((lead | argument,))
    if argument < 0x100:
        return bytes((lead | 24, argument))
    if argument < 0x10000:
        return bytes((lead | 25,)) + argument.to_bytes(2, "big")
    if argument < 0x100000000:
        return bytes((lead | 26,)) + argument.to_bytes(4, "big")
    return bytes((lead | 27,)) + argument.to_bytes(8, "big")


def encode(value: Value, depth: int = DEPTH_MAX) -> bytes:
    """The one encoding of `value`. Raises TypeError or ValueError: a caller's mistake, never a peer's."""
    if value is None:
        return b"\xf6"
    if value is True:
        return b"\xf5"
    if value is False:
        return b"\xf4"
    kind = type(value)
    if kind is int:
        if not INT_MIN <= value <= INT_MAX:
            raise ValueError("integer over 64 bits")
        return head(0, value) if value >= 0 else head(1, -1 - value)
    if kind is bytes:
        return head(2, len(value)) + bytes(value)
    if kind is str:
        text = str(value).encode("utf-8")
        return head(3, len(text)) + text
    if depth == 0:
        raise ValueError("nested too deeply")
    if kind is list or kind is tuple:
        return head(4, len(value)) + b"".join([encode(item, depth - 1) for item in value])
    if kind is dict:
        if not all(type(key) in (int, bytes, str) for key in value):
            raise TypeError("keys are integers, bytes or texts")
        pairs = sorted((encode(key, 0), encode(item, depth - 1)) for key, item in value.items())
        return head(5, len(pairs)) + b"".join([key + item for key, item in pairs])
    raise TypeError(f"{kind.__name__} cannot be encoded")


def decode(data: bytes, size_max: int) -> Value:
    """The value whose one encoding is `data`, of at most `size_max` bytes. Raises TheirFault."""
    if len(data) > size_max:
        raise TheirFault("too_long", limit=f"SIZE_MAX {size_max}")
    value, end = _item(data, 0, len(data), DEPTH_MAX, [ITEMS_MAX])
    if end != len(data):
        raise TheirFault("trailing_bytes")
    return value


def _item(data: bytes, at: int, end: int, depth: int, room: list[int]) -> tuple[Value, int]:
    """The value at `at`, and where it ends. `room` holds the number of items that may still come."""
    if at >= end:
        raise TheirFault("truncated")
    lead = data[at]
    at += 1
    major = lead >> 5
    argument = lead & 31
    if argument >= 24 and major != 7:
        if argument > 27:
            raise TheirFault("indefinite_length" if argument == 31 and major > 1 else "forbidden_type")
        width = 1 << (argument - 24)
        if end - at < width:
            raise TheirFault("truncated")
        argument = int.from_bytes(data[at : at + width], "big")
        if argument < (24 if width == 1 else 1 << (width * 4)):
            raise TheirFault("not_deterministic")
        at += width
    if major == 0:
        return argument, at
    if major == 2:
        if end - at < argument:
            raise TheirFault("truncated")
        return data[at : at + argument], at + argument
    if major == 3:
        if end - at < argument:
            raise TheirFault("truncated")
        try:
            return data[at : at + argument].decode("utf-8"), at + argument
        except UnicodeDecodeError:
            raise TheirFault("bad_text") from None
    if major == 1:
        return -1 - argument, at
    if major == 4:
        if depth == 0:
            raise TheirFault("too_deep", limit=f"DEPTH_MAX {DEPTH_MAX}")
        if argument > end - at:
            raise TheirFault("truncated")
        _take(room, argument)
        items = []
        for _ in range(argument):
            lead = data[at] if at < end else 0xFF
            if lead < 24:  # what most items are needs no call of its own
                item, at = lead, at + 1
            else:
                item, at = _item(data, at, end, depth - 1, room)
            items.append(item)
        return items, at
    if major == 5:
        if depth == 0:
            raise TheirFault("too_deep", limit=f"DEPTH_MAX {DEPTH_MAX}")
        if argument * 2 > end - at:
            raise TheirFault("truncated")
        _take(room, argument * 2)
        result: dict[Any, Value] = {}
        previous = b""
        for _ in range(argument):
            # Short texts, short bytes and small numbers are what records are made of: they get no call of
            # their own. What does not fit here in one glance goes the long way, which says what is wrong.
            start = at
            lead = data[at] if at < end else 0xFF
            stop = at + 1 + (lead & 31)
            key: Value
            if lead < 24:
                key, at = lead, at + 1
            elif 0x60 <= lead < 0x78 and stop <= end:
                try:
                    key, at = data[at + 1 : stop].decode(), stop
                except UnicodeDecodeError:
                    raise TheirFault("bad_text") from None
            else:
                if lead >> 5 > 3 and at < end:  # keys are integers, bytes or texts
                    raise TheirFault("forbidden_type")
                key, at = _item(data, at, end, 0, room)
            spelled = data[start:at]
            if spelled <= previous:
                raise TheirFault("duplicate_key" if spelled == previous else "key_order")
            previous = spelled
            lead = data[at] if at < end else 0xFF
            stop = at + 1 + (lead & 31)
            if lead < 24:
                result[key], at = lead, at + 1
            elif 0x40 <= lead < 0x58 and stop <= end:
                result[key], at = data[at + 1 : stop], stop
            elif 0x60 <= lead < 0x78 and stop <= end:
                try:
                    result[key], at = data[at + 1 : stop].decode(), stop
                except UnicodeDecodeError:
                    raise TheirFault("bad_text") from None
            else:
                result[key], at = _item(data, at, end, depth - 1, room)
        return result, at
    if lead == 0xF6:
        return None, at
    if lead == 0xF5:
        return True, at
    if lead == 0xF4:
        return False, at
    raise TheirFault("forbidden_type")


def _take(room: list[int], items: int) -> None:
    room[0] -= items
    if room[0] < 0:
        raise TheirFault("too_long", limit=f"ITEMS_MAX {ITEMS_MAX}")
