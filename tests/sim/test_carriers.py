"""Those who carry parcels: several in a row, and such as keep some to themselves."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import pytest

from node.store.records import Added, Outcome
from protocol.judge import Checked
from protocol.record import Record, parse
from tests.sim.invariants import rows, settled
from tests.sim.test_parcels import eventually, need_at_harbor, parcels_of
from tests.sim.test_stories import arrange, balance, chain, share_hours, undelivered
from tests.sim.world import Place, World


def four_in_a_row(seed: object) -> tuple[World, Place, Place, Place, Place]:
    """Riverbend - oak - mill - harbor: each is linked with its neighbors in the row only."""
    world = World(seed)
    riverbend, oak, mill, harbor = world.places("riverbend", "oak", "mill", "harbor")
    for one, other in (("riverbend", "mill"), ("riverbend", "harbor"), ("oak", "harbor")):
        world.network.cut(one, other)
    coalition = world.coalition(oak, mill)
    world.join(oak, riverbend, coalition)
    world.join(mill, harbor, coalition)
    world.run(40)
    assert not riverbend.connected(mill) and not harbor.connected(oak) and oak.connected(mill)
    return world, riverbend, oak, mill, harbor


def test_a_promise_and_hours_over_two_who_carry() -> None:
    world, riverbend, oak, mill, harbor = four_in_a_row("two hops")
    soup = need_at_harbor(world, riverbend, harbor)
    promise = arrange(world, harbor, riverbend, soup, seconds=10)
    share_hours(world, harbor, riverbend, promise, seconds=10)
    world.until(lambda: undelivered(harbor) == undelivered(riverbend) == 0, 20, "both know that all arrived")
    assert balance(harbor) == 75 and balance(riverbend) == -75
    for carrier in (oak, mill):
        assert parcels_of(carrier) and rows(carrier, "SELECT * FROM view_promises") == []
    assert not harbor.connected(riverbend)
    settled(world)


def withhold(place: Place, swallows: Callable[[int], bool]) -> list[int]:
    """This node's administrator altered it: of the parcels that come by, it throws some away. Counts them."""
    records, seen = place.node.records, [0, 0]
    honest, honest_take = records.add, records.take

    def swallowed(message: bytes) -> bool:
        try:
            kind = parse(message).kind
        except Exception:
            kind = ""
        if kind == "parcel" and message not in known:
            known[message] = swallows(seen[0])
            seen[0] += 1
            seen[1] += known[message]
        return known.get(message, False)

    def add(message: bytes) -> object:
        return Added("never", "bad_field") if swallowed(message) else honest(message)

    def take(batch: Sequence[Record], checked: Checked) -> list[Outcome]:
        kept = [record for record in batch if not swallowed(record.message)]
        return [*honest_take(kept, checked), *(["never"] * (len(batch) - len(kept)))]

    known: dict[bytes, bool] = {}
    records.add, records.take = add, take
    place.honest = False
    return seen


@pytest.mark.parametrize("one_in", [pytest.param(2, marks=pytest.mark.slow), 3])
def test_a_carrier_who_withholds_some_only_delays(one_in: int) -> None:
    """What is withheld is missing in no fingerprint that comes back: so it is sealed again, and again."""
    world, riverbend, oak, harbor, _ = chain(f"withheld {one_in}")
    soup = need_at_harbor(world, riverbend, harbor)
    chance = world.chance
    seen = withhold(oak, lambda number: chance.randrange(one_in) == 0 or number == 0)
    promise = arrange(world, harbor, riverbend, soup, seconds=20_000)
    share_hours(world, harbor, riverbend, promise, seconds=20_000)
    eventually(world, lambda: undelivered(harbor) == undelivered(riverbend) == 0, 3, "both know in the end")
    assert 1 <= seen[1] < seen[0] <= 40


def test_of_two_carriers_one_who_withholds_everything_is_of_no_account() -> None:
    world = World("two ways")
    riverbend, oak, mill, harbor = world.places("riverbend", "oak", "mill", "harbor")
    coalition = world.coalition(oak, mill)
    world.network.cut("riverbend", "harbor")
    world.join(oak, riverbend, coalition)
    world.join(mill, harbor, coalition)
    world.run(40)
    assert harbor.connected(oak) and harbor.connected(mill)
    soup = need_at_harbor(world, riverbend, harbor)
    seen = withhold(oak, lambda number: True)
    promise = arrange(world, harbor, riverbend, soup, seconds=10)
    share_hours(world, harbor, riverbend, promise, seconds=10)
    world.until(lambda: undelivered(harbor) == undelivered(riverbend) == 0, 20, "both know that all arrived")
    assert seen[1] > 0
