"""Vectors by others: signatures as libsodium judges them, and the bytes that COSE signs."""

from __future__ import annotations

import json
from typing import Any

import cbor2
import pytest

from protocol.encoding import encode
from protocol.record import AAD, to_be_signed
from protocol.signing import public_key, sign, verify
from tests import shared


def by_others(name: str) -> Any:
    return json.loads(shared.need("vectors", name).read_text())


def test_speccheck_as_libsodium_judges() -> None:
    cases = by_others("ed25519-speccheck.json")
    verdicts = [
        verify(*(bytes.fromhex(case[k]) for k in ("pub_key", "signature", "message"))) for case in cases
    ]
    assert len(verdicts) == 12 and [i for i, good in enumerate(verdicts) if good] == [3]


def test_wycheproof() -> None:
    judged = 0
    for group in by_others("wycheproof-ed25519.json")["testGroups"]:
        key = bytes.fromhex(group["publicKey"]["pk"])
        for case in group["tests"]:
            verdict = verify(key, bytes.fromhex(case["sig"]), bytes.fromhex(case["msg"]))
            assert case["result"] in ("valid", "invalid")
            assert verdict == (case["result"] == "valid"), case["tcId"]
            judged += 1
    assert judged >= 150


@pytest.mark.parametrize("name", ["cose-eddsa-01.json", "cose-eddsa-sig-01.json"])
def test_cose_examples(name: str) -> None:
    vector = by_others(name)
    payload = vector["input"]["plaintext"].encode()
    many = "sign" in vector["input"]
    signer = vector["input"]["sign"]["signers"][0] if many else vector["input"]["sign0"]
    seed = bytes.fromhex(signer["key"]["d_hex"])
    steps = vector["intermediates"]
    wanted = bytes.fromhex((steps["signers"][0] if many else steps)["ToBeSign_hex"])
    message = cbor2.loads(bytes.fromhex(vector["output"]["cbor"])).value
    if many:
        (protected, _, signature), body_protected = message[3][0], message[0]
        built = encode(["Signature", body_protected, protected, b"", payload])
    else:
        protected, signature = message[0], message[3]
        built = encode(["Signature1", protected, b"", payload])
    assert built == wanted
    assert sign(seed, built) == signature and verify(public_key(seed), signature, built)
    # ours is the first of the two, with no protected header of its own and our external_aad
    assert to_be_signed(payload) == encode(["Signature", b"", bytes.fromhex("a10127"), AAD, payload])
