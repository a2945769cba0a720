"""The results database opened for reading only."""

import os
import sqlite3
from collections.abc import Callable
from pathlib import Path

from sqlite_utils import Database

from edgecls.database.connection import check_file, connect
from edgecls.database.generations import check_log
from edgecls.database.schema import check_schema
from edgecls.database.sqlite_errors import is_locked, translate_errors


def open_results(path: str | Path) -> Database:
    """Open the results database at `path` for reading only; close it when done. Does not disturb the writer.

    Raises:
        InputNotFound: there is no such file.
        IoFailed: the operating system refuses access.
        BadDatabase: it is no results database, damaged, or of a newer edgecls.
    """
    path = Path(path)
    check_file(path)
    check_log(path)
    with translate_errors(path):
        return connect_read_only(path, _connected)


def connect_read_only(path: Path, connected: Callable[[Path, str], Database]) -> Database:
    """What `connected` makes of `path` and the options of a connection; it must look into the file.

    Even to read, WAL needs its two side files. Where they are gone (the writer closed the database) and we may not make
    them (another user's folder, a read-only disk), nobody is writing: the file is read alone.
    """
    try:
        return connected(path, "mode=ro")
    except sqlite3.OperationalError as error:
        real = Path(os.path.realpath(path))  # the log lies beside the file, not beside a link to it
        wal = real.with_name(f"{real.name}-wal")
        if is_locked(error) or (wal.exists() and wal.stat().st_size):
            raise
        return connected(path, "mode=ro&immutable=1")


LONGEST_VALUE = 50_000_000
"""Bytes of a text or blob. One that takes gigabytes to make (`randomblob`) is one step of SQLite's, which no time limit ends."""
_SQLITE_LIMIT_LENGTH = 0


def _connected(path: Path, options: str) -> Database:
    db = connect(path, options)
    try:
        db.conn.execute("PRAGMA query_only=ON")
        db.conn.set_authorizer(_attaches_nothing)
        limit = getattr(db.conn, "setlimit", None)  # not before Python 3.11
        if limit:
            limit(_SQLITE_LIMIT_LENGTH, LONGEST_VALUE)
        check_schema(db, path)
    except BaseException:
        db.close()
        raise
    return db


def _attaches_nothing(action: int, *_: str | None) -> int:
    """SQLite's question before it prepares a statement: mode=ro and query_only let ATTACH make a new file."""
    return sqlite3.SQLITE_DENY if action == sqlite3.SQLITE_ATTACH else sqlite3.SQLITE_OK
