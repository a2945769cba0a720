"""Opening a results database for writing: made if need be, in WAL, with all migrations applied."""

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
from edgecls.database.generations import check_log, count_generation
from edgecls.database.schema import check_schema, migrate
from edgecls.database.sqlite_errors import is_locked, translate_errors
from edgecls.errors import FileReplaced, InputNotFound, IoFailed, from_os_error


def open_for_writing(path: Path, *, busy_timeout: float | None = None, name: Path | None = None) -> Database:
    """The database at `path`, made if it was not there, ready to write. Raises as `Store` does.

    `busy_timeout` as for `schema.connect`; `name`: what messages call it, if not `path`.
    """
    created = _create(path)
    try:
        with translate_errors(name or path):
            return _set_up(path, connection.BUSY_TIMEOUT_S if busy_timeout is None else busy_timeout)
    except BaseException as error:
        # A file of ours that another process holds is in use by now: that one is not ours to remove.
        if created and not is_locked(error.__cause__):
            for suffix in ("", *connection.SIDE_FILES):
                path.with_name(path.name + suffix).unlink(missing_ok=True)
        raise


@contextmanager
def open_writable(path: Path) -> Iterator[Database]:
    """Open the database at `path`, and close it in the end. Raises as `Store` does, and FileReplaced on leaving too."""
    with closing(open_for_writing(path)) as db, translate_errors(path):
        place = FileIdentity(path, db)
        try:
            yield db
            place.check()
        except FileReplaced:
            if place.problem() == OVERWRITTEN:
                place.discard_log()
            raise
        finally:
            place.close()


def _create(path: Path) -> bool:
    """Put an empty file at `path` unless something is there: True if this call, and no other process, made it."""
    try:
        os.close(os.open(path, os.O_CREAT | os.O_EXCL | os.O_RDWR, 0o644))
    except FileExistsError as error:
        if path.is_file():
            check_file(path)
            check_log(path)
            return False
        raise IoFailed(f"cannot write {path}: it is a folder, a device or a broken link: name a file") from error
    except FileNotFoundError as error:
        raise InputNotFound(f"cannot create {path}: there is no folder {path.parent}: make it first") from error
    except OSError as error:
        raise from_os_error(error, f"cannot create {path}") from error
    return True


def _set_up(path: Path, busy_timeout: float) -> Database:
    db = connect(path, "mode=rw", busy_timeout=busy_timeout)
    try:
        check_schema(db, path, empty_is_fine=True)  # before anything is written: the file may be someone else's
        _switch_to_wal(db, busy_timeout)
        # A row is acknowledged (its file moved or deleted) once write() returns, so a commit must reach the disk:
        # with NORMAL, WAL's usual companion, power cuts lost 164 of 422 committed rows; with FULL none.
        db.conn.execute("PRAGMA synchronous=FULL")
        db.conn.execute("PRAGMA foreign_keys=ON")
        migrate(db)
        if db.conn.execute("PRAGMA journal_mode").fetchone()[0] == "wal":
            count_generation(db)
    except BaseException:
        db.close()
        raise
    return db


def _switch_to_wal(db: Database, busy_timeout: float) -> None:
    """So that readers and the writer do not block each other.

    Where a file system cannot do it (no shared memory), SQLite stays with its rollback journal: slower, just as safe.
    """
    deadline = time.monotonic() + busy_timeout
    while True:
        try:
            db.conn.execute("PRAGMA journal_mode=WAL")
        except sqlite3.OperationalError as error:  # noqa: PERF203  # it waits anyway
            # Of two processes that switch the same new file, SQLite refuses one at once, busy timeout or not.
            if not is_locked(error) or time.monotonic() > deadline:
                raise
            time.sleep(0.01)
        else:
            return
