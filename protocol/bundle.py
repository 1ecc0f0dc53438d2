"""Bundles, the outside: a file that only the chosen neighborhoods can open, on a stick that may get lost.

    header   magic (16)  version (2)  number of slots (2)  slots (80 each)  SHA-256 of all that (32)
    pages    32,768 bytes each: XChaCha20-Poly1305, the header's SHA-256 as additional data

A slot is an anonymous box (crypto_box_seal) to the prekey of one recipient, with a random key of 32 bytes in
it. No recipient is named, and the slots left over are boxes that nobody can open, so their number says
little. That key opens one page, the recipient's letter (protocol/letter.py), in which stand the keys of the
other pages that this recipient may read. Nothing tells whose a page is: a reader tries the keys it has.
Pages are all of one size, and pages of nothing but chance are added at the end, so whoever finds the stick
sees the size of the file and nothing else. A page is tied to its file and its place in it: none can be moved,
left out unnoticed or put into another file, and each that is whole opens by itself, whatever became of the
others.

Writing takes one secret seed, from which all keys of the file follow. docs/protocol.md has every byte.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from nacl.bindings import (
    crypto_aead_xchacha20poly1305_ietf_decrypt,
    crypto_aead_xchacha20poly1305_ietf_encrypt,
    crypto_box,
    crypto_box_seal_open,
    crypto_box_seed_keypair,
)
from nacl.exceptions import CryptoError

from protocol.errors import OurFault, TheirFault, WorldFault

SUFFIX = ".barnraise"
MAGIC = b"barnraise bundle"
VERSION = 1
KEY_SIZE_BYTES = 32
SLOT_SIZE_BYTES = 80
SLOT_COUNTS = (8, 16, 32, 64, 128, 256)
RECIPIENTS_MAX = SLOT_COUNTS[-1]
START_SIZE_BYTES = len(MAGIC) + 2 + 2
CHECKSUM_SIZE_BYTES = 32
PAGE_SIZE_BYTES = 32_768
CONTENT_SIZE_BYTES_MAX = PAGE_SIZE_BYTES - 16 - 2
PAGES_MAX = 16_384
SIZE_BYTES_MAX = PAGES_MAX * PAGE_SIZE_BYTES + START_SIZE_BYTES + RECIPIENTS_MAX * SLOT_SIZE_BYTES + 32
_DOMAIN = b"barnraise/1 bundle key\x00"


def derive(seed: bytes, what: bytes) -> bytes:
    """A secret of 32 bytes for one use, from the file's seed."""
    return hashlib.sha256(_DOMAIN + seed + what).digest()


def padded_count(pages: int) -> int:
    """How many pages a file has that needs `pages`: at most an eighth more, so that only few sizes occur.

    Padme (Nikitin and others, 2019): the length keeps only its leading bits.
    """
    if pages < 2:
        return pages
    exponent = pages.bit_length() - 1
    mask = (1 << (exponent - exponent.bit_length())) - 1
    return (pages + mask) & ~mask


# the header


@dataclass(frozen=True, slots=True)
class Header:
    """The slots, and the SHA-256 that ties each page to this file."""

    slots: tuple[bytes, ...]
    digest: bytes

    def open(self, prekeys: Sequence[tuple[bytes, bytes]]) -> list[bytes]:
        """The keys of letters that our (public, private) prekeys find in the slots: one, if it is for us.

        More, if somebody else has put our prekey on their card.
        """
        return [key for slot in self.slots if (key := open_slot(slot, prekeys))]


def open_slot(slot: bytes, prekeys: Sequence[tuple[bytes, bytes]]) -> bytes:
    """The key in one slot, b"" where none of the prekeys opens it."""
    for public, private in prekeys:
        try:
            return bytes(crypto_box_seal_open(slot, public, private))
        except (CryptoError, ValueError, TypeError):
            continue
    return b""


def write_header(prekeys: Mapping[bytes, bytes], seed: bytes) -> bytes:
    """The header for these recipients: {home: prekey}. `letter_key(seed, home)` opens the letter of each.

    Raises ValueError where there are none or too many, or where a prekey is not usable.
    """
    if not 1 <= len(prekeys) <= RECIPIENTS_MAX:
        raise ValueError(f"a bundle is for 1 to {RECIPIENTS_MAX} neighborhoods")
    count = next(count for count in SLOT_COUNTS if count >= len(prekeys))
    slots = [
        _seal(letter_key(seed, home), prekey, derive(seed, b"slot" + home))
        for home, prekey in prekeys.items()
    ]
    for number in range(count - len(prekeys)):
        chance = derive(seed, b"nobody" + bytes([number]))
        nobody = crypto_box_seed_keypair(derive(chance, b"prekey"))[0]
        slots.append(_seal(derive(chance, b"key"), nobody, derive(chance, b"slot")))
    # A slot begins with a random key, so in order of bytes they are in no order.
    start = MAGIC + VERSION.to_bytes(2, "big") + count.to_bytes(2, "big") + b"".join(sorted(slots))
    return start + hashlib.sha256(start).digest()


def letter_key(seed: bytes, home: bytes) -> bytes:
    """The key of the letter to a neighborhood."""
    return derive(seed, b"letter" + home)


def usable(prekey: bytes) -> bool:
    """Whether something can be sealed to it: a neighbor may have put anything on its card."""
    try:
        _seal(bytes(KEY_SIZE_BYTES), prekey, bytes(32))
    except (ValueError, TypeError):
        return False
    return True


def _seal(key: bytes, prekey: bytes, seed: bytes) -> bytes:
    """crypto_box_seal, with the ephemeral key that `seed` gives."""
    public, private = crypto_box_seed_keypair(seed)
    nonce = hashlib.blake2b(public + prekey, digest_size=24).digest()
    try:
        return public + crypto_box(key, nonce, prekey, private)
    except CryptoError:  # a point of small order, which a neighbor may have put on its card
        raise ValueError("the prekey is not usable") from None


def header_size_bytes(start: bytes) -> int:
    """How long the header is that begins with these START_SIZE_BYTES (fewer, if the file ends before).

    Raises OurFault("not_a_bundle"), WorldFault: newer_bundle, damaged_bundle.
    """
    if not start or start[: len(MAGIC)] != MAGIC[: len(start)]:
        raise OurFault("not_a_bundle")
    if len(start) < START_SIZE_BYTES:
        raise WorldFault("damaged_bundle")
    version = int.from_bytes(start[16:18], "big")
    if version != VERSION:
        raise WorldFault("newer_bundle")
    count = int.from_bytes(start[18:20], "big")
    if count not in SLOT_COUNTS:
        raise WorldFault("damaged_bundle")
    return START_SIZE_BYTES + count * SLOT_SIZE_BYTES + CHECKSUM_SIZE_BYTES


def read_header(data: bytes) -> Header:
    """The header in `data`, whole and nothing else. Raises as `header_size_bytes`."""
    if len(data) != header_size_bytes(data[:START_SIZE_BYTES]):
        raise WorldFault("damaged_bundle")
    if hashlib.sha256(data[:-CHECKSUM_SIZE_BYTES]).digest() != data[-CHECKSUM_SIZE_BYTES:]:
        raise WorldFault("damaged_bundle")
    places = range(START_SIZE_BYTES, len(data) - CHECKSUM_SIZE_BYTES, SLOT_SIZE_BYTES)
    slots = tuple(data[place : place + SLOT_SIZE_BYTES] for place in places)
    return Header(slots, data[-CHECKSUM_SIZE_BYTES:])


# pages


def seal_page(key: bytes, digest: bytes, place: int, content: bytes) -> bytes:
    """Page number `place` of the file whose header has this digest. Raises ValueError for too much."""
    if len(content) > CONTENT_SIZE_BYTES_MAX:
        raise ValueError("a page holds at most 32,750 bytes")
    padded = len(content).to_bytes(2, "big") + content + bytes(CONTENT_SIZE_BYTES_MAX - len(content))
    return bytes(crypto_aead_xchacha20poly1305_ietf_encrypt(padded, digest, place.to_bytes(24, "big"), key))


def open_page(sealed: bytes, digest: bytes, place: int, keys: Iterable[bytes]) -> tuple[bytes, bytes] | None:
    """The key of `keys` that opens the page, and its content; None where none does.

    Raises TheirFault("bad_bundle") where it opens but is not padded as it must be.
    """
    nonce = place.to_bytes(24, "big")
    for key in keys:
        try:
            padded = crypto_aead_xchacha20poly1305_ietf_decrypt(sealed, digest, nonce, key)
        except (CryptoError, ValueError, TypeError):
            continue
        return key, unpad(bytes(padded))
    return None


def unpad(padded: bytes) -> bytes:
    """The content of an opened page. Raises TheirFault("bad_bundle")."""
    size = int.from_bytes(padded[:2], "big")
    if len(padded) != CONTENT_SIZE_BYTES_MAX + 2 or size > CONTENT_SIZE_BYTES_MAX or any(padded[2 + size :]):
        raise TheirFault("bad_bundle")
    return padded[2 : 2 + size]
