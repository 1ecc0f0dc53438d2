"""Carrying in a real browser without scripts: a phone in Riverbend, one in Oak Street, a stick between."""

from __future__ import annotations

from pathlib import Path

import pytest
from playwright.async_api import Browser

from node.actions import posts
from tests.web.phones import Phone, signed_in
from tests.web.test_carry import flooded

pytestmark = [pytest.mark.browser, pytest.mark.timeout(300)]


async def until_over(phone: Phone, heading: str) -> None:
    """The page loads itself again until it is done."""
    await phone.page.get_by_role("heading", name=heading, level=1).wait_for(timeout=30_000)
    await phone.check()


async def test_there_and_back_without_scripts(browser: Browser, tmp_path: Path) -> None:
    async with flooded(tmp_path) as (riverbend, oak):
        need = posts.PostDraft("need", "help", "rides", "Ride to the clinic", where="region")
        posts.publish(riverbend.node, riverbend.session, need)
        ines = await signed_in(browser, f"http://{riverbend.address}", "Ines")
        ola = await signed_in(browser, f"http://{oak.address}", "Ola")

        await ines.open("/neighborhoods")
        await ines.follow("Carry by hand")
        await ines.press("Write the file")
        assert "Please choose at least one neighborhood." in await ines.page.inner_text("main")
        await ines.page.get_by_label("Oak Street").check()
        await ines.press("Write the file")
        await until_over(ines, "The file is written and checked")
        async with ines.page.expect_download() as downloading:
            await ines.page.get_by_role("link", name="Download the file").click()
        download = await downloading.value
        assert download.suggested_filename.endswith(".barnraise")
        stick = tmp_path / "stick.barnraise"
        await download.save_as(stick)

        await ola.open("/carry")
        await ola.press("Read it in")
        assert "Please choose the file that was brought." in await ola.page.inner_text("main")
        photo = tmp_path / "photo.jpg"
        photo.write_bytes(b"\xff\xd8\xff\xe0" + bytes(3_000_000))
        await ola.page.get_by_label("The file").set_input_files(photo)
        await ola.press("Read it in")
        await until_over(ola, "The file was not read in")
        await ola.follow("Go back")
        await ola.page.get_by_label("The file").set_input_files(stick)
        await ola.press("Read it in")
        await until_over(ola, "The file is read in")
        assert "1 new record" in await ola.page.inner_text("main")
        await ola.follow("To the board")
        assert "Ride to the clinic" in await ola.page.inner_text("main")
        for phone in (ines, ola):
            # a form that needs another look is answered with 400, which the browser mentions
            assert [said for said in phone.complaints if "status of 400" not in said] == []
            await phone.page.context.close()
