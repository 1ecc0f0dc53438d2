"""At the terminal of a new machine: a lost neighborhood comes back from a neighbor's node, by its sheets."""

from __future__ import annotations

import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import click

from node.cli import show
from node.cli.common import ask, has_terminal, print_json, prompted
from node.sheets import read_words
from protocol.errors import OurFault

ONE_SHEET = "The 24 words of a recovery sheet"
WHICH_PEER = "Address of a neighbor's node, such as 192.168.1.20:8420"
LANGUAGES = ("en", "es", "de")  # of the page; node/web/languages.py has their names

words_option = click.option(
    "--words", "words_file", metavar="FILE",
    help="A file with the words, one sheet a line. [default: you are asked]",
)  # fmt: skip
area_option = click.option("--area", default="", help="Where it is, in a few words.")
language_option = click.option(
    "--language", type=click.Choice(LANGUAGES), default="en", help="Of your page. [default: en]"
)


@dataclass(frozen=True, slots=True)
class Beginning:
    """What nobody else can know: how the neighborhood is called, and who coordinates it from now on."""

    neighborhood: str
    area: str
    name: str
    language: str


def in_file(words_file: str) -> list[str]:
    """The sheets in a file, one a line; "-" is stdin."""
    text = sys.stdin.read() if words_file == "-" else Path(words_file).read_text("utf-8")
    return [line for line in text.splitlines() if line.strip()]


def asked_for(first: int, needed: int) -> list[str]:
    """The words of sheets `first` to `needed`, typed. Raises OurFault("bad_sheet") without a terminal."""
    if not has_terminal():
        raise OurFault("bad_sheet", "There is no terminal to ask for the words at; give --words FILE.")
    return [
        prompted(f"The 24 words of sheet {place} of {needed} needed" if needed > 1 else ONE_SHEET, _readable)
        for place in range(first, needed + 1)
    ]


def _readable(words: str) -> str:
    read_words(words)
    return words


def bring_back(
    address: str | None,
    words_file: str | None,
    beginning: Beginning,
    passphrase: Callable[[], str],
    *,
    yes: bool,
    as_json: bool,
) -> None:
    """Ask the node at `address` whose sheet it is, have the six words compared, and be that neighborhood.

    Without an address it asks for one until a node there knows the sheet. `passphrase` gives the
    coordinator's new one, and may ask for it. Raises Fault, click.Abort.
    """
    sheets = in_file(words_file) if words_file is not None else asked_for(1, 1)
    sheet = sheets[0] if sheets else ""

    def find(at: str) -> tuple[str, dict[str, Any]]:
        return at, ask("recover_find", may_begin=True, address=at, sheet=sheet).result

    address, found = find(address) if address is not None else prompted(WHICH_PEER, find)
    if not as_json:
        show.say(f"{show.clean(found['peer']) or 'The other node'} knows this sheet. It belongs to:\n")
        show.facts([("six words", found["words"]), ("id", found["home"])])
    if not yes and not has_terminal():
        raise OurFault("bad_input", "There is no terminal to ask at. Compare the six words, then give --yes.")
    if not yes and not click.confirm("\nAre these the six words of your neighborhood?", err=True):
        raise click.Abort
    if words_file is None:
        sheets += asked_for(2, found["needed"])
    done = ask(
        "recover_peers", may_begin=True, address=address, sheets=sheets, home=found["home"],
        neighborhood=beginning.neighborhood, area=beginning.area, who=beginning.name,
        passphrase=passphrase(), language=beginning.language,
    ).result  # fmt: skip
    if as_json:
        print_json(done)
        return
    show.say(
        f"\n{show.clean(beginning.neighborhood)} is back, with a new key, and {show.clean(beginning.name)} "
        "coordinates it."
        "\n\nGone with the lost machine: what was only shared here, how to reach people, hours among your own"
        "\nmembers, and members' keys. What other neighborhoods hold comes over while the node runs:"
        "\n\n  1. Start it, if it does not run: barnraise run"
        "\n  2. On the page “Neighborhoods”, accept the coalition that your neighbor offers."
        "\n  3. Invite people anew, then say who is who: barnraise recover status, barnraise recover person"
    )
