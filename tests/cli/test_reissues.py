"""A lost passphrase at the terminal: a new key, contested by the old passphrase or by a key on paper."""

from __future__ import annotations

from pathlib import Path

from node.actions import accounts, members
from node.app import Node
from tests.cli.world import Person
from tests.node.serving import PASSPHRASE, settings_of

NEW = "a whole new passphrase"


async def taken_up(data: Path, code: str) -> list[str]:
    """The code is used, by whomever. Gives the 24 words of Ben's key before, as on his paper."""
    node = Node(settings_of(data))
    try:
        ben = await members.sign_in(node, name="Ben", passphrase=PASSPHRASE, address="")
        words = await accounts.paper_key(node, ben, PASSPHRASE)
        await accounts.take_up(node, code, NEW)
        return words
    finally:
        node.close()


async def test_the_old_passphrase_contests_and_a_coordinator_stands_by(alder: Person, tmp_path: Path) -> None:
    made = await alder.asks("member", "reissue", "Ben", "--as", "Ines", "--json")
    await taken_up(alder.data, made.json["code"])
    (one,) = (await alder.asks("member", "reissues", "--json")).json["items"]
    key = one["new"][:8]
    shown = await alder.asks("member", "reissues")
    assert key in shown.out and "in_force" in shown.out
    assert (await alder.asks("member", "contest", key, "--as", "Amara")).exit == 1, "it is not hers"
    assert (await alder.asks("member", "contest", "0123", "--as", "Ben")).exit == 1
    assert (await alder.asks("member", "settle", key, "--as", "Ines")).exit == 1, "nothing to settle"
    done = await alder.asks("member", "contest", key, "--as", "Ben")  # with the passphrase that was replaced
    assert (done.exit, done.err) == (0, "") and "Contested." in done.out
    assert "contested" in (await alder.asks("member", "reissues")).out
    assert (await alder.asks("member", "settle", key, "--as", "Amara")).exit == 1
    stood = await alder.asks("member", "settle", key, "--as", "Ines")
    assert (stood.exit, stood.out) == (0, "Said again. Another that votes is asked.\n")


async def test_a_code_that_went_to_the_wrong_person_is_taken_back(alder: Person, tmp_path: Path) -> None:
    made = await alder.asks("member", "reissue", "Ben", "--as", "Ines", "--json")
    await taken_up(alder.data, made.json["code"])
    (one,) = (await alder.asks("member", "reissues", "--json")).json["items"]
    key = one["new"][:8]
    early = await alder.asks("member", "take-back", key, "--as", "Ines", "--yes")
    assert early.exit == 1, "nobody has contested it"
    assert (await alder.asks("member", "contest", key, "--as", "Ben")).exit == 0
    assert (await alder.asks("member", "take-back", key, "--as", "Amara", "--yes")).exit == 1
    unsure = await alder.asks("member", "take-back", key, "--as", "Ines")
    assert unsure.exit == 1 and "Say --yes to take it back" in unsure.err
    done = await alder.asks("member", "take-back", key, "--as", "Ines", "--yes")
    assert (done.exit, done.out) == (0, "Taken back. The old passphrase works again.\n")
    assert (await alder.asks("need", "--as", "Ben", "A ride")).exit == 0
    assert (await Person(alder.data, NEW).asks("need", "--as", "Ben", "A ride")).exit == 1
    (one,) = (await alder.asks("member", "reissues", "--json")).json["items"]
    assert one["state"] == "taken_back"
    assert (await alder.asks("member", "settle", key, "--as", "Ines")).exit == 1, "it is decided"


async def test_a_key_on_paper_contests(alder: Person, tmp_path: Path) -> None:
    made = await alder.asks("member", "reissue", "Ben", "--as", "Ines", "--json")
    words = await taken_up(alder.data, made.json["code"])
    (one,) = (await alder.asks("member", "reissues", "--json")).json["items"]
    paper = tmp_path / "paper"
    paper.write_text(" ".join(["abandon"] * 23 + ["art"]))
    wrong = await alder.asks("member", "contest", one["new"], "--words", str(paper))
    assert wrong.exit == 1 and "nothing to do with that account" in wrong.err
    paper.write_text("\n".join(words))
    done = await alder.asks("member", "contest", one["new"], "--words", str(paper), "--json")
    assert done.json["state"] == "contested"
