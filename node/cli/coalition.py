"""Coalitions of neighborhoods: which we are in, founding one, letting others in, joining."""

from __future__ import annotations

import click

from node.cli import show
from node.cli.common import Commands, acting, as_options, ask, call, data_option, json_option, print_json
from protocol.errors import WorldFault


@click.group(cls=Commands)
@data_option
@as_options
def coalition() -> None:
    """List, found and join coalitions.

    In a coalition, neighborhoods share needs and offers with one another.
    """


@coalition.command("list")
@data_option
@json_option
def list_coalitions(as_json: bool) -> None:
    """Show the coalitions that this neighborhood is in."""
    found = call("coalition_list")
    if as_json:
        print_json(found)
        return
    if found["coalitions"]:
        show.table(
            ["Id", "Name", "We are", "Neighborhoods"],
            [
                (one["id"][: show.ID_CHARS], one["name"], one["role"], ", ".join(one["members"]))
                for one in found["coalitions"]
            ],
        )
    else:
        show.say("This neighborhood is in no coalition yet.")
    for offer in found["offers"]:
        show.say(
            f"\n{show.clean(offer['from_name']) or 'A neighborhood'} asks whether we join "
            f"“{show.clean(offer['name'])}”. Answer on the page, under Neighborhoods."
        )


@coalition.command()
@click.argument("name")
@data_option
@as_options
@click.option(
    "--with", "partners", multiple=True, metavar="NEIGHBORHOOD",
    help="A linked neighborhood to found it with; may be given several times.",
)  # fmt: skip
@click.option("--agreement", default="", metavar="TEXT", help="What the neighborhoods agree on.")
@json_option
def found(name: str, partners: tuple[str, ...], agreement: str, as_json: bool) -> None:
    """Found a coalition. Each neighborhood named is asked, and says yes itself."""
    made = call("coalition_found", **acting(), name=name, agreement=agreement, partners=list(partners))
    if as_json:
        print_json(made)
        return
    asked = f" Asked to join: {', '.join(partners)}." if partners else ""
    show.say(f"“{made['name']}” is founded.{asked} Invite others with: barnraise coalition invite")


@coalition.command()
@data_option
@as_options
@click.option("--coalition", "which", default="", metavar="NAME", help="Which one, if there are several.")
@json_option
def invite(which: str, as_json: bool) -> None:
    """Make a code that lets one more neighborhood in. It works once, for seven days."""
    made = call("coalition_invite", **acting(), coalition=which)
    if as_json:
        print_json(made)
        return
    until = show.moment(made["expires"]).date().isoformat()
    show.say(
        f"A code for one more neighborhood in “{show.clean(made['coalition'])}”. It is shown only now:\n"
    )
    show.say(f"  {made['code']}\n")
    show.say(
        f"Their coordinator enters it on their page, or with: barnraise coalition join CODE\nUntil {until}."
    )


@coalition.command()
@click.argument("code")
@data_option
@as_options
@json_option
def join(code: str, as_json: bool) -> None:
    """Join a coalition with the code that another neighborhood made."""
    who = acting()
    if not ask("status").running:
        raise WorldFault(
            "node_not_running",
            "The node is not running, and joining needs it to call the others. Start it: barnraise run",
        )
    done = call("coalition_join", **who, code=code)
    if as_json:
        print_json(done)
    else:
        show.say(show.clean(done["joined"]))
