"""Starting and stopping: what stands in the way is said in a sentence, and a stop is a stop."""

from __future__ import annotations

import asyncio
import logging
import socket
import sqlite3
from contextlib import closing
from pathlib import Path

import aiohttp
import pytest

from node.actions import setup
from node.app import Node
from node.serve import Server, urls
from node.settings import Settings
from node.store.database import DATABASE_NAME
from protocol.errors import WorldFault
from sync.addresses import client_session
from sync.transport import dial
from tests.node.process import STOP_TIMEOUT_S, Process
from tests.node.serving import PASSPHRASE, link, places, settings_of, until


async def get(url: str) -> tuple[int, str]:
    async with aiohttp.ClientSession() as session, session.get(url) as answer:
        return answer.status, await answer.text()


# starting


async def test_a_port_in_use_is_named_and_the_folder_is_let_go(tmp_path: Path) -> None:
    with socket.socket() as other:
        other.bind(("127.0.0.1", 0))
        other.listen()
        port = other.getsockname()[1]
        with pytest.raises(WorldFault) as refused:
            await Server(settings_of(tmp_path, port)).start()
        assert refused.value.code == "port_in_use"
        assert refused.value.sentence == (
            f"Port {port} is in use by another program. "
            "Stop that program, or choose another port with --port."
        )
    server = Server(settings_of(tmp_path, port))
    served = await server.start()
    try:
        assert served.urls == [f"http://127.0.0.1:{port}"]
        assert await get(f"{served.urls[0]}/healthz") == (200, "ok")
    finally:
        await server.stop()


async def test_an_address_that_is_not_ours_is_named(tmp_path: Path) -> None:
    with pytest.raises(WorldFault) as refused:
        await Server(Settings(tmp_path, port=0, listen="192.0.2.1", discovery="off")).start()
    assert "on 192.0.2.1: Cannot assign requested address." in refused.value.sentence


async def test_one_folder_has_one_node(tmp_path: Path) -> None:
    server = Server(settings_of(tmp_path))
    served = await server.start()
    try:
        with pytest.raises(WorldFault) as refused:
            Server(settings_of(tmp_path))
        assert refused.value.code == "data_in_use"
        assert (await get(f"{served.urls[0]}/healthz"))[0] == 200, "the first one did not notice"
    finally:
        await server.stop()
    Node(settings_of(tmp_path)).close()


async def test_a_newer_versions_folder_is_left_as_it_is(tmp_path: Path) -> None:
    async with places(tmp_path, "Riverbend") as (riverbend,):
        folder = riverbend.settings.data
    with closing(sqlite3.connect(folder / DATABASE_NAME, isolation_level=None)) as database:
        database.execute("CREATE TABLE of_the_future (id)")
        (table,) = database.execute(
            "SELECT name FROM sqlite_master WHERE type = 'table' AND name LIKE '%sqlite_migrations%'"
        ).fetchone()
        database.execute(
            f"INSERT INTO {table} (migration_set, name, applied_at)"
            f" SELECT migration_set, 'of_the_future', applied_at FROM {table} LIMIT 1"
        )
        before = list(database.iterdump())
    with pytest.raises(WorldFault) as refused:
        Server(settings_of(folder))
    assert refused.value.code == "newer_data" and "newer Barnraise" in refused.value.sentence
    with closing(sqlite3.connect(folder / DATABASE_NAME)) as database:
        assert list(database.iterdump()) == before


async def test_a_folder_that_holds_something_else_is_refused_in_a_sentence(tmp_path: Path) -> None:
    (tmp_path / DATABASE_NAME).write_bytes(b"to whom it may concern\n" * 500)
    with pytest.raises(WorldFault) as refused:
        Server(settings_of(tmp_path))
    assert refused.value.code == "damaged_data" and str(tmp_path) in refused.value.sentence


def test_where_the_page_is_found(tmp_path: Path) -> None:
    assert urls(Settings(tmp_path, listen="192.168.1.20")) == ["http://192.168.1.20:8420"]
    assert urls(Settings(tmp_path, listen="fd00::20", port=80)) == ["http://[fd00::20]:80"]
    assert urls(Settings(tmp_path))[0] == "http://localhost:8420"


# before and after set-up


async def test_links_are_refused_until_the_set_up_and_taken_from_then_on(tmp_path: Path) -> None:
    server = Server(settings_of(tmp_path / "new"))
    served = await server.start()
    address = served.urls[0].removeprefix("http://")
    try:
        status, text = await get(f"{served.urls[0]}/link")
        assert status == 503 and text == "This node is not set up yet.\n"
        async with (
            places(tmp_path, "Riverbend") as (riverbend,),
            client_session(allow_loopback=True) as session,
        ):
            assert riverbend.server.links is not None
            end = riverbend.server.links.runner.end
            with pytest.raises(WorldFault, match="no Barnraise node"):
                await dial(session, address, end)
            await setup.set_up(
                server.node,
                setup.new_setup_link(server.node),
                neighborhood="Oak Street",
                area="",
                name="Ola",
                passphrase=PASSPHRASE,
                language="en",
            )
            await until("the links run", lambda: server.links)
            call = await dial(session, address, end, expected=server.node.home)
            call.close("")
            await call.wait_closed()
    finally:
        await server.stop()


async def test_links_that_cannot_start_are_logged_and_the_page_goes_on(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    async def fail(self: Server) -> None:
        raise RuntimeError("the cat sat on the cable")

    monkeypatch.setattr(Server, "_start_links", fail)
    server = Server(settings_of(tmp_path))
    served = await server.start()
    try:
        with caplog.at_level(logging.ERROR, "barnraise"):
            server.node.poke("set_up", {})
            await until("it is in the log", lambda: "the cat sat on the cable" in caplog.text)
        assert (await get(f"{served.urls[0]}/healthz"))[0] == 200
    finally:
        await server.stop()


# stopping


async def set_up_process(process: Process, name: str) -> None:
    """By the form, as a browser without scripts sends it."""
    async with aiohttp.ClientSession(process.url, cookie_jar=aiohttp.CookieJar(unsafe=True)) as browser:
        path = process.setup_path()
        async with browser.get(path) as answer:
            csrf = (await answer.text()).partition('name="csrf" value="')[2].partition('"')[0]
        fields = {"neighborhood": name, "area": "", "name": "Ola", "language": "en", "csrf": csrf}
        fields |= {"passphrase": PASSPHRASE, "passphrase_again": PASSPHRASE}
        async with browser.post(path, data=fields, headers={"Origin": process.url}) as answer:
            assert answer.status == 200, await answer.text()


async def test_sigterm_ends_a_node_with_open_links_calls_and_pages(tmp_path: Path) -> None:
    with Process(tmp_path / "oak") as oak:
        await set_up_process(oak, "Oak Street")
        async with (
            places(tmp_path, "Riverbend") as (riverbend,),
            client_session(allow_loopback=True) as session,
            aiohttp.ClientSession(oak.url) as browser,
        ):
            # a neighbor, linked and well
            riverbend.node.poke("ask", {"home": None, "address": oak.address, "message": ""})
            await until("the neighbor is linked", lambda: riverbend.node.connected)
            assert riverbend.server.links is not None
            # a neighbor that was greeted and has stopped listening
            end = riverbend.server.links.runner.end
            async with places(tmp_path, "Harbor Hill") as (harbor,):
                assert harbor.server.links is not None
                frozen = await dial(session, oak.address, harbor.server.links.runner.end)
                # a caller who says nothing, a browser that stays, and one that never finishes its form
                silent = await browser.ws_connect("/link")
                async with browser.get("/healthz") as answer:
                    assert answer.status == 200
                host, _, port = oak.address.partition(":")
                _, slow = await asyncio.open_connection(host, int(port))
                slow.write(b"POST /sign-in HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Length: 1000\r\n\r\nname=")
                await slow.drain()

                code, took_s = await asyncio.to_thread(oak.terminate)
                print(f"stopped within {took_s:.2f} s")
                assert code == 0 and took_s < STOP_TIMEOUT_S
                await until("the neighbor has noticed", lambda: not riverbend.node.connected)
                slow.close()
                await silent.close()
                frozen.close("")
                await frozen.wait_closed()
                assert len(end.greetings) == 0
        assert "Traceback" not in oak.said() and "never retrieved" not in oak.said(), oak.said()
    assert not (tmp_path / "oak" / "node.sock").exists()
    node = Node(settings_of(tmp_path / "oak"))
    assert node.is_set_up
    node.close()


async def test_sigterm_ends_a_node_that_nobody_has_set_up(tmp_path: Path) -> None:
    with Process(tmp_path / "new") as process:
        code, took_s = await asyncio.to_thread(process.terminate)
        assert code == 0 and took_s < STOP_TIMEOUT_S
        assert "Traceback" not in process.said()


async def test_a_stopped_node_has_let_go_of_everything(tmp_path: Path) -> None:
    async with places(tmp_path, "Riverbend", "Oak Street") as (riverbend, oak):
        await link(riverbend, oak)
        port = oak.node.settings.port
        await oak.server.stop()
        await riverbend.server.stop()
        Node(oak.settings).close()
        with socket.socket() as again:
            again.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            again.bind(("127.0.0.1", port))
            again.listen()
        left = [task for task in asyncio.all_tasks() if task is not asyncio.current_task()]
        assert not left, left
