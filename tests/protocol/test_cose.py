"""A COSE library by others, which `make setup-cose` installs, finds records good, and altered ones bad."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path
from typing import Any

import pytest

from protocol.record import AAD, Record, parse
from tests.protocol.helpers import Coalition, Neighborhood, secret
from tests.protocol.test_record import worked_example

ROOT = Path(__file__).resolve().parents[2]
PYTHON = ROOT / ".venv-cose" / "bin" / "python"
SCRIPT = Path(__file__).with_name("check_cose.py")

pytestmark = pytest.mark.skipif(not PYTHON.exists(), reason="no .venv-cose here: run `make setup-cose`")


def check(*cases: tuple[bytes, list[bytes], bytes]) -> list[Any]:
    stated = [
        {"record": m.hex(), "keys": [key.hex() for key in keys], "aad": aad.hex()} for m, keys, aad in cases
    ]
    done = subprocess.run([PYTHON, SCRIPT], input=json.dumps(stated), capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    found: list[Any] = json.loads(done.stdout)
    assert len(found) == len(cases)
    return found


riverbend, oak = Neighborhood("Riverbend", ["one", "two"], threshold=2), Neighborhood("Oak Street")
ana, ben = riverbend.member("Ana"), oak.member("Ben")
region = Coalition("The valley", riverbend, oak)
POST = ana.post(region.scope)
ROTATION = riverbend.rotation(sheets=["Riverbend one", "Riverbend two"])

BY_MEMBERS = [POST, ana.post(), ana.erase(POST), ana.claim(ana, ben), ana.commit(ben.post(region.scope))]
BY_HOMES = [riverbend.inception, region.charter, riverbend.erasure(POST), riverbend.standing(POST, "open", 1)]


def keys_of(record: Record) -> list[bytes]:
    if record.kind == "rotation":
        return list(record.body["signers"])
    if record.kind == "contest":
        return [record.author]
    return [riverbend.key] if record.by_home else [record.author, riverbend.key]


def test_it_finds_our_records_good() -> None:
    inception, example = worked_example()
    records = [*BY_MEMBERS, *BY_HOMES, ROTATION, ana.contest(ana, riverbend.member("Cem"))]
    cases = [(record.message, keys_of(record), AAD) for record in records]
    cases.append((inception.message, [inception.body["node_key"]], AAD))
    cases.append((example.message, [example.author, inception.body["node_key"]], AAD))
    assert check(*cases) == [[True] * len(keys) for _, keys, _ in cases]
    assert {len(keys) for _, keys, _ in cases} == {1, 2}


def test_it_finds_an_altered_one_bad() -> None:
    good, keys = POST.message, keys_of(POST)
    title = good.index(b"clinic")
    altered = good[:title] + b"C" + good[title + 1 :]
    first = good[: -72 - 64] + bytes([good[-72 - 64] ^ 1]) + good[-72 - 63 :]
    last = good[:-1] + bytes([good[-1] ^ 1])
    assert parse(altered).body["title"] != POST.body["title"]
    assert check(
        (altered, keys, AAD),
        (first, keys, AAD),
        (last, keys, AAD),
        (good, keys, b"barnraise/2"),
        (good, keys, b""),
        (good, keys[::-1], AAD),
        (good, [keys[0], secret("somebody")], AAD),
        (good, keys, AAD),
    ) == [
        [False, False],
        [False, True],
        [True, False],
        [False, False],
        [False, False],
        [False, False],
        [True, False],
        [True, True],
    ]
