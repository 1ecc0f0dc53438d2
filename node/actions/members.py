"""Members: invited by a coordinator, joined with a name and a passphrase, signed in and out."""

from __future__ import annotations

import secrets
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Literal

from node import keys
from node.actions.acting import say, say_again
from node.store import people as store
from node.store import reissues
from protocol.errors import OurFault
from protocol.kinds.nodes import Profile as ProfileBody
from protocol.scopes import LOCAL_SCOPE
from protocol.signing import public_key

if TYPE_CHECKING:
    from node.app import Node

Role = Literal["member", "coordinator"]

INVITE_LIFE_S = 7 * 86_400
INVITES_OPEN_MAX = 200
SESSIONS_MAX = 500  # signed-in browsers; the one idle longest is signed out first
SESSION_IDLE_S = 14 * 86_400
PROFILE_LIFE_DAYS = 365
FORMER_TRIED_MAX = 3  # earlier passphrases tried at a sign-in: each costs a tenth of a second
_ALPHABET = "23456789abcdefghjkmnpqrstuvwxyz"  # no letters that look like digits


@dataclass(slots=True)
class Session:
    """Somebody signed in. The seed is in memory only, for as long as they are."""

    token: str
    csrf: str
    account_key: bytes
    name: str
    role: Role
    language: str
    seed: bytes = field(repr=False)
    key: bytes = b""  # the public key of `seed`; whose it is may change with every contest
    last_seen: int = 0
    former: bool = False  # opened with a passphrase that was replaced: such a session can only contest that
    contested: bool = False  # its key was contested away: until that is settled, a stranger's


@dataclass(frozen=True, slots=True)
class MemberInvite:
    """A fresh invitation: the code is shown once and stored hashed."""

    code: str
    expires: int


@dataclass(frozen=True, slots=True)
class PendingInvite:
    id: int
    made: int
    expires: int


@dataclass(frozen=True, slots=True)
class Person:
    """A neighbor, as the others may see them."""

    key: bytes
    name: str
    role: Role
    area: str
    languages: str
    about: str
    is_me: bool
    contact: str = ""


@dataclass(frozen=True, slots=True)
class Profile:
    name: str
    area: str
    languages: str
    about: str
    contact: str


def coordinator(session: Session) -> None:
    """Raises OurFault("not_allowed") for everybody else."""
    if session.role != "coordinator":
        raise OurFault("not_allowed")


def check_name(name: str) -> str:
    """The name with single spaces. Raises OurFault("bad_name")."""
    tidy = " ".join(name.split())
    if not 1 <= len(tidy) <= 40 or not tidy.isprintable():
        raise OurFault("bad_name")
    return tidy


def invite(node: Node, session: Session) -> MemberInvite:
    """One invitation for one person. Raises OurFault("not_allowed")."""
    coordinator(session)
    now = node.now()
    if len(store.open_invites(node.connection, now)) >= INVITES_OPEN_MAX:
        raise OurFault("bad_input", f"{INVITES_OPEN_MAX} invitations are open. Cancel some first.")
    code = new_code()
    with node.records.transaction():
        store.add_invite(node.connection, keys.code_hash(code), now, now + INVITE_LIFE_S)
    return MemberInvite(code, now + INVITE_LIFE_S)


def new_code() -> str:
    """A code for one use, to be typed by hand: three times five letters."""
    return "-".join("".join(secrets.choice(_ALPHABET) for _ in range(5)) for _ in range(3))


def invitations(node: Node, session: Session) -> list[PendingInvite]:
    """Invitations that can still be used, newest first."""
    coordinator(session)
    return [PendingInvite(*row) for row in store.open_invites(node.connection, node.now())]


def cancel_invite(node: Node, session: Session, invite_id: int) -> None:
    """Make an unused invitation useless."""
    coordinator(session)
    with node.records.transaction():
        store.drop_invite(node.connection, invite_id)


def tidy_code(code: str) -> str:
    """A code as typed by hand: lower case, with its hyphens."""
    letters = "".join(character for character in code.lower() if character.isalnum())
    return (
        "-".join(letters[at : at + 5] for at in range(0, len(letters), 5))
        if len(letters) == 15
        else code.strip()
    )


def check_invite(node: Node, code: str) -> None:
    """Raises OurFault("used_link") for a code that is unknown, used up, cancelled or over."""
    if not store.invite_is_open(node.connection, keys.code_hash(tidy_code(code)), node.now()):
        raise OurFault(
            "used_link", "This invitation has been used or is over. Ask a coordinator for a new one."
        )


async def join(node: Node, code: str, *, name: str, passphrase: str, language: str) -> Session:
    """Become a member. Uses the invitation up only when everything else is right."""
    check_invite(node, code)
    check_name(name)
    keys.check_passphrase(passphrase)
    _check_free(node, name)
    seed = node.random(32)
    sealed = await keys.seal_seed(seed, passphrase)
    with node.records.transaction():
        if not store.use_invite(node.connection, keys.code_hash(tidy_code(code)), node.now()):
            raise OurFault("used_link")
        return enrol(node, seed, sealed, name=name, role="member", language=language)


def _check_free(node: Node, name: str) -> None:
    if store.member_named(node.connection, check_name(name).casefold()) is not None:
        raise OurFault("name_taken")


def enrol(
    node: Node, seed: bytes, sealed: keys.SealedSeed, *, name: str, role: Role, language: str
) -> Session:
    """Write a member down and sign them in."""
    tidy = check_name(name)
    _check_free(node, tidy)
    with node.records.transaction():
        row = store.MemberRow(public_key(seed), tidy, role, language, sealed.salt, sealed.sealed)
        store.add_member(node.connection, row, tidy.casefold(), node.now())
        body = ProfileBody(name=tidy, language=language[:12]).body()
        say(node, seed, "profile", LOCAL_SCOPE, body, life_days=PROFILE_LIFE_DAYS)
    return _begin(node, seed, row)


def begin_with_seed(node: Node, row: store.MemberRow, seed: bytes) -> Session:
    """Sign a member in whose key was opened, or just made, in another way than by `sign_in`."""
    return _begin(node, seed, row)


def _begin(node: Node, seed: bytes, row: store.MemberRow, *, former: bool = False) -> Session:
    session = Session(
        token=secrets.token_urlsafe(24),
        csrf=secrets.token_urlsafe(18),
        account_key=row.key,
        name=row.name,
        role="member",
        language=row.language,
        seed=seed,
        key=public_key(seed),
        last_seen=node.now(),
        former=former,
    )
    _follow(node, session, row)
    node.sessions[session.token] = session
    while len(node.sessions) > SESSIONS_MAX:
        del node.sessions[min(node.sessions, key=lambda token: node.sessions[token].last_seen)]
    return session


async def sign_in(
    node: Node, *, name: str, passphrase: str, address: str, former_too: bool = False
) -> Session:
    """Unlock a member's key. Raises OurFault: wrong_passphrase (also for an unknown name), too_many_tries.

    With `former_too` a passphrase that was replaced gives a session that can contest that, and nothing else.
    """
    if not node.is_set_up:
        raise OurFault("not_set_up")
    folded = " ".join(name.split()).casefold()
    node.tries.check((f"name {folded}", f"address {address}"), node.now())
    row = store.member_named(node.connection, folded)
    sealed = keys.SealedSeed(row.salt, row.sealed_seed) if row else keys.SealedSeed(bytes(16), bytes(72))
    try:  # an unknown name takes as long as a wrong passphrase
        seed = await keys.open_seed(sealed, passphrase)
    except OurFault:
        if former_too and row is not None and (former := await _former(node, row, passphrase)) is not None:
            return former
        node.tries.failed((f"name {folded}", f"address {address}"), node.now())
        raise
    if row is None:
        raise OurFault("wrong_passphrase")
    return _begin(node, seed, row)


async def _former(node: Node, row: store.MemberRow, passphrase: str) -> Session | None:
    """A session with one of the keys that this member had before, if the passphrase opens one."""
    for held in reissues.former_keys(node.connection, row.key, FORMER_TRIED_MAX):
        try:
            seed = await keys.open_seed(keys.SealedSeed(held.salt, held.sealed_seed), passphrase)
        except OurFault:
            continue
        return _begin(node, seed, row, former=True)
    return None


def _role(word: str) -> Role:
    return "coordinator" if word == "coordinator" else "member"


def sign_out(node: Node, token: str) -> None:
    """Forget the session and its unlocked key."""
    node.sessions.pop(token, None)


def find_session(node: Node, token: str) -> Session | None:
    """The session of this cookie, if it is still open and its key still opens something here."""
    session: Session | None = node.sessions.get(token)
    if session is None:
        return None
    row = store.member_with(node.connection, session.key, former=session.former)
    if row is None or session.last_seen < node.now() - SESSION_IDLE_S:
        sign_out(node, token)
        return None
    session.last_seen = node.now()
    _follow(node, session, row)
    return session


def _follow(node: Node, session: Session, row: store.MemberRow) -> None:
    """Let the session speak for whom its key speaks now: a contest, or what settles it, comes in between.

    Whoever signs with a key that was contested away is a stranger, and none of a member's roles is theirs.
    A key whose succession is only not held, as after a change of the node key, loses nothing.
    """
    session.account_key = first = node.records.accounts.account(node.home, session.key)[1]
    session.contested = first != row.key and any(
        (step.home, step.new) == (node.home, first) and step.open_contests and not step.counts
        for step in node.records.accounts.steps
    )
    session.role = "member" if session.former or session.contested else _role(row.role)


def people(node: Node, session: Session) -> list[Person]:
    """Everybody who belongs to this neighborhood, by name. Coordinators also see how to reach them."""
    return [
        Person(
            key,
            name,
            _role(role),
            area,
            languages,
            about,
            key == session.account_key,
            contact if session.role == "coordinator" or key == session.account_key else "",
        )
        for key, name, role, area, languages, about, contact in store.with_profiles(node.connection)
    ]


def set_role(node: Node, session: Session, key: bytes, role: Role) -> None:
    """Make a member a coordinator, or a coordinator a member again. The last coordinator stays one."""
    coordinator(session)
    with node.records.transaction():
        if not store.set_role(node.connection, key, role):
            raise OurFault("not_found")
        if store.count_role(node.connection, "coordinator") == 0:
            raise OurFault("no_longer_possible", "There must be a coordinator. Make somebody else one first.")
    for other in node.sessions.values():
        if other.account_key == key:
            other.role = role


def profile(node: Node, session: Session) -> Profile:
    """What this member said of themselves."""
    row = store.profile_of(node.connection, session.account_key)
    return Profile(session.name, *(row or ("", "", "", "")))


def save_profile(
    node: Node, session: Session, *, area: str, languages: str, about: str, contact: str
) -> None:
    """Say it anew. It stays in the neighborhood."""
    body = ProfileBody(
        name=session.name,
        area=area.strip()[:80],
        languages=languages.strip()[:80],
        about=about.strip()[:2000],
        contact=contact.strip()[:80],
        language=session.language[:12],
        at=node.stamp(),
    ).body()
    said = node.records.by_author(node.home, public_key(session.seed), "profile")
    held = min(said, key=lambda record: record.thing, default=None)
    if held is not None and held.expires is not None and held.expires > node.today():
        say_again(node, session.seed, held, body)
    else:
        say(node, session.seed, "profile", LOCAL_SCOPE, body, life_days=PROFILE_LIFE_DAYS)


def set_language(node: Node, session: Session, language: str) -> None:
    """The language of the pages for this member."""
    session.language = language[:12]
    with node.records.transaction():
        store.set_language(node.connection, session.account_key, session.language)
