"""The worked example of a bundle in docs/protocol.md, worked out again; and the numbers that stand there."""

from __future__ import annotations

import hashlib

import pytest
from nacl.bindings import crypto_box_seed_keypair

from protocol import bundle, letter
from protocol.bundle import open_page, seal_page
from protocol.encoding import decode, encode
from protocol.kinds.parcel import prekey_public
from protocol.letter import Letter, RecordsPage, Section, read_letter, read_page, short_id
from tests.protocol.bundles import NOTHING
from tests.protocol.test_document import PAGE, blocks
from tests.protocol.test_record import CREATED, NODE_SEED, worked_example


def each(byte: int) -> bytes:
    return bytes([byte]) * 32


def example() -> dict[str, bytes]:
    """The blocks of the example."""
    inception, post = worked_example()
    said = Letter(
        sender=inception.id,
        recipient=each(0xEE),
        made=CREATED,
        prekey=prekey_public(each(9)),
        sections=(Section(each(0xCC), each(10), each(0xDD)),),
        ranges=((None, NOTHING),),
        tells_held=False,
        key_records=(inception.message,),
    )
    content = said.content(each(13), NODE_SEED)
    page = seal_page(each(10), each(13), 1, RecordsPage(0, True, (post.message,)).content())
    return {
        "slot": bundle._seal(each(11), prekey_public(each(7)), each(12)),
        "statement": encode(said.statement()),
        "letter_signature": read_letter(content).signature,
        "page": page[:32] + hashlib.sha256(page).digest() + short_id(each(10), post.id).to_bytes(8, "big"),
    }


def test_the_worked_example() -> None:
    stated = blocks()
    assert {name: stated[name].hex() for name in example()} == {k: v.hex() for k, v in example().items()}


def test_it_opens_again() -> None:
    stated, (inception, post) = blocks(), worked_example()
    slot = stated["slot"]
    assert slot[:32] == crypto_box_seed_keypair(each(12))[0]
    header = bundle.Header((slot,), each(13))
    assert header.open([(prekey_public(each(7)), each(7))]) == [each(11)]
    content = encode([decode(stated["statement"], 1_000), stated["letter_signature"], [inception.message]])
    assert read_letter(content).is_signed_by(inception.body["node_key"], each(13))
    sealed = seal_page(each(11), each(13), 0, content)
    assert open_page(sealed, each(13), 0, [each(10), each(11)]) == (each(11), content)
    page = read_page(RecordsPage(0, True, (post.message,)).content())
    assert isinstance(page, RecordsPage) and page.records == (post.message,)


@pytest.mark.parametrize(
    "number",
    [
        *(bundle.PAGE_SIZE_BYTES, bundle.PAGES_MAX, bundle.SLOT_SIZE_BYTES, *bundle.SLOT_COUNTS),
        *(letter.SECTIONS_MAX, letter.RANGES_MAX, letter.KEY_RECORDS_MAX, letter.KEY_RECORDS_SIZE_BYTES_MAX),
        *(letter.RECORDS_MAX, letter.SHORTS_MAX, letter.HELD_MAX, letter.SHORT_SIZE_BYTES),
    ],
)
def test_every_number_is_stated(number: int) -> None:
    part = PAGE.partition("\n## Bundles\n")[2].partition("\n## ")[0]
    assert f"{number:,}" in part
