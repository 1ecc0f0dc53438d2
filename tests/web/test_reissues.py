"""A lost passphrase: a new one by a coordinator's code, seen by everybody, contested with the old one."""

from __future__ import annotations

import re

from node.app import Node
from node.store import neighbors
from protocol.kinds.roster import Epoch
from tests.protocol.helpers import Coalition, Neighborhood
from tests.web.conftest import PASSPHRASE, post
from tests.web.reader import Neighbor, Person

NEW = "eleven quiet rivers"
THIRD = "twelve loud mountains"


async def code_for(ines: Person, name: str) -> str:
    """Ines makes a code for somebody; gives its path."""
    await ines.open("/people")
    links = [link for link in ines.page.links if link.endswith("/reissue")]
    for link in links:
        if f"A new passphrase for {name}?" in (await ines.open(link)).text:
            shown = await ines.press("Make the code")
            (path, *_) = [link for link in shown.links if "/join/" in link]
            return path[path.index("/join/") :]
    raise AssertionError(f"{name} is not on the page")


async def sign_in(who: Person, name: str, passphrase: str) -> None:
    await who.open("/sign-in")
    await who.press("Sign in", name=name, passphrase=passphrase)


async def test_walter_comes_back_with_a_new_passphrase_and_everything_is_his(
    ines: Person, neighbor: Neighbor, person
) -> None:
    walter = await neighbor("Walter")
    ride = await post(walter, "need", "Ride to the clinic")
    path = await code_for(ines, "Walter")
    phone = person()
    assert "Welcome back, Walter" in (await phone.open(path)).text
    await phone.press("Use this passphrase", passphrase=NEW, passphrase_again="something else")
    assert phone.page.status == 400 and "The two passphrases differ." in phone.page.text
    await phone.press("Use this passphrase", passphrase=NEW, passphrase_again=NEW)
    assert phone.page.path == "/board?said=welcome_back"
    assert (await walter.open("/inbox")).path.startswith("/sign-in"), "signed out elsewhere"
    assert (await person().open(path)).status in (400, 404, 409, 410), "the code works once"

    page = (await phone.open(ride)).text
    assert "Take down" in page and "Renew" in page and "Change" not in page
    await sign_in(person(), "Walter", NEW)
    seen = (await ines.open("/reissues")).text
    assert "Walter, Riverbend" in seen and "New key in use" in seen


async def test_the_old_passphrase_opens_one_page_and_contests(
    ines: Person, neighbor: Neighbor, person, node: Node
) -> None:
    await neighbor("Walter")
    thief = person()
    await thief.open(await code_for(ines, "Walter"))
    await thief.press("Use this passphrase", passphrase=NEW, passphrase_again=NEW)

    walter = person()
    await sign_in(walter, "Walter", PASSPHRASE)
    assert (await walter.open("/board")).path == "/reissues"
    assert "The passphrase that you typed was replaced." in walter.page.text
    assert (await walter.open("/people")).path == "/reissues"
    (contest,) = [link for link in walter.page.links if link.endswith("/contest")]
    await walter.open(contest)
    await walter.press("Contest it")
    assert walter.page.path == "/reissues?said=contested" and "Contested" in walter.page.text
    (step,) = node.records.accounts.steps
    assert not step.counts

    assert "Say it again" in (await ines.open("/reissues")).text
    await ines.press("Say it again")
    assert ines.page.path == "/reissues?said=said_again"
    assert "Say it again" not in (await ines.open("/reissues")).text


async def test_an_open_page_follows_the_account_at_every_click(
    ines: Person, neighbor: Neighbor, person, node: Node
) -> None:
    """What the thief has open shows nothing more of Walter's, and does nothing more in his name."""
    walter = await neighbor("Walter")
    ride = await post(walter, "need", "Ride to the clinic", contact="0171 at the mill")
    key = node.connection.execute("SELECT key FROM members WHERE name = 'Walter'").fetchone()[0].hex()
    await ines.open(f"/people/{key}/role")
    await ines.press("Make a coordinator")
    thief = person()
    await thief.open(await code_for(ines, "Walter"))
    await thief.press("Use this passphrase", passphrase=NEW, passphrase_again=NEW)
    assert "0171 at the mill" in (await thief.open(ride)).text and "You (Walter)" in thief.page.text
    assert (await thief.open("/people/invite")).status == 200

    await sign_in(walter, "Walter", PASSPHRASE)
    (contest,) = [link for link in walter.page.links if link.endswith("/contest")]
    await walter.open(contest)
    await walter.press("Contest it")
    fresh = person()
    await sign_in(fresh, "Walter", NEW)
    for tab in (thief, fresh):
        await tab.open(ride)
        assert "0171 at the mill" not in tab.page.text and "You (Walter)" not in tab.page.text
        assert "The key that you sign with is contested." in tab.page.text
        assert (await tab.open(ride + "/erase")).status == 403
        assert (await tab.open("/people/invite")).status == 403, "a role goes with the account"
        await tab.open("/profile/leave")
        await tab.press("Leave and erase everything", passphrase=NEW)
        assert tab.page.status == 403
        await tab.open("/profile/key")
        assert (await tab.press("Show the words", passphrase=NEW)).status == 200, "the words of that very key"
    assert "Ride to the clinic" in (await ines.open(ride)).text

    await ines.open(f"/people/{key}/remove")
    await ines.press("Remove and erase everything")
    assert (await thief.open("/board")).path == "/sign-in", "whoever signs with no member's key is signed out"


async def test_who_contested_rightly_gets_everything_back(
    ines: Person, neighbor: Neighbor, person, node: Node
) -> None:
    walter = await neighbor("Walter")
    ride = await post(walter, "need", "Ride to the clinic", contact="0171 at the mill")
    thief = person()
    await thief.open(await code_for(ines, "Walter"))
    await thief.press("Use this passphrase", passphrase=NEW, passphrase_again=NEW)
    await sign_in(walter, "Walter", PASSPHRASE)
    await walter.open(next(link for link in walter.page.links if link.endswith("/contest")))
    await walter.press("Contest it")

    path = await code_for(ines, "Walter")
    again = person()
    assert "Your posts, promises and hours stay yours." in (await again.open(path)).text
    await again.press("Use this passphrase", passphrase=THIRD, passphrase_again=THIRD)
    await again.open(ride)
    assert "You (Walter)" in again.page.text and "0171 at the mill" in again.page.text
    assert "Take down" in again.page.text and "contested" not in again.page.text
    assert (await thief.open("/board")).path == "/sign-in", "that key is no member's any more"
    page = (await ines.open("/reissues")).text
    assert page.count("Walter, Riverbend") == 2 and "A neighbor," not in page
    await again.open(ride + "/erase")
    await again.press("Erase it for good")
    assert "Erased by you" in again.page.text


async def test_a_key_on_paper_contests_too_and_a_wrong_one_does_not(
    ines: Person, neighbor: Neighbor, person, node: Node
) -> None:
    walter = await neighbor("Walter")
    await walter.open("/profile/key")
    await walter.press("Show the words", passphrase="not this one")
    assert walter.page.status in (400, 403) and "do not belong together" in walter.page.text
    await walter.press("Show the words", passphrase=PASSPHRASE)
    words = " ".join(re.findall(r"<li>([a-z]+)</li>", walter.page.html))
    assert len(words.split()) == 24
    anna = await neighbor("Anna")
    await anna.open("/profile/key")
    await anna.press("Show the words", passphrase=PASSPHRASE)
    other_words = " ".join(re.findall(r"<li>([a-z]+)</li>", anna.page.html))

    await person().open(await code_for(ines, "Walter"))
    thief = person()
    await thief.open(await code_for(ines, "Walter"))
    await thief.press("Use this passphrase", passphrase=NEW, passphrase_again=NEW)
    await anna.open("/reissues")
    (contest,) = [link for link in anna.page.links if link.endswith("/contest")]
    await anna.open(contest)
    await anna.press("Contest it", words="one two three")
    assert anna.page.status == 400 and "These are not the 24 words" in anna.page.text
    await anna.press("Contest it", words=other_words)
    assert "has nothing to do with that account" in anna.page.text
    await anna.press("Contest it", words=words)
    assert anna.page.path == "/reissues?said=contested"
    assert not node.records.accounts.steps[0].counts


async def test_only_coordinators_make_codes_and_not_for_themselves(ines: Person, neighbor: Neighbor) -> None:
    walter = await neighbor("Walter")
    await ines.open("/people")
    links = [link for link in ines.page.links if link.endswith("/reissue")]
    assert len(links) == 1, "none for herself"
    assert (await walter.open(links[0])).status == 403
    assert "Nobody has needed a new passphrase so far." in (await walter.open("/reissues")).text


async def test_agreeing_to_another_neighborhoods_new_key_counts_at_once(ines: Person, node: Node) -> None:
    oak = Neighborhood("Oak")
    bea, again = oak.member("Bea"), oak.member("Bea, second key")
    region = Coalition("Region", oak)
    heads = [[oak.id, oak.chain().head], [node.home, node.records.known.chains[node.home].head]]
    both = Epoch(previous=region.charter.id, voters=[oak.id, node.home], keys=heads)
    epoch = oak.say("epoch", region.scope, both.body(), days=None)
    contest = bea.contest(bea, again, region.scope)
    steps = oak.succession(bea, again, region.scope), oak.succession(bea, again, region.scope, [contest])
    with node.records.transaction():
        neighbors.set_coalition(node.connection, region.id, "joined", name="Region", agreement="")
        neighbors.set_neighbor(node.connection, oak.id, "linked", name="Oak")
        node.records.known_changed()
    said = [oak.inception, region.charter, epoch, region.assent(oak, epoch), contest, *steps]
    assert [node.records.add(record.message).outcome for record in said] == ["new"] * len(said)
    assert "Contested" in (await ines.open("/reissues")).text
    await ines.press("Agree to it")
    assert (
        "Agreed. The new key speaks for the account again." in ines.page.text and "half" not in ines.page.text
    )
    assert "Contested, then agreed" in ines.page.text
    assert node.records.accounts.account(oak.id, again.key)[1] == bea.key
