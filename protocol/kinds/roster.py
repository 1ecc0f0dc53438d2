"""The roster of a coalition: who belongs to it, and who decides that.

A coalition's id is the id of its `charter`, which is also the first epoch with its founder as the only
voter. An `epoch` is a proposal: it cites its predecessor and lists voters, guests, who is out, and the
key record of each home. Each voter's `assent` is a record of its own; more than half of the
predecessor's voters, less those who left without assenting, make an epoch valid. A valid epoch with a
valid successor is final for whoever holds that successor (`anchor`); lowest id decides between tips only,
and a fork behind a final epoch is listed in `forks` and changes nothing.

Between epochs a voter's `sponsor` admits a guest, who may share everything but not vote: one sponsor
while there are at most two voters, then two. It counts in all later epochs while its maker is a voter
and until an epoch lists the guest as out. `leave` is one's own act. Roster acts count under any key of
the signer's chain from the one that the cited epoch lists onward.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Annotated

import msgspec

from protocol.kinds.keys import RECOVERY_KEYS_MAX, KeyChain, meets
from protocol.kinds.shapes import Bytes32, Shape, Text

if TYPE_CHECKING:
    from protocol.record import Record

HOMES_MAX = 200
EPOCHS_MAX = 5_000
MEMBER_THINGS_DEFAULT = 2_000
HOME_THINGS_DEFAULT = 1_000

_Homes = Annotated[list[Bytes32], msgspec.Meta(max_length=HOMES_MAX)]
_Quota = Annotated[int, msgspec.Meta(ge=1, le=100_000)]
_KeyOfHome = Annotated[list[Bytes32], msgspec.Meta(min_length=2, max_length=2)]
_Keys = Annotated[list[_KeyOfHome], msgspec.Meta(max_length=HOMES_MAX)]


class Charter(Shape, frozen=True, kw_only=True):
    """What a coalition is founded on. `keys` lists the founder's key record, as an epoch does."""

    name: Annotated[str, msgspec.Meta(min_length=1, max_length=60)]
    agreement: Text = ""
    member_things: _Quota = MEMBER_THINGS_DEFAULT
    home_things: _Quota = HOME_THINGS_DEFAULT
    keys: _Keys
    former: Bytes32 | None = None


class Epoch(Shape, frozen=True, kw_only=True):
    """A proposed state of the roster."""

    previous: Bytes32
    voters: Annotated[list[Bytes32], msgspec.Meta(min_length=1, max_length=HOMES_MAX)]
    guests: _Homes = []
    out: _Homes = []
    keys: _Keys = []


class Assent(Shape, frozen=True, kw_only=True):
    """A voter's yes to one epoch, or to a succession that cites contests (protocol/kinds/accounts.py)."""

    epoch: Bytes32


class Sponsor(Shape, frozen=True, kw_only=True):
    """A voter's admission of a guest, citing the epoch in force."""

    guest: Bytes32
    epoch: Bytes32


class Leave(Shape, frozen=True, kw_only=True):
    """A home's own leaving, citing the epoch in force. By its node key, or by `signers`: recovery keys."""

    epoch: Bytes32
    signers: Annotated[list[Bytes32], msgspec.Meta(max_length=RECOVERY_KEYS_MAX)] | None = None


@dataclass(frozen=True, slots=True)
class Proposal:
    """A successor of the epoch in force that has not enough assents yet."""

    id: bytes
    epoch: Epoch
    assents: frozenset[bytes]


@dataclass(frozen=True, slots=True)
class Roster:
    """Who belongs to a coalition, as the held roster records say together."""

    coalition: bytes
    charter: Charter
    founder: bytes
    chain: tuple[bytes, ...]
    voters: frozenset[bytes]
    guests: frozenset[bytes]
    ever: frozenset[bytes]
    voted: frozenset[bytes]
    proposals: tuple[Proposal, ...]
    forks: tuple[bytes, ...]
    listed_keys: frozenset[bytes] = field(repr=False)
    vouched: Mapping[bytes, frozenset[bytes]] = field(default_factory=dict)  # not in yet: by whom sponsored

    @property
    def in_force(self) -> bytes:
        """The id of the epoch in force: the charter's at first."""
        return self.chain[-1]

    @property
    def final(self) -> bytes:
        """The last epoch that has a valid successor (the charter where there is none): the next anchor."""
        return self.chain[-2] if len(self.chain) > 1 else self.chain[0]

    @property
    def members(self) -> frozenset[bytes]:
        return self.voters | self.guests


@dataclass(slots=True)
class _Votes:
    """The roster acts of a coalition, sorted by what they cite."""

    assents: dict[bytes, list[Record]] = field(default_factory=dict)
    sponsors: list[tuple[Record, Sponsor]] = field(default_factory=list)
    leaves: list[tuple[Record, Leave]] = field(default_factory=list)


def homes_named(records: Iterable[Record]) -> set[bytes]:
    """Every home that the roster records of a coalition name: whose key records belong to its roster set."""
    homes: set[bytes] = set()
    for record in records:
        homes.add(record.home)
        if record.kind == "epoch" and (epoch := Epoch.read(record)) is not None:
            homes.update(epoch.voters, epoch.guests, epoch.out)
        elif record.kind == "sponsor" and (sponsor := Sponsor.read(record)) is not None:
            homes.add(sponsor.guest)
    return homes


def sound_epoch(epoch: Epoch) -> bool:
    """Whether an epoch names each home once only."""
    named = [*epoch.voters, *epoch.guests, *epoch.out]
    keyed = [home for home, _ in epoch.keys]
    return len(named) == len(set(named)) and len(keyed) == len(set(keyed))


def build_roster(
    coalition: bytes,
    records: Iterable[Record],
    chains: Mapping[bytes, KeyChain],
    anchor: bytes | None = None,
) -> Roster | None:
    """The roster of `coalition` from its roster records in any order; None without its charter.

    `anchor` is the epoch known to be final (from an invitation or an earlier look): no branch without it
    is followed, and none at all while it is not held. Records have been judged; `home_key` says under which
    key each counts.
    """
    charter: Charter | None = None
    founder = b""
    epochs: dict[bytes, Epoch] = {}
    children: dict[bytes, list[bytes]] = {}
    votes = _Votes()
    for record in records:
        if record.kind == "charter" and record.id == coalition:
            charter, founder = Charter.read(record), record.home
        elif record.kind == "epoch" and (epoch := Epoch.read(record)) is not None and sound_epoch(epoch):
            if record.id not in epochs:
                children.setdefault(epoch.previous, []).append(record.id)
            epochs[record.id] = epoch
        elif record.kind == "assent" and (assent := Assent.read(record)) is not None:
            votes.assents.setdefault(assent.epoch, []).append(record)
        elif record.kind == "sponsor" and (sponsor := Sponsor.read(record)) is not None:
            votes.sponsors.append((record, sponsor))
        elif record.kind == "leave" and (leave := Leave.read(record)) is not None:
            votes.leaves.append((record, leave))
    if charter is None:
        return None
    epochs[coalition] = Epoch(previous=coalition, voters=[founder], keys=charter.keys)

    def keyed(record: Record, cited: bytes) -> bool:
        """Whether the record counts: signed under a key from the one listed in the cited epoch onward."""
        chain = chains.get(record.home)
        if chain is None or cited not in epochs:
            return False
        start = next((key for home, key in epochs[cited].keys if home == record.home), record.home)
        since = chain.since(start)
        if record.kind == "leave" and (signers := record.body.get("signers")):
            return any(meets(step.recovery, signers) for step in since)
        return any(step.node_key == record.home_key for step in since)

    def assented(epoch_id: bytes, previous: bytes) -> set[bytes]:
        voters = epochs[previous].voters
        return {r.home for r in votes.assents.get(epoch_id, ()) if r.home in voters and keyed(r, previous)}

    def valid(epoch_id: bytes, previous: bytes) -> bool:
        yes = assented(epoch_id, previous)
        voters = set(epochs[previous].voters)
        left = {r.home for r, leave in votes.leaves if leave.epoch == previous and keyed(r, previous)}
        return len(yes) * 2 > len(voters - (left - yes))

    heirs = {
        previous: sorted(child for child in ids if valid(child, previous))
        for previous, ids in children.items()
        if previous in epochs
    }
    above = set()
    step = anchor
    while step in epochs and step not in above:
        above.add(step)
        step = epochs[step].previous

    path = [coalition]
    forks: list[bytes] = []
    while len(path) < EPOCHS_MAX:
        candidates = [child for child in heirs.get(path[-1], ()) if child not in path]
        open_ = [child for child in candidates if anchor is None or anchor in path or child in above]
        if not open_:
            break
        best = min(open_, key=lambda child: (not heirs.get(child), child))
        forks += [child for child in candidates if child != best]
        path.append(best)

    place = {epoch_id: index for index, epoch_id in enumerate(path)}
    tip = epochs[path[-1]]
    voters, guests = set(tip.voters), set(tip.guests)
    out_at: dict[bytes, int] = {}
    in_at: dict[bytes, int] = {}
    for index, epoch_id in enumerate(path):
        for home in epochs[epoch_id].out:
            out_at[home] = index
        for home in (*epochs[epoch_id].voters, *epochs[epoch_id].guests):
            in_at[home] = index

    def leaving() -> set[bytes]:
        cited = [(record, leave.epoch) for record, leave in votes.leaves if leave.epoch in place]
        return {r.home for r, at in cited if keyed(r, at) and in_at.get(r.home, -1) <= place[at]}

    voters -= leaving()  # whoever has left is no voter any more, and sponsors nobody
    backing: dict[bytes, set[bytes]] = {}
    for record, sponsor in votes.sponsors:
        index = place.get(sponsor.epoch, -1)
        if record.home in voters and index >= out_at.get(sponsor.guest, 0) and keyed(record, sponsor.epoch):
            backing.setdefault(sponsor.guest, set()).add(record.home)
            in_at[sponsor.guest] = max(in_at.get(sponsor.guest, -1), index)
    needed = 1 if len(voters) <= 2 else 2
    guests |= {home for home, makers in backing.items() if len(makers) >= needed and home not in voters}
    gone = leaving()
    guests -= gone
    waiting = sorted(backing.keys() - voters - guests - gone)
    proposals = tuple(
        Proposal(child, epochs[child], frozenset(assented(child, path[-1])))
        for child in sorted(children.get(path[-1], ()))
        if child not in place and child not in heirs.get(path[-1], ())
    )
    # Whose roster acts are let in: of every valid branch, so that it does not hang on the one followed here.
    reached = {coalition: None}
    for epoch_id in (queue := [coalition]):
        fresh = {child: None for child in heirs.get(epoch_id, ()) if child not in reached}
        reached |= fresh
        queue += fresh
    ever = {founder}
    for epoch_id in reached:
        ever.update(epochs[epoch_id].voters, epochs[epoch_id].guests)
    counted = [(r, s) for r, s in votes.sponsors if s.epoch in reached and keyed(r, s.epoch)]
    ever |= {sponsor.guest for record, sponsor in counted if record.home in ever}
    return Roster(
        coalition=coalition,
        charter=charter,
        founder=founder,
        chain=tuple(path),
        voters=frozenset(voters),
        guests=frozenset(guests - voters),
        ever=frozenset(ever),
        voted=frozenset(home for epoch_id in path for home in epochs[epoch_id].voters),
        proposals=proposals,
        forks=tuple(forks),
        listed_keys=frozenset(key for epoch_id in path for _, key in epochs[epoch_id].keys),
        vouched={home: frozenset(backing[home]) for home in waiting},
    )
