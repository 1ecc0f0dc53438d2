"""Ana of Riverbend gave Ben of Oak Street an afternoon. Both write it down; nothing else is a ledger."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from protocol.errors import TheirFault
from protocol.kinds.hours import CORRECTIONS_MAX, Claim, Hours, session_id, settle, sound_claim
from protocol.record import Record
from protocol.scopes import LOCAL_SCOPE, pair
from tests.protocol.helpers import TODAY, Member, Neighborhood

riverbend, oak = Neighborhood("Riverbend"), Neighborhood("Oak Street")
harbor = Neighborhood("Harbor Hill")
ana, ben = riverbend.member("Ana"), oak.member("Ben")
cem, hana = riverbend.member("Cem"), harbor.member("Hana")


def states(*records: Record) -> list[str]:
    """The states of the claims among `records`, in their order, with "" for what is no claim at all."""
    settled = settle(records)
    return [settled[r.id].state if r.id in settled else "" for r in records if r.kind == "hours"]


def balances(settled: dict[bytes, Claim]) -> dict[tuple[bytes, bytes], int]:
    sums: dict[tuple[bytes, bytes], int] = {}
    for claim in settled.values():
        if claim.counts:
            sums[claim.giver] = sums.get(claim.giver, 0) + claim.hours.minutes
            sums[claim.receiver] = sums.get(claim.receiver, 0) - claim.hours.minutes
    return sums


def test_a_claim_waits_for_the_other_side() -> None:
    claim = ana.claim(ana, ben)
    assert states(claim) == ["awaiting"]
    assert states(claim, ben.confirm(claim)) == ["confirmed"]
    assert states(ben.confirm(claim), claim) == ["confirmed"], "the word may come first"
    assert balances(settle([claim, ben.confirm(claim)])) == {ana.account: 60, ben.account: -60}


def test_the_receiver_may_write_it_down_too() -> None:
    claim = ben.claim(ana, ben)
    assert states(claim, ben.confirm(claim)) == ["awaiting"]
    assert states(claim, ana.confirm(claim)) == ["confirmed"]


def test_nobody_confirms_their_own_claim() -> None:
    claim = ana.claim(ana, ben)
    behalf = ana.confirm(claim, on_behalf_of=(ben.key, b"c" * 32))
    assert states(claim, ana.confirm(claim), behalf) == ["awaiting"]


def test_third_persons_and_other_scopes_do_not_count() -> None:
    claim = ana.claim(ana, ben)
    here = ben.confirm(claim, scope=LOCAL_SCOPE)
    elsewhere = ben.confirm(claim, scope=pair(oak.id, harbor.id))
    assert states(claim, cem.confirm(claim), here, elsewhere) == ["awaiting"]
    local = ana.claim(ana, cem)
    assert states(local, cem.confirm(local)) == ["confirmed"] and local.scope == LOCAL_SCOPE


def test_a_confirmation_cites_the_exact_claim() -> None:
    sixty, ninety = ana.claim(ana, ben), ana.claim(ana, ben, 90)
    assert states(sixty, ninety, ben.confirm(ninety)) == ["awaiting", "confirmed"]


def test_two_claims_that_cross_confirm_each_other() -> None:
    mine, hers = ana.claim(ana, ben), ben.claim(ana, ben)
    low, high = sorted((mine, hers), key=lambda record: record.id)
    assert states(low, high) == ["confirmed", "replaced"]
    assert balances(settle([mine, hers])) == {ana.account: 60, ben.account: -60}, "counted once"
    assert states(ana.claim(ana, ben), ana.claim(ana, ben)) == ["awaiting", "awaiting"], "one side twice"


@pytest.mark.parametrize(
    "other",
    [
        ben.claim(ana, ben, 61),
        ben.claim(ben, ana),
        ben.claim(ana, ben, date=TODAY - 1),
        ben.claim(ana, ben, ordinal=1),
    ],
)
def test_claims_that_differ_do_not_confirm_each_other(other: Record) -> None:
    assert states(ana.claim(ana, ben), other) == ["awaiting", "awaiting"]


def test_one_claim_counts_per_session() -> None:
    claims = [ana.claim(ana, ben, minutes) for minutes in (30, 60, 90)]
    words = [ben.confirm(claim) for claim in claims]
    settled = settle([*claims, *words])
    counted = [claim.id for claim in settled.values() if claim.counts]
    assert counted == [min(claim.id for claim in claims)]
    assert sorted(claim.state for claim in settled.values()) == ["confirmed", "replaced", "replaced"]
    another = ana.claim(ana, ben, 30, ordinal=1)
    both = settle([*claims, *words, another, ben.confirm(another)])
    assert sum(claim.counts for claim in both.values()) == 2, "another exchange that day is another session"


def test_a_session_is_named_the_same_by_both() -> None:
    scope = pair(riverbend.id, oak.id)
    named = session_id(scope, ana.account, ben.account, TODAY, 0)
    assert named == session_id(scope, ben.account, ana.account, TODAY, 0)
    others = {
        session_id(LOCAL_SCOPE, ana.account, ben.account, TODAY, 0),
        session_id(scope, cem.account, ben.account, TODAY, 0),
        session_id(scope, ana.account, ben.account, TODAY + 1, 0),
        session_id(scope, ana.account, ben.account, TODAY, 1),
    }
    assert len(others | {named}) == 5


@pytest.mark.parametrize(
    ("name", "claim"),
    [
        ("a session that is not its own", ana.claim(ana, ben, session=b"s" * 32)),
        ("the session of another day", ana.claim(ana, ben, session=session_id(
            pair(riverbend.id, oak.id), ana.account, ben.account, TODAY + 1, 0))),
        ("a claim about other people", ana.claim(cem, ben)),
        ("hours with oneself", ana.claim(ana, ana)),
        ("a pair of neighborhoods kept in one", ana.claim(ana, ben, scope=LOCAL_SCOPE)),
        ("two of one neighborhood in a pair", ana.claim(ana, cem, scope=pair(riverbend.id, oak.id))),
        ("a third neighborhood", ana.claim(ana, hana, scope=pair(riverbend.id, oak.id))),
        ("minutes below nothing", ana.say("hours", LOCAL_SCOPE, {"minutes": -1}, days=None)),
    ],
)  # fmt: skip
def test_unsound_claims_are_no_claims(name: str, claim: Record) -> None:
    assert states(claim, ben.confirm(claim), cem.confirm(claim)) == [""], name
    hours = Hours.read(claim)
    assert hours is None or not sound_claim(claim, hours)


def test_a_dispute_is_for_unconfirmed_claims() -> None:
    claim = ana.claim(ana, ben)
    assert states(claim, ben.dispute(claim)) == ["disputed"]
    assert states(claim, ana.dispute(claim), cem.dispute(claim)) == ["awaiting"]
    assert states(claim, ben.dispute(claim), ben.confirm(claim)) == ["confirmed"], "in either order"
    crossing = ben.claim(ana, ben)
    assert sorted(states(claim, crossing, ben.dispute(claim))) == ["confirmed", "replaced"]


# ---- corrections


def test_a_correction_counts_once_the_other_confirms_it() -> None:
    claim = ana.claim(ana, ben)
    confirmed = [claim, ben.confirm(claim)]
    correction = ben.claim(ana, ben, 45, corrects=claim)
    assert states(*confirmed, correction) == ["confirmed", "awaiting"]
    assert states(*confirmed, correction, ben.confirm(correction)) == ["confirmed", "awaiting"]
    agreed = [*confirmed, correction, ana.confirm(correction)]
    assert states(*agreed) == ["corrected", "confirmed"]
    assert balances(settle(agreed)) == {ana.account: 45, ben.account: -45}


def test_to_nothing_if_need_be() -> None:
    claim = ana.claim(ana, ben)
    nothing = ana.claim(ana, ben, 0, corrects=claim)
    records = [claim, ben.confirm(claim), nothing, ben.confirm(nothing)]
    assert balances(settle(records)) == {ana.account: 0, ben.account: 0}


def test_the_deepest_correction_counts() -> None:
    records = [ana.claim(ana, ben, 1)]
    for minutes in range(2, 8):
        records.append((ana, ben)[minutes % 2].claim(ana, ben, minutes, corrects=records[-1]))
    words = [(ben if r.author == ana.key else ana).confirm(r) for r in records]
    assert states(*records, *words) == ["corrected"] * 6 + ["confirmed"]
    # one link of the chain is not confirmed: what stands on it is unknown, what lies below counts
    assert states(*records, *words[:3], *words[4:]) == [
        "corrected", "corrected", "confirmed", "awaiting", "unknown", "unknown", "unknown"
    ]  # fmt: skip


def test_of_two_corrections_the_lower_counts() -> None:
    claim = ana.claim(ana, ben)
    two = [ana.claim(ana, ben, minutes, corrects=claim) for minutes in (30, 45)]
    records = [claim, *two, *(ben.confirm(record) for record in (claim, *two))]
    low, high = sorted(two, key=lambda record: record.id)
    settled = settle(records)
    assert [settled[r.id].state for r in (claim, low, high)] == ["corrected", "confirmed", "replaced"]


def test_a_correction_keeps_scope_session_and_accounts() -> None:
    claim = ana.claim(ana, ben)
    base = [claim, ben.confirm(claim)]
    other_day = ana.claim(ana, ben, 5, corrects=claim, date=TODAY - 1)
    assert states(*base, other_day, ben.confirm(other_day)) == ["confirmed", "unknown"]
    other_person = cem.claim(cem, ben, 5, corrects=claim)
    assert states(*base, other_person, ben.confirm(other_person)) == ["confirmed", "unknown"]
    unheld = ana.claim(ana, ben, 5, corrects=ana.claim(ana, ben, 7))
    assert states(*base, unheld, ben.confirm(unheld)) == ["confirmed", "unknown"]
    the_other_way = ana.claim(ben, ana, 60, corrects=claim)
    assert states(*base, the_other_way, ben.confirm(the_other_way)) == ["corrected", "confirmed"]


def test_corrections_have_a_bound() -> None:
    records = [ana.claim(ana, ben, 1)]
    for step in range(CORRECTIONS_MAX + 2):
        records.append(ana.claim(ana, ben, step, corrects=records[-1]))
    found = states(*records, *(ben.confirm(record) for record in records))
    assert found[CORRECTIONS_MAX - 1] == "confirmed" and set(found[CORRECTIONS_MAX:]) == {"unknown"}


def test_ledger_kinds_know_neither_edits_nor_erasure() -> None:
    claim = ana.claim(ana, ben)
    with pytest.raises(TheirFault) as caught:
        ana.again(claim, claim.body | {"minutes": 1})
    assert caught.value.code == "bad_edit"
    with pytest.raises(TheirFault):
        ana.erase(claim)
    with pytest.raises(TheirFault) as caught:
        riverbend.erasure(claim, days=None)
    assert caught.value.code == "bad_lifetime"


def test_a_claim_carries_no_words() -> None:
    body = ana.claim(ana, ben).body
    assert [key for key, value in body.items() if type(value) is str] == ["category"]
    assert Hours.of(body | {"minutes": 1441}) is None and Hours.of(body | {"ordinal": 21}) is None


# ---- any order, any duplication


people: list[Member] = [ana, ben, cem, hana]


def a_history(draw: Any) -> list[Record]:
    records: list[Record] = []
    for _ in range(draw(st.integers(1, 10))):
        claims = [record for record in records if record.kind == "hours"]
        what = draw(st.sampled_from(["claim", "claim", "correct", "confirm", "confirm", "dispute"]))
        one, two = draw(st.permutations(people))[:2]
        if what == "claim" or not claims:
            by = draw(st.sampled_from([one, two]))
            records.append(
                by.claim(one, two, draw(st.sampled_from([30, 60])), ordinal=draw(st.integers(0, 1)))
            )
            continue
        about = draw(st.sampled_from(claims))
        if what == "correct":
            sides = {person.account: person for person in people}
            hours = Hours.read(about)
            assert hours is not None
            giver, receiver = sides[tuple(hours.giver)], sides[tuple(hours.receiver)]  # type: ignore[index]
            by = draw(st.sampled_from([giver, receiver]))
            records.append(by.claim(giver, receiver, 15, corrects=about, ordinal=hours.ordinal))
        else:
            by = draw(st.sampled_from(people))
            if by.home.id in about.scope[1:] or by.home.id == about.home:
                records.append(by.confirm(about) if what == "confirm" else by.dispute(about))
    return records


@settings(max_examples=100)
@given(st.data())
def test_any_order_and_any_duplication_give_the_same_states(data: st.DataObject) -> None:
    records = a_history(data.draw)
    settled = settle(records)
    again = data.draw(st.lists(st.sampled_from(records), max_size=5))
    assert settle(data.draw(st.permutations(records + again))) == settled
    assert sum(balances(settled).values()) == 0
    counted = [claim.hours.session for claim in settled.values() if claim.counts]
    assert len(counted) == len(set(counted)), "one claim counts per session"
    for session in {claim.hours.session for claim in settled.values()}:
        alone = [r for r in records if r.kind != "hours" or r.body["session"] == session]
        assert {id_: c for id_, c in settled.items() if c.hours.session == session} == settle(alone)
