"""The page of neighborhoods, shown a made-up region; what is pressed there reaches the use cases."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from node.actions import neighborhoods, rosters
from node.actions.neighborhoods import (
    Ask,
    Coalition,
    CoalitionOffer,
    LinkedNeighborhood,
    Nearby,
    NeighborhoodInvite,
    NeighborhoodsPage,
)
from node.actions.rosters import CoalitionPage, Member, Newcomer, ProposalItem
from node.actions.setup import Neighborhood
from node.app import Node
from protocol.errors import SENTENCES, OurFault, WorldFault
from tests.web.conftest import START_S
from tests.web.reader import Neighbor, Person

HILLSIDE, KIRCHFELD, OLD_TOWN, NORTH_BANK, VALLEY, QUAYSIDE = (bytes([number]) * 32 for number in range(1, 7))
REGION = NeighborhoodsPage(
    own=Neighborhood(bytes(32), "Riverbend", "By the mill", "anchor basket cedar lantern meadow violin"),
    own_addresses=["192.168.1.20:8420", "barnraise-0000.local:8420"],
    nearby=[
        Nearby(KIRCHFELD, "Kirchfeld", "apple bridge copper feather ocean thunder", "192.168.1.31:8420", ""),
        Nearby(
            OLD_TOWN, "Old Town", "bread candle island mirror paper willow", "192.168.1.44:8420", "asks_us"
        ),
    ],
    links=[
        LinkedNeighborhood(
            HILLSIDE,
            "Hillside",
            "",
            "canvas drum eagle ladder salt winter",
            "linked",
            True,
            False,
            START_S - 7200,
            [],
        )
    ],
    asks=[Ask(OLD_TOWN, "Old Town", "bread candle island mirror paper willow", "Maria from across the park")],
    coalitions=[
        Coalition(
            NORTH_BANK,
            "North Bank",
            "founder",
            ["Hillside", "Riverbend"],
            "Be kind.",
            we_vote=True,
            newcomers=1,
        )
    ],
    offers=[CoalitionOffer(VALLEY, "Valley Together", "Answer within two days.", "Hillside")],
    discovery_note="",
    clock_note="",
)
CIRCLE = CoalitionPage(
    id=NORTH_BANK,
    name="North Bank",
    agreement="Be kind.",
    members=[Member(bytes(32), "Riverbend", "voter", True), Member(HILLSIDE, "Hillside", "guest", False)],
    proposals=[ProposalItem(VALLEY, ["Hillside", "Riverbend"], [], ["Quayside"], ["Hillside"], 2, True)],
    we_vote=True,
    forked=False,
    newcomers=[Newcomer(QUAYSIDE, "Quayside", "six words", ["Hillside"], can_vouch=True)],
)


class Region:
    """Stands in for the use cases: shows `page` and remembers what was asked for."""

    def __init__(self) -> None:
        self.page = REGION
        self.calls: list[tuple[str, Any, dict[str, Any]]] = []
        self.fault: Exception | None = None

    def _record(self, name: str, answer: Any = None) -> Callable[..., Any]:
        def call(node: object, session: object, *about: Any, **more: Any) -> Any:
            if self.fault:
                raise self.fault
            if about[1:]:
                more["then"] = about[1]
            self.calls.append((name, about[0] if about else None, more))
            return answer

        return call

    def stand_in(self, patch: pytest.MonkeyPatch) -> None:
        patch.setattr(neighborhoods, "neighborhoods", lambda node, session: self.page)
        for name in ("ask_to_link", "approve", "decline", "unlink", "accept_coalition", "decline_coalition"):
            patch.setattr(neighborhoods, name, self._record(name))
        patch.setattr(neighborhoods, "found_coalition", self._record("found_coalition", NORTH_BANK))
        made = NeighborhoodInvite("BARN-" + "A2B3" * 60, START_S + 86_400)
        patch.setattr(neighborhoods, "invite_neighborhood", self._record("invite_neighborhood", made))
        enter = self._record("enter_code", neighborhoods.Joined("Hillside", False))

        async def enter_code(*about: Any) -> Any:
            return enter(*about)

        patch.setattr(neighborhoods, "enter_code", enter_code)

        def coalition_page(node: object, session: object, coalition: bytes) -> CoalitionPage:
            if coalition != NORTH_BANK:
                raise OurFault("not_found")
            return CIRCLE

        patch.setattr(rosters, "coalition_page", coalition_page)
        for name in ("propose", "assent", "leave", "vouch"):
            patch.setattr(rosters, name, self._record(name))


@pytest.fixture
def region(monkeypatch: pytest.MonkeyPatch) -> Region:
    region = Region()
    region.stand_in(monkeypatch)
    return region


async def test_six_words_stand_side_by_side_before_either_side_approves(ines: Person, region: Region) -> None:
    await ines.open("/neighborhoods")
    for shown in (
        "Your six words",
        "Their six words",
        "Ask the other coordinator to read theirs aloud",
        "lantern",
    ):
        assert shown in ines.page.text
    assert "Maria from across the park" in ines.page.text and "mirror" in ines.page.text
    await ines.press("The words match: link")
    assert ines.page.path == "/neighborhoods?said=approved" and region.calls == [("approve", OLD_TOWN, {})]

    (ask,) = [link for link in ines.page.links if link.endswith("/ask")]
    await ines.open(ask)
    assert "lantern" in ines.page.text and "feather" in ines.page.text
    await ines.press("Ask to link", message="Ines from Riverbend")
    assert region.calls[-1] == (
        "ask_to_link",
        None,
        {"home": KIRCHFELD, "address": "", "message": "Ines from Riverbend"},
    )


@pytest.mark.parametrize(
    ("form", "button", "call"),
    [(1, "Decline", "decline"), (2, "Decline", "decline_coalition"), (2, "Join", "accept_coalition")],
)
async def test_answering_an_ask_and_an_offer(
    ines: Person, region: Region, form: int, button: str, call: str
) -> None:
    await ines.open("/neighborhoods")
    about = {"decline": OLD_TOWN}.get(call, VALLEY)
    ines.page.forms = [one for one in ines.page.forms if about.hex() in one.action]
    await ines.press(button)
    assert region.calls == [(call, about, {})]


async def test_unlinking_asks_first(ines: Person, region: Region) -> None:
    (unlink,) = [link for link in (await ines.open("/neighborhoods")).links if link.endswith("/unlink")]
    await ines.open(unlink)
    assert ines.page.heading == "Unlink Hillside?" and region.calls == []
    await ines.press("Unlink")
    assert region.calls == [("unlink", HILLSIDE, {})] and "No longer linked." in ines.page.text


async def test_founding_a_coalition(ines: Person, region: Region) -> None:
    await ines.open("/coalitions/new")
    assert ("members", HILLSIDE.hex()) in ines.page.form("Found the coalition").fields
    await ines.press("Found the coalition", members=[])
    assert ines.page.errors == [("#field-name", "Please give the coalition a name.")]
    assert ("members", HILLSIDE.hex()) not in ines.page.form("Found the coalition").fields
    fields = {"name": "North Bank", "agreement": "Be kind.", "members": [HILLSIDE.hex(), OLD_TOWN.hex()]}
    await ines.press("Found the coalition", **fields)  # type: ignore[arg-type]
    wanted = {"name": "North Bank", "agreement": "Be kind.", "members": [HILLSIDE]}
    assert region.calls == [("found_coalition", None, wanted)], "only linked ones can be asked"


async def test_a_coalition_shows_its_members_and_what_is_proposed(ines: Person, region: Region) -> None:
    path = f"/coalitions/{NORTH_BANK.hex()}"
    assert path in (await ines.open("/neighborhoods")).links
    await ines.open(path)
    assert ines.page.heading == "North Bank" and "1 of 2 needed: Hillside" in ines.page.text
    await ines.press("Agree to it")
    assert region.calls == [("assent", NORTH_BANK, {"then": VALLEY})] and "It counts once" in ines.page.text


async def test_proposing_who_votes(ines: Person, region: Region) -> None:
    path = f"/coalitions/{NORTH_BANK.hex()}"
    await ines.open(path)
    roles = {f"role-{home.hex()}": role for home, role in ((bytes(32), "voter"), (HILLSIDE, "guest"))}
    assert roles.items() <= dict(ines.page.form("Propose this").fields).items(), "as they are"
    region.fault = OurFault("no_longer_possible")
    await ines.press("Propose this", **{f"role-{HILLSIDE.hex()}": "out"})
    assert ines.page.heading == "Propose that Hillside leaves the coalition?" and region.calls == []
    await ines.press("Propose this")
    assert ines.page.status == 409 and "changed in the meantime" in ines.page.text
    region.fault = None
    await ines.press("Propose this", **{f"role-{HILLSIDE.hex()}": "voter"})
    assert region.calls == [("propose", NORTH_BANK, {"then": {bytes(32): "voter", HILLSIDE: "voter"}})]
    assert ines.page.path == f"{path}?said=proposed"


async def test_leaving_a_coalition_asks_first(ines: Person, region: Region) -> None:
    await ines.open(f"/coalitions/{NORTH_BANK.hex()}/leave")
    assert ines.page.heading == "Leave North Bank?" and "Hours stand." in ines.page.text
    assert region.calls == []
    await ines.press("Leave")
    assert region.calls == [("leave", NORTH_BANK, {})] and ines.page.path == "/neighborhoods?said=left"


async def test_vouching_for_a_newcomer(ines: Person, region: Region) -> None:
    page = await ines.open("/neighborhoods")
    assert "needs a second neighborhood" in page.text
    page = await ines.open(f"/coalitions/{NORTH_BANK.hex()}")
    assert "Quayside wants to come in" in page.text and "Invited by Hillside" in page.text
    await ines.press("Vouch for them")
    assert region.calls == [("vouch", NORTH_BANK, {"then": QUAYSIDE})]
    assert ines.page.path.endswith("?said=vouched")


async def test_an_invitation_is_a_code_to_scan_and_to_copy(ines: Person, region: Region) -> None:
    await ines.open("/neighborhoods")
    page = await ines.press("Invite another neighborhood")
    assert region.calls == [("invite_neighborhood", NORTH_BANK, {})]
    assert "<svg" in page.html and "BARN-A2B3" in page.text and "shown only this once" in page.text


async def test_entering_a_code(ines: Person, region: Region) -> None:
    await ines.open("/neighborhoods/code")
    region.fault = OurFault("bad_code")
    await ines.press("Link and join", code="BARN-A2\nB3")
    assert ines.page.status == 400 and ines.page.errors[0][0] == "#field-code"
    assert dict(ines.page.form("Link and join").fields)["code"] == "BARN-A2\nB3"
    region.fault = None
    await ines.press("Link and join")
    assert region.calls == [("enter_code", "BARN-A2B3", {})], "line breaks do not matter"
    assert "now in the coalition Hillside." in ines.page.text


async def test_typing_an_address(ines: Person, region: Region) -> None:
    await ines.open("/neighborhoods/address")
    await ines.press("Ask to link")
    assert ines.page.errors == [("#field-address", "Please type the address of the other node.")]
    region.fault = WorldFault("unreachable")
    await ines.press("Ask to link", address="192.168.1.99", message="Ines")
    assert ines.page.status == 503
    assert ines.page.errors == [("#field-address", SENTENCES["unreachable"])]
    region.fault = None
    await ines.press("Ask to link")
    assert ines.page.path == "/neighborhoods?said=called"
    assert region.calls[0][2] == {"home": None, "address": "192.168.1.99", "message": "Ines"}


async def test_an_address_that_does_not_answer_is_said_on_the_page(
    node: Node, ines: Person, region: Region
) -> None:
    node.call_note = f"[fd00::99]:8420: {SENTENCES['unreachable']}"
    page = await ines.open("/neighborhoods")
    said = "The address that was typed last did not answer."
    assert f"{said} [fd00::99]:8420: The other node cannot be reached." in page.text
    await ines.press("Deutsch")
    assert "[fd00::99]:8420: Der andere Knoten ist nicht erreichbar." in ines.page.text


async def test_why_nobody_is_heard_is_said(node: Node, ines: Person) -> None:
    node.discovery_note = "This network is deaf."
    assert "This network is deaf." in (await ines.open("/neighborhoods")).text
    node.discovery_note = ""
    page = await ines.open("/neighborhoods")
    assert "No other node has been heard on this network." in page.text
    assert "/neighborhoods/address" in page.links and "/neighborhoods/code" in page.links


async def test_members_look_and_coordinators_decide(region: Region, neighbor: Neighbor) -> None:
    tomas = await neighbor("Tomás")
    region.calls.clear()
    page = await tomas.open("/neighborhoods")
    assert "North Bank" in page.text and "A coordinator can answer this." in page.text
    assert [form.action for form in page.forms] == ["/language", "/sign-out"]
    circle = await tomas.open(f"/coalitions/{NORTH_BANK.hex()}")
    assert "Hillside" in circle.text and not [form for form in circle.forms if "propose" in form.action]
    leave = f"/coalitions/{NORTH_BANK.hex()}/leave"
    for path in ("/neighborhoods/code", "/neighborhoods/address", "/coalitions/new", leave):
        assert (await tomas.open(path)).status == 403, path
    for home, step in ((KIRCHFELD, "ask"), (HILLSIDE, "unlink")):
        assert (await tomas.open(f"/neighborhoods/{home.hex()}/{step}")).status == 403
