"""A coalition that can decide nothing any more is founded anew, at its page and at the terminal."""

from __future__ import annotations

from pathlib import Path

from node.actions import neighborhoods
from node.app import Node
from tests.cli.world import Person as Typist
from tests.cli.world import found_neighborhood
from tests.node.serving import settings_of
from tests.web.conftest import linked_with
from tests.web.reader import Person
from tests.web.test_every_page import check


async def test_found_it_anew_on_the_page_of_the_old_one(ines: Person, node: Node) -> None:
    (session,) = node.sessions.values()
    oak = linked_with(node, "Oak Street")
    old = neighborhoods.found_coalition(node, session, name="Valley", agreement="Be kind.", members=[oak.id])
    await ines.open(f"/coalitions/{old.hex()}")
    assert f"/coalitions/new?former={old.hex()}" in ines.page.links
    page = await ines.open(f"/coalitions/new?former={old.hex()}")
    fields = dict(page.form("Found the coalition").fields)
    assert (fields["name"], fields["agreement"], fields["former"]) == ("Valley", "Be kind.", old.hex())
    check(page, "en")
    page = await ines.press("Found the coalition", name="")
    assert dict(page.form("Found the coalition").fields)["former"] == old.hex(), "it is still chosen"
    page = await ines.press("Found the coalition", name="Valley again", former=old.hex())
    assert "Carries on: Valley" in page.text
    (anew,) = [one.id for one in neighborhoods.neighborhoods(node, session).coalitions if one.carries_on]
    assert "Carries on: Valley" in (await ines.open(f"/coalitions/{anew.hex()}")).text
    made = await ines.open("/coalitions/new")
    await ines.press("Found the coalition", name="Another", former="nonsense")
    assert made.status == 200 and ines.page.text.count("Carries on") == 1


def carried_on(folder: Path) -> list[str]:
    node = Node(settings_of(folder))
    try:
        page = neighborhoods.neighborhoods(node, neighborhoods.Session("", "", b"", "", "member", "en", b""))
        return [f"{one.name} carries on {one.carries_on}" for one in page.coalitions if one.carries_on]
    finally:
        node.close()


async def test_found_it_anew_at_the_terminal(tmp_path: Path) -> None:
    await found_neighborhood(tmp_path, "Alder Street", "Ines")
    person = Typist(tmp_path)
    assert (await person.asks("coalition", "found", "Valley", "--as", "Ines")).exit == 0
    wrong = await person.asks("coalition", "found", "Again", "--former", "Vally", "--as", "Ines")
    assert wrong.exit == 1 and "Say which coalition" in wrong.err
    done = await person.asks("coalition", "found", "Again", "--former", "valley", "--as", "Ines")
    assert (done.exit, done.err) == (0, "")
    shown = await person.asks("coalition", "show", "--coalition", "Again")
    assert "It says that it carries on “Valley”." in shown.out
    assert carried_on(tmp_path) == ["Again carries on Valley"]
