"""Several records and which of them remain: edits, erasing, quota, key chains."""
# fmt: off

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from protocol.kinds.erasure import erasure_body
from protocol.record import Record
from tests.protocol.helpers import NOON, TODAY, Neighborhood, secret
from tests.vectors.making.scene import Case, Scene, altered


def lowest(records: list[Record]) -> Record:
    return min(records, key=lambda record: record.id)


def highest(records: list[Record]) -> Record:
    return max(records, key=lambda record: record.id)


def edits() -> Iterator[Case]:
    def titled(post: Record, title: str, edit: int) -> Record:
        return scene.ben.again(post, post.body | {"title": title}, edit)

    scene = Scene()
    post = scene.ben.post(scene.scope)
    versions = [post, titled(post, "second", 1), titled(post, "third", 2)]
    yield "edit/highest-edit-stays", scene.state("Of three versions the one with the highest edit number stays.", versions, versions[2:])
    scene = Scene()
    post = scene.ben.post(scene.scope)
    two = [titled(post, "one", 1), titled(post, "another", 1)]
    yield "edit/highest-id-of-equal-edits", scene.state("Two versions with edit 1: the higher id stays.", [post, *two], [highest(two)])
    scene = Scene()
    post = scene.ben.post(scene.scope)
    versions = [post, titled(post, "forgotten", 3), titled(post, "after the restore", 1001)]
    yield "edit/after-a-restore", scene.state("After a restore the first edit adds 1,000, so it stands above what the backup had forgotten.", versions, versions[2:])
    scene = Scene()
    post = scene.ben.post(scene.scope)
    early = titled(post, "an edit with an earlier time", 1)
    early = scene.ben.again(post, early.body | {"at": 1}, 1)
    yield "edit/no-clock-decides", scene.state("The time of the edit says nothing.", [post, early], [early])
    scene = Scene()
    post = scene.ben.post(scene.scope)
    foreign = scene.ana.say("post", scene.scope, post.body | {"title": "taken over"}, nonce=post.nonce, created=post.created, expires=post.expires, edit=9)
    assert foreign.thing != post.thing
    yield "edit/nobody-edits-anothers", scene.state("Ana's record has everything of Ben's but author and home: another thing.", [post, foreign], [post, foreign])
    scene = Scene()
    post = scene.ben.post(scene.scope)
    longer = scene.ben.say("post", scene.scope, post.body, nonce=post.nonce, created=post.created, expires=TODAY + 60, edit=1)
    yield "edit/another-lifetime-is-another-thing", scene.state("A version with another end is another thing: both stay.", [post, longer], [post, longer])
    scene = Scene()
    post = scene.ben.post(scene.scope)
    unread = scene.ben.again(post, {"title": 1}, 1)
    yield "edit/an-unreadable-edit-counts", scene.state("The highest edit stays though its body cannot be read.", [post, unread], [unread], posts={})
    for kind, made in (
        ("hours", lambda scene: scene.ana.claim(scene.ana, scene.ben)),
        ("confirm", lambda scene: scene.ana.confirm(scene.ben.claim(scene.ana, scene.ben))),
        ("dispute", lambda scene: scene.ana.dispute(scene.ben.claim(scene.ana, scene.ben))),
        ("parcel", lambda scene: scene.oak.say("parcel", scene.scope, {"sealed": b"s" * 60})),
        ("succession", lambda scene: scene.riverbend.succession(scene.ana, scene.cem)),
        ("epoch", lambda scene: scene.tip),
    ):
        scene = Scene()
        sound = made(scene)
        fresh = None if kind == "epoch" else sound
        yield f"edit/{kind}-with-edit-1", scene.refused("envelope", "bad_edit", f"A record of kind {kind}, which knows no edits, with edit 1.", altered(scene, sound, f9=1), sound=fresh)
    scene = Scene()
    claim = scene.ana.claim(scene.ana, scene.ben)
    yield "edit/hours-erased", scene.refused("envelope", "bad_edit", "Hours with a mark of erasure.", altered(scene, claim, f10=True, f12={}), sound=claim)


def marks() -> Iterator[Case]:
    scene = Scene()
    post = scene.ben.post(scene.scope)
    mark = scene.ben.erase(post)
    yield "erasure/by-the-author", scene.state("The author's mark stays, the words go.", [post, mark], [mark], posts={})
    scene = Scene()
    post = scene.ben.post(scene.scope)
    mark = scene.oak.erasure(post)
    yield "erasure/by-the-home", scene.state("The home's erasure stays, the words go.", [post, mark], [mark], posts={})
    for turn in (0, 1):
        scene = Scene()
        post = scene.ben.post(scene.scope)
        for number in range(50):
            by_author, by_home = scene.ben.erase(post), scene.oak.erasure(post, nonce=secret("mark", number)[:16])
            if (by_author.id < by_home.id) is (turn == 0):
                break
        both = [post, by_author, by_home]
        name = ("author", "home")[turn]
        about = f"Author and home erase; the {name}'s mark has the lower id, and the author's stays."
        yield f"erasure/by-both-the-{name}s-is-lower", scene.state(about, both, [by_author], posts={})
    scene = Scene()
    post = scene.ben.post(scene.scope)
    mark, edit = scene.ben.erase(post, 1), scene.ben.again(post, post.body | {"title": "back again"}, 60_000)
    yield "erasure/no-edit-stands-above-it", scene.state("An edit far above the mark's number does not bring the words back.", [post, mark, edit], [mark], posts={})
    scene = Scene()
    post = scene.ben.post(scene.scope)
    edit, mark = scene.ben.again(post, post.body, 7), scene.ben.erase(post, 0)
    yield "erasure/edit-number-0", scene.state("A mark with edit 0 erases edit 7 too.", [post, edit, mark], [mark])
    scene = Scene()
    post = scene.ben.post(scene.scope)
    several = [scene.ben.erase(post, number) for number in range(3)]
    yield "erasure/several-by-the-author", scene.state("Of three marks by the author the lowest id stays.", [post, *several], [lowest(several)])
    scene = Scene()
    post = scene.ben.post(scene.scope)
    mark = scene.oak.erasure(post)
    yield "erasure/of-something-never-seen", scene.state("A mark without what it erases is kept all the same.", [mark], [mark])
    scene = Scene()
    post = scene.ben.post(scene.scope)
    foreign = scene.ana.say("post", scene.scope, {}, nonce=post.nonce, created=post.created, expires=post.expires, erased=True, edit=1)
    yield "erasure/nobody-erases-anothers", scene.state("Ana's mark is of another thing, whatever it imitates.", [post, foreign], [post, foreign])
    scene = Scene()
    card = scene.oak.say("node", scene.scope, {"name": "Oak Street", "prekey": b"k" * 32, "at": NOON})
    mark = scene.oak.say("node", scene.scope, {}, nonce=card.nonce, created=card.created, expires=card.expires, erased=True, edit=1)
    yield "erasure/of-a-home-act", scene.state("A neighborhood erases an act of its own by an edit.", [card, mark], [mark])
    scene = Scene()
    promise = scene.ben.commit(scene.ana.post(scene.scope))
    mark = scene.oak.erasure(promise)
    yield "erasure/in-a-pair", scene.state("A home's erasure in pair scope.", [promise, mark], [mark])
    scene = Scene()
    post = scene.cem.post()
    mark = scene.riverbend.erasure(post)
    yield "erasure/local", scene.state("A home's erasure in local scope, which is in no set that is compared.", [post, mark], [mark])
    scene = Scene()
    post = scene.ben.post(scene.scope, days=3)
    mark = scene.ben.erase(post)
    yield "erasure/kept-until-two-days-after", scene.state("On the day on which the post would be over and the next one the mark is still held.", [post, mark], [mark], later=post.expires + 1)
    scene = Scene()
    post = scene.ben.post(scene.scope, days=3)
    mark = scene.ben.erase(post)
    yield "erasure/gone-two-days-after", scene.state("Two days after the post would be over the mark is gone.", [post, mark], [], later=post.expires + 2)
    yield from bad_erasures()


def bad_erasures() -> Iterator[Case]:
    def say(body: dict[str, Any], **more: Any) -> Record | bytes:
        fixed: dict[str, Any] = {"created": post.created, "expires": post.expires} | more
        good = scene.oak.erasure(post, nonce=b"e" * 16)
        changes = {"f7": fixed["created"], "f8": fixed["expires"], "f12": body}
        return altered(scene, good, **changes)

    base = Scene()
    seven = erasure_body(base.ben.post(base.scope))["seven"]
    wrong: list[tuple[str, str, list[Any] | None]] = [
        ("of-nothing", "It does not say what it erases.", None),
        ("of-six-fields", "Six fields instead of seven.", seven[:6]),
        ("of-eight-fields", "Eight fields instead of seven.", [*seven, None]),
        ("of-another-home", "The seven fields name another home.", [*seven[:3], base.riverbend.id, *seven[4:]]),
        ("in-another-scope", "The seven fields name another scope.", [seven[0], [0], *seven[2:]]),
        ("with-another-beginning", "The seven fields name another time of creation.", [*seven[:5], seven[5] + 1, seven[6]]),
        ("with-another-end", "The seven fields name another end.", [*seven[:6], seven[6] + 1]),
        ("of-an-erasure", "It erases an erasure.", ["erasure", *seven[1:]]),
        ("of-a-kind-that-is-no-text", "The kind in the seven fields is a number.", [1, *seven[1:]]),
        ("of-a-kind-without-letters", "The kind in the seven fields is empty.", ["", *seven[1:]]),
        ("of-a-kind-of-33-letters", "The kind in the seven fields is too long.", ["k" * 33, *seven[1:]]),
        ("of-an-author-of-31-bytes", "The author in the seven fields is no key.", [*seven[:2], seven[2][:31], *seven[3:]]),
        ("of-a-nonce-of-15-bytes", "The nonce in the seven fields is too short.", [*seven[:4], seven[4][:15], *seven[5:]]),
    ]
    for name, about, fields in wrong:
        scene = Scene()
        post = scene.ben.post(scene.scope)
        body = {} if fields is None else {"seven": fields}
        sound = scene.oak.erasure(post, nonce=b"e" * 16)
        yield f"erasure/{name}", scene.refused("envelope", "bad_edit", about, say(body), sound=sound)
    scene = Scene()
    post = scene.ben.post(scene.scope)
    sound = scene.ben.erase(post)
    made = altered(scene, sound, f12={"title": "still here"})
    yield "erasure/with-words", scene.refused("envelope", "bad_edit", "A mark of erasure with words in its body.", made, sound=sound)
    scene = Scene()
    lasting = scene.ben.say("later", scene.scope, {}, days=None)
    made = altered(scene, lasting, f10=True, f9=1)
    yield "erasure/of-what-never-ends", scene.refused("envelope", "bad_edit", "A mark on an unknown kind that never ends: it may be a ledger.", made, sound=lasting)
    scene = Scene()
    claim = scene.ben.claim(scene.ana, scene.ben)
    fields = erasure_body(claim)["seven"]
    mark = scene.oak.say("erasure", claim.scope, {"seven": [*fields[:6], TODAY + 30]}, created=claim.created, expires=TODAY + 30)
    yield "erasure/nothing-erases-hours", scene.state("Hours never end and an erasure must: it names a thing that does not exist.", [claim, mark], [claim, mark], claims={claim.id.hex(): "awaiting"})


def quotas() -> Iterator[Case]:
    def posts(count: int) -> list[Record]:
        return sorted((scene.ben.post(scene.scope, title=f"post {n}") for n in range(count)), key=lambda r: r.thing)

    scene = Scene(member_things=2)
    five = posts(5)
    yield "quota/lowest-things-stay", scene.state("The charter allows two things signed by members; the lowest by hash are in.", five, five[:2])
    scene = Scene(home_things=2)
    acts = sorted((scene.oak.say("notice", scene.scope, {"n": n}) for n in range(5)), key=lambda r: r.thing)
    yield "quota/lowest-acts-of-a-home-stay", scene.state("The charter allows two acts of a neighborhood.", acts, acts[:2])
    scene = Scene(member_things=1, home_things=1)
    mine = [scene.ana.post(scene.scope), scene.riverbend.say("notice", scene.scope, {})]
    theirs = [scene.ben.post(scene.scope), scene.oak.say("notice", scene.scope, {})]
    yield "quota/each-home-its-own", scene.state("One of each class of each neighborhood: all fit.", [*mine, *theirs], [*mine, *theirs])
    scene = Scene(member_things=2)
    three = posts(3)
    edited = [scene.ben.again(post, post.body | {"title": "edited"}) for post in three[:2]]
    yield "quota/edits-count-once", scene.state("Versions of one thing count once.", [*three, *edited], edited)
    scene = Scene(member_things=2)
    three = posts(3)
    mark = scene.oak.erasure(three[0])
    yield "quota/a-mark-keeps-its-place", scene.state("An erasure counts in the slot of what it erased.", [*three, mark], [mark, three[1]])
    scene = Scene(member_things=2, home_things=1)
    three = posts(3)
    words = [scene.oak.standing(post, "arranged", 0) for post in three]
    yield "quota/standings-count-with-their-post", scene.state("A standing counts in its post's slot, and leaves with it.", [*three, *words], [*three[:2], *words[:2]])
    scene = Scene(home_things=1)
    post = scene.ben.post(scene.scope)
    astray = [scene.oak.standing(post, "arranged", 0, nonce=bytes([n]) * 16) for n in range(3)]
    first = min(astray, key=lambda r: r.thing)
    yield "quota/a-standing-with-another-nonce", scene.state("What only looks like a standing counts as an act of the neighborhood, and there is one standing per post.", [post, *astray], [post, first])
    scene = Scene()
    post = scene.ben.post(scene.scope, slots=9)
    astray = sorted((scene.oak.standing(post, "partly_arranged", n, nonce=bytes([n]) * 16) for n in range(1, 4)), key=lambda r: r.thing)
    yield "quota/several-standings-with-other-nonces", scene.state("Where the quota has room they all stay, and the lowest thing is shown.", [post, *astray], [post, *astray], posts={post.thing.hex(): ["partly_arranged", astray[0].body["slots_open"]]})
    scene = Scene(member_things=1)
    promises = [scene.ben.commit(scene.ana.post()) for _ in range(3)]
    yield "quota/not-in-a-pair", scene.state("Pairs know no quota.", promises, promises)
    scene = Scene(home_things=1)
    sponsors = scene.unheard(*(scene.region.sponsor(scene.oak, scene.harbor, scene.tip) for _ in range(3)))
    sponsors += scene.harbor.key_records
    yield "quota/roster-acts-have-their-own", scene.state("Roster acts do not count as acts of a neighborhood.", sponsors, sponsors)


def keys() -> Iterator[Case]:
    def chain(home: Neighborhood, current: Record) -> dict[str, list[str]]:
        return {home.id.hex(): [current.home_key.hex(), current.id.hex()]}

    scene = Scene()
    rotation = scene.oak.rotation()
    yield "keys/rotation", scene.state("A recovery key sets a new node key.", [rotation], [rotation], keys=chain(scene.oak, rotation))
    scene = Scene()
    two = [scene.oak.rotation(seed=secret("fork", n)) for n in range(2)]
    yield "keys/two-rotations", scene.state("Two rotations of the same predecessor: the lower id counts, both stay in their sets.", two, two, keys=chain(scene.oak, lowest(two)))
    scene = Scene()
    first = scene.oak.rotate()
    second = scene.oak.rotation()
    yield "keys/three-steps", scene.state("A rotation of a rotation.", [second], [second], keys=chain(scene.oak, second))
    scene = Scene()
    post, promise = scene.ben.post(scene.scope), scene.ben.commit(scene.ana.post())
    rotation = scene.oak.rotation()
    yield "keys/rotation-sets-records-aside", scene.state("What the replaced key signed leaves its sets, coalition and pair, and is kept aside.", [post, promise, rotation], [rotation], aside=[post, promise], keys=chain(scene.oak, rotation))
    scene = Scene()
    post = scene.ben.post(scene.scope)
    rotation = scene.oak.rotate()
    scene.oak.key_records.remove(rotation)
    again = scene.ben.say("post", scene.scope, post.body, nonce=post.nonce, created=post.created, expires=post.expires)
    assert again.id == post.id
    yield "keys/signed-anew-it-comes-back", scene.state("The same payload, signed with the new key: the same id, back in its set.", [post, rotation, again], [rotation, again], keys=chain(scene.oak, rotation))
    scene = Scene()
    mark, home_mark = scene.ben.erase(scene.ben.post(scene.scope)), scene.oak.erasure(scene.bea.post(scene.scope))
    rotation = scene.oak.rotation()
    yield "keys/whose-marks-outlive-the-key", scene.state("An author's mark stays under any key of its home; the home's own erasure does not.", [mark, home_mark, rotation], [mark, rotation], aside=[home_mark])
    scene = Scene()
    two = [scene.oak.rotation(seed=secret("fork", n)) for n in range(2)]
    loser = highest(two)
    epoch = scene.region.epoch(scene.riverbend, scene.tip, [scene.riverbend, scene.oak], keys={scene.oak.id: loser.id})
    yeses = [scene.region.assent(home, epoch) for home in (scene.riverbend, scene.oak)]
    given = [*two, *scene.unheard(epoch, *yeses)]
    yield "keys/an-epoch-decides", scene.state("Of two rotations the one counts that an accepted epoch lists, though its id is higher.", given, given, keys=chain(scene.oak, loser))
    scene = Scene()
    two = [scene.oak.rotation(seed=secret("fork", n)) for n in range(2)]
    loser = highest(two)
    later = scene.oak.rotation(previous=loser.id, seed=secret("fork", 2))
    epoch = scene.region.epoch(scene.riverbend, scene.tip, [scene.riverbend, scene.oak], keys={scene.oak.id: later.id})
    yeses = [scene.region.assent(home, epoch) for home in (scene.riverbend, scene.oak)]
    given = [*two, later, *scene.unheard(epoch, *yeses)]
    yield "keys/an-epoch-decides-for-all-before", scene.state("Two rotations, then a third on the one with the higher id, which an accepted epoch lists: what leads to it counts.", given, given, keys=chain(scene.oak, later))
    scene = Scene()
    forged = scene.oak.rotation(signers=[scene.oak.seed])
    post = scene.ben.post(scene.scope)
    yield "keys/a-stolen-node-key-rotates-nothing", scene.state("A rotation signed by the node key changes nothing.", [forged, post], [post], keys=chain(scene.oak, scene.oak.inception))
    scene = Scene()
    mill = Neighborhood("Mill Lane", ["one", "two", "three"], threshold=2)
    scene.neighbors.append(mill)
    rotation = mill.rotation(sheets=["Mill Lane two", "Mill Lane three"])
    alone = mill.rotation(sheets=["Mill Lane one"])
    yield "keys/two-of-three", scene.state("Two of three sheets rotate; one alone does not.", [alone, rotation], [rotation], keys=chain(mill, rotation))
    scene = Scene()
    first = scene.oak.rotation(new_sheets=["fresh sheet"])
    old_policy = scene.oak.rotation(previous=first.id)
    yield "keys/an-old-policy-is-over", scene.state("A rotation that cites the first one must meet its policy, not the inception's.", [first, old_policy], [first], keys=chain(scene.oak, first))
    scene = Scene()
    post, rotation = scene.ben.post(scene.scope), scene.oak.rotation(seed=scene.oak.seed, new_sheets=["fresh sheet"])
    yield "keys/only-the-sheets-change", scene.state("A rotation to the same node key: what that key signed stays in its set.", [post, rotation], [post, rotation], keys=chain(scene.oak, rotation))
    scene = Scene()
    second = scene.oak.rotation(previous=b"?" * 32)
    yield "keys/predecessor-missing", scene.state("A rotation of something not held waits.", [second], [], keys=chain(scene.oak, scene.oak.inception))


def lifetimes() -> Iterator[Case]:
    scene = Scene()
    post, claim = scene.ben.post(scene.scope, days=3), scene.ben.claim(scene.ana, scene.ben)
    yield "lifetime/over-is-deleted-two-days-later", scene.state("The post is over on day 20,504 and deleted on 20,506; hours stay.", [post, claim], [claim], later=TODAY + 6, claims={claim.id.hex(): "awaiting"})
    scene = Scene()
    post = scene.ben.post(scene.scope, days=3)
    yield "lifetime/over-is-kept-one-day", scene.state("On day 20,505 the post that was over on 20,504 is still held, so that nobody brings it back.", [post], [post], later=TODAY + 5, posts={post.thing.hex(): ["expired", 1]})


def cases() -> Iterator[Case]:
    yield from edits()
    yield from marks()
    yield from quotas()
    yield from keys()
    yield from lifetimes()
