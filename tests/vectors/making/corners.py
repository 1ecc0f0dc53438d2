"""Rules that a stranger's peer could break without any other vector telling: see its own list of them."""
# fmt: off

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from protocol.kinds.promises import Commitment
from protocol.record import Record
from protocol.scopes import LOCAL_SCOPE
from protocol.signing import public_key
from tests.protocol.helpers import NOON, between, secret
from tests.vectors.making.rosters import Valley
from tests.vectors.making.scene import Case, Scene
from tests.vectors.making.waiting import two_posts


def epochs() -> Iterator[Case]:
    about = {
        "replaced": "Two of three say yes to an epoch that is signed with a key which its predecessor no longer lists, perhaps a thief's: it counts for nothing, and is no proposal.",
        "new": "The same under the key that its predecessor lists.",
    }
    for key in about:
        v = Valley()
        first, old = v.three(), v.oak.seed
        three = [v.riverbend, v.oak, v.harbor]
        rotation = v.oak.rotate()
        second = v.agreed(first, three, [v.riverbend, v.harbor])
        v.oak.key_records.remove(rotation)
        v.oak.seed = old if key == "replaced" else v.oak.seed
        third = v.region.epoch(v.oak, second, three, keys={v.oak.id: rotation.id})
        for home in (v.riverbend, v.harbor):
            v.region.assent(home, third)
        path = [v.start, first, second, third]
        yield v.case(f"epoch-under-the-{key}-key", about[key], path[: 3 if key == "replaced" else 4], three, more=[rotation])


def leaves() -> Iterator[Case]:
    v = Valley()
    v.region.sponsor(v.riverbend, v.mill, v.start)
    v.region.leave(v.mill, v.start)
    two = v.agreed(v.start, [v.riverbend, v.oak])
    v.region.sponsor(v.oak, v.mill, two)
    yield v.case("sponsored-anew-after-leaving", "A guest has left; a sponsor that cites a later epoch than the leave lets it in again.", [v.start, two], [v.riverbend, v.oak], [v.mill])
    v = Valley()
    two = v.agreed(v.start, [v.riverbend, v.oak])
    v.region.sponsor(v.oak, v.mill, two)
    v.region.leave(v.mill, two)
    v.region.sponsor(v.riverbend, v.mill, two)
    yield v.case("sponsored-and-left-in-one-epoch", "A sponsor that cites the same epoch as the leave ends no leave.", [v.start, two], [v.riverbend, v.oak])
    v = Valley()
    first = v.three()
    v.region.leave(v.harbor, first)
    small = v.agreed(first, [v.riverbend, v.oak], [v.oak, v.harbor])
    yield v.case("left-and-assented", "Who has left and said yes all the same counts among the voters, with that yes: two of three.", [v.start, first, small], [v.riverbend, v.oak])
    v = Valley()
    four = v.agreed(v.start, [v.riverbend, v.oak, v.harbor, v.mill])
    v.region.leave(v.mill, four)
    small = v.agreed(four, [v.riverbend, v.oak, v.harbor], [v.riverbend, v.mill])
    yield v.case("left-and-assented-among-four", "So two of four are still one half, and not two of three.", [v.start, four], [v.riverbend, v.oak, v.harbor], proposals={small.id: [v.riverbend, v.mill]})
    v = Valley()
    first = v.three()
    v.region.leave(v.harbor, first)
    v.region.sponsor(v.oak, v.mill, first)
    yield v.case("one-sponsor-once-a-voter-has-left", "Three voters are listed and one of them has left: one sponsor admits a guest.", [v.start, first], [v.riverbend, v.oak], [v.mill])


def named() -> Iterator[Case]:
    v = Valley()
    v.neighbors = [v.oak, v.harbor, v.mill]
    first = v.agreed(v.start, [v.riverbend], out=[v.docks])
    yield v.case("a-home-listed-as-out-is-named", "An epoch lists a home as out: its key records belong to the roster set.", [v.start, first], [v.riverbend], more=v.docks.key_records)
    v = Valley()
    first = v.agreed(v.start, [v.riverbend], out=[v.docks])
    leave = v.region.leave(v.docks, first)
    yield v.case("a-home-listed-as-out-has-no-say", "Roster acts of a home that was only ever listed as out are not taken in.", [v.start, first], [v.riverbend], strangers=[leave])
    v = Valley()
    first = v.agreed(v.start, [v.riverbend], guests=[v.docks])
    v.region.sponsor(v.docks, v.mill, first)
    v.region.leave(v.mill, first)
    yield v.case("sponsored-by-a-listed-guest", "A guest's sponsor admits nobody, but the roster acts of the home it names are taken in.", [v.start, first], [v.riverbend], [v.docks])
    v = Valley()
    v.region.sponsor(v.riverbend, v.mill, v.start)
    v.region.sponsor(v.mill, v.docks, v.start)
    leave = v.region.leave(v.docks, v.start)
    yield v.case("sponsored-by-a-sponsored-guest", "A guest that no epoch lists has named a third: the roster acts of that one are not taken in.", [v.start], [v.riverbend], [v.mill], strangers=[leave])


def keys() -> Iterator[Case]:
    scene = Scene()
    old = scene.oak.seed
    scene.oak.rotate()
    card = scene.oak.say("node", scene.scope, {"name": "Oak Street", "prekey": b"k" * 32, "at": NOON})
    mark = scene.oak.again(card, {}, erased=True, seed=old)
    yield "judgement/old-key-of-a-mark-by-the-home", scene.refused("judgement", "old_key", "A home's mark on an act of its own by a replaced key: a thief could make any number.", mark, sound=scene.oak.again(card, {}, erased=True))
    for by in ("author", "home"):
        scene = Scene()
        post, rotation = scene.ben.post(scene.scope), scene.oak.rotate()
        scene.oak.key_records.remove(rotation)
        mark = scene.ben.erase(post) if by == "author" else scene.oak.erasure(post)
        yield f"keys/erased-by-the-{by}-it-is-not-kept-aside", scene.state(f"What the replaced key signed is kept aside, unless a mark of the {by} is held.", [post, rotation, mark], [rotation, mark])
    scene = Scene()
    count = 100  # the inception among them
    chain = [scene.oak.inception]
    while len(chain) <= count:
        chain.append(scene.oak.rotation(previous=chain[-1].id, seed=secret("step", len(chain))))
    stated = {scene.oak.id.hex(): [chain[count - 1].home_key.hex(), chain[count - 1].id.hex()]}
    yield "keys/a-hundred-steps", scene.state("A chain is followed for 100 key records, the inception among them. The one behind is in the roster set and changes nothing.", chain[1:], chain[1:], keys=stated)
    for name, kind, made in (
        ("succession", "a succession", lambda s: s.oak.succession(s.ben, s.bea, s.scope, created=NOON + 2 * 86_400)),
        ("contest", "a contest", lambda s: s.ben.contest(s.ben, s.bea, s.scope, created=NOON + 2 * 86_400)),
        ("hours", "hours", lambda s: s.ben.claim(s.ana, s.ben, created=NOON + 2 * 86_400)),
    ):
        scene = Scene()
        yield f"judgement/{name}-dated-ahead", scene.refused("judgement", "not_yet", f"Only key and roster records hang on no clock: {kind} of the day after tomorrow.", made(scene))
    scene = Scene()
    thief = secret("sheet", "a sheet that nobody knows")
    body = {"epoch": scene.tip.id, "signers": [public_key(thief)]}
    leave = scene.oak.say("leave", scene.scope, body, days=None, seeds=[thief])
    yield "judgement/leave-by-a-foreign-policy", scene.refused("judgement", "unknown_key", "A leave by a recovery key that meets no policy held: a rotation that brings the policy may come.", leave)
    scene = Scene()
    leave = scene.oak.say("leave", scene.scope, {"epoch": scene.tip.id, "signers": []}, days=None)
    yield "passing/leave-with-an-empty-list-of-signers", scene.taken("A leave with an empty list of signers is one without: the node key signs it.", leave)


def standings() -> Iterator[Case]:
    def two(scene: Scene, body: dict[str, Any]) -> tuple[Record, Record, Record]:
        """A post; a standing that can be read; and one with a lower thing and this body."""
        post = scene.ben.post(scene.scope, slots=2)
        good = max((scene.oak.standing(post, "partly_arranged", 1, created=post.created + n) for n in range(9)), key=lambda r: r.thing)
        said = body | ({"post": post.thing} if "post" in body else {})
        odd = min((scene.oak.say("standing", scene.scope, said, nonce=good.nonce, created=post.created + n, expires=post.expires) for n in range(9)), key=lambda r: r.thing)
        assert odd.thing < good.thing
        return post, good, odd

    scene = Scene()
    post, good, odd = two(scene, {"post": b"", "state": "of a later version", "slots_open": 1})
    yield "promise/a-standing-that-cannot-be-read", scene.state("Of two standings of one post the lower thing stays, though it cannot be read beyond the post that it names; so the post is shown by its own words.", [post, good, odd], [post, odd], posts={post.thing.hex(): ["open", 2]})
    scene = Scene()
    post, good, odd = two(scene, {"state": "open", "slots_open": 1})
    yield "promise/a-standing-that-names-no-post", scene.state("What names no post is no standing of it: both stay.", [post, good, odd], [post, good, odd], posts={post.thing.hex(): ["partly_arranged", 1]})


def quotas() -> Iterator[Case]:
    scene = Scene(member_things=1)
    low, high = two_posts(scene, scene.ana, first_days=3)
    yield "quota/what-is-over-takes-no-place", scene.state("The lower thing is over and not deleted yet: it counts in no quota, and what waited is in its set beside it.", [low, high], [low, high], later=low.expires)


def words() -> Iterator[Case]:
    def promised(name: str, about: str, given: list[Record], promise: Record, state: str, post: dict[str, Any] | None = None, **more: Any) -> Case:
        return f"promise/{name}", s.state(about, given, more.pop("kept", given), promises={promise.thing.hex(): [state, 1]}, posts=post or {}, **more)

    s = Scene()
    first = s.ana.claim(s.ana, s.ben, 60)
    fixed = s.ben.claim(s.cem, s.ben, 30, corrects=first, session=first.body["session"])
    given = [first, s.ben.confirm(first), fixed, s.cem.confirm(fixed), s.ana.confirm(fixed)]
    yield "hours/correction-with-other-accounts", s.state("A correction that states the session of what it corrects, and other accounts: it is no claim.", given, given, claims={first.id.hex(): "confirmed"})
    s = Scene()
    promise = s.ben.commit(s.ana.post(), days=3)
    yield promised("lapsed-whether-or-not-the-post-is-held", "The promise is over, and the post is not held: it has lapsed, which everybody can tell.", [promise], promise, "lapsed", later=promise.expires)
    s = Scene()
    post, old, new = s.ana.post(days=60), s.ben, s.bea
    step, promise = s.oak.succession(old, new, between(s.oak, s.riverbend.id)), old.commit(post, days=3)
    body = Commitment(post=post.thing, continues=promise.thing).body()
    word = new.say("commitment", promise.scope, body, days=60)
    yield promised("lapsed-with-the-first-commitment", "A later key carries on a promise with a commitment that ends later: the first one's end counts.", [post, step, promise, word], promise, "lapsed", {post.thing.hex(): ["open", 1]}, later=promise.expires)
    for status, state in (("open", "expired"), ("paused", "expired"), ("withdrawn", "withdrawn")):
        s = Scene()
        post = s.ana.post(s.scope, days=3, status=status)
        yield f"promise/a-post-that-is-over-and-{status}", s.state(f"One's own post, which is {status} and over: {state}.", [post], [post], later=post.expires, posts={post.thing.hex(): [state, 1]})
    s = Scene()
    post = s.ana.post(s.scope, days=3)
    promise = s.ben.commit(post)
    done = s.ana.answer(promise, "done")
    yield promised("a-post-that-is-over-and-done", "What was done stays done: fulfilled comes before expired.", [post, promise, done], promise, "done", {post.thing.hex(): ["fulfilled", 0]}, later=post.expires)
    s = Scene()
    post = s.bea.post(s.scope)
    promise = s.ben.commit(s.ana.post())
    promise = s.ben.again(promise, promise.body | {"post": post.thing}, 0)
    yield promised("in-a-pair-about-ones-own-neighbors-post", "A promise in the pair about a post of the helper's own home stands in the wrong place: its post reads as not held.", [post, promise], promise, "unknown", {post.thing.hex(): ["open", 1]})
    s = Scene()
    post = s.ben.post(s.scope)
    promise = s.ana.say("commitment", LOCAL_SCOPE, Commitment(post=post.thing).body())
    yield promised("local-about-another-homes-post", "So does a local promise about another home's post.", [post, promise], promise, "unknown", {post.thing.hex(): ["open", 1]})


def cases() -> Iterator[Case]:
    for part in (epochs, leaves, named, keys, standings, quotas, words):
        yield from part()
