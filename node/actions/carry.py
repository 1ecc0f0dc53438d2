"""Carrying by hand: what one neighborhood may hold of another's, in a file on a stick (protocol/bundle.py).

Everything goes in small steps, between which the node does other things: `Writing.pieces` here and
`Reading.take` in node/actions/carry_in.py are generators, and know neither files nor waiting. What runs them
is node/carrying.py. Only what has a set goes into a file, so nothing local can.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from node import keys
from node.actions.members import Session, coordinator
from node.actions.names import neighborhood_name
from node.actions.recovery import newest_key_records
from node.port import StorePort
from node.store import carrying, neighbors
from protocol.bundle import (
    PAGE_SIZE_BYTES,
    PAGES_MAX,
    RECIPIENTS_MAX,
    derive,
    letter_key,
    padded_count,
    seal_page,
    usable,
    write_header,
)
from protocol.errors import OurFault
from protocol.letter import (
    KEY_RECORDS_MAX,
    KEY_RECORDS_SIZE_BYTES_MAX,
    SECTIONS_MAX,
    Held,
    Letter,
    Packer,
    Section,
    SetName,
    short_id,
)
from sync.parcels import ranges_of
from sync.sets import SetKey

if TYPE_CHECKING:
    from node.app import Node

RECORDS_AT_ONCE = 50  # through the door in one transaction, some 15 ms of one core


# to whom


@dataclass(frozen=True, slots=True)
class Partner:
    """A neighborhood that something can be carried to. `ready`: its key is known, so it can be sealed to."""

    home: bytes
    name: str
    words: str
    area: str
    ready: bool
    last_heard: int


def partners(node: Node, session: Session) -> list[Partner]:
    """Everybody with whom records are shared, by name. Raises OurFault("not_allowed")."""
    coordinator(session)
    return [
        Partner(
            home=home,
            name=neighborhood_name(node, home),
            words=keys.six_words(home),
            area=neighbors.card_area(node.connection, home),
            ready=bool(_prekey(node, home)),
            last_heard=neighbors.last_sign(node.connection, home),
        )
        for home in sorted(shared_with(node), key=lambda home: (neighborhood_name(node, home).lower(), home))
    ]


def shared_with(node: Node) -> set[bytes]:
    """The neighborhoods with which this one shares a coalition or a link."""
    port = StorePort(node)
    found = {row.home for row in neighbors.neighbors(node.connection) if row.state == "linked"}
    for coalition in port.coalitions():
        if node.home in port.members(coalition):
            found |= port.members(coalition)
    return found - {node.home}


def _prekey(node: Node, home: bytes) -> bytes:
    """The prekey on the card of `home`, b"" where none is known or nothing can be sealed to it."""
    prekey = neighbors.card_prekey(node.connection, home)
    return prekey if prekey is not None and usable(prekey) else b""


@dataclass(frozen=True, slots=True)
class Recipient:
    home: bytes
    prekey: bytes


def recipients(node: Node, homes: Sequence[bytes] | None) -> list[Recipient]:
    """Whom to seal to: these, or with None all whose key is known.

    Raises OurFault: not_found, no_prekey, nobody_to_carry_to, bad_input.
    """
    known = shared_with(node)
    found = []
    for home in sorted(known) if homes is None else dict.fromkeys(homes):
        if home not in known:
            raise OurFault("not_found")
        prekey = _prekey(node, home)
        if prekey:
            found.append(Recipient(home, prekey))
        elif homes is not None:
            name = neighborhood_name(node, home)
            raise OurFault("no_prekey", f"No key of {name} is known here, so nothing can be sealed to it.")
    if not found:
        raise OurFault("nobody_to_carry_to")
    if len(found) > RECIPIENTS_MAX:
        raise OurFault("bad_input", f"A file is for at most {RECIPIENTS_MAX} neighborhoods. Write several.")
    return found


# writing


@dataclass(frozen=True, slots=True)
class Asked:
    """What somebody says to hold: their letter, and the short ids in it."""

    letter: Letter
    held: Held

    def lacks(self, coalition: bytes | None, set_name: SetName, record_id: bytes) -> bool:
        held = self.held.sets.get((coalition, set_name))
        if not held:
            return True
        key = next(s.key for s in self.letter.sections if s.coalition == coalition)
        short = short_id(key, record_id)
        at = bisect_left(held, short)
        return at == len(held) or held[at] != short


class Writing:
    """A file being written: for each recipient what it may hold, or, with `held`, what is held here.

    `asked`: only what the writer of that letter lacks.
    """

    def __init__(
        self,
        node: Node,
        to: Sequence[Recipient],
        *,
        records: bool = True,
        held: bool = False,
        asked: Asked | None = None,
    ) -> None:
        """Raises OurFault("key_replaced"): nobody would believe the file."""
        if not node.key_is_current:
            raise OurFault("key_replaced")
        self.records = 0
        self._node = node
        self._to = to
        self._tells_records, self._tells_held, self._asked = records, held, asked
        self._seed = node.random(32)
        self._place = 0
        self._today = node.today()
        self._packers: dict[bytes, Packer] = {}

    def pieces(self) -> Iterator[bytes]:
        """The bytes of the file; at times none, so that others get their turn.

        Raises OurFault("too_much_to_carry") beyond PAGES_MAX.
        """
        header = write_header({recipient.home: recipient.prekey for recipient in self._to}, self._seed)
        self._digest = header[-32:]
        yield header
        sections: dict[bytes, tuple[bytes, Section]] = {}
        for recipient in self._to:
            letter = self._letter(recipient)
            content = letter.content(self._digest, self._node.node_keys.seed)
            yield self._sealed(letter_key(self._seed, recipient.home), content)
            for section in letter.sections:
                sections[section.key] = (section.coalition or recipient.home, section)
        if self._tells_records:
            for set_name in ("roster", "coalition", "pair"):
                for owner, section in sections.values():
                    if (section.coalition is None) == (set_name == "pair"):
                        yield from self._write_records(section, (set_name, owner))
        for owner, section in sections.values():
            if self._tells_held:
                for name in ("roster", "coalition") if section.coalition is not None else ("pair",):
                    yield from self._write_held(section, (name, owner))
            for content in self._packer(section).close():
                yield self._sealed(section.key, content)
        for _ in range(min(padded_count(self._place), PAGES_MAX) - self._place):
            yield self._node.random(PAGE_SIZE_BYTES)

    def _letter(self, recipient: Recipient) -> Letter:
        node, home = self._node, recipient.home
        port = StorePort(node)
        rosters = node.records.known.rosters
        sections = [
            Section(coalition, derive(self._seed, b"coalition" + coalition), rosters[coalition].in_force)
            for coalition in sorted(port.coalitions())
            if {home, node.home} <= port.members(coalition)
        ][: SECTIONS_MAX - 1]
        paired = node.records.indexes.within(("pair", home), 2**40, self._today)
        if port.may_pair(home) and len(paired):
            sections.append(Section(None, derive(self._seed, b"pair" + home), None))
        prekeys = neighbors.prekeys(node.connection)
        chain = newest_key_records(node, KEY_RECORDS_MAX, KEY_RECORDS_SIZE_BYTES_MAX)
        return Letter(
            sender=node.home,
            recipient=home,
            made=node.stamp(),
            prekey=prekeys[0][0] if prekeys else bytes(32),
            sections=tuple(sections),
            ranges=tuple(ranges_of(paired)),
            tells_held=self._tells_held,
            key_records=tuple(chain),
        )

    def _packer(self, section: Section) -> Packer:
        return self._packers.setdefault(section.key, Packer())

    def _sealed(self, key: bytes, content: bytes) -> bytes:
        if self._place == PAGES_MAX:
            raise OurFault("too_much_to_carry")
        page = seal_page(key, self._digest, self._place, content)
        self._place += 1
        return page

    def _write_records(self, section: Section, key: SetKey) -> Iterator[bytes]:
        packer, asked = self._packer(section), self._asked
        for some in carrying.messages(self._node.records, key, self._today):
            for record_id, message in some:
                if asked is None or asked.lacks(section.coalition, key[0], record_id):
                    self.records += 1
                    for content in packer.record(message):
                        yield self._sealed(section.key, content)
            yield b""

    def _write_held(self, section: Section, key: SetKey) -> Iterator[bytes]:
        # Sorted by their first byte while they come, so that no step has to sort all of them.
        sorts: list[list[int]] = [[] for _ in range(256)]
        for some in carrying.ids(self._node.records, key, self._today):
            for record_id in some:
                short = short_id(section.key, record_id)
                sorts[short >> 56].append(short)
            yield b""
        shorts: list[int] = []
        for sort in sorts:
            shorts += sorted(sort)
            yield b""
        for content in self._packer(section).held(key[0], shorts):
            yield self._sealed(section.key, content)


def answer(node: Node, asked: Asked | None) -> Writing:
    """What the writer of a file lacks, and what is held here. Raises OurFault("nothing_asked")."""
    if asked is None:
        raise OurFault("nothing_asked")
    if not usable(asked.letter.prekey):
        raise OurFault("no_prekey")
    return Writing(node, [Recipient(asked.letter.sender, asked.letter.prekey)], held=True, asked=asked)
