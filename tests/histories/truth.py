"""What really happened in a history: who meant what, which keys were stolen, which words were erased.

No node ever sees this. The properties hold against it what the nodes have come to believe.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from protocol.kinds.erasure import erased_thing
from protocol.record import Record
from protocol.scopes import Scope

if TYPE_CHECKING:
    from tests.histories.homes import Home


@dataclass
class Word:
    """A text that stood in one honest thing, and since when nobody may show it."""

    thing: bytes
    text: str
    home: bytes
    expires: int
    scope: Scope
    erased_by_author: bool = False


@dataclass
class Truth:
    """Everything that the properties need to know and no node can."""

    said: dict[bytes, Record] = field(default_factory=dict)  # honest records by id, in the order of saying
    things: dict[bytes, list[bytes]] = field(default_factory=dict)  # their ids by thing, in that order
    edited_in: dict[bytes, set[int]] = field(
        default_factory=dict
    )  # thing: after which restores it was edited
    rotations: dict[bytes, bytes] = field(
        default_factory=dict
    )  # rightful rotations of honest homes: id, home
    assents: dict[bytes, dict[bytes, None]] = field(default_factory=dict)  # epoch: honest homes that decided
    proposed: dict[bytes, None] = field(default_factory=dict)  # epochs proposed by the honest
    left: dict[bytes, dict[bytes, None]] = field(default_factory=dict)  # epoch: honest homes that left
    lost: dict[bytes, None] = field(default_factory=dict)  # honest ids that only a store that went back had
    stolen: dict[bytes, dict[bytes, None]] = field(default_factory=dict)  # home: its stolen public node keys
    words: dict[bytes, Word] = field(default_factory=dict)  # by thing
    erased: dict[bytes, bytes] = field(default_factory=dict)  # thing: the home whose people erased it
    forged: dict[bytes, None] = field(default_factory=dict)  # ids of all that the malicious home signed
    steps: dict[tuple[bytes, bytes, bytes], None] = field(
        default_factory=dict
    )  # true re-issues: home, old, new
    accounts: dict[tuple[bytes, bytes], tuple[bytes, bytes]] = field(
        default_factory=dict
    )  # of re-issued keys
    seen: Counter[str] = field(default_factory=Counter)  # how often the interesting situations arose

    def meant(self, home: Home, record: Record) -> None:
        """An honest home's people said this, and their node took it in."""
        self.said[record.id] = record
        self.things.setdefault(record.thing, []).append(record.id)
        if record.kind == "assent":
            self.assents.setdefault(record.body["epoch"], {})[home.home] = None
        elif record.kind == "leave":
            self.left.setdefault(record.body["epoch"], {})[home.home] = None
        elif record.kind == "epoch":
            self.proposed[record.id] = None
        thing = erased_thing(record)
        if thing is not None:
            self.erased[thing] = home.home
            if thing in self.words and record.erased:
                self.words[thing].erased_by_author = True

    def went_back(self, before: set[bytes], after: set[bytes], elsewhere: set[bytes]) -> None:
        """A store was set back. What it alone had is lost: a backup's affair, not the protocol's."""
        for record_id in sorted(before - after - elsewhere):
            if record_id in self.said:
                self.lost[record_id] = None

    def was_meant(self, record_id: bytes) -> bool:
        """Whether an honest machine signed this: there are only those and the malicious one."""
        return record_id not in self.forged

    def account(self, record: Record) -> tuple[bytes, bytes]:
        """Whose word a record truly is."""
        return self.accounts.get((record.home, record.author), (record.home, record.author))

    def keys_of(self, account: tuple[bytes, bytes]) -> set[bytes]:
        """Every key that truly speaks for an account."""
        return {account[1], *(key for (_, key), owner in self.accounts.items() if owner == account)}

    def rotated(self, home: Home, record: Record) -> None:
        self.rotations[record.id] = home.home
        self.said[record.id] = record

    def bad_signers(self, villain: bytes) -> set[bytes]:
        """Homes in whose name the malicious one can sign roster acts."""
        return {villain, *self.stolen}
