"""Setting up, inviting, joining, signing in and out, as the people of Riverbend go through it."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from itertools import pairwise

import pytest
from yarl import URL

from node import categories
from node.actions import setup
from node.app import Node
from tests.web.conftest import PASSPHRASE, Clock, set_up
from tests.web.reader import Neighbor, Person


async def test_a_node_without_a_neighborhood_says_how_to_begin(person: Callable[..., Person]) -> None:
    passer_by = person()
    for path in ("/", "/sign-in", "/board", "/join"):
        await passer_by.open(path)
        assert "barnraise setup-link" in passer_by.page.text
    async with passer_by.client.get("/healthz") as answer:
        assert (answer.status, await answer.text()) == (200, "ok")


async def test_from_the_setup_link_to_an_empty_board(node: Node, person: Callable[..., Person]) -> None:
    ines = person()
    sheet = await set_up(node, ines)
    words = re.findall(r"<li>([a-z]+)</li>", sheet.html)
    assert len(words) == 24
    assert "never stored on this machine" in sheet.text

    await ines.press("I have it", have_it="yes")
    assert ines.page.path == "/board?said=set_up"
    assert "Your neighborhood is ready." in ines.page.text and "Three next steps" in ines.page.text
    assert {"/people/invite", "/posts/new?type=need", "/neighborhoods"} <= set(ines.page.links)
    for category in categories.all_categories():
        assert f'value="{category.id}"' in ines.page.html

    held = "\n".join(node.connection.iterdump())
    assert not any(" ".join(pair) in held for pair in pairwise(words))
    assert PASSPHRASE not in held


async def test_the_sheet_comes_back_until_it_is_kept(node: Node, person: Callable[..., Person]) -> None:
    ines = person()
    words = re.findall(r"<li>([a-z]+)</li>", (await set_up(node, ines)).html)
    again = await ines.press("I have it")
    assert again.status == 400 and again.errors[0][0] == "#field-have_it"
    assert re.findall(r"<li>([a-z]+)</li>", again.html) == words
    await ines.press("I have it", have_it="yes")
    assert ines.page.path == "/board?said=set_up"


async def test_a_setup_link_works_once_and_a_new_one_replaces_it(
    node: Node, person: Callable[..., Person]
) -> None:
    ines, late = person(), person()
    first, second = setup.new_setup_link(node), setup.new_setup_link(node)
    assert (await ines.open(f"/setup/{first}")).status == 404
    assert "replaced" in ines.page.text
    assert (await late.open(f"/setup/{second}")).status == 200
    await set_up(node, ines)
    entered = {"neighborhood": "Elsewhere", "name": "Max"}
    entered |= {"passphrase": PASSPHRASE, "passphrase_again": PASSPHRASE}
    await late.press("Set up and show the recovery sheet", **entered)
    assert late.page.status == 409 and "already set up" in late.page.text
    assert setup.neighborhood(node).name == "Riverbend"


async def test_a_neighbor_joins_by_an_invitation_that_then_is_used_up(
    ines: Person, person: Callable[..., Person]
) -> None:
    await ines.open("/people/invite")
    invitation = await ines.press("Make an invitation")
    assert "<svg" in invitation.html and invitation.headers["Cache-Control"] == "no-store"
    code = re.search(r'class="short-code"[^>]*>([^<]+)<', invitation.html)
    assert code

    tomas = person()
    await tomas.open("/join")
    await tomas.press("Go on", code="  " + code[1].upper().replace("-", " "))
    assert tomas.page.heading == "Welcome to Riverbend"
    await tomas.press("Join", name="ines", passphrase=PASSPHRASE, passphrase_again=PASSPHRASE)
    assert tomas.page.status == 409 and tomas.page.errors[0][0] == "#field-name"
    await tomas.press("Join", name="Tomás", passphrase=PASSPHRASE, passphrase_again=PASSPHRASE)
    assert tomas.page.path == "/board?said=welcome" and "Welcome. You are in." in tomas.page.text

    late = person()
    await late.open(f"/join/{code[1]}")
    assert late.page.status == 404 and "has been used or is over" in late.page.text
    await late.open("/join")
    await late.press("Go on", code=code[1])
    assert late.page.status == 404 and late.page.errors[0][0] == "#field-code"


@pytest.mark.parametrize(
    ("own", "reached", "printed"),
    [
        (["192.168.1.20:8420"], "localhost:8420", ["http://192.168.1.20:8420", "http://{local}:8420"]),
        (
            ["barn.example:8420", "192.168.1.20:8420"],
            "barn.example",
            ["https://barn.example", "http://192.168.1.20:8420", "http://{local}:8420"],
        ),
        ([], "192.168.1.20:8420", ["http://192.168.1.20:8420", "http://{local}:8420"]),
    ],
)
async def test_an_invitation_has_the_name_and_the_ip_address(
    node: Node, ines: Person, own: list[str], reached: str, printed: list[str]
) -> None:
    node.set_setting("addresses", json.dumps(own))
    token = dict((await ines.open("/people/invite")).form("Make an invitation").fields)["csrf"]
    scheme = "https" if reached == "barn.example" else "http"
    page = await ines.send("/people/invite", {"csrf": token}, Host=reached, Origin=f"{scheme}://{reached}")
    local = f"barnraise-{setup.neighborhood(node).id.hex()[:4]}.local"
    links = [link.partition("/join/")[0] for link in page.links if "/join/" in link]
    assert links == [base.format(local=local) for base in printed]


async def test_an_invitation_ends_and_can_be_cancelled(
    ines: Person, person: Callable[..., Person], clock: Clock
) -> None:
    links = []
    for _ in range(2):
        await ines.open("/people/invite")
        await ines.press("Make an invitation")
        links.append(next(link[link.index("/join/") :] for link in ines.page.links if "/join/" in link))
    await ines.open("/people/invite")
    cancel = [link for link in ines.page.links if link.endswith("/cancel")]
    assert len(cancel) == 2
    await ines.open(cancel[0])  # the newest stands first
    await ines.press("Cancel the invitation")
    assert "That invitation no longer works." in ines.page.text

    guest = person()
    assert (await guest.open(links[1])).status == 404
    assert (await guest.open(links[0])).status == 200
    clock.now_s += 8 * 86_400
    assert (await guest.open(links[0])).status == 404


async def test_only_coordinators_invite(neighbor: Neighbor) -> None:
    tomas = await neighbor("Tomás")
    await tomas.open("/people")
    assert "/people/invite" not in tomas.page.links
    assert (await tomas.open("/people/invite")).status == 403
    assert "Only a coordinator can do this." in tomas.page.text


async def test_signing_in_and_out(ines: Person, person: Callable[..., Person]) -> None:
    await ines.press("Sign out")
    assert ines.page.path == "/sign-in?said=signed_out" and ines.cookie(ines.session_cookie) == ""
    assert (await ines.open("/board")).heading == "Good to see you"

    phone = person()
    await phone.open("/hours")
    assert phone.page.path == "/sign-in?next=/hours"
    await phone.press("Sign in", name="Ines", passphrase="not this one")
    assert phone.page.status == 403
    assert phone.page.errors == [("#field-passphrase", "That name and passphrase do not belong together.")]
    assert dict(phone.page.form("Sign in").fields)["name"] == "Ines"
    await phone.press("Sign in", name="Ines", passphrase=PASSPHRASE)
    assert phone.page.path == "/hours"


async def test_a_new_session_never_takes_over_a_token_that_was_there(
    ines: Person, person: Callable[..., Person]
) -> None:
    phone = person()
    phone.client.cookie_jar.update_cookies({phone.session_cookie: "planted"}, URL(phone.base))
    await phone.open("/sign-in")
    await phone.press("Sign in", name="Ines", passphrase=PASSPHRASE)
    assert phone.page.path == "/board" and phone.cookie(phone.session_cookie) not in ("", "planted")


@pytest.mark.parametrize(
    "elsewhere", ["https://evil.example/", "//evil.example/", "/\\evil.example", "board"]
)
async def test_signing_in_never_leads_elsewhere(
    ines: Person, person: Callable[..., Person], elsewhere: str
) -> None:
    phone = person()
    await phone.open("/sign-in")
    await phone.press("Sign in", name="Ines", passphrase=PASSPHRASE, next=elsewhere)
    assert phone.page.path == "/board"
