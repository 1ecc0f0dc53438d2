"""Keeping sets equal over one link: compare fingerprints, find out what differs.

The side that dialed compares; the other answers. For each set:

    compare(fingerprint)  ->  same                     equal: one round trip and done
                          ->  differs                  then reconcile / reconciled (Negentropy v1) until
                                                       the comparer knows what each side lacks
                          ->  sketch                   it differs: sketches (sketching.py), else Negentropy
                          ->  not_shared               the other side does not share this set; once it
                                                       does, it says `shared`

With who knows it, `compare_all` asks for all sets that are due in one frame, and `compared` answers for each.

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
from sync.gossip import Gossip
from sync.index import RangeIndex
from sync.passing import Passing
from sync.port import Port
from sync.reconcile import Reconciler, has_fingerprints
from sync.sets import COMPARE_SOON_S, PATIENCE_S, SetKey, SetState
from sync.sketch import Sketch
from sync.sketching import Sketching
from sync.streaming import FEATURE, STREAM_FROM

NEGENTROPY_FRAME_MAX_BYTES = 60_000
ROUNDS_MAX = 500
COMPARE_AGAIN_S = 60.0
COMPARISONS_PER_PERIOD_MAX = 48  # of sets found equal, begun by one node within COMPARE_AGAIN_S
NOT_SHARED_RETRY_S = 5.0
ASKED_MAX = 8  # questions for several sets whose answer has not come

# what `compared` says of a set
SAME, DIFFERS, NOT_SHARED, SKETCH_FOLLOWS = range(4)


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
    failed: dict[bytes, float] = field(default_factory=dict)  # the node's: see sketching.py
    gossip: Gossip = field(default_factory=Gossip)
    link: int = 0
    passing: Passing = field(init=False)
    sketching: Sketching = field(init=False)
    together: bool = False  # the other side knows compare_all
    asked: dict[int, list[SetKey]] = field(
        default_factory=dict
    )  # by number: sets that we asked about at once
    number: int = 0

    def __post_init__(self) -> None:
        branch = self.gossip.branch(self.link, self.sets)
        self.passing = Passing(self.port, self.peer, self.sets, branch)
        self.sketching = Sketching(self.port, self.peer, self.passing, self.failed)

    def take_features(self, named: Iterable[str]) -> None:
        """What the other side knows beyond what everybody does."""
        self.together = "together" in named
        self.sketching.spoken = "sketch" in named
        self.passing.branch.grows = "plumtree" in named
        self.passing.streaming.spoken = FEATURE in named

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
        self.passing.tried.clear()
        for state in self.sets.values():
            state.next_compare = min(state.next_compare, now + COMPARE_SOON_S)

    def tick(self, now: float) -> list[bytes]:
        """What is due: comparisons to begin or begin again, batches whose answer never came."""
        due = []
        for key, state in self.sets.items():
            if state.busy_since is not None and now - state.busy_since > PATIENCE_S:
                state.busy_since = None
                state.next_compare = now
            if self.comparer and state.busy_since is None and now >= self._due(key, state):
                due.append(key)
        return self._compare(due, now) + self.passing.tick(now)

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

    def _sketch(self, key: SetKey) -> Sketch | None:
        return self.port.sketch(key, self.window.created_before, self.window.expires_after)

    def _compare(self, due: list[SetKey], now: float) -> list[bytes]:
        """Say what we hold of these sets."""
        for key in due:
            state = self.sets[key]
            state.busy_since = now
            state.rounds = 0
            state.difference = None
            state.live = True  # what is new while the answer is under way must not wait for a minute
            state.said = self._fingerprint(key)
        at_once = [key for key in due if self.together and not self.sets[key].alone][: frames.SETS_MAX]
        out = [
            write_frame(frames.COMPARE, frames.set_on_wire(key), self.sets[key].said)
            for key in due
            if key not in at_once
        ]
        if at_once:
            self.number += 1
            self.asked[self.number] = at_once
            while len(self.asked) > ASKED_MAX:
                del self.asked[next(iter(self.asked))]
            said = [frames.set_in_short(key) + self.sets[key].said for key in at_once]
            out.append(write_frame(frames.COMPARE_ALL, self.number, said))
        return out

    def _compare_again_s(self) -> float:
        """Until sets found equal are compared again: longer the more there are, so that links cost little."""
        return COMPARE_AGAIN_S * max(1.0, self.gossip.sets_shared() / COMPARISONS_PER_PERIOD_MAX)

    def _fingerprint(self, key: SetKey) -> bytes:
        index = self._index(key)
        return index.fingerprint(0, len(index))

    # answering

    def _look(self, key: SetKey, state: SetState, said: bytes) -> tuple[int, list[bytes]]:
        """How their set of this fingerprint compares with ours, and the first of our sketch if it follows."""
        state.live = True
        index = self._index(key)
        if index.fingerprint(0, len(index)) == said:
            state.index = state.sketch = None
            self.port.in_step(key, self.peer)
            return SAME, []
        state.index = index
        first = self.sketching.first(key, state, self._sketch(key)) if self.sketching.spoken else None
        return (DIFFERS, []) if first is None else (SKETCH_FOLLOWS, [first])

    def on_compare_all(self, number: int, asked: list[bytes]) -> list[bytes]:
        """The other side asks about several sets at once."""
        by_name: dict[bytes, list[SetKey]] = {}
        for key in self.sets:
            by_name.setdefault(frames.set_in_short(key), []).append(key)
        answers: list[int] = []
        out: list[bytes] = []
        for item in asked:
            keys = by_name.pop(item[:-16], [])  # each is looked at once
            if len(keys) != 1:  # not shared, or the short name fits several
                answers.append(NOT_SHARED)
                continue
            answer, sketch = self._look(keys[0], self.sets[keys[0]], item[-16:])
            answers.append(answer)
            out += [*sketch, *self.passing.want_aside(keys[0])]
        return [write_frame(frames.COMPARED, number, answers), *out]

    def _answer(self, key: SetKey, said: bytes) -> list[bytes]:
        """The same about one set, by its full name."""
        state, wire = self.sets.get(key), frames.set_on_wire(key)
        if state is None:
            return [write_frame(frames.NOT_SHARED, wire, "not_for_us")]
        answer, out = self._look(key, state, said)
        if answer != SKETCH_FOLLOWS:  # the sketch itself says that they differ
            out = [write_frame(frames.SAME if answer == SAME else frames.DIFFERS, wire)]
        return out + self.passing.want_aside(key)

    # asking

    def on_compared(self, number: int, answers: list[int], now: float) -> list[bytes]:
        """The answers to what we asked at once. Raises TheirFault."""
        keys = self.asked.pop(number, [])
        if keys and len(keys) != len(answers):
            raise TheirFault("bad_frame", "The other side answers about other sets than we asked for.")
        out = []
        for key, answer in zip(keys, answers, strict=False):
            state = self.sets.get(key)
            if state is not None and state.busy_since is not None:
                state.alone = answer == NOT_SHARED
                out += self._on_verdict(key, state, answer, now)
        return out

    def _on_verdict(self, key: SetKey, state: SetState, answer: int, now: float) -> list[bytes]:
        if answer == SAME:
            state.same = True
            if self._fingerprint(key) == state.said:
                self._finished(state, now + self._compare_again_s())
                self.port.in_step(key, self.peer)
            else:  # something came in meanwhile, and is not known to have arrived there
                self._finished(state, now + COMPARE_SOON_S / 4)
            return self.passing.want_aside(key)
        if answer == NOT_SHARED:
            state.live = False
            state.busy_since = None
            state.next_compare = now + NOT_SHARED_RETRY_S
            return []
        state.busy_since = now
        if answer == SKETCH_FOLLOWS:
            return []
        return [*self._reconcile(key, state), *self.passing.want_aside(key)]

    def _reconcile(self, key: SetKey, state: SetState) -> list[bytes]:
        """Begin with Negentropy."""
        state.index = self._index(key)
        opening = Reconciler(state.index, NEGENTROPY_FRAME_MAX_BYTES).initiate()
        return [write_frame(frames.RECONCILE, frames.set_on_wire(key), opening)]

    def _on_cells(self, key: SetKey, state: SetState, fields: list[Any], now: float) -> list[bytes]:
        state.busy_since = now
        first = fields[1] == 0
        own = self._sketch(key) if first else None
        going, out = self.sketching.on_cells(state, own, self._index(key), fields, now)
        if not going:
            out = self._reconcile(key, state)
        elif state.difference is None and out:
            self._look_again(state, now)
        return [*out, *(self.passing.want_aside(key) if first else [])]

    def on_compare(self, kind: int, fields: list[Any], now: float) -> list[bytes]:
        """A frame about a set. Raises TheirFault."""
        key = frames.read_set(fields[0], self.peer)
        state = self.sets.get(key)
        if kind == frames.COMPARE:
            return self._answer(key, fields[1])
        if state is None:
            return []
        if kind in (frames.RECONCILE, frames.SKETCH_WANTED):
            index = state.index if state.index is not None else self._index(key)
            if kind == frames.SKETCH_WANTED:
                return self.sketching.on_wanted(key, state, index, fields, now)
            if has_fingerprints(fields[1]) and (asked := self.passing.streaming.ask(key, len(index), now)):
                return asked  # theirs is too large for a list of ids, ours next to nothing
            reply = Reconciler(index, NEGENTROPY_FRAME_MAX_BYTES).respond(fields[1])
            return [write_frame(frames.RECONCILED, frames.set_on_wire(key), reply)]
        if kind == frames.SHARED:
            if not self.comparer or state.live:
                return []
            state.next_compare = now
            return self.tick(now)
        if not self.comparer or state.busy_since is None:
            return []
        if kind == frames.SKETCH:
            return self._on_cells(key, state, fields, now) if self.sketching.spoken else []
        if kind == frames.RECONCILED:
            state.busy_since = now
            return self._step(key, state, fields[1], now)
        state.alone = False
        answer = {frames.SAME: SAME, frames.DIFFERS: DIFFERS}.get(kind, NOT_SHARED)
        return self._on_verdict(key, state, answer, now)

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
            raise TheirFault("bad_reconciliation", limit=f"ROUNDS_MAX {ROUNDS_MAX}")
        step = Reconciler(state.index, NEGENTROPY_FRAME_MAX_BYTES).reconcile(message)
        self.passing.queue(self.passing.worth_trying(step.have))
        out = self.passing.send(now)
        if len(step.need) >= STREAM_FROM and (
            asked := self.passing.streaming.ask(key, len(state.index), now)
        ):
            self._finished(state, now)  # compared again when that is through
            return out + asked
        out += self.passing.want(self.passing.worth_trying(step.need))
        if step.reply is not None:
            out.append(write_frame(frames.RECONCILE, wire, step.reply))
        else:
            self._look_again(state, now)
        return out

    def _look_again(self, state: SetState, now: float) -> None:
        """The differences are known: compare soon, and later and later while nothing comes of it."""
        fruitless = self.passing.progress == state.progress
        state.pause_s = min(2 * state.pause_s, COMPARE_AGAIN_S) if fruitless else COMPARE_SOON_S
        state.progress = self.passing.progress
        self._finished(state, now + state.pause_s)

    def _finished(self, state: SetState, next_compare: float) -> None:
        state.busy_since = None
        state.next_compare = next_compare
        state.index = state.difference = None
