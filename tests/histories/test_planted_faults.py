"""Properties can fail: a fault planted in the program is caught within a few histories.

Not noticed within that many, and so not here yet, are faults.py's final_means_nothing, every_claim_counts,
restored_homes_edit_on, words_are_kept_aside and contests_are_not_heard: histories seldom come that far.
"""

from __future__ import annotations

import pytest

from tests.histories import faults
from tests.histories.run import try_one

SEEDS_MAX = 60
PLANTED = {  # the fault, and the properties of which one must notice it
    faults.old_keys_are_accepted: ("a_thief_is_refused_after_the_rotation",),
    faults.the_lower_edit_wins: ("sets_are_equal", "nothing_acknowledged_is_lost", "the_last_word_stands"),
    faults.the_erased_comes_back: (
        "what_the_author_erased_is_erased",
        "erased_words_stay_gone",
        "sets_are_equal",
    ),
    faults.quota_by_arrival: ("sets_are_equal",),
    faults.a_node_key_may_rotate: ("no_node_key_rotates_itself",),
    faults.one_assent_is_enough: ("no_minority_changes_a_roster",),
    faults.foreign_members_are_believed: ("no_home_changes_anothers_things",),
    faults.claims_confirm_themselves: ("nobody_changes_anothers_hours",),
    faults.the_giver_gets_a_bonus: ("minutes_sum_to_zero",),
    faults.views_miss_confirmations: ("views_are_what_the_records_say", "pages_are_equal"),
    faults.restored_homes_forget_aside: ("nothing_acknowledged_is_lost",),
    faults.any_step_counts: ("accounts_are_equal",),
}


@pytest.mark.parametrize("fault", PLANTED, ids=lambda fault: fault.__name__)
def test_a_planted_fault_is_caught(fault: faults.Fault) -> None:
    found = []
    with fault():
        for seed in range(SEEDS_MAX):
            _, said, _ = try_one(seed)
            if said:
                found.append(said)
                if any(name in said for name in PLANTED[fault]):
                    return
    pytest.fail(f"in {SEEDS_MAX} histories nobody noticed; what failed: {found}")
