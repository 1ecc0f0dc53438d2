"""What can happen to a node's links, and what the engine (engine.py) wants done about it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TypeAlias

from protocol.judge import Checked
from protocol.record import Record
from sync.intake import Turn

LinkId: TypeAlias = int


@dataclass(frozen=True, slots=True)
class LinkUp:
    """A handshake succeeded."""

    link: LinkId
    home: bytes
    initiator: bool
    handshake_hash: bytes
    invite_id: bytes | None = None
    node_key: bytes = b""  # with which the other side proved who it is


@dataclass(frozen=True, slots=True)
class LinkDown:
    """A link is over: with the code of whoever ended it, or "" where the line just broke."""

    link: LinkId
    code: str = ""


@dataclass(frozen=True, slots=True)
class FrameIn:
    link: LinkId
    data: bytes


@dataclass(frozen=True, slots=True)
class TakeTurn:
    """Records that waited go through the door. `checked`: signatures on them that were found right."""

    turn: Turn
    checked: Checked = frozenset()


@dataclass(frozen=True, slots=True)
class DialFailed:
    home: bytes | None
    invite_id: bytes | None
    code: str


@dataclass(frozen=True, slots=True)
class NewRecords:
    """Records entered the store: made here, or come over a link or in a parcel."""

    records: list[Record]


@dataclass(frozen=True, slots=True)
class Changed:
    """Coalitions, rosters, approvals or addresses changed. `home`: call this one at once."""

    home: bytes | None = None


@dataclass(frozen=True, slots=True)
class Seen:
    """A node that says it is `home` was seen nearby."""

    home: bytes
    addresses: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Moved:
    """Our own addresses are others now: what failed before may work. Links over a lost one are down."""


@dataclass(frozen=True, slots=True)
class Join:
    """A coordinator entered an invitation."""

    addresses: tuple[str, ...]
    home: bytes
    invite_id: bytes
    psk: bytes


@dataclass(frozen=True, slots=True)
class Call:
    """A coordinator typed an address without knowing who is there."""

    address: str


@dataclass(frozen=True, slots=True)
class Renewed:
    """Our own key was replaced: who greeted us under the earlier one is to greet us again."""


@dataclass(frozen=True, slots=True)
class Tick:
    pass


Event: TypeAlias = (
    LinkUp
    | LinkDown
    | FrameIn
    | TakeTurn
    | DialFailed
    | NewRecords
    | Changed
    | Seen
    | Moved
    | Join
    | Call
    | Renewed
    | Tick
)


@dataclass(frozen=True, slots=True)
class Send:
    link: LinkId
    frame: bytes


@dataclass(frozen=True, slots=True)
class Close:
    """End a link. `limit`: name and value of the bound that was passed, where there is one."""

    link: LinkId
    code: str
    limit: str = ""


@dataclass(frozen=True, slots=True)
class Dial:
    """Call an address; `expected` is who must answer, None where the coordinator typed an address."""

    address: str
    expected: bytes | None
    invite: tuple[bytes, bytes] | None = None


@dataclass(frozen=True, slots=True)
class Joined:
    """An invitation led somewhere, or, with no coalition, it did not and `code` says why."""

    invite_id: bytes
    coalition: bytes | None
    code: str = ""


@dataclass(frozen=True, slots=True)
class Connected:
    """The neighborhoods with a working link changed."""

    homes: frozenset[bytes]


Effect: TypeAlias = Send | Close | Dial | Joined | Connected
