"""Carrying by hand: write a file for other neighborhoods, read one in, and see how far it is.

A file takes a while. So each form begins it and leads to /carry/work, which loads itself again meanwhile.
"""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

from aiohttp import BodyPartReader, MultipartReader, web

from node import carrying
from node.actions import carry
from node.app import Node
from node.web import render
from node.web.coordinators import require_coordinator
from node.web.faults import status_of
from node.web.forms import Form
from node.web.keys import NODE
from node.web.languages import phrase
from node.web.safety import PARTS
from node.web.visitor import session_of
from protocol.errors import Fault, OurFault

routes = web.RouteTableDef()

CHUNK_SIZE_BYTES = 262_144
WHAT = ("all", "held")


def show_page(request: web.Request, form: Form, status: int = 200) -> web.Response:
    node = request.app[NODE]
    return render.page(
        request,
        "carry/carry.html",
        form=form,
        status=status,
        partners=carry.partners(node, session_of(request)),
        work=node.carrying,
        room_mb=carrying.room_bytes(node) // 1_000_000,
    )


@routes.get("/carry")
async def show(request: web.Request) -> web.Response:
    require_coordinator(request)
    return show_page(request, render.form_of(request, {"what": "all"}))


@routes.post("/carry/out")
async def write(request: web.Request) -> web.Response:
    require_coordinator(request)
    node = request.app[NODE]
    form = await render.submitted(request)
    known = {partner.home.hex(): partner.home for partner in carry.partners(node, session_of(request))}
    chosen = [known[value] for value in form.values("to") if value in known]
    if not chosen:
        form.wrong("to", phrase("Please choose at least one neighborhood."))
    what = form.choice("what", WHAT, otherwise="all")
    if form:
        return show_page(request, form)
    try:
        carrying.start_out(node, session_of(request), chosen, digest=what == "held")
    except Fault as fault:
        form.refuse(fault)
        return show_page(request, form, status_of(fault))
    return render.go("/carry/work")


@routes.post("/carry/in")
async def read(request: web.Request) -> web.Response:
    """The file is written down as it comes; the form's token was looked at before (node/web/safety.py)."""
    require_coordinator(request)
    node, form = request.app[NODE], render.form_of(request, {"what": "all"})
    part = await request[PARTS].next()
    if not isinstance(part, BodyPartReader) or part.name != "file" or not part.filename:
        form.wrong("file", phrase("Please choose the file that was brought."))
        return show_page(request, form)
    try:
        await carrying.start_in(node, session_of(request), _chunks(part))
    except Fault as fault:
        form.wrong("file", fault.sentence)
        return show_page(request, form, status_of(fault))
    return render.go("/carry/work")


async def _chunks(part: BodyPartReader | MultipartReader) -> AsyncIterator[bytes]:
    assert isinstance(part, BodyPartReader)
    while chunk := await part.read_chunk(CHUNK_SIZE_BYTES):
        yield chunk


@routes.post("/carry/answer")
async def answer(request: web.Request) -> web.Response:
    require_coordinator(request)
    carrying.start_answer(request.app[NODE], session_of(request))
    return render.go("/carry/work")


@routes.post("/carry/stop")
async def stop(request: web.Request) -> web.Response:
    require_coordinator(request)
    await carrying.stop(request.app[NODE])
    return render.go("/carry/work")


@routes.get("/carry/work")
async def work(request: web.Request) -> web.Response:
    require_coordinator(request)
    node = request.app[NODE]
    if node.carrying is None:
        return render.go("/carry")
    return render.page(
        request,
        "carry/work.html",
        work=node.carrying,
        file=_file(node) is not None,
        still="still" in request.query,
    )


def _file(node: Node) -> Path | None:
    """The file that was written for the page, if it is still here. What a command wrote lies elsewhere."""
    path: Path | None = node.carrying.path if node.carrying is not None else None
    here = path is not None and path.parent == carrying.folder_of(node.settings.data) and path.exists()
    return path if here else None


@routes.get("/carry/file/{id:[0-9a-f]{16}}")
async def download(request: web.Request) -> web.StreamResponse:
    require_coordinator(request)
    node = request.app[NODE]
    path = _file(node)
    if path is None or node.carrying.id != request.match_info["id"]:
        raise OurFault("not_found")
    return web.FileResponse(
        path,
        chunk_size=CHUNK_SIZE_BYTES,
        headers={
            "Content-Type": "application/octet-stream",
            "Content-Disposition": f'attachment; filename="{carrying.file_name(node)}"',
        },
    )
