"""Figures of taking records in: the door against a bare loop, and whole nodes with 100,000 records.

The ratio is of the processor's time; what two nodes do with each other is timed by the clock on the wall, and
the remarks say how much of that the processor worked.
"""

from __future__ import annotations

import asyncio
import tempfile
import time
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from statistics import median
from typing import Any

from node.store import database
from protocol.judge import check_ahead
from protocol.record import parse, to_be_signed
from protocol.signing import verify
from sync.intake import AT_ONCE_MAX, Intake
from tests.bench.bulk import Running, region
from tests.bench.crowd import Crowd
from tests.bench.figures import Effort, Measured, figure
from tests.bench.requests import board_times_ms
from tests.store.helpers import House

RATIO_RECORDS = 10_000
BULK_RECORDS = 100_000
BOARD_REQUESTS = 300


def _house(crowd: Crowd, folder: str, name: str) -> House:
    house = House(crowd.homes[0], coalitions=[crowd.coalition], path=Path(folder) / name).settle_in()
    house.records.index(("coalition", crowd.coalition.id))
    return house


def _rows(house: House, table: str, order: str) -> tuple[str, list[tuple[Any, ...]]]:
    """The statement that inserts into a table, and every row that the door has put there."""
    columns = [row[1] for row in house.connection.execute(f"PRAGMA table_info({table})") if row[1] != "seq"]
    names, marks = ", ".join(columns), ", ".join("?" * len(columns))
    where = "WHERE kind = 'post'" if table == "records" else ""
    rows = house.connection.execute(f"SELECT {names} FROM {table} {where} ORDER BY {order}").fetchall()
    return f"INSERT INTO {table} ({names}) VALUES ({marks})", rows


@figure("of the bare loop", goal=0.7, above=True)
def ingest_ratio_to_bare_loop(effort: Effort) -> Measured:
    """10,000 posts from bytes to the board, against the same signature checks and inserts in a bare loop.

    Both write to SQLite on disk, with all indexes and the search index, and commit equally often. They take
    turns batch by batch, so that what else the machine does falls on both. The floor is 1.
    """
    crowd = Crowd(10)
    count = effort.of(RATIO_RECORDS)
    messages = list(crowd.posts(count))
    keys = {home.id: home.key for home in crowd.homes}
    checks = [
        [(r.author, r.signatures[0], signed), (keys[r.home], r.signatures[1], signed)]
        for r in map(parse, messages)
        for signed in [to_be_signed(r.payload)]
    ]
    with tempfile.TemporaryDirectory() as folder:
        first = _house(crowd, folder, "first.db")
        [_by_the_door(first, messages[at : at + AT_ONCE_MAX]) for at in range(0, count, AT_ONCE_MAX)]
        inserts = [_rows(first, "records", "seq"), _rows(first, "view_posts", "rowid")]
        ratios = []
        for turn in range(max(2, effort.rounds // 2)):
            house, bare = (_house(crowd, folder, f"{name}{turn}.db") for name in ("door", "bare"))
            door_s = bare_s = 0.0
            for at in range(0, count, AT_ONCE_MAX):
                batch = slice(at, at + AT_ONCE_MAX)
                begun = time.process_time()
                _by_the_door(house, messages[batch])
                between = time.process_time()
                _bare(bare, checks[batch], inserts, batch)
                bare_s += time.process_time() - between
                door_s += between - begun
            ratios.append(bare_s / door_s)
            for one in (house, bare):
                one.connection.close()
        first.connection.close()
    return Measured(round(median(ratios), 3), 1.0, f"{door_s / count * 1e6:.0f} us a record")


def _by_the_door(house: House, messages: list[bytes]) -> None:
    """As a link does it: from the intake, where they are parsed, with the signatures checked ahead."""
    intake = Intake()
    intake.put(1, b"", 1, messages, 0.0)
    while (turn := intake.turn(0.0)) is not None:
        checked = check_ahead(turn.records, house.records.known)
        assert set(house.records.take(turn.records, checked)) == {"new"}
        intake.done(turn, 0, 0.0)


def _bare(
    house: House,
    checks: list[list[tuple[bytes, bytes, bytes]]],
    inserts: list[tuple[str, list[tuple[Any, ...]]]],
    batch: slice,
) -> None:
    (record_sql, records), (post_sql, posts) = inserts
    with database.transaction(house.connection, durable=False):
        for signed, record, post in zip(checks, records[batch], posts[batch], strict=True):
            for key, signature, message in signed:
                assert verify(key, signature, message)
            house.connection.execute(record_sql, record)
            house.connection.execute(post_sql, post)


# whole nodes: one is loaded from another, and does everything that follows


@dataclass(frozen=True, slots=True)
class Loaded:
    """A node that was loaded over a link: how that went, and where its data are."""

    how: dict[str, Any]
    data: Path
    port: int


@cache
def _loaded(count: int) -> Loaded:
    """Done once for all figures about it."""
    here = region(count)
    data = here.copy_of_empty()
    with Running(here.folder / "full", here.full_port), Running(data, here.empty_port, count) as node:
        how = node.loaded()
    return Loaded(how, data, here.empty_port)


@figure("s", goal=20)
def bulk_100k_records_s(effort: Effort) -> Measured:
    """An empty node takes in 100,000 records of 50 neighborhoods from another over a link on loopback.

    Both are processes of their own with SQLite on disk. From when the empty one is ready.
    """
    how = _loaded(effort.of(BULK_RECORDS)).how
    worked = f"the loaded node worked {how['load_cpu_s']:.1f} s in all its threads"
    return Measured(round(how["load_s"], 1), None, worked)


@figure("ms", goal=50)
def ingest_loop_stall_ms(effort: Effort) -> Measured:
    """The longest that the event loop of the loaded node was held meanwhile. The floor: its own work then."""
    how = _loaded(effort.of(BULK_RECORDS)).how
    return Measured(
        round(how["held_ms"], 1), round(how["worked_ms"], 1), f"over 50 ms: {how['over_50_ms']} times"
    )


@figure("MB", goal=120)
def resident_memory_100k_mb(effort: Effort) -> Measured:
    """What the loaded node has in memory after the load, which is more than after a start."""
    return Measured(round(_loaded(effort.of(BULK_RECORDS)).how["resident_bytes"] / 1e6, 1))


@figure("s", goal=2)
def start_100k_s(effort: Effort) -> Measured:
    """From starting the process to answering, with 100,000 records; the best of some tries."""
    loaded = _loaded(effort.of(BULK_RECORDS))
    times = []
    for _ in range(max(2, effort.rounds // 2)):
        with Running(loaded.data, loaded.port) as node:
            times.append(node.start_s)
    return Measured(round(min(times), 2))


@figure("ms", goal=100)
def board_p99_100k_ms(effort: Effort) -> Measured:
    """The board of that node for a member, 20 requests a second, on one core: 99 of 100 are faster."""
    loaded = _loaded(effort.of(BULK_RECORDS))
    with Running(loaded.data, loaded.port, core=0) as node:
        times = asyncio.run(board_times_ms(node.url, effort.of(BOARD_REQUESTS)))
    times.sort()
    return Measured(round(times[len(times) * 99 // 100], 1), None, f"median {times[len(times) // 2]:.0f} ms")
