"""A running node and the command line: one writer, whichever of them it is."""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import socket
import stat
from pathlib import Path
from typing import Any

import pytest

from node import commands, control
from node.app import Node
from node.control import REQUEST_BYTES_MAX, SOCKET_NAME, Control, ask, start_control
from protocol.errors import Fault, OurFault, TheirFault, WorldFault
from tests.cli.world import Person, copy_of, running
from tests.node.serving import PASSPHRASE, settings_of, until


@pytest.fixture
async def control_of_alder(alder: Person) -> Any:
    """The socket alone, without the page: its node and itself."""
    node = Node(settings_of(alder.data))
    opened = await start_control(node)
    yield opened, node
    await opened.stop()
    node.close()


def send(folder: Path, request: bytes) -> dict[str, Any]:
    """Raw bytes into the socket, and the answer."""
    with socket.socket(socket.AF_UNIX) as connection:
        connection.settimeout(30)
        connection.connect(str(folder / SOCKET_NAME))
        try:
            connection.sendall(request)
            connection.shutdown(socket.SHUT_WR)
        except OSError:
            pass  # it may refuse before it has heard all
        answer = b""
        with contextlib.suppress(ConnectionResetError):
            while chunk := connection.recv(65_536):
                answer += chunk
    told: dict[str, Any] = json.loads(answer)
    return told


def refusal(folder: Path, command: str = "status", **parameters: Any) -> Fault:
    with pytest.raises(Fault) as refused:
        ask(folder, command, lock_wait_s=0, **parameters)
    return refused.value


async def test_only_its_own_user_may_speak_with_a_node(control_of_alder: Any, alder: Person) -> None:
    mode = os.stat(alder.data / SOCKET_NAME).st_mode
    assert stat.S_ISSOCK(mode) and stat.S_IMODE(mode) == 0o600


async def test_a_running_node_answers_and_nobody_else_opens_its_store(alder: Person) -> None:
    async with running(alder.data):
        answer = await asyncio.to_thread(ask, alder.data, "status")
        assert answer.running and answer.result["neighborhood"]["name"] == "Alder Street"
        with pytest.raises(WorldFault, match="data_in_use"):
            Node(settings_of(alder.data))
    answer = await asyncio.to_thread(ask, alder.data, "status")
    assert not answer.running and answer.result["neighborhood"]["name"] == "Alder Street"


async def test_a_store_in_use_without_a_socket_is_left_alone(alder: Person) -> None:
    node = Node(settings_of(alder.data))
    try:
        assert (await asyncio.to_thread(refusal, alder.data)).code == "data_in_use"
    finally:
        node.close()
    assert not (await asyncio.to_thread(ask, alder.data, "status")).running


def test_a_command_waits_a_moment_for_another_to_finish(
    alder: Person, monkeypatch: pytest.MonkeyPatch
) -> None:
    node = Node(settings_of(alder.data))
    waits: list[float] = []

    def other_one_finishes(seconds: float) -> None:
        waits.append(seconds)
        node.close()

    monkeypatch.setattr(control.time, "sleep", other_one_finishes)
    assert ask(alder.data, "status").result["set_up"] and len(waits) == 1


def test_a_folder_without_a_node_is_not_made(tmp_path: Path) -> None:
    fault = refusal(tmp_path / "nowhere")
    assert fault.code == "not_set_up" and "barnraise run" in fault.sentence
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("left", ["a dead socket", "a file"])
async def test_what_a_killed_node_left_behind_is_replaced(alder: Person, left: str) -> None:
    path = alder.data / SOCKET_NAME
    if left == "a file":
        path.write_text("not a socket")
    else:
        with socket.socket(socket.AF_UNIX) as dead:
            dead.bind(str(path))
    assert not (await asyncio.to_thread(ask, alder.data, "status")).running
    async with running(alder.data):
        assert (await asyncio.to_thread(ask, alder.data, "status")).running
    assert not path.exists()


async def test_a_folder_deeper_than_a_socket_address_can_say(template: Path, tmp_path: Path) -> None:
    deep = tmp_path / "a-folder-with-a-long-name" / ("x" * 120)
    deep.parent.mkdir()
    copy_of(template, deep)
    assert len(bytes(deep / SOCKET_NAME)) > 107
    async with running(deep):
        answer = await asyncio.to_thread(ask, deep, "board", type="", category="", q="", where="")
        assert answer.running and answer.result == {"items": [], "next": ""}
        assert stat.S_IMODE(os.stat(deep / SOCKET_NAME).st_mode) == 0o600
    assert not (await asyncio.to_thread(ask, deep, "status")).running


async def test_whoever_acts_is_signed_out_again(control_of_alder: Any, alder: Person) -> None:
    _, node = control_of_alder
    seen: list[int] = []
    node.on_new.append(lambda records: seen.append(len(node.sessions)))
    draft = {"type": "need", "what": "help", "category": "rides", "title": "A ride"}
    await asyncio.to_thread(ask, alder.data, "post", who="Amara", passphrase=PASSPHRASE, draft=draft)
    assert seen == [1] and node.sessions == {}
    fault = await asyncio.to_thread(
        refusal, alder.data, "post", who="Amara", passphrase=PASSPHRASE, draft=draft | {"title": ""}
    )
    assert fault.code == "bad_input" and node.sessions == {}


@pytest.mark.parametrize(
    ("request_bytes", "said"),
    [
        (b"", "The command cannot be read."),
        (b"\xff\xfe", "The command cannot be read."),
        (b"[" * 100_000, "The command cannot be read."),
        (b'"status"', "The command cannot be read."),
        (b'{"command": "status"}', "The command cannot be read."),
        (b'{"command": 1, "parameters": {}}', "The command cannot be read."),
        (b'{"command": "status", "parameters": []}', "The command cannot be read."),
        (b'{"command": "fly", "parameters": {}}', "The node does not know the command 'fly'"),
        (b'{"command": "status", "parameters": {"fast": 1}}', "another version of Barnraise"),
        (b'{"command": "board", "parameters": {}}', "another version of Barnraise"),
        (b'{"command": "import_known", "parameters": {"row_keys": ["zz"]}}', "in hex"),
        (b" " * (REQUEST_BYTES_MAX + 1), "at most 8 MiB"),
    ],
)
async def test_garbage_is_refused_and_the_node_goes_on(
    control_of_alder: Any, alder: Person, request_bytes: bytes, said: str
) -> None:
    told = await asyncio.to_thread(send, alder.data, request_bytes)
    assert told["fault"]["class"] == "OurFault" and said in told["fault"]["sentence"]
    assert (await asyncio.to_thread(ask, alder.data, "status")).running


async def test_a_request_of_the_greatest_length_is_heard(control_of_alder: Any, alder: Person) -> None:
    request = b'{"command": "check_database", "parameters": {}}'
    told = await asyncio.to_thread(send, alder.data, request.ljust(REQUEST_BYTES_MAX))
    assert told == {"result": "ok"}


def test_a_command_over_the_limit_is_not_sent(alder: Person) -> None:
    fault = refusal(alder.data, "import_known", row_keys=["0" * REQUEST_BYTES_MAX])
    assert (fault.code, fault.sentence) == ("too_long", "A command to the node has at most 8 MiB.")


@pytest.mark.parametrize(
    "raised", [OurFault("name_taken"), TheirFault("unknown_invite"), WorldFault("disk_full", "No room.")]
)
async def test_refusals_are_the_same_on_both_sides(
    control_of_alder: Any, alder: Person, raised: Fault, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(node: Node) -> None:
        raise raised

    monkeypatch.setitem(commands.COMMANDS, "status", refuse)
    heard = await asyncio.to_thread(refusal, alder.data)
    assert (type(heard), heard.code, heard.sentence) == (type(raised), raised.code, raised.sentence)


async def test_a_fault_of_the_program_is_logged_and_told_plainly(
    control_of_alder: Any, alder: Person, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setitem(commands.COMMANDS, "status", lambda node: 1 // 0)
    heard = await asyncio.to_thread(refusal, alder.data)
    assert heard.code == "internal" and "ZeroDivisionError" in caplog.text


async def test_a_node_that_stops_meanwhile_leaves_nobody_waiting(
    control_of_alder: Any, alder: Person, monkeypatch: pytest.MonkeyPatch
) -> None:
    begun = asyncio.Event()

    async def never_ends(node: Node) -> None:
        begun.set()
        await asyncio.Event().wait()

    monkeypatch.setitem(commands.COMMANDS, "status", never_ends)
    waiting = asyncio.create_task(asyncio.to_thread(refusal, alder.data))
    await begun.wait()
    opened: Control = control_of_alder[0]
    await opened.stop()
    assert "stopped before it had answered" in (await waiting).sentence


async def test_too_many_at_once_are_told_so(
    control_of_alder: Any, alder: Person, monkeypatch: pytest.MonkeyPatch
) -> None:
    opened: Control = control_of_alder[0]
    monkeypatch.setattr(control, "CONNECTIONS_MAX", 2)
    silent = [await asyncio.open_unix_connection(alder.data / SOCKET_NAME) for _ in range(2)]
    await until("both are heard", lambda: len(opened._open) == 2)
    assert (await asyncio.to_thread(refusal, alder.data)).code == "queue_full"
    for _, writer in silent:
        writer.close()
    await until("both have left", lambda: not opened._open)
    assert (await asyncio.to_thread(ask, alder.data, "status")).running


async def test_a_command_that_never_arrives_whole_is_given_up(
    control_of_alder: Any, alder: Person, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(control, "READ_TIMEOUT_S", 0.01)
    reader, writer = await asyncio.open_unix_connection(alder.data / SOCKET_NAME)
    writer.write(b'{"command": ')
    told = json.loads(await reader.read())
    assert told["fault"]["code"] == "link_timeout"
    writer.close()


async def test_a_node_that_does_not_answer_is_not_waited_for_for_ever(
    control_of_alder: Any, alder: Person, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def never_ends(node: Node) -> None:
        await asyncio.Event().wait()

    monkeypatch.setitem(commands.COMMANDS, "status", never_ends)
    with pytest.raises(WorldFault, match="does not answer"):
        await asyncio.to_thread(ask, alder.data, "status", answer_timeout_s=0.05)


async def test_a_broken_letter_is_refused_plainly(control_of_alder: Any, alder: Person) -> None:
    """Half of a letter, as JSON or a terminal of another character set brings it, on whichever way."""
    opened, _ = control_of_alder
    for broken in (b'"\\ud800"', b'{"\\udfff": 1}'):
        parameters = b'{"type": "", "category": "", "where": "", "q": %b}' % broken
        told = await asyncio.to_thread(
            send, alder.data, b'{"command": "board", "parameters": %b}' % parameters
        )
        assert told["fault"]["code"] == "bad_input" and "letter" in told["fault"]["sentence"]
    both = b'{"type": "", "category": "", "where": "", "q": "\\ud83e\\udd54"}'  # a potato
    whole = b'{"command": "board", "parameters": %b}' % both
    assert (await asyncio.to_thread(send, alder.data, whole))["result"]["items"] == []
    typed = await alder.asks("need", "--as", "Ben", "Caf\udce9")
    await opened.stop()
    assert typed.exit == 1 and "a letter in it is broken" in typed.err


async def test_a_place_that_is_not_there_is_told_alike_with_and_without_a_running_node(
    alder: Person, tmp_path: Path
) -> None:
    (tmp_path / "secret").write_text("a safe of paper and iron\n")
    asked = ("backup", str(tmp_path / "nowhere" / "b"), "--passphrase-file", str(tmp_path / "secret"))
    stopped = await alder.asks(*asked)
    node = Node(settings_of(alder.data))
    opened = await start_control(node)
    try:
        live = await alder.asks(*asked)
    finally:
        await opened.stop()
        node.close()
    assert (live.exit, live.err) == (stopped.exit, stopped.err) and live.exit == 1
    assert "nowhere/b.barnraise-backup.part: No such file or directory." in live.err
