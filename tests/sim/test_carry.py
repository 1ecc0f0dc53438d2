"""A stick goes from street to street where no line does."""

from __future__ import annotations

from contextlib import suppress
from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from node.actions import neighborhoods, posts, promises
from node.actions.carry import recipients, shared_with
from node.actions.erasure import erase_post
from node.store import neighbors
from protocol.bundle import PAGE_SIZE_BYTES
from protocol.errors import OurFault, TheirFault, WorldFault
from tests.protocol.bundles import opened_by
from tests.sim.invariants import always, rows, settled
from tests.sim.sticks import answer, pages_of, read, written
from tests.sim.test_recovery import replace_key
from tests.sim.test_stories import arrange
from tests.sim.test_who_gets_what import PRIVATE, secret_needs
from tests.sim.world import Place, World


def ids(place: Place, name: str, owner: bytes) -> list[tuple[int, bytes]]:
    return list(place.node.records.index((name, owner)))  # type: ignore[arg-type]


def same(one: Place, other: Place, coalition: bytes) -> bool:
    """Whether the two hold the same, of the coalition and of what is between them."""
    shared = [(name, coalition) for name in ("roster", "coalition")]
    alike = all(ids(one, name, owner) == ids(other, name, owner) for name, owner in shared)
    return alike and ids(one, "pair", other.home) == ids(other, "pair", one.home)


def valley(seed: str, *names: str) -> tuple[World, list[Place], bytes]:
    """A coalition of these neighborhoods, everybody's card everywhere."""
    world = World(seed)
    places = world.places(*names)
    coalition = world.coalition(*places)
    world.until(
        lambda: all(len(rows(p, "SELECT home FROM view_cards")) == len(places) for p in places),
        60,
        "everybody has everybody's card",
    )
    return world, places, coalition


def flood(world: World, *groups: list[Place]) -> None:
    """No line between the groups any more."""
    world.partition(*groups)
    world.run(90)


def test_walters_street_after_the_flood() -> None:
    """The news goes to Oak Street on a stick, and the answer comes back on it."""
    world, (riverbend, oak), coalition = valley("flood", "riverbend", "oak")
    flood(world, [riverbend], [oak])
    ride = riverbend.post("Ride to the clinic")
    world.run(30)
    assert "Ride to the clinic" not in oak.board()
    there = read(oak, written(riverbend, oak))
    assert (there.sender, there.whole, there.unreadable, there.waiting) == (riverbend.home, True, 0, 0)
    assert there.new >= 1 and there.sender_name == "Riverbend"
    assert "Ride to the clinic" in oak.board()
    promise = oak.offer_help(ride, note="At nine, at your door")
    back = read(riverbend, written(oak, riverbend))
    assert back.new >= 1 and back.whole
    assert promise in [entry.id for entry in riverbend.inbox().to_answer]
    promises.agree(riverbend.node, riverbend.coordinator, promise)
    read(oak, written(riverbend, oak))
    assert [entry.state for entry in oak.inbox().arranged] == ["agreed"]
    assert same(riverbend, oak, coalition)
    always(world)


def test_two_halves_of_a_region_with_a_stick_between_them() -> None:
    """Three trips, and everybody on either side holds the same; nobody can tell what came by which way."""
    world, places, coalition = valley("halves", "riverbend", "oak", "harbor", "quarry")
    riverbend, oak, harbor, quarry = places
    flood(world, [riverbend, oak], [harbor, quarry])
    for place in places:
        place.post(f"From {place.name}")
    for day in range(2):
        world.run(600)
        carried = written(oak, harbor, quarry)
        riverbend.post(f"Day {day} in Riverbend")
        assert read(harbor, carried).whole
        world.run(600)
        brought = written(harbor, oak, riverbend)
        quarry.post(f"Day {day} in the quarry")
        assert read(oak, brought).whole
    world.run(600)
    read(harbor, written(oak, harbor))
    read(oak, written(harbor, oak))
    read(harbor, written(oak, harbor))
    world.run(120)
    for place in places[1:]:
        assert ids(place, "coalition", coalition) == ids(riverbend, "coalition", coalition)
        assert ids(place, "roster", coalition) == ids(riverbend, "roster", coalition)
    always(world)
    world.heal()
    settled(world)


def test_a_digest_and_its_answer_take_two_trips_and_carry_the_difference_alone() -> None:
    world, (riverbend, oak), coalition = valley("digest", "riverbend", "oak")
    for number in range(90):
        riverbend.post(f"Before {number}", text="long " * 390)
    world.until(lambda: len(ids(oak, "coalition", coalition)) >= 92, 60, "both hold what was before")
    flood(world, [riverbend], [oak])
    soup = riverbend.post("Soup")
    ladder = oak.post("Ladder", type="offer", what="lend")
    promise = oak.offer_help(riverbend_post(oak, "Before 3"))
    digest = written(oak, riverbend, held=True)
    assert len(pages_of(digest)) <= 4
    delta = answer(riverbend, digest)
    assert len(pages_of(delta)) <= 5 < len(pages_of(written(riverbend, oak)))
    outcome = read(oak, delta)
    assert outcome.whole and outcome.tells_held and outcome.held <= 2, "only what was lacking came"
    assert oak.node.records.version(soup) is not None
    # The answer says what Riverbend holds, so the next file carries what it lacks: the third trip suffices.
    third = answer(oak, delta)
    read(riverbend, third)
    assert riverbend.node.records.version(ladder) is not None
    assert promise in [entry.id for entry in riverbend.inbox().to_answer]
    assert same(riverbend, oak, coalition)
    again = read(oak, answer(riverbend, third))
    assert again.new == 0 and again.whole


def riverbend_post(place: Place, title: str) -> bytes:
    page = posts.board(place.node, place.coordinator, posts.BoardQuery(limit=100))
    return next(item.id for item in page.items if item.title == title)


def test_a_third_neighborhood_that_is_no_recipient_cannot_open_it() -> None:
    """Harbor is in the coalition and carries the stick: it sees a size. So does whoever finds it."""
    world, (riverbend, oak, harbor), _ = valley("carrier", "riverbend", "oak", "harbor")
    ride = riverbend.post("Ride to the clinic")
    world.until(lambda: "Ride to the clinic" in oak.board(), 10, "the need is there")
    arrange(world, oak, riverbend, ride)
    flood(world, [riverbend], [oak], [harbor])
    stick = written(riverbend, oak)
    with pytest.raises(OurFault) as refused:
        read(harbor, stick)
    assert refused.value.code == "not_our_bundle"
    for place in world.all:
        for word in (place.name, place.name.title(), place.home, place.home.hex(), "Ride", "clinic"):
            assert (word if isinstance(word, bytes) else word.encode()) not in stick
    assert len(stick) % PAGE_SIZE_BYTES == len(written(riverbend, harbor)) % PAGE_SIZE_BYTES


def test_what_is_between_two_is_for_the_two_even_in_a_file_for_several() -> None:
    world, (riverbend, oak, harbor), _ = valley("pairs", "riverbend", "oak", "harbor")
    ride = riverbend.post("Ride to the clinic")
    world.until(lambda: {"Ride to the clinic"} <= set(oak.board()) & set(harbor.board()), 10, "known")
    flood(world, [riverbend], [oak], [harbor])
    oak.offer_help(ride, note="Only you two")
    stick = written(oak, riverbend, harbor)
    before = len(rows(harbor, "SELECT id FROM records"))
    assert read(harbor, stick).unreadable == 0
    assert rows(harbor, "SELECT id FROM records WHERE kind = 'commitment'") == []
    assert len(rows(harbor, "SELECT id FROM records")) >= before
    read(riverbend, stick)
    assert [entry.note for entry in riverbend.inbox().to_answer] == ["Only you two"]


def test_private_words_are_in_no_file() -> None:
    """Neither in its bytes nor in what any recipient can open of it."""
    _, (riverbend, oak), _ = valley("private", "riverbend", "oak")
    secret_needs(riverbend)
    stick = written(riverbend, oak)
    opened = opened_by(stick, [row[:2] for row in neighbors.prekeys(oak.node.connection)])
    assert b"Insulin ride" in opened, "what is shared is there"
    for word in PRIVATE:
        assert word.encode() not in stick and word.encode() not in opened


def test_any_order_any_number_of_times_and_an_old_one_harms_nobody() -> None:
    world, (riverbend, oak), coalition = valley("replay", "riverbend", "oak")
    flood(world, [riverbend], [oak])
    soup = riverbend.post("Soup")
    first = written(riverbend, oak)
    draft = replace(posts.draft_of(riverbend.node, riverbend.coordinator, soup), title="Soup for three")
    posts.edit(riverbend.node, riverbend.coordinator, soup, draft)
    second = written(riverbend, oak)
    posts.withdraw(riverbend.node, riverbend.coordinator, soup)
    third = written(riverbend, oak)
    read(oak, third)
    for file in (first, second, third, first):
        outcome = read(oak, file)
        assert outcome.new == 0 and outcome.whole
    assert same(riverbend, oak, coalition)
    always(world)


def test_what_is_torn_is_taken_in_as_far_as_it_is_whole() -> None:
    world, (riverbend, oak), coalition = valley("torn", "riverbend", "oak")
    flood(world, [riverbend], [oak])
    for number in range(100):
        riverbend.post(f"Need {number}", text="Yes " * 450)
    stick = written(riverbend, oak)
    assert len(pages_of(stick)) > 6
    size = len(stick) % PAGE_SIZE_BYTES
    with pytest.raises(WorldFault) as nothing:
        read(oak, stick[: size + 200])
    assert nothing.value.code == "damaged_bundle"
    part = read(oak, stick[: size + 4 * PAGE_SIZE_BYTES + 77])
    assert part.new > 20 and not part.whole
    hole = bytearray(stick)
    hole[size + 5 * PAGE_SIZE_BYTES + 100] ^= 1
    rest = read(oak, bytes(hole))
    assert rest.new > 5 and not rest.whole, "what stands behind the hole is taken in too"
    with pytest.raises(WorldFault) as spoilt:
        read(oak, stick[:50] + b"x" + stick[51:])
    assert spoilt.value.code == "damaged_bundle"
    assert read(oak, stick).whole and same(riverbend, oak, coalition)


def test_a_file_by_the_thief_of_an_old_key_is_refused() -> None:
    """Who signs with a replaced key writes no file that counts."""
    world, (riverbend, oak), _ = valley("thief", "riverbend", "oak")
    thief = world.steal(riverbend)
    flood(world, [riverbend, oak], [thief])
    replace_key(riverbend, *riverbend.sheets)
    world.run(30)
    with pytest.raises(TheirFault) as refused:
        read(oak, written(thief, oak))
    assert refused.value.code == "bad_bundle"
    assert read(oak, written(riverbend, oak)).whole


def test_carried_promises_wait_for_delivery_no_longer() -> None:
    world, (riverbend, oak), _ = valley("waits", "riverbend", "oak")
    ride = riverbend.post("Ride")
    world.until(lambda: "Ride" in oak.board(), 10, "known")
    flood(world, [riverbend], [oak])
    oak.offer_help(ride)
    world.run(30)
    assert oak.links is not None and riverbend.home in oak.links.parcels.schedule.due
    read(riverbend, written(oak, riverbend))
    read(oak, written(riverbend, oak))
    assert riverbend.home not in oak.links.parcels.schedule.due


def test_whom_one_can_carry_to() -> None:
    world = World("whom")
    riverbend, oak = world.places("riverbend", "oak")
    with pytest.raises(OurFault) as nobody:
        recipients(riverbend.node, None)
    assert nobody.value.code == "nobody_to_carry_to"
    world.link(riverbend, oak)
    assert shared_with(riverbend.node) == {oak.home}
    with pytest.raises(OurFault) as no_key:
        recipients(riverbend.node, [oak.home])
    assert no_key.value.code == "no_prekey", "a link alone brings no card"
    with pytest.raises(OurFault) as stranger:
        recipients(riverbend.node, [bytes(32)])
    assert stranger.value.code == "not_found"


def test_a_coalition_that_is_new_to_the_reader_is_offered_and_not_entered() -> None:
    """Oak is listed in a second coalition, but has not been asked yet: the stick asks, as a link would."""
    world, (riverbend, oak), _ = valley("offered", "riverbend", "oak")
    flood(world, [riverbend], [oak])
    second = neighborhoods.found_coalition(
        riverbend.node, riverbend.coordinator, name="Tools", agreement="Bring them back.", members=[oak.home]
    )
    riverbend.post("Ladder")
    stick = written(riverbend, oak)
    outcome = read(oak, stick)
    assert outcome.whole
    page = neighborhoods.neighborhoods(oak.node, oak.coordinator)
    assert [(offer.id, offer.name) for offer in page.offers] == [(second, "Tools")]
    row = neighbors.coalition(oak.node.connection, second)
    in_force = riverbend.node.records.known.rosters[second].in_force
    assert row is not None and row.anchor == in_force, "no branch without the epoch of the file is followed"
    assert outcome.waiting > 0
    neighborhoods.accept_coalition(oak.node, oak.coordinator, second)
    read(oak, stick)
    assert oak.node.records.known.rosters[second].in_force == in_force


@settings(max_examples=8, deadline=None)
@given(
    st.integers(0, 2**32),
    st.lists(st.tuples(st.integers(0, 5), st.integers(0, 2), st.integers(0, 99)), max_size=25),
)
def test_whatever_is_carried_in_whatever_order(seed: int, steps: list[tuple[int, int, int]]) -> None:
    """Files of any age, read by anybody, torn or twice: in the end more trips make all equal."""
    world, places, coalition = valley(f"any {seed}", "riverbend", "oak", "harbor")
    flood(world, *([place] for place in places))
    files = [written(places[0], places[1], places[2])]
    for what, who, number in steps:
        place, others = places[who], [one for one in places if one is not places[who]]
        own = [row[0] for row in rows(place, "SELECT thing FROM view_posts WHERE home = ?", place.home)]
        if what == 0 or (what < 3 and not own):
            place.post(f"Need {number} of {place.name}")
        elif what < 3:
            with suppress(OurFault):  # it was withdrawn before
                end = posts.withdraw if what == 1 else erase_post
                end(place.node, place.coordinator, own[number % len(own)])
        elif what == 3:
            files.append(written(place, *others[: 1 + number % 2], held=number % 5 == 0))
        elif what == 4:
            file = files[number % len(files)]
            torn = file[: len(file) * (number + 1) // 100] if number % 3 else file
            with suppress(OurFault, WorldFault):
                read(place, torn)
        else:
            with suppress(OurFault, WorldFault):
                files.append(answer(place, files[number % len(files)]))
    for _ in range(2):
        for place in places:
            file = written(place, *(one for one in places if one is not place))
            for other in places:
                if other is not place:
                    assert read(other, file).whole
    for one in places:
        for other in places:
            assert one is other or same(one, other, coalition)
    always(world)
