"""Random histories of honest homes and a malicious one: in the end all is equal, and nobody was overruled.

A failing seed is printed with the command that replays it exactly. `make sim` plays 10,000.
"""

from __future__ import annotations

import os
import subprocess
import sys
from collections import Counter
from pathlib import Path

import pytest

from tests.histories.history import History, replay
from tests.histories.remembering import remembered
from tests.histories.run import try_one

BLOCKS = range(10)
BLOCK = 20  # histories in one test, so that two processes share them
MUST_ARISE = (  # all that a random history is to be made of, and what its properties need
    "confirmed claims",
    "contests",
    "contests settled by another voter",
    "corrections",
    "edits after a restore",
    "epochs decided",
    "erased by the author",
    "erased by the home",
    "expiries around midnight",
    "false successions",
    "forgeries",
    "forks seen",
    "founded anew",
    "given back after a restore",
    "had to wait for room to post",
    "hostile assents",
    "hostile epoch",
    "hostile erasures",
    "hostile sponsor",
    "huge edits",
    "left so that a vote could be decided",
    "leaves",
    "quota floods",
    "quota reached",
    "re-issues",
    "removed homes",
    "restores",
    "returning homes",
    "rotations",
    "rotations after a restore",
    "rotations by a thief",
    "self-confirmations",
    "sponsors",
    "thefts",
    "unknown kinds",
    "unreadable bodies",
    "wrong clocks",
)


def play(seeds: range) -> Counter[str]:
    """Play these; fails with every seed that does not end well. Gives what arose."""
    failed, arose = [], Counter[str]()
    for seed in seeds:
        _, fault, seen = try_one(seed)
        arose += seen
        if fault:
            failed.append(f"seed {seed}: {fault}\n    {replay(seed)}")
    assert not failed, "\n".join(["", *failed])
    return arose


@pytest.mark.parametrize("block", BLOCKS)
def test_random_histories_end_well(block: int) -> None:
    play(range(block * BLOCK, (block + 1) * BLOCK))


@pytest.mark.slow
@pytest.mark.timeout(3600)
def test_a_thousand_histories_end_well_and_everything_arises_in_them() -> None:
    """A property that is never put to the test proves nothing."""
    arose = play(range(20_000, 21_000))
    assert [what for what in MUST_ARISE if not arose[what]] == []


def test_a_seed_replays_exactly_in_another_process() -> None:
    """Though bytes hash differently there: no order may hang on it."""
    script = (
        "from tests.histories.history import History\n"
        "history = History(7); history.run(); history.check()\n"
        "import hashlib; print(hashlib.sha256(repr((history.story, [sorted(h.held()) for h in history.homes],"
        " sorted(history.truth.seen.items()))).encode()).hexdigest())"
    )
    root = Path(__file__).resolve().parents[2]
    found = set()
    for hash_seed in ("1", "2"):
        where = os.environ | {"PYTHONHASHSEED": hash_seed, "PYTHONPATH": str(root)}
        done = subprocess.run(
            [sys.executable, "-c", script], cwd=root, env=where, capture_output=True, text=True, check=True
        )
        found.add(done.stdout.strip())
    assert len(found) == 1 and found != {""}


def test_remembering_changes_nothing() -> None:
    """Histories are quick because the same bytes are read once; without that they go the same way."""
    plain = History(11)
    plain.run()
    with remembered():
        quick = History(11)
        quick.run()
    assert plain.story == quick.story
    assert [home.held() for home in plain.homes] == [home.held() for home in quick.homes]
