"""Erasing from the command line, through a running node and without one."""

from __future__ import annotations

from node.store.database import DATABASE_NAME
from tests.cli.world import Person, running

WORD = b"zanzibarzipan"


def files_with(one: Person, word: bytes) -> list[str]:
    """The files of the data folder in which a word stands, however it is written."""
    found = [path for path in one.data.rglob("*") if path.is_file()]
    assert any(path.name == DATABASE_NAME for path in found)
    return [path.name for path in found if word in path.read_bytes().lower()]


def test_a_post_is_erased_and_no_file_holds_its_words(alder: Person) -> None:
    made = alder.types("offer", "--as", "Ben", "Zanzibarzipan", "--contact", "Zanzibarzipan 1", "--json").json
    assert files_with(alder, WORD) == [DATABASE_NAME]
    short = made["id"][:8]
    assert "Say --yes" in alder.types("erase", "--as", "Ben", short).err
    assert "no posts of yours" in alder.types("erase", "--as", "Amara", short, "--yes").err
    refused = alder.types("erase", "--as", "Amara", "--for-neighborhood", short, "--yes")
    assert refused.exit == 1 and "Only the person who made this" in refused.err
    assert files_with(alder, WORD) == [DATABASE_NAME]

    done = alder.types("erase", "--as", "Ben", short, "--yes")
    assert (done.exit, done.err) == (0, "") and "Erased here." in done.out
    assert files_with(alder, WORD) == []
    listed = alder.types("erasures", "--as", "Ben")
    assert f"Need or offer {short}, shared with this neighborhood: erased by you on" in listed.out
    (item,) = alder.types("erasures", "--as", "Ines", "--json").json["items"]
    assert (item["id"], item["applied"], item["of"], item["by_home"]) == (made["id"], 1, 1, False)
    assert alder.types("erasures", "--as", "Amara").out == "Nothing has been erased.\n"
    assert "no posts of yours" in alder.types("erase", "--as", "Ben", short, "--yes").err


async def test_a_coordinator_erases_through_the_running_node(alder: Person) -> None:
    async with running(alder.data):
        made = (await alder.asks("need", "--as", "Amara", "Zanzibarzipan", "--json")).json
        done = await alder.asks("erase", "--as", "Ines", "--for-neighborhood", made["id"], "--yes", "--json")
        assert done.json == {"id": made["id"], "mine": False, "erased": True}
        told = await alder.asks("erasures", "--as", "Amara")
        assert "erased by Ines on" in told.out
    assert files_with(alder, WORD) == []


def test_leaving_erases_everything_and_the_last_coordinator_stays(alder: Person) -> None:
    assert alder.types("offer", "--as", "Ben", "Zanzibarzipan", "--contact", "Zanzibarzipan 1").exit == 0
    assert "Say --yes" in alder.types("member", "leave", "--as", "Ben").err
    wrong = Person(alder.data, "not his passphrase").types("member", "leave", "--as", "Ben", "--yes")
    assert wrong.exit == 1 and files_with(alder, WORD) == [DATABASE_NAME]
    last = alder.types("member", "leave", "--as", "Ines", "--yes")
    assert last.exit == 1 and "There must be a coordinator" in last.err

    done = alder.types("member", "leave", "--as", "Ben", "--yes", "--json").json
    assert (done["name"], done["gone"], done["posts"]) == ("Ben", True, 1)
    assert files_with(alder, WORD) == []
    names = [one["name"] for one in alder.types("member", "list", "--json").json["items"]]
    assert sorted(names) == ["Amara", "Ines"]
    assert alder.types("erasures", "--as", "Ben").exit == 1, "nobody can sign in with his name any more"


async def test_a_coordinator_removes_somebody_who_is_gone(alder: Person) -> None:
    async with running(alder.data):
        assert (await alder.asks("offer", "--as", "Ben", "Zanzibarzipan")).exit == 0
        refused = await alder.asks("member", "remove", "Ben", "--as", "Amara", "--yes")
        assert refused.exit == 1 and "Only a coordinator" in refused.err
        assert "called Bob" in (await alder.asks("member", "remove", "Bob", "--as", "Ines", "--yes")).err
        done = await alder.asks("member", "remove", "ben", "--as", "Ines", "--yes")
        assert (done.exit, done.out) == (0, "Ben is removed, and everything of theirs is erased here.\n")
        told = await alder.asks("erasures", "--as", "Ines")
        assert "erased by Ines on" in told.out
    assert files_with(alder, WORD) == []
