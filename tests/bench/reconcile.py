"""Figures of finding differences: bytes, round trips, and the processor's time on both sides.

Two exchanges talk as on a link (`sync/exchange.py`), from `compare` until nothing is left to say, and end
with equal sets. Bytes are those of all frames both ways, before Noise, without the records themselves. What
both hold already are bare items; what one side alone holds are records, as the intake reads them. Nobody
checks signatures here, so theirs are made up.
Times are the processor's for this thread, medians over tries with other differences each.
"""

from __future__ import annotations

import time
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from functools import cache
from random import Random
from statistics import mean, median

from protocol.judge import Checked
from protocol.kinds.posts import Post
from protocol.record import Draft, Record, assemble, parse
from protocol.scopes import EPOCH_2020_S, day_of
from protocol.scopes import coalition as coalition_scope
from protocol.signing import SIGNATURE_SIZE_BYTES
from sync import frames
from sync.exchange import NEGENTROPY_FRAME_MAX_BYTES, Exchange
from sync.frames import read_frame
from sync.index import RangeIndex
from sync.kept import KeptSet
from sync.port import Taken
from sync.reconcile import Reconciler
from sync.sets import SetKey
from sync.sketch import Sketch, sketch_key
from tests.bench.figures import Effort, Measured, figure
from tests.protocol.helpers import Neighborhood
from tests.sync.memory_port import MemoryPort

SECRET, COALITION = bytes(31) + b"s", bytes(31) + b"c"
KEY: SetKey = ("coalition", COALITION)
ROSTER: SetKey = ("roster", COALITION)
FEW, MANY = 10, 1_000
HUNDRED_THOUSAND, MILLION = 100_000, 1_000_000
DAYS_S = 90 * 86_400  # over which the items spread

Item = tuple[int, bytes]


def items_of(size: int) -> list[Item]:
    """The same on every machine and in every run, in order."""
    chance = Random(size)
    stamps = sorted(chance.randrange(DAYS_S) for _ in range(size))
    return [(stamp, chance.randbytes(32)) for stamp in stamps]


def others(count: int, number: int) -> list[Record]:
    """Records that no side holds yet."""
    chance = Random(f"differences {count} {number}")
    return [post(chance) for _ in range(count)]


def post(chance: Random) -> Record:
    """A small record, of some 400 bytes."""
    body = Post(type="need", what="help", category="rides", title="Ride to the clinic on Tuesday").body()
    author, home = chance.randbytes(32), chance.randbytes(32)
    created = EPOCH_2020_S + chance.randrange(DAYS_S)
    nonce, until = chance.randbytes(16), day_of(created) + 30
    draft = Draft("post", coalition_scope(COALITION), author, home, nonce, created, until, body)
    return parse(assemble(draft.payload(), [chance.randbytes(SIGNATURE_SIZE_BYTES) for _ in range(2)]))


def items(records: Iterable[Record]) -> list[Item]:
    """What comparing knows of records."""
    return [(record.created - EPOCH_2020_S, record.id) for record in records]


@dataclass
class Side(MemoryPort):
    """One set, and what one side alone holds of it by now."""

    kept: KeptSet = field(default_factory=lambda: KeptSet(RangeIndex()))
    own: dict[bytes, Record] = field(default_factory=dict)

    def index(self, key: SetKey, created_before: int, expires_after: int) -> RangeIndex:
        return self.kept.within(created_before, expires_after, list) if key == KEY else RangeIndex()

    def sketch(self, key: SetKey, created_before: int, expires_after: int) -> Sketch | None:
        return self.kept.sketch(sketch_key(SECRET), created_before, expires_after, list)

    def sets_of_id(self, record_id: bytes) -> list[SetKey]:
        return [KEY]

    def holds(self, record_id: bytes) -> bool:
        return record_id in self.own

    def message(self, record_id: bytes) -> bytes | None:
        return self.own[record_id].message

    def take(self, records: Sequence[Record], home: bytes, checked: Checked) -> Taken:
        self.put(records)
        return Taken(len(records), 0)

    def put(self, records: Iterable[Record]) -> None:
        for record in records:
            self.own[record.id] = record
            self.kept.insert(record.created - EPOCH_2020_S, record.id, None)

    def take_back(self) -> None:
        """Be as before."""
        for stamp, item_id in items(self.own.values()):
            self.kept.remove(stamp, item_id)
        self.own.clear()


@dataclass
class Talk:
    """What one comparison took."""

    frame_bytes: int = 0
    round_trips: int = 0  # until the comparing side knew all differences
    cpu_s: float = 0.0  # without taking in the records that come


def talk(one: Side, other: Side, *features: str, keys: Sequence[SetKey] = (KEY,)) -> Talk:
    """From `compare` until nothing is left to say. Which sets are shared has been said before."""
    asking = Exchange(one, other.home, comparer=True)
    answering = Exchange(other, one.home, comparer=False)
    for exchange in (asking, answering):
        exchange.take_features(features)
    answering.share(keys, 0.0)
    found = Talk()
    begun = time.thread_time()
    going = [(answering, data) for data in asking.share(keys, 0.0)]
    door_s = 0.0
    while going:
        receiver, data = going.pop(0)
        kind, fields = read_frame(data)
        found.frame_bytes += len(data)
        if kind == frames.RECORDS:
            found.frame_bytes -= sum(map(len, fields[1]))
            knocked = time.thread_time()
            out = receiver.passing.on_records(fields[0], fields[1], 0.0)
            door_s += time.thread_time() - knocked
        elif kind == frames.TAKEN:
            out = receiver.passing.on_taken(fields[0], 0.0)
        elif kind == frames.WANT:
            out = receiver.passing.on_want(fields[0], 0.0)
        elif kind == frames.COMPARE_ALL:
            found.round_trips += 1
            out = receiver.on_compare_all(*fields)
        elif kind == frames.COMPARED:
            out = receiver.on_compared(*fields, 0.0)
        else:
            asks = kind in (frames.COMPARE, frames.RECONCILE)
            found.round_trips += asks or (kind == frames.SKETCH_WANTED and fields[2] > 0)
            out = receiver.on_compare(kind, fields, 0.0)
        going += [(answering if receiver is asking else asking, data) for data in out]
    found.cpu_s = time.thread_time() - begun - door_s
    assert fingerprint(one) == fingerprint(other), "the two hold the same now"
    return found


def fingerprint(side: Side) -> bytes:
    index = side.kept.index
    return index.fingerprint(0, len(index))


def fresh(size: int) -> tuple[Side, Side]:
    """Two sides that hold the same, whose indexes have answered nothing yet."""
    made = []
    for name in ("Riverbend", "Oak"):
        index = RangeIndex()
        index.bulk(items_of(size))
        made.append(Side(Neighborhood(name), kept=KeptSet(index)))
    return made[0], made[1]


@cache
def sides(size: int) -> tuple[Side, Side]:
    """The same, with their sketches made, for every figure of this size."""
    both = fresh(size)
    for side in both:
        while side.sketch(KEY, 2**40, 0) is None:
            side.kept.grow()
    return both


def tries(size: int, differences: int, count: int, *features: str) -> list[Talk]:
    """Comparisons with other differences each, from all on one side to half on each."""
    one, other = sides(size)
    done = []
    for number in range(count):
        records = others(differences, number)
        on_one = differences * (number % 5) // 4
        one.put(records[:on_one])
        other.put(records[on_one:])
        done.append(talk(one, other, *features))
        one.take_back()
        other.take_back()
    return done


def bytes_of(talks: list[Talk]) -> list[int]:
    return sorted(one.frame_bytes for one in talks)


@figure("bytes", goal=14_600)
def negentropy_bytes_100k_10(effort: Effort) -> Measured:
    """10 differences among 100,000 records by Negentropy, the mean."""
    return Measured(round(mean(bytes_of(tries(effort.of(HUNDRED_THOUSAND), FEW, 5 * effort.rounds)))))


@cache
def few_by_sketch(effort: Effort) -> list[int]:
    return bytes_of(tries(effort.of(HUNDRED_THOUSAND), FEW, effort.of(60) * effort.rounds, *frames.FEATURES))


@cache
def many_by_sketch(effort: Effort) -> list[Talk]:
    return tries(effort.of(HUNDRED_THOUSAND), effort.of(MANY), 5 * effort.rounds, *frames.FEATURES)


@figure("bytes", goal=1_200)
def sketch_bytes_100k_10_mean(effort: Effort) -> Measured:
    """10 differences among 100,000 records by sketch, their number unknown. Floor: Negentropy, same run."""
    floor = mean(bytes_of(tries(effort.of(HUNDRED_THOUSAND), FEW, effort.rounds)))
    return Measured(round(mean(few_by_sketch(effort))), round(floor))


@figure("bytes", goal=2_000)
def sketch_bytes_100k_10_p95(effort: Effort) -> Measured:
    """The same: of a hundred comparisons five take more."""
    found = few_by_sketch(effort)
    floor = bytes_of(tries(effort.of(HUNDRED_THOUSAND), FEW, effort.rounds))
    largest = f"{len(found)} comparisons, the largest {found[-1]} bytes"
    return Measured(found[len(found) * 95 // 100], floor[-1], largest)


@figure("bytes", goal=80_000)
def sketch_bytes_100k_1000(effort: Effort) -> Measured:
    """1,000 differences among 100,000 records by sketch, the mean. Floor: Negentropy, same run."""
    found = bytes_of(many_by_sketch(effort))
    floor = bytes_of(tries(effort.of(HUNDRED_THOUSAND), effort.of(MANY), 1))
    return Measured(round(mean(found)), floor[0], f"{len(found)} comparisons, the largest {found[-1]} bytes")


@figure("round trips", goal=2)
def sketch_round_trips_100k_1000(effort: Effort) -> Measured:
    """Until all 1,000 differences are known, `compare` among them: the most of all comparisons."""
    found = [one.round_trips for one in many_by_sketch(effort)]
    floor = tries(effort.of(HUNDRED_THOUSAND), effort.of(MANY), 1)[0].round_trips
    return Measured(max(found), floor, f"{len(found)} comparisons; the floor is Negentropy's")


@figure("bytes", goal=64)
def in_sync_bytes_per_coalition(effort: Effort) -> Measured:
    """To find out that nothing is new in a coalition, both its roster and its records.

    Floor: Negentropy's own question and answer for one set.
    """
    one, other = sides(effort.of(HUNDRED_THOUSAND))
    found = talk(one, other, *frames.FEATURES, keys=(ROSTER, KEY))
    opening = Reconciler(one.kept.index).initiate()
    floor = len(opening) + len(Reconciler(other.kept.index).respond(opening))
    return Measured(found.frame_bytes, floor)


def reconciled_s(one: Side, other: Side) -> float:
    """The processor's time for the messages of Negentropy on both sides, from the first to the last."""
    asking, answering = (Reconciler(side.kept.index, NEGENTROPY_FRAME_MAX_BYTES) for side in (one, other))
    have, need = set[bytes](), set[bytes]()
    begun = time.thread_time()
    message: bytes | None = asking.initiate()
    while message is not None:
        step = asking.reconcile(answering.respond(message))
        have.update(step.have)
        need.update(step.need)
        message = step.reply
    took = time.thread_time() - begun
    assert (have, need) == (set(one.own), set(other.own)), "all differences are found, and no others"
    return took


def reconciled_ms(pairs: Iterable[tuple[Side, Side]]) -> float:
    """The median, with other differences in each pair of sides: half of them on either."""
    found = []
    for number, (one, other) in enumerate(pairs):
        records = others(FEW, number)
        one.put(records[: FEW // 2])
        other.put(records[FEW // 2 :])
        found.append(reconciled_s(one, other))
        one.take_back()
        other.take_back()
    return round(median(found) * 1_000, 2)


@figure("ms", goal=10)
def reconcile_cpu_1m_10_warm_ms(effort: Effort) -> Measured:
    """Both sides, 10 differences among 1,000,000 records by Negentropy, messages alone, indexes in use."""
    both = sides(effort.of(MILLION))
    reconciled_ms([both])
    return Measured(reconciled_ms([both] * (5 * effort.rounds)))


@figure("ms", goal=50)
def reconcile_cpu_1m_10_cold_ms(effort: Effort) -> Measured:
    """The same with indexes that have answered nothing yet."""
    return Measured(reconciled_ms(fresh(effort.of(MILLION)) for _ in range(min(3, effort.rounds))))


@figure("ms", goal=2.5)
def sketch_cpu_1m_10_ms(effort: Effort) -> Measured:
    """Both sides, 10 differences among 1,000,000 records by sketch, with all that a link says about it.

    Floor: the same by Negentropy in this run.
    """
    found = tries(effort.of(MILLION), FEW, 20 * effort.rounds, *frames.FEATURES)
    floor = tries(effort.of(MILLION), FEW, effort.rounds)
    return Measured(
        round(median(one.cpu_s for one in found) * 1_000, 2),
        round(median(one.cpu_s for one in floor) * 1_000, 2),
    )
