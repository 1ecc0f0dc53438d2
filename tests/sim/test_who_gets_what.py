"""Who gets to hold what: approvals, rosters, invitations, and everybody who should get nothing."""

from __future__ import annotations

import hashlib

import pytest

from node.actions import neighborhoods, posts
from node.port import coalition_secret
from protocol.errors import OurFault
from protocol.invite import Invite, psk_of, read_invite
from sync import frames
from sync.session import blind
from tests.sim.invariants import always, rows, settled
from tests.sim.puppet import Puppet
from tests.sim.test_stories import arrange, share_hours
from tests.sim.world import Place, World

PRIVATE = ("555-0199", "17 Hidden Lane", "four small children", "diabetic, be gentle", "Between us only")


def secret_needs(place: Place) -> list[bytes]:
    """Needs with a marked word in every private field: one kept here, one shared."""
    private = dict(zip(("contact", "address", "household", "notes"), PRIVATE, strict=False))
    return [
        place.post(PRIVATE[4], where="here", **private),
        place.post("Insulin ride", text="To the clinic on Friday", **private),
    ]


def test_private_words_never_leave() -> None:
    world = World("private")
    seen = bytearray()
    world.network.tap = lambda sender, receiver, data: seen.extend(data)
    riverbend, oak = world.places("riverbend", "oak")
    coalition = world.coalition(riverbend, oak)
    _, ride = secret_needs(riverbend)
    harbor = world.place("harbor")
    world.join(oak, harbor, coalition)
    world.until(lambda: "Insulin ride" in harbor.board(), 10, "the shared one is at harbor")
    promise = arrange(world, oak, riverbend, ride)
    share_hours(world, oak, riverbend, promise)
    draft = posts.draft_of(riverbend.node, riverbend.coordinator, ride)
    posts.edit(riverbend.node, riverbend.coordinator, ride, draft)
    harbor.restart()
    world.run(200)
    assert b"Insulin ride" in seen and b"I can do that" in seen, "the tap hears what is said"
    assert [word for word in PRIVATE if word.encode() in seen] == []
    settled(world)


def puppet_in(world: World, place: Place, victim: Place, *secrets: bytes) -> Puppet:
    """A place gone bad, linked with `victim`, naming coalitions by these secrets."""
    puppet = Puppet.of(place)
    world.all.remove(place)
    world.run(3)
    puppet.call(victim)
    puppet.say(frames.COALITIONS, [blind(secret, puppet.handshake_hash, True) for secret in secrets])
    world.run(1)
    return puppet


def try_everything(world: World, puppet: Puppet, coalition: bytes, ids: list[bytes]) -> None:
    """Ask for a coalition's records in every way that there is."""
    for key in ([0, coalition], [1, coalition], [2]):
        puppet.say(frames.COMPARE, key, bytes(16))
        puppet.say(frames.RECONCILE, key, bytes.fromhex("6100000200"))
    puppet.say(frames.WANT, ids)
    world.run(2)


def coalition_ids(place: Place, coalition: bytes) -> list[bytes]:
    items = place.node.records.index(("coalition", coalition))
    return [record_id for _, record_id in items]


def test_a_linked_neighborhood_outside_the_roster_gets_nothing_of_the_coalition() -> None:
    """It shares the pair set, so records flow; but not those, not even by `want` of their very ids."""
    world = World("outside")
    riverbend, oak, mill = world.places("riverbend", "oak", "mill")
    coalition = world.coalition(riverbend, oak)
    things = secret_needs(riverbend)
    world.link(riverbend, mill)
    world.run(70)
    assert mill.board() == {} and rows(mill, "SELECT count(*) FROM records WHERE kind = 'node'") == [(0,)]
    local = riverbend.node.records.version(things[0]).id
    ids = [*coalition_ids(riverbend, coalition), coalition, local]
    assert len(ids) > 4
    puppet = puppet_in(world, mill, riverbend, coalition, bytes(32))
    try_everything(world, puppet, coalition, ids)
    assert puppet.records() == []
    wires = [fields[0] for fields in puppet.heard(frames.NOT_SHARED)]
    assert [0, coalition] in wires and [1, coalition] in wires
    assert puppet.code is None and [2] not in wires, "the pair set is shared all the while"
    assert puppet.heard(frames.OFFER) == []


def test_knowing_the_id_of_a_coalition_matches_no_blind() -> None:
    """Nor does echoing the other side's blinds, or those of an earlier link."""
    world = World("blinds")
    riverbend, oak, mill = world.places("riverbend", "oak", "mill")
    coalition = world.coalition(riverbend, oak)
    world.link(riverbend, mill)
    riverbend.post("Soup")
    charter = riverbend.node.records.get(coalition)
    real = coalition_secret(charter)
    guesses = [coalition, hashlib.sha256(coalition).digest(), b"", bytes(32), charter.id]
    puppet = puppet_in(world, mill, riverbend, *guesses)
    (theirs,) = puppet.heard(frames.COALITIONS)
    assert theirs[0] == [blind(real, puppet.handshake_hash, False)]
    puppet.say(frames.COALITIONS, theirs[0])
    old = [blind(real, bytes(32), True), blind(real, puppet.handshake_hash, False)]
    puppet.say(frames.COALITIONS, old)
    try_everything(world, puppet, coalition, coalition_ids(riverbend, coalition))
    assert puppet.records() == []
    puppet.say(frames.COALITIONS, [blind(real, puppet.handshake_hash, True)])
    try_everything(world, puppet, coalition, coalition_ids(riverbend, coalition))
    kinds = [fields[0] for fields in puppet.heard(frames.RECONCILED)]
    assert [0, coalition] in kinds, "whoever has the charter is shown the roster"
    assert [1, coalition] not in kinds and puppet.records() == [], "and nothing else"


def test_removal_from_the_roster_ends_sharing() -> None:
    world = World("removal")
    riverbend, oak = world.places("riverbend", "oak")
    coalition = world.coalition(riverbend, oak)
    harbor = world.place("harbor")
    world.join(riverbend, harbor, coalition)
    soup, chairs = riverbend.post("Soup"), harbor.post("Chairs")
    world.until(lambda: len(harbor.board()) == len(oak.board()) == 2, 10, "all have both")
    promise = arrange(world, harbor, riverbend, soup)
    share_hours(world, harbor, riverbend, promise)
    world.remove(riverbend, coalition, harbor, voters=[riverbend])
    assent_of(world, oak, coalition)
    world.until(lambda: "Chairs" not in riverbend.board() and "Chairs" not in oak.board(), 10, "gone with it")
    always(world)
    riverbend.post("For those who stayed")
    world.until(lambda: "For those who stayed" in oak.board(), 5, "oak has it")
    world.run(130)
    assert "For those who stayed" not in harbor.board()
    with pytest.raises(OurFault, match="not in a coalition"):
        harbor.post("From outside")
    sum_of = rows(riverbend, "SELECT sum(minutes) FROM view_claims WHERE state = 'confirmed'")
    assert sum_of == [(75,)], "hours stand"
    assert riverbend.node.records.version(chairs) is None
    puppet = puppet_in(world, harbor, riverbend, riverbend.links.port.coalitions()[coalition])
    try_everything(world, puppet, coalition, coalition_ids(riverbend, coalition))
    carried = {record_id_of(message) for message in puppet.records()}
    assert not carried & set(coalition_ids(riverbend, coalition))


def record_id_of(message: bytes) -> bytes:
    from protocol.record import parse

    return parse(message).id


def assent_of(world: World, place: Place, coalition: bytes) -> None:
    """The coordinator at `place` says yes to the one proposal that is open."""
    from node.actions.acting import say
    from protocol.kinds.roster import Assent
    from protocol.scopes import coalition as coalition_scope

    def proposals():
        return place.node.records.known.rosters[coalition].proposals

    world.until(proposals, 5, "the proposal arrives")
    (proposal,) = proposals()
    body = Assent(epoch=proposal.id).body()
    say(place.node, None, "assent", coalition_scope(coalition), body)


def test_a_coalition_is_not_told_whom_else_a_member_is_linked_with() -> None:
    world = World("discreet")
    riverbend, oak, mill = world.places("riverbend", "oak", "mill")
    world.coalition(riverbend, oak)
    seen: dict[str, bytearray] = {}
    world.network.tap = lambda sender, receiver, data: seen.setdefault(receiver, bytearray()).extend(data)
    world.link(riverbend, mill)
    world.run(130)
    inception = mill.node.records.message(mill.home)
    assert inception not in seen["oak"] and mill.home not in seen["oak"]
    settled(world)


# ---- decisions


def test_a_declined_ask() -> None:
    world = World("declined")
    riverbend, oak = world.places("riverbend", "oak")
    world.ask(riverbend, oak, "Please?")

    def state(one, other):
        return one.links.port.neighbor_state(other.home)

    world.until(lambda: state(oak, riverbend) == "asks", 5, "the ask arrives")
    neighborhoods.decline(oak.node, oak.coordinator, riverbend.home)
    world.run(300)
    assert state(oak, riverbend) == "declined" and state(riverbend, oak) == "asked"
    assert neighborhoods.neighborhoods(oak.node, oak.coordinator).asks == [], "it is not shown again"
    assert not oak.links.port.may_pair(riverbend.home)
    always(world)
    world.ask(oak, riverbend, "We have changed our minds.")
    world.until(lambda: world.linked(oak, riverbend) and world.linked(riverbend, oak), 70, "both said yes")
    settled(world)


def test_declined_and_asked_back_while_the_link_is_up() -> None:
    world = World("asked back")
    riverbend, oak = world.places("riverbend", "oak")
    world.ask(riverbend, oak)
    world.until(lambda: oak.links.port.neighbor_state(riverbend.home) == "asks", 5, "the ask arrives")
    neighborhoods.decline(oak.node, oak.coordinator, riverbend.home)
    world.ask(oak, riverbend)
    world.until(lambda: world.linked(oak, riverbend) and world.linked(riverbend, oak), 5, "both said yes")
    settled(world)


def test_unlinking_ends_the_pair_and_nothing_else() -> None:
    world = World("unlink")
    riverbend, oak, mill = world.places("riverbend", "oak", "mill")
    world.coalition(riverbend, oak)
    world.link(riverbend, mill)
    neighborhoods.unlink(riverbend.node, riverbend.coordinator, mill.home)
    neighborhoods.unlink(riverbend.node, riverbend.coordinator, oak.home)
    world.run(5)
    assert not riverbend.links.port.may_pair(mill.home)
    assert riverbend.links.port.may_pair(oak.home), "the coalition holds"
    riverbend.post("Soup")
    world.until(lambda: "Soup" in oak.board(), 5, "oak goes on to get needs")
    world.run(70)
    page = neighborhoods.neighborhoods(riverbend.node, riverbend.coordinator)
    assert [link.name for link in page.links] == ["Oak"]


def test_an_offer_declined() -> None:
    world = World("offer")
    riverbend, oak = world.places("riverbend", "oak")
    world.link(riverbend, oak)
    founded = neighborhoods.found_coalition(
        riverbend.node, riverbend.coordinator, name="River Valley", agreement="", members=[oak.home]
    )

    def offers():
        return neighborhoods.neighborhoods(oak.node, oak.coordinator).offers

    world.until(offers, 5, "the offer arrives")
    assert (offers()[0].name, offers()[0].from_name) == ("River Valley", "Riverbend")
    neighborhoods.decline_coalition(oak.node, oak.coordinator, founded)
    riverbend.post("Soup")
    riverbend.restart()
    world.run(130)
    assert offers() == [] and oak.board() == {}
    assert oak.links.port.coalitions() == {}
    settled(world)


def test_an_invitation_lets_one_in_and_no_second() -> None:
    world = World("once")
    riverbend, oak, mill = world.places("riverbend", "oak", "mill")
    coalition = world.coalition(riverbend)
    code = world.invite(riverbend, coalition)
    assert world.enter(oak, code) == (coalition, "")
    world.until(lambda: oak.home in riverbend.links.port.members(coalition), 5, "oak is in")
    assert world.enter(mill, code) == (None, "unknown_invite")
    assert world.enter(oak, code) == (coalition, ""), "who used it may enter it again"
    world.run(10)
    assert riverbend.links.port.members(coalition) == {riverbend.home, oak.home}
    assert mill.links.port.coalitions() == {} and mill.board() == {}
    settled(world)


def test_an_invitation_that_is_over() -> None:
    world = World("over")
    riverbend, oak = world.places("riverbend", "oak")
    coalition = world.coalition(riverbend)
    code = world.invite(riverbend, coalition)
    world.tick_max_s = 3600
    world.run(neighborhoods.INVITE_LIFE_S + 1)
    assert world.enter(oak, code) == (None, "bad_handshake")
    settled(world)


@pytest.mark.parametrize("wrong", ["secret", "invite id", "home", "address"])
def test_an_invitation_with_something_wrong_in_it(wrong: str) -> None:
    world = World(wrong)
    riverbend, oak, mill = world.places("riverbend", "oak", "mill")
    coalition = world.coalition(riverbend)
    right = read_invite(world.invite(riverbend, coalition))
    addresses, home, invite_id, given = right.addresses, right.home, right.invite_id, right.secret
    expected = "bad_handshake"
    if wrong == "secret":
        given = bytes(16)
    elif wrong == "invite id":
        invite_id = bytes(16)
    elif wrong == "home":
        home, expected = mill.home, "wrong_peer"
    else:
        addresses, expected = ("127.0.0.1:9",), "unreachable"
    code = Invite(addresses, home, coalition, right.epoch, invite_id, given).code()
    assert psk_of(given) != right.psk or wrong != "secret"
    assert world.enter(oak, code) == (None, expected)
    assert riverbend.links.port.members(coalition) == {riverbend.home}
    assert world.enter(oak, right.code()) == (coalition, ""), "the right one still serves"
    settled(world)


def test_the_second_address_of_an_invitation_is_tried() -> None:
    world = World("second address")
    riverbend, oak = world.places("riverbend", "oak")
    coalition = world.coalition(riverbend)
    right = read_invite(world.invite(riverbend, coalition))
    places = ("127.0.0.1:9", *right.addresses)
    code = Invite(places, right.home, coalition, right.epoch, right.invite_id, right.secret).code()
    assert world.enter(oak, code) == (coalition, "")


def test_a_line_that_breaks_while_joining_is_not_called_a_bad_code() -> None:
    world = World("breaks")
    riverbend, oak = world.places("riverbend", "oak")
    coalition = world.coalition(riverbend)
    code = world.invite(riverbend, coalition)
    world.network.break_rate = 1.0
    assert world.enter(oak, code) == (None, "unreachable")
    world.network.break_rate = 0.0
    assert world.enter(oak, code) == (coalition, ""), "the code was not used up"
    settled(world)


def test_only_coordinators_decide_about_neighbors() -> None:
    world = World("who decides")
    (riverbend,) = world.places("riverbend")
    member = riverbend.member("Ana")
    with pytest.raises(OurFault, match="not_allowed"):
        neighborhoods.found_coalition(riverbend.node, member, name="Mine", agreement="", members=[])
