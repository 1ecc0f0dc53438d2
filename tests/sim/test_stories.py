"""What neighborhoods do with each other when nothing goes wrong."""

from __future__ import annotations

import pytest

from node.actions import hours, neighborhoods, posts, promises
from protocol.errors import OurFault
from sync import frames
from tests.sim.invariants import always, rows, settled
from tests.sim.world import Place, World


def test_two_neighbors_link_and_a_need_travels() -> None:
    world = World()
    riverbend, oak = world.places("riverbend", "oak")
    world.coalition(riverbend, oak)
    world.run(5)
    records_back = world.network.delivered[("oak", "riverbend")][frames.RECORDS]
    riverbend.post("Soup for two")
    riverbend.post("Only for us", where="here")
    took = world.until(lambda: oak.board() == {"Soup for two": "open"}, 5, "the need is at oak")
    assert took < 1
    settled(world)
    assert world.network.delivered[("oak", "riverbend")][frames.RECORDS] == records_back, (
        "and is not sent back"
    )
    assert oak.board() == {"Soup for two": "open"}, "what stays here does not travel"


def test_neighbors_see_each_other_and_link_without_typing() -> None:
    world = World()
    riverbend, oak = world.places("riverbend", "oak")
    world.see(riverbend, oak)
    world.see(oak, riverbend)
    neighborhoods.ask_to_link(
        riverbend.node, riverbend.coordinator, home=oak.home, address="", message="We are next door."
    )

    def page():
        return neighborhoods.neighborhoods(oak.node, oak.coordinator)

    world.until(lambda: page().asks, 5, "oak sees the ask")
    (ask,) = page().asks
    assert (ask.name, ask.message) == ("Riverbend", "We are next door.")
    neighborhoods.approve(oak.node, oak.coordinator, riverbend.home)
    world.until(lambda: world.linked(riverbend, oak), 5, "riverbend knows of the approval")
    settled(world)


def test_an_address_typed_without_knowing_who_is_there() -> None:
    world = World()
    riverbend, oak = world.places("riverbend", "oak")
    neighborhoods.ask_to_link(
        riverbend.node, riverbend.coordinator, home=None, address=oak.address, message="Hello?"
    )
    world.until(lambda: oak.links.port.neighbor_state(riverbend.home) == "asks", 5, "the ask arrives")
    assert riverbend.links.port.neighbor_state(oak.home) == "asked"
    neighborhoods.ask_to_link(
        riverbend.node, riverbend.coordinator, home=None, address="127.0.0.1:9", message="Anybody?"
    )
    world.until(lambda: riverbend.node.call_note, 10, "the page says that nobody answers")
    assert riverbend.node.call_note.startswith("127.0.0.1:9: ")


@pytest.mark.parametrize("inviter", ["riverbend", "oak"])
def test_a_third_by_invitation_gets_what_was_posted_before(inviter: str) -> None:
    """Also from a neighborhood that did not found the coalition, and with the founder's keys unknown."""
    world = World(inviter)
    riverbend, oak = world.places("riverbend", "oak")
    coalition = world.coalition(riverbend, oak)
    for number in range(40):
        (riverbend, oak)[number % 2].post(f"Need {number}")
    harbor = world.place("harbor")
    world.join({"riverbend": riverbend, "oak": oak}[inviter], harbor, coalition)
    world.until(lambda: len(harbor.board()) == 40, 10, "harbor has all that was posted before it came")
    harbor.post("Ladder", type="offer", what="lend")
    world.until(lambda: "Ladder" in riverbend.board() and "Ladder" in oak.board(), 5, "all have the ladder")
    settled(world)
    assert all(len(place.links.port.members(coalition)) == 3 for place in world.all)


def arrange(world: World, helper: Place, poster: Place, thing: bytes, seconds: float = 5) -> bytes:
    """Somebody at `helper` offers help and the poster agrees; gives the promise."""
    promise = helper.offer_help(thing, note="I can do that")
    world.until(
        lambda: promise in [p.id for p in poster.inbox().to_answer], seconds, "the promise reaches the poster"
    )
    promises.agree(poster.node, poster.coordinator, promise)
    world.until(
        lambda: [p.state for p in helper.inbox().arranged if p.id == promise] == ["agreed"],
        seconds,
        "the answer reaches the helper",
    )
    return promise


def share_hours(world: World, helper: Place, poster: Place, promise: bytes, seconds: float = 5) -> None:
    """The helper records 75 minutes and the poster confirms them: both see it."""
    claim = hours.record(
        helper.node,
        helper.coordinator,
        partner=None,
        promise=promise,
        i_gave=True,
        minutes=75,
        date=helper.node.today(),
        category="",
        another=False,
    )
    world.until(lambda: poster.inbox().hours_to_confirm, seconds, "the claim reaches the poster")
    hours.confirm(poster.node, poster.coordinator, claim)
    world.until(lambda: balance(helper) == 75, seconds, "the confirmation reaches the helper")
    assert balance(poster) == -75


def balance(place: Place) -> int:
    return hours.hours(place.node, place.coordinator).balance_minutes


def undelivered(place: Place) -> int:
    """How many of this place's words are not known to have arrived."""
    inbox = place.inbox()
    entries = hours.hours(place.node, place.coordinator).entries
    shown = [*inbox.arranged, *inbox.past, *inbox.to_answer]
    return sum(item.awaiting_delivery for item in (*shown, *entries))


def test_a_promise_and_its_hours_between_linked_neighbors() -> None:
    world = World()
    riverbend, oak = world.places("riverbend", "oak")
    world.coalition(riverbend, oak)
    soup = riverbend.post("Soup for two")
    world.until(lambda: oak.board(), 5, "the need is at oak")
    promise = arrange(world, oak, riverbend, soup)
    share_hours(world, oak, riverbend, promise)
    world.until(lambda: undelivered(oak) == undelivered(riverbend) == 0, 5, "both know that all arrived")
    settled(world)
    assert riverbend.state(soup) == oak.state(soup) == "arranged"
    promises.done(oak.node, oak.coordinator, promise)
    world.until(lambda: riverbend.state(soup) == oak.state(soup) == "fulfilled", 5, "all see it is done")
    assert rows(oak, "SELECT count(*) FROM records WHERE kind = 'parcel'") == [(0,)], "no parcel was needed"
    settled(world)


def chain(seed: object = 1) -> tuple[World, Place, Place, Place, bytes]:
    """Riverbend, oak and harbor in a coalition; the ends have no link with each other."""
    world = World(seed)
    riverbend, oak, harbor = world.places("riverbend", "oak", "harbor")
    coalition = world.coalition(oak, riverbend)
    world.network.cut("riverbend", "harbor")
    world.join(oak, harbor, coalition)
    world.until(lambda: len(riverbend.links.port.members(coalition)) == 3, 5, "riverbend knows of harbor")
    return world, riverbend, oak, harbor, coalition


@pytest.mark.parametrize("seed", range(5))
def test_a_chain_of_three_shares_promise_answer_and_hours(seed: int) -> None:
    world, riverbend, oak, harbor, _ = chain(seed)
    soup = riverbend.post("Soup for two")
    world.until(lambda: "Soup for two" in harbor.board(), 5, "the need crosses oak")
    promise = arrange(world, harbor, riverbend, soup, seconds=10)
    world.until(lambda: oak.state(soup) == "arranged", 5, "oak, which cannot see the promise, sees the state")
    share_hours(world, harbor, riverbend, promise, seconds=10)
    world.until(lambda: undelivered(harbor) == undelivered(riverbend) == 0, 20, "both know that all arrived")
    assert not harbor.connected(riverbend)
    settled(world)
    assert balance(harbor) == 75 and balance(riverbend) == -75
    assert rows(oak, "SELECT count(*) FROM view_promises") == [(0,)], "the one between carries it unread"
    sent = rows(oak, "SELECT count(*) FROM records WHERE kind = 'parcel'")[0][0]
    assert sent <= 12, f"{sent} parcels for a promise, an answer, a claim and a confirmation"


def test_release_while_the_poster_is_signed_out_reopens_at_the_third() -> None:
    world, riverbend, oak, harbor, _ = chain()
    soup = riverbend.post("Soup for two")
    world.until(lambda: "Soup for two" in harbor.board(), 5, "the need crosses oak")
    promise = arrange(world, harbor, riverbend, soup, seconds=10)
    world.until(lambda: oak.state(soup) == "arranged", 5, "oak sees it arranged")
    riverbend.node.sessions.clear()  # everybody at riverbend signs out; the coordinator's key is gone
    riverbend.coordinator.seed = b""
    promises.release(harbor.node, harbor.coordinator, promise)
    world.until(lambda: oak.state(soup) == harbor.state(soup) == "open", 5, "it is open again everywhere")
    settled(world)


def test_two_helpers_for_two_slots() -> None:
    world = World()
    riverbend, oak = world.places("riverbend", "oak")
    coalition = world.coalition(riverbend, oak)
    harbor = world.place("harbor")
    world.join(riverbend, harbor, coalition)
    move = riverbend.post("Move a piano", slots=2)
    world.until(lambda: "Move a piano" in oak.board() and "Move a piano" in harbor.board(), 5, "all see it")
    arrange(world, oak, riverbend, move)
    world.until(lambda: harbor.state(move) == oak.state(move) == "partly_arranged", 5, "half")
    arrange(world, harbor, riverbend, move)
    world.until(lambda: harbor.state(move) == oak.state(move) == "arranged", 5, "whole")
    settled(world)


def test_editing_pausing_and_withdrawing_travel() -> None:
    world = World()
    riverbend, oak = world.places("riverbend", "oak")
    world.coalition(riverbend, oak)
    thing = riverbend.post("Soup")
    draft = posts.draft_of(riverbend.node, riverbend.coordinator, thing)
    world.until(lambda: "Soup" in oak.board(), 5, "oak has it")
    changed = posts.PostDraft(type="need", what="help", category="food.meal", title="Stew", where="region")
    assert draft.title == "Soup"
    posts.edit(riverbend.node, riverbend.coordinator, thing, changed)
    world.until(lambda: oak.board() == {"Stew": "open"}, 5, "the edit arrives")
    posts.pause(riverbend.node, riverbend.coordinator, thing)
    world.until(lambda: oak.board() == {"Stew": "paused"}, 5, "the pause arrives")
    posts.withdraw(riverbend.node, riverbend.coordinator, thing)
    world.until(lambda: oak.board() == {}, 5, "the withdrawal arrives")
    settled(world)


def test_two_behind_home_routers_meet_through_one_that_can_be_called() -> None:
    world = World()
    riverbend = world.place("riverbend")
    oak, harbor = world.place("oak", nat=True), world.place("harbor", nat=True)
    coalition = world.coalition(riverbend)
    world.join(riverbend, oak, coalition)
    world.join(riverbend, harbor, coalition)
    soup = oak.post("Soup for two")
    world.until(lambda: "Soup for two" in harbor.board(), 5, "the need goes by riverbend")
    arrange(world, harbor, oak, soup, seconds=10)
    settled(world)
    assert not oak.connected(harbor)
    with pytest.raises(OurFault, match="does not know an address"):
        world.invite(oak, world.coalition(oak, name="Alone"))


def test_what_is_new_in_the_middle_of_a_handshake_arrives_at_once() -> None:
    """Records made while the first comparison is under way are neither lost nor left for a minute."""
    for moment in range(30):
        world = World(moment)
        world.network.latency_s = (0.05, 0.05)
        riverbend, oak = world.places("riverbend", "oak")
        world.coalition(riverbend, oak)
        oak.restart()
        world.run(0.05 * moment / 3)
        riverbend.post("Soup for two")
        oak.post("Bread")
        both = {"Soup for two": "open", "Bread": "open"}
        world.until(lambda: riverbend.board() == oak.board() == both, 5, f"both, in moment {moment}")  # noqa: B023
        always(world)
