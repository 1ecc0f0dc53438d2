"""README and docs name only what is there: commands, options, `make` targets, files and headings."""

from __future__ import annotations

import importlib
import re
import shlex
from collections.abc import Iterator
from pathlib import Path

import click
import pytest

from node.cli.main import main

ROOT = Path(__file__).resolve().parents[2]
README = ROOT / "README.md"
DOCS = sorted((ROOT / "docs").glob("*.md"))
EVERY = [README, *sorted((ROOT / "docs").rglob("*.md"))]
MAKEFILE = (ROOT / "Makefile").read_text()

FENCE = re.compile(r"^```.*?^```$", re.M | re.S)
FENCED = re.compile(r"^```\w*\n(.*?)^```$", re.M | re.S)
LINK = re.compile(r"\[[^\]\[]*\]\(([^)\s]+)\)")
# In backquotes, or after the prompt of a block. A span may go over the end of a line.
SPAN = re.compile(r"`([^`]+)`")
TYPED = re.compile(r"^\$ (.+)$", re.M)


def name_of(path: Path) -> str:
    return str(path.relative_to(ROOT))


def prose(path: Path) -> str:
    return FENCE.sub("", path.read_text())


def code(path: Path) -> Iterator[str]:
    """What stands there as something to type or to look up."""
    yield from (" ".join(span.split()) for span in SPAN.findall(prose(path)))
    for block in FENCED.findall(path.read_text()):
        yield from TYPED.findall(block)


def anchors(path: Path) -> set[str]:
    """The headings of a document as they stand in links (as code hosts make them)."""
    found: set[str] = set()
    for heading in re.findall(r"^#+ (.+)$", prose(path), re.M):
        words = re.sub(r"[^\w\- ]", "", re.sub(r"\[([^\]]*)\]\([^)]*\)", r"\1", heading).lower())
        slug = base = words.strip().replace(" ", "-")
        count = 0
        while slug in found:
            count += 1
            slug = f"{base}-{count}"
        found.add(slug)
    return found


def broken_links(path: Path) -> list[str]:
    """The relative links of a document that lead nowhere, and images that are not there."""
    broken = []
    for link in LINK.findall(prose(path)):
        if re.match(r"[a-z]+:", link):
            continue
        place, _, anchor = link.partition("#")
        target = (path.parent / place).resolve() if place else path
        if not target.exists() or (anchor and anchor not in anchors(target)):
            broken.append(link)
    return broken


# ---- the top of README


def test_the_two_commands_stand_at_the_top_of_readme() -> None:
    text = README.read_text()
    first = FENCED.search(text)
    assert first and TYPED.findall(first[1]) == ["make run", "make test"]
    before = text[: first.start()]
    assert "\n## " not in before and len(before.splitlines()) <= 12, "they stand at the top"
    assert "sudo apt install -y git make python3-venv" in before


def test_the_two_commands_do_what_readme_says() -> None:
    recipe = dict(re.findall(r"^([a-z-]+):.*\n((?:\t.*\n)*)", MAKEFILE, re.M))
    assert "barnraise run" in recipe["run"] and "pytest" in recipe["test"]
    assert main.commands["run"].params, "`barnraise run` is a command"


# ---- links


@pytest.mark.parametrize("path", EVERY, ids=name_of)
def test_links_lead_somewhere(path: Path) -> None:
    assert broken_links(path) == []


def test_a_link_that_leads_nowhere_is_found(tmp_path: Path) -> None:
    (tmp_path / "there.md").write_text("# A heading, “quoted”\n\n## Twice\n\n## Twice\n")
    page = tmp_path / "page.md"
    page.write_text(
        "[a](there.md) [b](there.md#a-heading-quoted) [c](there.md#twice-1) [d](https://example.org/x)\n"
        "![e](gone.png) [f](there.md#gone) [g](gone.md)\n\n```\n[h](in-a-block.md)\n```\n"
    )
    assert broken_links(page) == ["gone.png", "there.md#gone", "gone.md"]


def test_readme_leads_to_every_document() -> None:
    linked = {(ROOT / link).resolve() for link in LINK.findall(prose(README)) if ":" not in link}
    assert [name_of(path) for path in DOCS if path not in linked] == []


# ---- commands


@pytest.mark.parametrize("path", EVERY, ids=name_of)
def test_make_targets_exist(path: Path) -> None:
    named = {found for text in code(path) for found in re.findall(r"^make ([a-z][a-z-]*)", text)}
    assert named <= set(re.findall(r"^([a-z-]+):", MAKEFILE, re.M))


def wrong_with(typed: str) -> str:
    """ "" for a command line of this program that exists, else what does not."""
    words = [word.rstrip(",.;") for word in shlex.split(typed.partition(" > ")[0])][1:]
    command: click.Command = main
    for word in words:
        if word.startswith("--"):
            options = {name for one in (main, command) for param in one.params for name in param.opts}
            if word.partition("=")[0] not in options | {"--help", "--version"}:
                return f"{command.name} has no {word}"
        elif isinstance(command, click.Group) and not word.startswith("-"):
            if word not in command.commands:
                return "" if command.invoke_without_command else f"{command.name} has no {word!r}"
            command = command.commands[word]
    return ""


@pytest.mark.parametrize("path", EVERY, ids=name_of)
def test_commands_and_their_options_exist(path: Path) -> None:
    typed = [text for text in code(path) if text.startswith("barnraise ")]
    assert {text: wrong for text in typed if (wrong := wrong_with(text))} == {}


@pytest.mark.parametrize(
    ("typed", "wrong"),
    [
        ("barnraise demo --once --json", ""),
        ('barnraise need --as Amara "A ride"', ""),
        ("barnraise hours --as Amara", ""),
        ("barnraise dance", "has no 'dance'"),
        ("barnraise coalition dance --as Amara", "has no 'dance'"),
        ("barnraise demo --twice", "has no --twice"),
    ],
)
def test_a_command_that_is_not_there_is_found(typed: str, wrong: str) -> None:
    assert wrong in wrong_with(typed) and bool(wrong) == bool(wrong_with(typed))


# ---- paths


def paths_named(path: Path) -> set[str]:
    """Paths of this project in a document: in backquotes, or first in a line of a block."""
    text = path.read_text()
    listed = [
        line.split()[0] for block in FENCED.findall(text) for line in block.splitlines() if line.split()
    ]
    inline = [" ".join(span.split()) for span in SPAN.findall(prose(path))]
    return {
        one for one in inline + listed if re.fullmatch(r"(?:protocol|sync|node|tests|docs|\.ci)/\S*", one)
    }


@pytest.mark.parametrize("path", EVERY, ids=name_of)
def test_paths_exist(path: Path) -> None:
    assert [one for one in sorted(paths_named(path)) if not (ROOT / one).exists()] == []


def test_architecture_names_its_files() -> None:
    """The check above sees them: one of each way of naming a file, and not a handful by accident."""
    named = paths_named(ROOT / "docs" / "architecture.md")
    assert {"node/views/hours.py", "node/store/records.py", "protocol/", "tests/hosts/"} <= named
    assert len(named) > 30


def test_functions_named_in_architecture_exist() -> None:
    spans = SPAN.findall(prose(ROOT / "docs" / "architecture.md"))
    dotted = {one for one in spans if re.fullmatch(r"(?:protocol|sync|node)(?:\.\w+){2,}", one)}
    assert dotted
    for one in dotted:
        module, _, name = one.rpartition(".")
        assert hasattr(importlib.import_module(module), name), one
