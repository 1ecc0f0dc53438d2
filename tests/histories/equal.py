"""Properties of agreement: whoever holds the same sees the same."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from protocol.encoding import encode
from protocol.record import Record, parse
from protocol.scopes import DAY_S, pair
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


def shares(home: Home, owner: bytes) -> bool:
    return {home.home, owner} <= home.roster().members


def pairs(history: History) -> list[tuple[Home, Home]]:
    homes = history.homes
    return [(one, other) for at, one in enumerate(homes) for other in homes[at + 1 :]]


def sets_are_equal(history: History) -> None:
    """Whoever keeps a set keeps the same one: otherwise some would never see what others did."""
    for one, other in pairs(history):
        view = window(one, other)
        for mine, theirs in shared(one, other):
            if any(home.clock_shift_s for home in history.homes) and mine[0] != "roster":
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
    """All read the same membership out of the same acts; where two branches became final, people decide."""
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
            if any(home.clock_shift_s for home in history.homes) and mine[0] == "coalition":
                continue  # as in sets_are_equal
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
            elif mine[0] == "pair" and not _accounts_ahead(one, other):
                for columns, table, more in (
                    (CLAIM_COLUMNS, "view_claims", ""),
                    (PROMISE_COLUMNS, "view_promises", f" AND expires > {over}"),
                ):
                    low, high = sorted((one.home, other.home))
                    scope = bytes.fromhex("83015820") + low + bytes.fromhex("5820") + high
                    sql = f"SELECT {columns} FROM {table} WHERE scope = ?{more} ORDER BY 1"
                    a, b = one.rows(sql, scope), other.rows(sql, scope)
                    if table == "view_claims" and _accounts(one, other) != _accounts(other, one):
                        continue  # who is out of the coalition hears of a re-issue once said in the pair
                    if table == "view_promises":
                        a, b = _of_posts_both_hold(one, other, a), _of_posts_both_hold(one, other, b)
                    assert a == b, f"{one} and {other} see other {table[5:]}"


def _ahead(one: Home, other: Home, key: Any) -> bool:
    """Whether either holds something of this set that was made after tomorrow."""
    bound = (min(one.node.today(), other.node.today()) + 2) * DAY_S
    scope = encode([2, key[1]] if key[0] != "pair" else list(pair(one.home, other.home)))
    sql = "SELECT 1 FROM records WHERE scope = ? AND created >= ? AND status = 0"
    return any(home.rows(sql, scope, bound) for home in (one, other))


def _accounts_ahead(one: Home, other: Home) -> bool:
    """Whether either reads accounts by something, of whatever scope, that was made after tomorrow."""
    bound = (min(one.node.today(), other.node.today()) + 2) * DAY_S
    sql = "SELECT 1 FROM records WHERE kind IN ('succession', 'contest') AND created >= ? AND status = 0"
    return any(home.rows(sql, bound) for home in (one, other))


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
    coalition = ("coalition", history.coalition)
    for one, other in pairs(history):
        if not (shares(one, other.home) and shares(other, one.home)) or _ahead(one, other, coalition):
            continue
        assert _steps(one, other) == _steps(other, one), f"{one} and {other} know other accounts"


def _steps(home: Home, other: Home) -> set[tuple[bytes, bytes, bytes]]:
    """The steps of the two that count, as far as they were said in the coalition.

    One said in a pair or at home alone, by a home that was out, may have been forgotten by a restore.
    """
    found = set()
    for step in home.records.accounts.steps:
        said = [home.records.get(record_id) for record_id in step.successions]
        shared_here = any(record.scope == home.scope for record in said if record is not None)
        if shared_here and step.counts and step.home in (home.home, other.home):
            found.add((step.home, step.old, step.new))
    return found


def views_are_what_the_records_say(history: History) -> None:
    """Views rebuilt from nothing come out equal, indexes hold what SQL finds, books are balanced."""
    for home in history.homes:
        place: Any = home
        views_are_what_records_say(place)
        indexes_are_what_records_say(place)
        books_are_balanced(place)
