"""Fifty random stories of trouble. `make sim` plays 2,000; a failing one is replayed by its seed."""

from __future__ import annotations

import pytest

from tests.sim.seeds.run import replay, try_one
from tests.sim.seeds.trouble import Trouble


@pytest.mark.parametrize("seed", range(50))
def test_a_region_in_trouble_comes_together_again(seed: int) -> None:
    _, fault, _ = try_one(seed)
    assert not fault, f"{fault}\n{replay(seed)}"


def test_a_story_replays_exactly() -> None:
    told = []
    for _ in range(2):
        trouble = Trouble(5)
        trouble.run()
        told.append((trouble.story, trouble.world.network.trace.hexdigest()))
        trouble.close()
    assert told[0] == told[1]
