"""The shipped categories are complete, and free words find their way to them."""

from __future__ import annotations

import re

import pytest

from node import categories
from tests import shared


def test_the_list_is_complete_in_two_levels_and_three_languages() -> None:
    entries = categories.all_categories()
    ids = [entry.id for entry in entries]
    assert 35 <= len(ids) <= 50 and len(set(ids)) == len(ids)
    for position, entry in enumerate(entries):
        assert re.fullmatch(r"[a-z]+(\.[a-z]+)?", entry.id)
        assert set(entry.names) == set(categories.LANGUAGES)
        assert all(name.strip() == name and 0 < len(name) <= 40 for name in entry.names.values()), entry.id
        if entry.parent is not None:
            assert entry.id.startswith(entry.parent + ".") and entry.parent in ids[:position]
    for language in categories.LANGUAGES:
        names = [entry.names[language] for entry in entries]
        assert len(set(names)) == len(names)


def test_ids_that_records_are_signed_with_stay() -> None:
    ids = {entry.id for entry in categories.all_categories()}
    # What the mission's checklist names in its rows 9 to 20, and what is signed since.
    assert ids >= {
        *(
            "tools.lend",
            "garden.seeds",
            "clothing",
            "food.rescue",
            "food.pantry",
            "repair.things",
            "repair.home",
        ),
        *(
            "learning.workshop",
            "childcare.circle",
            "childcare.sitting",
            "care.checkin",
            "food.meal",
            "pets.sitting",
        ),
        *(
            "care.respite",
            "rides",
            "rides.medical",
            "company.circle",
            "community.purchase",
            "errands.delivery",
        ),
        *(
            "language.interpreting",
            "company",
            "pets",
            "housing.space",
            "learning",
            "paperwork",
            "emergency",
            "other",
        ),
    }
    assert "money" not in ids


def test_sensitive_are_childcare_and_health_with_everything_below_known_or_not() -> None:
    marked = {entry.id for entry in categories.all_categories() if entry.sensitive}
    expected = {
        e.id for e in categories.all_categories() if e.id.partition(".")[0] in ("childcare", "health")
    }
    assert marked == expected
    assert categories.is_sensitive("childcare.sitting") and categories.is_sensitive("health.newer")
    assert not categories.is_sensitive("food.meal") and not categories.is_sensitive("unheard")


def test_open_eligibility_ids_are_in_the_taxonomy() -> None:
    mapped = {
        entry.id: entry.open_eligibility for entry in categories.all_categories() if entry.open_eligibility
    }
    assert len(mapped) >= 30
    assert all(re.fullmatch(r"1[1-3]\d\d", term) for term in mapped.values())
    taxonomy = shared.need("data", "open-eligibility-taxonomy.xml")
    # Its first line says XML version 2.0, which parsers refuse: only the ids are of interest here.
    terms = dict(re.findall(r"_level id=\"(\d+)\" title=\"([^\"]+)\"", taxonomy.read_text(encoding="utf-8")))
    assert len(terms) > 200
    assert not {entry: term for entry, term in mapped.items() if term not in terms}
    assert (terms[mapped["rides.medical"]], terms[mapped["food.pantry"]]) == (
        "Transportation for Healthcare",
        "Food Pantry",
    )


def test_a_name_is_shown_in_the_readers_language_and_unknown_ids_by_their_parent() -> None:
    assert categories.name("rides", "de") == "Fahrten"
    assert categories.name("rides", "fi") == categories.name("rides", "en") == "Rides"
    assert categories.name("food.truck", "es") == "Comida"
    assert categories.name("unheard", "en") == categories.name("", "en") == "Something else"
    assert categories.name("un.heard", "de") == "Etwas anderes"


def test_choices_hold_every_category_once_under_its_group() -> None:
    groups = categories.choices("es")
    offered = [entry for _, entries in groups for entry in entries]
    assert sorted(offered) == sorted((entry.id, entry.names["es"]) for entry in categories.all_categories())
    assert all(entries[0][1] == group for group, entries in groups)


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        ("Food", "food"), ("pet care", "pets"), ("clothing/laundry", "clothing.laundry"),
        ("A ride to the clinic", "rides.medical"), ("Groceries!", "food.groceries"),
        ("somebody to walk the dog", "pets.sitting"), ("help with bills, forms or paperwork", "paperwork"),
        ("Necesito traducción en la consulta", "language.interpreting"), ("cuidado de niños", "childcare"),
        ("una escalera prestada", "tools.lend"), ("mudanza", "housing.moving"), ("compañía", "company"),
        ("Fahrt zum Arzt", "rides.medical"), ("Hund ausführen", "pets.sitting"),
        ("Kinderbetreuung", "childcare"), ("childcare", "childcare"),
        ("WÄSCHE waschen", "clothing.laundry"), ("Übersetzen beim Amt", "language.interpreting"),
        ("xyzzy", "other"), ("", "other"), ("¿?", "other"),
    ],
)  # fmt: skip
def test_free_words_in_three_languages_find_a_category(words: str, expected: str) -> None:
    assert categories.guess(words) == expected


def test_every_category_is_found_by_its_own_name() -> None:
    missed = {
        (entry.id, name): categories.guess(name)
        for entry in categories.all_categories()
        for name in entry.names.values()
        if categories.guess(name).partition(".")[0] != entry.id.partition(".")[0]
    }
    assert not missed
