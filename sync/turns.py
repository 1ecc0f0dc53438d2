"""Taking turns: what the engine's intake holds goes through the door a few records at a time.

The page has its turns in between, and what would hold it up is done beside it, in threads: working out ahead
which signatures are right, and waiting for the disk. What follows from a turn, above all that the sender is
told `taken`, leaves only when the records are on the disk.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections import deque
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Protocol, TypeVar

from protocol.judge import Checked
from protocol.record import Record
from sync import events
from sync.engine import Engine
from sync.intake import AMONG_OTHERS_MAX, AT_ONCE_MAX

log = logging.getLogger("barnraise.links")

WAIT_MIN_S = 0.05
WAIT_MAX_S = 1.0
TURN_S = 0.01  # what one turn should take at most
AHEAD = 3  # turns whose signatures are worked out ahead

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
        """Whether what was committed is due to be moved: first `drain`, then `empty`."""
        ...

    def drain(self) -> None:
        """Move most of what was committed to where it stays, while more is written."""
        ...

    def empty(self) -> None:
        """Move the rest, while nothing is written."""
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
        self._at_once = AT_ONCE_MAX
        self._threads = ThreadPoolExecutor(3, "barnraise-records")
        self._held_back: list[list[events.Effect]] = []
        self._keeping: asyncio.Task[None] | None = None
        self._draining: asyncio.Future[None] | None = None
        engine.prompt = False

    def come(self) -> None:
        """Something may wait."""
        self._come.set()

    async def run(self) -> None:
        """Take turns for ever."""
        ahead: deque[asyncio.Future[events.TakeTurn]] = deque()
        while True:
            while len(ahead) < AHEAD and (coming := self._next()) is not None:
                ahead.append(coming)
            if ahead:
                await self._take(await ahead.popleft())
            else:
                await self._wait()

    async def _take(self, turn: events.TakeTurn) -> None:
        begun = self._clock()
        try:
            self._held_back.append(self.engine.handle(turn, begun))
        except Exception:
            log.exception("records could not be taken in")
            self._failed(turn.turn.link)
            return
        self._pace(len(turn.turn.records), self._clock() - begun)
        if self._keeping is None:
            self._keeping = asyncio.create_task(self._keep())
        if self._draining is None and self._keeper.is_full():
            self._draining = self._beside(self._keeper.drain)
        elif self._draining is not None and self._draining.done():
            self._draining = None
            await self._keeping
            await self._beside(self._keeper.empty)
        await asyncio.sleep(0)

    def _pace(self, count: int, took_s: float) -> None:
        """Take so many records at once that the page waits for no more than TURN_S, on this machine."""
        fitting = AT_ONCE_MAX if took_s <= 0 else count * TURN_S / took_s
        self._at_once = max(AMONG_OTHERS_MAX, min(AT_ONCE_MAX, round((self._at_once + fitting) / 2)))

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
        turn = self.engine.intake.turn(self._clock(), self._at_once)
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
