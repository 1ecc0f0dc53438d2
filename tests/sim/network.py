"""The network of the simulator: what `sync/transport.py` is to a running node. `runner.py` stands on it.

Frames of a link arrive in order, each after a latency of its own. What a bad line does to TCP it does
here: the link breaks, frames under way are lost, and each end notices in its own time. Who one is to the
other is checked as in a real greeting, with the same introductions; only the encryption is left out.
All chance comes from one seeded source, all time from the world.
"""

from __future__ import annotations

import hashlib
import random
from collections.abc import Callable
from dataclasses import dataclass, field
from itertools import count
from typing import Any, Protocol

from protocol import introduction
from protocol.errors import TheirFault, WorldFault
from sync import events
from sync.channel import public_key as noise_public_key
from sync.frames import FRAME_SIZE_MAX_BYTES
from sync.limits import BoundedQueue
from sync.transport import BYTES_WAITING_MAX, FRAMES_WAITING_MAX, LocalEnd

NOTICE_MAX_S = 30.0  # until a silent line is noticed: the heartbeat's time
CUT_DIAL_S = 3.0  # until a call into nowhere is given up
RESEND_S, RESEND_MAX_S = 0.2, 6.4  # of TCP: the first wait for what was lost, and the last


class Party(Protocol):
    """Whoever has links: a node's runner, or a peer made to misbehave."""

    name: str
    end: LocalEnd
    running: bool
    obeys: bool  # whether its frames are held to their bounds

    def up(self, link: int, home: bytes, initiator: bool, handshake_hash: bytes, invite: Any) -> None: ...

    def frame(self, link: int, data: bytes) -> None: ...

    def down(self, link: int, code: str) -> None: ...


def _queue() -> BoundedQueue[bytes]:
    """A link's, with its bounds: what is under way counts as waiting, too, which is stricter."""
    return BoundedQueue(FRAMES_WAITING_MAX, BYTES_WAITING_MAX)


@dataclass(eq=False)
class Wire:
    """One link. `ends` are the caller and the called, each with its own number for the link."""

    parties: tuple[Party, Party]
    numbers: tuple[int, int]
    alive: bool = True
    arrives: list[float] = field(default_factory=lambda: [0.0, 0.0])  # the last frame to each end
    told: list[bool] = field(default_factory=lambda: [False, False])  # that the link is over
    waiting: tuple[BoundedQueue[bytes], BoundedQueue[bytes]] = field(  # for each end, until they arrive
        default_factory=lambda: (_queue(), _queue())
    )
    keys: tuple[bytes, bytes] = (b"", b"")  # the node keys with which the two greeted each other

    def side(self, party: Party) -> int:
        return 0 if self.parties[0] is party else 1


class Network:
    """Who can reach whom, and how well. `at(time, what)` is the world's: do this then."""

    def __init__(self, seed: object, now: Callable[[], float], at: Callable[[float, Any], None]) -> None:
        self.chance = random.Random(f"{seed} network")
        self.now = now
        self.at = at
        self.latency_s = (0.005, 0.06)
        self.break_rate = 0.0  # for each frame: the link breaks instead
        self.loss_rate = 0.0  # for each frame: it is sent again, later and later, as TCP does
        self.dial_fail_rate = 0.0
        self.duplicate_rate = 0.0  # for each call: it is made twice
        self.closed_to_calls: set[str] = set()  # names behind a home router: they only call
        self.addresses: dict[str, Party] = {}
        self.wires: list[Wire] = []
        self.cuts: set[frozenset[str]] = set()
        self.trace = hashlib.sha256()  # everything that was delivered, for telling two runs apart
        self.delivered: dict[tuple[str, str], dict[int, int]] = {}  # frames by type, by (from, to)
        self.tap: Callable[[str, str, bytes], None] = lambda sender, receiver, data: None

    def latency(self) -> float:
        return self.chance.uniform(*self.latency_s)

    def _carry_s(self) -> float | None:
        """How long a frame takes; None where it is lost so often that the line is given up."""
        delay, again_s = self.latency(), RESEND_S
        while self.loss_rate and self.chance.random() < self.loss_rate:
            if again_s > RESEND_MAX_S:
                return None
            delay, again_s = delay + again_s, again_s * 2
        return delay

    # lines

    def cut(self, one: str, other: str) -> None:
        """Nothing passes between these two any more; each notices in its own time."""
        self.cuts.add(frozenset((one, other)))
        for wire in self.wires:
            if {party.name for party in wire.parties} == {one, other}:
                self.kill(wire, NOTICE_MAX_S)

    def mend(self) -> None:
        """Everybody can reach everybody again."""
        self.cuts.clear()

    def kill(self, wire: Wire, notice_s: float) -> None:
        """Break a link: what is under way is lost, and each end is told within `notice_s`."""
        wire.alive = False
        if wire in self.wires:
            self.wires.remove(wire)
        for side in (0, 1):
            self._tell_end(wire, side, "", self.chance.uniform(0, notice_s))

    def hang_up(self, party: Party) -> None:
        """A process ended: its links break at once, and so do those under way to it."""
        for address in [address for address, other in self.addresses.items() if other is party]:
            del self.addresses[address]
        for wire in list(_wires(party).values()):
            if wire.alive:
                self.kill(wire, 0.1)

    def _tell_end(self, wire: Wire, side: int, code: str, after_s: float) -> None:
        def tell() -> None:
            if not wire.told[side]:
                wire.told[side] = True
                wire.parties[side].down(wire.numbers[side], code)

        self.at(self.now() + after_s, tell)

    # calling

    def dial(self, caller: Party, call: events.Dial, failed: Callable[[str], None]) -> None:
        """Call an address; the parties hear of the link, or the caller why there is none."""
        again = self.chance.random() < self.duplicate_rate
        for _ in range(2 if again else 1):
            delay = self.latency() * 3
            target = self.addresses.get(call.address)
            cut = target is None or frozenset((caller.name, target.name)) in self.cuts
            if cut or target.name in self.closed_to_calls or self.chance.random() < self.dial_fail_rate:
                self.at(self.now() + (CUT_DIAL_S if cut else delay), lambda: failed("unreachable"))
                continue
            self.at(self.now() + delay, lambda: self._greet(caller, call, failed))

    def _greet(self, caller: Party, call: events.Dial, failed: Callable[[str], None]) -> None:
        target = self.addresses.get(call.address)
        if target is None or frozenset((caller.name, target.name)) in self.cuts:
            failed("unreachable")
            return
        if not caller.running:
            return
        invite_id = None
        if call.invite is not None:
            invite_id, psk = call.invite
            if target.end.psk_of(invite_id) != psk:
                failed("bad_handshake")
                return
        try:
            called = self._introduced(target, caller)
            calling = self._introduced(caller, target)
        except TheirFault as fault:
            failed(fault.code)
            return
        if call.expected is not None and called.home != call.expected:
            failed("wrong_peer")
            return
        self.connect(caller, target, calling, called, invite_id)

    def _introduced(self, who: Party, to: Party) -> introduction.Introduction:
        """`who` as `to` gets to know it. The date is left to the tests of the introduction itself."""
        data = who.end.introduce()
        noise = noise_public_key(who.end.noise_private)
        today = who.end.today()
        return introduction.check(data, noise, today, to.end.current_key)

    def connect(
        self,
        caller: Party,
        target: Party,
        calling: introduction.Introduction,
        called: introduction.Introduction,
        invite_id: bytes | None,
    ) -> Wire:
        """Both ends of a new link: the caller is there first."""
        handshake_hash = self.chance.randbytes(32)
        numbers = (next(_numbers(caller)), next(_numbers(target)))
        wire = Wire((caller, target), numbers, keys=(calling.node_key, called.node_key))
        self.wires.append(wire)
        for party, number in zip(wire.parties, numbers, strict=True):
            _wires(party)[number] = wire
        _meet(caller, called)
        later = self.now() + self.latency()
        wire.arrives[1] = later

        def answered() -> None:
            if wire.alive:
                _meet(target, calling)
                target.up(numbers[1], calling.home, False, handshake_hash, invite_id)

        self.at(later, answered)
        caller.up(numbers[0], called.home, True, handshake_hash, invite_id)
        return wire

    # frames

    def send(self, sender: Party, link: int, data: bytes) -> None:
        """Put a frame on a link; on one that is over, nothing."""
        wire = _wires(sender).get(link)
        if wire is None or not wire.alive:
            return
        assert len(data) <= FRAME_SIZE_MAX_BYTES or not sender.obeys, "a frame is too long"
        if self.chance.random() < self.break_rate:
            self.kill(wire, 2.0)
            return
        side = 1 - wire.side(sender)
        delay = self._carry_s()
        if delay is None:
            self.kill(wire, 2.0)
            return
        try:
            wire.waiting[side].put(data, len(data))
        except WorldFault as full:  # as transport.py does it
            wire.waiting[side].clear()
            self.close(sender, link, full.code)
            return
        wire.arrives[side] = max(wire.arrives[side], self.now() + delay)
        receiver = wire.parties[side]

        def arrive() -> None:
            if wire.alive and wire.waiting[side]:
                wire.waiting[side].take()
                self._count(sender.name, receiver.name, data)
                receiver.frame(wire.numbers[side], data)

        self.at(wire.arrives[side], arrive)

    def close(self, party: Party, link: int, code: str) -> None:
        """End a link in order: what is under way to the other side still arrives."""
        wire = _wires(party).get(link)
        if wire is None or not wire.alive:
            return
        ours = wire.side(party)
        self._tell_end(wire, ours, code, 0.0)
        when = max(wire.arrives[1 - ours], self.now() + self.latency())

        def over() -> None:
            wire.alive = False
            if wire in self.wires:
                self.wires.remove(wire)

        self.at(when, over)
        self._tell_end(wire, 1 - ours, code, when - self.now())

    def _count(self, sender: str, receiver: str, data: bytes) -> None:
        digest = hashlib.sha256(data).hexdigest()
        self.trace.update(f"{self.now():.6f} {sender} {receiver} {digest}\n".encode())
        kinds = self.delivered.setdefault((sender, receiver), {})
        if len(data) > 1 and data[0] >> 5 == 4:
            kind = data[1] if data[1] < 24 else data[2]  # types from 24 on take a byte more
            kinds[kind] = kinds.get(kind, 0) + 1
        self.tap(sender, receiver, data)

    def count(self, *kinds: int) -> int:
        """How many frames of these types were delivered so far."""
        return sum(found.get(kind, 0) for found in self.delivered.values() for kind in kinds)


def _numbers(party: Party) -> Any:
    return party.__dict__.setdefault("_numbers", count(1))


def _wires(party: Party) -> dict[int, Wire]:
    found: dict[int, Wire] = party.__dict__.setdefault("_wires", {})
    return found


def _meet(party: Party, other: introduction.Introduction) -> None:
    met = getattr(party, "on_introduced", None)
    if met is not None:
        met(other.home, other.key_records)
