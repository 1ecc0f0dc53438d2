"""What must hold of any world, at any moment (`always`) and once everything has settled (`settled`).

Safety and liveness are different questions: `always` may be asked in the middle of a partition, `settled`
only when lines are whole and time has passed.
"""

from __future__ import annotations

import sqlite3
from typing import Any

from node import links
from node.store import records as door
from node.store.known import roster_set
from node.views import TABLES, rebuild
from node.views import hours as hours_view
from protocol.encoding import encode
from protocol.judge import judge
from protocol.kinds.hours import settle
from protocol.record import Record, parse
from protocol.scopes import DAY_S, EPOCH_2020_S, coalition, pair
from sync import exchange, frames
from sync.sets import SetKey
from tests.sim.bounds import bounds_hold
from tests.sim.world import Place, World
from tests.store.helpers import view_rows

PARCELS_S = 7_200.0  # more than the longest wait until what nobody answered to is sealed again, in a story
QUIET = (
    frames.COMPARE,
    frames.SAME,
    frames.NOT_SHARED,
    frames.SHARED,
    frames.COMPARE_ALL,
    frames.COMPARED,
)
NOISE = (
    frames.RECORDS,
    frames.HAVE,
    frames.WANT,
    frames.DIFFERS,
    frames.RECONCILE,
    frames.SKETCH,
    frames.SKETCH_WANTED,
)


def rows(place: Place, sql: str, *arguments: object) -> list[tuple[Any, ...]]:
    found: list[tuple[Any, ...]] = place.node.connection.execute(sql, arguments).fetchall()
    return found


def held(place: Place) -> list[tuple[Record, int]]:
    """Every record with its status, read anew from its bytes."""
    every = rows(place, "SELECT message, home_key, status FROM records ORDER BY seq")
    return [(parse(message).with_home_key(key), status) for message, key, status in every]


# ---- at any moment


def always(world: World) -> None:
    """What may never be broken, not even for a moment."""
    for place in world.all:
        no_invalid_record(place)
        views_are_what_records_say(place)
        books_are_balanced(place)
        indexes_are_what_records_say(place)
        bounds_hold(place)


def no_invalid_record(place: Place) -> None:
    """Judge everything again. What is over may stay hidden for two days, and keys of those declined stay."""
    known = place.node.records.known
    for record, status in held(place):
        verdict = judge(record, known)
        fine = ("in", "not_now") if status else ("in",)
        hidden = verdict.code == "expired" and (record.expires or 0) > known.today - door.HIDDEN_DAYS - 1
        keys = record.kind in ("inception", "rotation", "charter") and verdict.code in (
            "unknown_home",
            "not_for_us",
        )
        ran_ahead = record.home == place.home or place.clock_offset_s > DAY_S
        early = (
            verdict.code == "not_yet" and ran_ahead
        )  # said, or heard from another such, before it knew better
        assert verdict.verdict in fine or hidden or keys or early, f"{place} holds a {record.kind}: {verdict}"


def dump(connection: sqlite3.Connection) -> dict[str, list[tuple[Any, ...]]]:
    return {table: view_rows(connection, table) for table in TABLES}


def views_are_what_records_say(place: Place) -> None:
    """Views worked out anew come out equal, and nothing is changed by trying."""
    connection = place.node.connection
    assert not connection.in_transaction
    before = dump(connection)
    connection.execute("BEGIN")
    try:
        rebuild(place.node.records)
        after = dump(connection)
    finally:
        connection.execute("ROLLBACK")
    for table in TABLES:
        assert before[table] == after[table], f"{place}: {table} is not what the records say"


def books_are_balanced(place: Place) -> None:
    """Confirmed claims, worked out from the records alone, are those of the view and sum to zero."""
    by_scope: dict[bytes, list[Record]] = {}
    for record, status in held(place):
        if record.kind in ("hours", "confirm", "dispute") and status == 0:
            by_scope.setdefault(encode(list(record.scope)), []).append(record)
    balances: dict[Any, int] = {}
    minutes = 0
    for records in by_scope.values():
        for claim in settle(records, place.node.records.accounts.account).values():
            if claim.state == "confirmed":
                minutes += claim.hours.minutes
                balances[claim.giver] = balances.get(claim.giver, 0) + claim.hours.minutes
                balances[claim.receiver] = balances.get(claim.receiver, 0) - claim.hours.minutes
    connection = place.node.connection
    seen_by = {account: hours_view.balance(connection, *account) for account in balances}
    shown = {account: given - received for account, (given, received) in seen_by.items()}
    assert sum(shown.values()) == 0, f"{place}: the balances that people see do not sum to zero"
    assert shown == balances, f"{place}: a balance is not what the records say"
    seen = rows(place, "SELECT coalesce(sum(minutes), 0) FROM view_claims WHERE state = 'confirmed'")
    assert seen == [(minutes,)], f"{place}: the view has other minutes than the records"


def set_keys(place: Place) -> list[SetKey]:
    """Every set that this node keeps."""
    node = place.node
    keys: list[SetKey] = []
    for coalition_id in node.records.known.rosters:
        keys += [("roster", coalition_id), ("coalition", coalition_id)]
    for (scope,) in rows(place, "SELECT DISTINCT scope FROM records WHERE substr(scope, 1, 2) = x'8301'"):
        one, other = scope[4:36], scope[38:70]
        keys.append(("pair", other if one == node.home else one))
    return keys


def members_of(
    place: Place, key: SetKey, over: int = 0, created_before: int = 2**40
) -> list[tuple[int, bytes]]:
    """The (created, id) of a set, straight from the table, without what ends on day `over` or before."""
    name, owner = key
    if name == "roster":
        return sorted(roster_set(place.node.connection, owner))
    scope = coalition(owner) if name == "coalition" else pair(place.home, owner)
    return rows(
        place,
        "SELECT created, id FROM records WHERE scope = ? AND status = 0 AND kind NOT IN"
        " ('charter', 'epoch', 'assent', 'sponsor', 'leave') AND (expires IS NULL OR expires > ?)"
        " AND created < ? ORDER BY created, id",
        encode(list(scope)),
        over,
        created_before,
    )


def indexes_are_what_records_say(place: Place) -> None:
    """The index in memory, kept up record by record, holds what the table holds."""
    for key in set_keys(place):
        wanted = sorted(
            {(created - EPOCH_2020_S, record_id) for created, record_id in members_of(place, key)}
        )
        index = place.node.records.index(key)
        assert list(index.items(0, len(index))) == wanted, f"{place}: the index of {key[0]} went astray"


# ---- once settled


def differences(world: World) -> list[str]:
    """Where honest connected nodes do not hold or see the same; empty when all do."""
    found = []
    for one in world.all:
        for other in world.all:
            honest = one.honest and other.honest
            if honest and one.home < other.home and one.connected(other) and other.connected(one):
                found += _sets_differ(one, other) + _views_differ(one, other)
    return found


def _sets_differ(one: Place, other: Place) -> list[str]:
    found = []
    over = max(one.node.today(), other.node.today())  # such may stay hidden for two days, here or there
    ahead = (min(one.node.today(), other.node.today()) + 2) * DAY_S
    for key in shared_sets(one, other):
        theirs: SetKey = ("pair", one.home) if key[0] == "pair" else key
        if members_of(one, key, over, ahead) != members_of(other, theirs, over, ahead):
            found.append(f"{one} and {other} differ in the {key[0]} set")
    return found


def shared_sets(one: Place, other: Place) -> list[SetKey]:
    """The sets that these two should hold alike."""
    keys: list[SetKey] = []
    ours = one.links.port.coalitions()
    for coalition_id in ours:
        if coalition_id in other.links.port.coalitions():
            keys.append(("roster", coalition_id))
            if {one.home, other.home} <= one.links.port.members(coalition_id):
                keys.append(("coalition", coalition_id))
    if one.links.port.may_pair(other.home):
        keys.append(("pair", other.home))
    return keys


POST_COLUMNS = (
    "thing, record_id, coalition, home, author, type, what, category, title, text, area, time_words, urgency,"
    " slots, slots_open, language, name, state, created, expires, renews"
)
PROMISE_COLUMNS = (
    "thing, scope, post, home, author, name, note, slots, state, post_home, post_author, poster_name, created"
)
CLAIM_COLUMNS = (
    "id, scope, session, author_home, author_key, giver_home, giver_key, receiver_home, receiver_key,"
    " minutes, date, category, state, corrects, commitment"
)


def _views_differ(one: Place, other: Place) -> list[str]:
    found = []
    over = max(one.node.today(), other.node.today())
    ahead = (min(one.node.today(), other.node.today()) + 2) * DAY_S  # said on a clock that ran ahead
    for key in shared_sets(one, other):
        if key[0] == "coalition":
            sql = (
                f"SELECT {POST_COLUMNS} FROM view_posts"
                " WHERE coalition = ? AND expires > ? AND created < ? ORDER BY thing"
            )
            if rows(one, sql, key[1], over, ahead) != rows(other, sql, key[1], over, ahead):
                found.append(f"{one} and {other} show other posts")
        elif key[0] == "pair":
            scope = encode(list(pair(one.home, other.home)))
            promises = (
                f"SELECT {PROMISE_COLUMNS} FROM view_promises WHERE scope = ? AND expires > ? ORDER BY 1"
            )
            if rows(one, promises, scope, over) != rows(other, promises, scope, over):
                found.append(f"{one} and {other} see other promises")
            early = _sessions_ahead(one, scope, ahead) | _sessions_ahead(other, scope, ahead)
            claims = f"SELECT {CLAIM_COLUMNS} FROM view_claims WHERE scope = ? ORDER BY 1"
            ours, theirs = (
                [row for row in rows(at, claims, scope) if row[2] not in early] for at in (one, other)
            )
            if ours != theirs:
                found.append(f"{one} and {other} see other hours")
    return found


def _sessions_ahead(place: Place, scope: bytes, ahead: int) -> set[bytes]:
    """Sessions of which something was said on a clock that ran ahead: the other cannot have it yet."""
    said = "SELECT {} FROM records WHERE scope = ? AND created >= ? AND kind IN ({})"
    claims, words = said.format("id", "'hours'"), said.format("refers", "'confirm', 'dispute'")
    sql = f"SELECT session FROM view_claims WHERE id IN ({claims}) OR id IN ({words})"
    return {row[0] for row in rows(place, sql, scope, ahead, scope, ahead)}


def settled(world: World, within_s: float = 120, quiet_s: float = 130) -> float:
    """Wait until all that are connected are equal, and see that they are quiet then. Gives the seconds."""
    begun = world.now
    while True:
        world.run(1.0)
        if not (differ := differences(world)):
            break
        assert world.now - begun < within_s, f"not settled (seed {world.seed!r}): {differ}"
    took = world.now - begun
    silent(world, quiet_s)
    world.until(lambda: not links_wrong(world), 5, "two connected nodes keep one link")
    assert not (differ := differences(world)), differ
    always(world)
    world.settled_at = world.now
    return took


def ended(world: World) -> None:
    """A story is over: bad weather ends, bad peers fall silent, and then everything must hold."""
    if world.settled_at == world.now:
        return
    world.quiet()
    for puppet in world.puppets:
        puppet.fall_silent()
    quiet_s = max(130.0, 2.2 * exchange.COMPARE_AGAIN_S)  # some stories have nodes compare once an hour
    usual, world.tick_max_s = world.tick_max_s, 30.0
    world.run(1.2 * links.HOUSEKEEPING_S)  # cards for a coalition that one is new in, among others
    world.until(lambda: not awaited(world, there=True), PARCELS_S, "parcels for those who are there arrive")
    world.tick_max_s = usual if quiet_s <= 130.0 else 30.0
    if awaited(world, there=False) or not all(place.honest for place in world.all):
        # for such, parcels are sealed again and again, and from such they are sent again: no silence then
        world.until(lambda: not differences(world) and not links_wrong(world), 600, "all are equal")
        always(world)
    else:
        settled(world, within_s=600, quiet_s=quiet_s)


def awaited(world: World, there: bool) -> list[tuple[Place, bytes]]:
    """Who waits for whose word that parcels arrived: of those whom lines lead to, or of the others."""
    running = [place for place in world.all if place.running]
    found = []
    for place in running:
        near, row = {place.home}, [place]
        while row:
            one = row.pop()
            more = [other for other in running if one.connected(other) and other.home not in near]
            near |= {other.home for other in more}
            row += more
        found += [(place, home) for home in place.links.parcels.schedule.due if (home in near) == there]
    return found


def one_link_each(world: World) -> None:
    """Two connected nodes keep one link, and it is the same one."""
    assert not (wrong := links_wrong(world)), wrong


def links_wrong(world: World) -> list[str]:
    """Those of whom this is not so. For a moment it may be, while one hears of a link before the other."""
    found = []
    for one in filter(lambda place: place.running, world.all):
        for other in filter(one.connected, world.all):
            ours = [n for n, session in one.engine.sessions.items() if session.peer == other.home]
            theirs = [n for n, session in other.engine.sessions.items() if session.peer == one.home]
            if not len(ours) == len(theirs) == 1:
                found.append(f"{one} and {other} have {len(ours)} and {len(theirs)} links")
    return found


def silent(world: World, seconds: float) -> None:
    """Nothing but comparing passes between nodes that are equal."""
    world.run(10)  # what was under way arrives; parcels in answer to parcels end
    before, held_before = world.network.count(*NOISE), total(world)
    compared = world.network.count(*QUIET)
    world.run(seconds)
    assert total(world) == held_before, f"records appear out of nothing (seed {world.seed!r})"
    noise = world.network.count(*NOISE) - before
    assert noise == 0, f"{noise} frames although all are equal (seed {world.seed!r})"
    alone = not any(_share_something(one, other) for one in world.all for other in world.all)
    assert alone or world.network.count(*QUIET) > compared, "nobody even compared: this proves nothing"


def _share_something(one: Place, other: Place) -> bool:
    return one.connected(other) and other.connected(one) and bool(shared_sets(one, other))


def total(world: World) -> int:
    return sum(rows(place, "SELECT count(*) FROM records")[0][0] for place in world.all)
