"""A lost passphrase, told across neighborhoods: what stays Walter's, and what a contest does."""

from __future__ import annotations

import asyncio

import pytest

from node.actions import accounts, contests, hours, members, promises
from node.actions.members import Session
from node.keys import words_of
from node.store import reissues
from protocol.errors import OurFault
from protocol.kinds.accounts import Contest
from protocol.record import Draft, lower_thing
from protocol.scopes import LOCAL_SCOPE
from protocol.signing import public_key
from tests.sim.invariants import rows, settled
from tests.sim.world import NO_PASSPHRASE, Place, World


def reissue(place: Place, name: str) -> Session:
    """What `take_up` does once the new passphrase has sealed the new seed."""
    node, old = place.node, place.people[name]
    seed = node.random(32)
    with node.records.transaction():
        code = accounts.reissue(node, place.coordinator, old.account_key)
        assert accounts.named_by(node, code.code) == name
        accounts.replace_key(node, code.code, seed, NO_PASSPHRASE)
    return accounts.begin(node, old.account_key, seed)


def minutes(place: Place, who: Session) -> int:
    return hours.hours(place.node, who).balance_minutes


def met(seed: int) -> tuple[World, Place, Place, Place]:
    """Riverbend, Oak and Hill in one coalition; Hill is a guest."""
    world = World(seed=seed)
    riverbend, oak, hill = world.places("riverbend", "oak", "hill")
    world.join(riverbend, hill, world.coalition(riverbend, oak))
    return world, riverbend, oak, hill


def test_promises_posts_and_hours_of_a_lost_key_go_on_with_the_new_one() -> None:
    world, riverbend, oak, _ = met(11)
    walter, bea = riverbend.member("Walter"), oak.member("Bea")
    ride = riverbend.post("Ride to the clinic", walter)
    soup = oak.post("Soup for two", bea)
    world.until(lambda: "Ride to the clinic" in oak.board(), 60, "the need is on the other board")
    world.until(lambda: "Soup for two" in riverbend.board(), 60, "and the other one here")
    promise = oak.offer_help(ride, bea)
    soup_promise = riverbend.offer_help(soup, walter)
    world.until(lambda: riverbend.inbox(walter).to_answer, 60, "Walter is asked")
    world.until(lambda: oak.inbox(bea).to_answer, 60, "Bea is asked")
    promises.agree(oak.node, bea, soup_promise)
    world.until(
        lambda: [p.state for p in riverbend.inbox(walter).arranged] == ["agreed"], 60, "Walter is expected"
    )

    walter = reissue(riverbend, "Walter")
    assert public_key(walter.seed) != walter.account_key
    assert [p.post_title for p in riverbend.inbox(walter).to_answer] == ["Ride to the clinic"]
    promises.agree(riverbend.node, walter, promise)
    promises.done(riverbend.node, walter, soup_promise)
    world.until(
        lambda: oak.inbox(bea).past and oak.inbox(bea).past[0].state == "done", 60, "the helper's later word"
    )
    assert [p.state for p in oak.inbox(bea).arranged] == ["agreed"]
    claim = hours.record(
        oak.node,
        bea,
        partner=None,
        promise=promise,
        i_gave=True,
        minutes=45,
        date=oak.node.today(),
        category="rides",
        another=False,
    )
    world.until(lambda: riverbend.inbox(walter).hours_to_confirm, 60, "the claim is here")
    hours.confirm(riverbend.node, walter, claim)
    world.until(lambda: minutes(oak, bea) == 45, 60, "confirmed by the new key")
    assert minutes(riverbend, walter) == -45
    settled(world)


def test_a_contest_is_heard_everywhere_and_settled_with_another_voter() -> None:
    world, riverbend, oak, hill = met(12)
    walter = riverbend.member("Walter")
    riverbend.post("Ride to the clinic", walter)
    words = words_of(walter.seed)
    impostor = reissue(riverbend, "Walter")
    step = (riverbend.home, walter.account_key, public_key(impostor.seed))
    world.until(lambda: accounts.all_reissues(hill.node, hill.coordinator), 60, "partners see every re-issue")

    asyncio.run(contests.contest_on_paper(hill.node, words, *step))  # at a node that is not his own
    account = lambda place: place.node.records.accounts.account(riverbend.home, step[2])[1]  # noqa: E731
    for place in (riverbend, oak, hill):
        world.until(lambda place=place: account(place) == step[2], 60, "the new key speaks for nobody")
    assert [r.state for r in accounts.all_reissues(oak.node, oak.coordinator)] == ["contested"]
    open_page = members.find_session(riverbend.node, impostor.token)
    assert open_page is impostor and impostor.account_key == step[2], "it follows"
    assert not accounts.all_reissues(oak.node, oak.coordinator)[0].can_assent

    accounts.say_again(riverbend.node, riverbend.coordinator, step[1], step[2])
    world.until(lambda: accounts.all_reissues(oak.node, oak.coordinator)[0].can_assent, 60, "Oak is asked")
    assert not accounts.all_reissues(hill.node, hill.coordinator)[0].can_assent  # a guest decides nothing
    accounts.assent(oak.node, oak.coordinator, *step)
    for place in (riverbend, oak, hill):
        world.until(lambda place=place: account(place) == step[1], 60, "it counts again")
    assert [r.state for r in accounts.all_reissues(hill.node, hill.coordinator)] == ["settled"]
    assert members.find_session(riverbend.node, impostor.token) is impostor
    assert impostor.account_key == step[1] and not impostor.contested, "and follows back"
    settled(world)


def flood(places: list[Place], step: tuple[bytes, bytes, bytes], rarity: int) -> None:
    """1,000 contests of a step by a key made up for that, each with a nonce that only one in `rarity` has."""
    home, old, new = step
    (scope,) = [r.scope for r in places[0].node.records.of_home(home, "succession") if len(r.scope) == 2]
    seed, made = b"mallory's made-up key, 32 bytes!", places[0].node.stamp()
    body, bar = Contest(old=old, new=new).body(), (2**256 // rarity).to_bytes(32, "big")
    messages = []
    for number in range(1_000):
        nonce = (number << 100).to_bytes(16, "big")
        draft = Draft("contest", scope, public_key(seed), home, nonce, made, None, body)
        low = lower_thing(draft, bar, 100 * rarity)
        assert low is not None
        messages.append(low.sign([seed]).message)
    for place in places:
        with place.node.records.transaction():
            assert {place.node.records.add(message).outcome for message in messages} == {"new"}


def test_nobody_can_shut_a_contest_out_by_filling_its_place() -> None:
    world, riverbend, oak, hill = met(15)
    walter = riverbend.member("Walter")
    words = words_of(walter.seed)
    impostor = reissue(riverbend, "Walter")
    step = (riverbend.home, walter.account_key, public_key(impostor.seed))
    world.until(lambda: accounts.all_reissues(hill.node, hill.coordinator), 60, "partners see the re-issue")
    world.until(lambda: accounts.all_reissues(oak.node, oak.coordinator), 60, "all of them")
    flood([riverbend, oak, hill], step, 50)
    (seen,) = accounts.all_reissues(riverbend.node, riverbend.coordinator)
    assert seen.state == "in_force" and not seen.can_say_again, "strangers' contests change nothing"

    asyncio.run(contests.contest_on_paper(riverbend.node, words, *step))
    for place in (riverbend, oak, hill):
        world.until(
            lambda place=place: place.node.records.accounts.account(*step[::2])[1] == step[2], 60, "heard"
        )
    made = rows(oak, "SELECT count(*) FROM records WHERE kind = 'contest' AND status = 0")
    assert made == [(1_000,)], "one of the made-up ones left"
    (seen,) = accounts.all_reissues(oak.node, oak.coordinator)
    assert seen.state == "contested"
    accounts.say_again(riverbend.node, riverbend.coordinator, step[1], step[2])
    said = riverbend.node.records.of_home(riverbend.home, "succession")
    own = [
        r for r in riverbend.node.records.of_home(riverbend.home, "contest") if r.author == walter.account_key
    ]
    cited = {contest for record in said for contest in record.body.get("contests", ())}
    assert cited == {record.id for record in own} and len(own) == 2, "also the one that others hold"
    world.until(lambda: accounts.all_reissues(oak.node, oak.coordinator)[0].can_assent, 60, "Oak is asked")
    accounts.assent(oak.node, oak.coordinator, *step)
    world.until(lambda: riverbend.node.records.accounts.account(*step[::2])[1] == step[1], 60, "settled")
    settled(world)


def test_where_no_place_is_found_in_time_it_counts_at_home_and_can_be_tried_again(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    world, riverbend, _, _ = met(16)
    walter = riverbend.member("Walter")
    impostor = reissue(riverbend, "Walter")
    step = (riverbend.home, walter.account_key, public_key(impostor.seed))
    flood([riverbend], step, 50)
    monkeypatch.setattr(contests, "TRIES_MAX", 0)
    with pytest.raises(OurFault, match="over_quota"):
        asyncio.run(contests.contest_on_paper(riverbend.node, words_of(walter.seed), *step))
    assert riverbend.node.records.accounts.account(*step[::2])[1] == step[2], "its own neighborhood heard it"
    monkeypatch.undo()
    asyncio.run(contests.contest_on_paper(riverbend.node, words_of(walter.seed), *step))
    said = [r for r in riverbend.node.records.of_home(step[0], "contest") if r.author == walter.account_key]
    assert sorted(len(record.scope) for record in said) == [1, 2], "each place heard it once"
    settled(world)


def test_a_new_partner_hears_of_re_issues_made_before() -> None:
    world = World(seed=13)
    riverbend, oak = world.places("riverbend", "oak")
    riverbend.member("Walter")
    fresh = reissue(riverbend, "Walter")
    assert [r.scope for r in riverbend.node.records.of_home(riverbend.home, "succession")] == [LOCAL_SCOPE]
    world.link(riverbend, oak)
    world.until(
        lambda: (
            oak.node.records.accounts.account(riverbend.home, public_key(fresh.seed))[1] == fresh.account_key
        ),
        60,
        "the pair has it",
    )
    assert reissues.signing_key(riverbend.node.connection, fresh.account_key) == public_key(fresh.seed)
