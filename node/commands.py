"""What the command line asks of a node: plain functions `(node, *, parameters) -> JSON values`.

The same table is used both ways: by a running node behind its socket (`node/control.py`), and on a store
that the command line has opened itself. Whoever acts as a member gives the passphrase with the command, is
signed in for this one act, and out again. What needs no member is for whoever may read the data folder.
"""

from __future__ import annotations

import inspect
import json
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Any

import msgspec

from node import VERSION
from node.actions import backup as backups
from node.actions import hours, importing, members, naming, neighborhoods, posts, setup
from node.actions.members import Session
from node.app import Node
from node.importing import AnswerDraft
from node.plain import plain, post_item
from node.store import health
from protocol.errors import OurFault

COMMANDS: dict[str, Callable[..., Any]] = {}
BOARD_LIMIT_MAX = 100
KEYS_MAX = 100_000  # row keys in one question: 5,000 rows of 20 needs


def command(function: Callable[..., Any]) -> Callable[..., Any]:
    """Add a function to the table, under its own name."""
    COMMANDS[function.__name__] = function
    return function


async def perform(node: Node, name: str, parameters: dict[str, Any]) -> Any:
    """Do one command. Raises OurFault("bad_input") for one that this program does not know."""
    function = COMMANDS.get(name)
    if function is None:
        raise OurFault(
            "bad_input",
            f"The node does not know the command {name!r}; it may be of another version. Start it again.",
        )
    _check_texts(parameters)
    try:
        inspect.signature(function).bind(node, **parameters)
    except TypeError:
        raise OurFault(
            "bad_input", "The node runs another version of Barnraise than this command. Start it again."
        ) from None
    done = function(node, **parameters)
    return await done if inspect.isawaitable(done) else done


def _check_texts(parameters: dict[str, Any]) -> None:
    """JSON and a terminal can bring halves of letters, which no database and no other node could hold."""
    try:
        json.dumps(parameters, ensure_ascii=False).encode()
    except UnicodeEncodeError:
        raise OurFault(
            "bad_input", "Part of this is no text: a letter in it is broken. Is the terminal set to UTF-8?"
        ) from None


@asynccontextmanager
async def signed_in(
    node: Node, who: str, passphrase: str, *, former_too: bool = False
) -> AsyncIterator[Session]:
    """Somebody signed in for as long as the block lasts; see `members.sign_in`."""
    session = await members.sign_in(
        node, name=who, passphrase=passphrase, address="command line", former_too=former_too
    )
    try:
        yield session
    finally:
        members.sign_out(node, session.token)


def onlooker() -> Session:
    """Nobody in particular: reads what every member sees, and can sign nothing."""
    return Session("", "", bytes(32), "", "member", "en", seed=b"")


# the node itself


@command
def status(node: Node) -> dict[str, Any]:
    """Who this node is, how much it holds, and whom it hears."""
    home = node.home if node.is_set_up else b""
    found: dict[str, Any] = {
        "version": VERSION,
        "set_up": node.is_set_up,
        **where(node),
        **plain(health.counts(node.connection, home, node.today())),
        "neighborhood": None,
        "links": [],
        "nearby": [],
        "coalitions": [],
        "came": [],
        "discovery_note": node.discovery_note,
        "clock_note": node.clock_note,
        "disk_note": node.disk_note,
        "last_backup": plain(backups.state(node)),
    }
    if node.is_set_up:
        page = neighborhoods.neighborhoods(node, onlooker())
        found |= plain({"neighborhood": page.own, "links": page.links, "nearby": page.nearby})
        found["coalitions"] = plain(page.coalitions)
        found["came"] = plain(node.came())
    return found


@command
def check_database(node: Node) -> str:
    """ "ok", or what is wrong with the database file."""
    return health.check(node.connection)


@command
def setup_link(node: Node) -> dict[str, Any]:
    """A fresh one-time token for the path `/setup/TOKEN`."""
    return {"token": setup.new_setup_link(node), **where(node)}


@command
async def rename(node: Node, *, who: str, passphrase: str, name: str, area: str | None) -> dict[str, Any]:
    """Another name for the neighborhood; an `area` of None stays as it was."""
    async with signed_in(node, who, passphrase) as session:
        place = node.setting("area") if area is None else area
        renamed: dict[str, Any] = plain(naming.rename(node, session, name=name, area=place))
        return renamed


def where(node: Node) -> dict[str, Any]:
    """What it takes to say where the page is: see `node/cli/links.py`."""
    home = node.home.hex() if node.is_set_up else ""
    settings = node.settings
    return {"home": home, "listen": settings.listen, "port": settings.port, "mdns_host": node.mdns_host}


# members


@command
def member_list(node: Node) -> list[dict[str, Any]]:
    """Everybody here. How to reach somebody is left out: that is for coordinators, on the page."""
    if not node.is_set_up:
        raise OurFault("not_set_up")
    found: list[dict[str, Any]] = plain(members.people(node, onlooker()))
    for person in found:
        del person["contact"], person["is_me"]
    return found


@command
async def member_invite(node: Node, *, who: str, passphrase: str) -> dict[str, Any]:
    """A one-time invitation code for the path `/join/CODE`."""
    async with signed_in(node, who, passphrase) as session:
        made = members.invite(node, session)
        return {"code": made.code, "expires": made.expires, **where(node)}


def member_called(node: Node, session: Session, name: str) -> members.Person:
    """The member of this name. Raises OurFault("not_found")."""
    wanted = " ".join(name.split()).casefold()
    for person in members.people(node, session):
        if person.name.casefold() == wanted:
            return person
    raise OurFault("not_found", f"Nobody here is called {name}. See: barnraise member list")


# needs and offers


@command
async def post(node: Node, *, who: str, passphrase: str, draft: dict[str, Any]) -> dict[str, Any]:
    """Put a need or an offer on the board."""
    async with signed_in(node, who, passphrase) as session:
        try:
            wanted = msgspec.convert({"language": session.language, **draft}, posts.PostDraft)
        except msgspec.ValidationError as error:
            raise OurFault("bad_input", f"The post cannot be read: {error}.") from None
        thing = posts.publish(node, session, wanted)
        return post_item(posts.post(node, session, thing).item)


@command
def board(
    node: Node, *, type: str, category: str, q: str, where: str, cursor: str = "", limit: int = 100
) -> dict[str, Any]:
    """The board as everybody here sees it."""
    if not node.is_set_up:
        raise OurFault("not_set_up")
    query = posts.BoardQuery(type, category, q, where, cursor, min(limit, BOARD_LIMIT_MAX))
    page = posts.board(node, onlooker(), query)
    return {"items": [post_item(item) for item in page.items], "next": page.next}


# hours


def _hours(node: Node, session: Session) -> dict[str, Any]:
    page = plain(hours.hours(node, session))
    return {"items": page.pop("entries"), **page}


@command
async def hours_list(node: Node, *, who: str, passphrase: str) -> dict[str, Any]:
    """One person's hours."""
    async with signed_in(node, who, passphrase) as session:
        return _hours(node, session)


@command
async def hours_record(
    node: Node,
    *,
    who: str,
    passphrase: str,
    partner: str,
    i_gave: bool,
    minutes: int,
    day: int | None,
    category: str,
    another: bool,
) -> dict[str, Any]:
    """Claim hours with somebody, named as the page names them."""
    async with signed_in(node, who, passphrase) as session:
        claim = hours.record(
            node,
            session,
            partner=_partner(node, session, partner),
            promise=None,
            i_gave=i_gave,
            minutes=minutes,
            date=node.today() if day is None else day,
            category=category,
            another=another,
        )
        return next(entry for entry in _hours(node, session)["items"] if entry["id"] == claim.hex())


def _partner(node: Node, session: Session, wanted: str) -> tuple[bytes, bytes]:
    """The account of a person named "Amara", or "Amara, Alder Street" where two have the name."""
    name, _, place = (" ".join(part.split()).casefold() for part in wanted.partition(","))
    found = [
        partner
        for partner in hours.hours(node, session).partners
        if partner.name.casefold() == name and place in ("", partner.neighborhood.casefold())
    ]
    if not found:
        raise OurFault(
            "not_found",
            f"There is nobody called “{wanted}” with whom {session.name} can share hours: neither a member "
            "here, nor somebody in another neighborhood with whom a promise was agreed.",
        )
    if len(found) > 1:
        names = "; ".join(f"“{partner.name}, {partner.neighborhood}”" for partner in found)
        raise OurFault("bad_input", f"Several people are called so. Say which: {names}.")
    return found[0].home, found[0].key


@command
async def hours_confirm(node: Node, *, who: str, passphrase: str, claim: str) -> dict[str, Any]:
    """Confirm the claim whose id begins with `claim`."""
    async with signed_in(node, who, passphrase) as session:
        entries = hours.hours(node, session).entries
        whole = by_id("hours", claim, [entry.id for entry in entries])
        hours.confirm(node, session, whole)
        return next(entry for entry in _hours(node, session)["items"] if entry["id"] == whole.hex())


def by_id(what: str, beginning: str, ids: list[bytes]) -> bytes:
    """The one id that begins with these hex digits."""
    found = [one for one in ids if beginning and one.hex().startswith(beginning.strip().lower())]
    if not found:
        raise OurFault("not_found", f"There are no {what} here with an id that begins “{beginning}”.")
    if len(found) > 1:
        raise OurFault("bad_input", f"Several ids begin with “{beginning}”. Type some more of it.")
    return found[0]


# import


@command
def import_known(node: Node, *, row_keys: list[str]) -> list[str]:
    """Those row keys (hex) that were imported before."""
    if not node.is_set_up:
        raise OurFault("not_set_up")
    if len(row_keys) > KEYS_MAX:
        raise OurFault("bad_input", f"At most {KEYS_MAX:,} answers can be asked about at once.")
    try:
        keys = [bytes.fromhex(row_key) for row_key in row_keys]
    except ValueError:
        raise OurFault("bad_input", "A row key is written in hex.") from None
    return sorted(key.hex() for key in importing.known_answers(node, keys))


@command
async def import_answers(
    node: Node, *, who: str, passphrase: str, drafts: list[dict[str, Any]], language: str
) -> dict[str, Any]:
    """Make posts of some answers; `drafts` as `msgspec.to_builtins` writes them."""
    async with signed_in(node, who, passphrase) as session:
        try:
            answers = msgspec.convert(drafts, list[AnswerDraft])
        except msgspec.ValidationError as error:
            raise OurFault("bad_input", f"The answers cannot be read: {error}.") from None
        done: dict[str, Any] = plain(importing.import_answers(node, session, answers, language=language))
        return done
