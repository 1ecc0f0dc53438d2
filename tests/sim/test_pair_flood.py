"""Harbor has gone bad and sends records of the pair that it shares with riverbend, without end.

The disk stays within its bound, oak notices nothing, and what riverbend says to harbor still goes out.
"""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from nacl.bindings import crypto_sign, crypto_sign_seed_keypair

from node import pair_room
from node.parcels import Parcels
from protocol.kinds.parcel import Parcel, seal
from protocol.record import Draft, assemble, to_be_signed
from protocol.scopes import DAY_S, day_of, pair, scope_bytes
from protocol.scopes import coalition as coalition_scope
from protocol.signing import SIGNATURE_SIZE_BYTES
from sync import frames
from sync.credits import BATCHES_IN_FLIGHT_MAX
from tests.protocol.helpers import secret
from tests.sim.flood import Flood
from tests.sim.invariants import always, rows
from tests.sim.test_stories import arrange, share_hours
from tests.sim.world import START_S, Place, World

TODAY = day_of(START_S)
MAX = 200_000
PER_DAY = 50_000


@pytest.fixture(autouse=True)
def little_room(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pair_room, "BYTES_MAX", MAX)
    monkeypatch.setattr(pair_room, "BYTES_PER_DAY", PER_DAY)


def sound(home: bytes, seed: bytes, victim: Place, number: int, **changes: object) -> bytes:
    """A record of the pair that `home` signed for a member that it has made up, as large as they come."""
    node, public, member = (
        crypto_sign_seed_keypair(seed)[1],
        *crypto_sign_seed_keypair(secret("m", number % 9)),
    )
    draft = Draft(
        "potluck", pair(home, victim.home), public, home, secret("pair", number)[:16], START_S, TODAY + 300,
        {"x": bytes(2_500)},
    )  # fmt: skip
    for name, value in changes.items():
        object.__setattr__(draft, name, value)
    payload = draft.payload()
    signed = to_be_signed(payload)
    return assemble(payload, [crypto_sign(signed, key)[:SIGNATURE_SIZE_BYTES] for key in (member, node)])


def without_end(home: bytes, seed: bytes, victim: Place) -> Iterator[bytes]:
    number = 0
    while True:
        number += 1
        yield sound(home, seed, victim, number)


class PairFlood(Flood):
    """Some 15 records in a batch."""

    def more(self) -> bool:
        if self.link is not None and self.code is None:
            self.sent += 1
            self.say(frames.RECORDS, self.sent, [next(self.messages) for _ in range(15)])
        return True


def held_bytes(place: Place, home: bytes) -> int:
    sql = (
        "SELECT coalesce(sum(length(message)), 0) FROM records WHERE home = ? AND substr(scope, 2, 1) = x'01'"
    )
    return int(rows(place, sql, home)[0][0])


def region() -> tuple[World, Place, Place, PairFlood, bytes]:
    world = World("pair flood")
    riverbend, oak = world.places("riverbend", "oak")
    coalition = world.coalition(riverbend, oak)
    harbor = world.place("harbor")
    world.join(riverbend, harbor, coalition)
    world.run(5)
    seed = harbor.node.node_keys.seed
    flood = PairFlood.of(harbor)
    world.all.remove(harbor)
    world.run(3)
    flood.messages = without_end(flood.home, seed, riverbend)
    return world, riverbend, oak, flood, seed


def test_a_neighbor_that_sends_without_end_fills_its_room_and_no_more() -> None:
    world, riverbend, oak, flood, seed = region()
    flood.call(riverbend)
    flood.say(frames.COMPARE, [2], bytes(16))
    for _ in range(BATCHES_IN_FLIGHT_MAX):
        flood.more()
    most = 0
    for number in range(4):
        thing = riverbend.post(f"Need {number}")
        world.until(lambda number=number: f"Need {number}" in oak.board(), 10, "oak has it")
        promise = arrange(world, oak, riverbend, thing)
        world.run(5)
        most = max(most, held_bytes(riverbend, flood.home))
    share_hours(world, oak, riverbend, promise)
    sent = flood.taken * 15 * 2_700
    assert MAX - 3_000 < most <= MAX < sent / 4, "it sent several times what found room"
    assert flood.code is None, "nothing that it says is wrong, so its link stays"
    (came,) = [one for one in riverbend.node.came() if one.home == flood.home]
    assert came.no_room > 100
    always(world)

    # what makes words go that are here always finds room; so does our own word
    flood.rude = True  # it goes on by itself no more
    world.run(30)
    mark = sound(flood.home, seed, riverbend, 1, erased=True, edit=1, body={})
    flood.sent += 1
    flood.say(frames.RECORDS, flood.sent, [mark])
    world.until(lambda: rows(riverbend, "SELECT 1 FROM records WHERE message = ?", mark), 60, "it is erased")
    flood.rude = False

    riverbend.clock_offset_s += 3 * DAY_S
    flood.end.today = riverbend.node.today
    world.run(1)
    grown = riverbend.node.pair_room.limit_bytes(flood.home)
    assert MAX < grown <= MAX + 3 * PER_DAY, "each day there is more room"
    flood.call(riverbend)  # its clock was set: the link may have been made anew
    flood.more()
    world.run(60)
    assert MAX < held_bytes(riverbend, flood.home) <= grown, "and what waited comes"
    always(world)


def test_parcels_and_letters_of_one_home_share_its_room() -> None:
    """What comes sealed through the coalition goes through the same narrow place."""
    world, riverbend, oak, flood, seed = region()
    (coalition,) = riverbend.links.port.coalitions()
    prekey = rows(riverbend, "SELECT public FROM prekeys ORDER BY made DESC")[0][0]
    messages = flood.messages
    for number in range(200):
        inside = (next(messages), next(messages))
        parcel = Parcel(flood.home, riverbend.home, secret("nonce", number)[:16], inside, ())
        sealed = seal(parcel, prekey, secret("s", number))
        draft = Draft(
            "parcel", coalition_scope(coalition), flood.home, flood.home, secret("parcel", number)[:16],
            riverbend.node.stamp(), riverbend.node.today() + 20, {"sealed": sealed},
        )  # fmt: skip
        riverbend.node.records.add(draft.sign([seed]).message)
    assert isinstance(riverbend.links.parcels, Parcels)
    assert MAX - 6_000 < held_bytes(riverbend, flood.home) <= MAX
    assert riverbend.node.pair_room.waiting[flood.home] > 100
    scope = scope_bytes(pair(flood.home, riverbend.home))
    assert rows(riverbend, "SELECT count(*) FROM records WHERE scope = ?", scope)[0][0] < 100
    thing = riverbend.post("Soup")
    world.until(lambda: "Soup" in oak.board(), 10, "oak has it")
    share_hours(world, oak, riverbend, arrange(world, oak, riverbend, thing))
    always(world)
