"""Read the daemon's database as any other program does."""

import os
import sqlite3
from collections import Counter
from contextlib import closing
from typing import NamedTuple

DATABASE = "/var/lib/edgecls/results.db"


class Row(NamedTuple):
    """The row of one image."""

    number: int
    name: str
    """name of its file, without folders"""
    label: str | None
    error: str | None


def rows(database: str = DATABASE) -> list[Row]:
    """Return all rows, oldest first; none if there is no database yet."""
    if not os.path.exists(database):
        return []
    with closing(sqlite3.connect(f"file:{database}?mode=ro", uri=True, timeout=30)) as connection:
        try:
            values = connection.execute("SELECT id, path, label, error FROM results ORDER BY id").fetchall()
        except sqlite3.OperationalError:  # the tables are being created
            return []
    return [Row(number, os.path.basename(path or ""), label, error) for number, path, label, error in values]


def times_seen(database: str = DATABASE) -> Counter[str]:
    """Return the number of rows of each file."""
    return Counter(row.name for row in rows(database))


def integrity(database: str = DATABASE) -> str:
    """Return the result of SQLite's integrity check: `ok`, or the problems."""
    with closing(sqlite3.connect(database, timeout=30)) as connection:
        return str(connection.execute("PRAGMA integrity_check").fetchone()[0])
