"""What others ask for by id is looked up at once, however many ids a frame names."""

from __future__ import annotations

import os

import pytest

from protocol.errors import TheirFault
from sync import frames
from sync.exchange import Exchange
from sync.frames import write_frame
from sync.session import FRAMES_AT_ONCE_MAX, FRAMES_PER_S, Session
from tests.sim.world import World
from tests.sync.memory_port import MemoryPort
from tests.sync.test_exchange import KEY, OAK, RIVERBEND


@pytest.mark.parametrize("ask", ["on_want", "on_graft"])
def test_a_thousand_ids_are_one_question_to_the_store(ask: str) -> None:
    world = World("ids")
    riverbend, oak = world.places("riverbend", "oak")
    coalition = world.coalition(riverbend, oak)
    posts = [riverbend.post(f"Soup {number}") for number in range(30)]
    local = riverbend.post("Here only", where="here")
    world.run(5)
    port = riverbend.links.port
    rows = riverbend.node.connection.execute("SELECT id, thing FROM records WHERE status = 0").fetchall()
    by_thing = {thing: record_id for record_id, thing in rows}
    shared = [by_thing[thing] for thing in posts]
    exchange = Exchange(port, oak.home, comparer=False)
    exchange.share([("coalition", coalition), ("roster", coalition)], 0.0)
    exchange.passing.credits.batches_max = 0  # nothing leaves, so what is counted is the looking up
    exchange.passing.credits.sent[0] = 0.0
    asked: list[str] = []
    riverbend.node.connection.set_trace_callback(asked.append)
    getattr(exchange.passing, ask)([*shared, by_thing[local], *(os.urandom(32) for _ in range(900))], 0.0)
    riverbend.node.connection.set_trace_callback(None)
    assert list(exchange.passing.outbox) == shared, "what is shared, and nothing else"
    assert len([sql for sql in asked if " FROM records" in sql]) == 1
    assert len(asked) < 10


def test_every_record_is_in_the_same_sets_by_its_outline() -> None:
    world = World("outlines")
    riverbend, oak = world.places("riverbend", "oak")
    world.coalition(riverbend, oak)
    riverbend.post("Soup"), riverbend.post("Here", where="here")
    world.run(5)
    port = riverbend.links.port
    every = [row[0] for row in riverbend.node.connection.execute("SELECT id FROM records WHERE status = 0")]
    found = port.sets_of_ids([*every, os.urandom(32)])
    assert found == {one: port.sets_of(riverbend.node.records.get(one)) for one in every}
    assert len({key[0] for keys in found.values() for key in keys}) >= 2


def test_ids_cost_more_than_frames() -> None:
    session = Session(MemoryPort(RIVERBEND), OAK.id, True, bytes(32), None, 0.0)
    session.hello = {}
    session.exchange.share([KEY], 0.0)
    full = write_frame(frames.WANT, [os.urandom(32) for _ in range(frames.IDS_MAX)])
    for _ in range(FRAMES_AT_ONCE_MAX // 6):
        session.receive(full, 0.0)
    with pytest.raises(TheirFault) as fault:
        session.receive(full, 0.0)
    assert fault.value.code == "too_fast" and FRAMES_PER_S < FRAMES_AT_ONCE_MAX
