"""The daemon's database, read as any other program would."""

import os
import sqlite3
from collections import Counter
from contextlib import closing
from typing import NamedTuple

DATABASE = "/var/lib/edgecls/results.db"


class Row(NamedTuple):
    """Of one picture."""

    number: int
    name: str
    """of its file, without folders"""
    label: str | None
    error: str | None


def rows(database: str = DATABASE) -> list[Row]:
    """All rows, oldest first; none while there is no database."""
    if not os.path.exists(database):
        return []
    with closing(sqlite3.connect(f"file:{database}?mode=ro", uri=True, timeout=30)) as connection:
        try:
            found = connection.execute("SELECT id, path, label, error FROM results ORDER BY id").fetchall()
        except sqlite3.OperationalError:  # its tables are being made
            return []
    return [Row(number, os.path.basename(path or ""), label, error) for number, path, label, error in found]


def times_seen(database: str = DATABASE) -> Counter[str]:
    """How many rows each file has."""
    return Counter(row.name for row in rows(database))


def integrity(database: str = DATABASE) -> str:
    """What SQLite's own check says: `ok`, or what is wrong."""
    with closing(sqlite3.connect(database, timeout=30)) as connection:
        return str(connection.execute("PRAGMA integrity_check").fetchone()[0])
