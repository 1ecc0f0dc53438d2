"""Who is asking: signed in or not, in which language, and the token that their forms must carry."""

from __future__ import annotations

import hashlib
import re
import secrets
from dataclasses import dataclass

from aiohttp import web

from node.actions import members
from node.actions.members import Session
from node.web.keys import NODE, VISITOR
from node.web.languages import choose

LANGUAGE_COOKIE = "barnraise_language"


def session_cookie(request: web.Request) -> str:
    """The session cookie's name. Browsers share cookies between all ports of a host, nodes must not."""
    return f"barnraise_{request.app[NODE].settings.port}"


def form_cookie(request: web.Request) -> str:
    """The name of the cookie to which signed-out forms are bound."""
    return session_cookie(request) + "_form"


@dataclass(frozen=True)
class Visitor:
    session: Session | None
    language: str
    csrf: str
    new_form_cookie: str = ""  # to be set with the next page: a random value that no session is bound to
    session_ended: bool = False  # the browser still holds the cookie of a session that is over

    @property
    def is_coordinator(self) -> bool:
        return self.session is not None and self.session.role == "coordinator"


def csrf_of_form_cookie(value: str) -> str:
    """The token of signed-out forms. The cookie itself never stands in a page."""
    return hashlib.sha256(b"barnraise signed-out form\0" + value.encode()).hexdigest()


def look_up(request: web.Request) -> Visitor:
    """Read the visitor from cookies and headers; asks the node only whether the session is known."""
    token = request.cookies.get(session_cookie(request), "")[:200]
    session = members.find_session(request.app[NODE], token) if token else None
    language = choose(
        (session.language if session else "", request.cookies.get(LANGUAGE_COOKIE, "")),
        request.headers.get("Accept-Language", ""),
    )
    if session:
        return Visitor(session, language, session.csrf)
    held = request.cookies.get(form_cookie(request), "")
    fresh = "" if re.fullmatch(r"[\w-]{32}", held) else secrets.token_urlsafe(24)
    return Visitor(None, language, csrf_of_form_cookie(fresh or held), fresh, session_ended=bool(token))


def session_of(request: web.Request) -> Session:
    """The session of a page that only members see; others are sent to sign in and come back here."""
    session = request[VISITOR].session
    if session is None:
        raise web.HTTPSeeOther("/sign-in" if request.path == "/board" else f"/sign-in?next={request.path}")
    if session.former and request.path != "/reissues" and not request.path.startswith("/reissues/"):
        raise web.HTTPSeeOther("/reissues")
    return session


def local_path(text: str, otherwise: str) -> str:
    """`text` when it is a path on this node, else `otherwise`: a link must never lead a member elsewhere."""
    return text if re.fullmatch(r"/(?![/\\])[!-\[\]-~]{0,500}", text) else otherwise
