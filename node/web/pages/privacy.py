"""Who can read what: for everybody, also before signing in. It names nobody and asks for nothing."""

from __future__ import annotations

from aiohttp import web

from node.web import render

routes = web.RouteTableDef()


@routes.get("/privacy")
async def privacy(request: web.Request) -> web.Response:
    return render.page(request, "privacy/privacy.html")
