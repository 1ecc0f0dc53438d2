"""Passing records over one link: what waits for the other side, what it has taken, what we ask for.

What the other lacks and what is new goes into the outbox; what we lack is asked for by `want`. A set that
has been compared is live (exchange.py): new records of it are passed on at once, small ones whole, large
ones by `have`, or as the trees of gossip.py say where both sides know them. What is urgent goes before the
rest. Records travel in numbered batches, as many as credits allow for before one is `taken` (credits.py).
What comes waits its turn for the door (intake.py).

Who has lost everything gets back what it signed with an earlier key, which is in no set: once a set has
been compared, aside_wanted(from 0)  ->  aside_given(records, where to go on), until that is 0.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from itertools import chain, islice
from typing import Any, TypeVar

from protocol.errors import TheirFault
from protocol.judge import Checked
from protocol.record import Record
from sync import frames
from sync.credits import Credits
from sync.frames import write_frame
from sync.gossip import Branch, Gossip
from sync.intake import Intake, Turn
from sync.port import Port, Taken
from sync.sets import COMPARE_SOON_S, SetKey, SetState
from sync.streaming import Streaming, Streams

INLINE_MAX_BYTES = 2_048
OUTBOX_MAX = 200_000  # ids that wait to be sent; beyond it they are dropped and the sets compared again
GONE_AT_ONCE_MAX = 2_000  # ids in the outbox whose records have left the store, looked at in one go
NEVER_MAX = 50  # records that can never be accepted, before the link is closed
TRIES_MAX = 3  # for a difference that comparing shows again and again
TRIED_MAX = 10_000  # differences remembered; the oldest leave

Difference = TypeVar("Difference", bytes, int)


@dataclass(slots=True)
class Passing:
    """Records on their way over one link. `sets` are the exchange's. Methods give the frames to send."""

    port: Port
    peer: bytes
    sets: dict[SetKey, SetState]
    branch: Branch = field(default_factory=lambda: Branch(Gossip(), 0, ()))
    urgent: dict[bytes, None] = field(default_factory=dict)  # goes out before the outbox
    outbox: dict[bytes, None] = field(default_factory=dict)
    credits: Credits = field(default_factory=Credits)
    intake: Intake = field(default_factory=Intake)  # the engine's, shared by all links
    streaming: Streaming = field(init=False)
    link: int = 0  # our number for this link
    prompt: bool = True  # nobody else takes turns for us
    aside: dict[SetKey, int] = field(default_factory=dict)  # from where we asked; -1: all has come
    tried: dict[bytes | int, int] = field(default_factory=dict)  # how often, by id or by item of a sketch
    goes_on: bool = False  # there is more to be looked at in the outbox at once
    never: int = 0
    received: int = 0

    def __post_init__(self) -> None:
        self.streaming = Streaming(self.port, self.credits, self.sets)

    def on_engine(self, link: int, intake: Intake, streams: Streams) -> None:
        """What all links of an engine share; it takes turns for us."""
        self.link, self.intake, self.prompt = link, intake, False
        self.streaming.link, self.streaming.streams = link, streams

    @property
    def in_flight(self) -> dict[int, float]:
        """The batches on their way, with the time when they left."""
        return self.credits.sent

    def take_limits(self, *said: int) -> None:
        """What the other side takes at once: records, batches, bytes."""
        self.credits.negotiate(*said)

    def tick(self, now: float) -> list[bytes]:
        """Batches whose answer never came no longer count as on their way."""
        self.credits.expire(now)
        named, grafted = self.branch.due(now)
        out = self._take_turns(now) + self.send(now)
        return out + _in_frames(frames.HAVE, named) + _in_frames(frames.GRAFT, grafted)

    def next_due(self) -> float:
        """When `tick` has something to do."""
        return 0.0 if self.goes_on else min(self.credits.next_due(), self.branch.next_due())

    def queue(self, ids: Iterable[bytes]) -> None:
        """Send these records when there is room, urgent ones first."""
        ids = list(ids)
        self._put(ids, self._urgent(ids))

    def _urgent(self, ids: list[bytes]) -> set[bytes]:
        return set(self.port.urgent(ids)) if ids else set()

    def _put(self, ids: list[bytes], first: set[bytes]) -> None:
        for record_id in ids:
            (self.urgent if record_id in first else self.outbox)[record_id] = None
        if len(self.outbox) + len(self.urgent) > OUTBOX_MAX:
            self.outbox.clear()
            self.urgent.clear()
            for state in self.sets.values():
                state.next_compare = 0.0

    def send(self, now: float) -> list[bytes]:
        """Batches from the outbox, as far as the other side has taken the earlier ones."""
        out = []
        gone = 0
        full = False
        while (self.urgent or self.outbox) and not full and gone < GONE_AT_ONCE_MAX:
            room = self.credits.room_bytes()
            if not room:
                break
            messages: list[bytes] = []
            size = 0
            for record_id in list(islice(chain(self.urgent, self.outbox), self.credits.records_max)):
                message = self.port.message(record_id)
                if message is None:
                    gone += 1
                elif size + len(message) > room:
                    full = not messages  # not even one: it waits for `taken`
                    break
                else:
                    messages.append(message)
                    size += len(message) + 3
                self.urgent.pop(record_id, None)
                self.outbox.pop(record_id, None)
            if messages:
                number = self.credits.spend(size, now)
                out.append(write_frame(frames.RECORDS, number, messages))
        self.goes_on = gone >= GONE_AT_ONCE_MAX
        return out + self.streaming.send(now)

    def announce(self, records: Iterable[Record], now: float) -> list[bytes]:
        """Pass on what is new here, where it belongs to a live set."""
        live_sets = ((r, [key for key in self.port.sets_of(r) if self._is_live(key)]) for r in records)
        news = [(record, live) for record, live in live_sets if live]
        first = self._urgent([record.id for record, _ in news])
        whole, named = [], []
        for record, live in news:
            self._confirm_pair(live, now)
            if self.branch.grows:
                if self.branch.goes_whole(record.id, live, record.id in first, now):
                    whole.append(record.id)
            elif len(record.message) <= INLINE_MAX_BYTES:
                whole.append(record.id)
            else:
                named.append(record.id)
        self._put(whole, first)
        return _in_frames(frames.HAVE, named) + self.send(now)

    def _is_live(self, key: SetKey) -> bool:
        state = self.sets.get(key)
        return state is not None and state.live

    def _confirm_pair(self, keys: Iterable[SetKey], now: float) -> None:
        """People wait to see that a promise has arrived: compare the pair set again at once."""
        for key in keys:
            if key[0] == "pair" and key in self.sets:
                self.sets[key].next_compare = min(self.sets[key].next_compare, now + COMPARE_SOON_S / 4)

    def worth_trying(self, differences: Iterable[Difference]) -> list[Difference]:
        """Those that were not asked for, or sent, TRIES_MAX times already since anything new came.

        What still differs after that one of the two refuses; another day or another roster may change it.
        """
        worth = []
        for difference in differences:
            count = self.tried.pop(difference, 0)
            if count < TRIES_MAX:
                worth.append(difference)
            self.tried[difference] = min(count + 1, TRIES_MAX)
        while len(self.tried) > TRIED_MAX:
            del self.tried[next(iter(self.tried))]
        return worth

    @property
    def progress(self) -> int:
        """Grows with whatever comes in, and with every batch that leaves."""
        return self.received + self.credits.last

    def want(self, ids: Iterable[bytes]) -> list[bytes]:
        """Ask for records that we lack."""
        missing = [record_id for record_id in dict.fromkeys(ids) if not self.port.holds(record_id)]
        for record_id in missing:
            self.branch.asked.add(record_id)
        return _in_frames(frames.WANT, missing)

    def on_have(self, ids: list[bytes], now: float) -> list[bytes]:
        """The other side has these: asked for at once, or in a while if the tree does not bring them."""
        if not self.branch.grows:
            return self.want(ids)
        self.branch.hear(ids, self.port.holds, now)
        return []

    def only_name(self, keys: Iterable[SetKey]) -> list[bytes]:
        """Make this link lazy for these sets, and say so."""
        pruned = self.branch.withdraw(keys)
        return [write_frame(frames.PRUNE, frames.set_on_wire(key)) for key in pruned]

    def on_want(self, ids: list[bytes], now: float) -> list[bytes]:
        """The other side asks for records: it gets those of sets that we share with it."""
        self.queue(record_id for record_id in ids if self._may_have(record_id))
        return self.send(now)

    def on_graft(self, ids: list[bytes], now: float) -> list[bytes]:
        """The other side asks for records that the tree did not bring, and for what follows in their sets."""
        for record_id in ids:
            self.branch.graft(self.port.sets_of_id(record_id))
        return self.on_want(ids, now)

    def _may_have(self, record_id: bytes) -> bool:
        return any(key in self.sets for key in self.port.sets_of_id(record_id))

    def on_taken(self, number: int, now: float) -> list[bytes]:
        """A batch has arrived."""
        self.credits.regain(number)
        self.streaming.over_there(number)
        return self.send(now)

    def on_records(self, number: int, messages: list[bytes], now: float) -> list[bytes]:
        """Records from the other side wait for their turn. Raises TheirFault."""
        batch = self.intake.put(self.link, self.peer, number, messages, now)
        if batch is None:
            return []
        self._count(Taken(0, batch.unreadable), now)
        return self._taken([] if batch.left else [number], now) + self._take_turns(now)

    def on_stream(self, kind: int, fields: list[Any], now: float) -> list[bytes]:
        """The other side asks for a set in order, or sends one. Raises TheirFault."""
        key = frames.read_set(fields[0], self.peer)
        if key not in self.sets:
            return []
        if kind == frames.STREAM:
            self.streaming.begin(key, fields[1], now)
            return self.send(now)
        _, number, messages, until = fields
        return self.on_records(number, messages, now) if self.streaming.came(key, number, until, now) else []

    def _taken(self, numbers: list[int], now: float) -> list[bytes]:
        for number in numbers:
            self.streaming.taken(number, now)
        return [write_frame(frames.TAKEN, number) for number in numbers]

    def _take_turns(self, now: float) -> list[bytes]:
        out = []
        while self.prompt and (turn := self.intake.turn(now)) is not None:
            out += self.take_turn(turn, now)
        return out

    def take_turn(self, turn: Turn, now: float, checked: Checked = frozenset()) -> list[bytes]:
        """Put records that waited through the door. One bad record holds up no other. Raises TheirFault."""
        taken = self.port.take(turn.records, self.peer, checked)
        out = self._prune(turn, taken)
        over = self.intake.done(turn, len(turn.records) - taken.new, now)
        self._count(taken, now)
        return self._taken(over, now) + out

    def _prune(self, turn: Turn, taken: Taken) -> list[bytes]:
        """Where a link brings what others had brought already, say so. What was streamed was asked for."""
        others = set(taken.others)
        keys: dict[SetKey, None] = {}
        for record, batch in zip(turn.records, turn.batches, strict=True):
            if record.id in others and batch.number not in self.streaming.coming:
                keys |= dict.fromkeys(self.branch.repeated(record.id, self.port.sets_of_id(record.id)))
        return [write_frame(frames.PRUNE, frames.set_on_wire(key)) for key in keys]

    def _count(self, taken: Taken, now: float) -> None:
        self.received += taken.new
        self.never += taken.never
        counts = self.intake.peer(self.peer)
        counts.received += taken.new
        counts.skipped += taken.never
        if self.never > NEVER_MAX:
            said = "Too many records from the other side can never be right."
            raise TheirFault("bad_frame", said, limit=f"NEVER_MAX {NEVER_MAX}")
        if taken.new:
            self.tried.clear()
            self._confirm_pair([("pair", self.peer)], now)

    # what is in no set

    def want_aside(self, key: SetKey) -> list[bytes]:
        """Ask, once per link, for our own records that the other side keeps aside."""
        if key[0] == "roster" or key in self.aside or not self.port.wants_aside(key, self.peer):
            return []
        self.aside[key] = 0
        return [write_frame(frames.ASIDE_WANTED, frames.set_on_wire(key), 0)]

    def on_aside(self, kind: int, fields: list[Any], now: float) -> list[bytes]:
        """A frame about records kept aside. Raises TheirFault."""
        key = frames.read_set(fields[0], self.peer)
        if key not in self.sets or key[0] == "roster":
            return []
        wire = frames.set_on_wire(key)
        if kind == frames.ASIDE_WANTED:
            messages, following = self.port.aside(key, self.peer, fields[1])
            return [write_frame(frames.ASIDE_GIVEN, wire, messages, following)]
        asked_from = self.aside.get(key, -1)
        if asked_from < 0:
            return []
        if 0 < fields[2] <= asked_from:
            raise TheirFault("bad_frame", "The other side goes in circles.")
        self._count(self.port.add(fields[1], self.peer), now)
        self.aside[key] = fields[2] or -1
        if fields[2]:
            return [write_frame(frames.ASIDE_WANTED, wire, fields[2])]
        self.port.aside_came(key, self.peer)
        return []


def _in_frames(kind: int, ids: list[bytes]) -> list[bytes]:
    return [write_frame(kind, ids[at : at + frames.IDS_MAX]) for at in range(0, len(ids), frames.IDS_MAX)]
