"""Reading in what was carried by hand: whose file it is, and its records through the one door.

A file gives its writer no say that a link would not. See node/actions/carry.py for writing one.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from node.actions.carry import Asked
from node.actions.names import neighborhood_name
from node.links import current_key
from node.port import StorePort
from node.store import neighbors
from protocol.bundle import open_slot, read_header
from protocol.errors import Fault, OurFault, TheirFault, WorldFault
from protocol.letter import Letter, Opening, RecordsPage, Section
from protocol.record import parse
from sync.parcels import equal

if TYPE_CHECKING:
    from node.app import Node
    from node.store.records import Added

RECORDS_AT_ONCE = 25  # through the door in one transaction: some 10 ms of one core, 40 of a small one


@dataclass(slots=True)
class Outcome:
    """What became of a file. `older`: erased, over or replaced by a newer version; `waiting`: not now."""

    sender: bytes = b""
    sender_name: str = ""
    made: int = 0
    new: int = 0
    held: int = 0
    older: int = 0
    waiting: int = 0
    unreadable: int = 0
    whole: bool = False
    tells_held: bool = False

    def count(self, added: Added) -> None:
        if added.outcome in ("new", "held"):
            setattr(self, added.outcome, getattr(self, added.outcome) + 1)
        elif added.outcome == "never":
            self.unreadable += 1
        elif added.outcome in ("superseded", "erased") or added.code in ("expired", "superseded", "erased"):
            self.older += 1
        else:
            self.waiting += 1


@dataclass(slots=True)
class Reading:
    """A file being read. Give it the header, then page by page, then say `finish`."""

    node: Node
    outcome: Outcome = field(default_factory=Outcome)
    _opening: Opening | None = None

    def begin(self, header: bytes) -> Iterator[None]:
        """Look for our slot; yields between steps.

        Raises OurFault: not_set_up, not_a_bundle, not_our_bundle.

        And WorldFault: damaged_bundle, newer_bundle.
        """
        home = self.node.home
        read = read_header(header)
        prekeys = [(public, private) for public, private, _ in neighbors.prekeys(self.node.connection)]
        found = []
        for slot in read.slots:
            if key := open_slot(slot, prekeys):
                found.append(key)
            yield
        if not found:
            raise OurFault("not_our_bundle")
        self._opening = Opening(read, home, found)

    def take(self, sealed: bytes) -> Iterator[None]:
        """The next page; yields between steps. Raises TheirFault("bad_bundle")."""
        assert self._opening is not None
        found = self._opening.take(sealed)
        if isinstance(found, Letter):
            self._greet(found)
        elif found is not None:
            yield from self._add(*found)

    def _greet(self, letter: Letter) -> None:
        """Whose file is it? Its key counts as the key of a link does, and must be the one in force."""
        node = self.node
        assert self._opening is not None
        try:
            key = current_key(node, letter.sender, letter.key_records)
        except TheirFault:
            key = None
        if key is None or not letter.is_signed_by(key, self._opening.header.digest):
            raise TheirFault("bad_bundle")
        out = self.outcome
        out.sender, out.made, out.tells_held = letter.sender, letter.made, letter.tells_held
        if letter.sender in node.records.known.wanted:
            with node.records.transaction():
                for message in letter.key_records:
                    node.records.add(message)

    def _add(self, section: Section, page: RecordsPage) -> Iterator[None]:
        node = self.node
        if section.coalition is not None and not self._follows(section, page):
            self.outcome.waiting += len(page.records)
            return
        for at in range(0, len(page.records), RECORDS_AT_ONCE):
            with node.records.transaction():
                for message in page.records[at : at + RECORDS_AT_ONCE]:
                    self.outcome.count(node.pair_room.add(message))
            yield

    def _follows(self, section: Section, page: RecordsPage) -> bool:
        """Whether we are in that coalition. One that is new is offered to a coordinator, as on a link."""
        node = self.node
        assert section.coalition is not None and section.epoch is not None
        row = neighbors.coalition(node.connection, section.coalition)
        if row is not None:
            return row.state == "joined"
        port = StorePort(node)
        if port.neighbor_state(self.outcome.sender) == "linked":
            for message in page.records:
                try:
                    record = parse(message)
                except Fault:
                    continue
                if record.id == section.coalition:
                    port.offered(self.outcome.sender, message, section.epoch)
        return False

    def finish(self) -> Outcome:
        """The file is over. Raises WorldFault("damaged_bundle") where not even the letter was there."""
        opening, node, out = self._opening, self.node, self.outcome
        assert opening is not None
        if opening.letter is None:
            raise WorldFault("damaged_bundle")
        out.whole = opening.whole
        out.sender_name = neighborhood_name(node, out.sender)
        pair = node.records.indexes.within(("pair", out.sender), 2**40, node.today())
        if StorePort(node).may_pair(out.sender) and equal(pair, opening.letter.ranges):
            scope = node.records.indexes.scope(("pair", out.sender))
            with node.records.transaction():
                seq = neighbors.last_seq(node.connection, scope)
                neighbors.set_in_step(node.connection, out.sender, seq)
            node.pair_in_step(out.sender)
        return out

    def asked(self) -> Asked | None:
        """What the file says its writer holds, if it does."""
        opening = self._opening
        if opening is None or opening.letter is None or not opening.letter.tells_held:
            return None
        return Asked(opening.letter, opening.held)
