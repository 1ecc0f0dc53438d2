"""Every code that is used has a sentence, and every sentence is one."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from protocol.errors import SENTENCES, Fault, OurFault, TheirFault, WorldFault

ROOT = Path(__file__).resolve().parents[2]
FLOORS = ("protocol", "sync", "node")
RAISED = re.compile(r"\b(?:Our|Their|World)?Fault\(\s*\"([a-z_]+)\"")
JUDGED = re.compile(r"\bJudgement\(\s*\"(?:never|not_now)\",\s*\"([a-z_]+)\"")


def sources() -> dict[str, str]:
    return {
        str(path.relative_to(ROOT)): path.read_text()
        for floor in FLOORS
        for path in (ROOT / floor).rglob("*.py")
    }


def test_every_code_that_is_raised_has_a_sentence() -> None:
    found = {(name, code) for name, text in sources().items() for code in RAISED.findall(text)}
    assert len(found) > 50
    assert {(name, code) for name, code in found if code not in SENTENCES} == set()


def test_every_code_of_a_verdict_has_a_sentence() -> None:
    text = sources()["protocol/judge.py"]
    codes = {*JUDGED.findall(text), *re.findall(r"(?:else|return|code =) \"([a-z_]+)\"", text)}
    assert {"unknown_home", "old_key", "not_for_us", "not_yet", "expired", "bad_signature"} <= codes
    assert codes <= SENTENCES.keys()


@pytest.mark.parametrize("code", SENTENCES)
def test_a_sentence_is_one(code: str) -> None:
    sentence = SENTENCES[code]
    assert re.fullmatch(r"[a-z_]{4,30}", code)
    assert sentence[0].isupper() and sentence[-1] in ".)" and "\n" not in sentence and len(sentence) < 160


@pytest.mark.parametrize("kind", [OurFault, TheirFault, WorldFault])
def test_a_fault_says_what_it_is(kind: type[Fault]) -> None:
    fault = kind("disk_full")
    assert (fault.code, fault.sentence) == ("disk_full", "The disk is full.")
    assert str(fault) == "disk_full: The disk is full." and isinstance(fault, Fault)
    assert kind("disk_full", "The disk of the Pi is full.").sentence == "The disk of the Pi is full."


def test_a_code_without_a_sentence_is_a_mistake_of_the_programmer() -> None:
    with pytest.raises(KeyError):
        TheirFault("no_such_code")
