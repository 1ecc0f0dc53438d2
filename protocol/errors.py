"""Every error this program raises on purpose, in one tree.

    Fault
    ├── OurFault      the person or program on this node asked for something that cannot be done
    ├── TheirFault    foreign bytes or a peer broke a rule: it ends that link or drops that record
    └── WorldFault    nobody's fault: disk full, port taken, clock unset, no network

Each fault has a stable `code` (it may travel on the wire and stand in scripts) and a plain sentence
for a person. Peers are told the code only. The sentence of a code is kept in `SENTENCES`; a raiser may
give a more exact one. Using a code that is not listed there is a programming error and raises KeyError.
"""

from __future__ import annotations

SENTENCES: dict[str, str] = {
    # encoding: stage "encoding"
    "too_long": "These bytes are longer than the limit.",
    "truncated": "These bytes end too early.",
    "trailing_bytes": "There are bytes after the end.",
    "not_deterministic": "These bytes are not the one deterministic encoding of what they say.",
    "duplicate_key": "A map names the same key twice.",
    "key_order": "The keys of a map are not in order.",
    "indefinite_length": "Lengths must be stated, not left open.",
    "forbidden_type": "Only integers, bytes, text, lists, maps, true, false and null are allowed.",
    "bad_text": "A text is not valid UTF-8.",
    "too_deep": "The structure is nested too deeply.",
    # envelope: stage "envelope"
    "not_a_record": "These bytes are not a record.",
    "bad_field": "A field of the record has the wrong shape.",
    "unknown_version": "This record is of a version that this program does not know.",
    "bad_scope": "This record names a scope that it cannot have.",
    "bad_lifetime": "This record's lifetime is outside what its kind may have.",
    "bad_edit": "This kind of record cannot be edited or erased in this way.",
    "wrong_signatures": "The record does not carry the signatures that it needs.",
    "bad_signature": "A signature of the record is not valid.",
    "wrong_signer": "The record is signed by somebody who may not sign this kind.",
    "bad_key_record": "A key or roster record says something that it cannot say.",
    # judgement: stage "judgement" (these may pass later)
    "unknown_home": "The record comes from a neighborhood whose keys are not known here yet.",
    "unknown_key": "The record is signed with a key of its neighborhood that is not known here.",
    "old_key": "The record is signed with a key that its neighborhood has replaced.",
    "not_a_member": "The record comes from a neighborhood that is not in this coalition.",
    "not_for_us": "The record is not for this neighborhood to hold.",
    "not_yet": "The record was made in the future.",
    "expired": "The record's lifetime is over.",
    "over_quota": "The neighborhood has more open records than the coalition allows.",
    "erased": "The record was erased.",
    "superseded": "A newer version of the record is held.",
    # links
    "bad_handshake": "The other side did not prove who it is.",
    "wrong_peer": "A different neighborhood answered at this address.",
    "bad_frame": "The other side sent a message that cannot be read.",
    "frame_too_long": "The other side sent a message that is over the limit.",
    "unexpected_frame": "The other side sent a message that does not belong here.",
    "no_common_version": "The two nodes speak no common version. Update the older one.",
    "too_many_links": "This node already holds as many links as it can.",
    "too_fast": "The other side sends faster than this node accepts.",
    "queue_full": "More is waiting than this node can hold. It will go on by itself when there is room.",
    "link_timeout": "The other side was silent for too long.",
    "duplicate_link": "The two nodes are already linked.",
    "key_changed": "The neighborhood's key was replaced, so it calls again with the new one.",
    "not_linked": "The two neighborhoods have not approved each other.",
    "unknown_invite": "This invitation is unknown, used up or expired.",
    "bad_reconciliation": "The other side's comparison of records cannot be read.",
    # people
    "wrong_passphrase": "That name and passphrase do not belong together.",
    "weak_passphrase": "Please choose a passphrase of at least 8 characters.",
    "name_taken": "Somebody here already uses that name. Please choose another.",
    "bad_name": "Please give a name of 1 to 40 characters.",
    "signed_out": "Please sign in first.",
    "not_allowed": "Only a coordinator can do this.",
    "not_yours": "Only the person who made this can change it.",
    "not_found": "There is nothing here by that name.",
    "used_link": "This link has been used, replaced or has expired. Ask for a new one.",
    "already_set_up": "This node is already set up.",
    "not_set_up": "This node is not set up yet. Open the setup link first (barnraise setup-link).",
    "bad_input": "Something in the form needs another look.",
    "no_longer_possible": "This has changed in the meantime, so that step is no longer possible.",
    "bad_csv": "This file cannot be read as a table of form answers.",
    "bad_code": "This code cannot be read. Check that it was copied whole.",
    "bad_sheet": "These are not the 24 words of a recovery sheet. Check each word.",
    "more_sheets": "More recovery sheets are needed.",
    "no_former_node": "The other node does not know the neighborhood of these recovery sheets.",
    "key_replaced": "This node's key was replaced on another machine. Nothing it signs counts any more.",
    "too_many_tries": "Too many tries. Please wait a little.",
    # world
    "port_in_use": "The port is already in use by another program.",
    "newer_data": "This data folder was written by a newer Barnraise. Update the program to open it.",
    "damaged_data": "The database is damaged.",
    "data_in_use": "Another Barnraise process is using this data folder.",
    "disk_full": "The disk is full.",
    "no_multicast": "This network does not let nodes find each other. Type the address instead.",
    "clock_unset": "The clock of this machine is not set.",
    "node_not_running": "The node is not running.",
    "unreachable": "The other node cannot be reached.",
    "internal": "Something went wrong in the program. It was written to the log.",
}


class Fault(Exception):
    """Something refused on purpose, with a stable `code` and a plain `sentence`."""

    def __init__(self, code: str, sentence: str | None = None) -> None:
        self.code = code
        self.sentence = sentence or SENTENCES[code]
        super().__init__(f"{code}: {self.sentence}")


class OurFault(Fault):
    """The person or program on this node asked for something that cannot be done."""


class TheirFault(Fault):
    """Foreign bytes or a peer broke a rule."""


class WorldFault(Fault):
    """Nobody's fault: the machine, the network or the clock."""
