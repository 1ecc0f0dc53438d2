"""A node as a process of its own that says how a bulk load went.

`python -m tests.bench.loading DATA PORT COUNT` prints `ready URL` and, when it holds COUNT posts, one line of
JSON. A task beats every few milliseconds; the longest wait between two beats, less its sleep, is how long the
event loop was held.
"""

from __future__ import annotations

import asyncio
import json
import resource
import sys
import time
from pathlib import Path

from node.app import Node
from node.serve import Served, serve
from node.settings import Settings

BEAT_S = 0.002
LOOK_S = 0.1


class Heart:
    """The longest that the event loop was held: by the clock on the wall, and by its own thread's work."""

    def __init__(self) -> None:
        self.held_s = self.worked_s = 0.0
        self.over_50_ms = 0

    async def beat(self) -> None:
        wall, worked = time.monotonic(), time.thread_time()
        while True:
            await asyncio.sleep(BEAT_S)
            wall_now, worked_now = time.monotonic(), time.thread_time()
            held_s = wall_now - wall - BEAT_S
            self.over_50_ms += held_s > 0.05
            self.held_s = max(self.held_s, held_s)
            self.worked_s = max(self.worked_s, worked_now - worked)
            wall, worked = wall_now, worked_now


def records_so_far(node: Node) -> int:
    """The number under which the last record came in; asking takes no time, and holds nothing up."""
    return int(node.connection.execute("SELECT coalesce(max(seq), 0) FROM records").fetchone()[0])


def posts_held(node: Node) -> int:
    """How many posts are on the board."""
    return int(node.connection.execute("SELECT count(*) FROM view_posts").fetchone()[0])


def resident_bytes() -> int:
    """What this process has in memory now."""
    pages = int(Path("/proc/self/statm").read_text().split()[1])
    return pages * resource.getpagesize()


async def watch(served: Served, count: int) -> None:
    """Say how it went once `count` posts are held."""
    heart = Heart()
    before = records_so_far(served.node)
    begun, cpu = time.monotonic(), time.process_time()
    beating = asyncio.create_task(heart.beat())
    while (  # noqa: ASYNC110  SQLite tells nobody
        records_so_far(served.node) - before < count or posts_held(served.node) < count
    ):
        await asyncio.sleep(LOOK_S)
    beating.cancel()
    found = {
        "load_s": time.monotonic() - begun,
        "load_cpu_s": time.process_time() - cpu,
        "held_ms": heart.held_s * 1000,
        "worked_ms": heart.worked_s * 1000,
        "over_50_ms": heart.over_50_ms,
    }
    await asyncio.sleep(3)  # what has to be said and compared after a load
    print(json.dumps(found | {"resident_bytes": resident_bytes()}), flush=True)


async def main(data: str, port: int, count: int) -> None:
    settings = Settings(Path(data), port=port, listen="127.0.0.1", discovery="off", allow_loopback=True)
    watching: list[asyncio.Task[None]] = []

    def ready(served: Served) -> None:
        print(f"ready {served.urls[0]}", flush=True)
        if count:
            watching.append(asyncio.create_task(watch(served, count)))

    await serve(settings, ready)
    for task in watching:
        task.cancel()


if __name__ == "__main__":
    asyncio.run(main(sys.argv[1], int(sys.argv[2]), int(sys.argv[3])))
