"""Every vector about several records: in any order they come to the stated sets and state."""

from __future__ import annotations

import json
import random
from typing import Any

import pytest

from node.views import posts as post_views
from node.views import promises as promise_views
from protocol.encoding import encode
from protocol.kinds.posts import Post, post_state, seen_state
from protocol.kinds.promises import Promise, promise_state
from protocol.record import parse
from protocol.scopes import coalition
from sync.sets import SetKey
from tests.vectors.reading import Reader, many_of, unhex, vectors

STATES = vectors("state")
CROWDS = {name for name, vector in STATES.items() if "many" in vector}
SHUFFLES = 2


def orders(held: list[str], given: list[str], name: str) -> list[list[str]]:
    """As given, reversed, shuffled with duplicates; and all mixed, offered once more at the end."""
    dice = random.Random(name)
    found = [held + given, held + given[::-1]]
    for _ in range(SHUFFLES):
        some = given + dice.sample(given, dice.randint(0, len(given)))
        dice.shuffle(some)
        found.append(held + some)
    everything = held + given
    dice.shuffle(everything)
    found.append(everything + given + given)
    return found


def sets(reader: Reader, stated: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """The reader's own view of the sets that a vector states."""
    found = []
    for wanted in stated:
        number, owner = wanted["set"]
        key: SetKey = (("roster", "coalition", "pair")[number], bytes.fromhex(owner))  # type: ignore[assignment]
        index = reader.records.index(key)
        state: dict[str, Any] = {"set": wanted["set"], "fingerprint": index.fingerprint(0, len(index)).hex()}
        if "count" in wanted:
            found.append(state | {"count": len(index)})
        else:
            found.append(state | {"ids": [item.hex() for _, item in index]})
    return found


def rosters(reader: Reader) -> dict[str, Any]:
    found = {}
    for id_, roster in reader.records.known.rosters.items():
        found[id_.hex()] = {
            "in_force": roster.in_force.hex(),
            "final": roster.final.hex(),
            "voters": sorted(home.hex() for home in roster.voters),
            "guests": sorted(home.hex() for home in roster.guests),
            "forks": sorted(epoch.hex() for epoch in roster.forks),
            "proposals": {p.id.hex(): sorted(home.hex() for home in p.assents) for p in roster.proposals},
        }
    return found


def claims(reader: Reader) -> dict[str, str]:
    return {row[0].hex(): row[1] for row in reader.connection.execute("SELECT id, state FROM view_claims")}


def promises(reader: Reader) -> dict[bytes, Promise]:
    """Every commitment's state on the reader's day."""
    found = {}
    rows = reader.connection.execute("SELECT thing, slots, state, expires FROM view_promises").fetchall()
    for thing, slots, state, expires in rows:
        if state in ("proposed", "agreed", "unknown") and expires is not None and expires <= reader.day:
            record = reader.records.version(thing)
            assert record is not None
            body = promise_views.Commitment.read(record)
            known = state != "unknown"
            state = promise_state(body, None, post_known=known, expires=expires, today=reader.day).state
        found[thing] = Promise(state, slots)
    return found


def posts(reader: Reader) -> dict[str, list[Any]]:
    """Every post's state on the reader's day."""
    found = {}
    made = promises(reader)
    for (thing,) in reader.connection.execute("SELECT thing FROM view_posts").fetchall():
        record = reader.records.version(thing)
        assert record is not None
        if record.home == reader.home:
            about = [
                made[row[0]]
                for row in reader.connection.execute(
                    "SELECT thing FROM view_promises WHERE post = ?", (thing,)
                )
            ]
            state = post_state(Post.read(record), record.expires, about, reader.day)
        else:
            standing = post_views.standing_of(reader.records, record)
            state = seen_state(Post.read(record), record.expires, standing, reader.day)
        found[thing.hex()] = list(state)
    return found


def accounts(reader: Reader, stated: dict[str, dict[str, str]]) -> dict[str, dict[str, str]]:
    known = reader.records.accounts
    return {
        home: {key: known.account(bytes.fromhex(home), bytes.fromhex(key))[1].hex() for key in keys}
        for home, keys in stated.items()
    }


def aside(reader: Reader) -> list[str]:
    """What is kept aside, but for what left with its home: of that only what came before is held."""
    rosters = reader.records.known.rosters
    members = {encode(list(coalition(id_))): roster.members for id_, roster in rosters.items()}
    rows = reader.connection.execute("SELECT id, scope, home FROM records WHERE status = 1")
    return sorted(id_.hex() for id_, scope, home in rows if home in members.get(scope, (home,)))


def state_of(reader: Reader, stated: dict[str, Any]) -> dict[str, Any]:
    """What the reader makes of it, as far as the vector states it."""
    found: dict[str, Any] = {"in": reader.ids(0), "aside": aside(reader)}
    found["sets"] = sets(reader, stated["sets"])
    if "keys" in stated:
        chains = reader.records.known.chains
        found["keys"] = {
            home: [chains[bytes.fromhex(home)].current.hex(), chains[bytes.fromhex(home)].head.hex()]
            for home in stated["keys"]
        }
    if "rosters" in stated:
        found["rosters"] = rosters(reader)
    if "claims" in stated:
        found["claims"] = claims(reader)
    if "promises" in stated:
        found["promises"] = {t.hex(): [p.state, p.slots] for t, p in promises(reader).items()}
    if "posts" in stated:
        found["posts"] = posts(reader)
    if "accounts" in stated:
        found["accounts"] = accounts(reader, stated["accounts"])
    return found


@pytest.mark.parametrize("name", sorted(STATES.keys() - CROWDS))
def test_any_order_comes_to_the_stated_state(name: str) -> None:
    vector = STATES[name]
    for number, order in enumerate(orders(vector["held"], vector["given"], name)):
        reader = Reader(vector["reader"], vector.get("prekeys", ()))
        if number == 0:
            reader.hear(vector["held"])
            assert len(reader.ids(0)) == len(vector["held"]), "what is held before gets in by itself"
        reader.hear(order)
        if "later" in vector:
            reader.day = vector["later"]
            reader.records.expire()
        found = state_of(reader, vector["state"])
        assert found == vector["state"], f"order {number}"
        empty = [
            s for s in reader.sets_with_something() if s not in [e["set"] for e in vector["state"]["sets"]]
        ]
        assert empty == [], "the vector states every set that has something in it"


# With each roster act the roster is worked out anew.
LONG = "quota/1000-roster-acts"


@pytest.mark.parametrize("name", [*sorted(CROWDS - {LONG}), pytest.param(LONG, marks=pytest.mark.slow)])
def test_of_a_crowd_as_many_come_in_as_the_quota_allows(name: str) -> None:
    vector = STATES[name]
    many = [message.hex() for message in many_of(vector["many"])]
    names = {parse(message).id.hex() for message in unhex(many)}
    random.Random(name).shuffle(many)
    reader = Reader(vector["reader"])
    reader.hear(vector["held"])
    with reader.records.transaction():
        reader.hear(many)
    inside, stated = set(reader.ids(0)), vector["state"]
    assert sorted(names - inside) == stated["over"]
    assert sorted(inside - names) == stated["in"]
    assert aside(reader) == stated["aside"]
    assert sets(reader, stated["sets"]) == stated["sets"]


def test_states_are_plain_json() -> None:
    assert len(STATES) >= 60
    assert all(json.loads(json.dumps(vector)) == vector for vector in STATES.values())
