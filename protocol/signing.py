"""Ed25519, by libsodium through PyNaCl and nothing else (design rule: one verifier).

Other libraries accept small-order keys and non-canonical points that libsodium refuses; two verifiers
would split the network (docs/decisions/0003). Seeds and keys are 32 bytes, signatures 64.
"""

from __future__ import annotations

from nacl.bindings import crypto_sign_open, crypto_sign_seed_keypair
from nacl.exceptions import CryptoError
from nacl.signing import SigningKey

KEY_SIZE_BYTES = 32
SIGNATURE_SIZE_BYTES = 64


def public_key(seed: bytes) -> bytes:
    """The public key of a 32-byte seed."""
    return crypto_sign_seed_keypair(seed)[0]


def sign(seed: bytes, message: bytes) -> bytes:
    """The signature of `message` by the key of `seed`."""
    return SigningKey(seed).sign(message).signature


def verify(key: bytes, signature: bytes, message: bytes) -> bool:
    """Whether `signature` is libsodium's idea of a valid signature of `message` by `key`."""
    if len(key) != KEY_SIZE_BYTES or len(signature) != SIGNATURE_SIZE_BYTES:
        return False
    try:
        crypto_sign_open(signature + message, key)
    except CryptoError:
        return False
    return True
