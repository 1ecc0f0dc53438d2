"""The story of the demo, told on the pages of three nodes: it acts, the checks are in checks.py."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from node.demo.person import Person
from node.demo.stage import DemoError, Eavesdropper, Host, free_ports
from node.demo_data import DemoData, DemoPost, DemoStep

PASSPHRASE = "good neighbors knock twice"
COALITION = "River to Harbor"
AGREEMENT = "We answer one another within a day, and we say so when we cannot come."
FORM_FIELDS = (
    *("type", "what", "category", "language", "where", "urgency", "slots", "area", "when", "title", "text"),
    *("days", "contact", "address", "household", "notes"),
)
EARLY = 8  # posts that are shared before the third neighborhood joins


@dataclass(slots=True)
class Figures:
    """What is counted on the way."""

    discovered_by_mdns: int = 0
    acknowledged_before_kill: int = 0
    acknowledged_lost_after_kill: int = 0
    seconds_need_to_other_node: float = 0.0


@dataclass(slots=True)
class Story:
    """Three neighborhoods and what their people do. `tell` gets a line for each thing that happens."""

    data: DemoData
    folder: Path
    tell: Callable[[str], None]
    pace_s: float = 0.0
    while_down: Callable[[Path, list[str]], None] = lambda folder, things: None
    hosts: dict[str, Host] = field(default_factory=dict)
    people: dict[str, Person] = field(default_factory=dict)
    things: dict[str, str] = field(default_factory=dict)
    acknowledged: dict[str, list[tuple[str, str]]] = field(default_factory=dict)
    figures: Figures = field(default_factory=Figures)
    air: Eavesdropper = field(default_factory=Eavesdropper)

    async def start(self) -> None:
        """Three processes, three coordinators, and the neighbors they invite."""
        self.air.start()
        ports = free_ports(len(self.data.neighborhood))
        for place, port in zip(self.data.neighborhood, ports, strict=True):
            self.hosts[place.key] = Host(place.key, self.folder / place.key, port)
            self.acknowledged[place.key] = []
        await asyncio.gather(*(host.start() for host in self.hosts.values()))
        await asyncio.gather(*(self._settle(place.key) for place in self.data.neighborhood))

    async def _settle(self, key: str) -> None:
        place = next(place for place in self.data.neighborhood if place.key == key)
        members = self.data.members_of(key)
        for member in members:
            self.people[member.key] = Person(self.hosts[key], member.name, PASSPHRASE)
        first = self.people[members[0].key]
        await first.set_up(place.name, place.area, members[0].language)
        for member in members[1:]:
            await self.people[member.key].join(await first.invitation(), member.language)
        for member in members:
            await self.people[member.key].send(
                "/profile",
                {
                    "area": place.area[:80],
                    "languages": member.languages,
                    "about": member.about,
                    "contact": member.contact,
                },
            )
        self.tell(f"{place.name}: {len(members)} neighbors have moved in at {self.hosts[key].url}")

    def coordinator(self, key: str) -> Person:
        """The first coordinator of a neighborhood."""
        return self.people[self.data.members_of(key)[0].key]

    async def pause(self) -> None:
        """Give the onlooker time to read."""
        if self.pace_s:
            await asyncio.sleep(self.pace_s)

    # neighborhoods

    async def meet(self) -> None:
        """They see each other by mDNS; the first links with the second and founds a coalition with it."""
        keys = list(self.hosts)
        homes: dict[str, str] = {}
        for key in keys:
            homes[key] = (await self.coordinator(key).json("/api/neighborhoods"))["own"]["id"]
        seen: set[str] = set()
        for key in keys:
            others = {homes[other] for other in keys if other != key}
            await self.coordinator(key).until("/api/neighborhoods", _sees(others), "its neighbors nearby")
            seen |= others
        self.figures.discovered_by_mdns = len(seen)
        self.tell(f"Each neighborhood sees the other {len(keys) - 1} nearby, by itself")
        one, other = self.coordinator(keys[0]), self.coordinator(keys[1])
        await one.send(f"/neighborhoods/{homes[keys[1]]}/ask", {"message": "Shall we share what we need?"})
        await other.until("/api/neighborhoods", lambda page: page["asks"], "the wish to link")
        await other.send(f"/neighborhoods/{homes[keys[0]]}/approve")
        await one.until(
            "/api/neighborhoods", lambda page: any(link["linked"] for link in page["items"]), "the link"
        )
        await one.send(
            "/coalitions/new", {"name": COALITION, "agreement": AGREEMENT, "members": [homes[keys[1]]]}
        )
        offers = await other.until("/api/neighborhoods", lambda page: page["offers"], "the coalition")
        await other.send(f"/coalitions/{offers[0]['id']}/accept")
        await other.until("/api/neighborhoods", _in_coalition, "its place in the coalition")
        self.tell(f"{keys[0]} and {keys[1]} have compared six words, linked, and founded “{COALITION}”")

    async def third_joins(self) -> None:
        """The third joins by a code."""
        keys = list(self.hosts)
        one, third = self.coordinator(keys[0]), self.coordinator(keys[2])
        coalition = (await one.json("/api/neighborhoods"))["coalitions"][0]["id"]
        text = await one.send(f"/coalitions/{coalition}/invite")
        code = text.partition('translate="no">BR1')[2].partition("<")[0]
        await third.send("/neighborhoods/code", {"code": "BR1" + code})
        await third.until("/api/neighborhoods", _in_coalition, "its place in the coalition")
        self.tell(f"{keys[2]} has joined with a code")

    # posts

    async def publish(self, posts: list[DemoPost]) -> None:
        """Everybody writes what they need and offer; the three nodes at the same time."""

        async def write(key: str) -> None:
            for post in posts:
                if self.data.members_by_key[post.by].neighborhood == key:
                    await self._post(post)
                    await self.pause()

        await asyncio.gather(*(write(key) for key in self.hosts))

    async def _post(self, post: DemoPost) -> None:
        person = self.people[post.by]
        form: dict[str, Any] = {name: getattr(post, name) for name in FORM_FIELDS}
        form["name_shown"] = person.name.partition(" ")[0]
        place = await person.send("/posts/new", form, token_from="/board")
        thing = place.partition("/posts/")[2][:64]
        if len(thing) != 64:
            raise DemoError(f"{person.name}: the post “{post.title}” led to {place}")
        self.things[post.key] = thing
        self._noted(person, f"/posts/{thing}", "")
        self.tell(f"{person.name} ({post.type}): {post.title}")

    def _noted(self, person: Person, place: str, state: str) -> None:
        """The node has acknowledged this; it must still be there after any failure."""
        self.acknowledged[person.host.key].append((person.name, f"{place} {state}".strip()))

    async def measure_need(self) -> None:
        """How long a shared need takes to be on another node's board."""
        keys = list(self.hosts)
        post = next(
            p
            for p in self.data.post
            if p.where == "region"
            and p.key not in self.things
            and self.data.members_by_key[p.by].neighborhood == keys[0]
        )
        started = time.monotonic()
        await self._post(post)
        other = self.coordinator(keys[1])
        await other.until_page(f"/posts/{self.things[post.key]}", "the need of the other neighborhood")
        self.figures.seconds_need_to_other_node = round(time.monotonic() - started, 3)
        self.tell(f"{keys[1]} has it {self.figures.seconds_need_to_other_node:.2f} seconds later")

    # promises and hours

    async def play(self, step: DemoStep) -> None:
        """One "I can help" and what became of it."""
        helper, poster = self.people[step.helper], self.people[self.data.poster(step).key]
        thing, title = self.things[step.post], self.data.posts_by_key[step.post].title
        await helper.until_page(f"/posts/{thing}/help", f"“{title}”")
        form = {"slots": step.slots, "note": step.note, "name_shown": helper.name.partition(" ")[0]}
        await helper.send(f"/posts/{thing}/help", form)
        promise = await helper.until("/api/inbox", lambda box: _mine(box, thing), "the promise")
        self._noted(helper, f"promise {promise}", "")
        await poster.until("/api/inbox", lambda box: _has(box, promise, "proposed"), "the promise")
        word = "decline" if step.outcome == "declined" else "agree"
        await poster.send(f"/promises/{promise}/{word}")
        self._noted(poster, f"promise {promise}", "declined" if word == "decline" else "agreed")
        self.tell(f"{helper.name} can help with “{title}”; {poster.name}: {word}")
        if step.outcome in ("released", "no_show"):
            await poster.send(
                f"/promises/{promise}/{step.outcome.replace('_', '-').replace('released', 'release')}"
            )
            self._noted(poster, f"promise {promise}", step.outcome)
        elif step.outcome == "done":
            await poster.send(f"/promises/{promise}/done")
            self._noted(poster, f"promise {promise}", "done")
            await helper.until("/api/inbox", lambda box: _has(box, promise, "done"), "that it is done")
            if step.minutes:
                await self._hours(step, promise)
        await self.pause()

    async def _hours(self, step: DemoStep, promise: str) -> None:
        giver = self.people[self.data.giver(step).key]
        receiver = self.people[self.data.receiver(step).key]
        before = {entry["id"] for entry in (await receiver.json("/api/inbox"))["hours_to_confirm"]}
        form = {
            "promise": promise,
            "date": time.strftime("%Y-%m-%d", time.gmtime()),
            "hours": step.minutes // 60,
            "minutes": step.minutes % 60,
            "another": "yes",
        }
        await giver.send("/hours/new", form)
        claim = await receiver.until(
            "/api/inbox",
            lambda box: next((e["id"] for e in box["hours_to_confirm"] if e["id"] not in before), None),
            "the hours",
        )
        self._noted(giver, f"hours {claim}", "")
        await receiver.send(f"/hours/{claim}/confirm")
        self._noted(receiver, f"hours {claim}", "confirmed")
        await giver.until("/api/hours", lambda book: _confirmed(book, claim), "that the hours are confirmed")
        self.tell(f"{step.minutes} minutes given by {giver.name} to {receiver.name}, confirmed")

    # the power cut

    async def power_cut(self) -> None:
        """SIGKILL the first neighborhood's node, start it again, and look for all it had acknowledged."""
        key = next(iter(self.hosts))
        host = self.hosts[key]
        self.figures.acknowledged_before_kill = len(self.acknowledged[key])
        await host.kill()
        self.tell(f"The power goes at {key}")
        used = {step.post for step in self.data.step}
        idle = [self.things[p.key] for p in self.data.post if p.key not in used]
        self.while_down(host.folder / "data", idle)
        await host.start()
        back = [self.people[member.key] for member in self.data.members_of(key)]
        for person in back:
            await person.sign_in()
        self.figures.acknowledged_lost_after_kill = await self.count_lost(key)
        self.tell(
            f"{key} is back; of {len(self.acknowledged[key])} acknowledged acts "
            f"{self.figures.acknowledged_lost_after_kill} are lost"
        )

    async def count_lost(self, key: str) -> int:
        """How many acknowledged acts of a node its pages no longer show."""
        by_name = {person.name: person for person in self.people.values()}
        shown: dict[str, dict[str, str]] = {}
        for member in self.data.members_of(key):
            person = self.people[member.key]
            box = await person.json("/api/inbox")
            book = await person.json("/api/hours")
            shown[person.name] = {f"promise {p['id']}": p["state"] for p in box["items"]}
            shown[person.name] |= {f"hours {e['id']}": e["state"] for e in book["items"]}
        last: dict[tuple[str, str], str] = {}
        lost = 0
        for name, what in self.acknowledged[key]:
            if what.startswith("/posts/"):
                status, _ = await by_name[name].page(what)
                lost += status != 200
                continue
            subject, state = what.rsplit(" ", 1) if what.count(" ") == 2 else (what, "")
            if subject not in shown[name]:
                lost += 1
            elif state:
                last[name, subject] = state
        return lost + sum(shown[name][subject] != state for (name, subject), state in last.items())

    async def end(self) -> None:
        """Close the browsers and stop the processes."""
        self.air.stop()
        await asyncio.gather(*(person.close() for person in self.people.values()))
        await asyncio.gather(*(host.stop() for host in self.hosts.values()))


def _sees(others: set[str]) -> Callable[[dict[str, Any]], bool]:
    return lambda page: {near["home"] for near in page["nearby"]} >= others


def _in_coalition(page: dict[str, Any]) -> bool:
    return any(page["own"]["name"] in coalition["members"] for coalition in page["coalitions"])


def _mine(box: dict[str, Any], thing: str) -> str | None:
    """The id of a promise that this person has just made for a post."""
    for promise in box["items"]:
        if promise["post"] == thing and promise["mine"] and promise["state"] == "proposed":
            return str(promise["id"])
    return None


def _has(box: dict[str, Any], promise: str, state: str) -> bool:
    return any(seen["id"] == promise and seen["state"] == state for seen in box["items"])


def _confirmed(book: dict[str, Any], claim: str) -> bool:
    return any(entry["id"] == claim and entry["state"] == "confirmed" for entry in book["items"])
