"""Ana's node calls Ben's over real sockets on loopback. Both ends are driven; nothing waits on a clock."""

from __future__ import annotations

import asyncio

import pytest

from protocol import signing
from sync import transport
from sync.channel import FRAME_SIZE_BYTES_MAX
from sync.transport import dial
from tests.sync.wire import INVITE, frames, linked, two_nodes


async def test_two_nodes_greet_and_know_each_other() -> None:
    async with two_nodes() as (ana, ben, session):
        to_ben = await dial(session, ben.address, ana.end, expected=ben.home)
        to_ana = await ben.links.get()
        assert (to_ben.peer.home, to_ana.peer.home) == (ben.home, ana.home)
        assert to_ben.peer.node_key == signing.public_key(ben.seed)
        assert to_ben.handshake_hash == to_ana.handshake_hash
        assert (to_ben.initiator, to_ana.initiator) == (True, False)
        assert (to_ben.invite_id, to_ana.invite_id) == (None, None)
        assert (to_ben.address, to_ana.address) == (ben.address, "127.0.0.1")
        to_ben.close("")
        assert await frames(to_ana) == []
        assert len(ben.end.greetings) == 0


async def test_an_invitation_reaches_both_ends() -> None:
    async with linked(invite=INVITE) as (to_ben, to_ana):
        assert to_ben.invite_id == to_ana.invite_id == INVITE[0]


async def test_frames_travel_both_ways_in_order_up_to_the_limit() -> None:
    async with linked() as (to_ben, to_ana):
        sent = [b"hello", b"", bytes(FRAME_SIZE_BYTES_MAX), b"bye"]
        for frame in sent:
            await to_ben.send(frame)
            to_ana.put(frame)
        to_ben.close("duplicate_link")  # what waits is still sent
        assert await frames(to_ana) == sent
        assert (to_ana.code, to_ana.closed_by_us) == ("duplicate_link", False)
        assert (to_ben.code, to_ben.closed_by_us) == ("duplicate_link", True)


async def test_the_tap_sees_every_plaintext_frame_on_both_ends() -> None:
    async with two_nodes() as (ana, ben, session):
        to_ben = await dial(session, ben.address, ana.end)
        to_ben.put(b"a need")
        to_ana = await ben.links.get()
        async for frame in to_ana:
            assert frame == b"a need"
            to_ana.put(b"an offer")
            to_ana.close("")
        assert await frames(to_ben) == [b"an offer"]
        assert ana.tapped == [("out", b"a need"), ("in", b"an offer")]
        assert ben.tapped == [("in", b"a need"), ("out", b"an offer")]


async def test_no_plaintext_is_on_the_wire() -> None:
    """A proxy between the two, as an intermediary would be, sees the WebSocket but no word."""
    async with two_nodes() as (ana, ben, session):
        host, port = ben.address.split(":")
        seen = bytearray()

        async def carry(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            while data := await reader.read(65_536):
                seen.extend(data)
                writer.write(data)
            writer.close()

        async def between(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            to_reader, to_writer = await asyncio.open_connection(host, int(port))
            await asyncio.gather(carry(reader, to_writer), carry(to_reader, writer))

        proxy = await asyncio.start_server(between, "127.0.0.1", 0)
        to_ben = await dial(session, f"127.0.0.1:{proxy.sockets[0].getsockname()[1]}", ana.end)
        to_ana = await ben.links.get()
        to_ben.put(b"marked word")
        to_ana.put(b"marked word")
        to_ben.close("not_linked")
        assert await frames(to_ana) == [b"marked word"]
        await to_ben.wait_closed()
        assert b"Upgrade" in seen and b"not_linked" in bytes(seen) + unmasked(bytes(seen))
        for secret in (b"marked", ana.home[:8], ben.home[:8]):
            assert secret not in seen and secret not in unmasked(bytes(seen))
        proxy.close()


def unmasked(data: bytes) -> bytes:
    """Every client frame in `data`, unmasked, wherever a frame header may start."""
    found = b""
    for at in range(len(data) - 6):
        if data[at] in (0x82, 0x88) and data[at + 1] & 0x80:
            size, start = data[at + 1] & 0x7F, at + 2
            if size == 126:
                size, start = int.from_bytes(data[start : start + 2], "big"), start + 2
            mask, body = data[start : start + 4], data[start + 4 : start + 4 + size]
            found += bytes(byte ^ mask[i % 4] for i, byte in enumerate(body)) if len(mask) == 4 else b""
    return found


async def test_a_peer_that_takes_nothing_fills_the_queue_and_loses_the_link() -> None:
    async with linked() as (to_ben, to_ana):
        frame = bytes(FRAME_SIZE_BYTES_MAX)
        for _ in range(transport.BYTES_WAITING_MAX // len(frame)):
            to_ben.put(frame)
        assert to_ben.code == ""
        to_ben.put(frame)
        assert (to_ben.code, to_ben.closed_by_us) == ("queue_full", True)
        to_ben.put(b"more")  # on a link that has ended: nothing happens
        await frames(to_ana)
        assert to_ana.code == "queue_full"


async def test_many_small_frames_fill_the_queue_too() -> None:
    async with linked() as (to_ben, to_ana):
        for _ in range(transport.FRAMES_WAITING_MAX):
            to_ben.put(b"")
        assert to_ben.code == ""
        to_ben.put(b"")
        assert to_ben.code == "queue_full"
        await frames(to_ana)
        assert to_ana.code == "queue_full"


async def test_who_sends_faster_than_we_take_is_held_up_and_nothing_is_lost() -> None:
    async with linked() as (to_ben, to_ana):
        frame = bytes(FRAME_SIZE_BYTES_MAX)
        numbers = iter(range(100_000))
        taken, held_up, sent = 0, False, 0
        while not held_up:  # Ben takes nothing: sooner or later Ana's frames stay with her
            before = len(to_ben._waiting)
            to_ben.put(next(numbers).to_bytes(4, "big") + frame[4:])
            sent += 1
            for _ in range(200):
                await asyncio.sleep(0)
            held_up = before > 0 and len(to_ben._waiting) > before
        assert to_ben.code == ""
        async for frame in to_ana:
            assert int.from_bytes(frame[:4], "big") == taken
            taken += 1
            if taken == sent:
                to_ana.close("")
        assert taken == sent


async def test_a_peer_that_reads_nothing_cannot_keep_a_closed_link_open(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(transport, "FLUSH_TIMEOUT_S", 0.05)
    monkeypatch.setattr(transport, "CLOSE_TIMEOUT_S", 0.05)
    async with linked() as (to_ben, _):
        while to_ben.code != "queue_full":
            to_ben.put(bytes(FRAME_SIZE_BYTES_MAX))
            await asyncio.sleep(0)
        await to_ben.wait_closed()
        for _ in range(100):
            await asyncio.sleep(0)
        assert to_ben._tcp.fileno() == -1  # although much of what was sent was never taken
