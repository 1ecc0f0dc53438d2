"""The words shown for what records hold as codes, and the one-line notices after an act."""

from __future__ import annotations

from node.web.languages import phrase

TYPES = {"need": phrase("Need"), "offer": phrase("Offer")}
WHATS = {
    "help": phrase("Help"),
    "give": phrase("A thing to give"),
    "lend": phrase("A thing to lend"),
    "space": phrase("A space"),
}
WHATS_WANTED = {
    "help": phrase("Help"),
    "give": phrase("A thing to keep"),
    "lend": phrase("A thing to borrow"),
    "space": phrase("A space"),
}
URGENCIES = {"low": phrase("No hurry"), "normal": phrase("Normal"), "urgent": phrase("Urgent")}
POST_STATES = {
    "open": phrase("Open"),
    "partly_arranged": phrase("Partly arranged"),
    "arranged": phrase("Arranged"),
    "fulfilled": phrase("Done"),
    "paused": phrase("Paused"),
    "withdrawn": phrase("Withdrawn"),
    "expired": phrase("Ended"),
    "unknown": phrase("Not known here"),
}
PROMISE_STATES = {
    "proposed": phrase("Waiting for an answer"),
    "agreed": phrase("Arranged"),
    "done": phrase("Done"),
    "declined": phrase("Not this time"),
    "released": phrase("Released"),
    "no_show": phrase("Did not happen"),
    "withdrawn": phrase("Taken back"),
    "lapsed": phrase("Ended without an answer"),
    "unknown": phrase("Not known here"),
    "erased": phrase("Off: the post was erased"),
}
ERASED_KINDS = {
    "post": phrase("Need or offer"),
    "details": phrase("Private details"),
    "commitment": phrase("Promise"),
    "answer": phrase("Reply"),
    "profile": phrase("Profile"),
    "standing": phrase("State of a post"),
}
HOURS_STATES = {
    "awaiting": phrase("Not confirmed yet"),
    "confirmed": phrase("Confirmed"),
    "disputed": phrase("Marked as wrong"),
    "corrected": phrase("Corrected"),
    "replaced": phrase("Replaced"),
    "unknown": phrase("Not known here"),
}
ROLES = {"member": phrase("Member"), "coordinator": phrase("Coordinator")}
REISSUE_STATES = {
    "in_force": phrase("New key in use"),
    "contested": phrase("Contested"),
    "taken_back": phrase("Taken back"),
    "settled": phrase("Contested, then agreed to"),
}
RECORD_KINDS = {
    "post": phrase("Needs and offers"),
    "details": phrase("Private details"),
    "profile": phrase("Profiles"),
    "commitment": phrase("Offers of help"),
    "answer": phrase("Answers to offers of help"),
    "hours": phrase("Recorded hours"),
    "confirm": phrase("Confirmations of hours"),
    "dispute": phrase("Hours marked as wrong"),
    "succession": phrase("New keys for lost passphrases"),
    "erasure": phrase("Erasures"),
}
COALITION_ROLES = {
    "founder": phrase("Founder"),
    "voter": phrase("Voter"),
    "guest": phrase("Guest"),
    "waiting": phrase("Joining"),
    "left": phrase("Left"),
}

# What use cases say in passing. They speak English; the page translates what it finds in its catalogs.
PASSING_WORDS = (
    phrase("waiting for their approval"),
    phrase("in the same coalition"),
    phrase("You have offered to help with this already."),
    phrase("This is paused for now."),
    phrase("A neighbor who left"),
    phrase("This is not decided yet, and every node will decide it alike."),
    phrase("There must be a coordinator. Make somebody else one first."),
    phrase("This needs nobody more at the moment."),
    phrase("Looking for nodes on this network is switched off."),
    phrase("No network is connected on which neighbors could be found. Type their address instead."),
    phrase(
        "Another program keeps mDNS (port 5353) to itself, so neighbors are not found. Type their address."
    ),
    phrase("That is not the address of a node. Write it like 192.168.1.20:8420."),
    phrase("Key and sheets can be replaced 99 times in all."),
    phrase("The clock of this machine is not right. Nothing expires here until it is set."),
)

WORDS = {
    "type": TYPES,
    "what": WHATS,
    "what_wanted": WHATS_WANTED,
    "urgency": URGENCIES,
    "post_state": POST_STATES,
    "promise_state": PROMISE_STATES,
    "hours_state": HOURS_STATES,
    "erased_kind": ERASED_KINDS,
    "role": ROLES,
    "coalition_role": COALITION_ROLES,
    "reissue": REISSUE_STATES,
    "record_kind": RECORD_KINDS,
}

# What `?said=` may say. The address carries a short code only: free text there could be anyone's.
NOTICES = {
    "welcome": phrase("Welcome. You are in."),
    "welcome_back": phrase("Welcome back. Your new passphrase works from now on."),
    "contested": phrase("Contested. Everybody in the coalition sees it."),
    "said_again": phrase("Said again. Now another neighborhood that votes is asked."),
    "agreed_to_key": phrase("Agreed. The new key speaks for the account again."),
    "taken_back": phrase("Taken back. The old passphrase works again."),
    "signed_anew": phrase("Signed anew."),
    "dropped": phrase("Dropped."),
    "came_back": phrase("Your neighborhood is back."),
    "identified": phrase("Their account goes on. What they had signed is signed anew."),
    "sheets_replaced": phrase("The new sheets count from now on. Destroy those that they replace."),
    "set_up": phrase("Your neighborhood is ready."),
    "signed_out": phrase("You are signed out."),
    "ended": phrase("You were signed out in the meantime. Please sign in again."),
    "need_posted": phrase("Your need is on the board."),
    "offer_posted": phrase("Your offer is on the board."),
    "edited": phrase("Your changes are saved."),
    "paused": phrase("Paused. Nobody can answer until you open it again."),
    "resumed": phrase("Open again."),
    "withdrawn": phrase("Taken off the board."),
    "erased": phrase("Erased here. The others follow as they hear of it."),
    "note_erased": phrase("Your note is erased."),
    "gone": phrase("You have left, and everything that was yours is erased here."),
    "removed": phrase("Removed, and everything of theirs is erased here."),
    "shared": phrase("Shared with the region."),
    "renewed": phrase("Renewed. It is on the board for another month."),
    "help_offered": phrase("Thank you. Your answer is on its way to the person who asked."),
    "agreed": phrase("Arranged. You are both told here."),
    "declined": phrase("Declined. The other side sees it in their inbox."),
    "released": phrase("Released. The place is open again."),
    "done": phrase("Marked as done. Would you like to record the hours?"),
    "no_show": phrase("Noted. The place is open again."),
    "recorded": phrase("Recorded. It counts once the other side confirms."),
    "confirmed": phrase("Confirmed. The hours count for both of you."),
    "disputed": phrase("Marked as wrong. It does not count. Please talk to each other."),
    "corrected": phrase("Your correction waits for the other side to confirm."),
    "saved": phrase("Saved."),
    "invite_cancelled": phrase("That invitation no longer works."),
    "asked": phrase("Asked. As soon as they approve, the two nodes are linked."),
    "called": phrase("The other node is being called. As soon as they approve, the two nodes are linked."),
    "approved": phrase("Approved. The two nodes now link by themselves."),
    "ask_declined": phrase("Declined. Nothing was sent to them about you."),
    "unlinked": phrase("No longer linked."),
    "renamed": phrase("Saved. Other neighborhoods see it as they hear from you."),
    "founded": phrase("The coalition is founded. Its other members are asked to join."),
    "coalition_accepted": phrase("You have joined the coalition."),
    "coalition_declined": phrase("Declined."),
    "vouched": phrase("Vouched. They are in as soon as everybody has heard it."),
    "proposed": phrase("Proposed. The other neighborhoods that vote are asked."),
    "assented": phrase("Agreed. It counts once more than half have agreed."),
    "branch_chosen": phrase("This neighborhood follows that roster from now on."),
    "left": phrase("You have left the coalition."),
}
