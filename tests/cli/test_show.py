"""What stands in the terminal is what was meant, whoever wrote it."""

from __future__ import annotations

import datetime
from pathlib import Path

import pytest
import segno

from node.cli import doctor, show
from node.store.database import DATABASE_NAME
from tests.cli.world import Person, running


def test_nobodys_words_steer_the_terminal(capsys: pytest.CaptureFixture[str]) -> None:
    evil = "Free\x1b[2J cake\x07\u202e\u200b \x9b31m[red]now[/red]\r\n:cake:\u2028"
    assert show.clean(evil) == "Free[2J cake 31m[red]now[/red]  :cake: "
    assert show.clean("Zoë · ladder — नमस्ते क्‍ष 🪜") == "Zoë · ladder — नमस्ते क्‍ष 🪜"
    show.table(["[bold]Title"], [[evil]])
    shown = capsys.readouterr().out
    assert "\x1b" not in shown and "[bold]Title" in shown and "[red]now[/red]" in shown and ":cake:" in shown


async def test_a_hostile_title_comes_out_tame_and_whole_in_json(alder: Person) -> None:
    title = "Cake\u202e [red]now[/red] :cake:"
    async with running(alder.data):
        made = (await alder.asks("need", "--as", "Amara", title, "--json")).json
        board = (await alder.asks("board")).out
        told = await alder.asks("board", "--json")
    assert made["title"] == title == told.json["items"][0]["title"]
    assert "Cake [red]now[/red] :cake:" in board and told.out.isascii()


@pytest.mark.parametrize("dark_ink", [True, False])
def test_a_square_code_says_what_it_should(dark_ink: bool) -> None:
    text = "http://192.168.1.20:8420/setup/abcdefghijklmnopqrstuvwx"
    *lines, caption = show._code(text, "192.168.1.20:8420", dark_ink=dark_ink)
    halves = {"█": (1, 1), "▀": (1, 0), "▄": (0, 1), " ": (0, 0)}
    rows = [[halves[sign][half] for sign in line] for line in lines for half in (0, 1)]
    wanted = [list(row) for row in segno.make_qr(text, error="l").matrix_iter(border=2)]
    if not dark_ink:
        wanted = [[1 - square for square in row] for row in wanted]
    assert rows[: len(wanted)] == wanted and len(rows) - len(wanted) in (0, 1)
    assert caption.strip() == "192.168.1.20:8420"


def test_two_codes_stand_beside_each_other_in_80_columns(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    hosts = ["192.168.178.123:8420", "barnraise-ab12.local:8420"]
    monkeypatch.setattr(show, "WIDTH_WITHOUT_TERMINAL", 80)
    show.codes([f"http://{host}/setup/{'x' * 24}" for host in hosts], hosts)
    lines = capsys.readouterr().out.splitlines()
    assert all(host in lines[-1] for host in hosts)
    assert max(map(len, lines)) <= 80 and len(lines) <= 22, "both on one screen"


def test_small_words() -> None:
    assert [show.duration(minutes) for minutes in (0, 5, 90, -61)] == [
        "0:00 h",
        "0:05 h",
        "1:30 h",
        "-1:01 h",
    ]
    assert [show.size(size) for size in (0, 999, 1_000, 12_345_678)] == [
        "0 bytes",
        "999 bytes",
        "1.0 kB",
        "12.3 MB",
    ]
    assert show.counted(1, "entry waits", "entries wait") == "1 entry waits"
    assert (show.counted(2_000, "post"), show.day(20_780)) == ("2,000 posts", "2026-11-23")


# the doctor's judgement


def test_python_is_new_enough_and_has_64_bits() -> None:
    assert doctor.check_python((3, 13, 1), 2**63 - 1).ok
    assert doctor.check_python((3, 11, 2), 2**31 - 1).stops
    assert doctor.check_python((3, 10, 9), 2**63 - 1).stops


def test_a_clock_without_a_battery_is_noticed() -> None:
    said = doctor.check_clock(datetime.datetime(1970, 1, 2, tzinfo=datetime.UTC).timestamp())
    assert not said.ok and not said.stops and said.said.startswith("1970-01-02")
    assert doctor.check_clock(datetime.datetime(2031, 1, 2, tzinfo=datetime.UTC).timestamp()).ok


def test_no_network_is_no_reason_to_stop(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(doctor, "up_interfaces", list)
    for finding in (doctor.check_multicast(None), doctor.check_addresses()):
        assert not finding.ok and not finding.stops
    monkeypatch.setattr(doctor, "_network_addresses", lambda: ["192.0.2.9"])
    refused = doctor.check_multicast(None)
    assert "does not allow it" in refused.said and refused.advice, "that is nobody's address here"


def test_a_node_knows_best_whether_it_finds_others() -> None:
    running = {"set_up": True, "nearby": [1, 2], "discovery_note": ""}
    assert doctor.check_multicast(running).said == "works; 2 other nodes nearby"
    note = doctor.check_multicast(running | {"discovery_note": "No network."})
    assert (note.said, note.ok, note.stops) == ("No network", False, False)


def test_folders_that_will_not_do(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    assert doctor.check_folder(tmp_path / "file").stops
    assert doctor.check_folder(tmp_path / "new" / "data").ok


async def test_a_running_node_is_examined_too(alder: Person) -> None:
    async with running(alder.data) as server:
        typed = await alder.asks("doctor")
        port = server.node.settings.port
    assert f"Port: {port}, used by this node" in typed.out
    assert "Database: sound, in use by the running node, Alder Street" in typed.out
    assert (alder.data / DATABASE_NAME).exists()
