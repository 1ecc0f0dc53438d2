"""Riverbend, Oak Street and Harbor Hill decide who belongs to the valley."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from protocol.kinds import roster as roster_kinds
from protocol.kinds.roster import build_roster, homes_named, sound_epoch
from protocol.record import Record
from tests.protocol.helpers import Coalition, Neighborhood, names_of, secret

NAMES = ("Riverbend", "Oak Street", "Harbor Hill", "Mill Lane", "Old Docks")


class Valley(Coalition):
    """A coalition founded by Riverbend, with its neighbors at hand."""

    def __init__(self) -> None:
        self.all = [Neighborhood(name) for name in NAMES]
        self.riverbend, self.oak, self.harbor, self.mill, self.docks = self.all
        super().__init__("The valley", *self.all)

    def members(self, **more: Any) -> tuple[set[str], set[str]]:
        """Names of (voters, guests)."""
        roster = self.roster(**more)
        return names_of(roster.voters, *self.all), names_of(roster.guests, *self.all)

    def three(self) -> Record:
        """An epoch in which Riverbend, Oak Street and Harbor Hill vote."""
        return self.agreed(self.charter, [self.riverbend, self.oak, self.harbor])


@pytest.fixture
def valley() -> Valley:
    return Valley()


def test_the_founder_is_the_first_voter(valley: Valley) -> None:
    roster = valley.roster()
    assert valley.members() == ({"Riverbend"}, set())
    assert roster.in_force == roster.final == valley.id == valley.charter.id
    assert roster.founder == valley.riverbend.id and roster.charter.name == "The valley"
    chains = {home.id: home.chain() for home in valley.all}
    assert build_roster(valley.id, [], chains) is None
    assert build_roster(b"?" * 32, valley.records, chains) is None


def test_a_chain_is_followed_so_far_and_no_further(valley: Valley, monkeypatch: pytest.MonkeyPatch) -> None:
    """docs/protocol.md says at how many; 5,000 of them would take the test too long."""
    monkeypatch.setattr(roster_kinds, "EPOCHS_MAX", 4)
    epochs = [valley.charter]
    for _ in range(5):
        epochs.append(valley.agreed(epochs[-1], [valley.riverbend]))
    assert list(valley.roster().chain) == [epoch.id for epoch in epochs[:4]], "the charter among them"
    assert valley.roster().in_force == epochs[3].id


def test_an_epoch_takes_more_than_half(valley: Valley) -> None:
    first = valley.three()
    assert valley.members() == ({"Riverbend", "Oak Street", "Harbor Hill"}, set())
    grown = valley.epoch(valley.oak, first, [valley.riverbend, valley.oak, valley.harbor, valley.mill])
    valley.assent(valley.oak, grown)
    valley.assent(valley.mill, grown)  # no voter yet: counts for nothing
    assert "Mill Lane" not in valley.members()[0]
    assert [(p.id, names_of(p.assents, *valley.all)) for p in valley.roster().proposals] == [
        (grown.id, {"Oak Street"})
    ]
    valley.assent(valley.harbor, grown)
    assert "Mill Lane" in valley.members()[0] and valley.roster().proposals == ()
    assert valley.roster().chain == (valley.id, first.id, grown.id) and valley.roster().final == first.id


def test_half_is_not_enough(valley: Valley) -> None:
    two = valley.agreed(valley.charter, [valley.riverbend, valley.oak])
    split = valley.epoch(valley.riverbend, two, [valley.riverbend], out=[valley.oak])
    valley.assent(valley.riverbend, split)
    valley.assent(valley.riverbend, split)
    assert valley.members() == ({"Riverbend", "Oak Street"}, set()), "saying it twice is saying it once"


def test_the_lowest_id_decides_between_tips(valley: Valley) -> None:
    first = valley.three()
    voters = [valley.riverbend, valley.oak, valley.harbor]
    one = valley.agreed(first, [*voters, valley.mill], by=[valley.riverbend, valley.oak])
    other = valley.agreed(
        first, [*voters, valley.docks], by=[valley.oak, valley.harbor]
    )  # Oak Street signs twice
    roster = valley.roster()
    assert roster.in_force == min(one.id, other.id) and roster.forks == (max(one.id, other.id),)
    assert {valley.mill.id, valley.docks.id} <= roster.ever, "whoever any valid branch names may speak of it"


def test_an_epoch_with_a_successor_is_final(valley: Valley) -> None:
    first = valley.three()
    voters = [valley.riverbend, valley.oak, valley.harbor]
    tips = [
        valley.agreed(first, [*voters, guest], by=[valley.riverbend, valley.oak])
        for guest in (valley.mill, valley.docks)
    ]
    high = max(tips, key=lambda record: record.id)
    following = valley.agreed(high, [*voters], out=[valley.mill, valley.docks], by=voters)
    roster = valley.roster()
    assert roster.in_force == following.id and roster.final == high.id
    assert roster.forks == (min(tips, key=lambda record: record.id).id,), "shown, and changes nothing"


def test_an_anchor_holds_against_a_lower_branch_that_grew_too(valley: Valley) -> None:
    first = valley.three()
    voters = [valley.riverbend, valley.oak, valley.harbor]
    tips = [
        valley.agreed(first, [*voters, guest], by=[valley.riverbend, valley.oak])
        for guest in (valley.mill, valley.docks)
    ]
    low, high = sorted(tips, key=lambda record: record.id)
    ends = {tip.id: valley.agreed(tip, voters, by=voters) for tip in tips}
    assert valley.roster().in_force == ends[low.id].id
    assert valley.roster(anchor=high).in_force == ends[high.id].id
    assert valley.roster(anchor=first).in_force == ends[low.id].id


def test_a_newcomer_follows_no_branch_without_its_anchor(valley: Valley) -> None:
    first = valley.three()
    second = valley.agreed(first, [valley.riverbend, valley.oak], by=[valley.riverbend, valley.oak])
    missing = [record for record in valley.records if record.id != second.id]
    assert valley.roster(missing, anchor=second).chain == (valley.id, first.id)[:1]
    assert valley.roster(anchor=second).in_force == second.id
    # its ancestors are held but not yet known to be agreed
    unheard = [r for r in valley.records if r.kind != "assent" or r.body["epoch"] != first.id]
    assert valley.roster(unheard, anchor=second).in_force == valley.id


def test_a_sponsor_admits_a_guest(valley: Valley) -> None:
    valley.sponsor(valley.riverbend, valley.mill, valley.charter)
    assert valley.members() == ({"Riverbend"}, {"Mill Lane"}), "one sponsor while two vote at most"
    grown = valley.agreed(valley.charter, [valley.riverbend, valley.oak, valley.harbor])
    assert valley.members()[1] == set(), "with three voters it takes two"
    valley.sponsor(valley.mill, valley.docks, grown)
    assert valley.members()[1] == set(), "a guest sponsors nobody"
    valley.sponsor(valley.oak, valley.mill, grown)
    assert valley.members()[1] == {"Mill Lane"}
    valley.sponsor(valley.oak, valley.docks, grown)
    valley.sponsor(valley.oak, valley.docks, grown)
    assert valley.members()[1] == {"Mill Lane"}, "one neighborhood twice is one"


def test_a_late_sponsor_counts_until_the_guest_is_out(valley: Valley) -> None:
    two = valley.agreed(valley.charter, [valley.riverbend, valley.oak])
    sponsor = valley.sponsor(valley.oak, valley.mill, two)
    later = valley.agreed(two, [valley.riverbend, valley.oak], by=[valley.riverbend, valley.oak])
    assert valley.members()[1] == {"Mill Lane"}, "also where it arrives after the next epoch"
    out = valley.agreed(
        later, [valley.riverbend, valley.oak], out=[valley.mill], by=[valley.riverbend, valley.oak]
    )
    assert valley.members()[1] == set() and sponsor in valley.records
    valley.sponsor(valley.oak, valley.mill, later)
    assert valley.members()[1] == set(), "a sponsor from before is spent"
    valley.sponsor(valley.oak, valley.mill, out)
    assert valley.members()[1] == {"Mill Lane"}, "a new one counts again"


def test_a_sponsor_counts_while_its_maker_votes(valley: Valley) -> None:
    two = valley.agreed(valley.charter, [valley.riverbend, valley.oak])
    valley.sponsor(valley.oak, valley.mill, two)
    valley.agreed(two, [valley.riverbend], out=[valley.oak], by=[valley.riverbend, valley.oak])
    assert valley.members() == ({"Riverbend"}, set())


def test_leaving_is_ones_own_act(valley: Valley) -> None:
    first = valley.three()
    valley.leave(valley.mill, first)
    assert valley.members()[0] == {"Riverbend", "Oak Street", "Harbor Hill"}
    valley.leave(valley.harbor, valley.charter)
    assert "Harbor Hill" in valley.members()[0], "it cites an epoch before it was let in"
    valley.leave(valley.harbor, first)
    assert valley.members() == ({"Riverbend", "Oak Street"}, set())
    # the two left are one half and another; the third, who left without a word, is not counted
    small = valley.epoch(valley.riverbend, first, [valley.riverbend, valley.oak])
    valley.assent(valley.riverbend, small)
    assert valley.roster().in_force == first.id
    valley.assent(valley.oak, small)
    assert valley.roster().in_force == small.id


def test_who_left_sponsors_nobody_and_may_be_let_in_again(valley: Valley) -> None:
    two = valley.agreed(valley.charter, [valley.riverbend, valley.oak])
    valley.sponsor(valley.oak, valley.mill, two)
    valley.leave(valley.oak, two)
    assert valley.members() == ({"Riverbend"}, set())
    back = valley.agreed(two, [valley.riverbend, valley.oak])
    assert (
        valley.members() == ({"Riverbend", "Oak Street"}, {"Mill Lane"})
        and back.id == valley.roster().in_force
    )


def test_a_guest_may_leave_too(valley: Valley) -> None:
    valley.sponsor(valley.riverbend, valley.mill, valley.charter)
    valley.leave(valley.mill, valley.charter)
    assert valley.members() == ({"Riverbend"}, set())


# ---- keys


def test_acts_count_under_any_key_from_the_listed_one_onward(valley: Valley) -> None:
    first, old = valley.three(), valley.oak.seed
    valley.oak.rotate()
    next_one = valley.epoch(valley.riverbend, first, [valley.riverbend, valley.oak, valley.harbor])
    valley.assent(valley.riverbend, next_one)
    before = list(valley.records)
    valley.assent(valley.oak, next_one, seed=old)
    assert valley.roster().in_force == next_one.id, "the epoch before lists the old key"
    valley.records = before
    valley.assent(valley.oak, next_one)
    assert valley.roster().in_force == next_one.id
    # from here on the old key, perhaps stolen, says nothing that counts
    valley.leave(valley.oak, next_one, seed=old)
    valley.sponsor(valley.riverbend, valley.mill, next_one)
    valley.sponsor(valley.oak, valley.mill, next_one, seed=old)
    assert valley.members() == ({"Riverbend", "Oak Street", "Harbor Hill"}, set())
    valley.sponsor(valley.oak, valley.mill, next_one)
    assert valley.members()[1] == {"Mill Lane"}


def test_a_key_that_nobody_knows_counts_for_nothing(valley: Valley) -> None:
    first = valley.three()
    foreign = valley.oak.rotation(seed=secret("fork"))
    astray = valley.epoch(
        valley.riverbend, first, [valley.riverbend, valley.oak], keys={valley.oak.id: foreign.id}
    )
    valley.assent(valley.riverbend, astray)
    valley.assent(valley.oak, astray)
    leave = valley.leave(valley.oak, astray)
    assert astray.id in valley.roster().chain and valley.oak.id in valley.roster().voters
    assert foreign.id in valley.roster().listed_keys and leave in valley.records


# ---- bad proposals


def test_unsound_epochs_are_no_epochs(valley: Valley) -> None:
    for body in (
        {"voters": [valley.riverbend.id] * 2},
        {"voters": [valley.riverbend.id], "guests": [valley.riverbend.id]},
        {"voters": [valley.riverbend.id], "out": [valley.riverbend.id]},
        {"voters": [valley.riverbend.id], "keys": [[valley.riverbend.id, b"k" * 32]] * 2},
        {"voters": []},
        {"voters": [b"short"]},
        {},
    ):
        record = valley.riverbend.say("epoch", valley.scope, {"previous": valley.id} | body, days=None)
        valley.records.append(record)
        valley.assent(valley.riverbend, record)
    assert valley.roster().chain == (valley.id,)
    from protocol.kinds.roster import Epoch

    assert sound_epoch(Epoch(previous=valley.id, voters=[valley.riverbend.id]))


def test_an_epoch_of_no_known_predecessor_waits(valley: Valley) -> None:
    first = valley.three()
    held = [record for record in valley.records if record.id != first.id]
    orphan = valley.epoch(valley.oak, first, [valley.oak], out=[valley.riverbend, valley.harbor])
    for home in (valley.oak, valley.harbor):
        held.append(valley.assent(home, orphan))
    assert valley.roster([*held, orphan]).chain == (valley.id,)
    assert valley.roster().in_force == orphan.id


def test_homes_named(valley: Valley) -> None:
    valley.agreed(valley.charter, [valley.riverbend, valley.oak], guests=[valley.harbor])
    valley.sponsor(valley.riverbend, valley.mill, valley.charter)
    assert names_of(homes_named(valley.records), *valley.all) == {*NAMES} - {"Old Docks"}


# ---- any order


def a_history(draw: Any) -> Valley:
    """Proposals, yeses, sponsors, leaves and rotations by anybody about anything said before."""
    valley = Valley()
    epochs = [valley.charter]
    somebody = st.sampled_from(valley.all)
    for _ in range(draw(st.integers(1, 14))):
        what = draw(
            st.sampled_from(["epoch", "epoch", "assent", "assent", "assent", "sponsor", "leave", "rotate"])
        )
        by = draw(somebody)
        if what == "epoch":
            homes = draw(st.lists(somebody, min_size=1, max_size=4, unique=True))
            cut = draw(st.integers(1, len(homes)))
            rest = [home for home in valley.all if home not in homes]
            out = draw(st.lists(st.sampled_from(rest), max_size=2, unique=True)) if rest else []
            previous = draw(st.sampled_from(epochs))
            epochs.append(valley.epoch(by, previous, homes[:cut], homes[cut:], out))
            if draw(st.booleans()):
                for home in valley.all:
                    valley.assent(home, epochs[-1])
        elif what == "assent":
            valley.assent(by, draw(st.sampled_from(epochs)))
        elif what == "sponsor":
            guest = draw(somebody)
            valley.sponsor(by, guest, draw(st.sampled_from(epochs)))
        elif what == "leave":
            valley.leave(by, draw(st.sampled_from(epochs)))
        else:
            by.rotate()
    return valley


@settings(max_examples=80)
@given(st.data())
def test_any_order_of_the_same_records_gives_the_same_roster(data: st.DataObject) -> None:
    valley = a_history(data.draw)
    anchor = data.draw(
        st.sampled_from([None, *[r for r in valley.records if r.kind in ("charter", "epoch")]])
    )
    shuffled = data.draw(st.permutations(valley.records + valley.records[:3]))
    roster = valley.roster(anchor=anchor)
    assert valley.roster(shuffled, anchor=anchor) == roster
    assert roster.members <= roster.ever and not roster.voters & roster.guests
    assert roster.chain[0] == valley.id and len(set(roster.chain)) == len(roster.chain)
    assert not set(roster.chain) & set(roster.forks)


@settings(max_examples=60)
@given(st.data())
def test_who_may_speak_only_grows_as_records_come_in(data: st.DataObject) -> None:
    """What lets a roster act in must not hang on the branch followed, else two nodes' sets stay apart."""
    valley = a_history(data.draw)
    some = data.draw(st.lists(st.sampled_from(valley.records), unique_by=lambda record: record.id))
    assert valley.roster([valley.charter, *some]).ever <= valley.roster().ever
    anchors = [None, *[r for r in valley.records if r.kind == "epoch"]]
    assert len({valley.roster(anchor=anchor).ever for anchor in anchors}) == 1
