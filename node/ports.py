"""Which program holds a port of this machine, where /proc tells (Linux; of others' programs only to root)."""

from __future__ import annotations

import os
from pathlib import Path

_LISTENING = {"tcp": "0A", "udp": "07"}


def holder(port: int, kind: str = "tcp") -> str:
    """The name and number of the program that listens on `port`, "" if that cannot be known."""
    inodes = _inodes(port, kind)
    if not inodes:
        return ""
    own = os.getpid()
    for folder in sorted(Path("/proc").glob("[0-9]*"), key=lambda path: int(path.name)):
        if int(folder.name) == own:
            continue
        try:
            held = {os.readlink(link) for link in (folder / "fd").iterdir()}
            if held & inodes:
                return f"{(folder / 'comm').read_text().strip()} ({folder.name})"
        except OSError:
            continue  # gone meanwhile, or another user's
    return ""


def _inodes(port: int, kind: str) -> set[str]:
    found = set()
    for table in (f"/proc/net/{kind}", f"/proc/net/{kind}6"):
        try:
            lines = Path(table).read_text().splitlines()[1:]
        except OSError:
            continue
        for row in map(str.split, lines):
            if int(row[1].rpartition(":")[2], 16) == port and row[3] == _LISTENING[kind]:
                found.add(f"socket:[{row[9]}]")
    return found
