"""Who else says an address for a host name: what zeroconf hears and remembers (RFC 6762 section 9)."""

from __future__ import annotations

import ipaddress
from collections.abc import Callable, Sequence

from zeroconf import DNSAddress, RecordUpdate, RecordUpdateListener, Zeroconf, current_time_millis  # type: ignore[attr-defined]  # not in its __all__


class Ear(RecordUpdateListener):
    """Calls `heard` whenever an address is said for `host`, which ends in a dot."""

    def __init__(self, host: str, heard: Callable[[], None]) -> None:
        super().__init__()
        self._host = host
        self._heard = heard

    def async_update_records(self, zc: Zeroconf, now: float, records: list[RecordUpdate]) -> None:
        """Called by zeroconf with what came in one packet."""
        if any(isinstance(each.new, DNSAddress) and each.new.key == self._host for each in records):
            self._heard()


def said_by_others(opened: Zeroconf, host: str, own: Sequence[str]) -> bool:
    """Whether an address that is not our own is remembered for `host`, and not over."""
    ours = {ipaddress.ip_address(each).packed for each in own}
    now = current_time_millis()
    return any(
        isinstance(each, DNSAddress) and each.address not in ours and not each.is_expired(now)
        for each in opened.cache.async_entries_with_name(host)
    )
