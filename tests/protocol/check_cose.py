"""Runs in an environment of its own, `.venv-cose`: checks records with pycose, a COSE library by others.

Reads a JSON list of {"record": hex, "keys": [hex, …], "aad": hex} from standard input; writes a list of
the verdicts on the signatures of each: [true, …], or null where the library cannot read the message.
"""

import json
import sys

from pycose.keys import OKPKey
from pycose.messages import CoseMessage, SignMessage


def verdicts(case):
    try:
        message = CoseMessage.decode(bytes.fromhex(case["record"]))
    except Exception:
        return None
    if type(message) is not SignMessage or len(message.signers) != len(case["keys"]):
        return None
    found = []
    for signer, key in zip(message.signers, case["keys"], strict=True):
        signer.external_aad = bytes.fromhex(case["aad"])
        signer.key = OKPKey(crv="ED25519", x=bytes.fromhex(key))
        found.append(bool(signer.verify_signature()))
    return found


json.dump([verdicts(case) for case in json.load(sys.stdin)], sys.stdout)
