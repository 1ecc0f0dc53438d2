"""The tree that news spreads over: told with three nodes, and drawn at random with many."""

from __future__ import annotations

import random
from dataclasses import dataclass, field
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from protocol.kinds.posts import Post
from protocol.record import Record
from protocol.scopes import coalition as coalition_scope
from sync import frames, gossip
from sync.frames import read_frame
from sync.gossip import GRAFT_AFTER_S, GRAFT_AGAIN_S, LAZY_AFTER_S, Gossip
from sync.passing import Passing
from sync.sets import SetKey, SetState
from tests.protocol.helpers import NOON, Member, Neighborhood
from tests.sync.memory_port import MemoryPort

COALITION = bytes(31) + b"c"
KEY: SetKey = ("coalition", COALITION)
RIVERBEND = Neighborhood("Riverbend")
ANA = Member(RIVERBEND, "Ana")
POSTS = [ANA.post(coalition_scope(COALITION), title=f"Need {n}", created=NOON - n) for n in range(40)]
LARGE = ANA.post(coalition_scope(COALITION), title="Long story", text="x" * 1990, created=NOON)
RIDE = Post(type="need", what="help", category="rides", title="A ride, now", urgency="urgent")
URGENT = ANA.say("post", coalition_scope(COALITION), RIDE.body(), created=NOON)


@dataclass
class Node:
    """A node with links to others: as the engine does it, without comparing."""

    name: str
    net: Net
    port: MemoryPort
    gossip: Gossip = field(default_factory=Gossip)
    links: dict[str, Passing] = field(default_factory=dict)
    got: list[bytes] = field(default_factory=list)

    def link(self, other: str, grows: bool) -> None:
        number = self.net.names.index(other) + 1
        sets = {KEY: SetState(live=True), ("pair", other.encode()): SetState(live=True)}
        branch = self.gossip.branch(number, sets)
        branch.grows = grows
        self.links[other] = Passing(self.port, other.encode(), sets, branch)

    def unlink(self, other: str) -> None:
        self.gossip.down(self.links.pop(other).branch.link)

    def new(self, records: list[Record], origin: str | None = None) -> None:
        """Records are new here: as `Engine._announce`."""
        link = self.links[origin].branch.link if origin is not None else None
        for record in records:
            self.gossip.news(record, link, self.port.sets_of)
        for other, passing in self.links.items():
            if other != origin:
                self.net.send(self.name, other, passing.announce(records, self.net.now))

    def publish(self, record: Record) -> None:
        self.port.hold(record)
        self.new([record])

    def hear(self, sender: str, data: bytes) -> None:
        kind, fields = read_frame(data)
        passing = self.links[sender]
        now = self.net.now
        out: list[bytes] = []
        if kind == frames.RECORDS:
            before = set(self.port.records)
            out = passing.on_records(fields[0], fields[1], now)
            self.got += self.port.added[len(self.port.added) - len(fields[1]) :]
            fresh = [r for record_id, r in self.port.records.items() if record_id not in before]
            self.new(fresh, sender)
        elif kind == frames.HAVE:
            out = passing.on_have(fields[0], now)
        elif kind == frames.WANT:
            out = passing.on_want(fields[0], now)
        elif kind == frames.GRAFT:
            out = passing.on_graft(fields[0], now)
        elif kind == frames.PRUNE:
            passing.branch.prune(frames.read_set(fields[0], sender.encode()))
        elif kind == frames.TAKEN:
            out = passing.on_taken(fields[0], now)
        self.net.send(self.name, sender, out)

    def lazy(self, other: str) -> bool:
        return KEY in self.links[other].branch.lazy


class Net:
    """Nodes by name and the frames between them, each delayed a little; `now` moves in `run`."""

    def __init__(self, *names: str, seed: int = 1) -> None:
        self.names = names
        self.chance = random.Random(seed)
        self.now = 0.0
        self.waiting: list[tuple[float, int, str, str, bytes]] = []
        self.passed: list[tuple[str, str, int]] = []
        self.lost = lambda sender, receiver, kind: False
        self.sent = 0
        self.nodes = {name: Node(name, self, MemoryPort(Neighborhood(name))) for name in names}

    def __getitem__(self, name: str) -> Node:
        return self.nodes[name]

    def link(self, *pairs: str, grows: bool = True) -> None:
        for one, other in pairs:
            self[one].link(other, grows)
            self[other].link(one, grows)

    def send(self, sender: str, receiver: str, out: list[bytes]) -> None:
        for data in out:
            self.sent += 1
            when = self.now + 0.01 + self.sent * 1e-6
            self.waiting.append((when, self.sent, sender, receiver, data))

    def run(self, seconds: float = 20.0) -> list[tuple[str, str, int]]:
        """Let time pass; gives (from, to, type) of what was delivered."""
        before = len(self.passed)
        end = self.now + seconds
        while self.now < end:
            self.now += 0.005
            for entry in sorted(entry for entry in self.waiting if entry[0] <= self.now):
                self.waiting.remove(entry)
                _, _, sender, receiver, data = entry
                if sender not in self[receiver].links:
                    continue
                kind = read_frame(data)[0]
                if self.lost(sender, receiver, kind):
                    continue
                self.passed.append((sender, receiver, kind))
                self[receiver].hear(sender, data)
            for node in self.nodes.values():
                for other, passing in node.links.items():
                    if passing.next_due() <= self.now:
                        self.send(node.name, other, passing.tick(self.now))
        return self.passed[before:]

    def all_hold(self, *records: Record) -> bool:
        return all({r.id for r in records} <= set(node.port.records) for node in self.nodes.values())


def kinds(passed: list[tuple[str, str, int]], kind: int) -> list[tuple[str, str]]:
    return [(sender, receiver) for sender, receiver, passed_kind in passed if passed_kind == kind]


def triangle(grows: bool = True) -> Net:
    net = Net("a", "b", "c")
    net.link("ab", "bc", "ac", grows=grows)
    return net


def test_the_first_record_makes_the_tree_and_the_second_comes_to_each_once() -> None:
    net = triangle()
    net["a"].publish(POSTS[0])
    passed = net.run()
    assert len(kinds(passed, frames.RECORDS)) == 4, "b and c each passed it on to the other"
    assert sorted(kinds(passed, frames.PRUNE)) == [("b", "c"), ("c", "b")]
    assert net["b"].lazy("c") and net["c"].lazy("b") and not net["a"].lazy("b")
    net["a"].publish(POSTS[1])
    passed = net.run()
    assert sorted(kinds(passed, frames.RECORDS)) == [("a", "b"), ("a", "c")]
    assert sorted(kinds(passed, frames.HAVE)) == [("b", "c"), ("c", "b")]
    assert not kinds(passed, frames.GRAFT) and net.all_hold(*POSTS[:2])


def test_the_tree_serves_news_from_anywhere() -> None:
    net = triangle()
    net["a"].publish(POSTS[0])
    net.run()
    net["c"].publish(POSTS[1])
    passed = net.run()
    assert kinds(passed, frames.RECORDS) == [("c", "a"), ("a", "b")] and net.all_hold(*POSTS[:2])


def test_names_wait_a_little_and_go_together() -> None:
    net = triangle()
    net["a"].publish(POSTS[0])
    net.run()
    for post in POSTS[1:6]:
        net["a"].publish(post)
    begun = net.now
    passed = net.run(LAZY_AFTER_S * 0.9)
    assert not kinds(passed, frames.HAVE)
    passed = net.run(LAZY_AFTER_S)
    assert len(kinds(passed, frames.HAVE)) == 2 and net.now - begun < LAZY_AFTER_S * 2


def test_an_urgent_one_is_named_at_once() -> None:
    net = triangle()
    net["a"].publish(POSTS[0])
    net.run()
    net["a"].publish(URGENT)
    assert kinds(net.run(LAZY_AFTER_S / 5), frames.HAVE)


def test_a_branch_that_breaks_without_a_word_is_replaced_by_graft() -> None:
    net = triangle()
    net["a"].publish(POSTS[0])
    net.run()
    net.lost = lambda sender, receiver, kind: {sender, receiver} == {"a", "c"}
    net["a"].publish(POSTS[1])
    begun = net.now
    passed = net.run(LAZY_AFTER_S + GRAFT_AFTER_S + 0.2)
    assert net["c"].port.holds(POSTS[1].id), f"within {net.now - begun} s"
    assert kinds(passed, frames.GRAFT) == [("c", "b")]
    assert not net["b"].lazy("c") and not net["c"].lazy("b"), "the tree goes through b now"
    net["a"].publish(POSTS[2])
    passed = net.run(0.3)
    assert net["c"].port.holds(POSTS[2].id), "so the next one comes at once"


def test_what_comes_by_the_tree_in_time_is_not_asked_for() -> None:
    net = triangle()
    net["a"].publish(POSTS[0])
    net.run()
    net["c"].links["b"].on_have([POSTS[1].id], net.now)  # b was quicker with its word than a with the record
    net.run(GRAFT_AFTER_S / 2)
    net["a"].publish(POSTS[1])
    assert not kinds(net.run(), frames.GRAFT) and not net["c"].gossip.missing


def test_one_that_names_and_does_not_give_is_passed_over() -> None:
    net = Net("a", "b", "c")
    net.link("ac", "bc")
    net["b"].port.hold(POSTS[0])
    for other in "ab":
        net["c"].links[other].on_have([POSTS[0].id], net.now)
    passed = net.run(GRAFT_AFTER_S + GRAFT_AGAIN_S + 0.2)
    assert kinds(passed, frames.GRAFT) == [("c", "a"), ("c", "b")]
    assert net["c"].port.holds(POSTS[0].id)


def test_what_nobody_gives_is_forgotten() -> None:
    net = Net("a", "b")
    net.link("ab")
    net["a"].links["b"].on_have([bytes([n]) * 32 for n in range(200)], net.now)
    assert len(net["a"].gossip.missing) == 200
    assert len(kinds(net.run(), frames.GRAFT)) == 1 and not net["a"].gossip.missing
    assert net["a"].links["b"].next_due() == float("inf")


def test_the_only_link_of_a_set_is_never_pruned() -> None:
    """Comparing sends a record a second time now and then; that says nothing about the tree."""
    net = Net("a", "b")
    net.link("ab")
    net["a"].publish(POSTS[0])
    net.run()
    for sender, other in ("ab", "ba"):
        net[sender].links[other].queue([POSTS[0].id])
        net.send(sender, other, net[sender].links[other].send(net.now))
    assert not kinds(net.run(), frames.PRUNE)
    assert not net["a"].lazy("b") and not net["b"].lazy("a")


def test_a_copy_that_was_asked_for_prunes_nothing() -> None:
    net = triangle()
    net["c"].port.hold(POSTS[0])
    net.send("b", "c", net["b"].links["c"].want([POSTS[0].id]))
    net["a"].port.hold(POSTS[0])
    net["a"].links["b"].queue([POSTS[0].id])
    net.send("a", "b", net["a"].links["b"].send(net.now))
    assert not kinds(net.run(), frames.PRUNE)


def test_a_large_record_goes_whole_along_the_tree() -> None:
    net = triangle()
    net["a"].publish(POSTS[0])
    net.run()
    net["a"].publish(LARGE)
    passed = net.run(0.2)
    assert net.all_hold(LARGE) and not kinds(passed, frames.WANT)


def test_without_the_feature_everything_goes_everywhere_as_before() -> None:
    net = triangle(grows=False)
    for post in POSTS[:3]:
        net["a"].publish(post)
        passed = net.run()
        assert len(kinds(passed, frames.RECORDS)) == 4
        assert not kinds(passed, frames.PRUNE) + kinds(passed, frames.GRAFT) + kinds(passed, frames.HAVE)
    net["a"].publish(LARGE)
    passed = net.run()
    assert kinds(passed, frames.HAVE) and kinds(passed, frames.WANT) and net.all_hold(LARGE)


def test_a_node_without_the_feature_between_two_with_it() -> None:
    net = Net("a", "b", "c", "d")
    net.link("ab", "ac", "bc")
    net.link("bd", "cd", grows=False)
    for post in POSTS[:4]:
        net["a"].publish(post)
        net.run()
    assert net.all_hold(*POSTS[:4])
    assert not [
        entry for entry in net.passed if "d" in entry[:2] and entry[2] in (frames.PRUNE, frames.GRAFT)
    ]


def test_prune_and_graft_of_what_is_not_shared_change_nothing() -> None:
    net = triangle()
    branch = net["a"].links["b"].branch
    for key in [("coalition", bytes(32)), ("roster", COALITION), ("pair", b"b"), ("pair", b"c")]:
        branch.prune(key)
    assert not branch.lazy
    net["a"].port.hold(POSTS[0])
    other = ANA.post(coalition_scope(bytes(32)), title="Elsewhere")
    net["a"].port.hold(other)
    net.send("a", "b", net["a"].links["b"].on_graft([other.id, bytes(32)], net.now))
    assert not kinds(net.run(), frames.RECORDS), "what is not shared is not given"


def test_memories_are_bounded() -> None:
    net = Net("a", "b")
    net.link("ab")
    node, passing = net["a"], net["a"].links["b"]
    for start in range(0, gossip.MISSING_MAX + 3000, 1000):
        passing.on_have([number.to_bytes(32, "big") for number in range(start, start + 1000)], net.now)
    branch = passing.branch
    assert len(node.gossip.missing) == gossip.MISSING_MAX and len(branch.known) == gossip.KNOWN_MAX
    branch.lazy.add(KEY)
    for number in range(gossip.WAITING_MAX + 10):
        assert not branch.goes_whole(b"w" + number.to_bytes(31, "big"), [KEY], False, net.now)
    assert len(branch.waiting) == gossip.WAITING_MAX
    for _ in range(40):
        net.now += GRAFT_AGAIN_S + GRAFT_AFTER_S
        passing.tick(net.now)
    assert len(branch.asked) <= gossip.KNOWN_MAX and len(branch.grafted) <= gossip.KNOWN_MAX
    assert not node.gossip.missing and not branch.waiting


def test_urgent_ones_overtake_what_waits() -> None:
    net = Net("a", "b")
    net.link("ab")
    passing = net["a"].links["b"]
    passing.take_limits(5, 1)
    net["a"].port.hold(*POSTS, URGENT)
    passing.queue([post.id for post in POSTS])
    net.send("a", "b", passing.send(net.now))
    passing.queue([URGENT.id])
    net.run()
    arrived = net["b"].got
    assert arrived.index(URGENT.message) == 5, "right after the batch that was under way"
    assert len(arrived) == len(POSTS) + 1


@given(st.integers(0, 2**32))
@settings(max_examples=25, deadline=None)
def test_any_graph_any_troubles_everybody_gets_everything_and_nearly_once(seed: int) -> None:
    """A connected graph, warmed up; then a link of the tree is cut, and all still get all by graft."""
    chance = random.Random(seed)
    names = "abcdefgh"[: chance.randint(3, 8)]
    net = Net(*names, seed=seed)
    pairs = {names[at] + names[chance.randrange(at)] for at in range(1, len(names))}
    pairs |= {"".join(sorted(chance.sample(names, 2))) for _ in range(8)}
    net.link(*{"".join(sorted(pair)): None for pair in pairs})
    posts = iter(POSTS)
    for _ in range(4):
        net[chance.choice(names)].publish(next(posts))
        net.run(4)
    before = len(net.passed)
    net[chance.choice(names)].publish(POSTS[10])
    net.run(4)
    copies = len(kinds(net.passed[before:], frames.RECORDS))
    assert len(names) - 1 <= copies <= len(names) - 1 + 2, f"{copies} copies for {len(names)} nodes"
    spare = [pair for pair in pairs if _connected_without(names, pairs, pair)]
    if spare:
        gone = chance.choice(sorted(spare))
        net[gone[0]].unlink(gone[1])
        net[gone[1]].unlink(gone[0])
    net[chance.choice(names)].publish(POSTS[11])
    net.run(len(names) * (LAZY_AFTER_S + GRAFT_AFTER_S + 0.2))
    assert net.all_hold(POSTS[10], POSTS[11])


def _connected_without(names: str, pairs: set[str], gone: Any) -> bool:
    left = [set(pair) for pair in pairs if set(pair) != set(gone)]
    reached = {names[0]}
    for _ in names:
        for pair in left:
            if pair & reached:
                reached |= pair
    return reached == set(names)
