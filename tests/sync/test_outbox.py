"""What waits to be sent over a link, and what has gone meanwhile."""

from __future__ import annotations

from sync import frames, passing
from sync.frames import read_frame
from tests.sync.test_exchange import POSTS, port_of, talk


def test_what_has_left_the_store_meanwhile_holds_up_nothing() -> None:
    """More than whole batches of it: erased, or over, since it was queued."""
    link = talk(POSTS[:1], [])
    link.run(5)
    passing_one = link.one.passing
    looked_at: list[bytes] = []
    held = port_of(link.one).message
    port_of(link.one).message = lambda record_id: looked_at.append(record_id) or held(record_id)  # type: ignore
    gone = [number.to_bytes(32, "big") for number in range(3 * frames.RECORDS_MAX)]
    passing_one.queue([*gone, POSTS[0].id])
    (frame,) = passing_one.send(9)
    assert read_frame(frame)[1][1] == [POSTS[0].message] and not passing_one.outbox

    gone = [number.to_bytes(32, "big") for number in range(3 * passing.GONE_AT_ONCE_MAX)]
    passing_one.queue([*gone, POSTS[0].id])
    looked_at.clear()
    rounds = 0
    while not (sent := passing_one.send(9)):
        rounds += 1
        assert passing_one.next_due() == 0, "it goes on at once"
        assert len(looked_at) <= passing.GONE_AT_ONCE_MAX + frames.RECORDS_MAX, "but leaves room for others"
        looked_at.clear()
    assert len(sent) == 1 and rounds >= 2 and passing_one.next_due() > 0
