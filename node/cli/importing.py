"""`barnraise import`: a group brings the answers of its online form along.

The file is read here; only what became of its rows goes to the node, a hundred at a time.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import click
import msgspec
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn

from node import categories
from node.actions import importing as use_case
from node.cli import show
from node.cli.common import (
    Refusal,
    acting,
    acting_name,
    as_options,
    call,
    data_option,
    has_terminal,
    json_option,
    print_json,
)
from node.form_table import FILE_BYTES_MAX
from node.importing import (
    AnswerDraft,
    Answers,
    Mapping,
    Table,
    guess_mapping,
    override,
    read_answers,
    read_table,
)
from protocol.errors import OurFault, WorldFault

SAMPLE_ROWS = 3
TEXT_CHARS_SHOWN = 100
# What becomes of each field; the rest goes to the private notes.
PUBLIC = {"needs": "title and category", "details": "text", "urgency": "urgency", "recurring": "text"}
PRIVATE = {"name": "private: name", "phone": "private: contact", "email": "private: contact",
           "contact": "private: contact", "contact_preference": "private: contact",
           "address": "private: address", "household": "private: household"}  # fmt: skip


@dataclass
class Outcome:
    """What is said in the end, and printed as JSON."""

    rows: int
    mapping: dict[str, str]
    unused: list[str]
    skipped_completed: int
    bad_rows: list[dict[str, Any]]
    to_import: int = 0
    already_imported: int = 0
    imported: int = 0
    left_out: int = 0
    posts: list[str] = field(default_factory=list)
    refused: list[dict[str, Any]] = field(default_factory=list)  # rows that could be read, but not posted


@click.command("import")
@click.argument("file", metavar="FILE.csv", type=click.Path(path_type=Path))
@data_option
@as_options
@click.option("--yes", is_flag=True, help="Do not ask whether the columns are right.")
@click.option(
    "--map", "wishes", multiple=True, metavar="FIELD=HEADER",
    help="Say which column holds a field: --map needs='How can we help?'. Nothing behind the “=”: none.",
)  # fmt: skip
@click.option(
    "--language",
    type=click.Choice(categories.LANGUAGES),
    default="en",
    show_default=True,
    help="Of the answers.",
)
@json_option
def import_(file: Path, yes: bool, wishes: tuple[str, ...], language: str, as_json: bool) -> None:
    """Import the answers of an online form.

    They become needs on the board. FILE.csv is what the form's service exports; its columns are guessed and
    shown before anything happens. Each need becomes a post that stays in this neighborhood, signed as the
    coordinator named with --as. Names, contact details, addresses and all else that was confided become
    private details, which never leave this node. Completed answers are left out, and so is what was imported
    before.
    """
    acting_name()  # before anything is read or asked
    table = read_table(_bytes_of(file))
    mapping = guess_mapping(table.headers)
    for wish in wishes:
        mapping = override(mapping, wish)
    answers = read_answers(table, mapping, language=language)
    known = set(call("import_known", row_keys=[draft.row_key.hex() for draft in answers.drafts]))
    fresh = [draft for draft in answers.drafts if draft.row_key.hex() not in known]
    outcome = _outcome(table, mapping, answers, fresh)
    if not as_json:
        _preview(file, mapping, fresh, outcome)
    if outcome.bad_rows and len(outcome.bad_rows) == outcome.rows:
        fault = OurFault("bad_csv", "None of its rows could be read: there is nothing to import.")
        raise Refusal(fault, _told(outcome))
    if fresh and not yes and not _confirmed(outcome, as_json):
        fault = OurFault(
            "bad_input", "Nothing was imported. If the columns are right, run this again with --yes."
        )
        raise Refusal(fault, _told(outcome))
    if fresh:
        _import(fresh, language, outcome)
    if fresh and not as_json:
        _summary(outcome)
    if outcome.left_out:
        fault = OurFault(
            "over_quota",
            f"{show.counted(outcome.left_out, 'need')} found no room: one coordinator can have at most "
            f"{use_case.IMPORTED_OPEN_MAX:,} imported posts. Import them later, or as another coordinator.",
        )
        raise Refusal(fault, _told(outcome))
    if as_json:
        print_json(_told(outcome))


def _bytes_of(path: Path) -> bytes:
    """The file, and no more of it than can be taken."""
    try:
        with path.open("rb") as file:
            return file.read(FILE_BYTES_MAX + 1)
    except FileNotFoundError:
        raise OurFault("not_found", f"There is no file {path}.") from None
    except OSError as error:
        raise WorldFault("no_access", f"The file {path} cannot be read: {error.strerror}.") from None


def _outcome(table: Table, mapping: Mapping, answers: Answers, fresh: list[AnswerDraft]) -> Outcome:
    return Outcome(
        rows=len(table.rows),
        mapping={name: mapping.header(name) for name in mapping.columns},
        unused=mapping.unused,
        skipped_completed=answers.skipped_completed,
        bad_rows=[{"line": bad.line, "reason": bad.reason} for bad in answers.bad_rows],
        to_import=len(fresh),
        already_imported=len(answers.drafts) - len(fresh),
    )


def _confirmed(outcome: Outcome, as_json: bool) -> bool:
    if as_json or not has_terminal():
        return False
    return click.confirm(f"\nPut {show.counted(outcome.to_import, 'need')} on the board?", err=True)


# what will happen


def _preview(file: Path, mapping: Mapping, fresh: list[AnswerDraft], outcome: Outcome) -> None:
    show.say(f"{show.clean(file.name)} has {show.counted(outcome.rows, 'row')}. Its columns:\n")
    rows = [
        (header, name, PUBLIC.get(name) or PRIVATE.get(name) or "private: notes")
        for name, header in outcome.mapping.items()
    ]
    rows += [(header, "-", "private: notes") for header in mapping.unused]
    order = {header: at for at, header in enumerate(mapping.headers)}
    show.table(["Column", "Field", "Goes to"], sorted(rows, key=lambda row: order[row[0]]))
    shown = list(_sample(fresh))
    if shown:
        show.say("\nThe first of them would become:\n")
        show.table(
            ["Line", "Title", "Category", "Urgency", "Text", "Private"],
            [
                (
                    str(draft.line),
                    draft.title,
                    categories.name(draft.category, "en"),
                    draft.urgency,
                    _short(draft.text),
                    ", ".join(
                        name
                        for name in ("name", "contact", "address", "household", "notes")
                        if getattr(draft, name)
                    ),
                )
                for draft in shown
            ],
        )
    show.say()
    facts = [("to import", show.counted(outcome.to_import, "need"))]
    facts.append(("completed", f"{show.counted(outcome.skipped_completed, 'row')}, left out"))
    facts.append(("imported before", f"{show.counted(outcome.already_imported, 'need')}, left out"))
    facts.append(("cannot be read", show.counted(len(outcome.bad_rows), "row")))
    show.facts(facts)
    _show_bad(outcome.bad_rows)
    if not fresh and len(outcome.bad_rows) < outcome.rows:
        show.say("\nThere is nothing new to import.")


def _sample(drafts: list[AnswerDraft]) -> Iterator[AnswerDraft]:
    """The drafts of the first rows."""
    lines: list[int] = []
    for draft in drafts:
        if draft.line not in lines:
            if len(lines) == SAMPLE_ROWS:
                return
            lines.append(draft.line)
        yield draft


def _short(text: str) -> str:
    return text if len(text) <= TEXT_CHARS_SHOWN else text[: TEXT_CHARS_SHOWN - 1] + "…"


def _show_bad(bad_rows: list[dict[str, Any]]) -> None:
    for bad in bad_rows:
        show.say(f"    Line {bad['line']}: {show.clean(bad['reason'])}")


# what happens


def _import(drafts: list[AnswerDraft], language: str, outcome: Outcome) -> None:
    who = acting()
    console = show.console(stderr=True)
    columns = (TextColumn("Importing"), BarColumn(), MofNCompleteColumn())
    with Progress(*columns, console=console, transient=True, disable=not console.is_terminal) as progress:
        task = progress.add_task("", total=len(drafts))
        for start in range(0, len(drafts), use_case.AT_ONCE_MAX):
            some = drafts[start : start + use_case.AT_ONCE_MAX]
            done = call("import_answers", **who, drafts=msgspec.to_builtins(some), language=language)
            outcome.posts += done["posts"]
            outcome.imported += len(done["posts"])
            outcome.already_imported += done["already"]
            outcome.refused += done["bad_rows"]
            outcome.left_out += done["left_out"]
            progress.advance(task, len(some))


def _told(outcome: Outcome) -> dict[str, Any]:
    """As JSON: one list of everything that a row was refused for, by line."""
    told: dict[str, Any] = msgspec.to_builtins(outcome)
    told["bad_rows"] = sorted(told["bad_rows"] + told.pop("refused"), key=lambda bad: int(bad["line"]))
    return told


def _summary(outcome: Outcome) -> None:
    show.say(
        f"\nImported {show.counted(outcome.imported, 'need')}. They stay in this neighborhood until somebody "
        "shares one, and what people confided stays private."
    )
    if outcome.refused:
        show.say(f"{show.counted(len(outcome.refused), 'need')} could not be posted:")
        _show_bad(outcome.refused)
