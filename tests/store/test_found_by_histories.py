"""What random histories found (docs/decisions/0023), each as a short story."""

from __future__ import annotations

import itertools

import pytest

from protocol.record import Record, assemble, parse, to_be_signed
from protocol.scopes import DAY_S
from protocol.signing import public_key, sign
from tests.protocol.helpers import NOON, TODAY, Coalition, Neighborhood, secret
from tests.store.helpers import House


def signed_anew(record: Record, home: Neighborhood) -> Record:
    last = sign(home.seed, to_be_signed(record.payload))
    return parse(assemble(record.payload, [*record.signatures[:-1], last]))


def test_a_thiefs_erasure_does_not_displace_the_authors() -> None:
    """Ben erased, a thief once more, the key was replaced, an old backup has the post. It stays gone."""
    riverbend, oak = Neighborhood("Riverbend"), Neighborhood("Oak Street")
    region = Coalition("The valley", riverbend, oak)
    region.agreed(region.charter, [riverbend, oak])
    ben = oak.member("Ben")
    post = ben.post(region.scope)
    by_ben = ben.erase(post)
    by_thief = next(mark for _ in range(100) if (mark := oak.erasure(post)).id < by_ben.id)
    rotation = oak.rotate()
    for order in itertools.permutations((by_ben, by_thief, rotation)):
        here = House(riverbend, oak, coalitions=[region])
        here.hear(*riverbend.key_records, oak.inception, *region.records, post, *order)
        assert here.hear(signed_anew(post, oak)) == ["erased"], "the restored copy comes too late"
        assert by_ben.id in here.held() and post.message not in here.messages()
        here.check()


def test_erased_words_are_not_kept_on_the_side() -> None:
    riverbend, oak = Neighborhood("Riverbend"), Neighborhood("Oak Street")
    region = Coalition("The valley", riverbend, oak)
    region.agreed(region.charter, [riverbend, oak])
    ben = oak.member("Ben")
    post = ben.post(region.scope, title="The words")
    mark, rotation = ben.erase(post), oak.rotate()
    here = House(riverbend, oak, coalitions=[region]).settle_in()
    assert here.hear(mark, rotation, post) == ["new", "held", "not_now"]
    assert not any(b"The words" in message for message in here.messages())


def test_a_voter_cannot_take_its_assent_back_by_a_rival_rotation() -> None:
    """Mill Lane's yes removed nobody, Oak Street's did. Then Oak Street brings up another rotation."""
    riverbend, oak, mill = (Neighborhood(name) for name in ("Riverbend", "Oak Street", "Mill Lane"))
    low, high = sorted((oak.rotation(seed=bytes([n]) * 32) for n in (1, 2)), key=lambda record: record.id)
    oak.seed = bytes([1 if high.body["node_key"] == public_key(bytes([1]) * 32) else 2]) * 32
    region = Coalition("The valley", riverbend, oak, mill)
    first = region.agreed(region.charter, [riverbend, oak, mill], keys={oak.id: oak.id})
    region.agreed(first, [riverbend, oak], out=[mill], by=[riverbend, oak], keys={oak.id: oak.id})
    heard = [*riverbend.key_records, oak.inception, *mill.key_records, *region.records]
    houses = []
    for order in ([*heard, high, low], [high, low, *heard], [*heard, low, high], [low, *heard, high]):
        here = House(riverbend, oak, mill, coalitions=[region])
        here.hear(*order, *order)
        houses.append(here)
        assert here.records.known.rosters[region.id].members == {riverbend.id, oak.id}
        here.check()
    assert all(here.sets() == houses[0].sets() for here in houses)


def test_a_home_that_left_comes_back_with_its_members_erasures() -> None:
    riverbend, oak = Neighborhood("Riverbend"), Neighborhood("Oak Street")
    region = Coalition("The valley", riverbend, oak)
    tip = region.agreed(region.charter, [riverbend, oak])
    ben = oak.member("Ben")
    post = ben.post(region.scope)
    mark = ben.erase(post)
    oak.rotate()
    here = House(riverbend, oak, coalitions=[region]).settle_in()
    here.hear(mark)
    here.hear(region.leave(oak, tip))
    assert mark.id in here.aside()
    again = region.epoch(riverbend, tip, [riverbend, oak])
    here.hear(again, region.assent(riverbend, again))
    assert mark.id in here.held() and here.hear(signed_anew(post, oak)) == ["erased"]


@pytest.mark.parametrize("ahead", [0, 3_660])
def test_rosters_hang_on_nobodys_clock(ahead: int) -> None:
    """Whoever's clock runs ten years ahead lets the same assent in as everybody else."""
    riverbend, oak = Neighborhood("Riverbend"), Neighborhood("Oak Street")
    region = Coalition("The valley", riverbend, oak)
    epoch = region.epoch(riverbend, region.charter, [riverbend, oak])
    region.assent(riverbend, epoch, created=NOON + 3_650 * DAY_S)
    here = House(riverbend, oak, coalitions=[region])
    here.day += ahead
    here.records.known_changed()
    here.settle_in()
    assert here.records.known.rosters[region.id].voters == {riverbend.id, oak.id}


def test_what_is_over_or_lies_ahead_takes_nobodys_place() -> None:
    """One node has deleted what is over, one has not; one clock ran ahead for a while. They hold the same."""
    riverbend, oak = Neighborhood("Riverbend"), Neighborhood("Oak Street")
    region = Coalition("The valley", riverbend, oak, member_things=2)
    region.agreed(region.charter, [riverbend, oak])
    ben = oak.member("Ben")
    over = [ben.post(region.scope, expires=TODAY + 1) for _ in range(2)]
    later = [ben.post(region.scope, created=NOON + 40 * DAY_S) for _ in range(2)]
    running = [ben.post(region.scope) for _ in range(2)]
    tidy, slow, hasty = (House(riverbend, oak, coalitions=[region]).settle_in() for _ in range(3))
    for here in (tidy, slow):
        here.hear(*over)
        here.day = TODAY + 1
    tidy.day = TODAY + 3
    tidy.records.expire()
    tidy.day = TODAY + 1
    hasty.day = TODAY + 40
    hasty.hear(*later)
    hasty.day = TODAY + 1
    for here in (tidy, slow, hasty):
        assert here.hear(*running) == ["new", "new"]
    hasty.day = TODAY + 40
    hasty.hear(*later)
    hasty.records.expire()
    kept = hasty.connection.execute("SELECT count(*) FROM records WHERE kind = 'post'").fetchone()[0]
    assert kept == 2, "when their day has come they count, and the quota holds"


def test_a_leave_by_the_sheet_counts_in_any_order() -> None:
    riverbend, oak = Neighborhood("Riverbend"), Neighborhood("Oak Street")
    region = Coalition("The valley", riverbend, oak)
    rotation = oak.rotate()
    tip = region.agreed(region.charter, [riverbend, oak])
    sheet = secret("sheet", oak.sheets[0])
    body = {"epoch": tip.id, "signers": [public_key(sheet)]}
    leave = oak.say("leave", region.scope, body, days=None, seeds=[sheet])
    rest = [*riverbend.key_records, oak.inception, *region.records]
    for order in ([*rest, leave, rotation], [*rest, rotation, leave]):
        here = House(riverbend, oak, coalitions=[region])
        here.hear(*order)
        assert here.records.known.rosters[region.id].members == {riverbend.id}


def test_words_do_not_come_back_when_their_mark_was_over_the_quota() -> None:
    """Ben erased a post; lower things took its place; they are over. A backup brings the post once more."""
    riverbend, oak = Neighborhood("Riverbend"), Neighborhood("Oak Street")
    region = Coalition("The valley", riverbend, oak, member_things=1)
    region.agreed(region.charter, [riverbend, oak])
    ben = oak.member("Ben")
    short = min((ben.post(region.scope, expires=TODAY + 1) for _ in range(9)), key=_thing)
    post = max((ben.post(region.scope, title="The words") for _ in range(9)), key=_thing)
    mark = ben.erase(post)
    for order in ([post, mark, short], [short, mark], [mark, post, short]):
        here = House(riverbend, oak, coalitions=[region]).settle_in()
        here.hear(*order)
        assert here.hear(post) == ["not_now"] and mark.id in here.aside()
        here.day = TODAY + 1
        assert here.hear(post) == ["erased"] and mark.id in here.held()
        assert not any(b"The words" in message for message in here.messages())
        here.check()


def _thing(record: Record) -> bytes:
    return record.thing


def test_a_flood_in_our_name_does_not_cost_us_our_own_words() -> None:
    """A thief of the node key fills Oak Street's quota. When that is over, Ben's post is there again."""
    riverbend, oak = Neighborhood("Riverbend"), Neighborhood("Oak Street")
    region = Coalition("The valley", riverbend, oak, member_things=1)
    region.agreed(region.charter, [riverbend, oak])
    post = max((oak.member("Ben").post(region.scope) for _ in range(9)), key=_thing)
    flood = min((oak.member("Nobody").post(region.scope, expires=TODAY + 1) for _ in range(9)), key=_thing)
    here = House(oak, riverbend, coalitions=[region]).settle_in()
    assert here.hear(post, flood) == ["new", "new"] and post.id in here.aside()
    here.day = TODAY + 1
    here.records.expire()
    assert post.id in here.held()
    here.check()


def test_a_step_that_is_voided_in_the_same_batch_leaves_no_trace() -> None:
    """A false step, a post while it counts and the contest come in together: the post is Ben's."""
    riverbend, oak = Neighborhood("Riverbend"), Neighborhood("Oak Street")
    region = Coalition("The valley", riverbend, oak)
    region.agreed(region.charter, [riverbend, oak])
    ben, ana = oak.member("Ben"), oak.member("Ana")
    batch = [
        oak.succession(ana, ben, region.scope),
        ben.post(region.scope),
        ben.contest(ana, ben, region.scope),
    ]
    here = House(riverbend, oak, coalitions=[region]).settle_in()
    with here.records.transaction():
        here.hear(*batch)
    assert here.connection.execute("SELECT author FROM view_posts").fetchall() == [(ben.key,)]
    here.check()


def test_a_profile_leaves_an_account_with_the_key_that_said_it() -> None:
    """Ana has said nothing of herself. A false step shows Ben's words as hers, until Ben contests it."""
    oak = Neighborhood("Oak Street")
    ben, ana = oak.member("Ben"), oak.member("Ana")
    here = House(oak)
    here.hear(oak.inception, ben.say("profile", (0,), {"name": "Ben"}), oak.succession(ana, ben))
    here.hear(ben.contest(ana, ben))
    assert here.connection.execute("SELECT author FROM view_profiles").fetchall() == [(ben.key,)]
    here.check()


def test_an_edit_that_waits_for_room_is_not_undone_by_an_earlier_version() -> None:
    """Oak Street is over its quota. When there is room again, a stranger brings what was edited since."""
    riverbend, oak = Neighborhood("Riverbend"), Neighborhood("Oak Street")
    region = Coalition("The valley", riverbend, oak, member_things=1)
    region.agreed(region.charter, [riverbend, oak])
    ben = oak.member("Ben")
    short, long = ben.post(region.scope, days=1), ben.post(region.scope, days=80)
    while long.thing < short.thing:
        long = ben.post(region.scope, days=80)
    later = ben.post(region.scope, created=NOON + 2 * DAY_S, expires=TODAY + 6)
    while long.thing < later.thing:
        later = ben.post(region.scope, created=NOON + 2 * DAY_S, expires=TODAY + 6)
    edited = ben.again(long, long.body)
    here = House(oak, riverbend, coalitions=[region]).settle_in()
    assert here.hear(long, edited, short) == ["new"] * 3
    assert here.records.version(long.thing) is None and edited.id in here.aside(), "it waits for room"
    here.day += 2
    assert here.hear(long) == ["superseded"] and edited.id in here.held(), "the later word comes back first"
    assert here.hear(later) == ["new"] and edited.id in here.aside(), (
        "it has to wait once more, and is not lost"
    )
    here.day += 10
    here.records.expire()
    assert here.held() >= {edited.id} and long.id not in here.held()
    here.check()


def test_what_was_signed_anew_on_a_clock_that_was_behind_comes_in_once_the_day_is_known() -> None:
    """Its day had not come by that clock. Nothing need be deleted for it to be looked at again."""
    riverbend = Neighborhood("Riverbend")
    post = riverbend.member("Ana").post()
    here = House(riverbend).settle_in()
    here.day = TODAY - 165
    with here.records.transaction():
        assert here.hear(post) == ["not_now"]
        here.records._wait_aside(post.with_home_key(riverbend.key))
    here.records.let_in()
    assert post.id in here.aside()
    here.day = TODAY
    here.records.let_in()
    assert post.id in here.held() and not here.aside()
    here.check()
