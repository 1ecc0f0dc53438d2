"""What each side of a link proves while it greets the other: "I am this neighborhood's node".

A link is encrypted with a Noise key, which is not the node key: it lies in memory all day and may be
replaced freely. The introduction ties the two together. It travels inside the Noise handshake, when
the other side's Noise key is already proven, and says:

    1: home         32 bytes, the neighborhood's id
    2: node key     32 bytes, Ed25519
    3: until        day since 1970, the last day on which this introduction counts
    4: signature    64 bytes, by the node key, over DOMAIN + encode([noise public key, until])
    5: key records  at most 16 byte strings: what a stranger needs to follow home to its current node key

That the node key is the home's current one is worked out by the caller from what it holds and the key
records; here it must only come out equal to what is stated. An introduction copied by somebody else
is worthless: the Noise key it names is not theirs. Bytes: docs/sync.md.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from protocol import signing
from protocol.encoding import Value, decode, encode
from protocol.errors import TheirFault

DOMAIN = b"barnraise/1 noise-key\x00"

ID_SIZE_BYTES = 32
DAYS_AHEAD_MAX = 90
OVER = (
    "What the other side proves itself with is over by the day that counts here. "
    "Is the clock of one of the two wrong?"
)
CLOCK_SKEW_DAYS = 1  # two honest clocks may stand on neighboring days
KEY_RECORDS_MAX = 16
KEY_RECORD_SIZE_BYTES_MAX = 8192
KEY_RECORDS_SIZE_BYTES_MAX = 32 * 1024
SIZE_BYTES_MAX = KEY_RECORDS_SIZE_BYTES_MAX + 256  # the other fields and all heads take at most 208


@dataclass(frozen=True)
class Introduction:
    """A checked introduction. `until` is the last day on which it counts."""

    home: bytes
    node_key: bytes
    until: int
    key_records: tuple[bytes, ...]


def build(
    signing_seed: bytes,
    home: bytes,
    node_key: bytes,
    noise_public: bytes,
    until: int,
    key_records: Sequence[bytes],
) -> bytes:
    """The introduction of `home`, signed by the node key whose seed is given. Raises ValueError."""
    if len(home) != ID_SIZE_BYTES or len(noise_public) != ID_SIZE_BYTES:
        raise ValueError("home and Noise key are 32 bytes")
    if signing.public_key(signing_seed) != node_key:
        raise ValueError("the seed does not belong to the node key")
    if until < 0 or not _records_fit(list(key_records)):
        raise ValueError("an introduction does not carry that")
    signature = signing.sign(signing_seed, _signed(noise_public, until))
    return encode({1: home, 2: node_key, 3: until, 4: signature, 5: list(key_records)})


def check(
    data: bytes,
    noise_public: bytes,
    today: int | None,
    current_key: Callable[[bytes, Sequence[bytes]], bytes | None],
    earliest: int | None = None,
) -> Introduction:
    """The introduction in `data`, by the side that proved `noise_public`. Raises TheirFault.

    `today` is the reader's day, None where it has none. `current_key(home, key_records)` gives the home's
    current node key, or None if it cannot be known.

    A reader whose clock may be wrong gives `earliest`: no day before that can be today, for others, and not
    whoever asks to be let in, have said so. Then `until` is held against that day alone. How far ahead it
    lies is held against nobody: it is the reader whose clock may be behind, and who has the key could sign
    one for each day to come. (decision 0043)
    """
    home, node_key, until, signature, records = _fields(data)
    if earliest is not None:
        if until < earliest - CLOCK_SKEW_DAYS:
            raise TheirFault("bad_handshake", OVER)
    elif today is not None and not (
        today - CLOCK_SKEW_DAYS <= until <= today + DAYS_AHEAD_MAX + CLOCK_SKEW_DAYS
    ):
        raise TheirFault("bad_handshake", OVER)
    # one cheap signature first: only its maker may make us follow a chain of key records
    if not signing.verify(node_key, signature, _signed(noise_public, until)):
        raise TheirFault("bad_handshake")
    try:
        current = current_key(home, records)
    except TheirFault as fault:
        raise TheirFault("bad_handshake") from fault
    if current != node_key:
        raise TheirFault("bad_handshake")
    return Introduction(home, node_key, until, tuple(records))


def _signed(noise_public: bytes, until: int) -> bytes:
    return DOMAIN + encode([noise_public, until])


def _fields(data: bytes) -> tuple[bytes, bytes, int, bytes, list[bytes]]:
    try:
        value = decode(data, SIZE_BYTES_MAX)
    except TheirFault as fault:
        raise TheirFault("bad_handshake") from fault
    if type(value) is not dict or list(value) != [1, 2, 3, 4, 5]:
        raise TheirFault("bad_handshake")
    home, node_key, until, signature, records = value.values()
    sound = (
        _is_bytes(home, ID_SIZE_BYTES)
        and _is_bytes(node_key, signing.KEY_SIZE_BYTES)
        and type(until) is int
        and _is_bytes(signature, signing.SIGNATURE_SIZE_BYTES)
        and type(records) is list
        and _records_fit(records)
    )
    if not sound:
        raise TheirFault("bad_handshake")
    return home, node_key, until, signature, records


def _is_bytes(value: Value, size_bytes: int) -> bool:
    return type(value) is bytes and len(value) == size_bytes


def _records_fit(records: list[Value]) -> bool:
    return (
        len(records) <= KEY_RECORDS_MAX
        and all(type(record) is bytes and len(record) <= KEY_RECORD_SIZE_BYTES_MAX for record in records)
        and sum(map(len, records)) <= KEY_RECORDS_SIZE_BYTES_MAX
    )
