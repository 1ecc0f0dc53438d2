"""A lost node without a backup: its identity comes from a recovery sheet, its shared records from peers.

A peer gives the key records of the neighborhood that a sheet belongs to. The sheets sign a rotation to a
fresh node key, and this node is that neighborhood again. What everybody in a coalition, or a partner,
holds comes over by the ordinary exchange; what was signed with the lost key is kept aside there and asked
for. Local records and members' sealed keys are gone: people join anew, and a coordinator says who is who.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from node import keys, sheets
from node.actions import accounts, members, neighborhoods, recovery, restored
from node.actions.members import Session, coordinator
from node.actions.setup import NEIGHBORHOOD_LENGTH_MAX
from node.store import neighbors, people
from protocol.errors import OurFault, TheirFault
from protocol.judge import read_checked
from protocol.kinds.keys import KeyChain, build_chain, recovery_hash
from protocol.signing import public_key
from sync.sets import SetKey

if TYPE_CHECKING:
    from node.app import Node

NOT_KNOWN = "That neighborhood does not know this recovery sheet. Try the address of another neighbor."
NAMES_OTHER = "The other node now names another neighborhood. Please begin again."
SENTENCES = (NOT_KNOWN, NAMES_OTHER)
HAS_ONE = "There is a neighborhood in this data folder already. Give --data with an empty one."


@dataclass(frozen=True, slots=True)
class Peer:
    """Who gave the key records, and where it was reached."""

    home: bytes
    name: str
    address: str


@dataclass(frozen=True, slots=True)
class Found:
    """The neighborhood that a sheet belongs to, by what a peer says. People compare the six words."""

    home: bytes
    words: str
    peer: str
    peer_words: str
    needed: int
    count: int


@dataclass(frozen=True, slots=True)
class NewBeginning:
    """What nobody else can know: how the neighborhood is called, and its first coordinator."""

    neighborhood: str
    area: str
    name: str
    language: str


def named(texts: Sequence[str]) -> bytes:
    """What a policy names of the first sheet: by this a peer is asked. Raises SheetFault."""
    for place, text in enumerate(texts, 1):
        if text.strip():
            return recovery_hash(public_key(sheets.read_words(text, place)))
    raise sheets.SheetFault("bad_sheet", 1, sheets.NO_SHEET)


def read_chain(messages: Sequence[bytes], named_sheet: bytes) -> KeyChain:
    """The key chain in a peer's answer, if its policy names the sheet that was asked for.

    Raises OurFault("not_found") where the peer knows none, TheirFault where it made something up.
    """
    if not messages:
        raise OurFault("not_found", NOT_KNOWN)
    records = [read_checked(message) for message in messages]
    first = next((record for record in records if record.kind == "inception"), None)
    chain = build_chain(first.id, records) if first is not None else None
    if chain is None or named_sheet not in chain.steps[-1].recovery.hashes:
        raise TheirFault("bad_key_record")
    return chain


def found(peer: Peer, chain: KeyChain) -> Found:
    """What a person has to look at before they say that it is theirs."""
    shape = chain.steps[-1].recovery
    words, peer_words = keys.six_words(chain.home), keys.six_words(peer.home)
    return Found(chain.home, words, peer.name, peer_words, shape.threshold, len(shape.hashes))


def found_again(home: bytes, peer: str, needed: int) -> Found:
    """The same, as a form brings it back; the peer is asked once more before anything counts."""
    return Found(home, keys.six_words(home), peer, "", needed, needed)


def check_named(chain: KeyChain, home: bytes) -> None:
    """Raises OurFault("not_found") where a peer now names another neighborhood than people have looked at."""
    if chain.home != home:
        raise OurFault("not_found", NAMES_OTHER)


async def come_back(
    node: Node,
    texts: Sequence[str],
    messages: Sequence[bytes],
    peer: Peer,
    beginning: NewBeginning,
    passphrase: str,
) -> Session:
    """Be the neighborhood of these sheets again. Raises OurFault, SheetFault."""
    keys.check_passphrase(passphrase)
    seed = node.random(32)
    sealed = await keys.seal_seed(seed, passphrase)
    session = take_up(node, texts, messages, peer, beginning, seed, sealed)
    node.poke("set_up", {})
    return session


def take_up(
    node: Node,
    texts: Sequence[str],
    messages: Sequence[bytes],
    peer: Peer,
    beginning: NewBeginning,
    seed: bytes,
    sealed: keys.SealedSeed,
) -> Session:
    """The same, by a coordinator whose key is made and sealed already."""
    if node.is_set_up:
        raise OurFault("already_set_up", HAS_ONE)
    title = " ".join(beginning.neighborhood.split())
    if not 1 <= len(title) <= NEIGHBORHOOD_LENGTH_MAX:
        raise OurFault("bad_input", "Please give the neighborhood a name of 1 to 60 characters.")
    members.check_name(beginning.name)
    chain = read_chain(messages, named(texts))
    seeds = sheets.enough(texts, chain)
    own = keys.new_node_keys(node.random)
    try:
        with node.records.transaction():
            node.set_setting("neighborhood", title)
            node.set_setting("area", " ".join(beginning.area.split())[:80])
            node.set_setting("setup_hash", "")
            node.set_setting("came_back", "1")
            node.become(chain.home, own)
            for record in sorted(map(read_checked, messages), key=lambda one: one.id != chain.home):
                node.records.add(record.message)  # rotations in any order: those too early are tried again
            if recovery.own_chain(node) != chain:
                raise TheirFault("bad_key_record")
            recovery.rotate(node, seeds, own, chain.steps[-1].recovery)
            session = members.enrol(
                node, seed, sealed, name=beginning.name, role="coordinator", language=beginning.language
            )
            neighbors.set_neighbor(
                node.connection, peer.home, "linked", name=peer.name[:60], address=peer.address
            )
            node.records.known_changed()
    except BaseException:
        node.keys = None
        node.records.own_home = b""
        raise
    return session


async def person(node: Node, session: Session, author: bytes, account: bytes) -> int:
    """Say that a member is who signed as `author` before all was lost; gives how many are signed anew.

    Raises OurFault: see `identify`.
    """
    identify(node, session, author, account)
    return await recovery.sign_anew(node)


def identify(node: Node, session: Session, author: bytes, account: bytes) -> None:
    """The step from `author` to the member's first key here: the whole account follows.

    Raises OurFault: not_allowed, not_found, key_replaced, no_longer_possible.
    """
    coordinator(session)
    if not node.key_is_current:
        raise OurFault("key_replaced")
    if author == node.home or author not in {one.author for one in recovery.rest(node)}:
        raise OurFault("not_found", "Nothing by that author waits here. See: barnraise recover status")
    if not people.member_name(node.connection, account):
        raise OurFault("not_found")
    with node.records.transaction():
        accounts.carry_on(node, author, account)
        recovery.named_again(node, author, account)
        if node.records.accounts.account(node.home, account)[1] == account:
            raise OurFault("no_longer_possible", "That key is theirs already, or the step is contested.")
        recovery.follow_accounts(node)


# how far it is


@dataclass(frozen=True, slots=True)
class Helper:
    """A neighborhood that may hold something of ours, and whether it has given all that it kept."""

    name: str
    connected: bool
    has_given: bool


@dataclass(frozen=True, slots=True)
class Progress:
    """What has come so far, and what is left to do."""

    offers: list[neighborhoods.CoalitionOffer]
    coalitions: list[str]
    helpers: list[Helper]
    waiting: list[recovery.Rest]


def progress(node: Node, session: Session) -> Progress:
    """How far a node that came back from its peers is. Raises OurFault: not_allowed, not_found."""
    coordinator(session)
    if not node.setting("came_back"):
        raise OurFault("not_found")
    page = neighborhoods.neighborhoods(node, session)
    rosters = neighborhoods.joined(node)
    helpers = []
    for link in page.links:
        shared: list[SetKey] = [
            ("coalition", c) for c, roster in rosters.items() if link.home in roster.members
        ]
        sets = shared or [("pair", link.home)]
        given = all(restored.has_given(node, key, link.home) for key in sets)
        helpers.append(Helper(link.name, link.connected, given))
    names = [roster.charter.name for roster in rosters.values() if node.home in roster.members]
    return Progress(page.offers, names, helpers, recovery.rest(node))
