"""Who belongs to a coalition: keys that are listed anew, a vote after a loss, and two rosters at once."""

from __future__ import annotations

import pytest

from node.actions import branches, neighborhoods, recovery, restored, rosters
from node.actions.acting import say
from node.store import known, neighbors
from protocol.errors import OurFault
from protocol.kinds.keys import Rotation
from protocol.kinds.roster import Assent, Sponsor
from protocol.record import Draft
from protocol.scopes import KEYS_SCOPE, coalition
from protocol.signing import public_key
from sync import frames
from tests.protocol.helpers import Neighborhood
from tests.sim.invariants import always, settled
from tests.sim.puppet import Puppet
from tests.sim.test_lost_node import burn, come_back
from tests.sim.test_recovery import current, replace_key
from tests.sim.world import Place, World


def rival(place: Place, sheet: str, lower_than: bytes) -> bytes:
    """A rotation by an old sheet, of the same step, ground until its id is below another's."""
    chain = recovery.own_chain(place.node)
    signer = recovery.sheets.read_words(sheet)
    for nonce in range(100_000):
        key = public_key(nonce.to_bytes(32, "big"))
        body = Rotation(
            previous=chain.home, node_key=key, recovery=chain.steps[0].recovery, signers=[public_key(signer)]
        ).body()
        draft = Draft(
            "rotation",
            KEYS_SCOPE,
            place.home,
            place.home,
            nonce.to_bytes(16, "big"),
            place.node.stamp(),
            None,
            body,
        )
        made = draft.sign([signer])
        if made.id < lower_than:
            return made.message
    raise AssertionError("no lower id was found")


def test_an_old_sheet_makes_no_rival_once_the_roster_lists_the_new_key() -> None:
    world = World("renewed")
    riverbend, oak, harbor = world.places("riverbend", "oak", "harbor")
    valley = world.coalition(riverbend, oak, harbor)
    old_sheet = riverbend.sheets[0]
    replace_key(riverbend, *riverbend.sheets)
    settled(world)
    found = rival(riverbend, old_sheet, recovery.own_chain(riverbend.node).head)
    apart = World("not renewed").place("apart")  # what it does where nothing lists the new key
    for record in riverbend.node.records.of_home(riverbend.home, "inception"):
        neighbors.set_neighbor(apart.node.connection, riverbend.home, "linked")
        apart.node.records.known_changed()
        apart.node.records.add(record.message)
    for message in (riverbend.node.records.of_home(riverbend.home, "rotation")[0].message, found):
        apart.node.records.add(message)
    assert current(apart, riverbend) != current(oak, riverbend), "the rival wins there"

    shown = rosters.coalition_page(oak.node, oak.coordinator, valley)
    assert shown.renewed == ["Riverbend"] and shown.can_propose

    proposed = rosters.renew_keys(oak.node, oak.coordinator, valley)
    (waiting,) = rosters.coalition_page(oak.node, oak.coordinator, valley).proposals
    assert waiting.same and waiting.id == proposed
    world.until(
        lambda: rosters.coalition_page(harbor.node, harbor.coordinator, valley).proposals,
        10,
        "harbor is asked",
    )
    rosters.assent(harbor.node, harbor.coordinator, valley, proposed)
    in_force = lambda: [place.node.records.known.rosters[valley].in_force for place in world.all]  # noqa: E731
    world.until(lambda: in_force() == [proposed] * 3, 20, "it is in force everywhere")
    assert rosters.coalition_page(riverbend.node, riverbend.coordinator, valley).renewed == []
    with pytest.raises(OurFault, match="as it is"):
        rosters.renew_keys(riverbend.node, riverbend.coordinator, valley)

    now = current(oak, riverbend)
    for place in world.all:
        place.node.records.add(found)
    assert [current(place, riverbend) for place in world.all] == [now] * 3
    settled(world)
    always(world)


def test_a_node_that_came_back_assents_to_nothing_until_its_roster_equals_a_peers() -> None:
    world = World("came back")
    riverbend, oak, harbor = world.places("riverbend", "oak", "harbor")
    valley = world.coalition(riverbend, oak, harbor)
    settled(world)
    proposed = rosters.propose(
        riverbend.node, riverbend.coordinator, valley, {riverbend.home: "voter", oak.home: "voter"}
    )
    world.until(
        lambda: rosters.coalition_page(oak.node, oak.coordinator, valley).proposals,
        10,
        "oak has the proposal",
    )
    burn(riverbend)
    come_back(world, riverbend, oak)
    own = neighborhoods.found_coalition(
        riverbend.node, riverbend.coordinator, name="Ours alone", agreement="", members=[]
    )
    with pytest.raises(OurFault, match="as it is"):
        rosters.propose(riverbend.node, riverbend.coordinator, own, {riverbend.home: "voter"})
    world.until(lambda: world._offered(riverbend, valley), 60, "Oak still lists it")
    neighborhoods.accept_coalition(riverbend.node, riverbend.coordinator, valley)
    with pytest.raises(OurFault, match="restored_roster"):
        restored.check_may_assent(riverbend.node, valley)
    with pytest.raises(OurFault, match=r"restored_roster|not_found"):
        rosters.assent(riverbend.node, riverbend.coordinator, valley, proposed)
    settled(world)
    with pytest.raises(OurFault, match="You have assented"):
        rosters.propose(riverbend.node, riverbend.coordinator, valley, {oak.home: "voter"})
    restored.check_may_assent(riverbend.node, valley)


def hand_over(giver: Place, receiver: Place, valley: bytes) -> None:
    """What the line between two of them would carry."""
    for record in known.roster_set_acts(giver.node.connection, valley):
        receiver.node.records.add(record.message)


def two_rosters() -> tuple[World, list[Place], bytes]:
    """Oak's key is stolen: a thief agrees with Riverbend to one roster, while Oak agrees with Harbor."""
    world = World("two rosters")
    riverbend, oak, harbor = places = world.places("riverbend", "oak", "harbor")
    valley = world.coalition(riverbend, oak, harbor)
    settled(world)
    thief = world.steal(oak)
    world.partition([riverbend, thief], [oak, harbor])
    for one, other, demoted in ((riverbend, thief, harbor), (harbor, oak, riverbend)):
        voters: dict[bytes, rosters.Role] = {place.home: "voter" for place in places if place is not demoted}
        first = rosters.propose(one.node, one.coordinator, valley, voters)
        hand_over(one, other, valley)
        rosters.assent(other.node, other.coordinator, valley, first)
        hand_over(other, one, valley)
        out: dict[bytes, rosters.Role] = {**voters, demoted.home: "out"}
        second = rosters.propose(one.node, one.coordinator, valley, out)
        hand_over(one, other, valley)
        rosters.assent(other.node, other.coordinator, valley, second)
        hand_over(other, one, valley)
        assert one.node.records.known.rosters[valley].in_force == second
    thief.stop()
    for one in places:
        for other in places:
            hand_over(one, other, valley)
    world.heal()
    return world, places, valley


def test_people_choose_between_two_final_rosters() -> None:
    world, (riverbend, oak, harbor), valley = two_rosters()
    here = riverbend.node.records.known.rosters[valley].in_force
    there = oak.node.records.known.rosters[valley].in_force
    assert here != there == harbor.node.records.known.rosters[valley].in_force
    (fork,) = branches.forks(riverbend.node, valley)
    ours, theirs = fork.branches
    assert fork.can_choose and fork.signed_twice == ["Oak"]
    assert (ours.followed, ours.voters, ours.out, ours.epochs) == (True, ["Oak", "Riverbend"], ["Harbor"], 2)
    assert (theirs.followed, theirs.voters, theirs.with_us) == (False, ["Harbor", "Oak"], False)

    with pytest.raises(OurFault, match="not_found"):
        branches.follow(riverbend.node, riverbend.coordinator, valley, ours.id)
    with pytest.raises(OurFault, match="not_allowed"):
        branches.follow(riverbend.node, riverbend.member("Walter"), valley, theirs.id)
    for place in (oak, harbor):
        (seen,) = branches.forks(place.node, valley)
        branches.follow(place.node, place.coordinator, valley, seen.branches[1].id)
    assert [place.node.records.known.rosters[valley].in_force for place in world.all] == [here] * 3
    world.run(400)
    harbor.restart()
    assert harbor.node.records.known.rosters[valley].in_force == here, "it is remembered"
    (seen,) = branches.forks(oak.node, valley)
    assert [branch.followed for branch in seen.branches] == [True, False]


def test_between_tips_there_is_nothing_to_choose() -> None:
    world = World("tips")
    riverbend, oak = world.places("riverbend", "oak")
    valley = world.coalition(riverbend)
    world.join(riverbend, oak, valley)
    roster = riverbend.node.records.known.rosters[valley]
    for voters in ([riverbend.home], sorted([riverbend.home, oak.home])):
        body = {"previous": roster.in_force, "voters": voters, "keys": [[home, home] for home in voters]}
        epoch = say(riverbend.node, None, "epoch", coalition(valley), body)
        say(riverbend.node, None, "assent", coalition(valley), Assent(epoch=epoch.id).body())
    (fork,) = branches.forks(riverbend.node, valley)
    assert not fork.can_choose and fork.signed_twice == ["Riverbend"]
    with pytest.raises(OurFault, match="decide it alike"):
        branches.follow(riverbend.node, riverbend.coordinator, valley, fork.branches[1].id)


def test_where_three_vote_a_second_one_vouches_for_a_newcomer() -> None:
    """The code of one voter is not enough: the newcomer is told, and another coordinator sees who waits."""
    world = World("vouch")
    riverbend, oak, harbor, mill = world.places("riverbend", "oak", "harbor", "mill")
    valley = world.coalition(riverbend, oak, harbor)
    assert world.enter(mill, world.invite(riverbend, valley)) == (valley, "")
    page = lambda place: rosters.coalition_page(place.node, place.coordinator, valley)  # noqa: E731
    world.until(lambda: page(oak).newcomers and page(mill).members, 20, "oak is asked, mill knows the roster")
    (newcomer,) = page(oak).newcomers
    assert (newcomer.home, newcomer.vouched_by, newcomer.can_vouch) == (mill.home, ["Riverbend"], True)
    assert not page(riverbend).newcomers[0].can_vouch, "it has vouched already"
    world.run(5)
    assert mill.home not in page(mill).members
    (shown,) = neighborhoods.neighborhoods(mill.node, mill.coordinator).coalitions
    assert shown.role == "waiting"
    with pytest.raises(OurFault, match="second neighborhood"):
        rosters.vouch(riverbend.node, riverbend.coordinator, valley, mill.home)
    with pytest.raises(OurFault):
        rosters.vouch(oak.node, oak.coordinator, valley, bytes(32))

    rosters.vouch(oak.node, oak.coordinator, valley, mill.home)
    world.until(lambda: mill.home in mill.links.port.members(valley), 20, "mill is in")
    with pytest.raises(OurFault, match="in already"):
        rosters.vouch(harbor.node, harbor.coordinator, valley, mill.home)
    soup = riverbend.post("Soup for two")
    world.until(lambda: "Soup for two" in mill.board(), 20, "and shares everything")
    assert soup and page(oak).newcomers == []
    settled(world)
    always(world)


@pytest.mark.parametrize("turn", range(3))
def test_what_a_voter_signed_before_its_key_was_replaced_is_held_once_it_was_taken(turn: int) -> None:
    """Oak's key is replaced; its yes and a sponsor by the earlier key come with the rotation, in one batch.

    So a stranger's peer had sent them, and one of them was then not found.
    """
    world = World(f"an old key {turn}")
    riverbend, oak, harbor = world.places("riverbend", "oak", "harbor")
    valley = world.coalition(riverbend, oak, harbor)
    proposed = rosters.propose(
        riverbend.node,
        riverbend.coordinator,
        valley,
        {riverbend.home: "voter", oak.home: "voter", harbor.home: "out"},
    )
    settled(world)
    node, roster = oak.node, oak.node.records.known.rosters[valley]
    world.partition([oak], [riverbend, harbor])
    world.run(60)
    newcomer = Neighborhood("The docks").id
    with node.records.transaction():
        yes = say(node, None, "assent", coalition(valley), Assent(epoch=proposed).body())
        sponsor = Sponsor(guest=newcomer, epoch=roster.in_force).body()
        vouches = say(node, None, "sponsor", coalition(valley), sponsor)
    seed, inception = node.node_keys.seed, node.records.of_home(oak.home, "inception")[0]
    replace_key(oak, *oak.sheets)
    rotation = node.records.of_home(oak.home, "rotation")[0]
    oak.stop()
    world.heal()
    puppet = Puppet(world, "oak", seed, inception.message)
    puppet.call(riverbend)
    batch = [rotation.message, yes.message, vouches.message]
    world.run(5)
    puppet.say(frames.RECORDS, 1, batch[turn:] + batch[:turn])
    world.until(lambda: [1] in puppet.heard(frames.TAKEN), 10, "the batch is taken")
    for record in (rotation, yes, vouches):
        assert riverbend.node.records.holds(record.id)
    assert riverbend.node.records.known.rosters[valley].in_force == proposed
