"""Open SQLite connections and transactions, and check the database file before SQLite reads it."""

import os
import sqlite3
import stat
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from sqlite_utils import Database

from edgecls.errors import BadDatabase, InputNotFound, from_os_error

BUSY_TIMEOUT_S = 10.0
"""The time to wait for the transaction of another process; those of edgecls take about a millisecond."""

SIDE_FILES = ("-wal", "-shm", "-journal")
"""Suffixes of the files that SQLite keeps beside an open database."""

MIN_FILE_BYTES = 512
"""Size of the smallest page: only an empty database is shorter."""

PROGRESS_STEPS = 1_000_000
"""Steps of SQLite's virtual machine between two calls of a progress handler: some tens of milliseconds."""

NAME_ANOTHER = ": name one that edgecls wrote, or a new file"


def database_files(database: Path) -> list[Path]:
    """Return the resolved path of a database and the paths of its side files, whether or not they exist."""
    real = os.path.realpath(database)
    return [Path(f"{real}{suffix}") for suffix in ("", *SIDE_FILES)]


def connect(path: Path, options: str, *, busy_timeout: float | None = None) -> Database:
    """Open `path` with URI `options` such as "mode=ro", without reading from it.

    The connection is in autocommit mode: each statement is a transaction. `busy_timeout`: seconds to wait for another process,
    BUSY_TIMEOUT_S by default.
    """
    # as_uri quotes ?, # and %, makes the path absolute (":memory:" is a file too), and passes any bytes through.
    uri = f"{path.absolute().as_uri()}?{options}"
    timeout = BUSY_TIMEOUT_S if busy_timeout is None else busy_timeout
    connection = sqlite3.connect(uri, uri=True, timeout=timeout, isolation_level=None)
    return Database(connection, execute_plugins=False)


def database_path(db: Database) -> str:
    """Return the path of the open database, for messages."""
    return str(db.conn.execute("PRAGMA database_list").fetchone()[2])


@contextmanager
def write_transaction(db: Database) -> Iterator[None]:
    """Run a transaction that locks the database from its beginning, so that it cannot fail half-way for a lock."""
    db.conn.execute("BEGIN IMMEDIATE")
    try:
        yield
        db.conn.execute("COMMIT")
    except BaseException:
        db.rollback()
        raise


@contextmanager
def read_transaction(db: Database) -> Iterator[None]:
    """Run a transaction in which all queries see one snapshot."""
    db.conn.execute("BEGIN")
    try:
        yield
    finally:
        db.conn.execute("ROLLBACK")


def check_file(path: Path) -> None:
    """Raise unless `path` is a regular file of a possible size; SQLite reads it later.

    The file is not opened here: when a process closes any descriptor of a file, POSIX drops all its locks on that file, also
    those of a Store in the same process, whose log another process could then remove.

    Raises:
        InputNotFound: the file does not exist.
        IoFailed: the operating system refuses access.
        BadDatabase: it is a folder, a device, or too short.
    """
    try:
        status = path.stat()
    except FileNotFoundError as error:
        remedy = "check the path; `edgecls run` and `edgecls classify --db` create databases"
        raise InputNotFound(f"cannot read {path}: no such file or folder: {remedy}") from error
    except OSError as error:
        raise from_os_error(error, f"cannot read {path}") from error
    if not stat.S_ISREG(status.st_mode):
        raise BadDatabase(f"{path} is not a SQLite database: it is a folder or a device: name a file")
    if 0 < status.st_size < MIN_FILE_BYTES:  # SQLite takes a single byte for an empty database
        raise BadDatabase(f"{path} is not a SQLite database{NAME_ANOTHER}")
