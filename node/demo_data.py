"""The sample data of `barnraise demo`, read from `node/data/demo.toml` into types.

Three neighborhoods with their members, posts, and a story: who said "I can help" with what, and what came of
it. Things refer to one another by their `key`, a word of lower-case letters and hyphens. Each private field
holds one marked word that occurs nowhere else (`private_words`), so that a search can find a leak.
"""

from __future__ import annotations

import re
import tomllib
from dataclasses import dataclass
from functools import cached_property
from importlib.resources import files
from typing import Literal

import msgspec

PRIVATE_WORD = re.compile(r"\b(?:quillfeather|lanternmoss|copperfinch|thimbleroot|saltwhistle)-\d{2}\b")


@dataclass(frozen=True)
class DemoNeighborhood:
    """A node of the demo; `language` is its coordinator's."""

    key: str
    name: str
    area: str
    language: str


@dataclass(frozen=True)
class DemoMember:
    """A person; `contact` is private. The coordinator of a neighborhood stands before its other members."""

    key: str
    neighborhood: str
    name: str
    role: Literal["coordinator", "member"]
    language: str
    languages: str
    about: str
    contact: str


@dataclass(frozen=True)
class DemoPost:
    """A need or offer, with the fields of `PostDraft`; contact, address, household and notes are private."""

    key: str
    by: str
    type: Literal["need", "offer"]
    what: Literal["help", "give", "lend", "space"]
    category: str
    language: str
    where: Literal["here", "region"]
    urgency: Literal["low", "normal", "urgent"]
    slots: int
    area: str
    when: str
    title: str
    text: str
    days: int = 30
    contact: str = ""
    address: str = ""
    household: str = ""
    notes: str = ""


@dataclass(frozen=True)
class DemoStep:
    """One "I can help" and its end. `minutes` are above 0 only if done and if it was time, not a thing."""

    helper: str
    post: str
    slots: int
    outcome: Literal["agreed", "done", "declined", "released", "no_show"]
    minutes: int
    note: str = ""


@dataclass(frozen=True)
class DemoData:
    """All of it, in the order of the file; the steps happen in that order."""

    neighborhood: list[DemoNeighborhood]
    member: list[DemoMember]
    post: list[DemoPost]
    step: list[DemoStep]

    @cached_property
    def members_by_key(self) -> dict[str, DemoMember]:
        """Every member by key."""
        return {member.key: member for member in self.member}

    @cached_property
    def posts_by_key(self) -> dict[str, DemoPost]:
        """Every post by key."""
        return {post.key: post for post in self.post}

    def members_of(self, neighborhood: str) -> list[DemoMember]:
        """The members of a neighborhood, the coordinator first."""
        return [member for member in self.member if member.neighborhood == neighborhood]

    def poster(self, step: DemoStep) -> DemoMember:
        """Whose post the step is about."""
        return self.members_by_key[self.posts_by_key[step.post].by]

    def giver(self, step: DemoStep) -> DemoMember:
        """Who gives the time: the helper of a need, the poster of an offer."""
        helps = self.posts_by_key[step.post].type == "need"
        return self.members_by_key[step.helper] if helps else self.poster(step)

    def receiver(self, step: DemoStep) -> DemoMember:
        """Who receives the time."""
        return self.poster(step) if self.giver(step).key == step.helper else self.members_by_key[step.helper]

    def is_across(self, step: DemoStep) -> bool:
        """Whether helper and poster live in two neighborhoods."""
        return self.members_by_key[step.helper].neighborhood != self.poster(step).neighborhood

    def private_words(self) -> list[str]:
        """The marked word of every private field; none may ever leave its node."""
        texts = [member.contact for member in self.member]
        texts += [
            text for post in self.post for text in (post.contact, post.address, post.household, post.notes)
        ]
        return PRIVATE_WORD.findall("\n".join(texts))


def load() -> DemoData:
    """The packaged sample data."""
    text = files("node").joinpath("data", "demo.toml").read_text(encoding="utf-8")
    return msgspec.convert(tomllib.loads(text), DemoData)
