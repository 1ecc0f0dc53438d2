"""Erased words are in no file: database, log, index, copies; at their author's and wherever the mark came."""

from __future__ import annotations

import os
import random
import shutil
import stat
from pathlib import Path

import pytest
from sqlite_utils import Migrations

from node.actions import backup, erasure, neighborhoods, posts, promises, setup
from node.actions.drafts import PostDraft
from node.actions.members import Session
from node.app import Node
from node.forgetting import Forgetting
from node.keys import SealedSeed
from node.settings import Settings
from node.store import database
from node.store.database import DATABASE_NAME
from node.store.schema import NAMES, migrations
from tests.node.serving import Place, found, link, places, until

WORD = "Zanzibarzipan"
LONG_S = 1_000.0


def files_with(folder: Path, word: str) -> list[str]:
    """The files of a data folder in which a word stands, in whatever case."""
    files = [path for path in folder.rglob("*") if path.is_file()]
    assert any(path.name == DATABASE_NAME for path in files)
    wanted = word.lower().encode()
    return sorted(
        path.relative_to(folder).as_posix() for path in files if wanted in path.read_bytes().lower()
    )


def let_time_pass(forgetting: Forgetting, now: float) -> int:
    """The ticks that come while nothing else happens; gives how many it took."""
    forgetting.tick(now)
    for count in range(1, 1_000):
        now += LONG_S
        forgetting.tick(now)
        if forgetting.words_due is None:
            return count
    raise AssertionError("it never ends")


async def forgotten(place: Place) -> None:
    """What follows an erasure has been done, as it is some seconds later."""
    links = place.server.links
    assert links is not None
    let_time_pass(links.forgetting, links._clock())


@pytest.mark.timeout(120)
async def test_on_the_authors_node_and_on_one_that_received_it(tmp_path: Path) -> None:
    async with places(tmp_path, "Riverbend", "Oak Street") as (river, oak):
        await link(river, oak)
        await found(river, oak)
        draft = PostDraft(
            type="need", what="help", category="food.meal", title=f"A {WORD}", text=f"{WORD} " * 130,
            where="region", contact=f"{WORD} 5", notes=f"{WORD} " * 100,
        )  # fmt: skip
        thing = posts.publish(river.node, river.session, draft)
        board = posts.BoardQuery()
        await until("oak has it", lambda: posts.board(oak.node, oak.session, board).items)
        promise = promises.offer_help(oak.node, oak.session, thing, slots=1, note="", name_shown="")
        await until("it arrives", lambda: promises.inbox(river.node, river.session).to_answer)
        promises.agree(river.node, river.session, promise, note=f"{WORD} Lane 9")
        await until("arranged", lambda: promises.inbox(oak.node, oak.session).arranged[0].state == "agreed")
        for place in (river, oak):
            backup.make_local_copy(place.node.settings.data)
            files = files_with(place.node.settings.data, WORD)
            assert DATABASE_NAME in files or f"{DATABASE_NAME}-wal" in files
            assert any(name.startswith("backups/copy-") for name in files)

        erasure.erase_post(river.node, river.session, thing)
        await until("gone at oak", lambda: not posts.board(oak.node, oak.session, board).items)
        await until("and the reply", lambda: promises.inbox(oak.node, oak.session).past[0].answer_note == "")
        await forgotten(river)
        await forgotten(oak)
        assert files_with(river.node.settings.data, WORD) == []
        assert files_with(oak.node.settings.data, WORD) == []
        for place in (river, oak):  # and what is copied from now on does not hold them
            backup.make_local_copy(place.node.settings.data)
            assert backup.local_copies(place.node.settings.data)
            assert files_with(place.node.settings.data, WORD) == []
        assert neighborhoods.neighborhoods(oak.node, oak.session).links


def open_node(folder: Path) -> Node:
    folder.mkdir(exist_ok=True)
    return Node(Settings(data=folder))


def found_riverbend(node: Node) -> Session:
    sealed = SealedSeed(b"", b"")
    names = {"neighborhood": "Riverbend", "area": "", "name": "Ines", "language": "en"}
    return setup.found(node, node.random(32), sealed, **names).session


def test_whatever_was_said_and_erased_in_whatever_order(tmp_path: Path) -> None:
    """Long and short, edited and not: rows that move about in the file leave no copy behind."""
    chance = random.Random("erased")
    node = open_node(tmp_path / "data")
    node.connection.execute("PRAGMA synchronous = OFF")  # no power goes here
    session = found_riverbend(node)
    said: dict[int, bytes] = {}
    for number in range(260):
        more = {"text": f"quince{number}x " * chance.choice([1, 5, 40, 150])}
        private = {"notes": f"medlar{number}x " * chance.choice([1, 20, 140])}
        draft = PostDraft("need", "help", "food.meal", f"sorb{number}x", **more, **private, days=90)
        said[number] = posts.publish(node, session, draft, limit=False)
        if chance.random() < 0.3:
            other = chance.choice(list(said))
            text = f"quince{other}x " * chance.choice([1, 60, 170])
            changed = PostDraft("need", "help", "food.meal", f"sorb{other}x", text=text, days=90)
            posts.edit(node, session, said[other], changed)
        if chance.random() < 0.5:
            gone = chance.choice(list(said))
            erasure.erase_post(node, session, said.pop(gone))
    let_time_pass(Forgetting(node), 0.0)
    erased = [number for number in range(260) if number not in said]
    assert len(erased) > 80
    whole = b"".join(path.read_bytes().lower() for path in node.settings.data.rglob("*") if path.is_file())
    assert all(f"sorb{number}x".encode() in whole for number in said), "what was not erased is there"
    left = [n for n in erased for fruit in ("sorb", "quince", "medlar") if f"{fruit}{n}x".encode() in whole]
    assert left == []
    node.close()


def test_what_a_killed_run_left_undone_is_done_at_the_next_start(tmp_path: Path) -> None:
    node = open_node(tmp_path / "data")
    session = found_riverbend(node)
    thing = posts.publish(node, session, PostDraft("need", "help", "food.meal", WORD, text=WORD))
    backup.make_local_copy(node.settings.data)
    erasure.erase_post(node, session, thing)
    assert files_with(node.settings.data, WORD), "the log and the copy still hold it"
    killed = tmp_path / "killed"
    shutil.copytree(node.settings.data, killed, ignore=shutil.ignore_patterns("lock"))
    node.close()
    assert files_with(killed, WORD)

    again = open_node(killed)
    let_time_pass(Forgetting(again), 0.0)
    assert files_with(killed, WORD) == []
    again.close()


def test_the_copy_made_before_an_upgrade_forgets_as_the_daily_ones_do(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Also where the power went before the words were cleared away, and the copy is younger than that."""
    node = open_node(tmp_path / "data")
    session = found_riverbend(node)
    kept, gone = (
        posts.publish(node, session, PostDraft("need", "help", "food.meal", title, text=title))
        for title in ("Quince", WORD)
    )
    erasure.erase_post(node, session, gone)
    killed = tmp_path / "killed"
    shutil.copytree(node.settings.data, killed, ignore=shutil.ignore_patterns("lock"))
    node.close()

    changed = Migrations("barnraise")
    second = Migrations._Migration("second", lambda db: db.execute("CREATE TABLE second (name TEXT)"))
    changed._migrations = [*migrations._migrations, second]
    monkeypatch.setattr(database, "migrations", changed)
    monkeypatch.setattr(database, "NAMES", [*NAMES, "second"])
    again = open_node(killed)
    (copy,) = (killed / "backups").glob("before-second.db")
    assert stat.S_IMODE(copy.stat().st_mode) == 0o600
    hours_later = again.now() + 7_200
    os.utime(copy, (hours_later, hours_later))
    let_time_pass(Forgetting(again), 0.0)
    assert not copy.exists() and files_with(killed, WORD) == []

    open_node_again = Forgetting(again)
    shutil.copyfile(killed / DATABASE_NAME, copy)
    let_time_pass(open_node_again, 0.0)
    assert copy.exists(), "nothing was erased since: it stays"
    erasure.erase_post(again, session, kept)
    let_time_pass(Forgetting(again), 0.0)
    assert not copy.exists()
    again.close()
