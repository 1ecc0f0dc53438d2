"""Bundles put together by hand, from the pieces of protocol/bundle.py and protocol/letter.py."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence

from protocol.bundle import (
    PAGE_SIZE_BYTES,
    START_SIZE_BYTES,
    derive,
    header_size_bytes,
    letter_key,
    open_page,
    read_header,
    seal_page,
    write_header,
)
from protocol.letter import Letter, RecordsPage, Section, read_letter

NOTHING = hashlib.sha256(bytes(32) + b"\0").digest()[:16]  # the fingerprint of an empty set


def file_of(
    seed: bytes,
    prekeys: Mapping[bytes, bytes],
    letters: Sequence[Letter],
    pages: Sequence[tuple[bytes, bytes]],
    node_seed: bytes,
    chance: int = 0,
) -> bytes:
    """The header, each letter, then (key, content) of each page, then `chance` pages that nobody can open."""
    header = write_header(prekeys, seed)
    digest = header[-32:]
    contents = [(letter_key(seed, one.recipient), one.content(digest, node_seed)) for one in letters]
    contents += pages
    sealed = [seal_page(key, digest, place, content) for place, (key, content) in enumerate(contents)]
    blind = [
        hashlib.shake_256(derive(seed, b"end" + bytes([n]))).digest(PAGE_SIZE_BYTES) for n in range(chance)
    ]
    return b"".join([header, *sealed, *blind])


def letter_to(
    recipient: bytes,
    sender: bytes,
    sections: Sequence[Section] = (),
    *,
    made: int = 1_798_718_400,
    prekey: bytes = bytes(32),
    tells_held: bool = False,
    key_records: Sequence[bytes] = (),
    ranges: Sequence[tuple[int | None, bytes]] = ((None, NOTHING),),
) -> Letter:
    """A letter that is not signed yet."""
    return Letter(
        sender, recipient, made, prekey, tuple(sections), tuple(ranges), tells_held, b"", tuple(key_records)
    )


def opened_by(file: bytes, prekeys: Sequence[tuple[bytes, bytes]]) -> bytes:
    """The contents of all pages that these prekeys open, one after another."""
    header = read_header(file[: header_size_bytes(file[:START_SIZE_BYTES])])
    size = header_size_bytes(file[:START_SIZE_BYTES])
    letters = header.open(prekeys)
    keys, found = list(letters), []
    for place, at in enumerate(range(size, len(file) - PAGE_SIZE_BYTES + 1, PAGE_SIZE_BYTES)):
        opened = open_page(file[at : at + PAGE_SIZE_BYTES], header.digest, place, keys)
        if opened is not None:
            found.append(opened[1])
            if opened[0] in letters:
                keys += [section.key for section in read_letter(opened[1]).sections]
    return b"\n".join(found)


def records_page(number: int, last: bool, *records: bytes) -> bytes:
    return RecordsPage(number, last, records).content()
