"""The large scenarios at a size for every day. `make sim` has the large one, and the figures."""

from __future__ import annotations

import pytest

from tests.sim.large.broadcast import broadcast
from tests.sim.large.heal import heal_rounds


@pytest.mark.slow
def test_news_in_a_coalition_of_a_hundred() -> None:
    figures = broadcast(100, warm_up=8, posts=6, flood_posts=1)
    assert figures["broadcast_copies_per_node_100"] <= 1.4
    assert figures["broadcast_delivered_100"] == figures["broadcast_flood_delivered_100"] == 1.0
    assert figures["broadcast_flood_copies_per_node_100"] > 5 * figures["broadcast_copies_per_node_100"]
    assert figures["broadcast_delivered_after_repair_churn20"] == 1.0


@pytest.mark.slow
def test_thirty_nodes_heal_over_bad_lines() -> None:
    assert heal_rounds(30, "test") <= 12
