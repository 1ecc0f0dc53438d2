"""What must not work: foreign names, foreign forms, foreign words, and looking in from outside."""

from __future__ import annotations

import ipaddress
import logging
import re
from collections.abc import Callable
from pathlib import Path

import pytest
from aiohttp import web
from pytest_aiohttp import AiohttpClient

from node.actions import setup
from node.app import Node
from node.settings import Settings
from node.web import safety
from node.web.app import add_link_route, build_app
from tests.web.conftest import PASSPHRASE
from tests.web.reader import Neighbor, Person

NEED = {"type": "need", "what": "help", "category": "rides", "title": "A ride", "where": "here"}


@pytest.mark.parametrize(
    "host",
    [
        "127.0.0.1",
        "192.168.1.20:8420",
        "[::1]:8420",
        "[fe80::1%25eth0]:8420",
        "localhost:8420",
        "LOCALHOST",
        "barn.example",
        "barn.example.:443",
    ],
)
async def test_own_names_and_addresses_are_answered(ines: Person, host: str) -> None:
    assert (await ines.client.get("/sign-in", headers={"Host": host})).status == 200


@pytest.mark.parametrize(
    "host",
    [
        "evil.example",
        "barn.example.evil.example",
        "127.0.0.1.evil.example",
        "barnraise-0000.local",
        "",
        "[::1",
    ],
)
async def test_foreign_names_are_refused_in_one_sentence(ines: Person, host: str) -> None:
    for path in ("/sign-in", "/board", "/api/status", "/nothing-here"):
        async with ines.client.get(path, headers={"Host": host}) as answer:
            assert answer.status == 421
            text = await answer.text()
            assert text.count("\n") == 1 and "BARNRAISE_HOSTS" in text and "Riverbend" not in text


async def test_the_nodes_own_mdns_name_is_answered(node: Node, ines: Person) -> None:
    name = f"barnraise-{setup.neighborhood(node).id.hex()[:4]}.local"
    async with ines.client.get("/sign-in", headers={"Host": f"{name}:8420"}) as answer:
        assert answer.status == 200


async def test_links_and_health_are_answered_under_any_name(
    node: Node, aiohttp_client: AiohttpClient
) -> None:
    async def link(request: web.Request) -> web.Response:
        return web.Response(text="a link")

    app = build_app(node)
    add_link_route(app, link)
    client = await aiohttp_client(app)
    for path, said in (("/link", "a link"), ("/healthz", "ok")):
        async with client.get(path, headers={"Host": "tunnel.example"}) as answer:
            assert await answer.text() == said


async def test_every_answer_carries_the_headers(ines: Person) -> None:
    style = re.search(r'href="(/static/style[^"]+)"', ines.page.html)
    assert style
    for path in ("/board", "/sign-in", "/nothing-here", "/api/posts", "/healthz", style[1]):
        async with ines.client.get(path) as answer:
            for name, value in safety.HEADERS.items():
                assert answer.headers[name] == value, path
            stored = "immutable" if path == style[1] else "no-store"
            assert stored in answer.headers["Cache-Control"], path
    assert "script" not in safety.HEADERS["Content-Security-Policy"], "default-src 'none' covers scripts"


async def test_refusals_carry_the_headers_too(ines: Person, person: Callable[..., Person]) -> None:
    """Also where no page was made: a foreign name, a form from elsewhere, somebody signed out, too much."""
    stranger = person()
    answers = (
        (421, ines.client.get("/board", headers={"Host": "evil.example"})),
        (303, stranger.client.get("/board", allow_redirects=False)),
        (403, ines.client.post("/posts/new", data={})),
        (405, ines.client.post("/healthz", data={"csrf": ines.page.form("Sign out").fields[0][1]})),
        (413, ines.client.post("/posts/new", data={"text": "x" * (safety.BODY_LIMIT_BYTES + 1)})),
        (401, stranger.client.get("/api/posts")),
    )
    for status, sent in answers:
        async with sent as answer:
            assert answer.status == status
            for name, value in safety.HEADERS.items():
                assert answer.headers[name] == value, f"{status}: {name}"
            assert answer.headers["Cache-Control"] == "no-store", status
            assert answer.headers.getall("Server") == ["Barnraise"], "no versions to pick an attack by"


async def test_no_other_site_loads_frames_or_lists_our_pages(ines: Person) -> None:
    """What SameSite cookies do not cover: another port of this very address is the same "site"."""
    async with ines.client.get("/api/people") as answer:
        assert answer.headers["Cross-Origin-Resource-Policy"] == "same-origin"
        assert answer.headers["X-Frame-Options"] == "DENY"
        assert "frame-ancestors 'none'" in answer.headers["Content-Security-Policy"]
        assert "noindex" in answer.headers["X-Robots-Tag"]
        assert not any(name.lower().startswith("access-control-") for name in answer.headers)


async def test_the_cookies_are_out_of_reach(ines: Person, person: Callable[..., Person]) -> None:
    phone = person()
    async with phone.client.get("/sign-in") as answer:
        (form_cookie,) = answer.headers.getall("Set-Cookie")
    await phone.open("/sign-in")
    fields = {
        "csrf": dict(phone.page.form("Sign in").fields)["csrf"],
        "name": "Ines",
        "passphrase": PASSPHRASE,
    }
    sent = phone.client.post("/sign-in", data=fields, allow_redirects=False)
    async with sent as answer:
        session_cookie = next(
            c for c in answer.headers.getall("Set-Cookie") if c.startswith(f"{phone.session_cookie}=")
        )
    for cookie in (form_cookie, session_cookie):
        assert "HttpOnly" in cookie and "SameSite=Lax" in cookie and "Secure" not in cookie
        assert "Max-Age" not in cookie and "expires" not in cookie.lower()


async def test_behind_a_tls_proxy_the_session_cookie_is_secure(
    ines: Person, person: Callable[..., Person]
) -> None:
    phone = person()
    await phone.open("/sign-in")
    fields = {
        "csrf": dict(phone.page.form("Sign in").fields)["csrf"],
        "name": "Ines",
        "passphrase": PASSPHRASE,
    }
    proxied = {"Host": "barn.example", "Origin": "https://barn.example"}
    sent = phone.client.post("/sign-in", data=fields, headers=proxied, allow_redirects=False)
    async with sent as answer:
        assert answer.status == 303
        assert any(
            f"{phone.session_cookie}=" in c and "Secure" in c for c in answer.headers.getall("Set-Cookie")
        )


async def test_a_form_needs_its_own_token(ines: Person, neighbor: Neighbor) -> None:
    tomas = await neighbor("Tomás")
    await tomas.open("/posts/new")
    foreign = dict(tomas.page.form("Put the need on the board").fields)["csrf"]
    await ines.open("/posts/new")
    own = dict(ines.page.form("Put the need on the board").fields)["csrf"]
    for token in (
        {},
        {"csrf": ""},
        {"csrf": own[:-1]},
        {"csrf": foreign},
    ):
        page = await ines.send("/posts/new", NEED | token)
        assert page.status == 403 and "go back, reload" in page.text
    assert "Nothing" not in (await ines.open("/board?mine=1")).heading
    assert "A ride" not in ines.page.text
    assert (await ines.send("/posts/new", NEED | {"csrf": own})).status == 200
    assert "A ride" in (await ines.open("/board")).text


@pytest.mark.parametrize("origin", ["https://evil.example", "null", "http://127.0.0.1:1", "http://[", ""])
async def test_a_form_from_elsewhere_is_refused(ines: Person, origin: str) -> None:
    await ines.open("/posts/new")
    own = dict(ines.page.form("Put the need on the board").fields)["csrf"]
    assert (await ines.send("/posts/new", NEED | {"csrf": own}, Origin=origin)).status == 403
    assert "A ride" not in (await ines.open("/board")).text


async def test_nobody_is_signed_in_by_somebody_elses_form(
    ines: Person, person: Callable[..., Person]
) -> None:
    attacker, victim = person(), person()
    await attacker.open("/sign-in")
    token = dict(attacker.page.form("Sign in").fields)["csrf"]
    await victim.open("/sign-in")
    await victim.send("/sign-in", {"csrf": token, "name": "Ines", "passphrase": PASSPHRASE})
    assert victim.page.status == 403 and victim.cookie(victim.session_cookie) == ""


async def test_a_form_sent_after_the_session_ended_leads_to_signing_in(node: Node, ines: Person) -> None:
    await ines.open("/posts/new")
    node.sessions.clear()
    await ines.press("Put the need on the board", title="A ride", category="rides")
    assert ines.page.path == "/sign-in?said=ended" and "signed out in the meantime" in ines.page.text


async def test_nothing_is_shown_before_signing_in(ines: Person, person: Callable[..., Person]) -> None:
    await ines.open("/posts/new")
    await ines.press("Put the need on the board", title="Company for Sunday", category="rides")
    post = ines.page.path.partition("?")[0]
    stranger = person()
    for path in (
        "/",
        "/board",
        "/board/print",
        post,
        post + "/edit",
        "/hours",
        "/inbox",
        "/people",
        "/profile",
    ):
        await stranger.open(path)
        assert stranger.page.path.startswith("/sign-in"), path
        assert "Ines" not in stranger.page.html and "Company" not in stranger.page.html, path
    for path in ("/neighborhoods", "/people/invite", "/coalitions/new", "/neighborhoods/code"):
        assert (await stranger.open(path)).heading == "Good to see you", path
    for path in ("/api/posts", "/api/hours", "/api/people", "/api/neighborhoods"):
        async with stranger.client.get(path) as answer:
            assert answer.status == 401 and (await answer.json())["error"] == "signed_out"
    async with stranger.client.get("/api/status") as answer:
        assert "Ines" not in await answer.text()


async def test_words_of_members_stay_words(ines: Person) -> None:
    planted = "<script>alert(1)</script>\"'><img src=x>{{ 7 * 7 }}"
    await ines.open("/posts/new")
    entered = {"title": planted, "text": planted, "area": planted[:80], "when": planted, "contact": planted}
    await ines.press("Put the need on the board", category="rides", name_shown=planted[:40], **entered)
    post = ines.page.path.partition("?")[0]
    for path in (post, post + "/edit", post + "/withdraw", "/board", "/board/print", f"/board?q={planted}"):
        page = await ines.open(path)
        assert page.status == 200 and "<script" not in page.html and "<img" not in page.html
        assert "{{ 7 * 7 }}" in page.html, path


async def test_the_notice_in_an_address_is_one_of_ours(ines: Person) -> None:
    page = await ines.open("/board?said=Please+call+0900+555")
    assert "0900" not in page.html and "notice" not in page.html


@pytest.mark.parametrize("back", ["https://evil.example", "//evil.example", "/\\evil.example", "/a\nb"])
async def test_the_way_back_never_leads_elsewhere(ines: Person, back: str) -> None:
    await ines.open("/board")
    token = dict(ines.page.form("Deutsch").fields)["csrf"]
    sent = ines.client.post("/language", data={"csrf": token, "back": back}, allow_redirects=False)
    async with sent as answer:
        assert answer.headers["Location"] == "/"


async def test_too_much_at_once_is_refused(ines: Person) -> None:
    page = await ines.send("/posts/new", {"text": "x" * (safety.BODY_LIMIT_BYTES + 1)})
    assert page.status == 413 and "shorten" in page.text


async def test_bytes_that_are_no_text_are_refused(ines: Person) -> None:
    form = {"Content-Type": "application/x-www-form-urlencoded"}
    assert (await ines.send("/posts/new", b"title=\xff\xfe", **form)).status in (400, 403)


async def test_the_unexpected_is_logged_and_not_shown(
    ines: Person, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def broken(*arguments: object) -> None:
        raise RuntimeError("the words of Mrs Okafor")

    with monkeypatch.context() as patch, caplog.at_level(logging.ERROR):
        patch.setattr("node.web.pages.board.posts.board", broken)
        page = await ines.open("/board?q=secret")
        assert page.status == 500 and "Something went wrong" in page.text
        assert "Okafor" not in page.html and "Traceback" not in page.html
        async with ines.client.get("/nothing") as answer:
            assert answer.status == 404
    assert "RuntimeError" in caplog.text and "secret" not in caplog.text
    assert (await ines.open("/board")).status == 200


async def test_one_time_links_are_not_logged(
    node: Node,
    person: Callable[..., Person],
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    def broken(*arguments: object) -> None:
        raise RuntimeError

    monkeypatch.setattr("node.web.pages.setup.setup.check_setup", broken)
    assert (await person().open("/setup/verysecrettoken")).status == 500
    assert "/setup/{token}" in caplog.text and "verysecrettoken" not in caplog.text


@pytest.mark.parametrize(
    ("remote", "answered"),
    [
        ("192.168.1.9", True),
        ("203.0.113.9", True),
        ("::1", True),
        ("fe80::9%eth0", True),
        ("fd12::9", True),
        ("::ffff:8.8.8.8", True),
        ("2a01:4f8::9", True),
        ("2a01:4f8:1::9", False),
    ],
)
def test_over_ipv6_the_page_is_for_the_own_network(remote: str, answered: bool) -> None:
    near = Node(Settings(Path("nowhere")), memory=True)
    near.networks = (ipaddress.ip_network("2a01:4f8::/64"), ipaddress.ip_network("192.168.1.0/24"))
    assert safety.came_from_near(near, remote) is answered
    chosen = Node(Settings(Path("nowhere"), listen="::"), memory=True)
    assert safety.came_from_near(chosen, remote), "whoever chose where to listen knows"
    near.close()
    chosen.close()
