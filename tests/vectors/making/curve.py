"""Edwards25519 in plain integers: for keys and signatures that no library makes. Slow, and for vectors only."""

from __future__ import annotations

import hashlib
from typing import TypeAlias

Point: TypeAlias = tuple[int, int]

P = 2**255 - 19
ORDER = 2**252 + 27742317777372353535851937790883648493
D = -121665 * pow(121666, P - 2, P) % P
ROOT = pow(2, (P - 1) // 4, P)
IDENTITY: Point = (0, 1)


def recover(y: int, sign: int) -> Point | None:
    """The point with this y and this lowest bit of x, None where there is none."""
    square = (y * y - 1) * pow(D * y * y + 1, P - 2, P) % P
    x = pow(square, (P + 3) // 8, P)
    if (x * x - square) % P:
        x = x * ROOT % P
    if (x * x - square) % P:
        return None
    return (x if x & 1 == sign else (P - x) % P), y


def add(one: Point, other: Point) -> Point:
    (x1, y1), (x2, y2) = one, other
    k = D * x1 * x2 * y1 * y2 % P
    x = (x1 * y2 + x2 * y1) * pow(1 + k, P - 2, P) % P
    return x, (y1 * y2 + x1 * x2) * pow(1 - k, P - 2, P) % P


def times(number: int, point: Point) -> Point:
    result = IDENTITY
    while number:
        if number & 1:
            result = add(result, point)
        point = add(point, point)
        number >>= 1
    return result


def spelled(point: Point) -> bytes:
    """The 32 bytes of a point."""
    return (point[1] | (point[0] & 1) << 255).to_bytes(32, "little")


_BASE = recover(4 * pow(5, P - 2, P) % P, 0)
assert _BASE is not None
BASE: Point = _BASE


def _of_order_eight() -> Point:
    for y in range(2, 100):
        point = recover(y, 0)
        if point is not None:
            torsion = times(ORDER, point)
            if times(4, torsion) != IDENTITY:
                return torsion
    raise AssertionError("no such point")


TORSION = _of_order_eight()


def secret_number(seed: bytes) -> int:
    """The scalar of a seed (RFC 8032, section 5.1.5)."""
    digest = hashlib.sha512(seed).digest()
    return int.from_bytes(digest[:32], "little") & ((1 << 254) - 8) | 1 << 254


def challenge(r: bytes, key: bytes, message: bytes) -> int:
    return int.from_bytes(hashlib.sha512(r + key + message).digest(), "little") % ORDER


def signature(number: int, key: bytes, message: bytes, nonce: int, r: bytes | None = None) -> bytes:
    """[S]B = R + [h]A with A the public `key` of the secret `number`, and R of `nonce` where not given."""
    r = spelled(times(nonce, BASE)) if r is None else r
    s = (nonce + challenge(r, key, message) * number) % ORDER
    return r + s.to_bytes(32, "little")
