"""Promises: "I can help", the answer to it, letting go again; and the inbox where all of it meets."""

from __future__ import annotations

from collections.abc import Callable

from aiohttp import web

from node.actions import posts, promises, restored
from node.actions.members import Session
from node.actions.posts import PostItem
from node.actions.promises import Promise
from node.app import Node
from node.web import render
from node.web.faults import status_of
from node.web.forms import Form
from node.web.keys import NODE
from node.web.pages.posts import PATH as POST_PATH
from node.web.pages.posts import thing_of
from node.web.visitor import local_path, session_of
from protocol.errors import Fault, OurFault

routes = web.RouteTableDef()

PATH = "/promises/{id:[0-9a-f]{64}}"
NOTE_CHARACTERS = 500


@routes.get("/inbox")
async def inbox(request: web.Request) -> web.Response:
    node, session = request.app[NODE], session_of(request)
    box = promises.inbox(node, session)
    return render.page(
        request,
        "inbox/inbox.html",
        box=box,
        lost_edits=restored.lost_edits(node, session),
        proposed=[promise for promise in box.arranged if promise.state == "proposed"],
        arranged=[promise for promise in box.arranged if promise.state != "proposed"],
        back="/inbox",
    )


@routes.post("/inbox/noted")
async def noted(request: web.Request) -> web.Response:
    restored.forget_lost_edits(request.app[NODE], session_of(request))
    return render.go("/inbox")


def helpable(request: web.Request) -> PostItem:
    shown = posts.post(request.app[NODE], session_of(request), thing_of(request))
    if not shown.can_help:
        raise OurFault("no_longer_possible", shown.help_note or None)
    return shown.item


def show_help_form(request: web.Request, item: PostItem, form: Form, status: int = 200) -> web.Response:
    return render.page(request, "posts/help.html", item=item, form=form, status=status)


@routes.get(POST_PATH + "/help")
async def show_help(request: web.Request) -> web.Response:
    item = helpable(request)
    form = render.form_of(request, {"slots": "1", "name_shown": session_of(request).name})
    return show_help_form(request, item, form)


@routes.post(POST_PATH + "/help")
async def do_help(request: web.Request) -> web.Response:
    session = session_of(request)
    item = helpable(request)
    form = await render.submitted(request)
    slots = form.number("slots", least=1, most=max(1, item.slots_open), otherwise=1)
    note = form.text("note", most=NOTE_CHARACTERS, lines=True)
    name_shown = form.text("name_shown", most=40)
    status = 400
    if not form:
        try:
            promises.offer_help(
                request.app[NODE],
                session,
                item.id,
                slots=slots,
                note=note,
                name_shown=name_shown,
            )
            return render.go(f"/posts/{item.id.hex()}", "help_offered")
        except Fault as fault:
            form.refuse(fault)
            status = status_of(fault)
    return show_help_form(request, item, form, status)


def promise_of(request: web.Request) -> Promise:
    """The promise that the address names, among those of the signed-in member."""
    box = promises.inbox(request.app[NODE], session_of(request))
    wanted = bytes.fromhex(request.match_info["id"])
    for promise in (*box.to_answer, *box.arranged, *box.past):
        if promise.id == wanted:
            return promise
    raise web.HTTPNotFound


async def act(
    request: web.Request, step: Callable[[Node, Session, bytes], object], said: str
) -> web.Response:
    """Take one step with a promise and go back to the page from which it was taken."""
    step(request.app[NODE], session_of(request), bytes.fromhex(request.match_info["id"]))
    form = await render.submitted(request)
    return render.go(local_path(form.value("back"), "/inbox"), said)


@routes.post(PATH + "/agree")
async def agree(request: web.Request) -> web.Response:
    note = (await render.submitted(request)).text("note", most=NOTE_CHARACTERS, lines=True)

    def step(node: Node, session: Session, promise: bytes) -> None:
        promises.agree(node, session, promise, note)

    return await act(request, step, "agreed")


@routes.post(PATH + "/decline")
async def decline(request: web.Request) -> web.Response:
    return await act(request, promises.decline, "declined")


@routes.post(PATH + "/done")
async def done(request: web.Request) -> web.Response:
    return await act(request, promises.done, "done")


@routes.get(PATH + "/release")
async def show_release(request: web.Request) -> web.Response:
    promise = promise_of(request)
    if not promise.can_release:
        raise OurFault("no_longer_possible")
    back = local_path(request.query.get("back", ""), "/inbox")
    return render.page(request, "inbox/release.html", promise=promise, back=back)


@routes.post(PATH + "/release")
async def release(request: web.Request) -> web.Response:
    return await act(request, promises.release, "released")


@routes.get(PATH + "/no-show")
async def show_no_show(request: web.Request) -> web.Response:
    promise = promise_of(request)
    if not promise.can_no_show:
        raise OurFault("no_longer_possible")
    back = local_path(request.query.get("back", ""), "/inbox")
    return render.page(request, "inbox/no_show.html", promise=promise, back=back)


@routes.post(PATH + "/no-show")
async def no_show(request: web.Request) -> web.Response:
    return await act(request, promises.no_show, "no_show")
