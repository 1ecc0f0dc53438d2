"""`/`, the style sheet and icon, and the choice of language."""

from __future__ import annotations

from aiohttp import web

from node.actions import members, setup
from node.web import render
from node.web.keys import NODE, VISITOR
from node.web.languages import LANGUAGES
from node.web.visitor import LANGUAGE_COOKIE, local_path

routes = web.RouteTableDef()

LANGUAGE_KEPT_S = 365 * 86_400
KEEP_FOREVER = {"Cache-Control": "public, max-age=31536000, immutable"}  # the name changes with the content


@routes.get("/")
async def front_door(request: web.Request) -> web.Response:
    if not setup.is_set_up(request.app[NODE]):
        return render.page(request, "setup/not_yet.html")
    return render.go("/board" if request[VISITOR].session else "/sign-in")


@routes.post("/language")
async def choose_language(request: web.Request) -> web.Response:
    """A member's choice is kept with the member, anybody else's in a cookie of this browser."""
    form = await render.submitted(request)
    language = form.choice("language", LANGUAGES, otherwise=request[VISITOR].language)
    response = render.go(local_path(form.value("back"), "/"))
    if session := request[VISITOR].session:
        members.set_language(request.app[NODE], session, language)
    else:
        response.set_cookie(
            LANGUAGE_COOKIE, language, max_age=LANGUAGE_KEPT_S, httponly=True, samesite="Lax", path="/"
        )
    return response


@routes.get(render.STYLE_PATH)
async def style(request: web.Request) -> web.Response:
    return web.Response(body=render.STYLE, content_type="text/css", charset="utf-8", headers=KEEP_FOREVER)


@routes.get(render.ICON_PATH)
async def icon(request: web.Request) -> web.Response:
    return web.Response(body=render.ICON, content_type="image/svg+xml", headers=KEEP_FOREVER)
