"""Figures of taking records in: the door against a bare loop, and a whole node under a bulk load.

Times are the processor's for this process, so that what else the machine does is not counted.
"""

from __future__ import annotations

import tempfile
import time
from pathlib import Path
from statistics import median
from typing import Any

from node.store import database
from protocol.judge import check_ahead
from protocol.record import parse, to_be_signed
from protocol.signing import verify
from sync.intake import AT_ONCE_MAX, Intake
from tests.bench.crowd import Crowd
from tests.bench.figures import Effort, Measured, figure
from tests.store.helpers import House

RATIO_RECORDS = 10_000


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
    messages = list(crowd.posts(RATIO_RECORDS))
    keys = {home.id: home.key for home in crowd.homes}
    checks = [
        [(r.author, r.signatures[0], signed), (keys[r.home], r.signatures[1], signed)]
        for r in map(parse, messages)
        for signed in [to_be_signed(r.payload)]
    ]
    with tempfile.TemporaryDirectory() as folder:
        first = _house(crowd, folder, "first.db")
        [_by_the_door(first, messages[at : at + AT_ONCE_MAX]) for at in range(0, RATIO_RECORDS, AT_ONCE_MAX)]
        inserts = [_rows(first, "records", "seq"), _rows(first, "view_posts", "rowid")]
        ratios = []
        for turn in range(max(2, effort.rounds // 2)):
            house, bare = (_house(crowd, folder, f"{name}{turn}.db") for name in ("door", "bare"))
            door_s = bare_s = 0.0
            for at in range(0, RATIO_RECORDS, AT_ONCE_MAX):
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
    return Measured(round(median(ratios), 3), 1.0, f"{door_s / RATIO_RECORDS * 1e6:.0f} us a record")


def _by_the_door(house: House, messages: list[bytes]) -> None:
    """As a link does it: from the intake, where they are parsed, with the signatures checked ahead."""
    intake = Intake()
    intake.put(1, b"", 1, messages)
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
