"""Keys re-issued and contested: by the neighborhood, by a thief of its node, by the person."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from node.actions.acting import put
from node.store import reissues
from protocol.kinds.accounts import Contest, Succession, succession_nonce
from protocol.kinds.roster import Assent
from protocol.record import Draft
from protocol.scopes import LOCAL_SCOPE, day_of
from tests.histories.meetings import settle
from tests.protocol.helpers import Member

if TYPE_CHECKING:
    from tests.histories.history import History
    from tests.histories.homes import Home
    from tests.histories.villain import Villain


def reissue(history: History, home: Home, who: Any = None) -> None:
    """Somebody lost their passphrase; they get a new key, and the neighborhood says so.

    Not while its clock runs ahead: others would hear of it on that day only (docs/decisions/0024).
    """
    if home.clock_shift_s > 0:
        return
    at = home.people.index(who) if who is not None else history.chance.randrange(len(home.people))
    old = home.people[at]
    new = Member(home.hood, f"{old.name}'s key {history.count('key')}")
    reissues.replace_key(home.node.connection, old.account[1], new.key, b"", b"", history.now)
    _say_step(home, old.key, new.key)
    new.account = old.account
    history.truth.steps[(home.home, old.key, new.key)] = None
    history.truth.accounts[(home.home, new.key)] = old.account
    home.people[at] = new
    history.saw("re-issues")


def _say_step(home: Home, old: bytes, new: bytes) -> None:
    body = Succession(old=old, new=new).body()
    made, nonce = home.node.stamp(), succession_nonce(old, new, ())
    for scope in (LOCAL_SCOPE, home.scope):
        home.say(None, "succession", scope, body, nonce=nonce, created=made)


def code_in_wrong_hands(history: History) -> None:
    """Somebody else takes up a key that the neighborhood issues. Whose account it is contests that and gets
    another, issued from the last one that counts: everywhere the account goes on, without the wrong one."""
    home = history.homes[0]
    person = home.people[0]
    thief = Member(home.hood, "Found the code")
    _say_step(home, person.key, thief.key)
    settle(history.homes, history.chance)
    assert look_at_steps(history, home), "whose account was given away cannot contest it"
    settle(history.homes, history.chance)
    last = home.records.accounts.last_of(person.account, [person.account[1], person.key, thief.key])
    assert last == person.key, "a key that was contested away would get the next one"
    reissue(history, home, person)
    settle(history.homes, history.chance)
    for each in history.homes:
        found = each.records.accounts
        assert found.account(home.home, home.people[0].key) == person.account, f"{each}: no way back"
        assert found.account(home.home, thief.key) == (home.home, thief.key), f"{each} follows the wrong key"
    history.saw("contested rightly, and came back")


def look_at_steps(history: History, home: Home) -> int:
    """Whoever finds a step with their key that they did not ask for contests it; gives how many did."""
    count = 0
    for step in home.records.accounts.steps:
        if step.home != home.home or (home.home, step.old, step.new) in history.truth.steps:
            continue
        said = home.records.of_home(home.home, "contest")
        contested = {
            r.author
            for r in said
            if (r.body.get("old"), r.body.get("new")) == (step.old, step.new)
            and day_of(r.created) <= home.node.today() + 1  # nobody hears of one dated ahead: say it again
        }
        for person in home.people:
            named = {step.old, step.new} & history.truth.keys_of(person.account)
            if named and person.key not in contested:
                body = Contest(old=step.old, new=step.new).body()
                nonce, made = history.chance.randbytes(16), home.node.stamp()
                draft = Draft("contest", home.scope, person.key, home.home, nonce, made, None, body)
                put(home.node, draft.sign([person.seed]))
                history.saw("contests")
                count += 1
    return count


def settle_true_steps(history: History, home: Home) -> int:
    """A true step that somebody contested is said again, and another voter says yes to it."""
    count = 0
    for step in home.records.accounts.steps:
        if (step.home, step.old, step.new) not in history.truth.steps or not step.open_contests:
            continue
        if step.home == home.home:
            nonce = succession_nonce(step.old, step.new, step.open_contests)
            if any(r.nonce == nonce for r in home.records.of_home(home.home, "succession")):
                continue
            body = Succession(old=step.old, new=step.new, contests=sorted(step.open_contests)).body()
            home.say(None, "succession", home.scope, body, nonce=nonce)
            count += 1
        elif home.home in home.roster().voters:
            ours = {r.body.get("epoch") for r in home.records.of_home(home.home, "assent")}
            for record in home.records.of_home(step.home, "succession"):
                if record.id in step.successions and record.body.get("contests") and record.id not in ours:
                    home.say(None, "assent", home.scope, Assent(epoch=record.id).body())
                    history.saw("contests settled by another voter")
                    count += 1
    return count


def hostile(villain: Villain) -> None:
    """Steps onto and from other people's keys, in circles, and contests by keys that are no one's."""
    chance, scope = villain.chance, villain.history.scope
    people = [*villain.history.people(), *villain.people]
    hood, seed = chance.choice(list(villain.loot.values()) or villain.names())
    theirs = [p for p in people if p.home is hood] or people
    old, new = chance.choice(theirs), chance.choice([*theirs, Member(hood, "False")])
    if old.key == new.key:
        return
    what = chance.choice(["step", "step", "circle", "contest"])
    pairs = [(old, new), (new, old)] if what == "circle" else [(old, new)]
    if what == "contest":
        steps = [*villain.history.truth.steps]
        if steps:
            home_id, first, second = chance.choice(steps)
            owner = next(h.hood for h in villain.history.homes if h.home == home_id)
            nobody = Member(owner, "Nobody")
            body: Any = Contest(old=first, new=second).body()
            villain.make(owner, "contest", scope, body, days=None, member=nobody, seeds=[nobody.seed])
        return
    for one, other in pairs:
        villain.keep(hood.succession(one, other, scope, created=villain.when(), seed=seed))
    villain.history.saw("false successions")
