"""Parcels over weeks and months: sealed words for neighbors whom no line reaches, and for those who are away.

Months are long. So in `days` nodes look at their timetables every twenty minutes only, compare and call
every hour, and clear up every six; nothing of this is about how often they do.
"""

from __future__ import annotations

from collections.abc import Callable

import pytest

from node import links
from node.actions import neighborhoods, promises, standings
from node.store import neighbors
from protocol.kinds.parcel import PADDED_SIZES_BYTES
from protocol.kinds.roster import Charter
from protocol.record import parse
from protocol.scopes import DAY_S
from sync import exchange, peers
from sync import parcels as timetable
from tests.sim import runner
from tests.sim.invariants import always, rows, settled
from tests.sim.test_stories import arrange, balance, chain, share_hours, undelivered
from tests.sim.test_who_gets_what import assent_of
from tests.sim.world import Place, World

SEAL_BYTES = 48  # an ephemeral key and a tag


@pytest.fixture
def months(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(exchange, "COMPARE_AGAIN_S", 3600.0)
    monkeypatch.setattr(peers, "DIAL_MAX_S", 3600.0)
    monkeypatch.setattr(links, "HOUSEKEEPING_S", 6 * 3600.0)


def days(world: World, count: float) -> None:
    """Let days pass, with a tick every twenty minutes."""
    world.tick_max_s, usual = 1200.0, runner.TICK_MIN_S
    runner.TICK_MIN_S = 1200.0
    try:
        world.run(count * DAY_S)
    finally:
        world.tick_max_s, runner.TICK_MIN_S = 1.0, usual
    for place in world.all:
        if place.running:
            place.runner._arm()  # the long waits are over


def eventually(world: World, happened: Callable[[], object], days_max: float, words: str) -> None:
    """As `World.until`, for what may take days."""
    end = world.now + days_max * DAY_S
    while not happened():
        assert world.now < end, f"not within {days_max} days: {words} (seed {world.seed!r})"
        world.run(30)


def parcels_of(place: Place) -> list[bytes]:
    """What is sealed in every parcel that a node holds."""
    return [
        parse(message).body["sealed"]
        for (message,) in rows(place, "SELECT message FROM records WHERE kind = 'parcel' AND status = 0")
    ]


def prekeys(place: Place) -> list[tuple[bytes, int]]:
    held = neighbors.prekeys(place.node.connection)
    return [(public, made) for public, _, made in held]


def card_prekey(place: Place, of: Place) -> bytes | None:
    return neighbors.card_prekey(place.node.connection, of.home)


def need_at_harbor(world: World, riverbend: Place, harbor: Place, title: str = "Soup for two") -> bytes:
    soup = riverbend.post(title, days=90)
    world.until(lambda: title in harbor.board(), 5, "the need crosses oak")
    return soup


# ---- away


@pytest.mark.parametrize("away_days", [40, pytest.param(75, marks=pytest.mark.slow)])
@pytest.mark.usefixtures("months")
def test_what_was_sealed_to_an_old_prekey_opens_when_its_owner_comes_back(away_days: int) -> None:
    """It left with a prekey of four weeks; nothing but parcels sealed to that one waits for it."""
    world, riverbend, _, harbor, _ = chain(f"away {away_days}")
    days(world, 28)
    ((old, made),) = prekeys(riverbend)
    soup = need_at_harbor(world, riverbend, harbor)
    riverbend.stop()
    first = harbor.offer_help(soup)
    days(world, 20)
    second = harbor.offer_help(soup, by=harbor.member("Ines"))
    days(world, away_days - 20)
    assert card_prekey(harbor, riverbend) == old, "it could not renew it"
    assert riverbend.node.now() - made > 60 * DAY_S
    harbor.stop()  # so nothing is sealed anew when it comes back
    riverbend.start()
    world.until(lambda: len(riverbend.inbox().to_answer) == 2, 3700, "what was sealed in between opens")
    assert {promise.id for promise in riverbend.inbox().to_answer} == {first, second}
    assert prekeys(riverbend)[0][0] != old, "and from now on it has another"
    harbor.start()
    promises.agree(riverbend.node, riverbend.coordinator, first)
    world.until(lambda: [p.state for p in harbor.inbox().arranged] == ["agreed"], 3700, "the answer comes")
    world.until(lambda: undelivered(harbor) == undelivered(riverbend) == 0, 60, "both know that all is there")
    always(world)


@pytest.mark.usefixtures("months")
def test_a_prekey_that_is_gone_heals_by_the_next_card() -> None:
    """As after a loss: nothing that waits can be opened, and the sender notices by the new card."""
    world, riverbend, _, harbor, _ = chain("lost prekey")
    soup = need_at_harbor(world, riverbend, harbor)
    riverbend.stop()
    promise = harbor.offer_help(soup)
    days(world, 62)
    riverbend.node.connection.execute("DELETE FROM prekeys")
    riverbend.start()
    world.until(lambda: riverbend.inbox().to_answer, 3700, "it was sealed again, to the new card")
    assert riverbend.inbox().to_answer[0].id == promise
    world.until(lambda: undelivered(harbor) == 0, 60, "and harbor knows that it arrived")
    always(world)


@pytest.mark.usefixtures("months")
def test_a_sender_who_was_away_longer_than_the_prekey_it_knows_lives() -> None:
    world, riverbend, _, harbor, _ = chain("away sender")
    soup = need_at_harbor(world, riverbend, harbor)
    harbor.links.runner.running = False  # the node runs, its network is down
    world.network.cut("oak", "harbor")
    promise = harbor.offer_help(soup)
    harbor.links.runner.running = True
    days(world, 70)
    known = card_prekey(harbor, riverbend)
    assert known not in [public for public, _ in prekeys(riverbend)], "what it seals to is deleted"
    world.heal()
    world.network.cut("riverbend", "harbor")
    world.until(lambda: riverbend.inbox().to_answer, 3700, "sealed again to the newer card")
    assert riverbend.inbox().to_answer[0].id == promise
    world.until(lambda: undelivered(harbor) == 0, 60, "and harbor knows that it arrived")


@pytest.mark.usefixtures("months")
def test_who_is_away_does_not_cost_more_with_each_promise() -> None:
    """Sixty promises wait for a neighbor: more than fit into four parcels. All arrive, none is sent daily."""
    world, riverbend, oak, harbor, _ = chain("many")
    soup = need_at_harbor(world, riverbend, harbor, "Sixty chairs")
    riverbend.stop()
    for number in range(60):
        harbor.offer_help(soup, by=harbor.member(f"Neighbor {number}"), note="I bring one. " * 20)
        days(world, 1 / 24)
    days(world, 8)
    held = parcels_of(oak)
    assert len(held) <= 60 + 4 * 22, f"{len(held)} parcels"
    assert sum(map(len, held)) < 60 * 1_500 + 4 * 22 * 7_300
    riverbend.start()
    world.until(lambda: len(riverbend.inbox().to_answer) == 60, 3700, "all arrived")
    world.until(lambda: undelivered(harbor) == 0, 60, "and harbor knows")
    (answers,) = rows(oak, "SELECT count(*) FROM records WHERE home = ? AND kind = 'parcel'", riverbend.home)[
        0
    ]
    assert answers <= 4, "one word for all of them, not one for each"
    always(world)


class SmallQuota(Charter, frozen=True, kw_only=True):
    """A charter as ever, but for the number of a neighborhood's own acts."""

    home_things: int = 40


@pytest.mark.usefixtures("months")
def test_parcels_leave_room_for_everything_else_that_a_neighborhood_says(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """A coalition with a quota of forty things: the card and new promises keep their room in it."""
    monkeypatch.setattr(neighborhoods, "Charter", SmallQuota)
    world, riverbend, oak, harbor, _ = chain("small")
    soup = need_at_harbor(world, riverbend, harbor)
    riverbend.stop()
    harbor.offer_help(soup)
    days(world, 26)
    (living,) = rows(harbor, "SELECT count(*) FROM records WHERE kind = 'parcel'")[0]
    assert 15 <= living <= 20, "half of the quota, once a day: then older ones must be over"
    harbor.offer_help(soup, by=harbor.member("Ines"))
    world.run(5)
    assert len(parcels_of(oak)) == living + 1, "something new still goes"
    world.until(lambda: card_prekey(oak, harbor) is not None, 5, "the card has its place")
    days(world, 10)
    assert len(parcels_of(harbor)) <= 30
    riverbend.start()
    world.until(lambda: len(riverbend.inbox().to_answer) == 2, 3700, "both arrived")


# ---- prekeys


@pytest.mark.slow
@pytest.mark.usefixtures("months")
def test_prekeys_are_renewed_every_month_and_the_old_ones_deleted() -> None:
    world, riverbend, _, harbor, _ = chain("prekeys")
    seen: dict[bytes, int] = {}
    for _ in range(200):
        days(world, 1)
        held = prekeys(riverbend)
        seen |= dict(held)
        assert card_prekey(harbor, riverbend) == held[0][0], "the others have the newest"
        assert len(held) <= 2
        now = riverbend.node.now()
        assert now - held[0][1] <= standings.PREKEY_AGE_MAX_S + 1.1 * DAY_S
        assert all(now - made <= 61 * DAY_S for _, made in held), "two months, and none for longer"
    assert len(seen) == 200 // 30 + 1
    always(world)


@pytest.mark.usefixtures("months")
def test_a_prekey_made_on_a_clock_that_ran_ahead_does_not_stay_for_years() -> None:
    world = World("ahead")
    riverbend, oak = world.places("riverbend", "oak")
    world.coalition(riverbend, oak)
    with riverbend.node.records.transaction():
        riverbend.node.connection.execute("UPDATE prekeys SET made = made + ?", (3650 * DAY_S,))
    ((wrong, _),) = prekeys(riverbend)
    days(world, 31)
    assert prekeys(riverbend)[0][0] != wrong
    days(world, 31)
    assert wrong not in [public for public, _ in prekeys(riverbend)]


# ---- what carriers see


def test_parcels_have_five_sizes_and_leave_at_no_regular_moment() -> None:
    world, riverbend, oak, harbor, _ = chain("sizes")
    waits: list[float] = []
    for number in range(25):
        soup = riverbend.post(f"Soup {number}")
        world.until(lambda title=f"Soup {number}": title in harbor.board(), 5, "the need crosses oak")
        world.run(world.chance.random())
        before = len(parcels_of(harbor))
        harbor.offer_help(soup, note="x" * (number * 20))
        begun = world.now
        world.until(lambda n=before: len(parcels_of(harbor)) > n, 4, "a parcel leaves")
        waits.append(world.now - begun)
        world.until(lambda: undelivered(harbor) == 0, 10, "it arrived")
    sizes = {len(sealed) - SEAL_BYTES for sealed in parcels_of(oak)}
    assert sizes <= set(PADDED_SIZES_BYTES) and len(sizes) >= 3
    assert max(waits) <= timetable.SOON_S + 1.1 and max(waits) - min(waits) > 1.0
    assert len({round(wait, 1) for wait in waits}) >= 10, "spread, not on the tick"


@pytest.mark.usefixtures("months")
def test_after_everything_arrived_there_is_silence_for_a_month() -> None:
    world, riverbend, oak, harbor, _ = chain("silence")
    soup = need_at_harbor(world, riverbend, harbor)
    promise = arrange(world, harbor, riverbend, soup, seconds=10)
    share_hours(world, harbor, riverbend, promise, seconds=10)
    world.until(lambda: undelivered(harbor) == undelivered(riverbend) == 0, 20, "all has arrived")
    world.run(60)
    parcels = len(parcels_of(oak))
    assert parcels <= 12
    other = "SELECT id FROM records WHERE kind NOT IN ('node', 'parcel') ORDER BY id"
    before = [rows(place, other) for place in world.all]
    for _ in range(27):
        days(world, 1)
        assert len(parcels_of(oak)) <= parcels, "not one more"
        assert not any(place.links.parcels.schedule.due for place in world.all)
    days(world, 7)
    assert len(parcels_of(oak)) == 0, "and those of then are over"
    assert [rows(place, other) for place in world.all] == before
    settled(world, quiet_s=7300)


# ---- who is waited for


@pytest.mark.parametrize("places_max", [2, 3])
def test_more_partners_than_can_be_waited_for_get_theirs_in_turn(
    places_max: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(timetable, "PARTNERS_MAX", places_max)
    world = World(f"crowd {places_max}")
    oak, riverbend = world.places("oak", "riverbend")
    coalition = world.coalition(oak, riverbend)
    far = [world.place(f"far {number}", nat=True) for number in range(6)]
    world.network.closed_to_calls.add("riverbend")
    for place in far:
        world.join(oak, place, coalition)
    soup = riverbend.post("Soup for six", days=60, slots=6)
    world.until(lambda: all("Soup for six" in place.board() for place in far), 10, "all see the need")
    for place in far:
        place.offer_help(soup)
    world.until(lambda: len(riverbend.inbox().to_answer) == 6, 20, "all offers arrive")
    for place in far:  # nobody is there to say that it arrived
        place.stop()
    for promise in riverbend.inbox().to_answer:
        promises.agree(riverbend.node, riverbend.coordinator, promise.id)
        assert len(riverbend.links.parcels.schedule.due) <= places_max
        world.run(3)
    world.run(20)
    for place in far:
        place.start()

    def all_know() -> bool:
        return all([p.state for p in place.inbox().arranged] == ["agreed"] for place in far)

    world.until(all_know, 400, "every answer arrives")
    world.until(lambda: undelivered(riverbend) == 0, 400, "and riverbend knows")
    always(world)


@pytest.mark.usefixtures("months")
def test_a_partner_who_is_out_of_the_coalition_and_comes_back() -> None:
    world, riverbend, oak, harbor, coalition = chain("out")
    soup = need_at_harbor(world, riverbend, harbor)
    promise = arrange(world, harbor, riverbend, soup, seconds=10)
    share_hours(world, harbor, riverbend, promise, seconds=10)
    world.remove(oak, coalition, harbor, voters=[oak, riverbend])
    assent_of(world, riverbend, coalition)
    world.until(lambda: len(riverbend.links.port.members(coalition)) == 2, 10, "harbor is out")
    promises.done(riverbend.node, riverbend.coordinator, promise)  # a word for harbor
    days(world, 3)
    mine = rows(riverbend, "SELECT count(*) FROM records WHERE kind = 'parcel' AND home = ?", riverbend.home)
    days(world, 3)
    again = "SELECT count(*) FROM records WHERE kind = 'parcel' AND home = ?"
    assert rows(riverbend, again, riverbend.home) == mine, "nothing is sealed for whom it cannot reach"
    assert not riverbend.links.parcels.schedule.due
    assert balance(riverbend) == -75 and undelivered(riverbend) > 0, "hours stand, and the page says it waits"
    world.join(oak, harbor, coalition)
    world.until(lambda: undelivered(riverbend) == 0, 3700, "it goes out when harbor is back")
    always(world)
