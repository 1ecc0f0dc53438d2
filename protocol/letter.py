"""Bundles, the inside: what stands in the pages that a recipient can open.

The letter is one page: who wrote the file and what else of it this recipient may read. Its content is

    [statement, signature, [key records of the sender]]
    statement = {1: sender, 2: recipient, 3: made, 4: prekey, 5: sections, 6: ranges, 7: tells what is held}
    section = [coalition or null for the pair, key (32), epoch in force or null for the pair]

signed by the sender's node key over "barnraise/1 bundle", a zero byte, and the encoding of [the header's
SHA-256, statement]: so nobody can seal the letter anew for somebody else. `ranges` are the fingerprints of
the sender's pair set with the recipient, as in a parcel. Pages of a section are numbered; the last says so:

    [0, number, last, [records]]            records to be taken in
    [1, number, last, set, short ids]       what the sender holds: set is 0 roster, 1 coalition, 2 pair

A short id is a hash of 8 bytes of the id with the section's key, so nobody can choose ids beforehand that
come out alike; those of a set stand in ascending order, 4,000 to a page. 100,000 of them take 0.8 MB. In a
letter that tells what is held, a set of which nothing is named is empty.
"""

from __future__ import annotations

import hashlib
from array import array
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from itertools import pairwise
from typing import Any, Literal, TypeAlias

from protocol import signing
from protocol.bundle import CONTENT_SIZE_BYTES_MAX, KEY_SIZE_BYTES, Header, open_page
from protocol.encoding import decode, encode
from protocol.errors import TheirFault
from protocol.record import RECORD_SIZE_MAX_BYTES

DOMAIN = b"barnraise/1 bundle\x00"
SECTIONS_MAX = 64
RANGES_MAX = 16
KEY_RECORDS_MAX = 16
KEY_RECORDS_SIZE_BYTES_MAX = 16 * 1024
RECORDS_MAX = 1_000  # in one page
SHORT_SIZE_BYTES = 8
SHORTS_MAX = 4_000  # in one page
HELD_MAX = 2_000_000  # short ids in one file
NUMBER_MAX = 2**32
_PERSON = b"barnraise/1 held"
_HEAD_SIZE_BYTES = 32  # what a page of records needs beside them, with room

SetName: TypeAlias = Literal["roster", "coalition", "pair"]
SET_NAMES: tuple[SetName, ...] = ("roster", "coalition", "pair")


def _bad() -> TheirFault:
    return TheirFault("bad_bundle")


def _bytes(value: Any, size_bytes: int) -> bool:
    return type(value) is bytes and len(value) == size_bytes


def _number(value: Any) -> bool:
    return type(value) is int and 0 <= value < NUMBER_MAX


@dataclass(frozen=True, slots=True)
class Section:
    """Some pages under one key. `coalition` and `epoch` (in force at the sender) are None for the pair."""

    coalition: bytes | None
    key: bytes
    epoch: bytes | None


@dataclass(frozen=True, slots=True)
class Letter:
    """What the sender states to one recipient. `made` in Unix seconds."""

    sender: bytes
    recipient: bytes
    made: int
    prekey: bytes
    sections: tuple[Section, ...]
    ranges: tuple[tuple[int | None, bytes], ...]
    tells_held: bool
    signature: bytes = b""
    key_records: tuple[bytes, ...] = ()

    def statement(self) -> dict[int, Any]:
        return {
            1: self.sender,
            2: self.recipient,
            3: self.made,
            4: self.prekey,
            5: [[section.coalition, section.key, section.epoch] for section in self.sections],
            6: [list(item) for item in self.ranges],
            7: self.tells_held,
        }

    def _signed(self, digest: bytes) -> bytes:
        return DOMAIN + encode([digest, self.statement()])

    def content(self, digest: bytes, seed: bytes) -> bytes:
        """The page's content, signed by the node key of `seed` for the file whose header has this digest."""
        signature = signing.sign(seed, self._signed(digest))
        return encode([self.statement(), signature, list(self.key_records)])

    def is_signed_by(self, node_key: bytes, digest: bytes) -> bool:
        return signing.verify(node_key, self.signature, self._signed(digest))


def read_letter(content: bytes) -> Letter:
    """The letter in a page's content; its signature is not looked at. Raises TheirFault("bad_bundle")."""
    value = _decoded(content)
    if len(value) != 3 or type(value[0]) is not dict or set(value[0]) != {1, 2, 3, 4, 5, 6, 7}:
        raise _bad()
    said, signature, records = value
    sections, ranges = said[5], said[6]
    sound = (
        all(_bytes(said[key], 32) for key in (1, 2, 4))
        and _number(said[3])
        and type(sections) is list
        and len(sections) <= SECTIONS_MAX
        and all(_is_section(item) for item in sections)
        and len({item[1] for item in sections}) == len(sections) == len({item[0] for item in sections})
        and type(ranges) is list
        and len(ranges) <= RANGES_MAX
        and all(_is_range(item) for item in ranges)
        and type(said[7]) is bool
        and _bytes(signature, signing.SIGNATURE_SIZE_BYTES)
        and type(records) is list
        and len(records) <= KEY_RECORDS_MAX
        and all(type(item) is bytes for item in records)
        and sum(map(len, records)) <= KEY_RECORDS_SIZE_BYTES_MAX
    )
    if not sound:
        raise _bad()
    return Letter(
        sender=said[1],
        recipient=said[2],
        made=said[3],
        prekey=said[4],
        sections=tuple(Section(*item) for item in sections),
        ranges=tuple((until, fingerprint) for until, fingerprint in ranges),
        tells_held=said[7],
        signature=signature,
        key_records=tuple(records),
    )


def _is_section(item: Any) -> bool:
    return (
        type(item) is list
        and len(item) == 3
        and _bytes(item[1], KEY_SIZE_BYTES)
        and ((item[0] is None and item[2] is None) or (_bytes(item[0], 32) and _bytes(item[2], 32)))
    )


def _is_range(item: Any) -> bool:
    return (
        type(item) is list
        and len(item) == 2
        and (item[0] is None or _number(item[0]))
        and _bytes(item[1], 16)
    )


def _decoded(content: bytes) -> list[Any]:
    try:
        value = decode(content, CONTENT_SIZE_BYTES_MAX)
    except TheirFault:
        raise _bad() from None
    if type(value) is not list:
        raise _bad()
    return value


# what is in a section


@dataclass(frozen=True, slots=True)
class RecordsPage:
    """Records to be taken in."""

    number: int
    last: bool
    records: tuple[bytes, ...]

    def content(self) -> bytes:
        return encode([0, self.number, self.last, list(self.records)])


@dataclass(frozen=True, slots=True)
class HeldPage:
    """Short ids of what the sender holds of one set, ascending, one after another in one byte string."""

    number: int
    last: bool
    set_name: SetName
    shorts: bytes

    def content(self) -> bytes:
        return encode([1, self.number, self.last, SET_NAMES.index(self.set_name), self.shorts])


def read_page(content: bytes) -> RecordsPage | HeldPage:
    """What stands in a section's page. Raises TheirFault("bad_bundle")."""
    value = _decoded(content)
    if len(value) < 4 or not _number(value[1]) or type(value[2]) is not bool or type(value[0]) is not int:
        raise _bad()
    kind, number, last, fields = value[0], value[1], value[2], value[3:]
    if kind == 0 and len(fields) == 1 and _are_records(fields[0]):
        return RecordsPage(number, last, tuple(fields[0]))
    if kind == 1 and len(fields) == 2 and type(fields[0]) is int and 0 <= fields[0] < len(SET_NAMES):
        shorts = fields[1]
        if type(shorts) is bytes and len(shorts) % 8 == 0 and len(shorts) <= SHORTS_MAX * SHORT_SIZE_BYTES:
            return HeldPage(number, last, SET_NAMES[fields[0]], shorts)
    raise _bad()


def _are_records(value: Any) -> bool:
    return (
        type(value) is list
        and len(value) <= RECORDS_MAX
        and all(type(item) is bytes and len(item) <= RECORD_SIZE_MAX_BYTES for item in value)
    )


def short_id(key: bytes, record_id: bytes) -> int:
    """The 8 bytes that stand for an id in the section with this key, as a number, big-endian."""
    digest = hashlib.blake2b(record_id, digest_size=SHORT_SIZE_BYTES, key=key, person=_PERSON).digest()
    return int.from_bytes(digest, "big")


@dataclass(slots=True)
class Packer:
    """Packs what goes into one section into contents of pages. The newest page waits: it may be the last."""

    _number: int = 0
    _ready: RecordsPage | HeldPage | None = None
    _records: list[bytes] = field(default_factory=list)
    _size: int = _HEAD_SIZE_BYTES

    def record(self, message: bytes) -> Iterator[bytes]:
        """Add a record; gives the content of a page that is complete."""
        size = len(message) + 3
        if self._size + size > CONTENT_SIZE_BYTES_MAX or len(self._records) == RECORDS_MAX:
            yield from self._page_of_records()
        self._records.append(message)
        self._size += size

    def held(self, set_name: SetName, shorts: Sequence[int]) -> Iterator[bytes]:
        """Tell which records of a set are held, by short ids in ascending order."""
        for at in range(0, len(shorts), SHORTS_MAX):
            if self._records:
                yield from self._page_of_records()
            some = b"".join(short.to_bytes(SHORT_SIZE_BYTES, "big") for short in shorts[at : at + SHORTS_MAX])
            yield from self._next(HeldPage(self._number, False, set_name, some))

    def close(self) -> Iterator[bytes]:
        """Whatever waits, the last page too."""
        if self._records or self._ready is None:
            yield from self._page_of_records()
        assert self._ready is not None
        yield replace(self._ready, last=True).content()

    def _page_of_records(self) -> Iterator[bytes]:
        records, self._records, self._size = tuple(self._records), [], _HEAD_SIZE_BYTES
        yield from self._next(RecordsPage(self._number, False, records))

    def _next(self, page: RecordsPage | HeldPage) -> Iterator[bytes]:
        if self._ready is not None:
            yield self._ready.content()
        self._ready = page
        self._number += 1


# reading


@dataclass(slots=True)
class _Progress:
    section: Section
    expected: int = 0
    closed: bool = False


@dataclass(slots=True)
class Held:
    """What a letter says its sender holds, by (coalition, or None for the pair, and the name of the set)."""

    sets: dict[tuple[bytes | None, SetName], array[int]] = field(default_factory=dict)
    count: int = 0

    def take(self, coalition: bytes | None, page: HeldPage) -> None:
        """Raises TheirFault("bad_bundle") for another set than the section's, disorder, or too many."""
        if (page.set_name == "pair") != (coalition is None):
            raise _bad()
        held = self.sets.setdefault((coalition, page.set_name), array("Q"))
        some = array("Q", page.shorts)
        if _LITTLE:
            some.byteswap()
        if any(one >= other for one, other in pairwise(some)) or (held and some and held[-1] >= some[0]):
            raise _bad()
        self.count += len(some)
        if self.count > HELD_MAX:
            raise _bad()
        held.extend(some)


_LITTLE = array("H", [1]).tobytes() == b"\x01\x00"


class Opening:
    """A bundle being read by one recipient, page by page. `letter` is there once its page has come."""

    def __init__(self, header: Header, home: bytes, letter_keys: Sequence[bytes]) -> None:
        self.letter: Letter | None = None
        self.held = Held()
        self.pages_missing = 0
        self.header = header
        self._home = home
        self._letter_keys = list(letter_keys)
        self._place = 0
        self._sections: dict[bytes, _Progress] = {}
        self._key = b""  # the one that opened the page before: it likely opens the next

    def take(self, sealed: bytes) -> tuple[Section, RecordsPage] | Letter | None:
        """The next page of the file: the letter, records for us, or None where it is not (that) for us.

        A page that tells what is held goes into `held`. Raises TheirFault("bad_bundle").
        """
        place, self._place = self._place, self._place + 1
        if self.letter is None:
            opened = open_page(sealed, self.header.digest, place, self._letter_keys)
            if opened is None:
                return None
            letter = read_letter(opened[1])
            if letter.recipient != self._home:  # of somebody who shows our prekey as their own
                self._letter_keys.remove(opened[0])
                return None
            self.letter = letter
            self._sections = {section.key: _Progress(section) for section in self.letter.sections}
            return self.letter
        keys = dict.fromkeys((self._key, *self._sections)) if self._key else self._sections
        opened = open_page(sealed, self.header.digest, place, keys)
        if opened is None:
            return None
        self._key, content = opened
        progress, page = self._sections[self._key], read_page(content)
        if page.number < progress.expected or progress.closed:
            raise _bad()
        self.pages_missing += page.number - progress.expected
        progress.expected = page.number + 1
        progress.closed = page.last
        if isinstance(page, RecordsPage):
            return progress.section, page
        self.held.take(progress.section.coalition, page)
        return None

    @property
    def whole(self) -> bool:
        """Whether everything that is for us has come, to its end."""
        closed = all(progress.closed for progress in self._sections.values())
        return self.letter is not None and closed and not self.pages_missing
