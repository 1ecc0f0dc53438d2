"""Machines of our own: network namespaces, where root may make them."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.hosts.network import Network, missing


@pytest.fixture
def network(tmp_path: Path) -> Iterator[Network]:
    if reason := missing():
        pytest.skip(reason)
    network = Network(tmp_path)
    try:
        yield network
    finally:
        network.close()
