"""The encrypted channel of a link: a Noise handshake, then sealed frames. No sockets here.

The first byte on the wire says which handshake it is, so that the answering side can choose before it
does any cryptography:

    00                  Noise_XX_25519_ChaChaPoly_SHA256: two nodes meet
    01 + 16 bytes id    Noise_XXpsk3_25519_ChaChaPoly_SHA256: with the secret of the invitation of that id

These prefix bytes are part of the Noise prologue: whoever changes them on the way breaks the handshake.
Three messages, then both sides know each other's static Noise key, and no one in between learnt either:

    initiator -> responder   prefix, e                 no payload
    responder -> initiator   e, ee, s, es              payload: the responder's introduction
    initiator -> responder   s, se (and psk)           payload: the initiator's introduction

What an introduction says is of no concern here (protocol/introduction.py); its bytes are handed on.
Everything noiseprotocol offers and we use is in the class `Noise`; nothing else touches that package.
Exact bytes: docs/sync.md. Noise: noiseprotocol.org, revision 34.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable
from typing import Any

from cryptography.exceptions import InvalidTag
from noise.backends.default.keypairs import KeyPair25519
from noise.connection import Keypair, NoiseConnection
from noise.exceptions import NoiseInvalidMessage, NoiseMaxNonceError, NoiseValueError

from protocol.errors import TheirFault

PROLOGUE = b"barnraise/1 link\x00"
XX = b"Noise_XX_25519_ChaChaPoly_SHA256"
XX_PSK3 = b"Noise_XXpsk3_25519_ChaChaPoly_SHA256"

PREFIX_XX = b"\x00"
PREFIX_XX_PSK3 = b"\x01"
INVITE_ID_SIZE_BYTES = 16
KEY_SIZE_BYTES = 32
TAG_SIZE_BYTES = 16
MESSAGE_SIZE_BYTES_MAX = 65_535  # Noise's own limit
FRAME_SIZE_BYTES_MAX = MESSAGE_SIZE_BYTES_MAX - TAG_SIZE_BYTES

# what foreign bytes make noiseprotocol raise: a false tag, a short or low-order key, a used-up nonce
_REFUSALS = (InvalidTag, ValueError, NoiseValueError, NoiseInvalidMessage, NoiseMaxNonceError)


def public_key(noise_private: bytes) -> bytes:
    """The public key (32 bytes) of a static Noise key: any 32 random bytes."""
    return bytes(KeyPair25519.from_private_bytes(noise_private).public_bytes)


class Noise:
    """One side of one Noise handshake with the given pattern and prologue: noiseprotocol, typed.

    `ephemeral` is for test vectors only; without it a fresh one is drawn, as it must be.
    """

    def __init__(
        self,
        pattern: bytes,
        prologue: bytes,
        initiator: bool,
        noise_private: bytes,
        psk: bytes | None = None,
        ephemeral: bytes | None = None,
    ) -> None:
        self._noise: Any = NoiseConnection.from_name(pattern)
        if initiator:
            self._noise.set_as_initiator()
        else:
            self._noise.set_as_responder()
        self._noise.set_prologue(prologue)
        self._noise.set_keypair_from_private_bytes(Keypair.STATIC, noise_private)
        if psk is not None:
            self._noise.set_psks(psk=psk)
        with warnings.catch_warnings():
            if ephemeral is not None:
                self._noise.set_keypair_from_private_bytes(Keypair.EPHEMERAL, ephemeral)
                warnings.simplefilter("ignore")  # the package warns, rightly, unless this is a test
            self._noise.start_handshake()
        # the package forgets its handshake state when done; the other side's static key is in it
        self._state: Any = self._noise.noise_protocol.handshake_state

    def write(self, payload: bytes) -> bytes:
        """The next handshake message."""
        return bytes(self._noise.write_message(payload))

    def read(self, message: bytes) -> bytes:
        """The payload of a handshake message. Raises TheirFault."""
        try:
            return bytes(self._noise.read_message(message))
        except _REFUSALS:
            raise TheirFault("bad_handshake") from None

    @property
    def done(self) -> bool:
        return bool(self._noise.handshake_finished)

    @property
    def their_public(self) -> bytes:
        """The other side's static key, once it was read."""
        return bytes(self._state.rs.public_bytes)

    @property
    def handshake_hash(self) -> bytes:
        """32 bytes that both sides, and nobody else, share; known when done."""
        return bytes(self._noise.get_handshake_hash())

    def seal(self, plaintext: bytes) -> bytes:
        return bytes(self._noise.encrypt(plaintext))

    def open(self, message: bytes) -> bytes:
        """The plaintext of a sealed message. Raises TheirFault."""
        try:
            return bytes(self._noise.decrypt(message))
        except _REFUSALS:
            raise TheirFault("bad_frame") from None


class Channel:
    """Sealed frames in both directions, in order; one that is lost, repeated or altered does not open."""

    def __init__(self, noise: Noise) -> None:
        self._noise = noise

    def seal(self, frame: bytes) -> bytes:
        """The message that carries `frame`, of at most 65,519 bytes. Raises ValueError."""
        if len(frame) > FRAME_SIZE_BYTES_MAX:
            raise ValueError(f"a frame of {len(frame)} bytes is over {FRAME_SIZE_BYTES_MAX}")
        return self._noise.seal(frame)

    def open(self, message: bytes) -> bytes:
        """The frame in `message`. Raises TheirFault; the channel is of no use after that."""
        if len(message) > MESSAGE_SIZE_BYTES_MAX:
            raise TheirFault("frame_too_long", limit=f"MESSAGE_SIZE_BYTES_MAX {MESSAGE_SIZE_BYTES_MAX}")
        return self._noise.open(message)


class Handshake:
    """One side of a greeting. Feed it what arrives, send what it returns, until `done`.

    `invite` (id of 16 bytes, secret of 32) makes the initiator use XXpsk3. A responder asks `psk_of`
    for the secret of an invitation, and gets None if it is unknown.
    """

    def __init__(
        self,
        initiator: bool,
        noise_private: bytes,
        introduction: bytes,
        invite: tuple[bytes, bytes] | None = None,
        psk_of: Callable[[bytes], bytes | None] = lambda invite_id: None,
        ephemeral: bytes | None = None,
    ) -> None:
        self._noise_private = noise_private
        self._introduction = introduction
        self._psk_of = psk_of
        self._ephemeral = ephemeral
        self._next: Callable[[bytes], bytes | None] | None = None if initiator else self._receive_first
        self._noise: Noise | None = None  # a responder knows pattern and secret after the first message
        self._prefix = b""
        self._initiator = initiator
        self.their_introduction = b""
        self.invite_id: bytes | None = None
        if initiator and invite is None:
            self._begin(PREFIX_XX, None)
        elif initiator and invite is not None:
            self.invite_id, psk = invite
            if len(self.invite_id) != INVITE_ID_SIZE_BYTES or len(psk) != KEY_SIZE_BYTES:
                raise ValueError("an invitation has an id of 16 bytes and a secret of 32")
            self._begin(PREFIX_XX_PSK3 + self.invite_id, psk)

    def first(self) -> bytes:
        """The message with which the initiator begins."""
        if not self._initiator or self._noise is None or self._next is not None:
            raise RuntimeError("only an initiator begins, and once")
        self._next = self._receive_second
        return self._prefix + self._noise.write(b"")

    def receive(self, message: bytes) -> bytes | None:
        """Takes the other side's next message; returns the one to send back, if any. Raises TheirFault.

        After a fault nothing more is accepted. `their_introduction` and `their_noise_public` are known
        as soon as they arrive, so that an initiator can check them before it sends its own.
        """
        step, self._next = self._next, None
        if step is None:
            raise TheirFault("bad_handshake")
        if len(message) > MESSAGE_SIZE_BYTES_MAX:
            raise TheirFault("bad_handshake", limit=f"MESSAGE_SIZE_BYTES_MAX {MESSAGE_SIZE_BYTES_MAX}")
        return step(message)

    @property
    def done(self) -> bool:
        return self._noise is not None and self._noise.done

    @property
    def their_noise_public(self) -> bytes:
        return self._proven().their_public

    @property
    def handshake_hash(self) -> bytes:
        return self._proven().handshake_hash

    def channel(self) -> Channel:
        """The channel that follows, when done."""
        if not self.done:
            raise RuntimeError("the handshake is not done")
        return Channel(self._proven())

    def _proven(self) -> Noise:
        if self._noise is None:
            raise RuntimeError("the handshake has not begun")
        return self._noise

    def _begin(self, prefix: bytes, psk: bytes | None) -> None:
        self._prefix = prefix
        self._noise = Noise(
            XX if psk is None else XX_PSK3,
            PROLOGUE + prefix,
            self._initiator,
            self._noise_private,
            psk,
            self._ephemeral,
        )

    def _receive_first(self, message: bytes) -> bytes:
        kind = message[:1]
        if kind == PREFIX_XX:
            prefix, psk = kind, None
        elif kind == PREFIX_XX_PSK3:
            prefix = message[: 1 + INVITE_ID_SIZE_BYTES]
            if len(prefix) != 1 + INVITE_ID_SIZE_BYTES:
                raise TheirFault("bad_handshake")
            self.invite_id = prefix[1:]
            psk = self._psk_of(self.invite_id)
            if psk is None:
                raise TheirFault("unknown_invite")
        else:
            raise TheirFault("bad_handshake")
        self._begin(prefix, psk)
        noise = self._proven()
        if noise.read(message[len(prefix) :]) != b"":
            raise TheirFault("bad_handshake")
        self._next = self._receive_third
        try:
            return noise.write(self._introduction)
        except ValueError:  # their ephemeral key is of low order: nothing secret can be shared with it
            raise TheirFault("bad_handshake") from None

    def _receive_second(self, message: bytes) -> bytes:
        noise = self._proven()
        self.their_introduction = noise.read(message)
        try:
            return noise.write(self._introduction)
        except ValueError:
            raise TheirFault("bad_handshake") from None

    def _receive_third(self, message: bytes) -> None:
        self.their_introduction = self._proven().read(message)
