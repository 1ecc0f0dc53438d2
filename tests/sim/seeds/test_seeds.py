"""Fifty random stories of trouble. `make sim` plays 2,000; a failing one is replayed by its seed."""

from __future__ import annotations

from collections import Counter

import pytest

from tests.sim.seeds.run import replay, try_one
from tests.sim.seeds.trouble import Trouble

AT_ONCE = 5
CONFIRMED_MIN = 2  # among so many stories: or the ledger would hardly be tried


@pytest.mark.parametrize("first", range(0, 50, AT_ONCE))
def test_a_region_in_trouble_comes_together_again(first: int) -> None:
    happened: Counter[str] = Counter()
    for seed in range(first, first + AT_ONCE):
        _, fault, seen = try_one(seed)
        assert not fault, f"{fault}\n{replay(seed)}"
        happened += seen
    assert happened["confirmed"] >= CONFIRMED_MIN, f"hardly an hour in seeds {first} to {first + AT_ONCE - 1}"


def test_a_story_replays_exactly() -> None:
    told = []
    for _ in range(2):
        trouble = Trouble(5)
        trouble.run()
        told.append((trouble.story, trouble.world.network.trace.hexdigest()))
        trouble.close()
    assert told[0] == told[1]
