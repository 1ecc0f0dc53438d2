"""Recovery: a new key for a stolen node, new sheets of paper, and what then waits for a decision.

The words of the sheets are the authority; that a coordinator is signed in only keeps the page out of the way
of others.
"""

from __future__ import annotations

import re
from typing import cast

from aiohttp import web

from node.actions import recovery
from node.sheets import TEXT_LENGTH_MAX, Kind, SheetFault
from node.web import render
from node.web.faults import status_of
from node.web.forms import Form
from node.web.keys import NODE
from node.web.languages import phrase
from node.web.pages.people import require_coordinator
from node.web.pages.setup import sheet
from node.web.visitor import session_of
from protocol.errors import Fault

routes = web.RouteTableDef()
_LINE = r"/recovery/{author:[0-9a-f]{64}}/{kind:[a-z_]{1,40}}"

SURE = phrase("Please tick this box when you are sure.")


@routes.get("/recovery")
async def show(request: web.Request) -> web.Response:
    require_coordinator(request)
    node = request.app[NODE]
    return render.page(
        request,
        "recovery/recovery.html",
        policy=recovery.policy(node),
        rest=recovery.rest(node),
        key_is_current=node.key_is_current,
        own=node.home,
    )


def entered_sheets(form: Form, needed: int) -> list[str]:
    """What was typed into the fields of as many sheets as are needed."""
    return [form.value(f"sheet-{place}")[:TEXT_LENGTH_MAX] for place in range(1, needed + 1)]


def refuse(form: Form, fault: Fault) -> None:
    """A fault of a sheet stands at its field, in the reader's language."""
    if not isinstance(fault, SheetFault):
        form.refuse(fault)
    elif fault.sheet:
        form.wrong(f"sheet-{fault.sheet}", fault.pattern, **fault.values)
    else:
        form.wrong_as_a_whole(fault.pattern, **fault.values)


def key_page(request: web.Request, form: Form, status: int = 200) -> web.Response:
    shown = recovery.policy(request.app[NODE])
    return render.page(request, "recovery/key.html", form=form, policy=shown, status=status)


@routes.get("/recovery/key")
async def show_key(request: web.Request) -> web.Response:
    require_coordinator(request)
    return key_page(request, render.form_of(request))


@routes.post("/recovery/key")
async def replace_key(request: web.Request) -> web.Response:
    """The answer leads on to another page: to reload this one would replace the key once more."""
    require_coordinator(request)
    node = request.app[NODE]
    form = await render.submitted(request)
    if form.value("sure") != "yes":
        form.wrong("sure", SURE)
        return key_page(request, form)
    try:
        count = await recovery.replace_key(node, entered_sheets(form, recovery.policy(node).needed))
    except Fault as fault:
        refuse(form, fault)
        return key_page(request, form, status_of(fault))
    return render.go(f"/recovery/replaced?signed={count}")


@routes.get("/recovery/replaced")
async def show_replaced(request: web.Request) -> web.Response:
    require_coordinator(request)
    signed = request.query.get("signed", "")
    count = int(signed) if re.fullmatch("[0-9]{1,9}", signed) else 0
    undecided = sum(line.count for line in recovery.rest(request.app[NODE]))
    return render.page(request, "recovery/replaced.html", signed=count, undecided=undecided)


def sheets_page(request: web.Request, form: Form, status: int = 200) -> web.Response:
    shown = recovery.policy(request.app[NODE])
    numbers = [(str(number), str(number)) for number in range(1, shown.count + 1)]
    return render.page(
        request, "recovery/sheets.html", form=form, policy=shown, numbers=numbers, status=status
    )


@routes.get("/recovery/sheets")
async def show_sheets(request: web.Request) -> web.Response:
    require_coordinator(request)
    several = recovery.policy(request.app[NODE]).count > 1
    return sheets_page(request, render.form_of(request, {"what": "replace" if several else "three_of_five"}))


@routes.post("/recovery/sheets")
async def replace_sheets(request: web.Request) -> web.Response:
    """The new sheets are shown in this very answer, once."""
    require_coordinator(request)
    node = request.app[NODE]
    policy = recovery.policy(node)
    form = await render.submitted(request)
    kinds = ("one", "three_of_five", "replace") if policy.count > 1 else ("one", "three_of_five")
    what = form.choice("what", kinds, phrase("Please choose which sheets to make."))
    number = form.number("number", least=1, most=policy.count) if what == "replace" else 0
    if form.value("sure") != "yes":
        form.wrong("sure", SURE)
    if form:
        return sheets_page(request, form)
    words = entered_sheets(form, policy.needed)
    try:
        if what == "replace":
            made = [recovery.replace_one_sheet(node, words, number)]
        else:
            made = recovery.replace_sheets(node, words, cast(Kind, what))
    except Fault as fault:
        refuse(form, fault)
        return sheets_page(request, form, status_of(fault))
    shown = [one.words for one in made]
    return sheet(request, shown, first=made[0].number, count=made[0].count, again=True)


def chosen(request: web.Request) -> recovery.Rest:
    """The line of `rest` that the address names."""
    author, kind = bytes.fromhex(request.match_info["author"]), request.match_info["kind"]
    for line in recovery.rest(request.app[NODE]):
        if (line.author, line.kind) == (author, kind):
            return line
    raise web.HTTPNotFound


@routes.post(_LINE + "/sign")
async def sign_anew(request: web.Request) -> web.Response:
    require_coordinator(request)
    line = chosen(request)
    recovery.decide(request.app[NODE], session_of(request), line.author, line.kind, keep=True)
    return render.go("/recovery", "signed_anew")


@routes.get(_LINE + "/drop")
async def show_drop(request: web.Request) -> web.Response:
    require_coordinator(request)
    return render.page(request, "recovery/drop.html", line=chosen(request), own=request.app[NODE].home)


@routes.post(_LINE + "/drop")
async def drop(request: web.Request) -> web.Response:
    require_coordinator(request)
    line = chosen(request)
    recovery.decide(request.app[NODE], session_of(request), line.author, line.kind, keep=False)
    return render.go("/recovery", "dropped")
