"""The malicious home: it signs anything that it can, keeps everything it has seen, and tells whom it likes.

It holds its own node key, recovery sheet and members, and from some moment on another home's node key. It
never holds another home's sheet or a member's key elsewhere.
"""

from __future__ import annotations

import random
from typing import TYPE_CHECKING, Any

from protocol.errors import TheirFault
from protocol.kinds.erasure import erasure_body
from protocol.kinds.hours import Confirm, Dispute, Hours, session_id
from protocol.kinds.posts import Post
from protocol.kinds.promises import Answer, Commitment
from protocol.kinds.roster import Assent, Leave, Sponsor
from protocol.record import Record, parse
from protocol.scopes import DAY_S, KEYS_SCOPE, day_of
from protocol.signing import public_key
from tests.histories.accounts import hostile
from tests.histories.honest import epoch_body, held
from tests.protocol.helpers import Member, Neighborhood, between

if TYPE_CHECKING:
    from tests.histories.history import History
    from tests.histories.homes import Home


class Villain:
    """What it holds, and what it makes of that."""

    def __init__(self, history: History, hood: Neighborhood) -> None:
        self.history = history
        self.hood = hood
        self.home = hood.id
        self.people = [hood.member("Mal"), hood.member("Mia")]
        self.chance = random.Random(f"{history.seed} villain")
        self.bag: dict[bytes, Record] = {}  # everything it has made or seen, by id
        self.loot: dict[bytes, tuple[Neighborhood, bytes]] = {}  # stolen node seeds, by home
        self.seeds: list[bytes] = [hood.seed]  # every node key it ever had; all are its to use

    # making and telling

    def make(
        self, hood: Neighborhood, kind: str, scope: Any, body: dict[str, Any], **more: Any
    ) -> Record | None:
        """Sign something; None where not even its own parser would read it."""
        try:
            record = hood.say(kind, scope, body, **({"created": self.when()} | more))
        except TheirFault:
            return None
        self.keep(record)
        return record

    def keep(self, record: Record) -> None:
        self.bag[record.id] = record
        self.history.truth.forged[record.id] = None
        for home in self.history.homes:
            if self.chance.random() < 0.3:
                home.port.add([record.message], self.home)

    def when(self) -> int:
        """A time it likes to state: now, beside a midnight, long ago, far ahead."""
        now = self.history.now
        midnight = (day_of(now) + 1) * DAY_S
        choices = [now, now, now, midnight - 1, midnight, midnight + DAY_S - 1, midnight + DAY_S]
        return int(self.chance.choice([*choices, now - 400 * DAY_S]))

    def tell(self, home: Home, share: float = 1.0) -> None:
        """Hand over what it has: old versions, erased words, forgeries and all."""
        messages = [r.message for r in self.bag.values() if self.chance.random() < share]
        self.chance.shuffle(messages)
        for at in range(0, len(messages), 50):
            home.port.add(messages[at : at + 50], self.home)

    def listen(self, home: Home) -> None:
        """Take all that `home` would show it."""
        for key in self.shown(home):
            for _, record_id in home.port.index(key, 2**40, 0):
                message = home.port.message(record_id)
                if message is not None and record_id not in self.bag:
                    self.bag[record_id] = parse(message)

    def shown(self, home: Home) -> list[Any]:
        keys: list[Any] = []
        for coalition in sorted(home.port.coalitions()):
            keys.append(("roster", coalition))
            if self.home in home.port.members(coalition):
                keys.append(("coalition", coalition))
        return [*keys, ("pair", self.home)] if home.port.may_pair(self.home) else keys

    def names(self) -> list[tuple[Neighborhood, bytes]]:
        """In whose name it can sign, each with a node seed."""
        return [(self.hood, self.chance.choice(self.seeds)), *self.loot.values()]

    def some(self, *kinds: str) -> Record | None:
        found = [r for r in self.bag.values() if r.kind in kinds]
        return self.chance.choice(found) if found else None

    # what it does

    def accounts(self) -> None:
        hostile(self)

    def act(self) -> None:
        acts = [self.flood, self.edit, self.erase, self.roster, self.roster, self.hours, self.hours]
        acts += [self.promise, self.odd, self.rotate, self.forge, self.accounts]
        acts += (
            [self.thief, self.thief, self.forge, self.forge, self.accounts]
            if self.loot
            else [self.steal, self.steal]
        )
        acts += {"rosters": [self.roster] * 8, "hours": [self.hours, self.accounts] * 3}.get(
            self.history.theme, []
        )
        self.chance.choice(acts)()

    def flood(self) -> None:
        """More than its share, and if it can more than another's."""
        hood, seed = self.chance.choice(self.names())
        member = Member(hood, f"Flood {self.chance.randint(0, 2)}")
        for _ in range(self.chance.randint(3, 9)):
            body = Post(type="offer", what="give", category="rides", title="Buy now").body()
            made = self.when()
            last = day_of(made) + self.chance.choice([1, 1, 2, 30])
            self.make(
                hood, "post", self.history.scope, body, member=member, seed=seed, created=made, expires=last
            )
        self.history.saw("quota floods")

    def edit(self) -> None:
        """Huge numbers, and two different versions with the same one."""
        mine = [r for r in self.bag.values() if r.kind == "post" and r.home == self.home and not r.by_home]
        if not mine:
            return self.flood()
        record = self.chance.choice(mine)
        author = next((p for p in self.people if p.key == record.author), None)
        author = author or next(
            (m for n in range(3) if (m := Member(self.hood, f"Flood {n}")).key == record.author), None
        )
        if author is None:
            return None
        number = self.chance.choice([65_535, 1_000, record.edit, 1])
        for title in self.chance.sample(["one", "two", "three"], self.chance.randint(1, 2)):
            erased = self.chance.random() < 0.2
            body = {} if erased else record.body | {"title": title}
            self._again(record, body, number, author, erased)
        self.history.saw("huge edits")
        return None

    def _again(self, record: Record, body: Any, number: int, author: Any, erased: bool) -> None:
        self.make(
            self.hood,
            record.kind,
            record.scope,
            body,
            created=record.created,
            expires=record.expires,
            nonce=record.nonce,
            edit=number,
            erased=erased,
            member=author,
            seed=self.chance.choice(self.seeds),
        )

    def erase(self) -> None:
        """A home's erasure of whatever it may and may not erase."""
        record = self.some("post", "commitment", "answer", "standing", "node", "hours", "potluck")
        if record is None:
            return
        for hood, seed in self.names():
            fixed = {"created": record.created, "expires": record.expires, "seed": seed}
            body = erasure_body(record)
            self.make(hood, "erasure", record.scope, body, **fixed)
        self.history.saw("hostile erasures")

    def forge(self) -> None:
        """Another's word with keys that are not theirs."""
        kinds = ("post", "hours", "confirm", "commitment")
        found = [r for r in self.bag.values() if r.kind in kinds and (r.home in self.loot or not self.loot)]
        if not found:
            return
        for record in self.chance.sample(found, min(3, len(found))):
            self._forge(record)

    def _forge(self, record: Record) -> None:
        owner = next((h for h in self.history.homes if h.home == record.home), None)
        if owner is None:
            return
        person = next((p for p in owner.people if p.key == record.author), None)
        if person is None:
            return
        seed = self.loot[owner.home][1] if owner.home in self.loot else self.hood.seed
        self.make(
            owner.hood,
            record.kind,
            record.scope,
            record.body | {"title": "Forged"},
            created=record.created,
            expires=record.expires,
            nonce=record.nonce,
            edit=65_535 if record.expires is not None else 0,
            member=person,
            seeds=[self.people[0].seed, seed],
        )
        self.history.saw("forgeries")

    def odd(self) -> None:
        kind = self.chance.choice(["potluck", "post", "nonsense"])
        body = {"what": self.chance.randint(0, 9), "of": [None, True, b"\x00" * 40]}
        member = self.chance.choice([None, *self.people]) if kind != "post" else self.people[0]
        days = self.chance.choice([None, 1, 300]) if kind != "post" else 3
        self.make(self.hood, kind, self.history.scope, body, member=member, days=days)

    def rotate(self) -> None:
        """Its own keys: a next one, or a rival of an earlier one; all of them stay in use."""
        previous = self.chance.choice(self.hood.key_records).id
        seed = self.chance.randbytes(32)
        record = self.hood.rotation(previous=previous, seed=seed)
        self.hood.key_records.append(record)
        self.hood.seed = self.chance.choice([seed, self.hood.seed])
        self.seeds.append(seed)
        self.keep(record)
        self.history.saw("rotations of the malicious home")

    def steal(self) -> None:
        victim = self.chance.choice(self.history.homes)
        seed = victim.node.node_keys.seed
        self.loot[victim.home] = (victim.hood, seed)
        self.history.truth.stolen.setdefault(victim.home, {})[public_key(seed)] = None
        self.history.saw("thefts")

    def thief(self) -> None:
        """With a stolen node key: erasures, standings, a rotation that no sheet signed, false members."""
        hood, seed = self.chance.choice(list(self.loot.values()))
        what = self.chance.choice(["erase", "erase", "rotate", "standing", "leave"])
        if what == "erase":
            theirs = [r for r in self.bag.values() if r.home == hood.id and r.kind in ("post", "standing")]
            for record in self.chance.sample(theirs, min(2, len(theirs))):
                fixed = {"created": record.created, "expires": record.expires, "seed": seed}
                self.make(hood, "erasure", record.scope, erasure_body(record), **fixed)
        elif what == "rotate":
            fresh = self.chance.randbytes(32)
            record = hood.rotation(seed=fresh, signers=[seed], previous=self.chance.choice([hood.id, None]))
            self.keep(record)
            self.history.saw("rotations by a thief")
        elif what == "leave":
            roster = self.chance.choice(self.history.homes).roster()
            body = Leave(epoch=self.chance.choice(roster.chain)).body()
            self.make(hood, "leave", self.history.scope, body, days=None, seed=seed)
        else:
            about = self.some("post")
            if about is not None and about.home == hood.id and about.scope == self.history.scope:
                self.keep(hood.standing(about, "fulfilled", 0, edit=self.chance.choice([0, 9]), seed=seed))

    def roster(self) -> None:
        """Epochs, assents to everything, sponsors of strangers: in every name it has."""
        witness = self.chance.choice(self.history.homes)
        roster = witness.roster()
        scope = self.history.scope
        what = self.chance.choice(["epoch", "epoch", "assents", "assents", "sponsor", "leave"])
        names = self.names()
        if what == "epoch":
            voters, guests = sorted(roster.voters), sorted(roster.guests)
            gone = [h for h in voters if h != self.home and self.chance.random() < 0.2]
            add = [self.history.stranger.id] if self.chance.random() < 0.3 else []
            body = epoch_body(witness, roster, [*(h for h in voters if h not in gone)], guests, gone).body()
            body["voters"] = sorted([*body["voters"], *add])
            if self.chance.random() < 0.3:  # behind an epoch that others have built upon
                body["previous"] = self.chance.choice(roster.chain)
            made = self.make(self.hood, "epoch", scope, body, days=None, seed=names[0][1])
            if made is not None:
                for hood, seed in names:
                    self.make(hood, "assent", scope, Assent(epoch=made.id).body(), days=None, seed=seed)
        elif what == "assents":
            epochs = [r.id for r in held(witness, "epoch")]
            for epoch in self.chance.sample(epochs, min(self.chance.randint(1, 4), len(epochs))):
                for hood, seed in names:
                    self.make(hood, "assent", scope, Assent(epoch=epoch).body(), days=None, seed=seed)
        elif what == "sponsor":
            guest = self.chance.choice([self.history.stranger.id, self.home, *self.history.ids()])
            for hood, seed in names:
                body = Sponsor(guest=guest, epoch=self.chance.choice(roster.chain)).body()
                self.make(hood, "sponsor", scope, body, days=None, seed=seed)
        else:
            body = Leave(epoch=self.chance.choice(roster.chain)).body()
            self.make(self.hood, "leave", scope, body, days=None, seed=names[0][1])
        self.history.saw(f"hostile {what}")

    def hours(self) -> None:
        """Claims with others and with itself, confirmed by itself, under sessions that are not theirs."""
        me, friend = self.chance.sample(self.people, 2)
        victim = self.chance.choice(self.history.people())
        scope = between(self.hood, victim.home.id)
        what = self.chance.choice(["claim", "claim", "confirm", "cross", "correct"])
        claims = [r for r in self.bag.values() if r.kind == "hours" and self.home in r.scope[1:]]
        if what in ("confirm", "cross", "correct") and claims:
            target = self.chance.choice(claims)
            said = Hours.read(target)
            if what == "confirm":
                for person in self.people:
                    for kind, shape in (("confirm", Confirm), ("dispute", Dispute)):
                        self.make(
                            self.hood,
                            kind,
                            target.scope,
                            shape(claim=target.id).body(),
                            days=None,
                            member=person,
                        )
            elif said is not None:
                body = dict(target.body)
                if what == "correct":
                    body |= {"corrects": target.id, "minutes": self.chance.choice([0, 600])}
                if self.chance.random() < 0.3:
                    body["giver"], body["receiver"] = body["receiver"], body["giver"]
                self.make(self.hood, "hours", target.scope, body, days=None, member=me)
            self.history.saw("hostile words on hours")
            return
        sides = [me.account, self.chance.choice([victim, friend]).account]
        self.chance.shuffle(sides)
        date = self.chance.choice([20_890, 20_891])
        session = session_id(scope, *sides, date, 0)
        if self.chance.random() < 0.25:
            session = session_id(KEYS_SCOPE, *sides, date, 0)  # one of another scope
        body = Hours(
            session=session,
            giver=list(sides[0]),
            receiver=list(sides[1]),
            minutes=600,
            date=date,
            category="x",
        ).body()
        made = self.make(self.hood, "hours", scope, body, days=None, member=me)
        if made is not None and self.chance.random() < 0.5:
            for person in (me, friend):
                self.make(
                    self.hood, "confirm", scope, Confirm(claim=made.id).body(), days=None, member=person
                )
            self.history.saw("self-confirmations")

    def promise(self) -> None:
        """Offers to everybody's posts, answers to what was not offered to it."""
        about, offer = self.some("post"), self.some("commitment")
        me = self.people[0]
        if about is not None and about.home != self.home:
            body = Commitment(post=about.thing, word=self.chance.choice(["offered", "done"])).body()
            self.make(self.hood, "commitment", between(self.hood, about.home), body, member=me)
        if offer is not None and self.home in offer.scope[1:]:
            body = Answer(commitment=offer.thing, word="done").body()
            self.make(self.hood, "answer", offer.scope, body, member=me)
