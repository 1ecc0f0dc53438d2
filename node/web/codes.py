"""Links and QR codes of invitations."""

from __future__ import annotations

import segno
from aiohttp import web
from markupsafe import Markup

from node.web.keys import NODE
from node.web.safety import given_names, host_name, mdns_name, used_tls


def link_bases(request: web.Request, own_addresses: list[str]) -> list[str]:
    """The addresses to print, each as scheme://host:port, never empty. First the best for a stranger's phone.

    The name by which this very page was reached comes first where an administrator gave the node that name
    (a proxy with TLS, say). The node's own `.local` name comes last: many Android phones cannot find it.
    """
    node = request.app[NODE]
    bases = [f"http://{address}" for address in own_addresses]
    if node.settings.discovery == "all" and not node.discovery_note:
        bases.append(f"http://{mdns_name(node)}:{node.settings.port}")
    reached, name = f"{'https' if used_tls(request) else 'http'}://{request.host}", host_name(request.host)
    if name in given_names(node) or not own_addresses:
        bases = [reached, *(base for base in bases if host_name(base.partition("://")[2]) != name)]
    return list(dict.fromkeys(bases))


def qr_svg(text: str) -> Markup:
    """A QR code as inline SVG, with error correction for a crumpled print; less in long ones."""
    code = segno.make_qr(text, error="m" if len(text) < 300 else "l")
    return Markup(code.svg_inline(border=2, omitsize=True, light="#fff", svgclass="qr", lineclass=None))
