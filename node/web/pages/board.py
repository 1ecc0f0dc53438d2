"""The board: search, filters, paging by cursor, and a sheet to print and hang up."""

from __future__ import annotations

from aiohttp import web
from yarl import URL

from node import categories
from node.actions import accounts, backup, posts, restored
from node.actions.posts import BoardQuery
from node.web import render
from node.web.keys import NODE, VISITOR
from node.web.visitor import session_of

routes = web.RouteTableDef()

PRINTED_POSTS = 100  # about six sheets of paper


def query_of(request: web.Request, limit: int = 30) -> BoardQuery:
    """What the address asks for. Unknown words count as no filter; lengths are bounded."""
    asked = request.query
    kind, where = asked.get("type", ""), asked.get("where", "")
    return BoardQuery(
        type=kind if kind in ("need", "offer") else "",
        category=asked.get("category", "")[:60],
        q=asked.get("q", "").strip()[:100],
        where=where if where in ("here", "region") else "",
        cursor=asked.get("cursor", "")[:200],
        limit=limit,
        mine=asked.get("mine", "") == "1",
    )


def filters_of(query: BoardQuery) -> dict[str, str]:
    """The filters that are set, as they stand in an address."""
    filters = {"type": query.type, "category": query.category, "q": query.q, "where": query.where}
    filters["mine"] = "1" if query.mine else ""
    return {name: value for name, value in filters.items() if value}


@routes.get("/board")
async def board(request: web.Request) -> web.Response:
    session = session_of(request)
    query = query_of(request)
    node = request.app[NODE]
    found = posts.board(node, session, query)
    is_coordinator = request[VISITOR].is_coordinator
    filters = filters_of(query)
    return render.page(
        request,
        "board/board.html",
        items=found.items,
        backup=backup.state(node) if is_coordinator else None,
        restored=restored.last(node) if is_coordinator else None,
        contested=accounts.contested(node, session),
        query=query,
        filtered=bool(filters or query.cursor),
        choices=categories.choices(request[VISITOR].language),
        next_page=str(URL("/board").with_query(filters | {"cursor": found.next})) if found.next else "",
        first_page=str(URL("/board").with_query(filters)) if query.cursor else "",
        print_page=str(URL("/board/print").with_query(filters)),
    )


@routes.get("/board/print")
async def printed_board(request: web.Request) -> web.Response:
    session = session_of(request)
    query = query_of(request, PRINTED_POSTS)
    found = posts.board(request.app[NODE], session, query)
    return render.page(
        request,
        "board/print.html",
        items=found.items,
        more=bool(found.next),
        back=str(URL("/board").with_query(filters_of(query))),
    )
