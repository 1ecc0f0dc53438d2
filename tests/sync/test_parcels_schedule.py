"""When parcels go out, and what the fingerprints in them say."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sync.index import RangeIndex
from sync.parcels import (
    AGAIN_BASE_S,
    AGAIN_MAX_S,
    FRESH_MAX,
    PARTNERS_MAX,
    RANGES,
    SOON_S,
    Schedule,
    differing,
    equal,
    ranges_of,
)

OAK, MILL = b"oak".ljust(32), b"mill".ljust(32)
ALL = 0.999999  # chance that draws nearly the whole wait


def record(number: int) -> bytes:
    return number.to_bytes(32, "big")


def index_of(items: dict[int, int]) -> RangeIndex:
    """{record number: time}."""
    index = RangeIndex()
    for number, time in items.items():
        index.insert(time, record(number))
    return index


# ---- fingerprints


Sets = st.dictionaries(st.integers(0, 60), st.integers(0, 12), max_size=40)


@given(Sets, Sets)
def test_what_differs_is_found_and_equal_means_equal(ours: dict[int, int], theirs: dict[int, int]) -> None:
    for number in set(ours) & set(theirs):
        ours[number] = theirs[number]  # a record has one time
    mine, yours = index_of(ours), index_of(theirs)
    ranges = ranges_of(yours)
    assert 1 <= len(ranges) <= RANGES and ranges[-1][0] is None
    assert equal(mine, ranges) is (set(ours) == set(theirs))
    lacking = set(differing(mine, ranges))
    assert {record(number) for number in set(ours) - set(theirs)} <= lacking <= set(map(record, ours))
    if set(ours) == set(theirs):
        assert lacking == set()


def test_only_the_range_that_differs_is_sent_again() -> None:
    ours = index_of({number: number for number in range(80)})
    theirs = index_of({number: number for number in range(80) if number != 41})
    lacking = differing(ours, ranges_of(theirs))
    assert record(41) in lacking and len(lacking) <= 80 / RANGES + 2


def test_many_in_one_second_stay_in_one_range() -> None:
    index = index_of(dict.fromkeys(range(50), 7))
    assert len(ranges_of(index)) == 1 and equal(index, ranges_of(index))


@pytest.mark.parametrize(
    "ranges",
    [
        [],
        [(5, bytes(16))],  # never closed
        [(9, bytes(16)), (3, bytes(16)), (None, bytes(16))],  # backwards
        [(-(2**63), bytes(16)), (2**70, bytes(16)), (None, bytes(16))],
    ],
)
def test_ranges_that_make_no_sense_are_not_equal_and_not_fatal(
    ranges: list[tuple[int | None, bytes]],
) -> None:
    index = index_of({number: number for number in range(10)})
    assert not equal(index, ranges)
    assert len(differing(index, ranges)) <= 10


# ---- the timetable


def sent_at(schedule: Schedule, until: float, partner: bytes = OAK, chance: float = ALL) -> list[int]:
    """The seconds, rounded, at which a parcel goes out if nothing comes back."""
    found, now = [], 0.0
    while (entry := schedule.due.get(partner)) is not None and entry.next_at <= until:
        now = max(now, entry.next_at)
        assert schedule.ready(now) == [partner]
        found.append(round(now))
        schedule.sent(partner, now, chance)
    return found


def test_what_does_not_arrive_is_sent_again_ever_more_rarely() -> None:
    schedule = Schedule()
    schedule.changed(OAK, 0, ALL)
    assert sent_at(schedule, 4000) == [2, 62, 182, 422, 902, 1862, 3782]
    days = sent_at(schedule, 40 * AGAIN_MAX_S)
    assert 30 < len(days) < 50, "once a day in the end, but never given up"


def test_chance_draws_from_the_second_half_of_the_wait() -> None:
    schedule = Schedule()
    schedule.changed(OAK, 0, 0.0)
    assert schedule.ready(0) == [OAK]
    schedule.sent(OAK, 0, 0.0)
    assert schedule.due[OAK].next_at == AGAIN_BASE_S / 2


def test_something_new_goes_soon_also_in_a_long_wait() -> None:
    schedule = Schedule()
    schedule.changed(OAK, 0, ALL)
    sent_at(schedule, 3000)
    schedule.changed(OAK, 3001, ALL)
    assert schedule.due[OAK].next_at <= 3001 + SOON_S


def test_what_arrived_is_not_sent_again() -> None:
    schedule = Schedule()
    schedule.changed(OAK, 0, ALL)
    schedule.sent(OAK, 2, ALL)
    schedule.received(OAK, False, [], 3, ALL)
    assert schedule.due == {}


def test_records_are_acknowledged_once_and_an_acknowledgement_never() -> None:
    one, other = Schedule(), Schedule()
    one.changed(OAK, 0, ALL)
    one.sent(OAK, 2, ALL)
    other.received(MILL, True, [], 3, ALL)
    assert other.due[MILL].acknowledge_only
    assert other.ready(5) == [MILL]
    other.sent(MILL, 5, ALL)
    assert other.due == {}
    one.received(OAK, False, [], 6, ALL)
    assert one.due == {}, "and that is the end of it"


def test_an_acknowledgement_that_was_lost_is_given_again_when_asked() -> None:
    schedule = Schedule()
    for second in (0, 60):
        schedule.received(OAK, True, [], second, ALL, brought_new=second == 0)
        schedule.sent(OAK, second + 2, ALL)
        assert schedule.due == {}


def test_what_the_other_lacks_goes_soon_where_the_two_come_nearer() -> None:
    """A long backlog takes several parcels: each answer brings the next ones, without growing waits."""
    schedule = Schedule()
    schedule.changed(OAK, 0, ALL)
    backlog = [record(number) for number in range(5)]
    now = 0.0
    while backlog:
        now = schedule.due[OAK].next_at
        schedule.sent(OAK, now, ALL)
        schedule.received(OAK, False, backlog, now + 1, ALL)
        assert schedule.due[OAK].lacking == tuple(backlog)
        assert schedule.due[OAK].next_at <= now + 1 + SOON_S
        backlog.pop()
    assert now < 60


def test_what_the_other_cannot_take_does_not_go_back_and_forth() -> None:
    """Each side holds something the other refuses: they try ever more rarely, not every two seconds."""
    one, other = Schedule(), Schedule()
    one.changed(OAK, 0, ALL)
    now, sent = 0.0, 0
    while now < 3600:
        due = [entry.next_at for schedule in (one, other) for entry in schedule.due.values()]
        now = min(due)
        for schedule, partner, opposite in ((one, OAK, other), (other, MILL, one)):
            if schedule.ready(now):
                had_records = not schedule.due[partner].acknowledge_only
                schedule.sent(partner, now, ALL)
                sent += 1
                back = MILL if partner == OAK else OAK
                opposite.received(back, had_records, [record(sent % 2)], now, ALL, brought_new=False)
    assert sent <= 30


def test_something_new_joins_what_the_other_is_known_to_lack() -> None:
    schedule = Schedule()
    schedule.received(OAK, False, [record(1)], 0, ALL)
    schedule.changed(OAK, 1, ALL, record(2))
    assert schedule.due[OAK].lacking == (record(1), record(2))


def test_a_new_card_of_the_partner_ends_the_waiting() -> None:
    schedule = Schedule()
    schedule.changed(OAK, 0, ALL)
    sent_at(schedule, 10_000)
    schedule.reachable(OAK, 10_001, ALL)
    schedule.reachable(MILL, 10_001, ALL)
    assert schedule.ready(10_001 + SOON_S) == [OAK]


def test_a_direct_link_that_is_in_step_ends_it() -> None:
    schedule = Schedule()
    schedule.changed(OAK, 0, ALL)
    schedule.in_step(OAK)
    assert schedule.ready(10**9) == []


def test_partners_are_bounded() -> None:
    schedule = Schedule()
    for number in range(PARTNERS_MAX + 5):
        schedule.changed(record(number), 0, ALL)
        schedule.received(record(1000 + number), True, [record(1)], 0, ALL)
    assert len(schedule.due) <= PARTNERS_MAX


def test_what_comes_in_while_somebody_is_away_goes_alone_and_keeps_the_timetable() -> None:
    schedule = Schedule()
    schedule.changed(OAK, 0, ALL, record(0))
    assert not schedule.due[OAK].carries_fresh(2), "the first parcel carries everything"
    schedule.sent(OAK, 2, ALL)
    again_at = schedule.due[OAK].again_at
    schedule.changed(OAK, 10, ALL, record(1))
    schedule.changed(OAK, 11, ALL, record(2))
    entry = schedule.due[OAK]
    assert entry.carries_fresh(12) and entry.fresh == (record(1), record(2)) and entry.next_at <= 12
    schedule.sent(OAK, 12, ALL)
    assert (entry.fresh, entry.next_at, entry.again_at) == ((), again_at, again_at)
    schedule.changed(OAK, again_at - 1, ALL, record(3))
    assert not entry.carries_fresh(again_at), "at its time everything goes, the new with it"
    schedule.sent(OAK, again_at, ALL)
    assert entry.fresh == () and entry.next_at > again_at + AGAIN_BASE_S


def test_too_much_that_is_new_goes_with_everything() -> None:
    schedule = Schedule()
    schedule.changed(OAK, 0, ALL)
    schedule.sent(OAK, 2, ALL)
    for number in range(FRESH_MAX + 1):
        schedule.changed(OAK, 10, ALL, record(number))
    assert len(schedule.due[OAK].fresh) == FRESH_MAX and not schedule.due[OAK].carries_fresh(12)


def test_who_waits_longest_gives_way_and_comes_back() -> None:
    schedule = Schedule()
    for number in range(PARTNERS_MAX):
        schedule.changed(record(number), 0, ALL)
    schedule.changed(OAK, 0, ALL)
    assert OAK not in schedule.due and schedule.crowded, "nobody was sent anything yet: nobody gives way"
    assert not schedule.has_room()
    for _ in range(2):
        schedule.sent(record(7), 2, ALL)
    schedule.sent(record(8), 2, ALL)
    schedule.changed(OAK, 3, ALL)
    assert OAK in schedule.due and record(7) not in schedule.due and record(8) in schedule.due
    assert not schedule.has_room()
    schedule.in_step(record(8))
    assert schedule.has_room() and not schedule.has_room(), "once"


def test_what_could_not_go_out_is_tried_soon_and_counts_for_nothing() -> None:
    schedule = Schedule()
    schedule.changed(OAK, 0, ALL)
    for _ in range(10):
        now = schedule.due[OAK].next_at
        schedule.held_up(OAK, now, ALL)
        assert schedule.due[OAK].next_at <= now + AGAIN_BASE_S
    assert schedule.due[OAK].backoff.failures == 0 and schedule.due[OAK].turn == 0
