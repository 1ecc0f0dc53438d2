"""A node: its folder, keys, records and the people signed in. Everything else acts on this.

`Node` holds no logic of a feature. Use cases live in `node/actions/`, what answers the network in
`sync/engine.py`, the pages in `node/web/`; `node/serve.py` puts them together and runs them.
"""

from __future__ import annotations

import json
import logging
import secrets
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import IO, Any

from sqlite_utils import Database

from node import keys as node_keys
from node.actions import restore, restored
from node.actions.standings import keep_cards, keep_standings
from node.forgetting import forget_now
from node.pair_room import PairRoom
from node.settings import Settings
from node.store import settings as local_settings
from node.store.database import DATABASE_NAME, lock_folder, open_database
from node.store.records import Records
from node.tries import Tries
from protocol.errors import OurFault, WorldFault
from protocol.record import Record
from protocol.scopes import DAY_S, EPOCH_2020_S, day_of

BUILT_S = 1_795_000_000  # November 2026: no machine that runs this can honestly say an earlier time

CLOCK_NOTE = "The clock of this machine is not right. Nothing expires here until it is set."

log = logging.getLogger("barnraise")


@dataclass(frozen=True, slots=True)
class Came:
    """The records that one neighborhood sent since this node started. `waiting`: not looked at yet."""

    home: bytes
    new: int
    skipped: int
    left_out: int  # batches
    waiting: int
    no_room: int = 0  # records for which a pair set had no room


class Node:
    """One neighborhood's node, opened. Use `Node.open`, and `close` when done."""

    def __init__(
        self,
        settings: Settings,
        *,
        clock: Callable[[], float] = time.time,
        chance: Callable[[int], bytes] = secrets.token_bytes,
        memory: bool = False,
        rescue: bool = False,
    ) -> None:
        """`rescue`: where the database is damaged, take up the last good copy."""
        self.settings = settings
        self.memory = memory
        self._clock = clock
        self._chance = chance
        self.day_offset = 0  # days by which peers agree that our clock is wrong; see sync/days.py
        self._lock: IO[bytes] | None = None if memory else lock_folder(settings.data)
        try:
            self.rescue_note = ""
            self.db = self._open(rescue)
            self.connection = self.db.conn
            self.keys = None if memory else node_keys.read_node_keys(settings.data)
        except BaseException:
            self._release()
            raise
        self._staged: node_keys.NodeKeys | None = None
        self.records = Records(self.connection, self.today)
        self.records.now = self.stamp
        self.records.on_new = self._new
        self.records.on_own_version = lambda record: restored.met(self, record)
        self.pair_room = PairRoom(self)
        self.on_new: list[Callable[[list[Record]], None]] = []
        self.sessions: dict[str, Any] = {}
        self.tries = Tries()
        self.discovery_note = ""
        self.disk_note = ""  # why nothing of what neighbors send is taken in
        self.mdns_host = ""  # the name that discovery announces; "" before it does
        self.backing_up = False
        self.carrying: Any = None  # the last file that was carried: node/carrying.py
        self.copies_forgotten = 0  # how often the local copies were forgotten: one under way is dropped
        self.copy_wanted: Callable[[], None] = lambda: None
        self.clock_unset = self.clock_before_build()
        self.call_note = ""  # why the last typed address did not answer
        self.networks: tuple[Any, ...] = ()  # those that this machine is in, as ipaddress has them
        self.links: Any = None  # node.links.Links while they are there, for whoever looks after the node
        self.nearby: dict[bytes, Any] = {}
        self.connected: set[bytes] = set()
        self.came: Callable[[], list[Came]] = list  # what came from whom since this node started
        self.introduced: dict[bytes, tuple[bytes, ...]] = {}  # key records shown in a handshake, newest 100
        self.invites_entered: dict[bytes, Any] = {}
        self.join_by_code: Callable[[Any], Any] = _no_links
        self.pair_in_step: Callable[[bytes], None] = lambda home: None
        self.poke: Callable[[str, dict[str, Any]], None] = lambda what, details: None
        if self.clock_unset:
            least = max(BUILT_S, self.records.newest_created())
            self.day_offset = day_of(least) - self.own_clock_day()
        home = self.setting("home")
        if home:
            self.records.own_home = bytes.fromhex(home)
            self._settle_staged_keys()

    def _open(self, rescue: bool) -> Database:
        if self.memory:
            return open_database(None)
        try:
            return open_database(self.settings.data / DATABASE_NAME)
        except WorldFault as fault:
            if fault.code != "damaged_data" or not rescue:
                raise
            self.rescue_note = restore.take_up_last_good(self.settings.data, fault.sentence)
            return open_database(self.settings.data / DATABASE_NAME)

    def close(self) -> None:
        """Close the database and let go of the folder. What was erased is in no file any more."""
        if not self.memory:
            forget_now(self)
        self.connection.close()
        self._release()

    def _release(self) -> None:
        if self._lock is not None:
            self._lock.close()

    # time and chance

    def now(self) -> int:
        """Unix seconds by this machine's clock."""
        return int(self._clock())

    def today(self) -> int:
        """The UTC day, as this clock and the peers' days together say; never before the program was made.

        Otherwise two nodes whose clocks are both unset would confirm 1970 to each other.
        """
        return max(day_of(self.now()) + self.day_offset, day_of(BUILT_S))

    def stamp(self) -> int:
        """The `created` of a record made now.

        Where the clock is not set, at least the newest held plus one, but never beyond the peers' tomorrow.
        """
        told = max(self.now() + self.day_offset * DAY_S, EPOCH_2020_S)
        if not self.clock_unset:
            return told
        return min(max(self.records.newest_created() + 1, told), (self.today() + 2) * DAY_S - 1)

    def random(self, size_bytes: int) -> bytes:
        """Random bytes: all of a node's keys, nonces and ids come from here."""
        return self._chance(size_bytes)

    def own_clock_day(self) -> int:
        """The UTC day by this machine's clock alone."""
        return day_of(self.now())

    def clock_before_build(self) -> bool:
        """Whether the clock says a time before this program was made: then it is surely not set."""
        return self.now() < BUILT_S

    @property
    def clock_note(self) -> str:
        """What the page says about the clock, "" where it is right."""
        return CLOCK_NOTE if self.clock_unset else ""

    # settings kept in the database

    def setting(self, name: str) -> str:
        """A stored setting, "" where there is none."""
        return local_settings.get(self.connection, name)

    def set_setting(self, name: str, value: str) -> None:
        """Store a setting; "" removes it."""
        local_settings.put(self.connection, name, value)

    # who we are

    @property
    def home(self) -> bytes:
        """The id of this neighborhood. Raises OurFault("not_set_up")."""
        if not self.records.own_home:
            raise OurFault("not_set_up")
        return self.records.own_home

    @property
    def is_set_up(self) -> bool:
        return bool(self.records.own_home)

    def become(self, home: bytes, keys: node_keys.NodeKeys) -> None:
        """Take up keys: written to the key file before anything is signed with them."""
        if not self.memory:
            node_keys.write_node_keys(self.settings.data, keys)
        self.keys = keys
        self.set_setting("home", home.hex())
        self.records.own_home = home

    def stage(self, keys: node_keys.NodeKeys) -> None:
        """Write keys down before a rotation names them: whatever happens then, they are not lost."""
        self._staged = keys
        if not self.memory:
            node_keys.stage_node_keys(self.settings.data, keys)

    def take_staged(self) -> None:
        """The rotation that names the staged keys is stored: from now on they sign."""
        assert self._staged is not None
        if not self.memory:
            node_keys.promote_node_keys(self.settings.data)
        self.keys, self._staged = self._staged, None

    def drop_staged(self) -> None:
        """The rotation was refused."""
        self._staged = None
        if not self.memory:
            node_keys.drop_staged_keys(self.settings.data)

    def _settle_staged_keys(self) -> None:
        """After a stop between writing new keys down and taking them up: the stored chain decides."""
        if self.memory:
            return
        self._staged = node_keys.read_node_keys(self.settings.data, node_keys.NEXT_KEY_FILE_NAME)
        if self._staged is not None:
            chain = self.records.known.chains.get(self.home)
            if chain is not None and chain.current == self._staged.public:
                self.take_staged()
            else:
                self.drop_staged()

    @property
    def key_is_current(self) -> bool:
        """Whether what this node signs counts: its key has not been replaced, as far as it knows."""
        chain = self.records.known.chains.get(self.records.own_home)
        return self.keys is not None and (chain is None or chain.current == self.keys.public)

    @property
    def node_keys(self) -> node_keys.NodeKeys:
        """The node's secrets. Raises OurFault("not_set_up")."""
        if self.keys is None:
            raise OurFault("not_set_up")
        return self.keys

    @property
    def addresses(self) -> list[str]:
        """Where this node says it can be reached, as host:port, best first."""
        return list(json.loads(self.setting("addresses") or "[]"))

    def _new(self, records: list[Record]) -> None:
        if self.is_set_up and self.key_is_current:
            keep_standings(self, records)
            if any(record.kind == "node" and record.home == self.home for record in records):
                keep_cards(self)  # one that a restored node had forgotten may name a prekey that is lost
        for listener in self.on_new:
            listener(records)


async def _no_links(invite: Any) -> str:
    raise OurFault("bad_input", "The node is not running its links.")
