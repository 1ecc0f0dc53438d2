"""Needs and offers: put one on the board, read the board."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import click

from node import categories as known
from node.actions.drafts import DAYS_DEFAULT
from node.actions.posts import DAYS_MAX
from node.cli import show
from node.cli.common import Decorated, acting, as_options, call, data_option, json_option, print_json
from protocol.errors import OurFault


def category_of(text: str) -> str:
    """The id of a category given by id or by name. Raises OurFault("bad_input")."""
    wanted = known.plain_words(text)
    for one in known.all_categories():
        if text.strip() == one.id or wanted in map(known.plain_words, one.names.values()):
            return one.id
    meant = known.guess(text)
    hint = f" Do you mean “{meant}”?" if meant != known.OTHER else ""
    raise OurFault("bad_input", f"No category is called “{text}”.{hint} See all with: barnraise categories")


def post_options(function: Decorated) -> Decorated:
    """Everything that can be said of a need or an offer besides its title."""
    options: list[Callable[[Decorated], Decorated]] = [
        click.option(
            "--what", type=click.Choice(list(show.WHATS)), default="help", show_default=True,
            help="Help, a thing to give, a thing to lend, or a space.",
        ),
        click.option("--category", metavar="NAME", help="A category. [default: guessed from the title]"),
        click.option("--text", default="", help="More about it."),
        click.option("--area", default="", help="Roughly where, such as “near the mill”."),
        click.option("--when", default="", help="When, in your own words."),
        click.option(
            "--urgency", type=click.Choice(["low", "normal", "urgent"]), default="normal", show_default=True
        ),
        click.option("--slots", type=click.IntRange(1, 100), default=1, help="How many people or things."),
        click.option("--days", type=click.IntRange(1, DAYS_MAX), default=DAYS_DEFAULT, help="How long."),
        click.option("--language", metavar="CODE", help="Such as en, es or de. [default: yours]"),
        click.option("--region", is_flag=True, help="Share it with the coalition. Else it stays here."),
        click.option("--name-shown", default="", help="A name to show with it. [default: none]"),
        click.option("--contact", default="", help="Private: how to reach you. Never leaves this node."),
        click.option("--address", default="", help="Private: where exactly. Never leaves this node."),
        click.option("--household", default="", help="Private: who lives there. Never leaves this node."),
        click.option("--notes", default="", help="Private: anything else. Never leaves this node."),
    ]  # fmt: skip
    for option in reversed(options):
        function = option(function)
    return function


@click.command()
@click.argument("title")
@data_option
@as_options
@post_options
@json_option
def need(title: str, **fields: Any) -> None:
    """Put a need on the board.

    For example: barnraise need --as Amara "A ride to the clinic on Tuesday"
    """
    _publish("need", title, **fields)


@click.command()
@click.argument("title")
@data_option
@as_options
@post_options
@json_option
def offer(title: str, **fields: Any) -> None:
    """Put an offer on the board.

    For example: barnraise offer --as Ben --what lend "A long ladder"
    """
    _publish("offer", title, **fields)


def _publish(
    type_: str, title: str, *, as_json: bool, region: bool, category: str | None, **fields: Any
) -> None:
    draft = {name: value for name, value in fields.items() if value is not None}
    draft |= {
        "type": type_,
        "title": title,
        "category": category_of(category) if category else known.guess(title),
        "where": "region" if region else "here",
    }
    made = call("post", **acting(), draft=draft)
    if as_json:
        print_json(made)
        return
    whereto = "The neighborhoods of the coalition see it too." if region else "It stays in this neighborhood."
    show.say(f"On the board: {show.clean(made['title'])} ({made['category_name']}). {whereto}")
    show.say(f"Its id begins {made['id'][: show.ID_CHARS]}.")


@click.command()
@data_option
@click.option("--q", default="", metavar="WORDS", help="Words in the title, the text or the area.")
@click.option("--type", "type_", type=click.Choice(["need", "offer"]), help="Only needs, or only offers.")
@click.option("--category", metavar="NAME", help="Only this category and those below it.")
@click.option(
    "--where", type=click.Choice(["here", "region"]), help="Only from here, or only what is shared."
)
@click.option(
    "--limit", type=click.IntRange(1, 100), default=100, show_default=True, help="How many to show."
)
@click.option("--cursor", default="", help="Go on from here: the “next” of an earlier answer.")
@json_option
def board(
    q: str, type_: str | None, category: str | None, where: str | None, limit: int, cursor: str, as_json: bool
) -> None:
    """Show what is needed and offered, newest first."""
    found = call(
        "board",
        q=q,
        type=type_ or "",
        category=category_of(category) if category else "",
        where=where or "",
        limit=limit,
        cursor=cursor,
    )
    if as_json:
        print_json(found)
        return
    if not found["items"]:
        show.say("Nothing here fits." if q or type_ or category or where else "The board is empty so far.")
        return
    show.table(
        ["Id", "", "Title", "Category", "When", "Where", "State"],
        [
            (
                one["id"][: show.ID_CHARS],
                _kind(one),
                one["title"],
                one["category_name"],
                one["when"],
                one["area"] or one["neighborhood_name"],
                ("Urgent, " if one["urgency"] == "urgent" else "")
                + show.STATES.get(one["state"], one["state"]),
            )
            for one in found["items"]
        ],
    )
    if found["next"]:
        show.say(f"\nThere are more: --cursor {found['next']}")


def _kind(item: dict[str, Any]) -> str:
    whats = show.WHATS_WANTED if item["type"] == "need" else show.WHATS
    return f"{show.TYPES.get(item['type'], item['type'])}: {whats.get(item['what'], item['what'])}"


@click.command()
@json_option
def categories(as_json: bool) -> None:
    """Show the categories of needs and offers."""
    entries = [entry for _, group in known.choices("en") for entry in group]
    if as_json:
        print_json({"items": [{"id": one, "name": name} for one, name in entries]})
        return
    show.table(["Id", "Name"], [(one, ("  " if "." in one else "") + name) for one, name in entries])
