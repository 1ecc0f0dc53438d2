"""Marked words in every field of a region of five neighborhoods: who hears them, and who must not.

See "How it is tried" in docs/security.md. The story is told once. Then everything is searched; then leaks
are planted, one in each kind of channel, and everything is searched again. It is one test, because a story
told in two processes at once takes twice as long.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import msgspec
import pytest

from protocol.kinds.table import KINDS
from tests.privacy.listening import Heard, listen
from tests.privacy.planting import PLANTS, private_words
from tests.privacy.region import region
from tests.privacy.story import LETS_LINKS_IN, MILLBROOK, MORE, QUARRY, Story
from tests.privacy.table import reach
from tests.privacy.words import HEARS, Word

SIZE_BYTES_MIN = 1_000  # of each kind of channel, or the search would prove nothing


def written() -> list[str]:
    """Every "kind.field" in which people write what they like: texts that are no code."""
    codes = ("language", "category", "software")
    found = []
    for kind in KINDS.values():
        for field in msgspec.structs.fields(kind.shape) if kind.shape is not None else ():
            is_text = isinstance(msgspec.inspect.type_info(field.type), msgspec.inspect.StrType)
            if is_text and field.name not in codes:
                found.append(f"{kind.name}.{field.name}")
    return found


def check_that_all_is_marked(words: list[Word]) -> None:
    """Whatever people write was written, with a word of its own, in each scope that the field may have."""
    marked = {word.field for word in words}
    wanted = {f"{field} {scope}" for field in written() for scope in reach().records[field]}
    # a node's card and an answer repeat what is marked where it was typed
    repeated = {"node.name coalition", "node.area coalition", "answer.name local", "answer.name pair"}
    assert len(written()) > 20 and wanted - marked == repeated
    assert {"settings.neighborhood", "settings.area", "neighbors.message", "session.seed"} <= marked
    assert len({word.text for word in words}) == len(words)


def summary(heard: Heard, words: list[Word], faults: list[str]) -> str:
    leaks = sum(fault.startswith("leak") for fault in faults)
    lines = [f"{leaks} leaks of {len(words)} marked words and secrets; searched were"]
    lines += [f"{size:>12,} bytes of {HEARS[kind]}" for kind, size in heard.sizes().items()]
    return "\n".join(lines)


@pytest.mark.timeout(900)
@pytest.mark.parametrize(
    "more", [False, pytest.param(True, marks=pytest.mark.slow)], ids=["five neighborhoods", "ten"]
)
async def test_nobody_hears_more_or_less_than_the_table_says(
    tmp_path: Path, record_property: Callable[[str, object], None], more: bool
) -> None:
    lets_links_in = LETS_LINKS_IN | (dict.fromkeys(MORE, False) if more else {})
    async with region(tmp_path, lets_links_in) as places:
        story = Story(places, more)
        await story.play()
        words = story.words.made
        check_that_all_is_marked(words)

        heard = await listen(places)
        faults = heard.faults(words)
        record_property("summary", summary(heard, words, faults))
        assert heard.sizes().keys() == HEARS.keys()
        assert all(size > SIZE_BYTES_MIN for size in heard.sizes().values())
        assert faults == []

        # Millbrook and Quarry have called each other in vain, and yet both have what they said
        assert all(places.places[name].gate.links_refused > 0 for name in (MILLBROOK, QUARRY))
        sealed = {word.field for word in words if word.sealed}
        assert sealed == {"commitment.note pair", "commitment.name pair", "answer.note pair"}

        assert PLANTS.keys() == HEARS.keys()
        planted = dict(zip(PLANTS, private_words(words), strict=False))
        for kind, plant in PLANTS.items():
            await plant(story, str(planted[kind].text))
        found = (await listen(places)).faults(planted.values())
        for kind, word in planted.items():
            leaks = [fault for fault in found if fault.startswith(f"leak: {word.field} of ")]
            assert any(f"heard by {kind}" in fault for fault in leaks), f"the leak by {kind} was not found"
