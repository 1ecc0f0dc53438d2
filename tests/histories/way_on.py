"""No history ends without a way on: once the malicious home is found out, the honest can go on together.

Clocks are set right, days pass, the stolen key is replaced by its sheet. Then the honest voters agree on a
roster without the malicious home: by assents as far as they are free to give them, by leaving where
their assents are spent on rivals (whoever has left without assenting is not counted), and where all that
does not help by founding a coalition that carries the former on. At last somebody posts, and two give and
confirm an hour.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from node.actions import branches, recovery
from node.actions.members import Session
from node.commands import onlooker
from node.store import neighbors
from protocol.errors import OurFault
from protocol.kinds.hours import Confirm, Hours, session_id
from protocol.kinds.posts import Post
from protocol.kinds.roster import Assent, Charter, Epoch, Leave
from protocol.scopes import DAY_S, KEYS_SCOPE, coalition, day_of, pair
from tests.histories.accounts import code_in_wrong_hands, look_at_steps, settle_true_steps
from tests.histories.honest import assented
from tests.histories.meetings import settle

if TYPE_CHECKING:
    from tests.histories.history import History
    from tests.histories.homes import Home

ROUNDS_MAX = 12
COORDINATOR: Session = replace(onlooker(), role="coordinator")


def wait_for_nobody_else(history: History, home: Home) -> None:
    """What still waits for a neighbor after a restore is in a pair with one that gives nothing back."""
    if recovery.held_back(home.node):
        recovery.sign_held_back(home.node, COORDINATOR)
        history.saw("nobody would be heard after a restore")


def clocks_are_set_right(history: History) -> None:
    """Everybody has the right time, it is noon two days later, and what is over is deleted."""
    for home in history.homes:
        home.clock_shift_s = 0
    history.now = (day_of(history.now) + 2) * DAY_S + DAY_S // 2
    for home in history.homes:
        home.port.watch_clock(0.0)
        home.port.watch_clock(float(history.now))
    for _ in range(2):
        settle(history.homes, history.chance)
        for home in history.homes:
            home.housekeep()
            look_at_steps(history, home)  # some were dated ahead, and are seen only now
    settle(history.homes, history.chance)


def people_settle_forks(history: History) -> None:
    """Where two branches became final, people decide: all take up the branch of the first home."""
    wanted = set(history.homes[0].roster().chain)
    for home in history.homes[1:]:
        while branch := _branch_to_choose(home, history.coalition, wanted):
            branches.follow(home.node, COORDINATOR, history.coalition, branch)
            history.saw("forks decided by people")
    settle(history.homes, history.chance)


def _branch_to_choose(home: Home, coalition_id: bytes, wanted: set[bytes]) -> bytes | None:
    """The first branch that others follow and this home does not, where it is people who decide."""
    for fork in branches.forks(home.node, coalition_id):
        for branch in fork.branches:
            if branch.id in wanted and not branch.followed and fork.can_choose:
                return branch.id
    return None


def exposed(history: History) -> None:
    """Keys that were stolen are replaced, false steps contested, true ones settled."""
    for home in history.homes:
        if home.home in history.truth.stolen or home.locked_out():
            home.rotate()
    for _ in range(4):
        settle(history.homes, history.chance)
        for home in history.homes:
            if (
                home.locked_out()
            ):  # two rotations, one of them forgotten by a restore, and the other one counts
                home.rotate()
        done = sum(look_at_steps(history, home) for home in history.homes)
        try:
            done += sum(settle_true_steps(history, home) for home in history.homes)
        except OurFault:
            break
        if not done and not any(home.locked_out() for home in history.homes):
            break


def agree_on_a_roster(history: History) -> None:
    """An epoch with all honest homes as voters, their present keys, and the malicious one out."""
    for _ in range(ROUNDS_MAX):
        settle(history.homes, history.chance)
        _take_up_keys(history)
        roster = history.homes[0].roster()
        if roster.voters == frozenset(history.ids()) and not roster.guests:
            return
        voting = [home for home in history.homes if home.home in roster.voters]
        if not voting:
            break
        free = [home for home in voting if home.may_assent() and not assented(home, home.roster())]
        needed = len(roster.voters) // 2 + 1
        best = max(roster.proposals, key=lambda p: (len(p.assents), p.id), default=None)
        if len(free) >= needed:
            _propose(history, free)
        elif best is not None and len(best.assents) + len(free) >= needed:
            for home in free:
                home.say(None, "assent", home.scope, Assent(epoch=best.id).body())
        elif (best is not None and not _leave(history, voting, best.id, roster.in_force)) or best is None:
            break
    _found_anew(history)


def _take_up_keys(history: History) -> None:
    """Of two rotations, one forgotten by a restore, the other may be the one that counts: rotate anew."""
    for home in history.homes:
        if home.locked_out():
            home.rotate()
    settle(history.homes, history.chance)


def _propose(history: History, free: list[Home]) -> None:
    proposer = free[0]
    chains = proposer.node.records.known.chains
    roster = proposer.roster()
    honest = sorted(history.ids())
    gone = sorted((roster.members | {history.villain.home}) - set(honest))
    body = Epoch(
        previous=roster.in_force, voters=honest, out=gone, keys=[[h, chains[h].head] for h in honest]
    )
    said = proposer.say(None, "epoch", proposer.scope, body.body())
    for home in free:
        if home is not proposer:
            home.put(said) if not home.records.holds(said.id) else None
        home.say(None, "assent", home.scope, Assent(epoch=said.id).body())


def _leave(history: History, voting: list[Home], best: bytes, epoch: bytes) -> int:
    """Those whose assent is spent on a rival leave, so that they are not counted; the next epoch has them."""
    count = 0
    for home in voting:
        mine = {r.body.get("epoch") for r in home.records.of_home(home.home, "assent")}
        left = {r.body.get("epoch") for r in home.records.of_home(home.home, "leave")}
        if best not in mine and epoch not in left:
            home.say(None, "leave", home.scope, Leave(epoch=epoch).body())
            history.saw("left so that a vote could be decided")
            count += 1
    return count


def _found_anew(history: History) -> None:
    """The living found a coalition that carries the former on."""
    founder = history.homes[0]
    known = founder.node.records.known.chains
    honest = sorted(home for home in history.ids() if home in known)
    keys = [[home, known[home].head] for home in honest]
    body = Charter(
        name="The valley again", keys=[[founder.home, known[founder.home].head]], former=history.coalition
    )
    charter = founder.say(None, "charter", KEYS_SCOPE, body.body())
    history.coalition, history.scope = charter.id, coalition(charter.id)
    for home in history.homes:
        with home.records.transaction():
            neighbors.set_coalition(home.node.connection, charter.id, "joined", name="", agreement="")
            home.records.known_changed()
        home.records.add(charter.message)
    epoch = founder.say(
        None, "epoch", history.scope, Epoch(previous=charter.id, voters=honest, keys=keys).body()
    )
    founder.say(None, "assent", history.scope, Assent(epoch=epoch.id).body())
    history.saw("founded anew")
    settle(history.homes, history.chance)
    voters = founder.roster().voters
    assert voters == frozenset(history.ids()), "the honest cannot even found a coalition anew"


def post_and_confirm(history: History) -> None:
    """A post that all see, and an hour that both sides count."""
    _take_up_keys(history)
    one, other = history.homes[:2]
    for wait_days in (0, 100, 400):  # a quota full of marks is free again when these are over
        history.now += wait_days * DAY_S
        settle(history.homes, history.chance)
        for home in history.homes:
            home.housekeep()
        try:
            body = Post(type="offer", what="help", category="rides", title="We go on").body()
            one.say(one.people[0], "post", one.scope, body, life_days=30)
            break
        except OurFault as fault:
            assert fault.code in ("over_quota",), f"nobody can post any more: {fault.code}"
            history.saw("had to wait for room to post")
    else:
        raise AssertionError("the quota never gets free again")
    giver, receiver = one.people[0], other.people[0]
    scope, date = pair(one.home, other.home), day_of(history.now)
    sides = (giver.account, receiver.account)
    session = session_id(scope, *sides, date, 7)
    hours = Hours(
        session=session,
        giver=list(sides[0]),
        receiver=list(sides[1]),
        minutes=45,
        date=date,
        category="rides",
        ordinal=7,
    )
    claim = one.say(giver, "hours", scope, hours.body())
    settle(history.homes, history.chance)
    other.say(receiver, "confirm", scope, Confirm(claim=claim.id).body())
    settle(history.homes, history.chance)
    for home in history.homes:
        seen = home.rows("SELECT 1 FROM view_posts WHERE title = 'We go on'")
        assert seen, f"{home} does not see the new post"
    for home in (one, other):
        state = home.rows("SELECT state FROM view_claims WHERE id = ?", claim.id)
        assert state == [("confirmed",)], f"{home} does not count the hour: {state}"


STEPS = (people_settle_forks, exposed, agree_on_a_roster, code_in_wrong_hands, post_and_confirm)
