"""A fresh copy of Alder Street for each test; it is founded once, since passphrases take their time."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from tests.cli.world import Person, copy_of, found_alder_street


@pytest.fixture(scope="session")
def template(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("alder") / "data"
    asyncio.run(found_alder_street(folder))
    return folder


@pytest.fixture
def alder(template: Path, tmp_path: Path) -> Person:
    """Whoever looks after Alder Street's node, which is not running."""
    return Person(copy_of(template, tmp_path / "data"))
