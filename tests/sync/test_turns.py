"""Taking turns goes on, whatever fails: the disk, a thread, or the program on somebody's records."""

from __future__ import annotations

import asyncio
import errno
import logging
import sqlite3
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Any

import pytest

from sync import turns
from sync.events import Send, TakeTurn
from sync.intake import Turn
from sync.turns import Turns


class Engine:
    """Turns of link 1, 2, 3 ... by number; says `taken` of each. What `broken` names cannot be taken in."""

    def __init__(self, count: int) -> None:
        self.intake = self
        self.waiting = list(range(1, count + 1))
        self.handled: list[int] = []
        self.broken: dict[int, Exception] = {}

    def turn(self, now: float, at_once: int = 64) -> Turn | None:
        return Turn(self.waiting.pop(0), [], []) if self.waiting else None

    def next_due(self) -> float:
        return float("inf")

    def handle(self, event: TakeTurn, now: float) -> list[Any]:
        if event.turn.link in self.broken:
            raise self.broken[event.turn.link].with_traceback(None)
        self.handled.append(event.turn.link)
        return [Send(event.turn.link, b"taken")]


class Disk:
    """Fails as often as told, in what is told."""

    def __init__(self, **failures: list[Exception]) -> None:
        self.failures = failures
        self.log_is_full = False
        self.notes: list[str] = []

    def _maybe(self, what: str) -> None:
        if self.failures.get(what):
            raise self.failures[what].pop(0).with_traceback(None)

    def check(self) -> Callable[[Any], Any]:
        def check(records: Any) -> frozenset[Any]:
            self._maybe("check")
            return frozenset()

        return check

    def keep(self) -> None:
        self._maybe("keep")

    def is_full(self) -> bool:
        return self.log_is_full

    def drain(self) -> None:
        self._maybe("drain")

    def empty(self) -> None:
        self._maybe("empty")
        self.log_is_full = False

    def failed(self, error: Exception) -> bool:
        self.notes.append(str(error))
        return isinstance(error, OSError | sqlite3.OperationalError)

    def worked(self) -> None:
        self.notes.append("well")


@asynccontextmanager
async def running(engine: Engine, disk: Disk) -> AsyncIterator[tuple[Turns, list[int], list[int]]]:
    """Turns under way; which links were told `taken`, and which ended."""
    told: list[int] = []
    ended: list[int] = []
    clock = asyncio.get_running_loop().time
    made = Turns(engine, lambda effects: told.extend(e.link for e in effects), ended.append, clock, disk)  # type: ignore[arg-type]
    task = asyncio.create_task(made.run())
    try:
        yield made, told, ended
        assert not task.done()
    finally:
        task.cancel()
        made.stop()


async def until(asked: Callable[[], Any]) -> None:
    async with asyncio.timeout(10):
        while not asked():  # noqa: ASYNC110
            await asyncio.sleep(0.001)


@pytest.fixture(autouse=True)
def short_pauses(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(turns, "PAUSE_MIN_S", 0.001)
    monkeypatch.setattr(turns, "PAUSE_MAX_S", 0.004)


FULL = OSError(errno.ENOSPC, "No space left on device")
BROKEN = sqlite3.OperationalError("disk I/O error")


@pytest.mark.parametrize("what", ["keep", "drain", "empty"])
async def test_a_disk_that_fails_for_a_while_holds_up_what_comes_and_loses_nothing(
    what: str, caplog: pytest.LogCaptureFixture
) -> None:
    engine, disk = Engine(20), Disk(**{what: [FULL] * 5 + [BROKEN] * 5})
    disk.log_is_full = True
    with caplog.at_level(logging.ERROR, "barnraise.links"):
        async with running(engine, disk) as (_, told, ended):
            await until(lambda: len(told) == 20 and not disk.failures[what] and disk.notes[-1] == "well")
    assert told == engine.handled == list(range(1, 21)) and not ended
    bad = [note for note in disk.notes if note != "well"]
    assert bad == [str(FULL)] * 5 + [str(BROKEN)] * 5 and disk.notes[-1] == "well"
    assert len(caplog.records) == 10, "each failure is in the log"


async def test_nothing_is_said_to_be_taken_and_no_more_comes_in_while_the_disk_fails() -> None:
    engine, disk = Engine(100), Disk(keep=[FULL] * 1_000_000)
    async with running(engine, disk) as (_, told, ended):
        await until(lambda: len(disk.notes) >= 3)
        held = len(engine.handled)
        await until(lambda: len(disk.notes) >= 20)
        assert not told and not ended
        assert len(engine.handled) <= held + 1, "the one that was under way"
        disk.failures.clear()
        await until(lambda: len(told) == 100)
    assert told == list(range(1, 101))


async def test_a_turn_that_found_the_disk_full_is_taken_again() -> None:
    engine, disk = Engine(3), Disk()
    engine.broken[2] = FULL
    async with running(engine, disk) as (_, told, ended):
        await until(lambda: len([note for note in disk.notes if note == str(FULL)]) >= 5)
        assert engine.handled == [1]
        engine.broken.clear()
        await until(lambda: told == [1, 2, 3])
    assert not ended


async def test_records_on_which_the_program_fails_end_their_link_and_no_other() -> None:
    engine, disk = Engine(4), Disk()
    engine.broken[2] = KeyError("thing")
    async with running(engine, disk) as (_, told, ended):
        await until(lambda: told == [1, 3, 4])
        assert ended == [2]


async def test_signatures_that_cannot_be_checked_end_that_link() -> None:
    engine, disk = Engine(3), Disk(check=[RuntimeError("no thread")])
    async with running(engine, disk) as (_, told, ended):
        await until(lambda: len(told) == 2)
        assert len(ended) == 1 and sorted(told + ended) == [1, 2, 3]


async def test_what_follows_from_one_turn_does_not_hold_up_the_next() -> None:
    engine, disk = Engine(3), Disk()
    told: list[int] = []

    def do(effects: list[Any]) -> None:
        if effects[0].link == 1:
            raise RuntimeError("this link is in pieces")
        told.append(effects[0].link)

    made = Turns(engine, do, lambda link: None, asyncio.get_running_loop().time, disk)  # type: ignore[arg-type]
    task = asyncio.create_task(made.run())
    await until(lambda: told == [2, 3])
    task.cancel()
    made.stop()


async def test_even_an_intake_that_fails_is_tried_again() -> None:
    engine, disk = Engine(2), Disk()
    broken = iter([True, True, False])
    turn = engine.turn
    engine.turn = lambda now, at_once: 1 / 0 if next(broken, False) else turn(now)  # type: ignore[assignment, method-assign]
    async with running(engine, disk) as (_, told, _ended):
        await until(lambda: told == [1, 2])
