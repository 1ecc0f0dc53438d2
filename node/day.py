"""What day this node takes it to be, from its clock and what peers say. The rule itself is sync/days.py."""

from __future__ import annotations

from typing import TYPE_CHECKING

from node.store.known import DISPUTED_DAY
from sync.days import Days

if TYPE_CHECKING:
    from node.app import Node

CLOCK_SET_S = 3600.0  # a clock that is this much further than the time that has passed was set


class DayKept:
    """The part of the port that has to do with days."""

    def __init__(self, node: Node) -> None:
        self.node = node
        self.days = Days()
        self.told_the_day = False  # by others, since the start
        self._clock_ahead_s: float | None = None  # of a clock that is never set

    def known_homes(self) -> set[bytes]:
        """Those that this node is linked or in a coalition with."""
        raise NotImplementedError

    def _agree_on_day(self) -> None:
        before_build = self.node.clock_before_build()
        self.node.day_offset = self.days.offset(clock_set=not before_build)
        self.node.clock_unset = before_build or self.days.clock_unset()
        disputed_by = 0 if before_build else self.days.disputed_by()
        self._heed_dispute(self.node.own_clock_day() - disputed_by if disputed_by else None)
        self.told_the_day = self.days.prove(len(self.known_homes()), clock_set=not before_build)
        if self.told_the_day and self.node.today() != self.node.proven_day():
            self.node.set_setting("proven_day", str(self.node.today()))

    def _heed_dispute(self, day: int | None) -> None:
        """While nobody can tell whose clock is right, nothing is over that is not over by the earlier one.

        What the two compare is all that neither holds to be over; and without the cards of others, a node
        whose own clock is ahead would never find a third that could tell.
        """
        said = "" if day is None else str(day)
        if said != self.node.setting(DISPUTED_DAY):
            with self.node.records.transaction():
                self.node.set_setting(DISPUTED_DAY, said)
                self.node.records.known_changed()

    def watch_clock(self, steady_s: float) -> None:
        """Notice that our own clock was set while we run, against one that never is.

        What others' days differed by counted from the old time: it is forgotten until they say theirs again.
        """
        ahead_s = self.node.now() - steady_s
        before_s, self._clock_ahead_s = self._clock_ahead_s, ahead_s
        if before_s is not None and abs(ahead_s - before_s) > CLOCK_SET_S:
            self.days.differences.clear()
            self.told_the_day = False
            if not self.node.clock_before_build():
                self._agree_on_day()
