"""What the cores of sync ask of the node: the whole of the boundary, in one place.

The node implements it over SQLite (node/port.py); tests and the simulator use that same one.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from typing import Protocol, TypeAlias

from protocol.judge import Checked
from protocol.record import Record
from sync.index import RangeIndex
from sync.sets import SetKey
from sync.sketch import Sketch

Point: TypeAlias = tuple[int, bytes]  # in the order of a set: created less 2020-01-01, and id


@dataclass(frozen=True, slots=True)
class Taken:
    """What became of a batch of records: how many were new, how many can never be accepted, and which others

    could be read: held already, or not wanted now.
    """

    new: int
    never: int
    others: tuple[bytes, ...] = ()


class Port(Protocol):
    """The node, as a session sees it. Calls return at once."""

    @property
    def home(self) -> bytes: ...

    @property
    def name(self) -> str: ...

    @property
    def software(self) -> str: ...

    def today(self) -> int: ...

    def floor(self) -> int:
        """The last day through which expired records were deleted."""
        ...

    def coalitions(self) -> dict[bytes, bytes]:
        """The coalitions that we are in, each with the secret for its blinds."""
        ...

    def members(self, coalition: bytes) -> frozenset[bytes]:
        """Who belongs to a coalition."""
        ...

    def may_pair(self, home: bytes) -> bool:
        """Whether we keep a pair set with this neighborhood."""
        ...

    def index(self, key: SetKey, created_before: int, expires_after: int) -> RangeIndex:
        """The items of a set with `created` below a time and `expires` above a day."""
        ...

    def sketch(self, key: SetKey, created_before: int, expires_after: int) -> Sketch | None:
        """The sketch of the same items; None for a set that has none, or not yet."""
        ...

    def sets_of(self, record: Record) -> list[SetKey]:
        """The sets in which a record is to be announced."""
        ...

    def sets_of_id(self, record_id: bytes) -> list[SetKey]:
        """The same for a record by its id; none where it is not held."""
        ...

    def message(self, record_id: bytes) -> bytes | None: ...

    def holds(self, record_id: bytes) -> bool: ...

    def urgent(self, ids: Collection[bytes]) -> list[bytes]:
        """Which of these records go before all others: urgent needs and offers."""
        ...

    def add(self, messages: Sequence[bytes], home: bytes) -> Taken:
        """Put records from `home` through the door, in one transaction."""
        ...

    def take(self, records: Sequence[Record], home: bytes, checked: Checked) -> Taken:
        """The same for records that are parsed already; `checked`: signatures that were found right."""
        ...

    def stream_point(self, key: SetKey) -> Point | None:
        """Up to where a set was streamed to us; None where it is not being streamed."""
        ...

    def keep_stream_point(self, key: SetKey, point: Point | None) -> None:
        """Remember it, also after a restart, with the records that came so; None at the end."""
        ...

    def wants_aside(self, key: SetKey, home: bytes) -> bool:
        """Whether to ask `home` for our own records of this set that it keeps aside."""
        ...

    def aside(self, key: SetKey, home: bytes, after: int) -> tuple[list[bytes], int]:
        """Some records of `home` that we keep aside in this set, and where to go on: 0 at the end.

        At most RECORDS_MAX, and RECORDS_SIZE_MAX_BYTES unless the first alone is larger.
        """
        ...

    def aside_came(self, key: SetKey, home: bytes) -> None:
        """All that `home` keeps aside of ours in this set is here."""
        ...

    def keys_of_sheet(self, named: bytes) -> list[bytes]:
        """The key records of the home whose present policy names this recovery key; none if unknown."""
        ...

    def in_step(self, key: SetKey, home: bytes) -> None:
        """The fingerprints of a set were equal on both sides just now."""
        ...

    def heard(self, home: bytes, name: str) -> None:
        """A link to `home` is up and said hello."""
        ...

    def current_key(self, home: bytes) -> bytes | None:
        """The node key of `home` in force, as far as it is held."""
        ...

    def knows(self, home: bytes) -> bool:
        """Whether a person decided anything about `home`, or it is in a coalition with us."""
        ...

    def neighbor_state(self, home: bytes) -> str:
        """ "", asked, asks, linked or declined."""
        ...

    def asked(self, home: bytes, name: str, message: str) -> str:
        """`home` approves a link with us; gives the new state."""
        ...

    def ask_message(self, home: bytes) -> str:
        """What our coordinator wrote to `home`."""
        ...

    def charter(self, coalition: bytes) -> tuple[bytes, bytes] | None:
        """The charter's bytes and the id of the epoch in force."""
        ...

    def offered(self, home: bytes, charter: bytes, epoch: bytes) -> None:
        """`home` lists us in a coalition and asks us to join."""
        ...

    def invited(self, invite_id: bytes, home: bytes) -> bytes | None:
        """`home` proved to hold our invitation; gives the coalition that it may join, if it still may."""
        ...

    def welcomed(self, home: bytes, charter: bytes, epoch: bytes) -> bytes | None:
        """Our join was accepted; gives the coalition, or None where the charter is not the invitation's."""
        ...

    def wanted(self) -> dict[bytes, list[str]]:
        """The neighborhoods to keep links with, and the addresses known for each, best first."""
        ...

    def awaited(self) -> frozenset[bytes]:
        """Of those wanted, who is to be called before others: something waits here for them alone."""
        ...

    def day_of_peer(self, home: bytes, day: int) -> None:
        """What day a peer says it is. A stranger's word does not count."""
        ...
