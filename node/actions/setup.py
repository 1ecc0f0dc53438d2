"""Setting up a node: one link, one form, one sheet of paper."""

from __future__ import annotations

import hmac
import secrets
from dataclasses import dataclass
from typing import TYPE_CHECKING

from node import keys
from node.actions import members
from node.actions.acting import put
from node.sheets import Kind, Sheet, new_sheets
from protocol.errors import OurFault
from protocol.kinds.keys import Inception
from protocol.record import Draft
from protocol.scopes import KEYS_SCOPE

if TYPE_CHECKING:
    from node.app import Node

NEIGHBORHOOD_LENGTH_MAX = 60
AREA_LENGTH_MAX = 80


@dataclass(frozen=True, slots=True)
class SetUp:
    """What a coordinator gets once: their session, and the recovery sheets."""

    session: members.Session
    sheets: list[Sheet]


@dataclass(frozen=True, slots=True)
class Neighborhood:
    """Who this node is to people."""

    id: bytes
    name: str
    area: str
    words: str


def is_set_up(node: Node) -> bool:
    """Whether this node has a neighborhood."""
    return node.is_set_up


def neighborhood(node: Node) -> Neighborhood:
    """This node's neighborhood. Raises OurFault("not_set_up")."""
    return Neighborhood(
        node.home, node.setting("neighborhood"), node.setting("area"), keys.six_words(node.home)
    )


def name(node: Node) -> str:
    """What the neighborhood is called, "" before set-up."""
    return node.setting("neighborhood")


def checked_name(text: str) -> str:
    """What a neighborhood may be called, single-spaced. Raises OurFault("bad_input")."""
    title = " ".join(text.split())
    if not 1 <= len(title) <= NEIGHBORHOOD_LENGTH_MAX:
        raise OurFault("bad_input", "Please give the neighborhood a name of 1 to 60 characters.")
    return title


def new_setup_link(node: Node) -> str:
    """A token for /setup/TOKEN; it replaces an unused one. Raises OurFault("already_set_up")."""
    if node.is_set_up:
        raise OurFault("already_set_up")
    token = secrets.token_urlsafe(18)
    node.set_setting("setup_hash", keys.code_hash(token).hex())
    return token


def check_setup(node: Node, token: str) -> None:
    """Raises OurFault("already_set_up") or OurFault("used_link")."""
    if node.is_set_up:
        raise OurFault("already_set_up")
    if not hmac.compare_digest(keys.code_hash(token).hex(), node.setting("setup_hash")):
        raise OurFault(
            "used_link", "This setup link has been replaced. Run barnraise setup-link for a new one."
        )


async def set_up(
    node: Node,
    token: str,
    *,
    neighborhood: str,
    area: str,
    name: str,
    passphrase: str,
    language: str,
    sheets: Kind = "one",
) -> SetUp:
    """Found the neighborhood: node keys, inception, first coordinator; uses the link up."""
    check_setup(node, token)
    title = checked_name(neighborhood)
    keys.check_passphrase(passphrase)
    members.check_name(name)
    seed = node.random(32)
    sealed = await keys.seal_seed(seed, passphrase)
    check_setup(node, token)  # two people may have opened the link at once
    done = found(
        node, seed, sealed, neighborhood=title, area=area, name=name, language=language, sheets=sheets
    )
    node.poke("set_up", {})
    return done


def found(
    node: Node,
    seed: bytes,
    sealed: keys.SealedSeed,
    *,
    neighborhood: str,
    area: str,
    name: str,
    language: str,
    sheets: Kind = "one",
) -> SetUp:
    """The neighborhood's first records, by a coordinator whose key is made and sealed already."""
    made, recovery = new_sheets(sheets, node.random)
    own = keys.new_node_keys(node.random)
    body = Inception(node_key=own.public, recovery=recovery).body()
    inception = Draft("inception", KEYS_SCOPE, b"", b"", node.random(16), node.stamp(), None, body)
    signed = inception.sign([own.seed])
    try:
        with node.records.transaction():
            node.set_setting("neighborhood", neighborhood)
            node.set_setting("area", " ".join(area.split())[:AREA_LENGTH_MAX])
            node.set_setting("setup_hash", "")
            node.become(signed.id, own)
            put(node, signed)
            session = members.enrol(node, seed, sealed, name=name, role="coordinator", language=language)
    except BaseException:
        node.keys = None
        node.records.own_home = b""
        raise
    return SetUp(session, made)
