"""What honest people do: they post, promise, write hours down, decide on rosters, lose machines and keys."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from protocol.kinds.erasure import erasure_body
from protocol.kinds.hours import Confirm, Dispute, Hours, session_id
from protocol.kinds.nodes import Profile
from protocol.kinds.posts import Post
from protocol.kinds.promises import Answer, Commitment, answer_nonce
from protocol.kinds.roster import Assent, Epoch, Leave, Roster, Sponsor
from protocol.record import Record, parse
from protocol.scopes import LOCAL_SCOPE, day_of
from tests.histories.truth import Word
from tests.protocol.helpers import between

if TYPE_CHECKING:
    from tests.histories.history import History
    from tests.histories.homes import Home


def held(home: Home, *kinds: str) -> list[Record]:
    """Records of these kinds in their sets here, in the order of their coming."""
    marks = ", ".join("?" * len(kinds))
    sql = f"SELECT message, home_key FROM records WHERE status = 0 AND kind IN ({marks}) ORDER BY seq"
    return [parse(message).with_home_key(key) for message, key in home.rows(sql, *kinds)]


def person_of(home: Home, record: Record) -> Any:
    return next((person for person in home.people if person.key == record.author), None)


# things


def post(history: History, home: Home) -> None:
    where = home.scope if history.chance.random() < 0.8 else LOCAL_SCOPE
    text = f"word{history.count('word'):04d}"
    body = Post(type="need", what="help", category="rides", title=text, slots=history.chance.randint(1, 2))
    days = history.chance.choice([1, 1, 2, 30, 90])
    if history.theme == "machines":
        days = 90
    made = home.node.stamp()
    record = home.say(
        history.chance.choice(home.people),
        "post",
        where,
        body.body(),
        created=made,
        expires=day_of(made) + days,
    )
    history.truth.words[record.thing] = Word(record.thing, text, home.home, day_of(made) + days, where)


def edit(history: History, home: Home, record: Record | None = None) -> None:
    """The author changes a post: this one, or any."""
    mine = [record for record in held(home, "post") if person_of(home, record) and not record.erased]
    if record is None and mine:
        record = history.chance.choice(mine)
    if record is not None:
        body = record.body | {"status": history.chance.choice(["open", "paused", "withdrawn"])}
        home.edit(person_of(home, record), record, body | {"at": home.node.stamp()})
        if home.restores:
            history.saw("edits after a restore")


def erase(history: History, home: Home) -> None:
    """The author erases, or the home does."""
    kinds = ("post", "commitment", "answer")
    mine = [record for record in held(home, *kinds) if person_of(home, record) and not record.erased]
    if not mine:
        return
    record = history.chance.choice(mine)
    if history.chance.random() < 0.6:
        home.edit(person_of(home, record), record, {}, erased=True)
        history.saw("erased by the author")
    else:
        fixed = {"created": record.created, "expires": record.expires}
        home.say(None, "erasure", record.scope, erasure_body(record), **fixed)
        history.saw("erased by the home")


def odd(history: History, home: Home) -> None:
    """A kind that nobody knows yet, a body that nobody can read, a private word."""
    what = history.chance.choice(["unknown", "garbage", "profile"])
    person = history.chance.choice(home.people)
    if what == "unknown":
        made, days = home.node.stamp(), history.chance.choice([None, 10])
        more = {"member": person, "created": made, "days": days, "seed": home.node.node_keys.seed}
        home.put(home.hood.say("potluck", home.scope, {"dish": history.count("dish")}, **more))
        history.saw("unknown kinds")
    elif what == "garbage":
        home.say(person, "post", home.scope, {"title": history.count("dish")}, life_days=20)
        history.saw("unreadable bodies")
    else:
        home.say(person, "profile", LOCAL_SCOPE, Profile(name=person.name).body(), life_days=300)


# promises and hours


def promise(history: History, home: Home) -> None:
    """Offer help, or answer an offer."""
    person = history.chance.choice(home.people)
    if history.chance.random() < 0.5:
        others = [r for r in held(home, "post") if not r.erased and r.author != person.key]
        others = [r for r in others if r.scope != LOCAL_SCOPE or r.home == home.home]
        if others:
            about = history.chance.choice(others)
            scope = between(home.hood, about.home)
            home.say(person, "commitment", scope, Commitment(post=about.thing).body(), life_days=40)
        return
    for commitment in reversed(held(home, "commitment")):
        about = home.records.version(commitment.body.get("post", b""))
        poster = person_of(home, about) if about is not None else None
        if poster is None or commitment.erased or about.kind != "post":
            continue
        word = history.chance.choice(["agreed", "agreed", "declined", "released", "done", "no_show"])
        body = Answer(commitment=commitment.thing, word=word).body()
        earlier = next((r for r in home.records.about(commitment.thing, "answer")), None)
        if earlier is not None and earlier.author == poster.key and not earlier.erased:
            home.edit(poster, earlier, body)
        else:
            fixed = {"created": commitment.created, "expires": commitment.expires}
            home.say(poster, "answer", commitment.scope, body, nonce=answer_nonce(commitment.thing), **fixed)
        return


def claim(history: History, home: Home) -> None:
    """Write hours down with somebody, here or elsewhere; now and then as a correction."""
    person = history.chance.choice(home.people)
    other = history.chance.choice(history.everybody())
    if other.key == person.key:
        return
    giver, receiver = history.chance.sample([person, other], 2)
    scope = between(home.hood, other.home.id)
    date, ordinal, corrects = history.chance.choice([20_890, 20_891]), 0, None
    confirmed = [row[0] for row in home.rows("SELECT id FROM view_claims WHERE state = 'confirmed'")]
    if confirmed and history.chance.random() < 0.4:
        base = home.records.get(history.chance.choice(sorted(confirmed)))
        said = Hours.read(base)
        sides = [tuple(said.giver), tuple(said.receiver)]
        mine = [p for p in home.people if p.account in sides]
        if mine:
            person, scope, date, ordinal = mine[0], base.scope, said.date, said.ordinal
            giver_account, receiver_account = history.chance.sample(sides, 2)
            corrects = base.id
            history.saw("corrections")
    if corrects is None:
        giver_account, receiver_account = giver.account, receiver.account
    body = Hours(
        session=session_id(scope, giver_account, receiver_account, date, ordinal),
        giver=list(giver_account),
        receiver=list(receiver_account),
        minutes=history.chance.choice([0, 30, 60]),
        date=date,
        category="rides",
        ordinal=ordinal,
        corrects=corrects,
    )
    home.say(person, "hours", scope, body.body())


def confirm(history: History, home: Home) -> None:
    """Say yes or no to what others wrote down about us."""
    sql = "SELECT id FROM view_claims WHERE state IN ('awaiting', 'disputed') ORDER BY id"
    for (claim_id,) in home.rows(sql):
        record = home.records.get(claim_id)
        said = Hours.read(record)
        sides = [tuple(said.giver), tuple(said.receiver)]
        who = [p for p in home.people if p.account in sides and p.key != record.author]
        if who and history.chance.random() < 0.7:
            yes = history.chance.random() < 0.8
            shape = Confirm if yes else Dispute
            kind = "confirm" if yes else "dispute"
            home.say(who[0], kind, record.scope, shape(claim=claim_id).body())


# rosters


def epoch_body(
    home: Home, roster: Roster, voters: list[bytes], guests: list[bytes], out: list[bytes]
) -> Epoch:
    chains = home.node.records.known.chains
    listed = [h for h in sorted([*voters, *guests]) if h in chains]
    return Epoch(
        previous=roster.in_force,
        voters=sorted(h for h in voters if h in chains),
        guests=sorted(h for h in guests if h in chains),
        out=sorted(out),
        keys=[[h, chains[h].head] for h in listed],
    )


def assented(home: Home, roster: Roster) -> bool:
    """Whether this home has said yes to a successor of the epoch in force."""
    ours = {record.body.get("epoch") for record in home.records.of_home(home.home, "assent")}
    return any(proposal.id in ours for proposal in roster.proposals)


def propose(history: History, home: Home, out: list[bytes] | None = None) -> None:
    """Propose a roster, which is a yes to it: somebody in, somebody out, or only the present keys."""
    roster = home.roster()
    if home.home not in roster.voters or not home.may_assent() or assented(home, roster):
        return
    if out is None and roster.proposals and history.chance.random() < 0.7:
        return  # they talk about the one that there is first
    voters, guests = sorted(roster.voters), sorted(roster.guests)
    gone: list[bytes] = list(out or ())
    if out is None:
        what = history.chance.choice(["keys", "promote", "remove", "demote", "back"])
        if what == "promote":
            voters, guests = voters + guests, []
        elif what == "remove" and len(voters) > 2:
            gone = [history.chance.choice([history.villain.home, *voters])]
        elif what == "demote" and history.villain.home in voters and len(voters) > 2:
            voters.remove(history.villain.home)
            guests.append(history.villain.home)
        elif what == "back":
            missing = [h for h in history.ids() if h not in roster.members]
            guests += missing[:1]
    voters = [h for h in voters if h not in gone]
    guests = [h for h in guests if h not in gone]
    if not voters:
        return
    body = epoch_body(home, roster, voters, guests, gone)
    said = home.say(None, "epoch", home.scope, body.body())
    home.say(None, "assent", home.scope, Assent(epoch=said.id).body())
    history.saw("proposals")


def assent(history: History, home: Home) -> None:
    """Say yes to one proposal, whoever made it."""
    roster = home.roster()
    if home.home not in roster.voters or not home.may_assent() or assented(home, roster):
        return
    if roster.proposals:
        by_assents = max(roster.proposals, key=lambda proposal: (len(proposal.assents), proposal.id))
        chosen = by_assents if history.chance.random() < 0.7 else history.chance.choice(roster.proposals)
        home.say(None, "assent", home.scope, Assent(epoch=chosen.id).body())
        history.saw("assents")


def sponsor(history: History, home: Home) -> None:
    """Let somebody in (again) as a guest."""
    roster = home.roster()
    missing = [h for h in history.ids() if h not in roster.members]
    if home.home in roster.voters and missing:
        guest = history.chance.choice(missing)
        home.say(None, "sponsor", home.scope, Sponsor(guest=guest, epoch=roster.in_force).body())
        history.saw("sponsors")


def leave(history: History, home: Home) -> None:
    roster = home.roster()
    if home.home in roster.members:
        home.say(None, "leave", home.scope, Leave(epoch=roster.in_force).body())
        history.saw("leaves")


# machines


def rotate(history: History, home: Home) -> None:
    home.rotate()
    history.saw("rotations")


def back_up(history: History, home: Home) -> None:
    home.back_up()


def restore(history: History, home: Home) -> None:
    """Go back to a backup; often somebody then changes again what they had changed since."""
    if not home.backups:
        return
    before = {record.thing: record.edit for record in held(home, "post") if person_of(home, record)}
    home.restore(history.chance.choice(home.backups[-2:]))
    history.saw("restores")
    mine = [record for record in held(home, "post") if person_of(home, record) and not record.erased]
    forgotten = [record for record in mine if record.edit < before.get(record.thing, 0)]
    if forgotten and history.chance.random() < 0.7:
        edit(history, home, history.chance.choice(forgotten))
        history.saw("edits of what a restore forgot")


def lose_a_day(history: History, home: Home) -> None:
    """A backup, then changes that others hear of, then the disk breaks and the backup is all there is."""
    home.back_up()
    mine = [record for record in held(home, "post") if person_of(home, record) and not record.erased]
    if not mine:
        post(history, home)
        return
    thing = history.chance.choice(mine).thing
    for _ in range(history.chance.randint(1, 3)):
        edit(history, home, home.records.version(thing))
        history.two_meet(home)
    home.backups = home.backups[:1] + home.backups[-1:]
    restore(history, home)


def housekeep(history: History, home: Home) -> None:
    """What the node does by itself each hour."""
    home.housekeep()


def clock(history: History, home: Home) -> None:
    """The clock of this machine jumps, or is set right."""
    year = 366 * 86_400
    shifts = [0, 0, -history.now, -year, 3_600, 86_400, 10 * year]
    home.clock_shift_s = history.chance.choice(shifts)
    home.port.watch_clock(float(history.now))
    history.saw("wrong clocks" if home.clock_shift_s else "clocks set right")
