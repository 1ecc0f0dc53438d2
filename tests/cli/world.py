"""Alder Street: Ines coordinates, Amara and Ben are members; and somebody types commands."""

from __future__ import annotations

import asyncio
import json
import shutil
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from click.testing import CliRunner

from node.actions import members, setup
from node.app import Node
from node.cli.main import main
from node.serve import Server
from tests.node.serving import PASSPHRASE, settings_of


async def found_alder_street(folder: Path) -> None:
    """The neighborhood in a folder, its node not running."""
    node = Node(settings_of(folder))
    try:
        done = await setup.set_up(
            node,
            setup.new_setup_link(node),
            neighborhood="Alder Street",
            area="north of the mill",
            name="Ines",
            passphrase=PASSPHRASE,
            language="en",
        )
        for name in ("Amara", "Ben"):
            code = members.invite(node, done.session).code
            await members.join(node, code, name=name, passphrase=PASSPHRASE, language="en")
    finally:
        node.close()


@dataclass
class Typed:
    """What came of a command."""

    exit: int
    out: str
    err: str

    @property
    def json(self) -> Any:
        assert (self.exit, self.err) == (0, ""), self
        return json.loads(self.out)


@dataclass
class Person:
    """Somebody at the terminal of the machine, without a terminal to be asked at."""

    data: Path
    passphrase: str = PASSPHRASE

    def types(self, *words: str, **environment: str) -> Typed:
        """Type `barnraise WORDS`."""
        outside = {"BARNRAISE_DATA": str(self.data), "BARNRAISE_PASSPHRASE": self.passphrase, **environment}
        result = CliRunner().invoke(main, list(words), env=outside)
        if result.exception is not None and not isinstance(result.exception, SystemExit):
            raise result.exception
        return Typed(result.exit_code, result.stdout, result.stderr)

    async def asks(self, *words: str, **environment: str) -> Typed:
        """The same while a node runs in this process."""
        return await asyncio.to_thread(self.types, *words, **environment)


@asynccontextmanager
async def running(folder: Path) -> AsyncIterator[Server]:
    """The node of a folder, really serving."""
    server = Server(settings_of(folder))
    await server.start()
    try:
        yield server
    finally:
        await server.stop()


def copy_of(template: Path, folder: Path) -> Path:
    shutil.copytree(template, folder)
    return folder
