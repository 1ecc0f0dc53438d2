"""A neighborhood changes its key and sheets many times: others follow, whatever an introduction holds."""

from __future__ import annotations

from node import finding
from node.actions import lost, recovery
from protocol import introduction
from protocol.errors import OurFault
from protocol.kinds.keys import CHAIN_LENGTH_MAX
from sync import frames
from tests.sim.invariants import settled
from tests.sim.puppet import Puppet
from tests.sim.test_lost_node import begin, burn
from tests.sim.test_recovery import current, replace_key
from tests.sim.world import Place, World

OFTEN = introduction.KEY_RECORDS_MAX + 4


def change_often(place: Place, times: int) -> None:
    """A steward moves away, a sheet is lost, a machine is stolen: each is one change."""
    for number in range(times):
        if number % 2:
            replace_key(place, *place.sheets)
        else:
            made = recovery.replace_sheets(place.node, place.sheets, "one")
            place.sheets = [" ".join(sheet.words) for sheet in made]


def follows(world: World, other: Place, place: Place) -> None:
    def does() -> bool:
        return current(other, place) == place.node.node_keys.public and other.connected(place)

    world.until(does, 400, f"{other.name} follows")


def test_neighbors_follow_more_changes_than_an_introduction_holds() -> None:
    world = World("often")
    riverbend, oak, harbor = world.places("riverbend", "oak", "harbor")
    world.coalition(riverbend, oak, harbor)
    riverbend.post("Soup")
    settled(world)
    for _ in range(2):  # Harbor sleeps through the first half, and hears of it from Oak
        harbor.stop() if harbor.running else None
        change_often(riverbend, OFTEN // 2)
        follows(world, oak, riverbend)
    harbor.start()
    follows(world, harbor, riverbend)
    settled(world)
    assert len(recovery.own_chain(harbor.node).steps) == 1
    assert len(harbor.node.records.known.chains[riverbend.home].steps) == OFTEN + 1
    assert "Soup" in harbor.board() and "Soup" in oak.board()


def test_a_lost_node_with_a_long_chain_comes_back_by_its_last_sheet() -> None:
    world = World("long and lost")
    riverbend, oak = world.places("riverbend", "oak")
    world.link(riverbend, oak)
    settled(world)
    for _ in range(2):
        change_often(riverbend, OFTEN // 2)
        follows(world, oak, riverbend)
    steps = recovery.own_chain(riverbend.node).steps
    burn(riverbend)
    stranger = Puppet(world, "nobody yet")
    stranger.call(oak)
    asked, records = lost.named(riverbend.sheets), []
    while True:
        stranger.say(frames.KEYS_WANTED, asked)
        heard = len(records) // introduction.KEY_RECORDS_MAX + 1
        world.until(lambda heard=heard: len(stranger.heard(frames.KEYS_GIVEN)) == heard, 10, "an answer")
        records += stranger.heard(frames.KEYS_GIVEN)[-1][0]
        if not frames.may_be_more(stranger.heard(frames.KEYS_GIVEN)[-1][0]):
            break
        asked = finding.after(records[-1])
    riverbend.coordinator = begin(riverbend, oak, riverbend.sheets, records)
    riverbend.start()
    follows(world, oak, riverbend)
    assert recovery.own_chain(riverbend.node).steps[:-1] == steps


def test_after_as_many_as_anybody_follows_it_says_so() -> None:
    world = World("too often")
    riverbend = world.place("riverbend")
    change_often(riverbend, CHAIN_LENGTH_MAX - 1)
    before = riverbend.node.node_keys.public
    try:
        replace_key(riverbend, *riverbend.sheets)
    except OurFault as fault:
        assert fault.sentence == "Key and sheets can be replaced 99 times in all."
    else:
        raise AssertionError("nobody would follow it")
    assert riverbend.node.node_keys.public == before and riverbend.node.key_is_current
