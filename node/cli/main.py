"""`barnraise`: the one program of a neighborhood's node."""

from __future__ import annotations

import contextlib
import io
import sys

import click

from node import VERSION
from node.cli.backup import backup, restore
from node.cli.board import board, categories, need, offer
from node.cli.carry import carry
from node.cli.coalition import coalition
from node.cli.common import Commands, data_option
from node.cli.doctor import doctor
from node.cli.erasure import erase, erasures
from node.cli.hours import hours
from node.cli.importing import import_
from node.cli.naming import rename
from node.cli.people import member
from node.cli.recover import recover
from node.cli.running import run, setup_link, status
from node.demo.command import demo


@click.group(cls=Commands, context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100})
@click.version_option(VERSION, prog_name="barnraise", message="%(prog)s %(version)s")
@data_option
def main() -> None:
    """Your neighborhood's own node: needs, offers and hours, without anybody's cloud.

    Begin with “barnraise run”. It starts the node and shows a link with which the neighborhood is set up in
    about five minutes. Everything else happens on the page that it serves; these commands are for whoever
    looks after the node, and for scripts.

    A command acts through the node if it is running, and on its data folder if it is not. Those that speak
    for a member need --as NAME and that member's passphrase.
    """
    for stream in (sys.stdout, sys.stderr):
        # On a terminal that cannot show a letter, another sign stands there, and nothing fails.
        if isinstance(stream, io.TextIOWrapper):
            with contextlib.suppress(ValueError):
                stream.reconfigure(errors="replace")


COMMANDS = (
    run,
    setup_link,
    status,
    doctor,
    rename,
    member,
    need,
    offer,
    board,
    erase,
    erasures,
    categories,
    hours,
    coalition,
    carry,
    backup,
    restore,
    import_,
    recover,
    demo,
)
for command in COMMANDS:
    main.add_command(command)

if __name__ == "__main__":
    main()
