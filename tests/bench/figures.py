"""The register of figures: one function each, measured on this machine in this run.

    @figure("ms", goal=50)
    def parse_worst_64k_ms(effort: Effort) -> Measured: ...

The function's name is the figure's. It returns what was measured and, where there is one, the floor: a
bare loop or a reference in the same unit, measured beside it. `effort` says how often to repeat; it must
not change what is measured. Sizes go through `effort.of`, so that a test can run every figure small; what is
written is always at the size named. A goal is an upper bound, or with `above=True` a lower one. A file with
figures of its own stands beside this one and is named in `MODULES`.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import asdict, dataclass
from importlib import import_module
from typing import Any

MODULES = ("records", "hostile", "ingest", "flood", "reconcile", "keeping", "carry")


@dataclass(frozen=True, slots=True)
class Effort:
    """How often things are repeated: many times for a figure, once to see that the machinery works."""

    rounds: int
    one_in: int = 1  # sizes are divided by it: 1 for a figure, more to see that the machinery works

    def of(self, size: int) -> int:
        """This many, or a part of them; never none."""
        return max(1, size // self.one_in)


@dataclass(frozen=True, slots=True)
class Measured:
    """A value and its floor, and a remark for people, such as which input was the worst."""

    value: float
    floor: float | None = None
    remark: str = ""


@dataclass(frozen=True, slots=True)
class Figure:
    """One line of the table."""

    name: str
    unit: str
    goal: float
    above: bool
    measure: Callable[[Effort], Measured]


@dataclass(frozen=True, slots=True)
class Result:
    """What is written to build/bench.json. No value: it could not be measured, and the remark says why."""

    name: str
    value: float | None
    unit: str
    goal: float
    floor: float | None
    above: bool
    remark: str

    @property
    def reached(self) -> bool:
        if self.value is None:
            return False
        return self.value >= self.goal if self.above else self.value <= self.goal

    def written(self) -> dict[str, Any]:
        return asdict(self)


FIGURES: dict[str, Figure] = {}


def figure(
    unit: str, *, goal: float, above: bool = False
) -> Callable[[Callable[[Effort], Measured]], Callable[[Effort], Measured]]:
    """Put a function on the register."""

    def register(measure: Callable[[Effort], Measured]) -> Callable[[Effort], Measured]:
        name = measure.__name__
        FIGURES[name] = Figure(name, unit, goal, above, measure)
        return measure

    return register


def all_figures() -> dict[str, Figure]:
    """Every figure of every module, in their order."""
    for module in MODULES:
        import_module(f"tests.bench.{module}")
    return FIGURES


def run(named: Figure, effort: Effort) -> Result:
    """Measure one figure. Raises whatever the measuring raises."""
    found = named.measure(effort)
    return Result(named.name, found.value, named.unit, named.goal, found.floor, named.above, found.remark)


def failed(named: Figure, error: Exception) -> Result:
    """What is written of a figure that raised."""
    remark = f"could not be measured: {type(error).__name__}: {error}"[:500]
    return Result(named.name, None, named.unit, named.goal, None, named.above, remark)
