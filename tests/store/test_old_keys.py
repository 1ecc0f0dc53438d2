"""Acts signed with a key that has just been replaced: at the door with the rotation, before and after it."""

from __future__ import annotations

import itertools
from collections.abc import Sequence

import pytest

from protocol.judge import check_ahead
from protocol.record import Record, parse
from tests.protocol.helpers import Coalition, Neighborhood
from tests.store.helpers import House


class Street:
    """Oak Street votes with Riverbend and Mill Lane, and replaces its key; `acts` it signed just before."""

    def __init__(self) -> None:
        self.riverbend, self.oak, mill = (Neighborhood(n) for n in ("Riverbend", "Oak Street", "Mill Lane"))
        newcomer = Neighborhood("The docks")
        self.region = Coalition("The valley", self.riverbend, self.oak, mill)
        first = self.region.agreed(self.region.charter, [self.riverbend, self.oak, mill])
        proposed = self.region.epoch(mill, first, [self.riverbend, self.oak], out=[mill])
        self.held = [*self.region.records]
        self.acts = [self.region.assent(self.oak, proposed), self.region.sponsor(self.oak, newcomer, first)]
        self.rotation = self.oak.rotate()
        self.homes = [home.inception for home in (self.riverbend, self.oak, mill)]

    def riverbend_reads(self) -> House:
        house = House(self.riverbend, coalitions=[self.region])
        house.hear(*self.homes, *self.held)
        return house


def take(house: House, batches: Sequence[Sequence[Record]], ahead: bool) -> None:
    """Batches go through the door; signatures are checked before any, or before each."""
    early = house.records.known
    for batch in batches:
        known = early if ahead else house.records.known
        parsed = [parse(record.message) for record in batch]
        house.records.take(parsed, check_ahead(parsed, known))


@pytest.mark.parametrize("ahead", [True, False])
def test_what_the_old_key_signed_comes_in_whatever_order_its_rotation_comes_in(ahead: bool) -> None:
    street = Street()
    news = [street.rotation, *street.acts]
    for order in itertools.permutations(news):
        for cuts in itertools.product((False, True), repeat=2):
            batches: list[list[Record]] = [[order[0]]]
            for record, cut in zip(order[1:], cuts, strict=True):
                if cut:
                    batches.append([])
                batches[-1].append(record)
            house = street.riverbend_reads()
            take(house, batches, ahead)
            assert house.held() >= {record.id for record in news}
            house.check()
