"""A tutorial taken apart: its headings, what is typed at a terminal, what is done on a page, and its files.

What a reader is told about the signs at the top of the tutorial holds here too:

- a ```console block: `$ ` stands before what is typed, the lines below are the answer. A line of three dots
  stands for any number of lines; `…` inside a line for anything. Inner blanks and empty lines do not count.
- a numbered list is what somebody does on a page: **to press**, `to type` as “label”, choose “option” as
  “label”, tick “label”, and other “words” are read there.
- the paragraph before either says whose phone or whose machine it is.

What else happens to a machine is told in the text between them, which a test may read too.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from pathlib import Path

PROMPT = "$ "
SOME_LINES = "..."
WHOSE_MACHINE = re.compile(r"\bOn ([\w ]+?)'s machine\b")
WHOSE_PHONE = re.compile(r"\b(\w+)'s phone\b")
FILE_NAME = re.compile(r"`([\w-]+\.csv)`")


@dataclass(frozen=True)
class Heading:
    line: int
    level: int
    text: str


@dataclass(frozen=True)
class Command:
    """One command and the lines shown as its answer."""

    line: int
    text: str
    shown: tuple[str, ...]


@dataclass(frozen=True)
class Console:
    """A block; `machine` is "" where the text names none: then it is our own."""

    line: int
    machine: str
    commands: tuple[Command, ...]


@dataclass(frozen=True)
class Step:
    """One item of a numbered list; `who` is "" where the text does not say: then it is whoever was before."""

    line: int
    who: str
    text: str


@dataclass(frozen=True)
class File:
    """A file to be written as it stands there."""

    line: int
    name: str
    text: str


@dataclass(frozen=True)
class Prose:
    """A paragraph or an item of a list without numbers."""

    line: int
    text: str


Part = Heading | Console | Step | File | Prose


@dataclass
class _Reader:
    lines: list[str]
    at: int = 0
    before: str = ""  # the paragraph just read
    parts: list[Part] = field(default_factory=list)

    def read(self) -> list[Part]:
        while self.at < len(self.lines):
            line = self.lines[self.at]
            if line.startswith("```"):
                self._block(line[3:].strip())
            elif found := re.match(r"(#+) (.+)", line):
                self.parts.append(Heading(self.at + 1, len(found[1]), found[2].strip()))
                self.before = ""
                self.at += 1
            elif re.match(r"\d+\. ", line):
                self._steps()
            elif line.strip():
                start = self.at + 1
                self.before = self._paragraph()
                self.parts.append(Prose(start, self.before))
            else:
                self.at += 1
        return self.parts

    def _paragraph(self) -> str:
        """Lines up to the next empty one or the next list."""
        words = [self.lines[self.at].strip()]
        self.at += 1
        while self.at < len(self.lines) and (line := self.lines[self.at]).strip():
            if re.match(r"\d+\. |- |```|#", line):
                break
            words.append(line.strip())
            self.at += 1
        return " ".join(words)

    def _steps(self) -> None:
        whose = WHOSE_PHONE.search(self.before)
        while self.at < len(self.lines) and re.match(r"\d+\. ", self.lines[self.at]):
            line = self.at + 1
            text = self._paragraph()
            self.parts.append(Step(line, whose[1] if whose else "", re.sub(r"^\d+\. ", "", text)))
        self.before = ""

    def _block(self, language: str) -> None:
        start = self.at + 1
        end = self.lines.index("```", start)
        inside, self.at = self.lines[start:end], end + 1
        if language == "console":
            machine = WHOSE_MACHINE.search(self.before)
            self.parts.append(Console(start, machine[1] if machine else "", _commands(inside, start + 1)))
        elif language == "csv":
            name = FILE_NAME.search(self.before)
            assert name, f"line {start}: the text before this file does not name it"
            self.parts.append(File(start, name[1], "\n".join(inside) + "\n"))
        else:
            raise AssertionError(f"line {start}: a block of {language or 'nothing'!r} is run by nobody")
        self.before = ""


def _commands(lines: list[str], first: int) -> tuple[Command, ...]:
    assert lines and lines[0].startswith(PROMPT), f"line {first}: a console block begins with “{PROMPT}”"
    found: list[tuple[int, str, list[str]]] = []
    for number, line in enumerate(lines, first):
        if line.startswith(PROMPT):
            found.append((number, line.removeprefix(PROMPT).strip(), []))
        elif line.strip():
            found[-1][2].append(line)
    return tuple(Command(number, text, tuple(shown)) for number, text, shown in found)


def read(path: Path) -> list[Part]:
    """The parts of a document in their order."""
    return _Reader(path.read_text().splitlines()).read()


def compare(shown: tuple[str, ...], said: str) -> str:
    """ "" where the answer `said` is what the document shows, else which line is not so."""
    answer = [squeezed(line) for line in said.splitlines() if line.strip()]
    at, may_skip = 0, False
    for line in shown:
        if line.strip() == SOME_LINES:
            may_skip = True
            continue
        wanted = _pattern(line)
        end = len(answer) if may_skip else at + 1
        found = next((i for i in range(at, min(end, len(answer))) if wanted.fullmatch(answer[i])), None)
        if found is None:
            return f"the line {line!r} is not there"
        at, may_skip = found + 1, False
    if at < len(answer) and not may_skip:
        return f"the line {answer[at]!r} is not shown"
    return ""


def squeezed(line: str) -> str:
    return " ".join(line.split())


def _pattern(line: str) -> re.Pattern[str]:
    return re.compile(".+?".join(re.escape(piece) for piece in squeezed(line).split("…")))
