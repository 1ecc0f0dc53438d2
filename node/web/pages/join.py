"""Coming in by an invitation: a link, or its short code typed by hand."""

from __future__ import annotations

from aiohttp import web

from node.actions import accounts, members, setup
from node.web import render, safety
from node.web.faults import status_of
from node.web.keys import NODE, VISITOR
from node.web.languages import LANGUAGES, phrase
from protocol.errors import Fault

routes = web.RouteTableDef()


@routes.get("/join")
async def ask_code(request: web.Request) -> web.Response:
    if not setup.is_set_up(request.app[NODE]):
        return render.go("/")
    return render.page(request, "join/code.html", form=render.form_of(request))


@routes.post("/join")
async def take_code(request: web.Request) -> web.Response:
    form = await render.submitted(request)
    code = "".join(
        form.text("code", most=200, needed=phrase("Please type the code of your invitation.")).split()
    )
    status = 400
    if not form:
        try:
            if not accounts.named_by(request.app[NODE], code):
                members.check_invite(request.app[NODE], code)
            return render.go(str(request.app.router["join"].url_for(code=code)))
        except Fault as fault:
            form.refuse(fault)
            status = status_of(fault)
    return render.page(request, "join/code.html", form=form, status=status)


@routes.get("/join/{code}", name="join")
async def show_join(request: web.Request) -> web.Response:
    if name := accounts.named_by(request.app[NODE], request.match_info["code"]):
        return render.page(request, "reissues/take_up.html", form=render.form_of(request), name=name)
    try:
        members.check_invite(request.app[NODE], request.match_info["code"])
    except Fault as fault:
        sentence = render.translate(request, fault.sentence)
        return render.page(request, "join/refused.html", sentence=sentence, status=status_of(fault))
    form = render.form_of(request, {"language": request[VISITOR].language})
    return render.page(request, "join/join.html", form=form)


async def _take_up(request: web.Request, name: str) -> web.Response:
    """Somebody comes back with a passphrase issued anew."""
    form = await render.submitted(request)
    passphrase = form.passphrase()
    status = 400
    if not form:
        try:
            session = await accounts.take_up(request.app[NODE], request.match_info["code"], passphrase)
        except Fault as fault:
            form.refuse(fault)
            status = status_of(fault)
        else:
            response = render.go("/board", "welcome_back")
            safety.begin_session(response, request, session.token)
            return response
    return render.page(request, "reissues/take_up.html", form=form, name=name, status=status)


@routes.post("/join/{code}")
async def do_join(request: web.Request) -> web.Response:
    if name := accounts.named_by(request.app[NODE], request.match_info["code"]):
        return await _take_up(request, name)
    form = await render.submitted(request)
    name = form.text("name", most=40, needed=phrase("Please tell us your name."))
    passphrase = form.passphrase()
    language = form.choice("language", LANGUAGES, otherwise=request[VISITOR].language)
    status = 400
    if not form:
        try:
            session = await members.join(
                request.app[NODE],
                request.match_info["code"],
                name=name,
                passphrase=passphrase,
                language=language,
            )
        except Fault as fault:
            form.refuse(fault)
            status = status_of(fault)
        else:
            response = render.go("/board", "welcome")
            safety.begin_session(response, request, session.token)
            return response
    return render.page(request, "join/join.html", form=form, status=status)
