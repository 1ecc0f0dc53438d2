"""The page on which a coordinator writes what is carried by hand, and reads in what was brought."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
from aiohttp import FormData

from node import carrying
from node.actions import posts
from node.app import Node
from tests.node.serving import PASSPHRASE, Place, found, link, places, until
from tests.web.reader import Neighbor, Page, Person


@asynccontextmanager
async def at_the_page(place: Place, name: str) -> AsyncIterator[Person]:
    """The coordinator of a place, signed in, looking at /carry."""
    browser = Person(f"http://{place.address}")
    browser.session_cookie = f"barnraise_{place.node.settings.port}"
    async with browser.client:
        await browser.open("/sign-in")
        await browser.press("Sign in", name=name, passphrase=PASSPHRASE)
        await browser.open("/carry")
        yield browser


async def finished(browser: Person) -> Page:
    """Look again until it is over, as the page does by itself."""
    for _ in range(2_000):
        page = await browser.open("/carry/work")
        if 'http-equiv="refresh"' not in page.html:
            return page
        await asyncio.sleep(0.01)
    raise AssertionError("it never ends")


async def brings(browser: Person, file: bytes, name: str = "carry.barnraise") -> Page:
    """Choose a file and press the button."""
    await browser.open("/carry")
    form = browser.page.form("Read it in")
    sent = FormData()
    sent.add_field("csrf", dict(form.fields)["csrf"])
    sent.add_field("file", file, filename=name, content_type="application/octet-stream")
    return await browser.send("/carry/in", sent)


async def fetches(browser: Person) -> bytes:
    (path,) = [path for path in browser.page.links if path.startswith("/carry/file/")]
    async with browser.client.get(path) as answer:
        data = await answer.read()
        assert answer.status == 200 and len(data) == int(answer.headers["Content-Length"])
        said = answer.headers["Content-Disposition"]
        assert said.startswith('attachment; filename="carry-') and said.endswith('.barnraise"')
    return data


@asynccontextmanager
async def flooded(folder: Path) -> AsyncIterator[tuple[Place, Place]]:
    """Riverbend and Oak Street share a coalition and know each other's cards; then no line is left."""
    async with places(folder, "Riverbend", "Oak Street") as (riverbend, oak):
        await link(riverbend, oak)
        await found(riverbend, oak)
        for one in (riverbend, oak):
            await until(
                "both cards are here",
                lambda one=one: (
                    one.node.connection.execute("SELECT count(*) FROM view_cards").fetchone()[0] == 2
                ),
            )
        for one in (riverbend, oak):
            assert one.server.links is not None
            await one.server.links.stop()
            one.server.links = None
        yield riverbend, oak


async def test_there_and_back_on_a_stick(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    readers: set[threading.Thread] = set()
    usual = Path.open

    def opened(path: Path, *args: Any, **more: Any) -> Any:
        if path.suffix == ".barnraise":
            readers.add(threading.current_thread())
        return usual(path, *args, **more)

    monkeypatch.setattr(Path, "open", opened)
    async with flooded(tmp_path) as (riverbend, oak):
        posts.publish(
            riverbend.node,
            riverbend.session,
            posts.PostDraft("need", "help", "rides", "Ride to the clinic", where="region"),
        )
        async with at_the_page(riverbend, "Ines") as ines, at_the_page(oak, "Ola") as ola:
            nobody = await ines.press("Write the file")
            assert nobody.status == 400 and nobody.errors == [
                ("#field-to", "Please choose at least one neighborhood.")
            ]
            await ines.press("Write the file", to=[oak.home.hex()], what="all")
            page = await finished(ines)
            assert (
                page.heading == "The file is written and checked"
                and "opens for Oak Street alone" in page.text
            )
            readers.clear()
            stick = await fetches(ines)
            assert readers and threading.main_thread() not in readers, "a slow card holds up no page"

            await brings(ola, stick)
            page = await finished(ola)
            assert page.heading == "The file is read in", page.text
            assert "From Riverbend, written on" in page.text and "1 new record" in page.text
            assert "that you had" in page.text and "could not be read" not in page.text
            assert "Ride to the clinic" in (await ola.open("/board")).html
            assert not list((tmp_path / "Oak Street" / "carry").iterdir()), "the file is not kept"

            await ola.open("/carry")
            await ola.press("Write the file", to=[riverbend.home.hex()], what="held")
            assert "It says what you hold, and opens for Riverbend alone" in (await finished(ola)).text
            await brings(ines, await fetches(ola))
            page = await finished(ines)
            assert "0 new records" in page.text and "Answer Oak Street" in page.html
            await ines.press("Write the answer")
            page = await finished(ines)
            assert "0 records are in it" in page.text
            await brings(ola, await fetches(ines))
            assert "0 new records" in (await finished(ola)).text


@pytest.mark.parametrize(
    ("file", "sentence"),
    [
        (b"", "This is not a file of Barnraise's carry"),
        (b"\xff\xd8\xff\xe0 a photo" * 5000, "This is not a file of Barnraise's carry"),
        (b"barnraise bundle\x00\x01\x00\x08 and then nothing", "This file is damaged or was cut off"),
        (b"barnraise bundle\x00\x02\x00\x08" + bytes(700), "Another version of Barnraise wrote this file"),
    ],
)
async def test_wrong_files(tmp_path: Path, ines: Person, file: bytes, sentence: str) -> None:
    await brings(ines, file, "photo.jpg")
    page = await finished(ines)
    assert page.heading == "The file was not read in" and sentence in page.html.replace("&#39;", "'")


async def test_a_truncated_file_and_one_for_somebody_else(tmp_path: Path) -> None:
    async with (
        flooded(tmp_path) as (riverbend, oak),
        at_the_page(riverbend, "Ines") as ines,
        at_the_page(oak, "Ola") as ola,
    ):
        await ines.press("Write the file", to=[oak.home.hex()], what="all")
        await finished(ines)
        stick = await fetches(ines)
        await brings(ola, stick[:40_000])
        page = await finished(ola)
        assert "The file is damaged or was cut off. What was whole has been taken in" in page.text
        await brings(ines, stick)
        page = await finished(ines)
        assert page.heading == "The file was not read in"
        assert "This file is not for this neighborhood" in page.text


async def test_a_file_that_is_too_large_leaves_nothing(
    ines: Person, node: Node, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(carrying, "SIZE_BYTES_MAX", 2_000_000)  # as on a card that is nearly full
    assert "It may have up to 2 MB." in (await ines.open("/carry")).text
    page = await brings(ines, b"barnraise bundle" + bytes(2_100_000))
    assert page.status == 400 and page.errors[0][1].startswith("This file is too large for this machine.")
    assert list(carrying.folder_of(node.settings.data).iterdir()) == []
    await brings(ines, b"barnraise bundle" + bytes(1_000_000))
    assert "Another version of Barnraise wrote this file" in (await finished(ines)).text


async def test_one_file_at_a_time_and_stopping_it(ines: Person, node: Node) -> None:
    work = carrying.begin(node, "in")
    work.task = asyncio.create_task(carrying.run(work, asyncio.sleep(60)))
    assert "A file is being written or read just now" in (await ines.open("/carry")).html
    page = await brings(ines, b"barnraise bundle")
    assert page.errors == [
        ("#field-file", "Another file is being written or read just now. Try again when it is done.")
    ]
    await ines.open("/carry/work?still=yes")
    assert "refresh" not in ines.page.html and "/carry/work?still=yes" in ines.page.links
    page = await ines.press("Stop reading")
    assert page.heading == "Stopped" and work.task.cancelled()


async def test_nobody_to_carry_to_yet(ines: Person) -> None:
    page = await ines.open("/carry")
    assert "You are in no coalition yet; there is nobody to carry to." in page.text
    assert "/carry" in (await ines.open("/neighborhoods")).links
    assert (await ines.open("/carry/work")).path == "/carry"


async def test_it_is_for_coordinators(ines: Person, neighbor: Neighbor) -> None:
    tomas = await neighbor("Tomás")
    for path in ("/carry", "/carry/work", "/carry/file/0123456789abcdef"):
        assert (await tomas.open(path)).status == 403
    csrf = dict((await tomas.open("/board")).forms[-1].fields)["csrf"]
    for path in ("/carry/out", "/carry/answer", "/carry/stop"):
        assert (await tomas.send(path, {"csrf": csrf})).status == 403
    sent = FormData()
    sent.add_field("csrf", csrf)
    sent.add_field("file", b"barnraise bundle", filename="a.barnraise")
    assert (await tomas.send("/carry/in", sent)).status == 403


async def test_the_form_with_a_file_needs_its_token_first(ines: Person) -> None:
    csrf = dict((await ines.open("/carry")).form("Read it in").fields)["csrf"]
    wrong, late, right = FormData(), FormData(), FormData(default_to_multipart=True)
    wrong.add_field("csrf", csrf[:-1] + ("0" if csrf[-1] != "0" else "1"))
    wrong.add_field("file", b"x", filename="x")
    late.add_field("file", b"x", filename="x")
    late.add_field("csrf", csrf)
    for sent in (wrong, late, {"csrf": csrf}):
        assert (await ines.send("/carry/in", sent)).status in (400, 403)
    right.add_field("csrf", csrf)
    right.add_field("nothing", "else")
    page = await ines.send("/carry/in", right)
    assert page.errors == [("#field-file", "Please choose the file that was brought.")]
