"""The engine: everything that can happen to a node's links goes in, everything to be done comes out.

`handle(event, now)` gives effects. It does no I/O, reads no clock and draws no chance of its own; timers
are data (`next_due`), and the runner hands in a `Tick` when that time has come. What concerns one link is
in session.py and exchange.py, whom to call in peers.py; here they meet.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable

from protocol.errors import TheirFault
from protocol.record import Record
from sync import frames
from sync.events import (
    Call,
    Changed,
    Close,
    Connected,
    Dial,
    DialFailed,
    Effect,
    Event,
    FrameIn,
    Join,
    Joined,
    LinkDown,
    LinkId,
    LinkUp,
    Moved,
    NewRecords,
    Renewed,
    Seen,
    Send,
    TakeTurn,
    Tick,
)
from sync.gossip import Gossip
from sync.intake import Intake
from sync.peers import VISIT_MAX_S, Peers
from sync.places import LINKS_MAX, Newcomer, decide
from sync.port import Port
from sync.session import Session
from sync.streaming import Streams


class Engine:
    """The links of one node. `chance` gives a float in [0, 1) for jitter."""

    def __init__(self, port: Port, chance: Callable[[], float]) -> None:
        self.port = port
        self.chance = chance
        self.peers = Peers(port.home)
        self.gossip = Gossip()
        self.intake = Intake()
        self.streams = Streams()
        self.prompt = True  # records go through the door within `handle`; a runner takes turns by itself
        self.features: tuple[str, ...] = frames.FEATURES
        self.sessions: dict[LinkId, Session] = {}
        self.joining: dict[bytes, list[str]] = {}
        self._sketches_failed: dict[bytes, float] = {}
        self._joins: dict[bytes, Join] = {}
        self._effects: list[Effect] = []
        self._connected: frozenset[bytes] = frozenset()
        self._origin: LinkId | None = None
        self._events: deque[tuple[Event, LinkId | None]] = deque()
        self._busy = False
        self._look_around = True  # something happened that may change whom to call
        self._next_call = float("inf")

    def handle(self, event: Event, now: float) -> list[Effect]:
        """What to do about an event.

        Storing a record may make news of its own (`handle` is then called from within a call): such an
        event is taken up right after the one at hand, and its effects come out with that one's.
        """
        self._events.append((event, self._origin))
        if self._busy:
            return []
        self._busy = True
        try:
            while self._events or self._turn_is_ready(now):
                event, self._origin = self._events.popleft()
                self._handle_one(event, now)
        finally:
            self._busy = False
            self._origin = None
            self._events.clear()
        if self._look_around:
            self._look_around = False
            self._dial(now)
        self._tell_connected()
        effects, self._effects = self._effects, []
        return effects

    def _turn_is_ready(self, now: float) -> bool:
        turn = self.intake.turn(now) if self.prompt else None
        if turn is not None:
            self._events.append((TakeTurn(turn), turn.link))
        return turn is not None

    def _handle_one(self, event: Event, now: float) -> None:
        if not isinstance(event, FrameIn | NewRecords | TakeTurn):
            self._look_around = True
        match event:
            case FrameIn():
                self._frame(event, now)
            case TakeTurn():
                self._take_turn(event, now)
            case NewRecords():
                self._announce(event.records, now)
            case LinkUp():
                self._up(event, now)
            case LinkDown():
                self._down(event.link, event.code, now)
            case DialFailed():
                self._dial_failed(event, now)
            case Changed():
                self._changed(event.home, now)
            case Seen():
                self.peers.seen(event.home, event.addresses, now)
            case Moved():
                self.peers.moved(now)
            case Join():
                self._join(event)
            case Call():
                self._effects.append(Dial(event.address, None))
            case Renewed():
                for link in list(self.sessions):
                    self._close(link, "key_changed", now)
            case Tick():
                self._tick(now)

    def next_due(self, now: float) -> float:
        """When the next `Tick` has something to do, at the latest."""
        due = [session.next_due() for session in self.sessions.values()]
        due.append(self._next_call)
        due.append(self.intake.next_due() if self.prompt else now + 60.0)
        return max(now, min(now + 60.0, *due))

    # links

    def _up(self, event: LinkUp, now: float) -> None:
        if event.initiator:
            self.peers.answered(event.home)
        current = self.port.current_key(event.home)
        if event.node_key and current not in (None, event.node_key):  # replaced while we were greeted
            self._effects.append(Close(event.link, "old_key"))
            return
        new = Newcomer(event.home, event.initiator, event.invite_id is not None)
        decision = decide(new, self.sessions, self.port, self.peers.can_be_called, now)
        for link, code in decision.ended:
            if code == "duplicate_link":  # who is at its end is linked all the same
                del self.sessions[link]
                self._forget(link)
                self._effects.append(Close(link, code))
            else:
                self._close(link, code, now, decision.limit)
        if decision.refused:
            self._effects.append(Close(event.link, decision.refused, decision.limit))
            return
        session = Session(
            port=self.port,
            peer=event.home,
            initiator=event.initiator,
            handshake_hash=event.handshake_hash,
            invite_id=event.invite_id,
            node_key=event.node_key,
            since=now,
            link=event.link,
            gossip=self.gossip,
            features=self.features,
            visit=event.initiator and self.peers.is_visit(event.home),
            sketches_failed=self._sketches_failed,
        )
        if event.initiator and event.invite_id is not None:
            invite_id = event.invite_id
            session.joined = lambda coalition: self._has_joined(invite_id, coalition)
        session.exchange.passing.on_engine(event.link, self.intake, self.streams)
        self.sessions[event.link] = session
        self._send(event.link, session.begin())

    def _down(self, link: LinkId, code: str, now: float) -> None:
        session = self.sessions.pop(link, None)
        self._look_around = True
        self._forget(link)
        if session is None:
            return
        if session.invite_id is not None and session.initiator:
            self._has_joined(session.invite_id, None, code or "unreachable")
        if not any(other.peer == session.peer for other in self.sessions.values()):
            self.peers.failed(session.peer, now, self.chance(), full=code == "too_many_links")

    def _frame(self, event: FrameIn, now: float) -> None:
        session = self.sessions.get(event.link)
        if session is None:
            return
        self._origin = event.link  # what this brings is not passed back to where it came from
        greeted = session.hello is not None
        try:
            self._send(event.link, session.receive(event.data, now))
        except TheirFault as fault:
            self._close(event.link, fault.code, now, fault.limit)
            return
        if not greeted:
            self.peers.linked(session.peer)

    def _forget(self, link: LinkId) -> None:
        self.gossip.down(link)
        self.intake.drop(link)
        self.streams.down(link)

    def _take_turn(self, event: TakeTurn, now: float) -> None:
        link = event.turn.link
        session = self.sessions.get(link)
        if session is None:
            return
        self._origin = link  # what this brings is not passed back to where it came from
        try:
            self._send(link, session.exchange.passing.take_turn(event.turn, now, event.checked))
        except TheirFault as fault:
            self._close(link, fault.code, now, fault.limit)

    def _close(self, link: LinkId, code: str, now: float, limit: str = "") -> None:
        self._effects.append(Close(link, code, limit))
        self._down(link, code, now)

    def _send(self, link: LinkId, out: list[bytes]) -> None:
        self._effects += [Send(link, frame) for frame in out]

    # news and changes

    def _announce(self, records: list[Record], now: float) -> None:
        if any(record.kind == "node" for record in records):
            self._want()  # a card may bring new addresses
        for record in records:
            origin = self._origin if record.home != self.port.home else None
            self.gossip.news(record, origin, self.port.sets_of)
        ours = [record for record in records if record.home == self.port.home]
        for link, session in self.sessions.items():
            # not back to where it came from; but what it made us say ourselves, there as well
            self._send(link, session.announce(ours if link == self._origin else records, now))

    def _changed(self, home: bytes | None, now: float) -> None:
        self._end_replaced(now)
        self._want()
        if home is not None:
            self.peers.hurry(home, now)
        for link, session in list(self.sessions.items()):
            try:
                self._send(link, session.look_again(now))
            except TheirFault as fault:
                self._close(link, fault.code, now, fault.limit)

    def _end_replaced(self, now: float) -> None:
        """End links that were greeted with a key which has been replaced since: a thief may be at the end."""
        for link, session in list(self.sessions.items()):
            current = self.port.current_key(session.peer)
            if session.node_key and current is not None and current != session.node_key:
                self._close(link, "old_key", now)

    def _tick(self, now: float) -> None:
        for link, session in list(self.sessions.items()):
            try:
                self._send(link, session.tick(now))
            except TheirFault as fault:
                self._close(link, fault.code, now, fault.limit)
            over = session.in_step or now - session.since > VISIT_MAX_S
            if over and self.peers.is_visit(session.peer):
                self._close(link, "", now)
        if self.peers.partial:
            self.peers.first = self.port.awaited()

    # calling

    def _want(self) -> None:
        self._look_around = True
        self.peers.first = self.port.awaited()
        self.peers.want(self.port.wanted())

    def _dial(self, now: float) -> None:
        linked = {session.peer for session in self.sessions.values()}
        room = len(self.sessions) < LINKS_MAX
        if room:
            calls = self.peers.due(linked, now)
            visit = self.peers.visit(linked, now, self.chance()) if self.peers.partial else None
            for home, address in [*calls, visit] if visit is not None else calls:
                self._effects.append(Dial(address, home))
        self._next_call = self.peers.next_due(linked) if room else float("inf")

    def _join(self, event: Join) -> None:
        self._joins[event.invite_id] = event
        self.joining[event.invite_id] = list(event.addresses)
        self._try_join(event.invite_id, "unreachable")

    def _try_join(self, invite_id: bytes, code: str) -> None:
        join = self._joins.get(invite_id)
        if join is None:
            return
        if not self.joining[invite_id]:
            self._has_joined(invite_id, None, code)
            return
        address = self.joining[invite_id].pop(0)
        self._effects.append(Dial(address, join.home, (invite_id, join.psk)))

    def _has_joined(self, invite_id: bytes, coalition: bytes | None, code: str = "") -> None:
        if self._joins.pop(invite_id, None) is not None:
            del self.joining[invite_id]
            self._effects.append(Joined(invite_id, coalition, code))

    def _dial_failed(self, event: DialFailed, now: float) -> None:
        if event.invite_id is not None:
            self._try_join(event.invite_id, event.code)
        elif event.home is not None:
            self.peers.failed(event.home, now, self.chance())

    def _tell_connected(self) -> None:
        homes = frozenset(s.peer for s in self.sessions.values() if s.hello is not None)
        if homes != self._connected:
            self._connected = homes
            self._effects.append(Connected(homes))
