"""What all commands share: their options, who is acting, and how a refusal is said."""

from __future__ import annotations

import contextlib
import errno
import json
import os
import sqlite3
import sys
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, TypeVar

import click

from node import control
from node.faults import refused_by_system
from node.keys import check_passphrase
from node.settings import Settings
from protocol.errors import Fault, OurFault, WorldFault

Decorated = TypeVar("Decorated", bound=Callable[..., Any])
Accepted = TypeVar("Accepted")

PASSPHRASE_FILE_BYTES_MAX = 1_024
_DATA, _WHO, _FILE = "barnraise.data", "barnraise.who", "barnraise.passphrase_file"
_JSON = "barnraise.json"


class Refusal(click.ClickException):
    """One plain sentence on stderr and exit status 1.

    With --json there stand code and sentence on stdout as well, in one object with what had been `told`.
    """

    def __init__(self, fault: Fault, told: Mapping[str, Any] | None = None) -> None:
        super().__init__(fault.sentence)
        self.fault = fault
        self.told = told or {}
        self.as_json = bool(click.get_current_context().meta.get(_JSON))

    def show(self, file: Any = None) -> None:
        if self.as_json:
            print_json({**self.told, "error": self.fault.code, "sentence": self.fault.sentence})
        click.echo(self.message, err=True, file=file)


class Commands(click.Group):
    """A group in which everything that is refused on purpose ends as a Refusal."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        """In the order in which a newcomer meets them, not by the alphabet."""
        return list(self.commands)

    def invoke(self, ctx: click.Context) -> Any:
        """Run the command that was asked for."""
        try:
            return super().invoke(ctx)
        except Fault as fault:
            raise Refusal(fault) from fault
        except sqlite3.OperationalError as error:
            raise Refusal(WorldFault("no_access", f"The database cannot be used: {error}.")) from error
        except OSError as error:
            if error.errno == errno.EPIPE:
                raise
            raise Refusal(refused_by_system(error)) from error


# options; each may stand before or behind the name of a subcommand


def _keep(name: str) -> Callable[[click.Context, click.Parameter, Any], Any]:
    def callback(ctx: click.Context, param: click.Parameter, value: Any) -> Any:
        if value is not None:
            ctx.meta[name] = value
        return value

    return callback


def data_option(function: Decorated) -> Decorated:
    """--data: which node."""
    return click.option(
        "--data",
        metavar="FOLDER",
        expose_value=False,
        callback=_keep(_DATA),
        help="The node's data folder. [default: $BARNRAISE_DATA, else ~/.local/share/barnraise]",
    )(function)


def who_option(function: Decorated) -> Decorated:
    """--as: who acts."""
    return click.option(
        "--as",
        "who",
        metavar="NAME",
        expose_value=False,
        callback=_keep(_WHO),
        help="Your name, as you sign in on the page.",
    )(function)


def as_options(function: Decorated) -> Decorated:
    """--as and --passphrase-file: who acts."""
    file = click.option(
        "--passphrase-file",
        metavar="FILE",
        expose_value=False,
        callback=_keep(_FILE),
        help="A file that begins with your passphrase. Without it, $BARNRAISE_PASSPHRASE is the passphrase,"
        " or you are asked.",
    )
    return who_option(file(function))


def json_option(function: Decorated) -> Decorated:
    """--json: for a script."""
    return click.option(
        "--json", "as_json", is_flag=True, callback=_keep(_JSON), help="Print JSON, for a script."
    )(function)


def data_text() -> str | None:
    """The folder as typed, None where none was."""
    found: str | None = click.get_current_context().meta.get(_DATA)
    return found


def folder() -> Path:
    """The data folder that is meant."""
    return Settings.from_outside(data=data_text()).data


def ask(command: str, **parameters: Any) -> control.Answer:
    """Do a command on the node that is meant, and learn whether it is running."""
    return control.ask(folder(), command, **parameters)


def call(command: str, **parameters: Any) -> Any:
    """Do a command on the node that is meant."""
    return ask(command, **parameters).result


def typed_name() -> str:
    """The NAME of --as, "" where it is missing."""
    who: str = click.get_current_context().meta.get(_WHO, "")
    return who


def acting_name() -> str:
    """The NAME of --as. Raises a usage error where it is missing."""
    who = typed_name()
    if not who:
        raise click.UsageError("Say who you are: --as NAME, the name with which you sign in on the page.")
    return who


def acting() -> dict[str, str]:
    """Who acts: the parameters `who` and `passphrase`. Asks for the passphrase if nothing else has it."""
    meta, who = click.get_current_context().meta, acting_name()
    if _FILE in meta:
        return {"who": who, "passphrase": first_line(Path(meta[_FILE]))}
    if given := os.environ.get("BARNRAISE_PASSPHRASE"):
        return {"who": who, "passphrase": given}
    if not has_terminal():
        raise OurFault(
            "signed_out",
            f"To act as {who}, the passphrase is needed. There is no terminal to ask at, "
            "so set BARNRAISE_PASSPHRASE or give --passphrase-file.",
        )
    return {"who": who, "passphrase": click.prompt(f"Passphrase of {who}", hide_input=True, err=True)}


def new_passphrase() -> str:
    """A passphrase to be chosen now, from where `acting` would take one; typed twice at a terminal."""
    meta = click.get_current_context().meta
    if _FILE in meta:
        return first_line(Path(meta[_FILE]))
    if given := os.environ.get("BARNRAISE_PASSPHRASE"):
        return given
    if not has_terminal():
        raise OurFault("bad_input", "Set BARNRAISE_PASSPHRASE or give --passphrase-file for the new one.")
    return prompted("A new passphrase", long_enough, hidden=True, twice=True)


def long_enough(passphrase: str) -> str:
    """A new passphrase that is long enough. Raises OurFault("weak_passphrase")."""
    check_passphrase(passphrase)
    return passphrase


def prompted(
    question: str, accept: Callable[[str], Accepted], *, hidden: bool = False, twice: bool = False
) -> Accepted:
    """Ask at the terminal until `accept` takes the answer: what it refuses is said, and asked again.

    So nobody types 24 words anew for a slip in something else. Raises click.Abort on Ctrl-C.
    """
    while True:
        said = click.prompt(question, hide_input=hidden, confirmation_prompt=twice, err=True)
        try:
            return accept(said)
        except Fault as fault:
            click.echo(fault.sentence, err=True)


def first_line(path: Path) -> str:
    """A passphrase from the first line of a file. Raises Fault where it cannot be read."""
    try:
        with path.open("rb") as file:
            line = file.read(PASSPHRASE_FILE_BYTES_MAX).split(b"\n")[0]
        return line.rstrip(b"\r").decode()
    except OSError as error:
        raise WorldFault(
            "no_access", f"The passphrase file {path} cannot be read: {error.strerror}."
        ) from None
    except UnicodeDecodeError:
        raise OurFault("bad_input", f"The passphrase file {path} is not text.") from None


def has_terminal() -> bool:
    """Whether there is a person to ask."""
    return sys.stdin.isatty() and sys.stderr.isatty()


def sure(
    command: str,
    parameters: Mapping[str, Any],
    tell: Callable[[dict[str, Any]], str],
    *,
    yes: bool,
    otherwise: str,
    exact: str = "",
) -> Any:
    """Do a command that a person should be sure of.

    Unless `yes`, the node says first what it would do; `tell` shows that and gives the question. `otherwise`
    is why one would say --yes; `exact` the parameter that began an id, of which the node has found the rest.
    Raises Fault, click.Abort.
    """
    if not yes:
        if not has_terminal():
            raise OurFault("bad_input", f"There is no terminal to ask at. Say --yes {otherwise}.")
        found = call(command, **parameters, sure=False)
        as_json = click.get_current_context().meta.get(_JSON)
        with contextlib.redirect_stdout(sys.stderr) if as_json else contextlib.nullcontext():
            question = tell(found)
        click.confirm(question, abort=True, err=True)
        if exact:
            parameters = {**parameters, exact: found["id"]}
    return call(command, **parameters, sure=True)


def yes_option(function: Decorated) -> Decorated:
    """--yes: for a script, or who is sure."""
    return click.option("--yes", is_flag=True, help="Do not ask.")(function)


def print_json(value: Any) -> None:
    """JSON alone on stdout. In ASCII, so that no word of somebody else's can steer the terminal."""
    click.echo(json.dumps(value, indent=2))
