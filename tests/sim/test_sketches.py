"""Sketches in whole nodes: neighborhoods with and without them side by side, large sets, and a liar."""

from __future__ import annotations

import pytest

from node.links import Links
from sync import exchange, frames, kept, sketching
from sync.sketch import CELL_BYTES, Sketch
from tests.sim.invariants import always, settled
from tests.sim.world import Place, World

SPEAKS = (frames.SKETCH, frames.SKETCH_WANTED, frames.COMPARE_ALL, frames.COMPARED)


def said(world: World, one: Place, other: Place, *kinds: int) -> int:
    """How many frames of these types passed between two, either way."""
    ways = ((one.name, other.name), (other.name, one.name))
    return sum(world.network.delivered.get(way, {}).get(kind, 0) for way in ways for kind in kinds)


def grow_apart(world: World, one: Place, other: Place, count: int) -> None:
    """Each posts `count` needs while no line is up, then they find each other again."""
    world.network.cut(one.name, other.name)
    world.until(lambda: not one.connected(other) and not other.connected(one), 60, "both notice")
    before = len(one.board()), len(other.board())
    for number in range(count):
        for place in (one, other):
            place.post(f"{place.name} {world.now:.0f} {number}")
    world.heal()
    world.until(
        lambda: len(one.board()) >= before[0] + 2 * count and len(other.board()) >= before[1] + 2 * count,
        400,
        "each has what the other has posted",
    )


def without(place: Place, *features: str) -> None:
    """A node of an earlier version: it names fewer features from its next link on."""
    place.engine.features = tuple(name for name in frames.FEATURES if name not in features)


def test_what_was_posted_while_no_line_was_up_is_found_by_sketch() -> None:
    world = World("by sketch")
    riverbend, oak = world.places("riverbend", "oak")
    world.coalition(riverbend, oak)
    world.run(5)
    reconciled = said(world, riverbend, oak, frames.RECONCILE)
    grow_apart(world, riverbend, oak, 12)
    assert said(world, riverbend, oak, frames.SKETCH_WANTED)
    assert said(world, riverbend, oak, frames.RECONCILE) - reconciled <= 3, "pair and roster at most"
    settled(world)


@pytest.mark.parametrize("old", [("sketch", "together"), ("sketch",), ("together",)])
def test_nodes_with_and_without_the_features_share_everything(old: tuple[str, ...]) -> None:
    """Riverbend and harbor know them, oak and hillside are older: those never get such a frame."""
    world = World(f"mixed {old}")
    riverbend, oak, harbor, hillside = world.places("riverbend", "oak", "harbor", "hillside")
    for place in (oak, hillside):
        without(place, *old)
    coalition = world.coalition(riverbend, oak)
    for newcomer in (harbor, hillside):
        world.join(riverbend, newcomer, coalition)
    world.run(10)
    places = [riverbend, oak, harbor, hillside]
    world.partition([riverbend, oak], [harbor, hillside])
    world.run(60)
    for number in range(10):
        for place in places:
            place.post(f"{place.name} {number}")
    world.heal()
    world.until(lambda: all(len(place.board()) == 40 for place in places), 400, "all have all")
    settled(world)
    old_ones = {
        kind for kind in SPEAKS if (kind in (frames.SKETCH, frames.SKETCH_WANTED)) == ("sketch" in old)
    }
    if len(old) == 2:
        old_ones = set(SPEAKS)
    for one in places:
        for other in (oak, hillside):
            assert said(world, one, other, *old_ones) == 0
    assert said(world, riverbend, harbor, frames.SKETCH) and said(world, riverbend, harbor, frames.COMPARED)


def test_a_large_set_is_summed_up_bit_by_bit(monkeypatch: pytest.MonkeyPatch) -> None:
    """Until the sketch has grown, Negentropy does; then what differs is found by sketch."""
    monkeypatch.setattr(kept, "SKETCH_STEP", 0)
    world = World("bit by bit")
    riverbend, oak = world.places("riverbend", "oak")
    world.coalition(riverbend, oak)
    for number in range(40):
        riverbend.post(f"Need {number}")
    world.until(lambda: len(oak.board()) == 40, 5, "oak has them")
    grow_apart(world, riverbend, oak, 2)
    by_negentropy = said(world, riverbend, oak, frames.RECONCILE)
    assert by_negentropy and not said(world, riverbend, oak, frames.SKETCH_WANTED)
    monkeypatch.setattr(kept, "SKETCH_STEP", 2)
    world.run(60)
    grow_apart(world, riverbend, oak, 2)
    assert said(world, riverbend, oak, frames.SKETCH_WANTED)
    settled(world)


class Lies(Sketch):
    """Cells whose numbers are true and whose sums are not."""

    def copy(self) -> Lies:
        return Lies(self.key, super().copy()._cells)

    def written(self, start: int, end: int) -> bytes:
        true = super().written(start, end)
        cells = (true[at : at + CELL_BYTES] for at in range(0, len(true), CELL_BYTES))
        return b"".join(b"a lie, a lie"[: CELL_BYTES - 2] + cell[-2:] for cell in cells)


def make_a_liar(place: Place) -> None:
    links = place.links
    assert isinstance(links, Links)
    honest = links.port.sketch

    def sketch(*asked: object) -> Sketch | None:
        made = honest(*asked)  # type: ignore[arg-type]
        return Lies(made.key, made.copy()._cells) if made is not None else None

    links.port.sketch = sketch  # type: ignore[method-assign]


@pytest.mark.slow
def test_one_whose_sketches_never_come_out_even_still_shares_everything() -> None:
    """Negentropy finds what they hide, and for a day nobody tries to read them again."""
    world = World("a liar")
    riverbend, oak = world.places("riverbend", "oak")
    world.coalition(riverbend, oak)
    world.run(5)
    asks = riverbend if next(iter(riverbend.engine.sessions.values())).initiator else oak
    liar = oak if asks is riverbend else riverbend
    make_a_liar(liar)
    world.network.closed_to_calls.add(asks.name)  # so that the liar is the one who answers
    grow_apart(world, riverbend, oak, 5)
    tried = said(world, riverbend, oak, frames.SKETCH_WANTED)
    assert 2 <= tried <= 9 and said(world, riverbend, oak, frames.RECONCILE)
    assert asks.engine._sketches_failed.keys() == {liar.home}
    grow_apart(world, riverbend, oak, 5)
    assert said(world, riverbend, oak, frames.SKETCH_WANTED) == tried
    always(world)
    settled(world)
    world.run(sketching.SKIPPED_S - exchange.COMPARE_AGAIN_S)
    grow_apart(world, riverbend, oak, 1)
    settled(world)
    assert said(world, riverbend, oak, frames.SKETCH_WANTED) > tried, "they may have an honest version by now"
