"""The coordinator's first evening: the one-time setup link, then the recovery sheet."""

from __future__ import annotations

import re

from aiohttp import web

from node.actions import setup
from node.actions.reach import reachable
from node.sheets import KINDS, code_text
from node.web import render, safety
from node.web.codes import qr_svg
from node.web.faults import status_of
from node.web.forms import Form
from node.web.keys import NODE, VISITOR
from node.web.languages import LANGUAGES, phrase
from node.web.visitor import session_of
from protocol.errors import Fault

routes = web.RouteTableDef()


@routes.get("/setup/{token}")
async def show_setup(request: web.Request) -> web.Response:
    setup.check_setup(request.app[NODE], request.match_info["token"])
    form = render.form_of(request, {"language": request[VISITOR].language, "sheets": "one"})
    return render.page(request, "setup/setup.html", form=form)


@routes.post("/setup/{token}")
async def do_setup(request: web.Request) -> web.Response:
    """The sheet is shown in this very answer, once: the words are kept nowhere to show it from again."""
    node, token = request.app[NODE], request.match_info["token"]
    setup.check_setup(node, token)
    form = await render.submitted(request)
    neighborhood = form.text("neighborhood", most=60, needed=phrase("Please give your neighborhood a name."))
    area = form.text("area", most=80)
    name = form.text("name", most=40, needed=phrase("Please tell us your name."))
    passphrase = form.passphrase()
    language = form.choice("language", LANGUAGES, otherwise=request[VISITOR].language)
    kind = form.choice("sheets", KINDS, otherwise="one")
    if form:
        return render.page(request, "setup/setup.html", form=form)
    try:
        done = await setup.set_up(
            node,
            token,
            neighborhood=neighborhood,
            area=area,
            name=name,
            passphrase=passphrase,
            language=language,
            sheets=kind,  # type: ignore[arg-type]
        )
    except Fault as fault:
        form.refuse(fault)
        return render.page(request, "setup/setup.html", form=form, status=status_of(fault))
    response = sheet(request, [sheet.words for sheet in done.sheets], csrf=done.session.csrf)
    safety.begin_session(response, request, done.session.token)
    return response


def sheet(
    request: web.Request,
    sheets: list[list[str]],
    *,
    first: int = 1,
    count: int = 0,
    again: bool = False,
    form: Form | None = None,
    csrf: str | None = None,
) -> web.Response:
    """The recovery sheets, numbered from `first`, of `count` in all (0: these are all).

    `again` where they replace others. `csrf` is that of a session begun by this very request.
    """
    node = request.app[NODE]
    own, places = setup.neighborhood(node), reachable(node)
    lines = [f"{place.name}: {address}" for place in places for address in place.addresses]
    whose = f"{own.name} ({own.words})"
    codes = [
        qr_svg(code_text(words, number, count or len(sheets), whose, lines))
        for number, words in enumerate(sheets, first)
    ]
    return render.page(
        request,
        "setup/sheet.html",
        form=form or render.form_of(request),
        sheets=sheets,
        codes=codes,
        places=places,
        first=first,
        count=count or len(sheets),
        again=again,
        own=own,
        addresses=node.addresses,
        csrf=csrf or request[VISITOR].csrf,
    )


@routes.post("/recovery-sheet")
async def keep_sheet(request: web.Request) -> web.Response:
    """The button "I have it". Browsers insist on the tick; for one that does not, the form brings the words
    back with it, because showing the sheet again is the only way not to lose them."""
    session_of(request)
    form = await render.submitted(request)
    sheets = form.values("words")[:5]
    sound = sheets and all(re.fullmatch("([a-z]{3,8} ){23}[a-z]{3,8}", words) for words in sheets)
    again = form.value("again") == "yes"
    if form.value("have_it") != "yes" and sound:
        first, count = form.number("first", least=1, most=5), form.number("count", least=1, most=5)
        form.wrong("have_it", phrase("Please write the words down or print them, then tick this box."))
        lists = [words.split() for words in sheets]
        return sheet(request, lists, first=first, count=count, again=again, form=form)
    return render.go("/recovery", "sheets_replaced") if again else render.go("/board", "set_up")
