"""The whole flood: 10,000 keys that a bad node has made up, ten records by each, and honest needs meanwhile.

All three are real nodes with SQLite in memory; records and signatures are read once for all. What the
processor takes is not in these times; tests/bench/flood.py has real sockets and a real disk, and as much of
the flood as comes through in its time.
"""

from __future__ import annotations

from statistics import mean
from typing import Any

from tests.histories.remembering import remembered
from tests.sim.flood import IN_A_BATCH, bad_neighbor
from tests.sim.invariants import ended
from tests.sim.test_flood import QUOTA, delivery, of_home, within_bounds
from tests.sim.world import World

FALSE_KEYS, RECORDS_EACH = 10_000, 10
BETWEEN_S = 20.0
WITHIN_S = 3_600.0


def whole_flood(keys: int = FALSE_KEYS, each: int = RECORDS_EACH) -> dict[str, Any]:
    """From the first of its records until the last has been taken; needs of oak arrive all the while."""
    with remembered():
        world = World("whole flood")
        riverbend, oak = world.places("riverbend", "oak")
        coalition = world.coalition(riverbend, oak)
        flood, begin = bad_neighbor(world, riverbend, coalition)
        quiet = [delivery(world, riverbend, oak, f"Quiet {number}") for number in range(20)]
        begin(keys, each)
        flooded: list[float] = []
        begun = world.now
        while flood.taken * IN_A_BATCH < keys * each:
            flooded.append(delivery(world, riverbend, oak, f"Flooded {len(flooded)}"))
            world.run(BETWEEN_S)
            assert flood.code is None, "the flood is delayed, never refused"
            assert of_home(riverbend, flood.home) <= QUOTA, "the disk is over the quota"
            assert world.now - begun < WITHIN_S, "the flood does not end"
        within_bounds(world, flood)
        assert of_home(riverbend, flood.home) == min(QUOTA, keys * each)
        took = world.now - begun
        ended(world)
        world.close()
    return {
        "flood_records": keys * each,
        "flood_delivery_ratio_mean": round(mean(flooded) / mean(quiet), 2),
        "flood_delivery_ratio_worst": round(max(flooded) / max(quiet), 2),
        "flood_deliveries": len(flooded),
        "flood_simulated_s": round(took),
    }
