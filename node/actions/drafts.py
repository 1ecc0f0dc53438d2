"""What a person fills in for a need or an offer, and the body of the record that comes of it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import msgspec

from node import categories
from protocol.errors import OurFault
from protocol.kinds.posts import Post

DAYS_DEFAULT = 30


@dataclass(frozen=True, slots=True)
class PostDraft:
    """What a person fills in. contact, address, household and notes never leave this node."""

    type: str
    what: str
    category: str
    title: str
    text: str = ""
    area: str = ""
    when: str = ""
    urgency: str = "normal"
    slots: int = 1
    language: str = "en"
    where: str = "here"
    name_shown: str = ""
    days: int = DAYS_DEFAULT
    contact: str = ""
    address: str = ""
    household: str = ""
    notes: str = ""
    private_name: str = ""


def body_of(draft: PostDraft, **more: Any) -> dict[str, Any]:
    """The body to be signed. Raises OurFault("bad_input") naming the field that is wrong."""
    if draft.category not in categories.ids():
        raise OurFault("bad_input", "Please choose a category from the list.")
    try:
        post = msgspec.convert(
            {
                "type": draft.type,
                "what": draft.what,
                "category": draft.category,
                "title": " ".join(draft.title.split()),
                "text": draft.text.strip().replace("\r\n", "\n"),
                "area": draft.area.strip(),
                "when": draft.when.strip(),
                "urgency": draft.urgency,
                "slots": draft.slots,
                "language": draft.language,
                "name": draft.name_shown.strip(),
                **more,
            },
            Post,
            builtin_types=(bytes,),
        )
    except msgspec.ValidationError as error:
        raise OurFault("bad_input", _which_field(str(error))) from None
    return post.body()


_FIELDS = {
    "title": "The title has 1 to 120 characters.",
    "text": "The text has at most 2,000 characters.",
    "area": "The area label has at most 80 characters.",
    "when": "The time has at most 120 characters.",
    "slots": "The number of people or things is from 1 to 100.",
    "name": "The name shown has at most 40 characters.",
}


def _which_field(error: str) -> str:
    for field, sentence in _FIELDS.items():
        if f"$.{field}`" in error:
            return sentence
    return "Please check the form: one of the choices is missing."
