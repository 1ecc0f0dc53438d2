"""Records of others reach the disk, and the log is emptied, beside whoever writes."""

from __future__ import annotations

from pathlib import Path

from node.store.database import DATABASE_NAME
from node.store.keeping import Keeper
from tests.protocol.helpers import Neighborhood
from tests.store.helpers import House


def test_the_log_is_moved_while_more_is_written_and_then_cut_off(tmp_path: Path) -> None:
    oak = Neighborhood("Oak")
    ana = oak.member("Ana")
    path = tmp_path / DATABASE_NAME
    here = House(oak, path=path).settle_in()
    keeper = Keeper(here.records, path)
    log = path.with_name(f"{DATABASE_NAME}-wal")
    here.hear(*(ana.post(title=f"post {number}") for number in range(30)))
    keeper.keep()
    before = log.stat().st_size
    with here.records.transaction():
        here.hear(ana.post(title="written meanwhile"))
        keeper.drain()
    assert log.stat().st_size >= before, "it may be cut off only while nobody writes"
    keeper.empty()
    assert log.stat().st_size == 0
    here.connection.close()
    assert len(House(oak, path=path).held()) == 31 + len(oak.key_records)
