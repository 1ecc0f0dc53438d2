"""Where test vectors and data by others lie: a folder `shared` beside this checkout, or further up.

`BARNRAISE_SHARED` names it where it is somewhere else. A test that needs it says so and skips without it.
"""

from __future__ import annotations

import os
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]


def folder(name: str) -> Path | None:
    """The folder `name` in `shared`, None where there is none."""
    stated = os.environ.get("BARNRAISE_SHARED")
    places = [Path(stated)] if stated else [parent / "shared" for parent in ROOT.parents]
    return next((place / name for place in places if (place / name).is_dir()), None)


def need(name: str, file: str) -> Path:
    """A file in `shared`; skips the test where the folder is not there."""
    found = folder(name)
    if found is None:
        pytest.skip(f"shared/{name} is not beside this checkout, and BARNRAISE_SHARED does not name it")
    return found / file
