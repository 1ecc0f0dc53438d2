"""The neighbors of this node, and inviting more of them."""

from __future__ import annotations

from aiohttp import web

from node.actions import members, neighborhoods
from node.web import render
from node.web.codes import link_bases, qr_svg
from node.web.coordinators import require_coordinator
from node.web.keys import NODE
from node.web.visitor import session_of

routes = web.RouteTableDef()


@routes.get("/people")
async def people(request: web.Request) -> web.Response:
    found = members.people(request.app[NODE], session_of(request))
    return render.page(request, "people/people.html", people=found)


def named(request: web.Request) -> members.Person:
    """The person whom the address names."""
    wanted = bytes.fromhex(request.match_info["key"])
    for person in members.people(request.app[NODE], session_of(request)):
        if person.key == wanted:
            return person
    raise web.HTTPNotFound


@routes.get("/people/{key:[0-9a-f]{64}}/role")
async def show_role(request: web.Request) -> web.Response:
    require_coordinator(request)
    return render.page(request, "people/role.html", person=named(request))


@routes.post("/people/{key:[0-9a-f]{64}}/role")
async def change_role(request: web.Request) -> web.Response:
    person = named(request)
    role: members.Role = "member" if person.role == "coordinator" else "coordinator"
    members.set_role(request.app[NODE], session_of(request), person.key, role)
    return render.go("/people", "saved")


@routes.get("/people/invite")
async def show_invite(request: web.Request) -> web.Response:
    require_coordinator(request)
    pending = members.invitations(request.app[NODE], session_of(request))
    return render.page(request, "people/invite.html", pending=pending)


@routes.post("/people/invite")
async def do_invite(request: web.Request) -> web.Response:
    """The code is shown in this very answer and stored only as a hash: there is no page to come back to."""
    node, session = request.app[NODE], session_of(request)
    made = members.invite(node, session)
    bases = link_bases(request, neighborhoods.neighborhoods(node, session).own_addresses)
    links = [f"{base}/join/{made.code}" for base in bases]
    return render.page(
        request, "people/invitation.html", made=made, links=links, qr=qr_svg(links[0]), bases=bases
    )


@routes.get(r"/people/invite/{id:\d{1,15}}/cancel")
async def show_cancel(request: web.Request) -> web.Response:
    require_coordinator(request)
    pending = members.invitations(request.app[NODE], session_of(request))
    for invite in pending:
        if invite.id == int(request.match_info["id"]):
            return render.page(request, "people/cancel.html", invite=invite)
    raise web.HTTPNotFound


@routes.post(r"/people/invite/{id:\d{1,15}}/cancel")
async def do_cancel(request: web.Request) -> web.Response:
    members.cancel_invite(request.app[NODE], session_of(request), int(request.match_info["id"]))
    return render.go("/people/invite", "invite_cancelled")
