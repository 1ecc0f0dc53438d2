"""What the page does so that nobody acts, reads or listens in a member's name. One file, with the reasons.

- **Session cookie**: HttpOnly (nothing in a page can read it) and SameSite=Lax (other sites' forms do not
  send it). `Secure` only where the browser used TLS, which its Origin says also from behind a proxy: on
  plain LAN http a Secure cookie would never come back. It ends with the browser; the key that it unlocks
  is held in the node's memory only.
- **Forms** carry a token. Signed in, it is bound to the session. Signed out (sign in, join, setup), it is
  bound to a random cookie, so that nobody is signed in to an account of somebody else's choosing.
- **Origin**: where the header is there it must name this host. On plain http there is no Sec-Fetch-Site.
- **Host**: a foreign web site can point its own name at a LAN address (DNS rebinding), and the browser would
  then take this node for part of that site. So only names that are ours are answered, others get 421.
  A literal IP address cannot be rebound and is always fine. `/link` is not a page: it trusts keys, not
  names, and `/healthz` says nothing: both are answered under any name.
- **IPv6**: a home router keeps IPv4 from outside out by its nature, but may let IPv6 through. So where no
  address to listen on was chosen, somebody with a global IPv6 address must be in one of our own networks.
- **Headers**: the policy allows this node's style sheet and nothing else, no script at all. No other site may
  frame our pages (X-Frame-Options too, for browsers that do not know frame-ancestors) or load what we answer
  (Cross-Origin-Resource-Policy: to SameSite, two ports of one address are one "site"). Search engines are
  told to list nothing, and nobody is told which versions answer.
  Referrer-Policy is `same-origin`, not `no-referrer`: one-time links stand in URLs and must not reach
  other sites, which both ensure, but under `no-referrer` browsers send `Origin: null` with our own forms
  (Fetch standard, "append a request Origin header"), and the check above would be blind.
- **Cache**: pages are never stored; shared phones and computers have a Back button.
- **Bodies** over 64 KiB are refused; the largest form of the page holds under 8 KiB. A carried file is
  larger: its form is read as it comes, the token first, and nothing of the file before that was looked at.
"""

from __future__ import annotations

import hmac
import ipaddress
import socket
from urllib.parse import urlsplit

from aiohttp import BodyPartReader, MultipartReader, web
from aiohttp.typedefs import Handler

from node.actions import setup
from node.app import Node
from node.settings import LISTEN_DEFAULT
from node.web.keys import LINK_PATH, NODE
from node.web.visitor import Visitor, form_cookie, session_cookie
from sync.sightings import host_label

BODY_LIMIT_BYTES = 64 * 1024
STREAMED_PATHS = ("/carry/in",)
PARTS = web.RequestKey("parts", MultipartReader)  # what is left of a form that is read as it comes
TOKEN_SIZE_BYTES_MAX = 200
ANY_HOST_PATHS = (LINK_PATH, "/healthz")
HEADERS = {
    "Content-Security-Policy": (
        "default-src 'none'; style-src 'self'; img-src 'self' data:; form-action 'self'; "
        "frame-ancestors 'none'; base-uri 'none'"
    ),
    "Cross-Origin-Resource-Policy": "same-origin",
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "X-Robots-Tag": "noindex, nofollow",
    "Referrer-Policy": "same-origin",
    "Server": "Barnraise",
}


def host_name(host: str) -> str:
    """The name in a Host header or an Origin's authority, without port and brackets; "" when unreadable."""
    try:
        return (urlsplit(f"//{host}").hostname or "").rstrip(".")
    except ValueError:
        return ""


def given_names(node: Node) -> set[str]:
    """The names that an administrator gave this node (BARNRAISE_HOSTS)."""
    return {host_name(name) for name in node.settings.hosts}


def mdns_name(node: Node) -> str:
    """The name that the node itself announces on its network; "" before it has a neighborhood."""
    if not setup.is_set_up(node):
        return ""
    return node.mdns_host or f"{host_label(setup.neighborhood(node).id, 1)}.local"


def own_names(node: Node) -> set[str]:
    """The names under which this node answers, apart from literal IP addresses."""
    full = socket.gethostname().lower()
    machine = full.partition(".")[0]
    return {"localhost", full, machine, f"{machine}.local", mdns_name(node), *given_names(node)} - {""}


def is_own_host(node: Node, host: str) -> bool:
    name = host_name(host)
    try:
        ipaddress.ip_address(name.partition("%")[0])
    except ValueError:
        return name in own_names(node)
    return True


def came_from_near(node: Node, remote: str) -> bool:
    """Whether somebody at this IP address may be answered at all."""
    ip = ipaddress.ip_address(remote.partition("%")[0])
    if node.settings.listen != LISTEN_DEFAULT or ip.version == 4 or not ip.is_global or ip.ipv4_mapped:
        return True
    return any(ip in network for network in node.networks)


@web.middleware
async def guard_host(request: web.Request, handler: Handler) -> web.StreamResponse:
    """Refuse names that are not ours, and who comes from far by IPv6, before anything else is looked at."""
    if request.remote and not came_from_near(request.app[NODE], request.remote):
        return web.Response(status=403, text="This node answers its own network only.\n")
    if request.path not in ANY_HOST_PATHS and not is_own_host(request.app[NODE], request.host):
        return web.Response(
            status=421,
            text="This node does not go by that name. Use its IP address, or add it to BARNRAISE_HOSTS.\n",
        )
    return await handler(request)


async def add_headers(request: web.Request, response: web.StreamResponse) -> None:
    """Signal handler: every response gets the headers; only the style sheet may be kept by the browser."""
    response.headers.update(HEADERS)
    response.headers.setdefault("Cache-Control", "no-store")


def came_from_here(request: web.Request) -> bool:
    """False when an Origin header names another host. A proxy may rewrite Host: our own names count too."""
    origin = request.headers.get("Origin")
    if origin is None:
        return True
    authority = origin.partition("://")[2].lower()
    return authority == request.host.lower() or host_name(authority) in given_names(request.app[NODE])


def used_tls(request: web.Request) -> bool:
    """Whether the browser spoke TLS, to us or to a proxy before us. Asked after `came_from_here`."""
    return request.secure or request.headers.get("Origin", "").startswith("https://")


async def first_field(request: web.Request, name: str) -> str:
    """The first field of a form that is read as it comes; "" where another stands there.

    Raises ValueError where it is no such form.
    """
    if not request.content_type.startswith("multipart/form-data"):
        raise ValueError("not a form with a file")
    parts = request[PARTS] = await request.multipart()
    part = await parts.next()
    if not isinstance(part, BodyPartReader) or part.name != name:
        return ""
    return (await part.read_chunk(TOKEN_SIZE_BYTES_MAX)).decode()


def token_fits(visitor: Visitor, token: str) -> bool:
    return hmac.compare_digest(visitor.csrf.encode(), token.encode())


def begin_session(response: web.Response, request: web.Request, token: str) -> None:
    response.set_cookie(
        session_cookie(request), token, httponly=True, samesite="Lax", secure=used_tls(request)
    )
    response.del_cookie(form_cookie(request))


def end_session(response: web.Response, request: web.Request) -> None:
    response.del_cookie(session_cookie(request))


def keep_form_cookie(response: web.Response, request: web.Request, visitor: Visitor) -> None:
    if visitor.new_form_cookie:
        response.set_cookie(
            form_cookie(request),
            visitor.new_form_cookie,
            httponly=True,
            samesite="Lax",
            secure=request.secure,
        )
