"""A random story of a small region: people post, promise and record hours while everything goes wrong.

    Trouble(seed).run()       plays it, mends everything, and checks what must hold (invariants.py)

The same seed plays the same story. `python -m tests.sim.seeds.run --seed 7` prints it.
"""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Callable
from dataclasses import replace
from typing import Any

from node.actions import erasure, hours, posts, promises
from protocol.errors import Fault
from protocol.scopes import DAY_S
from tests.sim.invariants import always, differences, members_of, one_link_each, settled
from tests.sim.seeds.bad import BadMember
from tests.sim.seeds.torn import lose_power
from tests.sim.test_restore import backup_of, restore
from tests.sim.world import START_S, Place, World

STEPS = (10, 28)
CLOCKS_S = (-START_S, -365 * DAY_S, 3600, 10 * 365 * DAY_S)
MEND_S = 700.0  # more than the longest wait between two calls, and than a card waits to tell of erasures
SETTLE_S = 60.0


class Trouble:
    """One story. `seen` counts what happened in it."""

    def __init__(self, seed: int) -> None:
        self.seed = seed
        self.chance = random.Random(f"trouble {seed}")
        self.world = World(f"trouble {seed}")
        self.story: list[str] = []
        self.seen: Counter[str] = Counter()
        self.backups: list[tuple[Place, Any]] = []
        self.bad: BadMember | None = None
        self.wrong: set[Place] = set()

    def run(self) -> None:
        """Play the story and check how it ends."""
        self._found()
        for _ in range(self.chance.randint(*STEPS)):
            self._step()
        self._mend()
        self._check()

    def close(self) -> None:
        self.world.close()

    def _say(self, words: str) -> None:
        self.story.append(f"{self.world.now:9.2f}  {words}")

    # how it begins

    def _found(self) -> None:
        world, chance = self.world, self.chance
        size = chance.choice((3, 3, 3, 4, 4, 5, 6, 7))
        founder = world.place("place 0")
        self.coalition = world.coalition(founder)
        for number in range(1, size):
            nat = number > 1 and chance.random() < 0.3
            place = world.place(f"place {number}", nat=nat)
            world.join(founder, place, self.coalition)
            if nat:
                self._note("home_router", f"{place} is behind a home router")
        self._note("regions", f"a region of {size}")
        self.founder = founder
        self._help_each_other()

    def _help_each_other(self) -> None:
        """Before the trouble each helps another, and some hours stand: there is something to lose."""
        world, places = self.world, self.world.all
        needs = [place.post(f"Early need of {place}", slots=2) for place in places]
        world.run(5)
        for number, place in enumerate(places[1:]):
            place.offer_help(needs[number])
            self.seen["promised"] += 1
        world.run(10)
        for place in places:
            for promise in place.inbox().to_answer:
                promises.agree(place.node, place.coordinator, promise.id)
                self.seen["answered"] += 1
        world.run(10)
        for _ in range(self.chance.randint(1, 3)):
            self._try(self.record_hours)
            world.run(5)

    def _note(self, what: str, words: str) -> None:
        self.seen[what] += 1
        self._say(words)

    # what happens

    def _step(self) -> None:
        steps: list[tuple[int, Callable[[], None]]] = [
            (6, self.post), (2, self.edit), (6, self.help), (8, self.answer), (14, self.record_hours),
            (2, self.correct), (1, self.erase), (3, self.cut), (2, self.heal), (3, self.quality),
            (4, self.off_or_on), (2, self.torn), (2, self.keep_backup), (2, self.bring_back), (1, self.clock),
            (3, self.badly), (1, self.again), (5, self.wait),
        ]  # fmt: skip
        (step,) = self.chance.choices([step for _, step in steps], [weight for weight, _ in steps])
        self._try(step)
        self.world.run(self.chance.uniform(0, 3))

    def _try(self, step: Callable[[], None]) -> None:
        try:
            step()
        except Fault as fault:  # a person is told; the story goes on
            self._note("refused", f"refused: {fault.code}")

    def _running(self) -> Place | None:
        able = [place for place in self.world.all if place.running]
        return self.chance.choice(able) if able else None

    def post(self) -> None:
        if (place := self._running()) is not None:
            urgency = self.chance.choice(("normal", "normal", "urgent"))
            title = f"Need {self.seen['posted']}"
            text = "x" * self.chance.choice((0, 50, 1900))
            days, slots = self.chance.choice((1, 5, 30)), self.chance.choice((1, 2))
            place.post(title, text=text, days=days, slots=slots, urgency=urgency)
            self._note("posted", f"{place} posts {title!r}, {urgency}")

    def _own_post(self, place: Place) -> bytes | None:
        items = posts.board(place.node, place.coordinator, posts.BoardQuery(limit=100)).items
        own = [item.id for item in items if item.home == place.home]
        return self.chance.choice(own) if own else None

    def edit(self) -> None:
        place = self._running()
        thing = self._own_post(place) if place is not None else None
        if place is not None and thing is not None:
            draft = posts.draft_of(place.node, place.coordinator, thing)
            title = f"{draft.title[:60]} again"
            posts.edit(place.node, place.coordinator, thing, replace(draft, title=title))
            self._note("edited", f"{place} edits a post")

    def help(self) -> None:
        if (place := self._running()) is None:
            return
        items = posts.board(place.node, place.coordinator, posts.BoardQuery(limit=100)).items
        others = [item for item in items if item.home != place.home and item.state == "open"]
        if others:
            chosen = self.chance.choice(others)
            place.offer_help(chosen.id, note="I can do that")
            self._note("promised", f"{place} offers help with {chosen.title!r}")

    def answer(self) -> None:
        waiting = [
            (place, promise)
            for place in self.world.all
            if place.running
            for promise in place.inbox().to_answer
        ]
        if waiting:
            place, promise = self.chance.choice(waiting)
            word = self.chance.choice((promises.agree, promises.agree, promises.agree, promises.decline))
            word(place.node, place.coordinator, promise.id)
            self._note("answered", f"{place} answers: {word.__name__}")

    def record_hours(self) -> None:
        """Confirming comes first, as with people who are asked."""
        able = [(place, place.inbox()) for place in self.world.all if place.running]
        asked = [(place, inbox) for place, inbox in able if inbox.hours_to_confirm]
        busy = [(place, inbox) for place, inbox in able if inbox.arranged]
        if not asked and not busy:
            self.correct()
            return
        place, inbox = self.chance.choice(asked or busy)
        node, who = place.node, place.coordinator
        if asked:
            claim = self.chance.choice(inbox.hours_to_confirm)
            word = self.chance.choice(("confirm", "confirm", "confirm", "confirm", "dispute"))
            getattr(hours, word)(node, who, claim.id)
            self._note({"confirm": "confirmed", "dispute": "disputed"}[word], f"{place}: {word} hours")
        else:
            promise = self.chance.choice(inbox.arranged)
            end = self.chance.choice(("hours", "hours", "hours", "done", "release"))
            if end == "hours":
                minutes = self.chance.choice((15, 60, 75))
                hours.record(
                    node, who, partner=None, promise=promise.id, i_gave=promise.mine, minutes=minutes,
                    date=node.today(), category="", another=False,
                )  # fmt: skip
            else:
                getattr(promises, end)(node, who, promise.id)
            self._note(end, f"{place}: {end}")

    def correct(self) -> None:
        """Somebody says that confirmed hours were more, or fewer, or none; the other is asked."""
        able = [
            (place, entry)
            for place in self.world.all
            if place.running
            for entry in hours.hours(place.node, place.coordinator).entries
            if entry.can_correct
        ]
        if able:
            place, entry = self.chance.choice(able)
            hours.correct(place.node, place.coordinator, entry.id, self.chance.choice((0, 30, 90)))
            self._note("corrected", f"{place} corrects hours")

    def erase(self) -> None:
        place = self._running()
        thing = self._own_post(place) if place is not None else None
        if place is not None and thing is not None:
            erasure.erase_post(place.node, place.coordinator, thing)
            self._note("erased", f"{place} erases a post")

    def cut(self) -> None:
        places = list(self.world.all)
        self.chance.shuffle(places)
        at = self.chance.randint(1, len(places) - 1)
        self.world.partition(places[:at], places[at:])
        self._note("cut", f"{places[:at]} and {places[at:]} lose each other")

    def heal(self) -> None:
        self.world.heal()
        self._note("healed", "everybody reaches everybody")

    def quality(self) -> None:
        net, chance = self.world.network, self.chance
        net.loss_rate = chance.choice((0.0, 0.05, 0.2))
        net.break_rate = chance.choice((0.0, 0.0, 0.02))
        net.dial_fail_rate = chance.choice((0.0, 0.2))
        net.duplicate_rate = chance.choice((0.0, 0.3))
        net.latency_s = chance.choice(((0.005, 0.06), (0.01, 0.5), (0.05, 3.0)))
        self._note(
            "weather", f"{net.loss_rate:.0%} lost, {net.break_rate:.0%} broken, latency {net.latency_s} s"
        )

    def off_or_on(self) -> None:
        place = self.chance.choice(self.world.all)
        if place.running:
            place.stop()
            self._note("stopped", f"{place} is switched off")
        else:
            place.start()
            self._note("started", f"{place} is switched on")

    def torn(self) -> None:
        if (place := self._running()) is None:
            return
        own = BadMember.record(_Pen(place, self.coalition, self.chance), "Half written")  # type: ignore[arg-type]
        there = lose_power(place, [own], self.chance)
        self._note("torn_kept" if there else "torn_lost", f"{place} loses power while it writes")

    def keep_backup(self) -> None:
        if (place := self._running()) is not None:
            self.backups.append((place, backup_of(place)))
            self._note("backups", f"{place} makes a backup")

    def bring_back(self) -> None:
        kept = [(place, copy) for place, copy in self.backups if place in self.world.all]
        if kept:
            place, copy = self.chance.choice(kept)
            self.backups.remove((place, copy))
            restore(place, copy)
            self._note("restored", f"{place} comes back from a backup")

    def clock(self) -> None:
        """Never so many that the rest cannot outvote them."""
        place = self.chance.choice(self.world.all)
        if (
            place in self.wrong
            or len(self.wrong) + 1 > (len(self.world.all) - 1) // 2
            or place is self.founder
        ):
            return
        self.wrong.add(place)
        offset_s = self.chance.choice(CLOCKS_S)
        if place.running:
            place.stop()
        place.clock_offset_s = offset_s
        place.restart()
        self._note("wrong_clocks", f"the clock of {place} is {offset_s} s off")
        self.seen["wrong_clocks_behind_home_routers"] += place.name in self.world.network.closed_to_calls

    def badly(self) -> None:
        honest = [place for place in self.world.all if place.running]
        if self.bad is None:
            able = [place for place in honest if place is not self.founder and place not in self.wrong]
            if len(self.world.all) < 4 or not able:
                return
            place = self.chance.choice(able)
            self.bad = BadMember(self.world, place, self.coalition, self.chance)
            self._note("gone_bad", f"{place} goes bad")
        elif honest:
            self._note("bad_acts", self.bad.act(honest))

    def again(self) -> None:
        """Somebody sends all that it has once more."""
        if (place := self._running()) is not None:
            held = [row[0] for row in place.node.connection.execute("SELECT id FROM records")]
            for session in place.engine.sessions.values():
                passing = session.exchange.passing
                sets = passing.port.sets_of_ids(held)
                passing.queue(one for one in held if any(key in passing.sets for key in sets.get(one, ())))
            self._note("repeated", f"{place} sends everything again")

    def wait(self) -> None:
        seconds = self.chance.choice((5, 20, 70, 70, 400))
        self.world.run(seconds)
        self._note("waited", f"{seconds} s pass")

    # how it ends

    def _mend(self) -> None:
        net = self.world.network
        net.loss_rate = net.break_rate = net.dial_fail_rate = net.duplicate_rate = 0.0
        net.latency_s = (0.005, 0.06)
        self.world.heal()
        for place in self.world.all:
            if not place.running:
                place.start()
        self._say("everything is mended")
        self.world.tick_max_s = 15.0
        self.world.run(MEND_S)
        self.world.tick_max_s = 5.0

    def _check(self) -> None:
        if self._somebody_waits_for_the_bad_one():  # parcels go out for it again and again: no silence then
            assert not (differ := differences(self.world)), differ
            one_link_each(self.world)
        else:
            took = settled(self.world, within_s=SETTLE_S)
            self._note("silent", f"settled after {took:.0f} s")
        days = [place.node.today() for place in self.world.all]
        over, ahead = max(days), (min(days) + 2) * DAY_S
        for name in ("roster", "coalition"):
            key: Any = (name, self.coalition)
            sets = [members_of(place, key, over, ahead) for place in self.world.all]
            assert all(found == sets[0] for found in sets), f"the {name} sets differ, also through others"
        always(self.world)

    def _somebody_waits_for_the_bad_one(self) -> bool:
        if self.bad is None:
            return False
        gone = self.bad.place.home
        return any(gone in place.links.parcels.schedule.due for place in self.world.all)


class _Pen:
    """What `BadMember.record` needs of a member that is not bad."""

    def __init__(self, place: Place, coalition: bytes, chance: random.Random) -> None:
        self.place, self.coalition, self.chance = place, coalition, chance
