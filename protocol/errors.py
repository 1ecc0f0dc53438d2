"""Every error that this program raises on purpose, in one tree.

    Fault
    ├── OurFault      "ours": the person or program on this node asked for something that cannot be done
    ├── TheirFault    "theirs": foreign bytes or a peer broke a rule; it ends that link or drops that record
    └── WorldFault    "world": nobody's; disk full, port taken, no network, a program that is not running

Each fault has a stable code and a plain sentence for a person: what happened and, where somebody can do
something, what. `CODES` below is the whole list. It says of each code what it is about, in which classes it
may be raised, and where it is seen:

    log     stays in this program, as the verdict on a record or in the log
    link    a peer is told the code, and the limit that it passed, as the reason of a close (docs/sync.md)
    page    a member reads the sentence, translated; `/api/` and `--json` give code and sentence
    cli     as page, but on the command line alone

Some verdicts on records are also ours: a word said here goes through the same door as everybody's, and may be
refused there because a coalition, a quota or another word changed while a person wrote. A code that is not
listed, or one raised in a class that it does not have, is a programming error: KeyError or TypeError.

A code is never removed or renamed; a raiser may give a more exact sentence. docs/errors.md is this page for
people, and a test holds the two together.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar


@dataclass(frozen=True, slots=True)
class Code:
    """What a code is about, the classes it may be raised in, where it is seen, and its sentence."""

    about: str
    whose: frozenset[str]
    seen: frozenset[str]
    sentence: str


def _codes(about: str, whose: str, seen: str, **sentences: str) -> dict[str, Code]:
    classes, places = frozenset(whose.split()), frozenset(seen.split())
    return {code: Code(about, classes, places, sentence) for code, sentence in sentences.items()}


CODES: dict[str, Code] = {
    # the encoding of foreign bytes
    **_codes(
        "encoding", "theirs", "log link",
        truncated="These bytes end too early. Ask for them again.",
        trailing_bytes="There are bytes after the end. Ask for them again.",
        not_deterministic="These bytes are not the one deterministic encoding of what they say.",
        duplicate_key="A map in these bytes names the same key twice.",
        key_order="The keys of a map in these bytes are not in order.",
        indefinite_length="A length in these bytes is left open, but it must be stated.",
        forbidden_type="Only integers, bytes, text, lists, maps, true, false and null are allowed.",
        bad_text="A text in these bytes is not valid UTF-8.",
        too_deep="These bytes are nested more deeply than anything that is said here.",
    ),
    **_codes(
        "encoding", "theirs ours", "log link page",
        too_long="That is more than fits into one message. Please make it shorter.",
    ),
    # what a record says about itself; the bytes alone decide
    **_codes(
        "envelope", "theirs", "log",
        not_a_record="These bytes are not a record.",
        bad_field="A field of the record is missing, is one too many or has the wrong shape.",
        unknown_version="This record is of a version that this program does not know. Update the program.",
        bad_scope="This record names a scope that it cannot have.",
        bad_lifetime="This record's lifetime is outside what its kind may have.",
        bad_edit="This kind of record cannot be edited or erased in this way.",
        wrong_signatures="The record does not carry the signatures that it needs.",
        bad_signature="A signature of the record is not valid.",
        wrong_signer="The record is signed by somebody who may not sign this kind.",
    ),
    **_codes(
        "envelope", "theirs", "log link",
        bad_key_record="A key or roster record says something that it cannot say.",
    ),
    # whether a record is in, by what is held here; this may change later
    **_codes(
        "judgement", "theirs ours", "log page",
        unknown_home="That neighborhood's keys are not known here yet. Try again when the nodes have talked.",
        unknown_key="This is signed with a key that is not known here. Try again when the nodes have talked.",
        not_a_member="That neighborhood is not in this coalition, or no longer.",
        not_for_us="This is not for this neighborhood to hold.",
        not_yet="This was made in the future. Check the clocks of both nodes.",
        expired="Its time is over. Please make a new one.",
        over_quota="The neighborhood has more open records than the coalition allows. Close one first.",
        erased="This was erased and cannot come back. Please make a new one.",
        superseded="A newer version of this is held here. Reload the page and look at that one.",
    ),
    **_codes(
        "judgement", "theirs ours", "log link page",
        old_key="This is signed with a key that its neighborhood has replaced. It waits to be signed anew.",
    ),
    # links
    **_codes(
        "link", "theirs", "link page",
        bad_handshake="The other side did not prove who it is. Check the address, or the code.",
        wrong_peer="A different neighborhood answered at this address. Ask yours for its address of today.",
        unknown_invite="This invitation is unknown, used up or expired. Ask for a new one.",
        no_common_version="The two nodes speak no common version. Update the older one.",
        too_many_links="This node already holds as many links as it can. Try again later.",
        too_fast="The other side sends faster than this node accepts. The link is made again by itself.",
        duplicate_link="The two nodes are already linked.",
        key_changed="The neighborhood's key was replaced, so it calls again with the new one.",
    ),
    **_codes(
        "link", "theirs ours", "link page",
        not_linked="The two neighborhoods have not approved each other. Ask to link with them first.",
    ),
    **_codes(
        "link", "theirs world", "link page",
        link_timeout="The other side was silent for too long. Look whether it is running.",
    ),
    **_codes(
        "link", "world", "link page",
        queue_full="More is waiting than this node can hold. It will go on by itself when there is room.",
    ),
    **_codes(
        "link", "theirs", "log link",
        bad_frame="The other side sent a message that cannot be read. Update the older of the two nodes.",
        frame_too_long="The other side sent a message that is over the limit.",
        unexpected_frame="The other side sent a message that does not belong here.",
        bad_reconciliation="The other side's comparison of records cannot be read.",
    ),
    # what people ask for
    **_codes(
        "people", "ours", "page",
        wrong_passphrase="That name and passphrase do not belong together.",
        weak_passphrase="Please choose a passphrase of at least 8 characters.",
        name_taken="Somebody here already uses that name. Please choose another.",
        bad_name="Please give a name of 1 to 40 characters.",
        signed_out="Please sign in first.",
        not_allowed="Only a coordinator can do this. Ask one of them.",
        not_yours="Only the person who made this can change it.",
        not_found="There is nothing here by that name. Check it, or go back to the list.",
        used_link="This link has been used, replaced or has expired. Ask for a new one.",
        already_set_up="This node is already set up.",
        not_set_up="This node is not set up yet. Open the setup link first (barnraise setup-link).",
        bad_input="Something in the form needs another look.",
        no_longer_possible="This has changed in the meantime, so that step is no longer possible.",
        bad_csv="This file cannot be read as a table of form answers. Save it as CSV and try again.",
        bad_code="This code cannot be read. Check that it was copied whole.",
        bad_sheet="These are not the 24 words of a recovery sheet. Check each word.",
        more_sheets="More recovery sheets are needed. Enter another.",
        key_replaced="This node's key was replaced on another machine. Nothing it signs counts any more.",
        too_many_tries="Too many tries. Please wait a little.",
    ),
    **_codes(
        "people", "ours", "page",
        restored_keys="This node was restored: its key may have been replaced since. Ask a neighbor first.",
        restored_roster="This node has come back. It can vote once it has heard another member.",
    ),
    **_codes(
        "people", "ours", "page",
        not_a_bundle="This is not a file of Barnraise's carry. Choose the one whose name ends in .barnraise.",
        not_our_bundle="This file is not for this neighborhood, or over two months old. Ask for a new one.",
        no_prekey="No key of that neighborhood is known here yet, so nothing can be sealed to it.",
        nothing_asked="This file does not say what is held where it comes from. Ask for one that does.",
        file_too_large="This file is too large for this machine. Choose another, or make room on its card.",
        too_much_to_carry="This is more than fits into one file. Choose fewer neighborhoods.",
        nobody_to_carry_to="No key of another neighborhood is known here, so there is nobody to carry to.",
    ),
    **_codes(
        "people", "ours", "cli",
        file_exists="There is a file of that name already. Choose another, or say --force to replace it.",
        wrong_backup_passphrase="This is not the passphrase of this backup. The backup itself is whole.",
        backup_exists="There is a file of that name already. Choose another, or say --force to replace it.",
    ),
    # a file carried by hand
    **_codes(
        "carry", "theirs", "page",
        bad_bundle="This file does not come from the neighborhood that it names, so reading it was stopped.",
    ),
    **_codes(
        "carry", "world", "page",
        damaged_bundle="This file is damaged or was cut off. Copy it from where it was written once more.",
        carrying_already="Another file is being written or read just now. Try again when it is done.",
        newer_bundle="Another version of Barnraise wrote this file. Update the older of the two nodes.",
    ),
    # the state of the world
    **_codes(
        "world", "world", "page",
        disk_full="The disk is full. Make room on it, then try again.",
        unreachable="The other node cannot be reached. Check the address, and that the node is running.",
        damaged_backup="This backup cannot be used: it is damaged. Try another copy of it.",
        no_multicast="This network does not let nodes find each other. Type the address instead.",
    ),
    **_codes(
        "world", "world", "link page",
        internal="Something went wrong in the program. It was written to the log.",
    ),
    **_codes(
        "world", "world", "cli",
        port_in_use="The port is already in use by another program. Choose another with --port.",
        newer_data="This data folder was written by a newer Barnraise. Update the program to open it.",
        damaged_data="The database is damaged. Bring back the last good backup.",
        newer_backup="This backup was made by a newer Barnraise. Update the program to open it.",
        data_in_use="Another Barnraise process is using this data folder. Wait for it, or stop it.",
        node_not_running="The node is not running. Start it first (barnraise run).",
        no_access="A file or folder cannot be used. Check its name and its permissions.",
    ),
}  # fmt: skip

SENTENCES: dict[str, str] = {code: listed.sentence for code, listed in CODES.items()}
CLOSE_CODES = frozenset(code for code, listed in CODES.items() if "link" in listed.seen)


class Fault(Exception):
    """Something refused on purpose, with a stable `code` and a plain `sentence`.

    `limit`: the name and value of the bound that was passed, "RECORDS_MAX 200", where there is one.
    """

    whose: ClassVar[str] = ""

    def __init__(self, code: str, sentence: str | None = None, *, limit: str = "") -> None:
        if self.whose not in CODES[code].whose:
            raise TypeError(f"{code} is not listed for {type(self).__name__}")
        self.code = code
        self.sentence = sentence or CODES[code].sentence
        self.limit = limit
        super().__init__(f"{code}: {self.sentence}" + (f" ({limit})" if limit else ""))

    @property
    def reason(self) -> str:
        """What a peer is told, and the log: the code, with the limit if there is one."""
        return with_limit(self.code, self.limit)


class OurFault(Fault):
    """The person or program on this node asked for something that cannot be done."""

    whose = "ours"


class TheirFault(Fault):
    """Foreign bytes or a peer broke a rule."""

    whose = "theirs"


class WorldFault(Fault):
    """Nobody's fault: the machine, the network or another program."""

    whose = "world"


def with_limit(code: str, limit: str) -> str:
    """Code and limit as one text."""
    return f"{code} {limit}".rstrip()


def ours(code: str) -> Fault:
    """What a person is told whose own word the door refused with `code`.

    Where a word of this program's making breaks a rule of the bytes themselves, the program is at fault.
    """
    return OurFault(code) if "ours" in CODES[code].whose else WorldFault("internal")
