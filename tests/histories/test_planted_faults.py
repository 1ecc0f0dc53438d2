"""Each property can fail: a fault planted in the program is caught within a few hundred histories.

The number beside each fault is a seed in which it is caught, to be tried first; when the histories have
changed so that it is not any more, the seeds are tried one after the other.
"""

from __future__ import annotations

from itertools import chain

import pytest

from tests.histories import faults
from tests.histories.run import try_one

SEEDS_MAX = 400
PLANTED: dict[faults.Fault, tuple[int, tuple[str, ...]]] = {
    faults.old_keys_are_accepted: (0, ("a_thief_is_refused_after_the_rotation",)),
    faults.the_lower_edit_wins: (24, ("sets_are_equal", "the_last_word_stands")),
    faults.the_erased_comes_back: (6, ("what_the_author_erased_is_erased", "erased_words_stay_gone")),
    faults.quota_by_arrival: (48, ("sets_are_equal",)),
    faults.a_node_key_may_rotate: (42, ("no_node_key_rotates_itself",)),
    faults.one_assent_is_enough: (0, ("no_minority_changes_a_roster",)),
    faults.final_means_nothing: (274, ("what_is_final_stays",)),
    faults.foreign_members_are_believed: (21, ("no_home_changes_anothers_things",)),
    faults.claims_confirm_themselves: (0, ("nobody_changes_anothers_hours",)),
    faults.every_claim_counts: (60, ("no_session_counts_twice",)),
    faults.the_giver_gets_a_bonus: (2, ("minutes_sum_to_zero",)),
    faults.contests_are_not_heard: (3, ("accounts_are_their_owners",)),
    faults.words_are_kept_aside: (33, ("erased_words_stay_gone",)),
    faults.views_miss_confirmations: (13, ("views_are_what_the_records_say", "pages_are_equal")),
    faults.restored_homes_forget_aside: (2, ("nothing_acknowledged_is_lost",)),
    faults.restored_homes_do_not_ask: (24, ("nothing_acknowledged_is_lost",)),
    faults.restored_homes_edit_on: (11, ("the_last_word_stands",)),
    faults.any_step_counts: (39, ("accounts_are_equal",)),
}

# Caught after many histories only: with the long tests.
RARE = (faults.restored_homes_forget_aside, faults.restored_homes_do_not_ask, faults.any_step_counts)


@pytest.mark.parametrize(
    "fault",
    [pytest.param(fault, marks=[pytest.mark.slow] if fault in RARE else []) for fault in PLANTED],
    ids=lambda fault: fault.__name__,
)
def test_a_planted_fault_is_caught(fault: faults.Fault) -> None:
    first, properties = PLANTED[fault]
    found = []
    with fault():
        for seed in chain([first], range(SEEDS_MAX)):
            _, said, _ = try_one(seed)
            if said:
                found.append(said)
                if any(name in said for name in properties):
                    return
    pytest.fail(f"in {SEEDS_MAX} histories nobody noticed; what failed: {found}")
