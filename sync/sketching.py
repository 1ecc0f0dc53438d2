"""Finding the differences of a set by sketches, on one link; where that fails, the caller goes by Negentropy.

The side that answers states the first cells as soon as it sees that the fingerprints differ. The other
side reads them, or asks for as many more as the differences seem to need, until it knows what each lacks:

    sketch         set, from which cell, cells     so many cells, from a moment that stays until the end
    sketch_wanted  set, from, how many, items      these cells next; or none, and the records of these items

Both feature and sketch are this link's matter; `failed` is the node's: homes whose sketches did not come out
even, each with the time until which its sketches are not read.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from protocol.errors import TheirFault
from sync import frames
from sync.frames import write_frame
from sync.index import RangeIndex
from sync.passing import Passing
from sync.port import Port
from sync.sets import SetKey, SetState
from sync.sketch import (
    CELL_BYTES,
    CELLS,
    FIRST_CELLS,
    Difference,
    Found,
    Sketch,
    ids_of,
    read_items,
    write_items,
)

SKIPPED_S = 86_400.0
FAILED_MAX = 200  # homes remembered; the oldest leave first


@dataclass(slots=True)
class Sketching:
    """The sketches of one link. Methods give the frames to send."""

    port: Port
    peer: bytes
    passing: Passing
    failed: dict[bytes, float]
    spoken: bool = False  # the other side knows these frames

    def first(self, key: SetKey, state: SetState, sketch: Sketch | None) -> bytes | None:
        """The sets differ: the first cells of ours, or None where there is no sketch."""
        state.sketch = sketch.copy() if sketch is not None and self.spoken else None
        if state.sketch is None:
            return None
        return write_frame(frames.SKETCH, frames.set_on_wire(key), 0, state.sketch.written(0, FIRST_CELLS))

    def on_wanted(
        self, key: SetKey, state: SetState, index: RangeIndex, fields: list[Any], now: float
    ) -> list[bytes]:
        """The other side wants cells of ours, or records of a set that we share. Raises TheirFault."""
        _, start, count, named = fields
        items = read_items(named)
        if len(items) > frames.IDS_MAX:
            raise TheirFault("bad_reconciliation", limit=f"IDS_MAX {frames.IDS_MAX}")
        if start + count > CELLS:
            raise TheirFault("bad_reconciliation", limit=f"CELLS {CELLS}")
        for item in items:
            self.passing.queue(ids_of(index, item))
        out = self.passing.send(now)
        if count and state.sketch is not None:
            cells = state.sketch.written(start, start + count)
            out.append(write_frame(frames.SKETCH, frames.set_on_wire(key), start, cells))
        return out

    def on_cells(
        self, state: SetState, own: Sketch | None, index: RangeIndex, fields: list[Any], now: float
    ) -> tuple[bool, list[bytes]]:
        """Cells of the other side's. Says whether sketches go on or have done it; if not, it is Negentropy's.

        Raises TheirFault.
        """
        wire, start, cells = fields
        if start == 0:
            if own is None or self.failed.get(self.peer, now) > now:
                return False, []
            state.difference, state.cells_asked = Difference(own.copy()), FIRST_CELLS
        difference = state.difference
        if difference is None or start != len(difference):
            return True, []  # of a comparison that was given up
        if len(cells) != state.cells_asked * CELL_BYTES:
            raise TheirFault("bad_reconciliation")
        difference.take(cells)
        found = difference.read()
        if found is not None:
            state.difference = None
            out = self._pass(wire, found, index, now)
            return bool(out), out
        state.cells_asked = difference.wanted()
        if state.cells_asked:
            return True, [_wanted(wire, len(difference), state.cells_asked)]
        if len(difference) == CELLS:
            self._skip(now)
        state.difference = None
        return False, []

    def _pass(self, wire: list[Any], found: Found, index: RangeIndex, now: float) -> list[bytes]:
        """Ask for what we lack and send what they lack. Nothing where the sketch shows nothing to be done."""
        lacking = [item for item in found.theirs if not ids_of(index, item)]
        ours = [item_id for item in found.ours for item_id in ids_of(index, item)]
        if not lacking and not ours:
            return []
        ours, lacking = self.passing.worth_trying(ours), self.passing.worth_trying(lacking)
        self.passing.queue(ours)
        parts = [lacking[at : at + frames.IDS_MAX] for at in range(0, len(lacking), frames.IDS_MAX)]
        return [*(_wanted(wire, 0, 0, part) for part in parts), *self.passing.send(now)]

    def _skip(self, now: float) -> None:
        self.failed.pop(self.peer, None)
        self.failed[self.peer] = now + SKIPPED_S
        while len(self.failed) > FAILED_MAX:
            del self.failed[next(iter(self.failed))]


def _wanted(wire: list[Any], start: int, count: int, items: Iterable[int] = ()) -> bytes:
    return write_frame(frames.SKETCH_WANTED, wire, start, count, write_items(items))
