"""A flood over real sockets: a bad node has 100,000 sound records to send, by keys that it has made up."""

from __future__ import annotations

import asyncio
import contextlib
import sqlite3
import time
from collections.abc import Iterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from itertools import chain, islice
from statistics import mean
from typing import Any

import aiohttp

from node.port import coalition_secret
from protocol import introduction
from protocol.judge import read_checked
from protocol.kinds.keys import build_chain
from protocol.record import Record
from sync import frames
from sync.addresses import client_session
from sync.channel import public_key
from sync.frames import read_frame, write_frame
from sync.intake import HOME_AT_ONCE_MAX
from sync.session import blind
from sync.transport import Link, LocalEnd, dial
from tests.bench.bulk import Running, region
from tests.bench.crowd import THINGS_EACH
from tests.bench.figures import Effort, Measured, figure
from tests.protocol.helpers import Neighborhood, secret
from tests.sim.flood import IN_A_BATCH, false_posts

FALSE_KEYS, RECORDS_EACH = 10_000, 10
DELIVERIES = 60
BETWEEN_S = 0.25
SIGNED_BEFORE = 20_000
AT_ITS_RATE = HOME_AT_ONCE_MAX + 1_000  # records of the flood, from which on its rate holds it back
LOOK_S = 0.2


class Caller:
    """A neighborhood of the crowd that calls the node, and says what it is told to."""

    def __init__(self, home: Neighborhood) -> None:
        self.home = home
        noise_private = secret(home.name, "noise")

        def introduce() -> bytes:
            until = self.today() + 30
            key_records = [home.inception.message]
            return introduction.build(
                home.seed, home.id, home.key, public_key(noise_private), until, key_records
            )

        self.end = LocalEnd(noise_private, introduce, self.today, _current_key)
        self.taken: asyncio.Queue[int] = asyncio.Queue()
        self.number = 0
        self.came = 0  # records of its flood that the other side has taken
        self.link: Link | None = None

    def today(self) -> int:
        return int(time.time()) // 86_400

    async def call(self, session: aiohttp.ClientSession, address: str, charter: Record) -> None:
        """Be linked, and share the coalition."""
        self.link = await dial(session, address, self.end)
        hello = {1: [1], 2: [], 3: self.today(), 4: 0, 5: self.home.name, 6: "a caller", 7: [200, 8]}
        self.say(frames.HELLO, hello)
        self.say(frames.COALITIONS, [blind(coalition_secret(charter), self.link.handshake_hash, True)])
        self.say(frames.COMPARE, [1, charter.id], bytes(16))

    def say(self, kind: int, *fields: Any) -> None:
        assert self.link is not None
        self.link.put(write_frame(kind, *fields))

    async def listen(self, shared: asyncio.Event) -> None:
        assert self.link is not None
        async for data in self.link:
            kind, fields = read_frame(data)
            if kind == frames.DIFFERS:
                shared.set()
            elif kind == frames.TAKEN:
                self.taken.put_nowait(fields[0])
        raise AssertionError(f"the link ended: {self.link.code}")

    def send(self, messages: list[bytes]) -> None:
        self.number += 1
        self.say(frames.RECORDS, self.number, messages)

    async def deliver(self, message: bytes) -> float:
        """Send one record; gives the seconds until it was on the other's disk."""
        begun = time.monotonic()
        self.send([message])
        while await self.taken.get() != self.number:
            pass
        return time.monotonic() - begun

    async def flood(self, messages: Iterator[bytes]) -> None:
        """As much as credits allow, for ever."""
        for _ in range(8):
            self.send(list(islice(messages, IN_A_BATCH)))
        while True:
            await self.taken.get()
            self.came += IN_A_BATCH
            self.send(list(islice(messages, IN_A_BATCH)))


def _current_key(home: bytes, key_records: Any) -> bytes | None:
    chain = build_chain(home, [read_checked(message) for message in key_records])
    return chain.current if chain is not None else None


@asynccontextmanager
async def _calling(
    address: str, charter: Record, *homes: Neighborhood
) -> Any:  # an async iterator of the callers
    async with client_session(allow_loopback=True) as session, asyncio.TaskGroup() as tasks:
        callers, listening = [], []
        for home in homes:
            caller, shared = Caller(home), asyncio.Event()
            await caller.call(session, address, charter)
            listening.append(tasks.create_task(caller.listen(shared)))
            await shared.wait()
            callers.append(caller)
        yield callers
        for task in listening:
            task.cancel()


async def _deliver(caller: Caller, messages: Iterator[bytes], count: int) -> list[float]:
    times = []
    for message in islice(messages, count):
        times.append(await caller.deliver(message))
        await asyncio.sleep(BETWEEN_S)
    return times


@dataclass(frozen=True, slots=True)
class Flooded:
    """The seconds that deliveries took: before it, in its first seconds, and when it is held to its rate."""

    quiet: list[float]
    first: list[float]
    later: list[float]
    came: int  # records of the flood that were taken


async def _measure(address: str, crowd: Any, effort: Effort) -> Flooded:
    charter = crowd.coalition.charter
    honest_home, bad_home = crowd.homes
    honest_posts = (crowd.post(number) for number in range(0, 10_000, len(crowd.homes)))
    today = int(time.time()) // 86_400
    false = false_posts(
        bad_home.id, bad_home.seed, charter.id, int(time.time()), today, FALSE_KEYS, RECORDS_EACH
    )
    ready = list(
        islice(false, effort.of(SIGNED_BEFORE))
    )  # or signing them would hold up the honest one, who is here too
    async with _calling(address, charter, honest_home, bad_home) as (honest, bad):
        quiet = await _deliver(honest, honest_posts, effort.of(DELIVERIES))
        flooding = asyncio.create_task(bad.flood(chain(ready, false)))
        first = await _deliver(honest, honest_posts, effort.of(DELIVERIES))
        while bad.came < effort.of(AT_ITS_RATE):  # noqa: ASYNC110  each count comes over the line
            await asyncio.sleep(LOOK_S)
        later = await _deliver(honest, honest_posts, effort.of(DELIVERIES))
        flooding.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await flooding
    return Flooded(quiet, first, later, bad.came)


@figure("of the quiet time", goal=2)
def flood_honest_delivery_ratio(effort: Effort) -> Measured:
    """How much longer an honest node's records take to another's disk, while a bad one floods that.

    The mean of 60 records against 60 before the flood: in its first 15 seconds, and again when more came than
    may come at once, so that its rate holds it back and its quota is full; the worse counts. The bad node
    has 10,000 keys of 10 records each to send, and keeps to its credits; the remark says how many came in
    this time. All 100,000 take a quarter of an hour, and are played in `make sim` (`large/flooding.py`). What
    is kept of it afterwards must be within the quota.
    """
    here = region(THINGS_EACH + 2)  # of two neighborhoods, whatever the effort
    data = here.copy_of_empty()
    with Running(data, here.empty_port) as node:
        found = asyncio.run(_measure(node.url.removeprefix("http://"), here.crowd, effort))
    with contextlib.closing(sqlite3.connect(data / "barnraise.db")) as connection:
        sql = "SELECT count(*) FROM records WHERE home = ? AND author != home"
        kept = connection.execute(sql, (here.crowd.homes[1].id,)).fetchone()[0]
    assert 0 < kept <= THINGS_EACH, f"{kept} records of the bad node are kept"
    worse = max(found.first, found.later, key=mean)
    late_ms = sorted(worse)[len(worse) * 9 // 10] * 1000
    each = " and ".join(f"{mean(times) * 1000:.0f}" for times in (found.first, found.later))
    remark = (
        f"means {each} ms, one in ten over {late_ms:.0f} ms; {found.came:,} of"
        f" {FALSE_KEYS * RECORDS_EACH:,} false records came, {kept:,} are kept"
    )
    return Measured(round(mean(worse) / mean(found.quiet), 2), 1.0, remark)
