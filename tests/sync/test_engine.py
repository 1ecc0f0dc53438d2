"""The engine: links come and go, calls are made, and every number has its bound."""

from __future__ import annotations

import pytest

from protocol.record import Record
from sync import events, frames
from sync.engine import Engine
from sync.events import Close, Connected, Dial, Effect, Joined, LinkUp, Send
from sync.frames import read_frame, write_frame
from sync.places import LINKS_MAX, STRANGERS_MAX
from tests.protocol.helpers import TODAY, Neighborhood
from tests.sync.memory_port import MemoryPort

LOW, HIGH = sorted([Neighborhood("Riverbend"), Neighborhood("Oak")], key=lambda home: home.id)
MILL = Neighborhood("Mill")
HASH = bytes(32)
HELLO = write_frame(frames.HELLO, {1: [1], 2: [], 3: TODAY, 4: 0, 5: "", 6: ""})
INVITE, PSK = b"invite".ljust(16), b"psk".ljust(32)


class Wanting(MemoryPort):
    """A port that wants links with those in `pairs`, each at an address of its own."""

    def wanted(self) -> dict[bytes, list[str]]:
        return {home: [f"at {home.hex()[:4]}"] for home in sorted(self.pairs)}


def engine_of(who: Neighborhood, *friends: Neighborhood) -> Engine:
    return Engine(Wanting(who, pairs={friend.id for friend in friends}), lambda: 0.5)


def closed(effects: list[Effect]) -> list[tuple[int, str]]:
    return [(effect.link, effect.code) for effect in effects if isinstance(effect, Close)]


def dialed(effects: list[Effect]) -> list[bytes | None]:
    return [effect.expected for effect in effects if isinstance(effect, Dial)]


def up(
    engine: Engine, link: int, home: bytes, initiator: bool, now: float = 0, hello: bool = True
) -> list[Effect]:
    effects = engine.handle(LinkUp(link, home, initiator, HASH), now)
    if hello and link in engine.sessions:
        effects += engine.handle(events.FrameIn(link, HELLO), now)
    return effects


# ---- one link for two


@pytest.mark.parametrize("order", [(1, 2), (2, 1)])
def test_of_two_calls_that_cross_both_sides_keep_that_of_the_lower_id(order: tuple[int, int]) -> None:
    """Link 1 was dialed by the lower id, link 2 by the higher; each side hears of them in any order."""
    for who, other in ((LOW, HIGH), (HIGH, LOW)):
        engine = engine_of(who, other)
        effects: list[Effect] = []
        for link in order:
            effects += up(engine, link, other.id, initiator=(link == 1) == (who is LOW))
        assert list(engine.sessions) == [1]
        assert closed(effects) == [(2, "duplicate_link")]


def test_of_two_links_from_the_same_side_the_newer_stays() -> None:
    """The older may be dead without our knowing yet."""
    for initiator in (True, False):
        engine = engine_of(LOW, HIGH)
        effects = up(engine, 1, HIGH.id, initiator) + up(engine, 2, HIGH.id, initiator, now=9)
        assert list(engine.sessions) == [2] and closed(effects) == [(1, "duplicate_link")]
        assert engine.handle(events.LinkDown(1), 10) == [], "the surplus one ends without a word"
        assert engine.handle(events.FrameIn(1, b"late"), 10) == []


def test_a_link_greeted_with_a_key_that_was_replaced_since_is_ended() -> None:
    old, new = bytes([1]) * 32, bytes([2]) * 32
    engine = engine_of(LOW, HIGH)
    port = engine.port
    assert isinstance(port, MemoryPort)
    port.current_keys[HIGH.id] = old
    engine.handle(LinkUp(1, HIGH.id, True, HASH, node_key=old), 0)
    assert closed(engine.handle(events.Changed(), 1)) == [], "nothing has changed about keys"
    port.current_keys[HIGH.id] = new
    assert closed(engine.handle(events.Changed(), 2)) == [(1, "old_key")]
    assert closed(engine.handle(LinkUp(2, HIGH.id, True, HASH, node_key=old), 3)) == [(2, "old_key")]
    assert closed(engine.handle(LinkUp(3, HIGH.id, False, HASH, node_key=new), 4)) == []
    assert list(engine.sessions) == [3]


def test_after_our_own_key_was_replaced_every_link_is_ended_and_called_again() -> None:
    engine = engine_of(LOW, HIGH, MILL)
    for link, home in ((1, HIGH.id), (2, MILL.id)):
        up(engine, link, home, initiator=True)
    engine.handle(events.Changed(), 0)
    ended = engine.handle(events.Renewed(), 1)
    assert closed(ended) == [(1, "key_changed"), (2, "key_changed")] and not engine.sessions
    assert set(dialed(engine.handle(events.Tick(), 10))) == {HIGH.id, MILL.id}


def test_a_link_with_ourselves_is_closed() -> None:
    assert closed(up(engine_of(LOW), 1, LOW.id, True)) == [(1, "wrong_peer")]


def test_links_are_bounded_and_strangers_among_them() -> None:
    friends = [Neighborhood(f"Friend {number}") for number in range(LINKS_MAX + 1)]
    engine = engine_of(LOW, *friends)
    for number in range(STRANGERS_MAX + 1):
        effects = up(engine, number, Neighborhood(f"Stranger {number}").id, False)
    assert closed(effects) == [(STRANGERS_MAX, "too_many_links")]
    for number, friend in enumerate(friends[: LINKS_MAX - STRANGERS_MAX]):
        assert closed(up(engine, 1000 + number, friend.id, False)) == []
    assert len(engine.sessions) == LINKS_MAX
    assert closed(up(engine, 9999, friends[-1].id, False)) == [(9999, "too_many_links")]


def test_who_is_connected_is_told_when_it_changes() -> None:
    engine = engine_of(LOW, HIGH)
    told = [effect for effect in up(engine, 1, HIGH.id, True) if isinstance(effect, Connected)]
    assert told == [Connected(frozenset([HIGH.id]))]
    assert Connected(frozenset()) in engine.handle(events.LinkDown(1), 1)


# ---- calling


def test_a_link_that_is_lost_is_called_again_soon_and_one_that_never_greets_more_and_more_rarely() -> None:
    engine = engine_of(LOW, HIGH)
    assert dialed(engine.handle(events.Changed(), 0)) == [HIGH.id]
    now, waits = 0.0, []
    for link in range(8):
        up(engine, link, HIGH.id, True, now, hello=False)
        engine.handle(events.LinkDown(link, "too_many_links"), now)
        assert engine.next_due(now) <= now + 60
        begun, now = now, engine.peers.next_due(set())
        waits.append(now - begun)
        assert dialed(engine.handle(events.Tick(), now)) == [HIGH.id]
    assert waits == sorted(waits) and waits[-1] > 60
    up(engine, 100, HIGH.id, True, now)
    engine.handle(events.LinkDown(100), now + 50)
    assert engine.next_due(now + 50) - now - 50 <= 1


def test_a_call_that_fails_is_made_again_with_back_off() -> None:
    engine = engine_of(LOW, HIGH)
    engine.handle(events.Changed(), 0)
    engine.handle(events.DialFailed(HIGH.id, None, "unreachable"), 5)
    assert dialed(engine.handle(events.Tick(), 5.1)) == []
    assert dialed(engine.handle(events.Tick(), 6)) == [HIGH.id]
    assert dialed(engine.handle(events.Changed(HIGH.id), 6.5)) == [], "the call is under way"


def test_nothing_is_due_while_all_is_well() -> None:
    """A Pi that only waits must not be woken twenty times a second."""
    engine = engine_of(LOW, HIGH)
    up(engine, 1, HIGH.id, False)
    assert engine.next_due(100) >= 110
    assert engine_of(LOW).next_due(100) == 160


def test_a_typed_address_is_called_without_knowing_who_is_there() -> None:
    assert engine_of(LOW).handle(events.Call("10.0.0.7:8420"), 0) == [Dial("10.0.0.7:8420", None)]


def test_a_call_under_way_to_one_no_longer_wanted_harms_nothing() -> None:
    engine = engine_of(LOW, HIGH)
    engine.handle(events.Changed(), 0)
    assert isinstance(engine.port, Wanting)
    engine.port.pairs.clear()
    engine.handle(events.Changed(), 1)
    assert engine.handle(events.DialFailed(HIGH.id, None, "unreachable"), 2) == []
    assert dialed(engine.handle(events.Tick(), 600)) == []


# ---- joining


def test_an_invitation_is_tried_at_each_of_its_addresses() -> None:
    engine = engine_of(LOW)
    first = engine.handle(events.Join(("a:1", "b:2"), HIGH.id, INVITE, PSK), 0)
    assert first == [Dial("a:1", HIGH.id, (INVITE, PSK))]
    failed = events.DialFailed(HIGH.id, INVITE, "bad_handshake")
    assert engine.handle(failed, 1) == [Dial("b:2", HIGH.id, (INVITE, PSK))]
    assert engine.handle(failed, 2) == [Joined(INVITE, None, "bad_handshake")]
    assert engine.handle(failed, 3) == [] and engine.joining == {}


@pytest.mark.parametrize(("code", "said"), [("unknown_invite", "unknown_invite"), ("", "unreachable")])
def test_a_link_by_invitation_that_ends_too_early_says_why(code: str, said: str) -> None:
    engine = engine_of(LOW)
    engine.handle(events.Join(("a:1",), HIGH.id, INVITE, PSK), 0)
    engine.handle(LinkUp(1, HIGH.id, True, HASH, INVITE), 1)
    assert engine.handle(events.LinkDown(1, code), 2) == [Joined(INVITE, None, said)]


# ---- frames


def test_news_is_not_passed_back_to_where_it_came_from() -> None:
    engine = engine_of(LOW, HIGH, MILL)
    record = HIGH.member("Ben").commit(LOW.member("Ana").post())
    for link, home in ((1, HIGH.id), (2, MILL.id)):
        up(engine, link, home, False)
        for key in engine.sessions[link].exchange.sets.values():
            key.live = True

    def passed_on(link: int, records: list[Record]) -> list[int]:
        """To whom it goes when it came over `link`."""
        engine._origin = link
        engine._announce(records, 0)
        effects, engine._effects = engine._effects, []
        kinds = [(e.link, read_frame(e.frame)[0]) for e in effects if isinstance(e, Send)]
        return [to for to, kind in kinds if kind == frames.RECORDS]

    assert isinstance(engine.port, MemoryPort)
    engine.port.hold(record)
    assert passed_on(1, [record]) == []
    assert passed_on(2, [record]) == [1]
    ours = LOW.member("Ana").commit(HIGH.member("Ben").post())
    engine.port.hold(ours)
    assert passed_on(1, [ours]) == [1], "what it made us say ourselves goes there as well"


def test_a_fault_of_one_peer_ends_its_link_alone() -> None:
    engine = engine_of(LOW, HIGH, MILL)
    up(engine, 1, HIGH.id, False)
    up(engine, 2, MILL.id, False)
    effects = engine.handle(events.FrameIn(1, b"\xff"), 1)
    assert closed(effects) == [(1, "forbidden_type")]
    assert list(engine.sessions) == [2] and Connected(frozenset([MILL.id])) in effects
    assert engine.handle(events.FrameIn(1, HELLO), 1) == []


def test_a_fault_of_our_own_leaves_nothing_half_done() -> None:
    """What breaks here ends that step: the next event is handled as ever."""
    engine = engine_of(LOW, HIGH)

    def broken(home: bytes, name: str) -> None:
        engine.handle(events.Changed(), 0)
        raise RuntimeError("the disk is on fire")

    engine.port.heard = broken  # type: ignore[method-assign]
    with pytest.raises(RuntimeError):
        up(engine, 1, HIGH.id, False)
    assert not engine._busy and not engine._events
    del engine.port.heard
    engine.handle(events.LinkDown(1), 1)
    up(engine, 2, HIGH.id, False, 2)
    assert list(engine.sessions) == [2]
