"""The tables, as migrations from the first version on.

`records` holds every record with its exact bytes; status 0 is in its set, 1 is kept aside (signed with a
replaced key, or by a neighborhood outside the roster) and hidden. `view_*` tables are worked out from
records and can be rebuilt. The rest is this node's own and never travels.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from sqlite_utils import Migrations

if TYPE_CHECKING:
    from sqlite_utils import Database

migrations = Migrations("barnraise")

_FIRST = """
CREATE TABLE records (
    seq INTEGER PRIMARY KEY AUTOINCREMENT, id BLOB NOT NULL UNIQUE, thing BLOB NOT NULL, kind TEXT NOT NULL,
    scope BLOB NOT NULL, author BLOB NOT NULL, home BLOB NOT NULL, created INTEGER NOT NULL, expires INTEGER,
    edit INTEGER NOT NULL, erases BLOB, refers BLOB, slot BLOB NOT NULL, home_key BLOB NOT NULL,
    status INTEGER NOT NULL, message BLOB NOT NULL);
CREATE INDEX records_thing ON records (thing);
CREATE INDEX records_erases ON records (erases) WHERE erases IS NOT NULL;
CREATE INDEX records_refers ON records (refers, kind) WHERE refers IS NOT NULL;
CREATE INDEX records_scope ON records (scope, status, created, id);
CREATE INDEX records_home ON records (home, kind);
CREATE INDEX records_slot ON records (scope, home, slot);
CREATE INDEX records_expires ON records (expires) WHERE expires IS NOT NULL;

CREATE TABLE view_posts (
    thing BLOB PRIMARY KEY, record_id BLOB NOT NULL, coalition BLOB, home BLOB NOT NULL,
    author BLOB NOT NULL, type TEXT NOT NULL, what TEXT NOT NULL, category TEXT NOT NULL, title TEXT NOT NULL,
    text TEXT NOT NULL, area TEXT NOT NULL, time_words TEXT NOT NULL, urgency TEXT NOT NULL,
    slots INTEGER NOT NULL, slots_open INTEGER NOT NULL, language TEXT NOT NULL, name TEXT NOT NULL,
    state TEXT NOT NULL, created INTEGER NOT NULL, expires INTEGER NOT NULL, renews BLOB);
CREATE INDEX view_posts_created ON view_posts (created DESC);
CREATE INDEX view_posts_home ON view_posts (home, created DESC);
CREATE INDEX view_posts_category ON view_posts (category, created DESC);
CREATE INDEX view_posts_author ON view_posts (author);
CREATE TABLE view_promises (
    thing BLOB PRIMARY KEY, seq INTEGER NOT NULL, scope BLOB NOT NULL, post BLOB NOT NULL, home BLOB NOT NULL,
    author BLOB NOT NULL, name TEXT NOT NULL, note TEXT NOT NULL, slots INTEGER NOT NULL, state TEXT NOT NULL,
    post_home BLOB, post_author BLOB, poster_name TEXT NOT NULL, answer_note TEXT NOT NULL,
    created INTEGER NOT NULL, expires INTEGER);
CREATE INDEX view_promises_post ON view_promises (post);
CREATE INDEX view_promises_author ON view_promises (author);
CREATE INDEX view_promises_poster ON view_promises (post_author);
CREATE TABLE view_claims (
    id BLOB PRIMARY KEY, seq INTEGER NOT NULL, scope BLOB NOT NULL, session BLOB NOT NULL,
    author_home BLOB NOT NULL, author_key BLOB NOT NULL, giver_home BLOB NOT NULL, giver_key BLOB NOT NULL,
    receiver_home BLOB NOT NULL, receiver_key BLOB NOT NULL, minutes INTEGER NOT NULL, date INTEGER NOT NULL,
    category TEXT NOT NULL, state TEXT NOT NULL, corrects BLOB, commitment BLOB);
CREATE INDEX view_claims_session ON view_claims (session);
CREATE INDEX view_claims_giver ON view_claims (giver_key);
CREATE INDEX view_claims_receiver ON view_claims (receiver_key);
CREATE TABLE view_cards (
    home BLOB PRIMARY KEY, name TEXT NOT NULL, area TEXT NOT NULL, addresses TEXT NOT NULL,
    prekey BLOB NOT NULL, at INTEGER NOT NULL);
CREATE TABLE view_profiles (
    author BLOB PRIMARY KEY, name TEXT NOT NULL, area TEXT NOT NULL, languages TEXT NOT NULL,
    about TEXT NOT NULL, contact TEXT NOT NULL);

CREATE TABLE settings (name TEXT PRIMARY KEY, value TEXT NOT NULL);
CREATE TABLE members (
    key BLOB PRIMARY KEY, name TEXT NOT NULL, name_folded TEXT NOT NULL UNIQUE, role TEXT NOT NULL,
    language TEXT NOT NULL, salt BLOB NOT NULL, sealed_seed BLOB NOT NULL, joined INTEGER NOT NULL);
CREATE TABLE member_invites (
    id INTEGER PRIMARY KEY, code_hash BLOB NOT NULL UNIQUE, made INTEGER NOT NULL, expires INTEGER NOT NULL,
    used INTEGER);
CREATE TABLE neighbors (
    home BLOB PRIMARY KEY, state TEXT NOT NULL, name TEXT NOT NULL, address TEXT NOT NULL,
    message TEXT NOT NULL, last_heard INTEGER NOT NULL, in_step_seq INTEGER NOT NULL);
CREATE TABLE coalitions (
    id BLOB PRIMARY KEY, state TEXT NOT NULL, anchor BLOB, name TEXT NOT NULL, agreement TEXT NOT NULL,
    from_home BLOB);
CREATE TABLE neighborhood_invites (
    id BLOB PRIMARY KEY, coalition BLOB NOT NULL, psk BLOB NOT NULL, made INTEGER NOT NULL,
    expires INTEGER NOT NULL, used_by BLOB);
CREATE TABLE prekeys (public BLOB PRIMARY KEY, private BLOB NOT NULL, made INTEGER NOT NULL);
CREATE TABLE imported (row_key BLOB PRIMARY KEY, thing BLOB NOT NULL);
"""


@migrations()
def first(db: Database) -> None:
    """The tables of version 0.1."""
    for statement in _FIRST.split(";\n"):
        if statement.strip():
            db.execute(statement)
    db["view_posts"].enable_fts(  # type: ignore[union-attr]
        ["title", "text", "area"], tokenize="unicode61 remove_diacritics 2", create_triggers=True
    )


_ACCOUNTS = """
CREATE TABLE reissues (
    code_hash BLOB PRIMARY KEY, account BLOB NOT NULL, made INTEGER NOT NULL, expires INTEGER NOT NULL,
    used INTEGER);
CREATE TABLE former_keys (
    key BLOB PRIMARY KEY, account BLOB NOT NULL, salt BLOB NOT NULL, sealed_seed BLOB NOT NULL,
    replaced INTEGER NOT NULL);
CREATE INDEX former_keys_account ON former_keys (account);
ALTER TABLE members ADD COLUMN signing_key BLOB;
UPDATE members SET signing_key = key
"""


@migrations()
def accounts(db: Database) -> None:
    """A member is known by their first key, and signs with the one that was issued last."""
    for statement in _ACCOUNTS.split(";\n"):
        db.execute(statement)


_BACKUPS = """
CREATE TABLE backups (
    id INTEGER PRIMARY KEY, made INTEGER NOT NULL, size_bytes INTEGER NOT NULL, sha256 BLOB NOT NULL,
    place TEXT NOT NULL);
CREATE TABLE said_since_restore (id BLOB PRIMARY KEY, thing BLOB NOT NULL, forgot_above INTEGER NOT NULL);
CREATE INDEX said_since_restore_thing ON said_since_restore (thing);
CREATE TABLE lost_edits (
    id BLOB PRIMARY KEY, thing BLOB NOT NULL, author BLOB NOT NULL, kind TEXT NOT NULL, at INTEGER NOT NULL);
CREATE INDEX lost_edits_author ON lost_edits (author);
"""


@migrations()
def keep_backups(db: Database) -> None:
    """Backups that were made, and what follows from having been restored from one."""
    for statement in _BACKUPS.split(";\n"):
        if statement.strip():
            db.execute(statement)


_ERASURES = """
CREATE TABLE erasures (thing BLOB PRIMARY KEY, at INTEGER NOT NULL, done_by BLOB);
CREATE TABLE erasures_applied (
    thing BLOB NOT NULL, home BLOB NOT NULL, PRIMARY KEY (thing, home)) WITHOUT ROWID;
CREATE INDEX records_marks ON records (scope, erases, expires, status) WHERE erases IS NOT NULL;
"""


@migrations()
def erasures(db: Database) -> None:
    """When each erasure was heard of here, and which neighborhoods are known to have applied it."""
    for statement in _ERASURES.split(";\n"):
        if statement.strip():
            db.execute(statement)


@migrations()
def urgent_posts(db: Database) -> None:
    """Urgent posts go out before all others: they are found without looking at every post."""
    db.execute("CREATE INDEX view_posts_urgent ON view_posts (record_id) WHERE urgency = 'urgent'")


@migrations()
def find_aside(db: Database) -> None:
    """What is kept aside is looked for again and again, and is next to nothing among many records."""
    db.execute("CREATE INDEX records_aside ON records (scope, home, home_key) WHERE status = 1")


_NEWEST_FIRST = """
DROP INDEX records_slot;
DROP TRIGGER view_posts_ai;
DROP TRIGGER view_posts_ad;
DROP TRIGGER view_posts_au;
DROP TABLE view_posts_fts;
ALTER TABLE view_posts RENAME TO earlier;
CREATE TABLE view_posts (
    number INTEGER PRIMARY KEY, thing BLOB NOT NULL UNIQUE, record_id BLOB NOT NULL, coalition BLOB,
    home BLOB NOT NULL, author BLOB NOT NULL, type TEXT NOT NULL, what TEXT NOT NULL, category TEXT NOT NULL,
    title TEXT NOT NULL, text TEXT NOT NULL, area TEXT NOT NULL, time_words TEXT NOT NULL,
    urgency TEXT NOT NULL, slots INTEGER NOT NULL, slots_open INTEGER NOT NULL, language TEXT NOT NULL,
    name TEXT NOT NULL, state TEXT NOT NULL, created INTEGER NOT NULL, expires INTEGER NOT NULL, renews BLOB);
INSERT INTO view_posts SELECT
    (created - 1577836800 << 20) + row_number() OVER (PARTITION BY created ORDER BY rowid) - 1, *
    FROM earlier;
DROP TABLE earlier;
CREATE INDEX view_posts_home ON view_posts (home);
CREATE INDEX view_posts_category ON view_posts (category);
CREATE INDEX view_posts_author ON view_posts (author);
CREATE INDEX view_posts_urgent ON view_posts (record_id) WHERE urgency = 'urgent';
CREATE VIRTUAL TABLE view_posts_fts USING fts5 (
    title, text, area, content = view_posts, content_rowid = number, columnsize = 0,
    tokenize = 'unicode61 remove_diacritics 2');
INSERT INTO view_posts_fts (view_posts_fts, rank) VALUES ('automerge', 8);
INSERT INTO view_posts_fts (view_posts_fts) VALUES ('rebuild');
CREATE TRIGGER view_posts_ai AFTER INSERT ON view_posts BEGIN
    INSERT INTO view_posts_fts (rowid, title, text, area)
        VALUES (new.number, new.title, new.text, new.area); END;
CREATE TRIGGER view_posts_ad AFTER DELETE ON view_posts BEGIN
    INSERT INTO view_posts_fts (view_posts_fts, rowid, title, text, area)
        VALUES ('delete', old.number, old.title, old.text, old.area); END;
CREATE TRIGGER view_posts_au AFTER UPDATE ON view_posts
    WHEN (old.title, old.text, old.area) != (new.title, new.text, new.area) BEGIN
    INSERT INTO view_posts_fts (view_posts_fts, rowid, title, text, area)
        VALUES ('delete', old.number, old.title, old.text, old.area);
    INSERT INTO view_posts_fts (rowid, title, text, area)
        VALUES (new.number, new.title, new.text, new.area); END
"""


@migrations()
def newest_first(db: Database) -> None:
    """Posts are numbered by the time they were made, so that table, indexes and search give the newest first.

    A slot of the quota is found by the hash in it, and needs no index of its own.
    """
    for statement in re.split(r";\n(?! )", _NEWEST_FIRST):
        db.execute(statement)


NAMES = [migration.name for migration in migrations._migrations]
