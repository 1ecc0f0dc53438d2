"""The judge of Riverbend looks at what comes in. Each verdict, each code, and what a stolen node may do."""

from __future__ import annotations

import functools
from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from protocol.encoding import encode
from protocol.errors import TheirFault
from protocol.judge import Judgement, Known, hinges_on, judge, key_record, outlives_its_key, read_checked
from protocol.kinds.keys import Inception, Rotation
from protocol.record import Draft, Record, assemble, parse, to_be_signed
from protocol.scopes import DAY_S, KEYS_SCOPE, LOCAL_SCOPE, coalition, pair
from protocol.signing import public_key, sign
from tests.protocol.helpers import NOON, TODAY, Coalition, Neighborhood, known, policy, secret
from tests.store.helpers import House


class Valley:
    """Riverbend and Oak Street in one coalition; Harbor Hill is outside it."""

    def __init__(self) -> None:
        self.riverbend, self.oak = Neighborhood("Riverbend"), Neighborhood("Oak Street")
        self.harbor = Neighborhood("Harbor Hill")
        self.region = Coalition("The valley", self.riverbend, self.oak, self.harbor)
        self.region.agreed(self.region.charter, [self.riverbend, self.oak])
        self.ana, self.ben = self.riverbend.member("Ana"), self.oak.member("Ben")
        self.hana = self.harbor.member("Hana")

    def known(self) -> Known:
        return known(self.riverbend, self.oak, self.harbor, coalitions=[self.region])

    def verdict(self, record: Record, **changes: object) -> tuple[str, str]:
        judgement = judge(record, replace(self.known(), **changes))  # type: ignore[arg-type]
        return judgement.verdict, judgement.code


@pytest.fixture
def valley() -> Valley:
    return Valley()


def forged(record: Record, index: int) -> Record:
    """The record with one signature replaced by a stranger's."""
    signatures = list(record.signatures)
    signatures[index] = sign(secret("a stranger"), to_be_signed(record.payload))
    return parse(assemble(record.payload, signatures))


def test_what_is_in(valley: Valley) -> None:
    post = valley.ben.post(valley.region.scope)
    assert judge(post, valley.known()) == Judgement("in", "", valley.oak.key)
    promise = valley.ana.commit(post)
    for record in (
        valley.ana.post(),
        promise,
        valley.ben.answer(promise, "agreed"),
        valley.ana.claim(valley.ana, valley.ben),
        valley.oak.standing(post, "arranged", 0),
        valley.oak.erasure(post),
        valley.oak.inception,
        valley.region.charter,
        *valley.region.records,
    ):
        assert valley.verdict(record) == ("in", ""), record.kind


def test_never_is_what_the_bytes_alone_decide(valley: Valley) -> None:
    post = valley.ben.post(valley.region.scope)
    nobody = Known(own_home=b"\x00" * 32, today=0)
    for looked_at in (valley.known(), nobody):
        assert judge(forged(post, 0), looked_at) == Judgement("never", "bad_signature")
        assert judge(forged(valley.oak.inception, 0), looked_at) == Judgement("never", "bad_signature")
        assert judge(forged(valley.oak.rotation(), 0), looked_at) == Judgement("never", "bad_signature")
        # swapped: both signatures are sound, in the wrong places
        swapped = parse(assemble(post.payload, post.signatures[::-1]))
        assert judge(swapped, looked_at) == Judgement("never", "bad_signature")


def test_what_hangs_on_keys_held_may_pass_later(valley: Valley) -> None:
    post = valley.ben.post(valley.region.scope)
    assert valley.verdict(post, chains={}) == ("not_now", "unknown_home")
    assert valley.verdict(forged(post, 1)) == ("not_now", "unknown_key")
    assert valley.verdict(valley.oak.inception, wanted=frozenset()) == ("not_now", "unknown_home")
    before = valley.known()
    valley.oak.rotate()
    fresh = valley.ben.post(valley.region.scope)
    assert judge(fresh, before).code == "unknown_key", "the rotation has not arrived yet"
    assert valley.verdict(fresh) == ("in", "")


def test_scopes_that_are_not_for_us(valley: Valley) -> None:
    harbor_and_oak = pair(valley.harbor.id, valley.oak.id)
    elsewhere = Coalition("The coast", valley.harbor)
    for record in (
        valley.ben.post(),
        valley.ben.say("commitment", harbor_and_oak, {}),
        valley.hana.post(elsewhere.scope),
        elsewhere.charter,
    ):
        assert valley.verdict(record) == ("not_now", "not_for_us"), record.kind
    assert valley.verdict(elsewhere.charter, followed=frozenset({elsewhere.id})) == ("in", "")


def test_only_members_put_things_into_a_coalition(valley: Valley) -> None:
    assert valley.verdict(valley.hana.post(valley.region.scope)) == ("not_now", "not_a_member")
    leave = valley.region.leave(valley.harbor, valley.region.charter)
    assert valley.verdict(leave) == ("not_now", "not_a_member")
    # whoever was in once may still say what concerns the roster, but nothing else
    valley.region.agreed(valley.region.records[1], [valley.riverbend], out=[valley.oak],
                         by=[valley.riverbend, valley.oak])  # fmt: skip
    assert valley.verdict(valley.ben.post(valley.region.scope)) == ("not_now", "not_a_member")
    assert valley.verdict(valley.region.leave(valley.oak, valley.region.charter)) == ("in", "")
    assert valley.verdict(valley.ben.claim(valley.ben, valley.ana)) == ("in", ""), "hours stand"


def test_days(valley: Valley) -> None:
    tomorrow, later = NOON + DAY_S, NOON + 2 * DAY_S
    assert valley.verdict(valley.ana.post(created=tomorrow)) == ("in", "")
    assert valley.verdict(valley.ana.post(created=later)) == ("not_now", "not_yet")
    old = valley.ana.post(created=NOON - 10 * DAY_S, days=9)
    assert old.expires == TODAY and valley.verdict(old) == ("not_now", "expired")
    assert valley.verdict(old, today=TODAY - 1) == ("in", "")
    # two days in dispute: not over by the earlier one, not ahead of the later one
    assert valley.verdict(old, today=TODAY - 1, ahead_days=1) == ("in", "")
    made_later = valley.ana.post(created=later)
    assert valley.verdict(made_later, today=TODAY - 1, ahead_days=1) == ("not_now", "not_yet")
    assert valley.verdict(made_later, today=TODAY - 1, ahead_days=2) == ("in", "")


def test_unknown_kinds_pass_through(valley: Valley) -> None:
    scope = valley.region.scope
    assert valley.verdict(valley.ben.say("potluck", scope, {"dish": [1, {"a": None}]})) == ("in", "")
    assert valley.verdict(valley.oak.say("succession", scope, {"x": b"1"}, days=None)) == ("in", "")
    assert valley.verdict(forged(valley.ben.say("potluck", scope, {}), 0)) == ("never", "bad_signature")
    unreadable = valley.ben.say("post", scope, {"type": "wish", "slots": "many"})
    assert valley.verdict(unreadable) == ("in", ""), "the body decides only what is shown"


# ---- keys change hands


def test_a_rotation_by_the_recovery_policy(valley: Valley) -> None:
    before = valley.ben.post(valley.region.scope)
    rotation = valley.oak.rotate()
    assert valley.verdict(rotation) == ("in", "")
    assert valley.verdict(before) == ("not_now", "old_key"), "until Oak Street signs it anew"
    again = parse(
        assemble(before.payload, [before.signatures[0], sign(valley.oak.seed, to_be_signed(before.payload))])
    )
    assert again.id == before.id and valley.verdict(again) == ("in", "")


def test_a_rotation_by_the_stolen_node_key_is_refused(valley: Valley) -> None:
    thief = valley.oak.rotation(seed=secret("thief"), signers=[valley.oak.seed])
    assert valley.verdict(thief) == ("never", "wrong_signer")
    stranger = valley.oak.rotation(seed=secret("thief"), signers=[secret("any key")])
    assert valley.verdict(stranger) == ("never", "wrong_signer")
    elsewhere = valley.oak.rotation(previous=valley.harbor.id, sheets=valley.harbor.sheets)
    assert valley.verdict(elsewhere) == ("not_now", "unknown_key"), "another home's policy is not ours"
    early = valley.oak.rotation(previous=valley.oak.rotation().id)
    assert valley.verdict(early) == ("not_now", "unknown_key"), "its predecessor may still come"


def test_what_a_key_change_leaves_in_place(valley: Valley) -> None:
    stolen = valley.oak.seed
    post, card = valley.ben.post(valley.region.scope), valley.oak.say("node", valley.region.scope, {})
    theirs = valley.ben.erase(post)
    thiefs = valley.oak.erasure(valley.ben.post(valley.region.scope))
    homes = valley.oak.again(card, {}, erased=True)
    assent = valley.region.assent(valley.oak, valley.region.charter)
    valley.oak.rotate()
    assert valley.verdict(theirs) == ("in", ""), "Ben's own signature says so"
    assert valley.verdict(assent) == ("in", ""), "the roster itself says which keys count"
    for record in (post, card, thiefs, homes):
        assert valley.verdict(record) == ("not_now", "old_key") and not outlives_its_key(record)
    assert judge(theirs, valley.known()).home_key == public_key(stolen)
    # an old key opens no scope that a new one does not
    outside = valley.ben.post(coalition(b"c" * 32), seed=stolen)
    assert valley.verdict(outside) == ("not_now", "not_for_us")


def test_leaving_by_the_recovery_sheet_alone(valley: Valley) -> None:
    sheet = secret("sheet", valley.oak.sheets[0])

    def leave(*signers: bytes, by: tuple[bytes, ...] | None = None) -> Record:
        body = {"epoch": valley.region.records[1].id, "signers": [public_key(key) for key in signers]}
        return valley.oak.say("leave", valley.region.scope, body, days=None, seeds=by or signers)

    assert valley.verdict(leave(sheet)) == ("in", "")
    assert valley.verdict(leave(secret("thief"))) == ("not_now", "unknown_key")
    assert valley.verdict(leave(sheet, by=(secret("thief"),))) == ("never", "bad_signature")
    assert valley.verdict(leave(sheet, sheet)) == ("never", "bad_signature"), "one sheet counts once"
    twice = valley.oak.say("leave", valley.region.scope, {}, days=None, seeds=[valley.oak.seed] * 2)
    assert valley.verdict(twice) == ("never", "wrong_signatures")


def test_key_records_that_contradict_themselves(valley: Valley) -> None:
    def inception(body: dict[str, object], seed: bytes = valley.oak.seed) -> Record:
        return Draft("inception", KEYS_SCOPE, b"", b"", b"n" * 16, NOON, None, body).sign([seed])

    good = policy(["a", "b"], 2)
    sound = inception(Inception(node_key=valley.oak.key, recovery=good).body())
    assert key_record(sound).verdict == "in"
    for bad in (policy(["a"], 2), policy(["a", "a"], 1)):
        record = inception(Inception(node_key=valley.oak.key, recovery=bad).body())
        assert key_record(record) == Judgement("never", "bad_key_record")
    assert key_record(inception({"node_key": b"short"})).code == "bad_key_record"
    body = Inception(node_key=valley.oak.key, recovery=good).body()
    assert key_record(inception(body, secret("another"))).code == "bad_signature"

    sheets = sorted((secret("sheet", name) for name in ("a", "b")), key=public_key)
    keys = [public_key(sheet) for sheet in sheets]

    def rotation(signers: list[bytes], seeds: list[bytes]) -> Judgement:
        body = Rotation(previous=sound.id, node_key=valley.oak.key, recovery=good, signers=signers).body()
        return key_record(
            Draft("rotation", KEYS_SCOPE, sound.id, sound.id, b"n" * 16, NOON, None, body).sign(seeds)
        )

    assert rotation(keys, sheets).verdict == "in"
    assert rotation(keys[::-1], sheets[::-1]).code == "wrong_signatures", "one order only"
    assert rotation([keys[0]] * 2, [sheets[0]] * 2).code == "wrong_signatures"
    assert rotation(keys, sheets[:1]).code == "wrong_signatures"
    assert rotation(keys, sheets[::-1]).code == "bad_signature"


def test_key_records_from_a_greeting(valley: Valley) -> None:
    assert read_checked(valley.oak.inception.message) == valley.oak.inception
    for message, code in (
        (b"", "not_a_record"),
        (valley.region.charter.message, "bad_key_record"),
        (forged(valley.oak.inception, 0).message, "bad_signature"),
    ):
        with pytest.raises(TheirFault) as caught:
            read_checked(message)
        assert caught.value.code == code


def test_the_verdict_does_not_hang_on_what_came_before(valley: Valley) -> None:
    post = valley.ben.post(valley.region.scope)
    records = [post, valley.ben.erase(post), valley.ana.post(), valley.hana.post(valley.region.scope)]
    seen = valley.known()
    first = {record.id: judge(record, seen) for record in records}
    for order in (records[::-1], records * 2):
        assert [judge(record, seen) for record in order] == [first[record.id] for record in order]
    assert seen == valley.known(), "judging changes nothing"


def test_an_own_act_needs_the_own_neighborhood(valley: Valley) -> None:
    theirs = parse(valley.oak.say("node", valley.region.scope, {}).message)
    stolen = Draft(
        "node", theirs.scope, valley.harbor.id, valley.harbor.id, b"n" * 16, NOON, TODAY + 9, {}
    ).sign([valley.oak.seed])
    assert valley.verdict(stolen) == ("not_now", "unknown_key")
    assert encode(theirs.body) == b"\xa0" and valley.verdict(theirs) == ("in", "")
    borrowed = valley.hana.post(LOCAL_SCOPE, seed=valley.riverbend.seed)
    assert borrowed.home == valley.harbor.id and valley.verdict(borrowed)[0] == "not_now"


@functools.cache
def moving() -> tuple[list[Record], list[Record], Valley]:
    """Key and roster records of a valley, and records whose verdicts hang on which of them are held."""
    valley = Valley()
    scope, rosters = valley.region.scope, valley.region
    rosters.sponsor(valley.riverbend, valley.harbor, rosters.records[1])
    before = [valley.ben.post(scope), valley.hana.post(scope), valley.oak.say("standing", scope, {})]
    rotated, rival = valley.oak.rotate(), valley.oak.rotation(previous=valley.oak.inception.id)
    later = [valley.ben.post(scope), valley.ben.contest(valley.ben, valley.ana, scope)]
    apart = [valley.ana.post(), valley.ben.commit(valley.ana.post())]
    keys = [home.inception for home in (valley.riverbend, valley.oak, valley.harbor)]
    acts = [*keys, rotated, rival, *rosters.records]
    return acts, [*acts, *before, *later, *apart], valley


@settings(max_examples=25)
@given(st.sets(st.integers(0, 20)), st.sets(st.integers(0, 20)))
def test_while_nothing_moved_the_verdict_is_the_same(one: set[int], other: set[int]) -> None:
    acts, asked, valley = moving()
    houses = [House(valley.riverbend, valley.oak, coalitions=[valley.region]) for _ in range(2)]
    for house, places in zip(houses, (one, other), strict=True):
        house.hear(*(acts[place % len(acts)] for place in sorted(places)))
    mine, theirs = (house.records.known for house in houses)
    for record in asked:
        if hinges_on(record, mine) == hinges_on(record, theirs):
            assert judge(record, mine) == judge(record, theirs), record.kind
