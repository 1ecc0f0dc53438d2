"""The web application: middlewares in their order, and the list of features."""

from __future__ import annotations

from aiohttp import web
from aiohttp.typedefs import Handler

from node.app import Node
from node.web import safety
from node.web.faults import answer_faults
from node.web.keys import LINK_PATH, NODE, VISITOR
from node.web.languages import LANGUAGES, translations
from node.web.pages import (
    api,
    backup,
    board,
    branches,
    carry,
    coalitions,
    erasure,
    frontdoor,
    hours,
    join,
    leaving,
    lost,
    naming,
    neighborhoods,
    people,
    posts,
    privacy,
    profile,
    promises,
    recovery,
    reissues,
    setup,
    sign_in,
    status,
)
from node.web.render import environment
from node.web.visitor import look_up

FEATURES = (
    *(frontdoor, setup, join, sign_in, board, posts, promises, hours, people, profile, neighborhoods, naming),
    *(reissues, recovery, lost, backup, carry, erasure, leaving, coalitions, branches, privacy, status, api),
)


@web.middleware
async def meet(request: web.Request, handler: Handler) -> web.StreamResponse:
    """Find out who is asking, for everything that follows."""
    request[VISITOR] = look_up(request)
    return await handler(request)


async def _token(request: web.Request) -> str:
    token = (await request.post()).get("csrf", "")
    return token if isinstance(token, str) else ""


@web.middleware
async def check_form(request: web.Request, handler: Handler) -> web.StreamResponse:
    """Every POST must come from a page of ours, with the token of this very visitor."""
    if request.method not in ("GET", "HEAD"):
        visitor = request[VISITOR]
        try:
            streamed = request.path in safety.STREAMED_PATHS
            token = await (safety.first_field(request, "csrf") if streamed else _token(request))
        except ValueError:  # bytes that are no text, or no form
            raise web.HTTPBadRequest from None
        if not (safety.token_fits(visitor, token) and safety.came_from_here(request)):
            if visitor.session_ended and request.path != "/sign-in":
                raise web.HTTPSeeOther("/sign-in?said=ended")
            raise web.HTTPForbidden
    return await handler(request)


def build_app(node: Node) -> web.Application:
    """All pages of one node. Add `/link` with `add_link_route` before the application starts."""
    app = web.Application(
        middlewares=[safety.guard_host, meet, answer_faults, check_form],
        client_max_size=safety.BODY_LIMIT_BYTES,
    )
    app[NODE] = node
    app.on_response_prepare.append(safety.add_headers)
    for feature in FEATURES:
        app.add_routes(feature.routes)
    for language in LANGUAGES:  # read at start: a broken catalog or template is found then, not by a member
        translations(language)
        environment(language)
    return app


def add_link_route(app: web.Application, handler: Handler) -> None:
    """Hang the handler of other nodes' WebSockets at `/link`."""
    app.router.add_get(LINK_PATH, handler)
