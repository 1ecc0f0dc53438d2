"""Riverbend, Oak Street and Harbor Hill: real servers that find, link, lose and find each other again."""

from __future__ import annotations

import asyncio
import errno
import socket
import time
from dataclasses import replace
from pathlib import Path

import aiohttp
import pytest

from node import network, peer_check
from node.actions import hours, members, neighborhoods, posts, promises, standings
from node.actions.posts import BoardQuery, PostDraft, PostItem
from node.serve import Server
from node.store import neighbors
from protocol.errors import SENTENCES, OurFault
from protocol.kinds import parcel as parcels
from protocol.kinds.parcel import Parcel
from protocol.scopes import DAY_S
from sync import discovery
from sync.addresses import client_session
from sync.transport import dial
from tests.node.serving import PASSPHRASE, Place, found, link, places, until

SHOWN_WITHIN_S = 5.0  # the number, for what one node does and another shows
JUNK = (b"", b"\x00", b"\x01" * 16, b"\xff" * 65_535, b"\x00" + b"\x07" * 32, "hello", bytes(70_000))
THREE = ("Riverbend", "Oak Street", "Harbor Hill")


def share(place: Place, title: str, type: str = "need") -> bytes:
    draft = PostDraft(type=type, what="help", category="food.meal", title=title, where="region")
    return posts.publish(place.node, place.session, draft)


def on_board(place: Place, thing: bytes) -> PostItem | None:
    items = posts.board(place.node, place.session, BoardQuery(where="region", limit=100)).items
    return next((item for item in items if item.id == thing), None)


def states(place: Place) -> list[str]:
    box = promises.inbox(place.node, place.session)
    return sorted(promise.state for promise in [*box.to_answer, *box.arranged, *box.past])


async def shown(what: str, place: Place, thing: bytes, state: str) -> None:
    await until(
        what, lambda: posts.post(place.node, place.session, thing).item.state == state, SHOWN_WITHIN_S
    )


# the story


async def test_the_main_job_from_being_found_to_hours_on_both_sides(tmp_path: Path) -> None:
    async with places(tmp_path, *THREE, discovery="loopback") as (riverbend, oak, harbor):
        for place in (riverbend, oak, harbor):  # others may run on this machine too
            rest = {other.home for other in (riverbend, oak, harbor)} - {place.home}
            await until(
                "it sees both others", lambda place=place, rest=rest: rest <= place.node.nearby.keys()
            )
        seen = next(one for one in riverbend.page.nearby if one.home == oak.home)
        assert (seen.name, seen.address, seen.state) == ("Oak Street", oak.address, "")
        assert seen.words == oak.page.own.words and len(seen.words.split()) == 6

        neighborhoods.ask_to_link(
            riverbend.node, riverbend.session, home=oak.home, address="", message="Ines, from the choir"
        )
        (ask,) = await until("Oak Street is asked", lambda: oak.page.asks)
        assert (ask.name, ask.words, ask.message) == (
            "Riverbend",
            riverbend.page.own.words,
            "Ines, from the choir",
        )
        assert not riverbend.linked_with(oak) and not oak.linked_with(riverbend)
        neighborhoods.approve(oak.node, oak.session, riverbend.home)
        await until("both know it", lambda: riverbend.linked_with(oak) and oak.linked_with(riverbend))
        coalition = await found(riverbend, oak)

        soup = share(riverbend, "Soup for two")
        item = await until("the need is on the other board", lambda: on_board(oak, soup), SHOWN_WITHIN_S)
        assert (item.title, item.neighborhood, item.state) == ("Soup for two", "Riverbend", "open")

        code = neighborhoods.invite_neighborhood(riverbend.node, riverbend.session, coalition).code
        joined = await neighborhoods.enter_code(harbor.node, harbor.session, code)
        assert joined == neighborhoods.Joined("River Valley", waiting=False)
        await until("Harbor Hill has what came before it", lambda: on_board(harbor, soup), SHOWN_WITHIN_S)
        await until("a guest and the other voter meet", lambda: harbor.hears(oak) and oak.hears(harbor))

        await promise_and_release(riverbend, oak, harbor, soup)
        await hours_on_both_sides(riverbend, oak, harbor, soup)


async def promise_and_release(riverbend: Place, oak: Place, harbor: Place, soup: bytes) -> None:
    promise = promises.offer_help(oak.node, oak.session, soup, slots=1, note="At six?", name_shown="")
    await until("the promise arrives", lambda: states(riverbend) == ["proposed"], SHOWN_WITHIN_S)
    promises.agree(riverbend.node, riverbend.session, promise)
    await shown("arranged, where nobody sees the promise", harbor, soup, "arranged")
    assert states(harbor) == [] and not posts.post(harbor.node, harbor.session, soup).promises
    await until("the helper knows", lambda: states(oak) == ["agreed"], SHOWN_WITHIN_S)

    members.sign_out(riverbend.node, riverbend.session.token)
    promises.release(oak.node, oak.session, promise)
    await shown("open again while the poster is away", harbor, soup, "open")
    riverbend.session = await members.sign_in(
        riverbend.node, name="Ines", passphrase=PASSPHRASE, address="127.0.0.1"
    )


async def hours_on_both_sides(riverbend: Place, oak: Place, harbor: Place, soup: bytes) -> None:
    await until("it can be offered again", lambda: posts.post(oak.node, oak.session, soup).can_help)
    promise = promises.offer_help(oak.node, oak.session, soup, slots=1, note="", name_shown="")
    await until("the promise arrives", lambda: "proposed" in states(riverbend), SHOWN_WITHIN_S)
    promises.agree(riverbend.node, riverbend.session, promise)
    await until("the helper knows", lambda: "agreed" in states(oak), SHOWN_WITHIN_S)
    claim = hours.record(
        oak.node,
        oak.session,
        partner=None,
        promise=promise,
        i_gave=True,
        minutes=75,
        date=oak.node.today(),
        category="",
        another=False,
    )

    def box():
        return promises.inbox(riverbend.node, riverbend.session).hours_to_confirm

    await until("the claim arrives", box, SHOWN_WITHIN_S)
    hours.confirm(riverbend.node, riverbend.session, claim)

    def book(place):
        return hours.hours(place.node, place.session)

    await until("confirmed on both sides", lambda: book(oak).balance_minutes == 75, SHOWN_WITHIN_S)
    assert book(riverbend).balance_minutes == -75
    for place in (oak, riverbend):
        await until("nothing on its way", lambda place=place: not book(place).entries[0].awaiting_delivery)
        assert [(e.minutes, e.state) for e in book(place).entries] == [(75, "confirmed")]
    assert book(harbor).entries == []


# without mDNS


async def test_with_discovery_off_a_typed_address_is_all_it_takes(tmp_path: Path) -> None:
    async with places(tmp_path, "Riverbend", "Oak Street") as (riverbend, oak):
        assert "switched off" in riverbend.page.discovery_note
        assert riverbend.page.nearby == []
        await link(riverbend, oak, "Ines, from the choir")
        await until("the links are up", lambda: riverbend.hears(oak) and oak.hears(riverbend))
        assert riverbend.node.call_note == ""
        await found(riverbend, oak)
        soup = share(oak, "Soup for two")
        await until("it is on the other board", lambda: on_board(riverbend, soup), SHOWN_WITHIN_S)


async def test_where_multicast_fails_the_page_says_why_and_typed_addresses_work(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*args: object, **more: object) -> None:
        raise OSError(errno.ENODEV, "No such device")

    monkeypatch.setattr(discovery, "_LoopbackZeroconf", refuse)
    async with places(tmp_path, "Riverbend", "Oak Street", discovery="loopback") as (riverbend, oak):
        assert riverbend.page.discovery_note.startswith(SENTENCES["no_multicast"])
        await link(riverbend, oak)


async def test_a_wrong_typed_address_is_answered_with_a_plain_sentence(tmp_path: Path) -> None:
    with socket.socket() as nobody:
        nobody.bind(("127.0.0.1", 0))  # bound but not listening: refuses every call
        closed = f"127.0.0.1:{nobody.getsockname()[1]}"
        async with places(tmp_path, "Riverbend", "Oak Street") as (riverbend, oak):
            for typed, sentence in (
                (closed, SENTENCES["unreachable"]),
                (riverbend.address, "This is the address of this node itself."),
                ("224.0.0.251:5353", "This node does not call addresses of that kind."),
                (f"http://{oak.address}/board", "There is no Barnraise node at this address."),
            ):
                neighborhoods.ask_to_link(
                    riverbend.node, riverbend.session, home=None, address=typed, message=""
                )
                said = f"{typed}: {sentence}"
                await until(said, lambda said=said: riverbend.node.call_note.startswith(said))
                assert riverbend.page.links == [], "nobody is asked"
            note = riverbend.node.call_note
            for no_address in ("ftp://riverbend", "127.0.0.1:99999"):
                with pytest.raises(OurFault) as refused:
                    neighborhoods.ask_to_link(
                        riverbend.node, riverbend.session, home=None, address=no_address, message=""
                    )
                assert refused.value.sentence.startswith("That is not the address of a node.")
                assert riverbend.node.call_note == note, "it is not called at all"
            await link(riverbend, oak)
            assert riverbend.node.call_note == "", "the right address clears it"


async def test_loopback_is_not_called_unless_it_was_allowed(tmp_path: Path) -> None:
    async with places(tmp_path, "Riverbend", "Oak Street", allow_loopback=False) as (riverbend, oak):
        neighborhoods.ask_to_link(
            riverbend.node, riverbend.session, home=None, address=oak.address, message=""
        )
        await until("it says so", lambda: "does not call addresses of that kind" in riverbend.node.call_note)
        assert oak.page.asks == [] and riverbend.node.addresses == []


async def test_the_words_of_an_ask_arrive_over_a_link_that_was_there_before(tmp_path: Path) -> None:
    async with places(tmp_path, *THREE) as (riverbend, oak, harbor):
        await link(riverbend, oak)
        await link(riverbend, harbor)
        await found(riverbend, oak, harbor)
        await until("the other two meet", lambda: oak.hears(harbor) and harbor.hears(oak))
        assert not oak.linked_with(harbor), "one coalition, and yet not approved"
        await link(oak, harbor, "Ola, from the allotments")


# bad company


async def test_a_caller_who_speaks_garbage_bothers_nobody(tmp_path: Path) -> None:
    async with (
        places(tmp_path, "Riverbend", "Oak Street") as (riverbend, oak),
        aiohttp.ClientSession() as stranger,
    ):
        await link(riverbend, oak)
        await found(riverbend, oak)
        await until("the links are up", lambda: riverbend.hears(oak) and oak.hears(riverbend))
        url = f"http://{riverbend.address}"
        async with stranger.get(f"{url}/link") as answer:
            assert 400 <= answer.status < 500, "a browser that just looks"
        async with stranger.get(f"{url}/link", headers={"Origin": "http://evil.example"}) as answer:
            assert answer.status == 403
        for junk in (
            b"",
            b"\x00",
            b"\x01" * 16,
            b"\xff" * 65_535,
            b"\x00" + b"\x07" * 32,
            "hello",
            b"\x00" * 70_000,
        ):
            async with stranger.ws_connect(f"{url}/link", max_msg_size=0) as ws:
                await (ws.send_str(junk) if isinstance(junk, str) else ws.send_bytes(junk))
                message = await ws.receive(timeout=10)
                if message.type is aiohttp.WSMsgType.BINARY:  # a sound first message: a key
                    await ws.send_bytes(b"\x07" * 100)
                    message = await ws.receive(timeout=10)
                assert message.type in (aiohttp.WSMsgType.CLOSE, aiohttp.WSMsgType.CLOSED), junk[:20]
            async with stranger.get(f"{url}/healthz") as answer:
                assert answer.status == 200
        assert riverbend.hears(oak) and oak.hears(riverbend)
        soup = share(riverbend, "Soup for two")
        await until("records still travel", lambda: on_board(oak, soup), SHOWN_WITHIN_S)


@pytest.mark.parametrize(
    ("junk", "code"),
    [
        (b"\x1c junk", "forbidden_type"),
        (b"\x80", "bad_frame"),  # []: nothing
        (b"\x81\x07", "bad_frame"),  # [7]: records, without any
        (b"\x82\x08\x01", "unexpected_frame"),  # [8, 1]: a batch was taken, before hello
        (b"\x82\x00\xa0", "bad_frame"),  # [0, {}]: an empty hello
    ],
)
async def test_a_greeted_neighbor_who_speaks_garbage_loses_its_link_and_nothing_else(
    tmp_path: Path, junk: bytes, code: str
) -> None:
    async with places(tmp_path, "Riverbend", "Oak Street") as (riverbend, oak):
        assert oak.server.links is not None
        async with client_session(allow_loopback=True) as session:
            call = await dial(session, riverbend.address, oak.server.links.runner.end)
            call.put(junk)
            async with asyncio.timeout(10):
                async for _ in call:
                    pass  # its hello
            assert call.code == code and not call.closed_by_us
            await call.wait_closed()
        await link(oak, riverbend)


async def test_a_neighbor_whose_card_has_a_useless_key_holds_up_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with places(tmp_path, "Riverbend", "Oak Street") as (riverbend, oak):
        sound = standings.current_prekey
        monkeypatch.setattr(
            standings, "current_prekey", lambda node: bytes(32) if node is oak.node else sound(node)
        )
        await link(riverbend, oak)
        await found(riverbend, oak)
        soup = share(oak, "Soup for two")
        await until("it is on the other board", lambda: on_board(riverbend, soup))

        def card():
            return neighbors.card_prekey(riverbend.node.connection, oak.home) == bytes(32)

        await until("so is the key of no use", card)
        tried: list[bytes] = []

        def seal(parcel: Parcel, prekey: bytes, seed: bytes) -> bytes:
            tried.append(prekey)
            return parcels.seal(parcel, prekey, seed)

        monkeypatch.setattr("node.parcels.seal", seal)
        await oak.server.stop()
        await until("it is missed", lambda: not riverbend.node.connected)
        promises.offer_help(riverbend.node, riverbend.session, soup, slots=1, note="", name_shown="")
        await until("a parcel cannot be sealed", lambda: tried == [bytes(32)] * len(tried) != [])
        assert riverbend.server.links is not None
        ticks: list[float] = []
        monkeypatch.setattr(riverbend.server.links.runner.engine, "_tick", ticks.append)
        await until("calls and comparisons go on", lambda: ticks)
        monkeypatch.undo()
        await start_again(oak)
        await until("they hear each other", lambda: riverbend.hears(oak) and oak.hears(riverbend))
        await until("the promise is there", lambda: states(oak) == ["proposed"], SHOWN_WITHIN_S)


# coming back


async def start_again(place: Place) -> None:
    """The same folder at the same port; the coordinator signs in again."""
    place.settings = replace(place.settings, port=int(place.address.rpartition(":")[2]))
    place.server = Server(place.settings)
    await place.server.start()
    place.session = await members.sign_in(
        place.node, name=place.session.name, passphrase=PASSPHRASE, address="127.0.0.1"
    )


async def test_a_neighbor_that_was_restarted_is_found_again_and_misses_nothing(tmp_path: Path) -> None:
    async with places(tmp_path, "Riverbend", "Oak Street") as (riverbend, oak):
        await link(riverbend, oak)
        await found(riverbend, oak)
        await until("the links are up", lambda: riverbend.hears(oak) and oak.hears(riverbend))
        await oak.server.stop()
        await until("it is missed", lambda: not riverbend.node.connected)
        meanwhile = share(riverbend, "Soup for two")

        await start_again(oak)
        await until("they hear each other", lambda: riverbend.hears(oak) and oak.hears(riverbend))
        await until("it has what it missed", lambda: on_board(oak, meanwhile), SHOWN_WITHIN_S)
        later = share(oak, "A ladder", "offer")
        await until("and speaks again", lambda: on_board(riverbend, later), SHOWN_WITHIN_S)


async def test_a_coalition_member_that_nobody_linked_with_is_called_by_its_card(tmp_path: Path) -> None:
    async with places(tmp_path, *THREE) as (riverbend, oak, harbor):
        await link(riverbend, oak)
        await link(riverbend, harbor)
        await found(riverbend, oak, harbor)
        await until(
            "oak knows where", lambda: neighbors.card_addresses(oak.node.connection, harbor.home) != "[]"
        )
        await until("they meet", lambda: oak.hears(harbor) and harbor.hears(oak))
        began = time.monotonic()
        await riverbend.server.stop()
        soup = share(oak, "Soup for two")
        await until("without the founder", lambda: on_board(harbor, soup), SHOWN_WITHIN_S)
        assert time.monotonic() - began < 20


@pytest.mark.parametrize("days", [400, 3_650])
async def test_a_node_whose_clock_is_years_ahead_is_greeted_both_ways_and_told_the_day(
    tmp_path: Path, days: int
) -> None:
    async with places(tmp_path, "Riverbend", "Oak Street") as (riverbend, oak):
        await link(riverbend, oak)
        port = oak.node.settings.port
        await oak.server.stop()
        oak.server = Server(replace(oak.settings, port=port))
        oak.node._clock = lambda: time.time() + days * DAY_S
        await oak.server.start()
        for caller, called in ((riverbend, oak), (oak, riverbend)):
            assert caller.server.links is not None
            end = caller.server.links.runner.end
            async with client_session(allow_loopback=True) as session:
                call = await dial(session, called.address, end, expected=called.home)
                call.close("")
                await call.wait_closed()
        await until(
            "oak is told", lambda: oak.server.links.port.days.differences.get(riverbend.home) == -days
        )
        found = network.clock(oak.node, oak.server.links)
        assert found.fact == "clock_off"
        assert network._day(int(time.time())) in found.texts()["said"], "what the others say"
        steps = {step.name: step for step in await peer_check.check(oak.node, riverbend.address)}
        assert not steps["day"].ok and network._day(int(time.time())) in steps["day"].said
        assert steps["greeting"].ok and steps["coalitions"].ok
