"""One neighborhood's process in the demo: a real node, found by mDNS on loopback only.

Every plaintext frame of its links is written to a file as it goes, so that the demo can search what
crossed them; the first line on stdout says where the node is and how to set it up.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import logging
import os
import signal
import sys
from pathlib import Path

from node.actions.setup import new_setup_link
from node.logs import log_to
from node.serve import Server
from node.settings import Settings


async def run(data: Path, port: int, capture: Path) -> None:
    """Serve until SIGTERM or SIGINT."""
    handle = os.open(capture, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)

    def tap(direction: str, frame: bytes) -> None:
        os.write(handle, direction.encode() + b" " + frame + b"\n")

    settings = Settings(data=data, port=port, listen="127.0.0.1", discovery="loopback", allow_loopback=True)
    server = Server(settings, tap=tap)
    stopping = asyncio.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        asyncio.get_running_loop().add_signal_handler(number, stopping.set)
    served = await server.start()
    token = "" if served.node.is_set_up else new_setup_link(served.node)
    print(json.dumps({"url": served.urls[0], "setup": token}), flush=True)
    await stopping.wait()
    await server.stop()


def main() -> None:
    """Arguments: --data, --port, --capture."""
    parser = argparse.ArgumentParser(prog="barnraise demo host")
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--port", type=int, required=True)
    parser.add_argument("--capture", type=Path, required=True)
    given = parser.parse_args()
    log_to(sys.stderr, logging.DEBUG)
    asyncio.run(run(given.data, given.port, given.capture))


if __name__ == "__main__":
    main()
