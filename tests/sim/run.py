"""`make sim`: random stories, the large scenarios and random histories; the figures go to build/sim.json.

    python -m tests.sim.run                  2,000 stories, the large ones, histories while 33 minutes last
    python -m tests.sim.run --within 0       the same without a limit of time (`make sim-long`)
    python -m tests.sim.seeds.run --seed 7   one story, as the report names it
    python -m tests.histories.run --seed 7   one history
    python -m tests.sim.run --only large     without stories and histories

Histories come last: with a limit of time as many are played as fit, and the report says how many.
"""

from __future__ import annotations

import argparse
import json
import multiprocessing
import os
import sys
import time
import traceback
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from tests.histories import run as histories
from tests.histories.history import replay as replay_history
from tests.sim.large.broadcast import broadcast
from tests.sim.large.flooding import FALSE_KEYS, whole_flood
from tests.sim.large.heal import heal_rounds
from tests.sim.seeds import run as seeds

SEEDS, HISTORIES = 2_000, 10_000
WITHIN_S = 1_980.0
NODES, HEAL_NODES, HEALS = 1_000, 50, 3
AT_ONCE = 20  # stories or histories that one process plays in a row
GOALS = {
    "broadcast_copies_per_node_1000": ("<=", 1.3),
    "broadcast_delivered_after_repair_churn20": (">=", 1.0),
    "heal_rounds_50_nodes_loss20": ("<=", 12),
    "flood_delivery_ratio_mean": ("<=", 2),
    "large_failed": ("<=", 0),
    "seeds_run": (">=", SEEDS),
    "seeds_failed": ("<=", 0),
    "seeds_hours_confirmed": (">=", SEEDS // 2),  # or the ledger would hardly be tried
    "histories_failed": ("<=", 0),
}
LIGHTER = (
    "The coalition of 1,000 keeps records in memory and judges none, shares one roster, and checks nobody's"
    " greeting (tests/sim/large/crowd.py). Fifty nodes that heal and all stories are real nodes with SQLite"
    " in memory. Everywhere the line and its encryption are replaced, and the time a processor takes is not"
    " counted."
)

Task = tuple[str, int]


def _heal(number: int) -> dict[str, Any]:
    """One of several: the worst counts."""
    return {f"heal_{number}_rounds": round(heal_rounds(HEAL_NODES, number), 2)}


LARGE: dict[str, Callable[[int], dict[str, Any]]] = {
    "broadcast": broadcast,
    "flood": whole_flood,
    "heal": _heal,
}


def work(task: Task) -> tuple[str, Any]:
    """One piece of it, in one of the processes."""
    kind, number = task
    if kind in LARGE:
        begun = time.monotonic()
        try:
            found = LARGE[kind](number)
        except Exception as error:  # what else is played counts all the same
            place = traceback.extract_tb(error.__traceback__)[-1]
            words = f"{type(error).__name__}: {error} ({place.name}:{place.lineno})"
            return "large_failed", {f"{kind} {number}": words}
        return "large", found | {f"{kind}_{number}_s": round(time.monotonic() - begun)}
    play = seeds.try_one if kind == "seeds" else histories.try_one
    return kind, [play(seed) for seed in range(number, number + AT_ONCE)]


@dataclass
class Report:
    """What has come in so far."""

    figures: dict[str, Any] = field(default_factory=dict)
    large_failed: dict[str, str] = field(default_factory=dict)  # by name: what was raised
    failed: dict[str, dict[int, str]] = field(default_factory=lambda: {"seeds": {}, "histories": {}})
    played: Counter[str] = field(default_factory=Counter)
    happened: dict[str, Counter[str]] = field(
        default_factory=lambda: {"seeds": Counter(), "histories": Counter()}
    )

    def take(self, kind: str, result: Any) -> None:
        if kind == "large":
            self.figures |= result
        elif kind == "large_failed":
            self.large_failed |= result
            print(*(f"{name}: {fault}" for name, fault in result.items()), sep="\n", flush=True)
        else:
            for seed, fault, seen in result:
                self.played[kind] += 1
                self.happened[kind] += seen
                if fault:
                    self.failed[kind][seed] = fault
                    command = (seeds.replay if kind == "seeds" else replay_history)(seed)
                    print(f"{kind} {seed}: {fault}\n    {command}", flush=True)

    def written(self) -> dict[str, Any]:
        out = dict(self.figures)
        heals = [value for name, value in self.figures.items() if name.endswith("_rounds")]
        if heals:
            out[f"heal_rounds_{HEAL_NODES}_nodes_loss20"] = max(heals)
        out["large_failed"] = len(self.large_failed)
        out["large_failed_with"] = self.large_failed
        for kind, faults in self.failed.items():
            if self.played[kind]:
                out[f"{kind}_run"] = self.played[kind]
                out[f"{kind}_failed"] = len(faults)
                out[f"{kind}_failed_with"] = {str(seed): faults[seed] for seed in sorted(faults)}
                out[f"{kind}_happened"] = dict(sorted(self.happened[kind].items()))
        if self.played["seeds"]:
            out["seeds_hours_confirmed"] = self.happened["seeds"]["confirmed"]
        return out


def tasks(given: argparse.Namespace) -> Iterator[Task]:
    """The longest first, so that no process is left alone with it at the end."""
    if given.only in ("", "large"):
        yield "broadcast", given.nodes
        yield "flood", given.keys
        for number in range(HEALS):
            yield "heal", number
    for kind, count in (("seeds", given.seeds), ("histories", given.histories)):
        if given.only in ("", kind):
            for first in range(given.first, given.first + count, AT_ONCE):
                yield kind, first


def missed(figures: dict[str, Any], whole: bool) -> list[str]:
    """Goals that were not reached; of a whole run also those that were not measured."""
    out = []
    for name, (how, goal) in GOALS.items():
        if name not in figures:
            out += [f"{name} was not measured; try --within 0"] if whole else []
        elif not (figures[name] <= goal if how == "<=" else figures[name] >= goal):
            out.append(f"{name} is {figures[name]}, and should be {how} {goal}")
    return out


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--only", default="", choices=("", "large", "seeds", "histories"))
    parser.add_argument("--nodes", type=int, default=NODES)
    parser.add_argument("--keys", type=int, default=FALSE_KEYS, help="false ones, of the flood")
    parser.add_argument("--seeds", type=int, default=SEEDS)
    parser.add_argument("--histories", type=int, default=HISTORIES)
    parser.add_argument("--first", type=int, default=0)
    parser.add_argument("--within", type=float, default=WITHIN_S, help="seconds; 0: as long as it takes")
    parser.add_argument("--processes", type=int, default=min(4, os.cpu_count() or 2))
    parser.add_argument("--json", type=Path, default=Path("build/sim.json"))
    return play(parser.parse_args())


def play(given: argparse.Namespace) -> int:
    """All that is asked for; what came in is written whatever happens. Gives the exit status."""
    begun = time.monotonic()
    report = Report()
    every = list(tasks(given))
    left = len(every)
    try:
        with multiprocessing.Pool(given.processes) as pool:
            results = pool.imap_unordered(work, every)
            for _ in every:
                remaining = given.within - (time.monotonic() - begun) if given.within else None
                try:
                    report.take(*results.next(None if remaining is None else max(0.0, remaining)))
                except multiprocessing.TimeoutError:
                    break
                left -= 1
                if left % 20 == 0:
                    took = time.monotonic() - begun
                    print(f"{took:6.0f} s, {left} pieces left", file=sys.stderr, flush=True)
            pool.terminate()
    finally:
        figures = report.written()
        figures["lighter"] = LIGHTER
        figures["seconds"] = round(time.monotonic() - begun)
        figures["pieces_left_for_lack_of_time"] = left
        given.json.parent.mkdir(parents=True, exist_ok=True)
        given.json.write_text(json.dumps(figures, indent=2) + "\n")
    print(json.dumps({name: value for name, value in figures.items() if name[-5:] != "_with"}, indent=2))
    faults = missed(figures, whole=given.only == "")
    for words in faults:
        print(words)
    return 1 if faults else 0


if __name__ == "__main__":
    sys.exit(main())
