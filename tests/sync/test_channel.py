"""Ana's node greets Ben's: both ends are always driven. Vectors are cacophony's, in ../shared/vectors."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from protocol.errors import TheirFault
from sync.channel import FRAME_SIZE_BYTES_MAX, PROLOGUE, XX, XX_PSK3, Channel, Handshake, Noise, public_key
from tests import shared

ANA, BEN = b"a" * 32, b"b" * 32
INVITE = (b"invitation no. 7", b"s" * 32)


def pair(invite: tuple[bytes, bytes] | None = None) -> tuple[Handshake, Handshake]:
    """Ana, who begins, and Ben, who knows one invitation."""
    return (
        Handshake(True, ANA, b"I am Ana", invite),
        Handshake(False, BEN, b"I am Ben", psk_of=dict([INVITE]).get),
    )


def greet(ana: Handshake, ben: Handshake) -> tuple[Channel, Channel]:
    second = ben.receive(ana.first())
    assert second is not None
    third = ana.receive(second)
    assert third is not None
    assert ben.receive(third) is None
    return ana.channel(), ben.channel()


def refuses(side: Handshake, message: bytes, code: str = "bad_handshake") -> bool:
    with pytest.raises(TheirFault) as caught:
        side.receive(message)
    return caught.value.code == code and not side.done


@pytest.mark.parametrize("pattern", ["Noise_XX", "Noise_XXpsk3"])
def test_every_byte_is_as_others_compute_it(pattern: str) -> None:
    found = json.loads(shared.need("vectors", "noise-cacophony.json").read_text())["vectors"]
    named = [vector for vector in found if vector["protocol_name"].startswith(pattern + "_")]
    assert named
    for vector in named:
        check_bytes(vector)


def check_bytes(vector: dict[str, Any]) -> None:
    def side(role: str) -> Noise:
        psks = [bytes.fromhex(psk) for psk in vector.get(f"{role}_psks", [])]
        return Noise(
            vector["protocol_name"].encode(),
            bytes.fromhex(vector[f"{role}_prologue"]),
            role == "init",
            bytes.fromhex(vector[f"{role}_static"]),
            psks[0] if psks else None,
            bytes.fromhex(vector[f"{role}_ephemeral"]),
        )

    assert vector["protocol_name"].encode() in (XX, XX_PSK3)
    sender, reader = side("init"), side("resp")
    messages = [(bytes.fromhex(m["payload"]), bytes.fromhex(m["ciphertext"])) for m in vector["messages"]]
    for payload, ciphertext in messages[:3]:
        assert sender.write(payload) == ciphertext
        assert reader.read(ciphertext) == payload
        sender, reader = reader, sender
    assert sender.done and reader.done
    assert sender.handshake_hash == reader.handshake_hash == bytes.fromhex(vector["handshake_hash"])
    for payload, ciphertext in messages[3:]:  # the responder sealed the first of these: it is its turn
        assert Channel(sender).seal(payload) == ciphertext
        assert Channel(reader).open(ciphertext) == payload
        sender, reader = reader, sender


@pytest.mark.parametrize(
    ("invite", "first", "third", "handshake_hash", "sealed"),
    [
        pytest.param(
            None,
            "0050a61409b1ddd0325e9b16b700e719e9772c07000b1bd7786e907c653d20495d",
            "64b4d1840f84a6db28366fe9d18555aae8e205cb6123017a70f6cfdc35d31f19"
            "cb117814076ea8e53cf932326006a5160e90af005a64449851856cb97788f8cc",
            "4c9a86906c8b70f22bb56901b838c46b481c077bce9717fcd1462c4a02679c0b",
            "663fc66c9fd7c95a6387144cbce9faf82f19875c76",
            id="XX",
        ),
        pytest.param(
            INVITE,
            "01696e7669746174696f6e206e6f2e203750a61409b1ddd0325e9b16b700e719e9"
            "772c07000b1bd7786e907c653d20495d32abcdf8cb834c8dd8ca8505b0f24a72",
            "8cc015e187a684c6917e8e3f91177ea3d4702971aa7e7015cf61c5c015d43613"
            "469028e312cc25c658999939013c41a13396b9081beef4793fc23c28bf8a0fe9",
            "1d539a18597b518e59939e6da582ee6762921569ec5e89e916e631a149eff7c4",
            "d54909fed82d7e1ac404373755446bc5855d41c30f",
            id="XXpsk3",
        ),
    ],
)
def test_our_own_greeting_stays_as_it_is(
    invite: tuple[bytes, bytes] | None, first: str, third: str, handshake_hash: str, sealed: str
) -> None:
    """Prefix and prologue included (docs/sync.md). A vector never changes; a new rule adds one."""
    ana = Handshake(True, b"\x02" * 32, b"", invite, ephemeral=b"\x05" * 32)
    ben = Handshake(False, b"\x03" * 32, b"", psk_of=dict([INVITE]).get, ephemeral=b"\x06" * 32)
    assert ana.first().hex() == first
    second = ben.receive(bytes.fromhex(first))
    assert second is not None
    answer = ana.receive(second)
    assert answer is not None and answer.hex() == third
    assert ben.receive(answer) is None
    assert ana.handshake_hash.hex() == ben.handshake_hash.hex() == handshake_hash
    assert ana.channel().seal(b"hello").hex() == sealed
    assert ben.channel().open(bytes.fromhex(sealed)) == b"hello"


@pytest.mark.parametrize("invite", [None, INVITE], ids=["XX", "XXpsk3"])
def test_both_sides_learn_who_the_other_is(invite: tuple[bytes, bytes] | None) -> None:
    ana, ben = pair(invite)
    ana_channel, ben_channel = greet(ana, ben)
    assert ana.done and ben.done
    assert (ana.their_introduction, ben.their_introduction) == (b"I am Ben", b"I am Ana")
    assert ana.handshake_hash == ben.handshake_hash and len(ana.handshake_hash) == 32
    assert (ana.their_noise_public, ben.their_noise_public) == (public_key(BEN), public_key(ANA))
    assert ana.invite_id == ben.invite_id == (invite[0] if invite else None)
    for frame in (b"", b"hello", bytes(FRAME_SIZE_BYTES_MAX)):
        assert ben_channel.open(ana_channel.seal(frame)) == frame
        assert ana_channel.open(ben_channel.seal(frame)) == frame


def test_two_greetings_never_share_a_byte_of_secret() -> None:
    first, second = pair(), pair()
    one, _ = greet(*first)
    two, _ = greet(*second)
    assert first[0].handshake_hash != second[0].handshake_hash
    assert one.seal(b"the same") != two.seal(b"the same")
    assert first[0].their_noise_public == second[0].their_noise_public


@pytest.mark.parametrize("invite", [None, INVITE], ids=["XX", "XXpsk3"])
def test_pattern_and_invitation_are_bound_by_the_prologue(invite: tuple[bytes, bytes] | None) -> None:
    ana, _ = pair(invite)
    first = ana.first()
    prefix_size = 1 if invite is None else 17
    plain = Noise(
        XX if invite is None else XX_PSK3,
        PROLOGUE + first[:prefix_size],
        False,
        BEN,
        invite and invite[1],
    )
    assert plain.read(first[prefix_size:]) == b""
    ana.receive(plain.write(b"I am Ben"))
    # the same without the prefix in the prologue: nobody can be talked into another pattern
    ana, _ = pair(invite)
    first = ana.first()
    stripped = Noise(XX if invite is None else XX_PSK3, PROLOGUE, False, BEN, invite and invite[1])
    if invite is None:
        stripped.read(first[prefix_size:])
        assert refuses(ana, stripped.write(b"I am Ben"))
    else:  # with a psk even the first, empty payload carries a tag
        with pytest.raises(TheirFault):
            stripped.read(first[prefix_size:])


def test_an_invitation_nobody_made_is_refused() -> None:
    ana, ben = pair((b"invitation no. 8", b"s" * 32))
    assert refuses(ben, ana.first(), "unknown_invite")


def test_a_guessed_secret_does_not_open_an_invitation() -> None:
    ana, ben = pair((INVITE[0], b"g" * 32))
    second = ben.receive(ana.first())
    assert second is not None
    third = ana.receive(second)  # the secret is mixed in last: only Ben finds out
    assert third is not None
    assert refuses(ben, third)
    assert ben.their_introduction == b""


def test_an_invitation_is_not_accepted_without_its_secret() -> None:
    ana, ben = pair()
    first = ana.first()
    assert refuses(ben, b"\x01" + INVITE[0] + first[1:])


@pytest.mark.parametrize("invite", [None, INVITE], ids=["XX", "XXpsk3"])
@pytest.mark.parametrize("number", [1, 2, 3])
def test_no_flipped_byte_of_the_greeting_goes_unnoticed(
    number: int, invite: tuple[bytes, bytes] | None
) -> None:
    size = len(messages(invite)[number - 1])
    for at in range(size):
        ana, ben = pair(invite)
        message, faults = bytearray(ana.first()), 0
        for turn, side in enumerate((ben, ana, ben), 1):
            if turn == number:
                message[at] ^= 1
            try:
                message = bytearray(side.receive(bytes(message)) or b"")
            except TheirFault as fault:
                assert fault.code in ("bad_handshake", "unknown_invite")
                faults += 1
                break
        assert faults == 1, f"byte {at} of message {number}"


def messages(invite: tuple[bytes, bytes] | None) -> list[bytes]:
    ana, ben = pair(invite)
    first = ana.first()
    second = ben.receive(first) or b""
    return [first, second, ana.receive(second) or b""]


def test_a_first_message_with_something_in_it_is_refused() -> None:
    ana, ben = pair()
    assert refuses(ben, ana.first() + b"early")


@pytest.mark.parametrize("message", [b"", b"\x00", b"\x01", b"\x01" + INVITE[0][:15], b"\x02" + bytes(32)])
def test_a_first_message_that_is_none(message: bytes) -> None:
    _, ben = pair()
    assert refuses(ben, message)


def test_a_key_of_low_order_is_refused_on_either_side() -> None:
    ana, ben = pair()
    assert refuses(ben, b"\x00" + bytes(32))
    ana.first()
    assert refuses(ana, bytes(32) + bytes(64))


def test_after_a_fault_nothing_more_is_accepted() -> None:
    ana, ben = pair()
    first = ana.first()
    assert refuses(ben, b"garbage")
    assert refuses(ben, first)


def test_after_the_last_message_nothing_more_is_accepted() -> None:
    ana, ben = pair()
    greet(ana, ben)
    for side in (ana, ben):
        with pytest.raises(TheirFault):
            side.receive(b"one more")


def test_an_overlong_message_is_refused() -> None:
    _, ben = pair()
    assert refuses(ben, b"\x00" + bytes(65_535))


def test_ana_sees_who_answers_before_she_says_who_she_is() -> None:
    ana, ben = pair()
    second = ben.receive(ana.first())
    assert second is not None
    ana.receive(second)
    assert ana.their_introduction == b"I am Ben"
    assert ben.their_introduction == b""  # until Ana chooses to send the third


def test_only_an_initiator_begins_and_only_once() -> None:
    ana, ben = pair()
    ana.first()
    for side in (ana, ben):
        with pytest.raises(RuntimeError):
            side.first()
        with pytest.raises(RuntimeError):
            side.channel()
    with pytest.raises(ValueError):
        Handshake(True, ANA, b"", (b"short", b"s" * 32))


def test_frames_open_once_in_order_and_unaltered() -> None:
    ana, ben = greet(*pair())
    one, two = ana.seal(b"one"), ana.seal(b"two")
    for message in (two, one[:-1], one + b"\x00", bytes([one[0] ^ 1]) + one[1:], b"", bytes(16)):
        with pytest.raises(TheirFault) as caught:
            ben.open(message)
        assert caught.value.code == "bad_frame"
    assert ben.open(one) == b"one"
    with pytest.raises(TheirFault):
        ben.open(one)
    assert ben.open(two) == b"two"
    with pytest.raises(TheirFault):
        ana.open(ana.seal(b"back to me"))


def test_a_frame_over_the_limit_is_our_mistake_or_their_fault() -> None:
    ana, ben = greet(*pair())
    with pytest.raises(ValueError):
        ana.seal(bytes(FRAME_SIZE_BYTES_MAX + 1))
    with pytest.raises(TheirFault) as caught:
        ben.open(bytes(65_536))
    assert caught.value.code == "frame_too_long"


@given(st.lists(st.binary(max_size=200), max_size=3), st.booleans(), st.sampled_from([b"", b"\x00", b"\x01"]))
def test_any_bytes_are_a_greeting_or_a_fault(junk: list[bytes], initiator: bool, start: bytes) -> None:
    side = pair()[0 if initiator else 1]
    if initiator:
        side.first()
    for message in junk:
        try:
            side.receive(start + message)
        except TheirFault as fault:
            assert fault.code in ("bad_handshake", "unknown_invite")
    assert not side.done


@given(st.binary(max_size=200))
def test_any_bytes_are_a_frame_or_a_fault(junk: bytes) -> None:
    ana, ben = greet(*pair())
    with pytest.raises(TheirFault):
        ben.open(junk)
    assert ben.open(ana.seal(b"still here")) == b"still here"
