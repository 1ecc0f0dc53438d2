"""At the terminal: news written for another neighborhood, read in there, and the answer back."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from node.actions import posts
from node.keys import six_words
from protocol.bundle import SUFFIX
from tests.cli.world import Person
from tests.node.serving import Place
from tests.web.test_carry import flooded


@dataclass
class Streets:
    """Riverbend with a need, Oak Street, somebody at each terminal, and a stick."""

    riverbend: Place
    oak: Place
    ines: Person
    ola: Person
    stick: Path


@pytest.fixture
async def streets(tmp_path: Path) -> AsyncIterator[Streets]:
    stick = tmp_path / "stick"
    stick.mkdir()
    async with flooded(tmp_path) as (riverbend, oak):
        posts.publish(
            riverbend.node,
            riverbend.session,
            posts.PostDraft("need", "help", "rides", "Ride to the clinic", where="region"),
        )
        ines, ola = Person(tmp_path / "Riverbend"), Person(tmp_path / "Oak Street")
        yield Streets(riverbend, oak, ines, ola, stick)


async def test_there_and_back(streets: Streets) -> None:
    told = await streets.ines.asks("carry", "out", str(streets.stick), "--to", "Oak Street")
    (file,) = streets.stick.iterdir()
    assert file.suffix == SUFFIX and file.name.startswith("carry-")
    assert f"{file} is written and checked: " in told.out and "It opens for Oak Street alone." in told.out
    read = await streets.ola.asks("carry", "in", str(file))
    assert read.exit == 0 and "From Riverbend: 1 new record, " in read.out and "that we had" in read.out
    again = (await streets.ola.asks("carry", "in", str(file), "--json")).json
    assert (again["new"], again["whole"], again["sender_name"]) == (0, True, "Riverbend")
    assert again["held"] > 4 and not again["unreadable"]


async def test_a_digest_and_its_answer(streets: Streets) -> None:
    told = await streets.ola.asks("carry", "digest", str(streets.stick / "ours"), "--all")
    assert "carry answer ours.barnraise FILE" in told.out
    made = await streets.ines.asks(
        "carry", "answer", str(streets.stick / "ours.barnraise"), str(streets.stick / "theirs"), "--json"
    )
    assert (made.json["records"], made.json["to"]) == (1, ["Oak Street"])
    read = await streets.ola.asks("carry", "in", str(streets.stick / "theirs.barnraise"))
    assert "From Riverbend: 1 new record.\n" in read.out and "carry answer FILE NEWFILE" in read.out
    refused = await streets.ola.asks(
        "carry", "answer", str(streets.stick / "nothing.barnraise"), str(streets.stick / "x")
    )
    assert refused.exit == 1 and "No such file" in refused.err
    assert sorted(path.name for path in streets.stick.iterdir()) == ["ours.barnraise", "theirs.barnraise"]


async def test_while_the_node_is_off(tmp_path: Path) -> None:
    async with flooded(tmp_path):
        pass
    ines, ola = Person(tmp_path / "Riverbend"), Person(tmp_path / "Oak Street")
    made = (await ines.asks("carry", "out", str(tmp_path / "news"), "--all", "--json")).json
    assert made["to"] == ["Oak Street"] and made["no_key"] == []
    assert (await ola.asks("carry", "in", made["path"])).exit == 0


async def test_whom_one_means(streets: Streets) -> None:
    words = six_words(streets.oak.home)
    for number, named in enumerate(("oak street", words, f"  {words.upper()} ", streets.oak.home.hex()[:6])):
        told = await streets.ines.asks("carry", "out", str(streets.stick / str(number)), "--to", named)
        assert told.exit == 0, named
    unknown = await streets.ines.asks("carry", "out", str(streets.stick / "x"), "--to", "Atlantis", "--json")
    assert unknown.exit == 1 and json.loads(unknown.out)["error"] == "not_found"
    assert "no neighborhood “Atlantis”" in unknown.err
    with streets.riverbend.node.records.transaction():
        streets.riverbend.node.connection.execute(
            "INSERT INTO neighbors SELECT CAST(x'aa' || substr(home, 2) AS BLOB), 'linked', 'Oak Street',"
            " '', '', 0, 0 FROM view_cards LIMIT 1"
        )
    both = await streets.ines.asks("carry", "out", str(streets.stick / "x"), "--to", "Oak Street")
    assert both.exit == 1 and "Several neighborhoods fit “Oak Street”" in both.err and words in both.err
    no_key = await streets.ines.asks(
        "carry", "out", str(streets.stick / "x"), "--to", "aa" + both.err.partition("aa")[2][:4]
    )
    assert no_key.exit == 1 and "No key of Oak Street is known here" in no_key.err
    everybody = (await streets.ines.asks("carry", "out", str(streets.stick / "all"), "--all", "--json")).json
    assert (everybody["to"], everybody["no_key"]) == (["Oak Street"], ["Oak Street"])
    nobody = await streets.ines.asks("carry", "out", str(streets.stick / "x"))
    assert nobody.exit == 2 and "--all" in nobody.err


async def test_nothing_is_overwritten_unasked(streets: Streets) -> None:
    photo = streets.stick / "photo.barnraise"
    photo.write_bytes(b"a photo")
    for command in ("out", "digest"):
        told = await streets.ines.asks("carry", command, str(streets.stick / "photo"), "--all", "--json")
        assert told.exit == 1 and json.loads(told.out)["error"] == "file_exists"
    assert photo.read_bytes() == b"a photo"
    assert (await streets.ines.asks("carry", "out", str(photo), "--all", "--force")).exit == 0
    assert photo.read_bytes().startswith(b"barnraise bundle")


async def test_a_place_that_cannot_be_written_is_named_as_it_was_typed(streets: Streets) -> None:
    nowhere = streets.stick / "none" / "x"
    told = await streets.ines.asks("carry", "out", str(nowhere), "--all")
    assert told.exit == 1 and f"There is no folder {nowhere.parent}." in told.err
    long_name = streets.stick / ("x" * (255 - len(SUFFIX)) + SUFFIX)  # room for it, and not for ".part"
    told = await streets.ines.asks("carry", "out", str(long_name), "--all")
    assert told.exit == 1 and f"{long_name.name}: " in told.err and ".part" not in told.err


async def test_wrong_files_in_one_sentence(streets: Streets) -> None:
    await streets.ines.asks("carry", "out", str(streets.stick / "news"), "--all")
    news = (streets.stick / "news.barnraise").read_bytes()
    files = {
        "empty": (b"", "not_a_bundle"),
        "photo": (b"\xff\xd8\xff\xe0" * 9000, "not_a_bundle"),
        "start": (news[:19], "damaged_bundle"),
        "header": (news[:300], "damaged_bundle"),
        "no page": (news[:5_000], "damaged_bundle"),
        "newer": (news[:17] + b"\x09" + news[18:], "newer_bundle"),
    }
    for name, (data, code) in files.items():
        (streets.stick / name).write_bytes(data)
        told = await streets.ola.asks("carry", "in", str(streets.stick / name), "--json")
        assert told.exit == 1 and json.loads(told.out)["error"] == code, name
        assert told.err.count("\n") == 1, told.err
    own = await streets.ines.asks("carry", "in", str(streets.stick / "news.barnraise"))
    assert own.exit == 1 and "This file is not for this neighborhood" in own.err
    folder = await streets.ola.asks("carry", "in", str(streets.stick))
    assert folder.exit == 1 and "Name the file in it that ends in .barnraise" in folder.err
    nothing = await streets.ola.asks("carry", "in", "/dev/null", "--json")
    assert json.loads(nothing.out)["error"] == "not_a_bundle"
    (streets.stick / "torn").write_bytes(news[: len(news) - 20_000])
    torn = await streets.ola.asks("carry", "in", str(streets.stick / "torn"))
    assert torn.exit == 1 and "What was whole has been taken in" in torn.out
    missing = await streets.ola.asks(
        "carry", "answer", str(streets.stick / "news.barnraise"), str(streets.stick / "y"), "--json"
    )
    assert (
        json.loads(missing.out)["error"] == "nothing_asked" and not (streets.stick / "y.barnraise").exists()
    )


async def test_a_full_stick_keeps_nothing(streets: Streets, monkeypatch: pytest.MonkeyPatch) -> None:
    """A real limit of the system: no file over 16 KiB may be written while it lasts."""
    import resource
    import signal

    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    ignored = signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    resource.setrlimit(resource.RLIMIT_FSIZE, (16_384, before[1]))
    try:
        told = await streets.ines.asks("carry", "out", str(streets.stick / "news"), "--all", "--json")
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
        signal.signal(signal.SIGXFSZ, ignored)
    assert told.exit == 1 and json.loads(told.out)["error"] == "disk_full"
    assert list(streets.stick.iterdir()) == []
