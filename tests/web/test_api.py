"""The lists as JSON, and the state of the node."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from node.actions import setup
from node.app import Node
from tests.web.conftest import START_S, post
from tests.web.reader import Neighbor, Person

PINNED = (
    *("id", "type", "what", "category", "title", "text", "area", "when", "urgency", "slots", "slots_open"),
    *("language", "neighborhood", "state", "created", "expires"),
)


async def get(who: Person, path: str, status: int = 200) -> Any:
    async with who.client.get(path) as answer:
        assert answer.status == status and answer.content_type == "application/json"
        return await answer.json()


async def test_posts_have_the_pinned_names(node: Node, ines: Person) -> None:
    path = await post(ines, "need", "Ride to the clinic", contact="0171 5550134")
    found = await get(ines, "/api/posts")
    (item,) = found["items"]
    assert found["next"] == "" and set(PINNED) <= item.keys() <= {*PINNED, "neighborhood_name"}
    assert path == f"/posts/{item['id']}"
    assert (
        item["neighborhood"] == setup.neighborhood(node).id.hex() and item["neighborhood_name"] == "Riverbend"
    )
    assert item["created"] == START_S
    assert item["expires"] % 86_400 == 0 and 29 <= (item["expires"] - START_S) / 86_400 <= 30
    assert "0171" not in str(found)


async def test_posts_can_be_searched_and_paged(ines: Person) -> None:
    for number in range(31):
        await post(ines, "offer" if number else "need", f"Thing {number:02}")
    assert [item["title"] for item in (await get(ines, "/api/posts?type=need"))["items"]] == ["Thing 00"]
    assert (await get(ines, "/api/posts?where=region"))["items"] == []
    assert len((await get(ines, "/api/posts?q=thing+0"))["items"]) == 10
    first = await get(ines, "/api/posts")
    rest = await get(ines, f"/api/posts?cursor={first['next']}")
    seen = [item["title"] for item in first["items"] + rest["items"]]
    assert len(first["items"]) == 30 and rest["next"] == "" and len(set(seen)) == 31


async def test_people_hours_and_neighborhoods(ines: Person, neighbor: Neighbor) -> None:
    tomas = await neighbor("Tomás")
    await tomas.open("/profile")
    await tomas.press("Save", about="Retired electrician.", contact="0171 5550134")
    await ines.open("/hours/new")
    partner = ines.page.html.partition('">Tomás, ')[0].rpartition('"')[2]
    await ines.press("Record", partner=partner, gave="yes", category="garden", hours="2")

    listed = {who: (await get(who, "/api/people"))["items"] for who in (ines, tomas)}
    assert [item["name"] for item in listed[ines]] == ["Ines", "Tomás"]
    assert listed[ines][1]["contact"] == "0171 5550134" and "contact" not in listed[tomas][0]
    book = await get(tomas, "/api/hours")
    assert book["balance_minutes"] == 0 and [entry["minutes"] for entry in book["items"]] == [120]
    region = await get(tomas, "/api/neighborhoods")
    assert region["items"] == [] and region["own"]["name"] == "Riverbend"


async def test_the_status_tells_a_stranger_little(ines: Person, person: Callable[..., Person]) -> None:
    stranger = await get(person(), "/api/status")
    member = await get(ines, "/api/status")
    assert stranger["neighborhood"] == "Riverbend" and stranger.keys() < member.keys()


async def test_refusals_are_json_too(ines: Person) -> None:
    assert (await get(ines, "/api/nothing", 404))["error"] == "not_found"
