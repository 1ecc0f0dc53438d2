"""Keeping sets equal over one link: compare fingerprints, reconcile what differs.

The side that dialed compares; the other answers. For each set:

    compare(fingerprint)  ->  same                     equal: one round trip and done
                          ->  differs                  then reconcile / reconciled (Negentropy v1) until
                                                       the comparer knows what each side lacks
                          ->  not_shared               the other side does not share this set; once it
                                                       does, it says `shared`

What the one or the other lacks is then passed (passing.py). A set that has been compared is live: what is new
in it is passed on at once. A comparison that gets no answer is begun again after PATIENCE_S.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

from protocol.errors import TheirFault
from protocol.scopes import DAY_S
from sync import frames
from sync.frames import write_frame
from sync.index import RangeIndex
from sync.passing import Passing
from sync.port import Port
from sync.reconcile import Reconciler, has_fingerprints
from sync.sets import COMPARE_SOON_S, PATIENCE_S, SetKey, SetState
from sync.streaming import STREAM_FROM

NEGENTROPY_FRAME_MAX_BYTES = 60_000
ROUNDS_MAX = 500
COMPARE_AGAIN_S = 60.0
NOT_SHARED_RETRY_S = 5.0


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
    passing: Passing = field(init=False)

    def __post_init__(self) -> None:
        self.passing = Passing(self.port, self.peer, self.sets)

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
            if self.comparer and state.busy_since is None and now >= self._due(key, state):
                out.append(self._compare(key, state, now))
        return out + self.passing.tick(now)

    def next_due(self) -> float:
        """When `tick` has something to do."""
        times = [
            self._due(key, state) if state.busy_since is None else state.busy_since + PATIENCE_S
            for key, state in self.sets.items()
            if self.comparer
        ]
        return min(*times, self.passing.next_due(), float("inf"))

    def _due(self, key: SetKey, state: SetState) -> float:
        return max(state.next_compare, self.passing.streaming.busy.get(key, 0.0))

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
                return [write_frame(frames.SAME, wire), *self.passing.want_aside(key)]
            state.index = index
            return [write_frame(frames.DIFFERS, wire), *self.passing.want_aside(key)]
        if state is None:
            return []
        if kind == frames.RECONCILE:
            index = state.index if state.index is not None else self._index(key)
            if has_fingerprints(fields[1]) and (asked := self.passing.streaming.ask(key, len(index), now)):
                return asked  # theirs is too large for a list of ids, ours next to nothing
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
            return self.passing.want_aside(key)
        if kind == frames.NOT_SHARED:
            state.live = False
            state.busy_since = None
            state.next_compare = now + NOT_SHARED_RETRY_S
            return []
        state.busy_since = now
        if kind == frames.DIFFERS:
            state.index = self._index(key)
            opening = Reconciler(state.index, NEGENTROPY_FRAME_MAX_BYTES).initiate()
            return [write_frame(frames.RECONCILE, wire, opening), *self.passing.want_aside(key)]
        return self._step(key, state, fields[1], now)

    def on_stream(self, kind: int, fields: list[Any], now: float) -> list[bytes]:
        """A set is streamed. What was being compared of it is of no use any more. Raises TheirFault."""
        state = self.sets.get(frames.read_set(fields[0], self.peer))
        if kind == frames.STREAM and self.comparer and state is not None and state.busy_since is not None:
            self._finished(state, now)
        return self.passing.on_stream(kind, fields, now)

    def _step(self, key: SetKey, state: SetState, message: bytes, now: float) -> list[bytes]:
        if state.index is None:
            return []
        wire = frames.set_on_wire(key)
        state.rounds += 1
        if state.rounds > ROUNDS_MAX:
            raise TheirFault("bad_reconciliation")
        step = Reconciler(state.index, NEGENTROPY_FRAME_MAX_BYTES).reconcile(message)
        self.passing.queue(step.have)
        out = self.passing.send(now)
        if len(step.need) >= STREAM_FROM and (
            asked := self.passing.streaming.ask(key, len(state.index), now)
        ):
            self._finished(state, now)  # compared again when that is through
            return out + asked
        out += self.passing.want(step.need)
        if step.reply is not None:
            out.append(write_frame(frames.RECONCILE, wire, step.reply))
        else:
            self._finished(state, now + COMPARE_SOON_S)
        return out

    def _finished(self, state: SetState, next_compare: float) -> None:
        state.busy_since = None
        state.next_compare = next_compare
        state.index = None
