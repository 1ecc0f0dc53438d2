"""Neighborhoods come and go, node keys are stolen and replaced: what leaves its set, and what comes back."""

from __future__ import annotations

import pytest

import node.store.aside
from node.store import neighbors
from protocol.record import Record, assemble, parse, to_be_signed
from protocol.scopes import pair
from protocol.signing import sign
from tests.protocol.helpers import Coalition, Neighborhood, secret
from tests.store.helpers import House


class Valley:
    """Riverbend's and Oak Street's stores; Harbor Hill is a third member whose things come and go."""

    def __init__(self) -> None:
        self.riverbend, self.oak = Neighborhood("Riverbend"), Neighborhood("Oak Street")
        self.harbor = Neighborhood("Harbor Hill")
        self.region = Coalition("The valley", self.riverbend, self.oak, self.harbor)
        self.voters = [self.riverbend, self.oak, self.harbor]
        self.first = self.region.agreed(self.region.charter, self.voters)
        self.ana, self.ben = self.riverbend.member("Ana"), self.oak.member("Ben")
        self.hana = self.harbor.member("Hana")
        self.house = House(self.riverbend, self.oak, self.harbor, coalitions=[self.region]).settle_in()

    def members(self) -> frozenset[bytes]:
        return self.house.records.known.rosters[self.region.id].members

    def remove_harbor(self) -> Record:
        two = [self.riverbend, self.oak]
        epoch = self.region.agreed(self.first, two, out=[self.harbor], by=two)
        self.house.hear(*self.region.records[-3:])
        return epoch

    def tell_all(self, order: int = 1) -> None:
        for home in self.voters:
            self.house.hear(*home.key_records)
        self.house.hear(*self.region.records[::order])


@pytest.fixture
def valley() -> Valley:
    return Valley()


def test_a_removed_members_things_leave_and_come_back(valley: Valley) -> None:
    shared, hours = valley.hana.post(valley.region.scope), valley.hana.claim(valley.hana, valley.ana)
    valley.house.hear(shared, hours, valley.ana.confirm(hours))
    out = valley.remove_harbor()
    assert valley.harbor.id not in valley.members()
    assert shared.id in valley.house.aside() and valley.house.views()["view_posts"] == []
    assert hours.id in valley.house.held(), "hours stand"
    assert valley.house.hear(shared) == ["not_now"]
    valley.house.check()
    valley.region.sponsor(valley.riverbend, valley.harbor, out)
    valley.house.hear(valley.region.records[-1])
    assert shared.id in valley.house.held() and len(valley.house.views()["view_posts"]) == 1
    valley.house.check()


def test_what_came_too_early_enters_when_the_roster_does(valley: Valley) -> None:
    shared = valley.hana.post(valley.region.scope)
    promise = valley.hana.commit(valley.ana.post(valley.region.scope))
    for order in (1, -1):
        house = House(valley.riverbend, valley.oak, valley.harbor, coalitions=[valley.region])
        assert house.hear(shared, promise) == ["not_now"] * 2
        valley.house = house
        valley.tell_all(order)
        assert {shared.id, promise.id} <= house.held(), order
        house.check()


def test_the_roster_arrives_in_any_order(valley: Valley) -> None:
    valley.remove_harbor()
    wanted = (valley.house.sets(), valley.members())
    house = House(valley.riverbend, valley.oak, valley.harbor, coalitions=[valley.region])
    valley.house = house
    valley.tell_all(-1)
    assert (house.sets(), valley.members()) == wanted
    house.check()


def test_a_late_sponsor_lets_in_what_waited(valley: Valley) -> None:
    mill = Neighborhood("Mill Lane")
    mia = mill.member("Mia")
    shared = mia.post(valley.region.scope)
    assert valley.house.hear(shared, mill.inception) == ["not_now"] * 2
    valley.region.sponsor(valley.riverbend, mill, valley.first)
    valley.house.hear(valley.region.records[-1])
    assert not valley.house.records.holds(shared.id), "it takes two sponsors"
    valley.region.sponsor(valley.oak, mill, valley.first)
    valley.house.hear(valley.region.records[-1])
    assert valley.house.records.holds(shared.id) and valley.house.records.holds(mill.id)
    valley.house.check()


def test_a_final_epoch_is_final_for_whoever_holds_its_successor(valley: Valley) -> None:
    mill, docks = Neighborhood("Mill Lane"), Neighborhood("Old Docks")
    tips = [
        valley.region.agreed(valley.first, [*valley.voters, new], by=valley.voters) for new in (mill, docks)
    ]
    low, high = sorted(tips, key=lambda record: record.id)
    lows = [r for r in valley.region.records if r.id == low.id or r.body.get("epoch") == low.id]
    highs = [r for r in valley.region.records if r.id == high.id or r.body.get("epoch") == high.id]
    valley.house.hear(*highs)
    assert valley.house.records.known.rosters[valley.region.id].in_force == high.id
    valley.house.hear(*lows)
    assert valley.house.records.known.rosters[valley.region.id].in_force == low.id, "between tips the lowest"

    settled = House(valley.riverbend, valley.oak, valley.harbor, coalitions=[valley.region])
    settled.settle_in()
    settled = House(valley.riverbend, valley.oak, valley.harbor, coalitions=[valley.region])
    valley.house = settled
    following = valley.region.agreed(high, valley.voters, out=[mill, docks], by=valley.voters)
    after = [r for r in valley.region.records if r.id == following.id or r.body.get("epoch") == following.id]
    base = [r for r in valley.region.records if r not in lows + highs + after]
    for home in (*valley.voters, mill, docks):
        settled.hear(*home.key_records)
    settled.hear(*base, *highs, *after)
    low_end = valley.region.agreed(low, valley.voters, out=[mill, docks], by=valley.voters)
    settled.hear(*lows, low_end, *valley.region.records[-3:])
    roster = settled.records.known.rosters[valley.region.id]
    assert roster.in_force == following.id and roster.forks == (low.id,)


def test_an_invitation_holds_against_a_lower_tip(valley: Valley) -> None:
    mill, docks = Neighborhood("Mill Lane"), Neighborhood("Old Docks")
    tips = [
        valley.region.agreed(valley.first, [*valley.voters, new], by=valley.voters) for new in (mill, docks)
    ]
    high = max(tips, key=lambda record: record.id)
    house = House(valley.riverbend, valley.oak, valley.harbor)
    neighbors.set_coalition(
        house.connection, valley.region.id, "joined", name="", agreement="", anchor=high.id
    )
    house.coalitions = [valley.region]
    house.records.known_changed()
    for _ in range(2):
        house.settle_in()
        house.records.known_changed()
        assert house.records.known.rosters[valley.region.id].in_force == high.id
    house.check()


# ---- a stolen node


def signed_anew(record: Record, home: Neighborhood) -> Record:
    return parse(
        assemble(record.payload, [*record.signatures[:-1], sign(home.seed, to_be_signed(record.payload))])
    )


def test_a_key_change_sets_old_copies_aside_until_signed_anew(valley: Valley) -> None:
    shared, word = valley.hana.post(valley.region.scope), valley.hana.claim(valley.hana, valley.ana)
    valley.house.hear(shared, word, valley.ana.confirm(word))
    valley.house.hear(valley.harbor.rotate())
    assert {shared.id, word.id} == valley.house.aside()
    assert valley.house.views()["view_posts"] == [] == valley.house.views()["view_claims"]
    valley.house.check()
    anew = [signed_anew(shared, valley.harbor), signed_anew(word, valley.harbor)]
    assert [record.id for record in anew] == [shared.id, word.id]
    assert valley.house.hear(*anew) == ["new"] * 2 and valley.house.aside() == set()
    assert valley.house.views()["view_claims"][0][-3] == "confirmed"
    assert valley.house.hear(shared) == ["held"]
    valley.house.check()


def test_what_was_erased_before_a_key_change_stays_erased(valley: Valley) -> None:
    posts = [valley.hana.post(valley.region.scope) for _ in range(2)]
    mark, homes_mark = valley.hana.erase(posts[0]), valley.harbor.erasure(posts[1])
    valley.house.hear(mark, homes_mark, valley.harbor.rotate())
    assert mark.id in valley.house.held(), "Hana's own word stays under any key"
    assert valley.house.aside() == {homes_mark.id}, "a stolen node could say it of everything"
    anew = [signed_anew(post, valley.harbor) for post in posts]
    assert [valley.house.records.add(post.message).outcome for post in anew] == ["erased", "new"]
    valley.house.check()


def test_copies_that_come_after_the_key_change_are_kept_aside_too(valley: Valley) -> None:
    shared, erased = valley.hana.post(valley.region.scope), valley.hana.post(valley.region.scope)
    mark, homes_mark = valley.hana.erase(erased), valley.harbor.erasure(shared)
    elsewhere = valley.hana.say("commitment", pair(valley.harbor.id, valley.oak.id), {})
    valley.house.hear(valley.harbor.rotate())
    assert valley.house.hear(shared, shared, homes_mark) == ["not_now"] * 3
    assert valley.house.hear(mark) == ["new"], "Hana's own word to erase stays under any key"
    assert valley.house.hear(elsewhere) == ["not_now"]
    assert valley.house.aside() == {shared.id, homes_mark.id}, "and not what is none of our business"
    valley.house.check()


def test_what_lies_aside_is_bounded(valley: Valley, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(node.store.aside, "ASIDE_MAX", 5)
    flood = [valley.hana.post(valley.region.scope) for _ in range(9)]
    valley.house.hear(valley.harbor.rotate())
    valley.house.hear(*flood)
    assert valley.house.aside() == {record.id for record in flood[:5]}


def test_a_thief_cannot_rotate_nor_flood_key_records(valley: Valley) -> None:
    stolen = [valley.harbor.rotation(signers=[valley.harbor.seed]) for _ in range(3)]
    stray = valley.harbor.rotation(signers=[secret("any")])
    assert valley.house.hear(*stolen, stray) == ["never"] * 4
    assert valley.house.records.known.chains[valley.harbor.id].current == valley.harbor.key


def test_a_rotation_waits_for_its_predecessor(valley: Valley) -> None:
    first, second = valley.harbor.rotate(), valley.harbor.rotate()
    assert valley.house.hear(second) == ["not_now"]
    valley.house.hear(first)
    assert valley.house.records.known.chains[valley.harbor.id].head == second.id
    valley.house.check()


def test_the_listed_rotation_wins_and_what_it_signed_comes_back(valley: Valley) -> None:
    seeds = [secret("Harbor Hill", name) for name in ("one", "other")]
    rivals = [(valley.harbor.rotation(seed=seed), seed) for seed in seeds]
    (low, low_seed), (high, high_seed) = sorted(rivals, key=lambda entry: entry[0].id)
    by_low = valley.hana.post(valley.region.scope, seed=low_seed)
    by_high = valley.hana.post(valley.region.scope, seed=high_seed)
    words = valley.hana.say("commitment", pair(valley.harbor.id, valley.riverbend.id), {}, seed=high_seed)
    valley.house.hear(low, high, by_low, by_high, words)
    assert by_low.id in valley.house.held() and by_high.id not in valley.house.held()
    epoch = valley.region.epoch(valley.oak, valley.first, valley.voters, keys={valley.harbor.id: high.id})
    for home in (valley.riverbend, valley.oak):
        valley.region.assent(home, epoch)
    valley.house.hear(*valley.region.records[-3:])
    assert valley.house.records.known.chains[valley.harbor.id].head == high.id
    assert by_high.id in valley.house.held() and by_low.id in valley.house.aside()
    assert words.id in valley.house.held(), "in a pair as well"
    valley.house.check()


def test_returning_things_pass_the_door_again(valley: Valley) -> None:
    post = valley.hana.post(valley.region.scope)
    edit = valley.hana.again(post, post.body | {"title": "edited"})
    valley.house.hear(post)
    out = valley.remove_harbor()
    back = valley.region.sponsor(valley.riverbend, valley.harbor, out)
    valley.house.hear(back, edit)
    assert valley.house.records.version(post.thing) == edit and post.id not in valley.house.aside()
    valley.house.check()


def test_only_charters_of_coalitions_we_follow(valley: Valley) -> None:
    others = Coalition("The coast", valley.harbor)
    own = Coalition("Our own", valley.riverbend)
    assert valley.house.hear(others.charter, own.charter) == ["not_now", "new"]
