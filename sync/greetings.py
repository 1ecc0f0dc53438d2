"""Room for those who call and have not said yet who they are: each place is somebody's who may never do so.

All places together are few. Where they are taken, whoever calls gets in at the cost of the network that has
most of them, so that one machine, however many sockets it holds open, takes nobody else's place.
"""

from __future__ import annotations

import ipaddress
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field

HANDSHAKES_MAX = 32  # strangers being greeted at the same time
HANDSHAKE_PATIENCE_S = 2.0  # that a caller of the largest network has, where others of it wait

_IPV6_NETWORK_BITS = 64  # a machine has all addresses of it that it likes


def _nothing() -> None:
    """What is to be done by the place of one whose greeting has not begun, or is over."""


@dataclass(slots=True, eq=False)
class Greeting:
    """A caller's place. Who has to give way is told by `on_given_way`."""

    network: str
    address: str
    since: float
    on_given_way: Callable[[], None] = _nothing
    gave_way: bool = False

    def is_over(self) -> None:
        """Nothing is to be done any more if this place is taken away."""
        self.on_given_way = _nothing


@dataclass(slots=True)
class Greetings:
    """The places of one node, in the order in which they were taken."""

    most: int = HANDSHAKES_MAX
    inside: list[Greeting] = field(default_factory=list)

    def __len__(self) -> int:
        return len(self.inside)

    def enter(self, address: str, now: float) -> Greeting | None:
        """A place for a caller from this IP address, at another's cost if need be; None: there is none."""
        network = network_of(address)
        if len(self.inside) >= self.most:
            other = self._gives_way(network, address, now)
            if other is None:
                return None
            self.leave(other)
            other.gave_way = True
            other.on_given_way()
        made = Greeting(network, address, now)
        self.inside.append(made)
        return made

    def leave(self, greeting: Greeting) -> None:
        """Somebody is greeted, or gone."""
        if greeting in self.inside:
            self.inside.remove(greeting)

    def _gives_way(self, network: str, address: str, now: float) -> Greeting | None:
        """Of the address with most places, in the network with most, the one that waits longest.

        Unless the caller would then have as many: that one has to wait until the other had time to greet.
        """
        if not self.inside:
            return None
        networks = Counter(each.network for each in self.inside)
        addresses = Counter(each.address for each in self.inside)
        most = max(self.inside, key=lambda each: (networks[each.network], addresses[each.address]))
        if networks[most.network] > networks[network] + 1:
            return most
        if most.network == network and addresses[most.address] > addresses[address] + 1:
            return most
        return most if now - most.since >= HANDSHAKE_PATIENCE_S else None


def network_of(address: str) -> str:
    """What one machine may have: an IPv4 address, or a /64 of IPv6. What is no address stands for itself."""
    try:
        ip = ipaddress.ip_address(address.partition("%")[0])
    except ValueError:
        return address
    if isinstance(ip, ipaddress.IPv4Address):
        return str(ip)
    if ip.ipv4_mapped is not None:
        return str(ip.ipv4_mapped)
    return str(ipaddress.ip_network((ip, _IPV6_NETWORK_BITS), strict=False))
