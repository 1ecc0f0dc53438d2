"""Who names what does not exist fills his own share of what is missed, and leaves the others theirs."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from itertools import count
from unittest.mock import patch

from hypothesis import given, settings
from hypothesis import strategies as st

from sync import gossip
from sync.frames import IDS_MAX
from sync.gossip import GRAFT_AFTER_S, GRAFT_AGAIN_S, MISSING_MAX, Gossip
from tests.sync.test_gossip import POSTS

BAD, GOOD, OTHER = 1, 2, 3


def invented() -> Iterator[bytes]:
    return (b"nothing" + number.to_bytes(25, "big") for number in count())


def holds_nothing(record_id: bytes) -> bool:
    return False


def flooded() -> tuple[Gossip, Iterator[bytes]]:
    """A node with three links, of which one has named as much as there is room for, and more."""
    node = Gossip()
    for link in (BAD, GOOD, OTHER):
        node.branch(link, ()).grows = True
    names = invented()
    flood(node, names, 2 * MISSING_MAX)
    return node, names


def flood(node: Gossip, names: Iterator[bytes], number: int, now: float = 0.0) -> None:
    for _ in range(number // IDS_MAX):
        node.branches[BAD].hear([next(names) for _ in range(IDS_MAX)], holds_nothing, now)


def test_invented_names_do_not_push_out_what_others_name() -> None:
    node, names = flooded()
    honest = [post.id for post in POSTS]
    node.branches[GOOD].hear(honest, holds_nothing, 0.1)
    flood(node, names, 2 * MISSING_MAX, 0.2)
    assert len(node.missing) == MISSING_MAX
    _, asked = node.branches[GOOD].due(0.1 + GRAFT_AFTER_S)
    assert asked == honest, "it is asked for in time"


def test_who_names_first_what_others_have_cannot_make_it_forgotten() -> None:
    node = Gossip()
    for link in (BAD, GOOD, OTHER):
        node.branch(link, ()).grows = True
    honest = [post.id for post in POSTS]
    names = invented()
    flood(node, names, MISSING_MAX - IDS_MAX)
    node.branches[BAD].hear(honest, holds_nothing, 0.0)
    node.branches[GOOD].hear(honest, holds_nothing, 0.1)
    flood(node, names, 2 * MISSING_MAX, 0.2)
    node.branches[OTHER].hear([next(names) for _ in range(IDS_MAX)], holds_nothing, 0.3)
    node.branches[BAD].due(GRAFT_AFTER_S)  # it is asked first, and gives nothing
    _, asked = node.branches[GOOD].due(GRAFT_AFTER_S + GRAFT_AGAIN_S)
    assert asked == honest


def test_what_gave_way_is_not_asked_for() -> None:
    node, names = flooded()
    node.take_turns(GRAFT_AFTER_S)
    assert len(node.branches[BAD].to_graft) == MISSING_MAX
    node.branches[GOOD].hear([next(names) for _ in range(IDS_MAX)], holds_nothing, GRAFT_AFTER_S)
    assert len(node.branches[BAD].to_graft) == MISSING_MAX - IDS_MAX


@settings(deadline=None)
@given(
    st.lists(
        st.one_of(
            st.tuples(st.just("named"), st.integers(1, 4), st.integers(0, 40)),
            st.tuples(st.just("came"), st.just(0), st.integers(0, 40)),
            st.tuples(st.just("over"), st.integers(1, 4), st.just(0)),
            st.tuples(st.just("time"), st.just(0), st.integers(1, 3)),
        ),
        max_size=120,
    )
)
def test_shares_are_what_is_missed(steps: list[tuple[str, int, int]]) -> None:
    """Whatever comes, ends and passes: each missing record counts once, and nobody below a share waits."""
    node, now = Gossip(), 0.0
    with patch.object(gossip, "MISSING_MAX", 12):
        for what, link, number in steps:
            record_id = number.to_bytes(32, "big")
            if what == "named":
                if link not in node.branches:
                    node.branch(link, ()).grows = True
                own = len(node.shares.get(link, ()))
                equal = 12 // len(node.shares.keys() | {link})
                node.named(record_id, link, now)
                assert record_id in node.missing or own >= equal
            elif what == "came":
                node.came(record_id)
            elif what == "over":
                node.down(link)
            else:
                now += number
                for branch in node.branches.values():
                    branch.due(now)
            assert len(node.missing) <= 12
            assert {i: each.counts_for for i, each in node.missing.items()} == {
                i: by for by, share in node.shares.items() for i in share
            }
            counted = Counter(each.counts_for for each in node.missing.values())
            assert counted == {by: len(share) for by, share in node.shares.items()}
