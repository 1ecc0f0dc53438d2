"""docs/network.md and the program say the same."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from node.examining import FACTS
from node.web.languages import translations
from sync.sightings import host_label
from tests.cli.world import Person, found_alder_street
from tests.docs.document import Command, Console, compare, read

PATH = Path(__file__).resolve().parents[2] / "docs" / "network.md"
PAGE = PATH.read_text()
COMMANDS = [command for part in read(PATH) if isinstance(part, Console) for command in part.commands]


def test_what_the_page_quotes_is_what_the_doctor_says() -> None:
    quoted = re.findall(r"^\| “(.+?)” \|", PAGE, re.MULTILINE)
    assert len(quoted) >= 9 and set(quoted) <= set(FACTS.values())


def test_the_links_it_names_are_on_the_page() -> None:
    for label in ("How the network is", "Change name or area"):
        assert f"→ {label}**" in PAGE and translations("de").gettext(label) != label
    assert f"{host_label(bytes(32), 2)}".replace("0000", "XXXX") in PAGE


def test_there_is_something_to_type() -> None:
    assert len(COMMANDS) >= 2


@pytest.mark.parametrize("command", COMMANDS, ids=[command.text for command in COMMANDS])
async def test_what_is_typed_answers_as_shown(command: Command, tmp_path: Path) -> None:
    await found_alder_street(tmp_path / "data")
    program, *words = command.text.split()
    typed = await Person(tmp_path / "data").asks(*words)
    assert program == "barnraise" and compare(command.shown, typed.out) == "", typed.out
