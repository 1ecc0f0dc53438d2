"""Erasing a post for good, and seeing which neighborhoods have done so."""

from __future__ import annotations

from typing import Any

import click

from node.cli import show
from node.cli.common import acting, as_options, call, data_option, json_option, print_json, sure, yes_option

KINDS = {
    "post": "Need or offer",
    "commitment": "Promise",
    "answer": "Reply",
    "profile": "Profile",
    "standing": "State of a post",
}
WHERE = {"here": "this neighborhood", "pair": "two neighborhoods", "region": "the region"}


@click.command()
@click.argument("post_id", metavar="ID")
@data_option
@as_options
@yes_option
@click.option("--for-neighborhood", "for_all", is_flag=True, help="Somebody else's post: for coordinators.")
@json_option
def erase(post_id: str, yes: bool, for_all: bool, as_json: bool) -> None:
    """Erase a post of yours for good: its words, its private details, and what you replied there.

    ID is the beginning of its id, as “barnraise board” shows it. The words go from this node at once, and
    from the other neighborhoods as they hear of it. Nobody can bring them back.
    """
    done = sure(
        "erase",
        {**acting(), "post": post_id, "for_all": for_all},
        lambda found: f"Erase “{show.clean(found['title'])}” for good?",
        yes=yes,
        otherwise="to erase it for good",
        exact="post",
    )
    if as_json:
        del done["title"]
        print_json(done)
        return
    show.say("Erased here. See which neighborhoods have too with: barnraise erasures")


@click.command()
@data_option
@as_options
@json_option
def erasures(as_json: bool) -> None:
    """Show what you erased, and which neighborhoods have applied it. Coordinators see all that was."""
    found = call("erasures", **acting())
    if as_json:
        print_json({"items": found})
        return
    if not found:
        show.say("Nothing has been erased.")
        return
    for item in found:
        show.say(
            f"{KINDS.get(item['kind'], item['kind'])} {item['id'][: show.ID_CHARS]}, shared with "
            f"{WHERE[item['where']]}: {_by(item)} on {_day(item['at'])}."
        )
        show.say(f"  Applied by {item['applied']} of {item['of']}.")
        for place in item["places"]:
            if place["state"] != "applied":
                show.say(f"  {_waiting(place, item)}")
        if item["former"]:
            names = ", ".join(show.clean(name) for name in item["former"])
            show.say(f"  No longer in the coalition, and may still hold it: {names}.")
        for made in item["backups"]:
            show.say(f"  The backup of {_day(made)} still holds the words: make a new one, delete it.")


def _day(time_s: int) -> str:
    return show.moment(time_s).date().isoformat()


def _by(item: dict[str, Any]) -> str:
    if not item["by_home"]:
        return "erased by you" if item["mine"] else "erased by its author"
    return f"erased by {show.clean(item['done_by'] or 'the neighborhood')}"


def _waiting(place: dict[str, Any], item: dict[str, Any]) -> str:
    name = show.clean(place["name"])
    if place["state"] == "silent":
        return f"{name} runs an older program, which does not say."
    if not place["since"]:
        return f"{name} has not been heard from yet."
    if place["since"] < item["at"]:
        return f"{name} has not been heard from since {_day(place['since'])}."
    return f"{name} was heard from on {_day(place['since'])}, but has not said so yet."
