"""What people type, through a running node and without one: the same answers, and the same refusals."""

from __future__ import annotations

import datetime
import json
from pathlib import Path

import pytest

from node import VERSION
from node.actions import members, posts, setup
from node.app import Node
from node.commands import onlooker
from protocol.errors import Fault
from tests.cli.world import Person, Typed, copy_of, running
from tests.node.serving import PASSPHRASE, link, places, settings_of, until

DAY = (datetime.datetime.now(datetime.UTC) - datetime.timedelta(days=3)).date().isoformat()
BOARD_KEYS = [
    "area", "category", "created", "expires", "id", "language", "neighborhood", "slots", "slots_open",
    "state", "text", "title", "type", "urgency", "what", "when",
]  # fmt: skip


async def both_ways(one: Person, other: Person, *words: str) -> tuple[Typed, Typed]:
    """The same command through a running node, and on a copy of its folder."""
    async with running(one.data):
        through_node = await one.asks(*words)
    return through_node, await other.asks(*words)


@pytest.fixture
def twin(template: Path, tmp_path: Path) -> Person:
    """Looks after a copy of the same folder."""
    return Person(copy_of(template, tmp_path / "twin"))


@pytest.mark.parametrize(
    "words",
    [
        "board", "board --json", "board --q ladder --type offer --category tools.lend --where here --json",
        "member list", "member list --json", "categories", "hours --as Amara", "hours --as amara --json",
        "coalition list", "coalition list --json",
        "coalition invite --as Ines", "coalition join BR1X --as Ines --help", "setup-link",
        "member invite --as Amara", "member invite --as Nobody", "hours --as Amara confirm 00",
        "hours --as Amara record --with Zoe --gave --minutes 5", "coalition found --as Amara Elbe",
        "need --as Amara --slots 2 --area x" + "x" * 80 + " Ladder", "need --as Amara --region Ladder",
        "import nowhere.csv --as Ines",
    ],
)  # fmt: skip
async def test_both_ways_say_the_same(alder: Person, twin: Person, words: str) -> None:
    through_node, directly = await both_ways(alder, twin, *words.split())
    assert through_node == directly
    assert through_node.exit == (1 if through_node.err else 0)
    assert "Traceback" not in through_node.err and through_node.err.count("\n") <= 1


async def test_an_offer_stands_on_the_board_whichever_way_it_came(alder: Person, twin: Person) -> None:
    words = ("offer", "--as", "Ben", "--what", "lend", "--when", "any evening", "--text", "It is long.")
    words += ("--contact", "555-0101", "--json", "A ladder")
    for typed, person in zip(await both_ways(alder, twin, *words), (alder, twin), strict=True):
        made = typed.json
        assert made["title"] == "A ladder" and made["category"] == "tools.lend", "guessed from the title"
        listed = (await person.asks("board", "--json")).json
        assert [one["id"] for one in listed["items"]] == [made["id"]] and listed["next"] == ""
        assert set(BOARD_KEYS) <= listed["items"][0].keys()
        assert "555-0101" not in json.dumps(listed) and "A ladder" in (await person.asks("board")).out
        assert made["expires"] % 86_400 == 0 and made["created"] < made["expires"]


async def test_ones_own_language_is_the_posts(alder: Person) -> None:
    made = (await alder.asks("need", "--as", "Ines", "Ein Fahrrad", "--language", "de", "--json")).json
    assert made["language"] == "de"
    assert (await alder.asks("need", "--as", "Ines", "A bicycle", "--json")).json["language"] == "en"


async def test_hours_are_recorded_by_one_and_confirmed_by_the_other(alder: Person) -> None:
    async with running(alder.data) as server:
        made = await alder.asks(
            *("hours", "--as", "Amara", "record", "--with", "ben", "--gave", "--minutes", "90"),
            *("--date", DAY, "--category", "Rides", "--json"),
        )
        claim = made.json
        assert (claim["minutes"], claim["state"], claim["i_gave"]) == (90, "awaiting", True)
        words = f"hours record --as Amara --with Ben --gave --minutes 5 --date {DAY}"
        again = await alder.asks(*words.split())
        assert again.exit == 1 and "already" in again.err
        seen = await alder.asks("hours", "--as", "Ben")
        assert "Amara, Alder Street" in seen.out and f"hours confirm {claim['id'][:8]} --as Ben" in seen.out
        mine = await alder.asks("hours", "confirm", claim["id"][:8], "--as", "Amara")
        assert mine.exit == 1, "nobody confirms what they said themselves"
        done = await alder.asks("hours", "confirm", claim["id"][:8], "--as", "Ben")
        assert done.out == f"Confirmed: you received 1:30 h on {DAY} (Amara, Alder Street).\n"
        assert server.node.sessions == {}
    for who, balance in (("Amara", 90), ("Ben", -90)):
        book = (await alder.asks("hours", "--as", who, "--json")).json
        assert book["balance_minutes"] == balance and [one["state"] for one in book["items"]] == ["confirmed"]
    assert "the balance is -1:30 h" in (await alder.asks("hours", "--as", "Ben")).out


async def test_an_invitation_from_the_terminal_lets_somebody_in(alder: Person) -> None:
    async with running(alder.data) as server:
        made = (await alder.asks("member", "invite", "--as", "Ines", "--json")).json
        assert made["links"] == [f"http://127.0.0.1:{server.node.settings.port}/join/{made['code']}"]
        await members.join(server.node, made["code"], name="Chloe", passphrase=PASSPHRASE, language="en")
    assert "Chloe" in (await alder.asks("member", "list")).out
    shown = (await alder.asks("member", "invite", "--as", "Ines")).out
    assert "█▀▀▀▀▀█" in shown or "▄▄▄▄▄" in shown, "a square code for phones"


async def test_nobody_reads_how_to_reach_a_member(alder: Person) -> None:
    async with running(alder.data) as server:
        session = await members.sign_in(server.node, name="Amara", passphrase=PASSPHRASE, address="test")
        members.save_profile(server.node, session, area="Mill", languages="", about="", contact="555-0101")
        listed = await alder.asks("member", "list", "--json")
    assert "Mill" in listed.out and "555-0101" not in listed.out


def test_whoever_only_looks_on_can_sign_nothing(alder: Person) -> None:
    node = Node(settings_of(alder.data))
    try:
        with pytest.raises((Fault, ValueError)):
            posts.publish(node, onlooker(), posts.PostDraft("need", "help", "rides", "A ride"))
        with pytest.raises(Fault):
            members.invite(node, onlooker())
        assert posts.board(node, onlooker(), posts.BoardQuery()).items == []
    finally:
        node.close()


async def test_coalitions_from_the_terminal(tmp_path: Path) -> None:
    async with places(tmp_path, "Riverbend", "Oak Street", discovery="loopback") as (riverbend, oak):
        ines, ola = Person(riverbend.settings.data), Person(oak.settings.data)
        assert "no coalition" in (await ines.asks("coalition", "list")).out
        alone = await ines.asks("coalition", "found", "--as", "Ines", "River Valley", "--with", "Oak Street")
        assert alone.exit == 1 and "No linked neighborhood is called “Oak Street”" in alone.err
        made = (await ines.asks("coalition", "found", "--as", "Ines", "River Valley", "--json")).json
        code = (await ines.asks("coalition", "invite", "--as", "Ines", "--json")).json["code"]
        joined = await ola.asks("coalition", "join", code, "--as", "Ola")
        assert (joined.exit, joined.err) == (0, ""), joined
        assert "River Valley" in joined.out
        listed = (await ola.asks("coalition", "list", "--json")).json["coalitions"]
        assert [(one["id"], one["role"]) for one in listed] == [(made["id"], "guest")]
        broken = await ola.asks("coalition", "join", code[:-5], "--as", "Ola")
        assert broken.exit == 1 and "Check that it was copied whole" in broken.err
        ours = await ines.asks("coalition", "join", code, "--as", "Ines")
        assert ours.exit == 1 and "This code was made here" in ours.err
        not_ours = await ola.asks("coalition", "invite", "--as", "Ola")
        assert not_ours.exit == 1 and "votes" in not_ours.err
        need = await ines.asks("need", "--as", "Ines", "A ride to the market", "--region", "--json")
        await until(
            "the need is on the other board",
            lambda: [
                one
                for one in posts.board(oak.node, oak.session, posts.BoardQuery()).items
                if one.id.hex() == need.json["id"]
            ],
        )
        seen = (await ola.asks("board", "--where", "region", "--json")).json["items"]
        assert [one["neighborhood_name"] for one in seen] == ["Riverbend"]
    away = await ola.asks("coalition", "join", code, "--as", "Ola")
    assert away.exit == 1 and away.err.startswith("The node is not running, and joining needs it")


async def test_a_coalition_with_a_linked_neighborhood(tmp_path: Path) -> None:
    async with places(tmp_path, "Riverbend", "Oak Street", discovery="loopback") as (riverbend, oak):
        await link(riverbend, oak)
        ines = Person(riverbend.settings.data)
        made = (
            await ines.asks(
                "coalition", "found", "--as", "Ines", "River Valley", "--with", "oak street", "--json"
            )
        ).json
        await until("Oak Street is asked", lambda: oak.page.offers)
        assert [offer.id.hex() for offer in oak.page.offers] == [made["id"]]
        asked = await Person(oak.settings.data).asks("coalition", "list")
        assert "Riverbend asks whether we join “River Valley”" in asked.out
        status = (await ines.asks("status", "--json")).json
        assert [(one["name"], one["linked"]) for one in status["links"]] == [("Oak Street", True)]


# who acts


@pytest.mark.parametrize("who", ["Amara", "nobody here"])
def test_a_wrong_passphrase_or_name_is_refused_alike(alder: Person, who: str) -> None:
    typed = Person(alder.data, "not the passphrase").types("need", "--as", who, "A ride")
    assert (typed.exit, typed.err) == (1, "That name and passphrase do not belong together.\n")
    assert alder.types("board").out == "The board is empty so far.\n"


async def test_a_running_node_does_not_let_passphrases_be_tried_out(alder: Person) -> None:
    guesser = Person(alder.data, "not the passphrase")
    async with running(alder.data):
        said = [(await guesser.asks("hours", "--as", "Amara")).err for _ in range(11)]
    assert len(set(said[:10])) == 1 and said[10] == "Too many tries. Please wait ten minutes.\n"


def test_a_passphrase_from_a_file_beats_the_environment(alder: Person, tmp_path: Path) -> None:
    file = tmp_path / "passphrase"
    file.write_text(PASSPHRASE + "\nand more\n")
    wrong = Person(alder.data, "not the passphrase")
    assert wrong.types("need", "--as", "Amara", "--passphrase-file", str(file), "A ride").exit == 0
    for content, said in ((None, "cannot be read: No such file"), (b"\xff\n", "is not text")):
        other = tmp_path / "other"
        if content is not None:
            other.write_bytes(content)
        typed = alder.types("need", "--as", "Amara", "--passphrase-file", str(other), "A ride")
        assert typed.exit == 1 and said in typed.err and typed.err.count("\n") == 1


def test_without_a_terminal_a_missing_passphrase_is_explained(alder: Person) -> None:
    typed = Person(alder.data, "").types("need", "--as", "Amara", "A ride")
    assert typed.exit == 1 and "set BARNRAISE_PASSPHRASE or give --passphrase-file" in typed.err


# usage


@pytest.mark.parametrize(
    ("words", "named"),
    [
        ("need Ride", "Say who you are: --as NAME"),
        ("need --as Amara", "Missing argument 'TITLE'"),
        ("need --as Amara --what sell Ride", "'--what'"),
        ("need --as Amara --slots 101 Ride", "'--slots'"),
        ("need --as Amara --days 91 Ride", "'--days'"),
        ("board --type wish", "'--type'"),
        ("board --where moon", "'--where'"),
        ("hours record --as Amara --with Ben --minutes 90", "--gave if it was you"),
        ("hours record --as Amara --with Ben --gave --minutes 0", "'--minutes'"),
        ("hours record --as Amara --with Ben --gave --minutes 9 --date tomorrow", "'--date'"),
        ("import answers.csv", "Say who you are: --as NAME"),
        ("run --port 70000", "'--port'"),
        ("run --discovery some", "'--discovery'"),
        ("bord", "Did you mean"),
    ],
)
def test_what_cannot_be_meant_is_a_usage_error(alder: Person, words: str, named: str) -> None:
    typed = alder.types(*words.split())
    assert typed.exit == 2 and named in typed.err and typed.out == ""


def test_a_category_may_be_named_and_a_near_miss_is_helped(alder: Person) -> None:
    assert (
        alder.types("board", "--category", "Fahrten").exit == alder.types("board", "--category", "rides").exit
    )
    typed = alder.types("board", "--category", "a ride to the clinic")
    assert typed.exit == 1 and "Do you mean “rides" in typed.err and "barnraise categories" in typed.err
    listed = alder.types("categories", "--json").json["items"]
    assert {"id": "rides", "name": "Rides"} in listed


@pytest.mark.parametrize(
    "words", ["", "member", "member list", "hours record", "import", "doctor", "run", "need"]
)
def test_every_command_explains_itself(alder: Person, words: str) -> None:
    typed = alder.types(*words.split(), "--help")
    assert typed.exit == 0 and typed.out.startswith("Usage: ") and len(typed.out) > 200


def test_the_version(alder: Person) -> None:
    assert alder.types("--version").out == f"barnraise {VERSION}\n"


def test_the_folder_may_be_named_before_and_behind_a_command(alder: Person, tmp_path: Path) -> None:
    nowhere = Person(tmp_path / "nowhere")
    data = ("--data", str(alder.data))
    for words in ((*data, "member", "list"), ("member", *data, "list"), ("member", "list", *data)):
        assert "Amara" in nowhere.types(*words).out
    missing = nowhere.types("member", "list")
    assert missing.exit == 1 and missing.err.startswith(f"There is no node in {nowhere.data} yet.")


# how it is doing


async def test_status_of_a_running_node_and_of_a_sleeping_one(alder: Person) -> None:
    async with running(alder.data) as server:
        await alder.asks("need", "--as", "Amara", "A ride")
        awake = (await alder.asks("status", "--json")).json
        told = (await alder.asks("status")).out
        assert awake["urls"] == [f"http://127.0.0.1:{server.node.settings.port}"]
    asleep = (await alder.asks("status", "--json")).json
    assert (awake["running"], asleep["running"]) == (True, False)
    assert (asleep["members"], asleep["coordinators"], asleep["posts"], asleep["posts_here"]) == (3, 1, 1, 1)
    changes = {key for key in awake if awake[key] != asleep[key]}
    assert changes <= {"running", "listen", "port", "urls", "records", "database_bytes", "disk_free_bytes",
                       "discovery_note"}  # fmt: skip
    assert told.startswith("Alder Street is running.") and "3, 1 coordinator among them" in told
    assert (await alder.asks("status")).out.startswith("Alder Street is not running; start it with")


async def test_a_setup_link_replaces_the_one_before_and_is_of_no_use_later(tmp_path: Path) -> None:
    fresh = Person(tmp_path / "fresh")
    assert (await fresh.asks("setup-link")).exit == 1, "there is nothing to set up"
    async with running(fresh.data) as server:
        first, second = [(await fresh.asks("setup-link", "--json")).json["links"] for _ in range(2)]
        assert len(first) == 1 and first[0].startswith(f"http://127.0.0.1:{server.node.settings.port}/setup/")
        with pytest.raises(Fault, match="replaced"):
            setup.check_setup(server.node, first[0].rpartition("/")[2])
        setup.check_setup(server.node, second[0].rpartition("/")[2])
        assert "no neighborhood yet: “barnraise setup-link” makes" in (await fresh.asks("status")).out
        for words in (
            "board",
            "member list",
            "coalition list",
            "need --as Ines Ride",
            "coalition list --json",
        ):
            typed = await fresh.asks(*words.split())
            assert typed.exit == 1 and "not set up yet" in typed.err, words
    asleep = await fresh.asks("setup-link")
    assert asleep.exit == 1 and "Start it with “barnraise run”" in asleep.err
    assert "it shows the link to set one up" in (await fresh.asks("status")).out


def test_a_node_that_is_set_up_gives_no_setup_link(alder: Person) -> None:
    assert alder.types("setup-link").err == "This node is already set up.\n"


# refusals that a script reads


@pytest.mark.parametrize(
    ("words", "code"),
    [
        (("need", "--as", "Amara", "--json", "x" * 121), "bad_input"),
        (("need", "--as", "nobody here", "--json", "A ride"), "wrong_passphrase"),
        (("need", "--as", "Amara", "--json", "--text", "🌻" * 2_000, "A ride"), "too_long"),
        (("import", "no.csv", "--as", "Ines", "--json"), "not_found"),
        (("import", "/", "--as", "Ines", "--json"), "no_access"),
    ],
)
def test_a_script_reads_the_code_of_a_refusal(alder: Person, words: tuple[str, ...], code: str) -> None:
    typed = alder.types(*words)
    told = json.loads(typed.out)
    assert (typed.exit, told["error"], told["sentence"] + "\n") == (1, code, typed.err)
    plain = alder.types(*(word for word in words if word != "--json"))
    assert (plain.exit, plain.out, plain.err) == (1, "", typed.err)


def test_a_command_that_makes_no_sense_is_status_2_with_json_too(alder: Person) -> None:
    typed = alder.types("need", "--json", "A ride")
    assert (typed.exit, typed.out) == (2, "") and "--as NAME" in typed.err
