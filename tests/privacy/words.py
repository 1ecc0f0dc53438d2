"""The marked words: which field each was put into, who may read it, and so where it may be found.

Who reads a field is taken from docs/security.md (`table.py`); here it only becomes a rule about listeners.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from itertools import count

from tests.privacy.table import reach

STEMS = ("Quillfeather", "Lanternmöss", "Copperfinch", "Thimblerüt", "Saltwhistle", "Foxglöve", "Emberwick")


HEARS = {
    "wire": "links, as they cross the network",
    "frames": "frames, as a node reads and writes them",
    "parcels": "parcels, opened with the keys of whoever holds them",
    "stick": "carried files, as they lie on a stick",
    "bundles": "carried files, opened with the keys of whoever they are for",
    "mdns": "mDNS, as anybody on the network hears it",
    "signed out": "pages and lists, without signing in",
    "page": "pages and lists, as one person sees them",
    "log": "log, at debug level",
    "code": "invitation codes",
    "files": "database files",
}


@dataclass(frozen=True)
class Word:
    """A marked word (or a secret, as bytes) in one field of one person's at one neighborhood."""

    text: str | bytes
    field: str
    readers: str
    home: str
    person: str = ""
    other_home: str = ""  # for what is between two neighborhoods, or asked of one
    other_person: str = ""
    sealed: bool = False  # travelled in parcels only

    @property
    def homes(self) -> set[str]:
        return {self.home, self.other_home} - {""}


@dataclass(frozen=True)
class Listener:
    """Somebody who hears something. `hears`: one of HEARS."""

    hears: str
    home: str = ""
    person: str = ""
    coordinator: bool = False

    def __str__(self) -> str:
        return " ".join(filter(None, (self.hears, self.home, self.person)))


def may_find(word: Word, who: Listener) -> bool:
    """Whether the table lets this listener read the word."""
    readers = word.readers
    if who.hears in ("wire", "code", "stick") or readers == "nobody":
        return False
    if readers == "anyone":
        return who.hears != "signed out" or who.home == word.home
    if who.hears in ("mdns", "signed out", "log"):
        return False
    if readers == "coalition":
        return True
    if who.hears == "bundles":
        return readers == "two people" and bool(word.other_home) and who.home in word.homes
    if who.hears == "parcels":
        return word.sealed and who.home == word.other_home
    if who.hears == "files":
        return who.home in (word.homes if readers in ("asked", "two people") else {word.home})
    if who.hears == "frames":
        between = readers == "asked" or (readers == "two people" and word.other_home and not word.sealed)
        return bool(between) and who.home in word.homes
    if readers == "asked":
        return who.home == word.other_home
    if readers == "two people":
        return who.person in (word.person, word.other_person)
    if readers == "members":
        return who.home == word.home
    if readers == "coordinators":
        return who.home == word.home and (who.coordinator or who.person == word.person)
    return readers == "self" and who.person == word.person


def must_find(word: Word, who: Listener) -> bool:
    """Where the word has to be found, or else the search proves nothing: wherever it may be.

    But for the log, where nothing needs to stand; for secrets, which are looked for to be absent; and for the
    line to another neighborhood, which page and files hold only until it is answered: the answer's takes its
    place, and whether old bytes are left then hangs on when the log of the database was last emptied.
    """
    if not isinstance(word.text, str) or who.hears == "log":
        return False
    if (who.hears == "parcels" and not word.sealed) or (
        who.hears in ("page", "files") and word.readers == "asked"
    ):
        return False
    return may_find(word, who)


@dataclass
class Words:
    """Makes them, each unlike all others, and remembers."""

    made: list[Word] = field(default_factory=list)
    _numbers: count[int] = field(default_factory=lambda: count(10))

    def new(self, where: str, scope: str, home: str, person: str = "", **more: object) -> str:
        """A fresh word for "kind.field" in a scope, for a column ("" as scope), or for a form ("form")."""
        if scope == "form":
            template, _, name = where.rpartition(" ")
            readers = reach().forms[template, name]
        else:
            readers = reach().of(where, scope)
        number = next(self._numbers)
        text = f"{STEMS[number % len(STEMS)]}{number}x"
        self.made.append(Word(text, f"{where} {scope}".strip(), readers, home, person, **more))  # type: ignore[arg-type]
        return text

    def secret(self, secret: bytes | str, where: str, readers: str, home: str) -> None:
        """Bytes that no listener may find but, where `readers` is "node", whoever has the files."""
        self.made.append(Word(secret, where, readers, home))
