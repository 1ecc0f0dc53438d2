"""Two sessions back to back: greeting, who is who to whom, and what follows from that."""

from __future__ import annotations

from typing import Any

import pytest

from protocol.errors import TheirFault
from sync import frames, session
from sync.frames import read_frame, write_frame
from sync.session import Session, blind
from sync.sets import SetKey
from tests.protocol.helpers import TODAY, Neighborhood
from tests.sync.memory_port import MemoryPort

RIVERBEND, OAK, MILL = Neighborhood("Riverbend"), Neighborhood("Oak"), Neighborhood("Mill")
VALLEY, HILLS = b"valley".ljust(32), b"hills".ljust(32)
SECRET, OTHER_SECRET = b"what the charter says".ljust(32), b"another charter".ljust(32)
HASH = bytes(range(32))
INVITE = b"invite".ljust(16)


class Link:
    """Riverbend calls oak. `run` lets frames pass until nothing waits; `said` has them by (speaker, type)."""

    def __init__(self, riverbend: MemoryPort, oak: MemoryPort, invite: bytes | None = None) -> None:
        self.now = 0.0
        self.one = Session(riverbend, oak.home, True, HASH, invite, 0.0)
        self.other = Session(oak, riverbend.home, False, HASH, invite, 0.0)
        self.waiting: list[tuple[Session, bytes]] = []
        self.said: list[tuple[str, int, list[Any]]] = []
        for side in (self.one, self.other):
            self.send(side, side.begin())

    def send(self, sender: Session, out: list[bytes]) -> None:
        receiver = self.other if sender is self.one else self.one
        for data in out:
            self.said.append((sender.port.name, *read_frame(data)))
            self.waiting.append((receiver, data))

    def run(self) -> Link:
        while self.waiting:
            receiver, data = self.waiting.pop(0)
            self.send(receiver, receiver.receive(data, self.now))
        return self

    def pass_time(self, seconds: int) -> None:
        for _ in range(seconds):
            self.now += 1
            for side in (self.one, self.other):
                self.send(side, side.tick(self.now))
            self.run()

    def heard(self, speaker: str, kind: int) -> list[list[Any]]:
        return [fields for who, said, fields in self.said if (who, said) == (speaker, kind)]

    def shared(self) -> tuple[set[SetKey], set[SetKey]]:
        return set(self.one.exchange.sets), set(self.other.exchange.sets)


def ports() -> tuple[MemoryPort, MemoryPort]:
    return MemoryPort(RIVERBEND), MemoryPort(OAK)


def members() -> tuple[MemoryPort, MemoryPort]:
    """Two in one coalition who know each other from its roster."""
    made = ports()
    for port in made:
        port.secrets[VALLEY] = SECRET
        port.rosters[VALLEY] = {RIVERBEND.id, OAK.id}
    return made


# ---- hello


def test_hello_says_versions_day_floor_name_and_limits() -> None:
    riverbend, oak = ports()
    riverbend.floor_day = TODAY - 3
    link = Link(riverbend, oak).run()
    ((said,),) = link.heard("Riverbend", frames.HELLO)
    assert (said[1], said[3], said[4], said[5]) == (frames.VERSIONS, TODAY, TODAY - 3, "Riverbend")
    assert ("heard", RIVERBEND.id, "Riverbend") in oak.told and ("day", RIVERBEND.id, TODAY) in oak.told
    assert link.shared() == (set(), set())


@pytest.mark.parametrize("kind", [kind for kind in range(frames.ASIDE_GIVEN + 1) if kind != frames.HELLO])
def test_nothing_may_be_said_before_hello(kind: int) -> None:
    sound: dict[int, list[Any]] = {
        frames.COALITIONS: [[]],
        frames.COMPARE: [[2], bytes(16)],
        frames.RECONCILE: [[2], b"\x61"],
        frames.RECONCILED: [[2], b"\x61"],
        frames.RECORDS: [1, []],
        frames.TAKEN: [1],
        frames.HAVE: [[]],
        frames.WANT: [[]],
        frames.ASK: ["", ""],
        frames.OFFER: [b"", bytes(32)],
        frames.JOIN: [],
        frames.WELCOME: [b"", bytes(32)],
        frames.NOT_SHARED: [[2], ""],
        frames.KEYS_WANTED: [bytes(32)],
        frames.KEYS_GIVEN: [[]],
        frames.ASIDE_WANTED: [[2], 0],
        frames.ASIDE_GIVEN: [[2], [], 0],
    }
    _, oak = ports()
    silent = Session(oak, RIVERBEND.id, False, HASH, INVITE, 0.0)
    with pytest.raises(TheirFault, match="unexpected_frame"):
        silent.receive(write_frame(kind, *sound.get(kind, [[2]])), 0)
    assert oak.told == [] and oak.added == []


def test_no_common_version_ends_the_link() -> None:
    _, oak = ports()
    hello = {1: [2, 7], 2: [], 3: TODAY, 4: 0, 5: "New", 6: ""}
    waiting = Session(oak, RIVERBEND.id, False, HASH, None, 0.0)
    with pytest.raises(TheirFault, match="no_common_version"):
        waiting.receive(write_frame(frames.HELLO, hello), 0)
    assert oak.told == [] and waiting.hello is None
    waiting.receive(write_frame(frames.HELLO, hello | {1: [1, 2]}), 0)


def test_who_says_no_hello_in_time_is_let_go() -> None:
    waiting = Session(MemoryPort(OAK), RIVERBEND.id, False, HASH, None, 100.0)
    assert waiting.tick(100 + session.HELLO_TIMEOUT_S) == []
    assert waiting.next_due() == 100 + session.HELLO_TIMEOUT_S
    with pytest.raises(TheirFault, match="link_timeout"):
        waiting.tick(101 + session.HELLO_TIMEOUT_S)


def test_a_link_that_serves_nothing_is_let_go_and_one_that_waits_for_a_person_is_not() -> None:
    link = Link(*ports()).run()
    link.pass_time(int(session.IDLE_STRANGER_S))
    with pytest.raises(TheirFault, match="not_linked"):
        link.pass_time(1)
    riverbend, oak = ports()
    riverbend.states[OAK.id] = "asked"
    asking = Link(riverbend, oak).run()
    asking.pass_time(300)
    assert oak.states == {RIVERBEND.id: "asks"}
    assert asking.one.next_due() > asking.now, "and nothing is due all the while"


def test_hello_is_said_again_on_another_day_and_both_compare_by_it() -> None:
    riverbend, oak = members()
    link = Link(riverbend, oak).run()
    riverbend.day = TODAY + 1
    link.pass_time(2)
    assert len(link.heard("Riverbend", frames.HELLO)) == 2 and len(link.heard("Oak", frames.HELLO)) == 1
    assert link.one.exchange.window == link.other.exchange.window
    oak.day = TODAY + 1
    link.pass_time(2)
    assert link.one.exchange.window == link.other.exchange.window
    assert ("day", OAK.id, TODAY + 1) in riverbend.told
    for number in range(60):  # two unset clocks that follow each other
        riverbend.day = TODAY + number % 2
        link.pass_time(1)
    assert len(link.heard("Riverbend", frames.HELLO)) <= 3


def test_unknown_frames_are_skipped_up_to_a_number() -> None:
    link = Link(*members()).run()
    for _ in range(session.UNKNOWN_FRAMES_MAX):
        assert link.one.receive(write_frame(99, "from the future"), 0) == []
    with pytest.raises(TheirFault, match="unexpected_frame"):
        link.one.receive(write_frame(99), 0)


def test_who_sends_without_pause_is_too_fast() -> None:
    link = Link(*members()).run()
    with pytest.raises(TheirFault, match="too_fast"):
        for number in range(session.FRAMES_AT_ONCE_MAX + 1):
            link.one.receive(write_frame(frames.TAKEN, number), 1.0)


# ---- coalitions


def test_members_share_roster_and_coalition() -> None:
    link = Link(*members()).run()
    keys = {("roster", VALLEY), ("coalition", VALLEY)}
    assert link.shared() == (keys, keys)


def test_who_has_the_charter_but_is_not_in_the_roster_shares_the_roster_alone() -> None:
    riverbend, oak = members()
    riverbend.rosters[VALLEY] = {RIVERBEND.id}
    link = Link(riverbend, oak).run()
    assert link.shared()[0] == {("roster", VALLEY)}
    asked = write_frame(frames.COMPARE, frames.set_on_wire(("coalition", VALLEY)), bytes(16))
    assert [read_frame(data)[0] for data in link.one.receive(asked, 0)] == [frames.NOT_SHARED]


def test_a_coalition_of_another_charter_is_not_shared() -> None:
    riverbend, oak = members()
    oak.secrets[VALLEY] = OTHER_SECRET
    assert Link(riverbend, oak).run().shared() == (set(), set())


def test_a_blind_counts_for_one_role_on_one_link() -> None:
    mine, theirs = blind(SECRET, HASH, True), blind(SECRET, HASH, False)
    assert len({mine, theirs, blind(SECRET, bytes(32), True), blind(OTHER_SECRET, HASH, True)}) == 4
    riverbend, oak = members()
    oak.secrets.clear()
    link = Link(riverbend, oak).run()
    for name in (mine, blind(SECRET, bytes(32), False), VALLEY):  # an echo, an old link's, the id
        link.one.receive(write_frame(frames.COALITIONS, [name]), 0)
        assert link.one.shared == set()
    link.one.receive(write_frame(frames.COALITIONS, [theirs]), 0)
    assert link.one.shared == {VALLEY}


def test_a_coalition_joined_while_the_link_is_up_is_named_then() -> None:
    riverbend, oak = members()
    del oak.secrets[VALLEY]
    link = Link(riverbend, oak).run()
    assert link.shared() == (set(), set())
    oak.secrets[VALLEY] = SECRET
    link.send(link.other, link.other.look_again(1))
    link.run()
    assert ("coalition", VALLEY) in link.shared()[0] & link.shared()[1]


def test_one_taken_off_the_roster_is_left_the_roster() -> None:
    riverbend, oak = members()
    link = Link(riverbend, oak).run()
    riverbend.rosters[VALLEY].discard(OAK.id)
    link.send(link.one, link.one.look_again(1))
    assert link.shared()[0] == {("roster", VALLEY)}
    del riverbend.secrets[VALLEY]
    link.send(link.one, link.one.look_again(1))
    assert link.shared()[0] == set(), "who has left a coalition says nothing of it any more"


def test_many_coalitions_are_named_up_to_a_number() -> None:
    riverbend, oak = ports()
    for number in range(frames.COALITIONS_MAX + 9):
        riverbend.secrets[number.to_bytes(32, "big")] = number.to_bytes(32, "big")
    (said,) = Link(riverbend, oak).run().heard("Riverbend", frames.COALITIONS)
    assert len(said[0]) == frames.COALITIONS_MAX


# ---- asking


def test_both_say_yes_and_share_the_pair() -> None:
    riverbend, oak = ports()
    riverbend.states[OAK.id] = "asked"
    link = Link(riverbend, oak).run()
    assert ("asked", RIVERBEND.id, "Riverbend", "Hello!") in oak.told
    assert link.shared() == (set(), set())
    oak.states[RIVERBEND.id] = "linked"
    oak.pairs.add(RIVERBEND.id)
    link.send(link.other, link.other.look_again(1))
    link.run()
    assert riverbend.states[OAK.id] == "linked"
    assert link.shared() == ({("pair", OAK.id)}, {("pair", RIVERBEND.id)})
    assert len(link.heard("Oak", frames.ASK)) == 1 and len(link.heard("Riverbend", frames.ASK)) == 2


def test_one_who_declined_and_asks_later_hears_the_yes_again() -> None:
    riverbend, oak = ports()
    riverbend.states[OAK.id], oak.states[RIVERBEND.id] = "asked", "declined"
    link = Link(riverbend, oak).run()
    assert oak.states[RIVERBEND.id] == "declined"
    oak.states[RIVERBEND.id] = "asked"
    link.send(link.other, link.other.look_again(1))
    link.run()
    assert riverbend.states[OAK.id] == oak.states[RIVERBEND.id] == "linked"
    assert len(link.said) < 30, "and they do not say yes to each other for ever"


# ---- offering and joining


def test_a_coalition_is_offered_to_a_linked_neighborhood_in_its_roster_once() -> None:
    riverbend, oak = members()
    del oak.secrets[VALLEY]
    for port, other in ((riverbend, OAK), (oak, RIVERBEND)):
        port.states[other.id] = "linked"
    link = Link(riverbend, oak).run()
    for _ in range(3):
        link.send(link.one, link.one.look_again(1))
        link.run()
    assert [told for told in oak.told if told[0] == "offered"] == [
        ("offered", RIVERBEND.id, b"charter of " + VALLEY, VALLEY)
    ]


def test_a_coalition_is_not_offered_to_one_outside_its_roster_or_not_linked() -> None:
    for state, roster in (("linked", {RIVERBEND.id}), ("asked", {RIVERBEND.id, OAK.id})):
        riverbend, oak = members()
        del oak.secrets[VALLEY]
        riverbend.states[OAK.id] = state
        riverbend.rosters[VALLEY] = roster
        assert Link(riverbend, oak).run().heard("Riverbend", frames.OFFER) == []


def test_a_neighborhood_of_the_roster_that_lost_everything_asks_and_is_offered_the_coalition() -> None:
    riverbend, oak = members()
    del oak.secrets[VALLEY]
    oak.states[RIVERBEND.id] = "linked"  # by the one at the terminal; riverbend need not know them so
    Link(riverbend, oak).run()
    assert riverbend.states[OAK.id] == "asks"
    assert ("offered", RIVERBEND.id, b"charter of " + VALLEY, VALLEY) in oak.told


def test_an_offer_from_a_stranger_counts_for_nothing() -> None:
    riverbend, oak = ports()
    link = Link(riverbend, oak).run()
    assert link.one.receive(write_frame(frames.OFFER, b"charter", VALLEY), 0) == []
    assert not [told for told in riverbend.told if told[0] == "offered"]


def inviting() -> tuple[MemoryPort, MemoryPort]:
    """Oak invites riverbend into the valley."""
    riverbend, oak = ports()
    oak.secrets[VALLEY] = SECRET
    oak.rosters[VALLEY] = {OAK.id}
    oak.invitations[INVITE] = VALLEY
    riverbend.invitations[VALLEY] = SECRET  # what entering the code leaves behind
    return riverbend, oak


def test_an_invitation_leads_into_the_coalition() -> None:
    link = Link(*inviting(), invite=INVITE)
    joined: list[bytes | None] = []
    link.one.joined = joined.append
    link.run()
    assert joined == [VALLEY]
    keys = {("roster", VALLEY), ("coalition", VALLEY)}
    assert link.shared() == (keys, keys)


def test_an_invitation_that_is_used_up_ends_the_link() -> None:
    riverbend, oak = inviting()
    oak.invitations.clear()
    with pytest.raises(TheirFault, match="unknown_invite"):
        Link(riverbend, oak, INVITE).run()


def test_a_welcome_to_another_coalition_ends_the_link() -> None:
    riverbend, oak = inviting()
    riverbend.invitations = {HILLS: SECRET}
    with pytest.raises(TheirFault, match="bad_key_record"):
        Link(riverbend, oak, INVITE).run()
    assert riverbend.secrets == {}


@pytest.mark.parametrize("kind", [frames.JOIN, frames.WELCOME])
@pytest.mark.parametrize("invite", [None, INVITE])
@pytest.mark.parametrize("caller", [True, False])
def test_joining_is_for_the_caller_with_an_invitation_and_welcoming_for_the_called(
    kind: int, invite: bytes | None, caller: bool
) -> None:
    riverbend, oak = inviting()
    link = Link(riverbend, oak, invite).run()
    side = link.one if caller else link.other
    frame = write_frame(kind) if kind == frames.JOIN else write_frame(kind, b"charter", VALLEY)
    if invite is not None and caller == (kind == frames.WELCOME):
        return  # the one combination in which it may be said
    with pytest.raises(TheirFault, match="unexpected_frame"):
        side.receive(frame, 0)


# ---- records


def test_records_are_taken_only_where_something_is_shared() -> None:
    stranger = Link(*ports()).run()
    member = Link(*members()).run()
    for link, looked_at in ((stranger, 0), (member, 2)):
        for kind, fields in ((frames.RECORDS, [1, [b"a", b"b"]]), (frames.HAVE, [[bytes(32)]])):
            link.one.receive(write_frame(kind, *fields), 0)
        assert link.one.exchange.passing.never == looked_at


def test_nothing_is_announced_before_hello() -> None:
    riverbend, _ = members()
    waiting = Session(riverbend, OAK.id, True, HASH, None, 0.0)
    record = RIVERBEND.member("Ana").post()
    assert waiting.announce([record], 0) == [] and waiting.look_again(0) == []
