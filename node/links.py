"""A node's links: engine, runner, discovery and parcels, hung onto the node's records and decisions."""

from __future__ import annotations

import asyncio
import json
import logging
import random
import time
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any, Literal

from aiohttp import web

from node.actions import accounts, recovery, standings
from node.app import Came
from node.forgetting import Forgetting
from node.parcels import Parcels
from node.port import StorePort
from node.settings import Settings
from node.store import neighbors
from node.store.database import DATABASE_NAME
from node.store.keeping import Keeper
from protocol import introduction
from protocol.errors import OurFault, TheirFault, WorldFault
from protocol.invite import Invite
from protocol.judge import read_checked
from protocol.kinds.keys import build_chain
from protocol.record import Record
from sync import events
from sync.addresses import may_call, own_networks, reachable, up_interfaces
from sync.channel import public_key as noise_public_key
from sync.discovery import Discovery
from sync.engine import Engine
from sync.runner import Runner
from sync.sightings import Sighting
from sync.transport import LocalEnd, Tap

if TYPE_CHECKING:
    from node.app import Node

log = logging.getLogger("barnraise.links")

INTRODUCTION_DAYS = 30
INTRODUCTION_UNSURE_DAYS = 90  # a clock that is behind must not end our own introductions early
FOLLOWED_MAX_DAYS = 3_660  # how far behind a clock may be, for its node still to be let in
INTRODUCED_MAX = 100
JOIN_TIMEOUT_S = 30.0
HOUSEKEEPING_S = 600.0
ADDRESS_CHECK_S = 30.0
CALLED_MAX = 20
CALLED_KEPT_MAX = 500


def current_key(node: Node, home: bytes, key_records: Sequence[bytes]) -> bytes | None:
    """The node key of `home`, from what it shows and what we hold: a replaced key proves nothing."""
    shown = [read_checked(message) for message in key_records]
    held = node.records.of_home(home, "inception") + node.records.of_home(home, "rotation")
    chain = build_chain(home, {record.id: record for record in [*shown, *held]}.values())
    return chain.current if chain is not None else None


def _listening_on(node: Node) -> list[str]:
    """The hosts at which others reach our port: our addresses, or the one that we listen on."""
    listen = node.settings.listen
    if listen in ("0.0.0.0", "::", ""):
        return reachable(up_interfaces())
    try:
        called = may_call(listen, node.settings.allow_loopback)
    except ValueError:
        return [listen]  # a name
    return [f"[{listen}]" if ":" in listen else listen] if called else []


def _interfaces(settings: Settings) -> list[str] | Literal["all", "loopback"]:
    """Where to look and announce: nowhere but where we listen."""
    if settings.discovery == "loopback" or settings.listen in ("127.0.0.1", "::1", "localhost"):
        return "loopback"
    return "all" if settings.listen in ("0.0.0.0", "::", "") else [settings.listen]


class Links:
    """Everything between this node and others. Made once the node is set up."""

    def __init__(
        self,
        node: Node,
        tap: Tap | None = None,
        *,
        make_runner: Callable[..., Runner] = Runner,
        clock: Callable[[], float] = time.monotonic,
        chance: Callable[[], float] = random.random,
    ) -> None:
        self.node = node
        self.port = StorePort(node)
        self._clock = clock
        self.parcels = Parcels(node, chance)
        self.port.partners = lambda: self.parcels.schedule.due
        self.forgetting = Forgetting(node)
        end = LocalEnd(
            noise_private=node.node_keys.noise_private,
            introduce=self._introduce,
            today=node.today,
            earliest=node.earliest_day,
            introduce_to=lambda peer: self._introduce(peer.until),
            current_key=lambda home, records: current_key(node, home, records),
            psk_of=lambda invite_id: neighbors.invite_psk(node.connection, invite_id, node.now()),
            tap=tap,
        )
        self._keeper = Keeper(node.records, None if node.memory else node.settings.data / DATABASE_NAME)
        self.runner = make_runner(
            Engine(self.port, chance),
            end,
            allow_loopback=node.settings.allow_loopback,
            on_introduced=self._introduced,
            on_connected=self._connected,
            on_joined=self._joined,
            on_called=self._called,
            on_tick=self._tick,
            keeper=self._keeper,
            clock=clock,
        )
        self.discovery: Discovery | None = None
        self.called: dict[str, str] = {}  # why the last call to an address failed, "" where it did not
        self._renaming: asyncio.Task[None] | None = None  # held, or it could vanish half done
        self._joining: dict[bytes, asyncio.Future[str]] = {}
        self._asking: dict[str, str] = {}
        self._roster_moved = asyncio.Event()
        self._next_housekeeping = 0.0
        self._next_address_check = 0.0

    async def start(self) -> None:
        """Hang ourselves onto the node, begin to call, and look around."""
        node = self.node
        node.links = self
        node.on_new.append(self._new)
        node.records.on_known = self._known_changed
        node.pair_in_step = self.parcels.in_step
        node.poke = self._poke
        node.join_by_code = self._join_by_code
        node.came = self._came
        self._check_addresses()
        while recovery.sign_some_anew(node) is not None:
            pass  # what a stop had interrupted
        standings.keep_all_standings(node)
        self._keep_word()
        await self.runner.start()
        self.parcels.start(self._clock())
        if node.settings.discovery == "off":
            node.discovery_note = "Looking for nodes on this network is switched off."
            return
        self.discovery = Discovery(
            node.home,
            node.setting("neighborhood"),
            node.settings.port,
            _interfaces(node.settings),
            self._seen,
            self._gone,
            on_moved=self._moved,
        )
        await self.discovery.start()
        self._heed_discovery()

    def _heed_discovery(self) -> None:
        if self.discovery is not None:
            self.node.discovery_note, self.node.mdns_host = self.discovery.note, self.discovery.host

    async def stop(self) -> None:
        """Let go of everything."""
        self.node.links = None
        if self._renaming is not None:
            await asyncio.wait([self._renaming])
        if self.discovery is not None:
            await self.discovery.stop()
        await self.runner.stop()
        if self._new in self.node.on_new:
            self.node.on_new.remove(self._new)
        self.node.records.on_known = lambda: None

    async def answer(self, request: web.Request) -> web.StreamResponse:
        """The handler of `/link`."""
        return await self.runner.answer(request)

    def _came(self) -> list[Came]:
        engine = self.runner.engine
        no_room = self.node.pair_room.waiting
        waiting = {session.peer: engine.intake.waiting(link) for link, session in engine.sessions.items()}
        return [
            Came(home, peer.received, peer.skipped, peer.left_out, waiting.get(home, 0), no_room.get(home, 0))
            for home, peer in sorted(engine.intake.peers.items())
        ]

    # greeting

    def _introduce(self, their_until: int = 0) -> bytes:
        """What we prove ourselves with. While nobody has told us the day, it counts as long as theirs.

        A clock that stood still over months seems as right as any other.
        """
        node = self.node
        until = node.today() + INTRODUCTION_DAYS
        if not self.port.told_the_day:
            until = their_until or node.today() + INTRODUCTION_UNSURE_DAYS
        keys = node.node_keys
        return introduction.build(
            keys.seed,
            node.home,
            keys.public,
            noise_public_key(keys.noise_private),
            max(0, min(until, node.today() + FOLLOWED_MAX_DAYS)),
            recovery.newest_key_records(
                node, introduction.KEY_RECORDS_MAX, introduction.KEY_RECORDS_SIZE_BYTES_MAX
            ),
        )

    def _introduced(self, home: bytes, key_records: tuple[bytes, ...]) -> None:
        self.node.introduced.pop(home, None)
        self.node.introduced[home] = key_records
        while len(self.node.introduced) > INTRODUCED_MAX:
            del self.node.introduced[next(iter(self.node.introduced))]
        self.port.introduced(home)

    # what happens here

    def _new(self, records: list[Record]) -> None:
        self.runner.event(events.NewRecords(records))
        self.parcels.news(records, self._clock())
        self.forgetting.news(records, self._clock())

    def _known_changed(self) -> None:
        self._roster_moved.set()
        self._keep_word()
        standings.keep_all_standings(self.node)  # a promise may have left its set with its home's key
        self.parcels.start(self._clock())  # somebody may be in a coalition with us now
        self.runner.event(events.Changed())

    def _poke(self, what: str, details: dict[str, Any]) -> None:
        """A person decided something about other neighborhoods."""
        if what == "ask":
            home, address, message = details["home"], details["address"], details["message"]
            if home is None:
                if len(self._asking) >= CALLED_MAX:
                    raise OurFault("bad_input", "Too many addresses are being called at once.")
                self._asking[address] = message
                self.runner.event(events.Call(address))
                return
            self.runner.event(events.Changed(home))
        elif what == "renamed":
            if self.discovery is not None:
                self._renaming = asyncio.create_task(self.discovery.rename(details["name"]))
        elif what == "keys_changed":
            self.runner.end.noise_private = self.node.node_keys.noise_private
            self.runner.event(events.Renewed())
        else:
            self.runner.event(events.Changed(details.get("home")))

    def _called(self, address: str, home: bytes | None, sentence: str) -> None:
        """An address was called. Of a typed one, whoever answered is now asked, or the page says why not."""
        self.called.pop(address, None)
        self.called[address] = sentence if home is None else ""
        while len(self.called) > CALLED_KEPT_MAX:
            del self.called[next(iter(self.called))]
        message = self._asking.pop(address, None)
        if message is None:
            return
        if home is None:
            self.node.call_note = f"{address}: {sentence}"
            return
        self.node.call_note = ""
        state = self.port.neighbor_state(home)
        with self.node.records.transaction():
            new = "linked" if state in ("asks", "linked") else "asked"
            neighbors.set_neighbor(
                self.node.connection, home, new, address=address, message=message.strip()[:500]
            )
            self.node.records.known_changed()

    def _connected(self, homes: frozenset[bytes]) -> None:
        self.node.connected = set(homes)

    # joining

    async def _join_by_code(self, invite: Invite) -> str:
        if invite.invite_id in self._joining:
            raise OurFault("bad_input", "This code is being tried already.")
        future: asyncio.Future[str] = asyncio.get_running_loop().create_future()
        self._joining[invite.invite_id] = future
        self.node.invites_entered[invite.home] = invite
        self.runner.event(events.Join(invite.addresses, invite.home, invite.invite_id, invite.psk))
        try:
            async with asyncio.timeout(JOIN_TIMEOUT_S):
                name = await future
                while not self._is_known_there(invite.coalition):
                    self._roster_moved.clear()  # until the sponsor's word has come over
                    await self._roster_moved.wait()
                return name
        except TimeoutError:
            raise WorldFault("unreachable", "The other node did not answer. Is it running?") from None
        finally:
            self._joining.pop(invite.invite_id, None)
            self.node.invites_entered.pop(invite.home, None)

    def _is_known_there(self, coalition: bytes) -> bool:
        """Whether we are in a coalition, or sponsored and in need of a second sponsor."""
        roster = self.node.records.known.rosters.get(coalition)
        return roster is not None and self.node.home in roster.members | roster.vouched.keys()

    def _joined(self, invite_id: bytes, coalition: bytes | None, code: str) -> None:
        future = self._joining.get(invite_id)
        if future is None or future.done():
            return
        if coalition is None:
            # the greeting itself fails where the code is over: its secret is not kept any longer
            over = code in ("unknown_invite", "bad_handshake")
            raised = TheirFault("unknown_invite") if over else WorldFault("unreachable")
            future.set_exception(raised)
            return
        row = neighbors.coalition(self.node.connection, coalition)
        future.set_result(row.name if row is not None else "")

    # looking around

    def _seen(self, sighting: Sighting) -> None:
        self.node.nearby[sighting.home] = sighting
        self.runner.event(events.Seen(sighting.home, sighting.places()))

    def _gone(self, home: bytes) -> None:
        self.node.nearby.pop(home, None)

    def _moved(self) -> None:
        """Cables, Wi-Fi or a lease changed what this machine's addresses are."""
        self._next_address_check = 0.0
        self._tell_moved()

    def _tell_moved(self) -> None:
        """Links from an address that this machine has no more are over; what failed before may work."""
        ips = {str(address.ip) for interface in up_interfaces() for address in interface.addresses}
        self.runner.moved(ips)

    # time

    def _tick(self, now: float) -> None:
        self.port.watch_clock(now)
        self.node.disk_note = self._keeper.note
        try:
            self.parcels.tick(now)
        except Exception:
            log.exception("the parcels failed")  # calls and comparisons go on all the same
        self.forgetting.tick(now)
        self.node.records.indexes.grow_sketches()
        if now >= self._next_address_check:
            self._next_address_check = now + ADDRESS_CHECK_S
            if self._check_addresses():
                standings.keep_cards(self.node)
                self._tell_moved()
        self._heed_discovery()
        if now >= self._next_housekeeping:
            self._next_housekeeping = now + HOUSEKEEPING_S
            self._housekeep()

    def _check_addresses(self) -> bool:
        """Note where we can be reached. True where that changed."""
        node = self.node
        node.networks = own_networks()
        port = node.settings.port
        if node.settings.discovery == "loopback":
            found = [f"127.0.0.1:{port}"]
        else:
            found = [name if ":" in name else f"{name}:{port}" for name in node.settings.hosts]
            found += [f"{host}:{port}" for host in _listening_on(node)]
        found = found[:8]
        if found == node.addresses:
            return False
        node.set_setting("addresses", json.dumps(found))
        return True

    def _keep_word(self) -> None:
        """Say in each scope of ours what has to stand there."""
        standings.keep_cards(self.node)
        accounts.keep_successions(self.node)

    def _housekeep(self) -> None:
        """Cards renewed, the expired deleted. Nothing is deleted on our own clock alone."""
        node = self.node
        self._keep_word()
        in_coalition = any(len(roster.members) > 1 for roster in node.records.known.rosters.values())
        if node.clock_note or self.port.days.disputed() or (in_coalition and not self.port.days.differences):
            node.records.let_in()  # for that no day need be certain
            return
        node.records.expire()
        node.set_setting("floor", str(max(self.port.floor(), node.today() - 2)))
