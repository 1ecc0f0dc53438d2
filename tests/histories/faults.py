"""Faults planted on purpose, one for each property: a check that cannot fail proves nothing.

Each is a context in which one rule of the program is broken as a programmer might break it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any
from unittest.mock import patch

from node.store import aside, known, quota
from node.store import records as door
from node.store.records import Records
from node.views import hours as hours_view
from protocol import judge as judging
from protocol.kinds import accounts, hours, keys, roster
from protocol.kinds.accounts import Accounts
from protocol.scopes import LOCAL
from tests.histories.homes import Home

Fault = Callable[[], Any]


@contextmanager
def old_keys_are_accepted() -> Iterator[None]:
    """A replaced key goes on speaking."""
    with (
        patch.object(judging, "outlives_its_key", lambda record: True),
        patch.object(aside, "_MORTAL", "0"),
    ):
        yield


@contextmanager
def the_lower_edit_wins() -> Iterator[None]:
    """An edit that comes late replaces a higher one."""
    real = Records._enter

    def enter(self: Records, record: Any, alone: bool) -> Any:
        if record.edit and not record.erased:
            self._delete("thing = ? AND status = 0 AND erases IS NULL", (record.thing,))
        return real(self, record, alone)

    with patch.object(Records, "_enter", enter):
        yield


@contextmanager
def the_erased_comes_back() -> Iterator[None]:
    """Marks are kept, but not looked at."""
    with patch.object(Records, "_marks", lambda self, record: []):
        yield


@contextmanager
def quota_by_arrival() -> Iterator[None]:
    """Who comes first stays, instead of the lowest by hash."""

    def claim(self: Any, record: Any, of: Any, today: int) -> bytes | None:
        slot = quota.slot_of(record)
        taken = self._read(quota.scope_bytes(record.scope), record.home, today)
        same = [other for other in taken if other[:1] == slot[:1]]
        if slot not in taken and len(same) >= quota._quota(of, slot[:1]):
            return None
        taken.add(slot)
        return b""

    with patch.object(quota.Slots, "claim", claim):
        yield


@contextmanager
def a_node_key_may_rotate() -> Iterator[None]:
    """The recovery policy is not asked."""
    with patch.object(keys, "meets", lambda *_: True), patch.object(judging, "meets", lambda *_: True):
        yield


@contextmanager
def one_assent_is_enough() -> Iterator[None]:
    """A single voter decides."""
    source = _changed(roster.build_roster, "len(yes) * 2 > len(voters - (left - yes))", "bool(yes)")
    with patch("node.store.known.build_roster", source):
        yield


@contextmanager
def final_means_nothing() -> Iterator[None]:
    """Of two branches the lower id is followed, also behind an epoch that was final."""
    source = _changed(roster.build_roster, "(not heirs.get(child), child)", "child")
    with patch("node.store.known.build_roster", lambda *given: source(*given[:3])):
        yield


@contextmanager
def foreign_members_are_believed() -> Iterator[None]:
    """The member's own signature is not checked: whoever holds a node key writes in anybody's name."""
    real = judging.signed_by
    with patch.object(judging, "signed_by", lambda record, at, key: at == 0 or real(record, at, key)):
        yield


@contextmanager
def claims_confirm_themselves() -> Iterator[None]:
    """Whoever entered a claim may confirm it."""
    source = _changed(hours.settle, "speaker != author[claim_id] and ", "")
    with patch.object(hours_view, "settle", source), patch("tests.sim.invariants.settle", source):
        yield


@contextmanager
def every_claim_counts() -> Iterator[None]:
    """Two agreed claims of one session both count."""
    source = _changed(hours.settle, "if best[hours.session][1] == id_:", "if True:")
    with patch.object(hours_view, "settle", source), patch("tests.sim.invariants.settle", source):
        yield


@contextmanager
def the_giver_gets_a_bonus() -> Iterator[None]:
    """Minutes out of nothing."""
    real = hours_view.balance

    def balance(*args: Any) -> tuple[int, int]:
        given, received = real(*args)
        return given + (given > 0), received

    with patch.object(hours_view, "balance", balance):
        yield


@contextmanager
def contests_are_not_heard() -> Iterator[None]:
    """A neighborhood moves an account as it likes."""
    with patch.object(accounts, "_open_contests", lambda *_: []):
        yield


@contextmanager
def restored_homes_edit_on() -> Iterator[None]:
    """After a restore the edit number goes on from what the backup had."""
    with patch("node.actions.restored.EDITS_ADDED", 1):
        yield


@contextmanager
def words_are_kept_aside() -> Iterator[None]:
    """What is signed with a replaced key is kept, although a mark has erased it."""
    source = _changed_method(Records, "_add", "not self._marks(record)", "True")
    with patch.object(Records, "_add", source):
        yield


@contextmanager
def views_miss_confirmations() -> Iterator[None]:
    """A confirmation that comes in does not touch the table of hours."""
    from node import views

    real = views.refresh
    with patch.object(
        door,
        "refresh",
        lambda records, record, **more: record.kind == "confirm" or real(records, record, **more),
    ):
        yield


@contextmanager
def restored_homes_forget_aside() -> Iterator[None]:
    """What was kept aside is not signed anew."""
    with patch.object(Home, "sign_anew", lambda self: 0):
        yield


@contextmanager
def restored_homes_do_not_ask() -> Iterator[None]:
    """Only a node without any backup asks for what others keep aside of it."""
    with patch("node.actions.restored.wants_aside", lambda *_: False):
        yield


@contextmanager
def any_step_counts() -> Iterator[None]:
    """A store takes the steps in its own order, and the last that leads to a key is believed."""
    real = known.build_accounts

    def build(records: Any, voters: Any) -> Accounts:
        records = list(records)
        said = [r for r in records if r.kind == "succession" and r.scope[0] != LOCAL]
        return real(said[:1], voters) if said else Accounts()

    with patch.object(known, "build_accounts", build):
        yield


def _changed(function: Any, text: str, instead: str) -> Any:
    """`function` with one piece of its source replaced."""
    import inspect

    source = inspect.getsource(function)
    assert source.count(text) == 1, f"{function.__name__} no longer says {text!r}"
    names: dict[str, Any] = dict(function.__globals__)
    exec(compile(source.replace(text, instead), f"<planted in {function.__name__}>", "exec"), names)
    return names[function.__name__]


def _changed_method(owner: Any, name: str, text: str, instead: str) -> Any:
    import inspect
    import textwrap

    function = getattr(owner, name)
    source = textwrap.dedent(inspect.getsource(function))
    assert source.count(text) == 1, f"{name} no longer says {text!r}"
    names: dict[str, Any] = dict(function.__globals__)
    exec(compile(source.replace(text, instead), f"<planted in {name}>", "exec"), names)
    return names[name]
