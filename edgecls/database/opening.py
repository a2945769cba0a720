"""Open a results database for writing: create it if needed, in WAL mode, and check its schema."""

import os
import sqlite3
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

from sqlite_utils import Database

from edgecls.database import connection
from edgecls.database.connection import check_file, connect
from edgecls.database.file_identity import OVERWRITTEN, FileIdentity
from edgecls.database.generations import check_log, start_generation
from edgecls.database.schema import check_schema, create_schema
from edgecls.database.sqlite_errors import is_locked, translate_errors
from edgecls.errors import FileReplaced, InputNotFound, IoFailed, from_os_error


def open_for_writing(path: Path, *, busy_timeout: float | None = None, name: Path | None = None) -> Database:
    """Open the database at `path` for writing, and create it if needed. Raises as `Store` does.

    `busy_timeout` as for `connection.connect`; `name`: its name in messages, `path` by default.
    """
    created = _create(path)
    try:
        with translate_errors(name or path):
            return _set_up(path, connection.BUSY_TIMEOUT_S if busy_timeout is None else busy_timeout)
    except BaseException as error:
        # Do not remove a new file that another process has locked by now: that process uses it.
        if created and not is_locked(error.__cause__):
            for suffix in ("", *connection.SIDE_FILES):
                path.with_name(path.name + suffix).unlink(missing_ok=True)
        raise


@contextmanager
def open_writable(path: Path) -> Iterator[Database]:
    """Open the database at `path` and close it at the end. Raises as `Store` does, FileReplaced also at the end."""
    with closing(open_for_writing(path)) as db, translate_errors(path):
        identity = FileIdentity(path, db)
        try:
            yield db
            identity.check()
        except FileReplaced:
            if identity.find_problem() == OVERWRITTEN:
                identity.discard_log()
            raise
        finally:
            identity.close()


def _create(path: Path) -> bool:
    """Create an empty file at `path` unless it exists; return whether this call created it."""
    try:
        os.close(os.open(path, os.O_CREAT | os.O_EXCL | os.O_RDWR, 0o644))
    except FileExistsError as error:
        if path.is_file():
            check_file(path)
            check_log(path)
            return False
        raise IoFailed(f"cannot write {path}: it is a folder, a device or a broken link: name a file") from error
    except FileNotFoundError as error:
        raise InputNotFound(
            f"cannot create {path}: the folder {path.parent} does not exist: create it first"
        ) from error
    except OSError as error:
        raise from_os_error(error, f"cannot create {path}") from error
    return True


def _set_up(path: Path, busy_timeout: float) -> Database:
    db = connect(path, "mode=rw", busy_timeout=busy_timeout)
    try:
        check_schema(db, path, allow_empty=True)  # before anything is written: the file may belong to another program
        _switch_to_wal(db, busy_timeout)
        # The file of a row is moved or deleted once write() returns, so a commit must reach the disk. With NORMAL, which is
        # usual with WAL, power cuts lost 164 of 422 committed rows; with FULL none.
        db.conn.execute("PRAGMA synchronous=FULL")
        db.conn.execute("PRAGMA foreign_keys=ON")
        create_schema(db)
        if db.conn.execute("PRAGMA journal_mode").fetchone()[0] == "wal":
            start_generation(db)
    except BaseException:
        db.close()
        raise
    return db


def _switch_to_wal(db: Database, busy_timeout: float) -> None:
    """Switch to WAL mode, in which readers and the writer do not block each other.

    On a file system without shared memory SQLite keeps its rollback journal, which is slower and just as safe.
    """
    deadline = time.monotonic() + busy_timeout
    while True:
        try:
            db.conn.execute("PRAGMA journal_mode=WAL")
        except sqlite3.OperationalError as error:  # noqa: PERF203  # it waits anyway
            # If two processes switch the same new file, SQLite refuses one at once, whatever its busy timeout.
            if not is_locked(error) or time.monotonic() > deadline:
                raise
            time.sleep(0.01)
        else:
            return
