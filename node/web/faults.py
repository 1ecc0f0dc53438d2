"""What a member or a script sees when something is refused or goes wrong."""

from __future__ import annotations

import logging

from aiohttp import web
from aiohttp.typedefs import Handler

from node.web.keys import LINK_PATH, VISITOR
from node.web.languages import phrase
from node.web.render import page, translate
from protocol.errors import SENTENCES, Fault, WorldFault

log = logging.getLogger(__name__)

STATUS_OF_CODE = {
    "signed_out": 401,
    "not_allowed": 403,
    "not_yours": 403,
    "wrong_passphrase": 403,
    "not_found": 404,
    "used_link": 404,
    "unknown_invite": 404,
    "name_taken": 409,
    "already_set_up": 409,
    "key_replaced": 409,
    "not_set_up": 409,
    "no_longer_possible": 409,
    "too_many_tries": 429,
    "internal": 500,
}

HTTP_SENTENCES = {
    403: phrase(
        "This form was open for too long, or came from elsewhere. Please go back, reload and send it again."
    ),
    404: phrase("There is no page at this address. It may have moved or ended."),
    405: phrase("This address cannot be used in that way."),
    413: phrase("That is too much at once. Please shorten it."),
}


def status_of(fault: Fault) -> int:
    return STATUS_OF_CODE.get(fault.code, 503 if isinstance(fault, WorldFault) else 400)


def refusal(request: web.Request, status: int, code: str, sentence: str) -> web.Response:
    """The plain page (or JSON under /api/) for anything that has no form of its own."""
    if request.path.startswith("/api/"):
        return web.json_response({"error": code, "sentence": sentence}, status=status)
    return page(request, "refused.html", status=status, sentence=translate(request, sentence))


@web.middleware
async def answer_faults(request: web.Request, handler: Handler) -> web.StreamResponse:
    """Every refusal becomes one clear sentence; the unexpected is logged and never shown."""
    if request.path == LINK_PATH:  # speaks to nodes; its answer may have begun long ago
        return await handler(request)
    try:
        return await handler(request)
    except Fault as fault:
        return refusal(request, status_of(fault), fault.code, fault.sentence)
    except web.HTTPException as answer:
        if answer.status < 400 or VISITOR not in request:
            raise
        code = {403: "not_allowed", 404: "not_found"}.get(answer.status, "bad_input")
        sentence = HTTP_SENTENCES.get(answer.status, SENTENCES["bad_input"])
        return refusal(request, answer.status, code, sentence)
    except Exception:
        log.exception("%s %s", request.method, request.match_info.route.resource or "an unknown page")
        return refusal(request, 500, "internal", SENTENCES["internal"])
