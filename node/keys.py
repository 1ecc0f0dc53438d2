"""Secret keys: the node's own in a file of mode 0600, members' sealed with their passphrases.

A member's seed is sealed by secretbox under Argon2id (64 MiB) of the passphrase, and open in memory only
while the member is signed in. One derivation runs at a time, off the event loop: several at once would
take the memory of a small Pi. The recovery sheet is 24 BIP39 words; it is shown once and never stored.
"""

from __future__ import annotations

import asyncio
import hashlib
import json
import os
import secrets
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from mnemonic import Mnemonic
from nacl.exceptions import CryptoError
from nacl.pwhash import argon2id
from nacl.secret import SecretBox

from protocol.errors import OurFault, WorldFault
from protocol.signing import public_key

KEY_FILE_NAME = "node.key"
NEXT_KEY_FILE_NAME = "node.key.next"
PASSPHRASE_LENGTH_MIN = 8
PASSPHRASE_LENGTH_MAX = 200
_MEMORY_BYTES = 64 * 1024 * 1024
_ROUNDS = argon2id.OPSLIMIT_INTERACTIVE
_one_at_a_time = asyncio.Semaphore(1)


@dataclass(frozen=True, slots=True)
class NodeKeys:
    """The node's secrets: the Ed25519 seed that signs, and the X25519 key of links."""

    seed: bytes
    noise_private: bytes

    @property
    def public(self) -> bytes:
        return public_key(self.seed)


def new_node_keys(random: Callable[[int], bytes] = secrets.token_bytes) -> NodeKeys:
    """Fresh keys."""
    return NodeKeys(random(32), random(32))


def write_node_keys(folder: Path, keys: NodeKeys, name: str = KEY_FILE_NAME) -> None:
    """Write the key file, complete or not at all, readable by its owner only."""
    target, fresh = folder / name, folder / (name + ".new")
    handle = os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with os.fdopen(handle, "w") as file:
        json.dump({"node_seed": keys.seed.hex(), "noise_private": keys.noise_private.hex()}, file)
        file.flush()
        os.fsync(file.fileno())
    fresh.replace(target)
    _sync_folder(folder)


def stage_node_keys(folder: Path, keys: NodeKeys) -> None:
    """Keep the keys that a rotation is about to name. They count once the rotation is stored."""
    write_node_keys(folder, keys, NEXT_KEY_FILE_NAME)


def promote_node_keys(folder: Path) -> None:
    """The rotation is stored: its keys are the node's."""
    (folder / NEXT_KEY_FILE_NAME).replace(folder / KEY_FILE_NAME)
    _sync_folder(folder)


def drop_staged_keys(folder: Path) -> None:
    """The rotation was not stored: nobody will ever know of its keys."""
    (folder / NEXT_KEY_FILE_NAME).unlink(missing_ok=True)


def _sync_folder(folder: Path) -> None:
    handle = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def read_node_keys(folder: Path, name: str = KEY_FILE_NAME) -> NodeKeys | None:
    """The keys in the folder's key file, None where there is none. Raises WorldFault("damaged_data")."""
    path = folder / name
    if not path.exists():
        return None
    try:
        stored = json.loads(path.read_text())
        keys = NodeKeys(bytes.fromhex(stored["node_seed"]), bytes.fromhex(stored["noise_private"]))
    except (ValueError, KeyError, TypeError):
        raise WorldFault("damaged_data", f"The key file {path} cannot be read.") from None
    if len(keys.seed) != 32 or len(keys.noise_private) != 32:
        raise WorldFault("damaged_data", f"The key file {path} is damaged.")
    return keys


@dataclass(frozen=True, slots=True)
class SealedSeed:
    """A member's seed as it lies in the database."""

    salt: bytes
    sealed: bytes


def check_passphrase(passphrase: str) -> None:
    """Refuse what is too short or absurdly long. Raises OurFault("weak_passphrase")."""
    if not PASSPHRASE_LENGTH_MIN <= len(passphrase) <= PASSPHRASE_LENGTH_MAX:
        raise OurFault("weak_passphrase")


async def seal_seed(seed: bytes, passphrase: str) -> SealedSeed:
    """Seal a member's seed. Takes about a tenth of a second and 64 MiB."""
    salt = secrets.token_bytes(argon2id.SALTBYTES)
    return SealedSeed(salt, bytes(SecretBox(await derive(passphrase, salt)).encrypt(seed)))


async def open_seed(sealed: SealedSeed, passphrase: str) -> bytes:
    """The seed. Raises OurFault("wrong_passphrase")."""
    try:
        return bytes(SecretBox(await derive(passphrase, sealed.salt)).decrypt(sealed.sealed))
    except CryptoError:
        raise OurFault("wrong_passphrase") from None


async def derive(passphrase: str, salt: bytes) -> bytes:
    """Argon2id: a key of 32 bytes from a passphrase and 16 bytes of salt."""
    async with _one_at_a_time:
        return await asyncio.to_thread(
            argon2id.kdf,
            32,
            passphrase.encode("utf-8")[: 4 * PASSPHRASE_LENGTH_MAX],
            salt,
            opslimit=_ROUNDS,
            memlimit=_MEMORY_BYTES,
        )


def new_recovery_words(random: Callable[[int], bytes] = secrets.token_bytes) -> list[str]:
    """24 words for a sheet of paper."""
    return words_of(random(32))


def words_of(seed: bytes) -> list[str]:
    """The 24 words that stand for a 32-byte seed: a member's own key, for paper."""
    return str(_words().to_mnemonic(seed)).split()


def recovery_seed(words: list[str]) -> bytes:
    """The recovery key's seed. Raises OurFault("bad_code") where a word is wrong."""
    mnemonic = _words()
    phrase = " ".join(word.strip().lower() for word in words)
    if len(words) != 24 or not mnemonic.check(phrase):
        raise OurFault("bad_code", "These are not the 24 words of a recovery sheet. Check each word.")
    return bytes(mnemonic.to_entropy(phrase))


@cache
def _words() -> Mnemonic:
    """The BIP39 list, read from its file once."""
    return Mnemonic("english")


def word_list() -> list[str]:
    """The 2,048 recovery words, in their order."""
    return list(_words().wordlist)


def six_words(home: bytes) -> str:
    """Six words by which people compare the id of a neighborhood."""
    wordlist = _words().wordlist
    number = int.from_bytes(hashlib.sha256(b"barnraise/1 words\x00" + home).digest()[:9], "big")
    return " ".join(wordlist[(number >> (11 * place)) & 2047] for place in range(6))


def code_hash(code: str) -> bytes:
    """What is stored of a one-time code."""
    return hashlib.sha256(b"barnraise/1 code\x00" + code.encode("utf-8")).digest()
