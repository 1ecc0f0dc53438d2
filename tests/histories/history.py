"""A random history from one seed: honest homes, a malicious one, bad lines, wrong clocks, days that pass.

    history = History(17)
    history.run()       # the steps, then everything is exchanged until quiet
    history.check()     # every property that must hold at the end

The same seed gives the same history in any process: chance comes from `random.Random(seed)` alone, time is a
number, and nothing iterates a set of bytes unsorted.
"""

from __future__ import annotations

import random
from collections import Counter
from typing import Any

from protocol.errors import OurFault
from protocol.scopes import DAY_S, coalition, day_of
from tests.histories import accounts, equal, honest, properties, way_on
from tests.histories.homes import START_S, Founding, Home, founded, neighborhoods
from tests.histories.meetings import Line, meet, settle
from tests.histories.truth import Truth
from tests.histories.villain import Villain
from tests.protocol.helpers import Neighborhood

HONEST_ACTS = {
    honest.post: 7,
    honest.edit: 3,
    honest.erase: 3,
    honest.odd: 1,
    honest.promise: 4,
    honest.claim: 4,
    honest.confirm: 4,
    honest.propose: 3,
    honest.assent: 5,
    honest.sponsor: 1,
    honest.leave: 0.5,
    honest.rotate: 0.7,
    honest.back_up: 1.5,
    honest.restore: 1,
    honest.lose_a_day: 0.5,
    honest.clock: 1,
    accounts.reissue: 0.7,
}
# Each history has a theme, whose acts come more often, so that what needs several of one sort comes about.
THEMES: dict[str, tuple[Any, ...]] = {
    "anything": (),
    "rosters": (honest.propose, honest.assent, honest.sponsor),
    "hours": (honest.claim, honest.confirm, accounts.reissue),
    "machines": (honest.edit, honest.restore, honest.lose_a_day, honest.rotate),
    "words": (honest.post, honest.erase, honest.edit, honest.rotate),
}
THEME_WEIGHT = 5


class History:
    """Everything that there is: homes, the malicious one, the true time, and the truth."""

    def __init__(self, seed: int) -> None:
        self.seed = seed
        self.chance = random.Random(seed)
        self.theme = self.chance.choice(list(THEMES))
        self.acts = {
            act: weight * (THEME_WEIGHT if act in THEMES[self.theme] else 1)
            for act, weight in HONEST_ACTS.items()
        }
        self.now = START_S
        self.step = 0
        self.truth = Truth()
        self.story: list[str] = []
        self.counts: Counter[str] = Counter()
        honest = 4 if self.theme == "rosters" else self.chance.choice([3, 3, 4, 5])
        member_things, home_things = self.chance.choice([4, 8, 30]), self.chance.choice([4, 8, 30])
        shape = Founding(
            honest=honest,
            # where machines are lost, neither a quota nor old age is to blame for what is missing after
            member_things=30 if self.theme == "machines" else member_things,
            home_things=home_things,
            villain_votes=self.theme == "rosters" or self.chance.random() < 0.7,
        )
        begin = founded(shape)
        hoods = neighborhoods(honest)
        self.coalition = begin.coalition
        self.scope = coalition(begin.coalition)
        self.stranger = Neighborhood("Stranger")
        self.homes = [
            Home(self, number, hood, begin.stores[hood.id]) for number, hood in enumerate(hoods[:-1])
        ]
        self.out: dict[bytes, None] = {}  # homes that were no members when last looked
        self.finals: dict[int, bytes] = {}  # the last final epoch that each home has seen
        self.founding = set(self.homes[0].roster().chain)
        self.villain = Villain(self, hoods[-1])
        for home in self.homes:
            if self.chance.random() < 0.7:
                self.villain.keep(self.stranger.inception)
            home.back_up()

    # what the acts ask

    def ids(self) -> list[bytes]:
        return [home.home for home in self.homes]

    def people(self) -> list[Any]:
        return [person for home in self.homes for person in home.people]

    def everybody(self) -> list[Any]:
        return [*self.people(), *self.villain.people]

    def count(self, what: str) -> int:
        self.counts[what] += 1
        return self.counts[what]

    def saw(self, what: str) -> None:
        self.truth.seen[what] += 1

    # going on

    def run(self) -> None:
        """Some 15 to 40 steps, twice as many about rosters; then everything is exchanged until quiet."""
        for step in range(self.chance.randint(15, 40) * (2 if self.theme == "rosters" else 1)):
            self.step = step
            self.one_step()
        self.come_to_rest()

    def one_step(self) -> None:
        dice = self.chance.random()
        if dice < 0.45:
            for act in self.chance.choices(list(self.acts), list(self.acts.values()), k=2):
                self.do(act, self.somebody())
            if self.chance.random() < 0.6:
                self.two_meet()
        elif dice < 0.62:
            self.villain.act()
            self.story.append(f"{self.step} the malicious home acts")
        elif dice < 0.85:
            self.two_meet()
        elif dice < 0.92:
            home = self.chance.choice(self.homes)
            self.villain.listen(home)
            self.villain.tell(home, self.chance.choice([0.2, 1.0]))
            self.story.append(f"{self.step} the malicious home meets {home}")
        else:
            self.pass_time()
        self.see_who_returns()
        properties.at_every_step(self)

    def see_who_returns(self) -> None:
        """Count homes that were out of the coalition and are in it again."""
        members = self.homes[0].roster().members
        for home in (*self.ids(), self.villain.home):
            if home not in members:
                self.out[home] = None
            elif home in self.out:
                del self.out[home]
                self.saw("returning homes")

    def somebody(self) -> Home:
        """Any home; where rosters are not the theme, mostly the same one, so that things add up."""
        if self.theme != "rosters" and self.chance.random() < 0.6:
            return self.homes[0]
        return self.chance.choice(self.homes)

    def two_meet(self, one: Home | None = None) -> None:
        """Two homes meet, the first of them given or any, over a line as good or bad as it is."""
        one = one or self.chance.choice(self.homes)
        other = self.chance.choice([home for home in self.homes if home is not one])
        line = Line(self.chance, self.chance.choice([0, 0.3]), self.chance.choice([0, 0.3]))
        meet(one, other, line, self.chance.choice([None, None, 3]))
        self.story.append(f"{self.step} {one} and {other} meet")
        for home in (one, other):
            self.look_after(home)

    def do(self, act: Any, home: Home) -> None:
        """An honest act; what people try is not always possible."""
        try:
            act(self, home)
            outcome = ""
        except OurFault as fault:
            outcome = f" ({fault.code})"
            if fault.code == "over_quota":
                self.saw("quota reached")
        self.story.append(f"{self.step} {home}: {act.__name__}{outcome}")

    def look_after(self, home: Home) -> None:
        """What people do once they see that their key was replaced, and what is theirs to sign anew."""
        if home.locked_out():
            home.rotate()
            self.saw("rotations after a restore")
        home.sign_anew()
        accounts.look_at_steps(self, home)

    def pass_time(self) -> None:
        day = day_of(self.now)
        self.now = self.chance.choice(
            [
                self.now + 600,
                self.now + 5 * 3_600,
                (day + 1) * DAY_S - 2,
                (day + 1) * DAY_S + 2,
                self.now + DAY_S,
                self.now + 3 * DAY_S,
                self.now + 40 * DAY_S,
            ]
        )
        self.story.append(f"{self.step} time passes to {self.now}")
        midnight = day_of(self.now + 2)
        if abs(self.now - midnight * DAY_S) <= 2 and any(
            home.rows("SELECT 1 FROM records WHERE expires = ? AND status = 0 LIMIT 1", midnight)
            for home in self.homes
        ):
            self.saw("expiries around midnight")
        for home in self.homes:
            home.port.watch_clock(float(self.now))
            if self.chance.random() < 0.7:
                self.do(honest.housekeep, home)

    def come_to_rest(self) -> None:
        """Everything is exchanged, keys that were replaced are replaced anew, until nothing is new."""
        for home in self.homes:
            if self.chance.random() < 0.7:
                self.villain.tell(home)
        for _ in range(4):
            settle(self.homes, self.chance)
            before = sum(self.truth.seen.values())
            for home in self.homes:
                self.look_after(home)
            if before == sum(self.truth.seen.values()):
                break
        for home in self.homes:
            self.do(honest.housekeep, home)
        settle(self.homes, self.chance)
        for home in self.homes:
            home.sign_anew()
            way_on.wait_for_nobody_else(self, home)
        settle(self.homes, self.chance)
        self.count_what_arose()

    def count_what_arose(self) -> None:
        homes = self.homes
        for home in homes:
            roster = home.roster()
            self.truth.seen["forks seen"] += bool(roster.forks)
            self.truth.seen["epochs decided"] += len(roster.chain) > 3
            self.truth.seen["removed homes"] += self.villain.home not in roster.members
        claims = homes[0].rows("SELECT count(*) FROM view_claims WHERE state = 'confirmed'")[0][0]
        self.truth.seen["confirmed claims"] += claims

    def check(self) -> None:
        """Every property that must hold once all is exchanged, and that there is a way on."""
        for check in properties.AT_THE_END:
            check(self)
        way_on.clocks_are_set_right(self)
        for check in properties.AT_THE_END:
            check(self)
        equal.sets_are_equal_to_the_last(self)
        equal.accounts_are_equal(self)
        for step in way_on.STEPS:
            step(self)
        equal.views_are_what_the_records_say(self)

    def close(self) -> None:
        for home in self.homes:
            home.close()


def replay(seed: int) -> str:
    """The one command that plays a history again, exactly."""
    return f".venv/bin/python -m tests.histories.run --seed {seed}"
