"""A node comes back from a backup of some time ago: nothing forks, is lost or counts twice."""

from __future__ import annotations

import sqlite3
from types import SimpleNamespace
from typing import Any

import pytest

from node.actions import hours, posts, promises, restored, rosters
from protocol.errors import OurFault
from tests.sim.invariants import always, settled
from tests.sim.test_stories import arrange, balance, chain, rows, share_hours, undelivered
from tests.sim.world import Place, World


def backup_of(place: Place) -> Any:
    """The database and the keys of this moment."""
    copy = sqlite3.connect(":memory:", isolation_level=None)
    place.node.connection.backup(copy)
    return SimpleNamespace(connection=copy, keys=place.node.keys, close=lambda: None)


def restore(place: Place, backup: Any) -> None:
    """The machine is lost, and the backup is taken up on another one."""
    if place.running:
        place.stop()
    place.node.close()
    place.take_up(backup)
    node = place.node
    with node.records.transaction():
        restored.mark(node.connection, source="file", made=node.now(), at=node.now())
    place.start()


def edit(place: Place, thing: bytes, title: str) -> None:
    draft = posts.PostDraft(type="need", what="help", category="food.meal", title=title, where="region")
    posts.edit(place.node, place.coordinator, thing, draft)


def edit_number(place: Place, thing: bytes) -> int:
    version = place.node.records.version(thing)
    assert version is not None
    return version.edit


def lost(place: Place) -> list[str]:
    return [one.title for one in restored.lost_edits(place.node, place.coordinator)]


def three(seed: object = 1) -> tuple[World, Place, Place, Place, bytes]:
    world = World(seed)
    riverbend, oak, harbor = world.places("riverbend", "oak", "harbor")
    return world, riverbend, oak, harbor, world.coalition(riverbend, oak, harbor)


@pytest.mark.parametrize("seed", range(3))
def test_what_happened_after_the_backup_comes_back(seed: int) -> None:
    world, riverbend, oak, harbor, _ = three(seed)
    soup, bread = riverbend.post("Soup"), riverbend.post("Bread")
    ride = oak.post("Ride")
    world.until(lambda: len(harbor.board()) == 3 and len(riverbend.board()) == 3, 5, "all have all")
    early = arrange(world, riverbend, oak, ride)
    backup = backup_of(riverbend)

    share_hours(world, riverbend, oak, early)
    edit(riverbend, soup, "Stew")
    late = arrange(world, oak, riverbend, bread)
    ladder = riverbend.post("Ladder")
    world.until(lambda: "Ladder" in harbor.board() and "Stew" in harbor.board(), 5, "harbor has what is new")
    world.until(lambda: harbor.state(bread) == "arranged", 5, "harbor sees the state of the bread")
    restore(riverbend, backup)
    assert (
        riverbend.board()["Soup"] == "open" and "Ladder" not in riverbend.board() and balance(riverbend) == 0
    )

    world.until(lambda: riverbend.board() == oak.board() == harbor.board(), 90, "all is back")
    world.until(lambda: balance(riverbend) == 75 and balance(oak) == -75, 90, "the hours are back")
    world.until(lambda: riverbend.state(bread) == harbor.state(bread) == "arranged", 5, "bread is arranged")
    assert "Stew" in riverbend.board()
    assert lost(riverbend) == [], "what only came back was not lost"
    with pytest.raises(OurFault):  # the same hours again are the same session
        hours.confirm(riverbend.node, riverbend.coordinator, early)
    edit(riverbend, soup, "Goulash")
    edit(riverbend, ladder, "Long ladder")
    promises.done(riverbend.node, riverbend.coordinator, late)
    assert edit_number(riverbend, soup) == 1_001 and edit_number(riverbend, ladder) == 1_000
    edit(riverbend, soup, "Goulash for two")
    assert edit_number(riverbend, soup) == 1_002, "only the first adds a thousand"
    want = {"Goulash for two", "Long ladder"}
    world.until(lambda: want <= set(oak.board()) and want <= set(harbor.board()), 10, "edits win everywhere")
    settled(world)
    assert lost(riverbend) == []


def test_a_promise_that_came_by_parcel_comes_back_by_parcel() -> None:
    """The helper's node knows that the promise had arrived, and has no reason of its own to send it again."""
    world, riverbend, _, harbor, _ = chain("restored parcel")
    soup = riverbend.post("Soup for two")
    world.until(lambda: "Soup for two" in harbor.board(), 5, "the need crosses oak")
    kept = backup_of(riverbend)
    promise = arrange(world, harbor, riverbend, soup, seconds=10)
    share_hours(world, harbor, riverbend, promise, seconds=10)
    world.until(lambda: undelivered(harbor) == undelivered(riverbend) == 0, 20, "all has arrived")
    restore(riverbend, kept)
    assert not riverbend.inbox().arranged and balance(riverbend) == 0
    world.until(lambda: balance(riverbend) == -75, 300, "promise and hours come back")
    assert [one.state for one in riverbend.inbox().arranged] == ["agreed"]
    world.run(60)
    assert not any(place.links.parcels.schedule.due for place in world.all), "and then there is silence"
    riverbend.restart()
    world.run(600)
    assert not any(place.links.parcels.schedule.due for place in world.all), "it asks once"
    settled(world)


def test_the_same_hours_entered_again_count_once() -> None:
    world, riverbend, oak, _, _ = three()
    soup = oak.post("Soup")
    world.until(lambda: "Soup" in riverbend.board(), 5, "the need arrives")
    promise = arrange(world, riverbend, oak, soup)
    backup = backup_of(riverbend)
    share_hours(world, riverbend, oak, promise)
    world.partition([riverbend], [oak])
    restore(riverbend, backup)
    hours.record(
        riverbend.node,
        riverbend.coordinator,
        partner=None,
        promise=promise,
        i_gave=True,
        minutes=75,
        date=riverbend.node.today(),
        category="",
        another=False,
    )
    world.heal()
    world.until(lambda: balance(riverbend) == 75, 400, "the confirmed hours are back")
    world.run(70)
    settled(world, within_s=400)
    assert (balance(riverbend), balance(oak)) == (75, -75)


def test_an_edit_that_met_a_forgotten_one_is_told_to_its_author() -> None:
    """Riverbend edits while nobody can be heard; what it had forgotten comes back later."""
    world, riverbend, oak, harbor, _ = three()
    soup = riverbend.post("Soup")
    world.until(lambda: "Soup" in oak.board() and "Soup" in harbor.board(), 5, "all have it")
    backup = backup_of(riverbend)
    edit(riverbend, soup, "Stew")
    world.until(lambda: "Stew" in oak.board() and "Stew" in harbor.board(), 5, "all have the edit")
    riverbend.stop()
    world.partition([riverbend], [oak, harbor])
    restore(riverbend, backup)
    edit(riverbend, soup, "Salad")
    world.heal()
    world.until(lambda: "Salad" in oak.board() and "Salad" in harbor.board(), 400, "the later one wins")
    world.until(lambda: lost(riverbend) == ["Salad"], 10, "the author is told that the stew was lost")
    settled(world, within_s=400)
    restored.forget_lost_edits(riverbend.node, riverbend.coordinator)
    assert lost(riverbend) == []


def test_two_restores_of_one_backup() -> None:
    """What was said after the first is above the second's; nothing forks, and the author is told once."""
    world, riverbend, oak, harbor, _ = three()
    soup = riverbend.post("Soup")
    world.until(lambda: "Soup" in oak.board() and "Soup" in harbor.board(), 5, "all have it")
    backup = backup_of(riverbend)
    restore(riverbend, backup)
    edit(riverbend, soup, "First")
    edit(riverbend, soup, "First, again")
    world.until(lambda: "First, again" in oak.board() and "First, again" in harbor.board(), 90, "all have it")
    riverbend.stop()
    world.partition([riverbend], [oak, harbor])
    restore(riverbend, backup)
    edit(riverbend, soup, "Second")
    assert edit_number(riverbend, soup) == 1_000
    world.heal()
    world.until(lambda: "First, again" in riverbend.board(), 400, "the higher one wins here too")
    assert lost(riverbend) == ["First, again"], "the author of the second is told"
    edit(riverbend, soup, "Third")
    world.until(lambda: "Third" in oak.board() and "Third" in harbor.board(), 90, "and can say it anew")
    restore(riverbend, backup)
    world.until(lambda: "Third" in riverbend.board(), 400, "it is back")
    edit(riverbend, soup, "Fourth")
    world.until(lambda: "Fourth" in oak.board() and "Fourth" in harbor.board(), 90, "one above them all")
    settled(world, within_s=400)


def test_no_assent_until_the_roster_equals_a_peers() -> None:
    """Riverbend has forgotten that it assented; a second successor of one epoch must not come of it."""
    world = World()
    riverbend, oak, harbor = world.places("riverbend", "oak", "harbor")
    coalition = world.coalition(riverbend, oak)
    world.join(riverbend, harbor, coalition)
    world.until(lambda: len(oak.links.port.members(coalition)) == 3, 10, "oak knows of harbor")
    backup = backup_of(riverbend)
    vote: dict[bytes, rosters.Role] = {riverbend.home: "voter", oak.home: "voter", harbor.home: "voter"}
    proposed = rosters.propose(riverbend.node, riverbend.coordinator, coalition, vote)
    world.run(5)
    riverbend.stop()
    world.partition([riverbend], [oak, harbor])
    restore(riverbend, backup)
    out: dict[bytes, rosters.Role] = {riverbend.home: "voter", oak.home: "voter", harbor.home: "out"}
    with pytest.raises(OurFault, match="restored"):
        rosters.propose(riverbend.node, riverbend.coordinator, coalition, out)
    riverbend.restart()
    with pytest.raises(OurFault, match="restored"):
        rosters.assent(riverbend.node, riverbend.coordinator, coalition, proposed)
    world.heal()
    world.run(400)
    with pytest.raises(OurFault, match="You have assented"):
        rosters.propose(riverbend.node, riverbend.coordinator, coalition, out)
    rosters.assent(oak.node, oak.coordinator, coalition, proposed)
    everywhere = [place.node.records.known for place in world.all]
    world.until(
        lambda: all(place.node.records.known.rosters[coalition].in_force == proposed for place in world.all),
        30,
        "one roster everywhere",
    )
    assert len(everywhere) == 3 and not any(known.rosters[coalition].forks for known in everywhere)
    settled(world, within_s=400)


def test_a_restored_node_makes_a_standing_and_a_card_that_count() -> None:
    world, riverbend, oak, harbor, _ = three()
    soup = riverbend.post("Soup")
    world.until(lambda: "Soup" in oak.board() and "Soup" in harbor.board(), 5, "all have it")
    backup = backup_of(riverbend)
    promise = arrange(world, oak, riverbend, soup)
    world.until(lambda: harbor.state(soup) == "arranged", 5, "harbor sees it arranged")
    promises.release(riverbend.node, riverbend.coordinator, promise)
    world.until(lambda: harbor.state(soup) == "open", 5, "and open again")
    restore(riverbend, backup)
    world.run(120)
    always(world)
    posts.pause(riverbend.node, riverbend.coordinator, soup)
    world.until(lambda: harbor.state(soup) == oak.state(soup) == "paused", 30, "its standing is believed")
    cards = rows(harbor, "SELECT count(*) FROM view_cards")
    assert cards == [(3,)]
    settled(world, within_s=400)
