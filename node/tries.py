"""Wrong passphrases of the last minutes: a guesser is held up, by name and by address."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Iterable
from dataclasses import dataclass, field

from protocol.errors import OurFault

TRIES_MAX = 10  # wrong passphrases for one name or from one address within TRIES_WINDOW_S
TRIES_WINDOW_S = 600
REMEMBERED_MAX = 1_000  # names and addresses; the one tried longest ago leaves first


@dataclass(slots=True)
class Tries:
    """When each name and address last failed."""

    at: OrderedDict[str, list[int]] = field(default_factory=OrderedDict)

    def check(self, names: Iterable[str], now: int) -> None:
        """Raises OurFault("too_many_tries") while one of the names has failed too often."""
        for name in names:
            recent = [time for time in self.at.get(name, ()) if time > now - TRIES_WINDOW_S]
            if len(recent) >= TRIES_MAX:
                raise OurFault("too_many_tries", "Too many tries. Please wait ten minutes.")

    def failed(self, names: Iterable[str], now: int) -> None:
        """Remember a failure."""
        for name in names:
            self.at[name] = [*self.at.get(name, ()), now][-TRIES_MAX:]
            self.at.move_to_end(name)
        while len(self.at) > REMEMBERED_MAX:
            self.at.popitem(last=False)
