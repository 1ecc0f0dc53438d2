"""One coalition: who belongs to it, who votes, what is proposed, and leaving it."""

from __future__ import annotations

from typing import cast

from aiohttp import web

from node.actions import rosters
from node.actions.rosters import Role
from node.web import render
from node.web.coordinators import require_coordinator
from node.web.faults import status_of
from node.web.forms import Form
from node.web.keys import NODE
from node.web.languages import phrase
from node.web.pages.neighborhoods import COALITION, id_of
from node.web.visitor import session_of
from protocol.errors import Fault

routes = web.RouteTableDef()

ROLES = ("voter", "guest", "out")


def show(request: web.Request, form: Form, status: int = 200) -> web.Response:
    shown = rosters.coalition_page(request.app[NODE], session_of(request), id_of(request))
    for member in shown.members:
        form.entered.setdefault(f"role-{member.home.hex()}", member.role)
    return render.page(request, "coalitions/coalition.html", coalition=shown, form=form, status=status)


@routes.get(COALITION)
async def show_coalition(request: web.Request) -> web.Response:
    return show(request, render.form_of(request))


@routes.post(COALITION + "/propose")
async def propose(request: web.Request) -> web.Response:
    session = session_of(request)
    form = await render.submitted(request)
    members = rosters.coalition_page(request.app[NODE], session, id_of(request)).members
    roles: dict[bytes, Role] = {}
    for member in members:
        name = f"role-{member.home.hex()}"
        roles[member.home] = cast(Role, form.choice(name, ROLES, phrase("Please choose a role for each.")))
    status = 400
    leaving = [member for member in members if roles[member.home] == "out"]
    if not form and leaving and form.value("sure") != "yes":
        return render.page(
            request, "coalitions/out.html", leaving=leaving, roles=roles, id=id_of(request), form=form
        )
    if not form:
        try:
            rosters.propose(request.app[NODE], session, id_of(request), roles)
            return render.go(request.path.removesuffix("/propose"), "proposed")
        except Fault as fault:
            form.refuse(fault)
            status = status_of(fault)
    return show(request, form, status)


@routes.post(COALITION + "/renew")
async def renew_keys(request: web.Request) -> web.Response:
    rosters.renew_keys(request.app[NODE], session_of(request), id_of(request))
    return render.go(request.path.removesuffix("/renew"), "proposed")


@routes.post(COALITION + "/assent/{epoch:[0-9a-f]{64}}")
async def assent(request: web.Request) -> web.Response:
    epoch = bytes.fromhex(request.match_info["epoch"])
    rosters.assent(request.app[NODE], session_of(request), id_of(request), epoch)
    return render.go(f"/coalitions/{id_of(request).hex()}", "assented")


@routes.post(COALITION + "/vouch/{home:[0-9a-f]{64}}")
async def vouch(request: web.Request) -> web.Response:
    home = bytes.fromhex(request.match_info["home"])
    rosters.vouch(request.app[NODE], session_of(request), id_of(request), home)
    return render.go(f"/coalitions/{id_of(request).hex()}", "vouched")


@routes.get(COALITION + "/leave")
async def show_leave(request: web.Request) -> web.Response:
    require_coordinator(request)
    shown = rosters.coalition_page(request.app[NODE], session_of(request), id_of(request))
    return render.page(request, "coalitions/leave.html", coalition=shown)


@routes.post(COALITION + "/leave")
async def leave(request: web.Request) -> web.Response:
    rosters.leave(request.app[NODE], session_of(request), id_of(request))
    return render.go("/neighborhoods", "left")
