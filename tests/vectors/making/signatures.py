"""Headers that are not the fixed ones, and signatures that are not the right ones."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator

from protocol.encoding import encode
from protocol.record import Draft, Record, assemble, parse, to_be_signed
from protocol.scopes import KEYS_SCOPE
from protocol.signing import public_key, sign
from tests.protocol.helpers import NOON, TODAY, policy, secret
from tests.vectors.making import curve
from tests.vectors.making.encoding import a_post
from tests.vectors.making.scene import Case, Scene, altered, signed

HEAD, SIGNATURE = bytes.fromhex("d8628440a0"), bytes.fromhex("8343a10127a05840")


def swap(message: bytes, at: int, size: int, other: str) -> bytes:
    return message[:at] + bytes.fromhex(other) + message[at + size :]


def headers() -> Iterator[Case]:
    def case(name: str, code: str, about: str, made: bytes) -> Case:
        return f"header/{name}", scene.refused("envelope", code, about, made, sound=post)

    scene = Scene()
    post = a_post(scene)
    good = post.message
    first = len(good) - 2 * (len(SIGNATURE) + 64)  # where the first signature begins
    wrong = "not_a_record"
    yield case("nothing", wrong, "No bytes at all.", b"")
    yield case("no-tag", wrong, "The tag 98 is missing.", good[2:])
    yield case("tag-of-sign1", wrong, "The tag is 18, that of COSE_Sign1.", swap(good, 0, 2, "d2"))
    yield case("tag-not-shortest", wrong, "The tag 98 is written in three bytes.", swap(good, 0, 2, "d90062"))
    yield case("list-of-five", wrong, "The message is a list of five.", swap(good, 2, 1, "85"))
    yield case(
        "list-of-open-length",
        wrong,
        "The message's list has an open length.",
        swap(good, 2, 1, "9f") + b"\xff",
    )
    yield case(
        "protected-header-empty-map",
        wrong,
        "The protected header is an encoded empty map.",
        swap(good, 3, 1, "41a0"),
    )
    yield case(
        "protected-header-with-an-algorithm",
        wrong,
        "The protected header states EdDSA.",
        swap(good, 3, 1, "43a10127"),
    )
    yield case(
        "unprotected-header", wrong, "The unprotected header holds a key id.", swap(good, 4, 1, "a1044161")
    )
    yield case("payload-detached", wrong, "The payload is null.", swap(good, 5, 2 + len(post.payload), "f6"))
    yield case("payload-a-text", wrong, "The payload is a text.", swap(good, 5, 1, "78"))
    yield case(
        "payload-length-in-five-bytes",
        wrong,
        "The payload's length is written in four bytes.",
        swap(good, 5, 1, "5a000000"),
    )
    yield case(
        "signature-with-another-algorithm",
        wrong,
        "A signature's protected header states ES256.",
        swap(good, first, 5, "8343a10126"),
    )
    yield case(
        "signature-with-a-key-id",
        wrong,
        "A signature's unprotected header holds a key id.",
        swap(good, first, 6, "8343a10127a1044161"),
    )
    yield case(
        "signature-a-text",
        wrong,
        "A signature is a text of 64 bytes.",
        swap(good, first, 8, "8343a10127a07840"),
    )
    yield case(
        "signature-of-63-bytes", wrong, "A signature has 63 bytes.", swap(good, first, 9, "8343a10127a0583f")
    )
    yield case(
        "no-signatures", "wrong_signatures", "The list of signatures is empty.", good[: first - 1] + b"\x80"
    )
    nine = assemble(post.payload, [sign(scene.ana.seed, to_be_signed(post.payload))] * 9)
    yield case("nine-signatures", "wrong_signatures", "There are nine signatures.", nine)


def flipped(message: bytes, at: int) -> bytes:
    return message[:at] + bytes([message[at] ^ 1]) + message[at + 1 :]


def signatures() -> Iterator[Case]:
    def case(name: str, stage: str, code: str, about: str, made: bytes, sound: Record | None = None) -> Case:
        return f"signature/{name}", scene.refused(stage, code, about, made, sound=sound or post)

    def by(*seeds: bytes) -> bytes:
        return signed(post.payload, *seeds)

    def over(structure: bytes, second: bytes | None = None) -> bytes:
        stated = to_be_signed(post.payload) if second is None else second
        return assemble(post.payload, [sign(ana, structure), sign(home, stated)])

    scene = Scene()
    post = a_post(scene)
    ana, home = scene.ana.seed, scene.riverbend.seed
    good, mine = post.message, to_be_signed(post.payload)
    envelope, judgement = "envelope", "judgement"
    card = scene.riverbend.say("notice", scene.scope, {"n": 1})
    title = good.index(b"clinic")
    yield case(
        "flipped-bit-in-the-payload",
        envelope,
        "bad_signature",
        "One bit of the title was changed after signing.",
        flipped(good, title),
    )
    yield case(
        "flipped-bit-in-the-members",
        envelope,
        "bad_signature",
        "One bit of the member's signature is changed.",
        flipped(good, len(good) - 100),
    )
    yield case(
        "flipped-bit-in-the-homes",
        judgement,
        "unknown_key",
        "One bit of the neighborhood's signature is changed.",
        flipped(good, len(good) - 20),
    )
    yield case(
        "by-another-member",
        envelope,
        "bad_signature",
        "Signed by Cem, while the author is Ana.",
        by(scene.cem.seed, home),
    )
    yield case(
        "by-another-home",
        judgement,
        "unknown_key",
        "The second signature is by Oak Street's node key.",
        by(ana, scene.oak.seed),
    )
    yield case(
        "by-a-recovery-key",
        judgement,
        "unknown_key",
        "The second signature is by Riverbend's recovery key.",
        by(ana, secret("sheet", "Riverbend sheet")),
    )
    yield case("the-homes-is-missing", envelope, "wrong_signatures", "Only the member has signed.", by(ana))
    yield case(
        "the-members-is-missing", envelope, "wrong_signatures", "Only the neighborhood has signed.", by(home)
    )
    yield case(
        "one-too-many",
        envelope,
        "wrong_signatures",
        "A third signature, by the neighborhood again.",
        by(ana, home, home),
    )
    yield case(
        "swapped", envelope, "bad_signature", "The neighborhood's stands before the member's.", by(home, ana)
    )
    yield case(
        "the-members-twice", judgement, "unknown_key", "Both signatures are the member's.", by(ana, ana)
    )
    yield case(
        "a-home-act-signed-twice",
        envelope,
        "wrong_signatures",
        "A neighborhood's own act, with two signatures.",
        signed(card.payload, home, home),
        card,
    )
    for name, aad in (("another-aad", b"barnraise/2"), ("no-aad", b"")):
        structure = encode(["Signature", b"", bytes.fromhex("a10127"), aad, post.payload])
        about = (
            f"The member's signature is over an external_aad of {len(aad)} bytes, {aad.decode() or 'none'}."
        )
        yield case(f"{name}-of-the-member", envelope, "bad_signature", about, over(structure))
    other = encode(["Signature", b"", bytes.fromhex("a10127"), b"barnraise/2", post.payload])
    yield case(
        "another-aad-of-the-home",
        judgement,
        "unknown_key",
        "The neighborhood's signature is over external_aad barnraise/2.",
        over(mine, other),
    )
    one = encode(["Signature1", bytes.fromhex("a10127"), b"barnraise/1", post.payload])
    yield case(
        "over-a-sign1-structure",
        envelope,
        "bad_signature",
        "The member signed the structure of COSE_Sign1.",
        over(one),
    )
    yield case(
        "over-the-payload-alone",
        envelope,
        "bad_signature",
        "The member signed the payload, with no structure around it.",
        over(post.payload),
    )
    yield case("over-the-id", envelope, "bad_signature", "The member signed the record's id.", over(post.id))
    digest = hashlib.sha512(mine).digest()
    yield case(
        "prehashed",
        envelope,
        "bad_signature",
        "The member signed the SHA-512 of what is to be signed.",
        over(digest),
    )
    yield from _malleable(scene, post)
    yield from _odd_points()
    yield from _of_key_records()


def _plus_order(signature: bytes) -> bytes:
    raised = int.from_bytes(signature[32:], "little") + curve.ORDER
    return signature[:32] + raised.to_bytes(32, "little")


def _malleable(scene: Scene, post: Record) -> Iterator[Case]:
    members, homes = post.signatures
    for name, stage, code, whose, pair in (
        ("s-plus-l-of-the-member", "envelope", "bad_signature", "member's", [_plus_order(members), homes]),
        ("s-plus-l-of-the-home", "judgement", "unknown_key", "neighborhood's", [members, _plus_order(homes)]),
    ):
        about = f"The group order is added to the S of the {whose} signature, which is otherwise right."
        yield f"signature/{name}", scene.refused(stage, code, about, assemble(post.payload, pair), sound=post)


def _odd_points() -> Iterator[Case]:
    """Keys and signatures on which verifiers differ; the rule is in docs/protocol.md, Conventions."""
    identity = curve.spelled(curve.IDENTITY)
    p_plus_one = (curve.P + 1).to_bytes(32, "little")
    order_eight = curve.spelled(curve.TORSION)
    for name, about, key in (
        (
            "author-of-small-order",
            "The author's key is the neutral point; R is neutral and S zero.",
            identity,
        ),
        (
            "author-not-canonical",
            "The author's key is the neutral point with y written as p + 1.",
            p_plus_one,
        ),
        (
            "author-of-order-eight",
            "The author's key is a point of order 8, with R neutral and S zero.",
            order_eight,
        ),
    ):
        scene = Scene()
        payload = _by_key(
            scene,
            key,
            lambda payload, key=key: curve.challenge(identity, key, to_be_signed(payload)) % 8 == 0,
        )
        home = sign(scene.riverbend.seed, to_be_signed(payload))
        made = assemble(payload, [identity + bytes(32), home])
        yield f"signature/{name}", scene.refused("envelope", "bad_signature", about, made)
    scene = Scene()
    post = a_post(scene)
    number, mine = curve.secret_number(scene.ana.seed), to_be_signed(post.payload)
    homes = post.signatures[1]
    s = curve.signature(number, scene.ana.key, mine, 0, identity)
    yield (
        "signature/r-of-small-order",
        scene.refused(
            "envelope",
            "bad_signature",
            "R is the neutral point, and S fits it.",
            assemble(post.payload, [s, homes]),
            sound=post,
        ),
    )
    torsioned = curve.spelled(curve.add(curve.times(7, curve.BASE), curve.TORSION))
    s = curve.signature(number, scene.ana.key, mine, 7, torsioned)
    yield (
        "signature/r-with-a-part-of-small-order",
        scene.refused(
            "envelope",
            "bad_signature",
            "R has a part of order 8: only a verifier that multiplies by the cofactor accepts it.",
            assemble(post.payload, [s, homes]),
            sound=post,
        ),
    )
    for wanted, name in ((True, "sound-author-of-mixed-order"), (False, "author-of-mixed-order")):
        scene = Scene()
        number = curve.secret_number(scene.ana.seed)
        key = curve.spelled(curve.add(curve.times(number, curve.BASE), curve.TORSION))
        r = curve.spelled(curve.times(7, curve.BASE))
        payload = _by_key(
            scene,
            key,
            lambda p, r=r, key=key, wanted=wanted: (
                (curve.challenge(r, key, to_be_signed(p)) % 8 == 0) is wanted
            ),
        )
        stated = to_be_signed(payload)
        made = assemble(
            payload, [curve.signature(number, key, stated, 7), sign(scene.riverbend.seed, stated)]
        )
        if wanted:
            about = "The author's key has a part of order 8, and the hash is a multiple of 8, so that it vanishes."
            yield f"signature/{name}", scene.taken(about, parse(made))
        else:
            about = "The author's key has a part of order 8: only a verifier that multiplies by the cofactor accepts it."
            yield f"signature/{name}", scene.refused("envelope", "bad_signature", about, made)


def _by_key(scene: Scene, key: bytes, fits: object) -> bytes:
    """The payload of a post by the member with this key, with the first nonce that fits."""
    assert callable(fits)
    body = {"type": "need", "what": "help", "category": "rides", "title": "Ride to the clinic"}
    for number in range(1000):
        nonce = secret("odd point", number)[:16]
        draft = Draft("post", scene.scope, key, scene.riverbend.id, nonce, NOON, TODAY + 31, body)
        if fits(draft.payload()):
            return draft.payload()
    raise AssertionError("no nonce fits")


def _of_key_records() -> Iterator[Case]:
    scene = Scene()
    scene.neighbors = [scene.oak, scene.harbor]
    inception = scene.harbor.inception
    known = [record for record in scene.held() if record.id != inception.id]
    bad = "bad_signature"
    foreign = signed(inception.payload, scene.oak.seed)
    about = "An inception that is not signed by the node key that it names."
    yield (
        "signature/inception-by-another-key",
        scene.refused("envelope", bad, about, foreign, sound=inception, known=known),
    )
    scene = Scene()
    rotation = scene.oak.rotation()
    thief = signed(rotation.payload, scene.oak.seed)
    about = "A rotation that names a recovery key as signer, but is signed by the node key."
    yield "signature/rotation-by-the-node-key", scene.refused("envelope", bad, about, thief, sound=rotation)
    scene = Scene()
    names = ["one", "two"]
    body = {"node_key": public_key(secret("new")), "recovery": policy(["new sheet"]).body()}
    draft = Draft(
        "inception",
        KEYS_SCOPE,
        b"",
        b"",
        b"i" * 16,
        NOON,
        None,
        body | {"node_key": public_key(secret("Twin"))},
    )
    twin = draft.sign([secret("Twin")])
    del names
    about = "An inception of a home that nobody here needs: neither we, a neighbor, nor a roster names it."
    yield "judgement/unknown-home-inception", scene.refused("judgement", "unknown_home", about, twin)
    scene = Scene()
    leave = scene.region.leave(scene.oak, scene.tip)
    scene.region.records.remove(leave)
    recovery = secret("sheet", "Oak Street sheet")
    body = leave.body | {"signers": [public_key(recovery)]}
    sound = scene.oak.say("leave", scene.scope, body, days=None, seeds=[recovery])
    about = "A leave that names a recovery key as signer, but is signed by the node key."
    yield (
        "signature/leave-by-the-node-key",
        scene.refused("envelope", bad, about, altered(scene, sound), sound=sound),
    )
    two = sorted([recovery, secret("another sheet")], key=public_key)
    body = leave.body | {"signers": [public_key(seed) for seed in two]}
    about = "A leave that names two recovery keys as signers and has one signature."
    short = scene.oak.say("leave", scene.scope, body, days=None, seeds=two[:1])
    yield "signature/leave-of-two-with-one", scene.refused("envelope", bad, about, short)


def cases() -> Iterator[Case]:
    yield from headers()
    yield from signatures()
