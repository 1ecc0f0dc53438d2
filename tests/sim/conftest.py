"""Every story ends with all that must hold: whatever happened, its worlds come to rest and are checked."""

from __future__ import annotations

from collections.abc import Generator

import pytest

from tests.sim.invariants import ended
from tests.sim.world import World


@pytest.hookimpl(tryfirst=True)
def pytest_runtest_setup(item: pytest.Item) -> None:
    World.opened = []


@pytest.hookimpl(wrapper=True)
def pytest_runtest_call(item: pytest.Item) -> Generator[None, None, None]:
    yield
    if item.get_closest_marker("unsettled") is None:
        for world in list(World.opened or ()):
            ended(world)


@pytest.hookimpl(trylast=True)
def pytest_runtest_teardown(item: pytest.Item) -> None:
    World.opened = None
