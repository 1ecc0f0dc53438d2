"""The one door of Riverbend's store: what is taken in, what is not, and that it is all or nothing."""

from __future__ import annotations

import sqlite3
from pathlib import Path
from typing import Any

import pytest

import node.store.records
from node.store.records import PENDING_MAX, REFUSED_MAX
from node.views import promises
from protocol.errors import WorldFault
from protocol.judge import Judgement, judge
from protocol.record import Record, assemble, parse, to_be_signed
from protocol.scopes import DAY_S
from protocol.signing import sign
from tests.protocol.helpers import NOON, Coalition, Neighborhood, secret
from tests.store.helpers import House


class Valley:
    """Riverbend and Oak Street in a coalition, with their stores."""

    def __init__(self, path: Path | None = None) -> None:
        self.riverbend, self.oak = Neighborhood("Riverbend"), Neighborhood("Oak Street")
        self.harbor = Neighborhood("Harbor Hill")
        self.region = Coalition("The valley", self.riverbend, self.oak)
        self.region.agreed(self.region.charter, [self.riverbend, self.oak])
        self.ana, self.cem = self.riverbend.member("Ana"), self.riverbend.member("Cem")
        self.ben, self.hana = self.oak.member("Ben"), self.harbor.member("Hana")
        self.house = House(self.riverbend, self.oak, coalitions=[self.region], path=path).settle_in()

    def said(self, record: Record) -> tuple[str, str]:
        added = self.house.records.add(record.message)
        return added.outcome, added.code


@pytest.fixture
def valley() -> Valley:
    return Valley()


def test_new_then_held(valley: Valley) -> None:
    post = valley.ben.post(valley.region.scope)
    added = valley.house.records.add(post.message)
    assert (added.outcome, added.record) == ("new", post)
    assert valley.said(post) == ("held", "")
    assert valley.house.records.get(post.id) == post and valley.house.records.message(post.id) == post.message
    assert valley.house.records.version(post.thing) == post and valley.house.records.holds(post.id)
    assert valley.house.records.of_home(valley.oak.id, "post") == [post]
    valley.house.check()


def test_never_is_remembered_by_the_whole_message(valley: Valley, monkeypatch: pytest.MonkeyPatch) -> None:
    post = valley.ben.post(valley.region.scope)
    forged = parse(
        assemble(post.payload, [sign(secret("stranger"), to_be_signed(post.payload)), post.signatures[1]])
    )
    assert forged.id == post.id
    assert valley.said(forged) == ("never", "bad_signature")
    with monkeypatch.context() as blind:
        blind.setattr(node.store.records, "judge", lambda *arguments: pytest.fail("judged twice"))
        assert valley.said(forged) == ("never", "bad_signature")
    assert valley.said(post) == ("new", ""), "a forger cannot keep the true one out"
    assert valley.house.records.add(b"noise").code == "not_a_record"
    for number in range(REFUSED_MAX + 5):
        valley.house.records.add(b"noise %d" % number)
    assert len(valley.house.records._refused) == REFUSED_MAX


def test_one_flipped_byte(valley: Valley) -> None:
    post = valley.ben.post(valley.region.scope)
    before = valley.house.held()
    for at in range(0, len(post.message), 7):
        flipped = bytearray(post.message)
        flipped[at] ^= 1
        assert valley.house.records.add(bytes(flipped)).outcome in ("never", "not_now")
    assert valley.house.held() == before and valley.said(post) == ("new", "")


def test_not_now_is_tried_again(valley: Valley) -> None:
    early = valley.ana.post(created=NOON + 2 * DAY_S)
    assert valley.said(early) == ("not_now", "not_yet")
    valley.house.day += 1
    assert valley.said(early) == ("new", "")
    assert valley.said(valley.hana.post(valley.region.scope)) == ("not_now", "unknown_home")
    assert valley.said(valley.ben.post()) == ("not_now", "not_for_us")
    old = valley.ana.post(created=NOON - 10 * DAY_S, days=3)
    assert valley.said(old) == ("not_now", "expired")


def test_what_waits_is_bounded(valley: Valley) -> None:
    first = valley.hana.post(valley.region.scope, title="first")
    valley.said(first)
    rest = [valley.hana.post(valley.region.scope) for _ in range(PENDING_MAX)]
    valley.house.hear(*rest)
    assert len(valley.house.records._pending) == PENDING_MAX
    valley.region.sponsor(valley.riverbend, valley.harbor, valley.region.records[1])
    valley.house.settle_in()
    assert not valley.house.records.holds(first.id), "the oldest left first"
    assert all(valley.house.records.holds(record.id) for record in rest[-5:])


def test_what_waits_is_judged_again_only_where_something_moved_for_it(
    valley: Valley, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Or a member, by one roster act after another, would have a thousand records judged each time."""
    waiting = [valley.hana.post(valley.region.scope, title=f"post {number}") for number in range(50)]
    assert set(valley.house.hear(*waiting)) == {"not_now"}
    judged: list[bytes] = []

    def counted(record: Record, *more: Any) -> Judgement:
        judged.append(record.id)
        return judge(record, *more)

    monkeypatch.setattr(node.store.records, "judge", counted)
    epoch = valley.region.epoch(valley.oak, valley.region.records[1], [valley.oak, valley.riverbend])
    assert valley.house.hear(epoch, valley.region.assent(valley.oak, epoch)) == ["new", "new"]
    assert judged == [epoch.id, valley.region.records[-1].id], "nothing moved for Harbor Hill"
    valley.region.sponsor(valley.riverbend, valley.harbor, valley.region.records[1])
    valley.house.settle_in()
    assert all(valley.house.records.holds(record.id) for record in waiting)


# ---- all or nothing


def test_a_failure_in_a_view_takes_the_record_back(valley: Valley, monkeypatch: pytest.MonkeyPatch) -> None:
    post = valley.ben.post(valley.region.scope)
    promise = valley.ana.commit(post)
    valley.house.hear(post)
    before = (valley.house.held(), valley.house.views(), valley.house.sets())
    heard: list[Record] = []
    valley.house.records.on_new = heard.extend
    with monkeypatch.context() as broken:

        def fail(*arguments: object) -> None:
            raise sqlite3.IntegrityError("a view that cannot be written")

        broken.setattr(promises, "write", fail)
        with pytest.raises(sqlite3.IntegrityError):
            valley.house.records.add(promise.message)
    assert (valley.house.held(), valley.house.views(), valley.house.sets()) == before and heard == []
    assert not valley.house.connection.in_transaction
    valley.house.check()
    assert valley.said(promise) == ("new", "") and heard == [promise]


def test_an_act_of_several_records_is_one_transaction(valley: Valley) -> None:
    posts = [valley.ana.post(title=f"post {number}") for number in range(3)]
    heard: list[list[Record]] = []
    valley.house.records.on_new = heard.append
    with pytest.raises(RuntimeError), valley.house.records.transaction():
        valley.house.hear(*posts)
        assert valley.house.records.holds(posts[0].id)
        raise RuntimeError("the power goes")
    assert not valley.house.held() & {post.id for post in posts} and heard == []
    valley.house.check()
    with valley.house.records.transaction():
        assert valley.house.hear(*posts) == ["new"] * 3 and heard == []
    assert heard == [posts], "told once, after the commit"


def test_a_roster_that_is_taken_back_is_forgotten(valley: Valley) -> None:
    told: list[bool] = []
    valley.house.records.on_known = lambda: told.append(True)
    sponsor = valley.region.sponsor(valley.riverbend, valley.harbor, valley.region.records[1])
    with pytest.raises(RuntimeError), valley.house.records.transaction():
        valley.house.hear(sponsor)
        assert valley.harbor.id in valley.house.records.known.rosters[valley.region.id].members
        raise RuntimeError("the power goes")
    assert valley.harbor.id not in valley.house.records.known.rosters[valley.region.id].members and told == []
    valley.house.hear(sponsor)
    assert told == [True]
    valley.house.check()


def test_what_waits_survives_a_failure(valley: Valley) -> None:
    post = valley.hana.post(valley.region.scope)
    valley.said(post)
    sponsor = valley.region.sponsor(valley.riverbend, valley.harbor, valley.region.records[1])
    with pytest.raises(RuntimeError), valley.house.records.transaction():
        valley.house.hear(sponsor, *valley.harbor.key_records)
        raise RuntimeError("the power goes")
    valley.house.hear(sponsor, *valley.harbor.key_records)
    assert valley.house.records.holds(post.id)


def test_a_full_disk_loses_nothing(tmp_path: Path) -> None:
    valley = Valley(tmp_path / "barnraise.db")
    valley.house.hear(valley.ana.post())
    before = valley.house.held()
    pages = valley.house.connection.execute("PRAGMA page_count").fetchone()[0]
    valley.house.connection.execute(f"PRAGMA max_page_count = {pages}")
    taken, full = set(), None
    for number in range(300):
        post = valley.ana.post(text="x" * 1900, title=f"post {number}")
        try:
            valley.house.hear(post)
            taken.add(post.id)
        except WorldFault as fault:
            full = post
            assert fault.code == "disk_full"
            break
    assert full is not None and valley.house.held() == before | taken
    assert not valley.house.connection.in_transaction
    valley.house.connection.execute("PRAGMA max_page_count = 1000000")
    valley.house.check()
    assert valley.house.hear(full) == ["new"]


def test_it_is_still_there_after_a_restart(tmp_path: Path) -> None:
    valley = Valley(tmp_path / "barnraise.db")
    post = valley.ben.post(valley.region.scope)
    valley.house.hear(post, valley.ana.commit(post))
    before = (valley.house.held(), valley.house.views(), valley.house.sets())
    valley.house.connection.close()
    again = House(valley.riverbend, valley.oak, coalitions=[valley.region], path=tmp_path / "barnraise.db")
    assert (again.held(), again.views(), again.sets()) == before
    again.check()


# ---- what cannot be read


def test_unknown_kinds_and_unreadable_bodies_are_kept_and_counted(valley: Valley) -> None:
    scope = valley.region.scope
    strange = [
        valley.ben.say("potluck", scope, {"dish": "soup"}),
        valley.ben.say("post", scope, {"type": "wish"}),
        valley.oak.say("standing", scope, {"post": "not bytes"}),
        valley.oak.say("node", scope, {}, days=300),
        valley.oak.say("epoch", scope, {"voters": 7}, days=None),
        valley.oak.say("parcel", scope, {"sealed": 5}),
    ]
    assert valley.house.hear(*strange) == ["new"] * len(strange)
    sets = valley.house.sets()
    for record in strange:
        name = "roster" if record.kind == "epoch" else "coalition"
        assert record.id in sets[(name, valley.region.id)]  # type: ignore[index]
    assert valley.house.views()["view_posts"] == [] == valley.house.views()["view_cards"]
    here = [
        valley.ana.say("commitment", (0,), {"post": 1}),
        valley.ana.say("answer", (0,), {}),
        valley.ana.say("hours", (0,), {}, days=None),
        valley.ana.say("confirm", (0,), {"claim": b"short"}, days=None),
        valley.ana.say("profile", (0,), {"name": 5}),
    ]
    assert valley.house.hear(*here) == ["new"] * len(here)
    valley.house.check()
