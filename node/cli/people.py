"""The members: who they are, and inviting more."""

from __future__ import annotations

import click

from node.cli import show
from node.cli.common import Commands, acting, as_options, call, data_option, json_option, print_json
from node.cli.links import bases_of, show_links


@click.group(cls=Commands)
@data_option
def member() -> None:
    """List the members, invite more."""


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
