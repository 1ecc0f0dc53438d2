"""The page on which a coordinator makes backups, and what it says after a restore."""

from __future__ import annotations

import asyncio
import io
import json
from pathlib import Path

import pytest

from node.actions import members, posts, restored
from node.app import Node
from node.backup_file import Opened, read_header
from node.keys import derive
from node.store import restored as store
from tests.node.serving import PASSPHRASE as COORDINATORS_PASSPHRASE
from tests.node.serving import places
from tests.web.conftest import PASSPHRASE, Clock, post
from tests.web.reader import Neighbor, Person

WORDS = "forty quiet windmills"


async def test_a_coordinator_makes_a_backup_and_downloads_it(tmp_path: Path) -> None:
    async with places(tmp_path, "Oak Street") as (oak,):
        browser = Person(f"http://{oak.address}")
        browser.session_cookie = f"barnraise_{oak.node.settings.port}"
        async with browser.client:
            await browser.open("/sign-in")
            await browser.press("Sign in", name="Ola", passphrase=COORDINATORS_PASSPHRASE)
            assert "There is no backup yet." in browser.page.text and "/backup" in browser.page.links
            await browser.open("/backup")
            wrong = await browser.press(
                "Make a backup and download it", passphrase=WORDS, passphrase_again="forty"
            )
            assert wrong.status == 400 and wrong.errors[0][0] == "#field-passphrase_again"
            form = browser.page.form("Make a backup and download it")
            fields = dict(form.fields) | {"passphrase": WORDS, "passphrase_again": WORDS}
            async with browser.client.post("/backup", data=fields) as answer:
                data = await answer.read()
                said = answer.headers
            assert answer.status == 200 and len(data) == int(said["Content-Length"])
            assert said["Content-Disposition"].startswith('attachment; filename="oak-street-20')
            assert said["Content-Disposition"].endswith('.barnraise-backup"')
            assert said["Cache-Control"] == "no-store"
            header = read_header(io.BytesIO(data))
            opened = Opened(io.BytesIO(data), header, await derive(WORDS, header.salt))
            assert opened.contents.neighborhood == "Oak Street"
            again = await browser.open("/backup")
            assert "The last backup is of" in again.text and "no backup yet" not in again.text
            assert "backup" not in (await browser.open("/board")).text
        (row,) = oak.node.connection.execute("SELECT size_bytes, sha256, place FROM backups").fetchall()
        assert row == (len(data), header.sha256, "page")
        left = {path.name for path in (tmp_path / "Oak Street" / "backups").iterdir()}
        assert not {name for name in left if "download" in name}


async def test_the_last_backup_is_old(ines: Person, node: Node, clock: Clock) -> None:
    with node.records.transaction():
        node.connection.execute(
            "INSERT INTO backups (made, size_bytes, sha256, place) VALUES (?, 1, x'00', 'page')",
            (clock.now_s,),
        )
    assert "backup" not in (await ines.open("/board")).text
    clock.now_s += 29 * 86_400
    await ines.open("/sign-in")
    await ines.press("Sign in", name="Ines", passphrase=PASSPHRASE)
    assert "backup" not in (await ines.open("/board")).text
    clock.now_s += 2 * 86_400
    assert "The last backup is of May 18, 2033." in (await ines.open("/board")).text
    assert "time for a new one" in (await ines.open("/backup")).text


async def test_backups_are_for_coordinators(ines: Person, neighbor: Neighbor) -> None:
    tomas = await neighbor("Tomás")
    assert "backup" not in (await tomas.open("/board")).text
    assert (await tomas.open("/backup")).status == 403
    csrf = dict(tomas.page.forms[0].fields)["csrf"]
    for path in ("/backup", "/backup/noted"):
        assert (await tomas.send(path, {"csrf": csrf, "passphrase": WORDS})).status == 403
    assert (await ines.send("/backup", {"passphrase": WORDS, "passphrase_again": WORDS})).status == 403


@pytest.mark.parametrize(
    ("source", "words"), [("file", "was restored from a backup"), ("copy", "was damaged")]
)
async def test_after_a_restore_coordinators_are_told(
    ines: Person, neighbor: Neighbor, node: Node, source: str, words: str
) -> None:
    tomas = await neighbor("Tomás")
    with node.records.transaction():
        restored.mark(node.connection, source=source, made=node.now() - 3_600, at=node.now())
    assert words in (await ines.open("/board")).text and words in (await ines.open("/backup")).text
    assert words not in (await tomas.open("/board")).text
    await ines.press("I have read this")
    assert words not in ines.page.text and words not in (await ines.open("/board")).text
    assert json.loads(node.setting("restored"))["noted"], "the rules go on holding"


async def test_the_author_of_a_lost_change_is_told_in_the_inbox(
    ines: Person, neighbor: Neighbor, node: Node
) -> None:
    tomas = await neighbor("Tomás")
    path = await post(tomas, "need", "A ride")
    thing = bytes.fromhex(path.removeprefix("/posts/"))
    author = next(s.account_key for s in node.sessions.values() if s.name == "Tomás")
    with node.records.transaction():
        store.add_lost(node.connection, b"i" * 32, thing, author, "post", node.now())
        store.add_lost(node.connection, b"j" * 32, b"t" * 32, author, "answer", node.now())
    page = await tomas.open("/inbox")
    assert "A change of yours met another one" in page.text and path in page.links
    assert "A promise or an answer of yours" in page.text and "2 waiting for you" in page.text
    assert "A change of yours" not in (await ines.open("/inbox")).text
    await tomas.open("/inbox")
    await tomas.press("I have read this")
    assert "A change of yours" not in tomas.page.text and "Nothing is waiting for you" in tomas.page.text


async def test_a_version_that_the_backup_forgot_is_noticed_once(ines: Person, node: Node) -> None:
    """The same by what really happens: a version of before comes in where a later one was made."""
    await post(ines, "need", "A ride")
    session: members.Session = next(iter(node.sessions.values()))
    (item,) = posts.board(node, session, posts.BoardQuery()).items
    old = node.records.version(item.id)
    posts.pause(node, session, item.id)
    forgotten = node.records.version(item.id)
    assert old is not None and forgotten is not None
    with node.records.transaction():  # as it was in the backup
        node.connection.execute("DELETE FROM records WHERE id = ?", (forgotten.id,))
        node.records.forget()
        assert node.records.add(old.message).outcome == "new"
        restored.mark(node.connection, source="file", made=node.now(), at=node.now())
    posts.withdraw(node, session, item.id)
    for message in (forgotten.message, old.message, forgotten.message):
        assert node.records.add(message).outcome == "superseded"
        await asyncio.sleep(0)
    assert [lost.title for lost in restored.lost_edits(node, session)] == ["A ride"]
