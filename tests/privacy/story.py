"""What people do in the region, on their own pages: each field is filled in with a marked word."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any

from node.actions.importing import import_answers
from node.importing import guess_mapping, read_answers, read_table
from tests.privacy.region import Place, Region
from tests.privacy.words import Words
from tests.web.reader import Person

WITHIN_S = 30.0
RIVERBEND, OAK_STREET, HARBOR_HILL, MILLBROOK, QUARRY = (
    *("Riverbend", "Oak Street", "Harbor Hill"),
    *("Millbrook", "Quarry"),
)
LETS_LINKS_IN = {RIVERBEND: True, OAK_STREET: True, HARBOR_HILL: True, MILLBROOK: False, QUARRY: False}
PEOPLE = {  # the first coordinates
    RIVERBEND: ("Ines", "Walter", "Rosa"),
    OAK_STREET: ("Ola", "Otto"),
    HARBOR_HILL: ("Hana", "Hugo"),
    MILLBROOK: ("Mina", "Milo"),
    QUARRY: ("Quinn", "Quentin"),
}
PRIVATE = ("contact", "address", "household", "notes")


MORE = {f"Hamlet {number}": (f"Cora {number}", f"Mats {number}") for number in range(1, 6)}


class Story:
    """The region and its marked words. With `more`, as many neighborhoods again, all behind routers."""

    def __init__(self, region: Region, more: bool = False) -> None:
        self.region = region
        self.people: dict[str, tuple[str, ...]] = {**PEOPLE, **(MORE if more else {})}
        self.words = Words()
        self.passphrases: dict[str, str] = {}
        self.names: dict[str, str] = {}

    def place(self, name: str) -> Place:
        return self.region.places[name]

    def person(self, home: str, name: str) -> Person:
        return self.place(home).people[name]

    async def until(self, who: Person, path: str, shown: Callable[[str], bool], what: str) -> None:
        """Open a page again and again until it shows something."""
        try:
            async with asyncio.timeout(WITHIN_S):
                while not shown((await who.open(path)).text):  # noqa: ASYNC110 - a page tells nobody of news
                    await asyncio.sleep(0.03)
        except TimeoutError:
            raise AssertionError(f"{what} never showed at {path}: {who.page.text}") from None

    # moving in

    async def move_in(self, home: str) -> None:
        """The coordinator sets the node up; the others join by invitation; all say who they are."""
        words, place = self.words, self.place(home)
        first, *others = self.people[home]
        place.coordinator = first
        one = self._newcomer(place, first)
        await one.open(f"/setup/{place.setup_token}")
        await one.press(
            "Set up and show the recovery sheet",
            neighborhood=f"{home} {words.new('settings.neighborhood', '', home)}",
            area=words.new("settings.area", "", home),
            **self._entering(home, first),
        )
        self.words.secret(dict(one.page.form("I have it").fields)["words"], "recovery words", "nobody", home)
        await one.press("I have it", have_it="yes")
        assert one.page.path.startswith("/board"), one.page.text
        for name in others:
            await one.open("/people/invite")
            await one.press("Make an invitation")
            (link, *_) = [link for link in one.page.links if "/join/" in link]
            path = link[link.index("/join/") :]
            self.words.secret(path.rpartition("/")[2], "code of an invitation", "nobody", home)
            other = self._newcomer(place, name)
            await other.open(path)
            await other.press("Join", **self._entering(home, name))
            assert other.page.path.startswith("/board"), other.page.text
        for name, person in place.people.items():
            await person.open("/profile")
            said = {
                field: words.new(f"profile.{field}", "local", home, name)
                for field in ("area", "languages", "about", "contact")
            }
            await person.press("Save", **said)
            assert "said=saved" in person.page.path, person.page.text
        await self._try_what_fails(place)

    def _newcomer(self, place: Place, name: str) -> Person:
        place.people[name] = Person(place.url)
        return place.people[name]

    def _entering(self, home: str, name: str) -> dict[str, str]:
        passphrase = self.words.new("join/join.html passphrase", "form", home, name)
        self.passphrases[name] = passphrase
        self.names[name] = self.words.new("profile.name", "local", home, name)
        return {"name": self.names[name], "passphrase": passphrase, "passphrase_again": passphrase}

    async def _try_what_fails(self, place: Place) -> None:
        """What is typed in vain, or looked for, is kept nowhere and told to nobody."""
        new = self.words.new
        stranger = Person(place.url)
        fields = {
            "name": new("sign_in/sign_in.html name", "form", place.name),
            "passphrase": new("sign_in/sign_in.html passphrase", "form", place.name),
        }
        await stranger.open("/sign-in")
        await stranger.press("Sign in", **fields)
        assert stranger.page.status == 403
        for path in ("/join/{}", "/setup/{}", "/nothing/{}", "/sign-in?next=/{}", "/api/posts?q={}"):
            word = new("neighborhoods/code.html code", "form", place.name)
            await stranger.open(path.format(word))
        await stranger.client.close()
        someone = place.people[place.coordinator]
        await someone.open(f"/board?q={new('board/board.html q', 'form', place.name, place.coordinator)}")
        await someone.open("/neighborhoods/code")
        await someone.press("Link and join", code=new("neighborhoods/code.html code", "form", place.name))
        word = new("neighborhoods/code.html code", "form", place.name)
        await garbage(place, b"GET / HTTP/1.1\r\nHost: x\r\nCookie: " + word.encode() + b"\x00\x01\r\n\r\n")
        word = new("neighborhoods/code.html code", "form", place.name)
        await garbage(place, word.encode() + b" \xff\xff\r\n\r\n")

    # meeting

    async def meet(self) -> None:
        """Riverbend links with Oak Street and founds a coalition; the others come in by codes."""
        new = self.words.new
        riverbend, oak = self.place(RIVERBEND), self.place(OAK_STREET)
        ines, ola = riverbend.people["Ines"], oak.people["Ola"]
        message = new("neighbors.message", "", RIVERBEND, "Ines", other_home=OAK_STREET)
        await ines.open("/neighborhoods/address")
        await ines.press("Ask to link", address=f"127.0.0.1:{oak.gate.port}", message=message)
        await self.until(ola, "/neighborhoods", lambda text: message in text, "the wish to link")
        await ola.press("The words match: link")
        await self.until(ines, "/neighborhoods", lambda text: "Connected" in text, "the link")
        await ines.open("/coalitions/new")
        name = new("charter.name", "coalition", RIVERBEND, "Ines")
        agreement = new("charter.agreement", "coalition", RIVERBEND, "Ines")
        await ines.press("Found the coalition", name=name, agreement=agreement)
        await self.until(ola, "/neighborhoods", lambda text: f"coalition {name}" in text, "the offer")
        await ola.press("Join")
        for home in list(self.people)[2:]:
            await ines.open("/neighborhoods")
            await ines.press("Invite another neighborhood")
            code = ines.page.html.partition('translate="no">BR1')[2].partition("<")[0]
            self.region.codes.append("BR1" + code)
            newcomer = self.place(home).people[self.people[home][0]]
            await newcomer.open("/neighborhoods/code")
            await newcomer.press("Link and join", code="BR1" + code)
            assert newcomer.page.status == 200, newcomer.page.text
        everybody = [f"{word.text}" for word in self.words.made if word.field == "settings.neighborhood"]
        for home, place in self.region.places.items():
            place.server.links.parcels.chance = lambda: 0.02  # type: ignore[union-attr]  # parcels go at once
            who = place.people[self.people[home][0]]
            await self.until(
                who,
                "/neighborhoods",
                lambda text: all(name in text for name in everybody),
                f"everybody, to {home},",
            )

    # posts, promises, hours

    async def post(self, home: str, name: str, where: str, **more: Any) -> tuple[str, str]:
        """One need with a word in every field; gives its path and its title."""
        scope = "local" if where == "here" else "coalition"
        fields = {
            field: self.words.new(f"post.{field}", scope, home, name)
            for field in ("title", "text", "area", "when")
        }
        fields["name_shown"] = self.words.new("post.name", scope, home, name)
        private = {field: self.words.new(f"details.{field}", "local", home, name) for field in PRIVATE}
        person = self.person(home, name)
        await person.open("/posts/new?type=need")
        await person.press(
            "Put the need on the board", category="rides", where=where, **fields, **private, **more
        )
        assert "said=need_posted" in person.page.path, person.page.text
        return person.page.path.partition("?")[0], fields["title"]

    async def promise(
        self, post: str, helper: tuple[str, str], poster: tuple[str, str], sealed: bool
    ) -> None:
        """Help is offered, accepted, done, and counted in hours that both sign."""
        across = helper[0] != poster[0]
        scope = "pair" if across else "local"
        between = {"other_home": poster[0] if across else "", "other_person": poster[1], "sealed": sealed}
        giver, receiver = self.person(*helper), self.person(*poster)
        note = self.words.new("commitment.note", scope, *helper, **between)
        shown = self.words.new("commitment.name", scope, *helper, **between)
        await giver.open(f"{post}/help")
        await giver.press("Send", note=note, name_shown=shown)
        assert "said=help_offered" in giver.page.path, giver.page.text
        await self.until(receiver, "/inbox", lambda text: note in text, "the promise")
        back = {"other_home": helper[0] if across else "", "other_person": helper[1], "sealed": sealed}
        answer = self.words.new("answer.note", scope, *poster, **back)
        earlier = {link for link in (await giver.open("/inbox")).links if "/hours/new?" in link}
        await receiver.press("Yes, please", note=answer)
        await self.until(giver, "/inbox", lambda text: answer in text, "the answer")
        (record,) = {link for link in giver.page.links if "/hours/new?" in link} - earlier
        await giver.open(record)
        await giver.press("Record", hours="2")
        await self.until(receiver, "/inbox", lambda text: "Hours to confirm" in text, "the hours")
        await receiver.press("Confirm")
        await self.until(giver, "/hours", lambda text: "Given 2" in text, "the confirmation")

    async def share_what_is_told(self) -> None:
        """Needs kept and needs shared in each neighborhood, and help within, across, and far across."""
        kept, shared, titles = {}, {}, []
        for home, (_, name, *_rest) in self.people.items():
            kept[home], _ = await self.post(home, name, "here")
            shared[home], title = await self.post(home, name, "region")
            titles.append(title)
        for home, (first, *_rest) in self.people.items():
            await self.until(
                self.person(home, first),
                "/board?where=region",
                lambda text: all(title in text for title in titles),
                f"every shared need, in {home},",
            )
        await self.promise(kept[RIVERBEND], (RIVERBEND, "Rosa"), (RIVERBEND, "Walter"), sealed=False)
        await self.promise(shared[RIVERBEND], (OAK_STREET, "Otto"), (RIVERBEND, "Walter"), sealed=False)
        await self.promise(shared[QUARRY], (MILLBROOK, "Milo"), (QUARRY, "Quentin"), sealed=True)
        ring = [(home, people[1]) for home, people in self.people.items() if home in MORE]
        for helper, poster in zip(ring, [*ring[1:], (QUARRY, "Quentin")], strict=False):
            await self.promise(kept[helper[0]], (helper[0], self.people[helper[0]][0]), helper, sealed=False)
            if poster[0] != QUARRY:
                await self.promise(shared[poster[0]], helper, poster, sealed=True)

    async def import_answers(self) -> None:
        """Answers of an online form, brought in by the coordinator of Riverbend."""
        new, node = self.words.new, self.place(RIVERBEND).server.node
        ines = next(one for one in node.sessions.values() if one.name == self.names["Ines"])

        def private(field: str) -> str:
            return new(f"details.{field}", "local", RIVERBEND, "Ines")

        columns = {
            "Name": private("name"),
            "Phone or e-mail": private("contact"),
            "Street address": private("address"),
            "Who lives in your household?": private("household"),
            "What do you need help with?": "Groceries",
            "Whom may we call in an emergency?": private("notes"),
        }
        text = ",".join(columns) + "\n" + ",".join(columns.values()) + "\n"
        table = read_table(text.encode())
        found = read_answers(table, guess_mapping(table.headers))
        done = import_answers(node, ines, found.drafts, language="en")
        assert len(done.posts) == 1 and not done.bad_rows
        row_key = found.drafts[0].row_key
        self.words.secret(row_key, "imported.row_key", "node", RIVERBEND)

    async def reissue(self) -> None:
        """Rosa has lost her passphrase; Ines gives her a code, and she chooses another."""
        ines, rosa = self.person(RIVERBEND, "Ines"), self.person(RIVERBEND, "Rosa")
        sessions = self.place(RIVERBEND).server.node.sessions.values()
        key = next(one for one in sessions if one.name == self.names["Rosa"])
        await ines.open(f"/people/{key.account_key.hex()}/reissue")
        await ines.press("Make the code")
        path = next(link[link.index("/join/") :] for link in ines.page.links if "/join/" in link)
        self.words.secret(path.rpartition("/")[2], "code of a new passphrase", "nobody", RIVERBEND)
        fresh = self.words.new("reissues/take_up.html passphrase", "form", RIVERBEND, "Rosa")
        await rosa.press("Sign out")
        await rosa.open(path)
        await rosa.press("Use this passphrase", passphrase=fresh, passphrase_again=fresh)
        assert rosa.page.status == 200 and self.names["Rosa"] in rosa.page.text, rosa.page.text

    def keep_secrets(self) -> None:
        """Keys, seeds and tokens: bytes that must not stand anywhere, or in the node's own files only."""
        for home, place in self.region.places.items():
            node = place.server.node
            self.words.secret(node.node_keys.seed, "keys.seed", "nobody", home)
            self.words.secret(node.node_keys.noise_private, "keys.noise_private", "nobody", home)
            self.words.secret(place.setup_token, "token of setting up", "nobody", home)
            for session in node.sessions.values():
                self.words.secret(session.seed, "session.seed", "nobody", home)
                self.words.secret(session.token, "session.token", "nobody", home)
            for (private,) in node.connection.execute("SELECT private FROM prekeys"):
                self.words.secret(private, "prekeys.private", "node", home)

    async def play(self) -> None:
        """All of it."""
        for home in self.people:
            await self.move_in(home)
        await self.meet()
        await self.share_what_is_told()
        await self.import_answers()
        await self.reissue()
        self.keep_secrets()


async def garbage(place: Place, data: bytes) -> None:
    """Bytes that are no request, such as a broken program sends."""
    reader, writer = await asyncio.open_connection("127.0.0.1", place.gate.port)
    writer.write(data)
    await writer.drain()
    async with asyncio.timeout(5):
        await reader.read()
    writer.close()
