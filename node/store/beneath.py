"""An author's mark beneath a lower one of its home: kept aside, because it may be needed again.

Of several marks the lowest id stays. Where that is the home's, it goes with the home's key, since a thief
could make any number of them; the author's, which outlives keys, then has to stand in its place, or words
that were erased would come back with the first neighbor that had been cut off.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from node.store.aside import MARK_ASIDE, room_aside
from protocol.encoding import encode
from protocol.record import Record, parse

if TYPE_CHECKING:
    from node.store.records import Records


def taken(records: Records, mark: Record, thing: bytes) -> list[Record]:
    """Takes the author's marks out of the way of the `mark` of their home. Nothing for an author's own."""
    if not mark.by_home:
        return []
    rows = records.connection.execute(
        f"SELECT message, home_key FROM records WHERE erases = ? AND {MARK_ASIDE}", (thing,)
    ).fetchall()
    aside = [parse(message).with_home_key(home_key) for message, home_key in rows]
    return records.delete("erases = ? AND author != home", (thing,)) + aside


def keep(records: Records, mark: Record, thing: bytes) -> None:
    """Keep the lowest of an author's marks aside, within the bound of what is kept so."""
    if mark.by_home:
        return
    lowest = records.connection.execute(
        f"SELECT min(id) FROM records WHERE erases = ? AND {MARK_ASIDE}", (thing,)
    ).fetchone()[0]
    if lowest is not None and lowest <= mark.id:
        return
    if lowest is not None or room_aside(records.connection, encode(list(mark.scope)), mark.home):
        records.delete(f"erases = ? AND {MARK_ASIDE}", (thing,))
        records.insert(mark, 1)
