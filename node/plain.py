"""What a use case gives, in the plain values that JSON knows: for the command line and its socket."""

from __future__ import annotations

from dataclasses import fields, is_dataclass
from typing import Any

from node.actions.posts import PostItem
from protocol.scopes import DAY_S


def plain(value: Any) -> Any:
    """Dataclasses as maps, bytes as lower-case hex, all the way down."""
    if isinstance(value, bytes):
        return value.hex()
    if is_dataclass(value) and not isinstance(value, type):
        return {field.name: plain(getattr(value, field.name)) for field in fields(value)}
    if isinstance(value, dict):
        return {key: plain(inner) for key, inner in value.items()}
    if isinstance(value, (list, tuple)):
        return [plain(inner) for inner in value]
    return value


def post_item(item: PostItem) -> dict[str, Any]:
    """One post, named as in `/api/posts`: `neighborhood` is an id, times are Unix seconds."""
    found: dict[str, Any] = plain(item)
    del found["home"]
    return found | {
        "neighborhood": item.home.hex(),
        "neighborhood_name": item.neighborhood,
        "expires": item.expires * DAY_S,
    }
