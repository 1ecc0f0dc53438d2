"""Signing in with name and passphrase, and out again."""

from __future__ import annotations

from aiohttp import web

from node.actions import members, setup
from node.web import render, safety
from node.web.faults import status_of
from node.web.keys import NODE, VISITOR
from node.web.languages import phrase
from node.web.visitor import local_path
from protocol.errors import Fault

routes = web.RouteTableDef()


@routes.get("/sign-in")
async def show_sign_in(request: web.Request) -> web.Response:
    if request[VISITOR].session or not setup.is_set_up(request.app[NODE]):
        return render.go("/")
    form = render.form_of(request, {"next": request.query.get("next", "")})
    return render.page(request, "sign_in/sign_in.html", form=form)


@routes.post("/sign-in")
async def do_sign_in(request: web.Request) -> web.Response:
    form = await render.submitted(request)
    name = form.text("name", most=40, needed=phrase("Please type your name."))
    passphrase = form.value("passphrase")[:200]
    if not passphrase:
        form.wrong("passphrase", phrase("Please type your passphrase."))
    status = 400
    if not form:
        try:
            session = await members.sign_in(
                request.app[NODE],
                name=name,
                passphrase=passphrase,
                address=request.remote or "",
                former_too=True,
            )
        except Fault as fault:
            form.refuse(fault)
            status = status_of(fault)
        else:
            response = render.go(local_path(form.value("next"), "/board"))
            safety.begin_session(response, request, session.token)
            return response
    return render.page(request, "sign_in/sign_in.html", form=form, status=status)


@routes.post("/sign-out")
async def sign_out(request: web.Request) -> web.Response:
    if session := request[VISITOR].session:
        members.sign_out(request.app[NODE], session.token)
    response = render.go("/sign-in", "signed_out")
    safety.end_session(response, request)
    return response
