"""Somebody's phone: a browser without scripts, which finds links, buttons and fields by their words."""

from __future__ import annotations

import http.cookiejar
import re
import time
import urllib.error
import urllib.parse
import urllib.request
from dataclasses import dataclass, field
from html.parser import HTMLParser

WITHIN_S = 20.0  # what is under way on another node is waited for that long
LOOK_AGAIN_S = 0.05
VOID = {"input", "link", "meta", "br", "img", "hr"}


@dataclass
class Field:
    """A control of a form; `options` are (value, label) of a list or of a group of radio buttons."""

    name: str
    kind: str
    id: str = ""
    value: str | None = ""
    options: list[tuple[str, str]] = field(default_factory=list)
    legend: str = ""


@dataclass
class Form:
    action: str
    method: str
    fields: list[Field] = field(default_factory=list)
    buttons: list[tuple[str, str, str, str]] = field(default_factory=list)  # label, whole, name, value
    entered: dict[str, str] = field(default_factory=dict)


class Page(HTMLParser):
    """What stands on a page. Words for screen readers only belong to a label's `whole`, not to the label."""

    def __init__(self, url: str, html: str) -> None:
        super().__init__()
        self.url, self.html = url, html
        self.links: list[tuple[str, str, str]] = []  # label, whole, href
        self.forms: list[Form] = []
        self.labels: dict[str, str] = {}  # id of a field -> its label
        self.text = self.short_code = ""
        self._open: list[tuple[str, dict[str, str], list[str]]] = []
        self.feed(html)
        self.text = " ".join(self.text.split())

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        at = {name: value or "" for name, value in attrs}
        if tag == "form":
            self.forms.append(Form(at.get("action", self.url), at.get("method", "get")))
        elif tag == "input":
            self._input(at)
        elif tag in ("select", "textarea"):
            self.forms[-1].fields.append(Field(at["name"], tag, at.get("id", ""), None))
        if tag not in VOID:
            self._open.append((tag, at, ["", ""]))

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        if tag in VOID:
            self.handle_starttag(tag, attrs)

    def _input(self, at: dict[str, str]) -> None:
        kind, fields = at.get("type", "text"), self.forms[-1].fields
        chosen = at.get("value", "") if kind not in ("radio", "checkbox") or "checked" in at else None
        if kind == "radio" and fields and (fields[-1].name, fields[-1].kind) == (at["name"], kind):
            group = fields[-1]
            group.value = group.value if chosen is None else chosen
        else:
            group = Field(at["name"], kind, at.get("id", ""), chosen, legend=self._legend())
            fields.append(group)
        if kind in ("radio", "checkbox"):
            group.options.append((at["value"], at["id"]))  # the label comes later, under this id

    def _legend(self) -> str:
        return next((at["_legend"] for _, at, _ in reversed(self._open) if "_legend" in at), "")

    def handle_data(self, data: str) -> None:
        marks = " ".join(at.get("class", "") for _, at, _ in self._open).split()
        unseen = "visually-hidden" in marks or "count" in marks or "optional" in marks
        if not any(tag in ("title", "style") for tag, _, _ in self._open):
            self.text += data
        for _, _, words in self._open:
            words[1] += data
            words[0] += "" if unseen else data

    def handle_endtag(self, tag: str) -> None:
        opened, at, words = self._open.pop()
        assert opened == tag, f"{self.url}: </{tag}> closes <{opened}>"
        label, whole = (" ".join(one.split()) for one in words)
        if tag == "a":
            self.links.append((label, whole, at["href"]))
        elif tag == "button":
            self.forms[-1].buttons.append((label, whole, at.get("name", ""), at.get("value", "")))
        elif tag == "label":
            self.labels[at["for"]] = label
        elif tag == "legend":
            self._open[-1][1]["_legend"] = label
        elif tag == "option":
            group = self.forms[-1].fields[-1]
            group.options.append((at["value"], label))
            if "selected" in at or group.value is None:
                group.value = at["value"]
        elif tag == "textarea":
            self.forms[-1].fields[-1].value = words[1].removeprefix("\n")
        elif "short-code" in at.get("class", ""):
            self.short_code = label
        if tag in ("p", "li", "h1", "h2", "h3", "dt", "dd", "button", "a", "label", "option", "td", "div"):
            self.text += " "

    def field_called(self, label: str) -> tuple[Form, Field]:
        """The one field with this label or legend."""
        found = [
            (form, one)
            for form in self.forms
            for one in form.fields
            if label == one.legend or (label == self.labels.get(one.id) and one.kind != "radio")
        ]
        assert len(found) == 1, f"{self.url} has {len(found)} fields called {label!r}: {self.text}"
        return found[0]


class Phone:
    """One person's browser, with cookies of its own."""

    def __init__(self, base: str) -> None:
        self.base = base
        self.page = Page(base, "")
        self._may_reload = False
        cookies = urllib.request.HTTPCookieProcessor(http.cookiejar.CookieJar())
        self._browser = urllib.request.build_opener(urllib.request.ProxyHandler({}), cookies)

    def open(self, address: str, fields: list[tuple[str, str]] | None = None) -> None:
        url = urllib.parse.urljoin(self.page.url, address)
        data = None if fields is None else urllib.parse.urlencode(fields).encode()
        headers = {"Accept-Language": "en", "Origin": self.base} if data else {"Accept-Language": "en"}
        try:
            answer = self._browser.open(urllib.request.Request(url, data, headers), timeout=WITHIN_S)
        except urllib.error.HTTPError as error:
            answer = error
        with answer:
            self.page = Page(answer.url, answer.read().decode())
            assert answer.status == 200, f"{url} answered {answer.status}: {self.page.text}"
        self._may_reload = data is None or answer.url != url

    def reads(self, words: str) -> None:
        """The page shows these words; where it does not yet, it is opened again for a while."""
        wanted = " ".join(words.split())
        deadline = time.monotonic() + WITHIN_S
        while wanted not in self.page.text:
            self._look_again(deadline, words)

    def press(self, label: str, beside: str = "") -> None:
        """Follow the one link or press the one button of this label."""
        deadline = time.monotonic() + WITHIN_S
        while True:
            links = {href for name, whole, href in self.page.links if _is_meant(label, beside, name, whole)}
            buttons = [
                (form, name, value)
                for form in self.page.forms
                for shown, whole, name, value in form.buttons
                if _is_meant(label, beside, shown, whole)
            ]
            if links or buttons:
                break
            self._look_again(deadline, label)
        assert len(links) + len(buttons) == 1, f"{self.page.url} has several called {label!r}"
        left = [form for form in self.page.forms if form.entered and form not in [one for one, *_ in buttons]]
        assert not left, f"{self.page.url}: what was typed is lost by pressing {label!r}"
        if links:
            self.open(links.pop())
        else:
            self._send(*buttons[0])

    def _send(self, form: Form, name: str, value: str) -> None:
        fields = [
            (one.name, text)
            for one in form.fields
            if (text := form.entered.get(one.name, one.value)) is not None
        ]
        fields += [(name, value)] if name else []
        if form.method == "get":
            self.open(f"{form.action}?{urllib.parse.urlencode(fields)}")
        else:
            self.open(form.action, fields)

    def type(self, text: str, label: str) -> None:
        form, one = self.page.field_called(label)
        assert one.kind not in ("radio", "checkbox", "select", "hidden"), f"{label!r} is not typed"
        form.entered[one.name] = text

    def choose(self, option: str, label: str) -> None:
        """One of a list, or one radio button."""
        form, one = self.page.field_called(label)
        radio = one.kind == "radio"
        found = [
            value for value, name in one.options if (self.page.labels[name] if radio else name) == option
        ]
        assert len(found) == 1, f"{label!r} has no {option!r} but {one.options}"
        form.entered[one.name] = found[0]

    def tick(self, label: str) -> None:
        form, one = self.page.field_called(label)
        assert one.kind == "checkbox", f"{label!r} is not to be ticked"
        form.entered[one.name] = one.options[0][0]

    def _look_again(self, deadline: float, wanted: str) -> None:
        where = f"{wanted!r} is not on {self.page.url}: {self.page.text}"
        assert self._may_reload and not any(form.entered for form in self.page.forms), where
        assert time.monotonic() < deadline, where
        time.sleep(LOOK_AGAIN_S)  # a page without scripts tells nobody of news
        self.open(self.page.url)


def _is_meant(label: str, beside: str, shown: str, whole: str) -> bool:
    return re.sub(r"\s+", " ", label) == shown and beside in whole
