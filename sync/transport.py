"""The shell of a link: a WebSocket at `/link`, the greeting over it, then sealed frames in both directions.

Nothing is decided here. The runner gets a `Link`, takes frames from it and puts frames into it; what
they mean is the engine's business, how they are sealed the channel's. The rules this file keeps:

- Putting a frame never waits. The queue holds FRAMES_WAITING_MAX frames and BYTES_WAITING_MAX bytes; a
  link that would need more is closed with `queue_full`, and reconciliation mends what was not sent.
- Taking a frame is what makes us read: who sends faster than we take is held up by TCP.
- A peer's fault ends its link, with a code as the WebSocket close reason (4000), and nothing else.
- We call only addresses that a node may call (sync/addresses.py).
- TLS, where there is some, proves nothing here: Noise does. A certificate is not even looked at, for
  a Pi without a clock could never accept one.
"""

from __future__ import annotations

import asyncio
import contextlib
import re
import socket
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass, field
from typing import Any, TypeAlias

import aiohttp
from aiohttp import WSMsgType, web
from yarl import URL

from protocol import introduction
from protocol.errors import CLOSE_CODES, CODES, TheirFault, WorldFault, with_limit
from protocol.introduction import Introduction
from sync.addresses import NO_NODE, GuardedConnector, NotCalledError, link_url
from sync.channel import MESSAGE_SIZE_BYTES_MAX, Handshake, public_key
from sync.greetings import HANDSHAKES_MAX, Greeting, Greetings
from sync.limits import BoundedQueue

FRAMES_WAITING_MAX = 1024
BYTES_WAITING_MAX = 4 * 1024 * 1024
HANDSHAKE_TIMEOUT_S = 10.0
HEARTBEAT_S = 20.0
FLUSH_TIMEOUT_S = 2.0  # what waits when we close still gets this long
CLOSE_TIMEOUT_S = 2.0  # the goodbye, before the line is cut
CLOSE_CODE = 4000

Socket: TypeAlias = aiohttp.ClientWebSocketResponse | web.WebSocketResponse
Tap: TypeAlias = Callable[[str, bytes], None]

_REASON = re.compile(r"([a-z_]{1,40})(?: ([A-Z_]{1,40} [0-9.]{1,15}))?")
_MESSAGE_SIZE = f"MESSAGE_SIZE_BYTES_MAX {MESSAGE_SIZE_BYTES_MAX}"
_FRAMES_WAITING = f"FRAMES_WAITING_MAX {FRAMES_WAITING_MAX}"
_BYTES_WAITING = f"BYTES_WAITING_MAX {BYTES_WAITING_MAX}"
_HANDSHAKES = f"HANDSHAKES_MAX {HANDSHAKES_MAX}"
_NOT_CALLED = "This node does not call addresses of that kind."


@dataclass
class LocalEnd:
    """What this node needs to greet others. `introduce` gives the introduction of the day.

    What `today` and `earliest` have to do with the other side's introduction: see introduction.check.

    `tap(direction, frame)`, direction "in" or "out", sees every plaintext frame: for tests and the demo.
    """

    noise_private: bytes
    introduce: Callable[[], bytes]
    today: Callable[[], int | None]
    current_key: Callable[[bytes, Any], bytes | None]
    psk_of: Callable[[bytes], bytes | None] = lambda invite_id: None
    tap: Tap | None = None
    earliest: Callable[[], int | None] = lambda: None  # no day before this can be today
    introduce_to: Callable[[Introduction], bytes] | None = None  # where we know already who answers
    greetings: Greetings = field(default_factory=Greetings)  # strangers being greeted right now


class Link:
    """A greeted peer. Iterate over it for its frames; it ends when either side closes.

    `code` says why it ended: ours or theirs (`closed_by_us`), or "" if the connection just broke. `limit`
    is the bound that was passed, "RECORDS_MAX 200", where there is one.
    """

    def __init__(
        self,
        ws: Socket,
        handshake: Handshake,
        peer: Introduction,
        address: str,
        initiator: bool,
        tap: Tap | None,
    ) -> None:
        self.peer = peer
        self.handshake_hash = handshake.handshake_hash
        self.invite_id = handshake.invite_id
        self.initiator = initiator
        self.address = address
        self.code = self.limit = ""
        self.closed_by_us = False
        self.response = ws  # for an accepted link: what the request handler returns
        self._channel = handshake.channel()
        self._ws = ws
        self._tcp = ws.get_extra_info("socket")
        self.local_ip = str((ws.get_extra_info("sockname") or ("",))[0])
        self._tap = tap
        self._waiting: BoundedQueue[bytes] = BoundedQueue(FRAMES_WAITING_MAX, BYTES_WAITING_MAX)
        self._wake = asyncio.Event()
        self._ending = False
        self._writer = asyncio.create_task(self._write())
        self._finisher: asyncio.Task[None] | None = None

    def put(self, frame: bytes) -> None:
        """Queues a frame of at most 65,519 bytes; on a link that has ended, does nothing. Never waits."""
        if self._ending:
            return
        try:
            self._waiting.put(frame, len(frame))
        except WorldFault as full:
            frames_full = len(self._waiting) >= FRAMES_WAITING_MAX
            self._waiting.clear()  # a peer that takes nothing will not take these either
            limit = _FRAMES_WAITING if frames_full else _BYTES_WAITING
            self.close(full.code, limit)
            return
        self._wake.set()

    async def send(self, frame: bytes) -> None:
        """`put`, for those who await."""
        self.put(frame)

    async def __aiter__(self) -> AsyncIterator[bytes]:
        """The peer's frames, opened, until the link ends. Raises nothing of the peer's making."""
        while True:
            message = await self._ws.receive()
            if self._ending:
                return
            if message.type is WSMsgType.BINARY:
                try:
                    frame = self._channel.open(message.data)
                except TheirFault as fault:
                    self.close(fault.code, fault.limit)
                    return
                if self._tap is not None:
                    self._tap("in", frame)
                yield frame
            else:
                self._end(*_reason(message), by_us=message.type is WSMsgType.TEXT)

    def close(self, code: str, limit: str = "") -> None:
        """Ends the link; the peer is told why, after what is waiting. Never waits; once is enough."""
        self._end(code, limit, by_us=True)

    async def wait_closed(self) -> None:
        """Returns when the socket is gone."""
        if self._finisher is not None:
            await asyncio.shield(self._finisher)

    def _end(self, code: str, limit: str, by_us: bool) -> None:
        if self._ending:
            return
        self._ending = True
        self.code, self.limit = code, limit
        self.closed_by_us = by_us
        self._wake.set()
        self._finisher = asyncio.create_task(self._finish())

    async def _write(self) -> None:
        with contextlib.suppress(ConnectionError, aiohttp.ClientError):
            while True:
                while self._waiting:
                    frame = self._waiting.take()
                    if self._tap is not None:
                        self._tap("out", frame)
                    await self._ws.send_bytes(self._channel.seal(frame))
                if self._ending:
                    return
                self._wake.clear()
                await self._wake.wait()
        self._end("", "", by_us=False)  # the connection broke

    async def _finish(self) -> None:
        await asyncio.wait([self._writer], timeout=FLUSH_TIMEOUT_S if self._waiting else 0)
        self._writer.cancel()
        await asyncio.wait([self._writer])
        await _close(self._ws, with_limit(self.code, self.limit), self._tcp)


async def dial(
    session: aiohttp.ClientSession,
    address: str,
    end: LocalEnd,
    *,
    expected: bytes | None = None,
    invite: tuple[bytes, bytes] | None = None,
) -> Link:
    """A link to the node at `address`, which must be the home `expected`, if given.

    With `invite`, by its id and secret. Raises OurFault, TheirFault, WorldFault.
    """
    if not isinstance(session.connector, GuardedConnector):
        raise ValueError("dial takes a session made by client_session")
    url = link_url(address)
    try:
        async with asyncio.timeout(HANDSHAKE_TIMEOUT_S):
            ws = await session.ws_connect(
                url,
                heartbeat=HEARTBEAT_S,
                max_msg_size=MESSAGE_SIZE_BYTES_MAX + 1,  # aiohttp refuses the limit itself
                ssl=False,
            )
            try:
                return await _greet_first(ws, url, end, expected, invite)
            except BaseException as error:
                reason = error.reason if isinstance(error, TheirFault) else ""
                await _close(ws, reason, ws.get_extra_info("socket"))
                raise
    except TimeoutError:
        raise WorldFault("unreachable") from None
    except aiohttp.WSServerHandshakeError:
        raise WorldFault("unreachable", NO_NODE) from None
    except aiohttp.ClientConnectorError as error:
        refused = isinstance(error.os_error, NotCalledError)
        raise WorldFault("unreachable", _NOT_CALLED if refused else None) from None
    except (aiohttp.ClientError, OSError, ValueError):  # ValueError: a host name no resolver takes
        raise WorldFault("unreachable") from None


async def accept(request: web.Request, end: LocalEnd) -> Link:
    """A link to the node that called. Raises TheirFault, with the socket closed, or an HTTP error.

    A request handler does better with `serve`.
    """
    return await _greet_back(*await _upgrade(request, end), request, end)


async def serve(
    request: web.Request, end: LocalEnd, run: Callable[[Link], Awaitable[None]]
) -> web.StreamResponse:
    """The handler of `/link`: greets who calls and, if that succeeds, runs the link to its end."""
    ws, greeting = await _upgrade(request, end)
    try:
        link = await _greet_back(ws, greeting, request, end)
    except TheirFault:
        return ws
    try:
        await run(link)
    finally:
        link.close("")
        await link.wait_closed()
    return ws


async def _greet_first(
    ws: aiohttp.ClientWebSocketResponse,
    url: URL,
    end: LocalEnd,
    expected: bytes | None,
    invite: tuple[bytes, bytes] | None,
) -> Link:
    answered: list[Introduction] = []

    def answer(theirs: bytes) -> bytes:
        """Look at them before we say who we are."""
        peer = check(theirs, handshake.their_noise_public, end)
        if expected is not None and peer.home != expected:
            raise TheirFault("wrong_peer")
        answered.append(peer)
        return end.introduce() if end.introduce_to is None else end.introduce_to(peer)

    handshake = Handshake(True, end.noise_private, answer, invite)
    await ws.send_bytes(handshake.first())
    await ws.send_bytes(handshake.receive(await _receive(ws)) or b"")
    return Link(ws, handshake, answered[0], f"{url.raw_authority}", True, end.tap)


async def _upgrade(request: web.Request, end: LocalEnd) -> tuple[web.WebSocketResponse, Greeting]:
    if "Origin" in request.headers:  # a web page in some browser: no node sends this
        raise web.HTTPForbidden
    greeting = end.greetings.enter(request.remote or "", time.monotonic())
    if greeting is None:
        raise web.HTTPServiceUnavailable(text=f"queue_full {_HANDSHAKES}")
    ws = web.WebSocketResponse(heartbeat=HEARTBEAT_S, compress=False, max_msg_size=MESSAGE_SIZE_BYTES_MAX + 1)
    try:
        await ws.prepare(request)
    except BaseException:
        end.greetings.leave(greeting)
        raise
    return ws, greeting


async def _greet_back(
    ws: web.WebSocketResponse, greeting: Greeting, request: web.Request, end: LocalEnd
) -> Link:
    try:
        handshake = Handshake(False, end.noise_private, end.introduce(), psk_of=end.psk_of)
        async with asyncio.timeout(0 if greeting.gave_way else HANDSHAKE_TIMEOUT_S) as patience:
            greeting.on_given_way = lambda: None if patience.expired() else patience.reschedule(0)
            try:
                await ws.send_bytes(handshake.receive(await _receive(ws)) or b"")
                handshake.receive(await _receive(ws))
            finally:
                greeting.is_over()
        peer = check(handshake.their_introduction, handshake.their_noise_public, end)
        return Link(ws, handshake, peer, request.remote or "", False, end.tap)
    except (TimeoutError, ConnectionError, TheirFault) as error:
        fault = error if isinstance(error, TheirFault) else TheirFault("bad_handshake")
        if isinstance(error, TimeoutError):
            limit = _HANDSHAKES if greeting.gave_way else f"HANDSHAKE_TIMEOUT_S {HANDSHAKE_TIMEOUT_S:g}"
            fault = TheirFault("link_timeout", limit=limit)
        await _close(ws, fault.reason, ws.get_extra_info("socket"))
        raise fault from None
    finally:
        end.greetings.leave(greeting)


def check(theirs: bytes, noise_public: bytes, end: LocalEnd) -> Introduction:
    """Who the other side is, by its introduction and the Noise key it has proven. Raises TheirFault."""
    if noise_public == public_key(end.noise_private):
        raise TheirFault("wrong_peer", "This is the address of this node itself.")
    return introduction.check(theirs, noise_public, end.today(), end.current_key, end.earliest())


async def _receive(ws: Socket) -> bytes:
    message = await ws.receive()
    if message.type is WSMsgType.BINARY:
        return bytes(message.data)
    reason, limit = _reason(message)
    if not reason:
        raise ConnectionError("gone before it said who it is")
    known = reason in CLOSE_CODES and "theirs" in CODES[reason].whose
    raise TheirFault(reason if known else "bad_handshake", limit=limit if known else "")


def _reason(message: aiohttp.WSMessage) -> tuple[str, str]:
    """Why no frame came, as code and limit: the peer's word, ours for what it did, or "": the line broke."""
    if message.type is WSMsgType.TEXT:
        return "bad_frame", ""
    if message.type is WSMsgType.CLOSE:
        if message.data == aiohttp.WSCloseCode.MESSAGE_TOO_BIG:
            return "frame_too_long", _MESSAGE_SIZE
        said = _REASON.fullmatch(message.extra) if isinstance(message.extra, str) else None
        return (said[1], said[2] or "") if said is not None and message.data == CLOSE_CODE else ("", "")
    if message.type is WSMsgType.ERROR:
        if isinstance(message.data, TimeoutError):
            return "link_timeout", f"HEARTBEAT_S {HEARTBEAT_S:g}"
        too_big = getattr(message.data, "code", None) == aiohttp.WSCloseCode.MESSAGE_TOO_BIG
        return ("frame_too_long", _MESSAGE_SIZE) if too_big else ("bad_frame", "")
    return "", ""


async def _close(ws: Socket, reason: str, tcp: Any) -> None:
    """Says goodbye within CLOSE_TIMEOUT_S, else cuts the line: a peer that reads nothing holds nothing."""
    try:
        async with asyncio.timeout(CLOSE_TIMEOUT_S):
            await ws.close(code=CLOSE_CODE, message=reason.encode())
    except (TimeoutError, ConnectionError, aiohttp.ClientError):
        with contextlib.suppress(OSError, AttributeError):
            tcp.shutdown(socket.SHUT_RDWR)
