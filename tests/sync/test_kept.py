"""A set kept for comparing: whatever comes and goes, index and sketch are those that would be made anew."""

from __future__ import annotations

from dataclasses import dataclass, field
from random import Random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sync import kept as module
from sync.index import RangeIndex
from sync.kept import WINDOWS_MAX, KeptSet
from sync.sketch import Sketch

KEY, OTHER_KEY = b"k" * 32, b"o" * 32
POOL = [(number * 7 % 50, Random(number).randbytes(32), number % 6 or None) for number in range(60)]
WINDOWS = [(100, 0), (100, 3), (25, 0), (25, 5), (0, 0)]


@dataclass
class Told:
    """A kept set, and the plain list of what should be in it."""

    kept: KeptSet = field(default_factory=lambda: KeptSet(RangeIndex()))
    held: dict[bytes, tuple[int, int | None]] = field(default_factory=dict)

    def put(self, number: int) -> None:
        timestamp, item_id, expires = POOL[number]
        self.held[item_id] = timestamp, expires
        self.kept.insert(timestamp, item_id, expires)

    def drop(self, number: int) -> None:
        timestamp, item_id, _ = POOL[number]
        self.held.pop(item_id, None)
        self.kept.remove(timestamp, item_id)

    def within(self, window: tuple[int, int]) -> list[tuple[int, bytes]]:
        before, after = window
        return sorted(
            (timestamp, item_id)
            for item_id, (timestamp, expires) in self.held.items()
            if timestamp < before and (expires is None or expires > after)
        )

    def outside(self, window: tuple[int, int]) -> list[tuple[int, bytes]]:
        inside = set(self.within(window))
        return [
            (stamp, item_id) for item_id, (stamp, _) in self.held.items() if (stamp, item_id) not in inside
        ]

    def check(self, window: tuple[int, int], key: bytes = KEY) -> bool:
        """True if there was a sketch."""
        wanted = self.within(window)
        assert list(self.kept.within(*window, lambda: self.outside(window))) == wanted
        found = self.kept.sketch(key, *window, lambda: self.outside(window))
        if found is None:
            return False
        anew = Sketch(key)
        for item in wanted:
            anew.insert(*item)
        assert found == anew
        return True


steps = st.lists(st.tuples(st.sampled_from(["put", "drop", "look", "grow"]), st.integers(0, 59)), max_size=80)


@given(steps, st.integers(1, 8))
@settings(max_examples=60)
def test_what_is_kept_up_is_what_would_be_made_anew(steps: list[tuple[str, int]], step: int) -> None:
    """Also while the sketch is still growing, and with windows that come and go."""
    told = Told()
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(module, "SKETCH_STEP", step)
        for number in range(0, 60, 2):
            told.put(number)
        for what, number in steps:
            if what == "put":
                told.put(number)
            elif what == "drop":
                told.drop(number)
            elif what == "grow":
                told.kept.grow()
            else:
                told.check(WINDOWS[number % len(WINDOWS)])
        told.check(WINDOWS[0])
        while told.kept.grow():
            pass
        for window in WINDOWS:
            assert told.check(window)


def test_a_sketch_grows_by_steps(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "SKETCH_STEP", 20)
    told = Told()
    for number in range(60):
        told.put(number)
    assert not told.kept.grow(), "nobody has asked for one"
    assert not told.check(WINDOWS[0])
    assert told.kept.grow() and told.kept.grow() and told.check(WINDOWS[0])
    assert not told.kept.grow()


def test_another_key_is_another_sketch() -> None:
    told = Told()
    for number in range(9):
        told.put(number)
    assert told.check((25, 5)) and told.check((25, 5), OTHER_KEY) and told.check((25, 5))


def test_what_is_there_is_not_counted_twice_nor_taken_out_twice() -> None:
    told = Told()
    told.put(1)
    told.check(WINDOWS[1])
    told.put(1)
    told.drop(2)
    assert told.check(WINDOWS[0]) and told.check(WINDOWS[1])


def test_windows_are_bounded_and_asked_for_once() -> None:
    told = Told()
    asked = []
    for day in [*range(WINDOWS_MAX), WINDOWS_MAX - 1, WINDOWS_MAX, 0]:
        told.kept.within(50, day, lambda day=day: asked.append(day) or [])  # type: ignore[misc]
    assert asked == [*range(WINDOWS_MAX + 1), 0], "the one asked for the longest ago was forgotten"
    assert len(told.kept._windows) == WINDOWS_MAX


def test_a_window_with_nothing_outside_is_the_set_itself() -> None:
    told = Told()
    told.put(1)
    assert told.kept.within(100, 0, list) is told.kept.index
