"""One's hours: given, received, recorded, confirmed."""

from __future__ import annotations

import datetime
import shlex
from typing import Any

import click

from node.cli import show
from node.cli.board import category_of
from node.cli.common import (
    Commands,
    acting,
    acting_name,
    as_options,
    call,
    data_option,
    json_option,
    print_json,
)
from protocol.scopes import day_of


@click.group(cls=Commands, invoke_without_command=True)
@data_option
@as_options
@json_option
@click.pass_context
def hours(ctx: click.Context, as_json: bool) -> None:
    """Show, record and confirm hours.

    An hour is an hour, whatever was done in it. Without a command behind it, this shows your balance and
    every entry.
    """
    if ctx.invoked_subcommand is None:
        found = call("hours_list", **acting())
        if as_json:
            print_json(found)
        else:
            _show_hours(found)


def _show_hours(found: dict[str, Any]) -> None:
    given, received = found["given_minutes"], found["received_minutes"]
    show.say(
        f"Given {show.duration(given)}, received {show.duration(received)}: "
        f"the balance is {show.duration(found['balance_minutes'])}.\n"
    )
    if not found["items"]:
        show.say("Nothing is recorded yet.")
        return
    show.table(
        ["Id", "Day", "", "With", "Time", "Category", "State"], [_row(entry) for entry in found["items"]]
    )
    waiting = [entry for entry in found["items"] if entry["can_confirm"]]
    if waiting:
        first = waiting[0]["id"][: show.ID_CHARS]
        show.say(
            f"\n{show.counted(len(waiting), 'entry waits', 'entries wait')} for you to confirm: "
            f"barnraise hours confirm {first} --as {shlex.quote(acting_name())}"
        )


def _row(entry: dict[str, Any]) -> tuple[str, ...]:
    return (
        entry["id"][: show.ID_CHARS],
        show.day(entry["date"]),
        "gave" if entry["i_gave"] else "received",
        f"{entry['other_name']}, {entry['other_neighborhood']}",
        show.duration(entry["minutes"]),
        entry["category_name"],
        show.STATES.get(entry["state"], entry["state"]),
    )


@hours.command()
@data_option
@as_options
@click.option(
    "--with", "partner", required=True, metavar="PERSON", help="With whom: a name, or “name, neighborhood”."
)
@click.option("--gave/--received", "i_gave", default=None, help="Did you give the time, or receive it?")
@click.option("--minutes", type=click.IntRange(1, 1440), required=True, help="How long it was.")
@click.option("--date", type=click.DateTime(["%Y-%m-%d"]), help="Which day, as 2026-11-23. [default: today]")
@click.option("--category", metavar="NAME", default="other", show_default=True, help="What it was.")
@click.option("--another", is_flag=True, help="It was one more exchange with this person on the same day.")
@json_option
def record(
    partner: str,
    i_gave: bool | None,
    minutes: int,
    date: datetime.datetime | None,
    category: str,
    another: bool,
    as_json: bool,
) -> None:
    """Record hours with somebody. They count once the other person confirms them."""
    if i_gave is None:
        raise click.UsageError("Say who gave the time: --gave if it was you, --received if it was the other.")
    made = call(
        "hours_record",
        **acting(),
        partner=partner,
        i_gave=i_gave,
        minutes=minutes,
        day=None if date is None else day_of(int(date.replace(tzinfo=datetime.UTC).timestamp())),
        category=category_of(category),
        another=another,
    )
    if as_json:
        print_json(made)
        return
    who, time = show.clean(made["other_name"]), show.duration(made["minutes"])
    show.say(f"Recorded: {time} on {show.day(made['date'])}. {who} is asked to confirm it.")


@hours.command()
@click.argument("claim", metavar="ID")
@data_option
@as_options
@json_option
def confirm(claim: str, as_json: bool) -> None:
    """Confirm what another person recorded with you. This is final.

    ID is the beginning of an id as “barnraise hours” shows it.
    """
    done = call("hours_confirm", **acting(), claim=claim)
    if as_json:
        print_json(done)
        return
    gave = "you gave" if done["i_gave"] else "you received"
    who = f"{show.clean(done['other_name'])}, {show.clean(done['other_neighborhood'])}"
    show.say(f"Confirmed: {gave} {show.duration(done['minutes'])} on {show.day(done['date'])} ({who}).")
