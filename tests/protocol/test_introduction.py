"""Riverbend introduces itself to Hillside. Whatever is not quite right is a bad handshake, nothing else."""

from __future__ import annotations

from collections.abc import Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st

from protocol import introduction, signing
from protocol.encoding import decode, encode
from protocol.errors import TheirFault
from protocol.introduction import SIZE_BYTES_MAX, Introduction, build, check

TODAY = 20_500
SEED = bytes(range(32))
NODE_KEY = signing.public_key(SEED)
HOME = b"riverbend".ljust(32, b".")
NOISE_PUBLIC = b"riverbend's noise key".ljust(32, b".")
RECORDS = [b"inception", b"rotation"]


def key_of(home: bytes, records: Sequence[bytes]) -> bytes | None:
    """Hillside follows Riverbend's key records to its current key, and knows nobody else."""
    return NODE_KEY if home == HOME and list(records) == RECORDS else None


def greeting(until: int = TODAY + 90) -> bytes:
    return build(SEED, HOME, NODE_KEY, NOISE_PUBLIC, until, RECORDS)


def refused(data: bytes, noise_public: bytes = NOISE_PUBLIC, today: int = TODAY) -> bool:
    with pytest.raises(TheirFault) as caught:
        check(data, noise_public, today, key_of)
    return caught.value.code == "bad_handshake"


def altered(**changes: object) -> bytes:
    fields = decode(greeting(), SIZE_BYTES_MAX)
    for name, value in changes.items():
        fields[int(name.removeprefix("field_"))] = value
    return encode(fields)


def test_an_honest_introduction_is_understood() -> None:
    assert check(greeting(), NOISE_PUBLIC, TODAY, key_of) == Introduction(
        HOME, NODE_KEY, TODAY + 90, tuple(RECORDS)
    )


def test_the_bytes_are_these() -> None:
    """A vector: it never changes; a new rule adds one."""
    data = build(
        bytes(32), bytes(32), signing.public_key(bytes(32)), bytes([9]) + bytes(31), 20_500, [b"\x01"]
    )
    assert data.hex() == (
        "a5"
        "015820" + "00" * 32 + "025820"
        "3b6a27bcceb6a42d62a3a8d02a6f0d73653215771de243a63ac048a18b59da29"
        "03195014"
        "045840" + signing.sign(
            bytes(32),
            b"barnraise/1 noise-key\x00" + bytes.fromhex("825820" + "09" + "00" * 31 + "195014"),
        ).hex() + "05814101"
    )  # fmt: skip


def test_it_lasts_to_its_last_day_on_a_clock_a_day_ahead_and_no_longer() -> None:
    data = greeting(until=TODAY)
    assert check(data, NOISE_PUBLIC, TODAY + 1, key_of).until == TODAY
    assert refused(data, today=TODAY + 2)


def test_it_promises_at_most_ninety_days_to_a_clock_a_day_behind() -> None:
    data = greeting(until=TODAY + 90)
    assert check(data, NOISE_PUBLIC, TODAY - 1, key_of).until == TODAY + 90
    assert refused(data, today=TODAY - 2)


def test_a_copied_introduction_is_worthless_to_somebody_else() -> None:
    assert refused(greeting(), noise_public=b"mallory's noise key".ljust(32, b"."))


def test_a_stolen_old_key_no_longer_speaks_for_the_home() -> None:
    old_seed = b"o" * 32
    assert refused(build(old_seed, HOME, signing.public_key(old_seed), NOISE_PUBLIC, TODAY + 1, RECORDS))


def test_a_home_whose_key_cannot_be_known_is_refused() -> None:
    assert refused(build(SEED, HOME, NODE_KEY, NOISE_PUBLIC, TODAY + 1, []))
    assert refused(build(SEED, b"x" * 32, NODE_KEY, NOISE_PUBLIC, TODAY + 1, RECORDS))


def test_bad_key_records_are_a_bad_handshake() -> None:
    def stumbles(home: bytes, records: Sequence[bytes]) -> bytes | None:
        raise TheirFault("bad_key_record")

    with pytest.raises(TheirFault) as caught:
        check(greeting(), NOISE_PUBLIC, TODAY, stumbles)
    assert caught.value.code == "bad_handshake"


def test_key_records_are_not_followed_for_somebody_who_did_not_sign() -> None:
    def never(home: bytes, records: Sequence[bytes]) -> bytes | None:
        raise AssertionError("work was done for an unproven key")

    with pytest.raises(TheirFault):
        check(altered(field_4=bytes(64)), NOISE_PUBLIC, TODAY, never)


@pytest.mark.parametrize(
    "data",
    [
        pytest.param(b"", id="nothing"),
        pytest.param(encode([1, 2, 3, 4, 5]), id="a list"),
        pytest.param(encode({1: HOME, 2: NODE_KEY, 3: TODAY, 4: bytes(64)}), id="no key records"),
        pytest.param(altered(field_6=1), id="a field too many"),
        pytest.param(altered(field_1=HOME[:31]), id="a short home"),
        pytest.param(altered(field_2=bytes(32)), id="a small-order node key"),
        pytest.param(altered(field_3=True), id="until is no number"),
        pytest.param(altered(field_3=TODAY + 89), id="another day than was signed"),
        pytest.param(altered(field_3=-1), id="a day before 1970"),
        pytest.param(altered(field_4=bytes(64)), id="no true signature"),
        pytest.param(altered(field_5=[b"a"] * 17), id="seventeen key records"),
        pytest.param(altered(field_5=[bytes(8193)]), id="a key record over 8 KiB"),
        pytest.param(altered(field_5=[bytes(8000)] * 5), id="key records over 32 KiB"),
        pytest.param(altered(field_5=["inception"]), id="a key record that is text"),
        pytest.param(greeting() + b"\x00", id="trailing bytes"),
        pytest.param(greeting()[:-1], id="cut short"),
    ],
)
def test_what_is_malformed_is_a_bad_handshake(data: bytes) -> None:
    assert refused(data)


def test_the_largest_introduction_fits() -> None:
    records = [bytes(2048)] * 16
    data = build(SEED, HOME, NODE_KEY, NOISE_PUBLIC, TODAY, records)
    assert len(data) <= SIZE_BYTES_MAX
    assert check(data, NOISE_PUBLIC, TODAY, lambda home, given: NODE_KEY).key_records == tuple(records)


def test_we_do_not_build_what_others_would_refuse() -> None:
    for records in ([b"a"] * 17, [bytes(8193)], [bytes(8192)] * 5):
        with pytest.raises(ValueError):
            build(SEED, HOME, NODE_KEY, NOISE_PUBLIC, TODAY, records)
    with pytest.raises(ValueError):
        build(bytes(32), HOME, NODE_KEY, NOISE_PUBLIC, TODAY, [])
    with pytest.raises(ValueError):
        build(SEED, HOME[:5], NODE_KEY, NOISE_PUBLIC, TODAY, [])


@given(st.binary(max_size=400))
def test_any_bytes_are_an_introduction_or_a_bad_handshake(data: bytes) -> None:
    assert refused(data)


@given(st.integers(0, 10_000), st.integers(1, 255))
def test_no_flipped_byte_goes_unnoticed(at: int, flip: int) -> None:
    data = bytearray(greeting())
    data[at % len(data)] ^= flip
    assert refused(bytes(data))


def test_the_domain_is_that_of_noise_keys_alone() -> None:
    assert introduction.DOMAIN == b"barnraise/1 noise-key\x00"


def test_a_node_without_a_clock_listens_to_whoever_proves_their_key() -> None:
    data = greeting(until=TODAY + 30)
    assert check(data, NOISE_PUBLIC, None, key_of).until == TODAY + 30
    assert refused(data, today=TODAY + 400)
