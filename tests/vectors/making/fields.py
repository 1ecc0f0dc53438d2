"""Payload fields, scopes and lifetimes that no record may have, and the outermost that it may."""
# fmt: off

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

from protocol.record import Record, parse
from protocol.scopes import CREATED_MAX_S, DAY_S, EPOCH_2020_S, pair
from tests.protocol.helpers import NOON, TODAY, secret
from tests.vectors.making.encoding import a_post
from tests.vectors.making.scene import Case, Scene, altered, rewritten, signed

HASH = b"c" * 32

# name, code, fault, changed fields of Ana's post in coalition scope, fields left out
FIELDS: list[tuple[str, str, str, dict[str, Any], tuple[int, ...]]] = [
    ("version-2", "unknown_version", "A later version.", {"f1": 2}, ()),
    ("version-2-with-other-fields", "unknown_version", "A later version with a field too many and one missing: the version is looked at first.", {"f1": 2, "f13": 0}, (12,)),
    ("version-0", "unknown_version", "Version 0.", {"f1": 0}, ()),
    ("version-a-text", "bad_field", "The version is a text.", {"f1": "1"}, ()),
    ("version-true", "bad_field", "The version is true.", {"f1": True}, ()),
    ("version-missing", "bad_field", "There is no version.", {}, (1,)),
    ("edit-missing", "bad_field", "There is no edit number.", {}, (9,)),
    ("body-missing", "bad_field", "There is no body.", {}, (12,)),
    ("one-too-many", "bad_field", "There is a field 13.", {"f13": 0}, ()),
    ("zero-key", "bad_field", "There is a field 0.", {"f0": 0}, ()),
    ("kind-empty", "bad_field", "The kind is an empty text.", {"f2": ""}, ()),
    ("kind-of-33-characters", "bad_field", "The kind has 33 characters.", {"f2": "k" * 33}, ()),
    ("kind-a-number", "bad_field", "The kind is a number.", {"f2": 1}, ()),
    ("author-of-31-bytes", "bad_field", "The author has 31 bytes.", {"f4": b"a" * 31}, ()),
    ("author-empty", "bad_field", "The author is empty, as in an inception only.", {"f4": b""}, ()),
    ("home-empty", "bad_field", "The home is empty, as in an inception only.", {"f5": b""}, ()),
    ("home-a-text", "bad_field", "The home is a text.", {"f5": "h" * 32}, ()),
    ("nonce-of-15-bytes", "bad_field", "The nonce has 15 bytes.", {"f6": b"n" * 15}, ()),
    ("nonce-of-17-bytes", "bad_field", "The nonce has 17 bytes.", {"f6": b"n" * 17}, ()),
    ("created-before-2020", "bad_field", "Created one second before 2020.", {"f7": EPOCH_2020_S - 1}, ()),
    ("created-after-2088", "bad_field", "Created 2^31 seconds after 2020-01-01.", {"f7": CREATED_MAX_S + 1}, ()),
    ("created-a-text", "bad_field", "The time of creation is a text.", {"f7": "now"}, ()),
    ("expires-true", "bad_field", "The day on which it is over is true.", {"f8": True}, ()),
    ("expires-negative", "bad_field", "It is over on day -1.", {"f8": -1}, ()),
    ("expires-after-day-60000", "bad_field", "It is over on day 60,001.", {"f8": 60_001}, ()),
    ("edit-negative", "bad_field", "A negative edit number.", {"f9": -1}, ()),
    ("edit-65536", "bad_field", "Edit 65,536.", {"f9": 65_536}, ()),
    ("erased-false", "bad_field", "Erased is false; it is true or absent.", {"f10": False}, ()),
    ("erased-1", "bad_field", "Erased is 1.", {"f10": 1, "f12": {}}, ()),
    ("erased-null", "bad_field", "Erased is null.", {"f10": None}, ()),
    ("body-a-list", "bad_field", "The body is a list.", {"f12": []}, ()),
    ("body-null", "bad_field", "The body is null.", {"f12": None}, ()),
    ("behalf-null", "bad_field", "Spoken for null; the field is absent where nobody is.", {"f11": None, "f3": [0]}, ()),
    ("behalf-of-one-item", "bad_field", "Spoken for somebody without naming the consent.", {"f11": [HASH], "f3": [0]}, ()),
    ("behalf-of-three-items", "bad_field", "Spoken for somebody with an item too many.", {"f11": [HASH] * 3, "f3": [0]}, ()),
]

SCOPES: list[tuple[str, str, dict[str, Any]]] = [
    ("a-number", "The scope is a number.", {"f3": 0}),
    ("empty", "The scope is an empty list.", {"f3": []}),
    ("type-3", "Scope type 3 is reserved.", {"f3": [3]}),
    ("type-negative", "Scope type -1.", {"f3": [-1]}),
    ("type-false", "The scope type is false, which is no 0.", {"f3": [False]}),
    ("local-with-an-id", "A local scope names a coalition.", {"f3": [0, HASH]}),
    ("coalition-of-31-bytes", "The coalition has 31 bytes.", {"f3": [2, b"c" * 31]}),
    ("coalition-a-text", "The coalition is a text.", {"f3": [2, "c" * 32]}),
    ("two-coalitions", "Two coalitions are named.", {"f3": [2, HASH, b"d" * 32]}),
    ("post-in-the-keys-scope", "A post stands in the keys scope [2].", {"f3": [2]}),
    ("unknown-kind-in-the-keys-scope", "An unknown kind stands in the keys scope [2].", {"f2": "later", "f3": [2]}),
    ("on-behalf-in-a-coalition", "A record on behalf of somebody in coalition scope.", {"f11": [HASH, HASH]}),
    ("details-in-a-coalition", "Private details in coalition scope.", {"f2": "details"}),
    ("profile-in-a-coalition", "A member's profile in coalition scope.", {"f2": "profile"}),
    ("hours-in-a-coalition", "Hours in coalition scope.", {"f2": "hours", "f8": None}),
    ("commitment-in-a-coalition", "A promise in coalition scope.", {"f2": "commitment"}),
]


def fields() -> Iterator[Case]:
    for name, code, about, changes, drop in FIELDS:
        scene = Scene()
        post = a_post(scene)
        made = _by(scene, post, changes, drop)
        yield f"field/{name}", scene.refused("envelope", code, about, made, sound=post)
    scene = Scene()
    post = a_post(scene)
    made = signed(bytes.fromhex("98 1e" + "01" * 30), scene.ana.seed, scene.riverbend.seed)
    yield "field/no-map", scene.refused("envelope", "bad_field", "The payload is a list.", made, sound=post)
    scene = Scene()
    inception = scene.harbor.inception
    scene.neighbors = [scene.oak, scene.harbor]
    known = [record for record in scene.held() if record.id != inception.id]
    made = altered(scene, inception, f4=HASH)
    made = signed(parse_payload(made), scene.harbor.seed)
    yield "field/inception-with-an-author", scene.refused("envelope", "bad_field", "An inception names an author; author and home are empty.", made, sound=inception, known=known)
    for number, kind in ((32, "k" * 32), (32, "ä" * 32)):
        scene = Scene()
        record = scene.ana.say(kind, scene.scope, {})
        yield f"field/sound-kind-of-{number}-{'letters' if kind[0] == 'k' else 'umlauts'}", scene.taken("A kind of 32 characters.", record)
    scene = Scene()
    record = scene.ana.say("post", scene.scope, a_post(scene).body, edit=65_535)
    yield "field/sound-edit-65535", scene.taken("The highest edit.", record)
    scene = Scene()
    sound = scene.oak.say("later", pair(scene.oak.id, scene.riverbend.id), {})
    made = altered(scene, sound, f11=[scene.ben.key, HASH])
    yield "field/unknown-act-on-behalf", scene.refused("envelope", "wrong_signer", "A neighborhood's act of an unknown kind speaks for somebody; only a member may.", made, sound=sound)
    scene = Scene()
    record = scene.ana.say("post", (0,), a_post(scene).body, on_behalf_of=(scene.cem.key, HASH))
    yield "field/sound-on-behalf", scene.taken("Ana speaks for Cem, in local scope.", record)
    scene = Scene()
    claim = scene.ana.claim(scene.ana, scene.ben)
    early = parse(altered(scene, claim, f7=EPOCH_2020_S))
    yield "field/sound-created-2020", scene.taken("Created in the first second of 2020.", early)


def _by(scene: Scene, post: Record, changes: dict[str, Any], drop: tuple[int, ...] = ()) -> bytes:
    """Signed by Ana and Riverbend, whoever the fields name."""
    return signed(parse_payload(altered(scene, post, drop, **changes)), scene.ana.seed, scene.riverbend.seed)


def parse_payload(message: bytes) -> bytes:
    """The payload bytes of any message with a head of two or three bytes."""
    size = 1 if message[5] == 0x58 else 2
    length = int.from_bytes(message[6 : 6 + size], "big")
    return message[6 + size : 6 + size + length]


def scopes() -> Iterator[Case]:
    for name, about, changes in SCOPES:
        scene = Scene()
        post = a_post(scene)
        yield f"scope/{name}", scene.refused("envelope", "bad_scope", about, altered(scene, post, **changes), sound=post)
    scene = Scene()
    one, other = sorted([scene.riverbend.id, scene.oak.id])
    promise = scene.ana.commit(scene.ben.post(scene.scope))
    for name, about, ids in (
        ("pair-of-one", "A pair of one neighborhood.", [one]),
        ("pair-out-of-order", "The two of a pair are not in order.", [other, one]),
        ("pair-with-itself", "A pair of a neighborhood with itself.", [scene.riverbend.id] * 2),
        ("pair-of-others", "A pair that the home is not part of.", sorted([scene.harbor.id, scene.oak.id])),
        ("pair-of-three", "A pair of three.", sorted([one, other, scene.harbor.id])),
    ):
        yield f"scope/{name}", scene.refused("envelope", "bad_scope", about, altered(scene, promise, f3=[1, *ids]), sound=promise)
    scene = Scene()
    post = a_post(scene)
    made = altered(scene, post, f3=[1, *sorted([scene.riverbend.id, scene.oak.id])])
    yield "scope/post-in-a-pair", scene.refused("envelope", "bad_scope", "A post in pair scope.", made, sound=post)
    scene = Scene()
    rotation = scene.oak.rotation()
    made = rewritten(scene, rotation, f3=b"\x82\x02\x58\x20" + scene.region.id)
    made = signed(parse_payload(made), *_sheets(scene))
    yield "scope/rotation-in-a-coalition", scene.refused("envelope", "bad_scope", "A rotation in coalition scope.", made, sound=rotation)
    scene = Scene()
    assent = scene.region.assent(scene.oak, scene.tip)
    scene.region.records.remove(assent)
    made = altered(scene, assent, f3=[0])
    yield "scope/assent-local", scene.refused("envelope", "bad_scope", "An assent in local scope.", made)


def _sheets(scene: Scene) -> list[bytes]:
    return [secret("sheet", sheet) for sheet in scene.oak.sheets]


def _say(kind: str, days: int, body: dict[str, Any], own: bool = False) -> Callable[[Scene], Record]:
    """A record in coalition scope that is over so many days after it was made."""
    return lambda scene: scene.riverbend.say(kind, scene.scope, body, expires=TODAY + days, member=None if own else scene.ana)


CARD = {"name": "Riverbend", "prekey": HASH, "at": NOON}

# name, fault, the sound record, the day on which the faulty one is over, counted from that of `created`
LIFETIMES: list[tuple[str, str, Callable[[Scene], Record], int | None]] = [
    ("post-never", "A post that never ends.", a_post, None),
    ("post-of-no-day", "A post that is over on the day on which it is made.", a_post, 0),
    ("post-before-its-day", "A post that is over the day before it is made.", a_post, -1),
    ("post-of-92-days", "A post with 92 days from creation to end; the sound one has the most, 90 and one.", _say("post", 91, {}), 92),
    ("commitment-of-122-days", "A promise with 122 days; the sound one has 120 and one.", lambda scene: scene.ana.commit(scene.ben.post(scene.scope), days=120), 122),
    ("node-card-of-368-days", "A node card with 368 days; the sound one has 366 and one.", _say("node", 367, CARD, own=True), 368),
    ("parcel-of-32-days", "A parcel with 32 days; the sound one has 30 and one.", _say("parcel", 31, {"sealed": HASH}, own=True), 32),
    ("unknown-kind-of-368-days", "An unknown kind with 368 days; the sound one has 366 and one.", _say("later", 367, {}), 368),
    ("hours-that-end", "Hours that end.", lambda scene: scene.ana.claim(scene.ana, scene.ben), 31),
    ("confirm-that-ends", "A confirmation that ends.", lambda scene: scene.ana.confirm(scene.ben.claim(scene.ana, scene.ben)), 31),
    ("assent-that-ends", "A roster act that ends.", lambda scene: scene.riverbend.say("assent", scene.scope, {"epoch": scene.tip.id}, days=None), 31),
    ("succession-that-ends", "A succession that ends.", lambda scene: scene.riverbend.succession(scene.ana, scene.cem), 31),
]


def lifetimes() -> Iterator[Case]:
    for name, about, sound_of, days in LIFETIMES:
        scene = Scene()
        sound = sound_of(scene)
        made = altered(scene, sound, f8=None if days is None else TODAY + days)
        yield f"lifetime/{name}", scene.refused("envelope", "bad_lifetime", about, made, sound=sound)
    scene = Scene()
    late = scene.ana.post(scene.scope, created=NOON + DAY_S, expires=TODAY + 3)
    yield "lifetime/sound-created-tomorrow", scene.taken("Created in tomorrow: a clock may be a day ahead.", late)
    scene = Scene()
    late, sound = (scene.ana.post(scene.scope, created=(TODAY + 2) * DAY_S - early, expires=TODAY + 5) for early in (0, 1))
    yield "lifetime/not-yet", scene.refused("judgement", "not_yet", "Created in the first second of the day after tomorrow; the sound one a second earlier.", late, sound=sound)
    scene = Scene()
    over, sound = (scene.ana.post(scene.scope, created=NOON - 5 * DAY_S, expires=TODAY + more) for more in (0, 1))
    yield "lifetime/expired", scene.refused("judgement", "expired", "It is over today, since 00:00 UTC; the sound one will be tomorrow.", over, sound=sound)


def signers() -> Iterator[Case]:
    scene = Scene()
    post = a_post(scene)
    own = signed(parse_payload(altered(scene, post, f4=scene.riverbend.id)), scene.riverbend.seed)
    yield "field/post-by-the-neighborhood", scene.refused("envelope", "wrong_signer", "A post whose author is the neighborhood.", own, sound=post)
    for kind, expires in (("node", TODAY + 31), ("parcel", TODAY + 31), ("standing", TODAY + 31), ("erasure", TODAY + 31), ("sponsor", None), ("epoch", None), ("succession", None)):
        scene = Scene()
        made = altered(scene, a_post(scene), f2=kind, f8=expires, f12={})
        yield f"field/{kind}-by-a-member", scene.refused("envelope", "wrong_signer", f"A record of kind {kind} by a member.", made)
    scene = Scene()
    made = signed(parse_payload(altered(scene, a_post(scene), f2="erasure", f3=[0], f4=scene.riverbend.id, f11=[HASH, HASH], f12={})), scene.riverbend.seed)
    yield "field/neighborhood-on-behalf", scene.refused("envelope", "wrong_signer", "A neighborhood's own act on behalf of somebody.", made)
    scene = Scene()
    made = altered(scene, a_post(scene), f2="contest", f8=None, f12={"old": scene.ana.key, "new": scene.cem.key})
    contest = scene.ana.contest(scene.ana, scene.cem, scene.scope)
    yield "signature/contest-signed-by-the-home", scene.refused("envelope", "wrong_signatures", "A contest with the neighborhood's signature beside the member's; it has the member's alone.", made, sound=contest)


def cases() -> Iterator[Case]:
    yield from fields()
    yield from scopes()
    yield from lifetimes()
    yield from signers()
