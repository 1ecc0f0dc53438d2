"""Three neighborhoods say what they like; it arrives in any order, some of it twice. In the end all agree."""

from __future__ import annotations

from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from protocol.record import Record, assemble, parse, to_be_signed
from protocol.scopes import LOCAL_SCOPE
from protocol.signing import sign
from sync.sets import SetKey
from tests.protocol.helpers import Coalition, Member, Neighborhood
from tests.store.helpers import House


class World:
    """Three neighborhoods in one coalition, all that they have said, and a way to say more at random."""

    def __init__(self) -> None:
        self.homes = [Neighborhood(name) for name in ("Riverbend", "Oak Street", "Harbor Hill")]
        self.region = Coalition("The valley", *self.homes, member_things=12, home_things=6)
        self.tip = self.region.agreed(self.region.charter, self.homes)
        self.people = [
            home.member(name) for home, name in zip(self.homes, ("Ana", "Ben", "Hana"), strict=True)
        ]
        self.people.append(self.homes[0].member("Cem"))
        self.things: list[Record] = []

    def said(self) -> list[Record]:
        keys = [record for home in self.homes for record in home.key_records]
        return [*keys, *self.region.records, *self.things]

    def house(self, number: int) -> House:
        others = [home for home in self.homes if home is not self.homes[number]]
        return House(self.homes[number], *others, coalitions=[self.region])

    def author(self, record: Record) -> Member:
        return next(person for person in self.people if person.key == record.author)

    def home(self, record: Record) -> Neighborhood:
        return next(home for home in self.homes if home.id == record.home)

    def some(self, draw: Any, *kinds: str) -> Record | None:
        found = [record for record in self.things if record.kind in kinds and not record.erased]
        return draw(st.sampled_from(found)) if found else None

    def reissue(self, draw: Any, person: Member) -> None:
        """A key issued anew (it may act from then on), or somebody's word that this was wrong."""
        heir = person.home.member(f"{person.name} again")
        if draw(st.booleans()):
            self.things.append(person.home.succession(person, heir, self.region.scope))
            self.people.append(heir)
        else:
            self.things.append(person.contest(person, heir, self.region.scope))

    def say_something(self, draw: Any) -> None:
        what = draw(
            st.sampled_from(
                ["post", "edit", "commit", "answer", "claim", "word", "erase", "standing", "odd", "reissue"]
            )
        )
        person, other = draw(st.permutations(self.people))[:2]
        post = self.some(draw, "post")
        if what == "reissue":
            self.reissue(draw, person)
            return
        if what == "post" or post is None:
            scope = draw(st.sampled_from([LOCAL_SCOPE, self.region.scope, self.region.scope]))
            self.things.append(person.post(scope, slots=draw(st.integers(1, 2))))
        elif what == "edit":
            body = post.body | {"status": draw(st.sampled_from(["open", "paused"]))}
            self.things.append(self.author(post).again(post, body, draw(st.integers(0, 2))))
        elif what == "commit":
            if post.scope != LOCAL_SCOPE or person.home.id == post.home:
                self.things.append(person.commit(post))
        elif what == "answer" and (promise := self.some(draw, "commitment")) is not None:
            about = next((r for r in self.things if r.thing == promise.body["post"]), post)
            word = draw(st.sampled_from(["agreed", "agreed", "declined", "released", "done", "no_show"]))
            if self.author(about).home.id in (promise.scope[1:] or (promise.home,)):
                self.things.append(self.author(about).answer(promise, word, draw(st.integers(0, 2))))
        elif what == "claim":
            corrects = self.some(draw, "hours") if draw(st.booleans()) else None
            self.things.append(
                person.claim(person, other, draw(st.sampled_from([30, 60])), corrects=corrects)
            )
        elif what == "word" and (claim := self.some(draw, "hours")) is not None:
            if person.home.id in (claim.scope[1:] or (claim.home,)):
                self.things.append(person.confirm(claim) if draw(st.booleans()) else person.dispute(claim))
        elif what == "erase" and (gone := self.some(draw, "post", "commitment", "answer")) is not None:
            if draw(st.booleans()):
                self.things.append(self.author(gone).erase(gone, draw(st.integers(0, 2))))
            else:
                self.things.append(self.home(gone).erasure(gone))
        elif what == "standing" and post.scope != LOCAL_SCOPE:
            state = draw(st.sampled_from(["open", "arranged"]))
            self.things.append(self.home(post).standing(post, state, 0, edit=draw(st.integers(0, 2))))
        elif what == "odd":
            self.things.append(person.say("potluck", self.region.scope, {"dish": len(self.things)}))

    def change_something(self, draw: Any) -> None:
        """A stolen node, a neighborhood out and in again, old copies signed anew."""
        what = draw(st.sampled_from(["rotate", "out", "in", "sign anew"]))
        third = self.homes[2]
        if what == "rotate":
            draw(st.sampled_from(self.homes[1:])).rotate()
        elif what == "out":
            self.tip = self.region.agreed(self.tip, self.homes[:2], out=[third], by=self.homes[:2])
        elif what == "in":
            self.region.sponsor(self.homes[0], third, self.tip)
        elif self.things:
            record = draw(st.sampled_from(self.things))
            home = self.home(record)
            signatures = [*record.signatures[:-1], sign(home.seed, to_be_signed(record.payload))]
            self.things.append(parse(assemble(record.payload, signatures)).with_home_key(home.key))


def shared(house: House) -> dict[SetKey, list[bytes]]:
    """What this house keeps equal with others; pairs named from both sides."""
    found: dict[SetKey, list[bytes]] = {}
    for (name, owner), ids in house.sets().items():
        if name == "pair":
            low, high = sorted((owner, house.own.id))
            found[("pair", low + high)] = ids
        else:
            found[(name, owner)] = ids
    return found


def agree(houses: list[House]) -> None:
    """Whoever keeps a set keeps the same one; whoever is the same neighborhood sees the same page."""
    for one in houses:
        one.check()
        for other in houses:
            mine, theirs = shared(one), shared(other)
            assert {key: mine[key] for key in mine if key in theirs} == {
                key: theirs[key] for key in theirs if key in mine
            }
            if one.own is other.own:
                assert one.held() == other.held() and one.views() == other.views()


@settings(max_examples=60)
@given(st.data())
def test_any_order_and_any_duplication_lead_to_the_same_place(data: st.DataObject) -> None:
    world = World()
    for _ in range(data.draw(st.integers(1, 16))):
        world.say_something(data.draw)
    houses = [world.house(number) for number in (0, 0, 1, 2)]
    for house in houses:
        again = data.draw(st.lists(st.sampled_from(world.said()), max_size=6))
        house.hear(*data.draw(st.permutations(world.said() + again)))
    agree(houses)
    sums = [
        house.connection.execute("SELECT count(*) FROM view_claims").fetchone()[0] for house in houses[:2]
    ]
    assert sums[0] == sums[1]


@settings(max_examples=60)
@given(st.data())
def test_while_keys_and_rosters_change_all_agree_once_they_have_compared(data: st.DataObject) -> None:
    """A word that came while it could not count may have to be offered again: that is what comparing does."""
    world = World()
    for _ in range(data.draw(st.integers(1, 14))):
        (world.change_something if data.draw(st.integers(0, 3)) == 0 else world.say_something)(data.draw)
    houses = [world.house(number) for number in (0, 0, 1, 2)]
    for house in houses:
        house.hear(*data.draw(st.permutations(world.said())))
        house.check()
    for house in houses:
        house.hear(*world.said(), *world.said())
    agree(houses)


@settings(max_examples=25)
@given(st.data())
def test_at_every_step_the_indexes_say_what_sqlite_says(data: st.DataObject) -> None:
    world = World()
    for _ in range(10):
        (world.change_something if data.draw(st.integers(0, 4)) == 0 else world.say_something)(data.draw)
    house = world.house(0)
    for record in data.draw(st.permutations(world.said())):
        if data.draw(st.integers(0, 9)) == 0:
            house.sets()  # from now on the index is kept up, not built
        house.hear(record)
        house.check()
