"""`make bench`: measure the figures, write build/bench.json, and print them as a table.

    python -m tests.bench [NAME ...] [--out FILE] [--rounds N]

Exit 0 where every goal is reached, 1 where one is not. A figure that raises counts as missed and holds up no
other; the file is written after each, so what was measured stays, whatever happens later.
"""

from __future__ import annotations

import argparse
import json
import sys
import traceback
from pathlib import Path

from rich.console import Console
from rich.table import Column, Table

from tests.bench.figures import Effort, Figure, Result, all_figures, failed, run

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
        value = "-" if one.value is None else f"{one.value:g}"
        shown.add_row(one.name, value, f"{sign} {one.goal:g}", floor, one.unit, mark)
    return shown


def measured(figure: Figure, effort: Effort) -> Result:
    """Measure one figure, or say why it could not be."""
    try:
        return run(figure, effort)
    except Exception as error:  # one figure that fails must not cost the others
        traceback.print_exc()
        return failed(figure, error)


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
    asked.out.parent.mkdir(parents=True, exist_ok=True)
    results: list[Result] = []
    for name in asked.names or figures:
        results.append(measured(figures[name], Effort(asked.rounds)))
        asked.out.write_text(json.dumps([one.written() for one in results], indent=2) + "\n")
    Console().print(table(results))
    for one in results:
        if one.remark:
            print(f"{one.name}: {one.remark}")
    print(f"written to {asked.out}")
    return 0 if all(one.reached for one in results) else 1


if __name__ == "__main__":
    sys.exit(main())
