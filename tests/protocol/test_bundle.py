"""Riverbend writes a file for Oak Street; Harbor Hill carries it and sees a size."""

from __future__ import annotations

import hashlib

import pytest
from hypothesis import given
from hypothesis import strategies as st
from nacl.public import PrivateKey, SealedBox

from protocol.bundle import (
    CONTENT_SIZE_BYTES_MAX,
    PAGE_SIZE_BYTES,
    PAGES_MAX,
    RECIPIENTS_MAX,
    SLOT_COUNTS,
    header_size_bytes,
    letter_key,
    open_page,
    padded_count,
    read_header,
    seal_page,
    usable,
    write_header,
)
from protocol.encoding import decode, encode
from protocol.errors import Fault, OurFault, TheirFault, WorldFault
from protocol.kinds.parcel import prekey_public
from protocol.letter import (
    HELD_MAX,
    SHORTS_MAX,
    Held,
    HeldPage,
    Letter,
    Opening,
    Packer,
    RecordsPage,
    Section,
    read_letter,
    read_page,
    short_id,
)
from tests.protocol.bundles import file_of, letter_to, records_page
from tests.protocol.helpers import Neighborhood, secret
from tests.vectors.making import bundles as vectors_of_bundles

riverbend, oak, harbor = Neighborhood("Riverbend"), Neighborhood("Oak Street"), Neighborhood("Harbor Hill")
SEED = secret("the file")
OAKS, HARBORS = secret("Oak Street", "prekey"), secret("Harbor Hill", "prekey")
VALLEY = hashlib.sha256(b"valley").digest()
SHARED = Section(VALLEY, secret("valley", "key"), bytes(32))
PAIR = Section(None, secret("pair", "key"), None)


def pairs(*private: bytes) -> list[tuple[bytes, bytes]]:
    return [(prekey_public(key), key) for key in private]


def opened(file: bytes, home: bytes, *private: bytes) -> tuple[Opening, list[bytes]]:
    """What a reader makes of a file: the records in it, in order."""
    size = header_size_bytes(file[:20])
    header = read_header(file[:size])
    reading, records = Opening(header, home, header.open(pairs(*private))), []
    for at in range(size, len(file) - PAGE_SIZE_BYTES + 1, PAGE_SIZE_BYTES):
        found = reading.take(file[at : at + PAGE_SIZE_BYTES])
        if isinstance(found, tuple):
            records += found[1].records
    return reading, records


def whole_file() -> bytes:
    """To Oak Street all, to Harbor Hill what the coalition shares."""
    return file_of(
        SEED,
        {oak.id: prekey_public(OAKS), harbor.id: prekey_public(HARBORS)},
        [letter_to(oak.id, riverbend.id, [SHARED, PAIR]), letter_to(harbor.id, riverbend.id, [SHARED])],
        [
            (SHARED.key, records_page(0, False, b"one")),
            (PAIR.key, records_page(0, True, b"for Oak Street alone")),
            (SHARED.key, records_page(1, True, b"two")),
        ],
        riverbend.seed,
        chance=1,
    )


def test_each_opens_what_is_theirs() -> None:
    file = whole_file()
    reading, records = opened(file, oak.id, OAKS)
    assert records == [b"one", b"for Oak Street alone", b"two"] and reading.whole
    assert reading.letter is not None and reading.letter.is_signed_by(riverbend.key, reading.header.digest)
    assert not reading.letter.is_signed_by(oak.key, reading.header.digest)
    assert not reading.letter.is_signed_by(riverbend.key, bytes(32)), "a letter belongs to its file"
    reading, records = opened(file, harbor.id, HARBORS)
    assert records == [b"one", b"two"] and reading.whole
    for hidden in (riverbend.id, oak.id, prekey_public(OAKS), b"one", b"alone", riverbend.key):
        assert hidden not in file


def test_a_slot_is_what_libsodium_makes() -> None:
    header = read_header(write_header({oak.id: prekey_public(OAKS)}, SEED))
    keys = []
    for slot in header.slots:
        try:
            keys.append(SealedBox(PrivateKey(OAKS)).decrypt(slot))
        except Exception:
            continue
    assert keys == [letter_key(SEED, oak.id)] == header.open(pairs(HARBORS, OAKS))
    assert header.open(pairs(HARBORS)) == [] == header.open([])


@pytest.mark.parametrize(
    ("recipients", "slots"), [(1, 8), (8, 8), (9, 16), (100, 128), (RECIPIENTS_MAX, 256)]
)
def test_the_number_of_slots_says_little(recipients: int, slots: int) -> None:
    prekeys = {secret(str(n)): prekey_public(secret(str(n), "prekey")) for n in range(recipients)}
    header = read_header(write_header(prekeys, SEED))
    assert len(header.slots) == slots and len(set(header.slots)) == slots
    assert list(header.slots) == sorted(header.slots) and slots in SLOT_COUNTS
    for wrong in ({}, {secret(str(n)): prekey_public(secret(str(n))) for n in range(RECIPIENTS_MAX + 1)}):
        with pytest.raises(ValueError):
            write_header(wrong, SEED)


def test_a_prekey_that_is_no_key() -> None:
    assert usable(prekey_public(OAKS))
    for bad in (bytes(32), b"\x01" + bytes(31), b"short"):
        assert not usable(bad)
    with pytest.raises(ValueError):
        write_header({oak.id: bytes(32)}, SEED)


def test_somebody_elses_prekey_on_ones_card_gets_in_nobodys_way() -> None:
    """Harbor Hill shows Oak Street's prekey as its own: Oak Street finds its letter all the same."""
    file = file_of(
        SEED,
        {harbor.id: prekey_public(OAKS), oak.id: prekey_public(OAKS)},
        [letter_to(harbor.id, riverbend.id, [SHARED]), letter_to(oak.id, riverbend.id, [PAIR])],
        [(SHARED.key, records_page(0, True, b"shared")), (PAIR.key, records_page(0, True, b"pair"))],
        riverbend.seed,
    )
    reading, records = opened(file, oak.id, OAKS)
    assert records == [b"pair"] and reading.whole


@given(st.integers(1, PAGES_MAX))
def test_few_sizes_occur(pages: int) -> None:
    padded = padded_count(pages)
    assert pages <= padded <= pages + pages // 8
    assert padded_count(padded) == padded
    assert pages == 1 or padded <= padded_count(pages + 1)


def test_there_are_few_sizes_in_all() -> None:
    assert len({padded_count(pages) for pages in range(1, PAGES_MAX + 1)}) < 150


def test_a_header_that_is_not_right() -> None:
    header = write_header({oak.id: prekey_public(OAKS)}, SEED)
    assert read_header(header).digest == header[-32:]
    wrong: list[tuple[bytes, type[Fault], str]] = [
        (b"", OurFault, "not_a_bundle"),
        (b"\x89PNG\r\n", OurFault, "not_a_bundle"),
        (b"barnraise backup" + header[16:], OurFault, "not_a_bundle"),
        (header[:9], WorldFault, "damaged_bundle"),
        (header[:-1], WorldFault, "damaged_bundle"),
        (header + b"x", WorldFault, "damaged_bundle"),
        (header[:16] + b"\x00\x02" + header[18:], WorldFault, "newer_bundle"),
        (header[:18] + b"\x00\x09" + header[20:], WorldFault, "damaged_bundle"),
        (header[:100] + bytes([header[100] ^ 1]) + header[101:], WorldFault, "damaged_bundle"),
    ]
    for data, kind, code in wrong:
        with pytest.raises(kind) as refused:
            read_header(data)
        assert refused.value.code == code


def test_a_page_is_tied_to_its_file_and_place() -> None:
    page = seal_page(PAIR.key, bytes(32), 3, b"content")
    assert len(page) == PAGE_SIZE_BYTES
    assert open_page(page, bytes(32), 3, [SHARED.key, PAIR.key]) == (PAIR.key, b"content")
    for digest, place, keys in (
        (b"x" * 32, 3, [PAIR.key]),
        (bytes(32), 4, [PAIR.key]),
        (bytes(32), 3, [SHARED.key]),
    ):
        assert open_page(page, digest, place, keys) is None
    with pytest.raises(ValueError):
        seal_page(PAIR.key, bytes(32), 0, bytes(CONTENT_SIZE_BYTES_MAX + 1))


def test_what_is_missing_is_noticed_and_the_rest_is_read() -> None:
    file = whole_file()
    size = header_size_bytes(file[:20])

    def without(place: int) -> bytes:
        at = size + place * PAGE_SIZE_BYTES
        return file[:at] + bytes(PAGE_SIZE_BYTES) + file[at + PAGE_SIZE_BYTES :]

    reading, records = opened(without(2), oak.id, OAKS)
    assert records == [b"for Oak Street alone", b"two"] and not reading.whole and reading.pages_missing == 1
    reading, records = opened(without(4), oak.id, OAKS)
    assert records == [b"one", b"for Oak Street alone"] and not reading.whole
    reading, records = opened(without(0), oak.id, OAKS)
    assert records == [] and not reading.whole and reading.letter is None
    reading, records = opened(without(1), oak.id, OAKS)
    assert len(records) == 3 and reading.whole, "Harbor Hill's letter is no loss to Oak Street"
    reading, records = opened(without(5), oak.id, OAKS)
    assert reading.whole, "nor is what nobody can open"
    reading, records = opened(file[: size + 4 * PAGE_SIZE_BYTES + 9], oak.id, OAKS)
    assert records == [b"one", b"for Oak Street alone"] and not reading.whole


def test_pages_cannot_come_twice_or_after_the_end() -> None:
    for numbers in ([0, 0], [1, 0], [0, 1, 1]):
        pages = [(PAIR.key, records_page(number, False, b"r")) for number in numbers]
        file = file_of(
            SEED,
            {oak.id: prekey_public(OAKS)},
            [letter_to(oak.id, riverbend.id, [PAIR])],
            pages,
            riverbend.seed,
        )
        with pytest.raises(TheirFault) as refused:
            opened(file, oak.id, OAKS)
        assert refused.value.code == "bad_bundle"
    ended = [(PAIR.key, records_page(0, True)), (PAIR.key, records_page(1, True))]
    file = file_of(
        SEED, {oak.id: prekey_public(OAKS)}, [letter_to(oak.id, riverbend.id, [PAIR])], ended, riverbend.seed
    )
    with pytest.raises(TheirFault):
        opened(file, oak.id, OAKS)


# what stands in pages


@given(
    st.lists(st.binary(min_size=1, max_size=8_192), max_size=30),
    st.lists(st.integers(0, 2**64 - 1), max_size=20, unique=True),
)
def test_what_is_packed_comes_out(records: list[bytes], shorts: list[int]) -> None:
    packer = Packer()
    contents = [content for record in records for content in packer.record(record)]
    contents += packer.held("coalition", sorted(shorts))
    contents += packer.close()
    assert all(len(content) <= CONTENT_SIZE_BYTES_MAX for content in contents)
    pages = [read_page(content) for content in contents]
    assert [page.number for page in pages] == list(range(len(pages)))
    assert [page.last for page in pages] == [False] * (len(pages) - 1) + [True]
    assert [r for page in pages if isinstance(page, RecordsPage) for r in page.records] == records
    held = Held()
    for page in pages:
        if isinstance(page, HeldPage):
            held.take(VALLEY, page)
    assert list(held.sets.get((VALLEY, "coalition"), [])) == sorted(shorts)


def test_a_hundred_thousand_ids_are_under_a_megabyte() -> None:
    shorts = sorted(short_id(PAIR.key, n.to_bytes(32, "big")) for n in range(100_000))
    packer = Packer()
    pages = [*packer.held("pair", shorts), *packer.close()]
    assert len(pages) == 100_000 // SHORTS_MAX
    assert (1 + padded_count(len(pages))) * PAGE_SIZE_BYTES < 1_000_000
    assert len(set(shorts)) == 100_000


def test_a_digest_in_disorder_is_refused() -> None:
    def page(*shorts: int, name: str = "coalition") -> HeldPage:
        return HeldPage(0, False, name, b"".join(short.to_bytes(8, "big") for short in shorts))  # type: ignore[arg-type]

    for pages in ([page(2, 1)], [page(1, 1)], [page(1, 5), page(5)], [page(1, name="pair")]):
        held = Held()
        with pytest.raises(TheirFault):
            for one in pages:
                held.take(VALLEY, one)
    held = Held(count=HELD_MAX)
    with pytest.raises(TheirFault):
        held.take(VALLEY, page(1))


def test_a_letter_comes_out_as_it_went_in() -> None:
    said = letter_to(
        oak.id,
        riverbend.id,
        [SHARED, PAIR],
        tells_held=True,
        key_records=[b"key record"],
        ranges=[(5, b"f" * 16), (None, b"g" * 16)],
    )
    content = said.content(bytes(32), riverbend.seed)
    read = read_letter(content)
    assert read.is_signed_by(riverbend.key, bytes(32)) and read.statement() == said.statement()
    assert isinstance(read, Letter) and read.key_records == (b"key record",)
    statement, signature, records = decode(content, 40_000)
    for key in range(1, 8):
        for value in (None, -1, b"x" * 31, "text", [[1]], {}):
            if value != statement[key]:
                with pytest.raises(TheirFault) as refused:
                    read_letter(encode([statement | {key: value}, signature, records]))
                assert refused.value.code == "bad_bundle"
    for wrong in (
        [statement, signature],
        [statement, b"", records],
        [statement, signature, [1]],
        {},
        [{}, signature, []],
    ):
        with pytest.raises(TheirFault):
            read_letter(encode(wrong))


def test_every_vector_of_this_kind_is_here() -> None:
    assert len(dict(vectors_of_bundles.cases())) >= 20
