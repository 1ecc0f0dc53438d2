"""Turning templates into pages: an environment for each language, its filters, the frame of every page."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from datetime import UTC, date, datetime, timedelta
from functools import cache
from importlib import resources
from typing import Any

from aiohttp import web
from babel.dates import format_date, format_timedelta
from jinja2 import Environment, PackageLoader, StrictUndefined
from jinja2.ext import InternationalizationExtension

from node import VERSION
from node.actions import promises, setup
from node.actions.names import LEFT
from node.app import Node
from node.web import safety
from node.web.forms import Form
from node.web.keys import NODE, VISITOR
from node.web.languages import LANGUAGES, phrase, translations
from node.web.words import NOTICES, WORDS

STYLE = (resources.files(__package__) / "static" / "style.css").read_bytes()
ICON = (resources.files(__package__) / "static" / "icon.svg").read_bytes()
STYLE_PATH = f"/static/style.{hashlib.sha256(STYLE).hexdigest()[:12]}.css"
ICON_PATH = f"/static/icon.{hashlib.sha256(ICON).hexdigest()[:12]}.svg"

DAY_S = 86_400


@cache
def environment(language: str) -> Environment:
    """The templates, speaking `language`; read once and kept."""
    env = Environment(
        loader=PackageLoader("node.web"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        extensions=[InternationalizationExtension],
    )
    catalog = translations(language)
    env.policies["ext.i18n.trimmed"] = True
    env.install_gettext_translations(catalog, newstyle=True)  # type: ignore[attr-defined]

    def word(code: str, kind: str) -> str:
        return catalog.gettext(WORDS[kind][code]) if code in WORDS[kind] else code

    def minutes(amount: int) -> str:
        """90 -> "1 h 30 min", with a true minus sign."""
        hours, rest = divmod(abs(amount), 60)
        parts = [f"{hours} h"] if hours or not rest else []
        parts += [f"{rest} min"] if rest else []
        text = " ".join(parts).replace(" ", "\N{NO-BREAK SPACE}")
        return "\N{MINUS SIGN}" + text if amount < 0 else text

    def day(days: int) -> str:
        return format_date(date(1970, 1, 1) + timedelta(days=days), "long", locale=language)

    def date_of(time_s: int) -> str:
        """A Unix time as a date in the node's own time zone: that is the neighborhood's."""
        return format_date(datetime.fromtimestamp(time_s, UTC).astimezone().date(), "long", locale=language)

    def ago(time_s: int, now: int) -> str:
        """ "3 hours ago". A time slightly ahead (another node's clock) reads as just now."""
        if now - time_s < 60:
            return catalog.gettext(phrase("just now"))
        return format_timedelta(time_s - now, add_direction=True, locale=language)

    def person(name: str) -> str:
        """A name, or what to call somebody who showed none or has left."""
        return catalog.gettext(name or phrase("A neighbor")) if name in ("", LEFT) else name

    env.filters |= {"word": word, "minutes": minutes, "day": day, "date": date_of, "ago": ago}
    env.filters |= {"person": person, "hex": bytes.hex, "translated": catalog.gettext}
    return env


def translate(request: web.Request, text: str) -> str:
    return translations(request[VISITOR].language).gettext(text)


def form_of(request: web.Request, entered: Mapping[str, str] | None = None) -> Form:
    """A form to show first, holding `entered`."""
    return Form(entered, translations(request[VISITOR].language).gettext)


async def submitted(request: web.Request) -> Form:
    """The form that was sent; files and other surprises count as empty."""
    fields = await request.post()
    form = form_of(request)
    form.entered.extend((name, value) for name, value in fields.items() if isinstance(value, str))
    return form


def frame(request: web.Request, form: Form | None) -> dict[str, Any]:
    """What every template may use."""
    node: Node = request.app[NODE]
    visitor = request[VISITOR]
    said = NOTICES.get(request.query.get("said", ""), "")
    is_set_up = setup.is_set_up(node)
    return {
        "session": visitor.session,
        "is_coordinator": visitor.is_coordinator,
        "language": visitor.language,
        "languages": LANGUAGES,
        "csrf": visitor.csrf,
        "path": request.path,
        "here": str(request.rel_url.without_query_params("said")),
        "now": node.now(),
        "neighborhood_name": setup.name(node),
        "notice": translate(request, said) if said and not form else "",
        "waiting": promises.waiting(node, visitor.session) if visitor.session and is_set_up else 0,
        "form": form,
        "style_path": STYLE_PATH,
        "icon_path": ICON_PATH,
        "version": VERSION,
    }


def page(
    request: web.Request, template: str, *, status: int = 200, form: Form | None = None, **values: Any
) -> web.Response:
    """One HTML page. Status 400 unless told otherwise when `form` holds errors."""
    visitor = request[VISITOR]
    if form and status == 200:
        status = 400
    html = environment(visitor.language).get_template(template).render(frame(request, form) | values)
    response = web.Response(text=html, status=status, content_type="text/html")
    response.headers["Content-Language"] = visitor.language
    safety.keep_form_cookie(response, request, visitor)
    return response


def go(path: str, said: str = "") -> web.Response:
    """After an act: the page that shows its outcome (303, so that reloading does nothing twice)."""
    separator = "&" if "?" in path else "?"
    return web.Response(status=303, headers={"Location": f"{path}{separator}said={said}" if said else path})
