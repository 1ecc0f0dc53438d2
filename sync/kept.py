"""One set as a node keeps it for comparing: its range index, its sketch, and both for each window.

Two nodes compare what lies in a window of days (exchange.py, Window). Nearly all of a set does, so a window
is kept as the few items outside it; an index and a sketch without them are made when first asked for. All
of them are kept up as records come and go, so a comparison never goes through the set.

A sketch is begun when first asked for and grows by a number of items at a time, in the order of the index,
so that a large set holds nothing up: what lies beyond the point that it has reached is not in it yet.

Pure: no I/O, clock or randomness. At most WINDOWS_MAX windows are kept of a set; the one asked for the
longest ago leaves first.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field

from sync.index import TIMESTAMP_END, RangeIndex
from sync.sketch import Sketch, add

WINDOWS_MAX = 3  # a day changes at other moments on other nodes
SKETCH_STEP = 1_000  # items that a sketch grows by at once: some 10 ms on a desk, 40 on a Raspberry Pi

Outside = Callable[[], Iterable[tuple[int, bytes]]]
_END = (TIMESTAMP_END, b"")


@dataclass(slots=True)
class _Window:
    """What is not in it, and index and sketch of the rest, made when there is something to leave out."""

    outside: dict[bytes, int]
    index: RangeIndex | None = None
    sketch: Sketch | None = None


@dataclass(slots=True)
class KeptSet:
    """The items of one set, (timestamp, id), and what sums them up."""

    index: RangeIndex
    _windows: dict[tuple[int, int], _Window] = field(default_factory=dict)
    _sketch: Sketch | None = None
    _reached: tuple[int, bytes] = (0, b"")  # the sketch has the items below this

    def insert(self, timestamp: int, item_id: bytes, expires: int | None) -> None:
        """An item came in. A window is in timestamps and days, as in `within`."""
        if not self.index.insert(timestamp, item_id):
            return
        sketches = self._sketches_with(timestamp, item_id)
        for (created_before, expires_after), window in self._windows.items():
            if timestamp >= created_before or (expires is not None and expires <= expires_after):
                window.outside[item_id] = timestamp
                continue
            if window.index is not None:
                window.index.insert(timestamp, item_id)
            if window.sketch is not None:
                sketches.append(window.sketch)
        add(sketches, timestamp, item_id, 1)

    def _sketches_with(self, timestamp: int, item_id: bytes) -> list[Sketch]:
        """The whole set's sketch, where this item is, or belongs, in it."""
        whole = self._sketch
        return [whole] if whole is not None and (timestamp, item_id) < self._reached else []

    def remove(self, timestamp: int, item_id: bytes) -> None:
        """An item left."""
        if not self.index.remove(timestamp, item_id):
            return
        sketches = self._sketches_with(timestamp, item_id)
        for window in self._windows.values():
            if window.outside.pop(item_id, None) is not None:
                continue
            if window.index is not None:
                window.index.remove(timestamp, item_id)
            if window.sketch is not None:
                sketches.append(window.sketch)
        add(sketches, timestamp, item_id, -1)

    def within(self, created_before: int, expires_after: int, outside: Outside) -> RangeIndex:
        """The items below a timestamp that end after a day. `outside` lists the others; asked once."""
        window = self._window(created_before, expires_after, outside)
        if not window.outside:
            window.index = None  # the whole set's serves
            return self.index
        if window.index is None:
            left_out = window.outside
            window.index = self.index.filtered(lambda _, item_id: item_id not in left_out)
        return window.index

    def sketch(self, key: bytes, created_before: int, expires_after: int, outside: Outside) -> Sketch | None:
        """The sketch of the same items, or None while it grows."""
        if self._sketch is None or self._sketch.key != key:
            self._sketch, self._reached = Sketch(key), (0, b"")
            for window in self._windows.values():
                window.sketch = None
            self.grow()
        if self._reached != _END:
            return None
        window = self._window(created_before, expires_after, outside)
        if not window.outside:
            window.sketch = None
            return self._sketch
        if window.sketch is None:
            window.sketch = self._sketch.copy()
            for item_id, timestamp in window.outside.items():
                window.sketch.remove(timestamp, item_id)
        return window.sketch

    def grow(self) -> bool:
        """Bring a sketch that was begun SKETCH_STEP items further. False where there is nothing to do."""
        if self._sketch is None or self._reached == _END:
            return False
        start = self.index.rank(*self._reached)
        end = min(start + SKETCH_STEP, len(self.index))
        for timestamp, item_id in self.index.items(start, end):
            self._sketch.insert(timestamp, item_id)
        self._reached = self.index.item(end) if end < len(self.index) else _END
        return True

    def _window(self, created_before: int, expires_after: int, outside: Outside) -> _Window:
        bounds = created_before, expires_after
        window = self._windows.pop(bounds, None)
        if window is None:
            window = _Window({item_id: timestamp for timestamp, item_id in outside()})
        self._windows[bounds] = window
        while len(self._windows) > WINDOWS_MAX:
            del self._windows[next(iter(self._windows))]
        return window
