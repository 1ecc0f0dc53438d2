"""Random histories from the command line: one to be looked at, or thousands for `make sim`."""

from __future__ import annotations

import argparse
import json
import multiprocessing
import sys
import time
import traceback
from collections import Counter
from pathlib import Path

from tests.histories.history import History, replay
from tests.histories.remembering import remembered


def try_one(seed: int) -> tuple[int, str, Counter[str]]:
    """Play one history; gives its seed, what failed ("" where all held), and what arose in it."""
    with remembered():
        return _try(seed)


def _try(seed: int) -> tuple[int, str, Counter[str]]:
    history = History(seed)
    try:
        history.run()
        history.check()
        return seed, "", history.truth.seen
    except Exception as error:
        place = traceback.extract_tb(error.__traceback__)[-1]
        text = f"{type(error).__name__}: {error} ({place.name}:{place.lineno})"
        return seed, text, history.truth.seen
    finally:
        history.close()


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seed", type=int, help="play this one and print its story")
    parser.add_argument("--first", type=int, default=0)
    parser.add_argument("--count", type=int, default=200)
    parser.add_argument("--processes", type=int, default=2)
    parser.add_argument("--json", type=Path, help="write the numbers there")
    given = parser.parse_args()
    if given.seed is not None:
        history = History(given.seed)
        try:
            history.run()
            history.check()
        finally:
            print("\n".join(history.story))
        return 0
    begun = time.monotonic()
    failed: dict[int, str] = {}
    seen: Counter[str] = Counter()
    seeds = range(given.first, given.first + given.count)
    with multiprocessing.Pool(given.processes) as pool:
        for seed, fault, arose in pool.imap_unordered(try_one, seeds, chunksize=20):
            seen += arose
            if fault:
                failed[seed] = fault
                print(f"seed {seed}: {fault}\n    {replay(seed)}", flush=True)
    report = {
        "histories_run": given.count,
        "histories_failed": len(failed),
        "failed_seeds": {str(seed): failed[seed] for seed in sorted(failed)},
        "seconds": round(time.monotonic() - begun, 1),
        "arose": dict(sorted(seen.items())),
    }
    if given.json:
        given.json.parent.mkdir(parents=True, exist_ok=True)
        given.json.write_text(json.dumps(report, indent=2) + "\n")
    print(json.dumps({key: value for key, value in report.items() if key != "failed_seeds"}, indent=2))
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
