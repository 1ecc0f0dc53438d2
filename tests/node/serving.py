"""Neighborhoods whose nodes really serve: on loopback, on free ports, each with a folder of its own."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

from node.actions import neighborhoods, setup
from node.actions.members import Session
from node.actions.neighborhoods import NeighborhoodsPage
from node.app import Node
from node.serve import Server
from node.settings import Settings

PASSPHRASE = "seven tall sunflowers"
PATIENCE_S = 15.0  # for what has no limit of its own; these machines are shared
COORDINATORS = {"Riverbend": "Ines", "Oak Street": "Ola", "Harbor Hill": "Hana"}

Found = TypeVar("Found")


async def until(what: str, asked: Callable[[], Found], within_s: float = PATIENCE_S) -> Found:
    """Asks again and again until the answer is truthy, and gives it."""
    end = time.monotonic() + within_s
    while not (answer := asked()):
        assert time.monotonic() < end, f"{what}: not within {within_s} s"
        await asyncio.sleep(0.01)
    return answer


@dataclass
class Place:
    """A neighborhood: its running node, and its coordinator, signed in."""

    server: Server
    settings: Settings
    session: Session

    @property
    def node(self) -> Node:
        return self.server.node

    @property
    def home(self) -> bytes:
        return self.node.home

    @property
    def address(self) -> str:
        return f"127.0.0.1:{self.node.settings.port}"

    @property
    def page(self) -> NeighborhoodsPage:
        """What its coordinator reads under "Neighborhoods"."""
        return neighborhoods.neighborhoods(self.node, self.session)

    def linked_with(self, other: Place) -> bool:
        """Approved on both sides, as this side knows it."""
        return any(link.home == other.home and link.linked for link in self.page.links)

    def is_member_of(self, coalition: bytes) -> bool:
        """Listed in the coalition's roster, as far as it holds it."""
        roster = self.node.records.known.rosters.get(coalition)
        return roster is not None and self.home in roster.members

    def hears(self, other: Place) -> bool:
        return other.home in self.node.connected


def settings_of(folder: Path, port: int = 0, **more: Any) -> Settings:
    """On loopback; with discovery off unless said otherwise."""
    chosen: dict[str, Any] = {"listen": "127.0.0.1", "discovery": "off", "allow_loopback": True, **more}
    return Settings(folder, port=port, **chosen)


@asynccontextmanager
async def places(folder: Path, *names: str, **settings: Any) -> AsyncIterator[list[Place]]:
    """Neighborhoods that have just been set up, their nodes running. They may be stopped meanwhile."""
    made: list[Place] = []
    try:
        for name in names:
            chosen = settings_of(folder / name, **settings)
            server = Server(chosen)
            await server.start()
            token = setup.new_setup_link(server.node)
            done = await setup.set_up(
                server.node,
                token,
                neighborhood=name,
                area=f"around {name}",
                name=COORDINATORS[name],
                passphrase=PASSPHRASE,
                language="en",
            )
            made.append(Place(server, chosen, done.session))
            await until("its links run", lambda server=server: server.links and server.links.runner._session)
        yield made
    finally:
        for place in made:
            await place.server.stop()


async def link(one: Place, other: Place, message: str = "") -> None:
    """`one` types the address of `other`, whose coordinator approves."""
    neighborhoods.ask_to_link(one.node, one.session, home=None, address=other.address, message=message)
    asks = await until("the ask is there", lambda: [a for a in other.page.asks if a.home == one.home])
    assert asks[0].message == message
    neighborhoods.approve(other.node, other.session, one.home)
    await until("both know it", lambda: one.linked_with(other) and other.linked_with(one))


async def found(founder: Place, *others: Place) -> bytes:
    """A coalition of neighborhoods that are linked with its founder."""
    coalition = neighborhoods.found_coalition(
        founder.node, founder.session, name="River Valley", agreement="", members=[o.home for o in others]
    )
    for other in others:
        await until(
            "the offer is there", lambda other=other: [o for o in other.page.offers if o.id == coalition]
        )
        neighborhoods.accept_coalition(other.node, other.session, coalition)
        await until("it has the roster", lambda other=other: other.is_member_of(coalition))
    return coalition
