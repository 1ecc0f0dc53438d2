"""`barnraise demo --once --json`, run as a person runs it; and that its checks can fail."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
INTEGERS = (
    *("nodes", "members", "posts_shared", "posts_seen_by_all", "discovered_by_mdns"),
    *("hours_confirmed_across_nodes", "sum_of_minutes", "acknowledged_before_kill"),
    *("acknowledged_lost_after_kill", "private_words_leaked", "private_bytes_searched"),
)
STORY_TIMEOUT_S = 110


def play(*options: str) -> tuple[int, dict[str, object], str]:
    """Exit code, the one JSON object on stdout, and what was told on stderr."""
    command = [sys.executable, "-m", "node.cli.main", "demo", "--once", "--json", *options]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=STORY_TIMEOUT_S)
    return done.returncode, json.loads(done.stdout), done.stderr


def test_the_story_comes_out_well() -> None:
    code, found, told = play()
    assert (code, found["ok"]) == (0, True), told
    assert all(type(found[name]) is int for name in INTEGERS)
    assert isinstance(found["seconds_need_to_other_node"], float)
    assert found["nodes"] == found["discovered_by_mdns"] == 3
    assert found["members"] >= 12
    assert found["posts_shared"] == found["posts_seen_by_all"] >= 30
    assert found["hours_confirmed_across_nodes"] > 0
    assert found["acknowledged_before_kill"] >= 50
    assert found["acknowledged_lost_after_kill"] == 0
    assert found["sum_of_minutes"] == found["private_words_leaked"] == 0
    assert found["private_bytes_searched"] > 100_000
    assert "The power goes at riverbend" in told


@pytest.mark.parametrize(
    ("planted", "figure"),
    [
        pytest.param("leak", "private_words_leaked", marks=pytest.mark.slow),
        ("loss", "acknowledged_lost_after_kill"),
        pytest.param("minute", "sum_of_minutes", marks=pytest.mark.slow),
    ],
)
def test_a_planted_fault_is_found(planted: str, figure: str) -> None:
    code, found, _ = play("--plant", planted)
    assert (code, found["ok"]) == (1, False)
    assert found[figure] != 0


def test_planting_needs_the_story_to_end() -> None:
    command = [sys.executable, "-m", "node.cli.main", "demo", "--plant", "leak"]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=30)
    assert done.returncode == 2
    assert "--json and --plant go with --once." in done.stderr
