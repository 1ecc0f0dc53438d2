"""How much goes through the door at once hangs on how long this machine takes for it."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Callable
from typing import Any

from protocol.judge import Checked
from protocol.record import Record
from protocol.scopes import coalition
from sync.events import TakeTurn
from sync.intake import AMONG_OTHERS_MAX, AT_ONCE_MAX, Intake
from sync.turns import TURN_S, Turns
from tests.protocol.helpers import Neighborhood

OAK = Neighborhood("Oak")
POSTS = [
    OAK.member(f"member {number % 20}").post(coalition(bytes(32)), title=str(number)).message
    for number in range(600)
]


class Slow:
    """An engine that takes so long for each record, by a clock of its own."""

    def __init__(self, each_s: float) -> None:
        self.each_s = each_s
        self.now = 0.0
        self.intake = Intake()
        self.sizes: list[int] = []
        self.over = asyncio.Event()
        for number in range(3):
            self.intake.put(1, b"", number, POSTS[number * 200 : number * 200 + 200], 0.0)

    def handle(self, event: TakeTurn, now: float) -> list[Any]:
        self.sizes.append(len(event.turn.records))
        self.now += self.each_s * len(event.turn.records)
        self.intake.done(event.turn, 0, self.now)
        if not self.intake.waiting(1):
            self.over.set()
        return []


class Ready:
    """A disk that is never busy."""

    def check(self) -> Callable[[list[Record]], Checked]:
        return lambda records: frozenset()

    def keep(self) -> None:
        pass

    def is_full(self) -> bool:
        return False

    def failed(self, error: Exception) -> bool:
        return False

    drain = empty = worked = keep


async def sizes_of(each_s: float) -> list[int]:
    engine = Slow(each_s)
    turns = Turns(engine, lambda effects: None, lambda link: None, lambda: engine.now, Ready())  # type: ignore[arg-type]
    running = asyncio.create_task(turns.run())
    async with asyncio.timeout(30):
        await engine.over.wait()
    running.cancel()
    with contextlib.suppress(asyncio.CancelledError):
        await running
    turns.stop()
    return engine.sizes


async def test_a_fast_machine_takes_many_at_once() -> None:
    sizes = await sizes_of(TURN_S / 1_000)
    assert sum(sizes) == len(POSTS) and max(sizes) == AT_ONCE_MAX == sizes[len(sizes) // 2]


async def test_a_slow_machine_takes_fewer_so_that_the_page_has_its_turn() -> None:
    sizes = await sizes_of(TURN_S / 20)
    assert sum(sizes) == len(POSTS) and sizes[-2] <= 21


async def test_but_never_so_few_that_nothing_gets_on() -> None:
    sizes = await sizes_of(TURN_S * 10)
    assert sum(sizes) == len(POSTS) and sizes[-2] == AMONG_OTHERS_MAX
