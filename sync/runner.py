"""The runner: sockets and the clock on one side, the engine on the other.

It turns what happens into events, hands them to the engine, and does what comes back. It holds no logic
worth testing alone; the simulator replaces this file and transport.py, and nothing else.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Callable, Coroutine
from itertools import count
from typing import Any

import aiohttp
from aiohttp import web

from protocol.errors import Fault, with_limit
from sync import events
from sync.addresses import client_session
from sync.engine import Engine
from sync.transport import Link, LocalEnd, dial, serve
from sync.turns import Keeper, Turns

log = logging.getLogger("barnraise.links")

TICK_MIN_S = 0.05
TICK_MAX_S = 1.0


class Runner:
    """The links of one running node."""

    def __init__(
        self,
        engine: Engine,
        end: LocalEnd,
        *,
        allow_loopback: bool,
        on_introduced: Callable[[bytes, tuple[bytes, ...]], None],
        on_connected: Callable[[frozenset[bytes]], None],
        on_joined: Callable[[bytes, bytes | None, str], None],
        on_called: Callable[[str, bytes | None, str], None],
        on_tick: Callable[[float], None],
        keeper: Keeper,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self.engine = engine
        self.end = end
        self._allow_loopback = allow_loopback
        self._on_introduced = on_introduced
        self._on_connected = on_connected
        self._on_joined = on_joined
        self._on_called = on_called
        self._on_tick = on_tick
        self._clock = clock
        self._links: dict[int, Link] = {}
        self._numbers = count(1)
        self._tasks: set[asyncio.Task[None]] = set()
        self._session: aiohttp.ClientSession | None = None
        self._wake = asyncio.Event()
        self._turns = Turns(engine, self._do, self._failed, clock, keeper)

    async def start(self) -> None:
        """Begin to call and to keep time."""
        self._session = client_session(self._allow_loopback)
        self._spawn(self._keep_time())
        self._spawn(self._turns.run())
        self.event(events.Changed())

    async def stop(self) -> None:
        """End every link and every task."""
        for link in list(self._links.values()):
            link.close("")
        for task in list(self._tasks):
            task.cancel()
        if self._tasks:
            await asyncio.wait(self._tasks, timeout=5)
        self._turns.stop()
        if self._session is not None:
            await self._session.close()

    def event(self, event: events.Event) -> None:
        """Something happened."""
        self._do(self.engine.handle(event, self._clock()))

    def moved(self, own_ips: set[str]) -> None:
        """This machine has these addresses now. A link from another one is dead: do not wait to notice."""
        for link in list(self._links.values()):
            if link.local_ip and link.local_ip.partition("%")[0] not in own_ips:
                link.close("")
        self.event(events.Moved())

    async def answer(self, request: web.Request) -> web.StreamResponse:
        """The handler of `/link`."""
        return await serve(request, self.end, self._run)

    def _spawn(self, work: Coroutine[Any, Any, None]) -> None:
        task = asyncio.create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._ended)

    def _ended(self, task: asyncio.Task[None]) -> None:
        self._tasks.discard(task)
        if not task.cancelled() and (error := task.exception()) is not None:
            log.error("part of the links failed", exc_info=error)

    async def _keep_time(self) -> None:
        while True:
            now = self._clock()
            wait = min(TICK_MAX_S, max(TICK_MIN_S, self.engine.next_due(now) - now))
            try:
                async with asyncio.timeout(wait):
                    await self._wake.wait()
            except TimeoutError:
                pass
            self._wake.clear()
            try:
                self._on_tick(self._clock())
                self.event(events.Tick())
            except Exception:
                log.exception("a tick failed")

    async def _run(self, link: Link) -> None:
        number = next(self._numbers)
        self._links[number] = link
        self._on_introduced(link.peer.home, link.peer.key_records)
        try:
            self.event(
                events.LinkUp(
                    number,
                    link.peer.home,
                    link.initiator,
                    link.handshake_hash,
                    link.invite_id,
                    link.peer.node_key,
                )
            )
            async for frame in link:
                self.event(events.FrameIn(number, frame))
                self._turns.come()
                await asyncio.sleep(0)  # many frames in a row leave room for the page
        except Exception:
            log.exception("a link failed here")
            link.close("internal")
        finally:
            self._links.pop(number, None)
            why = with_limit(link.code, link.limit) or "closed"
            log.info("link with %s ended: %s", link.peer.home.hex()[:8], why)
            self.event(events.LinkDown(number, link.code))

    def _failed(self, number: int) -> None:
        link = self._links.get(number)
        if link is not None:
            link.close("internal")

    def _do(self, effects: list[events.Effect]) -> None:
        for effect in effects:
            match effect:
                case events.Send():
                    link = self._links.get(effect.link)
                    if link is not None:
                        link.put(effect.frame)
                case events.Close():
                    link = self._links.get(effect.link)
                    if link is not None:
                        link.close(effect.code, effect.limit)
                case events.Dial():
                    self._spawn(self._dial(effect))
                case events.Joined():
                    self._on_joined(effect.invite_id, effect.coalition, effect.code)
                case events.Connected():
                    self._on_connected(effect.homes)
        if effects:
            self._wake.set()

    async def _dial(self, call: events.Dial) -> None:
        assert self._session is not None
        invite_id = call.invite[0] if call.invite is not None else None
        try:
            link = await dial(
                self._session, call.address, self.end, expected=call.expected, invite=call.invite
            )
        except Fault as fault:
            log.info("calling %s: %s", call.address, fault.reason)
            self._on_called(call.address, None, fault.sentence)
            self.event(events.DialFailed(call.expected, invite_id, fault.code))
            return
        self._on_called(call.address, link.peer.home, "")
        try:
            await self._run(link)
        finally:
            link.close("")
            await link.wait_closed()
