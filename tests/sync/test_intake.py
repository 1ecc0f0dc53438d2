"""Records wait their turn: fair to links, neighborhoods and authors; bounded, delayed and never refused."""

from __future__ import annotations

from collections import Counter

import pytest

from protocol.record import Record
from protocol.scopes import coalition
from sync import intake as limits
from sync.credits import BATCHES_IN_FLIGHT_MAX, BYTES_IN_FLIGHT_MAX, Credits, offered
from sync.frames import RECORDS_MAX, RECORDS_SIZE_MAX_BYTES
from sync.intake import Intake, Turn
from sync.sets import PATIENCE_S
from tests.protocol.helpers import Neighborhood

SCOPE = coalition(bytes(32))
RIVERBEND, OAK, HARBOR = (Neighborhood(name) for name in ("Riverbend", "Oak", "Harbor"))
ANA, BEN = RIVERBEND.member("Ana"), RIVERBEND.member("Ben")
ONE, OTHER = 1, 2  # links


def posts(home: Neighborhood, count: int, name: str = "Ida") -> list[Record]:
    member = home.member(name)
    return [member.post(SCOPE, title=f"{name} {number}") for number in range(count)]


OF_OAK = posts(OAK, 30)
OF_HARBOR = posts(HARBOR, 150)


def put(intake: Intake, records: list[Record], number: int = 1, link: int = ONE) -> None:
    batch = intake.put(link, bytes([link]) * 32, number, [record.message for record in records], 0.0)
    assert batch is not None and batch.left == len(records)


def turns(intake: Intake, now: float = 0.0) -> list[Turn]:
    found = []
    while (turn := intake.turn(now)) is not None:
        intake.done(turn, 0, now)
        found.append(turn)
    return found


def taken(intake: Intake, now: float = 0.0) -> list[Record]:
    return [record for turn in turns(intake, now) for record in turn.records]


def test_everything_goes_through_once_a_few_at_a_time() -> None:
    intake = Intake()
    put(intake, OF_HARBOR)
    found = turns(intake)
    assert all(len(turn.records) <= limits.AT_ONCE_MAX for turn in found)
    assert Counter(r.id for turn in found for r in turn.records) == Counter(r.id for r in OF_HARBOR)
    assert intake.size_bytes == 0 and intake.waiting(ONE) == 0 and intake.next_due() == float("inf")


def test_a_batch_is_over_when_its_last_record_is() -> None:
    intake = Intake()
    put(intake, OF_HARBOR, number=7)
    over = []
    while (turn := intake.turn(0.0)) is not None:
        over.append(intake.done(turn, 0, 0.0))
    assert over == [[]] * (len(over) - 1) + [[7]]


def test_links_take_turns() -> None:
    intake = Intake()
    put(intake, OF_HARBOR, link=ONE)
    put(intake, OF_OAK, link=OTHER)
    assert [turn.link for turn in turns(intake)][:3] == [ONE, OTHER, ONE]


def test_turns_are_short_while_others_bring_records_too() -> None:
    intake = Intake()
    put(intake, OF_HARBOR, link=ONE)
    first = intake.turn(0.0)
    assert first is not None and len(first.records) == limits.AT_ONCE_MAX
    put(intake, OF_OAK[:1], link=OTHER)
    assert [len(turn.records) for turn in (intake.turn(0.5), intake.turn(0.5)) if turn] == [8, 1]
    last = intake.turn(1.1 + limits.OTHERS_S)
    assert last is not None and len(last.records) == limits.AT_ONCE_MAX


def test_neighborhoods_of_one_link_take_turns_and_so_do_authors() -> None:
    intake = Intake()
    put(intake, [*OF_HARBOR, *OF_OAK])
    first = intake.turn(0.0)
    assert first is not None
    assert Counter(record.home for record in first.records)[OAK.id] == len(OF_OAK)
    quiet = Intake()
    put(quiet, [*posts(RIVERBEND, 100, "Ana"), *posts(RIVERBEND, 5, "Ben")])
    first = quiet.turn(0.0)
    assert first is not None and sum(record.author == BEN.key for record in first.records) == 5


def test_keys_and_rosters_go_first() -> None:
    intake = Intake()
    put(intake, [*OF_OAK, HARBOR.inception])
    first = intake.turn(0.0)
    assert first is not None and [record.id for record in first.records] == [HARBOR.id]


def test_above_its_rate_a_neighborhood_waits_and_the_others_do_not(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(limits, "HOME_AT_ONCE_MAX", 20)
    monkeypatch.setattr(limits, "HOME_PER_S", 10.0)
    intake = Intake()
    put(intake, OF_HARBOR[:100], number=1)
    put(intake, OF_OAK[:20], number=2)
    homes = Counter(record.home for record in taken(intake))
    assert homes == {HARBOR.id: 20, OAK.id: 20}, "none is refused, the rest stays"
    assert intake.waiting(ONE) == 80 and 0 < intake.next_due() <= 0.2
    assert len(taken(intake, 1.0)) == 10, "as the rate allows"
    assert len(taken(intake, 1.5)) == 5
    late = [len(taken(intake, 1.5 + second)) for second in range(1, 8)]
    assert sum(late) == 65 and intake.waiting(ONE) == 0


def test_an_author_above_the_rate_leaves_room_for_the_neighbors(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(limits, "AUTHOR_AT_ONCE_MAX", 10)
    monkeypatch.setattr(limits, "AUTHOR_PER_S", 1.0)
    intake = Intake()
    put(intake, [*posts(RIVERBEND, 50, "Ana"), *posts(RIVERBEND, 8, "Ben")])
    authors = Counter(record.author for record in taken(intake))
    assert authors == {ANA.key: 10, BEN.key: 8}


def test_rates_are_those_of_a_peer_so_nobody_uses_up_anothers(monkeypatch: pytest.MonkeyPatch) -> None:
    """What a bad neighbor sends in harbor's name does not delay what harbor says itself."""
    monkeypatch.setattr(limits, "HOME_AT_ONCE_MAX", 20)
    intake = Intake()
    put(intake, OF_HARBOR[:100], link=ONE)
    taken(intake)
    put(intake, OF_HARBOR[100:120], link=OTHER)
    assert len(taken(intake)) == 20


def test_to_call_again_gives_no_new_rate(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(limits, "HOME_AT_ONCE_MAX", 20)
    intake = Intake()
    put(intake, OF_HARBOR[:50])
    assert len(taken(intake)) == 20
    intake.drop(ONE)
    assert intake.size_bytes == 0
    intake.put(3, bytes([ONE]) * 32, 1, [record.message for record in OF_HARBOR[50:]], 0.0)
    assert taken(intake) == []


def test_a_link_that_brings_nothing_new_waits(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(limits, "USELESS_AT_ONCE_MAX", 50)
    intake = Intake()
    put(intake, OF_HARBOR)
    put(intake, OF_OAK, link=OTHER)
    useless = []
    while (turn := intake.turn(0.0)) is not None:
        intake.done(turn, len(turn.records) if turn.link == ONE else 0, 0.0)
        useless.append(turn.link)
    assert intake.waiting(OTHER) == 0 and intake.waiting(ONE) > 0
    assert 50 <= limits.AMONG_OTHERS_MAX * useless.count(ONE) <= 70
    assert intake.turn(10.0) is not None, "delayed, not refused"


def test_what_goes_beyond_the_credits_is_left_out_whole() -> None:
    intake = Intake()
    for number in range(BATCHES_IN_FLIGHT_MAX):
        put(intake, OF_OAK[number : number + 1], number)
    before = intake.waiting(ONE)
    assert intake.put(ONE, bytes([ONE]) * 32, 99, [OF_OAK[20].message], 0.0) is None
    assert intake.put(OTHER, bytes([OTHER]) * 32, 99, [OF_OAK[20].message], 0.0) is not None, (
        "others have their own"
    )
    assert intake.waiting(ONE) == before and intake.peer(bytes([ONE]) * 32).left_out == 1


def test_all_links_together_are_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(limits, "WAITING_MAX_BYTES", 3 * sum(len(r.message) for r in OF_OAK))
    intake = Intake()
    kept = [
        intake.put(link, bytes([link]) * 32, 1, [record.message for record in OF_OAK], 0.0)
        for link in range(5)
    ]
    assert [batch is not None for batch in kept] == [True] * 3 + [False] * 2


def test_unreadable_records_hold_up_no_other() -> None:
    intake = Intake()
    batch = intake.put(ONE, bytes(32), 1, [b"nonsense", OF_OAK[0].message, b""], 0.0)
    assert batch is not None and (batch.unreadable, batch.left) == (2, 1)
    assert [record.id for record in taken(intake)] == [OF_OAK[0].id]


# ---- credits


def test_what_both_sides_take_is_the_lower_of_the_two() -> None:
    credits = Credits()
    assert credits.room_bytes() == RECORDS_SIZE_MAX_BYTES
    credits.negotiate(3, 2, 1_000)
    assert (credits.records_max, credits.batches_max, credits.bytes_max) == (3, 2, 1_000)
    credits.negotiate(*[10**9] * 3)
    assert [credits.records_max, credits.batches_max, credits.bytes_max] == offered()
    credits.negotiate(5, 6)
    assert credits.bytes_max == BYTES_IN_FLIGHT_MAX, "an older node says nothing of bytes"
    credits.negotiate()
    assert credits.records_max == RECORDS_MAX


def test_bytes_bound_what_is_under_way_but_one_record_may_always_go() -> None:
    credits = Credits()
    credits.negotiate(200, 8, 1_000)
    assert credits.room_bytes() == RECORDS_SIZE_MAX_BYTES, "alone, whatever its size"
    first = credits.spend(900, 0.0)
    assert credits.room_bytes() == 100
    second = credits.spend(100, 1.0)
    assert credits.room_bytes() == 0
    assert credits.regain(first) and not credits.regain(first) and credits.room_bytes() == 900
    credits.expire(1.0 + PATIENCE_S)
    assert second in credits.sent
    credits.expire(1.1 + PATIENCE_S)
    assert not credits.sent and credits.size_bytes == 0


def test_the_number_of_batches_bounds_too() -> None:
    credits = Credits()
    for _ in range(BATCHES_IN_FLIGHT_MAX):
        assert credits.room_bytes() > 0
        credits.spend(10, 0.0)
    assert credits.room_bytes() == 0
