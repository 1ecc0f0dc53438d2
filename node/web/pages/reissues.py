"""Passphrases issued anew: made by a coordinator, seen by everybody, contested by whoever it harms."""

from __future__ import annotations

from aiohttp import web

from node.actions import accounts, contests, neighborhoods
from node.actions.accounts import Reissue
from node.web import render
from node.web.codes import link_bases, qr_svg
from node.web.coordinators import require_coordinator
from node.web.faults import status_of
from node.web.keys import NODE
from node.web.languages import phrase
from node.web.pages.people import named
from node.web.visitor import session_of
from protocol.errors import Fault

routes = web.RouteTableDef()
_STEP = r"/reissues/{home:[0-9a-f]{64}}/{old:[0-9a-f]{64}}/{new:[0-9a-f]{64}}"


@routes.get("/people/{key:[0-9a-f]{64}}/reissue")
async def show_reissue(request: web.Request) -> web.Response:
    require_coordinator(request)
    return render.page(request, "reissues/ask.html", person=named(request))


@routes.post("/people/{key:[0-9a-f]{64}}/reissue")
async def do_reissue(request: web.Request) -> web.Response:
    """The code is shown in this very answer and stored only as a hash."""
    node, session, person = request.app[NODE], session_of(request), named(request)
    made = accounts.reissue(node, session, person.key)
    bases = link_bases(request, neighborhoods.neighborhoods(node, session).own_addresses)
    links = [f"{base}/join/{made.code}" for base in bases]
    return render.page(
        request, "reissues/code.html", person=person, made=made, links=links, qr=qr_svg(links[0]), bases=bases
    )


@routes.get("/reissues")
async def show_all(request: web.Request) -> web.Response:
    session = session_of(request)
    found = accounts.all_reissues(request.app[NODE], session)
    return render.page(request, "reissues/reissues.html", reissues=found, former=session.former)


def _step(request: web.Request) -> tuple[bytes, bytes, bytes]:
    home, old, new = (bytes.fromhex(request.match_info[part]) for part in ("home", "old", "new"))
    return home, old, new


def _chosen(request: web.Request) -> Reissue:
    for found in accounts.all_reissues(request.app[NODE], session_of(request)):
        if (found.home, found.old, found.new) == _step(request):
            return found
    raise web.HTTPNotFound


@routes.get(_STEP + "/contest")
async def show_contest(request: web.Request) -> web.Response:
    chosen = _chosen(request)
    return render.page(request, "reissues/contest.html", reissue=chosen, form=render.form_of(request))


@routes.post(_STEP + "/contest")
async def do_contest(request: web.Request) -> web.Response:
    chosen, node, session = _chosen(request), request.app[NODE], session_of(request)
    form = await render.submitted(request)
    status = 400
    try:
        if chosen.can_contest:
            await contests.contest(node, session, *_step(request))
        else:
            words = form.text("words", most=400, needed=phrase("Please type the 24 words of the key."))
            if form:
                return render.page(request, "reissues/contest.html", reissue=chosen, form=form, status=status)
            await contests.contest_on_paper(node, words.split(), *_step(request))
    except Fault as fault:
        form.refuse(fault)
        status = status_of(fault)
        return render.page(request, "reissues/contest.html", reissue=chosen, form=form, status=status)
    return render.go("/reissues", "contested")


@routes.post(_STEP + "/again")
async def do_say_again(request: web.Request) -> web.Response:
    _, old, new = _step(request)
    accounts.say_again(request.app[NODE], session_of(request), old, new)
    return render.go("/reissues", "said_again")


@routes.get(_STEP + "/back")
async def show_take_back(request: web.Request) -> web.Response:
    require_coordinator(request)
    return render.page(request, "reissues/back.html", reissue=_chosen(request))


@routes.post(_STEP + "/back")
async def do_take_back(request: web.Request) -> web.Response:
    _, old, new = _step(request)
    accounts.take_back(request.app[NODE], session_of(request), old, new)
    return render.go("/reissues", "taken_back")


@routes.post(_STEP + "/assent")
async def do_assent(request: web.Request) -> web.Response:
    accounts.assent(request.app[NODE], session_of(request), *_step(request))
    return render.go("/reissues", "agreed_to_key")


@routes.get("/profile/key")
async def show_key(request: web.Request) -> web.Response:
    session_of(request)
    return render.page(request, "reissues/key.html", form=render.form_of(request), words=None)


@routes.post("/profile/key")
async def open_key(request: web.Request) -> web.Response:
    """The words are shown in this very answer only."""
    form = await render.submitted(request)
    passphrase = form.value("passphrase")[:200]
    try:
        words = await accounts.paper_key(request.app[NODE], session_of(request), passphrase)
    except Fault as fault:
        form.refuse(fault)
        return render.page(request, "reissues/key.html", form=form, words=None, status=status_of(fault))
    return render.page(request, "reissues/key.html", form=form, words=words)
