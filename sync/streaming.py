"""Streaming: who holds nothing of a set, or next to nothing, is sent all of it in order.

    stream(set, after)                       send me this set, from the first record after this point on
    streamed(set, batch, records, until)     the next records, up to this point; no point: that was all

A point is (created less 2020-01-01, id), the order of comparisons. Batches are bounded by the same credits as
others. The asker keeps the point up to which everything was taken where it keeps the records: after a break
or a restart it goes on from there, with the same peer or another. At the end the two sets are compared as
ever, which finds what came in meanwhile, and what only the asker holds.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from itertools import islice

from protocol.errors import TheirFault
from sync import frames
from sync.credits import Credits
from sync.frames import write_frame
from sync.port import Point, Port
from sync.sets import SetKey, SetState

FEATURE = "stream"  # in hello
STREAM_BELOW = 16  # items of a set, up to which its holder asks for all of it in order
STREAM_FROM = 32  # records that we lack, from which on it is worth it
STREAM_PATIENCE_S = 60.0  # without a batch, before the set is compared after all

START: Point = (0, bytes(32))


@dataclass(slots=True)
class Streams:
    """What this node is being streamed, and by which link."""

    links: dict[SetKey, int] = field(default_factory=dict)

    def down(self, link: int) -> None:
        """A link is over: another may go on."""
        for key in [key for key, by in self.links.items() if by == link]:
            del self.links[key]


@dataclass(slots=True)
class Coming:
    """A batch that came: the point up to which it reaches, None at the end of the set."""

    key: SetKey
    until: Point | None
    taken: bool = False


@dataclass(slots=True)
class Streaming:
    """The streams of one link, both ways. `sets` are the exchange's."""

    port: Port
    credits: Credits
    sets: dict[SetKey, SetState]
    link: int = 0
    streams: Streams = field(default_factory=Streams)
    spoken: bool = False  # the other side knows these frames
    giving: dict[SetKey, Point] = field(default_factory=dict)  # what we send, and up to where we have
    coming: dict[int, Coming] = field(default_factory=dict)  # batches, until all before them are taken
    last: dict[int, SetKey] = field(default_factory=dict)  # the batch that ends what we send
    busy: dict[SetKey, float] = field(default_factory=dict)  # until when a set is not compared
    over: set[SetKey] = field(default_factory=set)  # came to their end on this link: compared from then on
    seen: dict[SetKey, Point] = field(default_factory=dict)  # up to where batches came on this link

    # being streamed

    def ask(self, key: SetKey, count: int, now: float) -> list[bytes]:
        """Ask for a set of which we hold so many, if it should be streamed and nobody does; else nothing."""
        streams = self.streams
        if not self.spoken or key[0] == "roster" or key in self.over:
            return []
        if streams.links.get(key, self.link) != self.link:
            return []
        point = self.port.stream_point(key)
        if count > STREAM_BELOW and point is None:
            return []
        if point is None:
            point = START
            self.port.keep_stream_point(key, point)
        streams.links[key] = self.link
        self.seen[key] = point
        self.busy[key] = now + STREAM_PATIENCE_S
        for number in [number for number, batch in self.coming.items() if batch.key == key]:
            del self.coming[number]
        return [write_frame(frames.STREAM, frames.set_on_wire(key), list(point))]

    def came(self, key: SetKey, number: int, until: list[int | bytes], now: float) -> bool:
        """A batch of a stream came. False where we did not ask for it. Raises TheirFault."""
        before = self.seen.get(key)
        if before is None or key not in self.sets:
            return False
        point = _point(until)
        if point is not None and point <= before:
            raise TheirFault("bad_frame", "The other side goes in circles.")
        if point is None:
            del self.seen[key]
        else:
            self.seen[key] = point
        self.coming[number] = Coming(key, point)
        self.busy[key] = now + STREAM_PATIENCE_S
        return True

    def taken(self, number: int, now: float) -> None:
        """All of a batch went through the door. The point moves once all before it did, too."""
        if number not in self.coming:
            return
        self.coming[number].taken = True
        key = self.coming[number].key
        row = [(at, batch) for at, batch in self.coming.items() if batch.key == key]
        for at, batch in row:
            if not batch.taken:
                return
            del self.coming[at]
            self.port.keep_stream_point(key, batch.until)
            if batch.until is not None:
                continue
            self.streams.links.pop(key, None)
            self.busy.pop(key, None)
            self.over.add(key)

    # streaming

    def begin(self, key: SetKey, after: list[int | bytes], now: float) -> None:
        """The other side asks for a set that we share."""
        self.giving[key] = _point(after) or START
        self.busy[key] = now + STREAM_PATIENCE_S

    def over_there(self, number: int) -> None:
        """The other side has taken a batch of ours: with the last one the set may be compared."""
        key = self.last.pop(number, None)
        if key is not None:
            self.busy.pop(key, None)

    def send(self, now: float) -> list[bytes]:
        """Batches, as far as credits allow."""
        out = []
        for key in list(self.giving):
            if key not in self.sets:  # no longer shared
                del self.giving[key]
            while key in self.giving and (room := self.credits.room_bytes()):
                frame = self._batch(key, room, now)
                if frame is None:
                    break
                out.append(frame)
        return out

    def _batch(self, key: SetKey, room: int, now: float) -> bytes | None:
        point = self.giving[key]
        index = self.port.index(key, 2**40, 0)  # all of it: what is not for its day is judged there
        rank = index.rank(*point)
        if rank < len(index) and index.item(rank) == point:
            rank += 1
        messages: list[bytes] = []
        size = 0
        for item in islice(index.items(rank, len(index)), self.credits.records_max):
            message = self.port.message(item[1])
            if message is not None:
                if size + len(message) > room:
                    if not messages:
                        return None
                    break
                messages.append(message)
                size += len(message) + 3
            point = item
            rank += 1
        self.giving[key] = point
        until = list(point) if rank < len(index) else []
        self.busy[key] = now + STREAM_PATIENCE_S
        if not until:
            del self.giving[key]
        number = self.credits.spend(size, now)
        if not until:
            self.last[number] = key
        return write_frame(frames.STREAMED, frames.set_on_wire(key), number, messages, until)


def _point(stated: list[int | bytes]) -> Point | None:
    if not stated:
        return None
    time, record_id = stated
    assert isinstance(time, int) and isinstance(record_id, bytes)  # frames.py has seen to it
    return time, record_id
