"""The languages of the page: which there are, their catalogs, and how one is chosen.

The English text is the key; `locale/es.po` and `locale/de.po` hold the others and are read at start.
Text that stands in Python is marked with `phrase(...)`, so that the catalogs can be checked against it,
and translated where it is shown.
"""

from __future__ import annotations

from collections.abc import Iterable
from functools import cache
from gettext import NullTranslations
from importlib import resources
from io import BytesIO

from babel import Locale
from babel.messages.mofile import write_mo
from babel.messages.pofile import read_po
from babel.support import Translations

LANGUAGES = {"en": "English", "es": "Español", "de": "Deutsch"}

# Languages in which a post may be written, beyond the three of the page. Frequent ones first would be a
# ranking, so they are sorted by their names in the reader's language.
POST_LANGUAGES = (
    *("am", "ar", "bg", "bn", "bs", "cs", "da", "de", "el", "en", "es", "fa", "fi", "fr", "hi", "hr", "hu"),
    *("ig", "it", "ja", "ko", "ku", "nl", "no", "pl", "ps", "pt", "ro", "ru", "so", "sq", "sr", "sv", "sw"),
    *("ti", "tl", "tr", "uk", "ur", "vi", "yo", "zh"),
)


def phrase(text: str) -> str:
    """Mark an English phrase for the catalogs; it is translated where it is shown."""
    return text


@cache
def translations(language: str) -> NullTranslations:
    """The catalog of a language; English (and anything unknown) shows the source text."""
    if language == "en" or language not in LANGUAGES:
        return NullTranslations()
    with (resources.files(__package__) / "locale" / f"{language}.po").open("rb") as file:
        catalog = read_po(file, locale=language)
    compiled = BytesIO()
    write_mo(compiled, catalog)
    compiled.seek(0)
    return Translations(compiled)


@cache
def post_languages(language: str) -> list[tuple[str, str]]:
    """(code, name in `language`) of every language a post can be marked with."""
    names = Locale.parse(language).languages
    pairs = ((code, str(names.get(code, code))) for code in POST_LANGUAGES)
    return sorted(pairs, key=lambda pair: pair[1].casefold())


def choose(wishes: Iterable[str], accept_language: str) -> str:
    """The first wish that is a language of the page, else the header's best one, else English."""
    for wish in wishes:
        if wish in LANGUAGES:
            return wish
    ranked: list[tuple[float, str]] = []
    for part in accept_language[:200].split(","):  # 200 characters hold every real header
        tag, _, parameter = part.partition(";")
        try:
            weight = float(parameter.strip().removeprefix("q=")) if parameter.strip() else 1.0
        except ValueError:
            continue
        if (language := tag.strip().lower().partition("-")[0]) in LANGUAGES and weight > 0:
            ranked.append((weight, language))
    return max(ranked, key=lambda pair: pair[0])[1] if ranked else "en"
