"""Every vector of bundles: files, and what stands in their pages."""

from __future__ import annotations

from typing import Any

import pytest

from protocol.bundle import PAGE_SIZE_BYTES, START_SIZE_BYTES, header_size_bytes, letter_key, read_header
from protocol.errors import Fault, OurFault
from protocol.letter import (
    SET_NAMES,
    HeldPage,
    Letter,
    Opening,
    RecordsPage,
    read_letter,
    read_page,
    short_id,
)
from tests.vectors.reading import FOLDER, vectors


def each(stage: str) -> Any:
    return pytest.mark.parametrize("vector", [pytest.param(v, id=n) for n, v in vectors(stage).items()])


def file_in(vector: dict[str, Any]) -> bytes:
    """The file of a vector, or that of another one, cut off or with one bit turned."""
    if "file" in vector:
        return bytes.fromhex(vector["file"])
    data = bytearray(file_in(vectors("bundle")[vector["of"]]))
    if "flip" in vector:
        data[vector["flip"]] ^= 1
    return bytes(data[: vector.get("keep", len(data))])


def read(vector: dict[str, Any]) -> tuple[Opening, list[bytes]]:
    file = file_in(vector)
    size = header_size_bytes(file[:START_SIZE_BYTES])
    header = read_header(file[:size])
    prekeys = [(bytes.fromhex(public), bytes.fromhex(private)) for public, private in vector["prekeys"]]
    keys = header.open(prekeys)
    if not keys:
        raise OurFault("not_our_bundle")
    opening, records = Opening(header, bytes.fromhex(vector["home"]), keys), []
    for at in range(size, len(file) - PAGE_SIZE_BYTES + 1, PAGE_SIZE_BYTES):
        found = opening.take(file[at : at + PAGE_SIZE_BYTES])
        if isinstance(found, tuple):
            records += found[1].records
    return opening, records


def stated(letter: Letter | None) -> dict[str, Any] | None:
    if letter is None:
        return None
    return {
        "sender": letter.sender.hex(),
        "made": letter.made,
        "prekey": letter.prekey.hex(),
        "sections": [
            [s.coalition.hex() if s.coalition else None, s.key.hex(), s.epoch.hex() if s.epoch else None]
            for s in letter.sections
        ],
        "ranges": [[until, fingerprint.hex()] for until, fingerprint in letter.ranges],
        "tells_held": letter.tells_held,
        "key_records": [record.hex() for record in letter.key_records],
    }


@each("bundle")
def test_a_file(vector: dict[str, Any]) -> None:
    if "opened" not in vector:
        with pytest.raises(Fault) as refused:
            read(vector)
        assert refused.value.code == vector["code"]
        return
    opening, records = read(vector)
    said = vector["opened"]
    assert stated(opening.letter) == said["letter"]
    assert ([record.hex() for record in records], opening.whole) == (said["records"], said["whole"])
    if opening.letter is not None:
        genuine = opening.letter.is_signed_by(bytes.fromhex(said["node_key"]), opening.header.digest)
        assert genuine == ("code" not in vector)
    if "held" in said:
        (section,) = opening.letter.sections  # type: ignore[union-attr]
        held = opening.held.sets[(section.coalition, "coalition")]
        assert [f"{short:016x}" for short in held] == said["held"]["coalition"]
        assert sorted(short_id(section.key, bytes.fromhex(i)) for i in said["held"]["ids"]) == list(held)


@each("bundle_letter")
def test_a_letter(vector: dict[str, Any]) -> None:
    content = bytes.fromhex(vector["content"])
    if "code" in vector:
        with pytest.raises(Fault) as refused:
            read_letter(content)
        assert refused.value.code == vector["code"]
        return
    letter = read_letter(content)
    assert stated(letter) == vector["opened"]
    assert letter.is_signed_by(bytes.fromhex(vector["node_key"]), bytes.fromhex(vector["digest"]))


@each("bundle_page")
def test_a_page(vector: dict[str, Any]) -> None:
    content = bytes.fromhex(vector["content"])
    if "code" in vector:
        with pytest.raises(Fault) as refused:
            read_page(content)
        assert refused.value.code == vector["code"]
        return
    page, said = read_page(content), vector["opened"]
    assert (page.number, page.last, page.content()) == (said["number"], said["last"], content)
    if isinstance(page, RecordsPage):
        assert [record.hex() for record in page.records] == said["records"]
    else:
        assert isinstance(page, HeldPage)
        assert (SET_NAMES.index(page.set_name), page.shorts.hex()) == (said["set"], "".join(said["shorts"]))
        assert page.shorts == short_id(bytes.fromhex(vector["key"]), bytes.fromhex(vector["id"])).to_bytes(
            8, "big"
        )


@each("bundle_key")
def test_a_key(vector: dict[str, Any]) -> None:
    seed, home = bytes.fromhex(vector["seed"]), bytes.fromhex(vector["home"])
    assert letter_key(seed, home).hex() == vector["key"]


def test_all_of_them_are_read() -> None:
    run = [*vectors("bundle"), *vectors("bundle_letter"), *vectors("bundle_page"), *vectors("bundle_key")]
    assert len(run) == len(list(FOLDER.glob("bundle/*.json"))) >= 30
