"""Ten thousand cases of altered bytes for the parsers of foreign bytes; what was found once stays found."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from protocol.kinds.table import KINDS
from sync import frames
from sync.frames import read_frame
from tests.fuzz import samples
from tests.fuzz.alter import alter
from tests.fuzz.targets import TARGETS
from tests.fuzz.test_linear import FIXED_STEPS, STEPS_PER_BYTE_MAX, counted_steps

CASES = 10_000
FINDS = Path(__file__).with_name("finds")

alterations = st.lists(
    st.tuples(st.integers(0, 9), st.integers(0, 2**16 - 1), st.integers(0, 255)), min_size=1, max_size=4
)


def test_the_shares_make_ten_thousand_cases() -> None:
    assert sum(target.share for target in TARGETS.values()) * (CASES // 100) == CASES


@pytest.mark.parametrize("name", TARGETS)
def test_the_samples_are_what_they_say(name: str) -> None:
    for sample in TARGETS[name].samples():
        TARGETS[name].run(sample.wrap(sample.inner))


def test_there_is_a_sample_of_every_frame_and_kind() -> None:
    assert {read_frame(one.inner)[0] for one in samples.all_frames()} == {*frames._SHAPES, 99}
    assert {record.kind for record, _ in samples.world().records} == {*KINDS, "of the future"}


@pytest.mark.parametrize("name", TARGETS)
def test_any_bytes_parse_or_raise_our_error(name: str) -> None:
    target = TARGETS[name]
    valid = target.samples()

    @settings(max_examples=max(target.share * (CASES // 100), settings.default.max_examples))  # type: ignore[union-attr]
    @given(st.integers(0, len(valid) - 1), alterations)
    def tries(which: int, what: list[tuple[int, int, int]]) -> None:
        sample = valid[which]
        target.run(sample.wrap(alter(sample.inner, what)))

    tries()


@pytest.mark.parametrize("name", TARGETS)
def test_bytes_that_come_from_nowhere(name: str) -> None:
    @settings(max_examples=50)
    @given(st.binary(max_size=300))
    def tries(data: bytes) -> None:
        TARGETS[name].run(data)

    tries()


@pytest.mark.parametrize("find", sorted(FINDS.glob("*.hex")), ids=lambda path: path.stem)
def test_what_was_found_once(find: Path) -> None:
    """Each file is named for its target and its fault; its first lines say what went wrong."""
    name = find.stem.split("-")[0]
    hexadecimal = "".join(line for line in find.read_text().splitlines() if not line.startswith("#"))
    data = bytes.fromhex(hexadecimal)
    taken = counted_steps(lambda: TARGETS[name].run(data))
    assert taken <= len(data) * STEPS_PER_BYTE_MAX + FIXED_STEPS


def test_the_page_lists_every_target() -> None:
    page = (Path(__file__).resolve().parents[2] / "docs" / "fuzzing.md").read_text()
    rows = [line.split("|")[1] for line in page.partition("\n## ")[0].splitlines() if line.startswith("| `")]
    assert [name for row in rows for name in re.findall(r"`(\w+)`", row)] == list(TARGETS)
