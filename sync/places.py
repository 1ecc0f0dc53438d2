"""Which links get one of a node's places: one for each neighborhood, few for strangers, and turns.

Of two links with one neighborhood both ends keep the one dialed by the lower id, of two by the same dialer
the newer; so both decide alike without a word. Where the old one is not of this very moment the newer one
stays: who calls again has lost it. A node that only others call (the one reachable node of many behind home
routers) may have more members than places: whoever has had its turn then makes room for a member that
calls, and comes back later. Nobody is shut out, but beyond LINKS_MAX members news waits for a turn.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from sync.port import Port
from sync.session import Session

LINKS_MAX = 64
CROSSING_S = 15.0  # two calls that cross each other do so within this; a greeting takes 10 s at most
STRANGERS_MAX = 16  # links with neighborhoods that share nothing with us yet
TURN_S = 30.0  # a link this old may have to make room for a member that calls


@dataclass(frozen=True, slots=True)
class Newcomer:
    """A link that has just been greeted."""

    home: bytes
    initiator: bool
    invited: bool


@dataclass(frozen=True, slots=True)
class Decision:
    """`refused`: the code with which the newcomer is closed, or "". `ended`: links that make way for it.

    `limit`: the bound that is the reason, if one is.
    """

    refused: str = ""
    ended: tuple[tuple[int, str], ...] = ()
    limit: str = ""


def decide(
    new: Newcomer,
    sessions: Mapping[int, Session],
    port: Port,
    can_be_called: Callable[[bytes], bool],
    now: float,
) -> Decision:
    """What becomes of a new link, and of those there are."""
    if new.home == port.home:
        return Decision("wrong_peer")
    surplus = []
    for link, session in sessions.items():
        if session.peer != new.home:
            continue
        dialer = port.home if new.initiator else new.home
        newer = session.initiator == new.initiator or now - session.since >= CROSSING_S
        if not (newer or new.invited or dialer == min(port.home, new.home)):
            return Decision("duplicate_link")
        surplus.append((link, "duplicate_link"))
    if surplus:
        return Decision(ended=tuple(surplus))
    known = new.invited or port.knows(new.home)
    if not known and sum(not session.serves for session in sessions.values()) >= STRANGERS_MAX:
        return Decision("too_many_links", limit=f"STRANGERS_MAX {STRANGERS_MAX}")
    if len(sessions) < LINKS_MAX:
        return Decision()
    leaves = _had_its_turn(sessions, can_be_called, now) if known else None
    full = f"LINKS_MAX {LINKS_MAX}"
    if leaves is None:
        return Decision("too_many_links", limit=full)
    return Decision(ended=((leaves, "too_many_links"),), limit=full)


def _had_its_turn(
    sessions: Mapping[int, Session], can_be_called: Callable[[bytes], bool], now: float
) -> int | None:
    """The link that makes room: a stranger's, then one with a node that can be called, then the oldest."""
    old = [(link, session) for link, session in sessions.items() if now - session.since >= TURN_S]
    if not old:
        return None
    chosen = min(
        old, key=lambda entry: (entry[1].serves, not can_be_called(entry[1].peer), entry[1].since, entry[0])
    )
    return chosen[0]
