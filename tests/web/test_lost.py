"""A lost node comes back on its page, without scripts: from the setup link to who is who."""

from __future__ import annotations

from pathlib import Path

from node.actions import neighborhoods, recovery, setup
from node.app import Node
from node.commands import onlooker
from node.keys import read_node_keys
from tests.cli.test_lost_node import board, linked_and_lost
from tests.cli.world import running
from tests.node.serving import until
from tests.web.conftest import PASSPHRASE
from tests.web.reader import Person
from tests.web.test_every_page import check

GERMAN = {"neighborhood": "Mill Lane", "name": "Ines", "language": "de"}
PASSPHRASES = {"passphrase": PASSPHRASE, "passphrase_again": PASSPHRASE}


async def test_from_the_setup_link_to_who_is_who(tmp_path: Path) -> None:
    sheet, home, walter_key = await linked_and_lost(tmp_path)
    old_key = read_node_keys(tmp_path / "mill")
    async with running(tmp_path / "oak") as oak, running(tmp_path / "new") as mill:
        at_oak = f"127.0.0.1:{oak.node.settings.port}"
        base = f"http://127.0.0.1:{mill.node.settings.port}"
        ines, walter, stranger = Person(base), Person(base), Person(base)
        try:
            token = setup.new_setup_link(mill.node)
            await ines.open(f"/setup/{token}")
            assert f"/setup/{token}/before" in ines.page.links
            check(await ines.open(f"/setup/{token}/before"), "en")
            for typed, said in (
                ({}, "address of the other node"),
                ({"address": "127.0.0.1:1", "sheet-1": sheet}, "cannot be reached"),
                ({"address": "the mill, 3rd floor", "sheet-1": sheet}, "not the address of a node"),
                ({"address": at_oak, "sheet-1": sheet.rpartition(" ")[0] + " zzzz"}, "Word 24"),
                ({"address": at_oak, "sheet-1": " ".join(["abandon"] * 23 + ["art"])}, "does not know"),
            ):
                page = await ines.press("Ask that node", **{"address": "", "sheet-1": "", **typed})
                assert page.status >= 400 and said in page.text, page.text
                assert not mill.node.is_set_up

            page = await ines.press("Ask that node", **{"address": at_oak, "sheet-1": sheet})
            assert page.status == 200 and "Oak Street knows this sheet" in page.text
            assert neighborhoods.keys.six_words(home) in page.text
            check(page, "en")
            page = await ines.press("Come back", **GERMAN, **PASSPHRASES)
            assert page.errors == [("#field-sure", "Please compare the six words, then tick this box.")]
            assert sheet in page.html, "what was typed is still there"
            short = {"passphrase": "short", "passphrase_again": "short"}
            page = await ines.press("Come back", sure="yes", **{**GERMAN, **short})
            assert page.status == 400 and not mill.node.is_set_up
            page = await ines.press("Come back", sure="yes", **PASSPHRASES)
            assert page.path == "/recovery/back?said=came_back" and mill.node.home == home
            assert page.language == "de", "the language that was chosen counts"
            check(page, "de")
            await ines.press("English")
            new_key = read_node_keys(tmp_path / "new")
            assert new_key is not None and new_key != old_key
            for path in (f"/setup/{token}", f"/setup/{token}/before"):
                assert (await stranger.open(path)).status >= 400, "the link is used up"

            await until("offered", lambda: _offers(mill.node))
            check(await ines.open("/recovery/back"), "en")
            await ines.press("Join")
            assert ines.page.path == "/recovery/back?said=coalition_accepted" and "Valley" in ines.page.text
            waiting = "/recovery/" + walter_key.hex()
            await until("it has come", lambda: _waits(mill.node))
            page = await ines.open("/recovery/back")
            assert "W. A." in page.text and "Oak Street All that it kept has come." in page.text
            assert f"{waiting}/who-is-it" in page.links and board(oak.node) == []

            page = await ines.open(f"{waiting}/post")
            assert "Soup" in page.text and "shared with the region" in page.text and "W. A." in page.text
            check(page, "en")
            await ines.open("/people/invite")
            invitation = await ines.press("Make an invitation")
            link = next(link for link in invitation.links if "/join/" in link)
            await walter.open(link[link.index("/join/") :])
            await walter.press("Join", name="Walter", **PASSPHRASES)
            assert (await walter.open("/recovery/back")).status == 403
            assert (await walter.open(f"{waiting}/who-is-it")).status == 403

            check(await ines.open(f"{waiting}/who-is-it"), "en")
            page = await ines.press("It is them")
            assert {field for field, _ in page.errors} == {"#field-member", "#field-sure"}
            chosen = page.html.partition('">Walter<')[0].rpartition('"')[2]
            page = await ines.press("It is them", member=chosen, sure="yes")
            assert page.path == "/recovery?said=identified"
            await until("it is in both places again", lambda: board(oak.node) == board(mill.node) == ["Soup"])
            assert (await ines.open(f"{waiting}/who-is-it")).status == 404
        finally:
            for one in (ines, walter, stranger):
                await one.client.close()


def _offers(node: Node) -> list[object]:
    return list(neighborhoods.neighborhoods(node, onlooker()).offers)


def _waits(node: Node) -> bool:
    came = node.connection.execute("SELECT name FROM settings WHERE name LIKE 'aside %'").fetchall()
    return bool(came) and any(line.kind == "post" for line in recovery.rest(node))


async def test_nobody_gets_there_without_the_setup_link(node: Node, person) -> None:
    ines = person()
    setup.new_setup_link(node)
    assert (await ines.open("/setup/guessed/before")).status >= 400
    await ines.open("/sign-in")
    for path in ("/setup/guessed/before", "/setup/guessed/before/begin"):
        assert (await ines.send(path, {})).status >= 400
    assert not node.is_set_up
