"""A stolen node and lost sheets at the page: wrong words are named, nothing happens without a tick."""

from __future__ import annotations

import re

import pytest

from node import sheets
from node.actions import neighborhoods, restored, setup
from node.actions.acting import say
from node.app import Node
from node.keys import new_node_keys
from node.store import neighbors
from node.web.codes import qr_svg
from protocol.kinds.accounts import Succession
from protocol.scopes import LOCAL_SCOPE
from tests.web.conftest import PASSPHRASE, linked_with, post, set_up
from tests.web.reader import Neighbor, Page, Person
from tests.web.test_every_page import check


def sheets_on(page: Page) -> list[str]:
    """The words of each sheet that a page shows."""
    found = re.findall(r"<li>([a-z]+)</li>", page.html)
    return [" ".join(found[at : at + 24]) for at in range(0, len(found), 24)]


@pytest.fixture
async def founded(node: Node, person) -> tuple[Person, str]:
    """Ines, and the words of her one sheet."""
    ines = person()
    (words,) = sheets_on(await set_up(node, ines))
    await ines.press("I have it", have_it="yes")
    return ines, words


async def five(ines: Person, words: str) -> list[str]:
    await ines.open("/recovery/sheets")
    made = await ines.press("Make new sheets", what="three_of_five", sure="yes", **{"sheet-1": words})
    assert made.status == 200, made.text
    return sheets_on(made)


async def test_a_new_key_needs_the_words_and_a_tick(founded: tuple[Person, str], node: Node) -> None:
    ines, words = founded
    await post(ines, "need", "Ride to the clinic")
    before = node.node_keys.public
    await ines.open("/people")
    assert "/recovery" in ines.page.links
    assert "There is one recovery sheet." in (await ines.open("/recovery")).text
    await ines.open("/recovery/key")
    await ines.press("Make a new key", **{"sheet-1": words})
    assert ines.page.status == 400 and ines.page.errors[0][0] == "#field-sure"
    assert words in ines.page.html, "what was typed is still there"
    wrong = words.rpartition(" ")[0] + " <b>zzzz"
    for typed, said in (
        (wrong.replace("<b>", ""), "Word 24, “zzzz”, is not on the list"),
        (words.rpartition(" ")[0], "these are 23"),
        ("", "Please type the 24 words of a sheet."),
        ("abandon " * 23 + "art", "belongs to another neighborhood"),
    ):
        page = await ines.press("Make a new key", sure="yes", **{"sheet-1": typed})
        assert page.status == 400 and page.errors[0][0] == "#field-sheet-1"
        assert said in page.errors[0][1], page.errors
        check(page, "en")
    assert node.node_keys.public == before

    await ines.press("Make a new key", sure="yes", **{"sheet-1": words.upper()})
    assert ines.page.path.startswith("/recovery/replaced?signed="), ines.page.text
    assert node.node_keys.public != before and node.key_is_current
    count = int(ines.page.path.rpartition("=")[2])
    assert count >= 2 and f"{count} records were signed anew." in ines.page.text
    check(ines.page, "en")
    after = node.node_keys.public
    assert (await ines.open(ines.page.path)).status == 200 and node.node_keys.public == after
    assert "Ride to the clinic" in (await ines.open("/board")).text
    for nonsense in ("x", "²", "9" * 5000, "-1"):
        assert "0 records were signed" in (await ines.open(f"/recovery/replaced?signed={nonsense}")).text


async def test_five_sheets_then_a_lost_one_then_a_key_by_three(
    founded: tuple[Person, str], node: Node
) -> None:
    ines, words = founded
    key = node.node_keys.public
    sheets = await five(ines, words)
    assert len(sheets) == 5 and node.node_keys.public == key
    assert "sheet 5 of 5" in ines.page.text and "The earlier sheets count no more." in ines.page.text
    check(ines.page, "en")
    again = await ines.press("I have it")
    assert again.status == 400 and sheets_on(again) == sheets, "they are not lost for want of a tick"
    await ines.press("I have it", have_it="yes")
    assert ines.page.path == "/recovery?said=sheets_replaced"
    assert "Any 3 of them together" in ines.page.text

    await ines.open("/recovery/sheets")
    fields = {"what": "replace", "number": "4", "sheet-1": sheets[0], "sheet-2": sheets[1]}
    await ines.press("Make new sheets", **fields)
    assert "tick this box" in ines.page.errors[0][1]
    await ines.press("Make new sheets", sure="yes", **fields | {"sheet-3": ""})
    assert ines.page.errors == [("", "Sheets entered: 2. 3 different sheets are needed.")]
    await ines.press("Make new sheets", sure="yes", **fields | {"sheet-3": sheets[1]})
    assert ines.page.errors == [("#field-sheet-3", "This is sheet 2 again. Each sheet counts once.")]
    made = await ines.press("Make new sheets", sure="yes", **fields | {"sheet-3": sheets[4]})
    (fresh,) = sheets_on(made)
    assert "sheet 4 of 5" in made.text and "The lost sheet counts no more" in made.text
    kept = await ines.press("I have it")
    assert sheets_on(kept) == [fresh] and "sheet 4 of 5" in kept.text
    await ines.press("I have it", have_it="yes")

    await ines.open("/recovery/key")
    typed = {"sheet-1": sheets[0], "sheet-2": sheets[3], "sheet-3": sheets[2]}
    await ines.press("Make a new key", sure="yes", **typed)
    assert "was replaced by a newer one" in ines.page.errors[0][1]
    assert ines.page.errors[0][0] == "#field-sheet-2" and node.node_keys.public == key
    await ines.press("Make a new key", sure="yes", **typed | {"sheet-2": fresh})
    assert "The node has a new key" in ines.page.text and node.node_keys.public != key


async def test_a_sheet_has_its_words_and_who_to_ask_as_a_square_code(
    founded: tuple[Person, str], node: Node
) -> None:
    ines, words = founded
    page = await ines.open("/recovery/sheets")
    (fresh,) = sheets_on(await ines.press("Make new sheets", what="one", sure="yes", **{"sheet-1": words}))
    own = setup.neighborhood(node)
    whose = f"Riverbend ({own.words})"
    assert "none yet. Write an address here" in ines.page.text
    assert str(qr_svg(sheets.code_text(fresh.split(), 1, 1, whose, []))) in ines.page.html

    neighbors.set_neighbor(
        node.connection, b"h" * 32, "linked", name="Oak Street", address="192.168.1.20:8420"
    )
    await ines.open("/recovery/sheets")
    read = sheets.code_text(fresh.split(), 1, 1, whose, ["Oak Street: 192.168.1.20:8420"])
    page = await ines.press("Make new sheets", what="three_of_five", sure="yes", **{"sheet-1": read})
    assert page.status == 200, "what a phone reads of the code can be pasted whole"
    five = sheets_on(page)
    assert page.text.count("Oak Street 192.168.1.20:8420") == 5
    for number, sheet in enumerate(five, 1):
        text = sheets.code_text(sheet.split(), number, 5, whose, ["Oak Street: 192.168.1.20:8420"])
        assert str(qr_svg(text)) in page.html
    check(page, "en")


async def test_a_restored_node_asks_neighbors_before_it_changes_keys(
    founded: tuple[Person, str], node: Node
) -> None:
    ines, words = founded
    assert "neighbors' nodes are asked" not in (await ines.open("/recovery/key")).text
    with node.records.transaction():
        restored.mark(node.connection, source="file", made=node.now() - 3_600, at=node.now())
    before = node.node_keys.public
    for path, button in (("/recovery/key", "Make a new key"), ("/recovery/sheets", "Make new sheets")):
        page = await ines.open(path)
        assert "neighbors' nodes are asked" in page.text
        check(page, "en")
        more = {"what": "one"} if button == "Make new sheets" else {}
        page = await ines.press(button, sure="yes", **{"sheet-1": words}, **more)
        assert page.status == 400 and "No neighbor's node could be reached" in page.text
        assert words in page.html and node.node_keys.public == before
    await ines.open("/recovery/key")
    page = await ines.press("Make a new key", sure="yes", address="127.0.0.1:1", **{"sheet-1": words})
    assert page.errors[0][0] == "#field-address" and node.node_keys.public == before
    page = await ines.press("Make a new key", sure="yes", alone="yes", **{"sheet-1": words})
    assert page.path.startswith("/recovery/replaced") and node.node_keys.public != before


async def test_what_a_restored_node_holds_back_is_shown_and_a_coordinator_may_go_on(
    founded: tuple[Person, str], node: Node
) -> None:
    """A neighbor may know that it was erased. Whoever knows that none will be reached presses on."""
    ines, words = founded
    (session,) = node.sessions.values()
    oak = linked_with(node, "Oak Street")
    neighborhoods.found_coalition(node, session, name="Valley", agreement="", members=[oak.id])
    await post(ines, "need", "Ride to the clinic", where="region")
    assert "/recovery/held" not in (await ines.open("/recovery")).links
    with node.records.transaction():
        restored.mark(node.connection, source="file", made=node.now() - 3_600, at=node.now())
    await ines.open("/recovery/key")
    page = await ines.press("Make a new key", sure="yes", alone="yes", **{"sheet-1": words})
    assert "1 record waits until a neighbor's node is reached" in page.text
    assert "Ride to the clinic" not in (await ines.open("/board")).text
    await ines.open("/recovery")
    assert "/recovery/held" in ines.page.links and "This waits for a neighbor's node" in ines.page.text
    check(ines.page, "en")
    check(await ines.open("/recovery/held"), "en")
    page = await ines.press("Sign anew")
    assert "Signed anew." in page.text and "/recovery/held" not in page.links
    assert "Ride to the clinic" in (await ines.open("/board")).text


async def test_a_wrong_word_is_named_in_the_readers_language(founded: tuple[Person, str]) -> None:
    ines, words = founded
    await ines.open("/recovery")
    await ines.press("Deutsch")
    await ines.open("/recovery/key")
    typed = "rivver " + words.partition(" ")[2]
    page = await ines.press("Neuen Schlüssel erstellen", sure="yes", **{"sheet-1": typed})
    assert page.errors[0][1].startswith("Das Wort 1, „rivver“, steht nicht in der Liste"), page.errors
    assert page.errors[0][1].endswith("Ist es „river“?")
    check(page, "de")


async def test_the_rest_is_signed_anew_or_dropped_by_a_coordinator(
    founded: tuple[Person, str], node: Node, person
) -> None:
    ines, words = founded
    await ines.open("/people/invite")
    invitation = await ines.press("Make an invitation")
    (link, *_) = [link for link in invitation.links if "/join/" in link]
    walter = person()
    await walter.open(link[link.index("/join/") :])
    await walter.press("Join", name="Walter", passphrase=PASSPHRASE, passphrase_again=PASSPHRASE)
    await post(walter, "need", "Ride to the clinic")
    node.connection.execute("DELETE FROM members WHERE name = 'Walter'")
    stranger = new_node_keys(node.random).public
    lie = Succession(old=node.home, new=stranger).body()
    say(node, None, "succession", LOCAL_SCOPE, lie)

    await ines.open("/recovery/key")
    await ines.press("Make a new key", sure="yes", **{"sheet-1": words})
    assert "3 records that no member signed wait for your decision" in ines.page.text
    assert "waiting for you" not in ines.page.text, "that is the inbox's"
    assert "Ride to the clinic" not in (await ines.open("/board")).text
    page = await ines.open("/recovery")
    assert "Walter" in page.text and "Needs and offers: 1" in page.text
    assert "The neighborhood's node" in page.text and "New keys for lost passphrases: 1" in page.text
    for language, button in (("de", "Deutsch"), ("es", "Español"), ("en", "English")):
        check(await ines.press(button), language)

    (looked,) = [link for link in ines.page.links if link.endswith("/post")]
    page = await ines.open(looked)
    assert "Ride to the clinic" in page.text and "kept in the neighborhood" in page.text
    check(page, "en")
    page = await ines.open(
        next(link for link in (await ines.open("/recovery")).links if "/succession" in link)
    )
    assert "The neighborhood's node" in page.text and "May 18, 2033" in page.text
    await ines.open("/recovery")

    (sign,) = [form.action for form in ines.page.forms if form.action.endswith("/post/sign")]
    (drop,) = [link for link in ines.page.links if link.endswith("/succession/drop")]
    token = dict(next(form for form in ines.page.forms if form.action == sign).fields)
    await ines.send(sign, token)
    assert ines.page.path == "/recovery?said=signed_anew"
    assert "Ride to the clinic" in (await ines.open("/board")).text
    check(await ines.open(drop), "en")
    assert "New keys for lost passphrases: 1" in (await ines.open("/recovery")).text, "asked before"
    await ines.open(drop)
    await ines.press("Drop")
    assert ines.page.path == "/recovery?said=dropped"
    assert "New keys for lost passphrases" not in ines.page.text
    assert (await ines.open(drop)).status == 404


async def test_only_coordinators_come_here(ines: Person, neighbor: Neighbor) -> None:
    walter = await neighbor("Walter")
    assert "/recovery" not in (await walter.open("/people")).links
    token = dict(walter.page.forms[-1].fields)
    for path in ("/recovery", "/recovery/key", "/recovery/sheets", "/recovery/replaced"):
        assert (await walter.open(path)).status == 403
    for path in ("/recovery/key", "/recovery/sheets", f"/recovery/{'0' * 64}/post/sign"):
        assert (await walter.send(path, token)).status == 403
        assert "Only a coordinator" in walter.page.text
