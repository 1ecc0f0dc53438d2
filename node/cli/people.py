"""The members: who they are, and inviting more."""

from __future__ import annotations

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
from node.cli.links import bases_of, show_links
from protocol.errors import OurFault


@click.group(cls=Commands)
@data_option
def member() -> None:
    """List the members, invite more, help one who lost their passphrase, leave."""


@member.command("list")
@data_option
@json_option
def list_members(as_json: bool) -> None:
    """Show who is a member."""
    found = call("member_list")
    if as_json:
        print_json({"items": found})
        return
    show.table(
        ["Name", "Role", "Area", "Languages"],
        [(one["name"], one["role"], one["area"], one["languages"]) for one in found],
    )


@member.command()
@data_option
@as_options
@json_option
def invite(as_json: bool) -> None:
    """Make an invitation for one person. Only coordinators can.

    The link works once, for seven days. No e-mail is needed: show the square code, send the link by whatever
    way you have, or read out the code.
    """
    made = call("member_invite", **acting())
    links = [f"{base}/join/{made['code']}" for base in bases_of(made)]
    if as_json:
        print_json({"code": made["code"], "expires": made["expires"], "links": links})
        return
    show.say("An invitation for one person. It is shown only now:")
    show_links(links)
    until = show.moment(made["expires"]).date().isoformat()
    show.say(f"\nOr type this code on the page, under “join”: {made['code']}\nIt works once, until {until}.")


@member.command()
@click.argument("name")
@data_option
@as_options
@json_option
def reissue(name: str, as_json: bool) -> None:
    """Let NAME choose a new passphrase. Only coordinators can, and not for themselves.

    Do it when you know that it is them. Their posts, promises and hours stay theirs. Every neighborhood of
    your coalitions sees it, and whoever still has the old passphrase can contest it.
    """
    made = call("member_reissue", name=name, **acting())
    links = [f"{base}/join/{made['code']}" for base in bases_of(made)]
    if as_json:
        print_json({"code": made["code"], "expires": made["expires"], "links": links})
        return
    show.say(f"For {name} alone. It is shown only now:")
    show_links(links)
    until = show.moment(made["expires"]).date().isoformat()
    show.say(f"\nOr type this code on the page, under “join”: {made['code']}\nIt works once, until {until}.")


@member.command()
@data_option
@json_option
def reissues(as_json: bool) -> None:
    """Show who was given a new passphrase, here and in linked neighborhoods, and what is contested."""
    found = call("member_reissues")
    if as_json:
        print_json({"items": found})
        return
    rows = []
    for one in found:
        day = show.moment(one["created"]).date().isoformat()
        rows.append((one["name"] or "a neighbor", one["neighborhood"], day, one["state"]))
    show.table(["Name", "Neighborhood", "Day", "State"], rows)


def _belongings(found: dict[str, Any]) -> None:
    show.say(
        f"{show.counted(found['posts'], 'post')}, {found['shared']} of them shared with the region; "
        f"{show.counted(found['promises'], 'promise or reply', 'promises and replies')}. "
        f"{found['going']} arranged with somebody, who is told that it is off. "
        f"Stays: {show.counted(found['claims'], 'entry', 'entries')} of hours, as numbers."
    )


def _sure(command: str, question: str, yes: bool, **parameters: Any) -> Any:
    """Show what would go, ask, then do it."""
    if not yes:
        if not has_terminal():
            raise OurFault("bad_input", "There is no terminal to ask at. Say --yes to erase it all for good.")
        found = call(command, **parameters, sure=False)
        _belongings(found)
        click.confirm(question.format(name=show.clean(found["name"])), abort=True, err=True)
    return call(command, **parameters, sure=True)


@member.command()
@data_option
@as_options
@click.option("--yes", is_flag=True, help="Do not ask.")
@json_option
def leave(yes: bool, as_json: bool) -> None:
    """Leave this neighborhood, and erase everything that is yours: posts, notes, profile, key.

    The words go from this node at once, and from other neighborhoods as they hear of it. Nobody can bring
    them back. Hours stay, as numbers for a key that nobody can name.
    """
    done = _sure("member_leave", "Leave, and erase all of it for good?", yes, **acting())
    if as_json:
        print_json(done)
        return
    show.say("You have left, and everything that was yours is erased here.")


@member.command()
@click.argument("name")
@data_option
@as_options
@click.option("--yes", is_flag=True, help="Do not ask.")
@json_option
def remove(name: str, yes: bool, as_json: bool) -> None:
    """Remove NAME, who is gone for good, and erase everything of theirs. Only coordinators can.

    It is done in the neighborhood's name. Hours stay, as numbers.
    """
    question = "Remove {name}, and erase all of it for good?"
    done = _sure("member_remove", question, yes, **acting(), name=name)
    if as_json:
        print_json(done)
        return
    show.say(f"{show.clean(done['name'])} is removed, and everything of theirs is erased here.")
