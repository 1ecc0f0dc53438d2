"""A world of named neighborhoods: real nodes with real stores, rules and engines, under one seeded clock.

    world = World(seed=7)
    riverbend, oak = world.places("riverbend", "oak")
    world.link(riverbend, oak)
    soup = riverbend.post("Soup for two")
    world.until(lambda: "Soup for two" in oak.board(), 5, "the need is on the other board")

Only runner and transport are replaced (network.py); `node.links.Links` puts the rest together as on a
machine. The same seed gives the same run, byte for byte: `world.network.trace`. Nobody ever sleeps: time
passes in `run` and `until`.
"""

from __future__ import annotations

import heapq
import json
import random
from collections.abc import Callable, Coroutine
from functools import partial
from itertools import count
from pathlib import Path
from typing import Any, ClassVar

from node.actions import members, neighborhoods, posts, promises, setup
from node.actions.members import Session
from node.app import BUILT_S, Node
from node.keys import SealedSeed
from node.links import Links
from node.settings import Settings
from protocol.invite import Invite, read_invite
from protocol.kinds.roster import Assent, Epoch
from protocol.scopes import coalition as coalition_scope
from protocol.scopes import day_of
from sync import events
from sync.sightings import Sighting
from tests.sim.network import Network
from tests.sim.runner import SimRunner

START_S = 1_800_000_000  # 15 January 2027, 08:00 UTC: after the program was made
NO_PASSPHRASE = SealedSeed(b"", b"")  # nobody signs in here: sessions are made with their keys open


def finish(work: Coroutine[Any, Any, Any]) -> Any:
    """Run a coroutine that waits for nothing."""
    try:
        work.send(None)
    except StopIteration as done:
        return done.value
    raise AssertionError("this waits for something")


class SimLinks(Links):
    """Links whose addresses are those of the simulated network, and whose joining waits for nobody."""

    def __init__(self, place: Place) -> None:
        world = place.world
        make_runner = partial(
            SimRunner, name=place.name, network=world.network, tick_max_s=lambda: world.tick_max_s
        )
        self.place = place
        self.joined: dict[bytes, tuple[bytes | None, str]] = {}
        chance = random.Random(f"{world.seed} {place.name} links {place.starts}")
        super().__init__(place.node, make_runner=make_runner, clock=lambda: world.now, chance=chance.random)

    def _check_addresses(self) -> bool:
        reachable = self.place.name not in self.place.world.network.closed_to_calls
        found = [self.place.address] if reachable else []
        if found == self.node.addresses:
            return False
        self.node.set_setting("addresses", json.dumps(found))
        return True

    def begin_join(self, invite: Invite) -> None:
        self.joined.pop(invite.invite_id, None)
        self.node.invites_entered[invite.home] = invite
        self.runner.event(events.Join(invite.addresses, invite.home, invite.invite_id, invite.psk))

    def _joined(self, invite_id: bytes, coalition: bytes | None, code: str) -> None:
        self.joined[invite_id] = (coalition, code)

    def _tick(self, now: float) -> None:
        self.parcels.tick(now)  # here a fault ends the test, not only this step
        super()._tick(now)


class Place:
    """One neighborhood: its node, its coordinator and its people."""

    def __init__(
        self, world: World, name: str, port: int, clock_offset_s: float = 0, sheets: Any = "one"
    ) -> None:
        self.world = world
        self.name = name
        self.address = f"127.0.0.1:{port}"
        self.port = port
        self.clock_offset_s = clock_offset_s
        self.starts = 0
        self.honest = True  # false: whoever looks after it has altered it
        self._chance = random.Random(f"{world.seed} {name}")
        self.node = self._open()
        done = setup.found(
            self.node,
            self.node.random(32),
            NO_PASSPHRASE,
            neighborhood=name.title(),
            area=f"Around {name}",
            name=f"Coordinator of {name}"[:40],
            language="en",
            sheets=sheets,
        )
        self.coordinator: Session = done.session
        self.sheets = [" ".join(sheet.words) for sheet in done.sheets]
        self.people: dict[str, Session] = {}
        self.links: SimLinks | None = None
        self.start()

    def _open(self) -> Node:
        settings = Settings(Path("nowhere"), port=self.port, discovery="off", allow_loopback=True)

        def clock():
            return START_S + self.world.now + self.clock_offset_s

        return Node(settings, clock=clock, chance=self._chance.randbytes, memory=True)

    # running and not

    def start(self) -> None:
        self.starts += 1
        self.links = SimLinks(self)
        self.world.network.addresses[self.address] = self.runner
        finish(self.links.start())

    def stop(self) -> None:
        """The process ends. What was written stays."""
        self.world.network.addresses.pop(self.address, None)
        finish(self.links.stop())
        self.links = None

    def restart(self) -> None:
        """The process ends and begins anew, with the database as it was and everything else forgotten."""
        if self.links is not None:
            self.stop()
        self.take_up(self.node)
        self.start()

    def take_up(self, old: Node) -> None:
        """A fresh node on a copy of the database of `old`."""
        fresh = self._open()
        old.connection.backup(fresh.connection)
        if fresh.clock_unset:  # as where the database is there from the first
            fresh.day_offset = day_of(max(BUILT_S, fresh.records.newest_created())) - fresh.own_clock_day()
        fresh.keys = old.keys
        fresh.records.own_home = bytes.fromhex(fresh.setting("home"))
        old.close()
        self.node = fresh

    @property
    def running(self) -> bool:
        return self.links is not None

    @property
    def runner(self) -> SimRunner:
        return self.links.runner

    @property
    def engine(self) -> events.Engine:
        return self.links.runner.engine

    @property
    def home(self) -> bytes:
        return self.node.home

    def __repr__(self) -> str:
        return self.name

    # people

    def member(self, name: str) -> Session:
        """Somebody who lives here."""
        if name not in self.people:
            seed = self.node.random(32)
            self.people[name] = members.enrol(
                self.node, seed, NO_PASSPHRASE, name=name, role="member", language="en"
            )
        return self.people[name]

    def post(self, title: str, by: Session | None = None, **fields: Any) -> bytes:
        """A need shared with the region, unless the fields say otherwise; gives its thing."""
        said = {"type": "need", "what": "help", "category": "food.meal", "where": "region"} | fields
        return posts.publish(self.node, by or self.coordinator, posts.PostDraft(title=title, **said))

    def board(self) -> dict[str, str]:
        """{title: state} of everything on the board."""
        page = posts.board(self.node, self.coordinator, posts.BoardQuery(limit=100))
        return {item.title: item.state for item in page.items}

    def state(self, thing: bytes) -> str:
        return posts.post(self.node, self.coordinator, thing).item.state

    def offer_help(self, thing: bytes, by: Session | None = None, slots: int = 1, note: str = "") -> bytes:
        who = by or self.coordinator
        return promises.offer_help(self.node, who, thing, slots=slots, note=note, name_shown="")

    def inbox(self, of: Session | None = None) -> promises.Inbox:
        return promises.inbox(self.node, of or self.coordinator)

    def connected(self, other: Place) -> bool:
        return self.running and other.home in self.node.connected


class World:
    """Named places, one clock, one network, one seed."""

    opened: ClassVar[list[World] | None] = None  # by the test that runs, where conftest.py asks to end them

    def __init__(self, seed: object = 1) -> None:
        if World.opened is not None:
            World.opened.append(self)
        self.seed = seed
        self.now = 0.0
        self.tick_max_s = 1.0
        self._order = count()
        self._queue: list[tuple[float, int, Callable[[], None]]] = []
        self.network = Network(seed, lambda: self.now, self.at)
        self.all: list[Place] = []
        self.puppets: list[Any] = []  # puppet.py; they are in no `all`
        self.settled_at = -1.0  # when everything was last found right
        self.chance = random.Random(f"{seed} story")

    def close(self) -> None:
        """It is over, and has been looked at."""
        for place in self.all:
            if place.running:
                place.stop()
            place.node.close()
        if World.opened is not None:
            World.opened.remove(self)

    def at(self, when: float, what: Callable[[], None]) -> None:
        heapq.heappush(self._queue, (when, next(self._order), what))

    def place(self, name: str, clock_offset_s: float = 0, nat: bool = False, sheets: Any = "one") -> Place:
        """A new neighborhood, set up and running."""
        if nat:
            self.network.closed_to_calls.add(name)
        made = Place(self, name, 8001 + len(self.all), clock_offset_s, sheets)
        self.all.append(made)
        return made

    def steal(self, victim: Place) -> Place:
        """A copy of a node, started elsewhere by somebody else: two nodes with one identity."""
        thief = object.__new__(Place)
        thief.world, thief.name, thief.port = self, f"thief of {victim.name}", 8001 + len(self.all)
        thief.address, thief.clock_offset_s, thief.starts = f"127.0.0.1:{thief.port}", 0.0, 0
        thief._chance = random.Random(f"{self.seed} {thief.name}")
        thief.node = thief._open()
        victim.node.connection.backup(thief.node.connection)
        thief.node.keys = victim.node.keys
        thief.node.records.own_home = victim.home
        thief.coordinator, thief.people, thief.links = victim.coordinator, {}, None
        thief.honest = False
        thief.start()
        return thief

    def places(self, *names: str) -> list[Place]:
        return [self.place(name) for name in names]

    # time

    def run(self, seconds: float) -> None:
        """Let time pass."""
        end = self.now + seconds
        while self._queue and self._queue[0][0] <= end:
            when, _, what = heapq.heappop(self._queue)
            self.now = max(self.now, when)
            what()
        self.now = end

    def pass_over(self, seconds: float) -> None:
        """Let time pass while every node is off: at once."""
        assert not any(place.running for place in self.all)
        self.run(60)
        self.now += seconds - 60

    def until(self, happened: Callable[[], Any], seconds: float, words: str) -> float:
        """Let time pass until something has happened; gives how many seconds that took."""
        begun = self.now
        while not happened():
            if self.now - begun >= seconds:
                raise AssertionError(f"not within {seconds:g} s: {words} (seed {self.seed!r})")
            self.run(0.05 if self.now - begun < 10 else 0.5)
        return self.now - begun

    # what people decide

    def see(self, one: Place, other: Place) -> None:
        """`one` sees `other` on its network."""
        host, _, port = other.address.partition(":")
        sighting = Sighting(other.home, other.name, f"{other.name}.local", (host,), int(port), "lo")
        one.links._seen(sighting)

    def ask(self, one: Place, other: Place, message: str = "") -> None:
        neighborhoods.ask_to_link(
            one.node, one.coordinator, home=other.home, address=other.address, message=message
        )

    def linked(self, one: Place, other: Place) -> bool:
        port = one.links.port
        return port.neighbor_state(other.home) == "linked"

    def link(self, one: Place, other: Place) -> None:
        """Both coordinators approve."""
        self.ask(one, other)
        self.until(
            lambda: other.links.port.neighbor_state(one.home) == "asks", 10, f"{one} asks {other} to link"
        )
        neighborhoods.approve(other.node, other.coordinator, one.home)
        self.until(lambda: self.linked(one, other) and self.linked(other, one), 10, f"{one} - {other} linked")

    def coalition(self, founder: Place, *others: Place, name: str = "River Valley") -> bytes:
        """Linked neighborhoods found a coalition, and each accepts: all of them vote."""
        for other in others:
            self.link(founder, other)
        homes = [other.home for other in others]
        founded = neighborhoods.found_coalition(
            founder.node, founder.coordinator, name=name, agreement="Be kind.", members=homes
        )
        for other in others:
            self.until(lambda who=other: self._offered(who, founded), 10, f"{other} is offered the coalition")
            neighborhoods.accept_coalition(other.node, other.coordinator, founded)
        whole = {founder.home, *homes}
        for place in (founder, *others):
            self.until(
                lambda who=place: who.links.port.members(founded) == whole, 20, f"{place} knows the roster"
            )
        return founded

    def _offered(self, who: Place, coalition: bytes) -> bool:
        page = neighborhoods.neighborhoods(who.node, who.coordinator)
        return coalition in [offer.id for offer in page.offers]

    def invite(self, inviter: Place, coalition: bytes) -> str:
        return neighborhoods.invite_neighborhood(inviter.node, inviter.coordinator, coalition).code

    def enter(self, newcomer: Place, code: str, seconds: float = 15) -> tuple[bytes | None, str]:
        """A coordinator enters a code; gives the coalition, or None and why not."""
        invite = read_invite(code)
        newcomer.links.begin_join(invite)
        self.until(lambda: invite.invite_id in newcomer.links.joined, seconds, "an answer to the code")
        newcomer.node.invites_entered.pop(invite.home, None)
        return newcomer.links.joined[invite.invite_id]

    def join(self, inviter: Place, newcomer: Place, coalition: bytes) -> None:
        """A newcomer comes in by a code."""
        assert self.enter(newcomer, self.invite(inviter, coalition)) == (coalition, "")
        members = newcomer.links.port.members
        self.until(lambda: newcomer.home in members(coalition), 10, f"{newcomer} knows that it is in")

    def remove(self, by: Place, coalition: bytes, gone: Place, voters: list[Place]) -> None:
        """An epoch that lists `gone` as out; `by` proposes and assents."""
        from node.actions.acting import say

        roster = by.node.records.known.rosters[coalition]
        chains = by.node.records.known.chains
        chosen = sorted(place.home for place in voters)
        guests = sorted(roster.members - {gone.home} - set(chosen))
        epoch = Epoch(
            previous=roster.in_force,
            voters=chosen,
            guests=guests,
            out=[gone.home],
            keys=[[home, chains[home].head] for home in sorted({*chosen, *guests})],
        )
        with by.node.records.transaction():
            proposed = say(by.node, None, "epoch", coalition_scope(coalition), epoch.body())
            assent = Assent(epoch=proposed.id).body()
            say(by.node, None, "assent", coalition_scope(coalition), assent)

    # lines

    def partition(self, *groups: list[Place]) -> None:
        """Nobody in one group reaches anybody in another, until `heal`."""
        for at, group in enumerate(groups):
            for other in groups[at + 1 :]:
                for one in group:
                    for two in other:
                        self.network.cut(one.name, two.name)

    def heal(self) -> None:
        self.network.mend()

    def quiet(self) -> None:
        """Whole lines that lose nothing, as when bad weather is over."""
        self.heal()
        network = self.network
        network.break_rate = network.loss_rate = network.dial_fail_rate = network.duplicate_rate = 0.0
