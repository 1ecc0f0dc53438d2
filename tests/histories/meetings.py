"""Two neighborhoods meet: each hands over what the other lacks in the sets that they share.

This takes the place of sockets and frames. Which sets are shared, which records of them are compared and what
may be handed over at all is asked of the node's own `StorePort` and `Window`. Lines lose, double and shuffle.
"""

from __future__ import annotations

import random
from typing import TYPE_CHECKING

from sync.exchange import Window
from sync.index import RangeIndex
from sync.sets import SetKey

if TYPE_CHECKING:
    from tests.histories.homes import Home

PASSES_MAX = 40  # over all pairs, until nothing is new; a history that needs more does not end


class Line:
    """How bad a line is: each a probability for one record."""

    def __init__(self, chance: random.Random, loss: float = 0.0, double: float = 0.0) -> None:
        self.chance = chance
        self.loss = loss
        self.double = double

    def carry(self, messages: list[bytes]) -> list[list[bytes]]:
        """What arrives of `messages`, in the batches in which it does."""
        arriving = [message for message in messages if self.chance.random() >= self.loss]
        arriving += [message for message in arriving if self.chance.random() < self.double]
        self.chance.shuffle(arriving)
        size = self.chance.choice([1, 3, 50])
        return [arriving[at : at + size] for at in range(0, len(arriving), size)]


def window(one: Home, other: Home) -> Window:
    return Window.between(one.port.today(), one.port.floor(), other.port.today(), other.port.floor())


def shared(one: Home, other: Home) -> list[tuple[SetKey, SetKey]]:
    """The sets that both keep, as each of them names it."""
    found: list[tuple[SetKey, SetKey]] = []
    both = {one.home, other.home}
    theirs = other.port.coalitions()
    for coalition in sorted(one.port.coalitions()):
        if coalition in theirs:
            found.append((("roster", coalition), ("roster", coalition)))
            if both <= one.port.members(coalition) and both <= other.port.members(coalition):
                found.append((("coalition", coalition), ("coalition", coalition)))
    if one.port.may_pair(other.home) and other.port.may_pair(one.home):
        found.append((("pair", other.home), ("pair", one.home)))
    return found


def greet(one: Home, other: Home) -> None:
    """Each tells the other its day."""
    days = one.port.today(), other.port.today()
    one.port.day_of_peer(other.home, days[1])
    other.port.day_of_peer(one.home, days[0])


def equal(one: RangeIndex, other: RangeIndex) -> bool:
    """Whether two sets are the same, as two nodes find it out."""
    return one.fingerprint(0, len(one)) == other.fingerprint(0, len(other))


def hand_over(giver: Home, taker: Home, line: Line, only: int | None = None) -> int:
    """What `taker` lacks of the sets shared; gives how many records were new to it."""
    new = 0
    both = dict(shared(giver, taker))
    view = window(giver, taker)
    for name in list(both):
        if name not in both:
            continue  # what came before has ended the sharing
        held = giver.port.index(name, view.created_before, view.expires_after)
        others = taker.port.index(both[name], view.created_before, view.expires_after)
        messages: list[bytes] = []
        if not equal(held, others):
            theirs = set(others)
            found = [giver.port.message(item[1]) for item in held if item not in theirs]
            messages = [message for message in found if message is not None]
        if only is not None:
            messages = line.chance.sample(messages, min(only, len(messages)))
        for batch in line.carry(messages):
            new += taker.port.add(batch, giver.home).new
        if messages:
            both, view = dict(shared(giver, taker)), window(giver, taker)
    return new


def meet(one: Home, other: Home, line: Line, only: int | None = None) -> int:
    """Both directions; gives how many records were new to either."""
    greet(one, other)
    new = hand_over(one, other, line, only) + hand_over(other, one, line, only)
    if only is None and not line.loss:  # a line that breaks off is asked again from the beginning
        new += give_back(one, other) + give_back(other, one)
    view = window(one, other)
    for mine, theirs in shared(one, other):
        ours = one.port.index(mine, view.created_before, view.expires_after)
        others = other.port.index(theirs, view.created_before, view.expires_after)
        if equal(ours, others):
            one.port.in_step(mine, other.home)
            other.port.in_step(theirs, one.home)
    return new


def settle(homes: list[Home], chance: random.Random) -> int:
    """Everybody meets everybody until nothing is new; gives how many passes over all pairs that took."""
    line = Line(chance, double=0.1)
    for count in range(PASSES_MAX):
        new = 0
        pairs = [(one, other) for at, one in enumerate(homes) for other in homes[at + 1 :]]
        chance.shuffle(pairs)
        for one, other in pairs:
            new += meet(one, other, line)
        if not new:
            return count
    raise AssertionError("the exchange never comes to rest")


def give_back(keeper: Home, owner: Home) -> int:
    """What `keeper` keeps aside of `owner`'s goes back to it, set by set, where `owner`'s node asks for it.

    Gives how many records were new to it, in their sets or aside.
    """
    new = 0
    for mine, theirs in shared(owner, keeper):
        if mine[0] == "roster" or not owner.port.wants_aside(mine, keeper.home):
            continue
        before, after = owner.held(), 0
        while True:
            messages, after = keeper.port.aside(theirs, owner.home, after)
            owner.port.add(messages, keeper.home)
            if not after:
                break
        if owner.restores and owner.held() - before:
            owner.history.saw("given back after a restore")
        owner.port.aside_came(mine, keeper.home)
        owner.sign_anew()
        new += len(owner.held() - before)
    return new
