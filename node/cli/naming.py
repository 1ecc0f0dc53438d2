"""`barnraise rename`: what the neighborhood is called."""

from __future__ import annotations

import click

from node.cli import show
from node.cli.common import acting, as_options, call, data_option, json_option, print_json


@click.command()
@click.argument("name")
@click.option("--area", help="A few words on where it is. [default: as it was]")
@data_option
@as_options
@json_option
def rename(name: str, area: str | None, as_json: bool) -> None:
    """Give the neighborhood another NAME, and another area.

    The page shows it at once; other neighborhoods as they hear of it. Id and six words stay the same.
    """
    done = call("rename", **acting(), name=name, area=area)
    if as_json:
        print_json(done)
    else:
        show.say(f"This is now {show.clean(done['name'])}.")
