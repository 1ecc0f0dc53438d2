"""Figures of carrying by hand: how long one step holds the event loop, and how large a digest is.

Times are the processor's for this thread, so that what else the machine does is not counted.
"""

from __future__ import annotations

import hashlib
import time
from collections.abc import Iterator

from node.actions import carry
from node.actions.carry_in import Reading
from protocol.bundle import PAGE_SIZE_BYTES, START_SIZE_BYTES, header_size_bytes, padded_count
from protocol.kinds.parcel import prekey_public
from protocol.letter import Packer, Section, short_id
from tests.bench.figures import Effort, Measured, figure
from tests.protocol.bundles import file_of, letter_to
from tests.protocol.helpers import Neighborhood, secret
from tests.sim.test_carry import valley

POSTS = 600
IDS = 100_000


@figure("ms", goal=50)
def carry_step_ms(effort: Effort) -> Measured:
    """The longest that a step of writing a file, or of reading one into an empty board, holds the event loop.

    Of several tries the best counts.
    """
    tries = []
    for number in range(effort.rounds):
        _, (riverbend, oak), _ = valley(f"bench {number}", "riverbend", "oak")
        riverbend.stop()
        oak.stop()
        for post in range(effort.of(POSTS)):
            who = riverbend.member(f"Neighbor {post // 150}")
            riverbend.post(f"Ride {post} to the clinic", by=who, text="On Tuesday at ten, by the mill.")
        pieces: list[bytes] = []
        to = carry.recipients(riverbend.node, [oak.home])
        written = _longest_s(_kept(carry.Writing(riverbend.node, to).pieces(), pieces))
        file = b"".join(pieces)
        reading, size = Reading(oak.node), header_size_bytes(file[:START_SIZE_BYTES])
        read = max(_longest_s(reading.begin(file[:size])), _longest_s(_steps(reading, file[size:])))
        assert reading.finish().new == effort.of(POSTS)
        tries.append(max(written, read))
    return Measured(round(min(tries) * 1_000, 2))


@figure("kB", goal=1_000)
def carry_digest_100k_kb(effort: Effort) -> Measured:
    """A file that says which of 100,000 records are held. The floor: their short ids alone."""
    oak, section = Neighborhood("Oak Street"), Section(None, secret("pair"), None)
    shorts = sorted(short_id(section.key, hashlib.sha256(b"%d" % n).digest()) for n in range(effort.of(IDS)))
    packer = Packer()
    contents = [*packer.held("pair", shorts), *packer.close()]
    letter = letter_to(oak.id, secret("reader"), [section], tells_held=True)
    needed = 1 + len(contents)
    prekeys = {oak.id: prekey_public(secret("prekey"))}
    pages = [(section.key, content) for content in contents]
    file = file_of(secret("file"), prekeys, [letter], pages, oak.seed, padded_count(needed) - needed)
    return Measured(round(len(file) / 1_000, 1), 8 * effort.of(IDS) / 1_000)


def _steps(reading: Reading, pages: bytes) -> Iterator[None]:
    for at in range(0, len(pages), PAGE_SIZE_BYTES):
        yield from reading.take(pages[at : at + PAGE_SIZE_BYTES])
        yield


def _kept(pieces: Iterator[bytes], into: list[bytes]) -> Iterator[None]:
    for piece in pieces:
        into.append(piece)
        yield


def _longest_s(steps: Iterator[None]) -> float:
    longest = 0.0
    begun = time.thread_time()
    for _ in steps:
        longest = max(longest, time.thread_time() - begun)
        begun = time.thread_time()
    return max(longest, time.thread_time() - begun)
