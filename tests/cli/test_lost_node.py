"""At the terminal of a new machine: the neighborhood comes back from a neighbor, over real sockets."""

from __future__ import annotations

from pathlib import Path

from node.actions import members, neighborhoods, posts, recovery, setup
from node.app import Node
from node.commands import onlooker
from node.keys import read_node_keys
from tests.cli.test_recover import founded, words_in
from tests.cli.world import Person, running
from tests.node.serving import PASSPHRASE, settings_of, until


async def linked_and_lost(tmp_path: Path) -> tuple[str, bytes, bytes]:
    """Mill Lane and Oak Street shared a coalition, and Walter a post. Gives sheet, home and his key."""
    (sheet,) = await founded(tmp_path / "mill")
    async with running(tmp_path / "mill") as mill, running(tmp_path / "oak") as oak:
        done = await setup.set_up(
            oak.node, setup.new_setup_link(oak.node), neighborhood="Oak Street", area="", name="Ola",
            passphrase=PASSPHRASE, language="en",
        )  # fmt: skip
        await until("links", lambda: oak.links)
        ola = done.session
        ines = await members.sign_in(mill.node, name="Ines", passphrase=PASSPHRASE, address="here")
        walter = await members.join(
            mill.node,
            members.invite(mill.node, ines).code,
            name="Walter",
            passphrase=PASSPHRASE,
            language="en",
        )
        at_oak = f"127.0.0.1:{oak.node.settings.port}"
        neighborhoods.ask_to_link(mill.node, ines, home=oak.node.home, address=at_oak, message="")
        await until("asked", lambda: neighborhoods.neighborhoods(oak.node, ola).asks)
        neighborhoods.approve(oak.node, ola, mill.node.home)
        await until(
            "linked", lambda: any(x.linked for x in neighborhoods.neighborhoods(mill.node, ines).links)
        )
        made = neighborhoods.found_coalition(
            mill.node, ines, name="Valley", agreement="", members=[oak.node.home]
        )
        await until("offered", lambda: neighborhoods.neighborhoods(oak.node, ola).offers)
        neighborhoods.accept_coalition(oak.node, ola, made)
        posts.publish(
            mill.node, walter,
            posts.PostDraft(
                type="need", what="help", category="food.meal", title="Soup", where="region",
                name_shown="W. A.",
            ),
        )  # fmt: skip
        await until("the post is over", lambda: "Soup" in board(oak.node))
        return sheet, mill.node.home, walter.account_key


def board(node: Node) -> list[str]:
    return [item.title for item in posts.board(node, onlooker(), posts.BoardQuery()).items]


async def test_a_lost_neighborhood_comes_back_at_the_terminal(tmp_path: Path) -> None:
    sheet, home, walter = await linked_and_lost(tmp_path)
    words = words_in(tmp_path, sheet)
    old_key = read_node_keys(tmp_path / "mill")
    person, new = Person(tmp_path / "new"), tmp_path / "new"
    async with running(tmp_path / "oak") as oak, running(new) as mill:
        address = f"127.0.0.1:{oak.node.settings.port}"
        command = ("recover", "peers", address, "--as", "Ines", "--neighborhood", "Mill Lane", "--words")
        unsure = await person.asks(*command, words)
        assert unsure.exit == 1 and "Compare the six words" in unsure.err and not mill.node.is_set_up
        nowhere = await person.asks(*command[:2], "127.0.0.1:1", *command[3:], words, "--yes")
        assert nowhere.exit == 1 and "cannot be reached" in nowhere.err
        other = " ".join(["abandon"] * 23 + ["art"])
        unknown = await person.asks(*command, words_in(tmp_path / "oak", other), "--yes")
        assert unknown.exit == 1 and "does not know this recovery sheet" in unknown.err

        back = await person.asks(*command, words, "--yes")
        assert (back.exit, back.err) == (0, "") and "Mill Lane is back" in back.out
        assert mill.node.home == home and read_node_keys(new) not in (None, old_key)
        assert (await person.asks(*command, words, "--yes")).exit == 1
        ines = await members.sign_in(mill.node, name="Ines", passphrase=PASSPHRASE, address="here")
        await until("offered", lambda: neighborhoods.neighborhoods(mill.node, ines).offers)
        (offer,) = neighborhoods.neighborhoods(mill.node, ines).offers
        neighborhoods.accept_coalition(mill.node, ines, offer.id)
        await until("it is here", lambda: any(one.kind == "post" for one in recovery.rest(mill.node)))
        status = await person.asks("recover", "status")
        assert walter.hex()[:8] in status.out and "W. A." in status.out and board(oak.node) == []
        await members.join(
            mill.node,
            members.invite(mill.node, ines).code,
            name="Walter",
            passphrase=PASSPHRASE,
            language="en",
        )
        said = await person.asks("recover", "person", walter.hex()[:10], "Walter", "--as", "Ines", "--json")
        assert said.json["signed"] == 1 and not [one for one in said.json["rest"] if one["kind"] == "post"]
        await until("it is in both places again", lambda: board(oak.node) == board(mill.node) == ["Soup"])
        back_again = await members.sign_in(mill.node, name="walter", passphrase=PASSPHRASE, address="here")
        assert back_again.account_key == walter
    node = Node(settings_of(new))
    assert node.key_is_current and node.home == home
    node.close()


async def test_restore_without_a_file_leads_on_to_the_neighbors(tmp_path: Path) -> None:
    sheet, home, _ = await linked_and_lost(tmp_path)
    words = words_in(tmp_path, sheet)
    person = Person(tmp_path / "nothing yet")
    told = person.types("restore")
    assert told.exit == 0 and "gone for good" in told.out and "restore --peer ADDRESS" in told.out
    async with running(tmp_path / "oak") as oak:
        at_oak = f"127.0.0.1:{oak.node.settings.port}"
        command = ("restore", "--peer", at_oak, "--words", words)
        nameless = await person.asks(*command, "--yes")
        assert nameless.exit == 1 and "Give --as NAME" in nameless.err
        named = (*command, "--as", "Ines", "--neighborhood", "Mill Lane", "--language", "de")
        unsure = await person.asks(*named, BARNRAISE_ALLOW_LOOPBACK="1")
        assert unsure.exit == 1 and "Compare the six words" in unsure.err
        back = await person.asks(*named, "--yes", BARNRAISE_ALLOW_LOOPBACK="1")
        assert (back.exit, back.err) == (0, "") and "Mill Lane is back" in back.out
        again = await person.asks(*named, "--yes", BARNRAISE_ALLOW_LOOPBACK="1")
        assert again.exit == 1 and "There is a neighborhood in this data folder already" in again.err
    node = Node(settings_of(person.data))
    assert node.home == home and node.key_is_current
    ines = await members.sign_in(node, name="Ines", passphrase=PASSPHRASE, address="here")
    assert ines.language == "de"
    node.close()


async def test_the_passphrase_file_of_restore_says_which_passphrase_it_holds(tmp_path: Path) -> None:
    """With a backup the backup's, without one the coordinator's new one: the same option, two meanings."""
    told = " ".join((await Person(tmp_path / "new").asks("restore", "--help")).out.split())
    assert "A file that begins with the backup's passphrase" in told
    assert "without a backup, with the coordinator's new one" in told
    told = " ".join((await Person(tmp_path / "new").asks("backup", "--help")).out.split())
    assert "A file that begins with the backup's passphrase" in told and "coordinator" not in told
