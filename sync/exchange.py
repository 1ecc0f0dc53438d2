"""Keeping sets equal over one link: compare fingerprints, reconcile what differs, pass records.

The side that dialed compares; the other answers. For each set:

    compare(fingerprint)  ->  same                     equal: one round trip and done
                          ->  differs                  then reconcile / reconciled (Negentropy v1) until
                                                       the comparer knows what each side lacks
                          ->  not_shared               the other side does not share this set; once it
                                                       does, it says `shared`

What the other lacks goes into the outbox; what we lack is asked for by `want`. A set that has been
compared is live: new records of it are passed on at once, small ones whole, large ones by `have`.
Records travel in numbered batches; at most BATCHES_IN_FLIGHT_MAX wait for their `taken`, so a slow peer
holds up nobody but itself. A comparison that gets no answer is begun again after PATIENCE_S.

Who has lost everything gets back what it signed with an earlier key, which is in no set: once a set has
been compared, aside_wanted(from 0)  ->  aside_given(records, where to go on), until that is 0.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from itertools import islice
from typing import Any

from protocol.errors import TheirFault
from protocol.record import Record
from protocol.scopes import DAY_S
from sync import frames
from sync.frames import write_frame
from sync.index import RangeIndex
from sync.port import Port
from sync.reconcile import Reconciler
from sync.sets import SetKey

NEGENTROPY_FRAME_MAX_BYTES = 60_000
ROUNDS_MAX = 500
INLINE_MAX_BYTES = 2_048
OUTBOX_MAX = 200_000  # ids that wait to be sent; beyond it they are dropped and the sets compared again
BATCHES_IN_FLIGHT_MAX = 8
NEVER_MAX = 50  # records that can never be accepted, before the link is closed
PATIENCE_S = 20.0
COMPARE_AGAIN_S = 60.0
COMPARE_SOON_S = 2.0
NOT_SHARED_RETRY_S = 5.0


@dataclass(slots=True)
class SetState:
    """One set on one link."""

    live: bool = False
    busy_since: float | None = None
    next_compare: float = 0.0
    rounds: int = 0
    said: bytes = b""  # the fingerprint in our last `compare`
    index: RangeIndex | None = None


@dataclass(slots=True)
class Window:
    """Which records the two compare: day and floor of both sides decide."""

    created_before: int = 2**40
    expires_after: int = 0

    @staticmethod
    def between(day: int, floor: int, their_day: int, their_floor: int) -> Window:
        lower = min(day, their_day)
        return Window((lower + 2) * DAY_S, max(lower, floor, their_floor))


@dataclass(slots=True)
class Exchange:
    """The sets and records of one link. Methods give the frames to send."""

    port: Port
    peer: bytes
    comparer: bool
    window: Window = field(default_factory=Window)
    sets: dict[SetKey, SetState] = field(default_factory=dict)
    outbox: dict[bytes, None] = field(default_factory=dict)
    in_flight: dict[int, float] = field(default_factory=dict)
    aside: dict[SetKey, int] = field(default_factory=dict)  # from where we asked; -1: all has come
    batch: int = 0
    records_max: int = frames.RECORDS_MAX
    batches_max: int = BATCHES_IN_FLIGHT_MAX
    never: int = 0
    received: int = 0

    def take_limits(self, records: int = frames.RECORDS_MAX, batches: int = BATCHES_IN_FLIGHT_MAX) -> None:
        """What the other side takes at once; ours hold where they are lower."""
        self.records_max = min(records, frames.RECORDS_MAX)
        self.batches_max = min(batches, BATCHES_IN_FLIGHT_MAX)

    # which sets

    def share(self, keys: Iterable[SetKey], now: float) -> list[bytes]:
        """Share exactly these sets from now on; begins with those that are new."""
        wanted = dict.fromkeys(keys)
        for key in [key for key in self.sets if key not in wanted]:
            del self.sets[key]
        out = []
        for key in wanted:
            if key not in self.sets:
                self.sets[key] = SetState(next_compare=now)
                if not self.comparer:
                    out.append(write_frame(frames.SHARED, frames.set_on_wire(key)))
        return out + self.tick(now)

    def is_live(self, key: SetKey) -> bool:
        """Whether news of this set is passed on over this link."""
        state = self.sets.get(key)
        return state is not None and state.live

    def compare_soon(self, now: float) -> None:
        """Look at every set again shortly: something changed that may change what is acceptable."""
        for state in self.sets.values():
            state.next_compare = min(state.next_compare, now + COMPARE_SOON_S)

    def tick(self, now: float) -> list[bytes]:
        """What is due: comparisons to begin or begin again, batches whose answer never came."""
        out = []
        for key, state in self.sets.items():
            if state.busy_since is not None and now - state.busy_since > PATIENCE_S:
                state.busy_since = None
                state.next_compare = now
            if self.comparer and state.busy_since is None and now >= state.next_compare:
                out.append(self._compare(key, state, now))
        for number, sent in list(self.in_flight.items()):
            if now - sent > PATIENCE_S:
                del self.in_flight[number]
        return out + self.send(now)

    def next_due(self) -> float:
        """When `tick` has something to do."""
        times = [
            s.next_compare if s.busy_since is None else s.busy_since + PATIENCE_S
            for s in self.sets.values()
            if self.comparer
        ]
        times += [sent + PATIENCE_S for sent in self.in_flight.values()]
        return min(times, default=float("inf"))

    # comparing

    def _index(self, key: SetKey) -> RangeIndex:
        return self.port.index(key, self.window.created_before, self.window.expires_after)

    def _compare(self, key: SetKey, state: SetState, now: float) -> bytes:
        state.busy_since = now
        state.rounds = 0
        state.live = True  # what is new while the answer is under way must not wait for a minute
        state.said = self._fingerprint(key)
        return write_frame(frames.COMPARE, frames.set_on_wire(key), state.said)

    def _fingerprint(self, key: SetKey) -> bytes:
        index = self._index(key)
        return index.fingerprint(0, len(index))

    def on_compare(self, kind: int, fields: list[Any], now: float) -> list[bytes]:
        """A frame about a set. Raises TheirFault."""
        key = frames.read_set(fields[0], self.peer)
        wire = frames.set_on_wire(key)
        state = self.sets.get(key)
        if kind == frames.COMPARE:
            if state is None:
                return [write_frame(frames.NOT_SHARED, wire, "not_for_us")]
            state.live = True
            index = self._index(key)
            if index.fingerprint(0, len(index)) == fields[1]:
                state.index = None
                self.port.in_step(key, self.peer)
                return [write_frame(frames.SAME, wire), *self._want_aside(key)]
            state.index = index
            return [write_frame(frames.DIFFERS, wire), *self._want_aside(key)]
        if state is None:
            return []
        if kind == frames.RECONCILE:
            index = state.index if state.index is not None else self._index(key)
            reply = Reconciler(index, NEGENTROPY_FRAME_MAX_BYTES).respond(fields[1])
            return [write_frame(frames.RECONCILED, wire, reply)]
        if kind == frames.SHARED:
            if not self.comparer or state.live:
                return []
            state.next_compare = now
            return self.tick(now)
        if not self.comparer or state.busy_since is None:
            return []
        if kind == frames.SAME:
            if self._fingerprint(key) == state.said:
                self._finished(state, now + COMPARE_AGAIN_S)
                self.port.in_step(key, self.peer)
            else:  # something came in meanwhile, and is not known to have arrived there
                self._finished(state, now + COMPARE_SOON_S / 4)
            return self._want_aside(key)
        if kind == frames.NOT_SHARED:
            state.live = False
            state.busy_since = None
            state.next_compare = now + NOT_SHARED_RETRY_S
            return []
        state.busy_since = now
        if kind == frames.DIFFERS:
            state.index = self._index(key)
            opening = Reconciler(state.index, NEGENTROPY_FRAME_MAX_BYTES).initiate()
            return [write_frame(frames.RECONCILE, wire, opening), *self._want_aside(key)]
        return self._step(wire, state, fields[1], now)

    def _step(self, wire: list[Any], state: SetState, message: bytes, now: float) -> list[bytes]:
        if state.index is None:
            return []
        state.rounds += 1
        if state.rounds > ROUNDS_MAX:
            raise TheirFault("bad_reconciliation")
        step = Reconciler(state.index, NEGENTROPY_FRAME_MAX_BYTES).reconcile(message)
        out = self.want(step.need)
        self.queue(step.have)
        out += self.send(now)
        if step.reply is not None:
            out.append(write_frame(frames.RECONCILE, wire, step.reply))
        else:
            self._finished(state, now + COMPARE_SOON_S)
        return out

    def _finished(self, state: SetState, next_compare: float) -> None:
        state.busy_since = None
        state.next_compare = next_compare
        state.index = None

    # passing records

    def queue(self, ids: Iterable[bytes]) -> None:
        """Send these records when there is room."""
        for record_id in ids:
            self.outbox[record_id] = None
        if len(self.outbox) > OUTBOX_MAX:
            self.outbox.clear()
            for state in self.sets.values():
                state.next_compare = 0.0

    def send(self, now: float) -> list[bytes]:
        """Batches from the outbox, as far as the other side has taken the earlier ones."""
        out = []
        while self.outbox and len(self.in_flight) < self.batches_max:
            messages: list[bytes] = []
            size = 0
            for record_id in list(islice(self.outbox, self.records_max)):
                message = self.port.message(record_id)
                if message is not None:
                    if messages and size + len(message) > frames.RECORDS_SIZE_MAX_BYTES:
                        break
                    messages.append(message)
                    size += len(message) + 3
                del self.outbox[record_id]
            if messages:
                self.batch += 1
                self.in_flight[self.batch] = now
                out.append(write_frame(frames.RECORDS, self.batch, messages))
        return out

    def announce(self, records: Iterable[Record], now: float) -> list[bytes]:
        """Pass on what is new here, where it belongs to a live set."""
        large = []
        for record in records:
            live = [key for key in self.port.sets_of(record) if self.is_live(key)]
            if live:
                self._confirm_pair(live, now)
                if len(record.message) <= INLINE_MAX_BYTES:
                    self.queue([record.id])
                else:
                    large.append(record.id)
        out = [
            write_frame(frames.HAVE, large[at : at + frames.IDS_MAX])
            for at in range(0, len(large), frames.IDS_MAX)
        ]
        return out + self.send(now)

    def _confirm_pair(self, keys: Iterable[SetKey], now: float) -> None:
        """People wait to see that a promise has arrived: compare the pair set again at once."""
        for key in keys:
            if key[0] == "pair" and key in self.sets:
                self.sets[key].next_compare = min(self.sets[key].next_compare, now + COMPARE_SOON_S / 4)

    def want(self, ids: Iterable[bytes]) -> list[bytes]:
        """Ask for records that we lack."""
        missing = [record_id for record_id in dict.fromkeys(ids) if not self.port.holds(record_id)]
        return [
            write_frame(frames.WANT, missing[at : at + frames.IDS_MAX])
            for at in range(0, len(missing), frames.IDS_MAX)
        ]

    def on_want(self, ids: list[bytes], now: float) -> list[bytes]:
        """The other side asks for records: it gets those of sets that we share with it."""
        self.queue(record_id for record_id in ids if self._may_have(record_id))
        return self.send(now)

    def _may_have(self, record_id: bytes) -> bool:
        return any(key in self.sets for key in self.port.sets_of_id(record_id))

    def on_taken(self, number: int, now: float) -> list[bytes]:
        """A batch has arrived."""
        self.in_flight.pop(number, None)
        return self.send(now)

    def on_records(self, number: int, messages: list[bytes], now: float) -> list[bytes]:
        """Records from the other side. One bad record holds up no other. Raises TheirFault."""
        self._take(messages, now)
        return [write_frame(frames.TAKEN, number)]

    def _take(self, messages: list[bytes], now: float) -> None:
        taken = self.port.add(messages, self.peer)
        self.received += taken.new
        self.never += taken.never
        if self.never > NEVER_MAX:
            raise TheirFault("bad_frame", f"Over {NEVER_MAX} records from the other side cannot be right.")
        if taken.new:
            self._confirm_pair([("pair", self.peer)], now)

    # what is in no set

    def _want_aside(self, key: SetKey) -> list[bytes]:
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
        self._take(fields[1], now)
        self.aside[key] = fields[2] or -1
        if fields[2]:
            return [write_frame(frames.ASIDE_WANTED, wire, fields[2])]
        self.port.aside_came(key, self.peer)
        return []
