"""The machinery of the figures: what is written and printed. How fast this machine is, is nobody's test."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest

from tests.bench.__main__ import main
from tests.bench.figures import FIGURES, MODULES, Effort, Figure, Measured, all_figures, run

FIELDS = {
    "name": str,
    "value": float,
    "unit": str,
    "goal": float,
    "floor": float,
    "above": bool,
    "remark": str,
}


def test_every_figure_has_a_name_a_unit_and_a_goal() -> None:
    figures = all_figures()
    assert {
        "envelope_bytes",
        "judge_ratio_to_signature_checks",
        "parse_worst_64k_ms",
        "parse_worst_64k_mb",
    } <= set(figures)
    for name, one in figures.items():
        assert one.name == name and one.unit and one.goal > 0 and (one.measure.__doc__ or "").strip()


def test_what_is_written_and_printed(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    out = tmp_path / "build" / "bench.json"
    names = ["envelope_bytes", "judge_ratio_to_signature_checks"]
    status = main([*names, "--rounds", "1", "--out", str(out)])
    written = json.loads(out.read_text())
    assert [one["name"] for one in written] == names
    for one in written:
        assert set(one) == set(FIELDS)
        for field, kind in FIELDS.items():
            value = one[field]
            assert isinstance(value, (int, float) if kind is float else kind) or (
                field == "floor" and value is None
            )
    assert status in (0, 1) and "envelope_bytes" in capsys.readouterr().out


@pytest.mark.parametrize("module", MODULES)
def test_every_figure_can_be_measured(module: str) -> None:
    """Small, and no goal is asked for: that the machinery runs, and that what it checks on the way holds."""
    mine = [one for one in all_figures().values() if one.measure.__module__ == f"tests.bench.{module}"]
    assert mine
    for one in mine:
        assert run(one, Effort(1, one_in=100)).value is not None, one.name


def test_a_figure_that_fails_costs_no_other(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def broken(effort: Effort) -> Measured:
        raise ValueError("no such record")

    out = tmp_path / "bench.json"
    all_figures()
    monkeypatch.setitem(FIGURES, "broken", Figure("broken", "ms", 5, False, broken))
    status = main(["broken", "envelope_bytes", "--rounds", "1", "--out", str(out)])
    first, second = json.loads(out.read_text())
    assert status == 1 and first["value"] is None and second["value"] <= second["goal"]
    assert first["remark"] == "could not be measured: ValueError: no such record"
    assert "Traceback" in capsys.readouterr().err


def test_what_was_measured_stays_when_somebody_stops_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def stopped(effort: Effort) -> Measured:
        raise KeyboardInterrupt

    out = tmp_path / "bench.json"
    all_figures()
    monkeypatch.setitem(FIGURES, "stopped", Figure("stopped", "ms", 5, False, stopped))
    with pytest.raises(KeyboardInterrupt):
        main(["envelope_bytes", "stopped", "--rounds", "1", "--out", str(out)])
    assert [one["name"] for one in json.loads(out.read_text())] == ["envelope_bytes"]


def test_the_size_of_an_envelope_is_no_timing() -> None:
    assert run(all_figures()["envelope_bytes"], Effort(1)).reached


@pytest.mark.parametrize(("above", "reached"), [(False, False), (True, True)])
def test_a_goal_is_an_upper_or_a_lower_bound(above: bool, reached: bool) -> None:
    one = run(
        Figure("share", "%", 70, above, lambda effort: Measured(80.0 + effort.rounds, 100.0)), Effort(1)
    )
    assert (one.value, one.floor, one.reached) == (81.0, 100.0, reached)


def test_a_figure_that_does_not_exist(tmp_path: Path) -> None:
    with pytest.raises(SystemExit) as ended:
        main(["no_such_figure", "--out", str(tmp_path / "bench.json")])
    assert ended.value.code == 2 and not (tmp_path / "bench.json").exists()


def test_the_page_lists_every_figure_with_its_goal() -> None:
    page = (Path(__file__).resolve().parents[2] / "docs" / "fuzzing.md").read_text()
    stated = dict(re.findall(r"^\| `(\w+)` \| [^|]+ \| ([≤≥] [\d.,]+)", page, re.MULTILINE))
    assert stated == {
        name: f"{'≥' if one.above else '≤'} {one.goal:,g}" for name, one in all_figures().items()
    }
