"""Whoever passes a limit of a running node is told which one, over a real link: its name and its value.

The limits are those of docs/sync.md, section 8. A neighbor here greets as it should and then says what no
honest node would; what it reads of the refusal is all it gets.
"""

from __future__ import annotations

import asyncio
import re
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import aiohttp
import pytest
import pytest_asyncio

from node.finding import nobody, stranger_hello
from protocol import encoding, introduction
from sync import events, exchange, frames, greetings, passing, places, reconcile, session, sketch, transport
from sync.addresses import client_session, link_url
from sync.frames import read_frame, write_frame
from sync.transport import Link, dial
from tests.node.serving import Place, link, until
from tests.node.serving import places as neighborhoods

ROOT = Path(__file__).parents[2]
PAIR = [2]


pytestmark = pytest.mark.asyncio(loop_scope="module")


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def riverbend(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Place]:
    async with neighborhoods(tmp_path_factory.mktemp("limits"), "Riverbend") as (place,):
        yield place


@asynccontextmanager
async def stranger(place: Place, *, hello: bool = True) -> AsyncIterator[Link]:
    """Somebody nobody knows, greeted."""
    async with client_session(allow_loopback=True) as http:
        to_it = await dial(http, place.address, nobody(place.node))
        try:
            if hello:
                to_it.put(stranger_hello(place.node))
            yield to_it
        finally:
            to_it.close("")
            await to_it.wait_closed()


async def refusal(to_it: Link) -> tuple[str, str]:
    """Read to the end; gives code and limit as this far end was told them."""
    async for _ in to_it:
        pass
    assert not to_it.closed_by_us
    return to_it.code, to_it.limit


def ids(count: int) -> list[bytes]:
    return [number.to_bytes(32, "big") for number in range(count)]


def hello_with(place: Place, **fields: Any) -> bytes:
    (said,) = read_frame(stranger_hello(place.node))[1]
    return write_frame(frames.HELLO, said | {int(key[1:]): value for key, value in fields.items()})


SHAPES: list[tuple[str, str, bytes]] = [
    ("RECORDS_MAX", "records", write_frame(frames.RECORDS, 1, [b""] * (frames.RECORDS_MAX + 1))),
    ("RECORDS_MAX", "streamed", write_frame(frames.STREAMED, PAIR, 1, [b""] * (frames.RECORDS_MAX + 1), [])),
    ("RECORDS_MAX", "aside", write_frame(frames.ASIDE_GIVEN, PAIR, [b""] * (frames.RECORDS_MAX + 1), 0)),
    ("IDS_MAX", "have", write_frame(frames.HAVE, ids(frames.IDS_MAX + 1))),
    ("IDS_MAX", "want", write_frame(frames.WANT, ids(frames.IDS_MAX + 1))),
    ("IDS_MAX", "graft", write_frame(frames.GRAFT, ids(frames.IDS_MAX + 1))),
    ("COALITIONS_MAX", "coalitions", write_frame(frames.COALITIONS, ids(frames.COALITIONS_MAX + 1))),
    ("SETS_MAX", "asked", write_frame(frames.COMPARE_ALL, 1, [bytes(17)] * (frames.SETS_MAX + 1))),
    ("SETS_MAX", "answered", write_frame(frames.COMPARED, 1, [0] * (frames.SETS_MAX + 1))),
    ("TEXT_MAX", "message", write_frame(frames.ASK, "Oak", "x" * (frames.TEXT_MAX + 1))),
    ("TEXT_MAX", "reason", write_frame(frames.NOT_SHARED, PAIR, "x" * (frames.TEXT_MAX + 1))),
    ("KEY_RECORDS_MAX", "keys", write_frame(frames.KEYS_GIVEN, [b""] * (introduction.KEY_RECORDS_MAX + 1))),
    (
        "KEY_RECORDS_SIZE_BYTES_MAX",
        "keys",
        write_frame(frames.KEYS_GIVEN, [bytes(introduction.KEY_RECORDS_SIZE_BYTES_MAX + 1)]),
    ),
]
VALUES = {
    "RECORDS_MAX": frames.RECORDS_MAX,
    "IDS_MAX": frames.IDS_MAX,
    "COALITIONS_MAX": frames.COALITIONS_MAX,
    "SETS_MAX": frames.SETS_MAX,
    "TEXT_MAX": frames.TEXT_MAX,
    "KEY_RECORDS_MAX": introduction.KEY_RECORDS_MAX,
    "KEY_RECORDS_SIZE_BYTES_MAX": introduction.KEY_RECORDS_SIZE_BYTES_MAX,
}


@pytest.mark.parametrize(
    ("name", "frame"),
    [pytest.param(name, frame, id=f"{name} {where}") for name, where, frame in SHAPES],
)
async def test_a_frame_that_holds_too_much(riverbend: Place, name: str, frame: bytes) -> None:
    async with stranger(riverbend) as to_it:
        to_it.put(frame)
        assert await refusal(to_it) == ("bad_frame", f"{name} {VALUES[name]}")


async def test_a_hello_whose_name_is_too_long(riverbend: Place) -> None:
    async with stranger(riverbend, hello=False) as to_it:
        to_it.put(hello_with(riverbend, _5="x" * (frames.TEXT_MAX + 1)))
        assert await refusal(to_it) == ("bad_frame", f"TEXT_MAX {frames.TEXT_MAX}")


async def test_a_frame_of_too_many_items(riverbend: Place) -> None:
    async with stranger(riverbend) as to_it:
        to_it.put(write_frame(99, [0] * encoding.ITEMS_MAX))
        assert await refusal(to_it) == ("too_long", f"ITEMS_MAX {encoding.ITEMS_MAX}")


async def test_a_frame_nested_too_deeply(riverbend: Place) -> None:
    async with stranger(riverbend) as to_it:
        to_it.put(b"\x81" * (encoding.DEPTH_MAX + 1) + b"\x00")
        assert await refusal(to_it) == ("too_deep", f"DEPTH_MAX {encoding.DEPTH_MAX}")


async def test_a_message_that_is_too_long(riverbend: Place) -> None:
    async with stranger(riverbend) as to_it:
        await to_it._ws.send_bytes(bytes(transport.MESSAGE_SIZE_BYTES_MAX + 1))
        said = f"MESSAGE_SIZE_BYTES_MAX {transport.MESSAGE_SIZE_BYTES_MAX}"
        assert await refusal(to_it) == ("frame_too_long", said)


@pytest.mark.parametrize(
    ("frame", "code", "limit"),
    [
        pytest.param(write_frame(99), "unexpected_frame", "UNKNOWN_FRAMES_MAX 100", id="unknown"),
        pytest.param(
            write_frame(frames.KEYS_WANTED, bytes(32)), "too_fast", "KEYS_WANTED_MAX 16", id="questions"
        ),
        pytest.param(write_frame(frames.HAVE, []), "too_fast", "FRAMES_PER_S 200", id="frames"),
    ],
)
async def test_too_much_of_one_thing(riverbend: Place, frame: bytes, code: str, limit: str) -> None:
    async with stranger(riverbend) as to_it:
        told = asyncio.create_task(refusal(to_it))
        while not told.done():
            to_it.put(frame)
            await asyncio.sleep(0.001 if len(to_it._waiting) > 500 else 0)
        assert await told == (code, limit)


async def test_who_says_nothing_is_let_go(riverbend: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(session, "HELLO_TIMEOUT_S", 0.1)
    async with stranger(riverbend, hello=False) as to_it:
        assert await refusal(to_it) == ("link_timeout", "HELLO_TIMEOUT_S 0.1")


async def test_who_shares_nothing_is_let_go(riverbend: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(session, "IDLE_STRANGER_S", 0.1)
    async with stranger(riverbend) as to_it:
        assert await refusal(to_it) == ("not_linked", "IDLE_STRANGER_S 0.1")


async def test_who_does_not_greet_is_let_go(riverbend: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(transport, "HANDSHAKE_TIMEOUT_S", 0.1)
    async with client_session(allow_loopback=True) as http:
        ws = await http.ws_connect(link_url(riverbend.address))
        message = await ws.receive()
        assert (message.data, message.extra) == (4000, "link_timeout HANDSHAKE_TIMEOUT_S 0.1")


async def test_too_many_greetings_at_once(riverbend: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(riverbend.node.links.runner.end.greetings, "most", 0)
    async with aiohttp.ClientSession() as http, http.get(f"http://{riverbend.address}/link") as answer:
        assert (answer.status, await answer.text()) == (503, "queue_full HANDSHAKES_MAX 32")


async def test_too_many_strangers(riverbend: Place) -> None:
    engine = riverbend.node.links.runner.engine
    await until("those of the other tests are gone", lambda: not engine.sessions)
    async with client_session(allow_loopback=True) as http:
        here = [
            await dial(http, riverbend.address, nobody(riverbend.node))
            for _ in range(places.STRANGERS_MAX + 1)
        ]
        assert await refusal(here[-1]) == ("too_many_links", f"STRANGERS_MAX {places.STRANGERS_MAX}")
        for to_it in here:
            to_it.close("")
            await to_it.wait_closed()


async def test_too_many_links(riverbend: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(places, "LINKS_MAX", 0)
    async with stranger(riverbend) as to_it:
        assert await refusal(to_it) == ("too_many_links", "LINKS_MAX 0")


async def test_a_side_that_takes_nothing(riverbend: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    """It asks and asks, and reads no answer."""
    for bound, value in (("FRAMES_WAITING_MAX", 1024), ("BYTES_WAITING_MAX", 4 * 1024 * 1024)):
        async with stranger(riverbend):
            runner = riverbend.node.links.runner
            (there,) = await until("it is linked", lambda runner=runner: list(runner._links.values()))
            size = 1 if bound == "FRAMES_WAITING_MAX" else 60_000
            while not there.code:
                there.put(bytes(size))
            assert (there.code, there.limit) == ("queue_full", f"{bound} {value}")
            await there.wait_closed()
        await until("it is gone", lambda runner=runner: not runner._links)


# ---- what only a neighbor can pass


@asynccontextmanager
async def neighbor(folder: Path) -> AsyncIterator[tuple[Place, Place, Callable[..., Any]]]:
    """Riverbend, and Oak Street that is linked with it and has gone bad: `call` dials with its keys."""
    async with neighborhoods(folder, "Riverbend", "Oak Street") as (good, bad):
        await link(good, bad)
        end, runner = bad.node.links.runner.end, bad.node.links.runner
        runner._do = lambda effects: None  # from here on it does nothing by itself,
        end.greetings.most = 0  # and lets nobody in,

        async def close(greeted: Link) -> None:
            greeted.close("")  # also not who is being greeted just now

        runner._run = close

        def alone() -> bool:
            for own in list(runner._links.values()):
                own.close("")
            return not good.node.links.runner._links

        await until("the honest links are gone", alone)
        async with client_session(allow_loopback=True) as http:

            async def call() -> Link:
                to_it = await dial(http, good.address, end)
                to_it.put(stranger_hello(bad.node))
                return to_it

            yield good, bad, call


async def shared_pair(to_it: Link) -> None:
    async for data in to_it:
        if read_frame(data) == (frames.SHARED, [PAIR]):
            return
    raise AssertionError(f"it ended: {to_it.code}")


async def test_what_a_neighbor_compares_without_end(tmp_path: Path) -> None:
    async with neighbor(tmp_path) as (_, _, call):
        said = [
            ("bad_reconciliation", "RANGES_MAX", b"\x61" + b"\x01\x00\x00" * (reconcile.RANGES_MAX + 1)),
            ("bad_reconciliation", "VARINT_BYTES_MAX", b"\x61" + b"\x81" * (reconcile.VARINT_BYTES_MAX + 1)),
        ]
        for code, name, message in said:
            to_it = await call()
            await shared_pair(to_it)
            to_it.put(write_frame(frames.RECONCILE, PAIR, message))
            assert await refusal(to_it) == (code, f"{name} {getattr(reconcile, name)}")
        for name, value, fields in (
            ("CELLS", sketch.CELLS, [sketch.CELLS, 1, b""]),
            ("IDS_MAX", frames.IDS_MAX, [0, 0, bytes(8 * (frames.IDS_MAX + 1))]),
        ):
            to_it = await call()
            await shared_pair(to_it)
            to_it.put(write_frame(frames.SKETCH_WANTED, PAIR, *fields))
            assert await refusal(to_it) == ("bad_reconciliation", f"{name} {value}")


async def test_what_a_neighbor_sends_that_can_never_be_right(tmp_path: Path) -> None:
    async with neighbor(tmp_path) as (_, _, call):
        to_it = await call()
        await shared_pair(to_it)
        to_it.put(write_frame(frames.RECORDS, 1, [bytes([n]) for n in range(passing.NEVER_MAX + 1)]))
        assert await refusal(to_it) == ("bad_frame", f"NEVER_MAX {passing.NEVER_MAX}")


async def test_a_neighbor_that_never_comes_to_an_end(tmp_path: Path) -> None:
    """It is called, says that the pair differs, and answers each message with another fingerprint."""
    async with neighbor(tmp_path) as (good, bad, _):
        ends: list[tuple[str, str]] = []

        async def talk(to_it: Link) -> None:
            to_it.put(stranger_hello(bad.node))
            to_it.put(write_frame(frames.SHARED, PAIR))
            number = 0
            async for data in to_it:
                kind, fields = read_frame(data)
                if kind == frames.COMPARE and fields[0] == PAIR:
                    to_it.put(write_frame(frames.DIFFERS, PAIR))
                elif kind == frames.RECONCILE and fields[0] == PAIR:
                    number += 1
                    print_of = number.to_bytes(16, "big")
                    to_it.put(write_frame(frames.RECONCILED, PAIR, b"\x61\x00\x00\x01" + print_of))
            if to_it.limit:
                ends.append((to_it.code, to_it.limit))

        bad.node.links.runner._run = talk
        bad.node.links.runner.end.greetings.most = greetings.HANDSHAKES_MAX
        good.node.links.runner.event(events.Changed(bad.home))
        await until("it is told", lambda: ends)
        assert ends[0] == ("bad_reconciliation", f"ROUNDS_MAX {exchange.ROUNDS_MAX}")


# ---- and none is forgotten


async def test_every_limit_that_is_named_in_a_refusal_is_tried_here() -> None:
    named: set[str] = set()
    for path in [*sorted((ROOT / "sync").glob("*.py")), *sorted((ROOT / "protocol").glob("*.py"))]:
        named |= set(re.findall(r"(?:f|_within\(|_hashes\()\"([A-Z_]{4,})(?:\"| \{)", path.read_text()))
    not_here = {
        "HEARTBEAT_S": "to a side that is gone nothing can be said",
        "SIZE_MAX": "of bytes that come in no frame: a frame has a limit of its own",
        "FRAME_SIZE_MAX_BYTES": "a message may be no longer, and is looked at first",
    }
    tried = set(re.findall(r"[A-Z]+_[A-Z_]+|CELLS", Path(__file__).read_text()))
    assert set(not_here) < named <= tried and len(named) >= 20, sorted(named - tried)
