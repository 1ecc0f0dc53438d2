"""The page that says how the network is."""

from __future__ import annotations

import pytest

from node.app import Node
from node.examining import ADVICE, FACTS, NAMES, Finding
from node.web.languages import LANGUAGES, translations
from tests.web.reader import Neighbor, Person


async def test_a_coordinator_reads_how_the_network_is(ines: Person, node: Node) -> None:
    await ines.open("/neighborhoods")
    assert "/status" in ines.page.links
    await ines.open("/status")
    assert ines.page.status == 200 and ines.page.heading == "How the network is"
    for name in ("Multicast", "Names of the page", "Clock"):
        assert name in ines.page.text
    assert f"barnraise-{node.home.hex()[:4]}.local" in ines.page.text
    for finding in ines.page.html.split("<h2>")[1:]:
        unproven = "shows only once another node is heard" in finding
        assert ("Nothing wrong found" in finding) is unproven
        assert not unproven or "All well" not in finding
    await ines.press("Deutsch")
    assert ines.page.heading == "Wie es dem Netz geht" and "Uhr" in ines.page.text


async def test_only_coordinators_read_it(neighbor: Neighbor, ines: Person) -> None:
    tomas = await neighbor("Tomás")
    assert (await tomas.open("/status")).status == 403


@pytest.mark.parametrize("language", LANGUAGES)
def test_every_finding_can_be_said(language: str) -> None:
    """Each fact and advice with whatever stands in its gaps, in each language."""
    gaps = dict.fromkeys(
        (
            *("places", "why", "program", "note", "host", "count", "taken", "name", "address"),
            *("neighborhood", "port", "names", "day", "told", "heard", "size", "others"),
        ),
        "100 %",
    )
    translate = translations(language).gettext
    for fact in FACTS:
        said = Finding("clock", fact, fact if fact in ADVICE else "", gaps, ((fact, gaps),)).texts(translate)
        assert "%(" not in str(said) and said["ok"] is (fact not in ADVICE)
    for topic in NAMES:
        assert Finding(topic, "linked", values=gaps).texts(translate)["name"]
