"""Taking turns: what the engine's intake holds goes through the door a few records at a time.

The page has its turns in between, and what would hold it up is done beside it, in threads: working out ahead
which signatures are right, and waiting for the disk. What follows from a turn, above all that the sender is
told `taken`, leaves only when the records are on the disk.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Protocol, TypeVar

from protocol.judge import Checked
from protocol.record import Record
from sync import events
from sync.engine import Engine

log = logging.getLogger("barnraise.links")

WAIT_MIN_S = 0.05
WAIT_MAX_S = 1.0

T = TypeVar("T")


class Keeper(Protocol):
    """The store, as far as it works in threads. All of it may take long but `is_full`."""

    def check(self) -> Callable[[list[Record]], Checked]:
        """Called at once: a function for a thread that says which signatures are right."""
        ...

    def keep(self) -> None:
        """See to it that everything committed so far is on the disk."""
        ...

    def is_full(self) -> bool:
        """Whether `empty` is due before anything more is written."""
        ...

    def empty(self) -> None:
        """Move what was committed to where it stays."""
        ...


class Turns:
    """Works through the intake of an engine. `do` carries out effects."""

    def __init__(
        self,
        engine: Engine,
        do: Callable[[list[events.Effect]], None],
        failed: Callable[[int], None],
        clock: Callable[[], float],
        keeper: Keeper,
    ) -> None:
        self.engine = engine
        self._do = do
        self._failed = failed  # the door failed on records of this link
        self._clock = clock
        self._keeper = keeper
        self._come = asyncio.Event()
        self._threads = ThreadPoolExecutor(2, "barnraise-records")
        self._held_back: list[list[events.Effect]] = []
        self._keeping: asyncio.Task[None] | None = None
        engine.prompt = False

    def come(self) -> None:
        """Something may wait."""
        self._come.set()

    async def run(self) -> None:
        """Take turns for ever."""
        ahead: asyncio.Future[events.TakeTurn] | None = None
        while True:
            current, ahead = ahead, self._next()
            if current is not None:
                await self._take(await current)
            elif ahead is None:
                await self._wait()

    async def _take(self, turn: events.TakeTurn) -> None:
        try:
            self._held_back.append(self.engine.handle(turn, self._clock()))
        except Exception:
            log.exception("records could not be taken in")
            self._failed(turn.turn.link)
            return
        if self._keeping is None:
            self._keeping = asyncio.create_task(self._keep())
        if self._keeper.is_full():
            await self._keeping
            await self._beside(self._keeper.empty)
        await asyncio.sleep(0)

    async def _keep(self) -> None:
        try:
            while self._held_back:
                kept, self._held_back = self._held_back, []
                await self._beside(self._keeper.keep)
                for effects in kept:
                    self._do(effects)
        except Exception:
            log.exception("records could not be written to the disk")
        finally:
            self._keeping = None

    def _next(self) -> asyncio.Future[events.TakeTurn] | None:
        turn = self.engine.intake.turn(self._clock())
        if turn is None:
            return None
        check = self._keeper.check()
        return self._beside(lambda: events.TakeTurn(turn, check(turn.records)))

    def _beside(self, work: Callable[[], T]) -> asyncio.Future[T]:
        return asyncio.get_running_loop().run_in_executor(self._threads, work)

    async def _wait(self) -> None:
        wait = min(WAIT_MAX_S, max(WAIT_MIN_S, self.engine.intake.next_due() - self._clock()))
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(wait):
                await self._come.wait()
        self._come.clear()

    def stop(self) -> None:
        """After `run` was cancelled: let go of the threads."""
        self._threads.shutdown(wait=True, cancel_futures=True)
