"""Limits, told as timetables: at each second, what is asked for and what is answered."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from protocol.errors import WorldFault
from sync.limits import Backoff, BoundedQueue, BoundedSet, TokenBucket


def test_a_bucket_of_three_that_refills_one_every_five_seconds() -> None:
    bucket = TokenBucket(rate_per_s=0.2, burst=3)
    timetable = [
        # second, delay told
        (0, 0),
        (0, 0),
        (0, 0),
        (0, 5),  # empty
        (1, 4),
        (4, 1),
        (5, 0),
        (5, 5),
        (10, 0),
        (60, 0),  # full again, but not fuller than three
        (60, 0),
        (60, 0),
        (60, 5),
    ]
    for second, delay_s in timetable:
        assert bucket.take(1, second) == pytest.approx(delay_s), f"at second {second}"


def test_more_than_the_burst_is_delayed_and_paid_off_but_never_refused() -> None:
    bucket = TokenBucket(rate_per_s=100, burst=1000)
    assert bucket.take(1, now=0) == 0
    assert bucket.take(8000, now=0) == pytest.approx(0.01)  # waits for the bucket to be full
    assert bucket.take(8000, now=0.01) == 0
    assert bucket.take(1, now=0.01) == pytest.approx(70.01)  # 8000 went out, 1000 were there
    assert bucket.take(1, now=70.02) == 0


def test_a_refused_amount_costs_nothing() -> None:
    bucket = TokenBucket(rate_per_s=1, burst=10)
    assert bucket.take(6, now=0) == 0
    for _ in range(100):
        assert bucket.take(6, now=0) == pytest.approx(2)
    assert bucket.take(4, now=0) == 0


def test_a_clock_set_back_a_year_neither_fills_nor_blocks() -> None:
    year_s = 365 * 86400
    bucket = TokenBucket(rate_per_s=1, burst=2)
    assert bucket.take(2, now=year_s) == 0
    assert bucket.take(1, now=0) == pytest.approx(1)
    assert bucket.take(1, now=1) == 0
    assert bucket.take(1, now=1) == pytest.approx(1)


@given(
    rate=st.floats(0.001, 1e6),
    burst=st.floats(1, 1e6),
    amounts=st.lists(st.floats(0.1, 1e5), min_size=1, max_size=30),
    start=st.sampled_from([0.0, 1.7e9]),
)
def test_waiting_as_long_as_told_is_enough_and_the_rate_is_kept(
    rate: float, burst: float, amounts: list[float], start: float
) -> None:
    bucket = TokenBucket(rate, burst)
    now = start
    for amount in amounts:
        if delay_s := bucket.take(amount, now):
            now += delay_s
            assert bucket.take(amount, now) == 0
    through, elapsed = sum(amounts), now - start
    slack = len(amounts) * 2e-6 * rate  # the tolerance, and a clock that counts in quarter microseconds
    assert through - max(amounts) <= burst + elapsed * rate + slack


def test_tries_after_one_two_four_eight_seconds_then_every_ten() -> None:
    backoff = Backoff(base_s=1, max_s=10)
    almost_one = 1 - 1e-12
    for wait_s in (1, 2, 4, 8, 10, 10):
        assert backoff.failed(now=100, jitter=almost_one) == pytest.approx(100 + wait_s)
    backoff.succeeded()
    assert backoff.failed(now=200, jitter=almost_one) == pytest.approx(201)


def test_jitter_draws_from_the_second_half_of_the_wait() -> None:
    assert Backoff(base_s=8, max_s=100).failed(now=0, jitter=0.0) == 4
    assert Backoff(base_s=8, max_s=100).failed(now=0, jitter=0.5) == 6


def test_a_peer_gone_for_years_is_still_tried_at_the_longest_wait() -> None:
    backoff = Backoff(base_s=1, max_s=3600)
    for _ in range(5000):
        next_at = backoff.failed(now=0, jitter=0)
    assert next_at == 1800


def test_the_seen_cache_forgets_the_oldest_first() -> None:
    seen = BoundedSet(size_max=3)
    assert [seen.add(value) for value in (b"a", b"b", b"a", b"c")] == [True, True, False, True]
    assert seen.add(b"d")
    assert [value in seen for value in (b"a", b"b", b"c", b"d")] == [False, True, True, True]
    seen.discard(b"b")
    seen.discard(b"never seen")
    assert len(seen) == 2


@given(st.lists(st.binary(max_size=1), max_size=60), st.integers(1, 5))
def test_the_seen_cache_never_grows_over_its_bound(values: list[bytes], size_max: int) -> None:
    seen = BoundedSet(size_max)
    for value in values:
        seen.add(value)
        assert value in seen
        assert len(seen) <= size_max


def test_a_queue_says_at_which_bound_it_refused() -> None:
    queue: BoundedQueue[str] = BoundedQueue(count_max=2, size_bytes_max=100)
    queue.put("card", 60)
    with pytest.raises(WorldFault, match="100 bytes") as refusal:
        queue.put("post", 41)
    assert refusal.value.code == "queue_full"
    queue.put("post", 40)
    with pytest.raises(WorldFault, match="2 entries"):
        queue.put("nothing", 0)
    assert (len(queue), queue.size_bytes) == (2, 100)


def test_a_queue_gives_back_in_order_and_makes_room() -> None:
    queue: BoundedQueue[str] = BoundedQueue(count_max=2, size_bytes_max=10)
    queue.put("first", 10)
    assert queue.take() == "first"
    queue.put("second", 5)
    queue.put("third", 5)
    assert [queue.take(), queue.take()] == ["second", "third"]
    assert queue.size_bytes == 0
    with pytest.raises(IndexError):
        queue.take()


def test_bounds_that_make_no_sense_are_refused() -> None:
    senseless: list[Callable[[], object]] = [
        lambda: TokenBucket(0, 1),
        lambda: TokenBucket(1, 0),
        lambda: Backoff(0, 1),
        lambda: Backoff(2, 1),
        lambda: BoundedSet(0),
        lambda: BoundedQueue[str](0, 1),
        lambda: BoundedQueue[str](1, 0),
        lambda: BoundedQueue[str](1, 1).put("entry", -1),
    ]
    for build in senseless:
        with pytest.raises(ValueError):
            build()
