"""Posting needs and offers, finding them again, and changing one's mind."""

from __future__ import annotations

import pytest

from tests.web.conftest import Clock, post
from tests.web.reader import Neighbor, Page, Person

PRIVATE = {
    "contact": "0171 5550134",
    "address": "Mill Lane 12, second bell",
    "household": "two adults and Bello",
    "notes": "prefers a call",
}


def titles(page: Page) -> list[str]:
    return [part.partition("</a>")[0].partition(">")[2] for part in page.html.split('dir="auto"><a ')[1:]]


async def test_a_need_and_an_offer_on_the_board(ines: Person, neighbor: Neighbor, clock: Clock) -> None:
    tomas = await neighbor("Tomás")
    details = {
        "text": "From eight.\nNo stairs, please.",
        "area": "Mill Lane",
        "when": "Thursday",
        "urgency": "urgent",
    }
    ride = await post(ines, "need", "Ride to the eye clinic", slots="2", **details)
    clock.now_s += 60
    await post(tomas, "offer", "Una escalera larga", "tools", what="lend", language="es")

    assert titles(await tomas.open("/board")) == ["Una escalera larga", "Ride to the eye clinic"]
    assert 'lang="es" dir="auto"><a' in tomas.page.html
    page = await tomas.open(ride)
    for shown in (
        "Need",
        "Urgent",
        "Open",
        "No stairs, please.",
        "Mill Lane",
        "Thursday",
        "2 of 2 open",
        "Ines",
    ):
        assert shown in page.text
    assert f"{ride}/help" in page.links and f"{ride}/edit" not in page.links


@pytest.mark.parametrize(
    ("asked", "found"),
    [
        ("", ["Long ladder", "Ride to the clinic", "Soup for six"]),
        ("type=need", ["Ride to the clinic"]),
        ("type=offer&q=soup", ["Soup for six"]),
        ("q=CLINIC", ["Ride to the clinic"]),
        ("category=tools", ["Long ladder"]),
        ("where=here", ["Long ladder", "Ride to the clinic", "Soup for six"]),
        ("where=region", []),
        ("mine=1", ["Long ladder", "Ride to the clinic"]),
        ("type=nonsense&where=nonsense", ["Long ladder", "Ride to the clinic", "Soup for six"]),
        ("q=umbrella", []),
    ],
)
async def test_searching_and_filtering(
    ines: Person, neighbor: Neighbor, asked: str, found: list[str]
) -> None:
    tomas = await neighbor("Tomás")
    await post(tomas, "offer", "Soup for six", "food")
    await post(ines, "need", "Ride to the clinic")
    await post(ines, "offer", "Long ladder", "tools", what="lend")
    page = await ines.open(f"/board?{asked}")
    assert sorted(titles(page)) == found
    assert ("Nothing matches that." in page.text) == (not found)


async def test_the_search_form_keeps_what_was_chosen(ines: Person) -> None:
    await post(ines, "need", "Ride to the clinic")
    await post(ines, "offer", "Clinic visits on wheels")
    await ines.open("/board?type=need")
    page = await ines.press("Search", q="clinic", category="rides", where="here")
    assert titles(page) == ["Ride to the clinic"]
    assert {"type": "need", "q": "clinic", "category": "rides", "where": "here"}.items() <= dict(
        page.form("Search").fields
    ).items()


async def test_paging_by_cursor(ines: Person, clock: Clock) -> None:
    for number in range(35):
        clock.now_s += 60
        await post(ines, "offer", f"Offer {number:02}")
    first = titles(await ines.open("/board?type=offer"))
    (more,) = [link for link in ines.page.links if "cursor=" in link]
    assert "type=offer" in more
    rest = titles(await ines.open(more))
    assert first + rest == [f"Offer {number:02}" for number in reversed(range(35))]
    assert "/board?type=offer" in ines.page.links, "the way back to the newest"
    assert ines.page.text.count("Show more") == 0


async def test_a_sheet_to_print(ines: Person) -> None:
    await post(ines, "need", "Ride to the clinic", **PRIVATE)
    await ines.open("/board")
    (sheet,) = [link for link in ines.page.links if "/print" in link]
    page = await ines.open(sheet)
    assert "Needs and offers in Riverbend" in page.text and "Ride to the clinic" in page.text
    assert not any(words in page.html for words in PRIVATE.values())


async def test_private_details_are_for_the_poster_and_coordinators(ines: Person, neighbor: Neighbor) -> None:
    tomas, priya = await neighbor("Tomás"), await neighbor("Priya")
    path = await post(tomas, "need", "Ride to the clinic", **PRIVATE)
    for who, sees in ((tomas, True), (ines, True), (priya, False)):
        page = await who.open(path)
        assert [words in page.html for words in PRIVATE.values()] == [sees] * 4
        for elsewhere in ("/board", "/board/print", "/people"):
            page = await who.open(elsewhere)
            assert not any(words in page.html for words in PRIVATE.values())


async def test_errors_are_shown_at_the_top_and_nothing_entered_is_lost(ines: Person) -> None:
    await ines.open("/posts/new?type=offer")
    entered = {"text": "Two lines\nof text", "slots": "many", "where": "region", "household": "two cats"}
    page = await ines.press(
        "Put the offer on the board", what="lend", urgency="low", language="uk", **entered
    )
    assert page.status == 400 and page.title.startswith("Error:")
    assert [field for field, _ in page.errors] == ["#field-title", "#field-category", "#field-slots"]
    assert all(field.removeprefix("#") in page.ids for field, _ in page.errors)
    held = dict(page.form("Put the offer on the board").fields)
    assert {
        **entered,
        "what": "lend",
        "urgency": "low",
        "language": "uk",
        "type": "offer",
    }.items() <= held.items()
    page = await ines.press("Put the offer on the board", title="x" * 121, category="rides", slots="1")
    assert (
        "121 characters long" in page.text and dict(page.form("Put the offer on the board").fields)["title"]
    )


async def test_a_shared_post_needs_a_region(ines: Person) -> None:
    await ines.open("/posts/new")
    assert "Only members of your neighborhood see it" in ines.page.text
    assert "Every neighborhood of your coalition sees" in ines.page.text
    page = await ines.press("Put the need on the board", title="A ride", category="rides", where="region")
    assert page.status == 400 and "not in a coalition yet" in page.text


async def test_changing_pausing_and_taking_down(ines: Person, neighbor: Neighbor) -> None:
    tomas = await neighbor("Tomás")
    path = await post(tomas, "need", "Ride to the clinic", **PRIVATE)

    await tomas.open(f"{path}/edit")
    assert dict(tomas.page.form("Save changes").fields)["contact"] == PRIVATE["contact"]
    await tomas.press("Save changes", title="Ride to the eye clinic", contact="the blue door")
    assert tomas.page.path == f"{path}?said=edited"
    assert "Ride to the eye clinic" in tomas.page.text and "the blue door" in tomas.page.text

    await tomas.press("Pause")
    assert "Paused" in tomas.page.text
    assert f"{path}/help" not in (await ines.open(path)).links
    assert (await ines.open(f"{path}/help")).status == 409
    await tomas.press("Open again")
    assert f"{path}/help" in (await ines.open(path)).links

    await tomas.open(f"{path}/withdraw")
    assert "leaves the board for good" in tomas.page.text
    assert "Ride to the eye clinic" in titles(await ines.open("/board"))
    await tomas.open(f"{path}/withdraw")
    await tomas.press("Take it down")
    assert tomas.page.path == "/board?said=withdrawn"
    assert titles(await ines.open("/board")) == []
    await tomas.open(path)
    await tomas.press("Renew")
    assert tomas.page.path.endswith("?said=renewed") and not tomas.page.path.startswith(path)
    assert titles(await ines.open("/board")) == ["Ride to the eye clinic"]


async def test_nobody_changes_what_is_not_theirs(ines: Person, neighbor: Neighbor) -> None:
    tomas = await neighbor("Tomás")
    path = await post(tomas, "need", "Ride to the clinic")
    for step in ("edit", "withdraw", "share"):
        assert (await ines.open(f"{path}/{step}")).status == 409, step
    token = dict((await ines.open("/board")).form("Sign out").fields)["csrf"]
    for step in ("edit", "withdraw", "share", "pause", "resume", "renew"):
        page = await ines.send(f"{path}/{step}", {"csrf": token, "title": "Mine now"})
        assert page.status in (403, 409), step
    assert "Ride to the clinic" in (await tomas.open(path)).text and "Open" in tomas.page.text


async def test_what_is_not_there(ines: Person) -> None:
    for path in (
        "/posts/" + "0" * 64,
        "/posts/xyz",
        "/promises/" + "0" * 64 + "/release",
        "/posts/" + "A" * 64,
    ):
        page = await ines.open(path)
        assert page.status == 404 and page.heading == "That did not work", path
