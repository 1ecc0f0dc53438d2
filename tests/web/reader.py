"""Reading pages as somebody without scripts does: visible text, links, labels, and forms that can be sent."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from html.parser import HTMLParser
from typing import Any

from aiohttp import ClientSession, CookieJar

VOID = {"input", "link", "meta", "br", "img", "hr", "path", "circle"}


@dataclass
class Form:
    action: str
    method: str
    fields: list[tuple[str, str]] = field(default_factory=list)
    names: set[str] = field(default_factory=set)  # also of boxes that are not ticked
    buttons: list[tuple[str, str, str]] = field(default_factory=list)  # label, name, value


class Page(HTMLParser):
    """One answer of the node, taken apart."""

    def __init__(self, path: str, status: int, headers: Any, html: str) -> None:
        super().__init__()
        self.path, self.status, self.headers, self.html = path, status, headers, html
        self.forms: list[Form] = []
        self.links: list[str] = []
        self.ids: list[str] = []
        self.labelled: set[str] = set()
        self.controls: list[dict[str, str]] = []
        self.errors: list[tuple[str, str]] = []  # field, sentence
        self.title = self.heading = self.text = ""
        self.language = ""
        self.headings: list[int] = []
        self._open: list[tuple[str, dict[str, str]]] = []
        self._select: dict[str, str] = {}
        self.feed(html)
        self.close()
        self.text = " ".join(self.text.split())
        assert not self._open, f"{path}: {self._open} is not closed"

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        at = {name: value or "" for name, value in attrs}
        if tag not in VOID:
            self._open.append((tag, at))
        if "id" in at:
            self.ids.append(at["id"])
        if tag == "html":
            self.language = at["lang"]
        elif tag == "a":
            self.links.append(at["href"])
        elif tag in ("h1", "h2", "h3"):
            self.headings.append(int(tag[1]))
        elif tag == "label":
            self.labelled.add(at["for"])
        elif tag == "form":
            self.forms.append(Form(at.get("action", self.path), at.get("method", "get")))
        elif tag == "button":
            self.forms[-1].buttons.append(("", at.get("name", ""), at.get("value", "")))
        elif tag in ("input", "select", "textarea"):
            self._control(tag, at)
        elif tag == "option" and self._select and ("selected" in at or "value" not in self._select):
            self._select["value"] = at["value"]

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        assert tag in VOID, f"{self.path}: <{tag}/> is not void"
        self.handle_starttag(tag, attrs)

    def _control(self, tag: str, at: dict[str, str]) -> None:
        form = self.forms[-1]
        if "name" not in at:  # such as the name that a password manager reads: a browser does not send it
            assert "hidden" in at, f"{self.path}: a field that goes nowhere"
            return
        form.names.add(at["name"])
        if at.get("type") != "hidden":
            self.controls.append(at)
        if tag == "select":
            self._select = {"name": at["name"]}
        elif tag == "input" and (at.get("type") not in ("radio", "checkbox") or "checked" in at):
            form.fields.append((at["name"], at.get("value", "on")))

    def handle_endtag(self, tag: str) -> None:
        opened, at = self._open.pop()
        assert opened == tag, f"{self.path}: </{tag}> closes <{opened}>"
        if tag == "select":
            self.forms[-1].fields.append((self._select["name"], self._select.get("value", "")))
            self._select = {}
        if tag == "textarea" and not any(name == at["name"] for name, _ in self.forms[-1].fields):
            self.forms[-1].fields.append((at["name"], ""))

    def handle_data(self, data: str) -> None:
        tags = [tag for tag, _ in self._open]
        self.text += " " + data if tags and tags[-1] in ("p", "li", "dd", "dt", "button", "td") else data
        if not tags:
            return
        if tags[-1] == "title":
            self.title += data
        if "h1" in tags:
            self.heading += data
        if "button" in tags:
            label, name, value = self.forms[-1].buttons.pop()
            self.forms[-1].buttons.append((label + data, name, value))
        if tags[-1] == "textarea":
            self.forms[-1].fields.append((self._open[-1][1]["name"], data.removeprefix("\n")))
        if any("errors" == at.get("class") for _, at in self._open) and data.strip() and "ul" in tags:
            self.errors.append((self._open[-1][1].get("href", ""), data))

    def form(self, button: str) -> Form:
        """The form that has a button of this label."""
        for form in self.forms:
            if any(button == label.partition("\N{EN DASH}")[0].strip() for label, _, _ in form.buttons):
                return form
        labels = [label for form in self.forms for label, _, _ in form.buttons]
        raise AssertionError(f"{self.path} has no button {button!r} among {labels}: {self.text}")


class Person:
    """Somebody with a browser of their own; it keeps cookies and follows redirects, but runs no scripts."""

    session_cookie = "barnraise_8420"  # each port of a host has its own; the tests' nodes say 8420

    def __init__(self, base: str, language: str = "en") -> None:
        self.base = base  # http://host:port
        self.client = ClientSession(
            base, cookie_jar=CookieJar(unsafe=True)
        )  # cookies of a bare IP address too
        self.headers = {"Accept-Language": language}
        self.page = Page("", 0, {}, "<html lang=''></html>")

    async def _see(self, method: str, path: str, **more: Any) -> Page:
        headers = self.headers | more.pop("headers", {})
        async with self.client.request(method, path, headers=headers, **more) as answer:
            self.page = Page(answer.url.path_qs, answer.status, answer.headers, await answer.text())
        return self.page

    async def open(self, path: str) -> Page:
        return await self._see("GET", path)

    async def send(self, path: str, fields: Any, **headers: str) -> Page:
        """POST anything, as a program would."""
        return await self._see("POST", path, data=fields, headers=headers)

    async def press(self, button: str, **entered: str | list[str]) -> Page:
        """Fill in the form that has this button, and press it. A field that the form lacks is an error."""
        form = self.page.form(button)
        assert entered.keys() <= form.names, f"{self.page.path} lacks {entered.keys() - form.names}"
        fields = [(name, value) for name, value in form.fields if name not in entered]
        for name, value in entered.items():
            fields += [(name, one) for one in ([value] if isinstance(value, str) else value)]
        fields += [(name, value) for label, name, value in form.buttons if name and label.strip() == button]
        origin = {"Origin": self.base} if form.method == "post" else {}
        if form.method == "get":
            return await self._see("GET", form.action, params=[pair for pair in fields if pair[1]])
        return await self._see("POST", form.action, data=fields, headers=origin)

    def cookie(self, name: str) -> str:
        held = {cookie.key: cookie.value for cookie in self.client.cookie_jar}
        return held.get(name, "")


Neighbor = Callable[[str], Awaitable[Person]]
