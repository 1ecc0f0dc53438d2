"""What is said about a node's network: findings, each with words for a person and what to do about it.

The English texts stand in one table; the page translates them, the command line prints them.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

FACTS = {
    "disk": "%(note)s",
    "container": "This node runs in a container.",
    "heard": "This machine hears its own questions to the network at %(places)s. Whether the router lets "
    "them through shows only once another node is heard.",
    "heard_others": "This machine hears its own questions to the network at %(places)s, and other nodes: "
    "%(others)s.",
    "not_heard": "A question to the whole network was not heard at %(places)s (%(why)s).",
    "not_heard_at_all": "A question to the whole network was not heard at %(places)s.",
    "no_network": "No network is connected.",
    "mdns_taken": "Port 5353, by which nodes find each other, is kept by %(program)s alone.",
    "note": "%(note)s",
    "finding_off": "Looking for nodes on this network is switched off.",
    "finding_here": "Looks for nodes on this machine only.",
    "finding": "Announced as %(host)s; other nodes nearby: %(count)s.",
    "renamed": "Another machine on this network is called %(taken)s, so this node is %(host)s.",
    "nearby_not_heard": "%(name)s is on this network (%(address)s), but its announcement is not heard.",
    "page": "The page answers at %(places)s.",
    "page_fails": "The page does not answer at %(places)s (%(why)s).",
    "no_ipv4": "This network has no IPv4; other nodes and phones reach this one by IPv6.",
    "names": "The page answers to these names: %(names)s.",
    "name_elsewhere": "The name %(name)s leads to %(places)s, which is not this machine.",
    "name_nowhere": "The name %(name)s leads nowhere.",
    "clock_alone": "%(day)s by this clock; no other node to compare with.",
    "clock": "%(day)s, as other nodes say too (%(count)s heard).",
    "clock_off": "%(day)s by this clock, but other nodes say %(told)s (%(count)s heard).",
    "clock_unset": "%(day)s by this clock, which is before this program was made.",
    "clock_before": "%(day)s by this clock, but other nodes said %(told)s already.",
    "clock_ahead": "%(day)s by this clock; the last day on which other nodes agreed with it was %(told)s.",
    "clock_behind": "%(day)s by this clock, but the newest record here was made on %(told)s.",
    "no_room": "What it shares with this neighborhood alone has filled its room here (%(size)s MB); "
    "%(count)s records wait there.",
    "linked": "Connected now.",
    "not_linked": "Not connected; last heard %(heard)s.",
    "never_linked": "Not connected, and never heard so far.",
    "no_address": "No address of it is known.",
    "not_called": "%(address)s: not called yet.",
    "call_failed": "%(address)s: %(why)s",
    "call_answered": "%(address)s: answered.",
}

ADVICE = {
    "disk": "Make room on the disk, or replace it; what was not taken in comes by itself within a minute.",
    "container": "Give the container the network of the machine (docker run --network host): otherwise nodes "
    "nearby are not found, and addresses have to be typed.",
    "not_heard": "A firewall on this machine drops UDP port 5353: allow it (sudo ufw allow 5353/udp), or "
    "type the other node's address on the page.",
    "no_network": "Connect a cable or Wi-Fi.",
    "mdns_taken": "Let it share the port (avahi: disallow-other-stacks=no), or stop it. Until then, type "
    "the other node's address on the page.",
    "note": "Until that is mended, type the other node's address on the page.",
    "renamed": "Nothing has to be done. Print new QR codes if the old ones named the other machine.",
    "nearby_not_heard": "The router keeps devices apart: look for “AP isolation”, “guest network” or “IGMP "
    "snooping” there. The typed address works all the same.",
    "page_fails": "A firewall on this machine keeps others out: allow the port "
    "(sudo ufw allow %(port)s/tcp).",
    "name_elsewhere": "If a proxy there leads here, all is well. If not, correct the name, or take it out of "
    "BARNRAISE_HOSTS.",
    "name_nowhere": "Correct the name where it is registered, or take it out of BARNRAISE_HOSTS.",
    "clock_off": "Set the clock of this machine: sudo timedatectl set-ntp true, or sudo date -s with the "
    "right time.",
    "no_room": "Nothing is lost: there is more room each day. If promises and hours between you are not that "
    "many, talk to them: their node may be in wrong hands.",
    "clock_ahead": "If this node was not away from others for that long, set the clock of this machine: "
    "sudo timedatectl set-ntp true, or sudo date -s with the right time.",
    "not_linked": "Ask whether that node is running. “barnraise doctor --peer ADDRESS” says how far a call "
    "comes.",
}

NAMES = {
    "disk": "What neighbors send",
    "container": "Container",
    "multicast": "Multicast",
    "discovery": "Announcing",
    "name": "Name on the network",
    "page": "Own page",
    "hosts": "Names of the page",
    "clock": "Clock",
    "link": "Link with %(neighborhood)s",
    "room": "Room for %(neighborhood)s",
}

UNPROVEN = ("heard",)  # facts that leave open whether all is well

SENTENCES = tuple(dict.fromkeys([*FACTS.values(), *ADVICE.values(), *NAMES.values()]))


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing looked at: keys of the tables above, and what stands in their gaps.

    `advice` is "" where nothing needs to be done; `more` are facts (with values of their own) beneath it.
    """

    topic: str
    fact: str
    advice: str = ""
    values: dict[str, str] = field(default_factory=dict)
    more: tuple[tuple[str, dict[str, str]], ...] = ()

    @property
    def proven(self) -> bool:
        """Whether more is known than that nothing wrong was found."""
        return self.fact not in UNPROVEN

    @property
    def ok(self) -> bool:
        return not self.advice

    def texts(self, translate: Any = str) -> dict[str, Any]:
        """Name, facts and advice as sentences. `translate` takes an English template."""
        return {
            "name": translate(NAMES[self.topic]) % self.values,
            "ok": self.ok,
            "proven": self.proven,
            "said": translate(FACTS[self.fact]) % (self.values | self._known_sentences(translate)),
            "more": [translate(FACTS[fact]) % _translated(values, translate) for fact, values in self.more],
            "advice": translate(ADVICE[self.advice]) % self.values if self.advice else "",
        }

    def _known_sentences(self, translate: Any) -> dict[str, str]:
        return _translated({key: text for key, text in self.values.items() if key == "note"}, translate)


def _translated(values: dict[str, str], translate: Any) -> dict[str, str]:
    """`why` and `note` are sentences of this program themselves."""
    return {key: translate(text) if key in ("why", "note") else text for key, text in values.items()}
