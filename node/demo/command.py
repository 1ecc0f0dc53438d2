"""The command `barnraise demo`."""

from __future__ import annotations

import asyncio
import contextlib
import dataclasses
import json
import sqlite3
import sys
import tempfile
from pathlib import Path
from typing import Any

import click
from rich.console import Console
from rich.table import Table

from node.demo import checks
from node.demo.stage import DemoError
from node.demo.story import EARLY, PASSPHRASE, Story
from node.demo_data import DemoData, load
from protocol.errors import Fault

PACE_S = 0.25
WATCH_S = 2.0


@click.command()
@click.option("--once", is_flag=True, help="Play the story to its end, check every step, and stop.")
@click.option("--json", "as_json", is_flag=True, help="With --once: print the figures as one JSON object.")
@click.option(
    "--plant",
    type=click.Choice(["leak", "loss", "minute"]),
    help="With --once: plant a fault, to see that the checks find it.",
)
def demo(once: bool, as_json: bool, plant: str | None) -> None:
    """Three neighborhoods on this machine, played live.

    Starts three nodes that only this machine can reach, lets them find each other, and fills them with
    people who need and offer things. Open the printed addresses and take part.
    """
    if (as_json or plant) and not once:
        raise click.UsageError("--json and --plant go with --once.")
    console = Console(stderr=True, highlight=False)
    with tempfile.TemporaryDirectory(prefix="barnraise-demo-") as folder:
        try:
            found = asyncio.run(_play(Path(folder), console, once, plant))
        except KeyboardInterrupt:
            console.print("The demo is over; its data is gone.")
            return
    if found is None:
        return
    if as_json:
        click.echo(json.dumps(found))
    else:
        _print_figures(found)
    sys.exit(0 if found["ok"] else 1)


async def _play(folder: Path, console: Console, once: bool, plant: str | None) -> dict[str, Any] | None:
    data = with_leak(load()) if plant == "leak" else load()
    story = Story(data, folder, tell=lambda line: console.print(line, markup=False))
    if plant in ("loss", "minute"):
        story.while_down = lose_a_post if plant == "loss" else add_a_minute
    found: dict[str, Any] = {}
    try:
        await story.start()
        if not once:
            story.pace_s = PACE_S
            _print_addresses(story, console)
        await play(story)
        found = await checks.figures(story)
        wrong = checks.all_well(found, expected_across(data))
        found["ok"] = not wrong
        if wrong:
            console.print(f"Not as it must be: {', '.join(wrong)}", markup=False)
        if not once:
            _print_addresses(story, console)
            await watch(story, console)
    except (DemoError, Fault, OSError) as error:
        console.print(f"The demo stopped: {error}", markup=False)
        found = {**checks.nothing(story), "ok": False, "error": str(error)}
    finally:
        await story.end()
    return found if once or not found.get("ok", True) else None


async def play(story: Story) -> None:
    """The story from the first meeting to the last hour."""
    data = story.data
    await story.meet()
    region = [post for post in data.post if post.where == "region"]
    first = next(iter(story.hosts))
    own = [post for post in region if data.members_by_key[post.by].neighborhood == first]
    await story.publish(own[:EARLY])
    await story.third_joins()
    kept = own[EARLY]
    await story.publish([p for p in data.post if p.key not in story.things and p.key != kept.key])
    await story.measure_need()
    half = len(data.step) // 2
    for step in data.step[:half]:
        await story.play(step)
    await story.power_cut()
    for step in data.step[half:]:
        await story.play(step)


def expected_across(data: DemoData) -> int:
    """How many exchanges of the story are between two neighborhoods and are counted in hours."""
    return sum(1 for step in data.step if step.minutes and data.is_across(step))


def with_leak(data: DemoData) -> DemoData:
    """The same data, with a private word written where the region can read it."""
    posts = list(data.post)
    at = next(index for index, post in enumerate(posts) if post.where == "region")
    posts[at] = dataclasses.replace(posts[at], text=f"{posts[at].text} {data.private_words()[0]}")
    return dataclasses.replace(data, post=posts)


def _database(folder: Path) -> contextlib.closing[sqlite3.Connection]:
    return contextlib.closing(sqlite3.connect(folder / "barnraise.db", isolation_level=None))


def lose_a_post(folder: Path, things: list[str]) -> None:
    """Take one of the posts out of the database of a node that is down, a local one."""
    with _database(folder) as db:
        home = bytes.fromhex(db.execute("SELECT value FROM settings WHERE name = 'home'").fetchone()[0])
        for thing in map(bytes.fromhex, things):
            local = "DELETE FROM records WHERE thing = ? AND home = ? AND scope = x'8100'"
            if db.execute(local, (thing, home)).rowcount:
                db.execute("DELETE FROM view_posts WHERE thing = ?", (thing,))
                return


def add_a_minute(folder: Path, things: list[str]) -> None:
    """Let one side of an exchange between two neighborhoods count a minute more."""
    with _database(folder) as db:
        db.execute(
            "UPDATE view_claims SET minutes = minutes + 1 WHERE id = (SELECT id FROM view_claims"
            " WHERE state = 'confirmed' AND giver_home != receiver_home LIMIT 1)"
        )


def _print_addresses(story: Story, console: Console) -> None:
    table = Table("Neighborhood", "Address", "Sign in as (passphrase: " + PASSPHRASE + ")")
    for place in story.data.neighborhood:
        names = ", ".join(member.name for member in story.data.members_of(place.key))
        table.add_row(place.name, story.hosts[place.key].url, names)
    console.print(table)


def _print_figures(found: dict[str, Any]) -> None:
    table = Table("Figure", "Value")
    for name, value in found.items():
        table.add_row(name, str(value))
    Console().print(table)


async def watch(story: Story, console: Console) -> None:
    """Show what happens on the boards until the onlooker ends it."""
    console.print("Open an address, sign in and take part. What happens shows here. Ctrl-C ends the demo.")
    known: dict[tuple[str, str], str] = {}
    first = True
    while True:
        for place in story.data.neighborhood:
            for item in (await story.coordinator(place.key).json("/api/posts"))["items"]:
                before = known.get((place.key, item["id"]))
                if before != item["state"] and not first:
                    console.print(f"{place.name}: “{item['title']}” is {item['state']}", markup=False)
                known[place.key, item["id"]] = item["state"]
        first = False
        await asyncio.sleep(WATCH_S)
