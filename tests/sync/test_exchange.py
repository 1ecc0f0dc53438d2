"""Two exchanges back to back: what one lacks it gets, and every bound holds."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from protocol.errors import TheirFault
from protocol.record import Record
from protocol.scopes import DAY_S, pair
from protocol.scopes import coalition as coalition_scope
from sync import credits, frames, passing, sets
from sync import exchange as limits
from sync.exchange import Exchange, Window
from sync.frames import read_frame, write_frame
from sync.sets import SetKey
from tests.protocol.helpers import NOON, TODAY, Member, Neighborhood
from tests.sync.memory_port import MemoryPort

RIVERBEND, OAK = Neighborhood("Riverbend"), Neighborhood("Oak")
ANA, BEN = Member(RIVERBEND, "Ana"), Member(OAK, "Ben")
COALITION = bytes(31) + b"c"
KEY: SetKey = ("coalition", COALITION)
SCOPE = coalition_scope(COALITION)
POSTS = [ANA.post(SCOPE, title=f"Need {number}", created=NOON - number) for number in range(90)]
LARGE = ANA.post(SCOPE, title="Long story", text="x" * 1990, created=NOON)
COMMITMENT = BEN.commit(POSTS[0])


@dataclass
class Talk:
    """The two ends of a link. Riverbend dialed, so it compares. `frames` counts what passed."""

    one: Exchange
    other: Exchange
    now: float = 0.0
    waiting: list[tuple[Exchange, bytes]] = field(default_factory=list)
    passed: list[int] = field(default_factory=list)

    def send(self, sender: Exchange, out: list[bytes]) -> None:
        receiver = self.other if sender is self.one else self.one
        self.waiting += [(receiver, data) for data in out]

    def step(self) -> None:
        receiver, data = self.waiting.pop(0)
        kind, fields = read_frame(data)
        self.passed.append(kind)
        self.send(receiver, hear(receiver, kind, fields, self.now))

    def run(self, seconds: float = 0.0) -> list[int]:
        """Let frames pass until nothing waits, second by second; gives their types."""
        before = len(self.passed)
        end = self.now + seconds
        while True:
            while self.waiting:
                self.step()
            if self.now >= end:
                return self.passed[before:]
            self.now += 1
            for side in (self.one, self.other):
                self.send(side, side.tick(self.now))

    def held(self) -> tuple[set[bytes], set[bytes]]:
        return set(port_of(self.one).records), set(port_of(self.other).records)


def hear(side: Exchange, kind: int, fields: list[Any], now: float) -> list[bytes]:
    """As the session does it."""
    if kind == frames.RECORDS:
        return side.passing.on_records(fields[0], fields[1], now)
    if kind == frames.TAKEN:
        return side.passing.on_taken(fields[0], now)
    if kind == frames.HAVE:
        return side.passing.want(fields[0])
    if kind == frames.WANT:
        return side.passing.on_want(fields[0], now)
    if kind == frames.COMPARE_ALL:
        return side.on_compare_all(fields[0], fields[1])
    if kind == frames.COMPARED:
        return side.on_compared(fields[0], fields[1], now)
    return side.on_compare(kind, fields, now)


def port_of(side: Exchange) -> MemoryPort:
    assert isinstance(side.port, MemoryPort)
    return side.port


def talk(
    ours: list[Record], theirs: list[Record], keys: list[SetKey] | None = None, *, start: bool = True
) -> Talk:
    one = Exchange(MemoryPort(RIVERBEND), OAK.id, comparer=True)
    other = Exchange(MemoryPort(OAK), RIVERBEND.id, comparer=False)
    port_of(one).hold(*ours)
    port_of(other).hold(*theirs)
    made = Talk(one, other)
    if start:
        for side in (one, other):
            made.send(side, side.share(keys or [KEY], 0))
    return made


def test_equal_sets_take_one_round_trip() -> None:
    link = talk(POSTS, POSTS)
    assert sorted(link.run()) == [frames.COMPARE, frames.SAME, frames.SHARED]
    assert port_of(link.one).equal == port_of(link.other).equal == [KEY]
    assert link.run(limits.COMPARE_AGAIN_S - 1) == []
    assert link.run(2) == [frames.COMPARE, frames.SAME]


@pytest.mark.parametrize(
    ("ours", "theirs"),
    [(POSTS, []), ([], POSTS), (POSTS[:50], POSTS[40:]), (POSTS[::2], POSTS[1::2]), (POSTS, POSTS[1:])],
)
def test_both_sides_come_to_hold_everything(ours: list[Record], theirs: list[Record]) -> None:
    link = talk(ours, theirs)
    link.run(5)
    everything = {record.id for record in (*ours, *theirs)}
    assert link.held() == (everything, everything)
    assert port_of(link.one).equal and port_of(link.other).equal
    records = len(port_of(link.one).added) + len(port_of(link.other).added)
    both = {record.id for record in ours} & {record.id for record in theirs}
    assert records == len(everything) - len(both), "each record passes once"


@given(st.sets(st.integers(0, 89)), st.sets(st.integers(0, 89)), st.integers(0, 2))
@settings(max_examples=30)
def test_any_two_sets_become_one(ours: set[int], theirs: set[int], broken: int) -> None:
    """Also where the link breaks after some frames, and is made anew."""
    link = talk([POSTS[number] for number in ours], [POSTS[number] for number in theirs])
    for _ in range(broken):
        for _ in range(min(4, len(link.waiting))):
            link.step()
        ports = port_of(link.one), port_of(link.other)
        link = talk(list(ports[0].records.values()), list(ports[1].records.values()))
    link.run(5)
    everything = {POSTS[number].id for number in ours | theirs}
    assert link.held() == (everything, everything)


# ---- live


def live(ours: list[Record] | None = None, theirs: list[Record] | None = None) -> Talk:
    link = talk(ours or [], theirs or [])
    link.run(5)
    return link


def announce(link: Talk, side: Exchange, *records: Record) -> None:
    port_of(side).hold(*records)
    link.send(side, side.passing.announce(records, link.now))


@pytest.mark.parametrize("who", ["one", "other"])
def test_news_is_passed_on_at_once(who: str) -> None:
    link = live()
    announce(link, getattr(link, who), POSTS[0])
    assert link.run() == [frames.RECORDS, frames.TAKEN]
    assert link.held()[0] == link.held()[1] == {POSTS[0].id}


def test_a_large_record_is_announced_and_asked_for_once() -> None:
    link = live()
    announce(link, link.one, LARGE)
    assert link.run() == [frames.HAVE, frames.WANT, frames.RECORDS, frames.TAKEN]
    announce(link, link.one, LARGE)
    assert link.run() == [frames.HAVE], "held already"


def test_what_is_new_while_the_first_answer_is_under_way_does_not_wait_for_a_minute() -> None:
    """On either side, at any moment of the first comparison."""
    for moment in range(4):
        for who in ("one", "other"):
            link = talk(POSTS[:3], POSTS[:3])
            for _ in range(min(moment, len(link.waiting))):
                link.step()
            announce(link, getattr(link, who), POSTS[50])
            link.run(4)
            assert link.held()[0] == link.held()[1], f"at {moment}, from {who}"


def test_a_set_that_is_not_shared_gets_no_news() -> None:
    link = live()
    announce(link, link.one, COMMITMENT)
    assert link.run() == []
    link.send(link.one, link.one.share([], link.now))
    announce(link, link.one, POSTS[0])
    assert link.run() == []


def test_a_set_that_the_other_does_not_share_is_asked_for_ever_so_often() -> None:
    link = talk(POSTS[:3], [], start=False)
    link.send(link.one, link.one.share([KEY], 0))
    assert link.run() == [frames.COMPARE, frames.NOT_SHARED]
    announce(link, link.one, POSTS[5])
    assert link.run() == [], "and it gets no news meanwhile"
    assert link.run(limits.NOT_SHARED_RETRY_S + 1) == [frames.COMPARE, frames.NOT_SHARED]
    link.send(link.other, link.other.share([KEY], link.now))
    link.run()
    assert link.held()[1] == {record.id for record in (*POSTS[:3], POSTS[5])}, "`shared` begins at once"


def test_shared_said_again_in_the_middle_of_comparing_changes_nothing() -> None:
    link = talk(POSTS, POSTS[1:])
    link.step()
    link.send(link.other, [write_frame(frames.SHARED, frames.set_on_wire(KEY))] * 3)
    link.run(5)
    assert link.held()[0] == link.held()[1]


def test_a_promise_has_its_pair_set_compared_at_once() -> None:
    """People wait to see that it has arrived."""
    keys: list[SetKey] = [("pair", OAK.id)]
    one = Exchange(MemoryPort(RIVERBEND), OAK.id, comparer=True)
    other = Exchange(MemoryPort(OAK), RIVERBEND.id, comparer=False)
    link = Talk(one, other)
    link.send(one, one.share(keys, 0))
    link.send(other, other.share([("pair", RIVERBEND.id)], 0))
    link.run(3)
    assert COMMITMENT.scope == pair(RIVERBEND.id, OAK.id)
    announce(link, other, COMMITMENT)
    port_of(one).equal.clear()
    link.run(1)
    assert port_of(one).equal == keys


def test_what_came_in_while_the_sets_were_compared_does_not_count_as_arrived() -> None:
    """`same` speaks of what was asked about; if the link breaks now, the rest is still to be sent."""
    link = live(POSTS[:3], POSTS[:3])
    port_of(link.one).equal.clear()
    link.now += limits.COMPARE_AGAIN_S
    link.send(link.one, link.one.tick(link.now))
    link.step()
    announce(link, link.one, POSTS[7])
    (same,) = [data for receiver, data in link.waiting if receiver is link.one]
    assert read_frame(same)[0] == frames.SAME
    link.one.on_compare(*read_frame(same), link.now)
    assert port_of(link.one).equal == []
    link.run(2)
    assert port_of(link.one).equal == [KEY], "it is asked again, and then it counts"


# ---- who may have what


def test_wanting_gives_only_what_is_shared() -> None:
    link = live(POSTS[:3])
    port_of(link.one).hold(COMMITMENT, ANA.post(title="Local"))
    ids = list(port_of(link.one).records)
    link.send(link.other, [write_frame(frames.WANT, [*ids, bytes(32)])])
    port_of(link.other).records.clear()
    link.run()
    assert link.held()[1] == {record.id for record in POSTS[:3]}


@pytest.mark.parametrize(("floor", "their_floor"), [(TODAY, 0), (0, TODAY)])
def test_what_is_over_by_either_floor_is_left_out(floor: int, their_floor: int) -> None:
    window = Window.between(TODAY - 5, floor, TODAY, their_floor)
    assert window == Window((TODAY - 3) * DAY_S, TODAY)
    ends = ANA.post(SCOPE, title="Ends", created=NOON - 3 * DAY_S, days=2)
    link = talk([ends, *POSTS[:2]], POSTS[:2], start=False)
    for side in (link.one, link.other):
        side.window = Window.between(TODAY, floor, TODAY, their_floor)
    for side in (link.one, link.other):
        link.send(side, side.share([KEY], 0))
    assert frames.DIFFERS not in link.run(5)


def test_the_lower_day_decides_on_both_sides() -> None:
    assert Window.between(TODAY, 3, TODAY - 9, 5) == Window.between(TODAY - 9, 5, TODAY, 3)
    assert Window.between(TODAY, 3, TODAY - 9, 5).created_before == (TODAY - 7) * DAY_S


# ---- bounds and refusals


def test_one_bad_record_holds_up_no_other() -> None:
    link = live()
    bent = bytearray(POSTS[1].message)
    bent[60] ^= 0xFF
    out = link.one.passing.on_records(7, [POSTS[0].message, bytes(bent), b"nonsense", POSTS[2].message], 0)
    assert out == [write_frame(frames.TAKEN, 7)]
    assert {POSTS[0].id, POSTS[2].id} <= link.held()[0]
    assert 1 <= link.one.passing.never <= 2


def test_too_many_records_that_can_never_be_right_end_the_link() -> None:
    link = live()
    for number in range(passing.NEVER_MAX):
        link.one.passing.on_records(number, [b"nonsense"], 0)
    with pytest.raises(TheirFault, match="bad_frame"):
        link.one.passing.on_records(99, [b"nonsense"], 0)


def test_batches_are_bounded_and_a_peer_that_takes_none_gets_no_more() -> None:
    link = talk([], [])
    link.run(3)
    large = [ANA.post(SCOPE, title=f"Large {number}", text="x" * 1700) for number in range(260)]
    port_of(link.one).hold(*large)
    link.one.passing.queue(record.id for record in large)
    batches = link.one.passing.send(0)
    assert len(batches) == credits.BATCHES_IN_FLIGHT_MAX
    for data in batches:
        assert len(data) <= frames.FRAME_SIZE_MAX_BYTES
        kind, fields = read_frame(data)
        assert kind == frames.RECORDS and sum(map(len, fields[1])) <= frames.RECORDS_SIZE_MAX_BYTES
    left = len(link.one.passing.outbox)
    assert left > 0 and link.one.passing.send(1) == []
    assert link.one.passing.on_taken(12345, 1) == [], "a number that was never sent counts for nothing"
    first = read_frame(batches[0])[1][0]
    assert len(link.one.passing.on_taken(first, 1)) == 1 and len(link.one.passing.outbox) < left


def test_the_limits_that_the_other_side_names_hold() -> None:
    link = live()
    link.one.passing.take_limits(3, 2)
    port_of(link.one).hold(*POSTS[:20])
    link.one.passing.queue(record.id for record in POSTS[:20])
    batches = [read_frame(data)[1][1] for data in link.one.passing.send(0)]
    assert [len(messages) for messages in batches] == [3, 3]
    link.one.passing.take_limits(10**6, 10**6)
    assert link.one.passing.credits.records_max == frames.RECORDS_MAX
    assert link.one.passing.credits.batches_max == credits.BATCHES_IN_FLIGHT_MAX


def test_a_batch_whose_answer_never_came_stops_counting_after_a_while() -> None:
    link = live()
    port_of(link.one).hold(POSTS[0])
    link.one.passing.queue([POSTS[0].id])
    link.one.passing.send(10)
    link.one.tick(10 + sets.PATIENCE_S)
    assert len(link.one.passing.in_flight) == 1
    link.one.tick(10 + sets.PATIENCE_S + 1)
    assert link.one.passing.in_flight == {}


def test_a_comparison_that_gets_no_answer_is_begun_again() -> None:
    link = talk(POSTS, POSTS[1:])
    link.waiting.clear()
    assert link.run(sets.PATIENCE_S) == []
    link.run(3)
    assert link.held()[0] == link.held()[1]


def test_an_outbox_that_is_full_is_dropped_and_the_sets_compared_again() -> None:
    link = live()
    link.one.passing.queue(number.to_bytes(32, "big") for number in range(passing.OUTBOX_MAX + 1))
    assert link.one.passing.outbox == {}
    assert link.one.sets[KEY].next_compare == 0.0


@pytest.mark.parametrize("message", [b"", b"\x61\x00", b"\x61" + b"\xff" * 20, b"\x05"])
def test_a_reconciliation_that_cannot_be_read_ends_the_link(message: bytes) -> None:
    wire = frames.set_on_wire(KEY)
    link = live()
    with pytest.raises(TheirFault, match="bad_reconciliation"):
        link.other.on_compare(frames.RECONCILE, [wire, message], 0)
    asking = talk(POSTS, [])
    asking.one.on_compare(frames.DIFFERS, [wire], 0)
    with pytest.raises(TheirFault, match="bad_reconciliation"):
        asking.one.on_compare(frames.RECONCILED, [wire, message], 0)


def test_a_reconciliation_without_end_ends_the_link() -> None:
    wire = frames.set_on_wire(KEY)
    link = talk(POSTS, [])
    link.one.on_compare(frames.DIFFERS, [wire], 0)
    endless = b"\x61\x00\x00\x01" + bytes(16)  # everything, with a fingerprint that is never right
    with pytest.raises(TheirFault, match="bad_reconciliation"):
        for _ in range(limits.ROUNDS_MAX + 1):
            link.one.on_compare(frames.RECONCILED, [wire, endless], 0)


@pytest.mark.parametrize("kind", [frames.SAME, frames.DIFFERS, frames.RECONCILED, frames.NOT_SHARED])
def test_answers_that_nobody_waits_for_are_ignored(kind: int) -> None:
    wire = frames.set_on_wire(KEY)
    fields: list[Any] = {frames.RECONCILED: [wire, b"\x61"], frames.NOT_SHARED: [wire, "why"]}.get(
        kind, [wire]
    )
    link = live(POSTS, POSTS)
    for side in (link.one, link.other):
        assert side.on_compare(kind, fields, link.now) == []
    unshared: list[Any] = [frames.set_on_wire(("roster", COALITION)), *fields[1:]]
    assert link.one.on_compare(kind, unshared, link.now) == []


def test_the_side_that_answers_is_never_due_and_the_other_is() -> None:
    link = live(POSTS, POSTS)
    assert link.other.next_due() == float("inf")
    assert link.now < link.one.next_due() <= link.now + limits.COMPARE_AGAIN_S
