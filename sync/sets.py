"""The sets that two nodes keep equal, by name.

("roster", c)      key records, charter, epochs, assents, sponsors, leaves of coalition c
("coalition", c)   everything else that coalition c shares
("pair", home)     what this neighborhood and `home` share with nobody else
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, TypeAlias

from sync.index import RangeIndex
from sync.sketch import Difference, Sketch

PATIENCE_S = 20.0  # for an answer
COMPARE_SOON_S = 2.0

SetName = Literal["roster", "coalition", "pair"]
SetKey: TypeAlias = tuple[SetName, bytes]


@dataclass(slots=True)
class SetState:
    """One set on one link."""

    live: bool = False
    same: bool = False  # found equal at least once
    busy_since: float | None = None
    next_compare: float = 0.0
    pause_s: float = COMPARE_SOON_S  # after a reconciliation
    progress: int = 0  # of the link, when that one ended
    rounds: int = 0
    said: bytes = b""  # the fingerprint in our last `compare`
    index: RangeIndex | None = None
    alone: bool = False  # the other side did not know it in a comparison of several: named in full next time
    sketch: Sketch | None = None  # what we state, as it was when the comparison began
    difference: Difference | None = None  # what the other side's sketch says so far
    cells_asked: int = 0  # of it
