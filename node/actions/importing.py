"""Answers of a group's online form become posts of the coordinator who brings them along.

`node/importing.py` reads the table; this signs what it found. Each post stays in the neighborhood, and what
the person confided (name, contact, address, household, all else) goes to the private details beside it.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from node.actions import posts
from node.actions.members import Session, coordinator
from node.importing import AnswerDraft, BadRow
from node.store import imports
from protocol.errors import OurFault

if TYPE_CHECKING:
    from node.app import Node

PRIVATE_NAME_CHARS_MAX = 80  # of the details' field for a name
IMPORTED_OPEN_MAX = 2_000  # running posts from imports that one coordinator may have
AT_ONCE_MAX = 100  # drafts in one call, and so in one transaction: a Pi is held up for about a second


@dataclass(slots=True)
class Imported:
    """What became of some drafts. `posts` has a thing for each new post; `left_out` found no room."""

    posts: list[bytes] = field(default_factory=list)
    already: int = 0
    bad_rows: list[BadRow] = field(default_factory=list)
    left_out: int = 0


def known_answers(node: Node, row_keys: Iterable[bytes]) -> set[bytes]:
    """Those of `row_keys` that were imported before."""
    return imports.known(node.connection, row_keys)


def import_answers(node: Node, session: Session, drafts: list[AnswerDraft], *, language: str) -> Imported:
    """Make a post of each draft that was not imported before, at most AT_ONCE_MAX of them.

    All in one transaction; if one draft is refused, then each in its own, so that it holds up no other.
    Raises OurFault("not_allowed") for anybody but a coordinator.
    """
    coordinator(session)
    if len(drafts) > AT_ONCE_MAX:
        raise OurFault("bad_input", f"At most {AT_ONCE_MAX} answers are taken at once.")
    unlike = {draft.row_key: draft for draft in drafts}
    known = known_answers(node, unlike)
    fresh = [draft for row_key, draft in unlike.items() if row_key not in known]
    room = IMPORTED_OPEN_MAX - imports.count_running(node.connection, session.account_key, node.today())
    taken = fresh[: max(0, room)]
    done = Imported(already=len(drafts) - len(fresh), left_out=len(fresh) - len(taken))
    try:
        with node.records.transaction():
            made = [_publish(node, session, draft, language) for draft in taken]
    except OurFault:
        made = []
        for draft in taken:
            try:
                made.append(_publish(node, session, draft, language))
            except OurFault as fault:
                done.bad_rows.append(BadRow(draft.line, fault.sentence.removesuffix(".")))
    done.posts = made
    return done


def _publish(node: Node, session: Session, draft: AnswerDraft, language: str) -> bytes:
    with node.records.transaction():
        thing = posts.publish(node, session, post_draft(draft, language), limit=False)
        imports.add(node.connection, draft.row_key, thing)
    return thing


def post_draft(draft: AnswerDraft, language: str) -> posts.PostDraft:
    """The form as if the coordinator had filled it in: kept here, the person's name not shown."""
    notes = draft.notes
    if len(draft.name) > PRIVATE_NAME_CHARS_MAX:
        notes = f"{draft.name}\n{notes}"  # the field would cut it short
    return posts.PostDraft(
        type="need",
        what="help",
        category=draft.category,
        title=draft.title,
        text=draft.text,
        area=draft.area,
        urgency=draft.urgency,
        language=language,
        where="here",
        contact=draft.contact,
        address=draft.address,
        household=draft.household,
        notes=notes,
        private_name=draft.name,
    )
