"""The shapes of records as CDDL (RFC 8610), worked out from the msgspec structures that the program reads.

`python -m tests.protocol.cddl > docs/protocol.cddl` writes the document; a test holds the two together.
"""

from __future__ import annotations

from typing import Annotated, Any, Literal, Union, get_args, get_origin, get_type_hints

import msgspec

from protocol.kinds.shapes import Shape
from protocol.kinds.table import KINDS
from protocol.scopes import CREATED_MAX_S, DAY_MAX, EPOCH_2020_S

PRELUDE = {"text", "time", "number", "bytes", "any", "int"}  # names of types, which some tools take keys for

PREAMBLE = f"""\
; The records of Barnraise in CDDL (RFC 8610). The words are in protocol.md; a test holds this file and the
; program together. All CBOR is deterministic (RFC 8949, section 4.2.1): no tags but 98, no floats, no
; indefinite lengths, keys in order.

record = #6.98([
  protected: bstr .size 0,
  unprotected: {{}},
  payload: bstr .cbor payload,
  signatures: [1*8 signature],
])
signature = [protected: h'a10127', unprotected: {{}}, signature: bstr .size 64]

payload = {{
  1: 1,                           ; version
  2: tstr .size (1..128),         ; kind: 1 to 32 characters; here and below sizes of texts are in bytes
  3: scope,
  4: hash / bstr .size 0,         ; author; empty in an inception
  5: hash / bstr .size 0,         ; home; empty in an inception
  6: bstr .size 16,               ; nonce
  7: {EPOCH_2020_S}..{CREATED_MAX_S},      ; created, Unix seconds of the first version
  8: 0..{DAY_MAX} / null,            ; expires, a day since 1970, or never
  9: 0..65535,                    ; edit
  ? 10: true,                     ; erased: the body is then empty
  ? 11: [account-key: hash, consent: hash], ; on behalf of
  12: body,
}}
scope = [0] / [1, hash, hash] / [2] / [2, hash]
hash = bstr .size 32
body = {{ * any => any }}                     ; by kind, below; readers pass unknown keys over
"""


BUNDLES = """\
; What stands in the pages of a bundle (protocol.md, Bundles)

letter = [said: statement, signed: bstr .size 64, key-records: [0*16 bstr .size (0..8192)]]
statement = {
  1: hash,                        ; sender
  2: hash,                        ; recipient
  3: 0..4294967295,               ; made, Unix seconds
  4: hash,                        ; the sender's newest prekey
  5: [0*64 section],
  6: [0*16 [until: 0..4294967295 / null, fingerprint: bstr .size 16]],
  7: bool,                        ; whether it tells what is held
}
section = [coalition: hash, key: hash, epoch: hash] / [null, key: hash, null]
page = records-page / held-page
records-page = [0, number: 0..4294967295, last: bool, records: [0*1000 bstr .size (0..8192)]]
held-page = [1, number: 0..4294967295, last: bool, set: 0..2, short-ids: bstr .size (0..32000)]
"""


def type_of(hint: Any) -> str:
    """The CDDL of one field's type."""
    origin = get_origin(hint)
    if origin is Annotated:
        inner, *rest = get_args(hint)
        return _bounded(inner, [meta for meta in rest if isinstance(meta, msgspec.Meta)])
    if origin is Literal:
        return " / ".join(f'"{word}"' for word in get_args(hint))
    if origin is list:
        return f"[* {type_of(get_args(hint)[0])}]"
    if isinstance(hint, type) and issubclass(hint, Shape):
        return "{ " + ", ".join(fields_of(hint)) + " }"
    return {int: "int", bytes: "bstr", str: "tstr", bool: "bool"}[hint]


def _bounded(inner: Any, metas: list[msgspec.Meta]) -> str:
    meta = metas[0]
    if inner is int:
        return f"{meta.ge}..{meta.le}"
    least, most = meta.min_length or 0, meta.max_length
    if get_origin(inner) is list:
        item = type_of(get_args(inner)[0])
        return f"[{least}*{most} {item}]"
    if inner is bytes:
        return "hash" if least == most == 32 else f"bstr .size ({least}..{most})"
    # CDDL counts the bytes of a text, the program its characters, of at most four bytes each
    return f"tstr .size ({least}..{most * 4 if most else most})"


def fields_of(shape: type[Shape]) -> list[str]:
    """One entry for each field of a structure, those with a default as optional."""
    hints = get_type_hints(shape, include_extras=True)
    optional = {f.name for f in msgspec.structs.fields(shape) if not f.required}
    entries = []
    for name, hint in hints.items():
        if name.startswith("__"):
            continue
        if get_origin(hint) is Union or str(get_origin(hint)) == "<class 'types.UnionType'>":
            hint = next(part for part in get_args(hint) if part is not type(None))
        key = f'"{name}"' if name in PRELUDE else name
        entries.append(f"{'? ' if name in optional else ''}{key}: {type_of(hint)}")
    return entries


def document() -> str:
    """The whole file."""
    parts = [PREAMBLE]
    for kind in KINDS.values():
        if kind.shape is not None:
            inner = "".join(f"  {entry},\n" for entry in [*fields_of(kind.shape), "* tstr => any"])
            parts.append(f"{kind.name} = {{\n{inner}}}\n")
    parts.append("parcel = { sealed: bstr }\n")
    parts.append(
        "erasure = { seven: [kind: tstr, scope: scope, author: hash, home: hash, nonce: bstr .size 16,\n"
        "  created: uint, expires: uint / null] }\n"
    )
    parts.append(BUNDLES)
    return "\n".join(parts)


if __name__ == "__main__":
    print(document(), end="")
