"""Open a results database read-only."""

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
    """Open the results database at `path` read-only, without disturbing the writer. Close it when done.

    Raises:
        InputNotFound: there is no such file.
        IoFailed: the operating system refuses access.
        BadDatabase: it is damaged, has another schema version, or is not a results database.
    """
    path = Path(path)
    check_file(path)
    check_log(path)
    with translate_errors(path):
        return connect_read_only(path, _connect_checked)


def connect_read_only(path: Path, open_with: Callable[[Path, str], Database]) -> Database:
    """Return `open_with(path, options)` with options for reading; the function must read from the file.

    WAL mode needs its two side files even for reading. If they do not exist (the writer closed the database) and cannot be
    created (another user's folder, a read-only disk), nobody is writing, and the file is read without them.
    """
    try:
        return open_with(path, "mode=ro")
    except sqlite3.OperationalError as error:
        real = Path(os.path.realpath(path))  # the log lies beside the file, not beside a link to it
        wal = real.with_name(f"{real.name}-wal")
        if is_locked(error) or (wal.exists() and wal.stat().st_size):
            raise
        return open_with(path, "mode=ro&immutable=1")


MAX_VALUE_BYTES = 50_000_000
"""Limit of a text or blob. SQLite creates one (`randomblob`) in a single step, which no time limit can interrupt."""
_SQLITE_LIMIT_LENGTH = 0


def _connect_checked(path: Path, options: str) -> Database:
    db = connect(path, options)
    try:
        db.conn.execute("PRAGMA query_only=ON")
        db.conn.set_authorizer(_deny_attach)
        limit = getattr(db.conn, "setlimit", None)  # not before Python 3.11
        if limit:
            limit(_SQLITE_LIMIT_LENGTH, MAX_VALUE_BYTES)
        check_schema(db, path)
    except BaseException:
        db.close()
        raise
    return db


def _deny_attach(action: int, *_: str | None) -> int:
    """Deny ATTACH when SQLite prepares a statement: mode=ro and query_only would let it create a file."""
    return sqlite3.SQLITE_DENY if action == sqlite3.SQLITE_ATTACH else sqlite3.SQLITE_OK
