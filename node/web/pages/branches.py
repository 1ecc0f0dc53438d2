"""Two rosters of one coalition: what each says, and choosing which one this neighborhood follows."""

from __future__ import annotations

from aiohttp import web

from node.actions import branches, rosters
from node.actions.branches import Branch, Fork
from node.web import render
from node.web.coordinators import require_coordinator
from node.web.keys import NODE
from node.web.pages.neighborhoods import COALITION, id_of
from node.web.visitor import session_of

routes = web.RouteTableDef()
_BRANCH = COALITION + "/branches/{branch:[0-9a-f]{64}}"


@routes.get(COALITION + "/branches")
async def show(request: web.Request) -> web.Response:
    coalition = rosters.coalition_page(request.app[NODE], session_of(request), id_of(request))
    found = branches.forks(request.app[NODE], id_of(request))
    return render.page(request, "branches/branches.html", coalition=coalition, forks=found)


def chosen(request: web.Request) -> tuple[Fork, Branch]:
    """The branch that the address names, and the fork at which it begins."""
    for fork in branches.forks(request.app[NODE], id_of(request)):
        for branch in fork.branches:
            if branch.id.hex() == request.match_info["branch"]:
                return fork, branch
    raise web.HTTPNotFound


@routes.get(_BRANCH)
async def show_choice(request: web.Request) -> web.Response:
    require_coordinator(request)
    coalition = rosters.coalition_page(request.app[NODE], session_of(request), id_of(request))
    fork, branch = chosen(request)
    members = {*branch.voters, *branch.guests}
    gone = [name for one in fork.branches if one.followed for name in (*one.voters, *one.guests)]
    gone = sorted(name for name in set(gone) if name not in members)
    return render.page(request, "branches/follow.html", coalition=coalition, branch=branch, gone=gone)


@routes.post(_BRANCH)
async def choose(request: web.Request) -> web.Response:
    branch = bytes.fromhex(request.match_info["branch"])
    branches.follow(request.app[NODE], session_of(request), id_of(request), branch)
    return render.go(f"/coalitions/{id_of(request).hex()}", "branch_chosen")
