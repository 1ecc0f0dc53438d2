"""What waits aside over a quota, quotas at their bound, and promises that a later key carries on."""
# fmt: off

from __future__ import annotations

from collections.abc import Iterator, Sequence

from protocol.kinds.promises import Commitment
from protocol.record import Record
from tests.protocol.helpers import Member, between
from tests.vectors.making.scene import Case, Scene


def by_thing(records: Sequence[Record]) -> list[Record]:
    return sorted(records, key=lambda record: record.thing)


def two_posts(scene: Scene, by: Member, first_days: int = 30) -> tuple[Record, Record]:
    """Two posts, of which the first has the lower thing and is over after `first_days`."""
    later = by.post(scene.scope, title="the higher thing", days=60)
    for number in range(100):
        first = by.post(scene.scope, title=f"the lower thing {number}", days=first_days)
        if first.thing < later.thing:
            return first, later
    raise AssertionError("a hundred hashes, and none is lower")


def quotas() -> Iterator[Case]:
    scene = Scene(member_things=3)
    three = by_thing([scene.ben.post(scene.scope, title=f"post {n}") for n in range(3)])
    yield "quota/exactly-full", scene.state("As many things as the charter allows: all are in.", three, three)
    scene = Scene(member_things=3)
    four = by_thing([scene.ben.post(scene.scope, title=f"post {n}") for n in range(4)])
    yield "quota/one-too-many", scene.state("One more than the charter allows: the highest by hash is out.", four, four[:3])
    scene = Scene(member_things=1, home_things=1)
    low, high = two_posts(scene, scene.ben)
    notice = scene.oak.say("notice", scene.scope, {})
    mark = scene.oak.erasure(low)
    yield "quota/an-erasure-counts-where-the-member-did", scene.state("The home's erasure of a member's post counts among what members signed, and leaves the home its own place.", [low, high, notice, mark], [mark, notice])
    scene = Scene(member_things=1)
    low, high = two_posts(scene, scene.ben)
    mark = scene.ben.erase(high)
    yield "quota/a-mark-waits-aside", scene.state("What it erased is over the quota, and so is the mark: it is kept aside, so that the words cannot come back without it.", [high, mark, low], [low], aside=[mark])
    scene = Scene(member_things=1)
    low, high = two_posts(scene, scene.ben)
    mark = scene.oak.erasure(high)
    yield "quota/a-mark-of-the-home-waits-aside", scene.state("So is an erasure by the home.", [high, mark, low], [low], aside=[mark])
    scene = Scene(member_things=1)
    low, high = two_posts(scene, scene.ben, first_days=3)
    mark = scene.ben.erase(high)
    yield "quota/a-mark-that-waited-comes-in", scene.state("The lower thing was over two days ago and is deleted: there is room for the mark, which comes in by itself.", [high, mark, low], [mark], later=low.expires + 2, posts={})
    scene = Scene(member_things=1)
    low, high = two_posts(scene, scene.ana)
    yield "quota/ones-own-waits-aside", scene.state("The reader's own neighborhood keeps aside what is over the quota.", [high, low], [low], aside=[high])
    scene = Scene(member_things=1)
    low, high = two_posts(scene, scene.ana, first_days=3)
    yield "quota/ones-own-comes-back", scene.state("There is room again: what waited is in its set.", [high, low], [high], later=low.expires + 2)
    scene = Scene(member_things=1)
    low, high = two_posts(scene, scene.ana)
    mark = scene.ana.erase(high)
    yield "quota/what-waits-is-erased-too", scene.state("A mark of what waits aside: the mark waits, and the words go.", [low, high, mark], [low], aside=[mark])
    scene = Scene(home_things=1)
    acts = by_thing([scene.riverbend.say("notice", scene.scope, {"n": n}) for n in range(3)])
    yield "quota/ones-own-acts-wait-aside", scene.state("So do the acts of the reader's own neighborhood.", acts, acts[:1], aside=acts[1:])


def carried_on() -> Iterator[Case]:
    def carries(by: Member, first: Record, post: Record, word: str = "offered") -> Record:
        body = Commitment(post=post.thing, word=word, slots=1, continues=first.thing).body()  # type: ignore[arg-type]
        return by.say("commitment", between(by.home, post.home), body)

    def case(name: str, about: str, scene: Scene, given: list[Record], states: dict[bytes, str]) -> Case:
        stated = {thing.hex(): [state, 1] for thing, state in states.items()}
        return f"promise/{name}", scene.state(about, given, given, promises=stated)

    s = Scene()
    post, old, new = s.ana.post(), s.ben, s.bea
    step, first = s.oak.succession(old, new, between(s.oak, s.riverbend.id)), old.commit(post)
    word = carries(new, first, post, "withdrawn")
    yield case("continued-by-the-later-key", "The helper's passphrase was re-issued: a commitment by the later key carries the first one on, and is its word now.", s, [post, step, first, word], {first.thing: "withdrawn"})
    s = Scene()
    post, old, new = s.ana.post(), s.ben, s.bea
    step, first = s.oak.succession(old, new, between(s.oak, s.riverbend.id)), old.commit(post)
    word, yes = carries(new, first, post, "done"), s.ana.answer(first, "agreed")
    yield case("continued-after-an-answer", "The poster has agreed to the first; the later key says done.", s, [post, step, first, yes, word], {first.thing: "done"})
    s = Scene()
    post, old, new = s.ana.post(), s.ben, s.bea
    step, first = s.oak.succession(old, new, between(s.oak, s.riverbend.id)), old.commit(post)
    word, late = carries(new, first, post), old.again(first, first.body | {"word": "withdrawn"}, 9)
    yield case("the-later-key-counts", "An edit by the earlier key, however high, does not stand above the word of the later one.", s, [post, step, late, word], {first.thing: "proposed"})
    s = Scene()
    post = s.ana.post()
    first = s.ben.commit(post)
    word = carries(s.bea, first, post, "withdrawn")
    yield case("continued-by-a-stranger", "No succession leads from the first key to the second: each speaks for itself.", s, [post, first, word], {first.thing: "proposed", word.thing: "withdrawn"})
    s = Scene()
    post, old, new = s.ana.post(), s.ben, s.bea
    step, first = s.oak.succession(old, new, between(s.oak, s.riverbend.id)), old.commit(post)
    other = s.cem.post(title="Another need")
    word = carries(new, first, other, "withdrawn")
    yield case("continued-with-another-post", "It names another post than the first: it carries nothing on.", s, [post, other, step, first, word], {first.thing: "proposed", word.thing: "withdrawn"})
    s = Scene()
    post, old, new = s.ana.post(), s.ben, s.bea
    step, first = s.oak.succession(old, new, between(s.oak, s.riverbend.id)), old.commit(post)
    second = carries(new, first, post)
    third = carries(new, second, post, "withdrawn")
    yield case("continued-of-a-continuation", "Only a first commitment can be carried on, not one that carries on itself.", s, [post, step, first, second, third], {first.thing: "proposed", third.thing: "withdrawn"})
    s = Scene()
    post, old, new = s.ana.post(), s.ana, s.cem
    first = s.ben.commit(post)
    step = s.riverbend.succession(old, new, between(s.oak, s.riverbend.id))
    yes, off = old.answer(first, "agreed"), new.answer(first, "released")
    yield case("answered-by-the-later-key", "The poster's passphrase was re-issued: the answer of the later key counts.", s, [post, step, first, yes, off], {first.thing: "released"})
    s = Scene()
    post = s.ana.post()
    first = s.ben.commit(post)
    yes, off = s.ana.answer(first, "agreed"), s.cem.answer(first, "released")
    yield case("answered-by-a-stranger-with-the-same-nonce", "Somebody else's answer with the nonce of the one answer is another thing, and does not count.", s, [post, first, yes, off], {first.thing: "agreed"})


def cases() -> Iterator[Case]:
    yield from quotas()
    yield from carried_on()
