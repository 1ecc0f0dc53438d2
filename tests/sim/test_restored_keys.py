"""Restored from a backup, and the key replaced after that: nothing is lost, and no erased words come back.

What a home signed with an earlier key is in no set any more. Its neighbors keep it aside, and a restored
home may have forgotten it: it asks, and until it has heard signs nothing anew that may have been erased.
"""

from __future__ import annotations

import pytest

from node.actions import erasure, recovery, restored
from node.actions.posts import PostDraft, edit, publish
from tests.sim.invariants import rows, settled
from tests.sim.test_recovery import current, hours_between, replace_key
from tests.sim.test_restore import backup_of, balance, restore, three
from tests.sim.world import Place, World


def learn_keys(place: Place, neighbor: Place) -> None:
    """What `recover key` asks a neighbor for first."""
    records = neighbor.node.records
    held = records.of_home(place.home, "inception") + records.of_home(place.home, "rotation")
    recovery.learn_keys(place.node, [record.message for record in held])


def take_up(place: Place, backup: object) -> None:
    """The machine is lost; the backup is taken up on another one, which does not run yet."""
    place.stop()
    place.node.close()
    place.take_up(backup)
    with place.node.records.transaction():
        restored.mark(place.node.connection, source="file", made=place.node.now(), at=place.node.now())


def come_back(world: World, place: Place, backup: object, neighbor: Place) -> None:
    """Restore, ask a neighbor for the newest keys, make a new one, and run."""
    take_up(place, backup)
    learn_keys(place, neighbor)
    replace_key(place, *place.sheets)
    place.start()
    world.until(lambda: current(neighbor, place) == place.node.node_keys.public, 90, "the neighbor follows")


@pytest.mark.parametrize("between", [False, True])
def test_what_was_said_after_the_backup_comes_back_under_the_new_key(between: bool) -> None:
    """Posts, edits and hours; also those under a key that the backup does not know (`between`)."""
    world, riverbend, oak, harbor, _ = three(f"said after {between}")
    soup = riverbend.post("Soup")
    settled(world)
    backup = backup_of(riverbend)
    if between:
        replace_key(riverbend, *riverbend.sheets)
        world.until(lambda: current(oak, riverbend) == current(riverbend, riverbend), 90, "Oak follows")
        world.until(lambda: riverbend.connected(oak), 90, "and is linked again")
    riverbend.post("Cake of after the backup")
    draft = PostDraft(type="need", what="help", category="food.meal", title="Stew", where="region")
    edit(riverbend.node, riverbend.coordinator, soup, draft)
    hours_between(world, riverbend, oak)
    settled(world)
    come_back(world, riverbend, backup, oak)
    want = {"Stew", "Cake of after the backup"}
    for place in (riverbend, oak, harbor):
        world.until(lambda place=place: want <= place.board().keys(), 120, f"{place.name} has it again")
    world.until(lambda: balance(riverbend) == 60 and balance(oak) == -60, 120, "the hours are back")
    settled(world)
    assert "Soup" not in oak.board() and recovery.held_back(riverbend.node) == 0


def test_what_the_home_erased_after_the_backup_stays_away_until_a_coordinator_decides() -> None:
    world, riverbend, oak, harbor, _ = three("erased after")
    cem = riverbend.member("Cem")
    soup = riverbend.post("Zibbledorf soup", by=cem)
    riverbend.post("Bread", by=cem)
    settled(world)
    backup = backup_of(riverbend)
    erasure.erase_post(riverbend.node, riverbend.coordinator, soup)  # the mark is the home's
    world.until(lambda: "Zibbledorf soup" not in oak.board(), 10, "Oak has erased it")
    world.until(lambda: "Zibbledorf soup" not in harbor.board(), 10, "Harbor too")
    seen: set[str] = set()
    come_back(world, riverbend, backup, oak)
    for _ in range(60):
        world.run(5)
        for place in (riverbend, oak, harbor):
            seen |= place.board().keys()
    assert "Zibbledorf soup" not in seen, "the words were shown again"
    assert "Bread" in oak.board() and "Bread" in riverbend.board()
    waiting = [one for one in recovery.rest(riverbend.node) if one.kind == "erasure"]
    assert [(one.author, one.count) for one in waiting] == [(riverbend.home, 1)]
    recovery.decide(riverbend.node, riverbend.coordinator, riverbend.home, "erasure", keep=True)
    settled(world)
    for place in (riverbend, oak, harbor):
        assert not rows(place, "SELECT 1 FROM records WHERE instr(message, CAST('Zibbledorf' AS BLOB))")


def test_until_a_neighbor_is_heard_what_may_have_been_erased_waits_and_hours_do_not() -> None:
    world, riverbend, oak, harbor, _ = three("nobody heard")
    hours_between(world, riverbend, oak)
    riverbend.post("Bread")
    riverbend.post("Here only", where="here")
    settled(world)
    backup = backup_of(riverbend)
    world.partition([riverbend], [oak, harbor])
    take_up(riverbend, backup)
    replace_key(riverbend, *riverbend.sheets)
    riverbend.start()
    world.run(60)
    assert balance(riverbend) == 60, "nobody can erase hours"
    assert "Here only" in riverbend.board() and "Bread" not in riverbend.board()
    assert recovery.held_back(riverbend.node) > 0
    world.heal()
    world.until(lambda: "Bread" in riverbend.board() and "Bread" in harbor.board(), 400, "it is back")
    settled(world, within_s=400)
    assert recovery.held_back(riverbend.node) == 0


def test_a_coordinator_may_say_that_nobody_will_be_heard() -> None:
    world, riverbend, oak, harbor, _ = three("nobody left")
    riverbend.post("Bread")
    settled(world)
    backup = backup_of(riverbend)
    oak.stop()
    harbor.stop()
    restore(riverbend, backup)
    replace_key(riverbend, *riverbend.sheets)
    assert "Bread" not in riverbend.board()
    assert recovery.sign_held_back(riverbend.node, riverbend.coordinator) >= 1
    assert "Bread" in riverbend.board() and recovery.held_back(riverbend.node) == 0


def test_a_restore_of_long_ago_holds_nothing_back() -> None:
    """Once all was equal, nothing is forgotten any more, and a key change is as any other."""
    world, riverbend, oak, harbor, _ = three("long ago")
    riverbend.post("Bread")
    settled(world)
    restore(riverbend, backup_of(riverbend))
    settled(world)
    world.run(700)
    world.partition([riverbend], [oak, harbor])
    replace_key(riverbend, *riverbend.sheets)
    assert "Bread" in riverbend.board() and recovery.held_back(riverbend.node) == 0


def test_what_a_former_member_had_published_waits_for_a_decision() -> None:
    """It comes back too, and a coordinator decides: a thief could have made it."""
    world, riverbend, oak, _, _ = three("former")
    settled(world)
    backup = backup_of(riverbend)
    dora = riverbend.member("Dora")  # joined after the backup
    publish(
        riverbend.node, dora,
        PostDraft(type="offer", what="give", category="food.meal", title="Plums", where="region"),
    )  # fmt: skip
    world.until(lambda: "Plums" in oak.board(), 10, "seen")
    come_back(world, riverbend, backup, oak)
    world.until(lambda: recovery.rest(riverbend.node), 120, "it waits")
    (one,) = [one for one in recovery.rest(riverbend.node) if one.kind == "post"]
    assert (one.author, one.count) == (dora.account_key, 1)
    recovery.decide(riverbend.node, riverbend.coordinator, one.author, "post", keep=True)
    world.until(lambda: "Plums" in oak.board(), 60, "and is seen again")
    settled(world)


def test_a_copy_of_the_folder_gets_back_what_it_lacks() -> None:
    """After a theft: nothing marks it as a restore, so whoever makes a new key asks."""
    world, riverbend, oak, harbor, _ = three("a copy")
    settled(world)
    copy = backup_of(riverbend)
    riverbend.post("Cake of after the copy")
    settled(world)
    riverbend.stop()
    riverbend.node.close()
    riverbend.take_up(copy)
    replace_key(riverbend, *riverbend.sheets)
    riverbend.start()
    for place in (riverbend, oak, harbor):
        world.until(
            lambda place=place: "Cake of after the copy" in place.board(), 120, f"{place.name} has it"
        )
    settled(world)


def test_what_a_coordinator_dropped_does_not_wait_again_when_another_neighbor_gives_it() -> None:
    world, riverbend, oak, harbor, _ = three("dropped once")
    dora = riverbend.member("Dora")
    riverbend.post("Send money", by=dora)
    settled(world)
    with riverbend.node.records.transaction():  # Dora is no member: a thief had made her
        riverbend.node.connection.execute("DELETE FROM members WHERE key = ?", (dora.account_key,))
    world.partition([riverbend, oak], [harbor])
    replace_key(riverbend, *riverbend.sheets)
    world.run(200)
    assert recovery.decide(riverbend.node, riverbend.coordinator, dora.account_key, "post", keep=False) == 1
    world.heal()
    world.until(lambda: current(harbor, riverbend) == riverbend.node.node_keys.public, 400, "Harbor follows")
    world.run(400)
    assert not [one for one in recovery.rest(riverbend.node) if one.kind == "post"]
    assert "Send money" not in harbor.board()
