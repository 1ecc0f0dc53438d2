"""The members: who they are, and inviting more."""

from __future__ import annotations

import click

from node.cli import show
from node.cli.common import Commands, acting, as_options, call, data_option, json_option, print_json
from node.cli.links import bases_of, show_links


@click.group(cls=Commands)
@data_option
def member() -> None:
    """List the members, invite more, help one who lost their passphrase."""


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
