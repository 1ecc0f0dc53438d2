"""Recovery: a new node key after a theft, and new recovery sheets."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import click

from node.cli import show
from node.cli.common import (
    Commands,
    acting,
    as_options,
    call,
    data_option,
    has_terminal,
    json_option,
    print_json,
)
from protocol.errors import OurFault


@click.group(cls=Commands)
@data_option
def recover() -> None:
    """Replace the node's key after a theft, or the recovery sheets.

    The sheets decide, not a passphrase: have the words of as many as are needed at hand.
    """


_words_option = click.option(
    "--words", "words_file", metavar="FILE",
    help="A file with the words, one sheet a line. [default: you are asked]",
)  # fmt: skip


def _sheets(words_file: str | None) -> list[str]:
    state = call("recover_status")
    if words_file is not None:
        text = sys.stdin.read() if words_file == "-" else Path(words_file).read_text("utf-8")
        return [line for line in text.splitlines() if line.strip()]
    if not has_terminal():
        raise OurFault("bad_sheet", "There is no terminal to ask for the words at; give --words FILE.")
    return [
        click.prompt(f"The 24 words of sheet {place} of {state['needed']} needed", err=True)
        for place in range(1, state["needed"] + 1)
    ]


@recover.command()
@data_option
@json_option
def status(as_json: bool) -> None:
    """Show which sheets there are, and what still waits under the earlier key."""
    found = call("recover_status")
    if as_json:
        print_json(found)
        return
    show.say(f"{found['needed']} of {found['count']} recovery sheets are needed for a new key.")
    if not found["key_is_current"]:
        show.say("This node's key was replaced on another machine. Nothing it signs counts any more.")
    _show_rest(found["rest"])


@recover.command()
@data_option
@_words_option
@json_option
def key(words_file: str | None, as_json: bool) -> None:
    """Give this node a new key: the thief's copy counts for nothing from then on."""
    done = call("recover_key", sheets=_sheets(words_file))
    if as_json:
        print_json(done)
        return
    show.say(f"The node has a new key. Records signed anew: {done['signed']}.")
    _show_rest(done["rest"])


def _show_rest(rest: list[dict[str, Any]]) -> None:
    if not rest:
        return
    show.say("\nSigned with an earlier key, by nobody who is a member now. A coordinator decides on these:\n")
    rows = [(one["author"][: show.ID_CHARS], one["name"], one["kind"], str(one["count"])) for one in rest]
    show.table(["Author", "Shown name", "Kind", "Records"], rows)
    show.say("\nWith: barnraise recover decide AUTHOR KIND --sign (or --drop) --as NAME")


@recover.command()
@click.argument("author")
@click.argument("kind")
@data_option
@as_options
@click.option("--sign/--drop", "keep", required=True, default=None, help="Sign them anew, or drop them.")
def decide(author: str, kind: str, keep: bool) -> None:
    """Decide on records under an earlier key: AUTHOR and KIND as “barnraise recover status” shows them.

    A thief could have made any of them. Sign only what you know. What is dropped is gone from this node.
    """
    done = call("recover_decide", **acting(), author=author, kind=kind, keep=keep)
    show.say(f"{'Signed anew' if keep else 'Dropped'}: {done['count']}.")


@recover.command()
@data_option
@_words_option
@click.option(
    "--policy", "kind", type=click.Choice(["one", "three-of-five"]), help="New sheets, all of them."
)
@click.option("--replace", "number", type=int, help="One lost sheet, by its number.")
@json_option
def sheets(words_file: str | None, kind: str | None, number: int | None, as_json: bool) -> None:
    """Make new recovery sheets. Their words are shown only now."""
    if (kind is None) == (number is None):
        raise click.UsageError("Say either --policy one, --policy three-of-five, or --replace NUMBER.")
    made = call(
        "recover_sheets", sheets=_sheets(words_file), kind=(kind or "").replace("-", "_"), number=number or 0
    )
    if as_json:
        print_json({"sheets": made})
        return
    for sheet in made:
        _show(sheet)


def _show(sheet: dict[str, Any]) -> None:
    show.say(f"\nSheet {sheet['number']} of {sheet['count']}; {sheet['needed']} needed. Write it down:\n")
    numbered = [f"{place:2} {word:<10}" for place, word in enumerate(sheet["words"], 1)]
    for at in range(0, len(numbered), 4):
        show.say("  " + " ".join(numbered[at : at + 4]))
