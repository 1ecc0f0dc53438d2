"""What must be true of every history: each property with a plain name, and why.

A property raises AssertionError with a sentence. `at_every_step` holds the cheap ones that may never be
broken, not even for a moment; `AT_THE_END` those that hold once everything has been exchanged.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from tests.histories import authority, equal, keeping

if TYPE_CHECKING:
    from tests.histories.history import History

AT_THE_END = (
    equal.sets_are_equal,
    equal.rosters_are_equal,
    equal.pages_are_equal,
    authority.minutes_sum_to_zero,
    equal.views_are_what_the_records_say,
    authority.no_minority_changes_a_roster,
    authority.no_node_key_rotates_itself,
    authority.no_home_changes_anothers_things,
    authority.a_thief_is_refused_after_the_rotation,
    authority.nobody_changes_anothers_hours,
    authority.no_session_counts_twice,
    authority.accounts_are_their_owners,
    keeping.erased_words_stay_gone,
    keeping.what_the_author_erased_is_erased,
    keeping.what_a_home_erased_is_erased,
    keeping.nothing_acknowledged_is_lost,
    keeping.the_last_word_stands,
)


def at_every_step(history: History) -> None:
    """What is cheap and may never be broken."""
    authority.no_node_key_rotates_itself(history)
    authority.what_is_final_stays(history)
