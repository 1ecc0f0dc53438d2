"""What is refused for now by what the reader holds, and what looks odd and passes."""
# fmt: off

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from protocol.record import Draft
from protocol.scopes import KEYS_SCOPE, coalition, pair
from protocol.signing import public_key
from tests.protocol.helpers import NOON, Coalition, Neighborhood, policy, secret
from tests.vectors.making.encoding import a_post
from tests.vectors.making.scene import Case, Scene, altered

HASH = b"c" * 32


def judged() -> Iterator[Case]:
    def case(name: str, code: str, about: str, record: Any, **more: Any) -> Case:
        return f"judgement/{name}", scene.refused("judgement", code, about, record, **more)

    scene = Scene()
    yield case("unknown-home", "unknown_home", "Harbor Hill's keys are not held.", scene.hana.post(scene.scope))
    scene = Scene()
    scene.neighbors = [scene.oak, scene.harbor]
    yield case("not-a-member", "not_a_member", "Harbor Hill is a neighbor, and not in the coalition.", scene.hana.post(scene.scope))
    scene = Scene()
    scene.neighbors = [scene.oak, scene.harbor]
    epoch = scene.region.epoch(scene.harbor, scene.tip, [scene.harbor])
    scene.unheard(epoch)
    yield case("roster-act-of-a-stranger", "not_a_member", "An epoch by a home that no valid epoch or sponsor has named.", epoch)
    scene = Scene()
    scene.neighbors = [scene.oak, scene.harbor]
    contest = scene.hana.contest(scene.hana, scene.harbor.member("Hugo"), scene.scope)
    yield case("contest-of-a-stranger", "not_a_member", "A contest in a coalition that its home was never in.", contest)
    scene = Scene()
    yield case("anothers-local-record", "not_for_us", "A record in Oak Street's local scope.", scene.ben.post())
    scene = Scene()
    scene.neighbors = [scene.oak, scene.harbor]
    about = "A pair record of Oak Street and Harbor Hill."
    yield case("anothers-pair", "not_for_us", about, scene.ben.commit(scene.hana.post()))
    scene = Scene()
    yield case("anothers-coalition", "not_for_us", "A record in a coalition that the reader does not follow.", scene.ben.post(coalition(HASH)))
    scene = Scene()
    other = Coalition("The other valley", scene.oak)
    yield case("charter-of-a-coalition-not-followed", "not_for_us", "The charter of a coalition that the reader does not follow.", other.charter)
    scene = Scene()
    stranger = Neighborhood("Nowhere")
    yield case("inception-nobody-needs", "unknown_home", "The inception of a home that is no neighbor and in no roster.", stranger.inception)
    scene = Scene()
    lone = scene.oak.rotation(previous=HASH)
    yield case("rotation-without-its-predecessor", "unknown_key", "A rotation whose predecessor is not held.", lone)
    scene = Scene()
    late = scene.oak.rotation()
    body, keys = late.body, [secret("sheet", "Oak Street sheet")]
    late = Draft("rotation", KEYS_SCOPE, scene.oak.id, scene.oak.id, b"r" * 16, NOON + 2 * 86_400, None, body).sign(keys)
    about = "A rotation dated after tomorrow: keys and rosters hang on nobody's clock."
    yield "judgement/rotation-dated-ahead", scene.taken(about, late)
    yield from _old_keys()
    yield from _held_already()


def _old_keys() -> Iterator[Case]:
    def case(name: str, about: str, record: Any, **more: Any) -> Case:
        return f"judgement/{name}", scene.refused("judgement", "old_key", about, record, **more)

    scene = Scene()
    old = scene.oak.seed
    post = scene.ben.post(scene.scope)
    scene.oak.rotate()
    fresh = scene.ben.say("post", post.scope, post.body, nonce=post.nonce)
    assert fresh.id == post.id
    yield case("old-key", "Oak Street's signature is by the key before its rotation; the sound one, with the same id, by the new key.", post, sound=fresh)
    scene = Scene()
    post = scene.ben.post(scene.scope)
    old = scene.oak.seed
    scene.oak.rotate()
    mark = scene.oak.erasure(post, seed=old)
    yield case("old-key-of-an-erasure", "A home's erasure by a replaced key: a thief could make any number.", mark)
    scene = Scene()
    old = scene.oak.seed
    scene.oak.rotate()
    succession = scene.oak.succession(scene.ben, scene.bea, scene.scope, seed=old)
    yield case("old-key-of-a-succession", "A succession by a replaced key.", succession)
    scene = Scene()
    scene.ben.post(scene.scope)
    losing, winning = sorted((scene.oak.rotation(seed=secret("fork", number)) for number in (0, 1)), key=lambda r: r.id, reverse=True)
    scene.oak.key_records += [winning]
    void = next(secret("fork", number) for number in (0, 1) if public_key(secret("fork", number)) == losing.home_key)
    held_too = [losing]
    post = scene.ben.say("post", scene.scope, a_post(scene).body, seed=void)
    yield "judgement/void-key", scene.refused("judgement", "old_key", "Signed with the key of a rotation that lost to one with a lower id.", post, held=held_too)


def _held_already() -> Iterator[Case]:
    def case(name: str, code: str, about: str, record: Any, **more: Any) -> Case:
        return f"judgement/{name}", scene.refused("judgement", code, about, record, **more)

    scene = Scene()
    post = scene.ben.post(scene.scope)
    later = scene.ben.again(post, post.body | {"title": "Ride home"})
    yield case("superseded", "superseded", "Edit 1 of the post is held already.", post, held=[later])
    scene = Scene()
    post = scene.ben.post(scene.scope)
    low, high = sorted((scene.ben.again(post, post.body | {"title": title}) for title in "ab"), key=lambda r: r.id)
    yield case("superseded-by-id", "superseded", "The same edit with a higher id is held.", low, held=[high])
    scene = Scene()
    post = scene.ben.post(scene.scope)
    marks = sorted([scene.oak.erasure(post), scene.oak.erasure(post)], key=lambda r: r.id)
    yield case("superseded-by-a-lower-mark", "superseded", "A mark of the same thing with a lower id is held.", marks[1], held=[marks[0]])
    scene = Scene()
    post = scene.ben.post(scene.scope)
    about = "The author's own mark is held, whichever id is lower."
    yield case("superseded-by-the-authors-mark", "superseded", about, scene.oak.erasure(post), held=[scene.ben.erase(post)])
    scene = Scene()
    post = scene.ben.post(scene.scope)
    two = sorted((scene.oak.standing(post, "open", 1, created=post.created + n) for n in (0, 1)), key=lambda r: r.thing)
    yield case("superseded-by-a-lower-standing", "superseded", "A standing of the same post with a lower thing is held.", two[1], held=[two[0]])
    for by in ("author", "home"):
        scene = Scene()
        post = scene.ben.post(scene.scope)
        mark = scene.ben.erase(post) if by == "author" else scene.oak.erasure(post)
        again = scene.ben.again(post, post.body, 60_000)
        yield case(f"erased-by-its-{by}", "erased", f"The {by}'s mark is held, and the edit is far above it.", again, held=[mark])
    scene = Scene(member_things=2)
    posts = sorted((scene.ben.post(scene.scope, title=f"post {n}") for n in range(3)), key=lambda r: r.thing)
    yield case("over-quota", "over_quota", "The charter allows two things; two lower ones by hash are held.", posts[2], held=posts[:2])
    scene = Scene(home_things=1)
    acts = sorted((scene.oak.say("notice", scene.scope, {"n": n}) for n in range(2)), key=lambda r: r.thing)
    yield case("over-quota-of-a-home", "over_quota", "The charter allows one act of a neighborhood; a lower one is held.", acts[1], held=acts[:1])


def passing() -> Iterator[Case]:
    def case(name: str, about: str, record: Any, **more: Any) -> Case:
        return f"passing/{name}", scene.taken(about, record, **more)

    bodies: list[tuple[str, str, str, dict[Any, Any]]] = [
        ("post-with-a-long-title", "A title of 121 characters: the body cannot be read, and the record passes.", "post", {"type": "need", "what": "help", "category": "rides", "title": "x" * 121}),
        ("post-without-a-title", "The body lacks a title.", "post", {"type": "need", "what": "help", "category": "rides"}),
        ("post-of-a-later-type", "A value that this version does not know.", "post", {"type": "wish", "what": "help", "category": "rides", "title": "A"}),
        ("post-with-a-field-more", "A field of a later version: the rest of the body is read.", "post", {"type": "need", "what": "help", "category": "rides", "title": "A", "later": [1, {"a": None}]}),
        ("post-with-an-empty-body", "No body at all, and no mark of erasure.", "post", {}),
        ("post-with-numbered-keys", "A body with integer keys.", "post", {1: 2, 3: b"4"}),
        ("unknown-kind-of-a-member", "An unknown kind by a member, with two signatures.", "later", {"x": [1, 2, {"y": True}]}),
        ("unknown-kind-in-another-script", "A kind in another script.", "später", {}),
    ]
    for name, about, kind, body in bodies:
        scene = Scene()
        yield case(name, about, scene.ben.say(kind, scene.scope, body))
    scene = Scene()
    yield case("unknown-kind-of-a-home", "An unknown kind by a neighborhood, with one signature.", scene.oak.say("later", scene.scope, {}))
    scene = Scene()
    yield case("unknown-kind-that-never-ends", "An unknown kind that never ends: it may be a ledger kind.", scene.ben.say("later", scene.scope, {}, days=None))
    scene = Scene()
    yield case("unknown-kind-in-a-pair", "An unknown kind in pair scope.", scene.ben.say("later", pair(scene.oak.id, scene.riverbend.id), {}))
    scene = Scene()
    first = scene.ben.say("later", scene.scope, {"n": 1})
    yield case("unknown-kind-edited", "Edit 1 of an unknown kind takes the place of the first.", scene.ben.again(first, {"n": 2}), held=[first])
    scene = Scene()
    first = scene.ben.say("later", scene.scope, {"n": 1})
    yield case("unknown-kind-erased", "A mark of erasure on an unknown kind.", scene.ben.erase(first), held=[first])
    scene = Scene()
    first = scene.ben.say("later", scene.scope, {"n": 1})
    yield case("unknown-kind-erased-by-the-home", "A home's erasure of an unknown kind.", scene.oak.erasure(first), held=[first])
    scene = Scene()
    odd = scene.oak.say("epoch", scene.scope, {"previous": "nothing"}, days=None)
    yield case("epoch-that-cannot-be-read", "An epoch whose body cannot be read counts in the roster set and changes nothing.", odd)
    scene = Scene()
    odd = scene.ben.say("hours", pair(scene.oak.id, scene.riverbend.id), {"minutes": -1}, days=None)
    yield case("hours-that-cannot-be-read", "Hours whose body cannot be read.", odd)
    scene = Scene()
    yield case("parcel-of-no-bytes", "A parcel whose body has no sealed bytes.", scene.oak.say("parcel", scene.scope, {"sealed": 1}))
    scene = Scene()
    mark = scene.ben.erase(scene.ben.post(scene.scope), 0)
    yield case("mark-of-edit-0", "A mark of erasure with edit number 0, of something never seen.", mark)
    scene = Scene()
    old = scene.oak.seed
    post = scene.ben.post(scene.scope)
    scene.oak.rotate()
    yield case("authors-mark-under-an-old-key", "An author's own mark of erasure counts under any key that their home ever had.", scene.ben.erase(post, seed=old))
    scene = Scene()
    old = scene.oak.seed
    scene.oak.rotate()
    assent = scene.oak.say("assent", scene.scope, {"epoch": scene.tip.id}, days=None, seed=old)
    yield case("roster-act-under-an-old-key", "A roster act is in its set under any key of the chain; whether it counts is another matter.", assent)
    scene = Scene()
    recovery = secret("sheet", "Oak Street sheet")
    body = {"epoch": scene.tip.id, "signers": [public_key(recovery)]}
    yield case("leave-by-the-recovery-policy", "A leave signed by the recovery key instead of the node key.", scene.oak.say("leave", scene.scope, body, days=None, seeds=[recovery]))
    scene = Scene()
    contest = scene.ben.contest(scene.ben, scene.bea, scene.scope)
    yield case("contest-with-one-signature", "A contest: a member's word with the member's signature alone.", contest)
    scene = Scene()
    posts = scene.ben.post(scene.scope)
    yield case("erasure-in-a-pair", "A home's erasure in pair scope.", scene.oak.erasure(scene.ben.commit(scene.ana.post())), held=[posts])


def fullest() -> Iterator[Case]:
    """Bodies with every field, each text as long as it may be and of characters of four bytes."""
    def text(length: int) -> str:
        return "🚲" * length

    def own(scene: Scene, kind: str, body: dict[str, Any]) -> Any:
        return scene.riverbend.say(kind, scene.scope, body)

    bodies: dict[str, Any] = {
        "post": lambda s: s.ana.say("post", (0,), {"type": "offer", "what": "space", "category": "c" * 60, "title": text(120), "text": text(900), "area": text(80), "when": text(120), "urgency": "urgent", "slots": 100, "language": "pt-BR", "name": text(40), "status": "paused", "renews": HASH, "at": NOON}),
        "details": lambda s: s.ana.say("details", (0,), {"post": HASH, "contact": text(300), "address": text(300), "household": text(300), "notes": text(800), "name": text(80), "at": NOON}),
        "profile": lambda s: s.ana.say("profile", (0,), {"name": text(40), "area": text(80), "languages": text(80), "about": text(1500), "contact": text(80), "language": "de", "at": NOON}),
        "node": lambda s: own(s, "node", {"name": text(60), "area": text(80), "addresses": ["a" * 120] * 8, "prekey": HASH, "software": text(80), "at": NOON}),
        "standing": lambda s: own(s, "standing", {"post": HASH, "state": "partly_arranged", "slots_open": 100, "at": NOON}),
        "commitment": lambda s: s.ana.say("commitment", (0,), {"post": HASH, "word": "withdrawn", "slots": 100, "note": text(500), "name": text(40), "continues": HASH, "at": NOON}),
        "answer": lambda s: s.ana.say("answer", (0,), {"commitment": HASH, "word": "no_show", "slots": 100, "note": text(500), "name": text(40), "at": NOON}),
    }
    for kind, made in bodies.items():
        scene = Scene()
        yield f"passing/fullest-{kind}", scene.taken(f"A record of kind {kind} with every field as long as it may be.", made(scene))


def key_bodies() -> Iterator[Case]:
    """What a key record may not say: name, code, fault, changes to the body of a sound rotation, who signs."""
    def bodies(scene: Scene) -> dict[str, tuple[str, str, dict[str, Any], list[bytes]]]:
        sheet = secret("sheet", "Oak Street sheet")
        other = secret("sheet", "another sheet")
        two = sorted([sheet, other], key=public_key)
        sound = policy(["new sheet"]).body()
        several = policy([f"sheet {n}" for n in range(8)]).body()
        return {
            "threshold-over-the-hashes": ("bad_key_record", "The policy asks for two signatures and has one hash.", {"recovery": sound | {"threshold": 2}}, [sheet]),
            "threshold-0": ("bad_key_record", "The policy asks for no signature.", {"recovery": sound | {"threshold": 0}}, [sheet]),
            "one-hash-twice": ("bad_key_record", "The policy has the same hash twice.", {"recovery": {"threshold": 1, "hashes": sound["hashes"] * 2}}, [sheet]),
            "no-hashes": ("bad_key_record", "The policy has no hashes.", {"recovery": {"threshold": 1, "hashes": []}}, [sheet]),
            "eight-hashes": ("bad_key_record", "The policy has eight hashes; seven are the most.", {"recovery": several}, [sheet]),
            "no-policy": ("bad_key_record", "There is no policy.", {"recovery": None}, [sheet]),
            "node-key-of-31-bytes": ("bad_key_record", "The new node key has 31 bytes.", {"node_key": b"k" * 31}, [sheet]),
            "no-signers": ("bad_key_record", "No signer is named.", {"signers": []}, [sheet]),
            "signers-out-of-order": ("wrong_signatures", "Two signers, not in ascending order.", {"signers": [public_key(key) for key in reversed(two)]}, list(reversed(two))),
            "one-signer-twice": ("wrong_signatures", "The same signer twice.", {"signers": [public_key(sheet)] * 2}, [sheet, sheet]),
            "fewer-signatures-than-signers": ("wrong_signatures", "Two signers and one signature.", {"signers": [public_key(key) for key in two]}, two[:1]),
            "more-signatures-than-signers": ("wrong_signatures", "One signer and two signatures.", {}, [sheet, other]),
            "signatures-swapped": ("bad_signature", "Two signatures, not in the order of the signers.", {"signers": [public_key(key) for key in two]}, list(reversed(two))),
            "signed-by-the-node-key": ("wrong_signer", "A thief rotates with the stolen node key as signer: it is in no recovery policy.", {"signers": [scene.oak.key]}, [scene.oak.seed]),
            "signed-by-the-new-policy": ("wrong_signer", "Signed by a key of the new policy instead of the one before.", {"signers": [public_key(secret("sheet", "new sheet"))]}, [secret("sheet", "new sheet")]),
        }

    for name in bodies(Scene()):
        scene = Scene()
        code, about, changes, seeds = bodies(scene)[name]
        sound = scene.oak.rotation(new_sheets=["new sheet"])
        body = {key: value for key, value in (sound.body | changes).items() if value is not None}
        made = Draft("rotation", KEYS_SCOPE, scene.oak.id, scene.oak.id, sound.nonce, NOON, None, body).sign(seeds)
        yield f"keys/rotation-{name}", scene.refused("envelope", code, about, made, sound=sound)
    scene = Scene()
    mill = Neighborhood("Mill Lane", ["one", "two", "three"], threshold=2)
    scene.neighbors = [scene.oak, mill]
    alone, sound = (mill.rotation(sheets=[f"Mill Lane {sheet}" for sheet in sheets]) for sheets in (["one"], ["one", "three"]))
    yield "keys/rotation-by-one-of-the-two-needed", scene.refused("envelope", "wrong_signer", "The policy asks for two of three; one has signed.", alone, sound=sound)
    scene = Scene()
    scene.neighbors = [scene.oak, scene.harbor]
    inception = scene.harbor.inception
    known = [record for record in scene.held() if record.id != inception.id]
    body = inception.body | {"recovery": inception.body["recovery"] | {"threshold": 2}}
    made = Draft("inception", KEYS_SCOPE, b"", b"", inception.nonce, inception.created, None, body).sign([scene.harbor.seed])
    yield "keys/inception-with-a-policy-that-cannot-be-met", scene.refused("envelope", "bad_key_record", "The policy asks for two signatures and has one hash.", made, sound=inception, known=known)
    scene = Scene()
    edited = altered(scene, scene.oak.rotation(), f9=1)
    yield "keys/rotation-edited", scene.refused("envelope", "bad_edit", "A rotation with edit number 1.", edited)


def cases() -> Iterator[Case]:
    yield from judged()
    yield from passing()
    yield from fullest()
    yield from key_bodies()
