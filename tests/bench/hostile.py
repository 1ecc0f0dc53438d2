"""Figures of hostile bytes: the most that 64 KiB can cost, over every construction for every parser.

Times are the processor's for this thread, so that what else the machine does is not counted.
"""

from __future__ import annotations

import time
import tracemalloc

from tests.bench.figures import Effort, Measured, figure
from tests.fuzz.worst import CONSTRUCTIONS, PARSERS, SIZE_BYTES

MIB = 2**20


@figure("ms", goal=50)
def parse_worst_64k_ms(effort: Effort) -> Measured:
    """The longest that one input of 64 KiB takes; of each construction the best of several tries counts.

    The floor is what Python takes to look at as many bytes one by one.
    """
    worst_s, which = 0.0, ""
    size = effort.of(SIZE_BYTES)
    for (parser, name), made in CONSTRUCTIONS.items():
        data = made(size)
        best_s = min(_timed(parser, data) for _ in range(effort.rounds))
        if best_s > worst_s:
            worst_s, which = best_s, f"{parser}: {name}"
    data = bytes(size)
    begun = time.thread_time()
    for byte in data:
        assert byte == 0
    floor_s = time.thread_time() - begun
    return Measured(round(worst_s * 1_000, 2), round(floor_s * 1_000, 2), which)


@figure("MiB", goal=20)
def parse_worst_64k_mb(effort: Effort) -> Measured:
    """The most memory that Python holds at once for one input of 64 KiB, as tracemalloc sees it."""
    worst_bytes, which = 0, ""
    for (parser, name), made in CONSTRUCTIONS.items():
        data = made(effort.of(SIZE_BYTES))
        PARSERS[parser](data)  # what is made once stays out of it
        tracemalloc.start()
        try:
            PARSERS[parser](data)
            peak_bytes = tracemalloc.get_traced_memory()[1]
        finally:
            tracemalloc.stop()
        if peak_bytes > worst_bytes:
            worst_bytes, which = peak_bytes, f"{parser}: {name}"
    return Measured(round(worst_bytes / MIB, 2), round(effort.of(SIZE_BYTES) / MIB, 4), which)


def _timed(parser: str, data: bytes) -> float:
    begun = time.thread_time()
    PARSERS[parser](data)
    return time.thread_time() - begun
