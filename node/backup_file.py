"""The backup file: one encrypted file from which a node comes back. The exact bytes, and nothing else.

    header    122 bytes   magic (16) version (2) salt (16) stream header (24) key check (32) checksum (32)
    chunks                libsodium's secretstream: 65,536 bytes and 17 more each; the last one is marked
    checksum   32 bytes   SHA-256 of everything before it

The key is Argon2id of a passphrase. Two plain checksums tell damage without it: who mistypes the passphrase
is not told that the file is broken, nor the other way round. The key check is made with the key, so a
wrong passphrase is known before anything is opened. docs/backup.md has the same in words for strangers.

Reading and writing go piece by piece: memory does not grow with the file.
"""

from __future__ import annotations

import hashlib
import hmac
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import BinaryIO

from nacl import bindings
from nacl.exceptions import CryptoError

from protocol.encoding import decode, encode
from protocol.errors import OurFault, TheirFault, WorldFault

SUFFIX = ".barnraise-backup"
MAGIC = b"barnraise backup"
VERSION = 1
SALT_SIZE_BYTES = 16
STREAM_HEADER_SIZE_BYTES = bindings.crypto_secretstream_xchacha20poly1305_HEADERBYTES
CHECKED_SIZE_BYTES = len(MAGIC) + 2 + SALT_SIZE_BYTES + STREAM_HEADER_SIZE_BYTES
HEADER_SIZE_BYTES = CHECKED_SIZE_BYTES + 32 + 32
CHECKSUM_SIZE_BYTES = 32
CHUNK_SIZE_BYTES = 65_536
SEALED_CHUNK_SIZE_BYTES = CHUNK_SIZE_BYTES + bindings.crypto_secretstream_xchacha20poly1305_ABYTES
CONTENTS_SIZE_BYTES_MAX = 4_096
_FINAL = bindings.crypto_secretstream_xchacha20poly1305_TAG_FINAL
_MESSAGE = bindings.crypto_secretstream_xchacha20poly1305_TAG_MESSAGE

Progress = Callable[[int], None]  # told how many bytes of the work are done since it was last told


def _nobody(done_bytes: int) -> None:
    """Progress that nobody watches."""


@dataclass(frozen=True, slots=True)
class Part:
    """One of the two files within: its size and its SHA-256."""

    size_bytes: int
    sha256: bytes


@dataclass(frozen=True, slots=True)
class Contents:
    """What a backup says of itself, first of all that is sealed. The files follow: key file, database."""

    made: int
    home: bytes
    neighborhood: str
    program: str
    records: int
    key_file: Part
    database: Part

    def encoded(self) -> bytes:
        return encode(
            {
                "made": self.made,
                "home": self.home,
                "neighborhood": self.neighborhood,
                "program": self.program,
                "records": self.records,
                "key_file": [self.key_file.size_bytes, self.key_file.sha256],
                "database": [self.database.size_bytes, self.database.sha256],
            }
        )


def _damaged(how: str) -> WorldFault:
    return WorldFault("damaged_backup", f"This backup cannot be used: {how}. Try another copy of it.")


# sealing


class _Sealer:
    """Bytes in, whole sealed chunks out, and the checksum of all that was written."""

    def __init__(self, out: BinaryIO, key: bytes, salt: bytes) -> None:
        self._out = out
        self._waiting = bytearray()
        self._state = bindings.crypto_secretstream_xchacha20poly1305_state()
        stream_header = bindings.crypto_secretstream_xchacha20poly1305_init_push(
            self._state, _stream_key(key, salt)
        )
        checked = MAGIC + VERSION.to_bytes(2, "big") + salt + stream_header
        checked += _key_check(key, checked)
        self._sum = hashlib.sha256()
        self._write(checked + hashlib.sha256(checked).digest())

    def _write(self, data: bytes) -> None:
        self._sum.update(data)
        self._out.write(data)

    def _push(self, data: bytes, tag: int) -> None:
        self._write(bindings.crypto_secretstream_xchacha20poly1305_push(self._state, data, ad=None, tag=tag))

    def take(self, data: bytes) -> None:
        """Seal `data`; the last chunk waits, because it will be marked."""
        self._waiting += data
        while len(self._waiting) > CHUNK_SIZE_BYTES:
            self._push(bytes(self._waiting[:CHUNK_SIZE_BYTES]), _MESSAGE)
            del self._waiting[:CHUNK_SIZE_BYTES]

    def finish(self) -> bytes:
        """Write what waits and the checksum; gives the SHA-256 of the whole file."""
        self._push(bytes(self._waiting), _FINAL)
        self._write(self._sum.digest())
        return self._sum.digest()


def _stream_key(key: bytes, salt: bytes) -> bytes:
    return hmac.digest(key, b"barnraise/1 backup stream\x00" + salt, "sha256")


def _key_check(key: bytes, checked: bytes) -> bytes:
    return hmac.digest(key, b"barnraise/1 backup check\x00" + checked, "sha256")


def write(
    out: BinaryIO,
    key: bytes,
    salt: bytes,
    contents: Contents,
    key_file: bytes,
    database: BinaryIO,
    progress: Progress = _nobody,
) -> bytes:
    """Write a whole backup to `out`; gives the SHA-256 of the file. `key` is Argon2id of the passphrase.

    Raises ValueError where the database is not the one that `contents` speaks of, and OSError.
    """
    sealer = _Sealer(out, key, salt)
    said = contents.encoded()
    if len(said) > CONTENTS_SIZE_BYTES_MAX:
        raise ValueError("the contents are too long")
    sealer.take(len(said).to_bytes(4, "big") + said + key_file)
    size_bytes = 0
    while data := database.read(CHUNK_SIZE_BYTES):
        size_bytes += len(data)
        sealer.take(data)
        progress(len(data))
    if size_bytes != contents.database.size_bytes:
        raise ValueError("the database changed while it was sealed")
    return sealer.finish()


# opening


@dataclass(frozen=True, slots=True)
class Header:
    """What stands open at the beginning of a backup that is whole. `sha256` is that of the whole file."""

    salt: bytes
    stream_header: bytes
    key_check: bytes
    body_size_bytes: int
    sha256: bytes

    @property
    def _checked(self) -> bytes:
        return MAGIC + VERSION.to_bytes(2, "big") + self.salt + self.stream_header

    def fits(self, key: bytes) -> bool:
        """Whether the file was sealed with this key."""
        return hmac.compare_digest(self.key_check, _key_check(key, self._checked))


def read_header(file: BinaryIO, progress: Progress = _nobody) -> Header:
    """Read a file to its end, without a key: is it a backup, whole, of a version that we know?

    Raises WorldFault: damaged_backup, newer_backup.
    """
    file.seek(0)
    start = file.read(HEADER_SIZE_BYTES)
    if start[: len(MAGIC)] != MAGIC:
        raise _damaged("it is no backup of Barnraise, or its beginning is damaged")
    if len(start) < HEADER_SIZE_BYTES:
        raise _damaged("it ends too early")
    if hashlib.sha256(start[:-32]).digest() != start[-32:]:
        raise _damaged("its beginning is damaged")
    total = hashlib.sha256(start)
    # the last 32 bytes are the checksum of what is before them, and nobody knows yet where the last are
    held, body_size_bytes = b"", 0
    while data := file.read(CHUNK_SIZE_BYTES):
        progress(len(data))
        held += data
        done, held = held[:-CHECKSUM_SIZE_BYTES], held[-CHECKSUM_SIZE_BYTES:]
        total.update(done)
        body_size_bytes += len(done)
    if len(held) < CHECKSUM_SIZE_BYTES or total.digest() != held:
        raise _damaged("it is damaged or was cut off")
    total.update(held)
    at = len(MAGIC)
    version = int.from_bytes(start[at : at + 2], "big")
    if version > VERSION:
        raise WorldFault("newer_backup")
    if version < VERSION:
        raise _damaged(f"there is no version {version} of it")
    salt_end = at + 2 + SALT_SIZE_BYTES
    return Header(
        salt=start[at + 2 : salt_end],
        stream_header=start[salt_end:CHECKED_SIZE_BYTES],
        key_check=start[CHECKED_SIZE_BYTES : CHECKED_SIZE_BYTES + 32],
        body_size_bytes=body_size_bytes,
        sha256=total.digest(),
    )


def _opened(file: BinaryIO, header: Header, key: bytes) -> Iterator[bytes]:
    """The plain bytes, chunk by chunk. Raises WorldFault("damaged_backup")."""
    state = bindings.crypto_secretstream_xchacha20poly1305_state()
    bindings.crypto_secretstream_xchacha20poly1305_init_pull(
        state, header.stream_header, _stream_key(key, header.salt)
    )
    file.seek(HEADER_SIZE_BYTES)
    left = header.body_size_bytes
    while left > 0:
        sealed = file.read(min(SEALED_CHUNK_SIZE_BYTES, left))
        left -= len(sealed)
        try:
            data, tag = bindings.crypto_secretstream_xchacha20poly1305_pull(state, sealed, ad=None)
        except (CryptoError, ValueError):
            raise _damaged("a part of it does not open") from None
        if (tag == _FINAL) != (left == 0):
            raise _damaged("it was cut off or put together anew")
        yield data


class Opened:
    """A backup that its passphrase opened: `contents` first, then the two files, once."""

    def __init__(self, file: BinaryIO, header: Header, key: bytes) -> None:
        """Raises OurFault("wrong_backup_passphrase") and WorldFault("damaged_backup")."""
        if not header.fits(key):
            raise OurFault("wrong_backup_passphrase")
        self._chunks = _opened(file, header, key)
        self._held = b""
        size_bytes = int.from_bytes(self._take(4), "big")
        if size_bytes > CONTENTS_SIZE_BYTES_MAX:
            raise _damaged("it does not say what is in it")
        self.contents = _read_contents(self._take(size_bytes))

    def _more(self) -> bool:
        data = next(self._chunks, None)
        self._held += data or b""
        return data is not None

    def _take(self, size_bytes: int) -> bytes:
        while len(self._held) < size_bytes:
            if not self._more():
                raise _damaged("it holds less than it says")
        taken, self._held = self._held[:size_bytes], self._held[size_bytes:]
        return taken

    def key_file(self) -> bytes:
        """The bytes of the key file."""
        part = self.contents.key_file
        data = self._take(part.size_bytes)
        if hashlib.sha256(data).digest() != part.sha256:
            raise _damaged("its key file is not the one that it names")
        return data

    def database(self, out: BinaryIO, progress: Progress = _nobody) -> None:
        """Write the database to `out`, and see that nothing follows."""
        part, total, left = self.contents.database, hashlib.sha256(), self.contents.database.size_bytes
        while left:
            data = self._take(min(CHUNK_SIZE_BYTES, left))
            left -= len(data)
            total.update(data)
            out.write(data)
            progress(len(data))
        if total.digest() != part.sha256:
            raise _damaged("its database is not the one that it names")
        if self._held or self._more() or self._held:
            raise _damaged("it holds more than it says")


def _read_contents(data: bytes) -> Contents:
    try:
        said = decode(data, CONTENTS_SIZE_BYTES_MAX)
    except TheirFault:
        raise _damaged("it does not say what is in it") from None
    shape = {"made": int, "home": bytes, "neighborhood": str, "program": str, "records": int}
    if not isinstance(said, dict) or said.keys() != {*shape, "key_file", "database"}:
        raise _damaged("it does not say what is in it")
    sound = all(type(said[name]) is kind for name, kind in shape.items()) and len(said["home"]) == 32
    if not sound or said["made"] < 0 or said["records"] < 0:
        raise _damaged("it does not say what is in it")
    return Contents(
        **{name: said[name] for name in shape},
        key_file=_read_part(said["key_file"], size_bytes_max=CONTENTS_SIZE_BYTES_MAX),
        database=_read_part(said["database"], size_bytes_max=2**48),
    )


def _read_part(said: object, *, size_bytes_max: int) -> Part:
    if isinstance(said, list) and len(said) == 2:
        size_bytes, sha256 = said
        if type(size_bytes) is int and 0 <= size_bytes <= size_bytes_max and type(sha256) is bytes:
            return Part(size_bytes, sha256)
    raise _damaged("it does not say what is in it")
