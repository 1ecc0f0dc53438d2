"""Parcels: pair records sealed to one neighborhood, carried by the coalition unread.

The body of a `parcel` is {"sealed": bytes}: an anonymous box (libsodium's crypto_box_seal: X25519,
XSalsa20-Poly1305) to the recipient's current prekey. No recipient is named; each node tries to open each.
Inside, padded with zeros to 512, 1024, 2048, 4096 or 7168 bytes behind a two-byte length, stands

    {1: sender, 2: recipient, 3: parcel nonce, 4: [records], 5: [[until, fingerprint], ...]}

Sender must equal the outer author, so nobody can wrap another's parcel as their own. The fingerprints
cover the sender's whole pair set in ranges of (created - 2020), each up to but not including `until`
(the last is open, `until` null); so each side learns what has arrived.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from nacl.bindings import crypto_box, crypto_box_seal_open, crypto_box_seed_keypair, crypto_scalarmult_base
from nacl.exceptions import CryptoError

from protocol.encoding import decode, encode
from protocol.errors import TheirFault

PADDED_SIZES_BYTES = (512, 1024, 2048, 4096, 7168)
RANGES_MAX = 16
RECORDS_MAX = 64


@dataclass(frozen=True, slots=True)
class Parcel:
    """What stands inside."""

    sender: bytes
    recipient: bytes
    nonce: bytes
    records: tuple[bytes, ...]
    ranges: tuple[tuple[int | None, bytes], ...]


def prekey_public(private: bytes) -> bytes:
    """The X25519 public key of a 32-byte private one."""
    return crypto_scalarmult_base(private)


def content_size_bytes(records: Sequence[bytes], ranges: int) -> int:
    """An upper bound of the content with these records and this many ranges."""
    return 120 + sum(len(record) + 3 for record in records) + ranges * 25


def seal(parcel: Parcel, prekey: bytes, seed: bytes) -> bytes:
    """The sealed bytes of `parcel` for `prekey`; `seed` (32 random bytes) makes the ephemeral key.

    Raises ValueError where the content is over the largest size or the prekey is no key.
    """
    content = encode(
        {
            1: parcel.sender,
            2: parcel.recipient,
            3: parcel.nonce,
            4: list(parcel.records),
            5: [list(item) for item in parcel.ranges],
        }
    )
    for size in PADDED_SIZES_BYTES:
        if len(content) + 2 <= size:
            break
    else:
        raise ValueError("a parcel holds at most 7166 bytes")
    padded = len(content).to_bytes(2, "big") + content
    padded += bytes(size - len(padded))
    public, private = crypto_box_seed_keypair(seed)
    nonce = hashlib.blake2b(public + prekey, digest_size=24).digest()
    try:
        return public + crypto_box(padded, nonce, prekey, private)
    except CryptoError:  # a point of small order, which a neighbor may have put on its card
        raise ValueError("the prekey is not usable") from None


def try_open(sealed: bytes, prekeys: Sequence[tuple[bytes, bytes]]) -> Parcel | None:
    """The parcel if one of our (public, private) prekeys opens it, else None.

    Raises TheirFault("bad_field") where it opens but its content is not a parcel.
    """
    for public, private in prekeys:
        try:
            padded = crypto_box_seal_open(sealed, public, private)
        except (CryptoError, ValueError, TypeError):
            continue
        return _read(padded)
    return None


def _read(padded: bytes) -> Parcel:
    size = int.from_bytes(padded[:2], "big")
    if len(padded) not in PADDED_SIZES_BYTES or size > len(padded) - 2 or any(padded[2 + size :]):
        raise TheirFault("bad_field")
    try:
        content: Any = decode(padded[2 : 2 + size], PADDED_SIZES_BYTES[-1])
    except TheirFault:
        raise TheirFault("bad_field") from None
    if type(content) is not dict or set(content) != {1, 2, 3, 4, 5}:
        raise TheirFault("bad_field")
    records, ranges = content[4], content[5]
    sound = (
        all(type(content[key]) is bytes and len(content[key]) == 32 for key in (1, 2))
        and type(content[3]) is bytes
        and len(content[3]) == 16
        and type(records) is list
        and len(records) <= RECORDS_MAX
        and all(type(record) is bytes for record in records)
        and type(ranges) is list
        and len(ranges) <= RANGES_MAX
        and all(
            type(item) is list
            and len(item) == 2
            and (item[0] is None or type(item[0]) is int)
            and type(item[1]) is bytes
            and len(item[1]) == 16
            for item in ranges
        )
    )
    if not sound:
        raise TheirFault("bad_field")
    return Parcel(content[1], content[2], content[3], tuple(records), tuple((u, f) for u, f in ranges))
