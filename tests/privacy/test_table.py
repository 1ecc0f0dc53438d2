"""docs/security.md names every field there is, and no other: of records, forms, tables and sessions."""

from __future__ import annotations

import ast
import re
import typing
from collections.abc import Iterator
from dataclasses import fields
from pathlib import Path

import pytest

import node
from node.actions.members import Session
from node.keys import NodeKeys
from node.store.database import open_database
from protocol.kinds.shapes import Shape
from protocol.kinds.table import KINDS
from protocol.record import Field
from protocol.scopes import COALITION, LOCAL, PAIR
from tests.privacy.table import DOCUMENT, SCOPES, reach

NODE = Path(node.__file__).parent
NUMBERS = dict(zip(SCOPES, (LOCAL, PAIR, COALITION), strict=True))
# The two kinds without a structure; docs/protocol.md says what their bodies are.
SHAPELESS = {"parcel": ("sealed",), "erasure": ("seven",)}
NOT_BODIES = {"version"}  # of the envelope: always 1


def fields_of(shape: type[Shape], name: str) -> Iterator[str]:
    """ "kind.field" of each field of a body, structures within it included."""
    for field, hint in typing.get_type_hints(shape).items():
        inner = [part for part in (hint, *typing.get_args(hint)) if isinstance(part, type)]
        nested = [part for part in inner if issubclass(part, Shape)]
        if nested:
            yield from fields_of(nested[0], f"{name}.{field}")
        else:
            yield f"{name}.{field}"


def fields_of_records() -> set[str]:
    found = {f"envelope.{field.name}" for field in Field if field.name not in NOT_BODIES}
    for kind in KINDS.values():
        if kind.shape is not None:
            found |= set(fields_of(kind.shape, kind.name))
        else:
            found |= {f"{kind.name}.{field}" for field in SHAPELESS[kind.name]}
    return found


def fields_of_forms() -> set[tuple[str, str]]:
    """(template, name) of every control that a template has, the macros of forms.html included."""
    macro = re.compile(r'f\.(?:text|area|select|radios|tick)\(\s*"([\w-]+)"')
    html = re.compile(r'<(?:input|select|textarea|button)[^>]*?\sname="([^"]+)"')
    found = set()
    for path in (NODE / "web" / "templates").rglob("*.html"):
        text = path.read_text()
        for name in macro.findall(text) + html.findall(text):
            tidy = name.partition("{{")[0]
            if tidy and tidy != "csrf":
                found.add((str(path.relative_to(NODE / "web" / "templates")), tidy))
    return found


def columns() -> set[str]:
    """Every column of the tables that are not records, worked out from records, or SQLite's own."""
    database = open_database(None)
    found = set()
    for table in database.table_names():
        if table != "records" and not table.startswith(("view_", "sqlite_", "_sqlite")):
            found |= {f"{table}.{column.name}" for column in database[table].columns}
    return found - {"settings.name", "settings.value"}


def settings() -> set[str]:
    """Every name under which the program keeps a setting: a text, a constant, or what a function gives."""
    trees = [ast.parse(path.read_text()) for path in NODE.rglob("*.py")]
    named: dict[str, str] = {}  # constants, and functions that make a name
    for tree in trees:
        for part in ast.walk(tree):
            if isinstance(part, ast.FunctionDef) and part.body and isinstance(part.body[-1], ast.Return):
                named[part.name] = text_of(part.body[-1].value, {})
            elif isinstance(part, ast.Assign):
                target = part.targets[0]
                pairs = (
                    zip(target.elts, part.value.elts, strict=False)
                    if isinstance(target, ast.Tuple) and isinstance(part.value, ast.Tuple)
                    else [(target, part.value)]
                )
                named |= {one.id: text_of(value, {}) for one, value in pairs if isinstance(one, ast.Name)}
    found = set()
    for tree in trees:
        for call in ast.walk(tree):
            if not (isinstance(call, ast.Call) and isinstance(call.func, ast.Attribute) and call.args):
                continue
            if call.func.attr == "set_setting":
                found.add(text_of(call.args[0], named))
            elif ast.unparse(call.func) == "settings.put":
                found.add(text_of(call.args[1], named))
    assert "" not in found, "a setting whose name this test cannot read"
    return {f"settings.{name.partition(' ')[0]}" for name in found}


def text_of(value: ast.expr | None, named: dict[str, str]) -> str:
    """The text that an expression is, or begins with; "" where it is none."""
    if isinstance(value, ast.JoinedStr):
        value = value.values[0]
    if isinstance(value, ast.Call):
        value = value.func
    if isinstance(value, (ast.Name, ast.Attribute)):
        return named.get(value.id if isinstance(value, ast.Name) else value.attr, "")
    return value.value if isinstance(value, ast.Constant) and isinstance(value.value, str) else ""


def memory() -> set[str]:
    return {f"session.{field.name}" for field in fields(Session)} | {
        f"keys.{field.name}" for field in fields(NodeKeys)
    }


def test_every_field_of_every_record_has_its_readers() -> None:
    assert len(fields_of_records()) > 80
    assert fields_of_records() - reach().records.keys() == set(), "name them in docs/security.md"
    assert reach().records.keys() - fields_of_records() == set(), "docs/security.md names what there is not"


def test_readers_are_named_for_the_scopes_that_a_kind_has() -> None:
    for field, readers in reach().records.items():
        kind = KINDS.get(field.partition(".")[0])
        if kind is not None:
            assert {NUMBERS[scope] for scope in readers} == kind.scopes, field


def test_what_stays_here_or_between_two_is_never_for_the_coalition() -> None:
    """The table may not contradict the scopes: who holds it bounds who reads it."""
    allowed = {
        "local": {"nobody", "node", "self", "coordinators", "members", "two people"},
        "pair": {"nobody", "node", "two people", "two neighborhoods"},
        "coalition": {"coalition", "links"},
    }
    for field, readers in reach().records.items():
        for scope, who in readers.items():
            assert who in allowed[scope], f"{field} {scope}: {who}"


def test_every_field_of_every_form_has_its_place() -> None:
    assert len(fields_of_forms()) > 50
    assert fields_of_forms() - reach().forms.keys() == set(), "name them in docs/security.md"
    assert reach().forms.keys() - fields_of_forms() == set(), "docs/security.md names what there is not"
    places = {*reach().records, *reach().own, *reach().readers}
    assert {row: place for row, place in reach().forms.items() if place not in places} == {}


def test_every_column_setting_and_part_of_a_session_has_its_readers() -> None:
    held = columns() | settings() | memory()
    assert len(columns()) > 35 and len(settings()) >= 6
    assert held - reach().own.keys() == set(), "name them in docs/security.md"
    assert reach().own.keys() - held == set(), "docs/security.md names what there is not"


def test_every_reader_is_explained() -> None:
    used = {who for readers in reach().records.values() for who in readers.values()}
    used |= set(reach().own.values())
    assert used <= set(reach().readers)


@pytest.mark.parametrize(
    "missing", ["`details.notes`", "| `posts/form.html` | `notes` |", "`prekeys.private`"]
)
def test_a_field_that_the_table_forgets_is_found(missing: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """The tests above can fail: each of them does when its row is gone."""
    import tests.privacy.table as table

    whole = table.DOCUMENT.read_text()

    class Shortened:
        def read_text(self) -> str:
            return "\n".join(line for line in whole.splitlines() if missing not in line)

    monkeypatch.setattr(table, "DOCUMENT", Shortened())
    table.reach.cache_clear()
    try:
        with pytest.raises(AssertionError, match="name them in docs"):
            test_every_field_of_every_record_has_its_readers()
            test_every_field_of_every_form_has_its_place()
            test_every_column_setting_and_part_of_a_session_has_its_readers()
    finally:
        table.reach.cache_clear()


def test_a_new_field_of_a_body_is_found() -> None:
    class Wider(KINDS["details"].shape):  # type: ignore[name-defined, misc]
        diagnosis: str = ""

    assert set(fields_of(Wider, "details")) - reach().records.keys() == {"details.diagnosis"}


def test_the_document_says_what_is_known_and_accepted() -> None:
    text = " ".join(DOCUMENT.read_text().split())
    known = text.partition("## Known and accepted")[2].partition("## Who can read each field")[0]
    for accepted in (
        "erasure",
        "clocks run days ahead",
        "Plain http",
        "unencrypted on the SD card",
        "closed",
    ):
        assert accepted in known
