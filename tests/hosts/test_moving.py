"""Two whole nodes on one LAN that link by what they see, and find each other when the network changes."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest

from sync.places import CROSSING_S
from tests.hosts.browser import Neighbor
from tests.hosts.lan import Lan, within
from tests.hosts.network import Machine, Network, _ip
from tests.hosts.test_three_hosts import setup_token, until

# slow: a link must be older than CROSSING_S, on real clocks
pytestmark = [pytest.mark.root, pytest.mark.slow, pytest.mark.timeout(180)]

FOUND_WITHIN_S = 30.0


@asynccontextmanager
async def two_linked(network: Network, first: str, second: str) -> AsyncIterator[tuple[Neighbor, Neighbor]]:
    """Ana and Ben, linked by what their nodes saw of each other. `first`, `second`: what lan0 has."""
    lan = Lan(network)
    machines = (network.add(), network.add())
    for machine, address in zip(machines, (first, second), strict=True):
        lan.plug(machine, "lan0", address)
    await asyncio.gather(*(asyncio.to_thread(machine.run) for machine in machines))
    ana, ben = Neighbor("Ana", "Mill Lane", machines[0]), Neighbor("Ben", "Riverbend", machines[1])
    try:
        for person in (ana, ben):
            await person.set_up(await asyncio.to_thread(setup_token, person.machine.data))
        await until("Ana sees Riverbend", lambda: sees(ana, "Riverbend"), FOUND_WITHIN_S)
        await ana.ask_to_link("Riverbend")
        await until("Ben is asked", lambda: asks(ben), FOUND_WITHIN_S)
        await ben.open("/neighborhoods")
        await ben.press("The words match: link")
        for person in (ana, ben):
            await until(f"{person.name} is linked", lambda who=person: connected(who), FOUND_WITHIN_S)
        yield ana, ben
        for machine in machines:
            assert machine.stop() == 0
            log = Path(f"{machine.data}.log").read_text()
            assert "Traceback" not in log, log[-3000:]
    finally:
        await ana.close()
        await ben.close()


async def sees(person: Neighbor, other: str) -> bool:
    return other in await person.nearby()


async def asks(person: Neighbor) -> Any:
    return (await person.list("neighborhoods"))["asks"]


async def connected(person: Neighbor) -> bool:
    return any(one["connected"] for one in (await person.list("neighborhoods"))["items"])


async def address_of(person: Neighbor, wanted: str) -> bool:
    return [one["address"] for one in (await person.list("neighborhoods"))["nearby"]] == [wanted]


def give(machine: Machine, *words: str) -> None:
    _ip("-n", machine.namespace, *words)


async def test_two_nodes_and_a_cable_without_any_ipv4(network: Network) -> None:
    """No router, no DHCP, no IPv4: link-local addresses are all there is, and the two link."""
    async with two_linked(network, "::", "::") as (ana, ben):
        (found,) = (await ana.list("neighborhoods"))["nearby"]
        assert found["address"].startswith("[fe80::"), found
        await ben.open("/neighborhoods/name")
        await ben.press("Save", name="Riverbend and Mill Pond")
        assert ben.page.path == "/neighborhoods?said=renamed", ben.page.text
        await until("Ana sees the new name", lambda: sees(ana, "Riverbend and Mill Pond"), FOUND_WITHIN_S)


@pytest.mark.slow
async def test_a_link_is_made_again_when_an_address_changes_or_a_cable_was_out(network: Network) -> None:
    async with two_linked(network, "10.1.0.1/24", "10.1.0.2/24") as (ana, ben):

        async def linked_again(what: str, within_s: float) -> None:
            async def both() -> bool:
                return await connected(ana) and await connected(ben)

            await until(what, both, within_s)

        await asyncio.sleep(CROSSING_S)  # of a younger link, the other side would believe that calls crossed
        give(ben.machine, "address", "delete", "10.1.0.2/24", "dev", "lan0")
        give(ben.machine, "address", "add", "10.1.0.77/24", "dev", "lan0")
        await until("a link from the new address", lambda: calls_from(ben.machine, "10.1.0.77"), 10)
        await linked_again("linked again", 10)
        await until("Ana sees the new address", lambda: address_of(ana, "10.1.0.77:8420"), 15)

        give(ben.machine, "link", "set", "lan0", "down")
        await until("Ben has no link", not_(lambda: connected(ben)), 5)
        await asyncio.sleep(CROSSING_S)  # long enough that calls fail
        give(ben.machine, "link", "set", "lan0", "up")
        await linked_again("linked again after the cable", 10)


async def calls_from(machine: Machine, address: str) -> bool:
    """Whether a connection is open between this address of the machine and another one's node."""
    lines = within(machine, "ss", "-tnH", "state", "established").splitlines()
    return any(address in line and ":8420" in line for line in lines)


def not_(asked: Callable[[], Awaitable[bool]]) -> Callable[[], Awaitable[bool]]:
    async def answer() -> bool:
        return not await asked()

    return answer
