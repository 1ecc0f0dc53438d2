"""docs/carry.md, done as it stands there: by two coordinators on their phones, and at two terminals."""

from __future__ import annotations

import asyncio
import re
import shlex
import urllib.request
from pathlib import Path
from uuid import uuid4

from node.actions import posts
from tests.cli.world import Person
from tests.docs.document import Console, Heading, Step, compare, read
from tests.docs.phone import Phone
from tests.node.serving import PASSPHRASE, Place
from tests.web.test_carry import flooded

GUIDE = Path(__file__).resolve().parents[2] / "docs" / "carry.md"
TOKEN = re.compile(r"\*\*(?P<press>[^*]+)\*\*|[Tt]ick “(?P<tick>[^”]+)”|“(?P<reads>[^”]+)”")
STICK = "/media/stick"


class Stick:
    """What is on it, and how it looks from either side."""

    def __init__(self, folder: Path, streets: dict[str, Place]) -> None:
        self.folder, self.streets, self.done = folder, streets, 0
        self.phones = {
            who: self._signed_in(who, at) for who, at in (("Ines", "Riverbend"), ("Ola", "Oak Street"))
        }
        self.file = b""
        self.who = ""

    def _signed_in(self, who: str, street: str) -> Phone:
        phone = Phone(f"http://{self.streets[street].address}")
        phone.open("/sign-in")
        phone.type(who, "Your name")
        phone.type(PASSPHRASE, "Passphrase")
        phone.press("Sign in")
        return phone

    def step(self, part: Step) -> None:
        self.who = part.who or self.who
        phone = self.phones[self.who]
        for token in TOKEN.finditer(part.text):
            self.done += 1
            if token["press"] == "Download the file":
                self.file = self._download(phone)
            elif token["press"] == "Read it in":
                self._upload(phone)
            elif token["press"]:
                phone.press(token["press"])
            elif token["tick"]:
                phone.tick(token["tick"])
            else:
                phone.reads(token["reads"])

    def _download(self, phone: Phone) -> bytes:
        (path,) = [href for label, _, href in phone.page.links if label == "Download the file"]
        with phone._browser.open(phone.base + path) as answer:
            return bytes(answer.read())

    def _upload(self, phone: Phone) -> None:
        """What a browser sends for a form with a file."""
        (form,) = [form for form in phone.page.forms if form.action == "/carry/in"]
        token, line = str(form.fields[0].value), uuid4().hex
        head = f'--{line}\r\nContent-Disposition: form-data; name="csrf"\r\n\r\n{token}\r\n--{line}\r\n'
        head += 'Content-Disposition: form-data; name="file"; filename="c.barnraise"\r\n\r\n'
        body = head.encode() + self.file + f"\r\n--{line}--\r\n".encode()
        headers = {"Content-Type": f"multipart/form-data; boundary={line}", "Origin": phone.base}
        with phone._browser.open(urllib.request.Request(f"{phone.base}/carry/in", body, headers)) as answer:
            assert answer.status == 200 and answer.url.endswith("/carry/work")
        phone.open("/carry/work")

    def console(self, part: Console) -> None:
        street = part.machine
        who = Person(self.folder / street)
        for command in part.commands:
            program, *words = shlex.split(command.text)
            assert program == "barnraise"
            here = [str(self._found(word)) for word in words]
            told = who.types(*here)
            said = (told.out + told.err).replace(str(self.folder / "stick"), STICK)
            wrong = compare(command.shown, said)
            assert told.exit == 0 and not wrong, f"line {command.line}: {wrong} in\n{said}"
            self.done += 1

    def _found(self, word: str) -> str:
        """A path as the shell would give it."""
        here = word.replace(STICK, str(self.folder / "stick"))
        return str(next((self.folder / "stick").glob(Path(here).name))) if "*" in here else here


async def test_the_guide(tmp_path: Path) -> None:
    (tmp_path / "stick").mkdir()
    async with flooded(tmp_path) as (riverbend, oak):
        post = posts.PostDraft("need", "help", "rides", "Ride to the clinic", where="region")
        posts.publish(riverbend.node, riverbend.session, post)
        streets = {"Riverbend": riverbend, "Oak Street": oak}
        stick = await asyncio.to_thread(Stick, tmp_path, streets)
        for part in read(GUIDE):
            if isinstance(part, Heading) and part.text == "At the terminal":
                more = posts.PostDraft("offer", "lend", "tools", "A long ladder", where="region")
                posts.publish(riverbend.node, riverbend.session, more)
            elif isinstance(part, Heading) and part.text == "Only the difference":
                more = posts.PostDraft("offer", "give", "food.meal", "Apples", where="region")
                posts.publish(riverbend.node, riverbend.session, more)
            elif isinstance(part, Step):
                await asyncio.to_thread(stick.step, part)
            elif isinstance(part, Console):
                await asyncio.to_thread(stick.console, part)
        assert stick.done >= 18


def test_it_is_one_page() -> None:
    assert len(GUIDE.read_text().splitlines()) < 120
