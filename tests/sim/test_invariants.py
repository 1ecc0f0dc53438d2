"""The invariants themselves: each is shown a world in which it is broken, and says so.

The stories here end broken on purpose, so nothing is asked of their worlds afterwards.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from sync import frames
from sync.days import PEERS_MAX
from sync.frames import write_frame
from sync.limits import BoundedQueue, BoundedSet
from tests.sim import invariants
from tests.sim.bounds import OF_ENGINES, OF_NODES, Bound, bounds_hold
from tests.sim.network import _wires
from tests.sim.test_stories import arrange, share_hours
from tests.sim.world import Place, World

pytestmark = pytest.mark.unsettled("broken on purpose")


@pytest.fixture
def world() -> World:
    world = World("invariants")
    riverbend, oak = world.places("riverbend", "oak")
    world.coalition(riverbend, oak)
    soup = riverbend.post("Soup")
    world.until(lambda: "Soup" in oak.board(), 5, "oak has it")
    share_hours(world, oak, riverbend, arrange(world, oak, riverbend, soup))
    invariants.settled(world)
    return world


def change(sql: str) -> Callable[[Place], None]:
    return lambda place: place.node.connection.execute(sql) and None


def lose_from_index(name: str) -> Callable[[Place], None]:
    """The index in memory loses an item, and nothing else does."""

    def lose(place: Place) -> None:
        (key,) = [key for key in invariants.set_keys(place) if key[0] == name]
        index = place.node.records.index(key)
        assert index.remove(*index.item(len(index) // 2))

    return lose


BROKEN = [
    (
        "a bent signature",
        change("UPDATE records SET message = bend(message) WHERE kind = 'post'"),
        "unknown_key",
    ),
    ("a view gone astray", change("UPDATE view_posts SET title = 'Stew'"), "view_posts"),
    ("a row too many", change("DELETE FROM view_promises"), "view_promises"),
    ("an unbalanced minute", change("UPDATE view_claims SET minutes = 76"), "view_claims"),
    ("a card gone", change("DELETE FROM records WHERE kind = 'parcel' OR kind = 'node'"), "view_cards"),
    ("a coalition's index gone astray", lose_from_index("coalition"), "index of coalition"),
    ("a roster's index gone astray", lose_from_index("roster"), "index of roster"),
    ("a pair's index gone astray", lose_from_index("pair"), "index of pair"),
]


@pytest.mark.parametrize(("plant", "words"), [case[1:] for case in BROKEN], ids=[case[0] for case in BROKEN])
def test_what_is_broken_at_one_node_is_found(
    world: World, plant: Callable[[Place], None], words: str
) -> None:
    oak = world.all[1]

    def bend(message):
        return message[:-1] + bytes([message[-1] ^ 1])

    oak.node.connection.create_function("bend", 1, bend)
    invariants.always(world)
    plant(oak)
    with pytest.raises(AssertionError, match=words):
        invariants.always(world)


@pytest.mark.parametrize(
    ("sql", "words"),
    [
        ("UPDATE view_claims SET minutes = 76", "a balance is not what the records say"),
        ("UPDATE view_claims SET giver_key = zeroblob(32)", "do not sum to zero"),
        (
            "INSERT INTO view_claims SELECT zeroblob(32), seq, scope, session, author_home, author_key,"
            " zeroblob(32), zeroblob(32), zeroblob(32), zeroblob(32), 15, date, category, state, corrects,"
            " commitment FROM view_claims",
            "other minutes",
        ),
    ],
)
def test_minutes_that_only_the_view_has_are_found(world: World, sql: str, words: str) -> None:
    oak = world.all[1]
    invariants.books_are_balanced(oak)
    oak.node.connection.execute(sql)
    with pytest.raises(AssertionError, match=words):
        invariants.books_are_balanced(oak)


# bounds


def overfill(held: Any, most: int) -> None:
    """Put in more than may be there, past whatever guards it."""
    names = [number.to_bytes(32, "big") for number in range(most + 1)]
    if isinstance(held, BoundedSet):
        held._values.update(dict.fromkeys(names))
    elif isinstance(held, BoundedQueue):
        held._entries.extend((name, 0) for name in names)
    elif isinstance(held, dict):
        held.update(dict.fromkeys(names))
    else:
        held.extend(names)


@pytest.mark.parametrize("bound", OF_NODES + OF_ENGINES, ids=lambda bound: bound.name)
def test_what_holds_too_much_is_found(full_and_well: World, bound: Bound) -> None:
    riverbend = full_and_well.all[0]
    bounds_hold(riverbend)
    held = next(iter(bound.of(riverbend)), None)
    assert held is not None, f"no {bound.name} in this world: nothing would be seen"
    before = len(held)  # type: ignore[arg-type]
    kept = _contents(held)
    overfill(held, bound.most)
    try:
        with pytest.raises(AssertionError, match=bound.name):
            bounds_hold(riverbend)
    finally:
        _put_back(held, kept)
    assert len(held) == before  # type: ignore[arg-type]
    bounds_hold(riverbend)


def _contents(held: Any) -> Any:
    inner = getattr(held, "_values", getattr(held, "_entries", held))
    return inner.copy()


def _put_back(held: Any, kept: Any) -> None:
    inner = getattr(held, "_values", getattr(held, "_entries", held))
    inner.clear()
    (inner.update if isinstance(inner, dict) else inner.extend)(kept)


@pytest.fixture(scope="module")
def full_and_well() -> World:
    """Two nodes with a link, of which one has just sent the other something."""
    world = World("bounds")
    riverbend, oak = world.places("riverbend", "oak")
    world.coalition(riverbend, oak)
    world.until(lambda: riverbend.connected(oak) and oak.connected(riverbend), 10, "they are linked")
    oak.post("Soup")
    world.until(lambda: "Soup" in riverbend.board(), 5, "riverbend has it")
    return world


@pytest.mark.parametrize(
    ("plant", "words"),
    [
        (lambda place: setattr(place.engine.intake, "size_bytes", 1), "bytes that wait"),
        (lambda place: setattr(_session(place).exchange.passing, "never", 51), "never be right"),
        (lambda place: setattr(_session(place), "unknown_frames", 101), "nobody knows"),
        (lambda place: setattr(_session(place), "keys_wanted", 17), "questions for keys"),
    ],
)
def test_a_count_over_its_bound_is_found(world: World, plant: Callable[[Place], None], words: str) -> None:
    bounds_hold(world.all[0])
    plant(world.all[0])
    with pytest.raises(AssertionError, match=words):
        bounds_hold(world.all[0])


def _session(place: Place) -> Any:
    return next(iter(place.engine.sessions.values()))


def test_a_line_that_takes_nothing_is_given_up(world: World) -> None:
    """The queue before a line has its bound here, too, and the link ends with its code."""
    riverbend, oak = world.all
    world.network.latency_s = (60.0, 60.0)
    (link,) = riverbend.engine.sessions
    for _ in range(1_100):
        world.network.send(riverbend.runner, link, write_frame(frames.TAKEN, 1))
    bounds_hold(riverbend)
    world.run(0.1)
    assert not riverbend.connected(oak)


def test_a_queue_over_its_bound_is_found(world: World) -> None:
    riverbend = world.all[0]
    for number in range(PEERS_MAX + 1):
        riverbend.links.port.days.differences[number.to_bytes(32, "big")] = 0
    with pytest.raises(AssertionError, match="days of others"):
        invariants.always(world)


# what only two together show


APART = [
    ("UPDATE records SET status = 1 WHERE kind = 'post'", "differ in the coalition set"),
    ("UPDATE records SET status = 1 WHERE kind = 'commitment'", "differ in the pair set"),
    ("DELETE FROM records WHERE kind = 'epoch'", "differ in the roster set"),
    ("UPDATE view_posts SET text = 'Stew'", "show other posts"),
    ("UPDATE view_promises SET note = 'No'", "see other promises"),
    ("UPDATE view_claims SET minutes = 76", "see other hours"),
]


@pytest.mark.parametrize(("sql", "words"), APART, ids=[case[1] for case in APART])
def test_what_two_do_not_have_alike_is_found(world: World, sql: str, words: str) -> None:
    assert invariants.differences(world) == []
    changed = world.all[1].node.connection.execute(sql).rowcount
    assert changed and any(words in one for one in invariants.differences(world))


def test_nodes_that_differ_are_found(world: World) -> None:
    riverbend, oak = world.all
    assert invariants.differences(world) == []
    oak.runner.running = False  # it hears nothing any more, but counts as connected
    riverbend.post("Bread")
    assert len(invariants.differences(world)) == 2  # the set and the board
    with pytest.raises(AssertionError, match="not settled"):
        invariants.settled(world, within_s=3)


def test_a_second_link_is_found(world: World) -> None:
    riverbend = world.all[0]
    riverbend.engine.sessions[999] = _session(riverbend)
    assert invariants.links_wrong(world) == [
        "riverbend and oak have 2 and 1 links",
        "oak and riverbend have 1 and 2 links",
    ]
    with pytest.raises(AssertionError, match="2 and 1 links"):
        invariants.one_link_each(world)


# silence


def test_chatter_is_found(world: World) -> None:
    riverbend = world.all[0]
    world.at(world.now + 50, lambda: riverbend.post("Out of nothing") and None)
    with pytest.raises(AssertionError, match="out of nothing"):
        invariants.settled(world)


@pytest.mark.parametrize("kind", invariants.NOISE)
def test_frames_for_nothing_are_found(world: World, kind: int) -> None:
    """Whatever the frame, one is enough."""
    riverbend = world.all[0]
    link = next(iter(_wires(riverbend.runner)))
    data = bytes([0x81, kind]) if kind < 24 else bytes([0x81, 0x18, kind])  # nobody need understand it
    world.at(world.now + 50, lambda: world.network.send(riverbend.runner, link, data))
    with pytest.raises(AssertionError, match="1 frames although all are equal"):
        invariants.silent(world, 60)


def test_nodes_that_do_not_even_compare_prove_nothing(world: World) -> None:
    for place in world.all:
        place.runner.running = False
    with pytest.raises(AssertionError, match="nobody even compared"):
        invariants.settled(world)
