"""A lost node without a backup: with the sheet and a neighbor's word it is itself again."""

from __future__ import annotations

from collections.abc import Callable

from node import sheets
from node.actions import hours, lost, members, neighborhoods, promises, recovery
from node.actions.lost import NewBeginning, Peer
from protocol.errors import Fault
from protocol.signing import public_key
from sync import frames
from tests.sim.invariants import always, rows, settled
from tests.sim.puppet import Puppet
from tests.sim.test_recovery import replace_key
from tests.sim.world import NO_PASSPHRASE, Place, World


def ask_for_keys(world: World, place: Place, words: list[str]) -> list[bytes]:
    """What a node that is nobody yet does, and is told."""
    stranger = Puppet(world, "nobody yet")
    stranger.call(place)
    stranger.say(frames.KEYS_WANTED, lost.named(words))
    world.until(lambda: stranger.heard(frames.KEYS_GIVEN), 10, "an answer")
    return stranger.heard(frames.KEYS_GIVEN)[0][0]


def burn(place: Place) -> None:
    """The machine is gone, and everything on it."""
    place.stop()
    place.node.close()
    place.node = place._open()
    place.people = {}


def begin(place: Place, by: Place, texts: list[str], messages: list[bytes]) -> members.Session:
    return lost.take_up(
        place.node, texts, messages, Peer(by.home, by.name, by.address),
        NewBeginning(place.name.title(), "", "Coordinator again", "en"), place.node.random(32), NO_PASSPHRASE,
    )  # fmt: skip


def come_back(world: World, place: Place, by: Place) -> None:
    place.coordinator = begin(place, by, place.sheets, ask_for_keys(world, by, place.sheets))
    place.start()


def an_hour(world: World, giver: Place, by: members.Session, receiver: Place) -> None:
    need = receiver.post("Carry a table")
    world.until(lambda: "Carry a table" in giver.board(), 10, "the need is seen")
    promise = giver.offer_help(need, by=by)
    world.until(lambda: receiver.inbox().to_answer, 10, "the promise arrives")
    promises.agree(receiver.node, receiver.coordinator, promise)
    world.until(lambda: [p for p in giver.inbox(by).arranged if p.state == "agreed"], 10, "arranged")
    claim = hours.record(
        giver.node, by, partner=None, promise=promise, i_gave=True, minutes=60,
        date=giver.node.today(), category="", another=False,
    )  # fmt: skip
    world.until(lambda: receiver.inbox().hours_to_confirm, 10, "the claim arrives")
    hours.confirm(receiver.node, receiver.coordinator, claim)
    world.until(lambda: balance(giver, by) == 60, 10, "confirmed on both sides")


def refused(act: Callable[[], object], said: str) -> None:
    try:
        act()
    except (Fault, sheets.SheetFault) as fault:
        assert said in fault.sentence, fault.sentence
    else:
        raise AssertionError(said)


def balance(place: Place, of: members.Session) -> int:
    return hours.hours(place.node, of).balance_minutes


def test_a_lost_node_comes_back_from_its_peers() -> None:
    world = World("lost")
    riverbend, oak, harbor = world.places("riverbend", "oak", "harbor")
    coalition = world.coalition(riverbend, oak, harbor)
    walter = riverbend.member("Walter")
    an_hour(world, riverbend, walter, oak)
    riverbend.post("Soup for two", by=walter)
    riverbend.post("Ladder wanted")
    riverbend.post("Only here", where="here")
    settled(world)
    home, old_author = riverbend.home, walter.account_key
    words = riverbend.sheets

    burn(riverbend)
    world.run(60)
    come_back(world, riverbend, oak)
    assert riverbend.home == home and riverbend.node.key_is_current
    world.until(lambda: world._offered(riverbend, coalition), 60, "Oak still lists it, and says so")
    neighborhoods.accept_coalition(riverbend.node, riverbend.coordinator, coalition)
    world.until(lambda: riverbend.connected(harbor) and riverbend.connected(oak), 120, "found by the cards")
    settled(world)
    assert "Soup for two" not in riverbend.board() and "Soup for two" not in oak.board()
    waiting = recovery.rest(riverbend.node)
    assert {one.kind for one in waiting if one.author == old_author} >= {"post", "commitment", "hours"}

    again = riverbend.member("Walter")
    lost.identify(riverbend.node, riverbend.coordinator, old_author, again.account_key)
    assert recovery.sign_all_anew(riverbend.node) >= 3 and again.account_key == old_author
    settled(world)
    for place in (riverbend, oak, harbor):
        assert "Soup for two" in place.board() and "Ladder wanted" not in place.board(), place
        under_new = (
            "SELECT count(*) FROM records WHERE status = 0 AND home = ? AND author = ? AND kind = 'post'"
        )
        assert rows(place, under_new, home, old_author) == [(1,)], place
    assert (balance(riverbend, again), balance(oak, oak.coordinator)) == (60, -60)
    assert "Only here" not in riverbend.board()

    (ladder,) = [one for one in recovery.rest(riverbend.node) if one.kind == "post"]
    own = riverbend.coordinator
    lost.identify(riverbend.node, own, ladder.author, own.account_key)
    recovery.sign_all_anew(riverbend.node)
    refused(lambda: lost.identify(riverbend.node, own, old_author, own.account_key), "Nothing by that author")
    refused(lambda: lost.identify(riverbend.node, again, old_author, own.account_key), "oordinator")
    settled(world)
    assert all("Ladder wanted" in place.board() for place in (riverbend, oak, harbor))
    assert words == riverbend.sheets  # the sheets stay those on paper
    always(world)


def test_who_was_named_again_stays_a_member_through_the_next_change_of_keys() -> None:
    """The step to their new key is this node's own, and their words with either key are a member's."""
    world = World("named again")
    riverbend, oak = world.places("riverbend", "oak")
    coalition = world.coalition(riverbend, oak)
    cem = riverbend.member("Cem")
    riverbend.post("Soup for two", by=cem)
    settled(world)
    old = cem.account_key
    burn(riverbend)
    come_back(world, riverbend, oak)
    world.until(lambda: world._offered(riverbend, coalition), 60, "Oak still lists it, and says so")
    neighborhoods.accept_coalition(riverbend.node, riverbend.coordinator, coalition)
    world.until(lambda: [one for one in recovery.rest(riverbend.node) if one.author == old], 120, "it waits")
    again = riverbend.member("Cem again")
    lost.identify(riverbend.node, riverbend.coordinator, old, again.account_key)
    recovery.sign_all_anew(riverbend.node)
    riverbend.post("Bread, with the new key", by=again)
    an_hour(world, riverbend, again, oak)
    settled(world)
    replace_key(riverbend, *riverbend.sheets)
    ours = {public_key(again.seed), old}
    assert not [
        one for one in recovery.rest(riverbend.node) if one.author in ours or one.kind == "succession"
    ]
    world.until(lambda: riverbend.connected(oak), 120, "linked again")
    settled(world)
    for place in (riverbend, oak):
        assert {"Soup for two", "Bread, with the new key"} <= place.board().keys(), place
    assert balance(riverbend, again) == 60
    always(world)


def test_a_stranger_learns_nothing_without_a_sheet() -> None:
    world = World("probing")
    riverbend, oak = world.places("riverbend", "oak")
    world.link(riverbend, oak)
    settled(world)
    stranger = Puppet(world, "curious")
    stranger.call(oak)
    for asked in range(17):
        stranger.say(frames.KEYS_WANTED, bytes([asked]) * 32)
    world.until(lambda: stranger.code == "too_fast", 10, "that is enough")
    assert all(given == [[]] for given in stranger.heard(frames.KEYS_GIVEN))
    assert len(ask_for_keys(world, oak, riverbend.sheets)) == 1


def test_wrong_sheets_and_made_up_answers_change_nothing() -> None:
    world = World("wrong sheets")
    riverbend, oak = world.place("riverbend", sheets="three_of_five"), world.place("oak")
    world.link(riverbend, oak)
    settled(world)
    five = riverbend.sheets
    given = ask_for_keys(world, oak, five[3:])
    own = oak.node.records.of_home(oak.home, "inception")[0].message
    burn(riverbend)
    for texts, messages, said in (
        (five[:2], given, "3 different sheets"),
        ([*five[:2], oak.sheets[0]], given, "another neighborhood"),
        (five[:3], [], "does not know this recovery sheet"),
        (five[:3], [own], "key"),
        (five[:3], [given[0][:-1]], ""),
    ):
        refused(lambda texts=texts, messages=messages: begin(riverbend, oak, texts, messages), said)
        assert not riverbend.node.is_set_up and riverbend.node.setting("neighborhood") == ""
    riverbend.sheets = five[2:]
    come_back(world, riverbend, oak)
    settled(world)
    assert world.linked(riverbend, oak) and riverbend.connected(oak)


def test_one_whose_key_and_sheets_were_replaced_before_comes_back_by_the_last_sheets() -> None:
    world = World("often")
    riverbend, oak = world.places("riverbend", "oak")
    world.link(riverbend, oak)
    first = riverbend.sheets
    replace_key(riverbend, *riverbend.sheets)
    made = recovery.replace_sheets(riverbend.node, riverbend.sheets, "three_of_five")
    riverbend.sheets = [" ".join(sheet.words) for sheet in made][1:4]
    replace_key(riverbend, *riverbend.sheets)
    settled(world)
    steps = recovery.own_chain(riverbend.node).steps
    assert len(steps) == 4
    burn(riverbend)
    assert ask_for_keys(world, oak, first) == [], "an old sheet opens nothing"
    come_back(world, riverbend, oak)
    settled(world)
    assert recovery.own_chain(riverbend.node).steps[:4] == steps
    assert oak.node.records.known.chains[riverbend.home].current == riverbend.node.node_keys.public
