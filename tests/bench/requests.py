"""Somebody signed in who opens the board, again and again, whether or not the last page has come."""

from __future__ import annotations

import asyncio
import re
import time

import aiohttp

from tests.bench.bulk import COORDINATOR, PASSPHRASE

REQUESTS_PER_S = 20
PAGES = ("/board", "/board?type=need", "/board?category=rides", "/board?q=ladder", "/board?where=region")


async def board_times_ms(url: str, count: int) -> list[float]:
    """How long each of so many pages took from when it was due."""
    async with aiohttp.ClientSession(cookie_jar=aiohttp.CookieJar(unsafe=True)) as session:
        await _sign_in(session, url)
        await _page(session, url + PAGES[0], time.monotonic())  # what is made once
        begun = time.monotonic() + 0.1
        return list(
            await asyncio.gather(
                *(
                    _page(session, url + PAGES[number % len(PAGES)], begun + number / REQUESTS_PER_S)
                    for number in range(count)
                )
            )
        )


async def _page(session: aiohttp.ClientSession, url: str, due: float) -> float:
    await asyncio.sleep(max(0.0, due - time.monotonic()))
    async with session.get(url) as answer:
        text = await answer.text()
        assert answer.status == 200 and "/posts/" in text, answer.status
    return (time.monotonic() - due) * 1000


async def _sign_in(session: aiohttp.ClientSession, url: str) -> None:
    async with session.get(f"{url}/sign-in") as answer:
        token = re.search(r'name="csrf" value="([^"]+)"', await answer.text())
    assert token is not None
    fields = {"csrf": token[1], "name": COORDINATOR, "passphrase": PASSPHRASE}
    async with session.post(f"{url}/sign-in", data=fields, headers={"Origin": url}) as answer:
        assert answer.status == 200, answer.status
