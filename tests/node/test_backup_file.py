"""The bytes of a backup: opened whole or refused with a code, never otherwise."""

from __future__ import annotations

import hashlib
import io
from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from node import backup_file
from node.backup_file import (
    CHUNK_SIZE_BYTES,
    HEADER_SIZE_BYTES,
    MAGIC,
    SEALED_CHUNK_SIZE_BYTES,
    Contents,
    Opened,
    Part,
    read_header,
)
from protocol.encoding import encode
from protocol.errors import Fault, OurFault, WorldFault

KEY, OTHER_KEY, SALT = b"k" * 32, b"o" * 32, b"s" * 16
KEY_FILE = b'{"node_seed": "00"}'
REFUSALS = {"damaged_backup", "newer_backup", "wrong_backup_passphrase"}


def contents_of(database: bytes, key_file: bytes = KEY_FILE) -> Contents:
    parts = [Part(len(data), hashlib.sha256(data).digest()) for data in (key_file, database)]
    return Contents(1_800_000_000, b"h" * 32, "Riverbend", "barnraise 0.1.0", 7, *parts)


def sealed(database: bytes, contents: Contents | None = None) -> bytes:
    out = io.BytesIO()
    whole = backup_file.write(
        out, KEY, SALT, contents or contents_of(database), KEY_FILE, io.BytesIO(database)
    )
    assert whole == hashlib.sha256(out.getvalue()).digest()
    return out.getvalue()


def opened(data: bytes, key: bytes = KEY) -> tuple[Contents, bytes, bytes]:
    file, out = io.BytesIO(data), io.BytesIO()
    found = Opened(file, read_header(file), key)
    key_file = found.key_file()
    found.database(out)
    return found.contents, key_file, out.getvalue()


def code(data: bytes, key: bytes = KEY) -> str:
    with pytest.raises(Fault) as refused:
        opened(data, key)
    return refused.value.code


def summed(data: bytes | bytearray) -> bytes:
    """With both open checksums made right again, as whoever forges a file would."""
    header = bytes(data[: HEADER_SIZE_BYTES - 32])
    body = bytes(data[HEADER_SIZE_BYTES:-32])
    whole = header + hashlib.sha256(header).digest() + body
    return whole + hashlib.sha256(whole).digest()


DATABASE = bytes(range(256)) * 1024  # four chunks and what the contents take
BACKUP = sealed(DATABASE)


@pytest.mark.parametrize(
    "size", [0, 1, CHUNK_SIZE_BYTES - 1, CHUNK_SIZE_BYTES, CHUNK_SIZE_BYTES + 1, 3 * CHUNK_SIZE_BYTES]
)
def test_what_is_sealed_comes_out(size: int) -> None:
    database = hashlib.shake_128(b"database").digest(size)
    assert opened(sealed(database)) == (contents_of(database), KEY_FILE, database)


@pytest.mark.parametrize("shift", range(-3, 4))
def test_sizes_around_the_border_of_a_chunk(shift: int) -> None:
    before = 4 + len(contents_of(b"").encoded()) + len(KEY_FILE)
    database = bytes(2 * CHUNK_SIZE_BYTES - before - 8 + shift)  # the size in the contents takes a few bytes
    assert opened(sealed(database))[2] == database


def test_a_wrong_passphrase_is_not_damage_and_damage_is_no_wrong_passphrase() -> None:
    assert code(BACKUP, OTHER_KEY) == "wrong_backup_passphrase"
    for at in range(len(BACKUP)) if len(BACKUP) < 1000 else [*range(200), *range(200, len(BACKUP), 9973)]:
        flipped = bytearray(BACKUP)
        flipped[at] ^= 1 << (at % 8)
        assert code(bytes(flipped), OTHER_KEY) == code(bytes(flipped)) == "damaged_backup", at


def borders() -> list[int]:
    body = [HEADER_SIZE_BYTES + n * SEALED_CHUNK_SIZE_BYTES for n in range(6)]
    return [0, 15, 16, 18, HEADER_SIZE_BYTES - 1, *body, len(BACKUP) - 33, len(BACKUP) - 32, len(BACKUP) - 1]


@pytest.mark.parametrize("at", [at for at in borders() if at < len(BACKUP)])
def test_a_cut_at_any_border_is_damage(at: int) -> None:
    assert code(BACKUP[:at]) == "damaged_backup"
    if HEADER_SIZE_BYTES < at < len(BACKUP) - 32:  # also where the checksums are made to fit
        assert code(summed(BACKUP[:at] + bytes(32))) == "damaged_backup"


def test_chunks_in_another_order_doubled_or_left_out() -> None:
    head, step = HEADER_SIZE_BYTES, SEALED_CHUNK_SIZE_BYTES
    chunks = [BACKUP[at : min(at + step, len(BACKUP) - 32)] for at in range(head, len(BACKUP) - 32, step)]
    assert len(chunks) == 5
    for order in ([1, 0, 2, 3, 4], [0, 0, 1, 2, 3, 4], [0, 1, 3, 4], [0, 1, 2, 3, 4, 4], [0, 1, 2, 3]):
        changed = BACKUP[:head] + b"".join(chunks[number] for number in order) + bytes(32)
        assert code(summed(changed)) == "damaged_backup", order


def test_something_behind_the_end() -> None:
    assert code(BACKUP + b"\0") == "damaged_backup"
    assert code(summed(BACKUP[:-32] + b"more of it, and more, and more" + bytes(32))) == "damaged_backup"


def test_another_version() -> None:
    for version, told in ((2, "newer_backup"), (65_535, "newer_backup"), (0, "damaged_backup")):
        changed = bytearray(BACKUP)
        changed[len(MAGIC) : len(MAGIC) + 2] = version.to_bytes(2, "big")
        assert code(summed(changed)) == told


def test_a_salt_or_stream_header_that_was_changed_on_purpose() -> None:
    for at in (len(MAGIC) + 2, len(MAGIC) + 2 + 16, len(MAGIC) + 2 + 16 + 24):
        changed = bytearray(BACKUP)
        changed[at] ^= 1
        assert code(summed(changed)) == "wrong_backup_passphrase"


@given(st.binary(max_size=400), st.booleans())
@example(b"", True)
def test_any_bytes_are_refused_with_a_code(tail: bytes, with_magic: bool) -> None:
    """Parse, or raise our error with its code, never another."""
    data = (MAGIC if with_magic else b"") + tail
    assert code(data) in REFUSALS
    assert code(summed(data.ljust(HEADER_SIZE_BYTES + 40, b"\0"))) in REFUSALS


@given(st.data())
def test_bytes_changed_anywhere_are_refused_with_a_code(data: st.DataObject) -> None:
    changed = bytearray(BACKUP)
    for _ in range(data.draw(st.integers(1, 4))):
        at = data.draw(st.integers(0, len(changed) - 1))
        changed[at] = (changed[at] + data.draw(st.integers(1, 255))) % 256
    if bytes(changed) != BACKUP:
        assert code(bytes(changed)) == "damaged_backup"
        with pytest.raises(Fault) as refused:
            opened(summed(changed))
            raise WorldFault("damaged_backup")  # only the checksums were hit, and they are right again
        assert refused.value.code in REFUSALS


values = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**63), 2**63) | st.binary(max_size=40) | st.text(max_size=10),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=8,
)
GOOD = {
    "made": 1,
    "home": bytes(32),
    "neighborhood": "",
    "program": "",
    "records": 0,
    "key_file": [0, hashlib.sha256().digest()],
    "database": [0, hashlib.sha256().digest()],
}


class Said:
    """Contents that say anything at all, sealed with the right key."""

    def __init__(self, said: bytes) -> None:
        self._said = said
        self.database = Part(0, b"")

    def encoded(self) -> bytes:
        return self._said


@given(st.sampled_from([None, *GOOD]), values, st.binary(max_size=60), st.booleans())
def test_any_contents_are_refused_with_a_code(field: str | None, value: Any, raw: bytes, cut: bool) -> None:
    said = raw if field is None else encode({**GOOD, field: value})
    out = io.BytesIO()
    backup_file.write(out, KEY, SALT, Said(said), b"" if cut else KEY_FILE, io.BytesIO())  # type: ignore[arg-type]
    try:
        found, key_file, database = opened(out.getvalue())
    except (OurFault, WorldFault) as fault:
        assert fault.code == "damaged_backup"
    else:
        assert found.encoded() == said and (key_file, database) == (b"", b"")


def test_contents_that_are_too_long_are_not_written() -> None:
    long = Contents(1, bytes(32), "x" * 5_000, "", 0, Part(0, b""), Part(0, b""))
    with pytest.raises(ValueError, match="too long"):
        sealed(b"", long)


def test_a_database_that_changed_meanwhile_is_not_written() -> None:
    with pytest.raises(ValueError, match="changed"):
        sealed(b"longer", contents_of(b"long"))
