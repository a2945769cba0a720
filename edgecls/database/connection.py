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
"""How long to wait for another process's transaction; ours take about a millisecond each."""

SIDE_FILES = ("-wal", "-shm", "-journal")
"""What SQLite keeps beside a file that is open, by what is appended to its name."""

MIN_FILE_BYTES = 512
"""Of SQLite [bytes]: no database is shorter, but for an empty one."""

NAME_ANOTHER = ": name one that edgecls wrote, or a new file"


def database_files(database: Path) -> list[Path]:
    """Return the file that `database` leads to, and what SQLite may keep beside it, whether or not that is there."""
    real = os.path.realpath(database)
    return [Path(f"{real}{suffix}") for suffix in ("", *SIDE_FILES)]


def connect(path: Path, options: str, *, busy_timeout: float | None = None) -> Database:
    """Open `path` with URI `options` ("mode=ro"); nothing is read yet. In autocommit: a statement is a transaction.

    `busy_timeout`: seconds to wait for another process; by default BUSY_TIMEOUT_S.
    """
    # as_uri quotes ?, # and %, makes the path absolute (":memory:" is a file too), and passes any bytes through.
    uri = f"{path.absolute().as_uri()}?{options}"
    timeout = BUSY_TIMEOUT_S if busy_timeout is None else busy_timeout
    connection = sqlite3.connect(uri, uri=True, timeout=timeout, isolation_level=None)
    return Database(connection, execute_plugins=False)


def database_path(db: Database) -> str:
    """The path that `db` was opened by, for messages."""
    return str(db.conn.execute("PRAGMA database_list").fetchone()[2])


@contextmanager
def write_transaction(db: Database) -> Iterator[None]:
    """A transaction that is the writer's from its beginning: it waits for another one, and is not refused half-way."""
    db.conn.execute("BEGIN IMMEDIATE")
    try:
        yield
        db.conn.execute("COMMIT")
    except BaseException:
        db.rollback()
        raise


@contextmanager
def read_transaction(db: Database) -> Iterator[None]:
    """All that is read inside is of one moment, whoever writes meanwhile."""
    db.conn.execute("BEGIN")
    try:
        yield
    finally:
        db.conn.execute("ROLLBACK")


def check_file(path: Path) -> None:
    """Raise unless `path` is a regular file of a possible size; SQLite looks into it later.

    It is not opened here: when a process closes any descriptor of a file, POSIX drops all its locks on that file,
    also those of a Store in the same process, and another process could then take the log away from under it.

    Raises:
        InputNotFound: there is no such file.
        IoFailed: the operating system refuses to look.
        BadDatabase: it is a folder, a device, or too short.
    """
    try:
        found = path.stat()
    except FileNotFoundError as error:
        remedy = "check the path; edgecls run and edgecls classify --db make databases"
        raise InputNotFound(f"cannot read {path}: no such file or folder: {remedy}") from error
    except OSError as error:
        raise from_os_error(error, f"cannot read {path}") from error
    if not stat.S_ISREG(found.st_mode):
        raise BadDatabase(f"{path} is not a SQLite database: it is a folder or a device, name a file")
    if 0 < found.st_size < MIN_FILE_BYTES:  # SQLite takes a single byte for an empty database
        raise BadDatabase(f"{path} is not a SQLite database{NAME_ANOTHER}")
