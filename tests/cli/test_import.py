"""Ines brings the answers of her group's online form along."""

from __future__ import annotations

import os
import subprocess
import sys
from importlib.resources import files
from pathlib import Path
from typing import Any

import pytest

from node.actions import details, importing, members, posts
from node.actions.members import Session
from node.app import Node
from node.importing import AnswerDraft, guess_mapping, read_answers, read_table
from node.store import imports
from protocol.errors import OurFault
from tests.cli.world import Person, running
from tests.node.process import REPOSITORY
from tests.node.serving import PASSPHRASE, settings_of

ANSWERS_200 = str(files("node").joinpath("data", "answers-200.csv"))
BAD_LINES = [26, 71, 106, 156, 168, 187, 198]
HEADER = "Name,Phone,Address,What do you need?,Details,Status\n"
ROSA = "Rosa Kestrel,555-0143,12 Teasel Street,Food;Rides,Call 555-0143 first,New\n"


def opened(alder: Person) -> Node:
    return Node(settings_of(alder.data))


async def session_of(node: Node, name: str) -> Session:
    return await members.sign_in(node, name=name, passphrase=PASSPHRASE, address="test")


def csv_file(alder: Person, *rows: str) -> str:
    path = alder.data.parent / "answers.csv"
    path.write_text(HEADER + "".join(rows))
    return str(path)


@pytest.mark.parametrize("is_running", [True, False])
async def test_two_hundred_answers_and_again(alder: Person, is_running: bool) -> None:
    words = ("import", ANSWERS_200, "--as", "Ines", "--yes", "--json")
    if is_running:
        async with running(alder.data):
            first, second = (await alder.asks(*words)).json, (await alder.asks(*words)).json
    else:
        first, second = (await alder.asks(*words)).json, (await alder.asks(*words)).json
    assert (first["rows"], first["imported"], first["already_imported"]) == (200, 264, 0)
    assert (first["skipped_completed"], first["left_out"], len(set(first["posts"]))) == (30, 0, 264)
    assert [bad["line"] for bad in first["bad_rows"]] == BAD_LINES
    assert first["mapping"]["needs"] == "What do you need? Check all that apply" and first["unused"] == ["ID"]
    assert (second["imported"], second["already_imported"], second["posts"]) == (0, 264, [])
    assert (second["skipped_completed"], [bad["line"] for bad in second["bad_rows"]]) == (30, BAD_LINES)
    status = (await alder.asks("status", "--json")).json
    assert status["posts"] == status["posts_here"] == 264


async def test_what_was_confided_stays_private(alder: Person) -> None:
    typed = await alder.asks("import", csv_file(alder, ROSA), "--as", "Ines", "--yes", "--json")
    assert typed.json["imported"] == 2
    listed = await alder.asks("board", "--json")
    assert "555-0143" not in listed.out and "Rosa" not in listed.out and "Teasel" not in listed.out
    node = opened(alder)
    try:
        ines, ben = await session_of(node, "Ines"), await session_of(node, "Ben")
        board = posts.board(node, ines, posts.BoardQuery()).items
        assert len(board) == 2
        for one in board:
            assert one.mine and one.here and one.name_shown == ""
            assert node.now() - 300 <= one.created <= node.now(), "the time of the import, not of the answer"
            record = node.records.version(one.id)
            assert record is not None and record.author == ines.account_key
            page = posts.post(node, ines, one.id)
            assert page.details is not None and page.details.name == "Rosa Kestrel"
            assert (page.details.contact, page.details.address) == ("555-0143", "12 Teasel Street")
            assert posts.post(node, ben, one.id).details is None
            kept = details.record_of(node, one.id)
            assert kept is not None and kept.scope == record.scope == (0,), "local, so it never travels"
        public = b"".join(
            row[0] for row in node.connection.execute("SELECT message FROM records WHERE kind = 'post'")
        )
        assert b"555-0143" not in public and b"Kestrel" not in public
    finally:
        node.close()


async def test_a_grown_file_adds_what_is_new(alder: Person) -> None:
    words = ("--as", "Ines", "--yes", "--json")
    assert (await alder.asks("import", csv_file(alder, ROSA), *words)).json["imported"] == 2
    hugo = "Hugo Wren,,,Pet care,,New\n"
    done = (await alder.asks("import", csv_file(alder, hugo, ROSA), *words)).json
    assert (done["imported"], done["already_imported"]) == (1, 2)
    finished = csv_file(alder, hugo.replace("New", "Completed"), ROSA)
    done = (await alder.asks("import", finished, *words)).json
    assert (done["imported"], done["already_imported"], done["skipped_completed"]) == (0, 2, 1)


def test_the_columns_are_shown_and_nothing_happens_without_a_yes(alder: Person) -> None:
    typed = alder.types("import", ANSWERS_200, "--as", "Ines")
    assert typed.exit == 1
    assert typed.err == "Nothing was imported. If the columns are right, run this again with --yes.\n"
    for said in ("Number of people in household", "private: household", "title and category", "264 needs",
                 "30 rows, left out", "Line 106: it holds signs that cannot be read as text"):  # fmt: skip
        assert said in typed.out
    shown = [line for line in typed.out.splitlines() if line.startswith(("2 ", "3 ", "5 ", "6 "))]
    assert [line[0] for line in shown] == ["2", "2", "3", "5", "5"], "three rows, of which two have two needs"
    assert "555" not in typed.out, "what is private need not stand on the screen"
    told = alder.types("import", ANSWERS_200, "--as", "Ines", "--json")
    assert told.exit == 1 and '"to_import": 264' in told.out and '"imported": 0' in told.out
    assert alder.types("board").out == "The board is empty so far.\n"


def test_columns_can_be_chosen(alder: Person) -> None:
    path = alder.data.parent / "own.csv"
    path.write_text("Wer,Wunsch,Mehr\nRosa,Brot,heute\n")
    unclear = alder.types("import", str(path), "--as", "Ines", "--map", "needs=")
    assert (unclear.exit, unclear.out) == (1, "") and "--map needs=Header" in unclear.err
    wrong = alder.types("import", str(path), "--as", "Ines", "--map", "needs=Traum")
    assert (wrong.exit, wrong.err) == (1, "No column is called “Traum”.\n")
    words = ("--map", "needs=Wunsch", "--map", "name=Wer", "--map", "details=Mehr", "--language", "de")
    done = alder.types("import", str(path), "--as", "Ines", "--yes", "--json", *words).json
    assert done["mapping"] == {"name": "Wer", "needs": "Wunsch", "details": "Mehr"}
    (post,) = alder.types("board", "--json").json["items"]
    assert (post["title"], post["text"], post["language"]) == ("Brot", "heute", "de")


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (None, "There is no file "),
        (b"", "The file is empty."),
        (b"PK\x03\x04", "This is a spreadsheet workbook."),
        (b"\x00\x01\x02", "not text"),
        (b'needs\n"food\n"food', "None of its rows could be read: there is nothing to import."),
        (b"x" * (5 * 2**20 + 1), "The file is larger than 5 MiB."),
        (b"colour,size\nred,5\n", "No column says what is needed."),
    ],
)
def test_a_file_that_cannot_be_read(alder: Person, content: bytes | None, said: str) -> None:
    path = alder.data.parent / "strange.csv"
    if content is not None:
        path.write_bytes(content)
    typed = alder.types("import", str(path), "--as", "Ines", "--yes")
    assert typed.exit == 1 and said in typed.err and typed.err.count("\n") == 1, typed
    assert alder.types("board").out == "The board is empty so far.\n"


def test_a_folder_is_no_file(alder: Person) -> None:
    typed = alder.types("import", str(alder.data), "--as", "Ines", "--yes")
    assert typed.exit == 1 and "Is a directory" in typed.err


@pytest.mark.parametrize(("who", "said"), [("Ben", "Only a coordinator"), ("Zoe", "do not belong together")])
def test_only_a_coordinator_imports(alder: Person, who: str, said: str) -> None:
    typed = alder.types("import", ANSWERS_200, "--as", who, "--yes")
    assert typed.exit == 1 and said in typed.err
    assert alder.types("board").out == "The board is empty so far.\n"


def test_nothing_new_needs_no_passphrase(alder: Person) -> None:
    path = csv_file(alder, ROSA)
    assert alder.types("import", path, "--as", "Ines", "--yes").exit == 0
    again = Person(alder.data, "").types("import", path, "--as", "Ines")
    assert again.exit == 0 and again.out.endswith("There is nothing new to import.\n")


# the use case


def drafts_200() -> list[AnswerDraft]:
    table = read_table(Path(ANSWERS_200).read_bytes())
    return read_answers(table, guess_mapping(table.headers)).drafts


def draft(number: int, **more: Any) -> AnswerDraft:
    fields: dict[str, Any] = dict.fromkeys(
        ("text", "area", "name", "contact", "address", "household", "notes"), ""
    )
    fields |= {"line": number, "row_key": number.to_bytes(32), "category": "rides", "title": f"Ride {number}"}
    return AnswerDraft(**(fields | {"urgency": "normal"} | more))


async def test_a_draft_that_is_refused_holds_up_no_other_and_leaves_nothing(alder: Person) -> None:
    node = opened(alder)
    try:
        ines = await session_of(node, "Ines")
        drafts = [draft(2), draft(3, notes="x" * 2_001), draft(4, title=""), draft(5), draft(5)]
        done = importing.import_answers(node, ines, drafts, language="en")
        assert [bad.line for bad in done.bad_rows] == [3, 4] and len(done.posts) == 2 and done.already == 1
        assert done.bad_rows[0].reason == "What you write under “notes” can have up to 2,000 characters"
        held = node.connection.execute("SELECT count(*) FROM records WHERE kind = 'post'").fetchone()[0]
        assert held == 2 == len(posts.board(node, ines, posts.BoardQuery()).items)
        assert importing.known_answers(node, [one.row_key for one in drafts]) == {
            drafts[0].row_key,
            drafts[3].row_key,
        }
        mended = importing.import_answers(node, ines, [draft(3), draft(4)], language="en")
        assert len(mended.posts) == 2
    finally:
        node.close()


async def test_a_batch_is_written_whole_or_not_at_all(alder: Person, monkeypatch: pytest.MonkeyPatch) -> None:
    node = opened(alder)
    try:
        ines = await session_of(node, "Ines")
        add, added = imports.add, []

        def power_cut(*arguments: Any) -> None:
            added.append(arguments)
            if len(added) == 3:
                raise KeyboardInterrupt
            add(*arguments)

        monkeypatch.setattr(imports, "add", power_cut)
        with pytest.raises(KeyboardInterrupt):
            importing.import_answers(node, ines, [draft(n) for n in range(2, 9)], language="en")
        assert posts.board(node, ines, posts.BoardQuery()).items == []
        monkeypatch.setattr(imports, "add", add)
        done = importing.import_answers(node, ines, [draft(n) for n in range(2, 9)], language="en")
        assert len(done.posts) == 7
    finally:
        node.close()


async def test_bounds(alder: Person, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(importing, "IMPORTED_OPEN_MAX", 120)
    full = await alder.asks("import", ANSWERS_200, "--as", "Ines", "--yes", "--json")
    assert full.exit == 1 and full.err.startswith(
        "144 needs found no room: one coordinator can have at most 120"
    )
    assert '"imported": 120' in full.out and '"left_out": 144' in full.out
    node = opened(alder)
    try:
        ines, ben = await session_of(node, "Ines"), await session_of(node, "Ben")
        with pytest.raises(OurFault, match="At most 100"):
            importing.import_answers(node, ines, drafts_200()[:101], language="en")
        with pytest.raises(OurFault, match="not_allowed"):
            importing.import_answers(node, ben, [draft(2)], language="en")
        monkeypatch.setattr(posts, "OPEN_PER_MEMBER_MAX", 2)
        own = [
            posts.publish(node, ines, posts.PostDraft("need", "help", "rides", "A ride")) for _ in range(2)
        ]
        with pytest.raises(OurFault, match="over_quota"):
            posts.publish(node, ines, posts.PostDraft("need", "help", "rides", "A ride"))
        posts.withdraw(node, ines, own[0])
        posts.publish(node, ines, posts.PostDraft("need", "help", "rides", "A ride"))
        mine = posts.board(node, ines, posts.BoardQuery(mine=True, q="food", limit=1)).items[0]
        posts.withdraw(node, ines, mine.id)
        assert len(importing.import_answers(node, ines, [draft(2), draft(3)], language="en").posts) == 1
    finally:
        node.close()


async def test_a_very_long_name_is_kept_whole(alder: Person) -> None:
    node = opened(alder)
    try:
        ines = await session_of(node, "Ines")
        name = "Rosa " * 30
        (thing,) = importing.import_answers(node, ines, [draft(2, name=name)], language="en").posts
        details = posts.post(node, ines, thing).details
        assert details is not None and name.strip() in details.notes and details.name == name[:80]
    finally:
        node.close()


# at a terminal


class Terminal:
    """A person at a real terminal: reads what it shows, types when asked."""

    def __init__(self, alder: Person, *words: str) -> None:
        self._ours, theirs = os.openpty()
        environment = {key: value for key, value in os.environ.items() if not key.startswith("BARNRAISE_")}
        self._process = subprocess.Popen(
            [sys.executable, "-m", "node.cli.main", *words],
            stdin=theirs, stdout=theirs, stderr=theirs, cwd=REPOSITORY, start_new_session=True,
            env=environment | {"BARNRAISE_DATA": str(alder.data), "COLUMNS": "110", "TERM": "xterm-256color"},
        )  # fmt: skip
        os.close(theirs)
        self.shown = ""

    def until(self, text: str) -> None:
        while text not in self.shown:
            more = os.read(self._ours, 4096)
            assert more, self.shown
            self.shown += more.decode(errors="replace")

    def types(self, line: str) -> None:
        os.write(self._ours, line.encode() + b"\n")

    def ends(self) -> int:
        try:
            while more := os.read(self._ours, 4096):
                self.shown += more.decode(errors="replace")
        except OSError:
            pass  # the other end is closed
        os.close(self._ours)
        return self._process.wait(30)


def test_at_a_terminal_one_is_asked(alder: Person) -> None:
    terminal = Terminal(alder, "import", ANSWERS_200, "--as", "Ines")
    terminal.until("Put 264 needs on the board? [y/N]:")
    terminal.types("y")
    terminal.until("Passphrase of Ines:")
    terminal.types(PASSPHRASE)
    assert terminal.ends() == 0, terminal.shown
    assert "Imported 264 needs." in terminal.shown and PASSPHRASE not in terminal.shown
    assert alder.types("status", "--json").json["posts"] == 264


def test_at_a_terminal_one_may_say_no(alder: Person) -> None:
    terminal = Terminal(alder, "import", ANSWERS_200, "--as", "Ines")
    terminal.until("[y/N]:")
    terminal.types("n")
    assert terminal.ends() == 1 and "Nothing was imported." in terminal.shown
    assert alder.types("board").out == "The board is empty so far.\n"
