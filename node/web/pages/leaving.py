"""Leaving the neighborhood, and erasing everything that somebody said."""

from __future__ import annotations

from aiohttp import web

from node.actions import leaving
from node.web import render, safety
from node.web.coordinators import require_coordinator
from node.web.faults import status_of
from node.web.forms import Form
from node.web.keys import NODE
from node.web.languages import phrase
from node.web.pages.people import named
from node.web.visitor import session_of
from protocol.errors import Fault

routes = web.RouteTableDef()


def show(request: web.Request, form: Form, status: int = 200) -> web.Response:
    mine = leaving.belongings(request.app[NODE], session_of(request).account_key)
    return render.page(request, "leaving/leave.html", form=form, mine=mine, status=status)


@routes.get("/profile/leave")
async def show_leave(request: web.Request) -> web.Response:
    session_of(request)
    return show(request, render.form_of(request))


@routes.post("/profile/leave")
async def do_leave(request: web.Request) -> web.Response:
    session = session_of(request)
    form = await render.submitted(request)
    passphrase = form.value("passphrase")[:200]
    if not passphrase:
        form.wrong("passphrase", phrase("Please type your passphrase."))
        return show(request, form, 400)
    try:
        await leaving.leave(request.app[NODE], session, passphrase)
    except Fault as fault:
        form.refuse(fault)
        return show(request, form, status_of(fault))
    response = render.go("/sign-in", "gone")
    safety.end_session(response, request)
    return response


@routes.get("/people/{key:[0-9a-f]{64}}/remove")
async def show_remove(request: web.Request) -> web.Response:
    require_coordinator(request)
    person = named(request)
    mine = leaving.belongings(request.app[NODE], person.key)
    return render.page(request, "leaving/remove.html", person=person, mine=mine)


@routes.post("/people/{key:[0-9a-f]{64}}/remove")
async def do_remove(request: web.Request) -> web.Response:
    leaving.remove(request.app[NODE], session_of(request), named(request).key)
    return render.go("/people", "removed")
