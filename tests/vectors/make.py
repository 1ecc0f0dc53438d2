"""Writes the test vectors of this folder: `python -m tests.vectors.make`. README.md says what they are.

A vector that has landed never changes. So this writes only files that are not there, adds each to
`landed.sha256`, and fails where one that is there would come out differently.
"""

from __future__ import annotations

import hashlib
import json
import sys
from collections.abc import Iterator

from tests.vectors.making import (
    bundles,
    corners,
    encoding,
    fields,
    judging,
    links,
    many,
    parcels,
    reconciling,
    rosters,
    sets,
    signatures,
    sketching,
    waiting,
    words,
)
from tests.vectors.making.scene import Vector
from tests.vectors.reading import FOLDER, LANDED, landed

MODULES = (
    *(encoding, signatures, fields, judging, sets, rosters, words, parcels, bundles, links, reconciling),
    *(sketching, waiting, corners, many),
)


def cases() -> Iterator[tuple[str, Vector]]:
    """Every vector by name, as "class/name"."""
    for module in MODULES:
        yield from module.cases()


def text_of(vector: Vector) -> str:
    """The content of a vector's file."""
    return json.dumps(vector, indent=1, ensure_ascii=False) + "\n"


def main() -> int:
    known = landed()
    made: dict[str, str] = {}
    for name, vector in cases():
        text = text_of(vector)
        assert name not in made, f"{name} is there twice"
        made[name] = hashlib.sha256(text.encode()).hexdigest()
        if name in known and known[name] != made[name]:
            print(f"{name} has landed and would change: give the new case another name", file=sys.stderr)
            return 1
        path = FOLDER / f"{name}.json"
        if not path.exists() or name not in known:
            path.parent.mkdir(exist_ok=True)
            path.write_text(text)
    lines = (f"{digest}  {name}.json\n" for name, digest in sorted((known | made).items()))
    LANDED.write_text("".join(lines))
    print(f"{len(made)} vectors, {len(made.keys() - known.keys())} of them new")
    return 0


if __name__ == "__main__":
    sys.exit(main())
