"""What the system refuses, as a fault that a person can read: a place that is not there, a full disk."""

from __future__ import annotations

import errno

from protocol.errors import WorldFault

FULL = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)


def refused_by_system(error: OSError) -> WorldFault:
    """The same error as a fault: disk_full, else no_access; it names the file where the system does."""
    place = f"{error.filename}: " if error.filename else ""
    sentence = f"{place}{error.strerror or error}."
    return WorldFault("disk_full" if error.errno in FULL else "no_access", sentence)
