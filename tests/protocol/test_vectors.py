"""Every vector about one record, through the real door; and that vectors stay as they are."""

from __future__ import annotations

import hashlib
import json
from typing import Any

import pytest

from protocol.errors import CODES, TheirFault
from protocol.judge import key_record
from protocol.record import parse
from tests.protocol.test_document import rows
from tests.vectors import make
from tests.vectors.reading import FOLDER, Reader, landed, vectors

REFUSED = vectors("encoding", "envelope", "judgement")
TAKEN = vectors("in")


@pytest.mark.parametrize("name", REFUSED)
def test_it_fails_at_its_stage_with_its_code(name: str) -> None:
    vector = REFUSED[name]
    reader = Reader(vector["reader"])
    assert {added.outcome for added in reader.hear(vector["held"])} <= {"new"}
    before = reader.ids(0)
    (added,) = reader.hear([vector["record"]])
    assert added.code == vector["code"]
    assert (added.outcome == "never") == (vector["stage"] != "judgement")
    assert reader.ids(0) == before
    (again,) = reader.hear([vector["record"]])
    assert again.code == vector["code"] and reader.ids(0) == before
    if "sound" in vector:
        (sound,) = reader.hear([vector["sound"]])
        assert sound.outcome == "new", "without its fault it would have been taken"


@pytest.mark.parametrize("name", TAKEN)
def test_it_is_taken(name: str) -> None:
    vector = TAKEN[name]
    reader = Reader(vector["reader"])
    reader.hear(vector["held"])
    (added,) = reader.hear([vector["record"]])
    assert (added.outcome, added.code) == ("new", "")
    assert added.record is not None
    assert (added.record.id.hex(), added.record.thing.hex()) == (vector["id"], vector["thing"])


def test_bytes_alone_decide_what_is_never_accepted() -> None:
    """A reader that holds nothing refuses by the same code, unless what is cited by its hash decides."""
    cited = set()
    for name, vector in REFUSED.items():
        if vector["stage"] == "judgement":
            continue
        try:
            record = parse(bytes.fromhex(vector["record"]))
        except TheirFault as fault:
            assert fault.code == vector["code"], name
            continue
        if record.kind in ("inception", "rotation") and key_record(record).code == "":
            cited.add(vector["code"])
    assert cited <= {"wrong_signer"}


def test_vectors_that_have_landed_never_change() -> None:
    listed = landed()
    found = {f"{p.parent.name}/{p.stem}": p for p in FOLDER.glob("*/*.json")}
    assert set(found) == set(listed), "run: python -m tests.vectors.make"
    digests = {name: hashlib.sha256(path.read_bytes()).hexdigest() for name, path in found.items()}
    assert digests == listed, "a new rule adds a vector; it changes none"


@pytest.mark.slow
def test_the_maker_still_makes_them() -> None:
    made = {name: hashlib.sha256(make.text_of(vector).encode()).hexdigest() for name, vector in make.cases()}
    assert made == landed()


def test_every_refusal_has_a_vector_at_its_stage() -> None:
    """The codes of docs/protocol.md, and those of foreign bytes on a link."""
    made = {vector["code"] for vector in REFUSED.values()}
    assert {CODES[vector["code"]].about == vector["stage"] for vector in REFUSED.values()} == {True}
    assert set(rows("Refusals")) - made == set()
    links = vectors("handshake", "introduction", "frame", "reconciliation", "invite", "parcel").values()
    assert {vector["code"] for vector in links if "code" in vector} >= {
        "bad_handshake", "unknown_invite", "bad_frame", "bad_reconciliation", "bad_code", "bad_field",
    }  # fmt: skip


def explained() -> str:
    return (FOLDER / "README.md").read_text()


def test_every_key_of_every_vector_is_explained() -> None:
    text = explained()
    keys: dict[str, str] = {}
    for path in FOLDER.glob("*/*.json"):
        vector: dict[str, Any] = json.loads(path.read_text())
        nested = [
            vector[part] for part in ("reader", "state", "opened") if isinstance(vector.get(part), dict)
        ]
        for part in (vector, *nested):
            keys |= dict.fromkeys(part, f"{path.parent.name}/{path.stem}")
    assert {key: name for key, name in keys.items() if f"`{key}`" not in text} == {}
    assert {
        name for name in {path.parent.name for path in FOLDER.glob("*/*.json")} if f"`{name}/`" not in text
    } == set()


def test_there_are_enough_and_each_says_what_it_is_about() -> None:
    every = {**vectors("encoding", "envelope", "judgement", "in", "state")}
    assert len(every) >= 120
    for name, vector in every.items():
        assert vector["about"].endswith(".") and len(vector["about"]) > 8, name
