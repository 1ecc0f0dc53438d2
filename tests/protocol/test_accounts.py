"""Whose key speaks for whom: re-issued passphrases, contests, and what settles them."""

from __future__ import annotations

from itertools import permutations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from protocol.errors import TheirFault
from protocol.judge import judge
from protocol.kinds.accounts import Accounts, build_accounts, step_hash
from protocol.kinds.hours import settle
from protocol.record import Draft, Record
from protocol.scopes import KEYS_SCOPE, LOCAL_SCOPE, pair
from tests.protocol.helpers import NOON, Coalition, Member, Neighborhood, known

riverbend, oak, hill = Neighborhood("Riverbend"), Neighborhood("Oak"), Neighborhood("Hill")
region = Coalition("Region", riverbend, oak, hill)
walter, walter_2, walter_3, mallory = (
    riverbend.member(name) for name in ("Walter", "Walter, second key", "Walter, third key", "Mallory")
)
bea = oak.member("Bea")
VOTERS = {region.id: {riverbend.id, oak.id}}


def accounts(*records: Record) -> Accounts:
    return build_accounts(records, VOTERS)


def of(found: Accounts, member: Member) -> bytes:
    return found.account(member.home.id, member.key)[1]


def assent(home: Neighborhood, succession: Record) -> Record:
    return region.assent(home, succession)


REISSUE = riverbend.succession(walter, walter_2, region.scope)


def test_a_key_is_an_account_by_itself() -> None:
    assert of(accounts(), walter) == walter.key


def test_a_reissued_key_carries_the_account_on_and_a_third_one_too() -> None:
    found = accounts(riverbend.succession(walter_2, walter_3), REISSUE)
    assert of(found, walter_3) == of(found, walter_2) == walter.key
    assert found.keys((riverbend.id, walter.key)) == [walter.key, walter_2.key, walter_3.key]
    assert found.current((riverbend.id, walter.key)) == walter_3.key
    assert found.depth(riverbend.id, walter_3.key) == 2


def test_another_home_cannot_speak_of_our_accounts() -> None:
    assert of(accounts(oak.succession(walter, mallory)), mallory) == mallory.key


@pytest.mark.parametrize("who", [walter, walter_2])
def test_either_key_of_a_step_contests_it(who: Member) -> None:
    found = accounts(REISSUE, who.contest(walter, walter_2, region.scope))
    assert of(found, walter_2) == walter_2.key
    assert [step.counts for step in found.steps] == [False]


def test_a_stranger_cannot_contest() -> None:
    found = accounts(REISSUE, mallory.contest(walter, walter_2, region.scope))
    assert of(found, walter_2) == walter.key


def test_a_key_contested_away_has_no_say_over_the_rest() -> None:
    stolen = riverbend.succession(walter, mallory, region.scope)
    words = [walter.contest(walter, mallory, region.scope), mallory.contest(walter, walter_2, region.scope)]
    found = accounts(stolen, REISSUE, *words)
    assert of(found, walter_2) == walter.key
    assert of(found, mallory) == mallory.key


def test_the_next_key_hangs_on_the_last_one_that_counts() -> None:
    contest = walter.contest(walter, walter_2, region.scope)
    issued, account = [walter.key, walter_2.key], (riverbend.id, walter.key)
    assert accounts(REISSUE).last_of(account, issued) == walter_2.key
    found = accounts(REISSUE, contest)
    assert found.last_of(account, issued) == walter.key
    assert of(accounts(REISSUE, contest, riverbend.succession(walter_2, walter_3)), walter_3) != walter.key
    after = accounts(REISSUE, contest, riverbend.succession(walter, walter_3))
    assert after.last_of(account, [*issued, walter_3.key]) == walter_3.key
    assert accounts().last_of(account, []) == walter.key


def test_an_earlier_key_of_the_account_contests_a_later_step() -> None:
    second = riverbend.succession(walter_2, mallory, region.scope)
    found = accounts(REISSUE, second, walter.contest(walter_2, mallory, region.scope))
    assert of(found, mallory) == mallory.key
    assert of(found, walter_2) == walter.key


def test_the_home_and_another_voter_settle_a_contest() -> None:
    contest = walter.contest(walter, walter_2, region.scope)
    again = riverbend.succession(walter, walter_2, region.scope, [contest])
    assert of(accounts(REISSUE, contest, again), walter_2) == walter_2.key  # the home alone does not
    assert of(accounts(REISSUE, contest, again, assent(riverbend, again)), walter_2) == walter_2.key
    assert of(accounts(REISSUE, contest, again, assent(hill, again)), walter_2) == walter_2.key  # never voted
    assert of(accounts(REISSUE, contest, again, assent(oak, again)), walter_2) == walter.key


def test_one_answer_to_a_key_answers_all_of_its_contests_but_not_anothers() -> None:
    contest = walter.contest(walter, walter_2, region.scope)
    again = riverbend.succession(walter, walter_2, region.scope, [contest])
    settled = [REISSUE, contest, again, assent(oak, again)]
    repeated = walter.contest(walter, walter_2, region.scope)
    assert repeated.id != contest.id
    assert of(accounts(*settled, repeated), walter_2) == walter.key
    other = walter_2.contest(walter, walter_2, region.scope)
    assert of(accounts(*settled, other), walter_2) == walter_2.key


def test_a_key_has_one_predecessor_the_lowest_step() -> None:
    found = accounts(REISSUE, riverbend.succession(mallory, walter_2))
    lowest = min((walter, mallory), key=lambda who: step_hash(riverbend.id, who.key, walter_2.key))
    assert of(found, walter_2) == lowest.key


def test_a_bogus_predecessor_gives_way_to_the_contest_of_the_key_it_took() -> None:
    taken = [REISSUE, riverbend.succession(mallory, walter_2, region.scope)]
    found = accounts(*taken, walter_2.contest(mallory, walter_2, region.scope))
    assert of(found, walter_2) == walter.key


def test_a_cycle_counts_for_nothing_but_what_hangs_on_it_stands() -> None:
    ring = [riverbend.succession(walter, mallory), riverbend.succession(mallory, walter)]
    found = accounts(*ring, riverbend.succession(walter, walter_2), riverbend.succession(walter_2, walter_3))
    assert [of(found, who) for who in (walter, mallory)] == [walter.key, mallory.key]
    assert of(found, walter_3) == of(found, walter_2) == walter.key


PEOPLE = [walter, walter_2, walter_3, mallory]
NAMED = st.sampled_from(PEOPLE)
SAID = st.lists(
    st.one_of(
        st.tuples(st.just("succession"), NAMED, NAMED, NAMED),
        st.tuples(st.just("contest"), NAMED, NAMED, NAMED),
    ),
    max_size=8,
)


@given(SAID, st.randoms(use_true_random=False))
def test_any_words_in_any_order_give_the_same_accounts(said: list, chance) -> None:
    records = [
        riverbend.succession(old, new, region.scope) if word == "succession" else who.contest(old, new)
        for word, old, new, who in said
    ]
    first = accounts(*records)
    chance.shuffle(records)
    assert accounts(*records, *records[:2]) == first
    for who in PEOPLE:  # each key speaks for exactly one account, which is one of its keys
        account = first.account(riverbend.id, who.key)
        assert who.key in first.keys(account)
        assert first.account(*account) == account
        assert first.current(account) in first.keys(account)


def test_hours_are_confirmed_by_the_new_key_and_never_by_the_one_who_claimed() -> None:
    claim = bea.claim(walter, bea)
    own_claim = walter.claim(walter, bea, date=20_499)
    found = accounts(REISSUE)
    confirm, own = walter_2.confirm(claim), walter_2.confirm(own_claim)
    settled = settle([claim, confirm], found.account)
    assert settled[claim.id].state == "confirmed"
    assert settled[claim.id].giver == walter.account
    assert settle([own_claim, own], found.account)[own_claim.id].state == "awaiting"
    assert settle([claim, confirm])[claim.id].state == "awaiting"


def test_hours_of_the_new_key_belong_to_the_account_once_the_two_are_one() -> None:
    claim = bea.claim(walter_2, bea)
    confirm = walter_2.confirm(claim)
    alone = settle([claim, confirm])[claim.id]
    assert (alone.state, alone.giver) == ("confirmed", walter_2.account)
    joined = settle([claim, confirm], accounts(REISSUE).account)[claim.id]
    assert (joined.state, joined.giver) == ("confirmed", walter.account)


def test_the_judge_takes_a_contest_from_a_key_alone_and_from_nobody_else() -> None:
    contest = walter.contest(walter, walter_2, region.scope)
    seen_by_oak = known(oak, riverbend, coalitions=[region])
    assert judge(contest, seen_by_oak).verdict == "in"
    forged = mallory.say(
        "contest", region.scope, contest.body, days=None, seeds=[walter.seed]
    )  # Walter's hand under Mallory's name
    assert judge(forged, seen_by_oak).code == "bad_signature"
    elsewhere = bea.contest(bea, bea, pair(oak.id, hill.id))
    assert judge(elsewhere, known(riverbend, oak)).code == "not_for_us"


def test_a_contest_with_the_homes_signature_too_is_refused() -> None:
    with pytest.raises(TheirFault, match="wrong_signatures"):
        walter.contest(walter, walter_2, seeds=[walter.seed, riverbend.seed])


def test_accounts_have_no_place_among_keys() -> None:
    body = REISSUE.body
    draft = Draft("succession", KEYS_SCOPE, riverbend.id, riverbend.id, bytes(16), NOON, None, body)
    with pytest.raises(TheirFault, match="bad_scope"):
        draft.sign([riverbend.seed])


def test_every_order_of_a_whole_quarrel_reads_the_same() -> None:
    contest = walter.contest(walter, walter_2, region.scope)
    again = riverbend.succession(walter, walter_2, region.scope, [contest])
    words = [REISSUE, contest, again, assent(oak, again), walter_2.contest(mallory, walter_2, LOCAL_SCOPE)]
    assert len({of(accounts(*order), walter_2) for order in permutations(words)}) == 1
