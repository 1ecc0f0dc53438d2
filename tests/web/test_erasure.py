"""Erasing on the page: a post, a note, everything; and what others see afterwards."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from pytest_aiohttp import AiohttpServer

from node.actions import backup
from node.actions.backup import Made
from node.app import Node
from node.settings import Settings
from node.web.app import build_app
from node.web.languages import LANGUAGES
from tests.web.conftest import PASSPHRASE, Clock, post, set_up
from tests.web.reader import Neighbor, Person
from tests.web.test_every_page import check
from tests.web.test_reissues import NEW, code_for

DAY_S = 86_400
WORD = "Zanzibarzipan"


def raw(node: Node) -> str:
    """Everything in the tables, as SQL."""
    return "\n".join(node.connection.iterdump()).lower()


def holds(node: Node, word: str) -> bool:
    dump = raw(node)
    return word.lower() in dump or word.encode().hex() in dump or word.lower().encode().hex() in dump


async def test_a_member_erases_a_post_for_good(
    node: Node, ines: Person, neighbor: Neighbor, clock: Clock
) -> None:
    tomas = await neighbor("Tomás")
    private = {"contact": f"{WORD} 0171", "notes": f"{WORD} by night"}
    path = await post(tomas, "need", f"A {WORD} for two", text=f"with {WORD}", **private)
    assert holds(node, WORD)

    await tomas.open(path)
    assert "Taking it down leaves the words" in tomas.page.text
    await tomas.open(path + "/erase")
    assert "Erase this for good?" in tomas.page.heading and "Nobody can bring them back" in tomas.page.text
    assert holds(node, WORD), "asking changes nothing"
    await tomas.press("Erase it for good")
    assert tomas.page.path == path.replace("/posts/", "/erased/") + "?said=erased"
    assert "Erased by you on May 18, 2033." in tomas.page.text and "It is gone here." in tomas.page.text
    assert WORD not in tomas.page.html and not holds(node, WORD)

    await ines.open(path)
    assert ines.page.status == 410 and "Erased by its author on May 18, 2033." in ines.page.text
    assert WORD not in ines.page.html
    assert WORD not in (await ines.open("/board")).html
    await tomas.open(path + "/edit")
    assert tomas.page.status == 404
    await tomas.open("/profile")
    assert "/erased" in tomas.page.links
    assert "Need or offer" in (await tomas.open("/erased")).text
    clock.now_s += 40 * DAY_S
    node.records.expire()
    await tomas.open("/sign-in")
    await tomas.press("Sign in", name="Tomás", passphrase=PASSPHRASE)
    assert "Nothing has been erased." in (await tomas.open("/erased")).text
    assert (await tomas.open(path)).status == 404


async def test_nobody_erases_what_others_posted_but_a_coordinator_may(
    node: Node, ines: Person, neighbor: Neighbor
) -> None:
    tomas, bea = await neighbor("Tomás"), await neighbor("Bea")
    path = await post(tomas, "need", f"{WORD}, unkind", contact=WORD)
    await bea.open(path)
    assert "Erase" not in bea.page.text
    assert (await bea.open(path + "/erase")).status == 403
    await bea.open(await post(bea, "need", "My own"))
    csrf = dict(bea.page.forms[0].fields)["csrf"]
    assert (await bea.send(path + "/erase", {"csrf": csrf}, Origin=bea.base)).status == 403
    assert holds(node, WORD)

    await ines.open(path + "/erase")
    assert "The author sees that it was you." in ines.page.text
    await ines.press("Erase it for good")
    assert not holds(node, WORD)
    assert "Erased by Ines for the neighborhood on May 18, 2033." in (await tomas.open("/erased")).text
    assert "Erased by its neighborhood on" in (await bea.open(path)).text, "others are not told who"
    assert "Nothing has been erased" in (await bea.open("/erased")).text


async def test_a_promise_to_a_post_that_is_erased(node: Node, ines: Person, neighbor: Neighbor) -> None:
    tomas = await neighbor("Tomás")
    path = await post(ines, "need", f"A ride with {WORD}")
    await tomas.open(path + "/help")
    await tomas.press("Send", note="I have a van.")
    await ines.open(path)
    await ines.press("Yes, please", note=f"Ring at {WORD}")
    await ines.open(path + "/erase")
    assert "nothing is arranged any more" in ines.page.text
    await ines.press("Erase it for good")
    assert not holds(node, WORD), "what the poster replied is the poster's, and gone too"
    await tomas.open("/inbox")
    assert "Off: the post was erased" in tomas.page.text and "A post that was erased" in tomas.page.text
    assert "I have a van." in tomas.page.text, "what the helper wrote is the helper's"
    (link,) = [link for link in tomas.page.links if "/erase-note" in link]
    await tomas.open(link)
    await tomas.press("Erase the note")
    assert "Your note is erased." in tomas.page.text and not holds(node, "I have a van.")
    assert not [link for link in tomas.page.links if "/erase-note" in link]
    assert (await tomas.open(link)).status == 409


async def test_notes_of_what_is_done_can_go_and_the_promise_stays(
    node: Node, ines: Person, neighbor: Neighbor
) -> None:
    tomas = await neighbor("Tomás")
    path = await post(ines, "need", "A ride")
    await tomas.open(path + "/help")
    await tomas.press("Send", note="Marzipan at dawn")
    await ines.open(path)
    await ines.press("Yes, please", note="Quincejam Lane 9")
    assert not [link for link in ines.page.links if "/erase-note" in link], "not while it is going"
    await ines.open(path)
    await ines.press("It is done")
    await ines.open("/inbox")
    (link,) = [link for link in ines.page.links if "/erase-note" in link]
    await ines.open(link)
    assert "Quincejam Lane 9" in ines.page.text
    await ines.press("Erase the note")
    assert not holds(node, "Quincejam") and holds(node, "Marzipan")
    await tomas.open("/inbox")
    assert "Done" in tomas.page.text and "Quincejam" not in tomas.page.text
    assert "Done" in (await ines.open(path)).text, "what was done stays done"


async def test_a_renewed_post_takes_its_earlier_runs_along(node: Node, ines: Person) -> None:
    path = await post(ines, "offer", WORD, text=WORD)
    await ines.open(path)
    await ines.open(path + "/withdraw")
    await ines.press("Take it down")
    await ines.open(path)
    await ines.press("Renew")
    fresh = ines.page.path.partition("?")[0]
    assert fresh != path and holds(node, WORD)
    await ines.open(fresh + "/erase")
    await ines.press("Erase it for good")
    assert not holds(node, WORD)
    assert (await ines.open(path)).status == (await ines.open(fresh)).status == 410


async def test_backups_that_still_hold_the_words_are_named(
    node: Node, ines: Person, neighbor: Neighbor, clock: Clock
) -> None:
    tomas = await neighbor("Tomás")

    def made() -> None:
        backup.record_made(node, Made(node.settings.data, node.now(), 1, b"", 1), "page")

    made()
    clock.now_s += DAY_S
    path = await post(tomas, "need", WORD)
    clock.now_s += DAY_S
    made()
    clock.now_s += DAY_S
    await tomas.open(path + "/erase")
    await tomas.press("Erase it for good")
    clock.now_s += DAY_S
    made()
    await ines.open("/erased")
    assert ines.page.text.count("still holds the words") == 1
    assert "The backup of May 20, 2033 still holds the words." in ines.page.text


async def test_somebody_leaves_and_only_numbers_stay(node: Node, ines: Person, neighbor: Neighbor) -> None:
    tomas = await neighbor("Tomás")
    await tomas.open("/profile")
    await tomas.press("Save", about=f"I like {WORD}", contact=f"{WORD} 4", area="Mill", languages="es")
    own = await post(tomas, "offer", f"{WORD} lessons", contact=WORD)
    met, going = await post(ines, "need", "Digging"), await post(ines, "need", "Watering")
    for path in (met, going):
        await tomas.open(path + "/help")
        await tomas.press("Send", note=WORD, name_shown=f"Tom {WORD}"[:40])
        await ines.open(path)
        await ines.press("Yes, please")
    await ines.open(met)
    await ines.press("It is done")
    await tomas.open("/hours/new")
    partner = tomas.page.html.partition('">Ines, ')[0].rpartition('"')[2]
    await tomas.press("Record", partner=partner, gave="yes", category="garden", hours="2")
    await ines.open("/inbox")
    await ines.press("Confirm")

    await tomas.open("/profile/leave")
    assert "1 need or offer" in tomas.page.text and "1 exchange of hours" in tomas.page.text
    assert "1 is still going" in tomas.page.text
    await tomas.press("Leave and erase everything", passphrase="not this one")
    assert tomas.page.status == 403 and holds(node, WORD)
    await tomas.press("Leave and erase everything", passphrase="")
    assert tomas.page.status == 400
    await tomas.press("Leave and erase everything", passphrase=PASSPHRASE)
    assert "You have left" in tomas.page.text and tomas.page.path.startswith("/sign-in")
    assert not holds(node, WORD) and "tomás" not in raw(node)
    assert (await tomas.open("/board")).path == "/sign-in"
    await tomas.open("/sign-in")
    assert (await tomas.press("Sign in", name="Tomás", passphrase=PASSPHRASE)).status == 403

    await ines.open("/hours")
    assert "A neighbor who left" in ines.page.text and "Received 2 h" in ines.page.text
    given, received = node.connection.execute(
        "SELECT sum(minutes), sum(minutes) FROM view_claims WHERE state = 'confirmed'"
    ).fetchone()
    assert given == received == 120, "each hour stands with a giver and a receiver"
    await ines.open("/inbox")
    assert "Released" in ines.page.text and "A neighbor who left" in ines.page.text
    assert "Open" in (await ines.open(going)).text, "the place is free again"
    assert "Done" in (await ines.open(met)).text, "what was done stays done"
    assert (await ines.open(own)).status == 410
    assert "Tomás" not in (await ines.open("/people")).text
    assert "Tomás" not in (await ines.open("/erased")).html and "Profile" in ines.page.text
    assert "A neighbor who left" not in (await ines.open("/hours/new")).text, "no hours with who is not here"
    await ines.press("Deutsch")
    assert "Jemand, der weggegangen ist" in (await ines.open("/hours")).text


async def test_the_last_coordinator_stays_until_there_is_another(
    node: Node, ines: Person, neighbor: Neighbor
) -> None:
    await ines.open("/profile/leave")
    await ines.press("Leave and erase everything", passphrase=PASSPHRASE)
    assert ines.page.status == 409 and "Make somebody else one first." in ines.page.text
    tomas = await neighbor("Tomás")
    await ines.open("/people")
    (role,) = [link for link in ines.page.links if link.endswith("/role") and node_key(node, "Tomás") in link]
    await ines.open(role)
    await ines.press("Make a coordinator")
    await ines.open("/profile/leave")
    await ines.press("Leave and erase everything", passphrase=PASSPHRASE)
    assert "You have left" in ines.page.text
    assert "Ines" not in (await tomas.open("/people")).text


def node_key(node: Node, name: str) -> str:
    row = node.connection.execute("SELECT key FROM members WHERE name = ?", (name,)).fetchone()
    return str(row[0].hex())


async def test_everything_of_somebody_who_cannot_sign_in_any_more(
    node: Node, ines: Person, neighbor: Neighbor
) -> None:
    tomas, bea = await neighbor("Tomás"), await neighbor("Bea")
    path = await post(tomas, "need", WORD, contact=WORD)
    key = node_key(node, "Tomás")
    assert (await bea.open(f"/people/{key}/remove")).status == 403
    await ines.open(f"/people/{key}/remove")
    await ines.press("Remove and erase everything")
    assert not holds(node, WORD) and "tomás" not in raw(node)
    assert (await ines.open(path)).status == 410
    assert "Erased by Ines for the neighborhood" in ines.page.text
    assert (await tomas.open("/board")).path == "/sign-in", "signed out at once"
    await ines.open(f"/people/{node_key(node, 'Ines')}/remove")
    await ines.press("Remove and erase everything")
    assert ines.page.status == 409


async def test_with_a_new_passphrase_what_the_old_key_said_can_be_erased(
    node: Node, ines: Person, neighbor: Neighbor, person: Callable[..., Person]
) -> None:
    tomas = await neighbor("Tomás")
    await tomas.open("/profile")
    await tomas.press("Save", about=WORD, contact="", area="", languages="")
    first, second = await post(tomas, "need", f"{WORD} one", contact=WORD), await post(tomas, "need", WORD)
    again = person()
    await again.open(await code_for(ines, "Tomás"))
    await again.press("Use this passphrase", passphrase=NEW, passphrase_again=NEW)
    await again.open(first + "/erase")
    await again.press("Erase it for good")
    assert "Erased by you on" in again.page.text, again.page.text
    assert holds(node, WORD)
    await again.open("/profile/leave")
    await again.press("Leave and erase everything", passphrase=NEW)
    assert "You have left" in again.page.text
    assert not holds(node, WORD) and "tomás" not in raw(node)
    assert node.connection.execute("SELECT count(*) FROM former_keys").fetchone() == (0,)
    assert (await ines.open(second)).status == 410


@pytest.mark.parametrize("language", LANGUAGES)
async def test_its_pages_are_sound(node: Node, ines: Person, neighbor: Neighbor, language: str) -> None:
    tomas = await neighbor("Tomás")
    own, other = await post(ines, "need", "Mine"), await post(tomas, "need", "His")
    gone = await post(ines, "need", "Gone")
    await tomas.open(gone + "/help")
    await tomas.press("Send", note="Here")
    for path in (gone, await post(tomas, "need", "Moderated")):
        await ines.open(path + "/erase")
        await ines.press("Erase it for good")
    backup.record_made(node, Made(node.settings.data, node.now(), 1, b"", 1), "page")
    for who in (ines, tomas):
        if language != "en":
            await who.press(LANGUAGES[language])
    erased = gone.replace("/posts/", "/erased/")
    removing = f"/people/{node_key(node, 'Tomás')}/remove"
    for path in (own, own + "/erase", other + "/erase", "/erased", erased, "/profile/leave", removing, gone):
        check(await ines.open(path), language)
    check(await tomas.open("/inbox"), language)
    (note,) = [link for link in tomas.page.links if "/erase-note" in link]
    check(await tomas.open(note), language)
    async with ines.client.get("/api/erased") as answer:
        items = (await answer.json())["items"]
    assert [item["kind"] for item in items] == ["post", "post"] and all(item["places"] for item in items)


async def test_files_that_were_set_aside_are_named_for_coordinators(
    tmp_path: Path, clock: Clock, aiohttp_server: AiohttpServer
) -> None:
    node = Node(Settings(data=tmp_path, hosts=("barn.example",)), clock=clock)
    server = await aiohttp_server(build_app(node))
    ines = Person(str(server.make_url("")).rstrip("/"))
    await set_up(node, ines)
    await ines.press("I have it", have_it="yes")
    (tmp_path / "before-restore-1").mkdir()
    assert "may still hold" not in (await ines.open("/erased")).text, "nothing was erased yet"
    path = await post(ines, "need", WORD)
    await ines.open(path + "/erase")
    await ines.press("Erase it for good")
    assert "may still hold erased words: before-restore-1." in (await ines.open("/erased")).text
    await ines.client.close()
    node.close()
