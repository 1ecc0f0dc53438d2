"""The categories of needs and offers: data shipped with the program, complete without set-up.

They stand in `node/data/categories.toml`, in two levels. An id is `word` or `word.word`, stable for good,
since records are signed with it; the part before the dot names the parent. A node may meet an id that it does
not know (a neighborhood's own, or a newer program's): it is shown by its parent, and failing that as "other".
Sensitive are childcare and health, with everything below them.
"""

from __future__ import annotations

import re
import tomllib
import unicodedata
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from typing import Any

LANGUAGES = ("en", "es", "de")
OTHER = "other"
GUESS_CHARS_MAX = 2_000


@dataclass(frozen=True)
class Category:
    """One entry. `open_eligibility` is the id of the fitting Open Eligibility term; `names` by language."""

    id: str
    parent: str | None
    sensitive: bool
    open_eligibility: str | None
    names: dict[str, str]


def all_categories() -> list[Category]:
    """Every category, parents before their children, in the order in which people see them."""
    return list(_by_id().values())


def name(category_id: str, language: str) -> str:
    """The category's name in `language` or else in English; an unknown id has its parent's name."""
    names = (_known(category_id) or _by_id()[OTHER]).names
    return names.get(language, names["en"])


def is_sensitive(category_id: str) -> bool:
    """Whether the category, known or not, lies in a field where trust must be shown first."""
    category = _known(category_id)
    return category is not None and category.sensitive


def choices(language: str) -> list[tuple[str, list[tuple[str, str]]]]:
    """For a select box: (group name, [(id, name), …]); each group starts with the parent itself."""
    groups: dict[str, list[tuple[str, str]]] = {}
    for category in _by_id().values():
        entry = (category.id, name(category.id, language))
        groups.setdefault(category.parent or category.id, []).append(entry)
    return [(name(parent, language), entries) for parent, entries in groups.items()]


def guess(text: str) -> str:
    """The id that free words in English, Spanish or German point to, else "other".

    The longest phrase found decides, of equally long ones the first; a hint at one of its children makes it
    that child ("a ride to the clinic" is a medical ride). Reads the first 2,000 characters.
    """
    plain = plain_words(text[:GUESS_CHARS_MAX])
    ranks: dict[str, tuple[int, int]] = {}
    for category_id, pattern in _patterns():
        for match in pattern.finditer(plain):
            rank = (match.group().count(" ") + 1, -match.start())
            ranks[category_id] = max(rank, ranks.get(category_id, rank))
    if not ranks:
        return OTHER
    best = max(ranks, key=lambda found: (ranks[found], found.count(".")))
    children = [found for found in ranks if found.startswith(best + ".")]
    return max(children, key=ranks.__getitem__, default=best)


def plain_words(text: str) -> str:
    """`text` in lower case, without accents or punctuation, one space between words: for comparing only."""
    decomposed = unicodedata.normalize("NFKD", text.casefold())
    bare = "".join(char for char in decomposed if not unicodedata.combining(char))
    return " ".join(re.findall(r"[^\W_]+", bare))


def _known(category_id: str) -> Category | None:
    known = _by_id()
    return known.get(category_id) or known.get(category_id.partition(".")[0])


@cache
def _entries() -> list[dict[str, Any]]:
    text = files("node").joinpath("data", "categories.toml").read_text(encoding="utf-8")
    entries: list[dict[str, Any]] = tomllib.loads(text)["category"]
    return entries


@cache
def _by_id() -> dict[str, Category]:
    return {
        entry["id"]: Category(
            id=entry["id"],
            parent=entry["id"].rpartition(".")[0] or None,
            sensitive=entry.get("sensitive", False),
            open_eligibility=entry.get("open_eligibility"),
            names=entry["names"],
        )
        for entry in _entries()
    }


@cache
def _patterns() -> list[tuple[str, re.Pattern[str]]]:
    patterns = []
    for entry in _entries():
        if entry["id"] == OTHER:
            continue
        phrases = [phrase.strip() for phrase in entry["words"].split(",")]
        phrases += [plain_words(own_name) for own_name in entry["names"].values()]
        # The longest first: an alternation takes the first that fits.
        phrases.sort(key=len, reverse=True)
        wordings = "|".join(re.escape(plain).replace(r"\*", "[a-z]*") for plain in phrases)
        patterns.append((entry["id"], re.compile(rf"(?<!\S)(?:{wordings})(?!\S)")))
    return patterns


def ids() -> frozenset[str]:
    """Every id of the shipped list."""
    return frozenset(category.id for category in all_categories())


def with_children(category_id: str) -> list[str]:
    """The id itself and every id below it."""
    return [c.id for c in all_categories() if category_id in (c.id, c.parent)]
