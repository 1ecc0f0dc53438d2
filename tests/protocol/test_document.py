"""docs/protocol.md says what the program does: its bytes, its kinds, its refusals, its tables."""

from __future__ import annotations

import re
from pathlib import Path

import msgspec
import pytest

from protocol.errors import CODES
from protocol.kinds.parcel import PADDED_SIZES_BYTES
from protocol.kinds.promises import _TABLE
from protocol.kinds.roster import EPOCHS_MAX
from protocol.kinds.table import KINDS
from protocol.record import RECORD_SIZE_MAX_BYTES, Field, to_be_signed
from protocol.scopes import COALITION, LOCAL, PAIR
from tests.protocol.test_record import worked_example

ROOT = Path(__file__).resolve().parents[2]
PAGE = (ROOT / "docs" / "protocol.md").read_text()
BODIES = {"parcel": ["sealed"], "erasure": ["seven"]}
STAGES = {"encoding", "envelope", "judgement"}


def blocks() -> dict[str, bytes]:
    """The hexadecimal blocks by name, without their comments."""
    found = re.findall(r"^```hex (\w+)\n(.*?)^```", PAGE, re.MULTILINE | re.DOTALL)
    return {name: bytes.fromhex(re.sub(r"#.*", "", text)) for name, text in found}


def rows(heading: str) -> dict[str, list[str]]:
    """The rows of the first table below a heading, by their first cell without backticks."""
    part = PAGE.split(f"\n## {heading}\n", 1)[1].split("\n## ", 1)[0]
    lines = [line for line in part.splitlines() if line.startswith("| ")]
    table = [[cell.strip() for cell in line.strip("| ").split(" | ")] for line in lines]
    return {cells[0].strip("`"): cells[1:] for cells in table[1:]}


def test_the_worked_example() -> None:
    inception, post = worked_example()
    stated = blocks()
    assert stated["inception"] == inception.message
    assert stated["home"] == inception.id
    assert stated["payload"] == post.payload
    assert (stated["id"], stated["thing"]) == (post.id, post.thing)
    assert stated["signed"] + stated["payload"] == to_be_signed(post.payload)
    head = bytes.fromhex("d8628440a058d0")
    assert head + stated["payload"] + stated["signatures"] == post.message
    assert len(stated) == 7 + 4, "those of bundles too"


def test_the_table_of_kinds_is_the_programs() -> None:
    stated = rows("Kinds")
    assert list(stated) == list(KINDS)
    names = {LOCAL: "local", PAIR: "pair", COALITION: "coalition"}
    for name, kind in KINDS.items():
        keys = kind.group == "keys" or name == "charter"
        scopes = "keys" if keys else ", ".join(names[scope] for scope in sorted(kind.scopes))
        fields = [
            f"`{field.encode_name}`" + ("" if field.required else "?")
            for field in (msgspec.structs.fields(kind.shape) if kind.shape is not None else ())
        ] or [f"`{field}`" for field in BODIES[name]]
        days = str(kind.life_days_max or "never ends")
        assert stated[name] == [kind.signer, scopes, days, "yes" if kind.edits else "no", ", ".join(fields)]


def test_every_payload_key_is_named() -> None:
    for field in Field:
        assert re.search(rf"^\| {field.value} \| {field.name} \|", PAGE, re.MULTILINE), field


def codes_of_records() -> set[str]:
    """What can become of a record."""
    return {code for code, listed in CODES.items() if listed.about in STAGES}


def test_every_refusal_is_listed_with_its_verdict() -> None:
    stated = rows("Refusals")
    assert len(codes_of_records()) >= 30
    assert set(stated) == codes_of_records()
    assert {cells[-1].split(",")[0] for cells in stated.values()} == {"never", "not now"}


def test_every_code_used_in_the_protocol_is_on_the_page() -> None:
    sources = [*(ROOT / "protocol").rglob("*.py"), ROOT / "node" / "store" / "records.py"]
    text = "".join(path.read_text() for path in sources if path.name != "errors.py")
    used = {code for code in re.findall(r'"([a-z_]+)"', text) if code in CODES}
    assert {code for code in used if f"`{code}`" not in PAGE} == set()


def test_the_table_of_promises_is_the_programs() -> None:
    stated = rows("Promises")
    assert stated == {word or "(nothing)": list(states.values()) for word, states in _TABLE.items()}


@pytest.mark.parametrize("number", [RECORD_SIZE_MAX_BYTES, EPOCHS_MAX, *PADDED_SIZES_BYTES])
def test_numbers(number: int) -> None:
    assert f"{number:,}" in PAGE


def test_it_can_be_read_in_one_sitting() -> None:
    assert len(PAGE.splitlines()) < 400
