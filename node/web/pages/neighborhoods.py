"""Other neighborhoods: who is nearby, links, coalitions, invitations and codes."""

from __future__ import annotations

from aiohttp import web

from node.actions import neighborhoods
from node.actions.neighborhoods import Coalition, NeighborhoodsPage
from node.web import render
from node.web.codes import qr_svg
from node.web.coordinators import require_coordinator
from node.web.faults import status_of
from node.web.forms import Form
from node.web.keys import NODE
from node.web.languages import phrase
from node.web.visitor import session_of
from protocol.errors import Fault

routes = web.RouteTableDef()

HOME = "/neighborhoods/{id:[0-9a-f]{64}}"
COALITION = "/coalitions/{id:[0-9a-f]{64}}"


def look(request: web.Request) -> NeighborhoodsPage:
    return neighborhoods.neighborhoods(request.app[NODE], session_of(request))


def id_of(request: web.Request) -> bytes:
    return bytes.fromhex(request.match_info["id"])


@routes.get("/neighborhoods")
async def show(request: web.Request) -> web.Response:
    return render.page(
        request,
        "neighborhoods/neighborhoods.html",
        region=look(request),
        call_note=request.app[NODE].call_note.partition(": "),
    )


# Asking: a neighborhood that was heard nearby, or a typed address


@routes.get(HOME + "/ask")
async def show_ask(request: web.Request) -> web.Response:
    require_coordinator(request)
    return show_ask_form(request, render.form_of(request))


def show_ask_form(request: web.Request, form: Form, status: int = 200) -> web.Response:
    region = look(request)
    for other in region.nearby:
        if other.home == id_of(request):
            return render.page(
                request, "neighborhoods/ask.html", own=region.own, other=other, form=form, status=status
            )
    raise web.HTTPNotFound


@routes.post(HOME + "/ask")
async def do_ask(request: web.Request) -> web.Response:
    session = session_of(request)
    form = await render.submitted(request)
    message = form.text("message", most=200)
    status = 400
    if not form:
        try:
            neighborhoods.ask_to_link(
                request.app[NODE], session, home=id_of(request), address="", message=message
            )
            return render.go("/neighborhoods", "asked")
        except Fault as fault:
            form.refuse(fault)
            status = status_of(fault)
    return show_ask_form(request, form, status)


@routes.get("/neighborhoods/address")
async def show_address(request: web.Request) -> web.Response:
    require_coordinator(request)
    return render.page(request, "neighborhoods/address.html", form=render.form_of(request))


@routes.post("/neighborhoods/address")
async def do_address(request: web.Request) -> web.Response:
    session = session_of(request)
    form = await render.submitted(request)
    address = form.text("address", most=200, needed=phrase("Please type the address of the other node."))
    message = form.text("message", most=200)
    status = 400
    if not form:
        try:
            neighborhoods.ask_to_link(request.app[NODE], session, home=None, address=address, message=message)
            return render.go("/neighborhoods", "called")
        except Fault as fault:
            form.refuse(fault)
            status = status_of(fault)
    return render.page(request, "neighborhoods/address.html", form=form, status=status)


# Being asked


@routes.post(HOME + "/approve")
async def approve(request: web.Request) -> web.Response:
    neighborhoods.approve(request.app[NODE], session_of(request), id_of(request))
    return render.go("/neighborhoods", "approved")


@routes.post(HOME + "/decline")
async def decline(request: web.Request) -> web.Response:
    neighborhoods.decline(request.app[NODE], session_of(request), id_of(request))
    return render.go("/neighborhoods", "ask_declined")


@routes.get(HOME + "/unlink")
async def show_unlink(request: web.Request) -> web.Response:
    require_coordinator(request)
    for other in look(request).links:
        if other.home == id_of(request):
            return render.page(request, "neighborhoods/unlink.html", other=other)
    raise web.HTTPNotFound


@routes.post(HOME + "/unlink")
async def unlink(request: web.Request) -> web.Response:
    neighborhoods.unlink(request.app[NODE], session_of(request), id_of(request))
    return render.go("/neighborhoods", "unlinked")


# Coalitions


@routes.get("/coalitions/new")
async def show_found(request: web.Request) -> web.Response:
    require_coordinator(request)
    region = look(request)
    linked = [other for other in region.links if other.linked]
    form = render.form_of(request)
    form.entered.extend(("members", other.home.hex()) for other in linked)
    for one in region.coalitions:  # asked for on its page: the same name and agreement, carried on
        if one.id.hex() == request.query.get("former"):
            form.entered.extend([("former", one.id.hex()), ("name", one.name), ("agreement", one.agreement)])
    return render.page(
        request, "neighborhoods/found.html", form=form, linked=linked, coalitions=region.coalitions
    )


@routes.post("/coalitions/new")
async def found(request: web.Request) -> web.Response:
    session = session_of(request)
    region = look(request)
    linked = [other for other in region.links if other.linked]
    form = await render.submitted(request)
    name = form.text("name", most=60, needed=phrase("Please give the coalition a name."))
    agreement = form.text("agreement", most=2_000, lines=True)
    chosen = set(form.values("members"))
    former = [one.id for one in region.coalitions if one.id.hex() == form.value("former")]
    status = 400
    if not form:
        try:
            neighborhoods.found_coalition(
                request.app[NODE],
                session,
                name=name,
                agreement=agreement,
                members=[other.home for other in linked if other.home.hex() in chosen],
                **({"former": former[0]} if former else {}),
            )
            return render.go("/neighborhoods", "founded")
        except Fault as fault:
            form.refuse(fault)
            status = status_of(fault)
    return render.page(
        request,
        "neighborhoods/found.html",
        form=form,
        linked=linked,
        coalitions=region.coalitions,
        status=status,
    )


@routes.post(COALITION + "/accept")
async def accept(request: web.Request) -> web.Response:
    neighborhoods.accept_coalition(request.app[NODE], session_of(request), id_of(request))
    on_the_way_back = (await render.submitted(request)).value("back") == "/recovery/back"
    return render.go("/recovery/back" if on_the_way_back else "/neighborhoods", "coalition_accepted")


@routes.post(COALITION + "/decline")
async def decline_coalition(request: web.Request) -> web.Response:
    neighborhoods.decline_coalition(request.app[NODE], session_of(request), id_of(request))
    return render.go("/neighborhoods", "coalition_declined")


def coalition_of(region: NeighborhoodsPage, coalition: bytes) -> Coalition:
    for known in region.coalitions:
        if known.id == coalition:
            return known
    raise web.HTTPNotFound


@routes.post(COALITION + "/invite")
async def invite(request: web.Request) -> web.Response:
    """As with people: the code is shown in this answer only."""
    coalition = coalition_of(look(request), id_of(request))
    made = neighborhoods.invite_neighborhood(request.app[NODE], session_of(request), coalition.id)
    return render.page(
        request, "neighborhoods/invitation.html", coalition=coalition, made=made, qr=qr_svg(made.code)
    )


@routes.get("/neighborhoods/code")
async def show_code(request: web.Request) -> web.Response:
    require_coordinator(request)
    return render.page(request, "neighborhoods/code.html", form=render.form_of(request))


@routes.post("/neighborhoods/code")
async def enter_code(request: web.Request) -> web.Response:
    session = session_of(request)
    form = await render.submitted(request)
    code = "".join(
        form.text("code", most=4_000, needed=phrase("Please paste the code you were given.")).split()
    )
    status = 400
    if not form:
        try:
            joined = await neighborhoods.enter_code(request.app[NODE], session, code)
            return render.page(request, "neighborhoods/entered.html", joined=joined)
        except Fault as fault:
            form.refuse(fault)
            status = status_of(fault)
    return render.page(request, "neighborhoods/code.html", form=form, status=status)
