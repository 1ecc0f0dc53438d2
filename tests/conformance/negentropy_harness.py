"""Our Negentropy behind the line protocol of the reference's own test suite, on stdin and stdout.

To run that suite against it, fetch github.com/hoytech/negentropy (the suite wants perl with
Session::Token, and node), add this to the table in test/Utils.pm

    } elsif ($harnessType eq 'barnraise') {
        return "bash -c 'cd /path/to/barnraise && .venv/bin/python tests/conformance/negentropy_harness.py'";

and then, in test/:  perl test.pl js,barnraise

In:  `item,<created>,<hex id>`, `seal`, `initiate`, `msg,<hex>`.
Out: `msg,<hex>`, `have,<hex id>`, `need,<hex id>`, `done`. The environment gives FRAMESIZELIMIT, in bytes.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Iterable, Iterator
from pathlib import Path

if __name__ == "__main__":  # the suite starts this file from a folder of its own
    sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

from sync.index import RangeIndex
from sync.reconcile import Reconciler


def answers(lines: Iterable[str], frame_size_max: int) -> Iterator[str]:
    """The lines to say, one by one, as lines come in. Raises ValueError for a line it does not know."""
    items: list[tuple[int, bytes]] = []
    side = Reconciler(RangeIndex(), frame_size_max)
    initiator = False
    for line in lines:
        word, *rest = line.strip().split(",")
        message: bytes | None
        if word == "item":
            created, item_id = rest
            items.append((int(created), bytes.fromhex(item_id)))
            continue
        if word == "seal":
            index = RangeIndex()
            if index.bulk(sorted(items)) != len(items):
                raise ValueError("duplicate item")
            items.clear()
            side = Reconciler(index, frame_size_max)
            continue
        if word == "initiate":
            initiator = True
            message = side.initiate()
        elif word == "msg":
            message = bytes.fromhex(rest[0] if rest else "")
            if initiator:
                step = side.reconcile(message)
                yield from (f"have,{item_id.hex()}" for item_id in step.have)
                yield from (f"need,{item_id.hex()}" for item_id in step.need)
                message = step.reply
            else:
                message = side.respond(message)
        else:
            raise ValueError(f"unknown command: {word}")
        if message is None:
            yield "done"
        elif frame_size_max and len(message) > frame_size_max:
            raise ValueError("frame limit exceeded")
        else:
            yield f"msg,{message.hex()}"


def main() -> None:
    frame_size_max = int(os.environ.get("FRAMESIZELIMIT") or 0)
    for answer in answers(sys.stdin, frame_size_max):
        print(answer, flush=not answer.startswith(("have", "need")))


if __name__ == "__main__":
    main()
