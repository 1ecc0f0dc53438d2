"""The command line and a running node: one writer, whichever of them it is.

A running node listens on the Unix socket `node.sock` in its data folder (mode 0600). One connection is one
request and one answer, both JSON; the sender closes its direction after the last byte.

    {"command": "board", "parameters": {…}}  ->  {"result": …}
                                             ->  {"fault": {"class", "code", "sentence"}}

If nobody answers there, the command line takes the folder's lock, opens the store and does the same command
itself. If somebody else holds the lock, it gives up: there are never two writers.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import logging
import os
import socket
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from node import (
    commands,
    commands_care,  # noqa: F401  # its commands stand in the same table
    commands_carry,  # noqa: F401  # and so do these
    commands_coalitions,  # noqa: F401
    commands_erasure,  # noqa: F401
    commands_lost,  # noqa: F401
    commands_network,  # noqa: F401
    commands_reissues,  # noqa: F401
)
from node.app import Node
from node.faults import refused_by_system
from node.settings import Settings
from node.store.database import DATABASE_NAME
from protocol.errors import CODES, Fault, OurFault, TheirFault, WorldFault

log = logging.getLogger("barnraise.control")

SOCKET_NAME = "node.sock"
REQUEST_BYTES_MAX = 8 * 1024 * 1024
ANSWER_BYTES_MAX = 64 * 1024 * 1024
CONNECTIONS_MAX = 16
READ_TIMEOUT_S = 30.0  # for the whole request to arrive
ANSWER_TIMEOUT_S = 120.0
LOCK_WAIT_S = 1.0  # another command, or a node that is just starting, may hold the lock for a moment
_PATH_BYTES_MAX = 107  # what fits into the address of a Unix socket on Linux
_FAULTS: dict[str, type[Fault]] = {kind.__name__: kind for kind in (OurFault, TheirFault, WorldFault)}


@contextlib.contextmanager
def _reachable(path: Path) -> Iterator[str]:
    """A name for `path` that fits into a socket address, however deep the folder lies."""
    if len(os.fsencode(path)) <= _PATH_BYTES_MAX:
        yield str(path)
        return
    folder = os.open(path.parent, os.O_RDONLY | os.O_DIRECTORY)
    try:
        yield f"/proc/self/fd/{folder}/{path.name}"
    finally:
        os.close(folder)


# the running node's side


class Control:
    """The listening socket of a running node."""

    def __init__(self, node: Node) -> None:
        self._node = node
        self._path = node.settings.data / SOCKET_NAME
        self._server: asyncio.Server | None = None
        self._open: set[asyncio.Task[Any]] = set()

    async def start(self) -> None:
        """Listen. Whoever holds the folder's lock may replace a socket that an earlier node left behind."""
        listening = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        try:
            os.fchmod(listening.fileno(), 0o600)  # before it has a name, so that nobody else gets in first
            self._path.unlink(missing_ok=True)
            with _reachable(self._path) as name:
                listening.bind(name)
            self._path.chmod(0o600)
            self._server = await asyncio.start_unix_server(self._serve, sock=listening)
        except BaseException:
            listening.close()
            raise

    async def stop(self) -> None:
        """Hear no more commands; those under way are given up."""
        if self._server is None:
            return
        self._server.close()
        self._server = None
        self._path.unlink(missing_ok=True)
        for task in self._open:
            task.cancel()
        if self._open:
            await asyncio.wait(self._open)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._open.add(task)
        try:
            writer.write(await self._answer(reader))
            await writer.drain()
        except (OSError, asyncio.CancelledError):
            pass  # the asker left, or the node stops
        finally:
            self._open.discard(task)
            writer.close()

    async def _answer(self, reader: asyncio.StreamReader) -> bytes:
        try:
            if len(self._open) > CONNECTIONS_MAX:
                raise WorldFault("queue_full", "Too many commands are under way. Try again in a moment.")
            async with asyncio.timeout(READ_TIMEOUT_S):
                request = await _read(reader)
            name, parameters = _understand(request)
            return _written({"result": await commands.perform(self._node, name, parameters)})
        except Fault as fault:
            return _written({"fault": _told(fault)})
        except TimeoutError:
            return _written({"fault": _told(WorldFault("link_timeout", "The command did not arrive whole."))})
        except OSError as error:  # a place that a person named, mostly; the log says where it was
            log.warning("a command was refused by the system", exc_info=True)
            return _written({"fault": _told(refused_by_system(error))})
        except Exception:
            log.exception("a command failed")
            return _written({"fault": _told(WorldFault("internal"))})


async def start_control(node: Node) -> Control:
    """Serve the command line of this running node; `await stop()` when done."""
    control = Control(node)
    await control.start()
    return control


async def _read(reader: asyncio.StreamReader) -> bytes:
    """Everything up to the end. Raises OurFault("too_long") beyond REQUEST_BYTES_MAX."""
    request = bytearray()
    while chunk := await reader.read(65_536):
        request += chunk
        if len(request) > REQUEST_BYTES_MAX:
            raise OurFault("too_long", _TOO_LONG)
    return bytes(request)


_TOO_LONG = f"A command to the node has at most {REQUEST_BYTES_MAX // 2**20} MiB."


def _understand(request: bytes) -> tuple[str, dict[str, Any]]:
    try:
        asked = json.loads(request)
        name, parameters = asked["command"], asked["parameters"]
    except (ValueError, KeyError, TypeError, RecursionError):
        raise OurFault("bad_input", "The command cannot be read.") from None
    if not isinstance(name, str) or not isinstance(parameters, dict):
        raise OurFault("bad_input", "The command cannot be read.")
    return name, parameters


def _told(fault: Fault) -> dict[str, str]:
    kind = next((name for name, kind in _FAULTS.items() if isinstance(fault, kind)), "WorldFault")
    return {"class": kind, "code": fault.code, "sentence": fault.sentence}


def _written(message: dict[str, Any]) -> bytes:
    return json.dumps(message, separators=(",", ":")).encode()


# the command line's side


@dataclass(frozen=True, slots=True)
class Answer:
    """What a command gave, and whether a running node gave it."""

    result: Any
    running: bool


def call(data_folder: Path, command: str, **parameters: Any) -> Any:
    """Do a command, through the running node or on the store itself. Raises Fault."""
    return ask(data_folder, command, **parameters).result


def ask(
    data_folder: Path,
    command: str,
    *,
    may_begin: bool = False,
    lock_wait_s: float = LOCK_WAIT_S,
    answer_timeout_s: float = ANSWER_TIMEOUT_S,
    **parameters: Any,
) -> Answer:
    """As `call`, and says which way it went. `may_begin`: in a folder without a node, one is begun."""
    request = _written({"command": command, "parameters": parameters})
    if len(request) > REQUEST_BYTES_MAX:
        raise OurFault("too_long", _TOO_LONG)
    until = time.monotonic() + lock_wait_s
    while True:
        answer = _through_socket(data_folder / SOCKET_NAME, request, answer_timeout_s)
        if answer is not None:
            return Answer(_read_answer(answer), True)
        try:
            return Answer(_directly(data_folder, command, parameters, may_begin), False)
        except WorldFault as fault:
            if fault.code != "data_in_use" or time.monotonic() >= until:
                raise
        time.sleep(0.05)


def peek(data_folder: Path, command: str) -> Any:
    """What a running node says to a command without parameters; None where none runs. Raises Fault."""
    request = _written({"command": command, "parameters": {}})
    answer = _through_socket(data_folder / SOCKET_NAME, request, READ_TIMEOUT_S)
    return None if answer is None else _read_answer(answer)


def _through_socket(path: Path, request: bytes, timeout_s: float) -> bytes | None:
    """The running node's answer; None where none runs. Raises WorldFault."""
    if not path.parent.is_dir():
        return None
    with _reachable(path) as name, socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as connection:
        connection.settimeout(timeout_s)
        try:
            connection.connect(name)
        except (FileNotFoundError, ConnectionRefusedError):
            return None
        try:
            # A node that answers early, with a refusal, need not hear the rest.
            with contextlib.suppress(BrokenPipeError, ConnectionResetError):
                connection.sendall(request)
                connection.shutdown(socket.SHUT_WR)
            answer = bytearray()
            with contextlib.suppress(ConnectionResetError):  # what it did not hear; the answer came before
                while chunk := connection.recv(1 << 16):
                    answer += chunk
                    if len(answer) > ANSWER_BYTES_MAX:
                        raise OurFault("too_long", "The node's answer is too long to read. Ask for less.")
        except TimeoutError:
            raise WorldFault("link_timeout", "The running node does not answer. Look at its log.") from None
    return bytes(answer)


def _read_answer(answer: bytes) -> Any:
    try:
        told = json.loads(answer)
    except ValueError:  # none, or the half of one
        raise WorldFault(
            "unreachable", "The node stopped before it had answered. Look whether it was done."
        ) from None
    if "fault" in told:
        fault = told["fault"]
        kind = _FAULTS[fault["class"]]
        if fault["code"] in CODES and kind.whose in CODES[fault["code"]].whose:
            raise kind(fault["code"], fault["sentence"])
        raise WorldFault("internal", fault["sentence"])  # of another version of this program
    return told["result"]


def _directly(data_folder: Path, command: str, parameters: dict[str, Any], may_begin: bool) -> Any:
    """Open the store, do the command, close it. Raises Fault: data_in_use, not_set_up …"""
    if not (may_begin or (data_folder / DATABASE_NAME).exists()):
        raise OurFault("not_set_up", f"There is no node in {data_folder} yet. Start one with: barnraise run")
    node = Node(Settings.from_outside(data=str(data_folder)))
    try:
        done = asyncio.run(commands.perform(node, command, parameters))
        return json.loads(json.dumps(done))  # so that both ways give the same
    finally:
        node.close()
