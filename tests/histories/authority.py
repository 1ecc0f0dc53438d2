"""Properties of authority: who may change rosters, keys, things, accounts and hours, and nobody else."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from node.views import hours as hours_view
from protocol.kinds.hours import Confirm, Hours
from protocol.kinds.roster import Epoch
from protocol.record import Record
from protocol.scopes import day_of
from tests.histories.equal import records_of, shares

if TYPE_CHECKING:
    from tests.histories.history import History


def no_minority_changes_a_roster(history: History) -> None:
    """Every epoch in force was decided by more than half: by people, and those in whose name it can sign."""
    bad = history.truth.bad_signers(history.villain.home)
    for home in history.homes:
        roster = home.roster()
        bodies = {r.id: Epoch.read(r) for r in records_of(home) if r.kind == "epoch"}
        charter = Epoch(previous=roster.coalition, voters=[roster.founder])
        for previous, epoch_id in zip(roster.chain, roster.chain[1:], strict=False):
            if previous not in bodies or epoch_id in history.founding:
                continue
            before = bodies[previous] if previous != roster.coalition else charter
            yes = {*history.truth.assents.get(epoch_id, ()), *bad} & set(before.voters)
            left = (history.truth.left.get(previous, {}).keys() | bad) - yes
            assert len(yes) * 2 > len(set(before.voters) - left), f"{home} follows an epoch of a minority"
            fresh = set(bodies[epoch_id].voters) - set(before.voters)
            staying = set(before.voters) - left
            if fresh and len(staying) > 1:
                held = {
                    r.home for r in records_of(home) if r.kind == "assent" and r.body["epoch"] == epoch_id
                }
                assert len(held & set(before.voters)) > 1, f"{home}: a single key admitted a voter"


def no_node_key_rotates_itself(history: History) -> None:
    """Every key of an honest home was set with its sheet: a stolen Pi is replaced, not obeyed."""
    for home in history.homes:
        for other in history.homes:
            for step in home.node.records.known.chains[other.home].steps[1:]:
                assert step.record_id in history.truth.rotations, f"{other} was given a key by a thief"


def no_home_changes_anothers_things(history: History) -> None:
    """What stands in a member's name they signed; what stands in a home's, it or the thief of its key."""
    honest = {person.key for person in history.people()}
    owners = {home.home: home for home in history.homes}
    for home in history.homes:
        for record in records_of(home):
            if record.kind == "contest":
                continue  # it carries no home's signature, and is nothing without a key of the account
            if record.author in honest:
                assert history.truth.was_meant(record.id), f"{home} holds a forged {record.kind}"
            elif record.home in owners and not history.truth.was_meant(record.id):
                stolen = history.truth.stolen.get(record.home, {})
                assert record.home_key in stolen, (
                    f"{home} holds a {record.kind} that {record.home!r} did not sign"
                )


def a_thief_is_refused_after_the_rotation(history: History) -> None:
    """Once the new key is known nothing of the old one counts but roster acts and members' own erasures."""
    for home in history.homes:
        for record in records_of(home):
            chain = home.node.records.known.chains.get(record.home)
            roster = record.kind in (
                "charter",
                "epoch",
                "assent",
                "sponsor",
                "leave",
                "inception",
                "rotation",
            )
            if chain is None or roster or record.kind == "contest" or (record.erased and not record.by_home):
                continue
            assert record.home_key == chain.current, f"{home} lets a replaced key speak: {record.kind}"


def what_is_final_stays(history: History) -> None:
    """A valid epoch with a valid successor is never undone for whoever holds that, not even by its voters."""
    for home in history.homes:
        chain = home.roster().chain
        before = history.finals.get(home.number)
        assert before is None or before in chain, f"{home} let go of an epoch that was final"
        history.finals[home.number] = home.roster().final


def accounts_are_their_owners(history: History) -> None:
    """No step counts that takes in a key of an honest account, unless its person asked for it."""
    owners = {home.home: home for home in history.homes}
    for home in history.homes:
        for step in home.records.accounts.steps:
            owner = owners.get(step.home)
            if owner is None or not step.counts or (step.home, step.old, step.new) in history.truth.steps:
                continue
            if not shares(home, owner.home) or day_of(step.created) > owner.node.today() + 1:
                continue  # who is out does not hear of a contest, nor the owner yet of a step dated ahead
            for person in owner.people:
                own = history.truth.keys_of(person.account) & {*home.records.accounts.keys(person.account)}
                taken = {step.old, step.new} & own
                assert not taken, f"{home} lets another key speak for {person.name} of {owner}"


def nobody_changes_anothers_hours(history: History) -> None:
    """Minutes of an honest account count only if that person wrote or confirmed them."""
    honest = {person.account: person for person in history.people()}
    for home in history.homes:
        words = records_of(home)
        claims = {r.id: r for r in words if r.kind == "hours"}
        agreed: dict[bytes, set[Any]] = {}
        for record in words:
            if record.kind == "confirm" and (said := Confirm.read(record)) is not None:
                agreed.setdefault(said.claim, set()).add(history.truth.account(record))
        for (claim_id,) in home.rows("SELECT id FROM view_claims WHERE state = 'confirmed'"):
            claim = claims[claim_id]
            said = Hours.read(claim)
            assert said is not None
            for side in (tuple(said.giver), tuple(said.receiver)):
                if side in honest:
                    wrote = {history.truth.account(r) for r in claims.values() if _same_terms(r, claim)}
                    assert side in wrote | agreed.get(claim_id, set()), (
                        f"{home} counts minutes that an account never agreed to"
                    )


def _same_terms(one: Record, other: Record) -> bool:
    left, right = ({k: v for k, v in r.body.items() if k != "commitment"} for r in (one, other))
    return left == right and one.scope == other.scope


def no_session_counts_twice(history: History) -> None:
    """One afternoon is one afternoon, whoever wrote it down how often."""
    columns = "scope, giver_home, giver_key, receiver_home, receiver_key, date, id"
    for home in history.homes:
        seen = set()
        for row in home.rows(f"SELECT {columns} FROM view_claims WHERE state = 'confirmed'"):
            said = Hours.read(home.records.get(row[6]))
            what = (row[0], frozenset([row[1:3], row[3:5]]), row[5], said.ordinal)
            assert what not in seen, f"{home} counts a session twice"
            seen.add(what)


def minutes_sum_to_zero(history: History) -> None:
    """What one gave another received: there is no other source of minutes."""
    for home in history.homes:
        sides = home.rows(
            "SELECT giver_home, giver_key FROM view_claims"
            " UNION SELECT receiver_home, receiver_key FROM view_claims"
        )
        total = 0
        for side in sides:
            given, received = hours_view.balance(home.node.connection, *side)
            total += given - received
        assert total == 0, f"the books of {home} do not balance"
