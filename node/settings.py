"""What a person may set from outside: flags beat the environment, the environment beats the defaults."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from protocol.errors import OurFault

PORT_DEFAULT = 8420
LISTEN_DEFAULT = "0.0.0.0"
DATA_DEFAULT = "~/.local/share/barnraise"


@dataclass(frozen=True, slots=True)
class Settings:
    """Where the node keeps its data and how it is reached. `discovery`: all, loopback or off."""

    data: Path
    port: int = PORT_DEFAULT
    listen: str = LISTEN_DEFAULT
    hosts: tuple[str, ...] = ()
    discovery: str = "all"
    allow_loopback: bool = False

    @classmethod
    def from_outside(
        cls,
        environment: Mapping[str, str] | None = None,
        *,
        data: str | None = None,
        port: int | None = None,
        listen: str | None = None,
        discovery: str | None = None,
    ) -> Settings:
        """Settings from flags (None where not given) and the environment. Raises OurFault("bad_input")."""
        env = os.environ if environment is None else environment
        if port is None:
            text = env.get("BARNRAISE_PORT", str(PORT_DEFAULT))
            if not text.isdigit():
                raise OurFault("bad_input", f"BARNRAISE_PORT is {text!r}, but a port is a number.")
            port = int(text)
        if not 0 <= port <= 65_535:
            raise OurFault("bad_input", f"A port is a number from 0 to 65535, not {port}.")
        where = discovery or env.get("BARNRAISE_DISCOVERY", "all")
        if where not in ("all", "loopback", "off"):
            raise OurFault("bad_input", f"Discovery is all, loopback or off, not {where!r}.")
        return cls(
            data=Path(data or env.get("BARNRAISE_DATA", DATA_DEFAULT)).expanduser(),
            port=port,
            listen=listen or env.get("BARNRAISE_LISTEN", LISTEN_DEFAULT),
            hosts=tuple(
                name.strip().lower() for name in env.get("BARNRAISE_HOSTS", "").split(",") if name.strip()
            ),
            discovery=where,
            allow_loopback=where == "loopback" or env.get("BARNRAISE_ALLOW_LOOPBACK") == "1",
        )
