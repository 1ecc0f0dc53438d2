"""Giving the neighborhood another name, on the page."""

from __future__ import annotations

from node.app import Node
from tests.web.reader import Neighbor, Person


async def test_a_coordinator_renames_the_neighborhood(ines: Person, node: Node) -> None:
    told: list[tuple[str, object]] = []
    node.poke = lambda what, details: told.append((what, details))
    before = node.home
    await ines.open("/neighborhoods")
    await ines.open("/neighborhoods/name")
    form = dict(ines.page.form("Save").fields)
    assert form["name"] == node.setting("neighborhood") and form["area"] == node.setting("area")
    await ines.press("Save", name="  Mill   Pond ", area="by the pond")
    assert ines.page.path == "/neighborhoods?said=renamed"
    assert "This is Mill Pond" in ines.page.text and "by the pond" in ines.page.text
    assert node.home == before and told == [("renamed", {"name": "Mill Pond"})]


async def test_a_name_that_will_not_do(ines: Person, node: Node) -> None:
    named = node.setting("neighborhood")
    await ines.open("/neighborhoods/name")
    for wrong in ("", "   ", "x" * 61):
        await ines.press("Save", name=wrong)
        assert ines.page.status == 400 and ines.page.errors
        assert dict(ines.page.form("Save").fields)["name"] == wrong.strip() or wrong == "   "
    assert node.setting("neighborhood") == named


async def test_members_do_not_rename(neighbor: Neighbor, ines: Person, node: Node) -> None:
    tomas = await neighbor("Tomás")
    assert (await tomas.open("/neighborhoods/name")).status == 403
    assert "Change name or area" not in (await tomas.open("/neighborhoods")).text
