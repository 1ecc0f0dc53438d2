"""What must be true of every history: each property with a plain name, and why.

A property raises AssertionError with a sentence. `at_every_step` holds the cheap ones that may never be
broken, not even for a moment; `AT_THE_END` those that hold once everything has been exchanged.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from node.views import hours as hours_view
from protocol.encoding import encode
from protocol.kinds.hours import Confirm, Hours
from protocol.kinds.roster import Epoch
from protocol.record import Record, parse
from protocol.scopes import COALITION, DAY_S, LOCAL, pair
from tests.histories.meetings import shared, window
from tests.sim.invariants import (
    CLAIM_COLUMNS,
    POST_COLUMNS,
    PROMISE_COLUMNS,
    books_are_balanced,
    indexes_are_what_records_say,
    views_are_what_records_say,
)

if TYPE_CHECKING:
    from tests.histories.history import History
    from tests.histories.homes import Home


def records_of(home: Home, status: int = 0) -> list[Record]:
    rows = home.rows("SELECT message, home_key FROM records WHERE status = ? ORDER BY seq", status)
    return [parse(message).with_home_key(key) for message, key in rows]


def pairs(history: History) -> list[tuple[Home, Home]]:
    homes = history.homes
    return [(one, other) for at, one in enumerate(homes) for other in homes[at + 1 :]]


# ---- convergence


def sets_are_equal(history: History) -> None:
    """Whoever keeps a set keeps the same one: otherwise some would never see what others did."""
    for one, other in pairs(history):
        view = window(one, other)
        for mine, theirs in shared(one, other):
            if one.node.today() != other.node.today() and mine[0] != "roster":
                continue  # what is over here takes a place of the quota there; see sets_are_equal_to_the_last
            ours = list(one.port.index(mine, view.created_before, view.expires_after))
            others = list(other.port.index(theirs, view.created_before, view.expires_after))
            if ours != others:
                odd = sorted(set(ours) ^ set(others))
                kinds = [_kind(one, i) or _kind(other, i) for _, i in odd]
                raise AssertionError(f"{one} and {other} differ in the {mine[0]} set: {kinds}")


def sets_are_equal_to_the_last(history: History) -> None:
    """Once all clocks are right no window hides anything: every one of the homes' sets is compared."""
    days = {home.node.today() for home in history.homes}
    assert len(days) == 1, f"right clocks, and still other days: {sorted(days)}"
    sets_are_equal(history)


def _kind(home: Home, record_id: bytes) -> str:
    record = home.records.get(record_id)
    return f"{record.kind} of {record.home.hex()[:4]} at {home}" if record is not None else ""


def rosters_are_equal(history: History) -> None:
    """All read the same membership out of the same acts, unless two branches became final: a person decides."""
    for one, other in pairs(history):
        first, second = one.roster(), other.roster()
        if first.forks and second.forks and first.chain != second.chain:
            continue  # see people_can_settle_a_fork
        assert (first.chain, first.voters, first.guests) == (second.chain, second.voters, second.guests), (
            f"{one} and {other} have other rosters: {_differ(first, second)}"
        )


def _differ(first: Any, second: Any) -> str:
    names = ("chain", "voters", "guests")
    return ", ".join(name for name in names if getattr(first, name) != getattr(second, name))


def pages_are_equal(history: History) -> None:
    """Who holds the same records shows the same posts, promises and hours."""
    for one, other in pairs(history):
        over = max(one.node.today(), other.node.today())
        for mine, theirs in shared(one, other):
            if _ahead(one, other, mine) or _ahead(one, other, theirs):
                continue  # said on a clock that ran ahead: not compared before its day has come
            if mine[0] == "coalition":
                apart = (one.home, other.home)  # who sees the promises is a step ahead of the standing
                sql = (
                    f"SELECT {POST_COLUMNS} FROM view_posts WHERE coalition = ? AND expires > ?"
                    " AND home NOT IN (?, ?) ORDER BY thing"
                )
                a, b = (home.rows(sql, mine[1], over, *apart) for home in (one, other))
                assert a == b, f"{one} and {other} show other posts"
            elif mine[0] == "pair":
                for columns, table, more in (
                    (CLAIM_COLUMNS, "view_claims", ""),
                    (PROMISE_COLUMNS, "view_promises", f" AND expires > {over}"),
                ):
                    low, high = sorted((one.home, other.home))
                    scope = bytes.fromhex("83015820") + low + bytes.fromhex("5820") + high
                    sql = f"SELECT {columns} FROM {table} WHERE scope = ?{more} ORDER BY 1"
                    a, b = one.rows(sql, scope), other.rows(sql, scope)
                    if table == "view_claims" and _accounts(one, other) != _accounts(other, one):
                        continue  # who is out of the coalition hears of a re-issue when it is said in the pair
                    if table == "view_promises":
                        a, b = _of_posts_both_hold(one, other, a), _of_posts_both_hold(one, other, b)
                    assert a == b, f"{one} and {other} see other {table[5:]}"


def _ahead(one: Home, other: Home, key: Any) -> bool:
    """Whether either holds something of this set that was made after tomorrow."""
    bound = (min(one.node.today(), other.node.today()) + 2) * DAY_S
    scope = encode([2, key[1]] if key[0] != "pair" else list(pair(one.home, other.home)))
    sql = "SELECT 1 FROM records WHERE scope = ? AND created >= ? AND status = 0"
    return any(home.rows(sql, scope, bound) for home in (one, other))


def _of_posts_both_hold(one: Home, other: Home, rows: list[Any]) -> list[Any]:
    """A post may be local, or over and deleted here already: then the promise reads as unknown there."""
    sql = "SELECT id FROM records WHERE thing = ? AND status = 0 AND expires > ?"
    over = max(one.node.today(), other.node.today())
    held = {row[2]: [home.rows(sql, row[2], over) for home in (one, other)] for row in rows}
    return [row for row in rows if held[row[2]][0] == held[row[2]][1] != []]


def _accounts(home: Home, other: Home) -> dict[Any, bytes]:
    """Which keys follow which, of the homes of a pair."""
    before = home.records.accounts.before.items()
    return {account: old for account, old in before if account[0] in (home.home, other.home)}


def accounts_are_equal(history: History) -> None:
    """All members of a coalition take the same keys for the same people."""
    for one, other in pairs(history):
        if (
            _shows_to(one, other.home)
            and _shows_to(other, one.home)
            and not _ahead(one, other, ("coalition", history.coalition))
        ):
            assert _accounts(one, other) == _accounts(other, one), f"{one} and {other} know other accounts"


def views_are_what_the_records_say(history: History) -> None:
    """Views rebuilt from nothing come out equal, indexes hold what SQL finds, books are balanced."""
    for home in history.homes:
        place: Any = home
        views_are_what_records_say(place)
        indexes_are_what_records_say(place)
        books_are_balanced(place)


# ---- authority


def no_minority_changes_a_roster(history: History) -> None:
    """Every epoch in force was decided by more than half: honest people, and at most those it can sign for."""
    bad = history.truth.bad_signers(history.villain.home)
    for home in history.homes:
        roster = home.roster()
        bodies = {r.id: Epoch.read(r) for r in records_of(home) if r.kind == "epoch"}
        charter = Epoch(previous=roster.coalition, voters=[roster.founder])
        for previous, epoch_id in zip(roster.chain, roster.chain[1:], strict=False):
            if previous not in bodies or epoch_id in history.founding:
                continue
            before = bodies[previous] if previous != roster.coalition else charter
            yes = {*history.truth.assents.get(epoch_id, ()), *bad} & set(before.voters)
            left = (history.truth.left.get(previous, {}).keys() | bad) - yes
            assert len(yes) * 2 > len(set(before.voters) - left), f"{home} follows an epoch of a minority"
            fresh = set(bodies[epoch_id].voters) - set(before.voters)
            staying = set(before.voters) - left
            if fresh and len(staying) > 1:
                held = {
                    r.home for r in records_of(home) if r.kind == "assent" and r.body["epoch"] == epoch_id
                }
                assert len(held & set(before.voters)) > 1, f"{home}: a single key admitted a voter"


def no_node_key_rotates_itself(history: History) -> None:
    """Every key of an honest home was set by its people with their sheet: a stolen Pi is replaced, not obeyed."""
    for home in history.homes:
        for other in history.homes:
            for step in home.node.records.known.chains[other.home].steps[1:]:
                assert step.record_id in history.truth.rotations, f"{other} was given a key by a thief"


def no_home_changes_anothers_things(history: History) -> None:
    """What stands in a member's name was signed by them; what stands in a home's, by it or its key's thief."""
    honest = {person.key for person in history.people()}
    owners = {home.home: home for home in history.homes}
    for home in history.homes:
        for record in records_of(home):
            if record.kind == "contest":
                continue  # it carries no home's signature, and is nothing without a key of the account
            if record.author in honest:
                assert history.truth.was_meant(record.id), f"{home} holds a forged {record.kind}"
            elif record.home in owners and not history.truth.was_meant(record.id):
                stolen = history.truth.stolen.get(record.home, {})
                assert record.home_key in stolen, (
                    f"{home} holds a {record.kind} that {record.home!r} did not sign"
                )


def a_thief_is_refused_after_the_rotation(history: History) -> None:
    """Once the new key is known nothing of the old one counts but roster acts and members' own erasures."""
    for home in history.homes:
        for record in records_of(home):
            chain = home.node.records.known.chains.get(record.home)
            roster = record.kind in (
                "charter",
                "epoch",
                "assent",
                "sponsor",
                "leave",
                "inception",
                "rotation",
            )
            if chain is None or roster or record.kind == "contest" or (record.erased and not record.by_home):
                continue
            assert record.home_key == chain.current, f"{home} lets a replaced key speak: {record.kind}"


# ---- hours


def nobody_changes_anothers_hours(history: History) -> None:
    """Minutes of an honest account count only if that person wrote or confirmed them."""
    honest = {person.account: person for person in history.people()}
    for home in history.homes:
        words = records_of(home)
        claims = {r.id: r for r in words if r.kind == "hours"}
        agreed: dict[bytes, set[Any]] = {}
        for record in words:
            if record.kind == "confirm" and (said := Confirm.read(record)) is not None:
                agreed.setdefault(said.claim, set()).add(history.truth.account(record))
        for (claim_id,) in home.rows("SELECT id FROM view_claims WHERE state = 'confirmed'"):
            claim = claims[claim_id]
            said = Hours.read(claim)
            assert said is not None
            for side in (tuple(said.giver), tuple(said.receiver)):
                if side in honest:
                    wrote = {history.truth.account(r) for r in claims.values() if _same_terms(r, claim)}
                    assert side in wrote | agreed.get(claim_id, set()), (
                        f"{home} counts minutes that an account never agreed to"
                    )


def _same_terms(one: Record, other: Record) -> bool:
    left, right = ({k: v for k, v in r.body.items() if k != "commitment"} for r in (one, other))
    return left == right and one.scope == other.scope


def no_session_counts_twice(history: History) -> None:
    """One afternoon is one afternoon, whoever wrote it down how often."""
    columns = "scope, giver_home, giver_key, receiver_home, receiver_key, date, id"
    for home in history.homes:
        seen = set()
        for row in home.rows(f"SELECT {columns} FROM view_claims WHERE state = 'confirmed'"):
            said = Hours.read(home.records.get(row[6]))
            what = (row[0], frozenset([row[1:3], row[3:5]]), row[5], said.ordinal)
            assert what not in seen, f"{home} counts a session twice"
            seen.add(what)


def minutes_sum_to_zero(history: History) -> None:
    """What one gave another received: there is no other source of minutes."""
    for home in history.homes:
        sides = home.rows(
            "SELECT giver_home, giver_key FROM view_claims UNION SELECT receiver_home, receiver_key FROM view_claims"
        )
        total = 0
        for side in sides:
            given, received = hours_view.balance(home.node.connection, *side)
            total += given - received
        assert total == 0, f"the books of {home} do not balance"


# ---- keeping and erasing


def erased_words_stay_gone(history: History) -> None:
    """Where a mark has come the words are gone from every row, until the thing would be over and two days more."""
    for home in history.homes:
        sql = "SELECT erases FROM records WHERE erases IS NOT NULL AND status = 0"
        marked = {row[0] for row in home.rows(sql)}
        held = b"".join(row[0] for row in home.rows("SELECT message FROM records"))
        shown = {row[0] for row in home.rows("SELECT title FROM view_posts")}
        for thing in sorted(marked & history.truth.words.keys()):
            text = history.truth.words[thing].text
            assert text.encode() not in held and text not in shown, f"{home} shows erased words"


def what_the_author_erased_is_erased(history: History) -> None:
    """The author's own erasure, once another home had it, holds: through key changes and restores."""
    for thing, word in sorted(history.truth.words.items()):
        marks = [i for i in history.truth.things[thing] if history.truth.said[i].erased]
        if word.scope[0] != COALITION or not any(mark not in history.truth.lost for mark in marks):
            continue
        for home in history.homes:
            if word.expires <= home.node.today() or not _shows_to(home, word.home):
                continue
            held = [r for r in records_of(home) if r.thing == thing and not r.erased]
            assert not held, f"{home} holds again what its author had erased"


def _full(home: Home) -> bool:
    """Whether a home has used up its quota: then what is higher by hash must leave."""
    sql = (
        "SELECT count(DISTINCT slot) FROM records WHERE home = ? AND scope = ? AND substr(slot, 1, 1) = x'6d'"
    )
    count = home.rows(sql, home.home, encode(list(home.scope)))[0][0]
    return bool(count >= home.roster().charter.member_things)


def accounts_are_their_owners(history: History) -> None:
    """A key speaks for the account that its person has: false steps are void, true ones hold."""
    for home in history.homes:
        for other in history.homes:
            for person in other.people:
                said = home.records.accounts.account(other.home, person.key)
                true = history.truth.accounts.get((other.home, person.key), (other.home, person.key))
                own = {person.key, *(new for at, _, new in history.truth.steps if at == other.home)}
                own |= {old for at, old, _ in history.truth.steps if at == other.home}
                assert said == true or said[1] in own, f"{home} takes {person.name} for somebody else"


def _shows_to(home: Home, owner: bytes) -> bool:
    return {home.home, owner} <= home.roster().members


def _owed(history: History) -> list[tuple[bytes, Record, Home]]:
    """Things, each with the last word said of it and its home, that by right must be there still.

    Not owed is what only a store that went back had (a backup's affair), what was erased or is over, what a home
    that is out of the coalition shares with nobody, and what is over a home's own quota.
    """
    found = []
    today = max(home.node.today() for home in history.homes)
    for thing, ids in sorted(history.truth.things.items()):
        last = history.truth.said[ids[-1]]
        if last.scope[0] == LOCAL or last.kind not in ("post", "hours", "confirm", "dispute", "commitment"):
            continue
        if last.id in history.truth.lost or thing in history.truth.erased:
            continue
        if last.expires is not None and last.expires <= today + 1:
            continue
        owner = next(home for home in history.homes if home.home == last.home)
        if owner.rows("SELECT 1 FROM records WHERE erases = ? AND status = 0", thing):
            continue  # by a thief of its key
        if last.scope[0] == COALITION and (owner.home not in owner.roster().members or _full(owner)):
            continue
        holders = [home for home in history.homes if home.rows("SELECT 1 FROM records WHERE id = ?", last.id)]
        if holders and not any(_shows_to(home, owner.home) for home in holders):
            continue  # those who have it are not told any more, and do not tell
        found.append((thing, last, owner))
    return found


def nothing_acknowledged_is_lost(history: History) -> None:
    """What a home had said, and any other had taken in before it went back to a backup, is back in its set."""
    for thing, last, owner in _owed(history):
        aside = owner.locked_out() and owner.rows("SELECT 1 FROM records WHERE thing = ?", thing)
        assert aside or owner.records.version(thing), f"{owner} lost a {last.kind} that another had taken in"


def the_last_word_stands(history: History) -> None:
    """Of several edits the one that its author made last counts, also after a restore: no clock decides."""
    for thing, last, owner in _owed(history):
        version = owner.records.version(thing)
        if version is not None and not owner.locked_out():
            assert version.id == last.id, (
                f"{owner}: edit {version.edit} stands above the last word, {last.edit}"
            )


def what_is_final_stays(history: History) -> None:
    """A valid epoch with a valid successor is never undone for whoever holds that: not even by its own voters."""
    for home in history.homes:
        chain = home.roster().chain
        before = history.finals.get(home.number)
        assert before is None or before in chain, f"{home} let go of an epoch that was final"
        history.finals[home.number] = home.roster().final


AT_THE_END = (
    sets_are_equal,
    rosters_are_equal,
    pages_are_equal,
    views_are_what_the_records_say,
    no_minority_changes_a_roster,
    no_node_key_rotates_itself,
    no_home_changes_anothers_things,
    a_thief_is_refused_after_the_rotation,
    nobody_changes_anothers_hours,
    no_session_counts_twice,
    minutes_sum_to_zero,
    accounts_are_their_owners,
    accounts_are_equal,
    erased_words_stay_gone,
    what_the_author_erased_is_erased,
    nothing_acknowledged_is_lost,
    the_last_word_stands,
)


def at_every_step(history: History) -> None:
    """What is cheap and may never be broken."""
    no_node_key_rotates_itself(history)
    what_is_final_stays(history)
