"""What day it is, when machines disagree."""

from __future__ import annotations

from itertools import permutations

import pytest

from sync.days import DIFFERENCE_MAX_DAYS, PEERS_MAX, Days


def days_of(*differences: int) -> Days:
    days = Days()
    for number, difference in enumerate(differences):
        days.note(bytes([number]) * 32, 20_000 + difference, 20_000)
    return days


@pytest.mark.parametrize(
    ("differences", "offset"),
    [
        ([], 0),  # nobody to ask
        ([1], 0),  # one against one: our own
        ([-365], 0),
        ([5, 5], 5),  # two against one
        ([0, 365], 0),  # a wrong one moves nobody
        ([0, 0, 365, 365], 0),
        ([365, 365, 365], 365),
        ([1, 2, 3], 1),
        ([-3, 3], 0),
    ],
)
def test_the_median_with_our_own_decides(differences: list[int], offset: int) -> None:
    for order in permutations(differences):
        assert days_of(*order).offset() == offset


@pytest.mark.parametrize(("differences", "offset"), [([], 0), ([9], 9), ([9, 9, 400], 9), ([-2, 8], -2)])
def test_a_clock_that_is_surely_unset_has_no_say(differences: list[int], offset: int) -> None:
    assert days_of(*differences).offset(clock_set=False) == offset


@pytest.mark.parametrize(
    ("differences", "unset"),
    [
        ([], False),
        ([365], False),
        ([365, 365], True),
        ([1, 1], False),
        ([2, 2], True),
        ([0, 0, 365], False),
        ([0, 365], False),  # one of the two says as we do
        ([-365, 0], False),
        ([-9, 9], True),
    ],
)
def test_a_clock_more_than_a_day_off_the_median_of_two_is_unset(differences: list[int], unset: bool) -> None:
    assert days_of(*differences).clock_unset() is unset


@pytest.mark.parametrize(
    ("differences", "disputed"),
    [([], False), ([0], False), ([1], False), ([2], True), ([-365], True), ([9, 9], False), ([0, 9], False)],
)
def test_as_many_against_as_for_us_is_a_dispute(differences: list[int], disputed: bool) -> None:
    assert days_of(*differences).disputed() is disputed


@pytest.mark.parametrize(
    ("differences", "by"),
    [
        ([], 0),
        ([-1], 0),
        ([-365], 365),
        ([365], 0),
        ([0, -365, -365], 365),
        ([-365, -365], 0),
        ([0, -365], 0),
    ],
)
def test_in_a_dispute_the_earlier_day_is_known(differences: list[int], by: int) -> None:
    for order in permutations(differences):
        assert days_of(*order).disputed_by() == by


def test_one_home_has_one_voice_and_it_is_the_last() -> None:
    days = days_of(7, 7)
    for _ in range(10):
        days.note(bytes(32), 20_000, 20_000)
    assert days.differences == {bytes([1]) * 32: 7, bytes(32): 0}


def test_absurd_days_are_cut() -> None:
    days = Days()
    days.note(b"a", 2**62, 20_000)
    days.note(b"b", 0, 2**62)
    assert days.differences == {b"a": DIFFERENCE_MAX_DAYS, b"b": -DIFFERENCE_MAX_DAYS}


def test_memory_is_bounded_and_the_oldest_leave() -> None:
    days = Days()
    for number in range(PEERS_MAX + 5):
        days.note(number.to_bytes(32, "big"), 20_000 + number, 20_000)
    assert len(days.differences) == PEERS_MAX
    assert min(days.differences.values()) == 5
