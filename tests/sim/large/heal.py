"""Fifty real nodes (SQLite, records judged, views) after a long partition, over lines that lose a fifth.

Lighter here: records and signatures are read once for all fifty (tests/histories/remembering.py), and the
encryption is left out, as always in the simulator. A frame that is lost is sent again as TCP does it, ever
later, until the line is given up; a fifth of all calls fail as well. A round is one repair period.
"""

from __future__ import annotations

from itertools import chain

from sync.peers import VISIT_EVERY_S
from tests.histories.remembering import remembered
from tests.sim.invariants import members_of, rows, settled
from tests.sim.test_trouble import region

LOSS = 0.2
APART_S = 600.0
ROUNDS_MAX = 60


def heal_rounds(size: int, seed: object) -> float:
    """Rounds from the end of a partition into halves until every node shows all."""
    with remembered():
        world, places, coalition = region(f"heal {seed}", size - 1)
        world.tick_max_s = 5.0
        world.run(60)
        world.network.loss_rate = world.network.dial_fail_rate = LOSS
        shuffled = list(places)
        world.chance.shuffle(shuffled)
        one, other = shuffled[: size // 2], shuffled[size // 2 :]
        world.partition(one, other)
        posted = 0
        for place in chain(one[:10], other[:10]):
            place.post(f"Need {posted}")
            posted += 1
            world.run(APART_S / 20)
        both = [rows(place, "SELECT count(*) FROM view_posts")[0][0] for place in (one[0], other[0])]
        assert max(both) < posted, "the halves are not apart, so this shows nothing"
        world.heal()
        begun = world.now
        while any(rows(place, "SELECT count(*) FROM view_posts") != [(posted,)] for place in places):
            world.run(1.0)
            if world.now - begun > ROUNDS_MAX * VISIT_EVERY_S:
                return float("inf")
        rounds = (world.now - begun) / VISIT_EVERY_S
        world.quiet()
        settled(world)  # equal sets and views of all that are linked, silence, and what must always hold
        same = [
            [members_of(place, (name, coalition)) for name in ("roster", "coalition")] for place in places
        ]
        assert all(one == same[0] for one in same), "sets differ between two who have no link"
        world.close()
    return rounds
