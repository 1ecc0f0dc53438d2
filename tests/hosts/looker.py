"""A program that looks around by mDNS as a node does, and writes what it sees, one JSON object a line.

    python -m tests.hosts.looker HOME_HEX NAME PORT

{"seen": name, "host": …, "addresses": […], "interface": …, "port": …}
{"gone": home}
{"note": …, "own": host}
"""

from __future__ import annotations

import asyncio
import json
import sys

from sync.discovery import Discovery
from sync.sightings import Sighting


def say(**what: object) -> None:
    print(json.dumps(what), flush=True)


def seen(sighting: Sighting) -> None:
    say(
        seen=sighting.name,
        home=sighting.home.hex(),
        host=sighting.host,
        addresses=sighting.addresses,
        interface=sighting.interface,
        port=sighting.port,
    )


async def main(home: str, name: str, port: str) -> None:
    looking = Discovery(bytes.fromhex(home), name, int(port), "all", seen, lambda gone: say(gone=gone.hex()))
    await looking.start()
    told = ("", "")
    while True:
        if (looking.note, looking.host) != told:
            told = (looking.note, looking.host)
            say(note=looking.note, own=looking.host)
        await asyncio.sleep(0.05)


if __name__ == "__main__":
    asyncio.run(main(*sys.argv[1:]))
