"""What only coordinators may do: looked at first. And forms that show what was refused."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from functools import wraps

from aiohttp import web

from node.web import render
from node.web.faults import status_of
from node.web.forms import Form
from node.web.keys import VISITOR
from node.web.visitor import session_of
from protocol.errors import Fault, OurFault

Show = Callable[[web.Request, Form, int], web.Response]
Handle = Callable[[web.Request, Form], Awaitable[web.StreamResponse]]


def require_coordinator(request: web.Request) -> None:
    """Raises OurFault: signed_out, not_allowed."""
    session_of(request)
    if not request[VISITOR].is_coordinator:
        raise OurFault("not_allowed")


def form_for_coordinators(
    show: Show,
) -> Callable[[Handle], Callable[[web.Request], Awaitable[web.StreamResponse]]]:
    """Of a handler `(request, form)` make one that answers a coordinator's form; see `shown_again`."""

    def of(handle: Handle) -> Callable[[web.Request], Awaitable[web.StreamResponse]]:
        @wraps(handle)
        async def answer(request: web.Request) -> web.StreamResponse:
            require_coordinator(request)
            return await shown_again(request, show, handle)

        return answer

    return of


async def shown_again(request: web.Request, show: Show, handle: Handle) -> web.StreamResponse:
    """Handle a form. Where a use case refuses, `show` shows it again with what was entered, and why."""
    form = await render.submitted(request)
    try:
        return await handle(request, form)
    except Fault as fault:
        form.refuse(fault)
        return show(request, form, status_of(fault))
