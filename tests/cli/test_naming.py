"""`barnraise rename`."""

from __future__ import annotations

import json

from tests.cli.world import Person


def test_the_neighborhood_gets_another_name_and_keeps_its_area(alder: Person) -> None:
    before = json.loads(alder.types("status", "--json").out)["neighborhood"]
    assert "is now Alder Row." in alder.types("rename", "Alder  Row", "--as", "Ines").out
    after = json.loads(alder.types("status", "--json").out)["neighborhood"]
    assert after == before | {"name": "Alder Row"}
    told = json.loads(
        alder.types("rename", "Alder Row", "--area", "at the mill", "--as", "Ines", "--json").out
    )
    assert (told["name"], told["area"]) == ("Alder Row", "at the mill")


def test_who_may_not_and_what_will_not_do(alder: Person) -> None:
    assert "--as NAME" in alder.types("rename", "Alder Row").err
    for words in (("rename", "x" * 61, "--as", "Ines"), ("rename", "Row", "--as", "Amara")):
        refused = alder.types(*words)
        assert refused.exit == 1 and refused.err, words
    assert json.loads(alder.types("status", "--json").out)["neighborhood"]["name"] == "Alder Street"
