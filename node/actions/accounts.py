"""A lost passphrase: a coordinator issues it anew, everybody sees that, and whoever it harms can contest.

Nobody can open a member's key for them. So a new one is made, and a `succession` says that it carries the
account on: in local scope, in each coalition, and with each linked neighborhood outside of those. The old
key stays sealed under the old passphrase. Whoever still knows that signs in with it and can do one thing:
contest. Then a coordinator takes the new passphrase back, and the old one works again; or stands by it: the
step counts again once the neighborhood has said it anew and another one, which votes in the coalition, has
said yes to that. A further code carries on the last key that counts, so what was contested stays outside.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from node import keys
from node.actions import contests, members
from node.actions.acting import say
from node.actions.members import MemberInvite, Session, coordinator
from node.actions.names import neighborhood_name, person_name
from node.actions.neighborhoods import joined
from node.store import neighbors, people, reissues
from protocol.errors import OurFault
from protocol.kinds.accounts import CITED_MAX, StepState, Succession, succession_nonce
from protocol.kinds.nodes import Profile
from protocol.kinds.roster import Assent
from protocol.record import Record
from protocol.scopes import LOCAL_SCOPE, Scope, coalition, pair
from protocol.signing import public_key

if TYPE_CHECKING:
    from node.app import Node

CODE_LIFE_S = 2 * 86_400


@dataclass(frozen=True, slots=True)
class Reissue:
    """One step from key to key, as a person sees it. `state`: in_force, contested, taken_back, settled.

    That it was taken back only its own node can know.
    """

    home: bytes
    old: bytes
    new: bytes
    name: str
    neighborhood: str
    created: int
    state: str
    can_contest: bool
    can_say_again: bool
    can_assent: bool
    can_take_back: bool = False
    mine: bool = False  # it is about the key of whoever looks at it, old or new
    waits: bool = False  # said again, and another neighborhood is asked


def reissue(node: Node, session: Session, account: bytes) -> MemberInvite:
    """A one-time code with which one member chooses a new passphrase. Raises OurFault."""
    coordinator(session)
    if account == session.account_key:
        raise OurFault("bad_input", "Another coordinator does this for you: two people look at it then.")
    if not people.member_name(node.connection, account):
        raise OurFault("not_found")
    code = members.new_code()
    now = node.now()
    with node.records.transaction():
        reissues.add_code(node.connection, keys.code_hash(code), account, now, now + CODE_LIFE_S)
    return MemberInvite(code, now + CODE_LIFE_S)


def named_by(node: Node, code: str) -> str:
    """Whose new passphrase an open code is for, "" for any other code."""
    account = reissues.account_of_code(node.connection, _hash(code), node.now())
    return people.member_name(node.connection, account) if account is not None else ""


def _hash(code: str) -> bytes:
    return keys.code_hash(members.tidy_code(code))


async def take_up(node: Node, code: str, passphrase: str) -> Session:
    """Choose the new passphrase: a new key, which carries the account on. Raises OurFault("used_link")."""
    keys.check_passphrase(passphrase)
    if not named_by(node, code):
        raise OurFault("used_link")
    seed = node.random(32)
    sealed = await keys.seal_seed(seed, passphrase)
    return begin(node, replace_key(node, code, seed, sealed), seed)


def begin(node: Node, account: bytes, seed: bytes) -> Session:
    """Sign a member in with the key that was just made for them, and out everywhere else."""
    for token in [t for t, held in node.sessions.items() if held.account_key == account]:
        members.sign_out(node, token)
    return members.begin_with_seed(node, people.member_of(node.connection, account), seed)


def replace_key(node: Node, code: str, seed: bytes, sealed: keys.SealedSeed) -> bytes:
    """Use a code up: `seed` speaks for its account from now on. Gives the account."""
    with node.records.transaction():
        account = reissues.use_code(node.connection, _hash(code), node.now())
        issued = reissues.keys_of(node.connection, account) if account is not None else []
        if account is None or not issued:
            raise OurFault("used_link")
        old = node.records.accounts.last_of((node.home, account), issued)
        fresh = public_key(seed)
        reissues.replace_key(node.connection, account, fresh, sealed.salt, sealed.sealed, node.now())
        if old != issued[-1]:
            reissues.issue_from(node.connection, old, fresh)
        _say_everywhere(node, old, fresh, (), node.stamp())
        _carry_profile(node, seed, account)
    return account


def carry_on(node: Node, old: bytes, new: bytes) -> None:
    """Say wherever somebody follows our accounts that `new` carries on the account of `old`."""
    _say_everywhere(node, old, new, (), node.stamp())


def _carry_profile(node: Node, seed: bytes, account: bytes) -> None:
    """Say the profile again with the new key: an edit of the old one would need the old key."""
    earlier = reversed(node.records.accounts.keys((node.home, account)))
    said = [record for own in earlier for record in node.records.by_author(node.home, own, "profile")]
    body = next((body for record in said if (body := Profile.read(record)) is not None), None)
    if body is not None:
        say(node, seed, "profile", LOCAL_SCOPE, body.body(), life_days=members.PROFILE_LIFE_DAYS)


def _scopes(node: Node) -> list[Scope]:
    """Where somebody has to follow our accounts."""
    found: list[Scope] = [LOCAL_SCOPE]
    members_of_ours: set[bytes] = set()
    for coalition_id, roster in sorted(joined(node).items()):
        if node.home in roster.members:
            found.append(coalition(coalition_id))
            members_of_ours |= roster.members
    for row in neighbors.neighbors(node.connection):
        if row.state == "linked" and row.home not in members_of_ours:
            found.append(pair(node.home, row.home))
    return found


def _say_everywhere(node: Node, old: bytes, new: bytes, cited: tuple[bytes, ...], created: int) -> None:
    body = Succession(old=old, new=new, contests=sorted(cited) or None).body()
    nonce = succession_nonce(old, new, cited)
    for scope in _scopes(node):
        say(node, None, "succession", scope, body, nonce=nonce, created=created)


def keep_successions(node: Node) -> None:
    """Say our successions also where somebody has come to need them: a new coalition, a new neighbor."""
    if not node.is_set_up or not node.key_is_current:
        return
    own = node.records.of_home(node.home, "succession")
    wanted = _scopes(node) if own else []
    for record in [record for record in own if record.scope == LOCAL_SCOPE]:
        if not contests.is_heard(node, record):
            continue
        held = {other.scope for other in own if other.nonce == record.nonce}
        for scope in wanted:
            if scope not in held:
                say(node, None, "succession", scope, record.body, nonce=record.nonce, created=record.created)


def all_reissues(node: Node, session: Session) -> list[Reissue]:
    """Every re-issue that this node knows of, ours and others', the newest first."""
    steps = sorted(node.records.accounts.steps, key=lambda step: (-step.created, step.home, step.new))
    return _all_seen(node, session, steps)


def _all_seen(node: Node, session: Session, steps: Sequence[StepState]) -> list[Reissue]:
    said = contests.said(node, [step.home for step in steps])
    return [_seen(node, session, step, said.get((step.home, step.old, step.new), [])) for step in steps]


def _seen(node: Node, session: Session, step: StepState, said: list[Record]) -> Reissue:
    ours, coordinates = step.home == node.home, session.role == "coordinator"
    account = node.records.accounts.account(step.home, step.old)
    words = contests.with_a_say(node, step, said)
    contested = any(word.id in step.open_contests for word in words)
    taken_back = ours and contested and reissues.is_signing_key(node.connection, step.old)
    decides = ours and contested and not taken_back and coordinates
    to_cite = bool(_to_cite(node, step, said))
    state = "contested" if contested else "settled" if words else "in_force"
    return Reissue(
        home=step.home,
        old=step.old,
        new=step.new,
        name=person_name(node, *account),
        neighborhood=neighborhood_name(node, step.home),
        created=step.created,
        state="taken_back" if taken_back else state,
        can_contest=bool(session.key) and contests.can_contest(node, session.key, step, said),
        can_say_again=decides and to_cite,
        can_assent=contested and coordinates and bool(_to_assent(node, step)),
        can_take_back=decides and reissues.account_of_step(node.connection, step.old, step.new) is not None,
        mine=ours and session.key in (step.old, step.new),
        waits=ours and contested and not taken_back and not to_cite,
    )


def contested(node: Node, session: Session) -> list[Reissue]:
    """The contested re-issues that wait for whoever looks, or are about their own key."""
    steps = [step for step in node.records.accounts.steps if step.open_contests]
    return [
        one
        for one in _all_seen(node, session, steps)
        if one.can_say_again or one.can_assent or (one.mine and one.state == "contested")
    ]


def _to_cite(node: Node, step: StepState, said: Sequence[Record]) -> list[bytes]:
    """The open contests by keys with a say that no succession of this step cites yet, as many as fit.

    Those of every scope: others do not hold what was said at home only, and answer what they hold.
    """
    cited: set[bytes] = set()
    for record_id in step.successions:
        record = node.records.get(record_id)
        body = Succession.read(record) if record is not None else None
        cited.update(body.contests or () if body is not None else ())
    left = {c.id for c in contests.with_a_say(node, step, said) if c.id in step.open_contests}
    return sorted(left - cited)[:CITED_MAX]


def _to_assent(node: Node, step: StepState) -> list[Record]:
    """Successions of another home in our coalitions that cite contests and wait for another voter's yes."""
    if step.home == node.home:
        return []
    ours = {record.body.get("epoch") for record in node.records.of_home(node.home, "assent")}
    found = []
    for record_id in step.successions:
        record = node.records.get(record_id)
        said = Succession.read(record) if record is not None else None
        if record is None or said is None or not said.contests or record.id in ours:
            continue
        roster = joined(node).get(record.scope[-1]) if len(record.scope) == 2 else None
        if roster is not None and node.home in roster.voters:
            found.append(record)
    return found


def say_again(node: Node, session: Session, old: bytes, new: bytes) -> None:
    """Stand by a contested re-issue: it counts once another voter of the coalition says yes to this."""
    coordinator(session)
    step = contests.step_of(node, node.home, old, new)
    to_cite = _to_cite(node, step, contests.said(node, [node.home]).get((node.home, old, new), []))
    if not to_cite:
        raise OurFault("no_longer_possible")
    with node.records.transaction():
        _say_everywhere(node, old, new, tuple(to_cite), node.stamp())


def take_back(node: Node, session: Session, old: bytes, new: bytes) -> None:
    """Give way to a contest: the passphrase of before works again, and the new one opens nothing."""
    coordinator(session)
    steps = [contests.step_of(node, node.home, old, new)]
    account = reissues.account_of_step(node.connection, old, new)
    if account is None or not _all_seen(node, session, steps)[0].can_take_back:
        raise OurFault("no_longer_possible")
    with node.records.transaction():
        reissues.take_back(node.connection, account, old)
    for token, held in list(node.sessions.items()):
        if held.key in (old, new):
            members.sign_out(node, token)


def assent(node: Node, session: Session, home: bytes, old: bytes, new: bytes) -> None:
    """As another neighborhood: yes, we have looked into it, and the re-issue is right."""
    coordinator(session)
    waiting = _to_assent(node, contests.step_of(node, home, old, new))
    if not waiting:
        raise OurFault("no_longer_possible")
    with node.records.transaction():
        for record in waiting:
            say(node, None, "assent", record.scope, Assent(epoch=record.id).body())


async def paper_key(node: Node, session: Session, passphrase: str) -> list[str]:
    """The 24 words of this member's own key, to keep on paper. Raises OurFault("wrong_passphrase")."""
    row = people.member_with(node.connection, session.key, former=False)
    if row is None:
        raise OurFault("not_yours")
    return keys.words_of(await keys.open_seed(keys.SealedSeed(row.salt, row.sealed_seed), passphrase))
