"""The page in English, Spanish and German: catalogs without gaps, and who gets which."""

from __future__ import annotations

import re
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import pytest
from babel.messages.extract import extract_from_dir
from babel.messages.pofile import read_po

import node.web
from node import examining, finding, sheets
from node.actions import contests, lost
from node.store import keeping
from node.web import languages
from protocol import introduction
from protocol.errors import CODES
from tests.web.conftest import PASSPHRASE, post
from tests.web.reader import Person

WEB = Path(node.web.__file__).parent
TRANSLATED = [language for language in languages.LANGUAGES if language != "en"]

Message = str | tuple[str, ...]  # a tuple where there is a plural


def said() -> set[Message]:
    """Every English text of templates and handlers, and the sentence of every fault that a page may show."""
    found: set[Message] = {listed.sentence for listed in CODES.values() if "page" in listed.seen}
    found |= {
        *sheets.SENTENCES,
        *finding.SENTENCES,
        *lost.SENTENCES,
        *contests.SENTENCES,
        *examining.SENTENCES,
        *keeping.SENTENCES,
        introduction.OVER,
    }
    for _, _, message, _, _ in extract_from_dir(
        WEB,
        method_map=[("**.py", "python"), ("templates/**.html", "jinja2")],
        options_map={"templates/**.html": {"trimmed": "true", "silent": "false"}},
        keywords={"_": None, "gettext": None, "ngettext": (1, 2), "phrase": None},
    ):
        found.add(message)
    return found


def forms(text: Any) -> tuple[str, ...]:
    """The forms of a text in a catalog: one, or one for each number."""
    return (text,) if isinstance(text, str) else tuple(text)


def catalog(language: str) -> dict[Message, tuple[str, ...]]:
    with (WEB / "locale" / f"{language}.po").open("rb") as file:
        held = read_po(file, locale=language, abort_invalid=True)
    return {m.id if isinstance(m.id, str) else forms(m.id): forms(m.string) for m in held if m.id}


def test_there_is_much_to_say() -> None:
    assert len(said()) > 400 and ("%(count)s place", "%(count)s places") in said()


@pytest.mark.parametrize("language", TRANSLATED)
def test_every_text_is_translated(language: str) -> None:
    done = {message for message, texts in catalog(language).items() if all(texts)}
    missing = sorted(said() - done, key=str)
    print("\n".join(f'msgid "{message}"\nmsgstr ""\n' for message in missing))
    assert missing == []


@pytest.mark.parametrize("language", TRANSLATED)
def test_translations_fill_in_the_same_things(language: str) -> None:
    def parts(text: str) -> list[str]:
        return sorted(re.findall(r"%\(\w+\)[sd]|</?\w+>", text))

    for message, texts in catalog(language).items():
        english = message[-1] if isinstance(message, tuple) else message
        assert all(parts(text) == parts(english) for text in texts), english
        assert all(text[-1:] in ".!?:" for text in texts) == (english[-1] in ".!?:") or "%" in english, (
            english
        )


@pytest.mark.parametrize(
    ("wishes", "header", "chosen"),
    [
        ([], "", "en"),
        ([], "fr", "en"),
        ([], "de-AT,de;q=0.9,en;q=0.8", "de"),
        ([], "fr,es;q=0.3,de;q=0.7", "de"),
        ([], "es;q=0,en;q=0.1", "en"),
        ([], "es;q=nonsense, de;q=0.1,;;,", "de"),
        (["", "es"], "de", "es"),
        (["xx", "de"], "es", "de"),
    ],
)
def test_choosing_a_language(wishes: list[str], header: str, chosen: str) -> None:
    assert languages.choose(wishes, header) == chosen


async def test_a_guest_is_spoken_to_in_the_browsers_language_or_the_one_pressed(
    ines: Person, person: Callable[..., Person]
) -> None:
    guest = person("de-CH,de;q=0.9")
    await guest.open("/sign-in")
    assert (guest.page.language, guest.page.heading) == ("de", "Schön, dass du da bist")
    await guest.press("Español")
    assert (guest.page.path, guest.page.heading) == ("/sign-in", "Qué bien verte")
    assert guest.page.headers["Content-Language"] == "es"
    await guest.press("Entrar", name="Ines", passphrase="not this one")
    assert guest.page.errors[0][1] == "Ese nombre y esa frase de acceso no van juntos."
    await guest.press("Entrar", name="Ines", passphrase=PASSPHRASE)
    assert guest.page.heading == "Needs and offers", "from now on as the member has set it"


async def test_a_members_choice_stays_with_the_member(ines: Person, person: Callable[..., Person]) -> None:
    path = await post(ines, "offer", "Long ladder", "tools", what="lend", language="en")
    await ines.open("/hours")
    await ines.press("Deutsch")
    assert ines.page.path == "/hours" and ines.page.heading == "Deine Stunden"
    phone = person("es")
    await phone.open("/sign-in")
    await phone.press("Entrar", name="Ines", passphrase=PASSPHRASE)
    assert phone.page.heading == "Gesuche und Angebote"
    page = await phone.open(path)
    assert "Werkzeug" in page.text and "Etwas zu verleihen" in page.text
    assert '<h1 lang="en"' in page.html, "the words of the post are still in English"
    assert "Juni" in page.text, "dates too"


async def test_joining_in_ones_own_language(
    ines: Person, person: Callable[..., Person], neighbor: Callable[[str], Awaitable[Person]]
) -> None:
    await ines.open("/people/invite")
    await ines.press("Make an invitation")
    lucia = person("es-MX")
    await lucia.open(next(link[link.index("/join/") :] for link in ines.page.links if "/join/" in link))
    assert dict(lucia.page.form("Unirse").fields)["language"] == "es"
    await lucia.press("Unirse", name="Lucía", passphrase="corta")
    assert "al menos 8 caracteres" in lucia.page.text
    await lucia.press("Unirse", passphrase=PASSPHRASE, passphrase_again=PASSPHRASE)
    assert lucia.page.heading == "Necesidades y ofertas" and "Te damos la bienvenida" in lucia.page.text
