"""The number beside "Inbox" on every page, and what the inbox then shows."""

from __future__ import annotations

from pathlib import Path

from node.actions import hours, members, posts, promises, setup
from node.app import Node
from node.settings import Settings

PASSPHRASE = "seven tall sunflowers"


async def test_the_number_on_every_page_is_what_waits_in_the_inbox(tmp_path: Path) -> None:
    node = Node(Settings(data=tmp_path), clock=lambda: 2_000_000_000.0, memory=True)
    link = setup.new_setup_link(node)
    who = {"passphrase": PASSPHRASE, "language": "en"}
    ines = (await setup.set_up(node, link, neighborhood="Riverbend", area="", name="Ines", **who)).session
    tom = await members.join(node, members.invite(node, ines).code, name="Tom", **who)

    def waiting(person: members.Session) -> int:
        box = promises.inbox(node, person)
        listed = len(box.to_answer) + len(box.hours_to_confirm)
        assert promises.waiting(node, person) == box.waiting == listed
        return listed

    try:
        made = []
        for title in ("Soup", "A ride", "A ladder"):
            draft = posts.PostDraft(type="need", what="help", category="other", title=title)
            thing = posts.publish(node, ines, draft)
            made.append(promises.offer_help(node, tom, thing, slots=1, note="", name_shown=""))
        assert (waiting(ines), waiting(tom)) == (3, 0)
        promises.agree(node, ines, made[0])
        promises.decline(node, ines, made[1])
        assert waiting(ines) == 1
        told = {"partner": None, "i_gave": True, "date": node.today(), "category": "", "another": False}
        claim = hours.record(node, tom, promise=made[0], minutes=45, **told)
        assert (waiting(ines), waiting(tom)) == (2, 0), "who claims does not confirm"
        hours.dispute(node, ines, claim)
        assert waiting(ines) == 2, "a disputed claim can still be confirmed"
        hours.confirm(node, ines, claim)
        promises.release(node, tom, made[2])
        assert (waiting(ines), waiting(tom)) == (0, 0)
    finally:
        node.close()
