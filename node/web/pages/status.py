"""Is the node well? For machines: `/healthz` and `/api/status`."""

from __future__ import annotations

from aiohttp import web

from node.actions import neighborhoods
from node.plain import plain
from node.web.keys import NODE, VISITOR

routes = web.RouteTableDef()


@routes.get("/healthz")
async def healthz(request: web.Request) -> web.Response:
    return web.Response(text="ok")


@routes.get("/api/status")
async def status(request: web.Request) -> web.Response:
    return web.json_response(plain(neighborhoods.overview(request.app[NODE], request[VISITOR].session)))
