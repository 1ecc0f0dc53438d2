"""Mill Lane - Riverbend - Harbor Hill: three real machines in a row, the outer two with no way to each other.

What the people do they do on their pages. Only the machine in the middle is known to both others; whatever
the ends have of each other has come through it, and it cannot read what the two tell each other alone.
"""

from __future__ import annotations

import asyncio
import sqlite3
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack, asynccontextmanager, closing
from pathlib import Path
from typing import Any

import pytest

from node import control
from tests.hosts.browser import Neighbor
from tests.hosts.network import Network

pytestmark = [pytest.mark.root, pytest.mark.timeout(120)]

ON_THE_OTHER_BOARD_WITHIN_S = 5.0  # the number
DISCOVERY_TIMEOUT_S = 15.0
PARCEL_TIMEOUT_S = 15.0  # two jittered waits of up to 2 s, a tick each, and what the machine adds
PLACES = ("Mill Lane", "Riverbend", "Harbor Hill")


async def until(what: str, asked: Callable[[], Awaitable[Any]], within_s: float) -> tuple[Any, float]:
    """Asks again and again until the answer is truthy; gives it, and the seconds that it took."""
    began = time.monotonic()
    while True:
        answer = await asked()
        took = time.monotonic() - began
        if answer:
            print(f"{what}: {took:.2f} s")
            return answer, took
        assert took < within_s, f"{what}: not within {within_s} s"
        await asyncio.sleep(0.05)


def setup_token(data: Path) -> str:
    """What `barnraise setup-link` asks of a running node. A Unix socket knows no network."""
    return str(control.call(data, "setup_link")["token"])


@asynccontextmanager
async def three_neighborhoods(network: Network) -> AsyncIterator[tuple[Neighbor, Neighbor, Neighbor]]:
    """Ana, Ben and Cem, each with a node that has just been set up."""
    machines = (
        network.add(),
        network.add("10.81.1.1/24", "10.81.1.2/24"),
        network.add("10.81.2.2/24", "10.81.2.3/24"),
    )
    mill_lane, riverbend, harbor_hill = machines
    assert mill_lane.can_send_to("10.81.1.2") and harbor_hill.can_send_to("10.81.2.2")
    assert riverbend.can_send_to("10.81.1.1") and riverbend.can_send_to("10.81.2.3")
    assert not mill_lane.can_send_to("10.81.2.3") and not harbor_hill.can_send_to("10.81.1.1")
    await asyncio.gather(*(asyncio.to_thread(machine.run) for machine in machines))
    async with AsyncExitStack() as open_browsers:
        people = []
        for name, place, machine in zip(("Ana", "Ben", "Cem"), PLACES, machines, strict=True):
            person = Neighbor(name, place, machine)
            open_browsers.push_async_callback(person.close)
            await person.set_up(await asyncio.to_thread(setup_token, machine.data))
            people.append(person)
        yield people[0], people[1], people[2]


async def test_a_need_a_promise_and_hours_cross_the_machine_in_the_middle(network: Network) -> None:
    async with three_neighborhoods(network) as (ana, ben, cem):
        await discover(ana, ben, cem)
        await link_and_found(ana, ben, cem)
        need = await need_arrives(ana, cem)
        await promise_and_hours(ana, cem, need)
        links = {one["name"]: one["connected"] for one in (await ana.list("neighborhoods"))["items"]}
        assert links == {"Riverbend": True, "Harbor Hill": False}
        assert await ana.nearby() == await cem.nearby() == ["Riverbend"]
    assert [machine.stop() for machine in network.machines] == [0, 0, 0]
    held = [counts(machine.data / "barnraise.db") for machine in network.machines]
    print("parcels and pair records:", held)
    assert [pair for _, pair in held] == [held[0][1], 0, held[0][1]] and held[0][1] >= 4
    assert held[1][0] >= 4, "the machine in the middle carried the parcels"
    for machine in network.machines:
        log = Path(f"{machine.data}.log").read_text()
        assert "Traceback" not in log, log[-3000:]


async def discover(ana: Neighbor, ben: Neighbor, cem: Neighbor) -> None:
    for person, expected in ((ana, ["Riverbend"]), (cem, ["Riverbend"]), (ben, ["Harbor Hill", "Mill Lane"])):

        async def sees_them(person: Neighbor = person, expected: list[str] = expected) -> bool:
            return await person.nearby() == expected

        await until(f"{person.neighborhood} sees {expected}", sees_them, DISCOVERY_TIMEOUT_S)


async def link_and_found(ana: Neighbor, ben: Neighbor, cem: Neighbor) -> None:
    for end in (ana, cem):
        await end.ask_to_link("Riverbend")

        async def is_asked() -> Any:
            return (await ben.list("neighborhoods"))["asks"]

        asks, _ = await until(f"{end.neighborhood} asks", is_asked, 5)
        assert [ask["name"] for ask in asks] == [end.neighborhood]
        await ben.open("/neighborhoods")
        assert f"{end.name} from {end.neighborhood}" in ben.page.text
        await ben.press("The words match: link")
    await ben.open("/coalitions/new")
    await ben.press("Found the coalition", name="Both Banks", agreement="Answer within two days.")
    assert ben.page.path == "/neighborhoods?said=founded", ben.page.text
    for end in (ana, cem):

        async def is_offered(end: Neighbor = end) -> Any:
            return (await end.list("neighborhoods"))["offers"]

        await until(f"{end.neighborhood} is invited", is_offered, 5)
        await end.open("/neighborhoods")
        await end.press("Join")
        assert end.page.path == "/neighborhoods?said=coalition_accepted", end.page.text

        async def is_member(end: Neighbor = end) -> bool:
            coalitions = (await end.list("neighborhoods"))["coalitions"]
            return any(end.neighborhood in one["members"] for one in coalitions)

        await until(f"{end.neighborhood} has the roster", is_member, 5)


async def need_arrives(ana: Neighbor, cem: Neighbor) -> str:
    began = time.monotonic()
    need = await ana.post_need("A ride to the clinic on Thursday", "rides")

    async def is_there() -> bool:
        items = (await cem.list("posts?where=region"))["items"]
        return [(item["id"], item["title"]) for item in items] == [(need, "A ride to the clinic on Thursday")]

    await until("the need is on the other end's board", is_there, ON_THE_OTHER_BOARD_WITHIN_S)
    took_s = time.monotonic() - began
    print(f"from pressing the button to the other end's board: {took_s:.2f} s")
    assert took_s < ON_THE_OTHER_BOARD_WITHIN_S
    return need


async def promise_and_hours(ana: Neighbor, cem: Neighbor, need: str) -> None:
    await cem.offer_help(need)
    promises = await wait_for_promise(ana, "proposed")
    assert [promise["helper_neighborhood"] for promise in promises] == ["Harbor Hill"]
    await ana.open("/inbox")
    await ana.press("Yes, please")
    await wait_for_promise(cem, "agreed")
    await cem.record_hours(1, 15)

    async def to_confirm() -> Any:
        return (await ana.list("inbox"))["hours_to_confirm"]

    await until("the hours are with the other side", to_confirm, PARCEL_TIMEOUT_S)
    await ana.open("/inbox")
    await ana.press("Confirm")
    assert ana.page.path == "/inbox?said=confirmed", ana.page.text
    for person, minutes in ((cem, 75), (ana, -75)):

        async def is_booked(person: Neighbor = person, minutes: int = minutes) -> bool:
            book = await person.list("hours")
            assert book["balance_minutes"] in (0, minutes)
            delivered = not any(entry["awaiting_delivery"] for entry in book["items"])
            return book["balance_minutes"] == minutes and delivered

        await until(
            f"{person.name} has {minutes} minutes, and nothing on its way", is_booked, PARCEL_TIMEOUT_S
        )


async def wait_for_promise(person: Neighbor, state: str) -> list[Any]:
    async def found() -> list[Any]:
        items = (await person.list("inbox"))["items"]
        return [item for item in items if item["state"] == state]

    promises, _ = await until(f"{person.name} has a promise that is {state}", found, PARCEL_TIMEOUT_S)
    return list(promises)


def counts(database: Path) -> tuple[int, int]:
    """How many parcels a node holds, and how many records of pairs."""
    with closing(sqlite3.connect(database)) as connection:
        (parcels,) = connection.execute("SELECT count(*) FROM records WHERE kind = 'parcel'").fetchone()
        (pairs,) = connection.execute(
            "SELECT count(*) FROM records WHERE substr(scope, 1, 2) = x'8301'"
        ).fetchone()
    return parcels, pairs


async def test_a_machine_without_a_network_says_why_nobody_is_found(network: Network) -> None:
    alone = network.add()
    await asyncio.to_thread(alone.run)
    ana = Neighbor("Ana", "Mill Lane", alone)
    try:
        await ana.set_up(await asyncio.to_thread(setup_token, alone.data))

        async def is_said() -> str:
            return str((await ana.list("neighborhoods"))["discovery_note"])

        note, _ = await until("the page says why", is_said, 5)
        assert note.startswith("No network is connected")
        assert note in (await ana.open("/neighborhoods")).text
    finally:
        await ana.close()
    assert alone.stop() == 0
