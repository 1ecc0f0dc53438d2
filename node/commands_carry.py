"""What the command line asks of a node for carrying files by hand. See node/commands.py."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from node import carrying, keys
from node.actions import carry
from node.actions.names import neighborhood_name
from node.app import Node
from node.commands import command
from node.plain import plain
from protocol.bundle import SUFFIX
from protocol.errors import OurFault


def _homes(node: Node, named: list[str]) -> list[bytes]:
    """The neighborhoods meant by a name, the six words, or how the id begins.

    Raises OurFault: not_found, bad_input where several fit.
    """
    known = sorted(carry.shared_with(node))
    found = []
    for text in named:
        wanted = " ".join(text.lower().split())
        fits = [
            home for home in known if wanted in (neighborhood_name(node, home).lower(), keys.six_words(home))
        ]
        if not fits and len(wanted) >= 4:
            fits = [home for home in known if home.hex().startswith(wanted)]
        if not fits:
            raise OurFault(
                "not_found",
                f"There is no neighborhood “{text}” with which this one is linked or in a coalition. "
                "Give its name, its six words or how its id begins.",
            )
        if len(fits) > 1:
            ids = ", ".join(f"{home.hex()[:8]} ({keys.six_words(home)})" for home in fits)
            raise OurFault("bad_input", f"Several neighborhoods fit “{text}”: {ids}. Give one of these.")
        found.append(fits[0])
    return found


def _target(node: Node, path: str, force: bool) -> Path:
    target = Path(path)
    if target.is_dir():
        return target / carrying.file_name(node)
    if not target.name.endswith(SUFFIX):
        target = target.with_name(target.name + SUFFIX)
    if not target.parent.is_dir():
        raise OurFault("bad_input", f"There is no folder {target.parent}.")
    if target.exists() and not force:
        raise OurFault("file_exists", f"{target} is there already. Choose another name, or say --force.")
    return target


def _made(node: Node, work: carrying.Work, to: list[carry.Recipient]) -> dict[str, Any]:
    ready = {recipient.home for recipient in to}
    left_out = [home for home in sorted(carry.shared_with(node)) if home not in ready]
    return {
        "path": str(work.path),
        "size_bytes": work.size_bytes,
        "records": work.records,
        "to": [neighborhood_name(node, recipient.home) for recipient in to],
        "no_key": [neighborhood_name(node, home) for home in left_out if not _ready(node, home)],
    }


def _ready(node: Node, home: bytes) -> bool:
    try:
        return bool(carry.recipients(node, [home]))
    except OurFault:
        return False


@command
async def carry_out(
    node: Node, *, path: str, to: list[str], everybody: bool, digest: bool, force: bool
) -> Any:
    """A file for these neighborhoods: what they may hold, or (`digest`) what is held here."""
    chosen = carry.recipients(node, None if everybody else _homes(node, to))
    target = _target(node, path, force)
    work = carrying.begin(node, "digest" if digest else "out")
    writing = carry.Writing(node, chosen, records=not digest, held=digest)
    await carrying.run(work, carrying.write(node, work, writing, target, force=force))
    return _made(node, work, chosen)


@command
async def carry_in(node: Node, *, path: str) -> dict[str, Any]:
    """Read a file in."""
    work = carrying.begin(node, "in")
    await carrying.run(work, carrying.read(node, work, Path(path)))
    found: dict[str, Any] = plain(work.outcome)
    return found


@command
async def carry_answer(node: Node, *, digest: str, path: str, force: bool) -> dict[str, Any]:
    """Read a file that says what its writer holds, and write what they lack."""
    target = _target(node, path, force)
    work = carrying.begin(node, "answer")

    async def both() -> None:
        await carrying.read(node, work, Path(digest))
        work.done_bytes = work.total_bytes = 0
        await carrying.write(node, work, carry.answer(node, work.asked), target, force=force)

    await carrying.run(work, both())
    assert work.asked is not None
    letter = work.asked.letter
    made = _made(node, work, [carry.Recipient(letter.sender, letter.prekey)])
    return made | {"read": plain(work.outcome)}


@command
def carry_state(node: Node) -> dict[str, Any] | None:
    """How far it is."""
    return carrying.state(node.carrying) if node.carrying is not None else None
