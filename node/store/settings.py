"""SQL over the node's own settings."""

from __future__ import annotations

import sqlite3


def get(connection: sqlite3.Connection, name: str) -> str:
    """A stored setting, "" where there is none."""
    row = connection.execute("SELECT value FROM settings WHERE name = ?", (name,)).fetchone()
    return row[0] if row else ""


def put(connection: sqlite3.Connection, name: str, value: str) -> None:
    """Store a setting; "" removes it."""
    if value:
        connection.execute("INSERT OR REPLACE INTO settings (name, value) VALUES (?, ?)", (name, value))
    else:
        connection.execute("DELETE FROM settings WHERE name = ?", (name,))


def remove_all(connection: sqlite3.Connection, beginning: str) -> None:
    """Remove every setting whose name begins so."""
    connection.execute("DELETE FROM settings WHERE substr(name, 1, ?) = ?", (len(beginning), beginning))


def names(connection: sqlite3.Connection, beginning: str) -> set[str]:
    """The names of the settings that begin so."""
    sql = "SELECT name FROM settings WHERE substr(name, 1, ?) = ?"
    return {row[0] for row in connection.execute(sql, (len(beginning), beginning))}
