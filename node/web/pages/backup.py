"""Backups: made with a passphrase and downloaded, by a coordinator."""

from __future__ import annotations

import re
import unicodedata
from datetime import UTC, datetime

from aiohttp import web

from node.actions import backup, restored, setup
from node.app import Node
from node.backup_file import SUFFIX
from node.web import render
from node.web.coordinators import form_for_coordinators, require_coordinator
from node.web.forms import Form
from node.web.keys import NODE

routes = web.RouteTableDef()

CHUNK_SIZE_BYTES = 262_144


def show_page(request: web.Request, form: Form, status: int = 200) -> web.Response:
    node = request.app[NODE]
    return render.page(
        request,
        "backup/backup.html",
        form=form,
        status=status,
        backup=backup.state(node),
        restored=restored.last(node),
    )


def file_name(node: Node) -> str:
    """The neighborhood and the day, in letters that every system takes."""
    plain = unicodedata.normalize("NFKD", setup.name(node)).encode("ascii", "ignore").decode().lower()
    slug = re.sub(r"[^a-z0-9]+", "-", plain).strip("-") or "barnraise"
    day = datetime.fromtimestamp(node.now(), UTC).date().isoformat()
    return f"{slug}-{day}{SUFFIX}"


@routes.get("/backup")
async def show(request: web.Request) -> web.Response:
    require_coordinator(request)
    return show_page(request, render.form_of(request))


@routes.post("/backup")
@form_for_coordinators(show_page)
async def make(request: web.Request, form: Form) -> web.StreamResponse:
    """The answer is the file. It counts as made once it was sent to its end."""
    node = request.app[NODE]
    passphrase = form.passphrase()
    if form:
        return show_page(request, form)
    download = await backup.make_download(node, passphrase)
    with download as file:
        response = web.StreamResponse(
            headers={
                "Content-Type": "application/octet-stream",
                "Content-Disposition": f'attachment; filename="{file_name(node)}"',
            }
        )
        response.content_length = download.made.size_bytes
        await response.prepare(request)
        while data := file.read(CHUNK_SIZE_BYTES):
            await response.write(data)
        await response.write_eof()
    backup.record_made(node, download.made, "page")
    return response


@routes.post("/backup/noted")
async def noted(request: web.Request) -> web.Response:
    require_coordinator(request)
    restored.note(request.app[NODE])
    return render.go("/backup")
