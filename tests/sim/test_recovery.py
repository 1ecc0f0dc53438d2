"""A stolen node is replaced, not obeyed: its copy goes on running, and nothing it says stays anywhere."""

from __future__ import annotations

import asyncio

from node import sheets
from node.actions import contests, hours, leaving, members, posts, promises, recovery
from node.actions.acting import say
from node.keys import new_node_keys, words_of
from node.store import people
from protocol.errors import OurFault
from protocol.kinds.accounts import Succession
from protocol.scopes import LOCAL_SCOPE
from protocol.signing import public_key
from tests.sim.invariants import always, rows, settled
from tests.sim.test_accounts import reissue
from tests.sim.world import Place, World


def replace_key(place: Place, *words: str) -> None:
    """What `replace_key` of the use case does, without giving way to others in between."""
    chain = recovery.own_chain(place.node)
    seeds = sheets.enough(words, chain)
    recovery.rotate(place.node, seeds, new_node_keys(place.node.random), chain.steps[-1].recovery)
    while recovery.sign_some_anew(place.node) is not None:
        pass


def current(place: Place, of: Place) -> bytes:
    return place.node.records.known.chains[of.home].current


def hours_between(world: World, giver: Place, receiver: Place) -> None:
    """The receiver's coordinator asks, the giver's helps, and both sign an hour."""
    need = receiver.post("Carry a table")
    world.until(lambda: "Carry a table" in giver.board(), 10, "the need is seen")
    promise = giver.offer_help(need)
    world.until(lambda: receiver.inbox().to_answer, 10, "the promise arrives")
    promises.agree(receiver.node, receiver.coordinator, promise)
    world.until(lambda: [p for p in giver.inbox().arranged if p.state == "agreed"], 10, "arranged")
    claim = hours.record(
        giver.node, giver.coordinator, partner=None, promise=promise, i_gave=True, minutes=60,
        date=giver.node.today(), category="", another=False,
    )  # fmt: skip
    world.until(lambda: receiver.inbox().hours_to_confirm, 10, "the claim arrives")
    hours.confirm(receiver.node, receiver.coordinator, claim)
    world.until(lambda: balance(giver) == 60 and balance(receiver) == -60, 10, "confirmed on both sides")


def balance(place: Place) -> int:
    return hours.hours(place.node, place.coordinator).balance_minutes


def test_a_stolen_node_is_replaced() -> None:
    world = World("stolen")
    riverbend, oak, harbor = world.places("riverbend", "oak", "harbor")
    world.coalition(riverbend, oak, harbor)
    hours_between(world, riverbend, oak)
    riverbend.post("Soup for two")
    settled(world)
    old = riverbend.node.node_keys.public
    thief = world.steal(riverbend)
    world.until(lambda: thief.node.connected, 60, "somebody takes the copy for Riverbend")
    posts.publish(
        thief.node, thief.member("Mallory"),
        posts.PostDraft(type="need", what="help", category="food.meal", title="Send money", where="region"),
    )  # fmt: skip
    world.until(lambda: "Send money" in oak.board() or "Send money" in harbor.board(), 30, "the lie is out")

    replace_key(riverbend, *riverbend.sheets)
    assert current(riverbend, riverbend) != old
    for place in (oak, harbor):
        world.until(
            lambda place=place: current(place, riverbend) == current(riverbend, riverbend), 90, "they follow"
        )
        world.until(lambda place=place: place.connected(riverbend), 60, "and hear the one with the new key")
    (lie,) = [one for one in recovery.rest(riverbend.node) if one.kind == "post"] or [None]
    if lie is not None:  # it had come over before the key was replaced
        assert recovery.decide(riverbend.node, riverbend.coordinator, lie.author, "post", keep=False) == 1
    world.until(lambda: not thief.node.connected, 60, "nobody speaks with the thief")
    if thief.node.key_is_current:  # it may not even know yet
        thief.post("Another lie")
    fresh = oak.post("After the theft")
    settled(world)
    for place in (riverbend, oak, harbor):
        board = place.board()
        assert {"Soup for two", "After the theft"} <= board.keys() and not {
            "Send money",
            "Another lie",
        } & board.keys(), place
        under_old = "SELECT kind FROM records WHERE status = 0 AND home = ? AND home_key = ?"
        kinds = {kind for (kind,) in rows(place, under_old, riverbend.home, old)}
        assert kinds <= {"inception", "charter", "epoch", "assent"}, kinds
    assert (balance(riverbend), balance(oak)) == (60, -60)
    assert rows(thief, "SELECT count(*) FROM records WHERE thing = ?", fresh) == [(0,)]


def test_three_of_five_sheets_and_no_two() -> None:
    world = World("three of five")
    riverbend = world.place("riverbend", sheets="three_of_five")
    oak = world.place("oak")
    world.coalition(riverbend, oak)
    old, one = riverbend.node.node_keys.public, riverbend.sheets
    for words, said in (
        (one[:2], "3 different sheets"),
        ([one[0], one[1], one[1]], "sheet 2 again"),
        ([one[0], one[1], oak.sheets[0]], "another neighborhood"),
        ([one[0], one[1], one[2].replace(one[2].split()[6], "riverbendd", 1)], "Word 7"),
        ([one[0], one[1], one[2].rpartition(" ")[0]], "these are 23"),
    ):
        try:
            replace_key(riverbend, *words)
        except OurFault as fault:
            assert said in fault.sentence, fault.sentence
        else:
            raise AssertionError(said)
        assert riverbend.node.node_keys.public == old and riverbend.node.key_is_current
    replace_key(riverbend, one[4], one[1], one[3])
    assert riverbend.node.node_keys.public != old and riverbend.node.key_is_current
    world.until(lambda: current(oak, riverbend) == riverbend.node.node_keys.public, 60, "Oak follows")
    settled(world)
    assert recovery.rest(riverbend.node) == []


def test_a_lost_sheet_is_replaced_and_counts_no_more() -> None:
    world = World("lost sheet")
    riverbend = world.place("riverbend", sheets="three_of_five")
    one, key = riverbend.sheets, riverbend.node.node_keys.public
    fresh = recovery.replace_one_sheet(riverbend.node, [one[0], one[1], one[2]], 4)
    assert (fresh.number, riverbend.node.node_keys.public) == (4, key)
    try:
        replace_key(riverbend, one[0], one[1], one[3])
    except OurFault as fault:
        assert "was replaced" in fault.sentence
    replace_key(riverbend, one[0], one[4], " ".join(word[:4].upper() for word in fresh.words))
    assert riverbend.node.node_keys.public != key
    always(world)


def test_what_no_member_signed_waits_for_a_coordinator() -> None:
    world = World("the rest")
    (riverbend,) = world.places("riverbend")
    walter = riverbend.member("Walter")
    riverbend.post("A ride", by=walter, where="here")
    riverbend.node.connection.execute("DELETE FROM members WHERE key = ?", (walter.account_key,))
    replace_key(riverbend, *riverbend.sheets)
    found = {one.kind: one for one in recovery.rest(riverbend.node) if one.author == walter.account_key}
    assert "post" in found and "A ride" not in riverbend.board()
    for one in found.values():
        recovery.decide(riverbend.node, riverbend.coordinator, one.author, one.kind, one.kind == "post")
    assert recovery.rest(riverbend.node) == [] and "A ride" in riverbend.board()
    try:
        recovery.decide(riverbend.node, walter, walter.account_key, "post", True)
    except OurFault as fault:
        assert fault.code == "not_allowed"
    always(world)


def test_members_keep_their_new_passphrases_and_a_thief_gains_no_account() -> None:
    world = World("a lost passphrase, then a stolen node")
    riverbend, oak = world.places("riverbend", "oak")
    world.coalition(riverbend, oak)
    walter = first = riverbend.member("Walter")
    riverbend.post("A ride", by=walter)
    middle = reissue(riverbend, "Walter")
    walter = reissue(riverbend, "Walter")
    riverbend.post("Soup", by=walter)
    keys = [public_key(session.seed) for session in (first, middle, walter)]
    stolen_account = new_node_keys(riverbend.node.random).public
    coordinator = riverbend.coordinator.account_key
    for old, new in ((coordinator, stolen_account), (keys[2], keys[0]), (keys[0], keys[2])):
        lie = Succession(old=old, new=new).body()
        say(riverbend.node, None, "succession", LOCAL_SCOPE, lie)  # as the copy signs it

    replace_key(riverbend, *riverbend.sheets)
    for place in (riverbend, oak):
        world.until(lambda place=place: {"A ride", "Soup"} <= place.board().keys(), 90, "all stays his")
        held = place.node.records.accounts
        assert held.keys((riverbend.home, first.account_key)) == keys
        assert held.keys((riverbend.home, coordinator)) == [coordinator]
    (waiting,) = recovery.rest(riverbend.node)
    assert (waiting.author, waiting.kind, waiting.count) == (riverbend.home, "succession", 3)
    settled(world)


def test_who_contested_rightly_keeps_the_next_key_also_after_a_theft() -> None:
    world = World("contested rightly, then a stolen node")
    riverbend, oak = world.places("riverbend", "oak")
    world.coalition(riverbend, oak)
    walter = riverbend.member("Walter")
    riverbend.post("Ride to the clinic", walter)
    impostor = reissue(riverbend, "Walter")
    words, wrong = words_of(walter.seed), public_key(impostor.seed)
    asyncio.run(contests.contest_on_paper(riverbend.node, words, riverbend.home, walter.account_key, wrong))
    recovery.follow_accounts(riverbend.node)  # as when a coordinator decides on what waits
    assert people.member_name(riverbend.node.connection, walter.account_key) == "Walter"
    assert not people.member_name(riverbend.node.connection, wrong), "a contested key takes no account"
    again = reissue(riverbend, "Walter")
    right = public_key(again.seed)
    assert again.account_key == walter.account_key and not again.contested
    assert members.find_session(riverbend.node, impostor.token) is None
    world.until(
        lambda: oak.node.records.accounts.account(riverbend.home, right)[1] == walter.account_key,
        60,
        "it is told",
    )

    replace_key(riverbend, *riverbend.sheets)
    for place in (riverbend, oak):
        world.until(
            lambda place=place: (
                place.node.records.accounts.keys((riverbend.home, walter.account_key))
                == [walter.account_key, right]
            ),
            90,
            "the same keys, by the new node key",
        )
    assert {one.author for one in recovery.rest(riverbend.node)} == {wrong}, "a coordinator looks at that"
    leaving.remove(riverbend.node, riverbend.coordinator, walter.account_key)
    assert not riverbend.node.setting(f"issued {right.hex()} from"), "nothing is left of a member's keys"
    settled(world)
