"""A member of the coalition gone bad: its node signs for any number of keys that it has made up itself.

Every record is sound, so nothing about one of them gives the flood away; only that there are so many.
"""

from __future__ import annotations

from collections.abc import Iterator
from itertools import islice
from typing import Any

from nacl.bindings import crypto_sign, crypto_sign_seed_keypair

from protocol.kinds.posts import Post
from protocol.record import Draft, assemble, to_be_signed
from protocol.scopes import coalition as coalition_scope
from protocol.signing import SIGNATURE_SIZE_BYTES
from sync import frames
from sync.credits import BATCHES_IN_FLIGHT_MAX
from sync.session import blind
from tests.protocol.helpers import secret
from tests.sim.puppet import Puppet
from tests.sim.world import Place, World

IN_A_BATCH = 80


def false_posts(
    home: bytes, seed: bytes, coalition: bytes, now: int, today: int, keys: int, each: int
) -> Iterator[bytes]:
    """Posts by so many made-up members of `home`, so many of each."""
    node = crypto_sign_seed_keypair(seed)[1]
    body = Post(type="need", what="help", category="rides", title="Call me at once").body()
    for number in range(keys * each):
        public, member = crypto_sign_seed_keypair(secret("false key", number % keys))
        nonce = secret("false", number)[:16]
        payload = Draft(
            "post", coalition_scope(coalition), public, home, nonce, now, today + 20, body
        ).payload()
        signed = to_be_signed(payload)
        yield assemble(payload, [crypto_sign(signed, key)[:SIGNATURE_SIZE_BYTES] for key in (member, node)])


class Flood(Puppet):
    """Sends `messages` as fast as it is told that they were taken or, if it is `rude`, all at once."""

    messages: Iterator[bytes]
    rude = False
    sent = 0
    taken = 0

    def begin(self, victim: Place, coalition: bytes, shared_secret: bytes) -> None:
        self.call(victim)
        self.say(frames.COALITIONS, [blind(shared_secret, self.handshake_hash, True)])
        self.say(frames.COMPARE, [1, coalition], bytes(16))
        self.world.until(lambda: self.heard(frames.DIFFERS), 5, "the coalition is shared")
        for _ in range(100_000 if self.rude else BATCHES_IN_FLIGHT_MAX):
            if not self.more():
                return

    def more(self) -> bool:
        messages = list(islice(self.messages, IN_A_BATCH))
        if messages and self.link is not None and self.code is None:
            self.sent += 1
            self.say(frames.RECORDS, self.sent, messages)
        return bool(messages)

    def frame(self, link: int, data: bytes) -> None:
        super().frame(link, data)
        kind, fields = self.got.pop() if self.got and self.got[-1][0] == frames.TAKEN else (None, None)
        if kind == frames.TAKEN:
            self.taken += 1
            if not self.rude:
                self.more()
        assert fields is None or isinstance(fields, list)


def bad_neighbor(world: World, victim: Place, coalition: bytes, name: str = "harbor") -> tuple[Flood, Any]:
    """A place joins, and its node turns bad; gives the flood, not begun, and how to begin it."""
    place = world.place(name)
    world.join(victim, place, coalition)
    world.run(5)
    shared_secret = place.links.port.coalitions()[coalition]
    seed, home = place.node.node_keys.seed, place.home
    flood = Flood.of(place)
    world.all.remove(place)
    world.run(3)

    def begin(keys: int, each: int) -> None:
        node = victim.node
        flood.messages = false_posts(home, seed, coalition, node.stamp(), node.today(), keys, each)
        flood.begin(victim, coalition, shared_secret)

    return flood, begin
