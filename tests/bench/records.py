"""Figures of records: how large an envelope is, and what judging costs beyond its signatures.

Times are the processor's for this thread, so that what else the machine does is not counted.
"""

from __future__ import annotations

import time
from statistics import median

from protocol.encoding import encode
from protocol.judge import judge
from protocol.record import parse, to_be_signed
from protocol.signing import verify
from tests.bench.figures import Effort, Measured, figure
from tests.protocol.helpers import Coalition, Neighborhood, known

JUDGED_AT_ONCE = 10


@figure("bytes", goal=310)
def envelope_bytes(effort: Effort) -> Measured:
    """A member's record of coalition scope, first version, both signatures, without its body."""
    hillside = Neighborhood("Hillside")
    post = hillside.member("Bo").post(Coalition("River", hillside).scope)
    return Measured(len(post.message) - len(encode(post.body)))


@figure("times", goal=1.5)
def judge_ratio_to_signature_checks(effort: Effort) -> Measured:
    """From the bytes of a record to the verdict `in`, against its two signature checks alone.

    Both are done in turn, and the median of the ratios counts, so that what else the machine does falls
    on both. The floor is 1.
    """
    hillside = Neighborhood("Hillside")
    river = Coalition("River", hillside)
    post = hillside.member("Bo").post(river.scope, text="Tuesday at ten, please. I can come to the corner.")
    around = known(hillside, coalitions=[river])
    signed = to_be_signed(post.payload)
    assert judge(parse(post.message), around).verdict == "in"
    ratios = []
    for _ in range(effort.rounds * 40):
        begun = time.thread_time()
        for _ in range(JUDGED_AT_ONCE):
            assert verify(post.author, post.signatures[0], signed)
            assert verify(hillside.key, post.signatures[1], signed)
        between = time.thread_time()
        for _ in range(JUDGED_AT_ONCE):
            judge(parse(post.message), around)
        ratios.append((time.thread_time() - between) / (between - begun))
    return Measured(round(median(ratios), 3), 1.0)
