"""A coalition of a thousand nodes on one machine. What is lighter here than on a real node, said openly:

- The store is a dict in memory (a port of its own), not SQLite. So records are neither judged nor is their
  quota counted, and there are no views. Their bytes and signatures are real; each is parsed once for all.
- Everybody is a member from the first: the roster is one frozenset that all share, not a chain of records.
  So the roster sets and the pair sets are shared and compared, but empty.
- Greetings check nobody's introduction and there is no encryption; who answers is who was called.
- Time is simulated: how long a processor takes to do something is not in it.

Real are the engines, sessions, comparisons, gossip, the choice of whom to call, the frames byte for byte, and
the network of tests/sim/network.py with its latencies, losses and silent ends.
"""

from __future__ import annotations

import heapq
import random
from collections.abc import Callable, Collection, Sequence
from functools import lru_cache
from itertools import count
from types import SimpleNamespace
from typing import Any

from protocol.judge import Checked
from protocol.record import Record
from protocol.record import parse as parse_really
from protocol.scopes import EPOCH_2020_S
from protocol.scopes import coalition as coalition_scope
from sync import events, frames
from sync.engine import Engine
from sync.frames import read_frame
from sync.index import RangeIndex
from sync.port import Taken
from sync.sets import SetKey
from tests.protocol.helpers import NOON, Member, Neighborhood
from tests.sim.bounds import engine_bounds_hold
from tests.sim.invariants import NOISE, QUIET
from tests.sim.network import NOTICE_MAX_S, Network, _wires
from tests.sim.runner import SimRunner
from tests.sync.memory_port import MemoryPort

COALITION = bytes(31) + b"c"
KEY: SetKey = ("coalition", COALITION)
SECRET = {COALITION: b"secret".ljust(32)}
EMPTY = RangeIndex()
parse = lru_cache(maxsize=10_000)(parse_really)


class CrowdPort(MemoryPort):
    """A store of nothing but records of one coalition, for one of many nodes that know each other."""

    def join(self, crowd: Crowd) -> None:
        self.crowd = crowd
        self.items = RangeIndex()
        self.secrets = SECRET

    def members(self, coalition: bytes) -> frozenset[bytes]:
        return self.crowd.members

    def may_pair(self, home: bytes) -> bool:
        return home in self.crowd.members and home != self.home

    def wanted(self) -> dict[bytes, list[str]]:
        return {home: places for home, places in self.crowd.addresses.items() if home != self.home}

    def awaited(self) -> frozenset[bytes]:
        return frozenset()

    def neighbor_state(self, home: bytes) -> str:
        return ""

    def index(self, key: SetKey, created_before: int, expires_after: int) -> RangeIndex:
        return self.items if key == KEY else EMPTY

    def sets_of(self, record: Record) -> list[SetKey]:
        return [KEY]

    def sets_of_ids(self, record_ids: Collection[bytes]) -> dict[bytes, list[SetKey]]:
        return {record_id: [KEY] for record_id in record_ids if record_id in self.records}

    def urgent(self, ids: Collection[bytes]) -> list[bytes]:
        return []

    def keep(self, record: Record) -> None:
        self.records[record.id] = record
        self.items.insert(record.created - EPOCH_2020_S, record.id)

    def add(self, messages: Sequence[bytes], home: bytes) -> Taken:
        new, others = [], []
        for message in messages:
            record = parse(message)
            if record.id in self.records:
                others.append(record.id)
            else:
                self.keep(record)
                new.append(record)
        if new:
            self.crowd.nodes[self.home].runner.event(events.NewRecords(new))
        return Taken(len(new), 0, tuple(others))

    def take(self, records: Sequence[Record], home: bytes, checked: Checked) -> Taken:
        return self.add([record.message for record in records], home)

    def in_step(self, key: SetKey, home: bytes) -> None:
        pass

    def heard(self, home: bytes, name: str) -> None:
        pass

    def day_of_peer(self, home: bytes, day: int) -> None:
        pass


class CrowdNetwork(Network):
    """The same network, without checking who is who."""

    def _introduced(self, who: Any, data: bytes, to: Any) -> Any:
        return SimpleNamespace(home=who.home, node_key=b"", key_records=(), until=2**31)


class CrowdNode:
    """One member: its store stays, its engine is made anew at each start."""

    def __init__(self, crowd: Crowd, number: int) -> None:
        self.crowd = crowd
        self.number = number
        self.who = Neighborhood(f"Place {number}")
        self.writer = Member(self.who, "Ana")
        self.home = self.who.id
        self.address = f"place-{number}:1"
        self.port = CrowdPort(self.who)
        self.port.join(crowd)
        self.starts = 0
        self.connected: frozenset[bytes] = frozenset()
        self.runner: Any = None

    def start(self) -> None:
        self.starts += 1
        crowd = self.crowd
        chance = random.Random(f"{crowd.seed} {self.number} {self.starts}")
        engine = Engine(self.port, chance.random)
        engine.features = crowd.features
        self.runner = SimRunner(
            engine,
            SimpleNamespace(  # type: ignore[arg-type]
                psk_of=lambda invite_id: None, introduce=lambda: b"", introduce_to=None
            ),
            name=str(self.number),
            network=crowd.network,
            tick_max_s=lambda: 600.0,
            allow_loopback=True,
            keeper=None,
            on_introduced=lambda home, records: None,
            on_connected=self._connected,
            on_joined=lambda *joined: None,
            on_called=lambda *called: None,
            on_tick=lambda now: None,
            clock=lambda: crowd.now,
        )
        self.runner.home = self.home
        self.runner.network_address = lambda wire: ""
        self.runner.running = True
        crowd.network.addresses[self.address] = self.runner
        self.runner.event(events.Changed())

    def stop(self, silently: bool) -> None:
        """The process ends; the others hear of it at once, or notice by the silence."""
        self.crowd.network.addresses.pop(self.address, None)
        self.runner.running = False
        for wire in list(_wires(self.runner).values()):
            if wire.alive:
                self.crowd.network.kill(wire, NOTICE_MAX_S if silently else 0.1)
        self.connected = frozenset()

    @property
    def engine(self) -> Engine:
        return self.runner.engine  # type: ignore[no-any-return]

    @property
    def running(self) -> bool:
        return self.runner is not None and self.runner.running

    def _connected(self, homes: frozenset[bytes]) -> None:
        self.connected = homes

    def publish(self, title: str) -> Record:
        created = NOON - 40_000 + self.crowd.published
        self.crowd.published += 1
        record = self.writer.post(coalition_scope(COALITION), title=title, created=created)
        self.port.keep(record)
        self.runner.event(events.NewRecords([record]))
        return record


class Crowd:
    """All of them, one clock, one network, one seed."""

    def __init__(self, size: int, seed: object) -> None:
        self.seed = seed
        self.now = 0.0
        self.features: tuple[str, ...] = ("plumtree",)
        self.published = 0
        self.chance = random.Random(f"{seed} crowd")
        self._order = count()
        self._queue: list[tuple[float, int, Callable[[], None]]] = []
        self.network = CrowdNetwork(seed, lambda: self.now, self.at)
        self.network.tap = self._tap
        self.copies = 0  # records that arrived, counted each time
        self.named = 0  # ids in `have`
        self.nodes: dict[bytes, CrowdNode] = {}
        self.addresses: dict[bytes, list[str]] = {}
        every = [CrowdNode(self, number) for number in range(size)]
        self.nodes = {node.home: node for node in every}
        self.all = every
        self.members = frozenset(self.nodes)
        self.addresses = {node.home: [node.address] for node in every}

    def _tap(self, sender: str, receiver: str, data: bytes) -> None:
        if len(data) > 1 and data[1] in (frames.RECORDS, frames.HAVE):
            kind, fields = read_frame(data)
            if kind == frames.RECORDS:
                self.copies += len(fields[1])
            elif kind == frames.HAVE:
                self.named += len(fields[0])

    def at(self, when: float, what: Callable[[], None]) -> None:
        heapq.heappush(self._queue, (when, next(self._order), what))

    def run(self, seconds: float) -> None:
        """Let time pass."""
        end = self.now + seconds
        while self._queue and self._queue[0][0] <= end:
            when, _, what = heapq.heappop(self._queue)
            self.now = max(self.now, when)
            what()
        self.now = end

    def start(self, within_s: float = 10.0) -> None:
        """Everybody is switched on, one after the other."""
        for node in self.all:
            self.at(self.now + self.chance.uniform(0, within_s), node.start)
        self.run(within_s)

    def at_rest(self, silent_s: float = 130.0) -> None:
        """Everybody holds the same and knows it, within all bounds, and then nothing passes but comparing."""
        wanted = sorted((r.created - EPOCH_2020_S, r.id) for r in self.all[0].port.records.values())
        assert len(wanted) == self.published, f"{len(wanted)} of {self.published} records are there"
        for node in self.all:
            assert node.port.records.keys() == self.all[0].port.records.keys(), f"{node.number} holds others"
            items = node.port.items
            assert list(items.items(0, len(items))) == wanted, f"the index of {node.number} went astray"
            engine_bounds_hold(node)
        before = self.network.count(*NOISE)
        compared = self.network.count(*QUIET)
        self.run(silent_s)
        noise = self.network.count(*NOISE) - before
        assert noise == 0, f"{noise} frames although all are equal"
        assert self.network.count(*QUIET) > compared, "nobody even compared: this proves nothing"

    def links(self) -> float:
        """Links of a node, on average."""
        return sum(len(node.runner.engine.sessions) for node in self.all) / len(self.all)

    def holding(self, record: Record) -> int:
        return sum(record.id in node.port.records for node in self.all)
