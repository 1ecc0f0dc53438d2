"""docs/sync.md says the bytes as they are: its tables, numbers and examples, held to the code."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from importlib import import_module
from pathlib import Path
from types import ModuleType, SimpleNamespace
from typing import Any

import pytest

from node import links, parcels
from node.actions import standings
from node.port import coalition_secret
from node.store import aside, neighbors
from protocol import introduction
from protocol.errors import TheirFault
from protocol.kinds import parcel
from sync import exchange, frames, gossip, session, sketch
from sync.channel import Handshake
from sync.frames import read_frame, write_frame
from sync.session import blind
from sync.transport import BYTES_WAITING_MAX

DOCUMENT = Path(__file__).resolve().parents[2].joinpath("docs", "sync.md").read_text()
NUMBERS = DOCUMENT.partition("## 8. Numbers")[2]
NOT_ON_THIS_PAGE = {"index", "kept", "limits", "port"}  # how the work is done, not what is said or when


def plain(text: str) -> str:
    """One line, and no commas within numbers: how the document is laid out does not matter."""
    return re.sub(r"(?<=\d),(?=\d{3})", "", " ".join(text.split()))


# numbers


def stated() -> dict[tuple[str, str], float]:
    found = {}
    for module, listed in re.findall(r"^- (\w+): (.*?)\.$", NUMBERS, re.MULTILINE | re.DOTALL):
        for name, value in re.findall(r"`(\w+)`\s+([\d.,]*\d)", listed):
            found[module, name] = float(value.replace(",", ""))
    return found


def numbers_of(module: ModuleType) -> Iterator[str]:
    """The public numbers that a module itself gives a name to, apart from those of an enumeration."""
    assert module.__file__ is not None
    for line in ast.parse(Path(module.__file__).read_text()).body:
        targets = [line.target] if isinstance(line, ast.AnnAssign) else getattr(line, "targets", [])
        for target in targets:
            name = target.id if isinstance(target, ast.Name) else ""
            if re.fullmatch(r"[A-Z][A-Z0-9_]+", name) and type(getattr(module, name)) in (int, float):
                yield name


def test_every_number_stands_in_the_document_as_it_is_in_the_code() -> None:
    modules = {path.stem for path in Path(frames.__file__).parent.glob("[a-z]*.py")} - NOT_ON_THIS_PAGE
    in_code = {}
    for name in modules:
        module = import_module(f"sync.{name}")
        in_code |= {(name, number): float(getattr(module, number)) for number in numbers_of(module)}
    modes = {("reconcile", name) for name in ("SKIP", "FINGERPRINT", "ID_LIST", "INFINITY")}  # in section 4
    assert len(in_code) > 50
    assert stated() == {key: value for key, value in in_code.items() if key not in modes}


@pytest.mark.parametrize(
    ("sentence", "numbers"),
    [
        ("that is greeting {} callers", ["greetings.HANDSHAKES_MAX"]),
        ("greeting must be over within {} seconds", ["transport.HANDSHAKE_TIMEOUT_S"]),
        (
            "a frame of at most {} bytes and its {}-byte tag",
            ["frames.FRAME_SIZE_MAX_BYTES", "channel.TAG_SIZE_BYTES"],
        ),
        ("no hello within {} s", ["session.HELLO_TIMEOUT_S"]),
        ("says it again (after {} s at the earliest)", ["session.HELLO_AGAIN_S"]),
        ("over {} records on one link can never be accepted", ["passing.NEVER_MAX"]),
        ("over {} of them in one comparison", ["exchange.ROUNDS_MAX"]),
        ("over {} frames or 4 MiB wait", ["transport.FRAMES_WAITING_MAX"]),
        ("closes the WebSocket with code {} and", ["transport.CLOSE_CODE"]),
        ("asked again after {} s, or as soon", ["exchange.NOT_SHARED_RETRY_S"]),
        (
            "again {} s after it was found equal, {} s after a reconciliation",
            ["exchange.COMPARE_AGAIN_S", "sets.COMPARE_SOON_S"],
        ),
        ("no answer for {} s is begun again", ["sets.PATIENCE_S"]),
        ("from {} bytes; ours is {}", ["reconcile.FRAME_SIZE_MIN", "exchange.NEGENTROPY_FRAME_MAX_BYTES"]),
        ("each id once (at most {};", ["passing.OUTBOX_MAX"]),
        ("batches of at most {} records and 48 KiB", ["frames.RECORDS_MAX"]),
        (
            "At most {} batches and {} bytes of records wait",
            ["credits.BATCHES_IN_FLIGHT_MAX", "credits.BYTES_IN_FLIGHT_MAX"],
        ),
        (
            "at most {} records at a time, each such turn of one link",
            ["intake.AT_ONCE_MAX"],
        ),
        ("their authors, at most {} records each", ["intake.IN_A_ROW_MAX"]),
        (
            "{} records of one neighborhood go through at once and {} a second after that, {} of one author "
            "and {} a second, and as many as {} and {} a second that turn out not to be new",
            [
                "intake.HOME_AT_ONCE_MAX",
                "intake.HOME_PER_S",
                "intake.AUTHOR_AT_ONCE_MAX",
                "intake.AUTHOR_PER_S",
                "intake.USELESS_AT_ONCE_MAX",
                "intake.USELESS_PER_S",
            ],
        ),
        ("no larger (for the last {} peers)", ["intake.PEERS_MAX"]),
        (
            "holds at most {} records of a coalition or pair set, and finds in reconciling that it lacks "
            "{} or more",
            ["streaming.STREAM_BELOW", "streaming.STREAM_FROM"],
        ),
        ("until nothing has come for {} s", ["streaming.STREAM_PATIENCE_S"]),
        ("up to {} bytes whole", ["passing.INLINE_MAX_BYTES"]),
        ("ranges are read; we state {}.", ["parcels.RANGES"]),
        ("a random wait of up to {} s", ["parcels.SOON_S"]),
        ("sent again after {} s, then twice as long each time up to a day", ["parcels.AGAIN_BASE_S"]),
        ("At most {} partners are waited for", ["parcels.PARTNERS_MAX"]),
        ("coalitions, {} at most", ["peers.WANTED_MAX"]),
        ("on the node card, {} at most", ["peers.ADDRESSES_MAX"]),
        (
            "next after {} s, then twice as long each time up to {} s",
            ["peers.DIAL_BASE_S", "peers.DIAL_MAX_S"],
        ),
        (
            "up to {} of these it keeps a link with each. With more it keeps {} that it dialed itself",
            ["peers.MESH_MAX", "peers.FAR_LINKS"],
        ),
        ("and {} with those heard by mDNS", ["peers.NEARBY_LINKS"]),
        ("every {} s, a random one of the others", ["peers.VISIT_EVERY_S"]),
        ("when all are equal, after {} s at the latest", ["peers.VISIT_MAX_S"]),
        ("not within 30 to {} s", ["peers.DIAL_FULL_S"]),
        ("is one that is {} s old or more", ["places.TURN_S"]),
        (
            "more than {} such comparisons in {} s",
            ["exchange.COMPARISONS_PER_PERIOD_MAX", "exchange.COMPARE_AGAIN_S"],
        ),
        (
            "{} ids are remembered as seen, {} as missing, {} wait to be named on a link, and {} per link",
            ["gossip.SEEN_MAX", "gossip.MISSING_MAX", "gossip.WAITING_MAX", "gossip.KNOWN_MAX"],
        ),
        ("At most {} calls are under way", ["peers.DIALS_AT_ONCE_MAX"]),
        (
            "holds at most {} links, and at most {} with neighborhoods",
            ["places.LINKS_MAX", "places.STRANGERS_MAX"],
        ),
        ("A link that after {} s shares nothing", ["session.IDLE_STRANGER_S"]),
        (
            "at least twice what we have, {} in all at most",
            ["sketch.CELLS"],
        ),
        ("sends `sketch` with the first {} cells", ["sketch.FIRST_CELLS"]),
        ("**a cell as it travels**: {} bytes", ["sketch.CELL_BYTES"]),
        ("or more than {} tries for each cell", ["sketch.TRIES_PER_CELL"]),
        ("{} bytes each, at most {} in a frame", ["sketch.ITEM_BYTES", "frames.IDS_MAX"]),
        (
            "at most {} sightings, {} addresses each, names cleaned and cut to {} characters",
            ["discovery.SIGHTINGS_MAX", "sightings.ADDRESSES_MAX", "sightings.NAME_LENGTH_MAX"],
        ),
        ("looked at every {} s", ["discovery.RECHECK_S"]),
        ("one per home, the last {}, each cut to ± {}", ["days.PEERS_MAX", "days.DIFFERENCE_MAX_DAYS"]),
    ],
)
def test_the_sentences_say_the_same_numbers(sentence: str, numbers: list[str]) -> None:
    values = [stated()[tuple(number.split("."))] for number in numbers]  # type: ignore[index]
    assert all(value == int(value) for value in values)
    assert sentence.format(*map(int, values)) in plain(DOCUMENT)


def test_numbers_that_other_packages_keep() -> None:
    text = plain(DOCUMENT)
    for sentence in (
        f"text: at most {frames.TEXT_MAX} characters",
        f"the {session.UNKNOWN_FRAMES_MAX + 1}st such frame",
        f"at most {introduction.KEY_RECORDS_MAX} byte strings, each at most "
        f"{introduction.KEY_RECORD_SIZE_BYTES_MAX} bytes, {introduction.KEY_RECORDS_SIZE_BYTES_MAX} together",
        f"whole introduction is at most {introduction.SIZE_BYTES_MAX:,} bytes",
        f"after T + {introduction.DAYS_AHEAD_MAX + introduction.CLOCK_SKEW_DAYS}:",
        f"at most {introduction.DAYS_AHEAD_MAX} days (we make them for {links.INTRODUCTION_DAYS})",
        f"The {session.KEYS_WANTED_MAX + 1}th question on a link ends it",
        f"at most {aside.ASIDE_MAX:,} of one neighborhood in one scope, "
        f"and {aside.ASIDE_OWN_MAX:,} of its own",
        f"what else is new within {gossip.LAZY_AFTER_S} s",
        f"is given {gossip.GRAFT_AFTER_S} s to come by the tree",
        f"not come {gossip.GRAFT_AGAIN_S:.0f} s later, of the next",
        f"a pair set {exchange.COMPARE_SOON_S / 4} s after news",
        f"At most {neighbors.NEIGHBORS_ASKING_MAX} asks wait",
        f"At most {parcel.RECORDS_MAX} records and {parcel.RANGES_MAX} ranges are read",
        f"at most {parcels.PARCELS_AT_ONCE_MAX} parcels at once",
        f"Parcels live {parcels.LIFE_DAYS} days. A prekey is renewed after "
        f"{standings.PREKEY_AGE_MAX_S // 86_400} days, and deleted when it has been replaced for "
        f"{standings.PREKEY_KEPT_S // 86_400}: so, on a node that runs, after "
        f"{(standings.PREKEY_AGE_MAX_S + standings.PREKEY_KEPT_S) // 86_400}.",
        "to "
        + ", ".join(f"{size:,}" for size in parcel.PADDED_SIZES_BYTES[:-1])
        + f" or {parcel.PADDED_SIZES_BYTES[-1]:,} bytes",
    ):
        assert plain(sentence) in text
    assert "`keys_given`: 32 KiB together" in text and introduction.KEY_RECORDS_SIZE_BYTES_MAX == 32 * 2**10
    assert BYTES_WAITING_MAX == 4 * 2**20 and frames.RECORDS_SIZE_MAX_BYTES == 48 * 2**10


# frames

HASH = bytes(range(32))
FITS: dict[str, tuple[list[Any], list[Any]]] = {  # what a field may hold, and what it may not
    "hash": ([HASH], [HASH[:31], HASH + b"\0", 1]),
    "fingerprint": ([HASH[:16]], [HASH[:15], HASH, "x" * 16]),
    "number": ([0, 2**63 - 1], [-1, 2**63, b"1"]),
    "text": (["", "x" * 500], ["x" * 501, b"x", None]),
    "bytes": ([b"", b"x" * 60_000], ["x", 1]),
    "point": ([[0, HASH], [2**40, bytes(32)]], [[], [1], [HASH, 1], [-1, HASH], [1, HASH[:31]], 1]),
    "point or end": ([[], [0, HASH]], [[1], [HASH, 1], [-1, HASH], b"", None]),
    "set": ([[2], [0, HASH], [1, HASH]], [[], 2, [0, HASH, HASH]]),
}
HELLO = {1: [1], 2: [], 3: 20_780, 4: 20_770, 5: "Riverbend", 6: "barnraise 0.1.0"}


def samples(kind: str) -> tuple[list[Any], list[Any]]:
    """Values of a kind of field as the document names it: some that fit, some that do not."""
    if kind in FITS:
        return FITS[kind]
    if kind == "hello":
        broken = [{key: HELLO[key] for key in HELLO if key != left_out} for left_out in HELLO]
        fits = [HELLO, HELLO | {7: [10, 2]}, HELLO | {7: [10, 2, 9]}, HELLO | {8: "of the future"}]
        return fits, [*broken, HELLO | {3: -1}, HELLO | {5: "x" * 501}, HELLO | {7: [0, 2]}, []]
    most, what = re.fullmatch(r"≤ ([\d,]+) (.+)", kind).groups()  # type: ignore[union-attr]
    items = {"hashes": HASH, "byte strings": b"record", "numbers": 3, "names with fingerprints": HASH[:21]}
    item: Any = items[what]
    count = int(most.replace(",", ""))
    return [[], [item], [item] * count], [[item] * (count + 1), [None], item]


def frame_table() -> list[tuple[int, str, list[str]]]:
    table = DOCUMENT.partition("| type | name | fields | says |")[2].partition("\n\n")[0]
    rows = re.findall(r"^\| (\d+) \| (\w+) \| (.*?) ?\| [^|]+ \|$", table, re.MULTILINE)
    return [
        (int(number), name, [field.partition(": ")[2] for field in fields.split(", ") if field])
        for number, name, fields in rows
    ]


def test_the_table_has_every_type_of_frame() -> None:
    assert [number for number, _, _ in frame_table()] == sorted(frames._SHAPES)
    assert {number for number, _, _ in frame_table()} >= set(range(21))
    for number, name, fields in frame_table():
        assert getattr(frames, name.upper()) == number
        assert len(fields) == len(frames._SHAPES[number]), name


@pytest.mark.parametrize(("number", "name", "kinds"), frame_table())
def test_a_frame_has_the_fields_of_the_table_and_no_others(number: int, name: str, kinds: list[str]) -> None:
    sound = [samples(kind)[0][0] for kind in kinds]
    assert read_frame(write_frame(number, *sound)) == (number, sound)
    for at, kind in enumerate(kinds):
        fits, does_not = samples(kind)
        for value in fits:
            assert read_frame(write_frame(number, *sound[:at], value, *sound[at + 1 :]))[0] == number
        for value in does_not:
            with pytest.raises(TheirFault):
                read_frame(write_frame(number, *sound[:at], value, *sound[at + 1 :]))
    for wrong in ([*sound, 1], sound[:-1] if sound else [1]):
        with pytest.raises(TheirFault, match="bad_frame"):
            read_frame(write_frame(number, *wrong))


def test_sets_on_the_wire() -> None:
    for text, wire, key in (
        ("`[0, coalition]` the roster", [0, HASH], ("roster", HASH)),
        ("`[1, coalition]` its records", [1, HASH], ("coalition", HASH)),
        ("`[2]` the pair", [2], ("pair", b"peer")),
    ):
        assert text in " ".join(DOCUMENT.split())
        assert frames.read_set(wire, b"peer") == key and frames.set_on_wire(key) == wire  # type: ignore[arg-type]


# examples


def shown(data: bytes) -> bool:
    """Whether these bytes stand in the document, however they are spaced."""
    return data.hex() in re.sub(r"[\s]", "", DOCUMENT)


def test_the_examples_are_what_the_code_makes() -> None:
    assert shown(write_frame(frames.HELLO, HELLO))
    assert shown(write_frame(frames.COMPARE, [2], HASH[:16]))
    assert shown(write_frame(frames.TAKEN, 7))
    for initiator in (True, False):
        assert shown(blind(b"\x01" * 32, b"\x02" * 32, initiator))
    charter: Any = SimpleNamespace(payload=b"charter")
    assert shown(coalition_secret(charter))
    assert shown(introduction.DOMAIN[:-1])


def test_how_little_it_takes_to_find_out_that_nothing_is_new() -> None:
    names = [frames.set_in_short(("roster", HASH)), frames.set_in_short(("coalition", HASH))]
    asked = write_frame(frames.COMPARE_ALL, 1, [name + HASH[:16] for name in names])
    answered = write_frame(frames.COMPARED, 1, [exchange.SAME] * 2)
    assert f"takes {len(asked) + len(answered)} bytes both ways" in plain(DOCUMENT)
    assert names == [b"\0" + HASH[:4], b"\1" + HASH[:4]]
    assert frames.set_in_short(("pair", HASH)) == b"\2"


def test_the_sketch_in_the_document_is_what_the_code_makes() -> None:
    key = sketch.sketch_key(b"\x01" * 32)
    made = sketch.Sketch(key)
    assert shown(key)
    for timestamp, item_id, shows_seed in ((12_345, HASH, True), (54_321, bytes(range(32, 64)), False)):
        item = sketch.item_of(timestamp, item_id)
        seed, check = sketch.seed_and_check(key, item)
        assert shown(sketch.write_items([item])) and shown(check.to_bytes(4, "big"))
        assert shown(seed.to_bytes(8, "big")) or not shows_seed
        assert ", ".join(map(str, sketch.cells_of(seed, 100))) in plain(DOCUMENT)
        made.insert(timestamp, item_id)
    for at, text in ((0, "0 "), (1, "1 to 8 "), (9, "9 "), (10, "10 ")):
        cell = made.written(at, at + 1).hex()
        assert f" {text}{cell[:16]} {cell[16:24]} {cell[24:]}" in plain(DOCUMENT)
    assert made.written(1, 9) == bytes(8 * sketch.CELL_BYTES)


@pytest.mark.parametrize("invite", [None, (b"invitation no. 7", b"\x73" * 32)])
def test_the_greeting_in_the_document(invite: tuple[bytes, bytes] | None) -> None:
    psks = dict([invite]) if invite else {}
    caller = Handshake(True, b"\x02" * 32, b"", invite, ephemeral=b"\x05" * 32)
    called = Handshake(False, b"\x03" * 32, b"", psk_of=psks.get, ephemeral=b"\x06" * 32)
    first = caller.first()
    second = called.receive(first)
    assert second is not None
    third = caller.receive(second)
    assert third is not None and called.receive(third) is None
    for said in (first, third, caller.handshake_hash, caller.channel().seal(b"hello")):
        assert shown(said), said.hex()
    assert called.handshake_hash == caller.handshake_hash
