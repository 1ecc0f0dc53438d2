"""Two neighborhoods, Riverbend and Hillside, compare what they hold, byte for byte as the reference would.

The golden messages were made by running the reference's own harnesses (github.com/hoytech/negentropy at
6edb041d, test/js/harness.js and test/cpp/harness.cpp: both say the same) on the items given beside them,
one harness as initiator and one as the other side. Ids are SHA-256 of "item N".
"""

from __future__ import annotations

import random
from hashlib import sha256

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from protocol.errors import TheirFault
from sync.index import RangeIndex, fingerprint
from sync.reconcile import Reconciler

Item = tuple[int, bytes]
FRAME_LIMITS = st.just(0) | st.integers(4096, 9000)


def make_id(number: int) -> bytes:
    return sha256(b"item %d" % number).digest()


def index_of(items: list[Item] | set[Item]) -> RangeIndex:
    index = RangeIndex()
    index.bulk(items)
    return index


class Talk:
    """A whole reconciliation: Riverbend asks, Hillside answers, until Riverbend is done."""

    def __init__(self, riverbend: Reconciler, hillside: Reconciler, rounds_max: int = 200) -> None:
        self.messages: list[bytes] = []
        self.have: list[bytes] = []
        self.need: list[bytes] = []
        message: bytes | None = riverbend.initiate()
        while message is not None:
            answer = hillside.respond(message)
            self.messages += [message, answer]
            assert len(self.messages) <= 2 * rounds_max
            step = riverbend.reconcile(answer)
            self.have += step.have
            self.need += step.need
            message = step.reply


def ids(items: set[Item]) -> set[bytes]:
    return {item_id for _, item_id in items}


# golden messages

FORTY = [(number // 4 * 10, make_id(number)) for number in range(40)]
GOLDEN_FORTY = (
    "610101f5011996cbde7cfbcf6cf86190bc774f5ecc0b01cc01c7dbf417dbbfaaaef17bc6df633717ab0b01490162c049227df47d"
    "e64bbe054b1b90b5230b0001b756568c210fcdf1e66e9c98c5e4e26c0101f201c225b7fe54ecfa6ef394b6d5982ce1b50b018301"
    "5031ec812fdd60526724f540b6ee939b0b015401c855e351a07fa5cea840559442a450530b000129f47f551da7f1ce5014e1b263"
    "cf7134010150014d41158cd538f6737292fd953ef37cac0b000127d39aee6e7f1104530970c2822169490101de01fefa3ed76930"
    "76fc17e6a83b2e0c1ca30b0001caf8d2d739148d2e3652b5a07b05f5db010175010ec2411556c0576769b7dbc749932e270b0001"
    "0604121ccf6b3900d6abb52099bf2cbc010173019aa1f56dcc8801f85f10d0a2ba0f3108000001935ce6b6446d714dda03ad7ff2"
    "4f3a1b",
    "610101f5000b01cc0202f5201cf555e7b13e0dc1d8c025407e0d2d96eb5728d49be67c29becdc1ee44ba608b5cfa8e3731f12fb9"
    "77aa149152867eb333b3f20ce9194519b03f8b4c772f51017300000002037356e10e3f389699389253d1f307c256d8fadba21c8c"
    "bd774018794e924c68d3c4c7cf7fd1bae4084a7249228ca5cdac749aa6c1e314b79c5f41296e9078f23d2de81361f3d94cec476b"
    "dd24816b2ac87cd7b9381c4d2da3d528f57f47bbd082",
)
GOLDEN_FAR = (  # timestamps above 2**32: by the C++ reference alone, since the one in JS breaks at 2**31
    "61b7f0c7ac01000145a2895c8997e089756055fd6899ea2fb7f0c7ac010001af7d26ad6177d9162075575f06bfc037b7f0c7ac01"
    "0001ddf95b3ce9887338385e05be2c158634b7f0c7ac0100014ee7cd290dc86a258a9a3eb423acf30ab7f0c7ac01000143b962c5"
    "d21c2f63824d7fc2eb81cc30b7f0c7ac010001f4fbe36dac2f4092125bbd108f5736afb7f0c7ac010001b6de462cee5c26629b5e"
    "04d83e27d4fab7f0c7ac0100014622d4197eb14d499aaa2ef8b9890326a5a0afc801000162c1ac2bf9ff55cc951fd0c02117ad6a"
    "a5a0afc801000125d7307a3d149639650896748caacdb6a5a0afc8010001caf8d2d739148d2e3652b5a07b05f5dba5a0afc80100"
    "01fefa3ed7693076fc17e6a83b2e0c1ca3a5a0afc80100018a95f946bf24351ade680b9c9175059ca5a0afc8010001dee27e8bb1"
    "bbfab4f1df110489d767e6a5a0afc80100014d6513f881396a7a91a6e59fa14823110000016d09aaad87130fc5999a5ab24df330"
    "b8"
)


def test_golden_two_empty_sets() -> None:
    talk = Talk(Reconciler(RangeIndex()), Reconciler(RangeIndex()))
    assert [message.hex() for message in talk.messages] == ["6100000200", "6100000200"]


def test_golden_three_items_of_one_second() -> None:
    riverbend = Reconciler(index_of([(1000, make_id(number)) for number in range(3)]))
    hillside = Reconciler(index_of([(1000, make_id(number)) for number in range(1, 4)]))
    talk = Talk(riverbend, hillside)
    assert talk.messages[0].hex() == (
        "61000002037f5f00f1199c45329d4e101bb8160f5c2d47998e87ec2520f7a8146250375a3dacadda60a86d56e836b3df33c0bd32"
        "05d7e0f0ffb12733b44866917582286cdef5201cf555e7b13e0dc1d8c025407e0d2d96eb5728d49be67c29becdc1ee44ba"
    )
    assert talk.messages[1].hex().endswith("b312f0af7ea65f889710717f15df1c25f4257597eb36c06675821e6b9eea45fa")
    assert (talk.have, talk.need) == ([make_id(0)], [make_id(3)])


def test_golden_forty_items_with_a_prefix_in_every_bound() -> None:
    hillside = [(number // 4 * 10, make_id(number)) for number in range(41) if number != 7]
    talk = Talk(Reconciler(index_of(FORTY)), Reconciler(index_of(hillside)))
    assert tuple(message.hex() for message in talk.messages) == GOLDEN_FORTY
    assert (talk.have, talk.need) == ([make_id(7)], [make_id(40)])


def test_golden_timestamps_far_in_the_future() -> None:
    index = index_of([(5_000_000_000 * number, make_id(number)) for number in range(40)])
    assert Reconciler(index).initiate().hex() == GOLDEN_FAR


def test_golden_four_hundred_items_in_frames_of_4096() -> None:
    riverbend = index_of([(number // 3, make_id(number)) for number in range(400)])
    hillside = index_of([(number // 3, make_id(number)) for number in range(300, 700)])
    talk = Talk(Reconciler(riverbend, 4096), Reconciler(hillside, 4096))
    assert [len(message) for message in talk.messages] == [315, 371, 200, 3953, 41, 3996, 41, 1993]
    digest = sha256("".join(message.hex() for message in talk.messages).encode()).hexdigest()
    assert digest == "62c17b78423c7d2c0d67be239cb1a236fcf23e091503a516390c3829d500d6ff"


# the differences, all of them and nothing else


@settings(deadline=None)
@given(
    seed=st.integers(0, 2**32),
    size=st.integers(0, 60) | st.integers(60, 1500),
    seconds=st.sampled_from([1, 5, 1000, 10**9]),
    shares=st.sampled_from([(1, 1, 98), (1, 0, 9), (0, 1, 9), (1, 1, 1), (1, 1, 0)]),
    riverbend_limit=FRAME_LIMITS,
    hillside_limit=FRAME_LIMITS,
)
def test_both_learn_exactly_the_differences(
    seed: int,
    size: int,
    seconds: int,
    shares: tuple[int, int, int],
    riverbend_limit: int,
    hillside_limit: int,
) -> None:
    chance = random.Random(seed)
    riverbend, hillside = set[Item](), set[Item]()
    for _ in range(size):
        # Ids of all zeros but for some bytes make long prefixes, beside the usual random ones.
        item_id = chance.randbytes(32) if chance.random() < 0.8 else bytes(28) + chance.randbytes(4)
        item = chance.randrange(seconds), item_id
        (where,) = chance.choices(("riverbend", "hillside", "both"), shares)
        if where != "hillside":
            riverbend.add(item)
        if where != "riverbend":
            hillside.add(item)
    talk = Talk(
        Reconciler(index_of(riverbend), riverbend_limit), Reconciler(index_of(hillside), hillside_limit)
    )
    if not riverbend_limit and not hillside_limit:
        assert len(talk.have) == len(set(talk.have))
        assert len(talk.need) == len(set(talk.need))
    assert set(talk.have) == ids(riverbend - hillside)
    assert set(talk.need) == ids(hillside - riverbend)
    for limit, messages in ((riverbend_limit, talk.messages[::2]), (hillside_limit, talk.messages[1::2])):
        assert not limit or max(map(len, messages)) <= limit


def test_equal_sets_are_found_equal_in_one_round_trip() -> None:
    items = [(number, make_id(number)) for number in range(5000)]
    talk = Talk(Reconciler(index_of(items)), Reconciler(index_of(items[::-1])))
    assert (len(talk.messages), talk.messages[1]) == (2, b"\x61")
    assert talk.have == talk.need == []


def test_records_that_come_in_between_messages_do_no_harm() -> None:
    index_r = index_of([(number, make_id(number)) for number in range(2000)])
    index_h = index_of([(number, make_id(number)) for number in range(3, 2000)])
    riverbend, hillside = Reconciler(index_r), Reconciler(index_h)
    have: list[bytes] = []
    message: bytes | None = riverbend.initiate()
    late = 5000
    while message is not None:
        step = riverbend.reconcile(hillside.respond(message))
        have += step.have
        index_r.remove(late - 3010, make_id(late - 3010))
        index_h.insert(late, make_id(late))
        late += 1
        message = step.reply
        assert late < 5050
    assert set(have) >= {make_id(0), make_id(1), make_id(2)}


def test_a_difference_at_the_end_survives_a_full_frame() -> None:
    """The one place where our bytes differ: both references say "the rest is empty" and lose 30 ids."""
    held = index_of([(number, make_id(number)) for number in range(150)])
    thirty_seconds = bytes((1 + 30, 0, 1)) + bytes(16)  # a range with a fingerprint that nobody has
    message = b"\x61" + thirty_seconds * 4 + b"\x00\x00\x01" + fingerprint(0, 0)
    answer = Reconciler(held, 4096).respond(message)
    assert answer[-19:] == b"\x00\x00\x01" + held.fingerprint(120, 150)
    assert answer[-19:] != b"\x00\x00\x01" + fingerprint(0, 0)


# versions and malformed messages

SIDE = Reconciler(index_of([(number // 7, make_id(number)) for number in range(300)]), 4096)


def assert_sound_or_refused(message: bytes) -> None:
    """The rule for any bytes: an answer within the frame, or our error. Never another error."""
    try:
        assert len(SIDE.respond(message)) <= 4096
    except TheirFault as fault:
        assert fault.code == "bad_reconciliation"
    try:
        step = SIDE.reconcile(message)
        assert len(step.reply or b"") <= 4096
        assert len(step.have) <= 300
        assert len(step.need) <= len(message) // 32
    except TheirFault as fault:
        assert fault.code == "bad_reconciliation"


def test_a_newer_version_is_answered_with_ours_and_older_ones_too() -> None:
    assert SIDE.respond(bytes.fromhex("62aabbccddeeff")) == b"\x61"
    assert SIDE.respond(b"\x60") == SIDE.respond(b"\x6f") == b"\x61"
    with pytest.raises(TheirFault):
        SIDE.reconcile(b"\x62")


@pytest.mark.parametrize(
    ("fault", "message"),
    [
        ("empty", ""),
        ("version below the range", "5f"),
        ("version above the range", "70"),
        ("bound without a length", "6101"),
        ("bound without a mode", "610100"),
        ("prefix cut short", "610105aabb"),
        ("prefix of 33 bytes", "610121" + "00" * 33 + "00"),
        ("mode 3", "61000003"),
        ("fingerprint cut short", "61000001" + "00" * 15),
        ("list cut short", "6100000202" + "00" * 32),
        ("list of 2**64 - 1 ids", "6100000281ffffffffffffffff7f"),
        ("list without a count", "61000002"),
        ("number with a leading zero", "618001000200"),
        ("number of 65 bits", "6183ffffffffffffffff7f000000"),
        ("number without an end", "61" + "ff" * 1000),
        ("bound that goes back by its prefix", "610101ff0001010100"),
        ("time after infinity", "61000000020000"),
        ("time that runs into infinity", "6181ffffffffffffffff7f0000020000"),
    ],
)
def test_malformed(fault: str, message: str) -> None:
    for read in (SIDE.respond, SIDE.reconcile):
        with pytest.raises(TheirFault) as refusal:
            read(bytes.fromhex(message))
        assert refusal.value.code == "bad_reconciliation", fault


def test_the_same_bound_twice_is_allowed() -> None:
    """References write it when a frame is cut just where a range begins, and after the last range."""
    assert SIDE.respond(bytes.fromhex("61" + "020000" + "010000" + "000000" * 2)) == b"\x61"


def test_a_prefix_of_infinity_says_nothing_and_is_sent_back_as_it_came() -> None:
    """@nostr-dev-kit/sync fills every bound up to 32 bytes, infinity too."""
    held = Reconciler(index_of([(1, make_id(1))]))
    assert held.respond(b"\x61\x00\x20" + bytes(32) + b"\x02\x00").hex() == (
        "610020" + "00" * 32 + "0201" + make_id(1).hex()
    )
    twice = b"\x61\x00\x01\xff\x00" + b"\x00\x00\x02\x00"
    assert held.respond(twice) == b"\x61\x00\x01\xff\x00\x00\x00\x02\x00"


@given(st.binary(max_size=200).map(lambda tail: b"\x61" + tail) | st.binary(max_size=50))
def test_random_bytes_are_refused_or_answered(message: bytes) -> None:
    assert_sound_or_refused(message)


@given(
    st.sampled_from([bytes.fromhex(message) for message in (*GOLDEN_FORTY, GOLDEN_FAR)]),
    st.lists(st.tuples(st.integers(0, 400), st.integers(0, 2), st.binary(max_size=3)), max_size=4),
)
@example(b"\x61" + b"\x01\x00\x02\x00" * 3, [])
def test_mutated_messages_are_refused_or_answered(message: bytes, cuts: list[tuple[int, int, bytes]]) -> None:
    for at, length, put in cuts:
        message = message[:at] + put + message[at + length :]
    assert_sound_or_refused(message)


@pytest.mark.parametrize("unit", ["010000", "01000200", "010001" + "00" * 16])
def test_sixty_thousand_bytes_of_nothing_cause_no_more_than_one_frame(unit: str) -> None:
    message = b"\x61" + bytes.fromhex(unit) * (60_000 // (len(unit) // 2))
    assert_sound_or_refused(message)


def test_a_frame_limit_below_4096_is_a_mistake_of_ours() -> None:
    with pytest.raises(ValueError):
        Reconciler(RangeIndex(), 4095)
