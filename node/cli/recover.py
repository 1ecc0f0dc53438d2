"""Recovery: a new node key after a theft, and new recovery sheets."""

from __future__ import annotations

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
from node.cli.lost import (
    Beginning,
    area_option,
    asked_for,
    bring_back,
    in_file,
    language_option,
    words_option,
)


@click.group(cls=Commands)
@data_option
def recover() -> None:
    """After a theft or a loss: a new key, new recovery sheets, or everything back from neighbors.

    The sheets decide, not a passphrase: have the words of as many as are needed at hand.
    """


_peer_option = click.option(
    "--peer", default="", metavar="ADDRESS",
    help="A neighbor's node to ask for newer keys first. [default: after a restore, all that are known]",
)  # fmt: skip
_alone_option = click.option(
    "--without-neighbors", "alone", is_flag=True,
    help="After a restore: no neighbor can be reached, and the key was surely not replaced since the backup.",
)  # fmt: skip


def _sheets(words_file: str | None) -> list[str]:
    state = call("recover_status")
    return in_file(words_file) if words_file is not None else asked_for(1, state["needed"])


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
    if found["keys_unproven"]:
        show.say(
            "This node was restored from a backup. If other nodes refuse it now, its key was replaced after"
            " that: “barnraise recover key” asks them first, and makes a new one."
        )
    _show_held(found["held_back"])
    _show_rest(found["rest"])


@recover.command()
@data_option
@words_option
@_peer_option
@_alone_option
@json_option
def key(words_file: str | None, peer: str, alone: bool, as_json: bool) -> None:
    """Give this node a new key: the thief's copy counts for nothing from then on.

    A node restored from a backup asks its neighbors first whether the key was replaced already: two new keys
    for one old one would void each other.
    """
    done = call("recover_key", sheets=_sheets(words_file), peer=peer, without_neighbors=alone)
    if as_json:
        print_json(done)
        return
    show.say(f"The node has a new key. Records signed anew: {done['signed']}.")
    _show_held(call("recover_status")["held_back"])
    _show_rest(done["rest"])


@recover.command()
@click.argument("address")
@data_option
@words_option
@as_options
@click.option("--neighborhood", prompt=True, metavar="NAME", help="What the neighborhood is called.")
@area_option
@language_option
@click.option("--yes", is_flag=True, help="Do not ask whether the six words are right: for a script.")
@json_option
def peers(
    address: str,
    words_file: str | None,
    neighborhood: str,
    area: str,
    language: str,
    yes: bool,
    as_json: bool,
) -> None:
    """Bring a lost neighborhood back, without a backup, from the neighbor at ADDRESS.

    For an empty data folder. NAME of --as becomes the coordinator, with a new passphrase. What was shared
    with others comes back; what never left the lost machine is gone.
    """
    beginning = Beginning(neighborhood, area, acting_name(), language)
    bring_back(address, words_file, beginning, new_passphrase, yes=yes, as_json=as_json)


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


@recover.command()
@data_option
@as_options
def unheard() -> None:
    """Sign anew what waits for a neighbor's node after a restore, because none will be heard.

    What was erased after the backup was made may be shown again.
    """
    done = call("recover_unheard", **acting())
    show.say(f"Signed anew: {done['signed']}.")


def _show_held(count: int) -> None:
    if count:
        show.say(f"\nRecords that wait until a neighbor's node is heard: {count}.")
        show.say("Something may have been erased since the backup, and neighbors know.")
        show.say("If none of them will be heard any more: barnraise recover unheard --as NAME")


def _show_rest(rest: list[dict[str, Any]]) -> None:
    if not rest:
        return
    show.say("\nSigned with an earlier key, by nobody who is a member now. A coordinator decides on these:\n")
    rows = [(one["author"][: show.ID_CHARS], one["name"], one["kind"], str(one["count"])) for one in rest]
    show.table(["Author", "Shown name", "Kind", "Records"], rows)
    show.say("\nLook at them with: barnraise recover show AUTHOR KIND")
    show.say("Decide with: barnraise recover decide AUTHOR KIND --sign (or --drop) --as NAME")
    show.say("After a loss, who is a member again: barnraise recover person AUTHOR MEMBER --as NAME")


@recover.command("show")
@click.argument("author")
@click.argument("kind")
@data_option
@json_option
def show_waiting(author: str, kind: str, as_json: bool) -> None:
    """Show the records that wait, one by one: AUTHOR and KIND as “barnraise recover status” shows them."""
    found = call("recover_show", author=author, kind=kind)
    if as_json:
        print_json({"items": found})
        return
    rows = []
    for one in found:
        day = show.moment(one["created"]).date().isoformat()
        about = " ".join(part for part in (one["title"] or one["erases"], one["name"]) if part)
        rows.append(
            (day, about, one["other"] or {"here": "this neighborhood"}.get(one["where"], "the region"))
        )
    show.table(["Day", "About", "Shared with"], rows)


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
@words_option
@click.option(
    "--policy", "kind", type=click.Choice(["one", "three-of-five"]), help="New sheets, all of them."
)
@click.option("--replace", "number", type=int, help="One lost sheet, by its number.")
@_peer_option
@_alone_option
@json_option
def sheets(
    words_file: str | None, kind: str | None, number: int | None, peer: str, alone: bool, as_json: bool
) -> None:
    """Make new recovery sheets. Their words are shown only now."""
    if (kind is None) == (number is None):
        raise click.UsageError("Say either --policy one, --policy three-of-five, or --replace NUMBER.")
    made = call(
        "recover_sheets", sheets=_sheets(words_file), kind=(kind or "").replace("-", "_"), number=number or 0,
        peer=peer, without_neighbors=alone,
    )  # fmt: skip
    if as_json:
        print_json(made)
        return
    for sheet, code in zip(made["sheets"], made["codes"], strict=True):
        _show(sheet, made, code)


def _show(sheet: dict[str, Any], made: dict[str, Any], code: str) -> None:
    show.say(f"\nSheet {sheet['number']} of {sheet['count']}; {sheet['needed']} needed. Write it down:\n")
    numbered = [f"{place:2} {word:<10}" for place, word in enumerate(sheet["words"], 1)]
    for at in range(0, len(numbered), 4):
        show.say("  " + " ".join(numbered[at : at + 4]))
    show.say(f"\nThe six words of this neighborhood: {made['six_words']}")
    places = [show.clean(place) for place in made["neighbors"]] or ["none yet"]
    show.say("Neighbors' nodes that can give back what was shared: " + "; ".join(places))
    if has_terminal():
        show.say("\nThe same as a square code:\n")
        show.codes([code], [f"sheet {sheet['number']} of {sheet['count']}"])
