"""What a member that streams badly can make the other side remember: what the credits allow, and no more."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from protocol.errors import TheirFault
from sync import frames
from sync.credits import BATCHES_IN_FLIGHT_MAX
from sync.frames import write_frame
from sync.intake import Intake
from sync.session import FRAMES_AT_ONCE_MAX, Session
from sync.streaming import Streaming, Streams
from tests.sync.memory_port import MemoryPort
from tests.sync.test_exchange import KEY, OAK, POSTS, RIVERBEND


def asked() -> Session:
    """Riverbend has asked Oak for a set, and its records wait for turns that do not come."""
    session = Session(MemoryPort(RIVERBEND), OAK.id, True, bytes(32), None, 0.0)
    session.hello = {}
    exchange = session.exchange
    exchange.passing.on_engine(1, Intake(), Streams())
    exchange.take_features(frames.FEATURES)
    exchange.share([KEY], 0.0)
    assert exchange.passing.streaming.ask(KEY, 0, 0.0)
    return session


def stream(session: Session, number: int, messages: list[bytes], now: float = 0.0) -> None:
    until = [number, bytes(32)]
    session.receive(write_frame(frames.STREAMED, frames.set_on_wire(KEY), number, messages, until), now)


@pytest.mark.parametrize("messages", [[], [POSTS[1].message]], ids=["empty", "beyond the credits"])
def test_batches_that_never_end_are_not_kept(messages: list[bytes]) -> None:
    session = asked()
    stream(session, 1, [POSTS[0].message])  # and it waits
    for number in range(2, FRAMES_AT_ONCE_MAX):
        stream(session, number, messages)
    assert len(session.exchange.passing.streaming.coming) <= 2 * BATCHES_IN_FLIGHT_MAX


def test_empty_batches_are_frames_like_any_other() -> None:
    session = asked()
    with pytest.raises(TheirFault) as fault:
        for number in range(1, FRAMES_AT_ONCE_MAX + 2):
            stream(session, number, [])
    assert fault.value.code == "too_fast"


def streaming() -> Streaming:
    made = asked().exchange.passing.streaming
    return made


def point_of(side: Streaming) -> tuple[int, bytes]:
    point = side.port.stream_point(KEY)
    assert point is not None
    return point


@given(st.lists(st.booleans(), min_size=1, max_size=60), st.randoms(use_true_random=False))
def test_the_point_never_passes_what_was_not_taken(sound: list[bool], chance: object) -> None:
    """Batches are taken in any order; those beyond the credits never are."""
    side = streaming()
    waiting: list[int] = []
    taken: set[int] = set()
    seen: list[int] = []
    for number, takes_one in enumerate(sound, 1):
        if side.came(KEY, number, [number, bytes(32)], 0.0):
            waiting.append(number)
            seen.append(number)
        if takes_one and waiting:
            one = waiting.pop(chance.randrange(len(waiting)))  # type: ignore[attr-defined]
            side.taken(one, 0.0)
            taken.add(one)
        assert len(waiting) <= BATCHES_IN_FLIGHT_MAX
        assert len(side.coming) <= 2 * BATCHES_IN_FLIGHT_MAX + 1
        reached = point_of(side)[0]
        assert {number for number in seen if number <= reached} <= taken
        assert reached == max((n for n in seen if {m for m in seen if m <= n} <= taken), default=0)


def test_a_stream_that_went_beyond_the_credits_is_asked_for_again_from_where_it_was_taken() -> None:
    side = streaming()
    for number in range(1, BATCHES_IN_FLIGHT_MAX + 1):
        assert side.came(KEY, number, [number, bytes(32)], 0.0)
    assert not side.came(KEY, 9, [9, bytes(32)], 0.0), "left out"
    assert not side.came(KEY, 10, [10, bytes(32)], 0.0), "what follows a gap is of no use"
    for number in range(1, BATCHES_IN_FLIGHT_MAX + 1):
        side.taken(number, 0.0)
    assert point_of(side) == (8, bytes(32)) and not side.coming
    (frame,) = side.ask(KEY, 0, 60.0)
    assert frame == write_frame(frames.STREAM, frames.set_on_wire(KEY), [8, bytes(32)])
    assert side.came(KEY, 11, [9, bytes(32)], 60.0)
