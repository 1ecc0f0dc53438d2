"""A peer that does whatever a test tells it to: it can greet, and obeys no rule after that."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Self

from protocol import introduction
from protocol.judge import read_checked
from protocol.kinds.keys import build_chain
from sync import events, frames
from sync.channel import public_key as noise_public_key
from sync.frames import read_frame, write_frame
from sync.transport import LocalEnd
from tests.protocol.helpers import Neighborhood, secret
from tests.sim.world import Place, World


def _current_key(home: bytes, key_records: Sequence[bytes]) -> bytes | None:
    chain = build_chain(home, [read_checked(message) for message in key_records])
    return chain.current if chain is not None else None


class Puppet:
    """`stranger = Puppet(world, "stranger")`, or `Puppet.of(place)`: the neighborhood itself, gone bad."""

    obeys = False

    def __init__(self, world: World, name: str, seed: bytes = b"", inception: bytes = b"") -> None:
        self.world = world
        world.puppets.append(self)
        self.name = name
        self.running = True
        if not seed:
            own = Neighborhood(name)
            seed, inception = own.seed, own.inception.message
        record = read_checked(inception)
        self.home = record.home
        self.link: int | None = None
        self.handshake_hash = b""
        self.got: list[tuple[int, list[Any]]] = []
        self.code: str | None = None  # why the link ended, "" where it just broke
        self.refused = ""  # why a call did not succeed
        noise_private = secret(name, "noise")

        def introduce() -> bytes:
            until = self.end.today() + 30
            public = noise_public_key(noise_private)
            return introduction.build(seed, self.home, record.home_key, public, until, [inception])

        today = world.all[0].node.today if world.all else lambda: 20_833
        self.end = LocalEnd(noise_private, introduce, today, _current_key)

    @classmethod
    def of(cls, place: Place) -> Self:
        """The keys of a place, which is stopped."""
        inception = place.node.records.of_home(place.home, "inception")[0]
        seed = place.node.node_keys.seed
        place.stop()
        return cls(place.world, place.name, seed, inception.message)

    def call(self, place: Place, invite: tuple[bytes, bytes] | None = None, hello: bool = True) -> None:
        """Be linked with `place`, and say hello unless not."""
        self.link = self.code = None
        self.got = []
        self.world.network.dial(self, events.Dial(place.address, place.home, invite), self._failed)
        self.world.until(lambda: self.link is not None or self.refused, 10, "the puppet is linked")
        if hello and self.link is not None:
            self.hello(place)

    def fall_silent(self) -> None:
        """Its process ends: the machine tells the other ends."""
        self.running = False
        self.world.network.hang_up(self)

    def hello(self, place: Place, **other: Any) -> None:
        said: dict[int, Any] = {1: [1], 2: [], 3: place.node.today(), 4: 0, 5: self.name, 6: "a puppet"}
        self.say(frames.HELLO, said | {int(key[1:]): value for key, value in other.items()})

    def say(self, kind: int, *fields: Any) -> None:
        self.say_bytes(write_frame(kind, *fields))

    def say_bytes(self, data: bytes) -> None:
        assert self.link is not None
        self.world.network.send(self, self.link, data)

    def heard(self, kind: int) -> list[list[Any]]:
        """The fields of every frame of a type that came."""
        return [fields for got, fields in self.got if got == kind]

    def records(self) -> list[bytes]:
        """Every record that came."""
        return [message for _, messages in self.heard(frames.RECORDS) for message in messages]

    # what the network tells

    def _failed(self, code: str) -> None:
        self.refused = code

    def up(self, link: int, home: bytes, initiator: bool, handshake_hash: bytes, invite: Any) -> None:
        self.link, self.handshake_hash = link, handshake_hash

    def frame(self, link: int, data: bytes) -> None:
        if link == self.link:
            self.got.append(read_frame(data))

    def down(self, link: int, code: str) -> None:
        if link == self.link:
            self.code = code
