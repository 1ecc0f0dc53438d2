"""How the body of a record becomes a typed structure and back.

A body is a map with text keys. Reading is strict about types and sizes and lenient about unknown keys,
so that a later program may add a field: what cannot be read gives None, and the record is kept, counted
and passed on unread, because the envelope alone decides whether it belongs to a set.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any, Self, TypeAlias

import msgspec

if TYPE_CHECKING:
    from protocol.record import Record

Bytes32: TypeAlias = Annotated[bytes, msgspec.Meta(min_length=32, max_length=32)]
Title: TypeAlias = Annotated[str, msgspec.Meta(min_length=1, max_length=120)]
Text: TypeAlias = Annotated[str, msgspec.Meta(max_length=2000)]
Note: TypeAlias = Annotated[str, msgspec.Meta(max_length=500)]
Label: TypeAlias = Annotated[str, msgspec.Meta(max_length=80)]
Name: TypeAlias = Annotated[str, msgspec.Meta(min_length=1, max_length=40)]
Line: TypeAlias = Annotated[str, msgspec.Meta(max_length=120)]
NameShown: TypeAlias = Annotated[str, msgspec.Meta(max_length=40)]
Language: TypeAlias = Annotated[str, msgspec.Meta(max_length=12)]
CategoryId: TypeAlias = Annotated[str, msgspec.Meta(min_length=1, max_length=60)]
Count: TypeAlias = Annotated[int, msgspec.Meta(ge=1, le=100)]
Minutes: TypeAlias = Annotated[int, msgspec.Meta(ge=0, le=1440)]
Time: TypeAlias = Annotated[int, msgspec.Meta(ge=0, le=2**40)]
Day: TypeAlias = Annotated[int, msgspec.Meta(ge=0, le=60_000)]


class Shape(msgspec.Struct, frozen=True, kw_only=True):
    """The typed body of one kind. A field that is None is not written."""

    @classmethod
    def read(cls, record: Record) -> Self | None:
        """The body of `record`, or None where this program cannot read it."""
        return cls.of(record.body)

    @classmethod
    def of(cls, body: dict[Any, Any]) -> Self | None:
        """The structure in a decoded body, or None."""
        try:
            return msgspec.convert(body, cls, builtin_types=(bytes,))
        except (msgspec.ValidationError, TypeError):
            return None

    def body(self) -> dict[str, Any]:
        """The map that is signed."""
        return {
            name: _plain(value) for name, value in msgspec.structs.asdict(self).items() if value is not None
        }


def _plain(value: Any) -> Any:
    if isinstance(value, Shape):
        return value.body()
    if isinstance(value, list | tuple):
        return [_plain(item) for item in value]
    if isinstance(value, dict):
        return {key: _plain(item) for key, item in value.items()}
    return value
