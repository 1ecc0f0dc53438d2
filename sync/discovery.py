"""Who is nearby: the node announces itself on the local network by mDNS, and hears of others.

What is heard is a hint and nothing more. Anybody on the network can announce anything, so a sighting
only says "somebody at this address claims to be that neighborhood"; the key decides when it is called.

- Announced: `<name> XXXX._barnraise._tcp.local.` with TXT `v=1` and `id=<64 hex>`, at the host name
  `barnraise-XXXX.local.`, where XXXX begins the id. The host name is ours alone, never avahi's.
- Port 5353 is shared with avahi or whoever else listens. Answers sent to one program (unicast) would
  reach any of those who share it; so we look for others with questions that all hear the answer to.
- On "loopback" (the demo, tests) nothing leaves the machine: multicast goes out by `lo` only, an
  answer to a single asker only if the asker is on loopback, and only loopback addresses are believed.
- Interfaces are named to zeroconf one by one: those that are up and can do multicast. They are looked at
  again when the kernel says that something changed, and every RECHECK_S; after a change, discovery is
  opened anew and announces again.
- Is the host name another machine's already, ours becomes `barnraise-XXXX-2.local.`, and so on. Of two nodes
  that announce one name at the same time, the lower id keeps it; to what is no node we give way also later.
  `host` is the name in use.
- Where it cannot work, `note` says why in a plain sentence, and typed addresses work as ever.
"""

from __future__ import annotations

import asyncio
import contextlib
import errno
import ipaddress
from collections.abc import Awaitable, Callable
from typing import Any, Literal

import zeroconf
from zeroconf import AddressResolver, DNSQuestionType, IPVersion, ServiceStateChange, Zeroconf  # type: ignore[attr-defined]  # not in its __all__
from zeroconf.asyncio import AsyncServiceBrowser, AsyncServiceInfo, AsyncZeroconf

from protocol.errors import SENTENCES
from sync.addresses import Interface, up_interfaces
from sync.namesakes import Ear, said_by_others
from sync.netlink import Netlink, listen
from sync.sightings import SERVICE_TYPE, Sighting, host_label, instance_label, rank, read

SIGHTINGS_MAX = 256  # further ones are not taken until some are gone
RESOLVING_MAX = 8  # names being asked about at the same time
RESOLVE_TIMEOUT_MS = 3000
RECHECK_S = 30.0
FLUSH_S = 1.5  # what an announcement replaces stays in memory for a second (RFC 6762 section 10.2)
HOST_PROBE_MS = 2000  # who has just announced a name does not repeat it for a second (RFC 6762 section 6)
HOSTS_MAX = 9  # barnraise-XXXX-2 and so on

_NO_INTERFACE = "No network is connected on which neighbors could be found. Type their address instead."
_PORT_TAKEN = (
    "Another program keeps mDNS (port 5353) to itself, so neighbors are not found. Type their address."
)


class Discovery:
    """Announces `home` and reports others: `on_seen` for each new or changed sighting, `on_gone(home)`."""

    def __init__(
        self,
        home: bytes,
        name: str,
        port: int,
        interfaces: list[str] | Literal["all", "loopback"],
        on_seen: Callable[[Sighting], None],
        on_gone: Callable[[bytes], None],
        *,
        on_moved: Callable[[], None] = lambda: None,
        list_interfaces: Callable[[], list[Interface]] | None = None,
        wait: Callable[[float], Awaitable[None]] = asyncio.sleep,
    ) -> None:
        self.note = ""
        self.host = ""  # as announced, without the dot at the end; "" until then
        self._home = home
        self._name = name
        self._port = port
        self._chosen = interfaces
        self._on_seen = on_seen
        self._on_gone = on_gone
        self._on_moved = on_moved
        self._list_interfaces = list_interfaces or up_interfaces
        self._wait = wait
        self._lock = asyncio.Lock()
        self._slots = asyncio.Semaphore(RESOLVING_MAX)
        self._found: list[Interface] = []
        self._zeroconf: AsyncZeroconf | None = None
        self._browser: AsyncServiceBrowser | None = None
        self._info: AsyncServiceInfo | None = None
        self._announcing: asyncio.Task[None] | None = None
        self._known: dict[str, Sighting | None] = {}  # by instance name; None while it is asked about
        self._resolving: dict[str, asyncio.Task[None]] = {}
        self._news: set[str] = set()  # names that were announced again while they were looked at
        self._watcher: asyncio.Task[None] | None = None
        self._kernel: Netlink | None = None
        self._host_number = 1
        self._renaming: asyncio.Task[None] | None = None
        self._suspecting: asyncio.Task[None] | None = None  # whether another machine goes by our name

    async def start(self) -> None:
        """Begins to listen and announce; if that cannot be, `note` says why. Returns without waiting."""
        if self._chosen != "loopback":
            self._kernel = listen()
        await self.recheck()
        self._watcher = asyncio.create_task(self._watch())

    async def stop(self) -> None:
        """Says goodbye to the network and closes everything."""
        if self._watcher is not None:
            self._watcher.cancel()
            await asyncio.wait([self._watcher])
        if self._kernel is not None:
            self._kernel.close()
        for task in (self._renaming, self._suspecting):
            if task is not None:
                task.cancel()
                await asyncio.wait([task])
        async with self._lock:
            await self._close()
            self._known.clear()

    async def rename(self, name: str) -> None:
        """Announces the neighborhood under another name."""
        async with self._lock:
            self._name = name
            await self._announce_anew()

    async def _announce_anew(self) -> None:
        if self._zeroconf is not None:
            await self._stop_announcing()
            if self._info is not None:
                await (await self._zeroconf.async_unregister_service(self._info))
            self._announcing = asyncio.create_task(self._announce(self._zeroconf))

    async def recheck(self) -> None:
        """Looks at the interfaces again, and at names that did not answer; called every RECHECK_S."""
        async with self._lock:
            found = self._choose(await asyncio.to_thread(self._list_interfaces))
            if self._zeroconf is None or found != self._found:
                moved = found != self._found
                await self._close()
                self._forget_all()
                self._found = found
                await self._open()
                if moved:
                    self._on_moved()
            elif self._zeroconf is not None:
                for name, sighting in list(self._known.items()):
                    if sighting is None:
                        self._resolve_soon(self._zeroconf.zeroconf, name)

    async def _watch(self) -> None:
        while True:
            await self._pause()
            await self.recheck()

    async def _pause(self) -> None:
        """Until the kernel says that something changed, RECHECK_S at most."""
        waits = [asyncio.ensure_future(self._wait(RECHECK_S))]
        if self._kernel is not None:
            waits.append(asyncio.create_task(self._kernel.changed()))
        try:
            await asyncio.wait(waits, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for wait in waits:
                wait.cancel()

    def _choose(self, interfaces: list[Interface]) -> list[Interface]:
        """Those to be used, always in the same order."""
        chosen = []
        for interface in sorted(interfaces, key=lambda each: each.index):
            loopback = any(address.is_loopback for address in interface.addresses)
            literals = {str(address.ip) for address in interface.addresses}
            if self._chosen == "loopback":
                wanted = loopback
            elif self._chosen == "all":
                wanted = not loopback
            else:
                wanted = not loopback and (
                    interface.name in self._chosen or literals & set(self._chosen) != set()
                )
            if wanted and interface.addresses:
                chosen.append(interface)
        return chosen

    async def _open(self) -> None:
        if not self._found:
            self.note = _NO_INTERFACE
            return
        try:
            opened = AsyncZeroconf(zc=self._sockets())
        except OSError as error:
            taken = error.errno in (errno.EADDRINUSE, errno.EACCES)
            self.note = _PORT_TAKEN if taken else f"{SENTENCES['no_multicast']} ({error.strerror or error})"
            return
        except (RuntimeError, zeroconf.Error) as error:
            self.note = f"{SENTENCES['no_multicast']} ({error})"
            return
        self._zeroconf = opened
        self.note = ""
        try:
            await opened.zeroconf.async_wait_for_start()
        except zeroconf.NotRunningException as error:
            self.note = f"{SENTENCES['no_multicast']} ({error})"
        if not opened.zeroconf.engine.senders:
            self.note = SENTENCES["no_multicast"]
        if self.note:
            await self._close()
            return
        self._browser = AsyncServiceBrowser(
            opened.zeroconf,
            SERVICE_TYPE,
            handlers=[self._changed],
            question_type=DNSQuestionType.QM,
        )
        self._announcing = asyncio.create_task(self._announce(opened))

    def _sockets(self) -> Zeroconf:
        if self._chosen == "loopback":
            # IPv4 only: on ::1 there is no multicast
            return _LoopbackZeroconf(["127.0.0.1"], ip_version=IPVersion.V4Only)
        first_v4 = [[str(a.ip) for a in each.addresses if a.version == 4][:1] for each in self._found]
        v4: list[str | int] = [address for addresses in first_v4 for address in addresses]
        v6 = [each.index for each in self._found if any(a.version == 6 for a in each.addresses)]
        if v4 and v6:
            with contextlib.suppress(OSError, RuntimeError):  # IPv6 may be there and yet not work
                return Zeroconf([*v4, *v6], ip_version=IPVersion.All)
        return Zeroconf(v4 or [*v6], ip_version=IPVersion.V4Only if v4 else IPVersion.V6Only)

    async def _close(self) -> None:
        await self._stop_announcing()
        for task in list(self._resolving.values()):
            task.cancel()
        self._resolving.clear()
        if self._browser is not None:
            await self._browser.async_cancel()
        if self._zeroconf is not None:
            with contextlib.suppress(OSError, zeroconf.Error):
                await self._zeroconf.async_close()
        self._browser = self._zeroconf = self._info = None

    async def _announce(self, opened: AsyncZeroconf) -> None:
        try:
            host = await self._free_host(opened)
            info = AsyncServiceInfo(
                SERVICE_TYPE,
                f"{instance_label(self._name, self._home)}.{SERVICE_TYPE}",
                port=self._port,
                properties={"v": "1", "id": self._home.hex()},
                server=host,
                parsed_addresses=self._own_addresses(),
            )
            self._info = info
            self.host = host.removesuffix(".")
            await (await opened.async_register_service(info, allow_name_change=True))
            opened.zeroconf.async_add_listener(Ear(host, lambda: self._suspect(opened)), None)
        except (OSError, zeroconf.Error) as error:
            self.note = f"{SENTENCES['no_multicast']} ({error})"

    async def _free_host(self, opened: AsyncZeroconf) -> str:
        """The first of our host names for which no other machine answers; of nine, the last in any case."""
        own = {ipaddress.ip_address(each) for each in self._own_addresses()}
        while True:
            host = self._wanted_host()
            asked = AddressResolver(host)
            await asked.async_request(opened.zeroconf, HOST_PROBE_MS, DNSQuestionType.QM)
            answered = {ipaddress.ip_address(each) for each in asked.parsed_addresses(IPVersion.All)}
            if answered <= own or self._host_number >= HOSTS_MAX:
                return host
            self._host_number += 1

    def _wanted_host(self) -> str:
        """The name that we announce, or will once it was asked for."""
        return f"{host_label(self._home, self._host_number)}.local."

    def _goes_by_our_name(self, sighting: Sighting | None) -> bool:
        return sighting is not None and f"{sighting.host.lower()}." == self._wanted_host()

    def _meet_namesake(self, sighting: Sighting) -> None:
        """Another node that goes by our host name: the lower id keeps it, we take the next one."""
        if self._goes_by_our_name(sighting) and sighting.home < self._home:
            self._take_next_name()

    def _take_next_name(self) -> None:
        if self._host_number < HOSTS_MAX:
            self._host_number += 1
            self._renaming = asyncio.create_task(self._give_way())

    async def _give_way(self) -> None:
        async with self._lock:
            await self._announce_anew()

    def _suspect(self, opened: AsyncZeroconf) -> None:
        """Somebody said an address for our host name."""
        if self._suspecting is None or self._suspecting.done():
            self._suspecting = asyncio.create_task(self._look_for_namesake(opened, self._wanted_host()))

    async def _look_for_namesake(self, opened: AsyncZeroconf, host: str) -> None:
        """RFC 6762 section 9. Nodes decide by their ids; with what turns out to be none, we give way."""
        await asyncio.sleep(RESOLVE_TIMEOUT_MS / 1000)
        if opened is not self._zeroconf or host != self._wanted_host():
            return
        foreign = said_by_others(opened.zeroconf, host, self._own_addresses())
        if foreign and not any(self._goes_by_our_name(each) for each in self._known.values()):
            self._take_next_name()

    async def _stop_announcing(self) -> None:
        if self._announcing is not None:
            self._announcing.cancel()
            await asyncio.wait([self._announcing])
            self._announcing = None

    def _own_addresses(self) -> list[str]:
        if self._chosen == "loopback":
            return ["127.0.0.1"]
        addresses = [address for each in self._found for address in each.addresses]
        return [str(address.ip) for address in sorted(addresses, key=rank)]

    def _changed(
        self, zeroconf: Zeroconf, service_type: str, name: str, state_change: ServiceStateChange
    ) -> None:
        if state_change is ServiceStateChange.Removed:
            if task := self._resolving.pop(name, None):
                task.cancel()
            gone = self._known.pop(name, None)
            if gone is not None and all(
                each is None or each.home != gone.home for each in self._known.values()
            ):
                self._on_gone(gone.home)
        elif self._info is not None and name == self._info.name:
            pass  # our own
        elif name in self._known or len(self._known) < SIGHTINGS_MAX:
            self._known.setdefault(name, None)
            self._resolve_soon(zeroconf, name)

    def _resolve_soon(self, opened: Zeroconf, name: str) -> None:
        if name in self._resolving:
            self._news.add(name)
        else:
            task = asyncio.create_task(self._resolve(opened, name))
            self._resolving[name] = task
            task.add_done_callback(lambda done: self._resolved(name, done))

    def _resolved(self, name: str, task: asyncio.Task[None]) -> None:
        if self._resolving.get(name) is task:
            del self._resolving[name]

    async def _resolve(self, opened: Zeroconf, name: str) -> None:
        info = AsyncServiceInfo(SERVICE_TYPE, name)
        async with self._slots:
            if not info.load_from_cache(opened):
                await info.async_request(opened, RESOLVE_TIMEOUT_MS, DNSQuestionType.QM)
        self._take(name, info)
        while self._known.get(name) is not None:
            self._news.discard(name)
            await asyncio.sleep(FLUSH_S)
            settled = AsyncServiceInfo(SERVICE_TYPE, name)
            if settled.load_from_cache(opened):
                self._take(name, settled)
            if name not in self._news:
                return

    def _take(self, name: str, info: AsyncServiceInfo) -> None:
        sighting = self._read(info)
        if sighting is not None and name in self._known and self._known[name] != sighting:
            self._known[name] = sighting
            self._meet_namesake(sighting)
            self._on_seen(sighting)

    def _read(self, info: AsyncServiceInfo) -> Sighting | None:
        return read(info, self._home, self._found, self._chosen == "loopback")

    def _forget_all(self) -> None:
        gone = {each.home: None for each in self._known.values() if each is not None}
        self._known.clear()
        for home in gone:
            self._on_gone(home)


class _LoopbackZeroconf(Zeroconf):
    """Answers no single asker beyond loopback. (Its listening socket may hear the LAN: all who share
    port 5353 hear what any of them subscribed to.)"""

    def async_send(self, out: Any, addr: str | None = None, *rest: Any, **options: Any) -> None:
        if addr is None or ipaddress.ip_address(addr).is_loopback:
            super().async_send(out, addr, *rest, **options)
