"""Needs and offers: made, changed, shared with the region, searched."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from node import categories
from node.actions import details, promises
from node.actions.acting import say, say_again
from node.actions.details import Details
from node.actions.drafts import DAYS_DEFAULT, body_of
from node.actions.drafts import PostDraft as PostDraft
from node.actions.members import Session
from node.actions.names import neighborhood_name
from node.store import imports
from node.views import posts as view
from protocol.errors import OurFault
from protocol.kinds.erasure import erasure_body
from protocol.kinds.posts import Post
from protocol.record import Record
from protocol.scopes import LOCAL_SCOPE, Scope, coalition
from protocol.signing import public_key

if TYPE_CHECKING:
    from node.app import Node

DAYS_MAX = 90
OPEN_PER_MEMBER_MAX = 200  # what one member may have running; the home limits its own before it signs


@dataclass(frozen=True, slots=True)
class BoardQuery:
    """What to look for; `cursor` is the `next` of an earlier page."""

    type: str = ""
    category: str = ""
    q: str = ""
    where: str = ""
    cursor: str = ""
    limit: int = 30
    mine: bool = False


@dataclass(frozen=True, slots=True)
class PostItem:
    """A post as it stands on the board."""

    id: bytes
    type: str
    what: str
    category: str
    category_name: str
    title: str
    text: str
    area: str
    when: str
    urgency: str
    slots: int
    slots_open: int
    language: str
    name_shown: str
    neighborhood: str
    home: bytes
    mine: bool
    here: bool
    state: str
    created: int
    expires: int


@dataclass(frozen=True, slots=True)
class BoardPage:
    items: list[PostItem]
    next: str


@dataclass(frozen=True, slots=True)
class PostPage:
    """One post with everything that this person may see and do."""

    item: PostItem
    details: Details | None
    promises: list[promises.Promise]
    can_help: bool
    can_edit: bool
    can_share: bool
    can_withdraw: bool
    can_pause: bool
    can_resume: bool
    can_renew: bool
    can_erase: bool
    help_note: str


def _scope(node: Node, where: str) -> Scope:
    if where == "here":
        return LOCAL_SCOPE
    if where != "region":
        raise OurFault("bad_input", "A post stays here or goes to the region.")
    joined = [c for c, roster in node.records.known.rosters.items() if node.home in roster.members]
    if not joined:
        raise OurFault(
            "bad_input",
            "This neighborhood is not in a coalition yet, so there is no region to share with. Keep it here.",
        )
    return coalition(min(joined))


def has_region(node: Node) -> bool:
    """Whether there is a coalition to share with."""
    return any(node.home in roster.members for roster in node.records.known.rosters.values())


def publish(
    node: Node, session: Session, draft: PostDraft, *, renews: bytes | None = None, limit: bool = True
) -> bytes:
    """Put a need or an offer on the board; gives its thing. Raises OurFault("bad_input").

    `limit=False` is for imports, which have a bound of their own.
    """
    if not 1 <= draft.days <= DAYS_MAX:
        raise OurFault("bad_input", f"A post stays up for 1 to {DAYS_MAX} days.")
    if limit and _own_running(node, session) >= OPEN_PER_MEMBER_MAX:
        raise OurFault("over_quota", f"You have {OPEN_PER_MEMBER_MAX} posts running. Withdraw some first.")
    more: dict[str, Any] = {"renews": renews} if renews is not None else {}
    with node.records.transaction():
        record = say(
            node,
            session.seed,
            "post",
            _scope(node, draft.where),
            body_of(draft, **more),
            life_days=draft.days - 1,
        )
        details.write(node, session, record, draft)
    return record.thing


def _own_running(node: Node, session: Session) -> int:
    """Running posts of one's own; imported ones do not keep a coordinator from posting herself."""
    account, today = session.account_key, node.today()
    imported = imports.count_running(node.connection, account, today)
    return view.count_open(node.connection, account, today) - imported


def _is_own(node: Node, session: Session, record: Record) -> bool:
    """Whether a key of this person's account made it."""
    account = node.records.accounts.account(record.home, record.author)
    return account == (node.home, session.account_key)


def _take_down(node: Node, record: Record) -> None:
    """Erase a post whose key its author no longer has, as the neighborhood."""
    body = erasure_body(record)
    say(node, None, "erasure", record.scope, body, expires=record.expires, created=record.created)


def _own(node: Node, session: Session, thing: bytes) -> tuple[Record, Post]:
    record = node.records.version(thing)
    post = Post.read(record) if record is not None and record.kind == "post" else None
    if record is None or post is None:
        raise OurFault("not_found")
    if not _is_own(node, session, record):
        raise OurFault("not_yours")
    if record.author != public_key(session.seed):
        raise OurFault("no_longer_possible", "This was posted with your earlier key. Renew it instead.")
    if record.expires is not None and record.expires <= node.today():
        raise OurFault("no_longer_possible", "This post has expired. Renew it instead.")
    return record, post


def edit(node: Node, session: Session, thing: bytes, draft: PostDraft) -> bytes:
    """Change what a post says. Where it goes and how long it runs stay: for those make a new one."""
    record, post = _own(node, session, thing)
    more: dict[str, Any] = {"status": post.status, "at": node.stamp()}
    if post.renews is not None:
        more["renews"] = post.renews
    with node.records.transaction():
        say_again(node, session.seed, record, body_of(draft, **more))
        details.write(node, session, record, draft)
    return thing


def _set_status(node: Node, session: Session, thing: bytes, status: str) -> None:
    record, post = _own(node, session, thing)
    if post.status == "withdrawn":
        raise OurFault("no_longer_possible", "This post was withdrawn. Renew it instead.")
    body = {**post.body(), "status": status, "at": node.stamp()}
    say_again(node, session.seed, record, body)


def pause(node: Node, session: Session, thing: bytes) -> None:
    """Nobody new can help until it is resumed."""
    _set_status(node, session, thing, "paused")


def resume(node: Node, session: Session, thing: bytes) -> None:
    """Open a paused post again."""
    _set_status(node, session, thing, "open")


def withdraw(node: Node, session: Session, thing: bytes) -> None:
    """Take it off the board for good. Hours already recorded stand."""
    record = node.records.version(thing)
    if record is not None and _is_own(node, session, record) and record.author != public_key(session.seed):
        _take_down(node, record)
        return
    _set_status(node, session, thing, "withdrawn")


def draft_of(node: Node, session: Session, thing: bytes) -> PostDraft:
    """A post of one's own as the form shows it, for editing, sharing and renewing."""
    record = node.records.version(thing)
    post = Post.read(record) if record is not None and record.kind == "post" else None
    if record is None or post is None:
        raise OurFault("not_found")
    if not _is_own(node, session, record):
        raise OurFault("not_yours")
    private = details.read(node, thing)
    return PostDraft(
        type=post.type,
        what=post.what,
        category=post.category,
        title=post.title,
        text=post.text,
        area=post.area,
        when=post.when,
        urgency=post.urgency,
        slots=post.slots,
        language=post.language,
        where="here" if record.scope == LOCAL_SCOPE else "region",
        name_shown=post.name,
        contact=private.contact if private else "",
        address=private.address if private else "",
        household=private.household if private else "",
        notes=private.notes if private else "",
        private_name=private.name if private else "",
    )


def share(node: Node, session: Session, thing: bytes) -> bytes:
    """Share a local post with the region: a new thing, while the local one is withdrawn."""
    record, _ = _own(node, session, thing)
    if record.scope != LOCAL_SCOPE:
        raise OurFault("no_longer_possible", "This post is shared with the region already.")
    if any(row.state in ("proposed", "agreed") for row in promises.rows_of(node, thing)):
        raise OurFault("no_longer_possible", "Somebody has offered to help already. Settle that first.")
    days = max(1, (record.expires or 0) - node.today())
    draft = replace(draft_of(node, session, thing), where="region", days=days)
    with node.records.transaction():
        shared = publish(node, session, draft, renews=thing)
        withdraw(node, session, thing)
    return shared


def renew(node: Node, session: Session, thing: bytes) -> bytes:
    """Put it up again for another month: a new thing that names the old."""
    draft = draft_of(node, session, thing)
    with node.records.transaction():
        record = node.records.version(thing)
        running = record is not None and record.expires is not None and record.expires > node.today()
        fresh = publish(node, session, replace(draft, days=DAYS_DEFAULT), renews=thing)
        if running and (row := view.row_of(node.connection, thing)) and row.state != "withdrawn":
            withdraw(node, session, thing)
    return fresh


def board(node: Node, session: Session, query: BoardQuery) -> BoardPage:
    """What is needed and offered, newest first."""
    limit = min(max(query.limit, 1), 100)
    wanted = view.Filter(
        type=query.type if query.type in ("need", "offer") else "",
        categories=tuple(categories.with_children(query.category)) if query.category else (),
        words=query.q[:200],
        where=query.where if query.where in ("here", "region") else "",
        author=session.account_key if query.mine else None,
        over=query.mine,
        before=_read_cursor(query.cursor),
        limit=limit + 1,
    )
    rows = view.board(node.connection, node.home, wanted, node.today())
    more = len(rows) > limit
    rows = rows[:limit]
    cursor = f"{rows[-1].created}-{rows[-1].thing.hex()}" if more else ""
    return BoardPage([item_of(node, session, row) for row in rows], cursor)


def _read_cursor(cursor: str) -> tuple[int, bytes] | None:
    created, _, thing = cursor.partition("-")
    try:
        return (int(created), bytes.fromhex(thing)) if cursor and len(created) < 12 else None
    except ValueError:
        return None


def item_of(node: Node, session: Session, row: view.PostRow) -> PostItem:
    """A row as people see it."""
    over = row.expires <= node.today() and row.state != "fulfilled"
    return PostItem(
        id=row.thing,
        type=row.type,
        what=row.what,
        category=row.category,
        category_name=categories.name(row.category, session.language),
        title=row.title,
        text=row.text,
        area=row.area,
        when=row.time_words,
        urgency=row.urgency,
        slots=row.slots,
        slots_open=row.slots_open,
        language=row.language,
        name_shown=row.name,
        neighborhood=neighborhood_name(node, row.home),
        home=row.home,
        mine=(row.home, row.author) == (node.home, session.account_key),
        here=row.coalition is None,
        state="expired" if over else row.state,
        created=row.created,
        expires=row.expires,
    )


def post(node: Node, session: Session, thing: bytes) -> PostPage:
    """One post. Raises OurFault("not_found")."""
    row = view.row_of(node.connection, thing)
    if row is None:
        raise OurFault("not_found")
    item = item_of(node, session, row)
    shown = [
        promises.promise_of(node, session, promise)
        for promise in promises.rows_of(node, thing)
        if item.mine or promises.is_mine(node, session, promise)
    ]
    running = item.mine and item.state not in ("withdrawn", "expired", "fulfilled")
    record = node.records.version(thing)
    live = running and record is not None and record.author == public_key(session.seed)
    engaged = any(promise.mine and promise.state in ("proposed", "agreed") for promise in shown)
    note = ""
    if not item.mine:
        if engaged:
            note = "You have offered to help with this already."
        elif item.state == "paused":
            note = "This is paused for now."
        elif item.state not in ("open", "partly_arranged"):
            note = "This needs nobody more at the moment."
    in_region = has_region(node)
    private = item.mine or (row.home == node.home and session.role == "coordinator")
    return PostPage(
        item=item,
        details=details.read(node, thing) if private else None,
        promises=shown,
        can_help=not item.mine and not note,
        can_edit=live,
        can_share=live and item.here and in_region,
        can_withdraw=running,
        can_pause=live and item.state != "paused",
        can_resume=live and item.state == "paused",
        can_renew=item.mine and (item.state in ("expired", "withdrawn", "fulfilled") or running != live),
        can_erase=private,
        help_note=note,
    )
