"""A region's worth of needs and offers, signed, for the figures that are about many records.

Everything follows from names and numbers, so each run measures the same records: posts of some 470 bytes,
the shape that most records on a node have, by twenty members of each of many neighborhoods.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from functools import cache
from typing import Any

from nacl.bindings import crypto_sign, crypto_sign_seed_keypair

from protocol.kinds.posts import Post
from protocol.record import Draft, assemble, to_be_signed
from protocol.scopes import DAY_S
from protocol.signing import SIGNATURE_SIZE_BYTES
from tests.protocol.helpers import NOON, Coalition, Neighborhood, secret

THINGS_EACH = 2_000  # the charter's quota of things signed by the members of one neighborhood
MEMBERS_EACH = 20
LIFE_DAYS = 90
WORDS = [
    "ride",
    "clinic",
    "Tuesday",
    "morning",
    "soup",
    "bread",
    "garden",
    "shed",
    "ladder",
    "drill",
    "lend",
    "borrow",
    "evening",
    "child",
    "care",
    "school",
    "walk",
    "dog",
    "water",
    "plants",
    "hospital",
    "visit",
    "company",
    "translation",
    "letter",
    "office",
    "paint",
    "wall",
    "carry",
    "boxes",
    "repair",
    "bicycle",
    "lamp",
    "sewing",
    "curtains",
    "snow",
    "path",
    "wood",
    "stove",
    "pharmacy",
    "errand",
    "church",
    "hall",
    "chairs",
    "table",
    "piano",
]
CATEGORIES = ("rides", "food.meal", "childcare", "repair", "tools", "company")


class Crowd:
    """Neighborhoods of one coalition with a key each; `posts` gives what their members say."""

    def __init__(
        self, homes: int, name: str = "The long valley", now_s: int = NOON, more: Sequence[Any] = ()
    ) -> None:
        """`more` are members of the coalition besides."""
        self.homes = [Neighborhood(f"{name} {number}") for number in range(homes)]
        self.keys = {home.id: home.key for home in self.homes}
        self.coalition = Coalition(name, self.homes[0])
        self.now_s = now_s
        first = self.homes[:1]
        self.coalition.agreed(self.coalition.charter, first, guests=[*self.homes[1:], *more], by=first)

    def posts(self, count: int) -> Iterator[bytes]:
        """Messages, so many of each neighborhood in turn."""
        return (self.post(number) for number in range(count))

    def post(self, number: int) -> bytes:
        """One need or offer."""
        home = self.homes[number % len(self.homes)]
        turn = number // len(self.homes)
        seeds = secret(home.name, "crowd", turn % MEMBERS_EACH), home.seed
        created = self.now_s - DAY_S * 5 + (number * 7919) % (DAY_S * 5)
        at = number * 31
        words = [WORDS[(at + step * (3 + turn % 11)) % len(WORDS)] for step in range(18)]
        body = Post(
            type="need" if number % 3 else "offer",
            what="help",
            category=CATEGORIES[number % len(CATEGORIES)],
            title=" ".join(words[:5]).capitalize(),
            text=" ".join(words[5:]),
            area="By the river",
            name="Ana",
        ).body()
        payload = Draft(
            "post",
            self.coalition.scope,
            _pair(seeds[0])[0],
            home.id,
            secret("nonce", number)[:16],
            created,
            created // DAY_S + LIFE_DAYS,
            body,
        ).payload()
        signed = to_be_signed(payload)
        return assemble(
            payload, [crypto_sign(signed, _pair(seed)[1])[:SIGNATURE_SIZE_BYTES] for seed in seeds]
        )


@cache
def _pair(seed: bytes) -> tuple[bytes, bytes]:
    """Public and secret key, worked out once."""
    return crypto_sign_seed_keypair(seed)
