"""What a node has answered with "done" is there after its process was killed at any moment.

A process serves Riverbend; three neighbors act on its pages at the same time, and with one answer in hand
and other acts under way it gets SIGKILL. (What a power cut does, no test here can show; that is why the
connection's settings are looked at too.)
"""

from __future__ import annotations

import asyncio
import random
from collections.abc import AsyncIterator, Callable, Coroutine
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from node.actions import posts
from node.actions.members import Session
from node.app import Node
from node.store import health
from node.views import TABLES, rebuild
from tests.node.process import Process
from tests.node.serving import PASSPHRASE, places, settings_of
from tests.store.helpers import view_rows
from tests.web.reader import Person

ROUNDS = 3
ANSWERS_BEFORE_KILL = (10, 40)  # of one round, drawn anew each time
NEIGHBORS = ("Ines", "Tomás", "Priya")


@asynccontextmanager
async def browsers(url: str, count: int) -> AsyncIterator[list[Person]]:
    async with AsyncExitStack() as opened:
        made = [Person(url) for _ in range(count)]
        for person in made:
            await opened.enter_async_context(person.client)
        yield made


async def found_riverbend(process: Process) -> None:
    """Ines sets it up and invites the others."""
    async with browsers(process.url, len(NEIGHBORS)) as (ines, *others):
        await ines.open(process.setup_path())
        twice = {"passphrase": PASSPHRASE, "passphrase_again": PASSPHRASE}
        await ines.press("Set up and show the recovery sheet", neighborhood="Riverbend", name="Ines", **twice)
        for name, other in zip(NEIGHBORS[1:], others, strict=True):
            code = process.command("member_invite", who="Ines", passphrase=PASSPHRASE)["code"]
            await other.open(f"/join/{code}")
            await other.press("Join", name=name, **twice)
            assert other.page.path.startswith("/board"), other.page.text


@dataclass
class Acknowledged:
    """What the node has said is done."""

    posted: dict[str, str] = field(default_factory=dict)  # id -> title
    private: dict[str, str] = field(default_factory=dict)  # id -> notes
    withdrawn: set[str] = field(default_factory=set)
    about: int = 0  # the number in Priya's last saved profile
    by_socket: dict[str, str] = field(default_factory=dict)

    @property
    def acts(self) -> int:
        return len(self.posted) + len(self.withdrawn) + self.about + len(self.by_socket)


async def post(who: Person, title: str, **entered: str) -> str:
    await who.open("/posts/new?type=need")
    await who.press("Put the need on the board", title=title, category="rides", **entered)
    assert who.page.path.endswith("?said=need_posted"), who.page.text
    return who.page.path.partition("?")[0].removeprefix("/posts/")


async def keep_posting(who: Person, done: Acknowledged, took: Callable[[], None]) -> None:
    """Each post writes two records: what is seen, and the private notes."""
    while True:
        title = f"A ride, number {len(done.posted)}"
        thing = await post(who, title, notes=f"ring twice {title}")
        done.posted[thing] = title
        done.private[thing] = f"ring twice {title}"
        took()


async def keep_withdrawing(who: Person, done: Acknowledged, took: Callable[[], None]) -> None:
    while True:
        thing = await post(who, "Not for long")
        done.posted[thing] = "Not for long"
        took()
        await who.open(f"/posts/{thing}/withdraw")
        await who.press("Take it down")
        assert "said=withdrawn" in who.page.path, who.page.text
        done.withdrawn.add(thing)
        took()


async def keep_writing_a_profile(who: Person, done: Acknowledged, took: Callable[[], None]) -> None:
    while True:
        await who.open("/profile")
        await who.press("Save", about=f"Edition {done.about + 1}")
        assert "said=" in who.page.path, who.page.text
        done.about += 1
        took()


async def keep_commanding(process: Process, done: Acknowledged, took: Callable[[], None]) -> None:
    """The same over the control socket."""
    while True:
        title = f"By command, number {len(done.by_socket)}"
        draft = {"type": "offer", "what": "lend", "category": "other", "title": title}
        made = await asyncio.to_thread(
            process.command, "post", who="Ines", passphrase=PASSPHRASE, draft=draft
        )
        done.by_socket[made["id"]] = title
        took()


async def act_until_killed(process: Process, done: Acknowledged, answers: int) -> None:
    """Four acting at once; the answer that makes the number full is the last thing the process did."""
    killed = asyncio.Event()

    def took() -> None:
        nonlocal answers
        answers -= 1
        if answers == 0:
            process.kill()
            killed.set()

    async def until_killed(acts: Coroutine[Any, Any, None]) -> None:
        try:
            await acts
        except Exception:
            if not killed.is_set():  # afterwards, everybody is cut off
                raise

    async with browsers(process.url, len(NEIGHBORS)) as people:
        for name, person in zip(NEIGHBORS, people, strict=True):
            await person.open("/sign-in")
            await person.press("Sign in", name=name, passphrase=PASSPHRASE)
            assert person.page.path.startswith("/board"), person.page.text
        ines, tomas, priya = people
        async with asyncio.TaskGroup() as group:
            for acts in (
                keep_posting(ines, done, took),
                keep_withdrawing(tomas, done, took),
                keep_writing_a_profile(priya, done, took),
                keep_commanding(process, done, took),
            ):
                group.create_task(until_killed(acts))


def check_nothing_is_lost(data: Path, done: Acknowledged) -> None:
    node = Node(settings_of(data))
    try:
        assert health.check(node.connection) == "ok"
        coordinator = Session("", "", bytes(32), "", "coordinator", "en", seed=b"")  # to look, not to sign
        for thing, title in (done.posted | done.by_socket).items():
            page = posts.post(node, coordinator, bytes.fromhex(thing))
            assert page.item.title == title
            assert page.item.state == "withdrawn" or thing not in done.withdrawn
            if thing in done.private:
                assert page.details is not None and page.details.notes == done.private[thing]
        abouts = [record.body.get("about") for record in node.records.of_home(node.home, "profile")]
        assert done.about == 0 or any(
            about in (f"Edition {done.about}", f"Edition {done.about + 1}") for about in abouts
        ), abouts  # the next one may have been written just before the kill, and not yet answered
        check_views(node)
    finally:
        node.close()


def check_views(node: Node) -> None:
    """The views as they were written, act by act, are those that the records give."""

    def views() -> dict[str, list[Any]]:
        return {table: view_rows(node.connection, table) for table in TABLES}

    written = views()
    assert written["view_posts"]
    with node.records.transaction():
        rebuild(node.records)
    assert views() == written


async def test_nothing_that_was_acknowledged_is_lost_when_the_process_is_killed(tmp_path: Path) -> None:
    data = tmp_path / "riverbend"
    done = Acknowledged()
    with Process(data) as process:
        await found_riverbend(process)
        assert process.terminate()[0] == 0
    for number in range(ROUNDS):
        before = done.acts
        with Process(data) as process:
            await act_until_killed(process, done, random.randint(*ANSWERS_BEFORE_KILL))
        assert done.acts - before >= ANSWERS_BEFORE_KILL[0]
        check_nothing_is_lost(data, done)
        print(f"round {number + 1}: {done.acts} acts acknowledged, none lost")


async def test_every_commit_of_a_running_node_reaches_the_disk(tmp_path: Path) -> None:
    async with places(tmp_path, "Riverbend") as (riverbend,):
        connection = riverbend.node.connection

        def setting(name: str) -> Any:
            return connection.execute(f"PRAGMA {name}").fetchone()[0]

        assert setting("journal_mode") == "wal"
        assert setting("synchronous") == 2, "FULL: NORMAL may lose acknowledged commits on power loss"
        assert setting("secure_delete") == 1
        assert setting("foreign_keys") == 1
        assert not connection.in_transaction
        files = [Path(row[2]) for row in connection.execute("PRAGMA database_list") if row[2]]
        assert files == [riverbend.settings.data / "barnraise.db"]
