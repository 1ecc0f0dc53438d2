"""A machine that loses power while it writes: the real files of SQLite, the last write cut somewhere.

What follows is the node's own opening of its database, with the real recovery. With synchronous=FULL
whatever was committed before is whole; the write that was under way is there wholly or not at all.
"""

from __future__ import annotations

import random
import sqlite3
from pathlib import Path
from tempfile import TemporaryDirectory
from types import SimpleNamespace

from node.store.database import DATABASE_NAME, open_database
from node.store.records import Records
from node.views import rebuild
from protocol.record import Record
from tests.sim.invariants import dump
from tests.sim.world import Place

ROOM = "/dev/shm" if Path("/dev/shm").is_dir() else None  # memory: nothing here asks for a real disk


def _ids(connection: sqlite3.Connection) -> set[bytes]:
    return {row[0] for row in connection.execute("SELECT id FROM records")}


def lose_power(place: Place, writing: list[Record], chance: random.Random) -> bool:
    """Stop `place` in the middle of writing these records, and start it anew. True if they were written."""
    today, home = place.node.today, place.home
    with TemporaryDirectory(dir=ROOM) as folder:
        path = Path(folder, DATABASE_NAME)
        raw = sqlite3.connect(path)
        place.node.connection.backup(raw)
        raw.close()
        connection = open_database(path).conn
        before = _ids(connection)
        log = Path(f"{path}-wal")
        synced = log.stat().st_size if log.exists() else 0
        records = Records(connection, today)
        records.own_home = home
        with records.transaction():
            outcomes = [records.add(record.message).outcome for record in writing]
        whole = log.read_bytes()
        cut = len(whole) if chance.random() < 0.2 else chance.randint(synced, len(whole))
        torn = Path(folder, "torn")
        torn.mkdir()
        Path(torn, DATABASE_NAME).write_bytes(path.read_bytes())
        garbage = chance.randbytes(len(whole) - cut) if chance.random() < 0.5 else b""
        Path(torn, f"{DATABASE_NAME}-wal").write_bytes(whole[:cut] + garbage)
        connection.close()

        recovered = open_database(torn / DATABASE_NAME).conn
        after = _ids(recovered)
        written = {record.id for record, outcome in zip(writing, outcomes, strict=True) if outcome == "new"}
        assert before <= after, "what was committed is gone"
        assert after - before in (set(), written), "half a write"
        views = dump(recovered)
        check = Records(recovered, today)
        check.own_home = home
        rebuild(check)
        assert views == dump(recovered), "the views are not what the records say"
        if place.running:
            place.stop()
        keys = place.node.keys
        place.node.close()
        place.take_up(SimpleNamespace(connection=recovered, keys=keys, close=recovered.close))  # type: ignore[arg-type]
    place.start()
    return bool(written) and after != before
