"""A new key and new sheets at the terminal, and what is said where the words are wrong."""

from __future__ import annotations

from pathlib import Path

from node.actions import setup
from node.app import Node
from node.keys import KEY_FILE_NAME, NEXT_KEY_FILE_NAME, NodeKeys, read_node_keys, stage_node_keys
from tests.cli.world import Person, running
from tests.node.serving import PASSPHRASE, settings_of


async def founded(folder: Path) -> list[str]:
    """Mill Lane, with one sheet; gives its words, a line a sheet."""
    node = Node(settings_of(folder))
    try:
        done = await setup.set_up(
            node, setup.new_setup_link(node), neighborhood="Mill Lane", area="", name="Ines",
            passphrase=PASSPHRASE, language="en",
        )  # fmt: skip
        return [" ".join(sheet.words) for sheet in done.sheets]
    finally:
        node.close()


def words_in(folder: Path, *lines: str) -> str:
    (folder / "words").write_text("\n".join(lines))
    return str(folder / "words")


async def test_a_new_key_while_the_node_runs_then_five_sheets_while_it_does_not(tmp_path: Path) -> None:
    data = tmp_path / "data"
    (sheet,) = await founded(data)
    person, before = Person(data), read_node_keys(data)
    wrong = words_in(tmp_path, sheet.rpartition(" ")[0] + " zzzz")
    refused = await person.asks("recover", "key", "--words", wrong)
    assert refused.exit == 1 and "Word 24, “zzzz”" in refused.err and read_node_keys(data) == before
    async with running(data):
        done = await person.asks("recover", "key", "--words", words_in(tmp_path, sheet), "--json")
    assert done.json == {"signed": 1, "rest": []}  # her profile
    after = read_node_keys(data)
    assert after is not None and before is not None and not (data / NEXT_KEY_FILE_NAME).exists()
    assert after.public != before.public and after.noise_private != before.noise_private

    made = await person.asks("recover", "sheets", "--policy", "three-of-five", "--words", wrong, "--json")
    five = [" ".join(one["words"]) for one in made.json["sheets"]]
    assert len(five) == 5 and read_node_keys(data) == after
    two = await person.asks("recover", "key", "--words", words_in(tmp_path, *five[:2]))
    assert two.exit == 1 and "3 different sheets are needed" in two.err
    three = await person.asks("recover", "key", "--words", words_in(tmp_path, five[4], five[0], five[2]))
    assert (three.exit, three.err) == (0, "") and "new key" in three.out
    status = await person.asks("recover", "status")
    assert "3 of 5 recovery sheets" in status.out, status


async def test_power_that_goes_between_writing_a_key_and_storing_its_rotation(tmp_path: Path) -> None:
    """Either the rotation is stored and the new key is taken up, or neither counts."""
    data = tmp_path / "data"
    (sheet,) = await founded(data)
    before = read_node_keys(data)
    stage_node_keys(data, NodeKeys(bytes(32), bytes(32)))  # no rotation names it
    node = Node(settings_of(data))
    assert node.keys == before and node.key_is_current and not (data / NEXT_KEY_FILE_NAME).exists()
    node.close()
    await Person(data).asks("recover", "key", "--words", words_in(tmp_path, sheet))
    after = read_node_keys(data)
    (data / KEY_FILE_NAME).replace(data / NEXT_KEY_FILE_NAME)  # as if it had gone before the last step
    node = Node(settings_of(data))
    assert node.keys == after and node.key_is_current and read_node_keys(data) == after
    node.close()
