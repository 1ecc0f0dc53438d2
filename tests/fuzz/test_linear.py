"""What foreign bytes cost grows with their number and no faster: steps and memory are counted, no time is.

A step is a line that is run, a call or a return, in our code and in every library written in Python. What C
does is not counted; memory is, with what C asks Python for.
"""

from __future__ import annotations

import sys
import tracemalloc
from collections.abc import Callable
from types import FrameType

import pytest

from tests.fuzz.worst import CONSTRUCTIONS, PARSERS, SIZE_BYTES

SIZES_BYTES = (SIZE_BYTES // 16, SIZE_BYTES // 4)
STEPS_PER_BYTE_MAX = 64  # a range of four bytes asks for a search in the index
FIXED_STEPS = 6_000  # signatures, a handshake, key records: what any bytes cost
MEMORY_PER_BYTE_MAX = 160.0
FIXED_MEMORY_BYTES = 400_000


def steps(name: str, data: bytes) -> int:
    """How many lines and calls a parser takes for these bytes."""
    return counted_steps(lambda: PARSERS[name](data))


def counted_steps(what: Callable[[], None]) -> int:
    """How many lines and calls something takes."""
    counted = 0

    def count(frame: FrameType, event: str, argument: object):  # type: ignore[no-untyped-def]
        nonlocal counted
        counted += 1
        return count

    before = sys.gettrace()
    sys.settrace(count)
    try:
        what()
    finally:
        sys.settrace(before)
    return counted


def peak_bytes(name: str, data: bytes) -> int:
    """The most memory that a parser holds at once for these bytes."""
    tracemalloc.start()
    try:
        PARSERS[name](data)
        return tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()


@pytest.mark.parametrize(("parser", "name"), CONSTRUCTIONS, ids=lambda part: part.replace(" ", "_"))
def test_the_work_grows_with_the_bytes(parser: str, name: str) -> None:
    small, large = (CONSTRUCTIONS[parser, name](size) for size in SIZES_BYTES)
    PARSERS[parser](small)  # what is made once, whoever comes first, is nobody's fault
    few, many = steps(parser, small), steps(parser, large)
    print(f"{len(small)} bytes: {few} steps; {len(large)} bytes: {many} steps")
    growth = max(len(large) / max(len(small), 1), 1.0)
    assert many <= few * growth * 1.25 + FIXED_STEPS
    assert many <= len(large) * STEPS_PER_BYTE_MAX + FIXED_STEPS
    little, much = peak_bytes(parser, small), peak_bytes(parser, large)
    print(f"{little} and {much} bytes of memory")
    assert much <= little * growth * 1.25 + FIXED_MEMORY_BYTES
    assert much <= len(large) * MEMORY_PER_BYTE_MAX + FIXED_MEMORY_BYTES


def test_the_counts_notice_what_grows_with_the_square(monkeypatch: pytest.MonkeyPatch) -> None:
    """The count itself is tried: a parser that looks at all bytes again for each of them is found."""

    def quadratic(data: bytes) -> None:
        seen: list[int] = []
        for byte in data:
            for other in seen:
                assert other == byte
            seen.append(byte)

    monkeypatch.setitem(PARSERS, "quadratic", quadratic)
    few, many = steps("quadratic", bytes(200)), steps("quadratic", bytes(800))
    assert many > few * 4 * 1.25 + FIXED_STEPS
