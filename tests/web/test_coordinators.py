"""Several coordinators: made on the people's page, and never none."""

from __future__ import annotations

from tests.web.reader import Neighbor, Person


async def test_a_second_coordinator_shares_the_work(ines: Person, neighbor: Neighbor) -> None:
    tomas = await neighbor("Tomás")
    await tomas.open("/people")
    assert not any(link.endswith("/role") for link in tomas.page.links)
    await ines.open("/people")
    role = [link for link in ines.page.links if link.endswith("/role")]
    seen = {link: (await ines.open(link)).text for link in role}
    asked = next(link for link, text in seen.items() if "Make Tomás a coordinator?" in text)
    await ines.open(asked)
    await ines.press("Make a coordinator")
    assert ines.page.path == "/people?said=saved"
    assert (await tomas.open("/people/invite")).status == 200, "at once, without signing in again"
    await tomas.open(next(link for link in role if link != asked))
    await tomas.press("Yes, a member again")
    assert (await ines.open("/people/invite")).status == 403


async def test_the_last_coordinator_stays(ines: Person) -> None:
    await ines.open("/people")
    await ines.open(next(link for link in ines.page.links if link.endswith("/role")))
    await ines.press("Yes, a member again")
    assert ines.page.status == 409 and "There must be a coordinator." in ines.page.text
    assert (await ines.open("/people/invite")).status == 200


async def test_a_member_cannot_make_coordinators(ines: Person, neighbor: Neighbor) -> None:
    tomas = await neighbor("Tomás")
    await ines.open("/people")
    for link in [link for link in ines.page.links if link.endswith("/role")]:
        assert (await tomas.open(link)).status == 403
