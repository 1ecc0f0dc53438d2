"""What holds for every page: found by following every link, as a coordinator and in each language."""

from __future__ import annotations

import re
from collections.abc import Callable

import pytest

from node.web import render
from node.web.languages import LANGUAGES
from tests.web.conftest import post
from tests.web.reader import Neighbor, Page, Person
from tests.web.test_neighborhoods import Region


def check(page: Page, language: str) -> None:
    """The rules of every page, for people with a screen reader or a keyboard, on small or slow machines."""
    at = page.path
    assert page.language == language, at
    assert page.headings[0] in (1, 2) and page.headings.count(1) == 1, f"{at}: {page.headings}"
    assert all(b <= a + 1 for a, b in zip(page.headings, page.headings[1:], strict=False)), (
        f"{at}: {page.headings}"
    )
    assert page.title.strip() and len(page.ids) == len(set(page.ids)), f"{at}: {sorted(page.ids)}"
    for control in page.controls:
        assert control["id"] in page.labelled, f"{at}: {control} has no label"
        for described in control.get("aria-describedby", "").split():
            assert described in page.ids, f"{at}: {described}"
    for link in page.links:
        assert not link.startswith("#") or link[1:] in page.ids, f"{at}: {link}"
    for form in page.forms:
        assert form.method == "get" or dict(form.fields)["csrf"], at
    trail = re.search(r'class="trail"><a href="(/[a-z]+)"', page.html)
    entry = re.search(rf'<li><a href="{trail[1]}"([^>]*)>', page.html) if trail is not None else None
    assert entry is None or "aria-current=" in entry[1], f"{at}: the menu does not say where we are"
    assert "#main" in page.links and "<script" not in page.html and " style=" not in page.html, at
    assert " on" not in re.sub(r">[^<]*<|\"[^\"]*\"", "", page.html), f"{at}: no handlers of events"
    assert len(page.html.encode()) < 50_000, at
    for marker in ("<bound", "Undefined", "None<", "%(", "field-{{"):
        assert marker not in page.html, f"{at}: {marker}"


async def follow(who: Person, language: str) -> dict[str, Page]:
    """Open every page that a link leads to, once for each kind of page."""
    seen: dict[str, Page] = {}
    waiting = ["/board"]
    while waiting:
        path = waiting.pop()
        kind = re.sub(r"[0-9a-f]{64}|\d+", "ID", path)
        if kind in seen or not path.startswith("/"):
            continue
        seen[kind] = await who.open(path)
        assert seen[kind].status == 200, f"{path}: {seen[kind].status}"
        check(seen[kind], language)
        waiting += seen[kind].links
    return seen


@pytest.mark.parametrize("language", LANGUAGES)
async def test_every_link_leads_to_a_sound_page(
    ines: Person, neighbor: Neighbor, monkeypatch: pytest.MonkeyPatch, language: str
) -> None:
    tomas = await neighbor("Tomás")
    await post(ines, "offer", "A long ladder", "tools", contact="0171 5550134")
    need = await post(ines, "need", "Digging over two beds", "garden", slots="2", text="Two\nlines")
    await tomas.open(need + "/help")
    await tomas.press("Send", note="I have a spade.")
    await ines.open(need)
    await ines.press("Yes, please")
    await tomas.open("/hours/new")
    partner = tomas.page.html.partition('">Ines, ')[0].rpartition('"')[2]
    await tomas.press("Record", partner=partner, gave="no", category="garden", hours="2")
    Region().stand_in(monkeypatch)
    await ines.open("/people/invite")
    await ines.press("Make an invitation")
    await ines.open("/board")
    if language != "en":
        await ines.press(LANGUAGES[language])
    seen = await follow(ines, language)
    wanted = {
        "/board",
        "/board/print",
        "/posts/ID",
        "/posts/ID/edit",
        "/posts/ID/withdraw",
        "/inbox",
        "/hours",
    }
    wanted |= {
        "/hours/new",
        "/hours/new?promise=ID",
        "/hours/ID/dispute",
        "/people",
        "/people/invite",
        "/profile",
    }
    wanted |= {"/people/invite/ID/cancel", "/neighborhoods", "/neighborhoods/ID/ask", "/coalitions/new"}
    wanted |= {"/promises/ID/release?back=/inbox", "/promises/ID/no-show?back=/inbox", "/posts/new?type=need"}
    assert wanted <= seen.keys()


@pytest.mark.parametrize("language", LANGUAGES)
async def test_the_pages_before_signing_in_are_sound_too(
    ines: Person, person: Callable[..., Person], language: str
) -> None:
    await ines.open("/people/invite")
    await ines.press("Make an invitation")
    check(ines.page, "en")
    join = next(link[link.index("/join/") :] for link in ines.page.links if "/join/" in link)
    guest = person(language)
    for path in ("/sign-in", "/join", join, "/join/unknown-code"):
        check(await guest.open(path), language)
    await guest.open(join)
    button = {"en": "Join", "es": "Unirse", "de": "Beitreten"}[language]
    check(await guest.press(button, passphrase="short"), language)
    assert len(guest.page.errors) == 2


async def test_the_first_page_is_small(ines: Person, person: Callable[..., Person]) -> None:
    page = await person().open("/sign-in")
    assert len(page.html.encode()) + len(render.STYLE) + len(render.ICON) < 50_000
    await ines.open("/board")
    assert len(ines.page.html.encode()) + len(render.STYLE) + len(render.ICON) < 50_000


def luminance(colour: str) -> float:
    """Relative luminance of #rrggbb, by WCAG 2.2."""
    parts = [int(colour[at : at + 2], 16) / 255 for at in (1, 3, 5)]
    red, green, blue = (
        part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in parts
    )
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue


def contrast(one: str, other: str) -> float:
    low, high = sorted((luminance(one), luminance(other)))
    return (high + 0.05) / (low + 0.05)


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_text_and_edges_stand_out(scheme: str) -> None:
    blocks = re.findall(r":root \{(.*?)\}", render.STYLE.decode(), re.DOTALL)
    colours = dict(re.findall(r"--([\w-]+): (#[0-9a-f]{6});", blocks[0]))
    if scheme == "dark":
        colours |= dict(re.findall(r"--([\w-]+): (#[0-9a-f]{6});", blocks[1]))
    grounds = ("paper", "card", "sunk")
    text = [(words, ground) for words in ("ink", "soft", "barn-text", "meadow") for ground in grounds]
    text += [
        ("barn-text", "barn-tint"),
        ("meadow", "meadow-tint"),
        ("on-lantern", "lantern"),
        ("on-top", "top"),
    ]
    text += [("ink", "meadow-tint"), ("ink", "lantern-tint"), ("paper", "ink")]
    weak = {pair: contrast(colours[pair[0]], colours[pair[1]]) for pair in text}
    assert {pair: ratio for pair, ratio in weak.items() if ratio < 4.5} == {}
    assert contrast("#fff8ee", colours["barn"]) >= 4.5 and contrast("#fff8ee", "#2c5b40") >= 4.5
    edges = [(line, ground) for line in ("edge", "focus") for ground in ("paper", "card")]
    edges += [("lantern", "top"), ("barn", "card"), ("meadow", "card")]
    weak = {pair: contrast(colours[pair[0]], colours[pair[1]]) for pair in edges}
    assert {pair: ratio for pair, ratio in weak.items() if ratio < 3} == {}
