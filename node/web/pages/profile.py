"""What a member says about themselves, and how to reach them."""

from __future__ import annotations

from aiohttp import web

from node.actions import members
from node.web import render
from node.web.faults import status_of
from node.web.keys import NODE
from node.web.visitor import session_of
from protocol.errors import Fault

routes = web.RouteTableDef()


@routes.get("/profile")
async def show_profile(request: web.Request) -> web.Response:
    mine = members.profile(request.app[NODE], session_of(request))
    entered = {"area": mine.area, "languages": mine.languages, "about": mine.about, "contact": mine.contact}
    return render.page(request, "people/profile.html", form=render.form_of(request, entered))


@routes.post("/profile")
async def save_profile(request: web.Request) -> web.Response:
    session = session_of(request)
    form = await render.submitted(request)
    area = form.text("area", most=80)
    languages = form.text("languages", most=80)
    about = form.text("about", most=2_000, lines=True)
    contact = form.text("contact", most=80)
    status = 400
    if not form:
        try:
            members.save_profile(
                request.app[NODE], session, area=area, languages=languages, about=about, contact=contact
            )
            return render.go("/profile", "saved")
        except Fault as fault:
            form.refuse(fault)
            status = status_of(fault)
    return render.page(request, "people/profile.html", form=form, status=status)
