"""`make sim` writes what it found, whatever fails in it."""

from __future__ import annotations

import argparse
import json
from pathlib import Path

import pytest

from tests.sim import run


def given(tmp_path: Path, only: str) -> argparse.Namespace:
    return argparse.Namespace(
        only=only, nodes=8, keys=5, seeds=1, histories=1, first=0, within=0, processes=1,
        json=tmp_path / "build" / "sim.json",
    )  # fmt: skip


@pytest.fixture(autouse=True)
def lighter(monkeypatch: pytest.MonkeyPatch) -> None:
    """The machinery alone: the scenarios have tests of their own."""
    monkeypatch.setitem(run.LARGE, "broadcast", lambda nodes: {"broadcast_copies_per_node_1000": 1.01})
    monkeypatch.setitem(run.LARGE, "heal", lambda number: {f"heal_{number}_rounds": float(number)})
    monkeypatch.setattr(run, "AT_ONCE", 1)


def test_a_large_scenario_that_breaks_a_rule_is_written_and_costs_no_other(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def broken(keys: int) -> dict[str, object]:
        raise AssertionError("the disk is over the quota")

    monkeypatch.setitem(run.LARGE, "flood", broken)
    asked = given(tmp_path, "large")
    assert run.play(asked) == 1
    figures = json.loads(asked.json.read_text())
    assert figures["large_failed"] == 1
    assert figures["large_failed_with"]["flood 5"].startswith("AssertionError: the disk is over the quota (")
    assert figures["heal_rounds_50_nodes_loss20"] == run.HEALS - 1
    assert figures["broadcast_copies_per_node_1000"] == 1.01
    assert "large_failed is 1, and should be <= 0" in capsys.readouterr().out


def test_when_somebody_stops_it_what_came_in_is_written(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def stopped(self: run.Report, kind: str, result: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(run.Report, "take", stopped)
    asked = given(tmp_path, "large")
    with pytest.raises(KeyboardInterrupt):
        run.play(asked)
    assert json.loads(asked.json.read_text())["pieces_left_for_lack_of_time"] == 2 + run.HEALS


def test_what_was_not_measured_is_missed() -> None:
    assert "flood_delivery_ratio_mean was not measured; try --within 0" in run.missed({}, whole=True)
    assert run.missed({}, whole=False) == []
    assert run.missed({"seeds_failed": 1}, whole=False) == ["seeds_failed is 1, and should be <= 0"]
