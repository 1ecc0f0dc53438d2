"""Who gets to hold a record: the scope types, their written form, and the quantities fixed for all.

(0,)          local: one neighborhood; never leaves its node
(1, a, b)     pair: two neighborhoods, ids in order
(2, c)        coalition c
(2,)          key records and charters, which precede every coalition that needs them
"""

from __future__ import annotations

from functools import lru_cache
from typing import Any, TypeAlias

from protocol.encoding import encode
from protocol.errors import TheirFault

Scope: TypeAlias = tuple[Any, ...]

LOCAL, PAIR, COALITION = 0, 1, 2
LOCAL_SCOPE: Scope = (LOCAL,)
KEYS_SCOPE: Scope = (COALITION,)

DAY_S = 86_400
DAY_MAX = 60_000
EPOCH_2020_S = 1_577_836_800  # created before this is never valid, and reconciliation counts from here
CREATED_MAX_S = EPOCH_2020_S + 2**31 - 1


def pair(one: bytes, other: bytes) -> Scope:
    """The scope of two neighborhoods."""
    return (PAIR, min(one, other), max(one, other))


def coalition(coalition_id: bytes) -> Scope:
    """The scope of a coalition."""
    return (COALITION, coalition_id)


def partner(scope: Scope, home: bytes) -> bytes:
    """The other neighborhood of a pair scope."""
    return bytes(scope[2] if scope[1] == home else scope[1])


@lru_cache(maxsize=256)
def scope_bytes(scope: Scope) -> bytes:
    """The encoding of a scope. There are few of them, and every record has one."""
    return encode(list(scope))


def read_scope(value: Any) -> Scope:
    """The scope that a decoded list states. Raises TheirFault("bad_scope"); other types are reserved."""
    if type(value) is list and value and type(value[0]) is int:
        kind, ids = value[0], value[1:]
        if all(type(item) is bytes and len(item) == 32 for item in ids):
            if kind == LOCAL and not ids:
                return LOCAL_SCOPE
            if kind == PAIR and len(ids) == 2 and ids[0] < ids[1]:
                return (PAIR, ids[0], ids[1])
            if kind == COALITION and len(ids) <= 1:
                return (COALITION, *ids)
    raise TheirFault("bad_scope")


def day_of(time_s: int) -> int:
    """The UTC day in which a time lies, counted from 1970."""
    return time_s // DAY_S
