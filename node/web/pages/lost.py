"""A lost node without a backup: back from a neighbor's node, begun by whoever holds the setup link.

Two forms: the first asks a neighbor which neighborhood a sheet belongs to; in the second a person compares
the six words and says who they are. The words of the sheets stand in the second one: they are kept nowhere.
"""

from __future__ import annotations

import re

from aiohttp import web

from node import finding
from node.actions import lost, setup
from node.actions.lost import Found, NewBeginning
from node.web import render, safety
from node.web.coordinators import require_coordinator, shown_again
from node.web.forms import Form
from node.web.keys import NODE, VISITOR
from node.web.languages import LANGUAGES, phrase
from node.web.pages.recovery import entered_sheets
from node.web.visitor import session_of
from protocol.kinds.keys import RECOVERY_KEYS_MAX

routes = web.RouteTableDef()
_BEFORE = "/setup/{token}/before"


def check_token(request: web.Request) -> None:
    """Nobody comes here without the setup link. Raises OurFault: already_set_up, used_link."""
    setup.check_setup(request.app[NODE], request.match_info["token"])


def ask_page(request: web.Request, form: Form, status: int = 200) -> web.Response:
    return render.page(request, "lost/before.html", form=form, status=status)


@routes.get(_BEFORE)
async def show(request: web.Request) -> web.Response:
    check_token(request)
    return ask_page(request, render.form_of(request))


@routes.post(_BEFORE)
async def ask(request: web.Request) -> web.StreamResponse:
    """Which neighborhood does the sheet belong to? The answer brings the second form."""
    check_token(request)
    return await shown_again(request, ask_page, find)


async def find(request: web.Request, form: Form) -> web.Response:
    node = request.app[NODE]
    address = form.text("address", most=200, needed=phrase("Please type the address of the other node."))
    if form:
        return ask_page(request, form)
    peer, _, chain = await finding.find(node, address, lost.named(entered_sheets(form, 1)))
    found = lost.found(peer, chain)
    again = render.form_of(request, {**form.entered, "language": request[VISITOR].language})
    return begin_page(request, again, found)


def begin_page(request: web.Request, form: Form, found: Found, status: int = 200) -> web.Response:
    return render.page(request, "lost/found.html", form=form, found=found, status=status)


def found_before(form: Form) -> Found:
    """What was found, as the second form brings it back."""
    home = form.value("home")
    if not re.fullmatch("[0-9a-f]{64}", home):
        raise web.HTTPBadRequest
    needed = form.number("needed", least=1, most=RECOVERY_KEYS_MAX)
    return lost.found_again(bytes.fromhex(home), form.text("peer", most=60), needed)


@routes.post(_BEFORE + "/begin")
async def begin(request: web.Request) -> web.StreamResponse:
    """Be that neighborhood again; whoever does it is its coordinator, and is told how far the way back is."""
    check_token(request)
    return await shown_again(
        request, lambda sent, form, status: begin_page(sent, form, found_before(form), status), come_back
    )


async def come_back(request: web.Request, form: Form) -> web.Response:
    node = request.app[NODE]
    found = found_before(form)
    neighborhood = form.text("neighborhood", most=60, needed=phrase("Please give your neighborhood a name."))
    area = form.text("area", most=80)
    name = form.text("name", most=40, needed=phrase("Please tell us your name."))
    language = form.choice("language", LANGUAGES, otherwise=request[VISITOR].language)
    passphrase = form.passphrase()
    if form.value("sure") != "yes":
        form.wrong("sure", phrase("Please compare the six words, then tick this box."))
    if form:
        return begin_page(request, form, found)
    words, address = entered_sheets(form, found.needed), form.text("address", most=200)
    peer, messages, chain = await finding.find(node, address, lost.named(words))
    lost.check_named(chain, found.home)
    check_token(request)  # two people may have opened the link at once
    beginning = NewBeginning(neighborhood, area, name, language)
    session = await lost.come_back(node, words, messages, peer, beginning, passphrase)
    response = render.go("/recovery/back", "came_back")
    safety.begin_session(response, request, session.token)
    return response


@routes.get("/recovery/back")
async def show_progress(request: web.Request) -> web.Response:
    require_coordinator(request)
    node = request.app[NODE]
    shown = lost.progress(node, session_of(request))
    return render.page(request, "lost/back.html", progress=shown, own=node.home)
