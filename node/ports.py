"""Which program holds a port of this machine, where /proc tells (Linux).

Of another user's program only root is told the name; anybody, whose it is.
"""

from __future__ import annotations

import os
import pwd
from pathlib import Path

_LISTENING = {"tcp": "0A", "udp": "07"}


def holder(port: int, kind: str = "tcp") -> str:
    """The name and number of the program that listens on `port`, else whose it is, "" if nobody can know."""
    owners = _inodes(port, kind)
    inodes = owners.keys()
    own = os.getpid()
    for folder in sorted(Path("/proc").glob("[0-9]*"), key=lambda path: int(path.name)):
        if int(folder.name) == own:
            continue
        try:
            held = {os.readlink(link) for link in (folder / "fd").iterdir()}
            if not held.isdisjoint(inodes):
                return f"{(folder / 'comm').read_text().strip()} ({folder.name})"
        except OSError:
            continue  # gone meanwhile, or another user's
    users = [_user(uid) for uid in sorted({*owners.values()} - {os.getuid()})]
    return f"a program of the user {' or '.join(users)}" if users else ""


def _user(uid: int) -> str:
    try:
        return pwd.getpwuid(uid).pw_name
    except KeyError:
        return str(uid)


def _inodes(port: int, kind: str) -> dict[str, int]:
    """The sockets that listen on a port, and the user of each."""
    found = {}
    for table in (f"/proc/net/{kind}", f"/proc/net/{kind}6"):
        try:
            lines = Path(table).read_text().splitlines()[1:]
        except OSError:
            continue
        for row in map(str.split, lines):
            if int(row[1].rpartition(":")[2], 16) == port and row[3] == _LISTENING[kind]:
                found[f"socket:[{row[9]}]"] = int(row[7])
    return found
