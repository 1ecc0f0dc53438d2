"""Starting the node, the link to set it up, and how it is doing."""

from __future__ import annotations

import asyncio
import logging
import shutil
import sys
from typing import TYPE_CHECKING, Any

import click

from node.actions import setup
from node.cli import show
from node.cli.common import ask, call, data_option, data_text, folder, json_option, print_json
from node.cli.links import bases, bases_of, show_links
from node.logs import log_to
from node.pair_room import BYTES_MAX as PAIR_BYTES_MAX
from node.pair_room import BYTES_PER_DAY as PAIR_BYTES_PER_DAY
from node.settings import Settings
from protocol.errors import OurFault, WorldFault

if TYPE_CHECKING:
    from node.serve import Served


@click.command()
@data_option
@click.option(
    "--port", type=click.IntRange(0, 65_535), help="Port of the page. [default: 8420; 0: any free one]"
)
@click.option("--listen", metavar="ADDRESS", help="Address to listen on. [default: 0.0.0.0, every network]")
@click.option(
    "--discovery",
    type=click.Choice(["all", "loopback", "off"]),
    help="Where to look for other neighborhoods' nodes. [default: all, the local network]",
)
def run(port: int | None, listen: str | None, discovery: str | None) -> None:
    """Start this neighborhood's node.

    It runs until you press Ctrl+C. The first time, it shows a link with which the neighborhood is set up.
    Log lines go to stderr.
    """
    from node.serve import serve  # the whole web application comes with it, so only where it is needed

    settings = Settings.from_outside(data=data_text(), port=port, listen=listen, discovery=discovery)
    log_to(sys.stderr, logging.WARNING)
    logging.getLogger("barnraise").setLevel(logging.INFO)
    asyncio.run(serve(settings, announce))


def announce(served: Served) -> None:
    """Say where the page is and what to do next."""
    node = served.node
    click.echo(f"ready {served.urls[0]}")
    if node.rescue_note:
        show.say(f"\n{show.clean(node.rescue_note)}")
    if not node.is_set_up:
        show.say("\nThis node has no neighborhood yet. Setting one up takes about five minutes.")
        token = setup.new_setup_link(node)
        show_setup_link([f"{base}/setup/{token}" for base in bases(node.settings, "")])
    else:
        show.say(f"\n{show.clean(node.setting('neighborhood'))} is open. Neighbors find the page here:\n")
        for base in bases(node.settings, node.home.hex()):
            show.say(f"  {base}")
    show.say("\nThe node runs until you press Ctrl+C here.")
    sys.stdout.flush()  # whoever waits for these lines may be a program


def show_setup_link(links: list[str]) -> None:
    """A setup link and what to do with it."""
    show.say("Open this link in a browser on the same network, or point a phone's camera at a square code:")
    show_links(links)
    show.say(
        "\nThe link works once, for whoever opens it first: do not pass it on."
        "\nIs it lost? “barnraise setup-link” makes a new one while the node runs."
    )


@click.command("setup-link")
@data_option
@json_option
def setup_link(as_json: bool) -> None:
    """Make a new link to set up the neighborhood.

    The link works once. It replaces the one before, if that was not used. The node must be running.
    """
    answer = ask("status")
    if answer.result["set_up"]:
        raise OurFault("already_set_up")
    if not answer.running:
        raise WorldFault(
            "node_not_running",
            "The node is not running. Start it with “barnraise run”: it shows a setup link.",
        )
    made = call("setup_link")
    links = [f"{base}/setup/{made['token']}" for base in bases_of(made)]
    if as_json:
        print_json({"links": links})
    else:
        show_setup_link(links)


@click.command()
@data_option
@json_option
def status(as_json: bool) -> None:
    """Show how the node is doing.

    Whether it runs, how many are in it, what is on its board, and which neighborhoods it hears.
    """
    answer = ask("status")
    found: dict[str, Any] = answer.result
    disk = shutil.disk_usage(folder())
    places = bases_of(found) if answer.running else []
    if as_json:
        more = {"data_folder": str(folder()), "disk_free_bytes": disk.free, "urls": places}
        print_json({"running": answer.running, **found, **more})
        return
    is_running = "running" if answer.running else "not running; start it with “barnraise run”"
    if not found["set_up"]:
        how = "“barnraise setup-link” makes" if answer.running else "it shows"
        show.say(f"The node is {is_running}.\nIt has no neighborhood yet: {how} the link to set one up.")
        return
    own = found["neighborhood"]
    show.say(f"{show.clean(own['name'])} is {is_running}.\n")
    linked = [link for link in found["links"] if link["linked"]]
    connected = sum(link["connected"] for link in linked)
    coalitions = "; ".join(
        f"{one['name']} ({one['role']}, {show.counted(len(one['members']), 'neighborhood')})"
        for one in found["coalitions"]
    )
    show.facts(
        [
            *(("page" if not at else "", place) for at, place in enumerate(places)),
            ("six words", own["words"]),
            (
                "members",
                f"{found['members']:,}, {show.counted(found['coordinators'], 'coordinator')} among them",
            ),
            ("board", f"{show.counted(found['posts'], 'post')}, {found['posts_here']:,} from here"),
            ("linked", f"{show.counted(len(linked), 'neighborhood')}, {connected:,} connected now"),
            ("coalitions", coalitions or "none yet"),
            ("last backup", _last_backup(found["last_backup"]["made"])),
            ("disk", f"{show.size(found['database_bytes'])} used, {show.size(disk.free)} free"),
            ("data folder", str(folder())),
        ]
    )
    for line in _came(found):
        show.say(line)
    for note in (found["disk_note"], found["discovery_note"], found["clock_note"]):
        if note:
            show.say(f"\n{show.clean(note)}")


def _came(found: dict[str, Any]) -> list[str]:
    """From which neighborhoods something came, since the node started, that waits or cannot be right."""
    names = {link["home"]: show.clean(link["name"]) for link in found["links"]}
    lines = []
    for one in found["came"]:
        said = [show.counted(one["new"], "new record")]
        if one["skipped"]:
            said.append(f"{one['skipped']:,} skipped because they cannot be right")
        if one["waiting"]:
            said.append(f"{one['waiting']:,} waiting their turn")
        if one["no_room"]:
            said.append(
                f"{one['no_room']:,} that wait there, because what it shares with this neighborhood alone "
                f"has filled its room here ({PAIR_BYTES_MAX >> 20} MB, then {PAIR_BYTES_PER_DAY >> 20} a day)"
            )
        if one["left_out"]:
            said.append(f"{show.counted(one['left_out'], 'batch', 'batches')} put off")
        if len(said) > 1:
            lines.append(f"from {names.get(one['home']) or one['home'][:8]}: {', '.join(said)}")
    return lines


def _last_backup(made: int) -> str:
    if not made:
        return "none yet: “barnraise backup FILE” makes one to keep elsewhere"
    return show.moment(made).date().isoformat()
