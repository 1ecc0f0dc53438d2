"""From "I can help" to confirmed hours, as Ines and Tomás see it on their pages."""

from __future__ import annotations

import pytest

from node.app import Node
from node.store import neighbors
from protocol.scopes import DAY_S
from tests.protocol.helpers import Neighborhood
from tests.web.conftest import PASSPHRASE, Clock, post
from tests.web.reader import Neighbor, Page, Person


@pytest.fixture
async def tomas(neighbor: Neighbor) -> Person:
    return await neighbor("Tomás")


async def answer(who: Person, path: str, button: str = "I can help", **entered: str) -> None:
    """Press the button of a post, then send the form behind it."""
    page = await who.open(path)
    assert button in page.text, page.text
    await who.open(f"{path}/help")
    assert who.page.heading == button
    await who.press("Send", **entered)
    assert who.page.path == f"{path}?said=help_offered", who.page.text


def balance(page: Page) -> list[str]:
    """Given, received and balance, as shown."""
    figures = page.html.partition('class="card balance"')[2].split("<dd>")[1:4]
    return [figure.partition("<")[0].replace("\N{NO-BREAK SPACE}", " ") for figure in figures]


async def test_one_evening_from_a_need_to_confirmed_hours(ines: Person, tomas: Person) -> None:
    path = await post(ines, "need", "Digging over two beds", "garden")
    await answer(tomas, path, note="I have my own spade.", name_shown="Tomás the digger")
    assert "Waiting for their answer" in (await tomas.open("/inbox")).text

    await ines.open("/board")
    assert 'class="count">1<' in ines.page.html, "the inbox says that something waits"
    await ines.open("/inbox")
    assert "Tomás the digger from Riverbend answered you." in ines.page.text
    assert "I have my own spade." in ines.page.text
    await ines.press("Yes, please")
    assert ines.page.path == "/inbox?said=agreed" and 'class="count"' not in ines.page.html
    assert "Arranged" in (await tomas.open(path)).text

    await tomas.press("It is done")
    assert tomas.page.path == f"{path}?said=done"
    (record,) = [link for link in tomas.page.links if link.startswith("/hours/new?promise=")]
    await tomas.open(record)
    assert "You helped Ines ." in tomas.page.text, "who helped follows from the promise"
    await tomas.press("Record", hours="1", minutes="30")
    assert tomas.page.path == "/hours?said=recorded" and balance(tomas.page) == ["0 h", "0 h", "0 h"]
    assert "waiting for the other side" in tomas.page.text

    await ines.open("/inbox")
    assert (
        "Hours to confirm" in ines.page.text and "1\N{NO-BREAK SPACE}h\N{NO-BREAK SPACE}30" in ines.page.html
    )
    await ines.press("Confirm")
    assert ines.page.path == "/inbox?said=confirmed"
    assert balance(await ines.open("/hours")) == ["0 h", "1 h 30 min", "\N{MINUS SIGN}1 h 30 min"]
    assert balance(await tomas.open("/hours")) == ["1 h 30 min", "0 h", "1 h 30 min"]
    assert "That is fine" in ines.page.text and "debt" not in ines.page.html.lower()


async def test_who_answers_an_offer_has_received(ines: Person, tomas: Person) -> None:
    path = await post(ines, "offer", "An hour of English", "language")
    await answer(tomas, path, "I would like this")
    await ines.open("/inbox")
    await ines.press("Yes, please")
    (record,) = [link for link in (await tomas.open("/inbox")).links if "/hours/new?" in link]
    await tomas.open(record)
    assert "Ines helped you." in tomas.page.text
    await tomas.press("Record", hours="1")
    await ines.open("/hours")
    await ines.press("Confirm")
    assert balance(await ines.open("/hours"))[0] == "1 h"


async def test_declining_releasing_and_what_did_not_happen_open_the_place_again(
    ines: Person, tomas: Person
) -> None:
    path = await post(ines, "need", "Digging over two beds", "garden")

    await answer(tomas, path)
    await ines.open(path)
    await ines.press("Not this time")
    assert ines.page.path == f"{path}?said=declined" and "Not this time" in ines.page.text

    await answer(tomas, path)
    await ines.open(path)
    await ines.press("Yes, please")
    assert f"{path}/help" not in (await tomas.open(path)).links
    (release,) = [link for link in tomas.page.links if "/release?" in link]
    await tomas.open(release)
    assert "nobody holds it against you" in tomas.page.text
    assert "Arranged" in (await ines.open(path)).text, "asking has changed nothing yet"
    await tomas.open(release)
    await tomas.press("Release")
    assert tomas.page.path == f"{path}?said=released" and f"{path}/help" in tomas.page.links

    await answer(tomas, path)
    await ines.open(path)
    await ines.press("Yes, please")
    (no_show,) = [link for link in ines.page.links if "/no-show?" in link]
    await ines.open(no_show)
    assert "no mark against anybody" in ines.page.text
    await ines.press("It did not happen")
    assert ines.page.path == f"{path}?said=no_show" and f"{path}/help" in (await tomas.open(path)).links


async def test_a_promise_that_is_over_says_so_though_its_post_is_gone(
    node: Node, ines: Person, tomas: Person, clock: Clock
) -> None:
    path = await post(ines, "need", "Digging over two beds", "garden")
    await answer(tomas, path)
    (promise,) = node.connection.execute("SELECT expires FROM view_promises").fetchone()
    clock.now_s = promise * DAY_S
    node.records.expire()
    await tomas.open("/sign-in")
    await tomas.press("Sign in", name="Tomás", passphrase=PASSPHRASE)
    assert node.connection.execute("SELECT count(*) FROM view_posts").fetchone() == (0,)
    assert "Ended without an answer" in (await tomas.open("/inbox")).text, tomas.page.text


async def test_a_step_that_is_no_longer_possible_says_so(ines: Person, tomas: Person) -> None:
    path = await post(ines, "need", "Digging over two beds", "garden")
    await answer(tomas, path)
    await ines.open(path)
    stale = ines.page
    await ines.press("Yes, please")
    ines.page = stale
    await ines.press("Not this time")
    assert ines.page.status == 409 and "changed in the meantime" in ines.page.text
    assert (await tomas.open(f"{path}/help")).status == 409
    assert "already" in tomas.page.text


async def test_nobody_takes_steps_with_promises_of_others(
    ines: Person, tomas: Person, neighbor: Neighbor
) -> None:
    path = await post(ines, "need", "Digging over two beds", "garden")
    await answer(tomas, path)
    step = (await ines.open(path)).form("Yes, please").action
    priya = await neighbor("Priya")
    assert "Answers" not in (await priya.open(path)).text
    token = dict(priya.page.form("Sign out").fields)["csrf"]
    for word in ("agree", "decline", "done", "release", "no-show"):
        page = await priya.send(step.replace("/agree", f"/{word}"), {"csrf": token})
        assert page.status in (403, 409), word
    assert (await priya.open(step.replace("/agree", "/release"))).status == 404
    assert "Waiting for an answer" in (await ines.open(path)).text


async def record(who: Person, other: str, hours: str = "1", **entered: str) -> None:
    await who.open("/hours/new")
    value = next(v for v in who.page.html.split('<option value="')[1:] if f">{other}, " in v).partition('"')[
        0
    ]
    await who.press("Record", partner=value, hours=hours, **({"gave": "yes", "category": "garden"} | entered))


async def test_hours_without_a_promise_and_another_exchange_on_that_day(ines: Person, tomas: Person) -> None:
    await record(ines, "Tomás")
    await record(ines, "Tomás", minutes="15")
    assert ines.page.status == 409 and "tick the box" in ines.page.text
    assert dict(ines.page.form("Record").fields)["minutes"] == "15"
    await ines.press("Record", another="yes")
    assert ines.page.path == "/hours?said=recorded"
    for _ in range(2):
        await tomas.open("/hours")
        await tomas.press("Confirm")
    assert balance(await tomas.open("/hours")) == ["0 h", "2 h 15 min", "\N{MINUS SIGN}2 h 15 min"]


async def test_a_partner_who_shows_no_name_is_a_neighbor_there(ines: Person, node: Node) -> None:
    oak = Neighborhood("Oak")
    bea = oak.member("Bea")
    with node.records.transaction():
        neighbors.set_neighbor(node.connection, oak.id, "linked", name="Oak")
        node.records.known_changed()
        node.records.add(oak.inception.message)
    path = await post(ines, "need", "Digging over two beds", "garden")
    about = node.records.version(bytes.fromhex(path.rpartition("/")[2]))
    assert (
        about is not None
        and node.records.add(bea.commit(about, created=about.created).message).outcome == "new"
    )
    await ines.open("/inbox")
    await ines.press("Yes, please")
    assert ">A neighbor, Oak<" in (await ines.open("/hours/new")).html


async def test_a_form_for_hours_says_what_is_missing(ines: Person, tomas: Person) -> None:
    await ines.open("/hours/new")
    page = await ines.press("Record", date="yesterday", hours="25", minutes="x")
    wanted = [
        "#field-partner",
        "#field-gave",
        "#field-category",
        "#field-date",
        "#field-hours",
        "#field-minutes",
    ]
    assert [field for field, _ in page.errors] == wanted
    assert all(field.removeprefix("#") in page.ids for field in wanted)
    await record(ines, "Tomás", hours="0")
    assert ines.page.errors == [("#field-hours", "Please say how long it took, up to 24 hours.")]


async def test_marking_as_wrong_and_correcting(ines: Person, tomas: Person, clock: Clock) -> None:
    await record(ines, "Tomás", hours="3")
    (wrong,) = [link for link in (await tomas.open("/hours")).links if link.endswith("/dispute")]
    await tomas.open(wrong)
    await tomas.press("Mark as wrong")
    assert "Marked as wrong" in tomas.page.text and balance(tomas.page)[1] == "0 h"

    await tomas.press("Confirm")  # they have talked: it was right after all
    assert balance(tomas.page)[1] == "3 h"
    clock.now_s += 60
    (correct,) = [link for link in tomas.page.links if link.endswith("/correct")]
    await tomas.open(correct)
    assert dict(tomas.page.form("Send the correction").fields)["hours"] == "3"
    await tomas.press("Send the correction", hours="0", minutes="45")
    assert balance(tomas.page)[1] == "3 h", "the old number counts until both agree"
    await ines.open("/hours")
    await ines.press("Confirm")
    assert balance(await tomas.open("/hours"))[1] == "45 min"


async def test_a_confirmed_hour_of_others_is_nobodys_business(
    ines: Person, tomas: Person, neighbor: Neighbor
) -> None:
    await record(ines, "Tomás")
    path = (await tomas.open("/hours")).form("Confirm").action
    priya = await neighbor("Priya")
    token = dict((await priya.open("/hours")).form("Sign out").fields)["csrf"]
    assert "Tomás" not in priya.page.text
    assert (await priya.send(path, {"csrf": token})).status == 403
    assert (await priya.open(path.replace("/confirm", "/correct"))).status == 404
