"""`make bench`: measure the figures, write build/bench.json, and print them as a table.

    python -m tests.bench [NAME ...] [--out FILE] [--rounds N]

Exit 0 where every goal is reached, 1 where one is not.
"""

from __future__ import annotations

import argparse
import json
import sys
from pathlib import Path

from rich.console import Console
from rich.table import Column, Table

from tests.bench.figures import Effort, Result, all_figures, run

OUT = Path("build/bench.json")
ROUNDS = 7


def table(results: list[Result]) -> Table:
    """The figures for people."""
    shown = Table(
        *(Column(title, no_wrap=True) for title in ("figure", "value", "goal", "floor", "unit", ""))
    )
    for one in results:
        sign = "≥" if one.above else "≤"
        floor = "" if one.floor is None else f"{one.floor:g}"
        mark = "reached" if one.reached else "[bold red]missed[/]"
        shown.add_row(one.name, f"{one.value:g}", f"{sign} {one.goal:g}", floor, one.unit, mark)
    return shown


def main(words: list[str] | None = None) -> int:
    """Measure what is asked for; gives the exit status."""
    figures = all_figures()
    parser = argparse.ArgumentParser(prog="python -m tests.bench", description="Measure the figures.")
    parser.add_argument("names", nargs="*", metavar="NAME", help=f"of: {', '.join(figures)}")
    parser.add_argument("--out", type=Path, default=OUT, help=f"where the JSON goes [{OUT}]")
    parser.add_argument("--rounds", type=int, default=ROUNDS, help=f"how often to repeat [{ROUNDS}]")
    asked = parser.parse_args(words)
    unknown = [name for name in asked.names if name not in figures]
    if unknown or asked.rounds < 1:
        parser.error(f"there is no figure {', '.join(unknown)}" if unknown else "--rounds is at least 1")
    results = [run(figures[name], Effort(asked.rounds)) for name in asked.names or figures]
    asked.out.parent.mkdir(parents=True, exist_ok=True)
    asked.out.write_text(json.dumps([one.written() for one in results], indent=2) + "\n")
    Console().print(table(results))
    for one in results:
        if one.remark:
            print(f"{one.name}: {one.remark}")
    print(f"written to {asked.out}")
    return 0 if all(one.reached for one in results) else 1


if __name__ == "__main__":
    sys.exit(main())
