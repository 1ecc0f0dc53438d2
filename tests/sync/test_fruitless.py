"""Differences of which nothing comes: one of two nodes refuses a record for good."""

from __future__ import annotations

from sync import frames, passing
from tests.protocol.helpers import NOON
from tests.sync.test_exchange import ANA, POSTS, SCOPE, port_of, talk


def test_what_one_side_refuses_for_good_is_not_asked_for_again_and_again() -> None:
    """Two versions part over a record: it is tried three times, and looked at more and more seldom."""
    link = talk(POSTS[1:], POSTS)
    port_of(link.one).refused.add(POSTS[0].id)
    link.run(600)
    assert port_of(link.one).added.count(POSTS[0].message) == passing.TRIES_MAX
    assert link.passed.count(frames.COMPARE) < 20, "not every two seconds"
    link.one.compare_soon(link.now)  # something changed that may change what is acceptable
    port_of(link.one).refused.clear()
    link.run(10)
    assert link.held()[0] == link.held()[1]


def test_what_the_other_side_refuses_for_good_is_not_sent_again_and_again() -> None:
    link = talk(POSTS, POSTS[1:])
    port_of(link.other).refused.add(POSTS[0].id)
    link.run(600)
    assert port_of(link.other).added.count(POSTS[0].message) == passing.TRIES_MAX
    assert link.passed.count(frames.COMPARE) < 20
    fresh = ANA.post(SCOPE, title="Later", created=NOON)
    port_of(link.other).hold(fresh)
    link.run(70)
    assert fresh.id in link.held()[0], "it holds up nothing else"
