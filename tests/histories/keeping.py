"""Properties of keeping and erasing: nothing that was said is lost, nothing that was erased comes back."""

from __future__ import annotations

from typing import TYPE_CHECKING

from protocol.encoding import encode
from protocol.kinds.erasure import erased_thing
from protocol.record import Record
from protocol.scopes import COALITION, DAY_S, LOCAL
from tests.histories.equal import records_of, shares

if TYPE_CHECKING:
    from tests.histories.history import History
    from tests.histories.homes import Home


def _full(home: Home) -> bool:
    """Whether a home has used up its quota: then what is higher by hash must leave."""
    sql = (
        "SELECT count(DISTINCT slot) FROM records WHERE home = ? AND scope = ? AND substr(slot, 1, 1) = x'6d'"
    )
    count = home.rows(sql, home.home, encode(list(home.scope)))[0][0]
    return bool(count >= home.roster().charter.member_things)


def erased_words_stay_gone(history: History) -> None:
    """Where a mark has come the words are in no row, until the thing would be over and two days more."""
    for home in history.homes:
        sql = "SELECT erases FROM records WHERE erases IS NOT NULL AND status = 0"
        marked = {row[0] for row in home.rows(sql)}
        held = b"".join(row[0] for row in home.rows("SELECT message FROM records"))
        shown = {row[0] for row in home.rows("SELECT title FROM view_posts")}
        for thing in sorted(marked & history.truth.words.keys()):
            text = history.truth.words[thing].text
            assert text.encode() not in held and text not in shown, f"{home} shows erased words"


def what_the_author_erased_is_erased(history: History) -> None:
    """The author's own erasure, once another home had it, holds: through key changes and restores."""
    for thing, word in sorted(history.truth.words.items()):
        marks = [i for i in history.truth.things[thing] if history.truth.said[i].erased]
        if word.scope[0] != COALITION or not any(mark not in history.truth.lost for mark in marks):
            continue
        for home in history.homes:
            if word.expires <= home.node.today() or not shares(home, word.home):
                continue
            held = [r for r in records_of(home) if r.thing == thing and not r.erased]
            assert not held, f"{home} holds again what its author had erased"


def what_a_home_erased_is_erased(history: History) -> None:
    """So does what a home erased, once another had its mark: a coordinator is asked after a loss.

    Not where its node was stolen: a thief's mark may have taken the place of the true one, and is dropped.
    """
    for thing, word in sorted(history.truth.words.items()):
        marks = [i for i, r in history.truth.said.items() if erased_thing(r) == thing and r.kind == "erasure"]
        owner = next((home for home in history.homes if home.home == word.home), None)
        if word.scope[0] != COALITION or owner is None or owner.home in history.truth.stolen:
            continue
        if not any(mark not in history.truth.lost for mark in marks) or word.expires <= owner.node.today():
            continue
        if owner.locked_out() or (owner.restores and owner.roster().charter.member_things < 30):
            continue  # others may have dropped the mark for the quota while its home had forgotten it
        if owner.home not in owner.roster().members:
            continue
        for home in history.homes:
            if shares(home, word.home):
                held = [r for r in records_of(home) if r.thing == thing and not r.erased]
                assert not held, f"{home} holds again what {owner} had erased"


def _owed(history: History) -> list[tuple[bytes, Record, Home]]:
    """Things, each with the last word said of it and its home, that by right must be there still.

    Not owed is what only a store that went back had (a backup's affair), what was erased or is over, what a
    home that is out of the coalition shares with nobody, and what is over a home's own quota.
    """
    found = []
    today = max(home.node.today() for home in history.homes)
    for thing, ids in sorted(history.truth.things.items()):
        last = history.truth.said[ids[-1]]
        if last.scope[0] == LOCAL or last.kind not in ("post", "hours", "confirm", "dispute", "commitment"):
            continue
        if last.id in history.truth.lost or thing in history.truth.erased:
            continue
        if last.expires is not None and last.expires <= today + 1:
            continue
        if last.created >= (today + 1) * DAY_S:
            continue  # made on a clock that ran ahead: nobody looks at it before that day
        owner = next(home for home in history.homes if home.home == last.home)
        scarce = owner.roster().charter.member_things < 30
        if owner.restores and (scarce or owner.home in history.truth.stolen):
            continue  # others may have dropped it for the quota, or a flood, while its home had forgotten it
        if owner.rows("SELECT 1 FROM records WHERE erases = ?", thing):
            continue  # by a thief of its key: known and accepted, where it comes in before the key is changed
        if last.scope[0] == COALITION and (owner.home not in owner.roster().members or _full(owner)):
            continue
        holders = [home for home in history.homes if home.rows("SELECT 1 FROM records WHERE id = ?", last.id)]
        if holders and not any(shares(home, owner.home) for home in holders):
            continue  # those who have it are not told any more, and do not tell
        found.append((thing, last, owner))
    return found


def nothing_acknowledged_is_lost(history: History) -> None:
    """What a home had said, and another had taken in before the home went back to a backup, is in its set."""
    for thing, last, owner in _owed(history):
        aside = owner.locked_out() and owner.rows("SELECT 1 FROM records WHERE thing = ?", thing)
        assert aside or owner.records.version(thing), f"{owner} lost a {last.kind} that another had taken in"


def the_last_word_stands(history: History) -> None:
    """Of several edits the one that its author made last counts, also after a restore: no clock decides.

    Where it was edited after two restores it may not: the price named in docs/decisions/0015 and 0024.
    """
    for thing, last, owner in _owed(history):
        if len(history.truth.edited_in.get(thing, ())) > 1:
            continue
        version = owner.records.version(thing)
        if version is not None and not owner.locked_out():
            assert version.id == last.id, (
                f"{owner}: edit {version.edit} stands above the last word, {last.edit}"
            )
