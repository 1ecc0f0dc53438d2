"""What must be true at the end of the demo, asked of the pages and of everything that left the nodes."""

from __future__ import annotations

import asyncio
from typing import Any

from node.demo.search import search
from node.demo.stage import DemoError
from node.demo.story import Story

NAMES = (
    *("nodes", "members", "posts_shared", "posts_seen_by_all", "discovered_by_mdns"),
    *("hours_confirmed_across_nodes", "sum_of_minutes", "acknowledged_before_kill"),
    *("acknowledged_lost_after_kill", "private_words_leaked", "private_bytes_searched"),
    "seconds_need_to_other_node",
)
SHARED_MIN = 30
ACKNOWLEDGED_MIN = 50


async def figures(story: Story) -> dict[str, Any]:
    """The numbers of `barnraise demo --once --json`."""
    data = story.data
    shared = [post.key for post in data.post if post.where == "region" and post.key in story.things]
    seen = 0
    for key in shared:
        pages = [story.coordinator(host).page(f"/posts/{story.things[key]}") for host in story.hosts]
        seen += all(status == 200 for status, _ in await asyncio.gather(*pages))
    balances = []
    confirmed: dict[str, int] = {}
    for member in data.member:
        book = await story.people[member.key].json("/api/hours")
        balances.append(book["balance_minutes"])
        for entry in book["items"]:
            if entry["state"] == "confirmed":
                confirmed[entry["id"]] = confirmed.get(entry["id"], 0) + 1
    across = await _across(story)
    leaked, searched = overheard(story)
    return {
        "nodes": len(story.hosts),
        "members": len(story.people),
        "posts_shared": len(shared),
        "posts_seen_by_all": seen,
        "discovered_by_mdns": story.figures.discovered_by_mdns,
        "hours_confirmed_across_nodes": sum(confirmed.get(claim, 0) == 2 for claim in across),
        "sum_of_minutes": sum(balances),
        "acknowledged_before_kill": story.figures.acknowledged_before_kill,
        "acknowledged_lost_after_kill": story.figures.acknowledged_lost_after_kill,
        "private_words_leaked": leaked,
        "private_bytes_searched": searched,
        "seconds_need_to_other_node": story.figures.seconds_need_to_other_node,
    }


def nothing(story: Story) -> dict[str, Any]:
    """The same names, for a story that stopped before it could be checked."""
    found = dict.fromkeys(NAMES, 0)
    return {**found, "nodes": len(story.hosts), "members": len(story.people)}


async def _across(story: Story) -> set[str]:
    """The claims in which somebody shared time with another neighborhood."""
    found = set()
    for member in story.data.member:
        own = next(place.name for place in story.data.neighborhood if place.key == member.neighborhood)
        book = await story.people[member.key].json("/api/hours")
        found |= {entry["id"] for entry in book["items"] if entry["other_neighborhood"] != own}
    return found


def overheard(story: Story) -> tuple[int, int]:
    """(private words found, bytes searched) in the plaintext of all links, mDNS and logs."""
    texts = [host.capture.read_bytes() for host in story.hosts.values()]
    texts += [host.log.read_bytes() for host in story.hosts.values()]
    texts.append(bytes(story.air.heard))
    if not all(texts[: len(story.hosts)]) or not texts[-1]:
        raise DemoError("nothing was overheard on a link or by mDNS, so the search would prove nothing")
    return search(story.data.private_words(), texts)


def all_well(found: dict[str, Any], expected_across: int) -> list[str]:
    """Which figures are not what they must be; none, and all is well."""
    wrong = []
    if found["posts_shared"] < SHARED_MIN:
        wrong.append("posts_shared")
    if found["posts_seen_by_all"] != found["posts_shared"]:
        wrong.append("posts_seen_by_all")
    if found["discovered_by_mdns"] != found["nodes"]:
        wrong.append("discovered_by_mdns")
    if found["hours_confirmed_across_nodes"] != expected_across:
        wrong.append("hours_confirmed_across_nodes")
    if found["acknowledged_before_kill"] < ACKNOWLEDGED_MIN:
        wrong.append("acknowledged_before_kill")
    wrong += [
        name
        for name in ("sum_of_minutes", "acknowledged_lost_after_kill", "private_words_leaked")
        if found[name] != 0
    ]
    if found["private_bytes_searched"] <= 0:
        wrong.append("private_bytes_searched")
    return wrong
