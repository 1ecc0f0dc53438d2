"""Is the node well? For coordinators a page; for machines `/healthz` and `/api/status`."""

from __future__ import annotations

from aiohttp import web

from node import network
from node.actions import neighborhoods
from node.plain import plain
from node.web import render
from node.web.coordinators import require_coordinator
from node.web.keys import NODE, VISITOR

routes = web.RouteTableDef()


@routes.get("/healthz")
async def healthz(request: web.Request) -> web.Response:
    return web.Response(text="ok")


@routes.get("/api/status")
async def status(request: web.Request) -> web.Response:
    return web.json_response(plain(neighborhoods.overview(request.app[NODE], request[VISITOR].session)))


@routes.get("/status")
async def show_status(request: web.Request) -> web.Response:
    """What “barnraise doctor” says of the network, in the reader's language."""
    require_coordinator(request)
    node = request.app[NODE]
    found = await network.examine(node, node.links)
    findings = [finding.texts(lambda text: render.translate(request, text)) for finding in found]
    return render.page(request, "status/status.html", findings=findings)
