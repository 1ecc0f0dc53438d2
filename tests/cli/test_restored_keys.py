"""A node restored from a backup older than its key change makes no rival: it asks its neighbors first."""

from __future__ import annotations

from pathlib import Path

from node.actions import recovery, restored
from node.app import Node
from node.keys import KEY_FILE_NAME, read_node_keys
from tests.cli.test_lost_node import linked_and_lost
from tests.cli.test_recover import words_in
from tests.cli.world import Person, running
from tests.node.serving import settings_of, until

WORDS = "forty loud windmills"
COMMAND = ("recover", "key", "--words")


async def backed_up(tmp_path: Path) -> tuple[str, bytes, Path]:
    """Mill Lane is linked with Oak Street, and makes a backup. Gives sheet, home and the file."""
    sheet, home, _ = await linked_and_lost(tmp_path)
    file = tmp_path / "mill.barnraise-backup"
    mill = Person(tmp_path / "mill")
    (tmp_path / "secret").write_text(WORDS)
    made = await mill.asks("backup", str(file), "--passphrase-file", str(tmp_path / "secret"))
    assert made.exit == 0, made.err
    return sheet, home, file


async def restored_in(folder: Path, file: Path, tmp_path: Path) -> Person:
    person = Person(folder)
    done = await person.asks("restore", str(file), "--passphrase-file", str(tmp_path / "secret"))
    assert done.exit == 0, done.err
    return person


def chain_at(folder: Path, home: bytes) -> tuple[bytes, ...]:
    node = Node(settings_of(folder))
    try:
        return tuple(step.record_id for step in node.records.known.chains[home].steps)
    finally:
        node.close()


async def test_a_restored_node_follows_the_newest_key_instead_of_making_a_rival(tmp_path: Path) -> None:
    sheet, home, file = await backed_up(tmp_path)
    words = words_in(tmp_path, sheet)
    async with running(tmp_path / "oak") as oak, running(tmp_path / "mill") as mill:
        row = oak.node.connection.execute("SELECT state FROM neighbors WHERE home = ?", (home,)).fetchone()
        assert row == ("linked",)
        address = f"127.0.0.1:{oak.node.settings.port}"
        mill.node.connection.execute("UPDATE neighbors SET address = ?", (address,))
        done = await Person(tmp_path / "mill").asks(*COMMAND, words)
        assert done.exit == 0, done.err
        newest = recovery.own_chain(mill.node).head
        mill.links.runner.event(_call(address))
        await until("oak follows", lambda: oak.node.records.known.chains[home].head == newest)

    again = await restored_in(tmp_path / "again", file, tmp_path)
    before = read_node_keys(tmp_path / "again")
    nobody = await again.asks(*COMMAND, words)
    assert nobody.exit == 1 and "No neighbor's node could be reached" in nobody.err
    sheets = await again.asks("recover", "sheets", "--policy", "one", "--words", words)
    assert sheets.exit == 1 and "could be reached" in sheets.err
    assert read_node_keys(tmp_path / "again") == before
    async with (
        running(tmp_path / "oak") as oak,
        running(tmp_path / "stranger") as stranger,
        running(tmp_path / "again"),
    ):
        strange = f"127.0.0.1:{stranger.node.settings.port}"
        silent = await again.asks(*COMMAND, words, "--peer", strange)
        assert silent.exit == 1 and "no Barnraise node at this address" in silent.err
        assert read_node_keys(tmp_path / "again") == before
        at_oak = f"127.0.0.1:{oak.node.settings.port}"
        other = words_in(tmp_path / "oak", " ".join(["abandon"] * 23 + ["art"]))
        unknown = await again.asks(*COMMAND, other, "--peer", at_oak)
        assert unknown.exit == 1 and "knows other sheets" in unknown.err
        made = await again.asks(*COMMAND, words_in(tmp_path, sheet), "--peer", at_oak, "--json")
        assert made.json["signed"] >= 1, "the profile, and Walter's post"
    chain = chain_at(tmp_path / "again", home)
    assert len(chain) == 3 and chain[1] == newest, "it stands on the key that was forgotten"
    mine = read_node_keys(tmp_path / "again")
    assert mine is not None and before is not None and mine.public != before.public


async def test_a_person_may_say_that_no_neighbor_can_be_reached(tmp_path: Path) -> None:
    sheet, home, file = await backed_up(tmp_path)
    again = await restored_in(tmp_path / "again", file, tmp_path)
    done = await again.asks(*COMMAND, words_in(tmp_path, sheet), "--without-neighbors", "--json")
    assert done.json["signed"] >= 1 and len(chain_at(tmp_path / "again", home)) == 2
    assert (tmp_path / "again" / KEY_FILE_NAME).exists()
    node = Node(settings_of(tmp_path / "again"))
    assert restored.keys_unproven(node), "that was a person's word, no neighbor's"
    node.close()


async def test_what_waits_for_a_neighbor_is_named_and_a_coordinator_may_go_on(tmp_path: Path) -> None:
    """Walter's post may have been erased since the backup: it waits, unless no neighbor will be heard."""
    sheet, _, file = await backed_up(tmp_path)
    again = await restored_in(tmp_path / "again", file, tmp_path)
    done = await again.asks(*COMMAND, words_in(tmp_path, sheet), "--without-neighbors")
    assert "wait until a neighbor's node is heard: 1." in done.out, done
    assert (await again.asks("recover", "status", "--json")).json["held_back"] == 1
    refused = await again.asks("recover", "unheard", "--as", "Walter")
    assert refused.exit == 1 and "coordinator" in refused.err
    went_on = await again.asks("recover", "unheard", "--as", "Ines")
    assert (went_on.exit, went_on.out) == (0, "Signed anew: 1.\n")
    assert (await again.asks("recover", "status", "--json")).json["held_back"] == 0


def _call(address: str) -> object:
    from sync import events

    return events.Call(address)
