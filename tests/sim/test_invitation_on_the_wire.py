"""docs/sync.md, section 2, "An invitation on the wire": its frames are those that two nodes really say."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest

from sync.frames import read_frame
from tests.sim.world import World

DOCUMENT = Path(__file__).resolve().parents[2] / "docs" / "sync.md"
TITLE = "### An invitation on the wire"
SIDES = {"Riverbend": "founder", "Mill Lane": "newcomer"}


def stated() -> list[tuple[str, str]]:
    """(side, frame) line by line; a frame about a set has that set's number behind its name."""
    section = DOCUMENT.read_text().partition(TITLE)[2].partition("\n## ")[0]
    return re.findall(r"^    (\w+) +(\w+(?: \[\d\])?)(?: |$)", section, re.MULTILINE)


def words_of(data: bytes) -> str:
    """A frame as the document names it."""
    kind, fields = read_frame(data)
    table = DOCUMENT.read_text().partition("### Frames\n")[2]
    ((name, rest),) = re.findall(rf"^\| {kind} \| (\w+) \| (.*?) \|", table, re.MULTILINE)
    return f"{name} [{fields[0][0]}]" if rest.startswith("set: set") else name


@pytest.mark.parametrize("seed", range(5))
def test_an_invitation_goes_over_the_wire_as_the_document_says(seed: int) -> None:
    world = World(seed)
    riverbend, mill = world.places("Riverbend", "Mill Lane")
    valley = world.coalition(riverbend)
    riverbend.post("A ride to the clinic")
    code = world.invite(riverbend, valley)
    mill.engine.features = ()
    said: list[tuple[str, str]] = []
    send = world.network.send

    def heard(sender: Any, link: int, data: bytes) -> None:
        said.append((SIDES[sender.name], words_of(data)))
        send(sender, link, data)

    world.network.send = heard  # type: ignore[method-assign]
    assert world.enter(mill, code) == (valley, "")
    world.run(5)
    assert len(stated()) > 30
    for side in SIDES.values():
        ours = [frame for speaker, frame in stated() if speaker == side]
        assert ours == [frame for speaker, frame in said if speaker == side], side
    assert mill.board() == riverbend.board() == {"A ride to the clinic": "open"}
