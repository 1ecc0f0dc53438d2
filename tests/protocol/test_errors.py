"""Codes, their classes, their sentences, and the pages that list them: one thing, held together.

`codes.txt` beside this file is the list of all codes that there have ever been, frozen: scripts and other
nodes compare them. A new code adds a line; no line is ever changed or removed.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from protocol.errors import CLOSE_CODES, CODES, Fault, OurFault, TheirFault, WorldFault, ours

ROOT = Path(__file__).resolve().parents[2]
FLOORS = ("protocol", "sync", "node")
CLASSES: dict[str, type[Fault]] = {kind.__name__: kind for kind in (OurFault, TheirFault, WorldFault)}
PLACES = ("log", "link", "page", "cli")

# Calls that take a code, besides the faults themselves, and functions that give one back.
TAKERS = {"Judgement", "Added", "Close", "Decision", "Joined", "refusal"} | {
    *("close", "_close", "_has_joined", "_try_join"),
}
GIVERS = re.compile(r"_code$|^_reason$|^judge$")

# Faults whose code is not written where they are raised. Each may only pass on what was listed elsewhere.
PASSED_ON = {
    ("node/control.py", "kind(fault['code'], fault['sentence'])"),
    ("node/finding.py", "TheirFault(link.code)"),  # one of two codes, looked at before
    ("protocol/errors.py", "OurFault(code)"),
    ("protocol/judge.py", "TheirFault(judgement.code)"),
    ("sync/transport.py", "TheirFault(reason if known else 'bad_handshake', limit=limit if known else '')"),
}


def sources() -> dict[str, ast.Module]:
    return {
        str(path.relative_to(ROOT)): ast.parse(path.read_text())
        for floor in FLOORS
        for path in sorted((ROOT / floor).rglob("*.py"))
    }


def literals(expression: ast.expr) -> list[str]:
    """The texts that an expression may come out as."""
    if isinstance(expression, ast.IfExp):
        return literals(expression.body) + literals(expression.orelse)
    if isinstance(expression, ast.BoolOp):
        return [text for value in expression.values for text in literals(value)]
    return (
        [expression.value] if isinstance(expression, ast.Constant) and type(expression.value) is str else []
    )


def called(call: ast.Call) -> str:
    return call.func.id if isinstance(call.func, ast.Name) else getattr(call.func, "attr", "")


def classes() -> dict[str, type[Fault]]:
    """The three classes, and by what other names more special ones are raised."""
    special = {
        part.name: CLASSES[base.id]
        for tree in sources().values()
        for part in ast.walk(tree)
        if isinstance(part, ast.ClassDef)
        for base in part.bases
        if isinstance(base, ast.Name) and base.id in CLASSES
    }
    return CLASSES | special


def calls() -> Iterator[tuple[str, ast.Call]]:
    for name, tree in sources().items():
        for found in ast.walk(tree):
            if isinstance(found, ast.Call):
                yield name, found


def raised() -> set[tuple[str, str, str]]:
    """(file, class, code) of every fault whose code is written where it is raised."""
    known = classes()
    return {
        (name, known[called(call)].__name__, code)
        for name, call in calls()
        if called(call) in known and call.args
        for code in literals(call.args[0])
    }


def given() -> set[tuple[str, str]]:
    """(file, code) of every code that is a verdict, the reason of a close, or shown as it is."""
    found = set()
    for name, tree in sources().items():
        for part in ast.walk(tree):
            expressions: list[ast.expr] = []
            if isinstance(part, ast.Call) and called(part) in TAKERS:
                expressions = [*part.args, *(keyword.value for keyword in part.keywords)]
            elif isinstance(part, ast.Subscript) and ast.unparse(part.value) in ("SENTENCES", "CODES"):
                expressions = [part.slice]
            elif isinstance(part, ast.FunctionDef) and GIVERS.search(part.name):
                for line in ast.walk(part):
                    if isinstance(line, ast.Return | ast.Assign) and line.value is not None:
                        expressions.append(line.value)
            verdicts = {"never", "not_now", "in", "new", "held"}
            found |= {
                (name, code)
                for expression in expressions
                for code in literals(expression)
                if re.fullmatch(r"[a-z_]{4,30}", code) and code not in verdicts
            }
    return found


# the code


def test_every_code_is_raised_in_a_class_that_it_is_listed_for() -> None:
    found = raised()
    assert len(found) > 100
    wrong = {
        (name, kind, code)
        for name, kind, code in found
        if code not in CODES or CLASSES[kind].whose not in CODES[code].whose
    }
    assert wrong == set()


def test_no_fault_is_raised_with_a_code_that_cannot_be_read_here() -> None:
    unread = {
        (name, ast.unparse(call))
        for name, call in calls()
        if (
            called(call) in CLASSES and call.args and ast.unparse(call.args[0]) and not literals(call.args[0])
        )
        or (called(call) == "kind" and "fault[" in ast.unparse(call))
        or (called(call) in CLASSES and "reason" in ast.unparse(call.args[0]))
    }
    assert unread == PASSED_ON


def test_every_verdict_and_reason_is_listed() -> None:
    found = given()
    assert {"old_key", "bad_signature", "too_many_links", "superseded", "no_multicast"} <= {
        c for _, c in found
    }
    assert {(name, code) for name, code in found if code not in CODES} == set()


def test_no_code_is_dead() -> None:
    used = {code for _, _, code in raised()} | {code for _, code in given()}
    assert set(CODES) - used == set()


def test_every_class_of_a_code_is_used() -> None:
    """But for those that the door or the other side passes on: see PASSED_ON."""
    used = {(kind, code) for _, kind, code in raised()}
    verdicts = {
        code for code, listed in CODES.items() if listed.about in ("encoding", "envelope", "judgement")
    }
    engine = {"too_many_links", "duplicate_link", "key_changed"}  # said by the other side: sync/transport.py
    listed = {
        (name, code)
        for code in CODES
        for name, kind in CLASSES.items()
        if kind.whose in CODES[code].whose and code not in verdicts | engine
    }
    shown = {("WorldFault", "no_multicast")}  # only ever shown, as the reason why nobody is heard
    assert listed - used - shown == set()


def test_reasons_of_a_close_are_those_that_may_travel() -> None:
    said = {
        code
        for name, call in calls()
        if name.startswith("sync/") and called(call) in ("Close", "close", "_close")
        for code in [text for argument in call.args for text in literals(argument)]
        if code
    }
    assert said and said <= CLOSE_CODES
    stay = {
        (name, code)
        for name, kind, code in raised()
        if name
        in (
            "sync/session.py",
            "sync/exchange.py",
            "sync/passing.py",
            "sync/frames.py",
            "sync/channel.py",
            "sync/reconcile.py",
        )
        and code not in CLOSE_CODES
    }
    assert stay == set()


@pytest.mark.parametrize("code", CODES)
def test_a_sentence_is_one(code: str) -> None:
    listed = CODES[code]
    assert re.fullmatch(r"[a-z_]{4,30}", code)
    assert listed.sentence[0].isupper() and listed.sentence[-1] in ".)" and "\n" not in listed.sentence
    assert len(listed.sentence) < 120
    assert listed.whose and listed.whose <= {kind.whose for kind in CLASSES.values()}
    assert listed.seen and listed.seen <= set(PLACES)
    assert listed.whose != {"ours"} or "link" not in listed.seen, "a peer is not told what we did wrong"


@pytest.mark.parametrize("kind", CLASSES.values())
@pytest.mark.parametrize("code", CODES)
def test_a_fault_says_what_it_is_or_is_a_mistake_of_the_programmer(kind: type[Fault], code: str) -> None:
    if kind.whose not in CODES[code].whose:
        with pytest.raises(TypeError, match=code):
            kind(code)
        return
    fault = kind(code)
    assert (fault.code, fault.sentence) == (code, CODES[code].sentence)
    assert str(fault) == f"{code}: {fault.sentence}" and isinstance(fault, Fault)
    assert kind(code, "The disk of the Pi is full.").sentence == "The disk of the Pi is full."


def test_a_code_without_a_sentence_is_a_mistake_of_the_programmer() -> None:
    with pytest.raises(KeyError):
        TheirFault("no_such_code")
    with pytest.raises(TypeError):
        Fault("disk_full")


def test_whose_fault_it_is_that_a_word_of_our_own_was_refused() -> None:
    assert (type(ours("over_quota")), ours("over_quota").code) == (OurFault, "over_quota")
    assert (type(ours("bad_scope")), ours("bad_scope").code) == (WorldFault, "internal")


# the pages


def table(page: str, heading: str = "") -> Iterator[list[str]]:
    """The rows of all tables below a heading, cell by cell."""
    text = (ROOT / "docs" / page).read_text()
    if heading:
        text = text.split(f" {heading}\n", 1)[1].split("\n#", 1)[0]
    for line in text.splitlines():
        if line.startswith("| `"):
            yield [cell.strip() for cell in line.strip().strip("|").split("|")]


def test_the_page_of_errors_is_the_list() -> None:
    written = [tuple(cells) for cells in table("errors.md")]
    listed = [
        (
            f"`{code}`",
            ", ".join(whose for whose in ("ours", "theirs", "world") if whose in entry.whose),
            ", ".join(place for place in PLACES if place in entry.seen),
            entry.sentence,
        )
        for code, entry in CODES.items()
    ]
    assert written == listed


def test_the_refusals_in_the_protocol_are_the_codes_of_records() -> None:
    records = {
        code for code, listed in CODES.items() if listed.about in ("encoding", "envelope", "judgement")
    }
    assert {cells[0].strip("`") for cells in table("protocol.md", "Refusals")} == records


def test_the_ends_of_links_in_the_document_are_the_codes_that_travel() -> None:
    stated = {code for cells in table("sync.md", "Ends") for code in re.findall(r"`(\w+)`", cells[0])}
    decoder = {code for code in CLOSE_CODES if CODES[code].about == "encoding"}
    assert "and the decoder's codes" in (ROOT / "docs" / "sync.md").read_text()
    assert stated | decoder == CLOSE_CODES and not stated & decoder


def test_no_code_was_ever_removed_or_renamed() -> None:
    frozen = Path(__file__).with_name("codes.txt").read_text().split()
    assert frozen == sorted(set(frozen)) and len(frozen) >= 70
    assert set(frozen) == set(CODES), "a new code adds its line to codes.txt; none ever leaves"
