"""What the neighborhood says by itself, without a person's decision: standings, node cards, prekeys."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

from node import VERSION
from node.actions.acting import say, say_again
from node.store import aside, erasures, neighbors
from node.views import posts as view
from protocol.encoding import encode
from protocol.kinds.erasure import digest
from protocol.kinds.nodes import ADDRESSES_MAX, NodeCard
from protocol.kinds.parcel import prekey_public
from protocol.kinds.posts import Standing, standing_nonce
from protocol.record import Record
from protocol.scopes import COALITION, DAY_S, coalition, day_of

if TYPE_CHECKING:
    from node.app import Node

CARD_AGE_MAX_S = 7 * DAY_S
CARD_LIFE_DAYS = 365
PREKEY_AGE_MAX_S = 30 * DAY_S
PREKEY_KEPT_S = 30 * DAY_S  # since it was replaced: as long as a parcel sealed to it may live


def keep_standings(node: Node, changed: Iterable[Record]) -> None:
    """Publish a standing for each of our shared posts whose state is no longer what its standing says."""
    posts: dict[bytes, None] = {}
    for record in changed:
        if record.kind == "post" and record.home == node.home and record.scope[0] == COALITION:
            posts[record.thing] = None
        elif record.kind == "commitment" and type(record.body.get("post")) is bytes:
            posts[record.body["post"]] = None
        elif record.kind == "answer" and type(record.body.get("commitment")) is bytes:
            commitment = node.records.version(record.body["commitment"])
            if commitment is not None and type(commitment.body.get("post")) is bytes:
                posts[commitment.body["post"]] = None
        elif (
            record.kind == "standing" and record.home == node.home and type(record.body.get("post")) is bytes
        ):
            posts[record.body["post"]] = None  # one that a restored node had forgotten comes back
    for thing in posts:
        _keep_standing(node, thing)


def keep_all_standings(node: Node) -> None:
    """The same for every shared post of ours: at start, in case the power went between the two writes."""
    if not node.key_is_current:
        return
    for thing in view.shared_by(node.connection, node.home, node.today()):
        _keep_standing(node, thing)


def _keep_standing(node: Node, thing: bytes) -> None:
    post = node.records.version(thing)
    row = view.row_of(node.connection, thing)
    if post is None or row is None or post.home != node.home or post.scope[0] != COALITION:
        return
    if post.expires is None or post.expires <= node.today() or _lies_ahead(node, post):
        return
    # one that waits for room in the quota is our last word as well
    waiting = aside.about(node.connection, thing, "standing", node.home, node.node_keys.public)
    said_here = [*node.records.about(thing, "standing"), *waiting]
    held = next((r for r in said_here if r.home == node.home), None)
    said = Standing.read(held) if held is not None else None
    if said is None and row.state == "open":
        return
    if said is not None and (said.state, said.slots_open) == (row.state, row.slots_open):
        return
    word = Standing(post=thing, state=row.state, slots_open=row.slots_open, at=node.stamp())  # type: ignore[arg-type]
    if held is not None:
        say_again(node, None, held, word.body())
    else:
        say(
            node,
            None,
            "standing",
            post.scope,
            word.body(),
            expires=post.expires,
            nonce=standing_nonce(thing),
            created=post.created,
        )


def current_prekey(node: Node) -> bytes:
    """The public prekey to put on the card: a new one each month.

    Old ones are deleted when they have been replaced for 30 days, so 60 days after they were made. A node
    that was off meanwhile replaces its own only then: what was sealed to it while it was away still opens.
    """
    now = node.stamp()
    held = neighbors.prekeys(node.connection)
    if held and held[0][2] > now + DAY_S:
        neighbors.date_prekeys_back(node.connection, now)
        held = neighbors.prekeys(node.connection)
    neighbors.drop_prekeys(node.connection, now - PREKEY_KEPT_S)
    if held and held[0][2] > now - PREKEY_AGE_MAX_S:
        return held[0][0]
    return new_prekey(node)


def new_prekey(node: Node) -> bytes:
    """A fresh prekey, newer than every other. The old ones still open what was sealed to them."""
    held = neighbors.prekeys(node.connection)
    made = max(node.stamp(), held[0][2] + 1 if held else 0)
    private = node.random(32)
    public = prekey_public(private)
    neighbors.add_prekey(node.connection, public, private, made)
    return public


def keep_cards(node: Node) -> None:
    """See that each coalition we are in has our card, at most a week old, with our present addresses."""
    if not node.is_set_up or not node.key_is_current:
        return
    for coalition_id, roster in node.records.known.rosters.items():
        joined = neighbors.coalition(node.connection, coalition_id)
        if node.home not in roster.members or joined is None or joined.state != "joined":
            continue
        with node.records.transaction():
            _keep_card(node, coalition_id)


def _lies_ahead(node: Node, record: Record) -> bool:
    """Whether we made it on a clock that ran ahead: then no version of it, nor word on it, is taken today."""
    return day_of(record.created) > node.today() + 1


def _keep_card(node: Node, coalition_id: bytes) -> None:
    now = node.stamp()
    scope = coalition(coalition_id)

    def erased(day: int) -> bytes:
        return digest(erasures.things_in(node.connection, encode(list(scope)), day))

    fresh = NodeCard(
        name=node.setting("neighborhood"),
        area=node.setting("area"),
        addresses=node.addresses[:ADDRESSES_MAX],
        prekey=current_prekey(node),
        software=f"barnraise {VERSION}",
        erasures=erased(day_of(now)),
        at=now,
    )
    own = node.records.of_home(node.home, "node")
    held = [record for record in own if record.scope == scope and not _lies_ahead(node, record)]
    newest = max(held, key=lambda record: (record.created, record.id), default=None)
    said = NodeCard.read(newest) if newest is not None else None
    if newest is not None and said is not None and newest.expires is not None:
        same = (said.name, said.area, said.addresses, said.prekey) == (
            fresh.name,
            fresh.area,
            fresh.addresses,
            fresh.prekey,
        )
        if same and said.at > now - CARD_AGE_MAX_S and said.erasures == erased(day_of(said.at)):
            return
        if newest.expires > node.today() + 14:
            say_again(node, None, newest, fresh.body())
            return
    say(node, None, "node", scope, fresh.body(), life_days=CARD_LIFE_DAYS)
