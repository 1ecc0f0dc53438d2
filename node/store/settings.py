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
