"""A neighborhood keeps its id while its node key changes; the recovery sheets decide, in any order."""

from __future__ import annotations

import hashlib

from hypothesis import given, settings
from hypothesis import strategies as st

from protocol.kinds.keys import CHAIN_LENGTH_MAX, build_chain, meets, policy_of, recovery_hash, sound_policy
from protocol.signing import public_key
from tests.protocol.helpers import Neighborhood, policy, secret

SHEETS = ("Ana's", "Ben's", "Cem's", "Dora's", "Eli's")


def test_the_id_is_the_inception() -> None:
    oak = Neighborhood("Oak Street")
    chain = oak.chain()
    assert oak.id == oak.inception.id == hashlib.sha256(oak.inception.payload).digest()
    assert (chain.current, chain.head) == (oak.key, oak.id)
    assert build_chain(oak.id, []) is None
    assert build_chain(Neighborhood("Riverbend").id, oak.key_records) is None


def test_each_rotation_takes_over_and_the_past_is_known() -> None:
    oak = Neighborhood("Oak Street")
    keys = [oak.key]
    for _ in range(3):
        oak.rotate()
        keys.append(oak.key)
    chain = oak.chain()
    assert [step.node_key for step in chain.steps] == keys and chain.current == keys[-1]
    assert chain.keys_since(oak.id) == tuple(keys)
    assert chain.keys_since(oak.key_records[2].id) == tuple(keys[2:])
    assert chain.keys_since(b"?" * 32) == ()


def test_three_of_five_sheets() -> None:
    oak = Neighborhood("Oak Street", SHEETS, threshold=3)
    two, three = oak.rotation(sheets=oak.sheets[:2]), oak.rotation(sheets=oak.sheets[2:])
    assert oak.chain().head == build_chain(oak.id, [*oak.key_records, two]).head == oak.id  # type: ignore[union-attr]
    followed = build_chain(oak.id, [two, three, *oak.key_records])
    assert followed is not None and followed.head == three.id


def test_the_new_policy_takes_over_too() -> None:
    oak = Neighborhood("Oak Street")
    moved = oak.rotation(new_sheets=["a new sheet"])
    oak.key_records.append(moved)
    old = oak.rotation(sheets=oak.sheets)
    new = oak.rotation(sheets=["a new sheet"])
    chain = build_chain(oak.id, [old, new, *oak.key_records])
    assert chain is not None and chain.head == new.id
    assert policy_of(moved) == policy(["a new sheet"]) and policy_of(old) == policy(oak.sheets)


def test_of_two_rotations_the_listed_one_counts_else_the_lower() -> None:
    oak = Neighborhood("Oak Street")
    low, high = sorted((oak.rotation(), oak.rotation()), key=lambda record: record.id)
    beyond = oak.rotation(previous=high.id)
    records = [oak.inception, beyond, high, low]
    assert build_chain(oak.id, records).head == low.id  # type: ignore[union-attr]
    listed = build_chain(oak.id, records, frozenset({high.id}))
    assert listed is not None and listed.head == beyond.id
    assert listed.keys_since(low.id) == (), "what branched off counts for nothing"
    assert build_chain(oak.id, records, frozenset({beyond.id})) == listed, (
        "what leads to a listed one counts too"
    )


def test_other_peoples_rotations_do_not_count() -> None:
    oak, harbor = Neighborhood("Oak Street"), Neighborhood("Harbor Hill")
    stolen = oak.rotation(signers=[oak.seed], seed=secret("thief"))
    borrowed = harbor.rotation(previous=oak.id)
    chain = build_chain(oak.id, [oak.inception, stolen, borrowed, harbor.inception])
    assert chain is not None and chain.head == oak.id


def test_policies() -> None:
    keys = [public_key(secret("sheet", name)) for name in ("a", "b", "c")]
    two = policy(["a", "b", "c"], 2)
    assert sound_policy(two) and not sound_policy(policy(["a"], 2)) and not sound_policy(policy(["a", "a"]))
    assert meets(two, keys) and meets(two, keys[:2]) and not meets(two, keys[:1])
    assert not meets(two, [keys[0], keys[0]]) and not meets(two, [keys[0], public_key(secret("other"))])
    assert len({recovery_hash(key) for key in keys} | set(keys)) == 6


def test_a_chain_has_an_end() -> None:
    oak = Neighborhood("Oak Street")
    for _ in range(CHAIN_LENGTH_MAX + 5):
        oak.rotate()
    assert len(oak.chain().steps) == CHAIN_LENGTH_MAX


@settings(max_examples=60)
@given(st.data())
def test_any_order_gives_the_same_chain(data: st.DataObject) -> None:
    oak = Neighborhood("Oak Street")
    records = [oak.inception]
    for _ in range(data.draw(st.integers(0, 5))):
        previous = data.draw(st.sampled_from(records)).id
        records.append(oak.rotation(previous=previous))
    listed = frozenset(data.draw(st.sets(st.sampled_from([record.id for record in records]), max_size=2)))
    shuffled = data.draw(st.permutations(records + records[:2]))
    assert build_chain(oak.id, shuffled, listed) == build_chain(oak.id, records, listed)
