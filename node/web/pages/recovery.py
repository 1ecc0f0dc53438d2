"""Recovery: a new key for a stolen node, new sheets of paper, and what then waits for a decision.

The words of the sheets are the authority; that a coordinator is signed in only keeps the page out of the way
of others.
"""

from __future__ import annotations

import re
from typing import cast

from aiohttp import web

from node import finding
from node.actions import lost, members, recovery, restored, waiting
from node.sheets import TEXT_LENGTH_MAX, Kind
from node.web import render
from node.web.coordinators import form_for_coordinators, require_coordinator
from node.web.forms import Form
from node.web.keys import NODE
from node.web.languages import phrase
from node.web.pages.setup import sheet
from node.web.visitor import session_of

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
        held=recovery.held_back(node),
        key_is_current=node.key_is_current,
        own=node.home,
        came_back=bool(node.setting("came_back")),
        unproven=restored.keys_unproven(node),
    )


def entered_sheets(form: Form, needed: int) -> list[str]:
    """What was typed into the fields of as many sheets as are needed."""
    return [form.value(f"sheet-{place}")[:TEXT_LENGTH_MAX] for place in range(1, needed + 1)]


async def ask_neighbors(request: web.Request, form: Form, words: list[str], alone: bool) -> None:
    """After a restore: first the newest keys, from the address typed or from all that are known."""
    if not alone:
        await finding.newest_keys(request.app[NODE], words, form.value("address").strip()[:200])


def key_page(request: web.Request, form: Form, status: int = 200) -> web.Response:
    shown = recovery.policy(request.app[NODE])
    unproven = restored.keys_unproven(request.app[NODE])
    return render.page(
        request, "recovery/key.html", form=form, policy=shown, unproven=unproven, status=status
    )


@routes.get("/recovery/key")
async def show_key(request: web.Request) -> web.Response:
    require_coordinator(request)
    return key_page(request, render.form_of(request))


@routes.post("/recovery/key")
@form_for_coordinators(key_page)
async def replace_key(request: web.Request, form: Form) -> web.Response:
    """The answer leads on to another page: to reload this one would replace the key once more."""
    node = request.app[NODE]
    words, alone = entered_sheets(form, recovery.policy(node).needed), form.value("alone") == "yes"
    if form.value("sure") != "yes":
        form.wrong("sure", SURE)
        return key_page(request, form)
    await ask_neighbors(request, form, words, alone)
    count = await recovery.replace_key(node, words, without_neighbors=alone)
    return render.go(f"/recovery/replaced?signed={count}")


@routes.get("/recovery/replaced")
async def show_replaced(request: web.Request) -> web.Response:
    require_coordinator(request)
    signed = request.query.get("signed", "")
    count = int(signed) if re.fullmatch("[0-9]{1,9}", signed) else 0
    node = request.app[NODE]
    undecided = sum(line.count for line in recovery.rest(node))
    held = recovery.held_back(node)
    return render.page(request, "recovery/replaced.html", signed=count, undecided=undecided, held=held)


@routes.get("/recovery/held")
async def show_held(request: web.Request) -> web.Response:
    """After a restore: what waits for a neighbor's node, and the way on where none will be heard."""
    require_coordinator(request)
    return render.page(request, "recovery/held.html", held=recovery.held_back(request.app[NODE]))


@routes.post("/recovery/held")
async def sign_held(request: web.Request) -> web.Response:
    require_coordinator(request)
    recovery.sign_held_back(request.app[NODE], session_of(request))
    return render.go("/recovery", "signed_anew")


def sheets_page(request: web.Request, form: Form, status: int = 200) -> web.Response:
    shown = recovery.policy(request.app[NODE])
    numbers = [(str(number), str(number)) for number in range(1, shown.count + 1)]
    unproven = restored.keys_unproven(request.app[NODE])
    return render.page(
        request,
        "recovery/sheets.html",
        form=form,
        policy=shown,
        numbers=numbers,
        unproven=unproven,
        status=status,
    )


@routes.get("/recovery/sheets")
async def show_sheets(request: web.Request) -> web.Response:
    require_coordinator(request)
    several = recovery.policy(request.app[NODE]).count > 1
    return sheets_page(request, render.form_of(request, {"what": "replace" if several else "three_of_five"}))


@routes.post("/recovery/sheets")
@form_for_coordinators(sheets_page)
async def replace_sheets(request: web.Request, form: Form) -> web.Response:
    """The new sheets are shown in this very answer, once."""
    node = request.app[NODE]
    policy = recovery.policy(node)
    kinds = ("one", "three_of_five", "replace") if policy.count > 1 else ("one", "three_of_five")
    what = form.choice("what", kinds, phrase("Please choose which sheets to make."))
    number = form.number("number", least=1, most=policy.count) if what == "replace" else 0
    if form.value("sure") != "yes":
        form.wrong("sure", SURE)
    if form:
        return sheets_page(request, form)
    words, alone = entered_sheets(form, policy.needed), form.value("alone") == "yes"
    await ask_neighbors(request, form, words, alone)
    if what == "replace":
        made = [recovery.replace_one_sheet(node, words, number, without_neighbors=alone)]
    else:
        made = recovery.replace_sheets(node, words, cast(Kind, what), without_neighbors=alone)
    shown = [one.words for one in made]
    return sheet(request, shown, first=made[0].number, count=made[0].count, again=True)


def chosen(request: web.Request) -> recovery.Rest:
    """The line of `rest` that the address names."""
    author, kind = bytes.fromhex(request.match_info["author"]), request.match_info["kind"]
    for line in recovery.rest(request.app[NODE]):
        if (line.author, line.kind) == (author, kind):
            return line
    raise web.HTTPNotFound


@routes.get(_LINE)
async def show_line(request: web.Request) -> web.Response:
    """The records themselves: what they are, of whom, of which day."""
    require_coordinator(request)
    node, line = request.app[NODE], chosen(request)
    found = waiting.waiting(node, line.author, line.kind)
    return render.page(
        request,
        "recovery/line.html",
        line=line,
        records=found,
        own=node.home,
        key_is_current=node.key_is_current,
    )


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


# who is who, after everything was lost


def person_page(request: web.Request, form: Form, status: int = 200) -> web.Response:
    node, author = request.app[NODE], bytes.fromhex(request.match_info["author"])
    lines = [line for line in recovery.rest(node) if line.author == author]
    if not lines or author == node.home:
        raise web.HTTPNotFound
    people = [(one.key.hex(), one.name) for one in members.people(node, session_of(request))]
    return render.page(
        request, "recovery/person.html", form=form, lines=lines, people=people, own=node.home, status=status
    )


@routes.get("/recovery/{author:[0-9a-f]{64}}/who-is-it")
async def show_person(request: web.Request) -> web.Response:
    require_coordinator(request)
    return person_page(request, render.form_of(request))


@routes.post("/recovery/{author:[0-9a-f]{64}}/who-is-it")
@form_for_coordinators(person_page)
async def identify(request: web.Request, form: Form) -> web.Response:
    """Say that a member is who signed so before: their account goes on."""
    node, author = request.app[NODE], bytes.fromhex(request.match_info["author"])
    known = [one.key.hex() for one in members.people(node, session_of(request))]
    account = form.choice("member", known, phrase("Please choose a member."))
    if form.value("sure") != "yes":
        form.wrong("sure", SURE)
    if form:
        return person_page(request, form)
    await lost.person(node, session_of(request), author, bytes.fromhex(account))
    return render.go("/recovery", "identified")
