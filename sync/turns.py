"""Taking turns: what the engine's intake holds goes through the door a few records at a time.

The page has its turns in between, and what would hold it up is done beside it, in threads: working out ahead
which signatures are right, and waiting for the disk. What follows from a turn, above all that the sender is
told `taken`, leaves only when the records are on the disk.

Nothing here ends silently. Where the disk is full or fails, all turns pause and the same work is tried again,
later and later; whatever else fails ends the link whose turn it was. Both are logged.
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
from sync.intake import AMONG_OTHERS_MAX, AT_ONCE_MAX, Turn

log = logging.getLogger("barnraise.links")

WAIT_MIN_S = 0.05
WAIT_MAX_S = 1.0
TURN_S = 0.01  # what one turn should take at most
AHEAD = 2  # turns whose signatures are worked out ahead; one while several links bring records
PAUSE_MIN_S = 0.5  # after the disk failed, until it is tried again; doubled each time
PAUSE_MAX_S = 60.0

NOT_EMPTIED = "the log of the database could not be emptied"

T = TypeVar("T")


class Keeper(Protocol):
    """The store, as far as it works in threads: `keep`, `drain` and `empty`, which may take long."""

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

    def failed(self, error: Exception) -> bool:
        """Whether the disk is to blame: then the same may work later. The node tells its people."""
        ...

    def worked(self) -> None:
        """What was committed so far is on the disk."""
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
        self._threads = ThreadPoolExecutor(3, "barnraise-records")
        self._held_back: list[list[events.Effect]] = []
        self._keeping: asyncio.Task[None] | None = None
        self._draining: asyncio.Task[None] | None = None
        self._ahead: deque[tuple[Turn, asyncio.Future[Checked]]] = deque()
        self._at_once = AT_ONCE_MAX
        self._pause_s = 0.0  # 0 while the disk does what it is told
        engine.prompt = False

    def come(self) -> None:
        """Something may wait."""
        self._come.set()

    async def run(self) -> None:
        """Take turns for ever."""
        while True:
            try:
                await self._next()
            except Exception:
                log.exception("the turns failed")
                await asyncio.sleep(PAUSE_MIN_S)

    async def _next(self) -> None:
        if self._pause_s and self._keeping is not None:
            await asyncio.wait([self._keeping])  # the disk fails: take in no more
        while not self._is_far_ahead() and (coming := self._look_ahead()) is not None:
            self._ahead.append(coming)
        if not self._ahead:
            await self._wait()
            return
        turn, work = self._ahead.popleft()
        try:
            checked = await work
        except Exception:
            log.exception("signatures could not be checked")
            self._failed(turn.link)
            return
        await self._take(events.TakeTurn(turn, checked))

    def _is_far_ahead(self) -> bool:
        small = bool(self._ahead) and len(self._ahead[-1][0].records) <= AMONG_OTHERS_MAX
        return len(self._ahead) >= (1 if small else AHEAD)

    async def _take(self, turn: events.TakeTurn) -> None:
        while True:
            begun = self._clock()
            try:
                self._held_back.append(self.engine.handle(turn, begun))
                break
            except Exception as error:
                log.exception("records could not be taken in")
                if not self._keeper.failed(error):
                    self._failed(turn.turn.link)
                    return
            await self._pause()
        self._pace(len(turn.turn.records), self._clock() - begun)
        if self._keeping is None:
            self._keeping = asyncio.create_task(self._keep())
        if self._draining is None and self._keeper.is_full():
            self._draining = asyncio.create_task(self._until_done(self._keeper.drain, NOT_EMPTIED))
        elif self._draining is not None and self._draining.done():
            self._draining = None
            await asyncio.wait([self._keeping])
            await self._until_done(self._keeper.empty, NOT_EMPTIED)
        await asyncio.sleep(0)

    def _pace(self, count: int, took_s: float) -> None:
        """Take so many records at once that the page waits for no more than TURN_S, on this machine."""
        fitting = AT_ONCE_MAX if took_s <= 0 else count * TURN_S / took_s
        self._at_once = max(AMONG_OTHERS_MAX, min(AT_ONCE_MAX, round((self._at_once + fitting) / 2)))

    async def _keep(self) -> None:
        try:
            while self._held_back:
                kept, self._held_back = self._held_back, []
                await self._until_done(self._keeper.keep, "records could not be written to the disk")
                for effects in kept:
                    try:
                        self._do(effects)
                    except Exception:
                        log.exception("what follows from records failed")
        finally:
            self._keeping = None

    async def _until_done(self, work: Callable[[], None], failure: str) -> None:
        """Have the disk do something, however often that takes."""
        while True:
            try:
                await self._beside(work)
            except Exception as error:
                log.exception(failure)
                self._keeper.failed(error)
                await self._pause()
            else:
                self._pause_s = 0.0
                self._keeper.worked()
                return

    async def _pause(self) -> None:
        self._pause_s = min(PAUSE_MAX_S, max(PAUSE_MIN_S, 2 * self._pause_s))
        await asyncio.sleep(self._pause_s)

    def _look_ahead(self) -> tuple[Turn, asyncio.Future[Checked]] | None:
        turn = self.engine.intake.turn(self._clock(), self._at_once)
        if turn is None:
            return None
        check = self._keeper.check()
        return turn, self._beside(lambda: check(turn.records))

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
        for task in (self._keeping, self._draining):
            if task is not None:
                task.cancel()
        self._threads.shutdown(wait=True, cancel_futures=True)
