"""A peer that somebody wrote from the documents alone (javascript/), and our node, which agree.

Slow, and needs node, npm and the npm registry: skipped, with the reason, where one of them is missing.
"""

from __future__ import annotations

import asyncio
import json
import shutil
import sqlite3
import subprocess
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from protocol.encoding import decode, encode
from protocol.kinds.roster import homes_named
from protocol.record import Record, parse
from protocol.scopes import EPOCH_2020_S, PAIR, coalition
from sync.frames import FRAME_SIZE_MAX_BYTES
from sync.index import RangeIndex
from tests.cli.world import Person, found_neighborhood
from tests.interop.stranger import Stranger, install, why_not
from tests.node.process import Process
from tests.node.serving import PASSPHRASE
from tests.sim.test_invitation_on_the_wire import stated
from tests.vectors.reading import FOLDER as VECTORS
from tests.web import reader

pytestmark = [pytest.mark.slow, pytest.mark.timeout(300)]

# What the peer does not have: files that are carried by hand, and features that a node names in hello before
# it sends their frames (docs/sync.md, section 1).
FOLDERS_NOT_TRIED = ("bundle/", "sketch/")
FRAME_TYPE_MAX = 20
# What comes in another order where the peer is the newcomer (docs/sync.md, An invitation on the wire).
LOOSE = ("taken", "same [2]")
NEED, HOURS_MINUTES = "A ride to the clinic on Tuesday", 45
PATIENCE_S = 30.0
ROSTER_ACTS = ("charter", "epoch", "assent", "sponsor", "leave")


@pytest.fixture(scope="module")
def peer(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A copy of the peer with its packages; nothing is left in the tree."""
    folder = tmp_path_factory.mktemp("peer") / "javascript"
    if reason := why_not() or install(folder):
        pytest.skip(reason)
    return folder


@pytest.fixture(scope="module")
def template(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Alder Street, founded once, since passphrases take their time."""
    folder = tmp_path_factory.mktemp("alder") / "data"
    asyncio.run(found_neighborhood(folder, "Alder Street", "Ines", "Amara"))
    return folder


class Alder:
    """Alder Street, whose node runs in a process of its own and has founded the coalition “The valley”."""

    def __init__(self, node: Process) -> None:
        self.node, self.people = node, Person(node.data)
        self.coalition = bytes.fromhex(self.types("coalition", "found", "The valley", as_="Ines")["id"])

    def types(self, *words: str, as_: str = "") -> Any:
        """What a command answers, as JSON."""
        return self.people.types(*words, "--json", *(["--as", as_] if as_ else [])).json

    def invitation(self) -> str:
        code = self.types("coalition", "invite", as_="Ines")["code"]
        assert isinstance(code, str)
        return code

    def members(self) -> set[str]:
        (one,) = self.types("coalition", "list")["coalitions"]
        return set(one["members"])

    def board(self) -> dict[str, str]:
        """{title: neighborhood} of what is shared in the region, as the board shows it."""
        return {item["title"]: item["neighborhood_name"] for item in self.types("board")["items"]}

    def fingerprints(self) -> list[str]:
        """Those of the roster and of the coalition's records, from what stands in its database."""
        held = held_by(self.node)
        acts = [r for r in held if r.kind in ROSTER_ACTS and self.coalition in (r.id, *r.scope[1:])]
        named = homes_named(acts)
        keys = [r for r in held if r.kind in ("inception", "rotation") and r.home in named]
        scope = encode(list(coalition(self.coalition)))
        others = [r for r in held if encode(list(r.scope)) == scope and r.kind not in ROSTER_ACTS]
        return [_fingerprint([*acts, *keys]), _fingerprint(others)]


def held_by(node: Process) -> list[Record]:
    """The records that are in their sets."""
    with sqlite3.connect(node.data / "barnraise.db") as connection:
        rows = connection.execute("SELECT message FROM records WHERE status = 0").fetchall()
    return [parse(row[0]) for row in rows]


def _fingerprint(records: list[Record]) -> str:
    index = RangeIndex()
    index.bulk(sorted((record.created - EPOCH_2020_S, record.id) for record in records))
    return index.fingerprint(0, len(index)).hex()


def until(what: str, test: Callable[[], bool]) -> None:
    """Look until it holds: news takes its time."""
    end = time.monotonic() + PATIENCE_S
    while not test():
        assert time.monotonic() < end, f"{what}: not within {PATIENCE_S} s"
        time.sleep(0.1)


@pytest.fixture
def alder(peer: Path, template: Path, tmp_path: Path) -> Iterator[Alder]:
    shutil.copytree(template, tmp_path / "alder")
    with Process(tmp_path / "alder", 0, "--discovery", "loopback") as node:
        yield Alder(node)


def at_the_page(node: Process, who: str, path: str, button: str = "") -> str:
    """Somebody signs in on the page of a node, opens a path, perhaps presses a button; gives what it says."""

    async def visit() -> str:
        person = reader.Person(node.url)
        try:
            await person.open("/sign-in")
            await person.press("Sign in", name=who, passphrase=PASSPHRASE)
            await person.open(path)
            if button:
                await person.press(button)
            assert person.page.status == 200, person.page.text
            return person.page.text
        finally:
            await person.client.close()

    return asyncio.run(visit())


def hours(alder: Alder) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = alder.types("hours", as_="Amara")["items"]
    return found


def frames_heard(stranger: Stranger) -> list[str]:
    """What our node has said to it, as docs/sync.md names the frames."""
    heard = [told for told in stranger.told("frame") if told["way"] == "in"]
    about = ["" if told["about"] is None else f" [{told['about']}]" for told in heard]
    named = [told["frame"] + where for told, where in zip(heard, about, strict=True)]
    return [frame for frame in named if frame not in LOOSE]


def is_of_a_later_feature(name: str) -> bool:
    """Whether a vector is about something that the peer need not know."""
    if name.startswith("frame/"):
        vector = json.loads((VECTORS / f"{name}.json").read_text())
        kind, *_ = decode(bytes.fromhex(vector["frame"]), FRAME_SIZE_MAX_BYTES)
        return type(kind) is int and kind > FRAME_TYPE_MAX
    return name.startswith(FOLDERS_NOT_TRIED)


def test_it_passes_every_vector_that_it_can_try(peer: Path) -> None:
    done = subprocess.run(
        ["node", "vectors.mjs", str(VECTORS)], cwd=peer, capture_output=True, text=True, check=False
    )
    found = json.loads(done.stdout)
    assert done.stderr == "" and found["total"]["failed"] == 0
    assert found["total"]["passed"] > 600
    left_out = [name for name in found["not_tried"] if not is_of_a_later_feature(name)]
    assert left_out == [], "say above that the peer does not have it, or teach it"


def test_it_joins_and_shares_a_need(peer: Path, alder: Alder) -> None:
    alder.types("need", NEED, "--region", as_="Amara")
    told = (
        "--post",
        "Firewood, dry",
        "--edit",
        "Firewood, cut and dry",
        "--erase",
        "--again",
        "--step",
        "--frames",
    )
    with Stranger(peer, alder.invitation(), *told) as stranger:
        home = stranger.hears("founded")["home"]
        assert stranger.hears("linked")["pattern"] == "XXpsk3"
        joined = stranger.hears("joined")
        assert joined["name"] == "The valley" and joined["guests"] == [home]
        assert joined["coalition"] == alder.coalition.hex()
        stranger.hears("equal")
        assert frames_heard(stranger) == [f for side, f in stated() if side == "founder" and f not in LOOSE]
        assert stranger.hears("linked")["pattern"] == "XX", "it called again, without the invitation"
        stranger.hears("card")
        until("its card is there", lambda: alder.members() == {"Alder Street", "Stranger Lane"})

        stranger.goes_on()
        stranger.hears("posted")
        until("its need", lambda: alder.board() == {NEED: "Alder Street", "Firewood, dry": "Stranger Lane"})
        stranger.goes_on()
        assert stranger.hears("edited")["edit"] == 1
        until("its edit", lambda: alder.board().get("Firewood, cut and dry") == "Stranger Lane")
        assert len(alder.board()) == 2
        stranger.goes_on()
        assert stranger.hears("erased")["edit"] == 2
        until("its erasure", lambda: alder.board() == {NEED: "Alder Street"})
        assert "Firewood" not in str([r.body for r in held_by(alder.node)])

        stranger.goes_on()
        found = stranger.hears("equal")
        assert found["fingerprints"] == alder.fingerprints()
        stranger.goes_on()
        assert stranger.ends() == 0
        (shown,) = stranger.told("board")
        assert (shown["title"], shown["state"], shown["slots_open"]) == (NEED, "open", 1)


def test_it_promises_and_both_sign_the_hours(peer: Path, alder: Alder) -> None:
    alder.types("need", NEED, "--region", as_="Amara")
    told = ("--promise", "--hours", str(HOURS_MINUTES), "--step")
    with Stranger(peer, alder.invitation(), *told) as stranger:
        stranger.hears("card")
        stranger.goes_on()
        promise = stranger.hears("promised")["thing"]
        until("the promise", lambda: "answered you" in at_the_page(alder.node, "Amara", "/inbox"))
        at_the_page(alder.node, "Amara", "/inbox", "Yes, please")
        stranger.hears("state", lambda state: state["promises"] == {promise: ["agreed", 1]})

        stranger.goes_on()
        claim = stranger.hears("claimed")["id"]
        until("the claim", lambda: [i["id"] for i in hours(alder) if i["can_confirm"]] == [claim])
        (item,) = hours(alder)
        assert (item["minutes"], item["i_gave"]) == (HOURS_MINUTES, False)
        alder.types("hours", "confirm", claim, as_="Amara")
        stranger.hears("state", lambda state: state["claims"] == {claim: "confirmed"})

        alder.types(
            "hours", "record", "--with", item["other_name"], "--received", "--minutes", "30", "--another",
            as_="Amara",
        )  # fmt: skip
        stranger.hears("confirmed")
        until("its word", lambda: {i["state"] for i in hours(alder)} == {"confirmed"})
        assert sum(i["minutes"] for i in hours(alder)) == HOURS_MINUTES + 30
        stranger.goes_on()
        assert stranger.hears("equal")["fingerprints"] == alder.fingerprints()
        stranger.goes_on()
        assert stranger.ends() == 0


def test_it_promises_by_parcels_to_somebody_without_a_link(peer: Path, alder: Alder, tmp_path: Path) -> None:
    asyncio.run(found_neighborhood(tmp_path / "mill", "Mill Lane", "Mo"))
    with Process(tmp_path / "mill", 0, "--discovery", "loopback") as node:
        mill = Person(node.data)
        assert mill.types("coalition", "join", alder.invitation(), "--as", "Mo").exit == 0
        until("Mill Lane is in", lambda: alder.members() == {"Alder Street", "Mill Lane"})
        assert mill.types("need", NEED, "--region", "--as", "Mo").exit == 0
        until("its need", lambda: alder.board() == {NEED: "Mill Lane"})
        told = ("--promise", "--hours", str(HOURS_MINUTES), "--parcel", "--step")
        with Stranger(peer, alder.invitation(), *told) as stranger:
            stranger.hears("card")
            stranger.goes_on()
            promise, claim = stranger.hears("promised")["thing"], stranger.hears("claimed")["id"]
            stranger.hears("parcel")
            until("the promise", lambda: "answered you" in at_the_page(node, "Mo", "/inbox"))
            at_the_page(node, "Mo", "/inbox", "Yes, please")
            assert mill.types("hours", "confirm", claim, "--as", "Mo").exit == 0
            state = stranger.hears("state", lambda state: state["claims"] == {claim: "confirmed"})
            if state["promises"] != {promise: ["agreed", 1]}:
                stranger.hears("state", lambda state: state["promises"] == {promise: ["agreed", 1]})
            assert stranger.told("state")[-1]["parcels"], "what it knows came sealed"
            passed_on = {record.kind for record in held_by(alder.node) if record.scope[0] == PAIR}
            assert passed_on == set(), "Alder Street passed it on, sealed, and holds none of it"
            stranger.goes_on()
            assert stranger.hears("equal")["fingerprints"] == alder.fingerprints()
            stranger.goes_on()
            assert stranger.ends() == 0
