"""One link from the first hello to the end: who the other side is to us, and what follows from that.

After the handshake both sides say hello, then name the coalitions they are in by blinds: HMAC-SHA256 of
the coalition's secret over the handshake hash and the namer's role. A blind that matches one of ours
opens the exchange of that coalition's roster and nothing else; what the roster says opens the rest:

    roster set      where both named the coalition
    coalition set   where both are members by our roster
    pair set        where both coordinators approved the link, or both are members of one coalition

A link may also serve to ask (`ask`: our coordinator approves a link with you), to offer a coalition
(`offer`: we list you in it), to join one by invitation (`join`, `welcome`), or to find out which
neighborhood a recovery sheet belongs to (`keys_wanted`, `keys_given`).
"""

from __future__ import annotations

import hashlib
import hmac
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

from protocol.errors import TheirFault
from protocol.record import Record
from sync import credits, frames
from sync.exchange import Exchange, Window
from sync.frames import write_frame
from sync.gossip import Gossip
from sync.limits import TokenBucket
from sync.port import Port
from sync.sets import SetKey

HELLO_TIMEOUT_S = 15.0
HELLO_AGAIN_S = 600.0  # between two later hellos; two unset clocks could follow each other back and forth
IDLE_STRANGER_S = 60.0  # a link that serves nothing is closed after this
UNKNOWN_FRAMES_MAX = 100
KEYS_WANTED_MAX = 16  # questions for key records on one link
FRAMES_PER_S = 200.0  # on average; bulk loading sends some 25
FRAMES_AT_ONCE_MAX = 2_000


def blind(secret: bytes, handshake_hash: bytes, initiator: bool) -> bytes:
    """How the initiator (or the other side) names a coalition on one link."""
    role = b"initiator" if initiator else b"responder"
    return hmac.new(secret, b"barnraise/1 blind\x00" + handshake_hash + role, hashlib.sha256).digest()


@dataclass(slots=True)
class Session:
    """The state of one link. Methods give the frames to send and raise TheirFault to end the link."""

    port: Port
    peer: bytes
    initiator: bool
    handshake_hash: bytes
    invite_id: bytes | None
    since: float
    node_key: bytes = b""  # with which the peer greeted us
    link: int = 0
    gossip: Gossip = field(default_factory=Gossip)
    visit: bool = False  # we called only to compare: news is named here, and goes whole elsewhere
    exchange: Exchange = field(init=False)
    hello: dict[int, Any] | None = None
    their_blinds: frozenset[bytes] = frozenset()
    our_blinds: tuple[bytes, ...] = ()
    shared: set[bytes] = field(default_factory=set)
    asked: bool = False
    offered: set[bytes] = field(default_factory=set)
    joined: Callable[[bytes | None], None] = lambda coalition: None
    features: Sequence[str] = frames.FEATURES
    sketches_failed: dict[bytes, float] = field(default_factory=dict)  # the node's
    unknown_frames: int = 0
    keys_wanted: int = 0
    keys_left: list[bytes] = field(default_factory=list)  # of an answer that did not fit into one frame
    keys_place: bytes = b""  # the hash of the last key record given: who names it is given those
    pace: TokenBucket = field(default_factory=lambda: TokenBucket(FRAMES_PER_S, FRAMES_AT_ONCE_MAX))
    said_day: tuple[int, int] = (0, 0)  # day and floor in our last hello
    said_again: float | None = None

    def __post_init__(self) -> None:
        self.exchange = Exchange(
            self.port,
            self.peer,
            comparer=self.initiator,
            failed=self.sketches_failed,
            gossip=self.gossip,
            link=self.link,
        )

    def begin(self) -> list[bytes]:
        """The first frame. It is said again on another day."""
        port = self.port
        self.said_day = port.today(), port.floor()
        said = {
            1: frames.VERSIONS,
            2: list(self.features),
            3: self.said_day[0],
            4: self.said_day[1],
            5: port.name,
            6: port.software,
            7: credits.offered(),
        }
        return [write_frame(frames.HELLO, said)]

    @property
    def serves(self) -> bool:
        """Whether anything is exchanged here, or may be once a person decides."""
        return bool(self.exchange.sets) or self.port.knows(self.peer)

    @property
    def in_step(self) -> bool:
        """Whether we, who compare here, have found every set equal."""
        sets = self.exchange.sets.values()
        return bool(sets) and all(state.same for state in sets)

    def receive(self, data: bytes, now: float) -> list[bytes]:
        """A frame from the other side. Raises TheirFault."""
        kind, fields = frames.read_frame(data)
        if not self._is_paid(kind, fields) and self.pace.take(1.0, now) > 0:
            raise TheirFault("too_fast", limit=f"FRAMES_PER_S {FRAMES_PER_S:g}")
        if self.hello is None:
            if kind != frames.HELLO:
                raise TheirFault("unexpected_frame")
            return self._on_hello(fields[0], now)
        if kind in (
            frames.COMPARE,
            frames.SAME,
            frames.DIFFERS,
            frames.RECONCILE,
            frames.RECONCILED,
            frames.NOT_SHARED,
            frames.SHARED,
            frames.SKETCH_WANTED,
            frames.SKETCH,
        ):
            return self.exchange.on_compare(kind, fields, now)
        if kind == frames.COMPARE_ALL:
            return self.exchange.on_compare_all(fields[0], fields[1])
        if kind == frames.COMPARED:
            return self.exchange.on_compared(fields[0], fields[1], now)
        if kind == frames.RECORDS:
            return self.exchange.passing.on_records(fields[0], fields[1], now) if self.exchange.sets else []
        if kind == frames.TAKEN:
            return self.exchange.passing.on_taken(fields[0], now)
        if kind == frames.HAVE:
            return self.exchange.passing.on_have(fields[0], now) if self.exchange.sets else []
        if kind == frames.WANT:
            return self.exchange.passing.on_want(fields[0], now)
        if kind == frames.GRAFT:
            return self.exchange.passing.on_graft(fields[0], now)
        if kind == frames.PRUNE:
            self.exchange.passing.branch.prune(frames.read_set(fields[0], self.peer))
            return []
        if kind == frames.COALITIONS:
            self.their_blinds = frozenset(fields[0])
            return self._share(now)
        if kind == frames.ASK:
            return self._on_ask(fields[0], fields[1], now)
        if kind == frames.OFFER:
            if self.port.neighbor_state(self.peer) == "linked":
                self.port.offered(self.peer, fields[0], fields[1])
            return []
        if kind == frames.JOIN:
            return self._on_join(now)
        if kind == frames.WELCOME:
            return self._on_welcome(fields[0], fields[1], now)
        if kind in (frames.ASIDE_WANTED, frames.ASIDE_GIVEN):
            return self.exchange.passing.on_aside(kind, fields, now)
        if kind in (frames.STREAM, frames.STREAMED):
            return self.exchange.on_stream(kind, fields, now)
        if kind == frames.KEYS_WANTED:
            return self._on_keys_wanted(fields[0])
        if kind == frames.KEYS_GIVEN:
            return []  # an engine asks nobody: see node/finding.py
        if kind == frames.HELLO:
            self._take_day(fields[0])
            self.port.day_of_peer(self.peer, fields[0][3])
            self.exchange.compare_soon(now)
            return []
        self.unknown_frames += 1
        if self.unknown_frames > UNKNOWN_FRAMES_MAX:
            raise TheirFault("unexpected_frame", limit=f"UNKNOWN_FRAMES_MAX {UNKNOWN_FRAMES_MAX}")
        return []

    def _is_paid(self, kind: int, fields: list[Any]) -> bool:
        """Records and the word that ours are taken are bounded by credits: no rate of frames ends a link."""
        if kind == frames.TAKEN:
            return fields[0] in self.exchange.passing.in_flight
        return kind in (frames.RECORDS, frames.STREAMED)

    def tick(self, now: float) -> list[bytes]:
        """What is due. Raises TheirFault where the other side is silent or the link serves nothing."""
        if self.hello is None:
            if now - self.since > HELLO_TIMEOUT_S:
                raise TheirFault("link_timeout", limit=f"HELLO_TIMEOUT_S {HELLO_TIMEOUT_S:g}")
            return []
        if now - self.since > IDLE_STRANGER_S and not self.serves:
            raise TheirFault("not_linked", limit=f"IDLE_STRANGER_S {IDLE_STRANGER_S:g}")
        return self._say_day_again(now) + self.exchange.tick(now)

    def _say_day_again(self, now: float) -> list[bytes]:
        changed = self.said_day[0] != self.port.today()  # a floor alone lies below the day
        early = self.said_again is not None and now - self.said_again < HELLO_AGAIN_S
        if self.hello is None or not changed or early:
            return []
        self.said_again = now
        again = self.begin()
        self._take_day(self.hello)
        self.exchange.compare_soon(now)
        return again

    def next_due(self) -> float:
        """When `tick` has something to do. A new day is noticed at the tick after it."""
        if self.hello is None:
            return self.since + HELLO_TIMEOUT_S
        if not self.serves:
            return self.since + IDLE_STRANGER_S
        return self.exchange.next_due()

    def announce(self, records: list[Record], now: float) -> list[bytes]:
        """Pass on what is new here."""
        return self.exchange.passing.announce(records, now) if self.hello is not None else []

    def look_again(self, now: float) -> list[bytes]:
        """Our coalitions, rosters or approvals changed."""
        if self.hello is None:
            return []
        self.port.day_of_peer(self.peer, self.hello[3])  # it may have been a stranger's until now
        out = self._ask() + self._name_coalitions() + self._share(now)
        self.exchange.compare_soon(now)
        return out

    # greeting

    def _on_hello(self, said: dict[int, Any], now: float) -> list[bytes]:
        if not set(frames.VERSIONS) & set(said[1]):
            raise TheirFault("no_common_version")
        self._take_day(said)
        self.exchange.take_features(set(self.features) & set(said[2]))
        self.exchange.passing.take_limits(*said.get(7, [])[:3])
        self.port.heard(self.peer, said[5])
        self.port.day_of_peer(self.peer, said[3])
        out = self._ask()
        if self.initiator and self.invite_id is not None:
            out.append(write_frame(frames.JOIN))
        return out + self._name_coalitions() + self._share(now)

    def _take_day(self, said: dict[int, Any]) -> None:
        """What the two compare follows from the days and floors that both said last."""
        self.hello = said
        self.exchange.window = Window.between(*self.said_day, said[3], said[4])

    def _ask(self) -> list[bytes]:
        if self.asked or self.port.neighbor_state(self.peer) not in ("asked", "linked"):
            return []
        self.asked = True
        return [write_frame(frames.ASK, self.port.name, self.port.ask_message(self.peer))]

    def _on_ask(self, name: str, message: str, now: float) -> list[bytes]:
        before = self.port.neighbor_state(self.peer)
        if self.port.asked(self.peer, name, message) == "linked" and before != "linked":
            self.asked = False  # say yes once more: they may have declined our ask before they asked us
        return self._ask() + self._share(now)

    def _name_coalitions(self) -> list[bytes]:
        blinds = tuple(
            sorted(
                blind(secret, self.handshake_hash, self.initiator)
                for secret in self.port.coalitions().values()
            )
        )[: frames.COALITIONS_MAX]
        if blinds == self.our_blinds:
            return []
        self.our_blinds = blinds
        return [write_frame(frames.COALITIONS, list(blinds))]

    # sharing

    def _share(self, now: float) -> list[bytes]:
        """Work out which sets this link keeps equal, and offer the coalitions in which we list the peer."""
        port = self.port
        ours = port.coalitions()
        for coalition, secret in ours.items():
            if blind(secret, self.handshake_hash, not self.initiator) in self.their_blinds:
                self.shared.add(coalition)
        self.shared &= set(ours)
        keys: list[SetKey] = [("roster", coalition) for coalition in sorted(self.shared)]
        for coalition in sorted(self.shared):
            if {self.peer, port.home} <= port.members(coalition):
                keys.append(("coalition", coalition))
        if port.may_pair(self.peer):
            keys.append(("pair", self.peer))
        out = self._offer(ours) + self.exchange.share(keys, now)
        return out + self.exchange.passing.only_name(keys) if self.visit else out

    def _offer(self, ours: dict[bytes, bytes]) -> list[bytes]:
        """To who is linked, or asks us: a neighborhood of the roster that asks has lost what it knew."""
        if self.port.neighbor_state(self.peer) not in ("linked", "asks"):
            return []
        out = []
        for coalition in sorted(set(ours) - self.shared - self.offered):
            charter = self.port.charter(coalition)
            if self.peer in self.port.members(coalition) and charter is not None:
                self.offered.add(coalition)
                out.append(write_frame(frames.OFFER, *charter))
        return out

    def _on_keys_wanted(self, named: bytes) -> list[bytes]:
        self.keys_wanted += 1
        if self.keys_wanted > KEYS_WANTED_MAX:
            raise TheirFault("too_fast", limit=f"KEYS_WANTED_MAX {KEYS_WANTED_MAX}")
        records = self.keys_left if named == self.keys_place else self.port.keys_of_sheet(named)
        given = frames.fitting_key_records(records)
        self.keys_left = records[len(given) :]
        self.keys_place = hashlib.sha256(given[-1]).digest() if given else b""
        return [write_frame(frames.KEYS_GIVEN, given)]

    # joining by invitation

    def _on_join(self, now: float) -> list[bytes]:
        if self.initiator or self.invite_id is None:
            raise TheirFault("unexpected_frame")
        coalition = self.port.invited(self.invite_id, self.peer)
        charter = self.port.charter(coalition) if coalition is not None else None
        if coalition is None or charter is None:
            raise TheirFault("unknown_invite")
        self.shared.add(coalition)
        return [write_frame(frames.WELCOME, *charter), *self._share(now)]

    def _on_welcome(self, charter: bytes, epoch: bytes, now: float) -> list[bytes]:
        if not self.initiator or self.invite_id is None:
            raise TheirFault("unexpected_frame")
        coalition = self.port.welcomed(self.peer, charter, epoch)
        if coalition is None:
            raise TheirFault("bad_key_record")
        self.shared.add(coalition)
        self.joined(coalition)
        return self._name_coalitions() + self._share(now)
