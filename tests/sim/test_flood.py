"""Harbor's node turns bad and floods riverbend with records by members whom it has made up."""

from __future__ import annotations

import pytest

from sync import intake
from sync.credits import BYTES_IN_FLIGHT_MAX
from tests.sim.flood import Flood, bad_neighbor
from tests.sim.invariants import always, rows
from tests.sim.world import Place, World

QUOTA = 2_000  # of the charter: things signed by the members of one neighborhood


def flooded(keys: int, each: int, *, rude: bool = False) -> tuple[World, list[float], Flood]:
    """The times that needs of oak took to riverbend's board, before the flood and in its midst."""
    world = World("flood")
    riverbend, oak = world.places("riverbend", "oak")
    coalition = world.coalition(riverbend, oak)
    flood, begin = bad_neighbor(world, riverbend, coalition)
    flood.rude = rude
    times = [max(delivery(world, riverbend, oak, f"Quiet {number}") for number in range(8))]
    begin(keys, each)
    times.append(max(delivery(world, riverbend, oak, f"Flooded {number}") for number in range(8)))
    return world, times, flood


def delivery(world: World, to: Place, by: Place, title: str) -> float:
    by.post(title)
    sql = "SELECT 1 FROM view_posts WHERE title = ?"  # the page shows a hundred, and there are more
    took = world.until(lambda: rows(to, sql, title), 60, f"{title} arrives")
    world.run(0.5)
    return took


def of_home(place: Place, home: bytes) -> int:
    """What is held of a neighborhood's members in its coalition, and aside."""
    sql = "SELECT count(*) FROM records WHERE home = ? AND author != home"
    return int(rows(place, sql, home)[0][0])


def within_bounds(world: World, flood: Flood) -> None:
    riverbend, oak = world.all[:2]
    for place in (riverbend, oak):
        assert of_home(place, flood.home) <= QUOTA
        assert place.engine.intake.size_bytes <= intake.WAITING_MAX_BYTES
        for link in place.engine.intake.links.values():
            assert link.size_bytes <= BYTES_IN_FLIGHT_MAX + 65_536
    always(world)


def test_honest_needs_arrive_in_time_and_the_disk_stays_within_the_quota() -> None:
    world, (quiet_s, flooded_s), flood = flooded(210, 10)
    assert flooded_s <= 2 * quiet_s
    world.run(120)
    assert flood.code is None, "nobody is refused: what is over the quota is only not in"
    assert of_home(world.all[0], flood.home) == QUOTA, "the lowest by hash are in"
    within_bounds(world, flood)


@pytest.mark.slow
def test_above_the_rate_it_waits_and_is_not_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(intake, "HOME_AT_ONCE_MAX", 200)
    monkeypatch.setattr(intake, "HOME_PER_S", 20.0)
    world, (quiet_s, flooded_s), flood = flooded(120, 10)
    riverbend = world.all[0]
    assert flooded_s <= 2 * quiet_s and flood.code is None
    before = of_home(riverbend, flood.home)
    assert 200 <= before <= 500 and flood.sent * 80 < 1200, "its own credits hold it back"
    world.run(10)
    assert 150 <= of_home(riverbend, flood.home) - before <= 250
    world.run(60)
    assert of_home(riverbend, flood.home) == 1200 and flood.code is None
    within_bounds(world, flood)


def test_one_who_heeds_no_credits_is_left_out_and_holds_nobody_up() -> None:
    world, (quiet_s, flooded_s), flood = flooded(200, 10, rude=True)
    riverbend = world.all[0]
    assert flooded_s <= 2 * quiet_s
    within_bounds(world, flood)
    assert riverbend.connected(world.all[1])


@pytest.mark.slow
@pytest.mark.timeout(400)
def test_ten_thousand_false_keys_of_ten_records_each() -> None:
    world, (quiet_s, flooded_s), flood = flooded(10_000, 10)
    assert flooded_s <= 2 * quiet_s
    riverbend, oak = world.all[:2]
    for minute in range(5):
        world.run(55)
        late_s = delivery(world, riverbend, oak, f"Minute {minute}")
        assert late_s <= 2 * quiet_s
        within_bounds(world, flood)
    assert of_home(riverbend, flood.home) == QUOTA and flood.code is None
