"""A member gone bad, as a random story needs it: it lies, says two things at once, floods and withholds."""

from __future__ import annotations

import random
from typing import Any

from protocol.record import Draft, Record
from protocol.scopes import coalition as coalition_scope
from protocol.signing import public_key
from sync import frames
from sync.session import blind
from tests.sim.puppet import Puppet
from tests.sim.world import Place, World


class BadMember:
    """The keys of a place that has stopped, and no scruples."""

    def __init__(self, world: World, place: Place, coalition: bytes, chance: random.Random) -> None:
        self.world, self.place, self.coalition, self.chance = world, place, coalition, chance
        self.secret = place.links.port.coalitions()[coalition]
        self.puppet = Puppet.of(place)
        world.all.remove(place)
        self.withheld: list[bytes] = []

    def call(self, victim: Place) -> bool:
        """Be linked with somebody, greeted as a member that knows every feature."""
        puppet = self.puppet
        puppet.refused = ""
        puppet.call(victim, hello=False)
        if puppet.link is None:
            return False
        puppet.hello(victim, _2=["plumtree"])
        puppet.say(frames.COALITIONS, [blind(self.secret, puppet.handshake_hash, True)])
        puppet.say(frames.COMPARE, [1, self.coalition], bytes(16))
        self.world.run(0.5)
        return puppet.code is None

    def act(self, victims: list[Place]) -> str:
        """Do one bad thing to one or two of them; gives its name."""
        name = self.chance.choice(["junk", "garbage", "two_words", "names_only", "flood", "old", "prune"])
        first = self.chance.choice(victims)
        if not self.call(first):
            return f"{name}, but {first} does not answer"
        getattr(self, name)(first, self.chance.choice(victims))
        self.world.run(0.5)
        return f"{name} at {first}"

    def record(
        self, title: str, edit: int = 0, nonce: bytes = b"", days: int = 5, created: int = 0
    ) -> Record:
        """A sound record of a member here."""
        node, who = self.place.node, self.place.coordinator
        body: dict[Any, Any] = {
            "type": "need", "what": "help", "category": "food.meal", "title": title, "language": "en"
        }  # fmt: skip
        draft = Draft(
            kind="post",
            scope=coalition_scope(self.coalition),
            author=public_key(who.seed),
            home=self.place.home,
            nonce=nonce or self.chance.randbytes(16),
            created=created or node.stamp(),
            expires=node.today() + days,
            body=body,
            edit=edit,
        )
        return draft.sign([who.seed, node.node_keys.seed])

    # what it does

    def junk(self, first: Place, second: Place) -> None:
        """Records with a flipped bit among sound ones."""
        messages = []
        for number in range(20):
            message = bytearray(self.record(f"Junk {number}").message)
            if number % 2:
                message[self.chance.randrange(len(message))] ^= 1 << self.chance.randrange(8)
            messages.append(bytes(message))
        self.puppet.say(frames.RECORDS, 1, messages)

    def garbage(self, first: Place, second: Place) -> None:
        self.puppet.say_bytes(self.chance.randbytes(self.chance.randrange(200)))

    def two_words(self, first: Place, second: Place) -> None:
        """Two versions with one number, one for each of two nodes."""
        nonce, created = self.chance.randbytes(16), self.place.node.stamp()
        one, other = (self.record(word, 3, nonce, created=created) for word in ("Yes", "No"))
        self.puppet.say(frames.RECORDS, 1, [one.message])
        self.world.run(0.5)
        if self.call(second):
            self.puppet.say(frames.RECORDS, 1, [other.message])

    def names_only(self, first: Place, second: Place) -> None:
        """Ids that stand for nothing, and one of a record that somebody else gets."""
        kept = self.record("Withheld")
        self.puppet.say(frames.HAVE, [kept.id, *(self.chance.randbytes(32) for _ in range(200))])
        self.world.run(0.5)
        if first is not second and self.call(second):
            self.puppet.say(frames.RECORDS, 1, [kept.message])

    def flood(self, first: Place, second: Place) -> None:
        for _ in range(400):
            self.puppet.say(frames.GRAFT, [self.chance.randbytes(32) for _ in range(3)])
        message = self.record("Again and again").message
        for number in range(30):
            self.puppet.say(frames.RECORDS, number, [message] * 30)

    def old(self, first: Place, second: Place) -> None:
        """What is over, what was never, and what is of tomorrow's tomorrow."""
        stamp = self.place.node.stamp()
        records = [
            self.record("Over", days=-3, created=stamp - 10 * 86_400),
            self.record("Far ahead", created=stamp + 30 * 86_400, days=40),
        ]
        self.puppet.say(frames.RECORDS, 1, [record.message for record in records])

    def prune(self, first: Place, second: Place) -> None:
        """It wants nothing whole, and grafts what it has."""
        self.puppet.say(frames.PRUNE, [1, self.coalition])
        self.puppet.say(frames.PRUNE, [0, self.coalition])
        held = [row[0] for row in first.node.connection.execute("SELECT id FROM records LIMIT 50")]
        self.puppet.say(frames.GRAFT, held)
