"""Coverage-guided search, for development: `make fuzz`, or `.venv-fuzz/bin/python -m tests.fuzz.guided`.

    python -m tests.fuzz.guided --runs 100000 [--target record]

Every target in turn, each in a process of its own. What it learns stays in build/fuzz/TARGET; what it finds
is written to build/fuzz/TARGET-crash-…, and belongs into tests/fuzz/finds/ together with the fix. Atheris is
no part of any lock: it has no wheels for the Pi. See docs/fuzzing.md.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import time
from pathlib import Path

OUT = Path("build/fuzz")
LENGTH_MAX_BYTES = 9_000
INPUT_TIMEOUT_S = 10


def search(name: str, runs: int) -> None:
    """Search one target in this process; libFuzzer ends the process."""
    import atheris  # type: ignore[import-not-found,unused-ignore]

    with atheris.instrument_imports(include=["protocol", "sync", "node"]):
        from tests.fuzz.targets import TARGETS
    from tests.fuzz.alter import alter

    target = TARGETS[name]
    samples = target.samples()
    corpus = OUT / name
    corpus.mkdir(parents=True, exist_ok=True)
    for number, sample in enumerate(samples):
        (corpus / f"sample-{number}").write_bytes(b"\xff" + sample.wrap(sample.inner))
        (corpus / f"altered-{number}").write_bytes(bytes((number % 255, 0, 0, 0, 0)))

    def one(data: bytes) -> None:
        """The first byte 255: the rest as it is. Else: the sample of that number, altered by the rest."""
        if data[:1] == b"\xff":
            target.run(data[1:])
        elif data:
            sample = samples[data[0] % len(samples)]
            rest = data[1:41]
            steps = [rest[at : at + 4] for at in range(0, len(rest) - 3, 4)]
            what = [(step[0], int.from_bytes(step[1:3], "big"), step[3]) for step in steps]
            target.run(sample.wrap(alter(sample.inner, what)))

    atheris.Setup(
        [
            sys.argv[0],
            str(corpus),
            f"-runs={runs}",
            f"-max_len={LENGTH_MAX_BYTES}",
            f"-timeout={INPUT_TIMEOUT_S}",
            f"-artifact_prefix={OUT}/{name}-crash-",
            "-print_final_stats=1",
            "-verbosity=1",
        ],
        one,
    )
    atheris.Fuzz()


def main() -> int:
    """Search all targets, or one; gives how many ended with a find."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--runs", type=int, default=1_000_000, help="executions of all targets together")
    parser.add_argument("--target", help="this target alone")
    parser.add_argument("--here", action="store_true", help=argparse.SUPPRESS)
    asked = parser.parse_args()
    if asked.here:
        search(asked.target, asked.runs)
        return 0
    from tests.fuzz.targets import TARGETS

    shares = {name: target.share for name, target in TARGETS.items() if asked.target in (None, name)}
    found, counted = 0, {}
    OUT.mkdir(parents=True, exist_ok=True)
    for name, share in shares.items():
        runs = max(asked.runs * share // sum(shares.values()), 1)
        begun = time.monotonic()
        words = [sys.executable, "-m", "tests.fuzz.guided", "--here", "--target", name, "--runs", str(runs)]
        done = subprocess.run(words, stderr=subprocess.PIPE, text=True, errors="replace")
        stats = [line.split(":") for line in done.stderr.splitlines() if line.startswith("stat::")]
        executed = next((int(line[-1]) for line in stats if "number_of_executed_units" in line), 0)
        (OUT / f"{name}.log").write_text(done.stderr)
        counted[name] = executed
        found += done.returncode != 0 or not executed
        took_s = time.monotonic() - begun
        said = "" if done.returncode == 0 else f"  ended with {done.returncode}, see {OUT}/{name}.log"
        print(f"{name:16} {executed:>9,} executions in {took_s:6.0f} s{said}", flush=True)
    print(f"{'together':16} {sum(counted.values()):>9,}")
    (OUT / "counts.json").write_text(json.dumps(counted, indent=2) + "\n")
    return min(found, 1)


if __name__ == "__main__":
    sys.exit(main())
