"""Where people open the page: by address, which every phone understands, and by name."""

from __future__ import annotations

import ipaddress
import socket
from typing import Any
from urllib.parse import urlsplit

from node.cli import show
from node.settings import Settings
from sync.sightings import host_label


def bases(settings: Settings, home: str, host: str = "") -> list[str]:
    """Addresses of the page for somebody else's phone, best first; `home` in hex, "" before set-up.

    `host`: the name that the running node announces, where it is known.

    IP addresses come before the name, since many Android phones do not find names that end in `.local`.
    Where the node can only be reached on this machine, that address alone.
    """
    from node.serve import urls  # the whole web application comes with it, so only where it is needed

    found = urls(settings)
    for_others = [url for url in found if not only_here(url)]
    if not for_others:
        return found[:1]
    if len(found) > 1:  # listening everywhere, so on the name too
        machine = socket.gethostname().lower().partition(".")[0]
        own = f"{host_label(bytes.fromhex(home), 1)}.local" if home else f"{machine}.local"
        name = host or own
        for_others.append(f"http://{name}:{settings.port}")
    return for_others


def only_here(url: str) -> bool:
    """Whether this address works on this machine only."""
    host = urlsplit(url).hostname or ""
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def bases_of(where: dict[str, Any]) -> list[str]:
    """As `bases`, from the answer of a command."""
    settings = Settings.from_outside({}, port=where["port"], listen=where["listen"])
    return bases(settings, where["home"], where["mdns_host"])


def show_links(links: list[str]) -> None:
    """The links, and a square code of the first one and of the one by name."""
    show.say()
    for link in links:
        note = "    (some phones do not find names that end in .local)" if ".local:" in link else ""
        show.say(f"  {link}{note}")
    if only_here(links[0]):
        show.say("\n  This address works on this machine only.")
        return
    chosen = list(dict.fromkeys([links[0], links[-1]]))
    show.say()
    show.codes(chosen, [urlsplit(link).netloc for link in chosen])
