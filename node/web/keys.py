"""What hangs on the application and on each request, under typed keys."""

from __future__ import annotations

from typing import TYPE_CHECKING

from aiohttp import web

if TYPE_CHECKING:  # at run time node.app imports this package to build its server
    from node.app import Node
    from node.web.visitor import Visitor

LINK_PATH = "/link"  # where other nodes' WebSockets come in; not a page

NODE: web.AppKey[Node] = web.AppKey("node")
VISITOR: web.RequestKey[Visitor] = web.RequestKey("visitor")
