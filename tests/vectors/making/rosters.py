"""Rosters: who belongs to a coalition, as its roster records say together."""
# fmt: off

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence

from protocol.record import Record
from protocol.signing import public_key
from tests.protocol.helpers import Coalition, Neighborhood, secret
from tests.vectors.making.scene import Case, Scene


class Valley(Scene):
    """Riverbend has founded a coalition, and nothing more has been said. All five are its neighbors."""

    def __init__(self) -> None:
        super().__init__()
        self.mill, self.docks = Neighborhood("Mill Lane"), Neighborhood("Old Docks")
        self.neighbors = [self.oak, self.harbor, self.mill, self.docks]
        self.region = Coalition("The long valley", self.riverbend)
        self.coalitions = [self.region]
        self.scope = self.region.scope
        self.start = self.region.charter

    def agreed(self, previous: Record, voters: Sequence[Neighborhood], by: Sequence[Neighborhood] = (), **more: Iterable[Neighborhood]) -> Record:
        """An epoch with the yes of `by`; Riverbend alone where not given."""
        return self.region.agreed(previous, voters, by=list(by) or [self.riverbend], **more)

    def three(self) -> Record:
        return self.agreed(self.start, [self.riverbend, self.oak, self.harbor])

    def case(
        self,
        name: str,
        about: str,
        path: Sequence[Record],
        voters: Iterable[Neighborhood],
        guests: Iterable[Neighborhood] = (),
        *,
        forks: Iterable[Record] = (),
        proposals: dict[bytes, Sequence[Neighborhood]] | None = None,
        strangers: Iterable[Record] = (),
        more: Sequence[Record] = (),
        kept: Sequence[Record] | None = None,
        aside: Sequence[Record] = (),
        **state: object,
    ) -> Case:
        """`path` are the last epochs followed; `strangers` are not taken; `more` is given besides."""
        given = [*self.unheard(*self.region.records[1:]), *more]
        out = {record.id for record in strangers}
        roster = {
            "in_force": path[-1].id.hex(),
            "final": path[-2 if len(path) > 1 else -1].id.hex(),
            "voters": sorted(home.id.hex() for home in voters),
            "guests": sorted(home.id.hex() for home in guests),
            "forks": sorted(epoch.id.hex() for epoch in forks),
            "proposals": {e.hex(): sorted(h.id.hex() for h in yes) for e, yes in (proposals or {}).items()},
        }
        inside = [record for record in given if record.id not in out] if kept is None else kept
        return f"roster/{name}", self.state(about, given, inside, aside=aside, rosters={self.region.id.hex(): roster}, **state)


def epochs() -> Iterator[Case]:
    v = Valley()
    yield v.case("founder-alone", "The charter is the first epoch, and its founder the only voter.", [v.start], [v.riverbend])
    v = Valley()
    first = v.three()
    yield v.case("first-epoch", "The founder's yes is more than half of one.", [v.start, first], [v.riverbend, v.oak, v.harbor])
    v = Valley()
    two = v.agreed(v.start, [v.riverbend, v.oak])
    half = v.agreed(two, [v.riverbend], out=[v.oak])
    yield v.case("half-is-not-enough", "One yes of two voters.", [v.start, two], [v.riverbend, v.oak], proposals={half.id: [v.riverbend]})
    v = Valley()
    two = v.agreed(v.start, [v.riverbend, v.oak])
    half = v.agreed(two, [v.riverbend], out=[v.oak])
    v.region.assent(v.riverbend, half)
    yield v.case("saying-it-twice-is-once", "The same voter's second yes does not count.", [v.start, two], [v.riverbend, v.oak], proposals={half.id: [v.riverbend]})
    v = Valley()
    first = v.three()
    grown = v.agreed(first, [v.riverbend, v.oak, v.harbor, v.mill], [v.oak, v.harbor])
    yield v.case("majority-without-the-founder", "Two of three agree; the founder is one among them.", [v.start, first, grown], [v.riverbend, v.oak, v.harbor, v.mill])
    v = Valley()
    first = v.three()
    grown = v.agreed(first, [v.riverbend, v.oak, v.harbor, v.mill], [v.oak])
    stray = v.region.assent(v.mill, grown)
    yield v.case("a-newcomers-yes-counts-for-nothing", "Mill Lane says yes to an epoch that would make it a voter.", [v.start, first], [v.riverbend, v.oak, v.harbor], proposals={grown.id: [v.oak]}, strangers=[stray])
    v = Valley()
    first = v.three()
    voters = [v.riverbend, v.oak, v.harbor]
    v.agreed(first, [*voters, v.mill], [v.riverbend])
    other = v.agreed(first, [*voters, v.docks], [v.oak])
    v.region.assent(v.harbor, other)
    yield v.case("assents-meet", "Two proposals with one yes each meet; the third voter's yes decides.", [v.start, first, other], [*voters, v.docks])
    v = Valley()
    first = v.three()
    voters = [v.riverbend, v.oak, v.harbor]
    tips = [v.agreed(first, [*voters, guest], [v.riverbend, v.oak]) for guest in (v.mill, v.docks)]
    low, high = sorted(tips, key=lambda r: r.id)
    joined = v.mill if low is tips[0] else v.docks
    yield v.case("double-signers-fork-tips", "Two voters say yes to two successors: of two tips the lower id is in force.", [v.start, first, low], [*voters, joined], forks=[high])
    v = Valley()
    first = v.three()
    voters = [v.riverbend, v.oak, v.harbor]
    tips = [v.agreed(first, [*voters, guest], [v.riverbend, v.oak]) for guest in (v.mill, v.docks)]
    low, high = sorted(tips, key=lambda r: r.id)
    after = v.agreed(high, voters, voters, out=[v.mill, v.docks])
    yield v.case("an-epoch-with-a-successor-is-final", "The higher tip has a valid successor, the lower has none: the higher is followed.", [v.start, first, high, after], voters, forks=[low])
    v = Valley()
    first = v.agreed(v.start, [v.riverbend, v.oak])
    after = v.agreed(first, [v.riverbend, v.oak, v.harbor], [v.riverbend, v.oak])
    again = v.agreed(v.start, [v.riverbend, v.docks])
    yield v.case("founders-second-successor", "The founder alone says yes to a second successor of the charter, behind a final epoch: it is shown, and changes nothing.", [v.start, first, after], [v.riverbend, v.oak, v.harbor], forks=[again])
    for which, name in ((0, "lower"), (1, "higher")):
        v = Valley()
        first = v.three()
        voters = [v.riverbend, v.oak, v.harbor]
        tips = [v.agreed(first, [*voters, guest], [v.riverbend, v.oak]) for guest in (v.mill, v.docks)]
        tips.sort(key=lambda r: r.id)
        ends = [v.agreed(tip, voters, voters) for tip in tips]
        v.anchor = tips[which]
        yield v.case(f"anchor-on-the-{name}-branch", f"Both branches have grown; the reader's anchor lies on the {name} one.", [v.start, first, tips[which], ends[which]], voters, forks=[tips[1 - which]])
    v = Valley()
    first = v.three()
    v.anchor = v.riverbend.say("epoch", v.scope, {"previous": first.id, "voters": [v.riverbend.id]}, days=None)
    yield v.case("anchor-not-held", "The reader's anchor is an epoch that it does not hold: the charter alone is in force.", [v.start], [v.riverbend])
    yield from unsound()


def unsound() -> Iterator[Case]:
    bodies = [
        ("a-voter-twice", "An epoch names a voter twice.", lambda v: {"voters": [v.riverbend.id] * 2}),
        ("a-voter-as-guest", "An epoch names a voter as guest too.", lambda v: {"voters": [v.riverbend.id], "guests": [v.riverbend.id]}),
        ("a-voter-as-out", "An epoch names a voter as out.", lambda v: {"voters": [v.riverbend.id], "out": [v.riverbend.id]}),
        ("two-keys-of-one-home", "An epoch lists two keys of a home.", lambda v: {"voters": [v.riverbend.id], "keys": [[v.riverbend.id, b"k" * 32]] * 2}),
        ("no-voters", "An epoch without voters cannot be read.", lambda v: {"voters": []}),
    ]
    for name, about, body_of in bodies:
        v = Valley()
        epoch = v.riverbend.say("epoch", v.scope, {"previous": v.start.id} | body_of(v), days=None)
        v.region.records.append(epoch)
        v.region.assent(v.riverbend, epoch)
        yield v.case(f"unsound-{name}", about + " It stays in the roster set and counts for nothing.", [v.start], [v.riverbend])
    v = Valley()
    first = v.three()
    orphan = v.agreed(first, [v.oak], [v.oak, v.harbor], out=[v.riverbend, v.harbor])
    v.region.records = [record for record in v.region.records if record.id != first.id]
    strangers = [r for r in v.region.records if r.home in (v.oak.id, v.harbor.id)]
    assert orphan in strangers
    yield v.case("predecessor-not-held", "An epoch whose predecessor is not held, and the yeses of its voters, whom nobody knows.", [v.start], [v.riverbend], strangers=strangers)


def guests() -> Iterator[Case]:
    v = Valley()
    v.region.sponsor(v.riverbend, v.mill, v.start)
    yield v.case("one-sponsor-of-one-voter", "While at most two vote, one sponsor admits a guest.", [v.start], [v.riverbend], [v.mill])
    v = Valley()
    first = v.three()
    v.region.sponsor(v.oak, v.mill, first)
    v.region.sponsor(v.oak, v.mill, first)
    yield v.case("one-sponsor-of-three-voters", "With three voters one sponsor is too few, also twice.", [v.start, first], [v.riverbend, v.oak, v.harbor])
    v = Valley()
    first = v.three()
    v.region.sponsor(v.oak, v.mill, first)
    v.region.sponsor(v.harbor, v.mill, first)
    yield v.case("two-sponsors-of-three-voters", "With three voters two sponsors admit a guest.", [v.start, first], [v.riverbend, v.oak, v.harbor], [v.mill])
    v = Valley()
    v.region.sponsor(v.riverbend, v.mill, v.start)
    v.region.sponsor(v.mill, v.docks, v.start)
    yield v.case("a-guest-sponsors-nobody", "A guest's sponsor counts for nothing.", [v.start], [v.riverbend], [v.mill])
    v = Valley()
    two = v.agreed(v.start, [v.riverbend, v.oak])
    v.region.sponsor(v.oak, v.mill, two)
    later = v.agreed(two, [v.riverbend, v.oak], [v.riverbend, v.oak])
    yield v.case("late-sponsor", "A sponsor that cites an earlier epoch counts in the later one too.", [v.start, two, later], [v.riverbend, v.oak], [v.mill])
    v = Valley()
    two = v.agreed(v.start, [v.riverbend, v.oak])
    v.region.sponsor(v.oak, v.mill, two)
    out = v.agreed(two, [v.riverbend, v.oak], [v.riverbend, v.oak], out=[v.mill])
    yield v.case("a-guest-listed-out", "An epoch later than the sponsor's lists the guest as out.", [v.start, two, out], [v.riverbend, v.oak])
    v = Valley()
    two = v.agreed(v.start, [v.riverbend, v.oak])
    v.region.sponsor(v.oak, v.mill, two)
    out = v.agreed(two, [v.riverbend, v.oak], [v.riverbend, v.oak], out=[v.mill])
    v.region.sponsor(v.oak, v.mill, out)
    yield v.case("a-guest-let-in-again", "A sponsor that cites the epoch by which the guest was out counts anew.", [v.start, two, out], [v.riverbend, v.oak], [v.mill])
    v = Valley()
    two = v.agreed(v.start, [v.riverbend, v.oak])
    v.region.sponsor(v.oak, v.mill, two)
    alone = v.agreed(two, [v.riverbend], [v.riverbend, v.oak], out=[v.oak])
    yield v.case("sponsor-of-a-removed-voter", "A sponsor counts while its maker is a voter.", [v.start, two, alone], [v.riverbend])
    v = Valley()
    first = v.agreed(v.start, [v.riverbend], guests=[v.docks])
    yield v.case("a-guest-listed", "An epoch lists a guest.", [v.start, first], [v.riverbend], [v.docks])


def leaving() -> Iterator[Case]:
    v = Valley()
    first = v.three()
    v.region.leave(v.harbor, first)
    yield v.case("leave", "A voter leaves.", [v.start, first], [v.riverbend, v.oak])
    v = Valley()
    first = v.three()
    v.region.leave(v.harbor, v.start)
    yield v.case("leave-citing-an-epoch-before", "A leave that cites an epoch before its maker was listed does not count.", [v.start, first], [v.riverbend, v.oak, v.harbor])
    v = Valley()
    two = v.agreed(v.start, [v.riverbend, v.oak])
    v.region.leave(v.oak, two)
    back = v.agreed(two, [v.riverbend, v.oak])
    yield v.case("leave-and-come-back", "Who left without a yes is not counted among the voters; the next epoch lists them anew.", [v.start, two, back], [v.riverbend, v.oak])
    v = Valley()
    first = v.three()
    v.region.leave(v.harbor, first)
    small = v.agreed(first, [v.riverbend, v.oak])
    yield v.case("leave-lowers-what-is-needed", "One of three left: two voters count, and one yes is half of them.", [v.start, first], [v.riverbend, v.oak], proposals={small.id: [v.riverbend]})
    v = Valley()
    v.region.sponsor(v.riverbend, v.mill, v.start)
    v.region.leave(v.mill, v.start)
    yield v.case("leave-of-a-guest", "A guest leaves.", [v.start], [v.riverbend])
    v = Valley()
    first = v.three()
    recovery = secret("sheet", "Harbor Hill sheet")
    leave = v.harbor.say("leave", v.scope, {"epoch": first.id, "signers": [public_key(recovery)]}, days=None, seeds=[recovery])
    v.region.records.append(leave)
    yield v.case("leave-by-the-recovery-policy", "A leave signed by a recovery key.", [v.start, first], [v.riverbend, v.oak])
    v = Valley()
    first = v.three()
    thief = secret("thief")
    leave = v.harbor.say("leave", v.scope, {"epoch": first.id, "signers": [public_key(thief)]}, days=None, seeds=[thief])
    v.region.records.append(leave)
    yield v.case("leave-by-a-foreign-policy", "A leave signed by a key of no policy is not taken.", [v.start, first], [v.riverbend, v.oak, v.harbor], strangers=[leave])
    v = Valley()
    two = v.agreed(v.start, [v.riverbend, v.oak])
    post, promise = v.ben.post(v.scope), v.ben.commit(v.ana.post())
    claim = v.ben.claim(v.ana, v.ben)
    alone = v.agreed(two, [v.riverbend], [v.riverbend, v.oak], out=[v.oak])
    given = [*v.region.records[1:], promise, claim]
    yield v.case("removed-voter", "Oak Street is listed as out: its coalition records leave their set, those of the pair stand.", [v.start, two, alone], [v.riverbend], more=[post, promise, claim], kept=given)


def rotated() -> Iterator[Case]:
    v = Valley()
    first, old = v.three(), v.oak.seed
    rotation = v.oak.rotate()
    v.oak.key_records.remove(rotation)
    second = v.region.epoch(v.riverbend, first, [v.riverbend, v.oak, v.harbor])
    v.region.assent(v.riverbend, second)
    v.region.assent(v.oak, second, seed=old)
    yield v.case("rotated-signer-old-key-counts", "Oak Street has rotated; the epoch before lists its old key, so a yes by it still counts.", [v.start, first, second], [v.riverbend, v.oak, v.harbor], more=[rotation])
    v = Valley()
    first = v.three()
    rotation = v.oak.rotate()
    v.oak.key_records.remove(rotation)
    second = v.region.epoch(v.riverbend, first, [v.riverbend, v.oak, v.harbor])
    v.region.assent(v.riverbend, second)
    v.region.assent(v.oak, second)
    yield v.case("rotated-signer-new-key-counts", "A yes by a later key of the chain counts.", [v.start, first, second], [v.riverbend, v.oak, v.harbor], more=[rotation])
    v = Valley()
    first, old = v.three(), v.oak.seed
    rotation = v.oak.rotate()
    second = v.region.epoch(v.riverbend, first, [v.riverbend, v.oak, v.harbor], keys={v.oak.id: rotation.id})
    v.oak.key_records.remove(rotation)
    for home in (v.riverbend, v.harbor):
        v.region.assent(home, second)
    v.region.leave(v.oak, second, seed=old)
    third = v.agreed(second, [v.riverbend, v.oak], [v.riverbend], out=[v.harbor])
    v.region.assent(v.oak, third, seed=old)
    yield v.case("rotated-signer-old-key-is-over", "Once an epoch lists the new key, the old one, perhaps stolen, neither leaves nor assents.", [v.start, first, second], [v.riverbend, v.oak, v.harbor], proposals={third.id: [v.riverbend]}, more=[rotation])
    v = Valley()
    first, old = v.three(), v.oak.seed
    rotation = v.oak.rotate()
    second = v.region.epoch(v.riverbend, first, [v.riverbend, v.oak, v.harbor], keys={v.oak.id: rotation.id})
    v.oak.key_records.remove(rotation)
    for home in (v.riverbend, v.harbor):
        v.region.assent(home, second)
    v.region.sponsor(v.oak, v.mill, second, seed=old)
    v.region.sponsor(v.riverbend, v.mill, second)
    yield v.case("rotated-sponsor-old-key-is-over", "Nor does the old key sponsor.", [v.start, first, second], [v.riverbend, v.oak, v.harbor], more=[rotation])


def cases() -> Iterator[Case]:
    yield from epochs()
    yield from guests()
    yield from leaving()
    yield from rotated()
