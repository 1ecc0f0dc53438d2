"""The kernel says when this machine's interfaces or addresses change; so nobody needs to ask all the time.

Linux's rtnetlink: a socket of the standard library that any user may open. What the messages say is not
read, only that there was one: `up_interfaces` looks for itself. Elsewhere there is none, and discovery
looks every RECHECK_S.
"""

from __future__ import annotations

import asyncio
import contextlib
import socket

SETTLE_S = 0.5  # a lease replaces several addresses one after the other

_NETLINK_ROUTE = 0
_LINKS, _IPV4_ADDRESSES, _IPV6_ADDRESSES = 0x1, 0x10, 0x100  # RTMGRP_* of linux/rtnetlink.h
_MESSAGE_BYTES_MAX = 65_536


class Netlink:
    """`await changed()` returns when something has changed, once that is over."""

    def __init__(self, listening: socket.socket) -> None:
        self._socket = listening

    async def changed(self) -> None:
        """Waits for the next change, and for those that come with it. Raises OSError where it is cut off."""
        loop = asyncio.get_running_loop()
        with contextlib.suppress(OSError):  # ENOBUFS: more came than there was room for, so much changed
            await loop.sock_recv(self._socket, _MESSAGE_BYTES_MAX)
        await asyncio.sleep(SETTLE_S)
        with contextlib.suppress(BlockingIOError, OSError):
            while True:
                self._socket.recv(_MESSAGE_BYTES_MAX)

    def close(self) -> None:
        """Stop listening."""
        self._socket.close()


def listen() -> Netlink | None:
    """An ear for the kernel, None where there is none."""
    try:
        listening = socket.socket(socket.AF_NETLINK, socket.SOCK_RAW, _NETLINK_ROUTE)
    except (AttributeError, OSError):
        return None
    try:
        listening.setblocking(False)
        listening.bind((0, _LINKS | _IPV4_ADDRESSES | _IPV6_ADDRESSES))
    except OSError:
        listening.close()
        return None
    return Netlink(listening)
