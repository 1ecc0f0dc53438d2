"""A real browser as wide as a phone, without scripts."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from playwright.async_api import Browser, Page, Request

from tests.node.serving import PASSPHRASE

ARGUMENTS = ["--no-sandbox", "--disable-gpu", "--disable-background-networking", "--no-first-run"]
SCREEN: dict[str, Any] = {"viewport": {"width": 390, "height": 844}, "java_script_enabled": False}


class Phone:
    """One person's phone: 390 pixels wide, without scripts. Complaints of the browser fail the test."""

    def __init__(self, page: Page, base: str) -> None:
        self.page, self.base = page, base
        self.complaints: list[str] = []
        page.on("console", lambda message: self.complaints.append(message.text))
        page.on("requestfailed", self.complain)

    def complain(self, request: Request) -> None:
        """Leaving a page ends what is still under way, such as the icon; nothing else may fail."""
        if request.failure != "net::ERR_ABORTED":
            self.complaints.append(f"failed: {request.url}: {request.failure}")

    async def open(self, path: str) -> None:
        await self.page.goto(path if "://" in path else self.base + path)
        await self.check()

    async def press(self, name: str, role: str = "button") -> None:
        await self.page.get_by_role(role, name=name, exact=False).first.click()  # type: ignore[arg-type]
        await self.check()

    async def follow(self, name: str) -> None:
        await self.press(name, "link")

    async def fill(self, **entered: str) -> None:
        """Fill in fields by their names; a radio button or a list is chosen by its value."""
        for name, value in entered.items():
            field = self.page.locator(f"main [name={name}]")
            if await field.first.get_attribute("type") == "radio":
                await self.page.locator(f"main [name={name}][value={value}]").check()
            elif await field.evaluate("element => element.tagName") == "SELECT":
                await field.select_option(value)
            else:
                await field.fill(value)

    async def check(self) -> None:
        """Nothing is wider than the screen, and what a finger must hit is large enough (WCAG 2.5.8)."""
        wide = await self.page.evaluate("document.documentElement.scrollWidth")
        assert wide <= 390, f"{self.page.url} is {wide} pixels wide"
        small = await self.page.evaluate(
            """() => [...document.querySelectorAll("button, .button, nav a, select, .field input")]
                .filter(e => e.getBoundingClientRect().height < 24).map(e => e.outerHTML)"""
        )
        assert small == [], self.page.url

    async def reads(self, *words: str) -> None:
        text = " ".join((await self.page.locator("body").inner_text()).split())
        for wanted in words:
            assert wanted in text.replace("\N{NO-BREAK SPACE}", " "), f"{wanted!r} is not in {text!r}"

    async def save(self, path: Path | None) -> None:
        if path is not None:
            await self.page.screenshot(path=path)


async def new_phone(browser: Browser, base: str) -> Phone:
    """The phone of somebody who was never here, for the node at `base`."""
    context = await browser.new_context(**SCREEN, accept_downloads=True)
    return Phone(await context.new_page(), base)


async def signed_in(browser: Browser, base: str, name: str) -> Phone:
    """The phone of somebody who has just signed in."""
    phone = await new_phone(browser, base)
    await phone.open("/sign-in")
    await phone.fill(name=name, passphrase=PASSPHRASE)
    await phone.press("Sign in")
    return phone
