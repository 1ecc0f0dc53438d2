"""The lists as JSON, for members' own programs: ids in hex, times in Unix seconds, days as integers."""

from __future__ import annotations

from typing import Any

from aiohttp import web

from node.actions import applied, hours, members, neighborhoods, posts, promises
from node.actions.members import Session
from node.actions.posts import PostItem
from node.plain import plain, post_item
from node.web.keys import NODE, VISITOR
from node.web.pages.board import query_of
from protocol.errors import OurFault

routes = web.RouteTableDef()


def signed_in(request: web.Request) -> Session:
    if (session := request[VISITOR].session) is None:
        raise OurFault("signed_out")
    return session


# Scripts depend on these names. `neighborhood` is an id, times are Unix seconds.
POST_KEYS = (
    *("id", "type", "what", "category", "title", "text", "area", "when", "urgency", "slots", "slots_open"),
    *("language", "neighborhood", "state", "created", "expires", "neighborhood_name"),
)


def post_of(item: PostItem) -> dict[str, Any]:
    found = post_item(item)
    return {key: found[key] for key in POST_KEYS}


@routes.get("/api/posts")
async def list_posts(request: web.Request) -> web.Response:
    found = posts.board(request.app[NODE], signed_in(request), query_of(request))
    return web.json_response({"items": [post_of(item) for item in found.items], "next": found.next})


@routes.get("/api/hours")
async def list_hours(request: web.Request) -> web.Response:
    book = plain(hours.hours(request.app[NODE], signed_in(request)))
    return web.json_response({"items": book.pop("entries"), "next": "", **book})


@routes.get("/api/people")
async def list_people(request: web.Request) -> web.Response:
    """The neighbors. How to reach someone is for themselves and the coordinators, as their form says."""
    session = signed_in(request)
    found = plain(members.people(request.app[NODE], session))
    for person in found:
        if not person["is_me"] and session.role != "coordinator":
            del person["contact"]
    return web.json_response({"items": found, "next": ""})


@routes.get("/api/neighborhoods")
async def list_neighborhoods(request: web.Request) -> web.Response:
    region = plain(neighborhoods.neighborhoods(request.app[NODE], signed_in(request)))
    return web.json_response({"items": region.pop("links"), "next": "", **region})


@routes.get("/api/erased")
async def list_erased(request: web.Request) -> web.Response:
    """What the member erased (for coordinators: all that was erased here), and who has applied it."""
    found = applied.listed(request.app[NODE], signed_in(request))
    return web.json_response({"items": plain(found), "next": ""})


@routes.get("/api/inbox")
async def list_inbox(request: web.Request) -> web.Response:
    """The member's promises, made and received, and the hours that wait for their word."""
    box = plain(promises.inbox(request.app[NODE], signed_in(request)))
    items = box.pop("to_answer") + box.pop("arranged") + box.pop("past")
    return web.json_response({"items": items, "next": "", **box})
