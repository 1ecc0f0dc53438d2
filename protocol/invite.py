"""The invitation of one neighborhood by another: one code, entered once.

The code is "BR1" and base32 (RFC 4648, without padding) of the deterministic encoding of

    [addresses, home, coalition, epoch in force, invite id (16), secret (16)]

and the first four bytes of its SHA-256. Base32 in capitals makes a small QR code and can be typed.
The link is a Noise XXpsk3 handshake whose psk is SHA-256 of a domain string and the secret; the inviting
node keeps the psk and never the secret.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
from dataclasses import dataclass

from protocol.encoding import decode, encode
from protocol.errors import OurFault, TheirFault

PREFIX = "BR1"
SECRET_SIZE_BYTES = 16
ADDRESSES_MAX = 4
ADDRESS_LENGTH_MAX = 120
CODE_LENGTH_MAX = 2_000


@dataclass(frozen=True, slots=True)
class Invite:
    """What a code says."""

    addresses: tuple[str, ...]
    home: bytes
    coalition: bytes
    epoch: bytes
    invite_id: bytes
    secret: bytes

    def code(self) -> str:
        """The code, in capitals."""
        fields = [
            list(self.addresses),
            self.home,
            self.coalition,
            self.epoch,
            self.invite_id,
            self.secret,
        ]
        content = encode(fields)
        check = hashlib.sha256(content).digest()[:4]
        return PREFIX + base64.b32encode(content + check).decode("ascii").rstrip("=")

    @property
    def psk(self) -> bytes:
        return psk_of(self.secret)


def psk_of(secret: bytes) -> bytes:
    """The handshake's pre-shared key for an invitation's secret."""
    return hashlib.sha256(b"barnraise/1 invite psk\x00" + secret).digest()


def read_invite(code: str) -> Invite:
    """The invitation in a code as typed or scanned. Raises OurFault("bad_code")."""
    tidy = "".join(code.split()).upper()
    if not tidy.startswith(PREFIX) or len(tidy) > CODE_LENGTH_MAX:
        raise OurFault(
            "bad_code", f"An invitation code starts with {PREFIX}. Check that it was copied whole."
        )
    letters = tidy[len(PREFIX) :]
    try:
        data = base64.b32decode(letters + "=" * (-len(letters) % 8))
    except (binascii.Error, ValueError):
        raise OurFault("bad_code") from None
    content, check = data[:-4], data[-4:]
    if hashlib.sha256(content).digest()[:4] != check:
        raise OurFault("bad_code")
    try:
        fields = decode(content, CODE_LENGTH_MAX)
    except TheirFault:
        raise OurFault("bad_code") from None
    if type(fields) is not list or len(fields) != 6:
        raise OurFault("bad_code")
    addresses = fields[0]
    if (
        type(addresses) is not list
        or not 1 <= len(addresses) <= ADDRESSES_MAX
        or not all(type(item) is str and 0 < len(item) <= ADDRESS_LENGTH_MAX for item in addresses)
        or not all(type(item) is bytes for item in fields[1:])
        or [len(item) for item in fields[1:]] != [32, 32, 32, 16, SECRET_SIZE_BYTES]
    ):
        raise OurFault("bad_code")
    return Invite(tuple(addresses), *fields[1:])
