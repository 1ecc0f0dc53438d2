"""docs/protocol.cddl says what the program reads."""

from __future__ import annotations

from pathlib import Path

from protocol.kinds.table import KINDS
from tests.protocol import cddl

DOCUMENT = Path(__file__).parents[2] / "docs" / "protocol.cddl"


def test_the_document_and_the_structures_are_one() -> None:
    assert DOCUMENT.read_text() == cddl.document(), "run: python -m tests.protocol.cddl > docs/protocol.cddl"


def test_every_kind_has_its_rule() -> None:
    text = DOCUMENT.read_text()
    assert all(f"\n{kind} = {{" in text for kind in KINDS)
