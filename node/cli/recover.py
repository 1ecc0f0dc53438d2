"""Recovery: a new node key after a theft, and new recovery sheets."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import click

from node.cli import show
from node.cli.common import Commands, call, data_option, has_terminal, json_option, print_json
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
    show.say(f"Records under an earlier key that nobody has signed anew: {found['aside']}.")


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
    if done["aside"]:
        show.say(f"{done['aside']} more were not signed by a present member and are kept aside.")


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
