"""Bundles: files that are whole, torn, tampered with or for others; and what may stand in a page."""
# fmt: off

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

from protocol.bundle import START_SIZE_BYTES, header_size_bytes, letter_key, write_header
from protocol.encoding import encode
from protocol.kinds.parcel import prekey_public
from protocol.letter import HeldPage, Letter, Section, short_id
from tests.protocol.bundles import NOTHING, file_of, letter_to, records_page
from tests.protocol.helpers import TODAY, secret
from tests.vectors.making.parcels import Post
from tests.vectors.making.scene import Case, Vector

DAY_S = 86_400
OLD, NEW = secret("Riverbend's prekey of last month"), secret("Riverbend's prekey")
HARBORS = secret("Harbor Hill's prekey")
OAKS = prekey_public(secret("Oak Street's prekey"))
MADE = TODAY * DAY_S
PREKEYS = [[prekey_public(key).hex(), key.hex()] for key in (NEW, OLD)]


class Bundle(Post):
    """Oak Street writes for Riverbend, which reads."""

    def __init__(self, seed: str = "file") -> None:
        super().__init__()
        self.seed = secret(seed)
        self.shared = Section(self.region.id, secret(seed, "shared"), self.tip.id)
        self.between = Section(None, secret(seed, "pair"), None)
        self.keys = [record.message for record in self.oak.key_records]

    def letter(self, sections: Sequence[Section], **more: Any) -> Letter:
        said: dict[str, Any] = {"made": MADE, "prekey": OAKS, "key_records": self.keys} | more
        return letter_to(said.pop("recipient", self.riverbend.id), said.pop("sender", self.oak.id), sections, **said)

    def file(self, letters: Sequence[Letter], pages: Sequence[tuple[bytes, bytes]], *, prekeys: dict[bytes, bytes] | None = None, by: bytes = b"", chance: int = 0) -> bytes:
        to = {self.riverbend.id: prekey_public(NEW)} if prekeys is None else prekeys
        return file_of(self.seed, to, letters, pages, by or self.oak.seed, chance)


def read(about: str, file: bytes, opened: dict[str, Any] | None, code: str | None = None) -> Vector:
    made: Vector = {"about": about, "stage": "bundle", "home": Bundle().riverbend.id.hex(), "prekeys": PREKEYS, "file": file.hex()}
    return made | ({"code": code} if code else {}) | ({"opened": opened} if opened is not None else {})


def changed(about: str, of: str, opened: dict[str, Any] | None, code: str | None = None, *, keep: int | None = None, flip: int | None = None) -> Vector:
    made: Vector = {"about": about, "stage": "bundle", "home": Bundle().riverbend.id.hex(), "prekeys": PREKEYS, "of": of}
    made |= {"keep": keep} if keep is not None else {}
    made |= {"flip": flip} if flip is not None else {}
    return made | ({"code": code} if code else {}) | ({"opened": opened} if opened is not None else {})


def opened(letter: Letter | None, key: bytes | None, records: Sequence[bytes] = (), whole: bool = True, held: dict[str, Any] | None = None) -> dict[str, Any]:
    """`key`: the node key with which the letter is to be verified."""
    said: dict[str, Any] = {"letter": None}
    if letter is not None and key is not None:
        sections = [[s.coalition.hex() if s.coalition else None, s.key.hex(), s.epoch.hex() if s.epoch else None] for s in letter.sections]
        said["letter"] = {"sender": letter.sender.hex(), "made": letter.made, "prekey": letter.prekey.hex(), "sections": sections, "ranges": [[u, f.hex()] for u, f in letter.ranges], "tells_held": letter.tells_held, "key_records": [r.hex() for r in letter.key_records]}
        said["node_key"] = key.hex()
    said |= {"records": [record.hex() for record in records], "whole": whole}
    return said | ({"held": held} if held else {})


def files() -> Iterator[Case]:
    s = Bundle()
    post, claim = s.ben.post(s.scope).message, s.promise.message
    letter = s.letter([s.shared, s.between])
    whole = s.file([letter], [(s.shared.key, records_page(0, True, post)), (s.between.key, records_page(0, True, claim))])
    size = header_size_bytes(whole[:START_SIZE_BYTES])
    everything = opened(letter, s.oak.key, [post, claim])
    yield "bundle/whole", read("A letter, one record of the coalition, one of the pair.", whole, everything)
    yield "bundle/torn-within-the-last-page", changed("It ends within the page of the pair: what is before is whole.", "bundle/whole", opened(letter, s.oak.key, [post], whole=False), keep=size + 2 * 32_768 + 5_000)
    yield "bundle/torn-behind-the-letter", changed("It ends with the letter.", "bundle/whole", opened(letter, s.oak.key, [], whole=False), keep=size + 32_768)
    yield "bundle/torn-within-the-letter", changed("It ends within the letter: there is nothing to read.", "bundle/whole", opened(None, None, whole=False), keep=size + 32_767)
    yield "bundle/torn-within-the-header", changed("It ends within the slots.", "bundle/whole", None, "damaged_bundle", keep=300)
    yield "bundle/tampered-page", changed("One bit of the coalition's page is another: it opens for nobody, the one behind it does.", "bundle/whole", opened(letter, s.oak.key, [claim], whole=False), flip=size + 32_768 + 900)
    yield "bundle/tampered-letter", changed("One bit of the letter is another: nothing can be read.", "bundle/whole", opened(None, None, whole=False), flip=size + 17)
    yield "bundle/tampered-slot", changed("One bit of a slot is another.", "bundle/whole", None, "damaged_bundle", flip=100)
    yield "bundle/no-bundle", changed("Its first byte is another: this is some other file.", "bundle/whole", None, "not_a_bundle", flip=0)
    yield "bundle/another-version", changed("Version 0 of the file.", "bundle/whole", None, "newer_bundle", flip=17)
    s = Bundle("replay")
    earlier = s.letter([s.shared], made=MADE - 40 * DAY_S)
    old = s.file([earlier], [(s.shared.key, records_page(0, True, post))], prekeys={s.riverbend.id: prekey_public(OLD)})
    yield "bundle/replay-to-an-earlier-prekey", read("Written 40 days ago to the prekey of then: it is read like any other.", old, opened(earlier, s.oak.key, [post]))
    s = Bundle("others")
    header = write_header({s.harbor.id: prekey_public(HARBORS)}, s.seed)
    yield "bundle/not-for-us", read("Sealed to Harbor Hill alone.", header, None, "not_our_bundle")
    s = Bundle("copied")
    to = {s.harbor.id: prekey_public(NEW), s.riverbend.id: prekey_public(NEW)}
    ours = s.letter([s.between])
    both = s.file([s.letter([s.shared], recipient=s.harbor.id), ours], [(s.between.key, records_page(0, True, claim))], prekeys=to)
    yield "bundle/our-prekey-on-anothers-card", read("Harbor Hill shows our prekey as its own, so two slots open for us; the letter to Harbor Hill is passed over.", both, opened(ours, s.oak.key, [claim]))
    s = Bundle("forged")
    forged = s.letter([])
    yield "bundle/signed-by-another", read("Harbor Hill writes a letter as Oak Street: its signature does not verify.", s.file([forged], [], by=s.harbor.seed), opened(forged, s.oak.key), "bad_bundle")
    s = Bundle("digest")
    letter = s.letter([s.shared], tells_held=True)
    shorts = sorted(short_id(s.shared.key, record.id) for record in s.held())
    page = HeldPage(0, True, "coalition", b"".join(n.to_bytes(8, "big") for n in shorts)).content()
    held = {"coalition": [f"{n:016x}" for n in shorts], "ids": [record.id.hex() for record in s.held()]}
    yield "bundle/digest", read("It tells what Oak Street holds of the coalition's set; of the others nothing.", s.file([letter], [(s.shared.key, page)]), opened(letter, s.oak.key, [], held=held))
    s = Bundle("twice")
    letter = s.letter([s.between])
    twice = s.file([letter], [(s.between.key, records_page(0, False, claim)), (s.between.key, records_page(0, True, claim))])
    yield "bundle/page-number-twice", read("Two pages of one section have the number 0.", twice, None, "bad_bundle")


def contents() -> Iterator[Case]:
    s = Bundle()
    digest = bytes(32)
    statement, signature = s.letter([s.shared]).statement(), bytes(64)

    def letter(name: str, about: str, *value: Any) -> Case:
        return f"bundle/{name}", {"about": about, "stage": "bundle_letter", "code": "bad_bundle", "content": encode(list(value)).hex()}

    def page(name: str, about: str, *value: Any) -> Case:
        return f"bundle/{name}", {"about": about, "stage": "bundle_page", "code": "bad_bundle", "content": encode(list(value)).hex()}

    sound = s.letter([s.shared, s.between]).content(digest, s.oak.seed)
    yield "bundle/letter", {"about": "A letter's content, signed for a file whose header has the digest 32 zero bytes.", "stage": "bundle_letter", "content": sound.hex(), "opened": opened(s.letter([s.shared, s.between]), s.oak.key)["letter"], "node_key": s.oak.key.hex(), "digest": digest.hex()}
    yield letter("letter-with-an-eighth-field", "The statement has a field 8.", statement | {8: 0}, signature, [])
    yield letter("letter-without-ranges", "The statement has no field 6.", {k: v for k, v in statement.items() if k != 6}, signature, [])
    yield letter("letter-with-one-key-twice", "Two sections have one key.", statement | {5: [[s.region.id, digest, digest], [None, digest, None]]}, signature, [])
    yield letter("letter-with-a-pair-that-has-an-epoch", "The section of the pair names an epoch.", statement | {5: [[None, digest, digest]]}, signature, [])
    yield letter("letter-with-65-sections", "65 sections; 64 are the most.", statement | {5: [[secret(str(n)), secret(str(n), "key"), digest] for n in range(65)]}, signature, [])
    yield letter("letter-with-17-ranges", "17 ranges; 16 are the most.", statement | {6: [[n, NOTHING] for n in range(17)]}, signature, [])
    yield letter("letter-with-17-key-records", "17 key records; 16 are the most.", statement, signature, [b""] * 17)
    yield page("page-of-an-unknown-sort", "A page of sort 2.", 2, 0, True, [])
    yield page("page-with-a-text-as-record", "A record is a text.", 0, 0, True, ["record"])
    yield page("page-with-a-number-as-last", "Whether it is the last is a number.", 0, 0, 1, [])
    yield page("page-with-12-bytes-of-short-ids", "Short ids have 8 bytes each.", 1, 0, True, 0, bytes(12))
    yield page("page-of-a-fourth-set", "There are sets 0, 1 and 2.", 1, 0, True, 3, bytes(8))
    yield "bundle/page-of-records", {"about": "A page with two records.", "stage": "bundle_page", "content": records_page(7, False, b"one", b"two").hex(), "opened": {"number": 7, "last": False, "records": [b"one".hex(), b"two".hex()]}}
    short = short_id(secret("key"), secret("id"))
    yield "bundle/page-of-short-ids", {"about": "A page with the short id of `id` in a section with `key`.", "stage": "bundle_page", "key": secret("key").hex(), "id": secret("id").hex(), "content": HeldPage(0, True, "pair", short.to_bytes(8, "big")).content().hex(), "opened": {"number": 0, "last": True, "set": 2, "shorts": [f"{short:016x}"]}}
    yield "bundle/key-of-a-letter", {"about": "The key of a letter as this program derives it from the file's secret seed; another may take any random key.", "stage": "bundle_key", "seed": secret("file").hex(), "home": s.riverbend.id.hex(), "key": letter_key(secret("file"), s.riverbend.id).hex()}


def cases() -> Iterator[Case]:
    yield from files()
    yield from contents()
