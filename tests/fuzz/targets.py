"""Any bytes either parse or raise our error with its code, never another.

One target for each parser of foreign bytes. `run` is given what a stranger may send; it raises only where
that invariant, or one that the target names itself, does not hold. What was found is kept in `finds/`.
"""

from __future__ import annotations

import base64
import contextlib
import hashlib
import io
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cache

from node import backup_file
from node.form_table import read_table
from node.importing import guess_mapping, read_answers
from node.keys import new_recovery_words
from node.sheets import SheetFault, read_words
from protocol import introduction
from protocol.bundle import PAGE_SIZE_BYTES, START_SIZE_BYTES, header_size_bytes, read_header
from protocol.encoding import decode, encode
from protocol.errors import CLOSE_CODES, CODES, Fault, OurFault, TheirFault, WorldFault
from protocol.invite import Invite, read_invite
from protocol.judge import Judgement, judge, read_checked
from protocol.kinds.keys import build_chain
from protocol.kinds.parcel import prekey_public, try_open
from protocol.kinds.table import KINDS, refers_to
from protocol.letter import Opening
from protocol.record import RECORD_SIZE_MAX_BYTES, assemble, parse
from sync.addresses import link_url
from sync.channel import Handshake
from sync.channel import public_key as noise_public_key
from sync.frames import FRAME_SIZE_MAX_BYTES, read_frame, read_set, write_frame
from sync.sketch import CELLS, Difference, read_items, write_items
from tests.fuzz import samples
from tests.fuzz.samples import Sample, plain
from tests.protocol.helpers import TODAY, known


@dataclass(frozen=True, slots=True)
class Target:
    """A parser, what it is given to begin from, and its share of the cases in the ordinary tests."""

    run: Callable[[bytes], None]
    samples: Callable[[], list[Sample]]
    share: int


@contextlib.contextmanager
def refuses(kind: type[Fault], codes: set[str]):  # type: ignore[no-untyped-def]
    """Whatever is refused is refused by a fault of this class with one of these codes."""
    try:
        yield
    except Fault as fault:
        assert type(fault) is kind and fault.code in codes, f"{type(fault).__name__} {fault.code}"


@contextlib.contextmanager
def refuses_as(codes: dict[type[Fault], set[str]]):  # type: ignore[no-untyped-def]
    """The same where it may be several classes."""
    try:
        yield
    except Fault as fault:
        assert fault.code in codes[type(fault)], f"{type(fault).__name__} {fault.code}"


ENCODING = {code for code, listed in CODES.items() if listed.about == "encoding"}
ENVELOPE = {code for code, listed in CODES.items() if listed.about == "envelope"}
JUDGEMENT = {code for code, listed in CODES.items() if listed.about == "judgement"}


def run_encoding(data: bytes) -> None:
    """What decodes is the one encoding of itself."""
    with refuses(TheirFault, ENCODING):
        value = decode(data, FRAME_SIZE_MAX_BYTES)
        assert encode(value) == data


@cache
def _known():  # type: ignore[no-untyped-def]
    world = samples.world()
    return known(world.riverbend, world.hillside, coalitions=[world.river])


def run_record(data: bytes) -> None:
    """A record, its body by its kind, and the judge, who raises nothing."""
    with refuses(TheirFault, ENCODING | ENVELOPE):
        record = parse(data)
        assert assemble(record.payload, record.signatures) == data and len(data) <= RECORD_SIZE_MAX_BYTES
        verdict: Judgement = judge(record, _known())
        assert (verdict.verdict == "in") == (not verdict.code)
        if verdict.verdict == "never":
            assert verdict.code in ENVELOPE, verdict
        elif verdict.verdict == "not_now":
            assert verdict.code in JUDGEMENT, verdict
        kind = KINDS.get(record.kind)
        body = kind.shape.read(record) if kind is not None and kind.shape is not None else None
        assert body is None or encode(body.body())
        refers_to(record)


def run_key_record(data: bytes) -> None:
    """A key record as an introduction carries it, and the chain that it becomes."""
    with refuses(TheirFault, ENCODING | ENVELOPE):
        record = read_checked(data)
        build_chain(record.home, [record, *samples.world().riverbend.key_records])


def run_frame(data: bytes) -> None:
    """A frame; what is read is written the same, and every refusal may be said as the reason of a close."""
    with refuses(TheirFault, set(CLOSE_CODES)):
        kind, fields = read_frame(data)
        assert write_frame(kind, *fields) == data
        if kind in (2, 3, 4, 5, 6, 15, 16, 21, 22):
            read_set(fields[0], samples.HASH)


def _current_key(home: bytes, key_records: Sequence[bytes]) -> bytes | None:
    held = [read_checked(message) for message in key_records]
    chain = build_chain(home, [record for record in held if record.home == home])
    return chain.current if chain is not None else None


def run_introduction(data: bytes) -> None:
    """What is wrong with an introduction has one code."""
    for today in (TODAY, None):
        with refuses(TheirFault, {"bad_handshake"}):
            introduction.check(data, noise_public_key(samples.THEIR_NOISE), today, _current_key)


def _called() -> Handshake:
    psks = {samples.INVITE_ID: samples.PSK}
    return Handshake(False, samples.OUR_NOISE, b"ours", psk_of=psks.get, ephemeral=samples.OUR_EPHEMERAL)


def run_greeting_first(data: bytes) -> None:
    """The first message of whoever calls."""
    with refuses(TheirFault, {"bad_handshake", "unknown_invite"}):
        _called().receive(data)


def run_greeting_second(data: bytes) -> None:
    """The answer of whoever was called."""
    for invite in (None, (samples.INVITE_ID, samples.PSK)):
        caller = Handshake(True, samples.THEIR_NOISE, b"", invite, ephemeral=samples.THEIR_EPHEMERAL)
        caller.first()
        with refuses(TheirFault, {"bad_handshake"}):
            caller.receive(data)


def run_greeting_third(data: bytes) -> None:
    """The last message of whoever called, and the first frame after it."""
    for first in samples.greetings(0):
        called = _called()
        called.receive(first.inner)
        with refuses(TheirFault, {"bad_handshake"}):
            called.receive(data)
            with refuses(TheirFault, {"bad_frame", "frame_too_long"}):
                called.channel().open(data)


def run_reconciliation(data: bytes) -> None:
    """A message to either side; the answer stays within its bound."""
    with refuses(TheirFault, {"bad_reconciliation"}):
        assert len(samples.index().respond(data)) <= 8_192
    with refuses(TheirFault, {"bad_reconciliation"}):
        step = samples.index().reconcile(data)
        assert all(len(item) == 32 for item in (*step.have, *step.need))
        assert len(step.need) <= len(data) // 32


def run_sketch(data: bytes) -> None:
    """Cells of another side: they come out even or do not, and more is asked for within the bound."""
    difference = Difference(samples.sketch())
    with refuses(TheirFault, {"bad_reconciliation"}):
        difference.take(data)
        size = len(difference)
        found = difference.read()
        assert found is None or len(found.ours) + len(found.theirs) <= size
        assert 0 <= difference.wanted() <= CELLS - size
    with refuses(TheirFault, {"bad_reconciliation"}):
        assert write_items(read_items(data)) == data


def run_parcel(data: bytes) -> None:
    """A sealed parcel; one that is not for us gives None."""
    prekey = (prekey_public(samples.PREKEY), samples.PREKEY)
    with refuses(TheirFault, {"bad_field"}):
        parcel = try_open(data, [prekey])
        assert parcel is None or (len(parcel.records) <= 64 and len(parcel.ranges) <= 16)


BUNDLE: dict[type[Fault], set[str]] = {
    OurFault: {"not_a_bundle"},
    WorldFault: {"damaged_bundle", "newer_bundle"},
    TheirFault: {"bad_bundle"},
}


def run_bundle(data: bytes) -> None:
    """A carried file; what of it is for us is counted, and never more than it may be."""
    with refuses_as(
        {
            OurFault: {"not_a_bundle"},
            WorldFault: {"damaged_bundle", "newer_bundle"},
            TheirFault: {"bad_bundle"},
        }
    ):
        size = header_size_bytes(data[:START_SIZE_BYTES])
        header = read_header(data[:size])
        opening = Opening(
            header,
            samples.world().riverbend.id,
            header.open([(prekey_public(samples.PREKEY), samples.PREKEY)]),
        )
        for at in range(size, len(data) - PAGE_SIZE_BYTES + 1, PAGE_SIZE_BYTES):
            found = opening.take(data[at : at + PAGE_SIZE_BYTES])
            if isinstance(found, tuple):
                assert all(len(record) <= RECORD_SIZE_MAX_BYTES for record in found[1].records)
        if opening.letter is not None:
            opening.letter.is_signed_by(samples.world().hillside.key, header.digest)
            assert encode(opening.letter.statement()) and len(opening.letter.sections) <= 64
        for held in opening.held.sets.values():
            assert list(held) == sorted(set(held))


def run_invite(data: bytes) -> None:
    """A code as typed; what is read makes a code that says the same."""
    with refuses(OurFault, {"bad_code"}):
        invite = read_invite(data.decode("utf-8", "surrogateescape"))
        assert read_invite(invite.code()) == invite


def run_sheet(data: bytes) -> None:
    """The words of a recovery sheet as somebody typed them."""
    with refuses(SheetFault, {"bad_sheet"}):
        assert len(read_words(data.decode("utf-8", "surrogateescape"))) == 32


def run_backup(data: bytes) -> None:
    """A backup file and what is sealed in it, for whoever has its passphrase."""
    file = io.BytesIO(data)
    with refuses(WorldFault, {"damaged_backup", "newer_backup"}):
        header = backup_file.read_header(file)
        if not header.fits(BACKUP_KEY):
            with refuses(OurFault, {"wrong_backup_passphrase"}):
                backup_file.Opened(file, header, BACKUP_KEY)
            return
        opened = backup_file.Opened(file, header, BACKUP_KEY)
        assert len(opened.key_file()) == opened.contents.key_file.size_bytes
        opened.database(io.BytesIO())


def run_table(data: bytes) -> None:
    """The answers of an online form, from bytes to drafts."""
    with refuses(OurFault, {"bad_csv", "bad_input"}):
        table = read_table(data)
        answers = read_answers(table, guess_mapping(table.headers))
        assert all(1 <= len(draft.title) <= 120 and encode(draft.text) for draft in answers.drafts)


def run_address(data: bytes) -> None:
    """An address as typed or as a node card states it; what is read can be read again."""
    with refuses(OurFault, {"bad_input"}):
        url = link_url(data.decode("utf-8", "surrogateescape"))
        assert url.scheme in ("ws", "wss") and url.host and url.path.endswith("/link")
        assert link_url(str(url)).path.endswith("/link")


BACKUP_KEY = b"k" * 32


def _backups() -> list[Sample]:
    """Whole backups; their contents sealed again; and their bytes with both checksums made anew."""
    key_file, database = b"key file", b"SQLite format 3\0" * 9

    def part(data: bytes) -> backup_file.Part:
        return backup_file.Part(len(data), hashlib.sha256(data).digest())

    said = backup_file.Contents(1, b"h" * 32, "Riverbend", "0.1.0", 7, part(key_file), part(database))
    out = io.BytesIO()
    backup_file.write(out, BACKUP_KEY, b"s" * 16, said, key_file, io.BytesIO(database))

    def sealed(content: bytes) -> bytes:
        out = io.BytesIO()
        sealer = backup_file._Sealer(out, BACKUP_KEY, b"s" * 16)
        sealer.take(len(content).to_bytes(4, "big") + content + key_file + database)
        sealer.finish()
        return out.getvalue()

    def summed(whole: bytes) -> bytes:
        checked = whole[:90]
        start = checked + hashlib.sha256(checked).digest() + whole[122:-32]
        return start + hashlib.sha256(start).digest()

    return [*plain(out.getvalue()), Sample(said.encoded(), sealed), Sample(out.getvalue(), summed)]


def _key_records() -> list[Sample]:
    said = samples.records()
    return said[:2] + said[len(said) // 2 :][:2]


def _sheets() -> list[Sample]:
    words = new_recovery_words(lambda size: samples.HASH[:size])
    numbered = "\n".join(f"{place}. {word[:4].upper()}" for place, word in enumerate(words, 1))
    return plain(" ".join(words).encode(), numbered.encode())


def _invites() -> list[Sample]:
    def code(addresses: tuple[str, ...]) -> bytes:
        made = Invite(addresses, b"\1" * 32, b"\2" * 32, b"\3" * 32, samples.INVITE_ID, b"\4" * 16)
        return made.code().encode()

    return plain(code(("192.168.1.20:8420",)), code(("[fd00::1]:8420", "node.example", "x" * 120)))


def _contents() -> list[Sample]:
    """What a code says, with the check that fits it."""

    def wrap(content: bytes) -> bytes:
        check = hashlib.sha256(content).digest()[:4]
        return b"BR1" + base64.b32encode(content + check).rstrip(b"=")

    fields = [["192.168.1.20:8420"], b"\1" * 32, b"\2" * 32, b"\3" * 32, samples.INVITE_ID, b"\4" * 16]
    return [*_invites(), Sample(encode(fields), wrap)]


def _tables() -> list[Sample]:
    rows = (
        "Timestamp,Name,Phone,What do you need?,Details,Address,How many people,Urgency,Status\n"
        '4/1/2020,"Rosa, M.",555 0100,"Groceries, Rides to the doctor, Other: a lamp","Ring\ntwice",'
        "5 Mill Lane,4,Urgent,\n"
        "4/2/2020,Ben,ben@example.org,Childcare;Pet care,,,,,done\n"
    )
    spanish = "sep=;\nNombre;Necesidades;Teléfono\nLucía;Compras, medicinas;600 000 000\n"
    return plain(
        rows.encode(),
        spanish.encode(),
        spanish.encode("cp1252"),
        spanish.encode("utf-16"),
        b"\xef\xbb\xbfneeds\nfood\n",
    )


def _addresses() -> list[Sample]:
    return plain(
        *(b"192.168.1.20:8420", b"[fd00::1]:8420", b"node.example", b"fe80::1%eth0", b"user@host:1"),
        *(b"https://node.example:443/a/link", b"barnraise-7f0f.local", b"ws://10.0.0.1/link"),
        "http://münchen.example/".encode(),
    )


TARGETS: dict[str, Target] = {
    "encoding": Target(run_encoding, samples.values, 12),
    "record": Target(run_record, samples.records, 18),
    "key_record": Target(run_key_record, _key_records, 4),
    "frame": Target(run_frame, samples.all_frames, 14),
    "introduction": Target(run_introduction, samples.introductions, 6),
    "greeting_first": Target(run_greeting_first, lambda: samples.greetings(0), 2),
    "greeting_second": Target(run_greeting_second, lambda: samples.greetings(1), 1),
    "greeting_third": Target(run_greeting_third, lambda: samples.greetings(2), 1),
    "reconciliation": Target(run_reconciliation, samples.messages, 8),
    "sketch": Target(run_sketch, samples.cells, 2),
    "parcel": Target(run_parcel, samples.parcels, 6),
    "bundle": Target(run_bundle, samples.bundles, 6),
    "invite": Target(run_invite, _contents, 6),
    "sheet": Target(run_sheet, _sheets, 2),
    "backup": Target(run_backup, _backups, 2),
    "table": Target(run_table, _tables, 6),
    "address": Target(run_address, _addresses, 4),
}
