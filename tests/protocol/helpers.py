"""Named people and neighborhoods for the tests' stories. Everything follows from names.

    riverbend = Neighborhood("Riverbend")
    ana = riverbend.member("Ana")
    post = ana.post(LOCAL_SCOPE, title="Ride to the clinic")

Every record comes with `home_key` filled in, as the judge would leave it.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Sequence
from typing import Any

from protocol.encoding import encode
from protocol.judge import Known
from protocol.kinds.accounts import Contest, Succession, succession_nonce
from protocol.kinds.hours import Confirm, Dispute, Hours, session_id
from protocol.kinds.keys import (
    Inception,
    KeyChain,
    RecoveryPolicy,
    Rotation,
    build_chain,
    policy_of,
    recovery_hash,
)
from protocol.kinds.posts import Post, Standing, standing_nonce
from protocol.kinds.promises import Answer, Commitment, answer_nonce
from protocol.kinds.roster import Assent, Charter, Epoch, Leave, Roster, Sponsor, build_roster
from protocol.record import Draft, Record
from protocol.scopes import DAY_S, KEYS_SCOPE, LOCAL_SCOPE, Scope, coalition, day_of, pair
from protocol.signing import public_key

TODAY = 20_500  # the day on which the stories play
NOON = TODAY * DAY_S + DAY_S // 2


def secret(*names: object) -> bytes:
    """32 bytes that follow from names: a seed, a private key."""
    return hashlib.sha256(encode(["barnraise tests", *map(str, names)])).digest()


def policy(names: Sequence[object], threshold: int = 1) -> RecoveryPolicy:
    """A recovery policy over the sheets with these names."""
    return RecoveryPolicy(
        threshold=threshold, hashes=[recovery_hash(public_key(secret("sheet", name))) for name in names]
    )


class Neighborhood:
    """A neighborhood with its node key, recovery sheets and everything that it has said of its keys."""

    def __init__(self, name: str, sheets: Sequence[str] = ("sheet",), threshold: int = 1) -> None:
        self.name = name
        self.seed = secret(name, "node key 0")
        self.sheets = [f"{name} {sheet}" for sheet in sheets]
        self._count = 0
        body = Inception(node_key=self.key, recovery=policy(self.sheets, threshold)).body()
        self.inception = Draft(
            "inception", KEYS_SCOPE, b"", b"", self.nonce(), NOON - 90 * DAY_S, None, body
        ).sign([self.seed])
        self.inception = self.inception.with_home_key(self.key)
        self.id = self.inception.id
        self.key_records = [self.inception]

    @property
    def key(self) -> bytes:
        return public_key(self.seed)

    def nonce(self) -> bytes:
        self._count += 1
        return secret(self.name, "nonce", self._count)[:16]

    def chain(self) -> KeyChain:
        built = build_chain(self.id, self.key_records)
        assert built is not None
        return built

    def rotation(
        self,
        *,
        previous: bytes | None = None,
        sheets: Sequence[str] | None = None,
        seed: bytes | None = None,
        signers: Sequence[bytes] | None = None,
        new_sheets: Sequence[str] | None = None,
        threshold: int = 1,
    ) -> Record:
        """A rotation, not yet believed: `follow` it. By default the first sheet signs and stays."""
        fresh = seed or secret(self.name, "node key", self.nonce())
        keys = signers or [secret("sheet", sheet) for sheet in (sheets or self.sheets[:1])]
        keys = sorted(keys, key=public_key)
        body = Rotation(
            previous=previous or self.key_records[-1].id,
            node_key=public_key(fresh),
            recovery=policy(new_sheets or self.sheets, threshold),
            signers=[public_key(key) for key in keys],
        ).body()
        draft = Draft("rotation", KEYS_SCOPE, self.id, self.id, self.nonce(), NOON, None, body)
        return draft.sign(keys).with_home_key(public_key(fresh))

    def rotate(self) -> Record:
        """Replace the node key; what is said from now on is signed with the new one."""
        seed = secret(self.name, "node key", len(self.key_records))
        record = self.rotation(seed=seed)
        self.key_records.append(record)
        self.seed = seed
        return record

    def say(
        self,
        kind: str,
        scope: Scope,
        body: dict[str, Any],
        *,
        days: int | None = 30,
        created: int = NOON,
        expires: int | None = None,
        nonce: bytes | None = None,
        edit: int = 0,
        erased: bool = False,
        member: Member | None = None,
        seed: bytes | None = None,
        seeds: Sequence[bytes] | None = None,
        on_behalf_of: tuple[bytes, bytes] | None = None,
    ) -> Record:
        """A record of this neighborhood, by `member` or as its own act; `days` None: never expires."""
        last = expires if expires is not None or days is None else day_of(created) + days + 1
        author = self.id if member is None else member.key
        node_seed = seed or self.seed
        signing = seeds or ([node_seed] if member is None else [member.seed, node_seed])
        draft = Draft(
            kind,
            scope,
            author,
            self.id,
            nonce or self.nonce(),
            created,
            last,
            body,
            edit,
            erased,
            on_behalf_of,
        )
        return draft.sign(signing).with_home_key(public_key(node_seed))

    def again(self, record: Record, body: dict[str, Any], edit: int | None = None, **more: Any) -> Record:
        """A later version of one of its own acts."""
        return _again(self, None, record, body, edit, more)

    def standing(self, post: Record, state: str, slots_open: int, **more: Any) -> Record:
        word = Standing(post=post.thing, state=state, slots_open=slots_open)  # type: ignore[arg-type]
        fixed = {"nonce": standing_nonce(post.thing), "created": post.created, "expires": post.expires}
        return self.say("standing", post.scope, word.body(), **(fixed | more))

    def erasure(self, record: Record, **more: Any) -> Record:
        from protocol.kinds.erasure import erasure_body

        fixed = {"created": record.created, "expires": record.expires}
        return self.say("erasure", record.scope, erasure_body(record), **(fixed | more))

    def succession(
        self,
        old: Member,
        new: Member,
        scope: Scope = LOCAL_SCOPE,
        contests: Sequence[Record] = (),
        **more: Any,
    ) -> Record:
        """The neighborhood's word that the key of `new` carries on the account of `old`."""
        cited = sorted(contest.id for contest in contests)
        body = Succession(old=old.key, new=new.key, contests=cited or None).body()
        fixed = {"nonce": succession_nonce(old.key, new.key, cited), "days": None}
        return self.say("succession", scope, body, **(fixed | more))

    def member(self, name: str) -> Member:
        return Member(self, name)


class Member:
    """Somebody who lives in a neighborhood."""

    def __init__(self, home: Neighborhood, name: str) -> None:
        self.home = home
        self.name = name
        self.seed = secret(home.name, "member", name)
        self.key = public_key(self.seed)
        self.account = (home.id, self.key)

    def say(self, kind: str, scope: Scope, body: dict[str, Any], **more: Any) -> Record:
        return self.home.say(kind, scope, body, member=self, **more)

    def again(self, record: Record, body: dict[str, Any], edit: int | None = None, **more: Any) -> Record:
        return _again(self.home, self, record, body, edit, more)

    def erase(self, record: Record, edit: int | None = None, **more: Any) -> Record:
        return _again(self.home, self, record, {}, edit, more | {"erased": True})

    def contest(self, old: Member, new: Member, scope: Scope = LOCAL_SCOPE, **more: Any) -> Record:
        """Their own word alone that a step is wrong."""
        body = Contest(old=old.key, new=new.key).body()
        return self.say("contest", scope, body, **({"days": None, "seeds": [self.seed]} | more))

    def post(self, scope: Scope = LOCAL_SCOPE, title: str = "Ride to the clinic", **more: Any) -> Record:
        names = ("type", "what", "category", "slots", "status", "renews", "text")
        fields: dict[str, Any] = {"type": "need", "what": "help", "category": "rides"}
        fields |= {name: more.pop(name) for name in names if name in more}
        return self.say("post", scope, Post(title=title, **fields).body(), **more)

    def commit(self, post: Record, word: str = "offered", slots: int = 1, **more: Any) -> Record:
        body = Commitment(post=post.thing, word=word, slots=slots).body()  # type: ignore[arg-type]
        return self.say("commitment", between(self.home, post.home), body, **more)

    def answer(self, commitment: Record, word: str, edit: int = 0) -> Record:
        body = Answer(commitment=commitment.thing, word=word).body()  # type: ignore[arg-type]
        return self.say(
            "answer",
            commitment.scope,
            body,
            nonce=answer_nonce(commitment.thing),
            created=commitment.created,
            expires=commitment.expires,
            edit=edit,
        )

    def claim(
        self,
        giver: Member,
        receiver: Member,
        minutes: int = 60,
        *,
        ordinal: int = 0,
        corrects: Record | None = None,
        date: int = TODAY,
        scope: Scope | None = None,
        session: bytes | None = None,
        **more: Any,
    ) -> Record:
        where = scope or between(giver.home, receiver.home.id)
        body = Hours(
            session=session or session_id(where, giver.account, receiver.account, date, ordinal),
            giver=list(giver.account),
            receiver=list(receiver.account),
            minutes=minutes,
            date=date,
            category="rides",
            ordinal=ordinal,
            corrects=corrects.id if corrects is not None else None,
        ).body()
        return self.say("hours", where, body, days=None, **more)

    def confirm(self, claim: Record, **more: Any) -> Record:
        fixed = {"scope": claim.scope, "body": Confirm(claim=claim.id).body(), "days": None}
        return self.say("confirm", **(fixed | more))

    def dispute(self, claim: Record) -> Record:
        return self.say("dispute", claim.scope, Dispute(claim=claim.id).body(), days=None)


def _again(
    home: Neighborhood,
    member: Member | None,
    record: Record,
    body: dict[str, Any],
    edit: int | None,
    more: dict[str, Any],
) -> Record:
    fixed = {"nonce": record.nonce, "created": record.created, "expires": record.expires, "days": None}
    number = record.edit + 1 if edit is None else edit
    return home.say(record.kind, record.scope, body, edit=number, member=member, **(fixed | more))


def between(home: Neighborhood, other: bytes) -> Scope:
    """Where two people's promises and hours belong."""
    return LOCAL_SCOPE if home.id == other else pair(home.id, other)


class Coalition:
    """A coalition and every roster record said so far, in `records`."""

    def __init__(self, name: str, founder: Neighborhood, *others: Neighborhood, **charter: Any) -> None:
        self.homes = {home.id: home for home in (founder, *others)}
        body = Charter(name=name, keys=[[founder.id, founder.chain().head]], **charter).body()
        self.charter = founder.say("charter", KEYS_SCOPE, body, days=None)
        self.founder = founder
        self.id = self.charter.id
        self.scope = coalition(self.id)
        self.records = [self.charter]

    def _keep(self, record: Record) -> Record:
        self.records.append(record)
        return record

    def epoch(
        self,
        by: Neighborhood,
        previous: Record,
        voters: Iterable[Neighborhood],
        guests: Iterable[Neighborhood] = (),
        out: Iterable[Neighborhood] = (),
        keys: dict[bytes, bytes] | None = None,
    ) -> Record:
        """A proposal; keys are everybody's present ones where not given."""
        listed = [*voters, *guests]
        self.homes |= {home.id: home for home in listed}
        body = Epoch(
            previous=previous.id,
            voters=[home.id for home in listed[: len(listed) - len([*guests])]],
            guests=[home.id for home in guests],
            out=[home.id for home in out],
            keys=[[h.id, (keys or {}).get(h.id, h.chain().head)] for h in listed],
        ).body()
        return self._keep(by.say("epoch", self.scope, body, days=None))

    def assent(self, by: Neighborhood, epoch: Record, **more: Any) -> Record:
        return self._keep(by.say("assent", self.scope, Assent(epoch=epoch.id).body(), days=None, **more))

    def sponsor(self, by: Neighborhood, guest: Neighborhood, epoch: Record, **more: Any) -> Record:
        self.homes[guest.id] = guest
        body = Sponsor(guest=guest.id, epoch=epoch.id).body()
        return self._keep(by.say("sponsor", self.scope, body, days=None, **more))

    def leave(self, by: Neighborhood, epoch: Record, **more: Any) -> Record:
        return self._keep(by.say("leave", self.scope, Leave(epoch=epoch.id).body(), days=None, **more))

    def agreed(self, previous: Record, voters: Sequence[Neighborhood], **more: Any) -> Record:
        """An epoch to which all voters of its predecessor who are among `by` say yes."""
        by = more.pop("by", [self.founder])
        epoch = self.epoch(by[0], previous, voters, **more)
        for home in by:
            self.assent(home, epoch)
        return epoch

    def roster(self, records: Iterable[Record] | None = None, anchor: Record | None = None) -> Roster:
        built = build_roster(
            self.id,
            self.records if records is None else records,
            {home.id: home.chain() for home in self.homes.values()},
            anchor.id if anchor is not None else None,
        )
        assert built is not None
        return built


def known(
    own: Neighborhood, *others: Neighborhood, coalitions: Sequence[Coalition] = (), today: int = TODAY
) -> Known:
    """What the judge of `own` may look at when it has heard from all these."""
    homes = {home.id: home for home in (own, *others)}
    for founded in coalitions:
        homes |= founded.homes
    return Known(
        own.id,
        today,
        {home.id: home.chain() for home in homes.values()},
        {founded.id: founded.roster() for founded in coalitions},
        frozenset(homes),
        {(home.id, r.id): policy_of(r) for home in homes.values() for r in home.key_records},  # type: ignore[misc]
        frozenset(founded.id for founded in coalitions),
    )


def names_of(homes: Iterable[bytes], *named: Neighborhood) -> set[str]:
    """Ids as names, for comparing."""
    book = {home.id: home.name for home in named}
    return {book[home] for home in homes}
