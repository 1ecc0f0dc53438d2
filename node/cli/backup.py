"""`barnraise backup` and `barnraise restore`."""

from __future__ import annotations

import asyncio
import os
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import click
from rich.progress import BarColumn, Progress, TextColumn

from node import keys
from node.actions import backup as use
from node.actions import restore as taking_up
from node.actions.lost import HAS_ONE
from node.backup_file import SUFFIX, Header, read_header
from node.cli import show
from node.cli.common import (
    Accepted,
    ask,
    data_option,
    first_line,
    folder,
    has_terminal,
    json_option,
    long_enough,
    new_passphrase,
    print_json,
    prompted,
    typed_name,
    who_option,
)
from node.cli.lost import Beginning, area_option, bring_back, language_option, words_option
from node.store.database import DATABASE_NAME, lock_folder
from protocol.errors import OurFault, WorldFault

ANSWER_TIMEOUT_S = 6 * 3600.0  # a large database on a slow card
_LOOK_EVERY_S = 0.2

_PASSPHRASE_FILE = click.option(
    "--passphrase-file",
    metavar="FILE",
    help="A file that begins with the backup's passphrase. Without it, $BARNRAISE_BACKUP_PASSPHRASE is the"
    " passphrase, or you are asked.",
)
_PASSPHRASE_TO_RESTORE = click.option(
    "--passphrase-file",
    metavar="FILE",
    help="A file that begins with the backup's passphrase or, without a backup, with the coordinator's new"
    " one. Without the file, $BARNRAISE_BACKUP_PASSPHRASE or $BARNRAISE_PASSPHRASE is the passphrase, or you"
    " are asked.",
)

WITHOUT_BACKUP = """\
Without a backup, this is gone for good:
  - posts and hours that were kept in the neighborhood, with all private details
  - everybody's sealed keys: each member joins anew, and a coordinator says which account is theirs
  - profiles, invitations, and the settings of this node

This comes back from other neighborhoods' nodes:
  - what was shared with the region, who belongs to each coalition
  - promises and hours with members of other neighborhoods
"""


@click.command()
@click.argument("file", type=click.Path(path_type=Path, dir_okay=False))
@click.option("--force", is_flag=True, help="Replace the file if it is there already.")
@_PASSPHRASE_FILE
@data_option
@json_option
def backup(file: Path, force: bool, passphrase_file: str | None, as_json: bool) -> None:
    """Write an encrypted backup to FILE.

    It holds everything of this node, and opens with its passphrase alone: choose a good one, and keep it and
    the file away from this machine. The node may run meanwhile. The file is checked before this is done.
    """
    if not file.name.endswith(SUFFIX):
        file = file.with_name(file.name + SUFFIX)
    if file.exists() and not force:
        raise OurFault("backup_exists", f"{file} is there already. Choose another name, or say --force.")
    passphrase = _passphrase(passphrase_file, "Passphrase for this backup", long_enough, twice=True)
    data = folder()
    with _watched(data, file.absolute(), quiet=as_json):
        made = ask(
            "backup",
            path=str(file.absolute()),
            backup_passphrase=passphrase,
            force=force,
            answer_timeout_s=ANSWER_TIMEOUT_S,
        ).result
    if as_json:
        print_json(made)
        return
    show.say(
        f"{made['path']} is made and checked: {made['records']:,} records, {show.size(made['size_bytes'])}.\n"
        "Keep it away from this machine. Without its passphrase nobody can open it, nor can you."
    )


def _passphrase(
    file: str | None, question: str, accept: Callable[[str], Accepted], *, twice: bool = False
) -> Accepted:
    """What `accept` makes of the passphrase. Somebody who is asked for it may try again."""
    if file is not None:
        return accept(first_line(Path(file)))
    if given := os.environ.get("BARNRAISE_BACKUP_PASSPHRASE"):
        return accept(given)
    if not has_terminal():
        raise OurFault(
            "bad_input",
            "The backup's passphrase is needed. There is no terminal to ask at, "
            "so set BARNRAISE_BACKUP_PASSPHRASE or give --passphrase-file.",
        )
    return prompted(question, accept, hidden=True, twice=twice)


@contextmanager
def _bar(what: str, total: int) -> Iterator[Any]:
    columns = (TextColumn("{task.description}"), BarColumn(), TextColumn("{task.percentage:>3.0f} %"))
    with Progress(*columns, console=show.console(stderr=True), transient=True) as progress:
        task = progress.add_task(what, total=max(total, 1))
        yield lambda more, **said: progress.update(task, advance=more, **said)


@contextmanager
def _watched(data: Path, target: Path, *, quiet: bool) -> Iterator[None]:
    """Show how far a backup is, by the files that grow: the node makes it, here or in its own process."""
    database = data / DATABASE_NAME
    if quiet or not has_terminal() or not database.exists():
        yield
        return
    growing = (data / use.FOLDER_NAME / ".working-backup.db", target.with_name(target.name + ".part"))
    total = database.stat().st_size
    over = threading.Event()

    def look() -> None:
        with _bar("Copying, sealing and checking", 2 * total) as bar:
            done = 0
            while not over.wait(_LOOK_EVERY_S):
                copied, sealed = (path.stat().st_size if path.exists() else 0 for path in growing)
                now = max(done, min(copied, total) if not sealed else total + min(sealed, total))
                bar(now - done)
                done = now

    watcher = threading.Thread(target=look, daemon=True)
    watcher.start()
    try:
        yield
    finally:
        over.set()
        watcher.join()


@click.command()
@click.argument("file", required=False, type=click.Path(path_type=Path, dir_okay=False))
@click.option("--yes", is_flag=True, help="Do not ask: present data is moved aside, six words are right.")
@_PASSPHRASE_TO_RESTORE
@click.option("--peer", metavar="ADDRESS", help="Without FILE: a neighbor's node to come back from.")
@words_option
@who_option
@click.option("--neighborhood", metavar="NAME", help="Without FILE: what the neighborhood is called.")
@area_option
@language_option
@data_option
def restore(
    file: Path | None,
    yes: bool,
    passphrase_file: str | None,
    peer: str | None,
    words_file: str | None,
    neighborhood: str | None,
    area: str,
    language: str,
) -> None:
    """Bring a node back from the backup in FILE, or, without one, from a neighbor's node.

    From FILE: the node must not be running. What is in the data folder is kept, under another name in it.

    Without FILE: shows what is gone for good without a backup, and what comes back, and goes on to that. It
    needs the recovery sheet and the address of a neighbor's node, and is for an empty data folder. The NAME
    of --as becomes the coordinator, with a new passphrase.
    """
    if file is None:
        _without_backup(peer, words_file, neighborhood, area, language, passphrase_file, yes)
        return
    data = folder()
    if not file.exists() and (named := file.with_name(file.name + SUFFIX)).exists():
        file = named  # as "barnraise backup" named it
    header = _whole(file)

    def opening(passphrase: str) -> bytes:
        key = asyncio.run(keys.derive(passphrase, header.salt))
        if not header.fits(key):
            raise OurFault("wrong_backup_passphrase")
        return key

    key = _passphrase(passphrase_file, "Passphrase of this backup", opening)
    try:
        lock = lock_folder(data)
    except WorldFault as fault:
        raise WorldFault("data_in_use", "The node is running. Stop it, then restore.") from fault
    with lock:
        if taking_up.earlier_data(data) and not yes:
            _confirm(data)
        with _bar("Restoring", header.body_size_bytes) if has_terminal() else _no_bar() as bar:
            done = taking_up.restore(data, file, header, key, bar)
    made = show.moment(done.contents.made).strftime("%Y-%m-%d %H:%M UTC")
    show.say(f"{show.clean(done.contents.neighborhood)} is back, as of {made}.")
    if done.aside:
        show.say(f"What was there before is in {data / done.aside}. Delete it once you do not need it.")
    show.say(
        "\nStart it with “barnraise run”. Everybody signs in with the passphrase of that time."
        "\nWhat was shared since comes back from other neighborhoods. Invitations have to be made anew."
        "\nNever start the old machine again: two nodes must not speak for one neighborhood."
    )


@contextmanager
def _no_bar() -> Iterator[Any]:
    yield lambda more: None


def _whole(file: Path) -> Header:
    """Read the file once before anybody is asked for a passphrase."""
    try:
        with file.open("rb") as sealed:
            return read_header(sealed)
    except IsADirectoryError:
        raise OurFault("bad_input", f"{file} is a folder.") from None


def _confirm(data: Path) -> None:
    if not has_terminal():
        raise OurFault(
            "bad_input", f"There is data in {data}. To move it aside without being asked, say --yes."
        )
    question = f"There is data in {data}. Move it aside and restore?"
    if not click.confirm(question, err=True):
        raise OurFault("bad_input", "Nothing was changed.")


def _without_backup(
    peer: str | None,
    words_file: str | None,
    neighborhood: str | None,
    area: str,
    language: str,
    passphrase_file: str | None,
    yes: bool,
) -> None:
    if (folder() / DATABASE_NAME).exists() and ask("status").result["set_up"]:
        show.say(
            f"There is a neighborhood in {folder()}, so nothing was changed."
            "\nWith a backup: barnraise restore FILE"
            "\nWhere the data is here, but the node's key was stolen: barnraise recover key"
            "\n\nIf it were lost:\n"
        )
        show.say(WITHOUT_BACKUP)
        if peer is not None:
            raise OurFault("already_set_up", HAS_ONE)
        return
    show.say(WITHOUT_BACKUP)
    if peer is None and not has_terminal():
        show.say("With a backup: barnraise restore FILE")
        show.say("With the recovery sheet, and a neighbor's node: barnraise restore --peer ADDRESS --as NAME")
        return
    if peer is None and not click.confirm(
        "Do you have the recovery sheet, and the address of a neighbor's node?", err=True
    ):
        show.say("Then look for a backup first, and for the sheet. With a backup: barnraise restore FILE")
        return
    name = _given(typed_name(), "Your name, as the coordinator", "--as NAME")
    called = _given(neighborhood, "Name of the neighborhood", "--neighborhood NAME")

    def chosen() -> str:
        return first_line(Path(passphrase_file)) if passphrase_file is not None else new_passphrase()

    beginning = Beginning(called, area, name, language)
    bring_back(peer, words_file, beginning, chosen, yes=yes, as_json=False)


def _given(said: str | None, question: str, option: str) -> str:
    if said:
        return said
    if not has_terminal():
        raise OurFault("bad_input", f"There is no terminal to ask at. Give {option}.")
    answer: str = click.prompt(question, err=True)
    return answer
