"""Needs and offers: posting, reading, editing, sharing with the region, pausing and taking down."""

from __future__ import annotations

from dataclasses import asdict, replace

from aiohttp import web

from node import categories
from node.actions import applied, posts
from node.actions.posts import PostDraft
from node.web import render
from node.web.faults import status_of
from node.web.forms import Form
from node.web.keys import NODE, VISITOR
from node.web.languages import phrase, post_languages
from node.web.visitor import session_of
from node.web.words import TYPES, URGENCIES, WHATS
from protocol.errors import Fault, OurFault

routes = web.RouteTableDef()

PATH = "/posts/{id:[0-9a-f]{64}}"
TITLE_CHARACTERS, TEXT_CHARACTERS, DETAIL_CHARACTERS, NOTES_CHARACTERS = 120, 2_000, 500, 2_000
DAYS = (7, 14, 30, 60, 90)


def thing_of(request: web.Request) -> bytes:
    return bytes.fromhex(request.match_info["id"])


def read_draft(form: Form, language: str) -> PostDraft:
    """The draft of a submitted form; what is missing or too long stands in `form.errors`."""
    ids = [id for _, group in categories.choices(language) for id, _ in group]
    codes = [code for code, _ in post_languages(language)]
    return PostDraft(
        type=form.choice("type", TYPES, phrase("Please choose: a need or an offer."), otherwise="need"),
        what=form.choice("what", WHATS, phrase("Please choose what it is."), otherwise="help"),
        title=form.text("title", most=TITLE_CHARACTERS, needed=phrase("Please give it a title.")),
        category=form.choice("category", ids, phrase("Please choose a category.")),
        text=form.text("text", most=TEXT_CHARACTERS, lines=True),
        area=form.text("area", most=80),
        when=form.text("when", most=120),
        urgency=form.choice("urgency", URGENCIES, otherwise="normal"),
        slots=form.number("slots", least=1, most=99, otherwise=1),
        language=form.choice("language", codes, otherwise=language),
        where=form.choice("where", ("here", "region"), otherwise="here"),
        name_shown=form.text("name_shown", most=40),
        days=form.number("days", least=1, most=90, otherwise=30),
        contact=form.text("contact", most=DETAIL_CHARACTERS, lines=True),
        address=form.text("address", most=DETAIL_CHARACTERS, lines=True),
        household=form.text("household", most=DETAIL_CHARACTERS, lines=True),
        notes=form.text("notes", most=NOTES_CHARACTERS, lines=True),
    )


def show_form(
    request: web.Request, form: Form, *, editing: bytes | None = None, status: int = 200
) -> web.Response:
    language = request[VISITOR].language
    return render.page(
        request,
        "posts/form.html",
        form=form,
        status=status,
        kind=form.value("type") if form.value("type") in TYPES else "need",
        editing=editing,
        choices=categories.choices(language),
        post_languages=post_languages(language),
        days_choices=DAYS,
        has_region=posts.has_region(request.app[NODE]),
    )


@routes.get("/posts/new")
async def show_new(request: web.Request) -> web.Response:
    session = session_of(request)
    entered = {
        "type": "offer" if request.query.get("type") == "offer" else "need",
        "what": "help",
        "slots": "1",
        "urgency": "normal",
        "days": "30",
        "where": "here",
        "language": request[VISITOR].language,
        "name_shown": session.name,
    }
    return show_form(request, render.form_of(request, entered))


@routes.post("/posts/new")
async def do_new(request: web.Request) -> web.Response:
    session = session_of(request)
    form = await render.submitted(request)
    draft = read_draft(form, request[VISITOR].language)
    status = 400
    if not form:
        try:
            thing = posts.publish(request.app[NODE], session, draft)
            return render.go(f"/posts/{thing.hex()}", f"{draft.type}_posted")
        except Fault as fault:
            form.refuse(fault)
            status = status_of(fault)
    return show_form(request, form, status=status)


@routes.get(PATH)
async def show_post(request: web.Request) -> web.Response:
    node, session = request.app[NODE], session_of(request)
    try:
        shown = posts.post(node, session, thing_of(request))
    except OurFault:
        found = applied.erased(node, session, thing_of(request))  # or as it was: not found
        return render.page(request, "erasure/erased.html", item=found, status=410)
    return render.page(request, "posts/post.html", shown=shown, item=shown.item, back=request.path)


def editable(request: web.Request) -> PostDraft:
    """The post as its author entered it; nobody else has a page to change it."""
    node, session = request.app[NODE], session_of(request)
    if not posts.post(node, session, thing_of(request)).can_edit:
        raise OurFault("no_longer_possible")
    return posts.draft_of(node, session, thing_of(request))


@routes.get(PATH + "/edit")
async def show_edit(request: web.Request) -> web.Response:
    entered = {name: str(value) for name, value in asdict(editable(request)).items()}
    return show_form(request, render.form_of(request, entered), editing=thing_of(request))


@routes.post(PATH + "/edit")
async def do_edit(request: web.Request) -> web.Response:
    """What an edit cannot change (need or offer, who holds it, till when) is read from the post."""
    session = session_of(request)
    held = editable(request)
    form = await render.submitted(request)
    for name in ("type", "where", "days"):
        form.entered[name] = str(getattr(held, name))
    draft = replace(read_draft(form, request[VISITOR].language), private_name=held.private_name)
    status = 400
    if not form:
        try:
            thing = posts.edit(request.app[NODE], session, thing_of(request), draft)
            return render.go(f"/posts/{thing.hex()}", "edited")
        except Fault as fault:
            form.refuse(fault)
            status = status_of(fault)
    return show_form(request, form, editing=thing_of(request), status=status)


@routes.get(PATH + "/share")
async def show_share(request: web.Request) -> web.Response:
    shown = posts.post(request.app[NODE], session_of(request), thing_of(request))
    if not shown.can_share:
        raise OurFault("no_longer_possible")
    return render.page(request, "posts/share.html", item=shown.item)


@routes.post(PATH + "/share")
async def do_share(request: web.Request) -> web.Response:
    thing = posts.share(request.app[NODE], session_of(request), thing_of(request))
    return render.go(f"/posts/{thing.hex()}", "shared")


@routes.get(PATH + "/withdraw")
async def show_withdraw(request: web.Request) -> web.Response:
    shown = posts.post(request.app[NODE], session_of(request), thing_of(request))
    if not shown.can_withdraw:
        raise OurFault("no_longer_possible")
    return render.page(request, "posts/withdraw.html", item=shown.item, promises=shown.promises)


@routes.post(PATH + "/withdraw")
async def do_withdraw(request: web.Request) -> web.Response:
    posts.withdraw(request.app[NODE], session_of(request), thing_of(request))
    return render.go("/board", "withdrawn")


@routes.post(PATH + "/pause")
async def do_pause(request: web.Request) -> web.Response:
    posts.pause(request.app[NODE], session_of(request), thing_of(request))
    return render.go(f"/posts/{request.match_info['id']}", "paused")


@routes.post(PATH + "/resume")
async def do_resume(request: web.Request) -> web.Response:
    posts.resume(request.app[NODE], session_of(request), thing_of(request))
    return render.go(f"/posts/{request.match_info['id']}", "resumed")


@routes.post(PATH + "/renew")
async def do_renew(request: web.Request) -> web.Response:
    thing = posts.renew(request.app[NODE], session_of(request), thing_of(request))
    return render.go(f"/posts/{thing.hex()}", "renewed")
