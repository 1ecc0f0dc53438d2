"""The tutorial, done word by word: its commands at a real terminal, its steps on the pages of real nodes.

Three neighborhoods run as processes of their own, on free ports of loopback, and find each other there only.
"""

from __future__ import annotations

import os
import re
import shutil
import socket
import sys
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from tests.docs.document import Command, Console, File, Heading, Part, Prose, Step, compare, read
from tests.docs.phone import Phone
from tests.docs.terminal import Window

ROOT = Path(__file__).resolve().parents[2]
TUTORIAL = ROOT / "docs" / "first-evening.md"

OWN = "Linden Street"
COORDINATORS = {OWN: "Nora", "Quarry Row": "Leo", "Ferry Point": "Ada"}
ADDRESSES = ("192.168.1.20:8420", "localhost:8420")  # of our machine, as the tutorial writes them
SET_UP = "Set up your neighborhood"  # the chapter that the others have done as well
FOREIGN = ("BARNRAISE_", "COLUMNS", "LINES", "MAKE", "MFLAGS")  # not from whoever runs the tests
STOPS = "press Ctrl+C in its window"
POWER_CUT = "the power goes out"

WITHIN_S = 30.0
RUNS = ("make run", "barnraise run")
IS_RUNNING = "The node runs until you press Ctrl+C here."
ASKS_YES_NO = "[y/N]: "
ASKS = re.compile(rf"(?:Passphrase of (?P<who>\w+): |{re.escape(ASKS_YES_NO)})$")
CTRL_C = "\x03"
OWN_QUOTES = ("in quotes", "The node")  # the tutorial's own

TOKEN = re.compile(
    r"(?P<open>opens the (?:setup link|invitation|page))"
    r"|the code as “(?P<code>[^”]+)”"
    r"|`(?P<typed>[^`]+)` as “(?P<label>[^”]+)”"
    r"|chooses “(?P<option>[^”]+)” as “(?P<choice>[^”]+)”"
    r"|ticks “(?P<tick>[^”]+)”"
    r"|\*\*(?P<press>[^*]+)\*\*(?: beside “(?P<beside>[^”]+)”)?"
    r"|nothing of “(?P<absent>[^”]+)”"
    r"|“(?P<read>[^”]+)”"
)


@dataclass
class Machine:
    """A neighborhood's computer: a home folder, a port, and the window in which its node runs."""

    folder: Path
    port: int
    node: Window | None = None
    links: dict[str, str] = field(default_factory=dict)  # "setup" and "join" -> the one shown last
    first: str = ""  # what was done in the window for all that comes after it, such as `. activate`

    def environment(self) -> dict[str, str]:
        kept = {name: value for name, value in os.environ.items() if not name.startswith(FOREIGN)}
        return kept | {
            "HOME": str(self.folder),
            "PATH": ":".join(one for one in kept["PATH"].split(":") if one != f"{sys.prefix}/bin"),
            "PYTHON": "true",  # so `make` takes the environment for set up, and no package is fetched here
            "BARNRAISE_PORT": str(self.port),
            "BARNRAISE_LISTEN": "127.0.0.1",
            "BARNRAISE_DISCOVERY": "loopback",
            "TERM": "xterm",
            "LC_ALL": "C.UTF-8",
        }

    @property
    def address(self) -> str:
        return f"127.0.0.1:{self.port}"

    def noted(self, text: str) -> None:
        """Remember the one-time links that a window or a page shows."""
        for url, what in re.findall(rf"(http://{re.escape(self.address)}/(setup|join)/[\w-]+)", text):
            self.links[what] = url


class Evening:
    """All that stands on the tables that evening."""

    def __init__(self, folder: Path, parts: list[Part], afterwards: ExitStack) -> None:
        self.folder, self.parts, self.afterwards = folder, parts, afterwards
        self.machines: dict[str, Machine] = {}
        self.phones: dict[str, Phone] = {}
        self.passphrases: dict[str, str] = {}
        self.code = ""  # of an invitation for a neighborhood
        self.who = ""

    # machines

    def machine(self, neighborhood: str) -> Machine:
        """The computer of a neighborhood. One that the tutorial tells nothing of does now what ours did."""
        if neighborhood in self.machines:
            return self.machines[neighborhood]
        folder = self.folder / neighborhood.replace(" ", "-").lower()
        folder.mkdir()
        shutil.copy(ROOT / "Makefile", folder)
        _commands_of_this_checkout(folder / ".venv")
        made = self.machines[neighborhood] = Machine(folder, free_port())
        if neighborhood != OWN:
            self.start(made, ".venv/bin/barnraise run")
            self._found_like_ours(neighborhood)
        return made

    def _found_like_ours(self, neighborhood: str) -> None:
        names = {OWN: neighborhood, COORDINATORS[OWN]: COORDINATORS[neighborhood]}
        chapter, before = "", self.who
        for part in self.parts:
            if isinstance(part, Heading):
                chapter = part.text
            elif isinstance(part, Step) and chapter == SET_UP:
                text = part.text
                for ours, theirs in names.items():
                    text = text.replace(ours, theirs)
                self.do(Step(part.line, names[part.who], text))
        self.who = before

    def window(self, machine: Machine, command: str) -> Window:
        made = Window(machine.first + command, machine.folder, machine.environment())
        self.afterwards.callback(made.kill)  # whatever becomes of the test
        return made

    def start(self, machine: Machine, command: str) -> str:
        """Start a node and leave it running; gives what it said by then."""
        window = machine.node = self.window(machine, command)
        window.wait_for(lambda said: IS_RUNNING in said, WITHIN_S)
        assert IS_RUNNING in window.said, f"“{command}” did not start: {window.said}"
        machine.noted(window.said)
        return window.said.partition(IS_RUNNING)[0] + IS_RUNNING

    # what stands in the tutorial

    def do(self, part: Part) -> None:
        if isinstance(part, Prose):
            node = self.machine(OWN).node
            if STOPS in part.text or POWER_CUT in part.text:
                assert node is not None and not node.has_ended
                if STOPS in part.text:
                    node.type(CTRL_C)
                    node.end(WITHIN_S)
                else:
                    node.kill()
        elif isinstance(part, Console):
            machine = self.machine(part.machine or OWN)
            for command in part.commands:
                self.run(machine, command)
        elif isinstance(part, File):
            (self.machine(OWN).folder / part.name).write_text(part.text)
        elif isinstance(part, Step):
            for neighborhood in COORDINATORS:
                if neighborhood in part.text:
                    self.machine(neighborhood)  # whoever is spoken of is there
            self.who = part.who or self.who
            tokens = list(TOKEN.finditer(part.text))
            where = f"{TUTORIAL.name}, line {part.line} ({self.who})"
            assert tokens and self.who, f"{where}: nothing is done here, or nobody does it"
            for token in tokens:
                try:
                    self.act({name: text for name, text in token.groupdict().items() if text is not None})
                except AssertionError as error:
                    raise AssertionError(f"{where}: {token[0]}: {error}") from error

    def run(self, machine: Machine, command: Command) -> None:
        """Type one command, answer what it asks, and compare what it says."""
        where = f"{TUTORIAL.name}, line {command.line}: $ {command.text}"
        shown = tuple(self._here(machine, line) for line in command.shown)
        if command.text in RUNS:
            said = self.start(machine, command.text)
            wrong = compare(shown, said)
            assert not wrong, f"{where}: {wrong} in\n{said}"
            return
        window = self.window(machine, command.text)
        self._answer(window, shown, where)
        if command.text.startswith(". "):
            machine.first += f"{command.text}\n"
        status = window.end(WITHIN_S)
        assert status == 0, f"{where}: exit status {status}: {window.said}"
        wrong = compare(shown, window.said)
        assert not wrong, f"{where}: {wrong} in\n{window.said}"
        machine.noted(window.said)
        if found := re.search(r"^  ([0-9A-Z-]{40,})$", window.said, re.M):
            self.code = found[1]

    def _here(self, machine: Machine, line: str) -> str:
        for address in ADDRESSES:
            line = line.replace(address, machine.address)
        return line

    def _answer(self, window: Window, shown: tuple[str, ...], where: str) -> None:
        """Answer what a command asks until it ends: passphrases, and yes or no as the tutorial shows."""
        answers = iter([line.partition(ASKS_YES_NO)[2] for line in shown if ASKS_YES_NO in line])
        seen = 0

        def asks(said: str) -> bool:
            return bool(ASKS.search(said[seen:]))

        while True:
            window.wait_for(asks, WITHIN_S)
            asked = ASKS.search(window.said[seen:])
            if window.has_ended or asked is None:
                return
            seen = len(window.said)
            if who := asked["who"]:
                answer: str | None = self.passphrases[who]
            else:
                answer = next(answers, None)
                assert answer is not None, f"{where}: asks what the tutorial does not show: {window.said}"
            window.type(f"{answer}\n")

    # steps on a page

    def act(self, what: dict[str, str]) -> None:
        """One thing done or read on the phone of whoever it is."""
        neighborhood = next((n for n, who in COORDINATORS.items() if who == self.who), OWN)
        machine = self.machine(neighborhood)
        phone = self.phones.setdefault(self.who, Phone(f"http://{machine.address}"))
        if opened := what.get("open"):
            link = {"setup link": "setup", "invitation": "join"}.get(opened.removeprefix("opens the "))
            phone.open(machine.links.pop(link) if link else phone.base)
        elif label := what.get("code"):
            phone.type(self.code, label)
        elif typed := what.get("typed"):
            phone.type(typed, what["label"])
            if what["label"] == "Passphrase":
                self.passphrases[self.who] = typed
        elif option := what.get("option"):
            phone.choose(option, what["choice"])
        elif label := what.get("tick"):
            phone.tick(label)
        elif label := what.get("press"):
            phone.press(label, what.get("beside", ""))
            machine.noted(phone.page.html)
        elif words := what.get("absent"):
            assert words not in phone.page.text
        else:
            phone.reads(what["read"])


def _commands_of_this_checkout(target: Path) -> None:
    """`.venv` as it stands in the folder of Barnraise: the environment of these tests, with its command."""
    if (Path(sys.prefix) / "bin" / "barnraise").exists():
        target.symlink_to(sys.prefix)
        return
    (target / "bin").mkdir(parents=True)
    command = target / "bin" / "barnraise"
    command.write_text(f'#!/bin/sh\nPYTHONPATH="{ROOT}" exec "{sys.executable}" -m node.cli.main "$@"\n')
    command.chmod(0o755)
    (target / "bin" / "activate").write_text(f'PATH="{target / "bin"}:$PATH"\n')


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


@pytest.fixture
def evening(tmp_path: Path) -> Iterator[Evening]:
    with ExitStack() as afterwards:
        yield Evening(tmp_path, read(TUTORIAL), afterwards)


def test_the_first_evening_goes_as_the_tutorial_says(evening: Evening) -> None:
    for part in evening.parts:
        evening.do(part)
    assert evening.machines.keys() == COORDINATORS.keys()


def test_words_in_quotes_between_the_steps_are_those_of_the_program() -> None:
    program = [*(ROOT / "node").rglob("*.html"), *(ROOT / "node").rglob("*.py")]
    said = " ".join(path.read_text() for path in program)
    prose = [part for part in read(TUTORIAL) if isinstance(part, Prose)]
    strange = {
        f"line {part.line}: “{words}”"
        for part in prose
        for words in re.findall(r"“([^”]+)”", part.text)
        if words not in said and words not in OWN_QUOTES
    }
    assert not strange


def test_no_chapter_is_forgotten() -> None:
    """Each command, each step and each event that the tests know of stands in the tutorial."""
    parts = read(TUTORIAL)
    chapters = [part.text for part in parts if isinstance(part, Heading) and part.level == 2]
    assert SET_UP in chapters
    prose = " ".join(part.text for part in parts if isinstance(part, Prose))
    assert STOPS in prose and POWER_CUT in prose
    typed = {
        command.text.split()[1]
        for part in parts
        if isinstance(part, Console)
        for command in part.commands
        if command.text.startswith("barnraise ")
    }
    assert typed >= {"status", "member", "offer", "board", "hours", "coalition", "import", "doctor"}


SAID = "Given 1:30 h\n\nId        Day   State\n──────────\nab12cd34  2026-11-23  Open   \n"


@pytest.mark.parametrize(
    "shown",
    [
        ["Given 1:30 h", "Id Day State", "──────────", "… 2026-11-23 Open"],
        ["Given … h", "...", "ab12cd34 … Open"],
        ["...", "Id  Day  State", "..."],
    ],
)
def test_an_answer_as_shown(shown: list[str]) -> None:
    assert compare(tuple(shown), SAID) == ""


@pytest.mark.parametrize(
    ("shown", "wrong"),
    [
        (["Given 1:45 h", "..."], "'Given 1:45 h' is not there"),
        (["Given 1:30 h"], "'Id Day State' is not shown"),
        (["Id Day State", "..."], "'Id Day State' is not there"),  # something came before it
        (["...", "Id Day State", "...", "Given 1:30 h"], "'Given 1:30 h' is not there"),  # not in this order
        (["...", "ab12cd34 … Ope"], "'ab12cd34 … Ope' is not there"),
        ([], "'Given 1:30 h' is not shown"),
    ],
)
def test_an_answer_that_is_not_as_shown(shown: list[str], wrong: str) -> None:
    assert wrong in compare(tuple(shown), SAID)
