"""What a neighborhood says of itself, and what its members say of themselves.

`node` is the node card: renewed weekly by edits, one per coalition. `profile` is a member's own word and
stays in the neighborhood.
"""

from __future__ import annotations

from typing import Annotated

import msgspec

from protocol.kinds.erasure import DIGEST_SIZE_BYTES
from protocol.kinds.shapes import Bytes32, Label, Language, Name, Shape, Text, Time

ADDRESSES_MAX = 8

ErasureDigest = Annotated[bytes, msgspec.Meta(min_length=DIGEST_SIZE_BYTES, max_length=DIGEST_SIZE_BYTES)]
Address = Annotated[str, msgspec.Meta(min_length=1, max_length=120)]


class NodeCard(Shape, frozen=True, kw_only=True):
    """Display name, area, where to call, the key to which parcels are sealed, and what is erased there.

    `erasures` is a digest (protocol/kinds/erasure.py); a card of an earlier program has none.
    """

    name: Annotated[str, msgspec.Meta(min_length=1, max_length=60)]
    area: Label = ""
    addresses: Annotated[list[Address], msgspec.Meta(max_length=ADDRESSES_MAX)] = []
    prekey: Bytes32
    software: Label = ""
    erasures: ErasureDigest | None = None
    at: Time


class Profile(Shape, frozen=True, kw_only=True):
    """A member as the neighborhood may see them."""

    name: Name
    area: Label = ""
    languages: Label = ""
    about: Text = ""
    contact: Label = ""
    language: Language = "en"
    at: Time | None = None
