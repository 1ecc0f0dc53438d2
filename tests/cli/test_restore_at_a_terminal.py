"""Somebody sits at a new machine and types what `barnraise restore` asks for, with slips."""

from __future__ import annotations

import asyncio
from pathlib import Path

from tests.cli.terminal import Terminal
from tests.cli.test_lost_node import linked_and_lost
from tests.cli.world import Person, running
from tests.node.serving import PASSPHRASE

OF_BACKUP = "a bell and nine pears"


def test_a_slip_in_a_passphrase_is_no_reason_to_begin_anew(alder: Person, tmp_path: Path) -> None:
    file, new = str(tmp_path / "alder"), tmp_path / "new"
    with Terminal("backup", file, data=alder.data) as seen:
        for first, second, said in (
            ("short", "short", "at least 8 characters"),
            (OF_BACKUP, OF_BACKUP + "s", "do not match"),
            (OF_BACKUP, OF_BACKUP, "alder.barnraise-backup is made and checked"),
        ):
            seen.sees("Passphrase for this backup: ")
            seen.types(first)
            seen.sees("Repeat for confirmation: ")
            seen.types(second)
            seen.sees(said)
        assert seen.ends() == 0
        assert OF_BACKUP not in seen.shown
    with Terminal("restore", file, data=new) as seen:
        seen.sees("Passphrase of this backup: ")
        seen.types("another one")
        seen.sees("This is not the passphrase of this backup. The backup itself is whole.")
        seen.sees("Passphrase of this backup: ")
        seen.types(OF_BACKUP)
        seen.sees("Alder Street is back")
        seen.sees("Start it with “barnraise run”.")
        assert seen.ends() == 0
    with Terminal("restore", file, data=new) as seen:
        seen.sees("Passphrase of this backup: ")
        seen.types(OF_BACKUP)
        seen.sees("Move it aside and restore? [y/N]: ")
        seen.types("")
        assert seen.ends() == 1
        assert seen.shown.endswith("Nothing was changed.\n")
    with Terminal("restore", data=new) as seen:
        assert seen.ends() == 0
        assert seen.shown.startswith("There is a neighborhood in"), "nobody is frightened first"
    assert [one["name"] for one in Person(new).types("member", "list", "--json").json["items"]] == [
        "Amara",
        "Ben",
        "Ines",
    ]


async def test_without_a_backup_it_asks_until_a_neighbor_knows_the_sheet(tmp_path: Path) -> None:
    sheet, _, _ = await linked_and_lost(tmp_path)
    new = tmp_path / "new"

    def at_the_terminal(address: str) -> None:
        with Terminal("restore", data=new, BARNRAISE_ALLOW_LOOPBACK="1") as seen:
            seen.sees("Without a backup, this is gone for good:")
            for question, answer in (
                ("the address of a neighbor's node? [y/N]: ", "y"),
                ("Your name, as the coordinator: ", "Ines"),
                ("Name of the neighborhood: ", "Mill Lane"),
                ("The 24 words of a recovery sheet: ", sheet.replace(sheet.split()[3], "xylophone", 1)),
                ("Word 4, “xylophone”, is not on the list of recovery words.", ""),
                ("The 24 words of a recovery sheet: ", sheet),
                ("such as 192.168.1.20:8420: ", "127.0.0.1:1"),
                ("The other node cannot be reached.", ""),
                ("such as 192.168.1.20:8420: ", address),
                ("Are these the six words of your neighborhood? [y/N]: ", "y"),
                ("A new passphrase: ", "short"),
                ("Repeat for confirmation: ", "short"),
                ("at least 8 characters", ""),
                ("A new passphrase: ", PASSPHRASE),
                ("Repeat for confirmation: ", PASSPHRASE),
                ("Mill Lane is back, with a new key, and Ines coordinates it.", ""),
            ):
                seen.sees(question)
                if answer:
                    seen.types(answer)
            assert seen.ends() == 0

    async with running(tmp_path / "oak") as oak:
        await asyncio.to_thread(at_the_terminal, f"127.0.0.1:{oak.node.settings.port}")
    listed = await Person(new).asks("member", "list", "--json")
    assert [one["name"] for one in listed.json["items"]] == ["Ines"]
