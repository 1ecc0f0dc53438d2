"""The neighborhood's name and area, for coordinators."""

from __future__ import annotations

from aiohttp import web

from node.actions import naming, setup
from node.web import render
from node.web.coordinators import require_coordinator
from node.web.faults import status_of
from node.web.forms import Form
from node.web.keys import NODE
from node.web.languages import phrase
from node.web.visitor import session_of
from protocol.errors import Fault

routes = web.RouteTableDef()


def show(request: web.Request, form: Form, status: int = 200) -> web.Response:
    own = setup.neighborhood(request.app[NODE])
    form.entered.setdefault("name", own.name)
    form.entered.setdefault("area", own.area)
    return render.page(request, "naming/name.html", own=own, form=form, status=status)


@routes.get("/neighborhoods/name")
async def show_name(request: web.Request) -> web.Response:
    require_coordinator(request)
    return show(request, render.form_of(request))


@routes.post("/neighborhoods/name")
async def do_name(request: web.Request) -> web.Response:
    session = session_of(request)
    form = await render.submitted(request)
    name = form.text(
        "name", most=60, needed=phrase("Please give the neighborhood a name of 1 to 60 characters.")
    )
    area = form.text("area", most=80)
    status = 400
    if not form:
        try:
            naming.rename(request.app[NODE], session, name=name, area=area)
            return render.go("/neighborhoods", "renamed")
        except Fault as fault:
            form.refuse(fault)
            status = status_of(fault)
    return show(request, form, status)
