"""Erasing, among neighborhoods of which some are cut off: the mark arrives, and the page says where."""

from __future__ import annotations

import sqlite3

import pytest

from node.actions import applied, erasure, leaving, posts, promises
from node.actions.applied import Erased
from protocol.errors import OurFault
from protocol.kinds.nodes import NodeCard
from protocol.scopes import DAY_S
from tests.sim.invariants import always, settled
from tests.sim.test_stories import balance, chain, share_hours
from tests.sim.test_trouble import region
from tests.sim.world import Place, World

WORD = "Zanzibarzipan"
NEWS_S = 700.0  # a card is renewed at most ten minutes after an erasure was heard of


def let_news_come(world: World) -> None:
    """Time in which everybody renews a card that has news; the nodes look up less often meanwhile."""
    world.tick_max_s = 15.0
    world.run(NEWS_S)
    world.tick_max_s = 1.0


def files(place: Place) -> bytes:
    """The database as it would lie on the card, in lower case."""
    return place.node.connection.serialize().lower()


def holds_words(place: Place) -> bool:
    return WORD.lower().encode() in files(place)


def told(place: Place, thing: bytes) -> Erased:
    return applied.erased(place.node, place.coordinator, thing)


def erase(place: Place, thing: bytes) -> None:
    erasure.erase_post(place.node, place.coordinator, thing)


@pytest.mark.slow
def test_one_of_twelve_is_cut_off_for_months() -> None:
    world, places, _ = region("erasure", 11)
    one, *others = places
    away = others[-1]
    thing = one.post(WORD, text=f"{WORD} at the mill", days=90, contact=WORD)
    world.until(lambda: all(WORD in place.board() for place in places), 10, "all have it")
    world.run(5)
    assert all(holds_words(place) for place in places)
    away.stop()
    last_heard = one.node.now()
    world.run(5)
    erase(one, thing)
    world.until(lambda: all(WORD not in place.board() for place in places[:-1]), 5, "gone from every board")
    assert (told(one, thing).applied, len(told(one, thing).places)) == (1, 12), "nobody has said so yet"
    let_news_come(world)
    assert told(one, thing).applied == 11
    (waiting,) = told(one, thing).waiting
    assert (waiting.name, waiting.state) == (away.name.title(), "waiting")
    assert last_heard - 700 <= waiting.since <= last_heard
    assert not any(holds_words(place) for place in places[:-1]), "not in a corner of the file"
    always(world)

    for place in places[:-1]:
        place.stop()
    world.pass_over(60 * DAY_S)
    for place in places[:-1]:
        place.start()
    let_news_come(world)
    assert [place.name for place in told(one, thing).waiting] == [away.name.title()]
    assert told(one, thing).applied == 11, "what was once shown is remembered"

    away.start()
    world.until(lambda: WORD not in away.board(), 30, "the mark arrives")
    let_news_come(world)
    assert not any(holds_words(place) for place in places), "and nobody brings the words back"
    assert told(one, thing).applied == 12 and not told(one, thing).waiting
    settled(world)


def test_a_card_says_what_is_erased_and_is_renewed_once_for_many() -> None:
    world, (one, two, *_), coalition = region("cards", 2)
    let_news_come(world)

    def card(place: Place) -> NodeCard:
        records = place.node.records.of_home(two.home, "node")
        found = [NodeCard.read(record) for record in records if record.scope == (2, coalition)]
        assert len(records) == 1 and len(records[0].message) < 2_000
        return found[0]

    before = card(one)
    things = [one.post(f"{WORD} {number}") for number in range(40)]
    world.run(5)
    for thing in things:
        erase(one, thing)
    edits = []
    two.node.on_new.append(
        lambda records: edits.extend(r for r in records if r.kind == "node" and r.home == two.home)
    )
    let_news_come(world)
    assert len(edits) == 1, "one renewal"
    assert card(one).erasures != before.erasures
    assert all(told(one, thing).applied == 3 for thing in things)
    for _ in range(3):
        let_news_come(world)
    assert len(edits) == 1, "and none without news"


def test_an_erasure_in_the_same_bucket_does_not_undo_what_was_known() -> None:
    world, (one, _, three), _ = region("buckets", 2)
    things = [one.post(f"{WORD} {number}") for number in range(66)]
    world.run(5)
    by_bucket: dict[int, list[bytes]] = {}
    for thing in things:
        by_bucket.setdefault(thing[0] >> 3, []).append(thing)
    first, second = next(found for found in by_bucket.values() if len(found) > 1)[:2]
    erase(one, first)
    let_news_come(world)
    assert told(one, first).applied == 3
    three.stop()
    erase(one, second)
    assert told(one, second).applied == 1 and told(one, first).applied == 3
    let_news_come(world)
    assert (told(one, first).applied, told(one, second).applied) == (3, 2)
    one.restart()
    assert told(one, first).applied == 3, "also after a start"
    three.start()
    let_news_come(world)
    assert told(one, second).applied == 3


def test_a_restored_old_backup_meets_the_mark() -> None:
    world, (one, two, three), _ = region("restored", 2)
    thing = one.post(WORD)
    world.until(lambda: WORD in two.board() and WORD in three.board(), 5, "all have it")
    backups = [sqlite3.connect(":memory:", isolation_level=None) for _ in range(2)]
    for place, copy in zip((one, two), backups, strict=True):
        place.node.connection.backup(copy)
    erase(one, thing)
    let_news_come(world)
    assert told(one, thing).applied == 3
    for place, copy in zip((two, one), reversed(backups), strict=True):
        place.stop()
        copy.backup(place.node.connection)
        place.restart()
        assert WORD in place.board(), "the backup holds the words"
        world.until(lambda who=place: WORD not in who.board(), 60, "until the first neighbor is heard")
        let_news_come(world)
        assert not any(holds_words(who) for who in world.all)
        assert told(one, thing).applied == 3
    settled(world)


def test_erased_on_both_sides_of_a_cut() -> None:
    world, (one, two, three), _ = region("both", 2)
    thing = one.post(WORD)
    other = two.post(f"{WORD} too")
    world.until(lambda: len(three.board()) == 2, 5, "all have both")
    world.partition([one], [two, three])
    erase(one, thing)
    erase(two, other)
    world.run(60)
    assert WORD in three.board() and f"{WORD} too" in one.board()
    always(world)
    world.heal()
    world.until(lambda: not any(place.board() for place in world.all), 320, "gone everywhere")
    let_news_come(world)
    assert told(one, thing).applied == told(two, other).applied == 3
    with pytest.raises(OurFault, match="not_found"):
        told(three, b"?" * 32)
    assert told(three, thing).places == [], "how far it has come is shown at home"
    settled(world)


def test_who_is_out_of_the_coalition_may_still_hold_it() -> None:
    world, (one, _, three), coalition = region("out", 2)
    thing = one.post(WORD)
    world.run(5)
    assert WORD in three.board()
    three.stop()
    world.run(5)
    world.remove(one, coalition, three, [one])
    erase(one, thing)
    let_news_come(world)
    seen = told(one, thing)
    assert (seen.applied, len(seen.places), seen.former) == (2, 2, [three.name.title()])
    later = one.post("Later")
    erase(one, later)
    let_news_come(world)
    assert told(one, later).former == [], "it never had this one"


def test_a_promise_between_two_and_its_words() -> None:
    world, riverbend, _, harbor, _ = chain("promise")
    soup = riverbend.post("Soup for two")
    world.until(lambda: "Soup for two" in harbor.board(), 5, "the need crosses oak")
    promise = harbor.offer_help(soup, note=f"{WORD} from me")
    world.until(lambda: riverbend.inbox().to_answer, 10, "it arrives")
    promises.agree(riverbend.node, riverbend.coordinator, promise, note=f"ring at {WORD}")
    world.until(lambda: harbor.inbox().arranged[0].state == "agreed", 10, "it is arranged")
    erase(riverbend, soup)
    world.until(
        lambda: [p.state for p in harbor.inbox().past] == ["erased"], 30, "the helper sees that it is off"
    )
    promises.erase_note(harbor.node, harbor.coordinator, promise)
    let_news_come(world)
    assert not any(holds_words(place) for place in world.all)
    (reply,) = [
        item for item in applied.listed(riverbend.node, riverbend.coordinator) if item.kind == "answer"
    ]
    assert (reply.where, reply.applied, len(reply.places)) == ("pair", 2, 2)
    settled(world)


def test_a_helper_leaves_with_hours_on_the_books() -> None:
    world = World("leaving")
    riverbend, oak = world.places("riverbend", "oak")
    world.coalition(riverbend, oak)
    lena = oak.member(f"Lena {WORD}")
    offer = oak.post(f"{WORD} lessons", by=lena, type="offer", contact=WORD)
    one, two = riverbend.post("Soup for one"), riverbend.post("Soup for two")
    world.until(lambda: len(oak.board()) == 3, 5, "all see all")
    done, going = (oak.offer_help(thing, lena, note=WORD) for thing in (one, two))
    world.until(lambda: len(riverbend.inbox().to_answer) == 2, 5, "both arrive")
    for promise in (done, going):
        promises.agree(riverbend.node, riverbend.coordinator, promise)
    promises.done(riverbend.node, riverbend.coordinator, done)
    world.until(lambda: len(oak.inbox(lena).arranged) == 1, 5, "one is done, one is going")
    share_hours_of(world, oak, riverbend, lena, done)

    leaving.erase_everything(oak.node, lena.account_key, lena.seed)
    world.until(lambda: f"{WORD} lessons" not in riverbend.board(), 5, "the offer is gone")
    world.until(lambda: riverbend.state(two) == "open", 5, "the place is free again")
    assert riverbend.state(one) == "fulfilled", "what was done stays done"
    states = {promise.id: promise.state for promise in riverbend.inbox().past}
    assert states == {done: "done", going: "released"}
    assert {promise.helper_name for promise in riverbend.inbox().past} == {""}
    let_news_come(world)
    assert not any(holds_words(place) for place in world.all)
    assert balance(riverbend) == -75
    with pytest.raises(OurFault, match="not_found"):
        posts.post(riverbend.node, riverbend.coordinator, offer)
    always(world)  # the books sum to zero
    settled(world)


def share_hours_of(world: World, helper: Place, poster: Place, who: object, promise: bytes) -> None:
    kept, helper.coordinator = helper.coordinator, who  # type: ignore[assignment]
    try:
        share_hours(world, helper, poster, promise)
    finally:
        helper.coordinator = kept
