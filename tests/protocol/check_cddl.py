"""Runs in an environment of its own, `.venv-cose`: checks CBOR with pycddl, a CDDL library by others.

Reads {"cddl": text, "cases": [[rule, hex], …]} from standard input; writes a list of verdicts, true or
false. The rule `record` is not for it: pycddl 0.6.4 breaks down on its literal of bytes.
"""

import json
import sys

from pycddl import Schema, ValidationError

stated = json.load(sys.stdin)
schemas = {}
verdicts = []
for rule, content in stated["cases"]:
    if rule not in schemas:
        schemas[rule] = Schema(f"start = {rule}\n" + stated["cddl"])
    try:
        schemas[rule].validate_cbor(bytes.fromhex(content))
    except ValidationError:
        verdicts.append(False)
    else:
        verdicts.append(True)
json.dump(verdicts, sys.stdout)
