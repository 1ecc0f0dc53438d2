"""Recovery sheets: making them, reading the words back, and saying which word or sheet is wrong.

A policy is one sheet, or five for five stewards of which three are needed. The number of a sheet is its
place in the policy, so that every record and every page calls it the same. The words are the key's seed
(BIP39); they are shown once and never stored.
"""

from __future__ import annotations

import difflib
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Literal

from node import keys
from protocol.errors import OurFault
from protocol.kinds.keys import KeyChain, RecoveryPolicy, recovery_hash
from protocol.signing import public_key

Kind = Literal["one", "three_of_five"]

KINDS: dict[Kind, tuple[int, int]] = {"one": (1, 1), "three_of_five": (5, 3)}  # sheets, of which needed
WORDS = 24
WORD_LENGTH_SURE = 4  # the first four letters of a word are its own
TEXT_LENGTH_MAX = 2_000


class SheetFault(OurFault):
    """What is wrong with the sheets entered. `sheet` counts from 1 in the order of entry, 0 means all.

    `pattern` and `values` make the sentence, so that a page can say it in another language.
    """

    def __init__(self, code: str, sheet: int, pattern: str, **values: object) -> None:
        self.sheet, self.pattern, self.values = sheet, pattern, values
        super().__init__(code, pattern % values)


UNKNOWN_WORD = "Word %(place)d, “%(word)s”, is not on the list of recovery words."
UNKNOWN_WORD_LIKE = "Word %(place)d, “%(word)s”, is not on the list of recovery words. Is it “%(like)s”?"
WRONG_COUNT = "A sheet has 24 words; these are %(count)d."
WRONG_SUM = "These 24 words do not belong together: one is wrong, or two have changed places."
NO_SHEET = "Please type the 24 words of a sheet."
SAME_SHEET = "This is sheet %(number)d again. Each sheet counts once."
OLD_SHEET = "This sheet was replaced by a newer one and no longer counts."
OTHER_SHEET = "This sheet belongs to another neighborhood."
MORE_SHEETS = "Sheets entered: %(held)d. %(needed)d different sheets are needed."
SENTENCES = (
    *(UNKNOWN_WORD, UNKNOWN_WORD_LIKE, WRONG_COUNT, WRONG_SUM, NO_SHEET),
    *(SAME_SHEET, OLD_SHEET, OTHER_SHEET, MORE_SHEETS),
)


@dataclass(frozen=True, slots=True)
class Sheet:
    """One sheet of paper: sheet `number` of `count`, of which `needed` are needed together."""

    number: int
    count: int
    needed: int
    words: list[str] = field(repr=False)


@dataclass(frozen=True, slots=True)
class Policy:
    """A recovery policy as people see it."""

    kind: Kind | Literal["other"]
    count: int
    needed: int


def read_policy(policy: RecoveryPolicy) -> Policy:
    """What kind of policy this is."""
    shape = (len(policy.hashes), policy.threshold)
    kind = next((name for name, known in KINDS.items() if known == shape), "other")
    return Policy(kind, *shape)  # type: ignore[arg-type]


def new_sheets(kind: Kind, random: Callable[[int], bytes]) -> tuple[list[Sheet], RecoveryPolicy]:
    """Fresh sheets and the policy that they make."""
    count, needed = KINDS[kind]
    words = [keys.new_recovery_words(random) for _ in range(count)]
    sheets = [Sheet(place + 1, count, needed, sheet) for place, sheet in enumerate(words)]
    return sheets, RecoveryPolicy(threshold=needed, hashes=[_hash(sheet) for sheet in words])


def replaced_sheet(
    policy: RecoveryPolicy, number: int, random: Callable[[int], bytes]
) -> tuple[Sheet, RecoveryPolicy]:
    """A fresh sheet in the place of sheet `number` (from 1), and the policy that follows."""
    if not 1 <= number <= len(policy.hashes):
        raise OurFault("bad_input", f"There are sheets 1 to {len(policy.hashes)}.")
    words = keys.new_recovery_words(random)
    hashes = [*policy.hashes[: number - 1], _hash(words), *policy.hashes[number:]]
    sheet = Sheet(number, len(hashes), policy.threshold, words)
    return sheet, RecoveryPolicy(threshold=policy.threshold, hashes=hashes)


def _hash(words: list[str]) -> bytes:
    return recovery_hash(public_key(keys.recovery_seed(words)))


def code_text(words: Sequence[str], number: int, count: int, whose: str, places: Sequence[str]) -> str:
    """What the square code on a sheet says, in plain text for any phone: the words alone on the first line.

    `whose` names the neighborhood, `places` where neighbors' nodes could be asked on the day of printing.
    What a phone reads of it can be pasted whole where the words are asked for.
    """
    return "\n".join([" ".join(words), f"Barnraise, recovery sheet {number} of {count}: {whose}", *places])


def read_words(text: str, sheet: int = 0) -> bytes:
    """The seed on a sheet, as somebody typed it: in any case, numbered or not, words cut to four letters.

    Where one line has all words, as in the text of the square code, the other lines do not count.
    Raises SheetFault("bad_sheet") that names the first word that cannot be right.
    """
    lines = [re.findall(r"[^\W\d_]+", line) for line in text[:TEXT_LENGTH_MAX].lower().splitlines()]
    typed = next((line for line in lines if len(line) == WORDS), [word for line in lines for word in line])
    if not typed:
        raise SheetFault("bad_sheet", sheet, NO_SHEET)
    words = [_whole(word, place, sheet) for place, word in enumerate(typed, 1)]
    if len(words) != WORDS:
        raise SheetFault("bad_sheet", sheet, WRONG_COUNT, count=len(words))
    try:
        return keys.recovery_seed(words)
    except OurFault:
        raise SheetFault("bad_sheet", sheet, WRONG_SUM) from None


def _whole(word: str, place: int, sheet: int) -> str:
    known = keys.word_list()
    if word in known:
        return word
    if len(word) >= WORD_LENGTH_SURE:
        whole = [one for one in known if one.startswith(word)]
        if len(whole) == 1:
            return whole[0]
    shown = word[:20]
    like = difflib.get_close_matches(shown, known, n=1, cutoff=0.7)
    if like:
        raise SheetFault("bad_sheet", sheet, UNKNOWN_WORD_LIKE, place=place, word=shown, like=like[0])
    raise SheetFault("bad_sheet", sheet, UNKNOWN_WORD, place=place, word=shown)


def enough(texts: Sequence[str], chain: KeyChain) -> list[bytes]:
    """The seeds on enough sheets of the policy in force, in the order in which they sign.

    Empty texts are skipped. Raises SheetFault: bad_sheet, or more_sheets where more are needed.
    """
    policy = chain.steps[-1].recovery
    former = {one for step in chain.steps[:-1] for one in step.recovery.hashes}
    found: dict[int, bytes] = {}
    for place, text in enumerate(texts, 1):
        if not text.strip():
            continue
        seed = read_words(text, place)
        named = recovery_hash(public_key(seed))
        if named not in policy.hashes:
            raise SheetFault("bad_sheet", place, OLD_SHEET if named in former else OTHER_SHEET)
        number = policy.hashes.index(named) + 1
        if number in found:
            raise SheetFault("bad_sheet", place, SAME_SHEET, number=number)
        found[number] = seed
    if not found:
        raise SheetFault("bad_sheet", 1, NO_SHEET)
    if len(found) < policy.threshold:
        raise SheetFault("more_sheets", 0, MORE_SHEETS, held=len(found), needed=policy.threshold)
    return sorted(list(found.values())[: policy.threshold], key=public_key)
