"""The bytes of a link: greeting, introduction, frames, blinds, windows, and invitation codes."""
# fmt: off

from __future__ import annotations

import hashlib
import hmac
from collections.abc import Iterator
from typing import Any

from protocol.encoding import encode
from protocol.introduction import DOMAIN
from protocol.invite import Invite
from protocol.record import Draft, Record
from protocol.scopes import KEYS_SCOPE
from protocol.signing import sign
from sync.channel import PROLOGUE, XX, Handshake, Noise, public_key
from tests.protocol.helpers import TODAY, Neighborhood, secret
from tests.vectors.making.scene import Case, Scene, Vector, hexed

ANA, BEN, ANA_ONCE, BEN_ONCE = b"\x02" * 32, b"\x03" * 32, b"\x05" * 32, b"\x06" * 32
INVITE_ID, PSK = b"invitation no. 7", b"\x73" * 32


class Greeting:
    """The initiator and the responder of a handshake, with fixed keys, and what they have said."""

    def __init__(self, invited: bool = False, psk: bytes = PSK) -> None:
        self.invited = invited
        invite = (INVITE_ID, psk) if invited else None
        self.introductions = b"I call", b"I am called"
        self.caller = Handshake(True, ANA, self.introductions[0], invite, ephemeral=ANA_ONCE)
        self.called = Handshake(False, BEN, self.introductions[1], psk_of={INVITE_ID: PSK}.get, ephemeral=BEN_ONCE)
        self.messages: list[bytes] = []

    def say(self, count: int) -> Greeting:
        """The first `count` messages."""
        for number in range(count):
            side = (self.called, self.caller)[(number - 1) % 2]
            said = side.first() if number == 0 else side.receive(self.messages[-1])
            assert said is not None
            self.messages.append(said)
        return self

    def vector(self, about: str, **more: Any) -> Vector:
        made: Vector = {"about": about, "stage": "handshake", "pattern": "XXpsk3" if self.invited else "XX"}
        for name, keys, introduction in (("initiator", (ANA, ANA_ONCE), self.introductions[0]), ("responder", (BEN, BEN_ONCE), self.introductions[1])):
            made[name] = {"static": keys[0].hex(), "ephemeral": keys[1].hex(), "introduction": introduction.hex()}
        if self.invited:
            made |= {"invite_id": INVITE_ID.hex(), "psk": PSK.hex()}
        return made | {"messages": [message.hex() for message in self.messages]} | more

    def broken(self, about: str, at: int, message: bytes, code: str = "bad_handshake") -> Vector:
        self.say(at - 1)
        self.messages.append(message)
        return self.vector(about, fails_at=at, code=code)


def handshakes() -> Iterator[Case]:
    for invited in (False, True):
        greeting = Greeting(invited).say(3)
        greeting.called.receive(greeting.messages[2])
        ana, ben = greeting.caller.channel(), greeting.called.channel()
        frames = [{"from": name, "plain": plain.hex(), "sealed": side.seal(plain).hex()} for name, side, plain in (("initiator", ana, b"hello"), ("responder", ben, b"hello"), ("initiator", ana, b""), ("initiator", ana, b"once more"))]
        name = "with-an-invitation" if invited else "xx"
        about = "With the invitation's id in the first message and its psk." if invited else "Two nodes meet."
        yield f"handshake/{name}", greeting.vector(about + " Four frames follow.", handshake_hash=greeting.caller.handshake_hash.hex(), frames=frames)
    first = Greeting().say(1).messages[0]
    second = Greeting().say(2).messages[1]
    third = Greeting().say(3).messages[2]
    yield "handshake/first-with-a-payload", Greeting().broken("The first message carries a payload.", 1, first + b"early")
    yield "handshake/first-of-nothing", Greeting().broken("The first message is empty.", 1, b"")
    yield "handshake/unknown-prefix", Greeting().broken("The first message begins with 02.", 1, b"\x02" + first[1:])
    yield "handshake/first-cut-off", Greeting().broken("The first message lacks its last byte.", 1, first[:-1])
    yield "handshake/first-key-of-small-order", Greeting().broken("The initiator's ephemeral key is all zeros: what is shared with it would be no secret.", 1, b"\x00" + bytes(32))
    yield "handshake/invite-id-cut-off", Greeting().broken("An invitation's id of 15 bytes.", 1, b"\x01" + INVITE_ID[:15])
    other = Greeting(True).say(1).messages[0]
    yield "handshake/unknown-invitation", Greeting(True).broken("An invitation that the responder did not make.", 1, b"\x01" + b"invitation no. 8" + other[17:], "unknown_invite")
    yield "handshake/second-flipped-bit", Greeting().broken("One bit of the second message is changed.", 2, second[:-1] + bytes([second[-1] ^ 1]))
    yield "handshake/second-key-of-small-order", Greeting().broken("The responder's ephemeral key is all zeros.", 2, bytes(32) + second[32:])
    bare = Noise(XX, PROLOGUE, False, BEN, None, BEN_ONCE)
    bare.read(first[1:])
    yield "handshake/prologue-without-prefix", Greeting().broken("The responder left the prefix out of its prologue.", 2, bare.write(b"I am called"))
    yield "handshake/third-flipped-bit", Greeting().broken("One bit of the third message is changed.", 3, third[:-1] + bytes([third[-1] ^ 1]))
    guess = Greeting(True, b"\x74" * 32).say(3)
    yield "handshake/third-with-a-guessed-psk", Greeting(True).broken("The initiator knows the invitation's id and not its secret.", 3, guess.messages[2])
    greeting = Greeting().say(3)
    greeting.called.receive(greeting.messages[2])
    ana = greeting.caller.channel()
    one, two = ana.seal(b"one"), ana.seal(b"two")
    for name, about, sealed in (
        ("frame-out-of-order", "The second frame comes first.", two),
        ("frame-flipped-bit", "One bit of the first frame is changed.", bytes([one[0] ^ 1]) + one[1:]),
        ("frame-of-16-zeros", "A frame of no bytes whose tag is zeros.", bytes(16)),
        ("frame-too-short", "A frame shorter than a tag.", one[:15]),
    ):
        frames = [{"from": "initiator", "plain": "", "sealed": sealed.hex()}]
        yield f"handshake/{name}", greeting.vector(about, frames=frames, fails_at=4, code="bad_frame")


class Wide(Neighborhood):
    """A neighborhood whose key records have `size` bytes together."""

    def __init__(self, name: str, size: int) -> None:
        super().__init__(name)
        share = (size - len(self.inception.message)) // 4
        for number in range(4):
            missing = size - sum(len(record.message) for record in self.key_records)
            self.key_records.append(self._padded(share if number < 3 else missing))
            self.seed = secret(name, "node key", number)

    def _padded(self, size: int) -> Record:
        """A rotation of exactly so many bytes."""
        plain = self.rotation(seed=secret(self.name, "node key", len(self.key_records) - 1))
        sheet = secret("sheet", self.sheets[0])

        def padded(count: int) -> Record:
            body = plain.body | {"padding": bytes(count)}
            return Draft("rotation", KEYS_SCOPE, self.id, self.id, plain.nonce, plain.created, None, body).sign([sheet])

        made = padded(size - len(plain.message))
        made = padded(2 * size - len(plain.message) - len(made.message))
        assert len(made.message) == size
        return made


def introductions() -> Iterator[Case]:
    noise = public_key(ANA)

    def say(home: Neighborhood, until: Any = TODAY + 30, key: bytes = noise, seed: bytes | None = None, records: list[Any] | None = None, **more: Any) -> bytes:
        shown = [record.message for record in home.key_records] if records is None else records
        signature = sign(seed or home.seed, DOMAIN + encode([key, until]))
        fields = {1: home.id, 2: home.key, 3: until, 4: signature, 5: shown}
        return encode(fields | {int(name[1:]): value for name, value in more.items()})

    def vector(about: str, data: bytes, day: int | None = TODAY, good: Neighborhood | None = None, until: int = TODAY + 30, held: Any = ()) -> Vector:
        made: Vector = {"about": about, "stage": "introduction", "introduction": data.hex(), "noise_key": noise.hex(), "day": day, "held": hexed(held)}
        return made | ({"code": "bad_handshake"} if good is None else {"home": good.id.hex(), "node_key": good.key.hex(), "until": until})

    oak = Neighborhood("Oak Street")
    yield "introduction/sound", vector("With the inception that leads to the node key.", say(oak), good=oak)
    yield "introduction/sound-without-records", vector("The reader holds the key records already.", say(oak, records=[]), good=oak, held=[oak.inception])
    yield "introduction/sound-over-yesterday", vector("It ended yesterday: two clocks may be a day apart.", say(oak, TODAY - 1), good=oak, until=TODAY - 1)
    yield "introduction/over", vector("It ended the day before yesterday.", say(oak, TODAY - 2))
    yield "introduction/sound-91-days", vector("It ends in 91 days.", say(oak, TODAY + 91), good=oak, until=TODAY + 91)
    yield "introduction/too-far-ahead", vector("It ends in 92 days.", say(oak, TODAY + 92))
    yield "introduction/sound-for-an-unset-clock", vector("The reader's clock is not set: it holds no date against anybody.", say(oak, 1), day=None, good=oak, until=1)
    yield "introduction/of-another-noise-key", vector("Copied from somebody else: it is for another Noise key.", say(oak, key=public_key(BEN)))
    yield "introduction/by-another-key", vector("Signed by another key than the one it names.", say(oak, seed=secret("thief")))
    yield "introduction/unknown-home", vector("No key record leads to the node key.", say(oak, records=[]))
    yield "introduction/of-another-home", vector("It names a home whose key this is not.", say(oak, f1=Neighborhood("Harbor Hill").id))
    yield "introduction/key-record-broken", vector("A key record in it has a broken signature.", say(oak, records=[oak.inception.message[:-1] + b"\0"]))
    yield "introduction/key-record-of-another-kind", vector("A record in it is no key record.", say(oak, records=[oak.inception.message, oak.say("node", (2, b"c" * 32), {}).message]))
    yield "introduction/sixteen-records-and-one", vector("17 key records; 16 are the most.", say(oak, records=[oak.inception.message] * 17))
    for name, size in (("sound-32-kib-of-key-records", 32_768), ("over-32-kib-of-key-records", 32_769)):
        wide = Wide("Oak Street", size)
        found = vector(f"{size:,} bytes of key records, padded with fields that nobody reads; 32,768 are the most.", say(wide), good=wide if size <= 32_768 else None)
        yield f"introduction/{name}", found
    yield "introduction/a-field-too-many", vector("It has a key 6.", say(oak, f6=0))
    yield "introduction/a-field-missing", vector("It has no key records, not even an empty list.", encode({1: oak.id, 2: oak.key, 3: TODAY + 30, 4: bytes(64)}))
    yield "introduction/until-a-text", vector("The day is a text.", say(oak, "tomorrow"))
    yield "introduction/trailing-byte", vector("A byte stands behind it.", say(oak) + b"\0")
    old, before = Neighborhood("Oak Street"), Neighborhood("Oak Street")
    rotation = old.rotate()
    yield "introduction/sound-after-a-rotation", vector("Inception and rotation lead to the new node key.", say(old), good=old)
    yield "introduction/by-a-replaced-key", vector("By the key before a rotation that the reader holds.", say(before), held=[old.inception, rotation])
    thief = before.rotation(signers=[before.seed], seed=secret("thief's key"))
    yield "introduction/with-a-forged-rotation", vector("A rotation signed by the stolen node key leads nowhere.", encode({1: before.id, 2: thief.home_key, 3: TODAY + 30, 4: sign(secret("thief's key"), DOMAIN + encode([noise, TODAY + 30])), 5: [before.inception.message, thief.message]}))


def plain(value: Any) -> Any:
    """A frame's value as the vectors write it."""
    if type(value) is bytes:
        return {"bytes": value.hex()}
    if type(value) is int and abs(value) > 2**53:
        return {"integer": str(value)}
    if type(value) in (list, tuple):
        return [plain(item) for item in value]
    if type(value) is dict:
        return {"map": [[plain(key), plain(item)] for key, item in value.items()]}
    return value


HASH = bytes(range(32))
HELLO: dict[Any, Any] = {1: [1], 2: [], 3: 20_780, 4: 20_770, 5: "Riverbend", 6: "barnraise 0.1.0"}
FRAMES: list[tuple[int, str, list[Any]]] = [
    (0, "hello", [HELLO | {7: [200, 8]}]), (1, "coalitions", [[HASH, HASH[::-1]]]), (2, "compare", [[2], HASH[:16]]), (3, "same", [[0, HASH]]),
    (4, "differs", [[1, HASH]]), (5, "reconcile", [[2], b"\x61\x00\x00\x02\x00"]), (6, "reconciled", [[2], b"\x61"]), (7, "records", [1, [b"record", b""]]),
    (8, "taken", [2**63 - 1]), (9, "have", [[HASH]]), (10, "want", [[]]), (11, "ask", ["Riverbend", "Grüße!"]), (12, "offer", [b"charter", HASH]),
    (13, "join", []), (14, "welcome", [b"charter", HASH]), (15, "not_shared", [[1, HASH], "not a member"]), (16, "shared", [[2]]),
    (17, "keys_wanted", [HASH]), (18, "keys_given", [[b"inception", b"rotation"]]), (19, "aside_wanted", [[2], 0]), (20, "aside_given", [[1, HASH], [b"record"], 7]),
    (21, "sketch_wanted", [[1, HASH], 32, 64, b""]), (22, "sketch", [[1, HASH], 0, bytes(14 * 32)]), (27, "compare_all", [1, [b"\0" + HASH[:20], b"\1" + HASH[:20], b"\2" + HASH[:16]]]), (28, "compared", [1, [0, 3, 2]]),
    (23, "prune", [[1, HASH]]), (24, "graft", [[HASH, HASH[::-1]]]),
    (25, "stream", [[1, HASH], [0, bytes(32)]]), (26, "streamed", [[1, HASH], 3, [b"record"], [220_000_000, HASH]]),
]
WRONG: list[tuple[str, str, bytes, str]] = [
    ("no-list", "A frame that is a map.", encode({}), "bad_frame"), ("empty", "A frame that is an empty list.", encode([]), "bad_frame"),
    ("type-a-text", "The type is a text.", encode(["hello"]), "bad_frame"), ("type-negative", "The type is -1.", encode([-1]), "bad_frame"),
    ("type-true", "The type is true, which is no 1.", encode([True, []]), "bad_frame"), ("a-field-too-many", "join with a field.", encode([13, 0]), "bad_frame"),
    ("a-field-missing", "compare without a fingerprint.", encode([2, [2]]), "bad_frame"), ("fingerprint-of-15-bytes", "A fingerprint of 15 bytes.", encode([2, [2], HASH[:15]]), "bad_frame"),
    ("batch-negative", "A batch of number -1.", encode([8, -1]), "bad_frame"), ("batch-too-high", "A batch of number 2^63.", encode([8, 2**63]), "bad_frame"),
    ("hash-of-31-bytes", "An id of 31 bytes.", encode([9, [HASH[:31]]]), "bad_frame"), ("1001-ids", "1,001 ids; 1,000 are the most.", encode([9, [HASH] * 1001]), "bad_frame"),
    ("graft-of-1001-ids", "A graft of 1,001 ids; 1,000 are the most.", encode([24, [HASH] * 1001]), "bad_frame"),
    ("prune-of-two-fields", "A prune with a field too many.", encode([23, [1, HASH], 0]), "bad_frame"),
    ("201-records", "201 records; 200 are the most.", encode([7, 1, [b""] * 201]), "bad_frame"), ("65-blinds", "65 blinds; 64 are the most.", encode([1, [HASH] * 65]), "bad_frame"),
    ("text-of-501-characters", "A text of 501 characters.", encode([11, "x" * 501, ""]), "bad_frame"), ("set-of-three", "A set of three parts.", encode([3, [0, HASH, HASH]]), "bad_frame"),
    ("hello-without-a-day", "A hello without its key 3.", encode([0, {key: value for key, value in HELLO.items() if key != 3}]), "bad_frame"),
    ("hello-of-text-keys", "A hello with a text as key.", encode([0, HELLO | {"x": 1}]), "bad_frame"), ("hello-with-a-limit-of-0", "A hello that takes no records.", encode([0, HELLO | {7: [0, 8]}]), "bad_frame"),
    ("hello-with-one-limit", "A hello with one limit instead of two.", encode([0, HELLO | {7: [200]}]), "bad_frame"),
    ("compare-all-with-a-long-name", "compare_all with a name of 8 bytes.", encode([27, 1, [HASH[:24]]]), "bad_frame"), ("130-sets", "130 sets; 129 are the most.", encode([27, 1, [HASH[:21]] * 130]), "bad_frame"),
    ("trailing-byte", "A byte behind the frame.", encode([13]) + b"\0", "trailing_bytes"), ("not-deterministic", "The type is written 18 0d.", b"\x81\x18\x0d", "not_deterministic"),
    ("open-length", "A list of open length.", b"\x9f\x0d\xff", "indefinite_length"), ("float", "A float.", b"\x82\x08\xf9\x00\x00", "forbidden_type"),
    ("stream-from-nowhere", "A stream that is to begin at no point.", encode([25, [2], []]), "bad_frame"),
    ("streamed-to-a-time", "A streamed whose point has no id.", encode([26, [2], 1, [], [7]]), "bad_frame"),
    ("cut-off", "The frame ends within a text.", encode([11, "Riverbend", "x" * 30])[:-1], "truncated"), ("nothing", "A frame of no bytes.", b"", "truncated"),
    ("17-key-records", "17 records in keys_given; 16 are the most.", encode([18, [b"record"] * 17]), "bad_frame"),
    ("key-records-over-32-kib", "32,769 bytes of records in keys_given; 32,768 are the most.", encode([18, [bytes(8_192)] * 3 + [bytes(8_193)]]), "bad_frame"),
    ("8193-items", "A frame of a later type with 8,193 items.", encode([99, [0] * 8_191]), "too_long"),
    ("nine-levels", "Nine lists inside one another.", b"\x82\x18\x63" + b"\x81" * 8 + b"\x00", "too_deep"),
]


def frames() -> Iterator[Case]:
    for number, name, fields in FRAMES:
        yield f"frame/{name.replace('_', '-')}", {"about": f"A frame of type {number}, {name}.", "stage": "frame", "frame": encode([number, *fields]).hex(), "type": number, "name": name, "fields": plain(fields)}
    later = encode([99, {"x": [1, 2]}])
    yield "frame/of-a-later-type", {"about": "A type that this version does not know is skipped, whatever its fields.", "stage": "frame", "frame": later.hex(), "type": 99, "name": "unknown", "fields": plain([{"x": [1, 2]}])}
    most = [99, [0] * 8_190]
    yield "frame/8192-items", {"about": "A frame of a later type with 8,192 items, which is the most.", "stage": "frame", "frame": encode(most).hex(), "type": 99, "name": "unknown", "fields": most[1:]}
    for name, about, records in (
        ("16-key-records", "16 records in keys_given, which is the most.", [b"record"] * 16),
        ("32-kib-of-key-records", "32,768 bytes of records in keys_given, which is the most.", [bytes(8_192)] * 4),
    ):
        yield f"frame/{name}", {"about": about, "stage": "frame", "frame": encode([18, records]).hex(), "type": 18, "name": "keys_given", "fields": plain([records])}
    more = encode([0, HELLO | {7: [10, 2, 9], 8: "of a later version"}])
    yield "frame/hello-with-more", {"about": "A hello with a key and a limit more, of a later version.", "stage": "frame", "frame": more.hex(), "type": 0, "name": "hello", "fields": plain([HELLO | {7: [10, 2, 9], 8: "of a later version"}])}
    for name, about, data, code in WRONG:
        yield f"frame/{name}", {"about": about, "stage": "frame", "code": code, "frame": data.hex()}


def windows() -> Iterator[Case]:
    for name, about, ours, theirs in (
        ("same-day", "Both are on one day.", (20_500, 20_498), (20_500, 20_498)),
        ("a-day-apart", "The other side is a day behind.", (20_500, 20_498), (20_499, 20_497)),
        ("a-higher-floor", "The other side has deleted through a later day than the lower day.", (20_500, 20_498), (20_505, 20_503)),
        ("a-floor-above-its-day", "The other side says a floor above its day, which nobody should: it is taken as it was said.", (20_500, 20_498), (20_500, 20_510)),
        ("a-fresh-node", "The other side has deleted nothing yet.", (20_500, 20_498), (20_500, 0)),
    ):
        lower = min(ours[0], theirs[0])
        yield f"compare/window-{name}", {"about": about, "stage": "window", "ours": list(ours), "theirs": list(theirs), "created_before": (lower + 2) * 86_400, "expires_after": max(lower, ours[1], theirs[1])}


def blinds() -> Iterator[Case]:
    for name, payload in (("of-seven-bytes", b"charter"), ("of-a-charter", Scene().region.charter.payload)):
        secret_ = hashlib.sha256(b"barnraise/1 coalition\0" + payload).digest()
        handshake_hash = b"\x02" * 32
        said = {role: hmac.new(secret_, b"barnraise/1 blind\0" + handshake_hash + role.encode(), "sha256").hexdigest() for role in ("initiator", "responder")}
        yield f"compare/blind-{name}", {"about": "How the two sides of a link name a coalition.", "stage": "blind", "charter": payload.hex(), "secret": secret_.hex(), "handshake_hash": handshake_hash.hex(), **said}


def invites() -> Iterator[Case]:
    oak = Neighborhood("Oak Street")
    invite = Invite(("192.0.2.7:8420", "oak.example"), oak.id, b"c" * 32, b"e" * 32, INVITE_ID, b"s" * 16)
    code = invite.code()
    psk = hashlib.sha256(b"barnraise/1 invite psk\0" + invite.secret).hexdigest()
    stated = {"addresses": list(invite.addresses), "home": oak.id.hex(), "coalition": (b"c" * 32).hex(), "epoch": (b"e" * 32).hex(), "invite_id": INVITE_ID.hex(), "secret": invite.secret.hex(), "psk": psk}

    def vector(about: str, text: str, **more: Any) -> Vector:
        return {"about": about, "stage": "invite", "code": "bad_code", "invite": text} if not more else {"about": about, "stage": "invite", "invite": text, **more}

    yield "invite/sound", vector("A code with two addresses.", code, **stated)
    yield "invite/sound-as-typed", vector("The same in small letters, with spaces and a line break.", code.lower()[:40] + " \n" + code.lower()[40:], **stated)
    yield "invite/one-letter-wrong", vector("One letter is another: the checksum finds it.", code[:30] + ("A" if code[30] != "A" else "B") + code[31:])
    yield "invite/cut-off", vector("The last letter is missing.", code[:-1])
    yield "invite/another-beginning", vector("It begins with BR2.", "BR2" + code[3:])
    yield "invite/no-address", vector("It names no address.", Invite((), *list(_parts(invite))).code())
    yield "invite/five-addresses", vector("It names five addresses; four are the most.", Invite(("a", "b", "c", "d", "e"), *list(_parts(invite))).code())
    parts = list(_parts(invite))
    for name, about, letters in (("sound-2000-letters", "A code of 2,000 letters, which is the most.", 2_000), ("2002-letters", "A code of 2,002 letters.", 2_002)):
        addresses = _addresses_for(letters, parts)
        long = Invite(addresses, *parts).code()
        assert len(long) == letters
        yield f"invite/{name}", vector(about, long, **(stated | {"addresses": list(addresses)} if letters <= 2_000 else {}))
    yield "invite/secret-of-15-bytes", vector("Its secret has 15 bytes.", Invite(invite.addresses, *list(_parts(invite))[:-1], b"s" * 15).code())


def _parts(invite: Invite) -> Iterator[bytes]:
    yield from (invite.home, invite.coalition, invite.epoch, invite.invite_id, invite.secret)


def _addresses_for(letters: int, parts: list[bytes]) -> tuple[str, ...]:
    """Four addresses with which a code has so many letters."""
    full = ("\N{HOUSE BUILDING}" * 120,) * 2
    for count in range(120):
        for plain in range(120 - count):
            addresses = (*full, "\N{HOUSE BUILDING}" * count + "x" * plain + "x", "x")
            if len(Invite(addresses, *parts).code()) == letters:
                return addresses
    raise AssertionError("no code has so many letters")


def cases() -> Iterator[Case]:
    for part in (handshakes, introductions, frames, windows, blinds, invites):
        yield from part()
