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
    json_option,
    print_json,
    sure,
    yes_option,
)
from node.cli.links import bases_of, show_links
from node.cli.lost import in_file, words_option


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
        key = one["new"][: show.ID_CHARS]
        rows.append((one["name"] or "a neighbor", one["neighborhood"], day, key, one["state"]))
    show.table(["Name", "Neighborhood", "Day", "New key", "State"], rows)


@member.command()
@click.argument("key")
@data_option
@as_options
@words_option
@json_option
def contest(key: str, words_file: str | None, as_json: bool) -> None:
    """Contest a new key that you did not ask for: KEY as “barnraise member reissues” shows it.

    With --as and the old passphrase, or with --words and the 24 words of a key that you wrote down. The
    account then belongs to the old key again, until a voter of another neighborhood agrees otherwise.
    """
    if words_file is None:
        done = call("member_contest", **acting(), new=key)
    else:
        words = [word for line in in_file(words_file) for word in line.split()]
        done = call("member_contest_on_paper", words=words, new=key)
    if as_json:
        print_json(done)
        return
    show.say("Contested. Everybody in the coalition sees it.")


@member.command()
@click.argument("key")
@data_option
@as_options
@json_option
def settle(key: str, as_json: bool) -> None:
    """Stand by a contested new key of a member here, or agree to one that another neighborhood stands by.

    Only coordinators can. Ask those concerned first: it counts once another neighborhood that votes agrees.
    """
    done = call("member_settle", **acting(), new=key)
    if as_json:
        print_json(done)
        return
    agreed = done["state"] == "settled"
    show.say("Agreed. The new key counts." if agreed else "Said again. Another that votes is asked.")


@member.command("take-back")
@click.argument("key")
@data_option
@as_options
@yes_option
@json_option
def take_back(key: str, yes: bool, as_json: bool) -> None:
    """Take a contested new key of a member here back: KEY as “barnraise member reissues” shows it.

    For a code that went to the wrong person. The old passphrase works again, the new one opens nothing. Only
    coordinators can.
    """
    done = sure(
        "member_take_back",
        {**acting(), "new": key},
        lambda found: f"Take the new passphrase of {show.clean(found['name'])} back?",
        yes=yes,
        otherwise="to take it back",
        exact="new",
    )
    if as_json:
        print_json(done)
        return
    show.say("Taken back. The old passphrase works again.")


def _belongings(found: dict[str, Any]) -> None:
    show.say(
        f"{show.counted(found['posts'], 'post')}, {found['shared']} of them shared with the region; "
        f"{show.counted(found['promises'], 'promise or reply', 'promises and replies')}. "
        f"{found['going']} arranged with somebody, who is told that it is off. "
        f"Stays: {show.counted(found['claims'], 'entry', 'entries')} of hours, as numbers."
    )


def _erased(command: str, question: str, yes: bool, **parameters: Any) -> Any:
    """Show what would go, ask, then do it."""

    def tell(found: dict[str, Any]) -> str:
        _belongings(found)
        return question.format(name=show.clean(found["name"]))

    return sure(command, parameters, tell, yes=yes, otherwise="to erase it all for good")


@member.command()
@data_option
@as_options
@yes_option
@json_option
def leave(yes: bool, as_json: bool) -> None:
    """Leave this neighborhood, and erase everything that is yours: posts, notes, profile, key.

    The words go from this node at once, and from other neighborhoods as they hear of it. Nobody can bring
    them back. Hours stay, as numbers for a key that nobody can name.
    """
    done = _erased("member_leave", "Leave, and erase all of it for good?", yes, **acting())
    if as_json:
        print_json(done)
        return
    show.say("You have left, and everything that was yours is erased here.")


@member.command()
@click.argument("name")
@data_option
@as_options
@yes_option
@json_option
def remove(name: str, yes: bool, as_json: bool) -> None:
    """Remove NAME, who is gone for good, and erase everything of theirs. Only coordinators can.

    It is done in the neighborhood's name. Hours stay, as numbers.
    """
    question = "Remove {name}, and erase all of it for good?"
    done = _erased("member_remove", question, yes, **acting(), name=name)
    if as_json:
        print_json(done)
        return
    show.say(f"{show.clean(done['name'])} is removed, and everything of theirs is erased here.")
