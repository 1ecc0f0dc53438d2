"""The large scenarios at a size for every day. `make sim` has the large one, and the figures."""

from __future__ import annotations

import pytest

from tests.sim.large.broadcast import broadcast
from tests.sim.large.crowd import Crowd
from tests.sim.large.flooding import whole_flood
from tests.sim.large.heal import heal_rounds


@pytest.mark.slow
def test_news_in_a_coalition_of_a_hundred() -> None:
    figures = broadcast(100, warm_up=8, posts=6, flood_posts=1)
    assert figures["broadcast_copies_per_node_100"] <= 1.4
    assert figures["broadcast_delivered_100"] == figures["broadcast_flood_delivered_100"] == 1.0
    assert figures["broadcast_flood_copies_per_node_100"] > 5 * figures["broadcast_copies_per_node_100"]
    assert figures["broadcast_delivered_after_repair_churn20"] == 1.0


def test_a_flood_to_its_end() -> None:
    """A thirtieth of it; `make sim` plays all 100,000."""
    figures = whole_flood(330, 10)
    assert figures["flood_delivery_ratio_mean"] <= 2 and figures["flood_records"] == 3_300


def test_twelve_nodes_in_a_crowd_come_to_rest() -> None:
    crowd = Crowd(12, "rest")
    crowd.start()
    crowd.run(60)
    crowd.all[3].publish("Soup")
    crowd.run(20)
    crowd.at_rest()
    crowd.all[5].port.records.popitem()
    with pytest.raises(AssertionError, match="5 holds others"):
        crowd.at_rest()


@pytest.mark.slow
def test_thirty_nodes_heal_over_bad_lines() -> None:
    assert heal_rounds(30, "test") <= 12
