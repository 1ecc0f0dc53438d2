"""What hours, promises and successions come to."""
# fmt: off

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import Any

from protocol.kinds.accounts import step_hash
from protocol.kinds.hours import session_id
from protocol.kinds.promises import answer_nonce
from protocol.record import Record
from protocol.scopes import LOCAL_SCOPE, pair
from tests.protocol.helpers import TODAY, Member, Neighborhood
from tests.vectors.making.scene import Case, Scene


def hours() -> Iterator[Case]:
    def case(name: str, about: str, given: Sequence[Record], states: Sequence[tuple[Record, str]]) -> Case:
        stated = {record.id.hex(): state for record, state in states}
        return f"hours/{name}", s.state(about, given, given, claims=stated)

    s = Scene()
    claim = s.ana.claim(s.ana, s.ben)
    yield case("claim", "A claim by the giver, and nothing else.", [claim], [(claim, "awaiting")])
    s = Scene()
    claim = s.ana.claim(s.ana, s.ben)
    yield case("confirmed", "The receiver confirms.", [claim, s.ben.confirm(claim)], [(claim, "confirmed")])
    s = Scene()
    claim = s.ben.claim(s.ana, s.ben)
    yield case("claim-by-the-receiver", "The receiver claims, the giver confirms.", [claim, s.ana.confirm(claim)], [(claim, "confirmed")])
    s = Scene()
    claim = s.ana.claim(s.ana, s.cem)
    yield case("local", "Both of one neighborhood: local scope.", [claim, s.cem.confirm(claim)], [(claim, "confirmed")])
    s = Scene()
    claim = s.ana.claim(s.ana, s.ben)
    yield case("self-confirmation", "Who made a claim cannot confirm it.", [claim, s.ana.confirm(claim)], [(claim, "awaiting")])
    s = Scene()
    claim = s.ana.claim(s.ana, s.ben)
    yield case("confirmed-by-a-third-person", "Somebody else's confirmation does not count.", [claim, s.bea.confirm(claim), s.cem.confirm(claim)], [(claim, "awaiting")])
    s = Scene()
    claim = s.ana.claim(s.ana, s.ben)
    yield case("confirmed-in-another-scope", "A confirmation in local scope of a pair's claim does not count.", [claim, s.ana.say("confirm", LOCAL_SCOPE, {"claim": claim.id}, days=None)], [(claim, "awaiting")])
    s = Scene()
    claim = s.ana.claim(s.ana, s.ben)
    yield case("disputed", "The other side disputes.", [claim, s.ben.dispute(claim)], [(claim, "disputed")])
    s = Scene()
    claim = s.ana.claim(s.ana, s.ben)
    yield case("disputed-by-its-author", "A dispute by the claim's own author does not count.", [claim, s.ana.dispute(claim)], [(claim, "awaiting")])
    s = Scene()
    claim = s.ana.claim(s.ana, s.ben)
    yield case("a-confirmation-is-final", "Confirmed and disputed: the confirmation is final.", [claim, s.ben.dispute(claim), s.ben.confirm(claim)], [(claim, "confirmed")])
    s = Scene()
    one, other = s.ana.claim(s.ana, s.ben), s.ben.claim(s.ana, s.ben)
    low, high = sorted([one, other], key=lambda r: r.id)
    yield case("crossing", "Both sides claim the same: each confirms the other, and the lower id counts.", [one, other], [(low, "confirmed"), (high, "replaced")])
    s = Scene()
    one, other = s.ana.claim(s.ana, s.ben, 60), s.ben.claim(s.ana, s.ben, 90)
    yield case("crossing-with-other-minutes", "Both sides claim, with different minutes: neither is confirmed.", [one, other], [(one, "awaiting"), (other, "awaiting")])
    s = Scene()
    one, other = s.ana.claim(s.ana, s.ben), s.ana.claim(s.ana, s.ben)
    yield case("one-side-twice", "The same side claims the same twice: neither confirms the other.", [one, other], [(one, "awaiting"), (other, "awaiting")])
    s = Scene()
    one, other = s.ana.claim(s.ana, s.ben, 60), s.ana.claim(s.ana, s.ben, 90)
    low, high = sorted([one, other], key=lambda r: r.id)
    yield case("one-counts-per-session", "Two confirmed claims of one session: the lower id counts.", [one, other, s.ben.confirm(one), s.ben.confirm(other)], [(low, "confirmed"), (high, "replaced")])
    s = Scene()
    one, other = s.ana.claim(s.ana, s.ben), s.ana.claim(s.ana, s.ben, ordinal=1)
    yield case("another-ordinal", "Another exchange on the same day has another ordinal, and counts too.", [one, other, s.ben.confirm(one), s.ben.confirm(other)], [(one, "confirmed"), (other, "confirmed")])
    s = Scene()
    foreign = session_id(pair(s.riverbend.id, s.oak.id), s.cem.account, s.ben.account, TODAY, 0)
    claim = s.ana.claim(s.ana, s.ben, session=foreign)
    yield case("foreign-session", "A claim that states the session of other accounts is no claim.", [claim, s.ben.confirm(claim)], [])
    s = Scene()
    claim = s.ana.claim(s.cem, s.ben)
    yield case("by-a-third-person", "A claim by neither giver nor receiver is no claim.", [claim, s.ben.confirm(claim)], [])
    s = Scene()
    claim = s.ana.claim(s.ana, s.ben, scope=LOCAL_SCOPE)
    yield case("local-with-another-home", "A local claim with somebody of another neighborhood is no claim.", [claim], [])
    s = Scene()
    claim = s.ana.claim(s.ana, s.cem, scope=pair(s.riverbend.id, s.oak.id))
    yield case("pair-within-one-home", "A pair's claim between two of one neighborhood is no claim.", [claim], [])
    s = Scene()
    claim = s.ana.claim(s.ana, s.ana)
    yield case("with-oneself", "A claim of somebody with themselves is no claim.", [claim], [])
    yield from corrections()


def corrections() -> Iterator[Case]:
    def case(name: str, about: str, given: Sequence[Record], states: Sequence[tuple[Record, str]]) -> Case:
        return f"hours/{name}", s.state(about, given, given, claims={r.id.hex(): state for r, state in states})

    s = Scene()
    first = s.ana.claim(s.ana, s.ben, 60)
    fixed = s.ben.claim(s.ana, s.ben, 45, corrects=first)
    yield case("correction", "A correction that the other side confirms takes the claim's place.", [first, s.ben.confirm(first), fixed, s.ana.confirm(fixed)], [(first, "corrected"), (fixed, "confirmed")])
    s = Scene()
    first = s.ana.claim(s.ana, s.ben, 60)
    fixed = s.ben.claim(s.ana, s.ben, 45, corrects=first)
    yield case("correction-unconfirmed", "As long as nobody confirms the correction, the first claim counts.", [first, s.ben.confirm(first), fixed], [(first, "confirmed"), (fixed, "awaiting")])
    s = Scene()
    first = s.ana.claim(s.ana, s.ben, 60)
    fixed = s.ben.claim(s.ana, s.ben, 0, corrects=first)
    yield case("correction-to-zero", "A correction to no minutes.", [first, s.ben.confirm(first), fixed, s.ana.confirm(fixed)], [(first, "corrected"), (fixed, "confirmed")])
    s = Scene()
    first = s.ana.claim(s.ana, s.ben, 60)
    fixed = s.ben.claim(s.ben, s.ana, 60, corrects=first)
    yield case("correction-of-the-direction", "A correction turns giver and receiver around: the session is the same.", [first, s.ben.confirm(first), fixed, s.ana.confirm(fixed)], [(first, "corrected"), (fixed, "confirmed")])
    s = Scene()
    first = s.ana.claim(s.ana, s.ben, 60)
    two = [s.ben.claim(s.ana, s.ben, minutes, corrects=first) for minutes in (30, 45)]
    low, high = sorted(two, key=lambda r: r.id)
    yield case("two-corrections", "Two confirmed corrections of one claim: the lower id counts.", [first, s.ben.confirm(first), *two, *(s.ana.confirm(c) for c in two)], [(first, "corrected"), (low, "confirmed"), (high, "replaced")])
    s = Scene()
    first = s.ana.claim(s.ana, s.ben, 60)
    other = s.ben.claim(s.ana, s.ben, 45, corrects=first)
    deep = [s.ben.claim(s.ana, s.ben, 30, corrects=first)]
    deep.append(s.ana.claim(s.ana, s.ben, 20, corrects=deep[0]))
    words = [s.ben.confirm(first), s.ana.confirm(other), s.ana.confirm(deep[0]), s.ben.confirm(deep[1])]
    yield case("the-deepest-correction-counts", "A correction of a correction stands above another correction of the first.", [first, other, *deep, *words], [(first, "corrected"), (other, "replaced"), (deep[0], "corrected"), (deep[1], "confirmed")])
    s = Scene()
    first, elsewhere = s.ana.claim(s.ana, s.ben, 60), s.ana.claim(s.ana, s.ben, 60, ordinal=1)
    fixed = s.ben.claim(s.ana, s.ben, 30, corrects=elsewhere)
    yield case("correction-of-another-session", "A correction that names a claim of another session reads as unknown.", [first, elsewhere, s.ben.confirm(first), s.ben.confirm(elsewhere), fixed, s.ana.confirm(fixed)], [(first, "confirmed"), (elsewhere, "confirmed"), (fixed, "unknown")])
    s = Scene()
    first = s.ana.claim(s.ana, s.ben, 60)
    fixed = s.ben.claim(s.ana, s.ben, 30, corrects=first)
    yield case("correction-of-an-unconfirmed-claim", "A confirmed correction of a claim that nobody confirmed reads as unknown.", [first, fixed, s.ana.confirm(fixed)], [(first, "awaiting"), (fixed, "unknown")])
    s = Scene()
    first = s.ana.claim(s.ana, s.ben, 60)
    fixed = s.ben.claim(s.ana, s.ben, 30, corrects=first)
    yield case("correction-of-something-not-held", "A confirmed correction of a claim that is not held reads as unknown.", [fixed, s.ana.confirm(fixed)], [(fixed, "unknown")])


def promises() -> Iterator[Case]:
    """Ben of Oak Street offers to help with Ana's post, which her own node reads."""

    def case(name: str, about: str, given: Sequence[Record], state: list[Any], post_state: list[Any] | None, **more: Any) -> Case:
        kept = more.pop("kept", given)
        posts = {} if post_state is None else {post.thing.hex(): post_state}
        return f"promise/{name}", s.state(about, given, kept, promises={promise.thing.hex(): state}, posts=posts, **more)

    table: list[tuple[str, str, str, str, int]] = [
        ("offered", "", "proposed", "open", 1), ("withdrawn", "", "withdrawn", "open", 1), ("done", "", "proposed", "open", 1),
        ("offered", "agreed", "agreed", "arranged", 0), ("withdrawn", "agreed", "released", "open", 1), ("done", "agreed", "done", "fulfilled", 0),
        ("offered", "declined", "declined", "open", 1), ("offered", "released", "released", "open", 1),
        ("offered", "done", "done", "fulfilled", 0), ("withdrawn", "done", "done", "fulfilled", 0), ("offered", "no_show", "no_show", "open", 1),
    ]
    for helper, poster, state, post_state, free in table:
        s = Scene()
        post = s.ana.post(s.scope)
        promise = s.ben.commit(post, helper)
        given = [post, promise, *([s.ana.answer(promise, poster)] if poster else [])]
        name = f"{helper}-and-{poster.replace('_', '-') or 'no-answer'}"
        yield case(name, f"The helper says {helper}, the poster {poster or 'nothing'}: {state}.", given, [state, 1], [post_state, free])
    s = Scene()
    post = s.ana.post(s.scope)
    promise = s.ben.commit(post)
    foreign = s.cem.say("answer", promise.scope, {"commitment": promise.thing, "word": "agreed"}, nonce=answer_nonce(promise.thing), created=promise.created, expires=promise.expires)
    yield case("answered-by-another", "Only the poster's answer counts.", [post, promise, foreign], ["proposed", 1], ["open", 1])
    s = Scene()
    post = s.ana.post(s.scope)
    promise = s.ben.commit(post)
    yield case("post-not-held", "The post is not held.", [promise], ["unknown", 1], None)
    s = Scene()
    post = s.ana.post(s.scope, slots=3)
    promise = s.ben.commit(post, slots=2)
    yield case("some-of-the-slots", "Two of three slots are taken.", [post, promise, s.ana.answer(promise, "agreed")], ["agreed", 2], ["partly_arranged", 1])
    s = Scene()
    post = s.ana.post(s.scope, slots=3)
    promise = s.ben.commit(post, slots=2)
    answer = s.ana.say("answer", promise.scope, {"commitment": promise.thing, "word": "agreed", "slots": 1}, nonce=answer_nonce(promise.thing), created=promise.created, expires=promise.expires)
    yield case("fewer-slots-agreed", "Two slots are offered and one is agreed to.", [post, promise, answer], ["agreed", 1], ["partly_arranged", 2])
    s = Scene()
    post = s.ana.post(s.scope, days=60)
    promise = s.ben.commit(post, days=3)
    yield case("lapsed", "The promise is over and nobody has answered.", [post, promise], ["lapsed", 1], ["open", 1], later=TODAY + 5)
    s = Scene()
    post = s.ana.post(s.scope, status="paused")
    promise = s.ben.commit(post)
    yield case("paused", "The poster has paused the post.", [post, promise], ["proposed", 1], ["paused", 1])
    s = Scene()
    post = s.ana.post(s.scope, status="withdrawn")
    promise = s.ben.commit(post)
    yield case("post-withdrawn", "The poster has withdrawn the post.", [post, promise], ["proposed", 1], ["withdrawn", 1])
    s = Scene()
    post = s.ben.post(s.scope, slots=2)
    word = s.oak.standing(post, "partly_arranged", 1)
    yield "promise/standing", s.state("Another home's post, with the standing that this home gives it.", [post, word], [post, word], posts={post.thing.hex(): ["partly_arranged", 1]})
    s = Scene()
    post = s.ben.post(s.scope)
    word = s.riverbend.standing(post, "fulfilled", 0)
    yield "promise/standing-by-another-home", s.state("A standing by another home than the post's does not count.", [post, word], [post, word], posts={post.thing.hex(): ["open", 1]})
    s = Scene()
    post = s.ben.post(s.scope)
    several = [s.oak.standing(post, "arranged", 0, created=post.created + n) for n in range(3)]
    first = min(several, key=lambda r: r.thing)
    yield "promise/several-standings", s.state("Of several standings of one post the lowest thing stays.", [post, *several], [post, first], posts={post.thing.hex(): ["arranged", 0]})


def successions() -> Iterator[Case]:
    def speaks(home: Neighborhood, firsts: Iterable[tuple[Member, Member]]) -> dict[str, dict[str, str]]:
        return {home.id.hex(): {member.key.hex(): first.key.hex() for member, first in firsts}}

    def case(name: str, about: str, given: Sequence[Record], firsts: Sequence[tuple[Member, Member]], **more: Any) -> Case:
        kept = more.pop("kept", given)
        return f"succession/{name}", s.state(about, given, kept, accounts=speaks(s.oak, firsts), **more)

    def people(*names: str) -> list[Member]:
        return [s.oak.member(name) for name in names]

    s = Scene()
    old, new = people("Ben", "Ben's second key")
    step = s.oak.succession(old, new, s.scope)
    yield case("one-step", "A new key carries on the account.", [step], [(old, old), (new, old)])
    s = Scene()
    one, two, three = people("Ben", "second", "third")
    yield case("two-steps", "A succession of a succession.", [s.oak.succession(one, two, s.scope), s.oak.succession(two, three, s.scope)], [(one, one), (two, one), (three, one)])
    s = Scene()
    one, two, three = people("Ben", "second", "third")
    yield case("two-keys-of-one", "Two successions of one key: both keys belong to the account.", [s.oak.succession(one, two, s.scope), s.oak.succession(one, three, s.scope)], [(one, one), (two, one), (three, one)])
    s = Scene()
    one, two, new = people("Ben", "Bea", "new")
    steps = [s.oak.succession(one, new, s.scope), s.oak.succession(two, new, s.scope)]
    first = min((one, two), key=lambda old: step_hash(s.oak.id, old.key, new.key))
    yield case("one-predecessor", "Two steps lead to one key: the lower step counts.", steps, [(one, one), (two, two), (new, first)])
    s = Scene()
    one, two = people("Ben", "second")
    yield case("cycle-of-two", "Two steps in a circle count for nothing.", [s.oak.succession(one, two, s.scope), s.oak.succession(two, one, s.scope)], [(one, one), (two, two)])
    s = Scene()
    one, two, three, four = people("one", "two", "three", "hanging on")
    ring = [s.oak.succession(a, b, s.scope) for a, b in ((one, two), (two, three), (three, one), (three, four))]
    yield case("cycle-of-three", "Three steps in a circle count for nothing; what hangs on it counts from there.", ring, [(one, one), (two, two), (three, three), (four, three)])
    s = Scene()
    (one,) = people("Ben")
    step = s.oak.succession(one, one, s.scope)
    yield case("cycle-of-one", "A key that carries itself on.", [step], [(one, one)])
    for who in ("old", "new"):
        s = Scene()
        old, new = people("Ben", "a key that the home made up")
        step = s.oak.succession(old, new, s.scope)
        word = (old if who == "old" else new).contest(old, new, s.scope)
        yield case(f"contested-by-the-{who}-key", f"The {who} key contests: the step is void.", [step, word], [(old, old), (new, new)])
    s = Scene()
    one, two, three = people("Ben", "second", "third")
    steps = [s.oak.succession(one, two, s.scope), s.oak.succession(two, three, s.scope)]
    word = one.contest(two, three, s.scope)
    yield case("contested-by-an-earlier-key", "The first key of the account contests a later step.", [*steps, word], [(one, one), (two, one), (three, three)])
    s = Scene()
    old, new, other = people("Ben", "second", "somebody else")
    step = s.oak.succession(old, new, s.scope)
    yield case("contested-by-a-stranger", "A contest by a key of another account does not count.", [step, other.contest(old, new, s.scope)], [(old, old), (new, old), (other, other)])
    s = Scene()
    old, new = people("Ben", "second")
    step, word = s.oak.succession(old, new, s.scope), old.contest(old, new, s.scope)
    again = s.oak.succession(old, new, s.scope, contests=[word])
    yield case("contest-cited-without-a-voter", "A new succession cites the contest, but no other voter has assented to it.", [step, word, again], [(old, old), (new, new)])
    s = Scene()
    old, new = people("Ben", "second")
    step, word = s.oak.succession(old, new, s.scope), old.contest(old, new, s.scope)
    again = s.oak.succession(old, new, s.scope, contests=[word])
    own = s.unheard(s.region.assent(s.oak, again))
    yield case("contest-answered-by-its-own-home", "The home itself assents to its succession: that answers nothing.", [step, word, again, *own], [(old, old), (new, new)])
    s = Scene()
    old, new = people("Ben", "second")
    step, word = s.oak.succession(old, new, s.scope), old.contest(old, new, s.scope)
    again = s.oak.succession(old, new, s.scope, contests=[word])
    yes = s.unheard(s.region.assent(s.riverbend, again))
    yield case("contest-answered", "A new succession cites the contest, and another voter assents to it: the step counts again.", [step, word, again, *yes], [(old, old), (new, old)])
    s = Scene()
    old, new, third = people("Ben", "second", "third")
    step = s.oak.succession(old, new, s.scope)
    words = [old.contest(old, new, s.scope), new.contest(old, new, s.scope)]
    again = s.oak.succession(old, new, s.scope, contests=words[:1])
    yes = s.unheard(s.region.assent(s.riverbend, again))
    yield case("one-of-two-contests-answered", "Two keys contest and one contest is answered: the step stays void.", [step, *words, again, *yes], [(old, old), (new, new), (third, third)])
    s = Scene()
    old, new = people("Ben", "second")
    step = s.oak.succession(old, new, s.scope)
    rotation = s.oak.rotation()
    yield case("under-a-replaced-node-key", "A succession signed with a node key that was replaced later leaves its set.", [step, rotation], [(old, old), (new, new)], kept=[rotation], aside=[step])
    yield from with_hours()


def with_hours() -> Iterator[Case]:
    s = Scene()
    old, new = s.ben, s.oak.member("Ben's second key")
    claim = s.ana.claim(s.ana, old)
    step = s.oak.succession(old, new, s.scope)
    word = new.confirm(claim)
    yield "succession/the-new-key-confirms", s.state("The new key confirms a claim with the old one.", [claim, word, step], [claim, word, step], claims={claim.id.hex(): "confirmed"})
    s = Scene()
    old, new = s.ben, s.oak.member("Ben's second key")
    claim = old.claim(s.ana, old)
    step = s.oak.succession(old, new, s.scope)
    word = new.confirm(claim)
    yield "succession/no-self-confirmation-by-the-new-key", s.state("The new key cannot confirm what the old key claimed: it is the same account.", [claim, word, step], [claim, word, step], claims={claim.id.hex(): "awaiting"})
    s = Scene()
    old, new = s.ben, s.oak.member("Ben's second key")
    claim = s.ana.claim(s.ana, old)
    step = s.oak.succession(old, new, s.scope)
    contest = old.contest(old, new, s.scope)
    word = new.confirm(claim)
    given = [claim, word, step, contest]
    yield "succession/a-contested-key-confirms-nothing", s.state("The step is contested: its new key has no say in the old one's hours.", given, given, claims={claim.id.hex(): "awaiting"})
    s = Scene()
    old, new = s.cem, s.riverbend.member("Cem's second key")
    claim = s.ana.claim(s.ana, old)
    step = s.riverbend.succession(old, new)
    word = new.confirm(claim)
    yield "succession/local", s.state("A succession in local scope, and hours within the neighborhood.", [claim, word, step], [claim, word, step], claims={claim.id.hex(): "confirmed"})


def cases() -> Iterator[Case]:
    yield from hours()
    yield from promises()
    yield from successions()
