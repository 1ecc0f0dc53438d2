"""Coalitions of neighborhoods: which we are in, founding one, letting others in, joining."""

from __future__ import annotations

from typing import Any

import click

from node.cli import show
from node.cli.common import (
    Commands,
    Decorated,
    acting,
    as_options,
    ask,
    call,
    data_option,
    json_option,
    print_json,
    sure,
    yes_option,
)
from protocol.errors import WorldFault


@click.group(cls=Commands)
@data_option
@as_options
def coalition() -> None:
    """Found, join and leave coalitions, and say who votes in them.

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
        _show_former(offer)


def _show_former(one: dict[str, Any]) -> None:
    if one["carries_on"]:
        show.say(f"  It says that it carries on “{show.clean(one['carries_on'])}”.")


@coalition.command()
@click.argument("name")
@data_option
@as_options
@click.option(
    "--with", "partners", multiple=True, metavar="NEIGHBORHOOD",
    help="A linked neighborhood to found it with; may be given several times.",
)  # fmt: skip
@click.option("--agreement", default="", metavar="TEXT", help="What the neighborhoods agree on.")
@click.option(
    "--former", default="", metavar="COALITION",
    help="One that this carries on, where too many of its voters are gone for good to decide anything.",
)  # fmt: skip
@json_option
def found(name: str, partners: tuple[str, ...], agreement: str, former: str, as_json: bool) -> None:
    """Found a coalition. Each neighborhood named is asked, and says yes itself."""
    made = call(
        "coalition_found", **acting(), name=name, agreement=agreement, partners=list(partners), former=former
    )
    if as_json:
        print_json(made)
        return
    asked = f" Asked to join: {', '.join(partners)}." if partners else ""
    show.say(f"“{made['name']}” is founded.{asked} Invite others with: barnraise coalition invite")


_which_option = click.option(
    "--coalition", "which", default="", metavar="NAME", help="Which one, if there are several."
)


def _for_coordinators(function: Decorated) -> Decorated:
    """The options of whatever somebody does in one coalition."""
    return data_option(as_options(_which_option(json_option(function))))


def _there(which: str, **parameters: Any) -> dict[str, Any]:
    """The parameters of a command by whoever acts, in one coalition."""
    return {**acting(), "coalition": which, **parameters}


@coalition.command()
@_for_coordinators
def invite(which: str, as_json: bool) -> None:
    """Make a code that lets one more neighborhood in. It works once, for seven days."""
    made = call("coalition_invite", **_there(which))
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
        name = show.clean(done["joined"])
        if done["waiting"]:
            show.say(
                f"“{name}” has this neighborhood's request. Three or more neighborhoods vote there, so a"
                " second one has to vouch for you. Its coordinator sees that on the coalition's page, and"
                " with: barnraise coalition show"
            )
        else:
            show.say(f"This neighborhood is now in the coalition “{name}”.")


# who belongs to one


@coalition.command("show")
@data_option
@_which_option
@json_option
def show_coalition(which: str, as_json: bool) -> None:
    """Show who belongs to a coalition, what is proposed, and whose key was replaced."""
    _tell(call("coalition_show", coalition=which), as_json)


def _tell(found: dict[str, Any], as_json: bool) -> None:
    if as_json:
        print_json(found)
        return
    show.table(["Neighborhood", "Role"], [(one["name"], one["role"]) for one in found["members"]])
    _show_former(found)
    for one in found["proposals"]:
        show.say(f"\nProposed ({one['id'][: show.ID_CHARS]}):")
        _tell_roles(one, agreed=one["assents"])
        if one["same"]:
            show.say("  Nobody's role changes; it lists keys that were replaced.")
        show.say(
            f"  {len(one['assents'])} of {one['needed']} needed. Agree with: barnraise coalition agree ID"
        )
    for one in found["newcomers"]:
        show.say(
            f"\n{show.clean(one['name'])} ({one['home'][: show.ID_CHARS]}, {one['words']}) wants to come in;"
            f" invited by {_names(one['vouched_by'])}.\n"
            "  A second neighborhood that votes vouches for it with: barnraise coalition vouch ID"
        )
    if found["renewed"]:
        show.say(
            f"\nReplaced its key since the roster was agreed: {_names(found['renewed'])}. So that no old"
            " recovery sheet can make another key count: barnraise coalition renew"
        )
    if found["forked"]:
        show.say("\nSomebody has signed two different rosters. See: barnraise coalition branches")


def _tell_roles(found: dict[str, Any], **more: list[str]) -> None:
    roles = {"voting": found["voters"], "guests": found["guests"], "out": found["out"], **more}
    for what, names in roles.items():
        if names:
            show.say(f"  {what}: {_names(names)}")


def _names(names: list[str]) -> str:
    return ", ".join(show.clean(name) for name in names) or "nobody"


@coalition.command()
@_for_coordinators
@click.option("--votes", "voters", multiple=True, metavar="NEIGHBORHOOD", help="It is to vote.")
@click.option(
    "--guest", "guests", multiple=True, metavar="NEIGHBORHOOD", help="It is to share, and not vote."
)
@click.option("--out", multiple=True, metavar="NEIGHBORHOOD", help="It is to be no longer in the coalition.")
@yes_option
def propose(
    voters: tuple[str, ...],
    guests: tuple[str, ...],
    out: tuple[str, ...],
    yes: bool,
    which: str,
    as_json: bool,
) -> None:
    """Propose who votes, who is a guest and who is out. It is your neighborhood's yes as well.

    Each option may be given several times. Who is not named keeps their role. It is decided once more than
    half of those who vote agree; where your neighborhood is the only one that votes, at once.
    """
    if not (voters or guests or out):
        raise click.UsageError("Say what changes: --votes, --guest or --out NEIGHBORHOOD.")
    parameters = _there(which, voters=list(voters), guests=list(guests), out=list(out))

    def tell(found: dict[str, Any]) -> str:
        show.say(f"In “{show.clean(found['coalition'])}” from then on:")
        _tell_roles(found)
        if found["out"]:
            show.say("Once it is decided, their shared posts leave everybody's boards. Hours stand.")
        return "Propose this? It is decided at once" if found["at_once"] else "Propose this?"

    _tell(sure("coalition_propose", parameters, tell, yes=yes, otherwise="to propose it"), as_json)


@coalition.command()
@_for_coordinators
def renew(which: str, as_json: bool) -> None:
    """Propose the roster as it is, with the keys of today.

    Worth it after a neighborhood has replaced its node's key: until a roster lists the new one, whoever
    finds an old recovery sheet could make another key count instead.
    """
    _tell(call("coalition_renew", **_there(which)), as_json)


@coalition.command()
@click.argument("newcomer", metavar="ID")
@_for_coordinators
def vouch(newcomer: str, which: str, as_json: bool) -> None:
    """Vouch for a neighborhood that another has invited. ID as “barnraise coalition show” shows it.

    Needed where three or more neighborhoods vote: then two of them have to vouch for a newcomer.
    """
    _tell(call("coalition_vouch", **_there(which, newcomer=newcomer)), as_json)


@coalition.command()
@click.argument("proposal", metavar="ID")
@_for_coordinators
def agree(proposal: str, which: str, as_json: bool) -> None:
    """Agree to a proposal. ID is the beginning of its id, as “barnraise coalition show” shows it."""
    _tell(call("coalition_agree", **_there(which, proposal=proposal)), as_json)


@coalition.command()
@data_option
@_which_option
@json_option
def branches(which: str, as_json: bool) -> None:
    """Show where the roster splits: some agreed to one list of members, some to another."""
    found = call("coalition_branches", coalition=which)
    if as_json:
        print_json({"items": found})
        return
    if not found:
        show.say("There is one roster only. Nothing is to be chosen.")
    for fork in found:
        for one in fork["branches"]:
            _tell_branch(one)
        if fork["signed_twice"]:
            show.say(f"Signed both: {_names(fork['signed_twice'])}. Ask them how it came about.")
        if fork["can_choose"]:
            show.say(
                "No node can know which is meant. Talk to the other coordinators, and choose the same one"
                " everywhere:\n  barnraise coalition follow ID --as NAME"
            )
        else:
            show.say("This is not decided yet, and every node will decide it alike.")


def _tell_branch(one: dict[str, Any]) -> None:
    day = show.moment(one["created"]).date().isoformat()
    here = ", followed here" if one["followed"] else ""
    show.say(f"{one['id'][: show.ID_CHARS]}, proposed by {show.clean(one['proposed_by'])} on {day}{here}")
    _tell_roles(one, agreed=one["signed"])
    show.say(f"  decisions since: {one['epochs'] - 1}")
    if not one["with_us"]:
        show.say("  This neighborhood is not in it: you would leave the coalition.")


@coalition.command()
@click.argument("branch", metavar="ID")
@data_option
@as_options
@_which_option
@yes_option
@json_option
def follow(branch: str, which: str, yes: bool, as_json: bool) -> None:
    """Follow another roster of a coalition from now on. ID as “barnraise coalition branches” shows it.

    It changes only which one this node follows, and can be taken back.
    """

    def tell(found: dict[str, Any]) -> str:
        _tell_branch(found)
        return "Follow this roster?"

    parameters = _there(which, branch=branch)
    done = sure(
        "coalition_follow", parameters, tell, yes=yes, otherwise="to follow that roster", exact="branch"
    )
    if as_json:
        print_json(done)
    else:
        show.say("This neighborhood follows that roster from now on.")


@coalition.command()
@_for_coordinators
@yes_option
def leave(which: str, yes: bool, as_json: bool) -> None:
    """Leave a coalition. To come back, somebody there has to invite this neighborhood again."""

    def tell(found: dict[str, Any]) -> str:
        name = show.clean(found["coalition"])
        show.say(
            f"With you in “{name}”: {_names(found['others'])}.\n"
            "Your posts leave the others' boards, and theirs leave yours. Hours stand.\n"
            "To come back, somebody there has to invite you again."
        )
        return f"Leave “{name}”?"

    done = sure("coalition_leave", _there(which), tell, yes=yes, otherwise="to leave it")
    if as_json:
        print_json(done)
    else:
        show.say(f"This neighborhood has left “{show.clean(done['coalition'])}”.")
