"""How news spreads in a coalition of a thousand (crowd.py says what is lighter there), quiet and in churn."""

from __future__ import annotations

from typing import Any

from protocol.record import Record
from sync import events
from sync.peers import VISIT_EVERY_S
from tests.sim.large.crowd import Crowd

REPAIR_S = VISIT_EVERY_S  # the repair period: each node visits a random member, and compares its links
REPAIRS = 3


def _publish(crowd: Crowd, number: int, apart_s: float) -> list[Record]:
    """Needs of random members, one after the other."""
    records = []
    for _ in range(number):
        records.append(crowd.chance.choice(crowd.all).publish(f"Need {crowd.published}"))
        crowd.run(apart_s)
    return records


def spread(crowd: Crowd, posts: int) -> dict[str, float]:
    """Copies of each record that arrive, for each node but the one that wrote it; and ids named."""
    copies, named = crowd.copies, crowd.named
    records = _publish(crowd, posts, 10.0)
    crowd.run(20)
    receivers = posts * (len(crowd.all) - 1)
    return {
        "copies": (crowd.copies - copies) / receivers,
        "named": (crowd.named - named) / receivers,
        "delivered": sum(crowd.holding(record) - 1 for record in records) / receivers,
    }


def churn(crowd: Crowd, share: float, posts: int) -> float:
    """A share of all leave and come back while needs are posted, half of them without a word.

    Gives which part of all that should have arrived has: at each need, three repair periods later, at every
    node that has a link then.
    """
    chance = crowd.chance
    leaving = chance.sample(crowd.all, int(len(crowd.all) * share))
    staying = [node for node in crowd.all if node not in leaving]
    begun = crowd.now
    for node in leaving:
        silently = chance.random() < 0.5
        gone_at = begun + chance.uniform(0, REPAIR_S)
        crowd.at(gone_at, lambda node=node, silently=silently: node.stop(silently))  # type: ignore[misc]
        crowd.at(gone_at + chance.uniform(10, REPAIR_S), node.start)
    held: list[bool] = []

    def publish() -> None:
        record = chance.choice(staying).publish(f"Need {crowd.published}")
        crowd.at(crowd.now + REPAIRS * REPAIR_S, lambda: look(record))

    def look(record: Record) -> None:
        held.extend(record.id in node.port.records for node in crowd.all if node.connected)

    for _ in range(posts):
        crowd.at(begun + chance.uniform(0, REPAIR_S), publish)
    crowd.run((REPAIRS + 2) * REPAIR_S)
    assert len(held) > posts * len(crowd.all) * 0.9, "hardly anybody is connected: this proves nothing"
    return sum(held) / len(held)


def broadcast(size: int, warm_up: int = 20, posts: int = 20, flood_posts: int = 4) -> dict[str, Any]:
    """The figures of one coalition: the tree, churn, and, with the same nodes, the flood."""
    crowd = Crowd(size, f"broadcast {size}")
    crowd.start()
    crowd.run(60)
    links = crowd.links()
    _publish(crowd, warm_up, 5.0)
    crowd.run(10)
    tree = spread(crowd, posts)
    delivered = churn(crowd, 0.2, 10)
    crowd.at_rest()
    crowd.features = ()
    for node in crowd.all:
        node.runner.engine.features = ()
        node.runner.event(events.Renewed())
    crowd.run(90)
    flood = spread(crowd, flood_posts)
    crowd.at_rest()
    return {
        f"broadcast_copies_per_node_{size}": round(tree["copies"], 3),
        f"broadcast_named_per_node_{size}": round(tree["named"], 2),
        f"broadcast_delivered_{size}": tree["delivered"],
        f"broadcast_links_per_node_{size}": round(links, 2),
        f"broadcast_flood_copies_per_node_{size}": round(flood["copies"], 3),
        f"broadcast_flood_delivered_{size}": flood["delivered"],
        "broadcast_delivered_after_repair_churn20": delivered,
    }
