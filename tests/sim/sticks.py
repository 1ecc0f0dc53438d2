"""A stick between two nodes of a world: the bytes that one writes, and what another makes of them."""

from __future__ import annotations

from collections.abc import Sequence

from node.actions import carry
from node.actions.carry_in import Outcome, Reading
from protocol.bundle import PAGE_SIZE_BYTES, START_SIZE_BYTES, header_size_bytes
from tests.sim.world import Place


def written(place: Place, *to: Place, held: bool = False) -> bytes:
    """What a coordinator writes for these neighborhoods; `held`: only what is held there."""
    chosen = carry.recipients(place.node, [other.home for other in to])
    return b"".join(carry.Writing(place.node, chosen, records=not held, held=held).pieces())


def read(place: Place, file: bytes) -> Outcome:
    """What becomes of a file. Raises Fault."""
    return reading(place, file).finish()


def answer(place: Place, file: bytes) -> bytes:
    """What the writer of `file` lacks."""
    done = reading(place, file)
    done.finish()
    return b"".join(carry.answer(place.node, done.asked()).pieces())


def reading(place: Place, file: bytes) -> Reading:
    """A file that was read, not yet finished."""
    begun = Reading(place.node)
    size = header_size_bytes(file[:START_SIZE_BYTES])
    for _ in begun.begin(file[:size]):
        pass
    for page in pages_of(file):
        for _ in begun.take(page):
            pass
    return begun


def pages_of(file: bytes) -> Sequence[bytes]:
    """The pages that are whole."""
    size = header_size_bytes(file[:START_SIZE_BYTES])
    ends = range(size + PAGE_SIZE_BYTES, len(file) + 1, PAGE_SIZE_BYTES)
    return [file[end - PAGE_SIZE_BYTES : end] for end in ends]
