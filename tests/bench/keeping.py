"""Figures of what a node keeps of each set to compare it (`sync/kept.py`): what a record costs, and memory.

Times are the processor's for this thread, medians over rounds.
"""

from __future__ import annotations

import hashlib
import json
import subprocess
import sys
import time
from collections.abc import Iterator
from statistics import median

from sync.index import RangeIndex
from sync.kept import WINDOWS_MAX, KeptSet
from sync.sketch import sketch_key
from tests.bench.figures import Effort, Measured, figure
from tests.bench.reconcile import DAYS_S, MILLION, SECRET, Item, items, items_of, others, sides


@figure("µs", goal=20)
def sketch_insert_us(effort: Effort) -> Measured:
    """What keeping sketches costs for each record that comes into a set of 1,000,000, at the most windows.

    The set's own sketch and that of each of three windows, by the difference to a set with the same windows
    and no sketches. That is the floor: the range indexes alone.
    """
    size = effort.of(MILLION)
    with_sketches = {windows: kept(size, windows, sketched=True) for windows in (0, 1, WINDOWS_MAX)}
    without = kept(size, WINDOWS_MAX, sketched=False)
    took: dict[int, list[float]] = {windows: [] for windows in with_sketches}
    floor = []
    for number in range(effort.rounds):
        coming = items(others(effort.of(2_000), number))
        for windows, one in with_sketches.items():
            took[windows].append(inserted_us(one, coming))
        floor.append(inserted_us(without, coming))
    whole = {windows: median(times) for windows, times in took.items()}
    said = ", ".join(f"{us:.1f} with {windows}" for windows, us in whole.items())
    sketches_us = whole[WINDOWS_MAX] - median(floor)
    return Measured(round(sketches_us, 2), round(median(floor), 2), f"indexes and sketches: {said} windows")


def kept(size: int, windows: int, sketched: bool) -> KeptSet:
    """A set as a node keeps it, with so many windows in use that each leave out a fiftieth of it."""
    shared = sides(size)[0].kept
    index = RangeIndex()
    index.bulk(items_of(size))
    made = KeptSet(index)
    if sketched:
        assert shared._sketch is not None
        made._sketch, made._reached = shared._sketch.copy(), shared._reached
    for number in range(windows):
        window = 2**40 - number, 1
        made.within(*window, lambda: outside(index))
        if sketched:
            assert made.sketch(sketch_key(SECRET), *window, lambda: outside(index)) is not None
    return made


def outside(index: RangeIndex) -> list[Item]:
    """What is over, and not deleted yet: a fiftieth."""
    return list(index.items(0, max(1, len(index) // 50)))


def inserted_us(into: KeptSet, coming: list[Item]) -> float:
    """The processor's time for each; they are taken out again."""
    begun = time.thread_time()
    for stamp, item_id in coming:
        into.insert(stamp, item_id, None)
    took = time.thread_time() - begun
    for stamp, item_id in coming:
        into.remove(stamp, item_id)
    return took / len(coming) * 1e6


@figure("MB", goal=200)
def index_memory_1m_mb(effort: Effort) -> Measured:
    """What is kept of 1,000,000 records to compare them: the growth of a process's resident memory.

    The range index, its copy without what is over and not deleted yet, and both sketches, as on most days.
    With three windows, while the days of others change, the remark says. Measured in processes of their own.
    Floor: the bytes of the items alone.
    """
    size = effort.of(MILLION)
    one, most = memory_mb(size, 1), memory_mb(size, WINDOWS_MAX)
    return Measured(one, round(size * 40 / 1e6, 1), f"with {WINDOWS_MAX} windows {most}")


def memory_mb(size: int, windows: int) -> float:
    """What a process of its own says."""
    command = [sys.executable, "-m", "tests.bench.keeping", str(size), str(windows)]
    said = subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True)
    return round(json.loads(said.stdout) / 1e6, 1)


def resident_bytes() -> int:
    with open("/proc/self/statm") as file:
        return int(file.read().split()[1]) * 4_096


def memory(size: int, windows: int) -> int:
    """Bytes that a set of this size adds to this process; the items come one by one, as from a query."""

    def coming() -> Iterator[Item]:
        for number in range(size):
            yield number * DAYS_S // size, hashlib.sha256(number.to_bytes(4, "big")).digest()

    before = resident_bytes()
    index = RangeIndex()
    index.bulk(coming())
    made = KeptSet(index)
    for number in range(windows):
        window = 2**40 - number, 1
        while made.sketch(sketch_key(SECRET), *window, lambda: outside(index)) is None:
            made.grow()
        within = made.within(*window, lambda: outside(index))
        for at in range(0, len(within), 97):  # indexes in use have their running totals
            index.before_rank(at)
            within.before_rank(at)
    return resident_bytes() - before


if __name__ == "__main__":
    print(json.dumps(memory(int(sys.argv[1]), int(sys.argv[2]))))
