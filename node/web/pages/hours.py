"""Hours given and received: the member's own list, recording, confirming, putting right."""

from __future__ import annotations

from datetime import UTC, datetime

from aiohttp import web

from node import categories
from node.actions import hours, posts, promises
from node.actions.hours import HoursEntry
from node.actions.promises import Promise
from node.web import render
from node.web.faults import status_of
from node.web.forms import Form
from node.web.keys import NODE, VISITOR
from node.web.languages import phrase
from node.web.visitor import local_path, session_of
from protocol.errors import Fault, OurFault

routes = web.RouteTableDef()

PATH = "/hours/{id:[0-9a-f]{64}}"
MOST_MINUTES = 24 * 60  # of one day, by one claim


@routes.get("/hours")
async def show_hours(request: web.Request) -> web.Response:
    return render.page(request, "hours/hours.html", book=hours.hours(request.app[NODE], session_of(request)))


def promise_named(request: web.Request, id_hex: str) -> Promise | None:
    """The member's promise that the hours are for, when the form came from one."""
    if not id_hex:
        return None
    box = promises.inbox(request.app[NODE], session_of(request))
    for promise in (*box.to_answer, *box.arranged, *box.past):
        if promise.id.hex() == id_hex:
            return promise
    raise web.HTTPNotFound


def i_gave(request: web.Request, promise: Promise) -> bool:
    """Whether the member is the one who helped: who answers a need gives, who answers an offer receives."""
    try:
        kind = posts.post(request.app[NODE], session_of(request), promise.post).item.type
    except OurFault:
        kind = "need"  # as the use case has it where the post is no longer held
    return (kind == "need") == promise.mine


def show_record_form(
    request: web.Request, form: Form, promise: Promise | None, status: int = 200
) -> web.Response:
    book = hours.hours(request.app[NODE], session_of(request))
    return render.page(
        request,
        "hours/new.html",
        form=form,
        promise=promise,
        gave=promise is not None and i_gave(request, promise),
        partners=[(f"{partner.home.hex()}.{partner.key.hex()}", partner) for partner in book.partners],
        choices=categories.choices(request[VISITOR].language),
        status=status,
    )


@routes.get("/hours/new")
async def show_new(request: web.Request) -> web.Response:
    promise = promise_named(request, request.query.get("promise", ""))
    today = datetime.fromtimestamp(request.app[NODE].now(), UTC).astimezone().date().isoformat()
    entered = {"date": today, "hours": "1", "minutes": "0", "promise": promise.id.hex() if promise else ""}
    return show_record_form(request, render.form_of(request, entered), promise)


def read_minutes(form: Form) -> int:
    """The length of an exchange from its two fields, in minutes."""
    whole = form.number("hours", least=0, most=24, otherwise=0)
    minutes = whole * 60 + form.number("minutes", least=0, most=59, otherwise=0)
    if not form and not 1 <= minutes <= MOST_MINUTES:
        form.wrong("hours", phrase("Please say how long it took, up to 24 hours."))
    return minutes


@routes.post("/hours/new")
async def do_new(request: web.Request) -> web.Response:
    session = session_of(request)
    node = request.app[NODE]
    form = await render.submitted(request)
    promise = promise_named(request, form.value("promise"))
    partners = {
        f"{partner.home.hex()}.{partner.key.hex()}": (partner.home, partner.key)
        for partner in hours.hours(node, session).partners
    }
    partner, gave, category = None, False, ""
    if promise is None:  # else all three follow from it
        partner = partners.get(form.choice("partner", partners, phrase("Please choose the other person.")))
        gave = form.choice("gave", ("yes", "no"), phrase("Please say who helped.")) == "yes"
        ids = [id for _, group in categories.choices(request[VISITOR].language) for id, _ in group]
        category = form.choice("category", ids, phrase("Please choose a category."))
    day = form.day("date")
    minutes = read_minutes(form)
    status = 400
    if not form:
        try:
            hours.record(
                node,
                session,
                partner=partner,
                promise=promise.id if promise else None,
                i_gave=gave,
                minutes=minutes,
                date=day,
                category=category,
                another=form.value("another") == "yes",
            )
            return render.go("/hours", "recorded")
        except Fault as fault:
            form.refuse(fault)
            status = status_of(fault)
    return show_record_form(request, form, promise, status)


def entry_of(request: web.Request) -> HoursEntry:
    wanted = bytes.fromhex(request.match_info["id"])
    for entry in hours.hours(request.app[NODE], session_of(request)).entries:
        if entry.id == wanted:
            return entry
    raise web.HTTPNotFound


@routes.post(PATH + "/confirm")
async def confirm(request: web.Request) -> web.Response:
    hours.confirm(request.app[NODE], session_of(request), bytes.fromhex(request.match_info["id"]))
    form = await render.submitted(request)
    return render.go(local_path(form.value("back"), "/hours"), "confirmed")


@routes.get(PATH + "/dispute")
async def show_dispute(request: web.Request) -> web.Response:
    return render.page(request, "hours/dispute.html", entry=entry_of(request))


@routes.post(PATH + "/dispute")
async def dispute(request: web.Request) -> web.Response:
    hours.dispute(request.app[NODE], session_of(request), bytes.fromhex(request.match_info["id"]))
    return render.go("/hours", "disputed")


@routes.get(PATH + "/correct")
async def show_correct(request: web.Request) -> web.Response:
    entry = entry_of(request)
    whole, rest = divmod(entry.minutes, 60)
    form = render.form_of(request, {"hours": str(whole), "minutes": str(rest)})
    return render.page(request, "hours/correct.html", entry=entry, form=form)


@routes.post(PATH + "/correct")
async def correct(request: web.Request) -> web.Response:
    """A correction may go down to zero: that is how an exchange that never was is taken back."""
    entry = entry_of(request)
    form = await render.submitted(request)
    whole = form.number("hours", least=0, most=24, otherwise=0)
    minutes = whole * 60 + form.number("minutes", least=0, most=59, otherwise=0)
    status = 400
    if not form:
        try:
            hours.correct(request.app[NODE], session_of(request), entry.id, minutes)
            return render.go("/hours", "corrected")
        except Fault as fault:
            form.refuse(fault)
            status = status_of(fault)
    return render.page(request, "hours/correct.html", entry=entry, form=form, status=status)
