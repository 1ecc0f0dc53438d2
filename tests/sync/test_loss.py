"""What two sessions say to each other where one side has lost everything."""

from __future__ import annotations

import hashlib

import pytest

from protocol.errors import TheirFault
from sync import frames, session
from sync.frames import read_frame, write_frame
from tests.sync.test_session import HILLS, VALLEY, Link, members, ports


def test_key_records_are_given_to_whoever_knows_a_sheet_and_not_for_long() -> None:
    riverbend, oak = ports()
    oak.by_sheet[VALLEY] = [b"inception", b"rotation"]
    link = Link(riverbend, oak).run()
    answers = [link.other.receive(write_frame(frames.KEYS_WANTED, named), 0) for named in (VALLEY, HILLS)]
    assert [read_frame(data) for (data,) in answers] == [
        (frames.KEYS_GIVEN, [[b"inception", b"rotation"]]),
        (frames.KEYS_GIVEN, [[]]),
    ]
    assert link.one.receive(answers[0][0], 0) == [], "nobody asked"
    with pytest.raises(TheirFault, match="too_fast"):
        for _ in range(session.KEYS_WANTED_MAX):
            link.other.receive(write_frame(frames.KEYS_WANTED, HILLS), 0)


def test_a_long_chain_is_given_in_parts_to_whoever_named_the_sheet() -> None:
    riverbend, oak = ports()
    chain = [bytes([number]) * 2_000 for number in range(100)]
    oak.by_sheet[VALLEY] = chain
    link = Link(riverbend, oak).run()

    def ask(named: bytes) -> list[bytes]:
        ((kind, (given,)),) = [
            read_frame(data) for data in link.other.receive(write_frame(frames.KEYS_WANTED, named), 0)
        ]
        assert kind == frames.KEYS_GIVEN
        return given

    after_the_16th = hashlib.sha256(chain[15]).digest()
    assert ask(after_the_16th) == [], "who has not named the sheet is given nothing"
    got = ask(VALLEY)
    while frames.may_be_more(got[-16:]) and len(got) < 100:
        got += ask(hashlib.sha256(got[-1]).digest())
    assert got == chain and len(ask(VALLEY)) == 16


@pytest.mark.parametrize("caller", [True, False])
def test_who_came_back_is_given_what_is_kept_aside_once(caller: bool) -> None:
    riverbend, oak = members()
    lost, keeper = (riverbend, oak) if caller else (oak, riverbend)
    lost.came_back = True
    member = lost.who.member("Ana")
    kept = [member.post(title=f"Number {number}") for number in range(5)]
    keeper.kept_aside[("coalition", VALLEY)] = [record.message for record in kept]
    link = Link(riverbend, oak).run()
    assert [record.message for record in kept] == lost.added
    assert len(link.heard(lost.name, frames.ASIDE_WANTED)) == 3
    assert link.heard(keeper.name, frames.ASIDE_WANTED) == []
    link.pass_time(200)
    assert len(link.heard(lost.name, frames.ASIDE_WANTED)) == 3 and len(lost.added) == 5


def test_what_is_kept_aside_is_given_only_where_the_set_is_shared_and_taken_only_when_asked_for() -> None:
    riverbend, oak = members()
    oak.kept_aside[("pair", riverbend.home)] = [b"of the pair"]
    link = Link(riverbend, oak).run()
    for name in ([2], [0, VALLEY], [1, HILLS]):
        assert link.other.receive(write_frame(frames.ASIDE_WANTED, name, 0), 0) == []
    assert link.one.receive(write_frame(frames.ASIDE_GIVEN, [1, VALLEY], [b"unasked"], 0), 0) == []
    assert riverbend.added == []


def test_a_neighbor_that_gives_the_same_for_ever_is_let_go() -> None:
    riverbend, oak = members()
    riverbend.came_back = True
    link = Link(riverbend, oak)
    oak.kept_aside[("coalition", VALLEY)] = [b"a", b"b", b"c"]
    oak.aside = lambda key, home, after: ([], 1)  # type: ignore[method-assign]
    with pytest.raises(TheirFault, match="bad_frame"):
        link.run()
