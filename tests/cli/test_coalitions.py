"""Who votes in a coalition, and leaving one, from the terminal."""

from __future__ import annotations

import asyncio
from pathlib import Path

from tests.cli.terminal import Terminal
from tests.cli.world import Person
from tests.node.serving import PASSPHRASE, found, link, places, until


async def test_roles_are_proposed_and_agreed_to_and_a_neighborhood_leaves(tmp_path: Path) -> None:
    async with places(tmp_path, "Riverbend", "Oak Street", discovery="loopback") as (riverbend, oak):
        await link(riverbend, oak)
        valley = await found(riverbend, oak)
        ines, ola = Person(riverbend.settings.data), Person(oak.settings.data)

        def proposed(*words: str) -> tuple[str, ...]:
            return ("coalition", "propose", "--as", "Ines", *words)

        for words, exit_code, said in (
            ((), 2, "Say what changes"),
            (
                ("--votes", "Harbor Hill", "--yes"),
                1,
                "No member is called “Harbor Hill”. Members are: “Oak Street”",
            ),
            (("--votes", "oak street", "--out", "Oak Street", "--yes"), 1, "can have one role only"),
            (("--votes", "Oak Street", "--yes"), 1, "That is the roster as it is."),
            (
                ("--guest", "Oak Street", "--guest", "Riverbend", "--yes"),
                1,
                "At least one neighborhood must vote.",
            ),
            (("--guest", "Oak Street"), 1, "There is no terminal to ask at. Say --yes to propose it."),
        ):
            refused = await ines.asks(*proposed(*words))
            assert refused.exit == exit_code and said in refused.err, refused
        assert (await ines.asks("coalition", "show", "--json")).json["proposals"] == []

        shown = (await ines.asks(*proposed("--guest", "Oak Street", "--yes", "--json"))).json
        (waiting,) = shown["proposals"]
        assert (waiting["voters"], waiting["guests"], waiting["assents"]) == (
            ["Riverbend"],
            ["Oak Street"],
            ["Riverbend"],
        )
        twice = await ines.asks(*proposed("--out", oak.home.hex()[:8], "--yes"))
        assert twice.exit == 1 and "You have assented to a proposal" in twice.err
        await until("Oak Street is asked", lambda: oak.node.records.known.rosters[valley].proposals)
        agreed = await ola.asks("coalition", "agree", waiting["id"][:8], "--as", "Ola")
        assert agreed.exit == 0, agreed
        await until(
            "Oak Street is a guest", lambda: oak.home in riverbend.node.records.known.rosters[valley].guests
        )

        def at_the_terminal() -> str:
            outside = {"BARNRAISE_PASSPHRASE": PASSPHRASE}
            with Terminal(*proposed("--out", "Oak Street"), data=riverbend.settings.data, **outside) as seen:
                seen.sees("In “River Valley” from then on:\n  voting: Riverbend\n  out: Oak Street\n")
                seen.sees("their shared posts leave everybody's boards")
                seen.sees("Propose this? It is decided at once [y/N]: ")
                seen.types("n")
                assert seen.ends() == 1
            with Terminal("coalition", "leave", "--as", "Ola", data=oak.settings.data, **outside) as seen:
                seen.sees("With you in “River Valley”: Riverbend.")
                seen.sees("Leave “River Valley”? [y/N]: ")
                seen.types("y")
                assert seen.ends() == 0
                return seen.shown

        assert "This neighborhood has left “River Valley”." in await asyncio.to_thread(at_the_terminal)
        listed = (await ola.asks("coalition", "list", "--json")).json["coalitions"]
        assert [one["role"] for one in listed] == ["left"]
        await until(
            "Riverbend is alone",
            lambda: riverbend.node.records.known.rosters[valley].members == {riverbend.home},
        )
        again = await ola.asks("coalition", "leave", "--as", "Ola", "--yes")
        assert again.exit == 1 and "not in that coalition" in again.err
