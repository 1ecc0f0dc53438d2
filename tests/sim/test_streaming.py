"""Harbor has just joined and holds next to nothing: it is sent everything in order, over a bad line too."""

from __future__ import annotations

from typing import Any

import pytest

from sync import credits, frames
from sync.frames import read_frame
from sync.passing import Passing
from sync.streaming import FEATURE
from tests.sim.invariants import rows, settled
from tests.sim.world import Place, World

POSTS = 160


class Listener:
    """Every frame about streams and comparisons that was delivered; breaks the link where it is told to."""

    def __init__(self, world: World, breaks: int = 0) -> None:
        self.world = world
        self.breaks = breaks
        self.asked: list[list[Any]] = []  # the points from which a stream was asked for
        self.records: list[bytes] = []
        self.kinds: list[int] = []  # of frames about the coalition's set
        world.network.tap = self._hear

    def _hear(self, sender: str, receiver: str, data: bytes) -> None:
        kind, fields = read_frame(data)
        if kind not in (frames.STREAM, frames.STREAMED, frames.RECONCILE) or fields[0][0] != 1:
            return
        self.kinds.append(kind)
        if kind == frames.STREAM:
            self.asked.append(fields[1])
        elif kind == frames.STREAMED:
            self.records += fields[2]
            if self.breaks:
                self.world.at(self.world.now + 0.001, lambda: self._break(sender, receiver))

    def _break(self, *names: str) -> None:
        for wire in list(self.world.network.wires):
            if self.breaks and {party.name for party in wire.parties} == set(names):
                self.breaks -= 1
                self.world.network.kill(wire, 0.2)


def two_with_much(count: int = POSTS) -> tuple[World, Place, Place, bytes]:
    world = World("streaming")
    riverbend, oak = place(world, "riverbend"), place(world, "oak")
    coalition = world.coalition(riverbend, oak)
    for number in range(count):
        riverbend.post(f"Need {number}", riverbend.member(f"Member {number % 4}"), text="x" * 1500)
        if number % 40 == 0:
            world.run(100)  # of different times
    world.run(30)
    return world, riverbend, oak, coalition


def place(world: World, name: str) -> Place:
    """A place that knows streams, and no sketches: those would find so few differences by themselves."""
    made = world.place(name)
    made.engine.features = (FEATURE,)
    return made


def held(place: Place) -> int:
    return int(rows(place, "SELECT count(*) FROM view_posts")[0][0])


def test_a_newcomer_is_sent_everything_in_order() -> None:
    world, riverbend, _, coalition = two_with_much()
    harbor = place(world, "harbor")
    heard = Listener(world)
    world.join(riverbend, harbor, coalition)
    world.until(lambda: held(harbor) == POSTS, 30, "everything is there")
    assert heard.asked == [[0, bytes(32)]], "asked once, from the beginning"
    assert POSTS <= len(heard.records) <= POSTS + 10, "each record once, and a few cards"
    assert heard.kinds.count(frames.RECONCILE) <= 2, "not by reconciliation, but for the first look"
    settled(world)


def test_a_link_that_breaks_ten_times(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(credits, "RECORDS_MAX", 8)  # small batches, so that there are many
    monkeypatch.setattr(credits, "BATCHES_IN_FLIGHT_MAX", 2)
    world, riverbend, _, coalition = two_with_much()
    harbor = place(world, "harbor")
    heard = Listener(world, breaks=10)
    world.join(riverbend, harbor, coalition)
    world.until(lambda: held(harbor) == POSTS, 600, "everything is there")
    assert heard.breaks == 0
    points = [(point[0], point[1]) for point in heard.asked]
    assert len(points) >= 8 and points == sorted(points), "each time on from where it had come"
    assert points[-1] > points[0]
    most = 2 * POSTS  # of each break at most what was under way comes again
    assert len(heard.records) <= most
    settled(world)


def test_a_newcomer_that_is_switched_off_in_the_middle_goes_on_from_there(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """A real restart: the process is gone, the database is what it was. Counted are the bytes of records."""
    monkeypatch.setattr(credits, "RECORDS_MAX", 8)
    monkeypatch.setattr(credits, "BATCHES_IN_FLIGHT_MAX", 2)
    world, riverbend, _, coalition = two_with_much()
    harbor = place(world, "harbor")
    heard = Listener(world)
    world.join(riverbend, harbor, coalition)
    for part in (1, 2, 3):
        world.until(lambda part=part: held(harbor) >= POSTS * part // 4, 60, "a part of it is there")
        harbor.stop()
        world.run(5)
        harbor.restart()
        harbor.engine.features = (FEATURE,)
    world.until(lambda: held(harbor) == POSTS, 60, "everything is there")
    points = [(point[0], point[1]) for point in heard.asked]
    assert len(points) == 4 and points == sorted(points) and len(set(points)) == 4, (
        "on from where it had come"
    )
    once = sum(map(len, {bytes(message) for message in heard.records}))
    again = sum(map(len, heard.records)) - once
    in_flight = 3 * credits.BATCHES_IN_FLIGHT_MAX * credits.RECORDS_MAX * max(map(len, heard.records))
    assert again <= in_flight < once // 2, "again comes at most what was under way at each restart"
    settled(world)
    assert not rows(harbor, "SELECT * FROM settings WHERE name LIKE 'streamed %'"), (
        "it is over, and forgotten"
    )


def test_a_set_that_became_equal_by_another_way_is_not_streamed_any_more() -> None:
    world, _, oak, coalition = two_with_much(40)
    oak.links.port.keep_stream_point(("coalition", coalition), (5, bytes(32)))
    world.run(130)
    assert oak.links.port.stream_point(("coalition", coalition)) is None
    settled(world)


def test_old_nodes_that_cannot_stream_compare_as_ever() -> None:
    world, riverbend, _, coalition = two_with_much()
    harbor = place(world, "harbor")
    riverbend.engine.features = ()
    heard = Listener(world)
    world.join(riverbend, harbor, coalition)
    world.until(lambda: held(harbor) == POSTS, 60, "everything is there")
    assert heard.asked == [] and frames.RECONCILE in heard.kinds
    settled(world)


def test_who_holds_nearly_as_much_compares() -> None:
    world, riverbend, oak, _ = two_with_much()
    oak.stop()
    for number in range(5):
        riverbend.post(f"While oak is away {number}")
    heard = Listener(world)
    oak.start()
    oak.engine.features = (FEATURE,)
    world.until(lambda: held(oak) == POSTS + 5, 60, "everything is there")
    assert heard.asked == [] and frames.RECONCILE in heard.kinds
    settled(world)


def test_what_is_new_comes_while_the_stream_goes_on(monkeypatch: Any) -> None:
    """News does not wait for the end, and is not missing at the end."""
    world, riverbend, _, coalition = two_with_much()
    harbor = place(world, "harbor")
    said: list[int] = []
    before = Passing.on_stream

    def on_stream(self: Passing, kind: int, fields: list[Any], now: float) -> list[bytes]:
        if kind == frames.STREAMED and len(said) < 3 and fields[0][0] == 1:
            said.append(len(said))
            world.at(world.now + 0.001, lambda: riverbend.post(f"Just now {len(said)}"))
        return before(self, kind, fields, now)

    monkeypatch.setattr(Passing, "on_stream", on_stream)
    world.join(riverbend, harbor, coalition)
    world.until(lambda: held(harbor) == POSTS + 3, 60, "everything and the news")
    settled(world)
