"""`barnraise carry`: news on a stick, for neighborhoods that no link reaches."""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import click

from node import carrying, control
from node.cli import show
from node.cli.common import Commands, ask, data_option, folder, has_terminal, json_option, print_json
from protocol.bundle import SUFFIX
from protocol.errors import Fault, OurFault

ANSWER_TIMEOUT_S = 6 * 3600.0  # a large file on a slow stick
_LOOK_EVERY_S = 0.5
NAMES_SHOWN_MAX = 6  # of neighborhoods that nothing can be sealed to
_FILE = click.Path(path_type=Path)
_FORCE = click.option("--force", is_flag=True, help="Replace the file if it is there already.")


@click.group(cls=Commands)
@data_option
def carry() -> None:
    """Carry news to other neighborhoods by hand, on a USB stick.

    The file that is written opens for the neighborhoods chosen alone: whoever finds it can read nothing.
    It may be read in any number of times, in any order. “carry digest” and “carry answer” carry only the
    difference.
    """


def _to(function: Any) -> Any:
    chosen = click.option(
        "--to", "to", multiple=True, metavar="NEIGHBORHOOD",
        help="Its name, its six words or how its id begins; may be given several times.",
    )  # fmt: skip
    return chosen(
        click.option("--all", "everybody", is_flag=True, help="Every neighborhood that we know.")(function)
    )


@carry.command("out")
@click.argument("file", type=_FILE)
@_to
@_FORCE
@data_option
@json_option
def out(file: Path, to: tuple[str, ...], everybody: bool, force: bool, as_json: bool) -> None:
    """Write what the neighborhoods may hold to FILE, or to a new file if FILE is a folder."""
    _write(file, to, everybody, force, as_json, digest=False)


@carry.command()
@click.argument("file", type=_FILE)
@_to
@_FORCE
@data_option
@json_option
def digest(file: Path, to: tuple[str, ...], everybody: bool, force: bool, as_json: bool) -> None:
    """Write to FILE only what is held here, to be answered by “carry answer”."""
    _write(file, to, everybody, force, as_json, digest=True)


def _write(
    file: Path, to: tuple[str, ...], everybody: bool, force: bool, as_json: bool, *, digest: bool
) -> None:
    if bool(to) == everybody:
        raise click.UsageError("Say for whom: --to NEIGHBORHOOD, as often as needed, or --all.")
    force = force or _may_replace(file, as_json)
    made = _do(
        "carry_out",
        quiet=as_json,
        path=str(file.absolute()),
        to=list(to),
        everybody=everybody,
        digest=digest,
        force=force,
    )
    if as_json:
        print_json(made)
        return
    _say_made(made)
    if digest:
        show.say(
            f"There: barnraise carry answer {Path(made['path']).name} FILE. Then bring that file back here."
        )


def _say_made(made: dict[str, Any]) -> None:
    names = ", ".join(show.clean(name) for name in made["to"])
    counted = show.counted(made["records"], "record")
    show.say(f"{made['path']} is written and checked: {counted}, {show.size(made['size_bytes'])}.")
    show.say(f"It opens for {names} alone.")
    if made["no_key"]:
        left_out = ", ".join(show.clean(name) for name in made["no_key"][:NAMES_SHOWN_MAX])
        if len(made["no_key"]) > NAMES_SHOWN_MAX:
            left_out += f" and {len(made['no_key']) - NAMES_SHOWN_MAX} more"
        show.say(f"No key is known yet of {left_out}: nothing can be sealed to them.")


@carry.command("in")
@click.argument("file", type=_FILE)
@data_option
@json_option
def read_in(file: Path, as_json: bool) -> None:
    """Read FILE, which somebody brought, in."""
    _no_folder(file)
    found = _do("carry_in", quiet=as_json, path=str(file.absolute()))
    if as_json:
        print_json(found)
    else:
        _say_read(found)
        if found["tells_held"]:
            show.say("It also says what is held there. What they lack: barnraise carry answer FILE NEWFILE")
    if not found["whole"]:
        click.get_current_context().exit(1)


def _no_folder(file: Path) -> None:
    if file.is_dir():
        raise OurFault("bad_input", f"{file} is a folder. Name the file in it that ends in {SUFFIX}.")


def _say_read(found: dict[str, Any]) -> None:
    show.say(f"From {show.clean(found['sender_name'])}: {in_words(found)}.")
    if not found["whole"]:
        show.say(
            "The file is damaged or was cut off. What was whole has been taken in. "
            "Copy it from where it was written once more, and read it in again."
        )


def in_words(found: dict[str, Any]) -> str:
    """ "312 new records, 4,210 that we had, 1 that could not be read"."""
    parts = [show.counted(found["new"], "new record")]
    for key, one, many in (
        ("held", "that we had", "that we had"),
        ("older", "that is over or replaced", "that are over or replaced"),
        ("waiting", "that has to wait", "that have to wait"),
        ("unreadable", "that could not be read", "that could not be read"),
    ):
        if found[key]:
            parts.append(show.counted(found[key], one, many))
    return ", ".join(parts)


@carry.command("answer")
@click.argument("digest", type=_FILE)
@click.argument("file", type=_FILE)
@_FORCE
@data_option
@json_option
def answer(digest: Path, file: Path, force: bool, as_json: bool) -> None:
    """Read DIGEST, which says what is held elsewhere, and write what they lack to FILE."""
    _no_folder(digest)
    force = force or _may_replace(file, as_json)
    made = _do(
        "carry_answer", quiet=as_json, digest=str(digest.absolute()), path=str(file.absolute()), force=force
    )
    if as_json:
        print_json(made)
        return
    _say_read(made["read"])
    _say_made(made)
    show.say("It also says what is held here, so the other side can answer in turn.")


def _may_replace(file: Path, as_json: bool) -> bool:
    """Ask, where there is a file of that name and somebody to ask. Raises OurFault("file_exists")."""
    target = file if file.name.endswith(SUFFIX) else file.with_name(file.name + SUFFIX)
    if file.is_dir() or not target.exists():
        return False
    if as_json or not has_terminal():
        raise OurFault("file_exists", f"{target} is there already. Choose another name, or say --force.")
    if not click.confirm(f"{target} is there already. Replace it?", err=True):
        raise OurFault("file_exists", "Nothing was changed.")
    return True


# doing it, and watching how far it is


def _do(command: str, *, quiet: bool, **parameters: Any) -> dict[str, Any]:
    with _watched(quiet=quiet):
        done: dict[str, Any] = ask(command, answer_timeout_s=ANSWER_TIMEOUT_S, **parameters).result
    return done


@contextmanager
def _watched(*, quiet: bool) -> Iterator[None]:
    """Say how far it is: the node is asked, or this process does it itself and is told."""
    if quiet or not has_terminal():
        yield
        return
    data, over, shown = folder(), threading.Event(), show.console(stderr=True)
    here: list[carrying.Work] = []  # where this process does it itself

    def look() -> None:
        while not over.wait(_LOOK_EVERY_S):
            with contextlib.suppress(Fault):
                state = carrying.state(here[-1]) if here else control.peek(data, "carry_state")
                if state is not None and state["state"] == "running":
                    shown.print(f"\r{_how_far(state)}   ", end="")

    carrying.watchers.append(here.append)
    thread = threading.Thread(target=look, daemon=True)
    thread.start()
    try:
        yield
    finally:
        over.set()
        thread.join()
        carrying.watchers.remove(here.append)
        shown.print("\r" + " " * 40 + "\r", end="")


def _how_far(state: dict[str, Any]) -> str:
    if state["total_bytes"]:
        return f"{100 * state['done_bytes'] // state['total_bytes']} % read"
    return f"{state['records']:,} records so far"
