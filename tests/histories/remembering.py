"""Reading the same bytes once only: thousands of histories within minutes.

`parse` and `verify` are pure functions of their arguments, and a record is frozen; five stores that read the
same message many times need not work it out each time. Nothing else is changed, and the functions are the
real ones.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from functools import lru_cache
from typing import Any

from protocol import record, signing

REMEMBERED_MAX = 20_000


@contextmanager
def remembered() -> Iterator[None]:
    """While this is open every module that reads records or signatures remembers what it has read."""
    real: dict[str, Any] = {"parse": record.parse, "verify": signing.verify}
    changed = []
    for name, function in real.items():
        quick = lru_cache(maxsize=REMEMBERED_MAX)(function)
        for module in [module for module in sys.modules.values() if module is not None]:
            if getattr(module, "__dict__", {}).get(name) is function:
                setattr(module, name, quick)
                changed.append((module, name, function))
    try:
        yield
    finally:
        for module, name, function in changed:
            setattr(module, name, function)
