"""The tables of docs/security.md, read: who may read each field."""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import cache
from pathlib import Path

DOCUMENT = Path(__file__).parents[2] / "docs" / "security.md"
SCOPES = ("local", "pair", "coalition")
ABSENT = "–"


@dataclass(frozen=True)
class Reach:
    """What the document says. `records` has the readers of "kind.field" in each scope it may have."""

    readers: tuple[str, ...]
    records: dict[str, dict[str, str]]
    forms: dict[tuple[str, str], str]
    own: dict[str, str]

    def of(self, field: str, scope: str = "") -> str:
        """The readers of "kind.field" in a scope, or of a column, a setting, a part of a session."""
        return self.records[field][scope] if scope else self.own[field]


def rows(section: str) -> list[list[str]]:
    """The cells of the table in a section, without its head. A row that stands twice is an error."""
    text = (
        DOCUMENT.read_text().partition(f"\n## {section}\n")[2]
        or (DOCUMENT.read_text().partition(f"\n### {section}\n")[2])
    )
    table = re.split(r"\n##+ ", text)[0]
    found = [
        [cell.strip().strip("`") for cell in line.strip("|").split("|")]
        for line in table.splitlines()
        if line.startswith("|")
    ][2:]
    assert found, f"docs/security.md has no table under {section!r}"
    return found


@cache
def reach() -> Reach:
    """The tables of the document."""
    records: dict[str, dict[str, str]] = {}
    forms: dict[tuple[str, str], str] = {}
    own: dict[str, str] = {}
    for field, *cells, _how in rows("Records"):
        assert field not in records, f"{field} stands twice"
        records[field] = {scope: who for scope, who in zip(SCOPES, cells, strict=True) if who != ABSENT}
    for form, field, becomes in rows("Forms"):
        assert (form, field) not in forms, f"{form} {field} stands twice"
        forms[form, field] = becomes
    for what, who, _how in rows("The node's own tables, settings and memory"):
        assert what not in own, f"{what} stands twice"
        own[what] = who
    readers = tuple(row[0] for row in rows("Who can read each field"))
    return Reach(readers, records, forms, own)
