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
    acting_name,
    as_options,
    call,
    data_option,
    has_terminal,
    json_option,
    new_passphrase,
    print_json,
)
from protocol.errors import OurFault


@click.group(cls=Commands)
@data_option
def recover() -> None:
    """After a theft or a loss: a new key, new recovery sheets, or everything back from neighbors.

    The sheets decide, not a passphrase: have the words of as many as are needed at hand.
    """


_words_option = click.option(
    "--words", "words_file", metavar="FILE",
    help="A file with the words, one sheet a line. [default: you are asked]",
)  # fmt: skip


def _sheets(words_file: str | None) -> list[str]:
    state = call("recover_status")
    return _in_file(words_file) if words_file is not None else _asked_for(1, state["needed"])


def _in_file(words_file: str) -> list[str]:
    text = sys.stdin.read() if words_file == "-" else Path(words_file).read_text("utf-8")
    return [line for line in text.splitlines() if line.strip()]


def _asked_for(first: int, needed: int) -> list[str]:
    if not has_terminal():
        raise OurFault("bad_sheet", "There is no terminal to ask for the words at; give --words FILE.")
    return [
        click.prompt(f"The 24 words of sheet {place} of {needed} needed", err=True)
        for place in range(first, needed + 1)
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


@recover.command()
@click.argument("address")
@data_option
@_words_option
@as_options
@click.option("--neighborhood", prompt=True, metavar="NAME", help="What the neighborhood is called.")
@click.option("--area", default="", help="Where it is, in a few words.")
@click.option("--yes", is_flag=True, help="Do not ask whether the six words are right: for a script.")
@json_option
def peers(
    address: str, words_file: str | None, neighborhood: str, area: str, yes: bool, as_json: bool
) -> None:
    """Bring a lost neighborhood back, without a backup, from the neighbor at ADDRESS.

    For an empty data folder. NAME of --as becomes the coordinator, with a new passphrase. What was shared
    with others comes back; what never left the lost machine is gone.
    """
    name = acting_name()
    sheets = _in_file(words_file) if words_file is not None else _asked_for(1, 1)
    found = call("recover_find", address=address, sheet=sheets[0] if sheets else "")
    if not as_json:
        show.say(f"{show.clean(found['peer']) or 'The other node'} knows this sheet. It belongs to:\n")
        show.facts([("six words", found["words"]), ("id", found["home"])])
    if not yes and not has_terminal():
        raise OurFault("bad_input", "There is no terminal to ask at. Compare the six words, then give --yes.")
    if not yes and not click.confirm("\nAre these the six words of your neighborhood?", err=True):
        raise click.Abort
    if words_file is None:
        sheets += _asked_for(2, found["needed"])
    done = call(
        "recover_peers", address=address, sheets=sheets, home=found["home"], neighborhood=neighborhood,
        area=area, who=name, passphrase=new_passphrase(),
    )  # fmt: skip
    if as_json:
        print_json(done)
        return
    show.say(
        f"\n{show.clean(neighborhood)} is back, with a new key, and {show.clean(name)} coordinates it."
        "\n\nGone with the lost machine: what was only shared here, how to reach people, hours among your own"
        "\nmembers, and members' keys. What other neighborhoods hold comes over while the node runs:"
        "\n\n  1. Start it, if it does not run: barnraise run"
        "\n  2. On the page “Neighborhoods”, accept the coalition that your neighbor offers."
        "\n  3. Invite people anew, then say who is who: barnraise recover status, barnraise recover person"
    )


@recover.command()
@click.argument("author")
@click.argument("name")
@data_option
@as_options
@json_option
def person(author: str, name: str, as_json: bool) -> None:
    """Say that the member NAME is AUTHOR of “barnraise recover status”: their account goes on.

    Their posts and hours are signed anew. Every neighborhood sees this step. It cannot be taken back, so be
    sure who it is: hours with them tell.
    """
    done = call("recover_person", **acting(), author=author, name=name)
    if as_json:
        print_json(done)
        return
    show.say(f"Signed anew: {done['signed']}.")
    _show_rest(done["rest"])


def _show_rest(rest: list[dict[str, Any]]) -> None:
    if not rest:
        return
    show.say("\nSigned with an earlier key, by nobody who is a member now. A coordinator decides on these:\n")
    rows = [(one["author"][: show.ID_CHARS], one["name"], one["kind"], str(one["count"])) for one in rest]
    show.table(["Author", "Shown name", "Kind", "Records"], rows)
    show.say("\nWith: barnraise recover decide AUTHOR KIND --sign (or --drop) --as NAME")
    show.say("After a loss, who is a member again: barnraise recover person AUTHOR MEMBER --as NAME")


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
