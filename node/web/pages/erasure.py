"""Erasing for good: a post, a note; and where each erasure has come by now."""

from __future__ import annotations

from aiohttp import web

from node.actions import applied, erasure, posts, promises
from node.web import render
from node.web.keys import NODE
from node.web.pages.posts import PATH as POST_PATH
from node.web.pages.posts import thing_of
from node.web.pages.promises import PATH as PROMISE_PATH
from node.web.visitor import local_path, session_of
from protocol.errors import OurFault

routes = web.RouteTableDef()


@routes.get(POST_PATH + "/erase")
async def show_erase(request: web.Request) -> web.Response:
    node, session = request.app[NODE], session_of(request)
    erasure.erasable(node, session, thing_of(request))
    shown = posts.post(node, session, thing_of(request))
    engaged = any(promise.state in ("proposed", "agreed") for promise in shown.promises)
    return render.page(request, "erasure/erase.html", item=shown.item, engaged=engaged)


@routes.post(POST_PATH + "/erase")
async def do_erase(request: web.Request) -> web.Response:
    erasure.erase_post(request.app[NODE], session_of(request), thing_of(request))
    left = applied.has_mark(request.app[NODE], thing_of(request))  # none of what was over already
    return render.go(f"/erased/{request.match_info['id']}" if left else "/board", "erased")


@routes.get("/erased")
async def show_list(request: web.Request) -> web.Response:
    node, session = request.app[NODE], session_of(request)
    found, files = applied.listed(node, session), applied.files_with_words(node, session)
    return render.page(request, "erasure/list.html", found=found, files=files)


@routes.get("/erased/{id:[0-9a-f]{64}}")
async def show_erased(request: web.Request) -> web.Response:
    found = applied.erased(request.app[NODE], session_of(request), thing_of(request))
    return render.page(request, "erasure/erased.html", item=found)


def note_of(request: web.Request) -> promises.Promise:
    """The promise whose note this person may erase."""
    box = promises.inbox(request.app[NODE], session_of(request))
    for promise in box.past + box.arranged:
        if promise.id == thing_of(request) and promise.can_erase_note:
            return promise
    raise OurFault("no_longer_possible")


@routes.get(PROMISE_PATH + "/erase-note")
async def show_erase_note(request: web.Request) -> web.Response:
    back = local_path(request.query.get("back", ""), "/inbox")
    return render.page(request, "erasure/note.html", promise=note_of(request), back=back)


@routes.post(PROMISE_PATH + "/erase-note")
async def do_erase_note(request: web.Request) -> web.Response:
    form = await render.submitted(request)
    promises.erase_note(request.app[NODE], session_of(request), thing_of(request))
    return render.go(local_path(form.value("back"), "/inbox"), "note_erased")
