"""What `barnraise doctor` asks of a node about its network. See node/commands.py."""

from __future__ import annotations

from dataclasses import asdict
from typing import Any

from node import network as looking
from node import peer_check
from node.app import Node
from node.commands import command


@command
async def network(node: Node) -> list[dict[str, Any]]:
    """What a running node finds of its network, in English sentences."""
    return [finding.texts() for finding in await looking.examine(node, node.links)]


@command
async def peer(node: Node, *, address: str) -> list[dict[str, Any]]:
    """A call to another node, step by step."""
    return [asdict(step) for step in await peer_check.check(node, address)]
