"""Peers that break rules: their link ends with a code, and nobody else notices."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from protocol.record import Draft, parse
from protocol.scopes import coalition as coalition_scope
from sync import credits, frames, passing, session
from sync.frames import FRAME_SIZE_MAX_BYTES, write_frame
from sync.places import STRANGERS_MAX
from sync.session import blind
from tests.sim.invariants import always, rows, settled
from tests.sim.puppet import Puppet
from tests.sim.world import Place, World


@pytest.fixture
def world() -> World:
    """Riverbend and oak share a coalition; whoever misbehaves does it to riverbend."""
    world = World("bad peers")
    riverbend, oak = world.places("riverbend", "oak")
    world.coalition(riverbend, oak)
    return world


def ended(world: World, puppet: Puppet, code: str, seconds: float = 5) -> None:
    """The puppet's link ends with this code, and the others go on."""
    riverbend, oak = world.all[:2]
    world.until(lambda: puppet.code is not None, seconds, "the link ends")
    assert puppet.code == code
    assert riverbend.connected(oak) and puppet.home not in riverbend.node.connected
    riverbend.post(f"After {code}")
    world.until(lambda: f"After {code}" in oak.board(), 5, "needs go on to travel")
    always(world)


NONSENSE = [
    pytest.param(b"", "truncated", id="nothing"),
    pytest.param(b"\xff" * 40, "forbidden_type", id="not CBOR"),
    pytest.param(write_frame(frames.WANT, [])[:-1], "truncated", id="cut short"),
    pytest.param(write_frame(frames.TAKEN, 1) + b"\x00", "trailing_bytes", id="too much"),
    pytest.param(b"\xa0", "bad_frame", id="a map"),
    pytest.param(b"\x80", "bad_frame", id="an empty list"),
    pytest.param(write_frame(frames.WANT, [b"short"]), "bad_frame", id="wrong fields"),
    pytest.param(write_frame(frames.JOIN), "unexpected_frame", id="join without an invitation"),
    pytest.param(write_frame(frames.WELCOME, b"", bytes(32)), "unexpected_frame", id="welcome unasked"),
    pytest.param(bytes(FRAME_SIZE_MAX_BYTES + 1), "frame_too_long", id="too long"),
]


@pytest.mark.parametrize(("data", "code"), NONSENSE)
def test_a_stranger_speaks_garbage(world: World, data: bytes, code: str) -> None:
    stranger = Puppet(world, "stranger")
    stranger.call(world.all[0])
    stranger.say_bytes(data)
    ended(world, stranger, code)


def test_frames_before_hello(world: World) -> None:
    stranger = Puppet(world, "stranger")
    stranger.call(world.all[0], hello=False)
    stranger.say(frames.WANT, [])
    ended(world, stranger, "unexpected_frame")


def test_no_common_version(world: World) -> None:
    stranger = Puppet(world, "stranger")
    stranger.call(world.all[0], hello=False)
    stranger.hello(world.all[0], _1=[2, 3])
    ended(world, stranger, "no_common_version")


def test_one_who_says_nothing(world: World) -> None:
    stranger = Puppet(world, "stranger")
    stranger.call(world.all[0], hello=False)
    ended(world, stranger, "link_timeout", session.HELLO_TIMEOUT_S + 2)


def test_one_with_whom_nothing_is_shared(world: World) -> None:
    stranger = Puppet(world, "stranger")
    stranger.call(world.all[0])
    ended(world, stranger, "not_linked", session.IDLE_STRANGER_S + 2)


def test_unknown_frames_are_skipped_up_to_a_number(world: World) -> None:
    """A newer node may say more than we know."""
    stranger = Puppet(world, "stranger")
    stranger.call(world.all[0])
    for number in range(session.UNKNOWN_FRAMES_MAX):
        stranger.say(max(frames._SHAPES) + 1 + number % 4, "something new")
    world.run(2)
    assert stranger.code is None
    stranger.say(max(frames._SHAPES) + 9, "and one more")
    ended(world, stranger, "unexpected_frame")


def test_strangers_crowd_out_strangers_only(world: World) -> None:
    riverbend, oak = world.all
    strangers = [Puppet(world, f"stranger {number}") for number in range(STRANGERS_MAX + 3)]
    for stranger in strangers:
        stranger.call(riverbend)
    world.run(1)
    assert [stranger.code for stranger in strangers].count("too_many_links") == 3
    oak.restart()
    world.until(lambda: oak.connected(riverbend), 5, "a neighbor gets through all the same")
    harbor = world.place("harbor")
    world.ask(harbor, riverbend)
    world.run(session.IDLE_STRANGER_S + 60)
    assert riverbend.links.port.neighbor_state(harbor.home) == "asks", "and a new one when they have gone"


def test_strangers_do_not_move_the_day(world: World) -> None:
    riverbend = world.all[0]
    riverbend.post("Soup", days=30)
    today = riverbend.node.today()
    for number in range(8):
        stranger = Puppet(world, f"stranger {number}")
        stranger.call(riverbend, hello=False)
        stranger.hello(riverbend, _3=today + 365)
    world.run(1300)
    assert riverbend.node.today() == today and "Soup" in riverbend.board()
    settled(world)


# ---- members gone bad


@pytest.fixture
def traitor(world: World) -> Puppet:
    """Harbor, a member of the coalition, with its link to riverbend up and the coalition shared."""
    riverbend, oak = world.all
    coalition = next(iter(riverbend.links.port.coalitions()))
    harbor = world.place("harbor")
    world.join(riverbend, harbor, coalition)
    world.until(lambda: harbor.home in oak.links.port.members(coalition), 5, "oak knows")
    shared_secret = harbor.links.port.coalitions()[coalition]
    world.run(3)
    puppet = Puppet.of(harbor)
    world.all.remove(harbor)
    world.run(3)
    puppet.call(riverbend)
    puppet.say(frames.COALITIONS, [blind(shared_secret, puppet.handshake_hash, True)])
    puppet.say(frames.COMPARE, [1, coalition], bytes(16))
    world.until(lambda: puppet.heard(frames.DIFFERS), 5, "the coalition is shared")
    puppet.place = harbor  # type: ignore[attr-defined]
    puppet.coalition = coalition  # type: ignore[attr-defined]
    return puppet


def junk(puppet: Puppet, number: int) -> bytes:
    """A record of harbor's own with a member's signature that is not right."""
    place: Place = puppet.place  # type: ignore[attr-defined]
    draft = Draft(
        kind="post",
        scope=coalition_scope(puppet.coalition),  # type: ignore[attr-defined]
        author=bytes(31) + b"\x01",
        home=place.home,
        nonce=number.to_bytes(16, "big"),
        created=place.node.stamp(),
        expires=place.node.today() + 5,
        body={"type": "need"},
    )
    return draft.sign([place.node.node_keys.seed, place.node.node_keys.seed]).message


def test_a_flood_of_invalid_records(world: World, traitor: Puppet) -> None:
    before = rows(world.all[0], "SELECT count(*) FROM records")
    messages = [junk(traitor, number) for number in range(passing.NEVER_MAX + 1)]
    traitor.say(frames.RECORDS, 1, messages[:40])
    world.run(1)
    assert traitor.code is None and traitor.heard(frames.TAKEN) == [[1]]
    traitor.say(frames.RECORDS, 2, messages[40:])
    world.until(lambda: traitor.code is not None, 5, "the link ends")
    assert traitor.code == "bad_frame"
    assert rows(world.all[0], "SELECT count(*) FROM records") == before
    settled(world)


def test_a_record_with_one_flipped_bit_holds_up_no_other(world: World, traitor: Puppet) -> None:
    riverbend, oak = world.all
    place: Place = traitor.place  # type: ignore[attr-defined]
    things = [place.post(f"Need {number}") for number in range(3)]
    good = [place.node.records.version(thing).message for thing in things]
    every = [bytearray(good[1]) for _ in range(40)]
    for number, message in enumerate(every):
        bit = 37 + number * (len(message) * 8 - 40) // 40
        message[bit // 8] ^= 1 << bit % 8
    traitor.say(frames.RECORDS, 1, [good[0], *map(bytes, every), good[2]])
    world.until(lambda: len(oak.board()) == 2, 5, "the sound ones are in and passed on")
    assert traitor.code is None
    assert set(riverbend.board()) == {"Need 0", "Need 2"}
    always(world)
    traitor.say(frames.RECORDS, 2, [good[1]])
    world.until(lambda: len(oak.board()) == 3, 5, "the true one is not kept out by its bent copies")
    settled(world)


MESSAGES: list[tuple[str, Callable[[Puppet], tuple[int, list[object]]], str]] = [
    ("a reconciliation that is none", lambda p: (frames.RECONCILE, [b"\x61\x00"]), "bad_reconciliation"),
    ("an empty reconciliation", lambda p: (frames.RECONCILE, [b""]), "bad_reconciliation"),
    ("a fingerprint too short", lambda p: (frames.COMPARE, [bytes(15)]), "bad_frame"),
]


@pytest.mark.parametrize(("said", "code"), [(m[1], m[2]) for m in MESSAGES], ids=[m[0] for m in MESSAGES])
def test_a_member_compares_badly(
    world: World, traitor: Puppet, said: Callable[[Puppet], tuple[int, list[object]]], code: str
) -> None:
    kind, fields = said(traitor)
    traitor.say(kind, [1, traitor.coalition], *fields)  # type: ignore[attr-defined]
    ended(world, traitor, code)


def test_answers_that_nobody_asked_for_are_ignored(world: World, traitor: Puppet) -> None:
    key = [1, traitor.coalition]  # type: ignore[attr-defined]
    traitor.say(frames.SAME, key)
    traitor.say(frames.DIFFERS, key)
    traitor.say(frames.SHARED, key)
    traitor.say(frames.NOT_SHARED, key, "for no reason")
    traitor.say(frames.RECONCILED, key, b"\x61")
    traitor.say(frames.TAKEN, 77)
    traitor.say(frames.WANT, [bytes(32)] * 1000)
    traitor.say(frames.HAVE, [number.to_bytes(32, "big") for number in range(1000)])
    world.run(3)
    assert traitor.code is None
    (asked,) = traitor.heard(frames.WANT)
    assert len(asked[0]) == 1000
    settled(world)


def test_a_member_that_takes_nothing_holds_up_nobody(world: World, traitor: Puppet) -> None:
    """It never says `taken`: a few batches wait for it, and the others get theirs."""
    riverbend, oak = world.all
    for number in range(150):
        riverbend.post(f"Need {number}", text="x" * 1500)
    world.until(lambda: rows(oak, "SELECT count(*) FROM view_posts") == [(150,)], 10, "oak has all")
    link = next(s for s in riverbend.engine.sessions.values() if s.peer == traitor.home)
    assert len(link.exchange.passing.in_flight) <= credits.BATCHES_IN_FLIGHT_MAX
    always(world)


def test_an_unknown_kind_passes_through_old_nodes(world: World, traitor: Puppet) -> None:
    """A newer neighborhood's record is stored, compared and passed on unread."""
    place: Place = traitor.place  # type: ignore[attr-defined]
    draft = Draft(
        kind="rota",
        scope=coalition_scope(traitor.coalition),  # type: ignore[attr-defined]
        author=place.home,
        home=place.home,
        nonce=bytes(16),
        created=place.node.stamp(),
        expires=place.node.today() + 5,
        body={"who": "nobody knows", 7: [1, 2, {"deep": None}]},
    )
    record = parse(draft.sign([place.node.node_keys.seed]).message)
    traitor.say(frames.RECORDS, 1, [record.message])
    world.until(lambda: world.all[1].node.records.holds(record.id), 5, "oak has it too")
    settled(world)
