"""What `sync/runner.py` is to a running node: carries events to the engine and its effects to the network."""

from __future__ import annotations

from collections.abc import Callable

from protocol.errors import SENTENCES
from sync import events
from sync.engine import Engine
from sync.transport import LocalEnd
from tests.sim.network import Network, Wire, _wires

TICK_MIN_S = 0.05


class SimRunner:
    """Stands in for `sync.runner.Runner`: the same calls to the engine, other sockets and another clock."""

    obeys = True

    def __init__(
        self,
        engine: Engine,
        end: LocalEnd,
        *,
        name: str,
        network: Network,
        tick_max_s: Callable[[], float],
        allow_loopback: bool,
        on_introduced: Callable[[bytes, tuple[bytes, ...]], None],
        on_connected: Callable[[frozenset[bytes]], None],
        on_joined: Callable[[bytes, bytes | None, str], None],
        on_called: Callable[[str, bytes | None, str], None],
        on_tick: Callable[[float], None],
        keeper: object,
        clock: Callable[[], float],
    ) -> None:
        self.engine = engine
        self.end = end
        self.name = name
        self.network = network
        self.running = False
        self.tick_max_s = tick_max_s
        self.on_introduced = on_introduced
        self._on_connected = on_connected
        self._on_joined = on_joined
        self._on_called = on_called
        self._on_tick = on_tick
        self._clock = clock
        self._tick_at = float("inf")
        self._places: set[str] = set()
        self.closed_with: list[tuple[bytes | None, str]] = []  # links that we ended: who and why

    async def start(self) -> None:
        self.running = True
        self._places = self._own_places()
        self.event(events.Changed())

    def _own_places(self) -> set[str]:
        return {address for address, party in self.network.addresses.items() if party is self}

    def moved(self, own_ips: set[str]) -> None:
        """As the real one does: links over an address that is gone are dead; here, all of them."""
        before, self._places = self._places, self._own_places()
        if not before <= self._places:
            for wire in list(_wires(self).values()):
                self.network.kill(wire, 0.0)
        self.event(events.Moved())

    async def stop(self) -> None:
        """As when the process ends: the machine tells the other ends at once."""
        self.running = False
        self.network.hang_up(self)

    def event(self, event: events.Event) -> None:
        if not self.running:
            return
        for effect in self.engine.handle(event, self._clock()):
            self._do(effect)
        self._arm()

    def _arm(self) -> None:
        now = self._clock()
        wait = min(self.tick_max_s(), max(TICK_MIN_S, self.engine.next_due(now) - now))
        if now + wait < self._tick_at - 1e-9:
            due = self._tick_at = now + wait
            self.network.at(due, lambda: self._tick(due))

    def _tick(self, due: float) -> None:
        if not self.running or due != self._tick_at:
            return
        self._tick_at = float("inf")
        self._on_tick(self._clock())
        self.event(events.Tick())

    def _do(self, effect: events.Effect) -> None:
        match effect:
            case events.Send():
                self.network.send(self, effect.link, effect.frame)
            case events.Close():
                self.closed_with.append((None, effect.code))
                assert not effect.code or effect.code in SENTENCES, effect.code
                self.network.close(self, effect.link, effect.code)
            case events.Dial():
                self.network.dial(self, effect, lambda code: self._failed(effect, code))
            case events.Joined():
                self._on_joined(effect.invite_id, effect.coalition, effect.code)
            case events.Connected():
                self._on_connected(effect.homes)

    def _failed(self, call: events.Dial, code: str) -> None:
        invite_id = call.invite[0] if call.invite is not None else None
        if self.running:
            self._on_called(call.address, None, SENTENCES[code])
            self.event(events.DialFailed(call.expected, invite_id, code))

    # what the network tells

    def up(
        self, link: int, home: bytes, initiator: bool, handshake_hash: bytes, invite: bytes | None
    ) -> None:
        if self.running:
            if initiator:
                address = self.network_address(_wires(self)[link])
                self._on_called(address, home, "")
            wire = _wires(self)[link]
            key = wire.keys[1 - wire.side(self)]
            self.event(events.LinkUp(link, home, initiator, handshake_hash, invite, key))

    def network_address(self, wire: Wire) -> str:
        """The address under which the called side of a link was called."""
        called = wire.parties[1]
        return next((a for a, party in self.network.addresses.items() if party is called), "")

    def frame(self, link: int, data: bytes) -> None:
        self.event(events.FrameIn(link, data))

    def down(self, link: int, code: str) -> None:
        _wires(self).pop(link, None)
        self.event(events.LinkDown(link, code))
