"""Running a node: the page, the links and the control socket in one process until it is told to stop."""

from __future__ import annotations

import asyncio
import contextlib
import errno
import gc
import logging
import os
import signal
from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import partial

from aiohttp import web

from node import carrying
from node.actions import backup
from node.app import Node
from node.control import start_control
from node.links import Links
from node.ports import holder
from node.settings import LISTEN_DEFAULT, Settings
from node.web.app import add_link_route, build_app
from protocol.errors import Fault, WorldFault
from sync.addresses import own_networks, reachable, up_interfaces
from sync.transport import Tap

log = logging.getLogger("barnraise")

COPY_CHECK_S = 600.0
HANDLERS_END_WITHIN_S = 1.0  # on stopping: pages and greetings under way get this long, then are cut off


@dataclass(frozen=True, slots=True)
class Served:
    """A node that answers."""

    node: Node
    urls: list[str]


class Server:
    """One running node. `start`, then `stop`."""

    def __init__(self, settings: Settings, *, tap: Tap | None = None) -> None:
        self.node = Node(settings, rescue=True)
        self.links: Links | None = None
        self._tap = tap
        self._runner: web.AppRunner | None = None
        self._control: object | None = None
        self._tasks: set[asyncio.Task[None]] = set()
        self._copies: asyncio.Task[None] | None = None

    async def start(self) -> Served:
        """Open the port, the control socket and the links. Raises WorldFault("port_in_use")."""
        node = self.node
        try:
            app = build_app(node)
            add_link_route(app, self._answer_link)
            self._runner = web.AppRunner(app, access_log=None, shutdown_timeout=HANDLERS_END_WITHIN_S)
            await self._runner.setup()
            await self._listen(self._runner)
            self._control = await start_control(node)
            self._copies = asyncio.create_task(keep_copies(node))
            if node.is_set_up:
                await self._start_links()
            else:
                node.poke = self._set_up
        except BaseException:
            await self.stop()
            raise
        return Served(node, urls(node.settings))

    async def _listen(self, runner: web.AppRunner) -> None:
        settings = self.node.settings
        site = web.TCPSite(runner, settings.listen, settings.port, reuse_address=True)
        try:
            await site.start()
        except OSError as error:
            if error.errno == errno.EADDRINUSE:
                program = await asyncio.to_thread(holder, settings.port)
                sentence = (
                    f"Port {settings.port} is in use by {program or 'another program'}. "
                    "Stop that program, or choose another port with --port."
                )
                raise WorldFault("port_in_use", sentence) from None
            # asyncio of Python 3.13 keeps the number to itself where no address could be bound
            number = error.errno if error.errno and error.errno > 0 else errno.EADDRNOTAVAIL
            why = os.strerror(number)
            raise WorldFault(
                "port_in_use", f"Port {settings.port} cannot be opened on {settings.listen}: {why}."
            ) from None
        if settings.port == 0:
            port = runner.addresses[0][1]
            self.node.settings = settings = replace(settings, port=port)
        if settings.listen == LISTEN_DEFAULT:  # IPv6 as well: there are networks without IPv4
            self.node.networks = await asyncio.to_thread(own_networks)
            with contextlib.suppress(
                OSError
            ):  # no IPv6 in this kernel, or another program has the port there
                await web.TCPSite(runner, "::", settings.port, reuse_address=True).start()

    async def _start_links(self) -> None:
        self.links = Links(self.node, self._tap)
        await self.links.start()

    def _set_up(self, what: str, details: dict[str, object]) -> None:
        if what == "set_up" and self.links is None:
            task = asyncio.create_task(self._start_links())
            self._tasks.add(task)
            task.add_done_callback(self._links_started)

    def _links_started(self, task: asyncio.Task[None]) -> None:
        self._tasks.discard(task)
        if not task.cancelled() and task.exception() is not None:
            log.error("the links could not be started", exc_info=task.exception())

    async def _answer_link(self, request: web.Request) -> web.StreamResponse:
        if self.links is None:
            raise web.HTTPServiceUnavailable(text="This node is not set up yet.\n")
        return await self.links.answer(request)

    async def stop(self) -> None:
        """Close everything: first the port, so that nobody comes in meanwhile, and the database last."""
        try:
            if self._copies is not None:
                self._copies.cancel()
                await asyncio.wait([self._copies])
            if self._runner is not None:
                for site in list(self._runner.sites):
                    await site.stop()
            await carrying.stop(self.node)
            if self._tasks:
                await asyncio.wait(self._tasks)
            if self.links is not None:
                await self.links.stop()
            if self._control is not None:
                await self._control.stop()  # type: ignore[attr-defined]
            if self._runner is not None:
                await self._runner.cleanup()
        finally:
            self.node.close()


def _none_forgotten_since(node: Node, count: int) -> bool:
    return node.copies_forgotten == count


async def keep_copies(node: Node) -> None:
    """A copy of the database on this machine each day, made in a thread; anew after an erasure."""
    data, wanted = node.settings.data, asyncio.Event()
    node.copy_wanted = wanted.set
    backup.drop_leftovers(data)
    carrying.drop_files(data)
    forgotten = node.copies_forgotten
    while True:
        if node.is_set_up and (backup.copy_is_due(data, node.now()) or node.copies_forgotten != forgotten):
            forgotten = node.copies_forgotten
            still_wanted = partial(_none_forgotten_since, node, forgotten)
            try:
                await asyncio.to_thread(backup.make_local_copy, data, still_wanted)
            except (Fault, OSError):
                log.exception("the database could not be copied")
        carrying.drop_files(data, node.now() - carrying.FILE_AGE_MAX_S)
        if node.copies_forgotten == forgotten:
            wanted.clear()
            with contextlib.suppress(TimeoutError):
                # wait_for of Python 3.11 swallows a cancellation that comes with the event
                async with asyncio.timeout(COPY_CHECK_S):
                    await wanted.wait()


def urls(settings: Settings) -> list[str]:
    """Where the page can be opened: this machine first, then every address of the network."""
    if settings.listen not in ("0.0.0.0", "::", ""):
        host = f"[{settings.listen}]" if ":" in settings.listen else settings.listen
        return [f"http://{host}:{settings.port}"]
    found = [f"http://localhost:{settings.port}"]
    return found + [f"http://{host}:{settings.port}" for host in reachable(up_interfaces())]


async def serve(settings: Settings, on_ready: Callable[[Served], None]) -> None:
    """Run a node until SIGINT or SIGTERM. Raises WorldFault where it cannot start."""
    server = Server(settings)
    stopping = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, stopping.set)
    served = await server.start()
    gc.collect()
    gc.freeze()  # what is there by now stays: looking through it again would hold up the page for 50 ms
    try:
        on_ready(served)
        await stopping.wait()
    finally:
        await server.stop()
