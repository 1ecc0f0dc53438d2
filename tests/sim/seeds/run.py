"""Random stories of trouble from the command line: one to be looked at, or thousands.

python -m tests.sim.seeds.run --seed 7           plays one and prints its story
python -m tests.sim.seeds.run --count 2000       plays many on two processes
"""

from __future__ import annotations

import argparse
import json
import multiprocessing
import sys
import time
import traceback
from collections import Counter

from tests.histories.remembering import remembered
from tests.sim.seeds.trouble import Trouble


def replay(seed: int) -> str:
    """The command that plays this story again."""
    return f".venv/bin/python -m tests.sim.seeds.run --seed {seed}"


def try_one(seed: int) -> tuple[int, str, Counter[str]]:
    """Play one story; gives its seed, what failed ("" where all held), and what happened in it."""
    with remembered():
        trouble = Trouble(seed)
        try:
            trouble.run()
            return seed, "", trouble.seen
        except Exception as error:
            place = traceback.extract_tb(error.__traceback__)[-1]
            words = f"{type(error).__name__}: {error} ({place.name}:{place.lineno})"
            return seed, words, trouble.seen
        finally:
            trouble.close()


def play(first: int, count: int, processes: int) -> dict[str, object]:
    """Play many stories; prints those that fail, and gives the figures."""
    begun = time.monotonic()
    failed: dict[int, str] = {}
    seen: Counter[str] = Counter()
    with multiprocessing.Pool(processes) as pool:
        for seed, fault, happened in pool.imap_unordered(try_one, range(first, first + count), chunksize=5):
            seen += happened
            if fault:
                failed[seed] = fault
                print(f"seed {seed}: {fault}\n    {replay(seed)}", flush=True)
    return {
        "seeds_run": count,
        "seeds_failed": len(failed),
        "seeds_failed_with": {str(seed): failed[seed] for seed in sorted(failed)},
        "seeds_s": round(time.monotonic() - begun, 1),
        "seeds_happened": dict(sorted(seen.items())),
    }


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--seed", type=int, help="play this one and print its story")
    parser.add_argument("--first", type=int, default=0)
    parser.add_argument("--count", type=int, default=200)
    parser.add_argument("--processes", type=int, default=2)
    given = parser.parse_args()
    if given.seed is not None:
        trouble = Trouble(given.seed)
        try:
            with remembered():
                trouble.run()
        finally:
            print("\n".join(trouble.story))
            trouble.close()
        return 0
    figures = play(given.first, given.count, given.processes)
    print(json.dumps(figures, indent=2))
    return 1 if figures["seeds_failed"] else 0


if __name__ == "__main__":
    sys.exit(main())
